package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/sluicehq/sluice/amazon"
	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/inference/release"
)

// tornReads is how often a body is read anew that broke off. The SDK retries
// only until a body begins.
const tornReads = 3

var _ controller.Artifacts = (*Artifacts)(nil)

// Artifacts are objects in whatever bucket a training job wrote to.
type Artifacts struct{ client *Client }

// Artifacts reads what training jobs leave.
func (c *Client) Artifacts() *Artifacts { return &Artifacts{client: c} }

// ParseURL splits an address such as s3://bucket/some/key. A key that ends in
// a slash, or is empty, is a prefix.
func ParseURL(address string) (bucket, key string, err error) {
	bucket, key, ok := amazon.SplitURL(address)
	name := len(bucket) >= 3 && len(bucket) <= 63 && strings.Trim(bucket, "abcdefghijklmnopqrstuvwxyz0123456789.-") == ""
	if !ok || !name && !strings.HasPrefix(bucket, "arn:") {
		return "", "", fmt.Errorf("%.200q is no S3 address: want one such as s3://bucket/path/model.tar.gz", address)
	}
	if len(key) > 1024 {
		return "", "", fmt.Errorf("the key of %.80q... has %d bytes: S3 takes 1024", address, len(key))
	}
	return bucket, key, nil
}

// Pin implements controller.Artifacts.
func (a *Artifacts) Pin(ctx context.Context, source release.Source) (pinned release.Source, bytes int64, err error) {
	at := place{Bucket: source.Bucket, Key: source.Key, Given: true}
	if source.Bucket == "" || source.Key == "" {
		return source, 0, fmt.Errorf("pin the artifact of training job %q: it names no place in S3: %w", source.Job, controller.ErrNotFound)
	}
	if err := amazon.CheckSource(source.Bucket); err != nil {
		return source, 0, fmt.Errorf("pin the artifact: %w", err)
	}
	if isPrefix(source.Key) {
		return a.pinPrefix(ctx, source)
	}
	ctx, cancel := context.WithTimeout(ctx, a.client.timeout)
	defer cancel()
	out, err := a.client.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &source.Bucket, Key: &source.Key})
	if missing(err) && mayBePrefix(source.Key) {
		if pinned, bytes, err := a.pinPrefix(ctx, source); err == nil || errors.Is(err, controller.ErrTooLarge) {
			return pinned, bytes, err
		}
	}
	if missing(err) {
		if _, err := a.client.s3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &source.Bucket}); missing(err) {
			return source, 0, explain("pin the artifact", at, &types.NoSuchBucket{})
		}
		return source, 0, fmt.Errorf("pin %v: %w", at, controller.ErrNotFound)
	}
	if err == nil && out.ETag == nil {
		err = errNotS3
	}
	if err != nil {
		return source, 0, explain("pin the artifact", at, a.inWords(ctx, source, err))
	}
	source.VersionID, source.ETag = aws.ToString(out.VersionId), *out.ETag
	return source, aws.ToInt64(out.ContentLength), nil
}

// inWords asks for the first byte of an object that S3 would not show, as its
// answer to HEAD has no body to say why.
func (a *Artifacts) inWords(ctx context.Context, source release.Source, err error) error {
	if unavailable(err) {
		return err
	}
	if said := a.firstByte(ctx, source); said != nil && !unavailable(said) {
		return said
	}
	return err
}

func (a *Artifacts) firstByte(ctx context.Context, source release.Source) error {
	out, err := a.client.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &source.Bucket, Key: &source.Key, Range: aws.String("bytes=0-0")})
	if err != nil {
		return err
	}
	return out.Body.Close()
}

// Fetch implements controller.Artifacts. An object that was deleted meanwhile
// is ErrChanged too.
func (a *Artifacts) Fetch(ctx context.Context, pinned release.Source, limit int64) ([]byte, error) {
	at := place{Bucket: pinned.Bucket, Key: pinned.Key, Version: pinned.VersionID, Given: true}
	if pinned.ETag == "" {
		return nil, fmt.Errorf("fetch %v: it is not pinned: %w", at, controller.ErrChanged)
	}
	if strings.HasPrefix(pinned.ETag, prefixMark) {
		return a.fetchPrefix(ctx, pinned, limit)
	}
	in := &s3.GetObjectInput{Bucket: &pinned.Bucket, Key: &pinned.Key, IfMatch: &pinned.ETag}
	if pinned.VersionID != "" {
		in.VersionId = &pinned.VersionID
	}
	body, _, err := a.client.read(ctx, in, limit)
	switch {
	case err == nil:
		return body, nil
	case missing(err), code(err) == codePrecondition, code(err) == "MethodNotAllowed": // the last is a delete marker
		return nil, fmt.Errorf("fetch %v: %w", at, controller.ErrChanged)
	default:
		return nil, explain("fetch the artifact", at, err)
	}
}

// read returns a whole body of at most limit bytes and its ETag. A body that
// breaks off is asked for again. Errors are as the SDK gives them.
func (c *Client) read(ctx context.Context, in *s3.GetObjectInput, limit int64) (body []byte, etag string, err error) {
	for range tornReads {
		var torn bool
		if body, etag, torn, err = c.readOnce(ctx, in, limit); !torn || ctx.Err() != nil {
			return body, etag, err
		}
	}
	return nil, "", err
}

func (c *Client) readOnce(outer context.Context, in *s3.GetObjectInput, limit int64) (body []byte, etag string, torn bool, err error) {
	ctx, cancel := context.WithCancel(outer)
	defer cancel()
	deadline := time.AfterFunc(c.timeout, cancel) // moved once the length is known
	defer deadline.Stop()
	defer func() {
		if err != nil && ctx.Err() != nil && outer.Err() == nil {
			err = context.DeadlineExceeded
		}
	}()
	out, err := c.s3.GetObject(ctx, in)
	if err != nil {
		return nil, "", false, err
	}
	length := aws.ToInt64(out.ContentLength)
	deadline.Reset(c.bodyTimeout(min(length, limit)))
	body, err = readBody(out.Body, length, limit)
	if err = errors.Join(err, out.Body.Close()); err != nil {
		return nil, "", !errors.Is(err, controller.ErrTooLarge), err
	}
	if out.ETag == nil {
		return nil, "", false, errNotS3
	}
	return body, *out.ETag, false, nil
}

// readBody reads exactly length bytes, and none when they are more than limit.
func readBody(r io.Reader, length, limit int64) ([]byte, error) {
	if length > limit {
		return nil, fmt.Errorf("%d bytes, more than %d: %w", length, limit, controller.ErrTooLarge)
	}
	body := make([]byte, max(0, length))
	if n, err := io.ReadFull(r, body); err != nil {
		return nil, fmt.Errorf("the body broke off after %d of %d bytes: %w", n, length, err)
	}
	// The end must be read too: only there the SDK compares the checksum.
	n, err := r.Read(make([]byte, 1))
	if errors.Is(err, io.EOF) && n == 0 {
		return body, nil
	}
	return nil, fmt.Errorf("the body does not end after %d bytes: %w", length, errors.Join(err, io.ErrUnexpectedEOF))
}
