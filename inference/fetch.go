package inference

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
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
			return nil, fmt.Errorf("read s3://%s/%s: %w", b.name, key, err)
		}
	}
}

// explain adds to an error of S3 what would help.
func (b *Bucket) explain(key string, err error) error {
	var api smithy.APIError
	var broken *url.Error
	switch {
	case errors.As(err, &api):
	case errors.As(err, &broken):
		return fmt.Errorf("get s3://%s/%s: %w", b.name, key, broken.Err)
	case strings.Contains(err.Error(), "credentials"):
		return fmt.Errorf("get s3://%s/%s: there are no AWS credentials, give the task a role", b.name, key)
	default:
		return fmt.Errorf("get s3://%s/%s: %w", b.name, key, err)
	}
	switch api.ErrorCode() {
	case "NoSuchKey", "NotFound":
		return fmt.Errorf("get s3://%s/%s: %w", b.name, key, ErrNotFound)
	case "NoSuchBucket":
		return fmt.Errorf("get s3://%s/%s: there is no such bucket, see --bucket: %w", b.name, key, ErrNotFound)
	case "AccessDenied", "SignatureDoesNotMatch", "InvalidAccessKeyId":
		return fmt.Errorf("get s3://%s/%s: credentials are refused, allow the task role s3:GetObject: %w", b.name, key, api)
	}
	return fmt.Errorf("get s3://%s/%s: %w", b.name, key, api) // without the request and its retries
}
