// Package s3 serves the Amazon S3 protocol from a folder, so that the real SDK
// and other people's clients work against one machine as against AWS.
//
// Contents are files, small ones entries of the index; the index is bbolt. A
// write is acknowledged only after its content and its index entry have reached
// the disk, and a conditional write is decided inside the transaction that
// publishes it, so of two writers with the same condition exactly one wins.
//
// It does not check signatures, except those of a body's chunks, whose key the
// front door gives. What a bucket is told (lifecycle, policy, encryption and
// the like) is kept and returned; it does not expire, restrict, encrypt or
// replicate anything. Where AWS would do what this package cannot, the answer
// is NotImplemented, never a success. A bucket that is there already is
// BucketAlreadyOwnedByYou in us-east-1, too, where AWS has kept an older habit.
package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// Config is what a Store needs.
type Config struct {
	Dir     string // contents lie below it
	DB      *bbolt.DB
	Region  string // that buckets are made in
	Account string // that they belong to
	// NoSync leaves it to the system when contents reach the disk: a crash of
	// the machine may lose what was acknowledged, one of the process does not.
	// DB has a setting of its own for that.
	NoSync bool
}

// Store is one server's buckets and objects.
type Store struct {
	db              *bbolt.DB
	dir             string
	region, account string
	noSync          bool

	// files is held for reading from looking an object up until its file is
	// open, and for writing while files of replaced objects are removed: a
	// reader never finds a name whose file has just gone.
	files sync.RWMutex

	// queue guards the updates that wait for the one who holds commit.
	queue   sync.Mutex
	commit  sync.Mutex
	waiting []*write
}

// Open keeps contents and the index where c says. Files that no index entry
// names are the rest of a crash and are removed.
func Open(c Config) (*Store, error) {
	s := &Store{db: c.DB, dir: c.Dir, region: c.Region, account: c.Account, noSync: c.NoSync}
	for _, sub := range []string{s.incoming(), s.blobs()} {
		if err := os.MkdirAll(sub, 0o700); err != nil {
			return nil, fmt.Errorf("create the object folder: %w", err)
		}
	}
	if err := s.prepareIndex(); err != nil {
		return nil, fmt.Errorf("prepare the object index: %w", err)
	}
	if err := s.sweep(); err != nil {
		return nil, fmt.Errorf("sweep the object folder: %w", err)
	}
	return s, nil
}

func (s *Store) incoming() string        { return filepath.Join(s.dir, "incoming") }
func (s *Store) blobs() string           { return filepath.Join(s.dir, "blobs") }
func (s *Store) blob(name string) string { return filepath.Join(s.blobs(), name) }

func (s *Store) now() time.Time { return time.Now().UTC() }

// Put stores an object from within this process, as a PUT without conditions
// would.
func (s *Store) Put(ctx context.Context, bucket, key string, in io.Reader) error {
	p, err := s.receive(ctx, &body{Reader: in, size: -1}, "")
	if err != nil {
		return s.failure("write object", err)
	}
	_, err = s.publish(&request{bucket: bucket, key: key, header: http.Header{}}, whole(p))
	return err
}

// Get reads an object from within this process. The caller closes it.
func (s *Store) Get(_ context.Context, bucket, key string) (io.ReadCloser, error) {
	v, content, err := s.open(bucket, key, "")
	if err != nil {
		return nil, err
	}
	return &reader{content, content.section(0, v.Size)}, nil
}

type reader struct {
	*content
	io.Reader
}

// Keys are the keys in bucket that start with prefix, in order.
func (s *Store) Keys(_ context.Context, bucket, prefix string) (keys []string, err error) {
	err = s.view(func(ix index) error {
		if _, err := ix.bucket(bucket); err != nil {
			return err
		}
		_, err := ix.list(bucket, listing{prefix: prefix, most: -1}, func(e entry) { keys = append(keys, e.key) })
		return err
	})
	return keys, err
}

func asError(err error) (e *Error, ok bool) {
	ok = errors.As(err, &e)
	return e, ok
}

func isCode(err error, code string) bool {
	e, ok := asError(err)
	return ok && e.Code == code
}
