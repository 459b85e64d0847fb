package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// maxInline is the largest content that lies in the index: with it, one write
// of the index makes the object durable.
const maxInline = 16 << 10

// blockBytes is what is read, hashed and written at a time.
const blockBytes = 256 << 10

// receive takes a whole body. A larger one is in a file that is on the disk,
// under its final name, when it returns; a small one goes into the index with
// its entry. A body that ends early leaves nothing behind. algorithm is that of
// the checksum; empty: S3's own choice.
func (s *Store) receive(ctx context.Context, b *body, algorithm string) (part, error) {
	d := newDigest(algorithm, b)
	first := make([]byte, maxInline+1)
	n, err := fill(b, first)
	var p part
	switch first = first[:n]; {
	case errors.Is(err, io.EOF):
		d.add(first)
		_, err = s.limited(ctx, io.Discard).Write(first)
		p = part{Size: int64(n), Blob: orderedName(s.now()), Inline: true, raw: first}
	case err == nil:
		p, err = s.store(ctx, io.MultiReader(bytes.NewReader(first), b), d)
	}
	if err == nil && b.size >= 0 && p.Size != b.size {
		err = errIncompleteBody
	}
	if err == nil {
		p.Checksum, err = d.check(b)
	}
	if err != nil {
		s.remove(p)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errIncompleteBody
		}
		return part{}, err
	}
	p.MD5, p.Modified = hex.EncodeToString(d.md5.Sum(nil)), s.now()
	return p, nil
}

// orderedName sorts behind those of before, so that the index grows at its end.
func orderedName(now time.Time) string {
	return strconv.FormatInt(now.UnixNano(), 36) + rand.Text()[:8]
}

// store writes a file, or nothing.
func (s *Store) store(ctx context.Context, in io.Reader, d *digest) (part, error) {
	f, err := os.CreateTemp(s.incoming(), "*")
	if err != nil {
		return part{}, err
	}
	n, err := copyHashed(s.limited(ctx, f), in, d)
	if err == nil && !s.noSync {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	name := rand.Text()
	if err == nil {
		err = os.Rename(f.Name(), s.blob(name))
	}
	if err == nil && !s.noSync {
		err = syncDir(s.blobs())
	}
	if err != nil {
		return part{}, errors.Join(err, removeFile(f.Name()), removeFile(s.blob(name)))
	}
	return part{Size: n, Blob: name}, nil
}

// copyHashed hashes a block while it is written and the next one is read.
func copyHashed(w io.Writer, r io.Reader, d *digest) (copied int64, err error) {
	blocks := [2][]byte{make([]byte, blockBytes), make([]byte, blockBytes)}
	hashed := make(chan struct{}, 1)
	hashed <- struct{}{}
	defer func() { <-hashed }()
	for i := 0; ; i = 1 - i {
		n, readErr := fill(r, blocks[i])
		<-hashed
		block := blocks[i][:n]
		go func() {
			d.add(block)
			hashed <- struct{}{}
		}()
		if _, err := w.Write(block); err != nil {
			return copied, err
		}
		copied += int64(n)
		switch {
		case errors.Is(readErr, io.EOF):
			return copied, nil
		case readErr != nil:
			return copied, readErr
		}
	}
}

// fill reads until p is full or r ends: io.EOF is r's own end, unlike a torn
// body's io.ErrUnexpectedEOF.
func fill(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var more int
		more, err = r.Read(p[n:])
		n += more
	}
	return n, err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// removeFiles deletes contents that the index no longer names. What cannot be
// deleted now is found again by the next Open.
func (s *Store) removeFiles(names []string) {
	if len(names) == 0 {
		return
	}
	s.files.Lock()
	defer s.files.Unlock()
	for _, name := range names {
		_ = removeFile(s.blob(name))
	}
}

// remove deletes the file of a content that came to nothing.
func (s *Store) remove(p part) {
	if p.Blob != "" && !p.Inline {
		s.removeFiles([]string{p.Blob})
	}
}

// sweep removes what a crash left between a file's arrival and its entry.
func (s *Store) sweep() error {
	var used map[string]bool
	err := s.view(func(ix index) error {
		var err error
		used, err = ix.blobsInUse()
		return err
	})
	if err != nil {
		return err
	}
	for _, dir := range []string{s.incoming(), s.blobs()} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if dir == s.blobs() && used[e.Name()] {
				continue
			}
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

type diskLeft struct{}

// WithDiskLeft makes the disk full for writes under ctx after so many bytes,
// for tests of what callers do then.
func WithDiskLeft(ctx context.Context, size int64) context.Context {
	return context.WithValue(ctx, diskLeft{}, size)
}

func (s *Store) limited(ctx context.Context, w io.Writer) io.Writer {
	left, ok := ctx.Value(diskLeft{}).(int64)
	if !ok {
		return w
	}
	return &fullDisk{w: w, left: left}
}

type fullDisk struct {
	w    io.Writer
	left int64
}

// Write implements io.Writer.
func (d *fullDisk) Write(p []byte) (int, error) {
	if int64(len(p)) <= d.left {
		d.left -= int64(len(p))
		return d.w.Write(p)
	}
	n, err := d.w.Write(p[:d.left])
	d.left -= int64(n)
	return n, errors.Join(err, syscall.ENOSPC)
}
