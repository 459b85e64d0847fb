package s3

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"os"
)

// content is a version's bytes, open for reading: its files stay readable
// though they be removed.
type content struct {
	pieces []piece
}

// piece is one part of a content: a file, or bytes from the index.
type piece struct {
	size int64
	file *os.File
	raw  []byte
}

// open finds the newest version, or the one with the id, and opens its files
// before anyone can remove them. A delete marker has an empty content.
func (s *Store) open(bucket, key, id string) (v version, c *content, err error) {
	s.files.RLock()
	defer s.files.RUnlock()
	err = s.view(func(ix index) error {
		if v, err = ix.find(bucket, key, id); err != nil {
			return err
		}
		c, err = s.openParts(ix, v.contents())
		return err
	})
	return v, c, err
}

func (s *Store) openParts(ix index, parts []part) (*content, error) {
	c := &content{}
	for _, p := range parts {
		at := piece{size: p.Size}
		var err error
		if p.Inline {
			at.raw = bytes.Clone(ix.contents().Get([]byte(p.Blob)))
		} else if at.file, err = os.Open(s.blob(p.Blob)); err != nil {
			return nil, errors.Join(s.failure("open object", err), c.Close())
		}
		c.pieces = append(c.pieces, at)
	}
	return c, nil
}

// Close implements io.Closer.
func (c *content) Close() (err error) {
	for _, p := range c.pieces {
		if p.file != nil {
			err = errors.Join(err, p.file.Close())
		}
	}
	return err
}

// span is n bytes of a piece.
type span struct {
	piece
	from, n int64
}

// spans are what size bytes from offset on are made of.
func (c *content) spans(offset, size int64) (found []span) {
	for _, p := range c.pieces {
		from := min(offset, p.size)
		n := min(size, p.size-from)
		offset, size = offset-from, size-n
		if n > 0 {
			found = append(found, span{p, from, n})
		}
	}
	return found
}

// plain hides that a writer could have the system copy files without this
// process's help, page by page, which takes longer.
type plain struct{ io.Writer }

// sendTo writes size bytes from offset on.
func (c *content) sendTo(w io.Writer, offset, size int64) error {
	var block []byte
	for _, s := range c.spans(offset, size) {
		if s.file == nil {
			if _, err := w.Write(s.raw[s.from : s.from+s.n]); err != nil {
				return err
			}
			continue
		}
		if block == nil {
			block = make([]byte, min(size, blockBytes))
		}
		n, err := io.CopyBuffer(plain{w}, io.NewSectionReader(s.file, s.from, s.n), block)
		if err != nil || n < s.n {
			return cmp.Or(err, io.ErrUnexpectedEOF)
		}
	}
	return nil
}

// section reads size bytes from offset on.
func (c *content) section(offset, size int64) io.Reader {
	var readers []io.Reader
	for _, s := range c.spans(offset, size) {
		if s.file != nil {
			readers = append(readers, io.NewSectionReader(s.file, s.from, s.n))
		} else {
			readers = append(readers, bytes.NewReader(s.raw[s.from:s.from+s.n]))
		}
	}
	return io.MultiReader(readers...)
}
