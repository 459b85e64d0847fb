// Package s3 serves the Amazon S3 protocol from a folder, so that the real SDK
// works against one machine as against AWS: gofakes3 speaks the protocol, this
// package keeps the objects.
//
// Contents are files; the index is bbolt. A write is acknowledged only after
// its file and its index entry have reached the disk, and a conditional write
// is decided inside the transaction that publishes it, so of two writers with
// the same condition exactly one wins.
//
// It does not check signatures, replicate, encrypt, expire or restrict access.
// The ETag of a multipart object has no "-N" at its end. A multipart upload in
// progress does not survive a restart: its id is forgotten, as if aborted. The
// version id "null" names the newest version.
package s3

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rclone/gofakes3"
	"go.etcd.io/bbolt"
)

// Store is one server's buckets and objects.
type Store struct {
	db  *bbolt.DB
	dir string

	// files is held for reading from looking an object up until its file is
	// open, and for writing while files of replaced objects are removed: a
	// reader never finds a name whose file has just gone.
	files sync.RWMutex

	uploads uploads
}

var (
	_ gofakes3.Backend              = (*Store)(nil)
	_ gofakes3.VersionedBackend     = (*Store)(nil)
	_ gofakes3.MultipartBackend     = (*Store)(nil)
	_ gofakes3.ObjectTaggingBackend = (*Store)(nil)
)

// Open keeps contents below dir and the index in db. Files that no index
// entry names are the rest of a crash and are removed.
func Open(dir string, db *bbolt.DB) (*Store, error) {
	s := &Store{db: db, dir: dir}
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

// Handler speaks S3 for the store. It expects requests whose signature has
// been checked. Only path-style addresses and <bucket>.localhost are
// understood.
func (s *Store) Handler(log *slog.Logger) http.Handler {
	fake := gofakes3.New(s, gofakes3.WithLogger(logger{log}), gofakes3.WithTimeSkewLimit(0)).Server()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if bucket, ok := bucketOfHost(r.Host); ok {
			r = r.Clone(r.Context())
			r.URL.Path = "/" + bucket + r.URL.Path
		}
		if etag := r.Header.Get("If-Match"); etag != "" && r.Method == http.MethodDelete {
			r = r.WithContext(context.WithValue(r.Context(), deleteCondition{}, etag))
		}
		fake.ServeHTTP(w, r)
	})
}

// deleteCondition is the context key of a DELETE's If-Match, which the front
// end checks only before it calls us.
type deleteCondition struct{}

func bucketOfHost(host string) (string, bool) {
	name, _, _ := strings.Cut(host, ":")
	bucket, ok := strings.CutSuffix(name, ".localhost")
	return bucket, ok && bucket != ""
}

// logger gives gofakes3's complaints to slog and drops its chatter.
type logger struct{ log *slog.Logger }

// Print implements gofakes3.Logger.
func (l logger) Print(level gofakes3.LogLevel, v ...any) {
	if level == gofakes3.LogErr {
		l.log.Error("object store", "err", fmt.Sprint(v...))
	}
}

// failure is what a caller is told about an error of the disk or the index.
func (s *Store) failure(doing string, err error) error {
	var known gofakes3.Error
	if errors.As(err, &known) {
		return known
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return gofakes3.ErrorMessagef(gofakes3.ErrInternal,
			"%s: the disk under %s is full; free space there or start with another --dir (nothing was changed)", doing, s.dir)
	}
	return gofakes3.ErrorMessagef(gofakes3.ErrInternal, "%s: %v", doing, err)
}

// ListBuckets implements gofakes3.Backend.
func (s *Store) ListBuckets(context.Context) ([]gofakes3.BucketInfo, error) {
	var infos []gofakes3.BucketInfo
	err := s.view(func(ix index) error {
		return ix.eachBucket(func(name string, b bucketRecord) error {
			infos = append(infos, gofakes3.BucketInfo{Name: name, CreationDate: gofakes3.NewContentTime(b.Created)})
			return nil
		})
	})
	return infos, err
}

// CreateBucket implements gofakes3.Backend.
func (s *Store) CreateBucket(_ context.Context, name string) error {
	return s.update("create bucket", func(ix index) error {
		if _, err := ix.bucket(name); err == nil {
			return gofakes3.ResourceError(gofakes3.ErrBucketAlreadyExists, name)
		}
		return ix.putBucket(name, bucketRecord{Created: time.Now().UTC()})
	})
}

// BucketExists implements gofakes3.Backend.
func (s *Store) BucketExists(_ context.Context, name string) (bool, error) {
	err := s.view(func(ix index) error {
		_, err := ix.bucket(name)
		return err
	})
	if gofakes3.HasErrorCode(err, gofakes3.ErrNoSuchBucket) {
		return false, nil
	}
	return err == nil, err
}

// DeleteBucket implements gofakes3.Backend.
func (s *Store) DeleteBucket(_ context.Context, name string) error {
	return s.update("delete bucket", func(ix index) error {
		if _, err := ix.bucket(name); err != nil {
			return err
		}
		if !ix.empty(name) {
			return gofakes3.ResourceError(gofakes3.ErrBucketNotEmpty, name)
		}
		return ix.deleteBucket(name)
	})
}

