package inference

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sluicehq/sluice/amazon"
)

// Bucket fetches releases from S3. This is the only file of the data plane
// that knows AWS.
type Bucket struct {
	At     amazon.Endpoint // where requests go, and which setting says so
	Region string

	client  *s3.Client
	name    string
	timeout time.Duration
}

// OpenBucket returns the bucket of that name; region and endpoint are those of
// flags, else what environment and profile say. It asks nothing of it yet.
// timeout bounds one Fetch.
func OpenBucket(ctx context.Context, name, region, endpoint string, timeout time.Duration) (*Bucket, error) {
	account, err := amazon.Open(ctx, amazon.Settings{Region: region, Endpoint: endpoint, Services: []string{amazon.S3}})
	if err != nil {
		return nil, err
	}
	at, err := account.Store(ctx, name)
	if err != nil {
		return nil, err
	}
	return &Bucket{At: at, Region: account.Config.Region, client: account.S3(), name: name, timeout: timeout}, nil
}

// Fetch implements Fetcher.
func (b *Bucket) Fetch(ctx context.Context, key string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: &key})
	if err != nil {
		return nil, b.explain(key, err)
	}
	defer out.Body.Close()
	size := aws.ToInt64(out.ContentLength)
	if size > limit {
		return nil, fmt.Errorf("get s3://%s/%s: %d bytes: %w of %d", b.name, key, size, ErrTooLarge, limit)
	}
	body := make([]byte, 0, size+1)
	for {
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
		n, err := out.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > limit:
			return nil, fmt.Errorf("get s3://%s/%s: %w of %d", b.name, key, ErrTooLarge, limit)
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, b.explain(key, err)
		}
	}
}

// explain makes a sentence of an error of S3.
func (b *Bucket) explain(key string, err error) error {
	at := amazon.Place{Bucket: b.name, Key: key}
	said := amazon.Explain("get "+at.String(), at, err)
	switch amazon.Code(err) {
	case "NoSuchKey", "NotFound":
		return fmt.Errorf("get %v: %w", at, ErrNotFound)
	case "NoSuchBucket":
		return fmt.Errorf("%w: %w", said, ErrNotFound)
	}
	return said
}
