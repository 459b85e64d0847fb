package model

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// Bounds say what reading a model may cost, beside what holds for every model,
// and how it is read. Zero is no bound.
type Bounds struct {
	Reading

	Trees   int64  // bytes that all trees take in memory
	TreesOf string // what allows no more, for a person
	Piece   int64  // bytes of the file that must be held together, such as a tree
	Pickle  int64  // bytes of what a pickle holds, all of which is kept until its end
}

const (
	windowBytes = 32 << 10
	leastWindow = 512
	leastGuess  = 1 << 13 // numbers of a list that are believed in before they come
)

// cursor reads a file from front to back through a small window. After the
// first error it stands still and gives zeros, so that callers may look at err
// once per loop.
type cursor struct {
	r      *bufio.Reader
	size   int64
	at     int64
	bounds Bounds
	piece  int64 // bytes since begin
	err    error
}

func newCursor(r io.Reader, size int64, bounds Bounds) *cursor {
	return &cursor{r: bufio.NewReaderSize(r, int(max(leastWindow, min(size, windowBytes)))), size: size, bounds: bounds}
}

func (c *cursor) left() int64 { return c.size - c.at }

// fail notes what ended reading.
func (c *cursor) fail(err error) {
	switch {
	case c.err != nil:
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		c.err = torn(c.size)
	default:
		c.err = err
	}
}

// head shows up to n of the next bytes, a window at most.
func (c *cursor) head(n int) []byte {
	if c.err != nil {
		return nil
	}
	b, err := c.r.Peek(int(min(int64(n), c.left())))
	if err != nil {
		c.fail(err)
	}
	return b
}

// some shows up to n of the next bytes, and at least one where there is one.
func (c *cursor) some(n int) []byte {
	if c.r.Buffered() == 0 {
		c.head(1)
	}
	return c.head(min(n, c.r.Buffered()))
}

// begin begins another piece.
func (c *cursor) begin() { c.piece = 0 }

// spend counts n bytes of the piece.
func (c *cursor) spend(n int64) bool {
	if c.piece += n; c.bounds.Piece > 0 && c.piece > c.bounds.Piece {
		c.fail(refuse(TooLarge, "a single tree of the model, its names of features, or something else in it has more than %d bytes; train with max_depth or max_leaves, on fewer features or without their names", c.bounds.Piece))
	}
	return c.err == nil
}

// nameBytes is what the name of a feature takes in memory beside its own bytes.
const nameBytes = 16

// claim takes n bytes off what is left; fewer are a torn file.
func (c *cursor) claim(n uint64) bool {
	if c.err == nil && n > uint64(c.left()) {
		c.err = torn(c.size)
	}
	if c.err != nil || !c.spend(int64(n)) {
		return false
	}
	c.at += int64(n)
	return true
}

// take returns the next n bytes. They are good until more is read.
func (c *cursor) take(n uint64) []byte {
	if !c.claim(n) {
		return nil
	}
	var b []byte
	var err error
	if n <= uint64(c.r.Size()) {
		b, err = c.r.Peek(int(n))
		_, _ = c.r.Discard(len(b)) // it is there
	} else {
		b = make([]byte, n)
		_, err = io.ReadFull(c.r, b)
	}
	if err != nil {
		c.fail(err)
		return nil
	}
	return b
}

func (c *cursor) skip(n uint64) {
	if c.claim(n) {
		if _, err := c.r.Discard(int(n)); err != nil {
			c.fail(err)
		}
	}
}

func (c *cursor) byte() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

// words returns the next n bytes as little-endian words.
func (c *cursor) words(n uint64) words { return words(c.take(n)) }

type words []byte

// at returns word i, or 0 where the file ended before.
func (w words) at(i int) uint32 {
	if 4*i+4 > len(w) {
		return 0
	}
	return binary.LittleEndian.Uint32(w[4*i:])
}

func (c *cursor) length() uint64 {
	b := c.take(8)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

// text reads a string of at most limit bytes.
func (c *cursor) text(limit uint64) string {
	n := c.length()
	if c.err == nil && n > limit {
		c.err = refuse(Format, "a name claims %d bytes, at most %d are read; save the model again", n, limit)
	}
	return string(c.take(n))
}

// brief reads a string, or passes over one that is too long to mean anything.
func (c *cursor) brief() string {
	n := c.length()
	if n > maxNameBytes {
		c.skip(n)
		return ""
	}
	return string(c.take(n))
}
