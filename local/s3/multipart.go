package s3

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/rclone/gofakes3"
)

// maxUploads bounds the multipart uploads in progress at one time.
const maxUploads = 1000

// uploads are the multipart uploads in progress. They live in memory, as the
// front end's do.
type uploads struct {
	mu   sync.Mutex
	open map[gofakes3.UploadID]*upload
}

type upload struct {
	mu    sync.Mutex // held while completing, so that one completion publishes
	done  bool
	meta  map[string]string
	parts map[int]version
}

func (u *uploads) add(id gofakes3.UploadID, up *upload) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.open == nil {
		u.open = map[gofakes3.UploadID]*upload{}
	}
	if len(u.open) >= maxUploads {
		return gofakes3.ErrorMessagef(gofakes3.ErrSlowDown, "%d multipart uploads are in progress; complete or abort some", maxUploads)
	}
	u.open[id] = up
	return nil
}

func (u *uploads) get(id gofakes3.UploadID) (*upload, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	up, ok := u.open[id]
	if !ok {
		return nil, gofakes3.ErrNoSuchUpload
	}
	return up, nil
}

func (u *uploads) forget(id gofakes3.UploadID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.open, id)
}

// CreateMultipartUpload implements gofakes3.MultipartBackend.
func (s *Store) CreateMultipartUpload(ctx context.Context, bucket, _ string, meta map[string]string) (gofakes3.UploadID, error) {
	if exists, err := s.BucketExists(ctx, bucket); err != nil || !exists {
		return "", errors.Join(err, gofakes3.BucketNotFound(bucket))
	}
	id := gofakes3.UploadID(rand.Text())
	return id, s.uploads.add(id, &upload{meta: meta, parts: map[int]version{}})
}

// UploadPart implements gofakes3.MultipartBackend.
func (s *Store) UploadPart(ctx context.Context, _, _ string, id gofakes3.UploadID, number int, size int64, body io.Reader) (string, error) {
	up, err := s.uploads.get(id)
	if err != nil {
		return "", err
	}
	part, err := s.receive(ctx, body, size)
	if err != nil {
		return "", s.failure("write part", err)
	}
	up.mu.Lock()
	defer up.mu.Unlock()
	if up.done {
		s.remove(part.Blob)
		return "", gofakes3.ErrNoSuchUpload
	}
	s.remove(up.parts[number].Blob)
	up.parts[number] = part
	return part.etag(), nil
}

// CompleteMultipartUpload implements gofakes3.MultipartBackend.
func (s *Store) CompleteMultipartUpload(ctx context.Context, bucket, key string, id gofakes3.UploadID, in *gofakes3.CompleteMultipartUploadRequest) (gofakes3.VersionID, string, error) {
	up, err := s.uploads.get(id)
	if err != nil {
		return "", "", err
	}
	up.mu.Lock()
	defer up.mu.Unlock()
	if up.done {
		return "", "", gofakes3.ErrNoSuchUpload
	}
	parts, err := up.chosen(in)
	if err != nil {
		return "", "", err
	}
	whole, err := s.join(ctx, parts)
	if err != nil {
		return "", "", s.failure("join parts", err)
	}
	whole.Meta = up.meta
	put, err := s.publish(ctx, bucket, key, whole)
	if err != nil {
		return "", "", err
	}
	s.drop(id, up)
	return put.VersionID, put.ETag, nil
}

// chosen are the parts that the caller named, which must be in order and be
// the ones we have.
func (u *upload) chosen(in *gofakes3.CompleteMultipartUploadRequest) ([]version, error) {
	var parts []version
	last := 0
	for _, p := range in.Parts {
		part, ok := u.parts[p.PartNumber]
		if !ok || strings.Trim(p.ETag, `"`) != part.MD5 {
			return nil, gofakes3.ErrInvalidPart
		}
		if p.PartNumber <= last {
			return nil, gofakes3.ErrInvalidPartOrder
		}
		last = p.PartNumber
		parts = append(parts, part)
	}
	return parts, nil
}

func (s *Store) join(ctx context.Context, parts []version) (version, error) {
	hash := md5.New()
	var readers []io.Reader
	var sizes []int64
	for _, p := range parts {
		sum, err := hex.DecodeString(p.MD5)
		if err != nil {
			return version{}, err
		}
		hash.Write(sum)
		f, err := os.Open(s.blob(p.Blob))
		if err != nil {
			return version{}, err
		}
		defer func() { _ = f.Close() }() // only read
		readers = append(readers, f)
		sizes = append(sizes, p.Size)
	}
	whole, err := s.receive(ctx, io.MultiReader(readers...), -1)
	whole.MD5, whole.PartSizes = hex.EncodeToString(hash.Sum(nil)), sizes
	return whole, err
}

// AbortMultipartUpload implements gofakes3.MultipartBackend.
func (s *Store) AbortMultipartUpload(_ context.Context, _, _ string, id gofakes3.UploadID) error {
	up, err := s.uploads.get(id)
	if err != nil {
		return err
	}
	up.mu.Lock()
	defer up.mu.Unlock()
	s.drop(id, up)
	return nil
}

func (s *Store) drop(id gofakes3.UploadID, up *upload) {
	up.done = true
	for _, p := range up.parts {
		s.remove(p.Blob)
	}
	s.uploads.forget(id)
}
