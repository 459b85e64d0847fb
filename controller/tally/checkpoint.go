package tally

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// checkpointVersion changes whenever the walk over the state does.
const checkpointVersion = 5

type damaged string

func (d damaged) Error() string { return "checkpoint is damaged: " + string(d) }

const errTruncated damaged = "a list is longer than the rest of it"

// MarshalBinary is the state as compact bytes; floats keep every bit.
func (s State) MarshalBinary() ([]byte, error) {
	c := codec{buf: make([]byte, 0, 4096)}
	s.walk(&c)
	return c.buf, c.err
}

// UnmarshalBinary restores what [State.MarshalBinary] gave.
func (s *State) UnmarshalBinary(data []byte) error {
	c := codec{buf: data, reading: true}
	var fresh State
	fresh.walk(&c)
	if c.err != nil {
		return fmt.Errorf("restore tally: %w", c.err)
	}
	if len(c.buf) != 0 {
		return fmt.Errorf("restore tally: %d bytes too many", len(c.buf))
	}
	fresh.derive()
	*s = fresh
	return nil
}

// Document is the JSON around the bytes.
type Document struct {
	Version int    `json:"version"`
	State   []byte `json:"state"`
}

// Document is what [State.MarshalJSON] writes: for who writes it inside of
// something larger, since package encoding/json reads once more through all that
// a MarshalJSON gives.
func (s State) Document() (Document, error) {
	data, err := s.MarshalBinary()
	return Document{Version: checkpointVersion, State: data}, err
}

// MarshalJSON is [State.MarshalBinary] inside a JSON document.
func (s State) MarshalJSON() ([]byte, error) {
	d, err := s.Document()
	if err != nil {
		return nil, err
	}
	return json.Marshal(d)
}

// UnmarshalJSON restores what [State.MarshalJSON] gave.
func (s *State) UnmarshalJSON(data []byte) error {
	var d Document
	if err := json.Unmarshal(data, &d); err != nil {
		return fmt.Errorf("restore tally: %w", err)
	}
	if d.Version != checkpointVersion {
		return fmt.Errorf("restore tally: checkpoint has version %d, this program knows %d", d.Version, checkpointVersion)
	}
	return s.UnmarshalBinary(d.State)
}

// A codec writes or reads, so that one walk over the state does both and
// neither can forget a field. The first error sticks.
type codec struct {
	buf     []byte
	reading bool
	err     error
}

func (c *codec) fail(err error) {
	if c.err == nil {
		c.err = err
		c.buf = nil
	}
}

func (c *codec) uint(v uint64) uint64 {
	if !c.reading {
		c.buf = binary.AppendUvarint(c.buf, v)
		return v
	}
	v, n := binary.Uvarint(c.buf)
	if n <= 0 {
		c.fail(errTruncated)
		return 0
	}
	c.buf = c.buf[n:]
	return v
}

func integer[T ~int | ~int64](c *codec, v *T) {
	wide := int64(*v)
	*v = T(unzigzag(c.uint(zigzag(wide))))
}

func zigzag(v int64) uint64   { return uint64(v<<1) ^ uint64(v>>63) }
func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

func (c *codec) bool(v *bool) {
	n := 0
	if *v {
		n = 1
	}
	integer(c, &n)
	*v = n == 1
}

func (c *codec) float(v *float64) {
	if !c.reading {
		c.buf = binary.LittleEndian.AppendUint64(c.buf, math.Float64bits(*v))
		return
	}
	if len(c.buf) < 8 {
		c.fail(errTruncated)
		return
	}
	*v = math.Float64frombits(binary.LittleEndian.Uint64(c.buf))
	c.buf = c.buf[8:]
	if math.IsNaN(*v) || math.IsInf(*v, 0) {
		c.fail(damaged("a number is not finite"))
	}
}

// number writes a count, which most are, as few bytes, and any other as it is.
func (c *codec) number(v *float64) {
	const most = 1 << 52
	count := uint64(0)
	if n := int64(*v); n >= 0 && n < most && math.Float64bits(float64(n)) == math.Float64bits(*v) {
		count = uint64(n) + 1
	}
	if count = c.uint(count); count == 0 {
		c.float(v)
		return
	}
	if count > most {
		c.fail(damaged("a count is too large"))
		return
	}
	*v = float64(count - 1)
}

// length is that of a list; a list's element takes at least one byte.
func (c *codec) length(n int) int {
	n = int(c.uint(uint64(n)))
	if c.reading && (n < 0 || n > len(c.buf)) {
		c.fail(errTruncated)
		return 0
	}
	return n
}

func (c *codec) bytes(v []byte) []byte {
	n := c.length(len(v))
	if !c.reading {
		c.buf = append(c.buf, v...)
		return v
	}
	v = slices.Clone(c.buf[:n])
	c.buf = c.buf[n:]
	return v
}

func (c *codec) string(v *string) { *v = strings.Clone(string(c.bytes([]byte(*v)))) }

func (c *codec) time(v *time.Time) {
	if !c.reading {
		data, err := v.MarshalBinary()
		if err != nil {
			c.fail(err)
		}
		c.bytes(data)
		return
	}
	if err := v.UnmarshalBinary(c.bytes(nil)); err != nil {
		c.fail(err)
	}
	*v = v.UTC()
}

// cells walks a list of so many numbers, or none.
func (c *codec) cells(v *[]float64, n int) {
	some := *v != nil
	c.bool(&some)
	if !some {
		return
	}
	if c.reading {
		if n > len(c.buf) {
			c.fail(errTruncated)
			return
		}
		*v = make([]float64, n)
	}
	for i := range *v {
		c.number(&(*v)[i])
	}
}

// elements walks a list and its length. A list grows as it is read, so that a
// damaged length costs no memory.
func elements[T any](c *codec, v *[]T, each func(*T)) {
	n := c.length(len(*v))
	if !c.reading {
		for i := range *v {
			each(&(*v)[i])
		}
		return
	}
	*v = nil
	for i := 0; i < n && c.err == nil; i++ {
		var one T
		each(&one)
		*v = append(*v, one)
	}
}