// VersioningConfiguration implements gofakes3.VersionedBackend.
func (s *Store) VersioningConfiguration(bucket string) (gofakes3.VersioningConfiguration, error) {
	var config gofakes3.VersioningConfiguration
	err := s.view(func(ix index) error {
		b, err := ix.bucket(bucket)
		config.Status = b.Versioning
		return err
	})
	return config, err
}

// SetVersioningConfiguration implements gofakes3.VersionedBackend.
func (s *Store) SetVersioningConfiguration(bucket string, v gofakes3.VersioningConfiguration) error {
	return s.update("set versioning", func(ix index) error {
		b, err := ix.bucket(bucket)
		if err != nil {
			return err
		}
		b.Versioning = v.Status
		return ix.putBucket(bucket, b)
	})
}

// GetObject implements gofakes3.Backend.
func (s *Store) GetObject(_ context.Context, bucket, key string, part *gofakes3.ObjectRangeRequest) (*gofakes3.Object, error) {
	return s.read(bucket, key, "", part, true)
}

// HeadObject implements gofakes3.Backend.
func (s *Store) HeadObject(_ context.Context, bucket, key string) (*gofakes3.Object, error) {
	return s.read(bucket, key, "", nil, false)
}

// GetObjectVersion implements gofakes3.VersionedBackend.
func (s *Store) GetObjectVersion(bucket, key string, id gofakes3.VersionID, part *gofakes3.ObjectRangeRequest) (*gofakes3.Object, error) {
	return s.read(bucket, key, id, part, true)
}

// HeadObjectVersion implements gofakes3.VersionedBackend.
func (s *Store) HeadObjectVersion(bucket, key string, id gofakes3.VersionID) (*gofakes3.Object, error) {
	return s.read(bucket, key, id, nil, false)
}

