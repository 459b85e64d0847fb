package aws

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/sorting"
)

const (
	// maxDocumentBytes bounds what Documents.Get takes into memory.
	maxDocumentBytes = 64 << 20

	// maxListed bounds what Documents.List looks through: S3 lists by name,
	// so that the newest keys are known only at the end.
	maxListed = 200_000

	// slowestBytesPerSecond is what a connection must carry before a large
	// body counts as stuck.
	slowestBytesPerSecond = 1 << 20

	// writeMark is the metadata by which a write knows itself again.
	writeMark = "sluice-write"
)

var _ controller.Documents = (*Documents)(nil)

// Documents are the objects of one bucket, written conditionally.
type Documents struct {
	client *Client
	bucket string
}

// Documents keeps the controller's memory in the bucket.
func (c *Client) Documents(bucket string) *Documents { return &Documents{client: c, bucket: bucket} }

func (d *Documents) at(key string) place { return place{Bucket: d.bucket, Key: key} }

// Check reports whether the bucket is there and may be listed.
func (d *Documents) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, d.client.timeout)
	defer cancel()
	// Not HeadBucket: a HEAD has no body to say what is wrong.
	_, err := d.client.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &d.bucket, MaxKeys: aws.Int32(1)})
	return explain("look at the bucket", d.at(""), err)
}

// Get implements controller.Documents. ErrTooLarge beyond 64 MiB.
func (d *Documents) Get(ctx context.Context, key string) (body []byte, etag string, err error) {
	in := &s3.GetObjectInput{Bucket: &d.bucket, Key: &key}
	body, etag, err = d.client.read(ctx, in, maxDocumentBytes)
	if missing(err) {
		return nil, "", fmt.Errorf("get %v: %w", d.at(key), controller.ErrNotFound)
	}
	if err != nil {
		return nil, "", explain("get "+key, d.at(key), err)
	}
	return body, etag, nil
}

// Put implements controller.Documents. When S3 says that somebody else wrote
// first, that may have been an earlier attempt of this very write whose reply
// was lost: then it has succeeded.
func (d *Documents) Put(ctx context.Context, key string, body []byte, etag string) (newEtag string, err error) {
	ctx, cancel := context.WithTimeout(ctx, d.client.bodyTimeout(int64(len(body))))
	defer cancel()
	mark := rand.Text()
	in := d.write(key, body, mark)
	if etag == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = &etag
	}
	out, err := d.client.s3.PutObject(ctx, in)
	if err == nil && out.ETag == nil {
		err = errNotS3
	}
	if err == nil {
		return *out.ETag, nil
	}
	stale := missing(err) // If-Match on nothing
	switch code(err) {
	case codePrecondition, codeConflict:
		stale = true
	}
	if !stale {
		return "", explain("put "+key, d.at(key), err)
	}
	if own, ok := d.stored(ctx, key, mark); ok {
		return own, nil
	}
	return "", fmt.Errorf("put %v: %w", d.at(key), controller.ErrStale)
}

// stored looks whether what is under key was written with the mark.
func (d *Documents) stored(ctx context.Context, key, mark string) (etag string, ok bool) {
	out, err := d.client.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &d.bucket, Key: &key})
	if err != nil || out.Metadata[writeMark] != mark {
		return "", false // not known to be ours: the caller loads again and sees
	}
	return aws.ToString(out.ETag), true
}

// Replace implements controller.Documents.
func (d *Documents) Replace(ctx context.Context, key string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, d.client.bodyTimeout(int64(len(body))))
	defer cancel()
	out, err := d.client.s3.PutObject(ctx, d.write(key, body, rand.Text()))
	if err == nil && out.ETag == nil {
		err = errNotS3
	}
	return explain("write "+key, d.at(key), err)
}

func (d *Documents) write(key string, body []byte, mark string) *s3.PutObjectInput {
	return &s3.PutObjectInput{
		Bucket: &d.bucket, Key: &key, Body: bytes.NewReader(body),
		Metadata: map[string]string{writeMark: mark},
	}
}

// List implements controller.Documents. Objects written in the same second
// are ordered by name, the last first.
func (d *Documents) List(ctx context.Context, prefix string, limit int) ([]string, error) {
	if limit <= 0 {
		return nil, nil
	}
	type entry struct {
		key string
		at  time.Time
	}
	var newest []entry
	keep := func() {
		sorting.By(newest, func(a, b *entry) int {
			return cmp.Or(b.at.Compare(a.at), cmp.Compare(b.key, a.key))
		})
		newest = newest[:min(limit, len(newest))]
	}
	err := d.eachObject(ctx, prefix, func(o types.Object) {
		newest = append(newest, entry{aws.ToString(o.Key), aws.ToTime(o.LastModified)})
		if len(newest) >= 2*limit+1000 {
			keep()
		}
	})
	if err != nil {
		return nil, err
	}
	keep()
	keys := make([]string, len(newest))
	for i, e := range newest {
		keys[i] = e.key
	}
	return keys, nil
}

// After implements controller.Documents.
func (d *Documents) After(ctx context.Context, prefix, after string, limit int) (keys []string, err error) {
	if limit <= 0 {
		return nil, nil
	}
	pages := s3.NewListObjectsV2Paginator(d.client.s3, &s3.ListObjectsV2Input{
		Bucket: &d.bucket, Prefix: &prefix, StartAfter: aws.String(max(after, prefix)), MaxKeys: aws.Int32(int32(min(limit, 1000))),
	})
	for len(keys) < limit && pages.HasMorePages() {
		page, err := d.nextPage(ctx, pages)
		if err == nil && page.Name == nil {
			err = errNotS3
		}
		if err != nil {
			return nil, explain("list "+prefix, d.at(prefix), err)
		}
		for _, o := range page.Contents {
			keys = append(keys, aws.ToString(o.Key))
		}
	}
	return keys[:min(limit, len(keys))], nil
}

func (d *Documents) eachObject(ctx context.Context, prefix string, f func(types.Object)) error {
	pages := s3.NewListObjectsV2Paginator(d.client.s3, &s3.ListObjectsV2Input{Bucket: &d.bucket, Prefix: &prefix})
	for listed := 0; pages.HasMorePages(); {
		page, err := d.nextPage(ctx, pages)
		if err == nil && page.Name == nil {
			err = errNotS3
		}
		if err != nil {
			return explain("list "+prefix, d.at(prefix), err)
		}
		for _, o := range page.Contents {
			f(o)
		}
		if listed += len(page.Contents); listed > maxListed {
			return fmt.Errorf("list %v: more than %d objects: move old ones elsewhere", d.at(prefix), maxListed)
		}
	}
	return nil
}

func (d *Documents) nextPage(ctx context.Context, pages *s3.ListObjectsV2Paginator) (*s3.ListObjectsV2Output, error) {
	ctx, cancel := context.WithTimeout(ctx, d.client.timeout)
	defer cancel()
	return pages.NextPage(ctx)
}

// bodyTimeout is how long a call may take that carries so many bytes.
func (c *Client) bodyTimeout(bytes int64) time.Duration {
	return c.timeout + time.Duration(bytes/slowestBytesPerSecond)*time.Second
}
