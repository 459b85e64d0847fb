package inference

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"

	"github.com/sluicehq/sluice/amazon"
)

// Bucket fetches releases from S3. This is the only file of the data plane
// that knows AWS.
type Bucket struct {
	client  *s3.Client
	name    string
	timeout time.Duration
}

// OpenBucket returns the bucket of that name, with region, credentials and
// endpoint from where the AWS SDK looks for them. It asks nothing of it yet.
// timeout bounds one Fetch.
func OpenBucket(ctx context.Context, name string, timeout time.Duration) (*Bucket, error) {
	c, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{})) // what matters is in the errors
	if err != nil {
		return nil, fmt.Errorf("load AWS settings: %w", err)
	}
	if c.Region == "" {
		return nil, errors.New("no AWS region is known; set AWS_REGION")
	}
	local := os.Getenv("AWS_ENDPOINT_URL") != "" || os.Getenv("AWS_ENDPOINT_URL_S3") != ""
	client := s3.NewFromConfig(c, func(o *s3.Options) {
		o.UsePathStyle = local
		o.DisableLogOutputChecksumValidationSkipped = true // the digest is checked, which says more
	})
	return &Bucket{client: client, name: name, timeout: timeout}, nil
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