// read finds the newest version, or the one with the id, and opens its file
// before anyone can remove it.
func (s *Store) read(bucket, key string, id gofakes3.VersionID, part *gofakes3.ObjectRangeRequest, body bool) (*gofakes3.Object, error) {
	s.files.RLock()
	defer s.files.RUnlock()
	var v version
	err := s.view(func(ix index) error {
		var err error
		if id == "" {
			v, err = ix.current(bucket, key)
		} else {
			v, _, err = ix.byID(bucket, key, id)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if id == "" && v.Marker {
		return nil, gofakes3.KeyNotFound(key)
	}
	return s.object(key, v, part, body)
}

func (s *Store) object(key string, v version, part *gofakes3.ObjectRangeRequest, body bool) (*gofakes3.Object, error) {
	hash, err := hex.DecodeString(v.MD5)
	if err != nil {
		return nil, s.failure("read index", err)
	}
	o := &gofakes3.Object{
		Name: key, Metadata: v.Meta, Size: v.Size, Hash: hash, VersionID: v.ID,
		IsDeleteMarker: v.Marker, PartSizes: v.PartSizes, Contents: io.NopCloser(strings.NewReader("")),
	}
	if o.Metadata == nil {
		o.Metadata = map[string]string{}
	}
	if !body || v.Marker {
		return o, nil
	}
	if o.Range, err = part.Range(v.Size); err != nil {
		return nil, err
	}
	offset, length := int64(0), v.Size
	if o.Range != nil {
		offset, length = o.Range.Start, o.Range.Length
	}
	f, err := os.Open(s.blob(v.Blob))
	if err != nil {
		return nil, s.failure("open object", err)
	}
	o.Contents = section{io.NewSectionReader(f, offset, length), f}
	return o, nil
}

type section struct {
	io.Reader
	io.Closer
}

// PutObject implements gofakes3.Backend.
func (s *Store) PutObject(ctx context.Context, bucket, key string, meta map[string]string, in io.Reader, size int64) (gofakes3.PutObjectResult, error) {
	v, err := s.receive(ctx, in, size)
	if err != nil {
		return gofakes3.PutObjectResult{}, s.failure("write object", err)
	}
	v.Meta = meta
	return s.publish(ctx, bucket, key, v)
}

// publish makes v the newest version of key, if the request's conditions hold
// at that moment. Otherwise v's file is removed.
func (s *Store) publish(ctx context.Context, bucket, key string, v version) (gofakes3.PutObjectResult, error) {
	var gone []string
	err := s.update("publish object", func(ix index) error {
		b, err := ix.bucket(bucket)
		if err != nil {
			return err
		}
		now, err := ix.current(bucket, key)
		exists := err == nil && !now.Marker
		if err := gofakes3.CheckWriteConditions(ctx, exists, now.MD5); err != nil {
			return err
		}
		v, gone, err = ix.add(b, bucket, key, v)
		return err
	})
	if err != nil {
		s.remove(v.Blob)
		return gofakes3.PutObjectResult{}, err
	}
	s.remove(gone...)
	return gofakes3.PutObjectResult{VersionID: v.ID, ETag: v.etag()}, nil
}

// DeleteObject implements gofakes3.Backend.
func (s *Store) DeleteObject(ctx context.Context, bucket, key string) (gofakes3.ObjectDeleteResult, error) {
	var result gofakes3.ObjectDeleteResult
	var gone []string
	err := s.update("delete object", func(ix index) error {
		b, err := ix.bucket(bucket)
		if err != nil {
			return err
		}
		now, err := ix.current(bucket, key)
		if want, ok := ctx.Value(deleteCondition{}).(string); ok && err == nil && !now.Marker && !now.hasETag(want) {
			return gofakes3.ErrPreconditionFailed
		}
		if b.Versioning == gofakes3.VersioningNone {
			gone, err = ix.deleteKey(bucket, key)
			return err
		}
		var marker version
		marker, gone, err = ix.add(b, bucket, key, version{Marker: true})
		result.VersionID, result.IsDeleteMarker = marker.ID, true
		return err
	})
	if err == nil {
		s.remove(gone...)
	}
	return result, err
}

// DeleteObjectVersion implements gofakes3.VersionedBackend.
func (s *Store) DeleteObjectVersion(bucket, key string, id gofakes3.VersionID) (gofakes3.ObjectDeleteResult, error) {
	var result gofakes3.ObjectDeleteResult
	var gone string
	err := s.update("delete version", func(ix index) error {
		v, at, err := ix.byID(bucket, key, id)
		if gofakes3.HasErrorCode(err, gofakes3.ErrNoSuchVersion) {
			return nil
		}
		if err != nil {
			return err
		}
		result.VersionID, result.IsDeleteMarker = v.ID, v.Marker
		gone = v.Blob
		return ix.deleteAt(bucket, at)
	})
	if err == nil {
		s.remove(gone)
	}
	return result, err
}

// DeleteMulti implements gofakes3.Backend.
func (s *Store) DeleteMulti(ctx context.Context, bucket string, keys ...string) (gofakes3.MultiDeleteResult, error) {
	var result gofakes3.MultiDeleteResult
	for _, key := range keys {
		if _, err := s.DeleteObject(ctx, bucket, key); err != nil {
			refused := gofakes3.ErrorResultFromError(err)
			refused.Key = key
			result.Error = append(result.Error, refused)
			continue
		}
		result.Deleted = append(result.Deleted, gofakes3.ObjectID{Key: key})
	}
	return result, nil
}

// CopyObject implements gofakes3.Backend.
func (s *Store) CopyObject(ctx context.Context, fromBucket, fromKey, bucket, key string, meta map[string]string) (gofakes3.CopyObjectResult, error) {
	from, err := s.GetObject(ctx, fromBucket, fromKey, nil)
	if err != nil {
		return gofakes3.CopyObjectResult{}, err
	}
	put, err := s.PutObject(ctx, bucket, key, meta, from.Contents, from.Size)
	if err := errors.Join(err, from.Contents.Close()); err != nil {
		return gofakes3.CopyObjectResult{}, s.failure("copy object", err)
	}
	return gofakes3.CopyObjectResult{ETag: put.ETag, LastModified: gofakes3.NewContentTime(time.Now())}, nil
}

// SetObjectTagging implements gofakes3.ObjectTaggingBackend.
func (s *Store) SetObjectTagging(_ context.Context, bucket, key, tagging string) error {
	return s.update("tag object", func(ix index) error {
		v, err := ix.current(bucket, key)
		if err != nil {
			return err
		}
		if v.Marker {
			return gofakes3.KeyNotFound(key)
		}
		if v.Meta == nil {
			v.Meta = map[string]string{}
		}
		delete(v.Meta, gofakes3.TaggingMetadataKey)
		if tagging != "" {
			v.Meta[gofakes3.TaggingMetadataKey] = tagging
		}
		return ix.replace(bucket, key, v)
	})
}

// Put stores an object from within this process, as a PUT without conditions
// would.
func (s *Store) Put(ctx context.Context, bucket, key string, in io.Reader) error {
	meta := map[string]string{"Last-Modified": time.Now().UTC().Format(http.TimeFormat)}
	_, err := s.PutObject(ctx, bucket, key, meta, in, -1)
	return err
}

// Get reads an object from within this process. The caller closes it.
func (s *Store) Get(ctx context.Context, bucket, key string) (io.ReadCloser, error) {
	o, err := s.GetObject(ctx, bucket, key, nil)
	if err != nil {
		return nil, err
	}
	return o.Contents, nil
}

// Keys are the keys in bucket that start with prefix, in order.
func (s *Store) Keys(ctx context.Context, bucket, prefix string) ([]string, error) {
	p := gofakes3.NewPrefix(&prefix, nil)
	list, err := s.ListBucket(ctx, bucket, &p, gofakes3.ListBucketPage{})
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, c := range list.Contents {
		keys = append(keys, c.Key)
	}
	return keys, nil
}
