package s3

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/rclone/gofakes3"
)

// receive writes a whole body to a file that is on the disk, under its final
// name, when it returns. A body that ends early leaves nothing behind. size is
// -1 when the sender did not say.
func (s *Store) receive(ctx context.Context, in io.Reader, size int64) (version, error) {
	f, err := os.CreateTemp(s.incoming(), "*")
	if err != nil {
		return version{}, err
	}
	hash := md5.New()
	n, err := io.Copy(io.MultiWriter(s.limited(ctx, f), hash), in)
	if errors.Is(err, io.ErrUnexpectedEOF) || (err == nil && size >= 0 && n != size) {
		err = gofakes3.ErrIncompleteBody
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	name := rand.Text()
	if err == nil {
		err = os.Rename(f.Name(), s.blob(name))
	}
	if err == nil {
		err = syncDir(s.blobs())
	}
	if err != nil {
		return version{}, errors.Join(err, removeFile(f.Name()), removeFile(s.blob(name)))
	}
	return version{MD5: hex.EncodeToString(hash.Sum(nil)), Size: n, Blob: name}, nil
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

// remove deletes contents that the index no longer names. What cannot be
// deleted now is found again by the next Open.
func (s *Store) remove(names ...string) {
	s.files.Lock()
	defer s.files.Unlock()
	for _, name := range names {
		if name != "" {
			_ = removeFile(s.blob(name))
		}
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
