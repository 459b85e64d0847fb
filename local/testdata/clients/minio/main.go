// Command minio is an ordinary day's work of minio-go.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
	"github.com/minio/minio-go/v7/pkg/tags"
)

const bucket = "minio"

func main() {
	endpoint := strings.TrimPrefix(os.Getenv("AWS_ENDPOINT_URL"), "http://")
	c, err := minio.New(endpoint, &minio.Options{Creds: credentials.NewEnvAWS(), Region: os.Getenv("AWS_REGION"), TrailingHeaders: true})
	if err == nil {
		err = day(context.Background(), c)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("minio-go works")
}

func day(ctx context.Context, c *minio.Client) error {
	if err := c.MakeBucket(ctx, bucket, minio.MakeBucketOptions{Region: os.Getenv("AWS_REGION")}); err != nil {
		return fmt.Errorf("make bucket: %w", err)
	}
	if err := c.EnableVersioning(ctx, bucket); err != nil {
		return fmt.Errorf("enable versioning: %w", err)
	}
	for _, step := range []struct {
		name string
		do   func(context.Context, *minio.Client) error
	}{
		{"sizes", sizes}, {"versions", versions}, {"conditions", conditions}, {"compose", compose}, {"settings", settings}, {"presign", presign}, {"empty", empty},
	} {
		if err := step.do(ctx, c); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

func put(ctx context.Context, c *minio.Client, key string, body []byte, o minio.PutObjectOptions) (minio.UploadInfo, error) {
	return c.PutObject(ctx, bucket, key, bytes.NewReader(body), int64(len(body)), o)
}

func get(ctx context.Context, c *minio.Client, key string, o minio.GetObjectOptions) ([]byte, error) {
	r, err := c.GetObject(ctx, bucket, key, o)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// sizes go by every way that the client has: chunks that are signed one by
// one, with and without a trailer, in parts, and of unknown length.
func sizes(ctx context.Context, c *minio.Client) error {
	for _, size := range []int{0, 1, 1 << 10, 200 << 10, 12 << 20} {
		body := make([]byte, size)
		_, _ = rand.Read(body)
		for name, o := range map[string]minio.PutObjectOptions{
			"plain": {}, "crc32c": {Checksum: minio.ChecksumCRC32C}, "crc64": {Checksum: minio.ChecksumFullObjectCRC32}, "md5": {SendContentMd5: true},
			"parts": {PartSize: 5 << 20, ContentType: "application/x-day", UserMetadata: map[string]string{"By": "minio"}},
		} {
			key := fmt.Sprintf("sizes/%s-%d", name, size)
			if _, err := put(ctx, c, key, body, o); err != nil {
				return fmt.Errorf("put %s: %w", key, err)
			}
			if have, err := get(ctx, c, key, minio.GetObjectOptions{}); err != nil || !bytes.Equal(have, body) {
				return fmt.Errorf("get %s: %d bytes, %w", key, len(have), err)
			}
		}
		if _, err := c.PutObject(ctx, bucket, "sizes/unknown", bytes.NewReader(body), -1, minio.PutObjectOptions{PartSize: 5 << 20}); err != nil {
			return fmt.Errorf("put of unknown size: %w", err)
		}
	}
	count := 0
	for o := range c.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: "sizes/", Recursive: true, MaxKeys: 7}) {
		if o.Err != nil {
			return o.Err
		}
		count++
	}
	if count != 26 {
		return fmt.Errorf("%d objects listed", count)
	}
	return nil
}

func versions(ctx context.Context, c *minio.Client) error {
	good, err := put(ctx, c, "model", []byte("good"), minio.PutObjectOptions{})
	if err != nil {
		return err
	}
	if _, err := put(ctx, c, "model", []byte("damaged"), minio.PutObjectOptions{}); err != nil {
		return err
	}
	if _, err := c.CopyObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: "model"}, minio.CopySrcOptions{Bucket: bucket, Object: "model", VersionID: good.VersionID}); err != nil {
		return err
	}
	if have, err := get(ctx, c, "model", minio.GetObjectOptions{}); err != nil || string(have) != "good" {
		return fmt.Errorf("restored %q: %w", have, err)
	}
	return nil
}

func conditions(ctx context.Context, c *minio.Client) error {
	var o minio.PutObjectOptions
	o.SetMatchETagExcept("*")
	if _, err := put(ctx, c, "model", []byte("x"), o); minio.ToErrorResponse(err).Code != "PreconditionFailed" {
		return fmt.Errorf("overwritten: %w", err)
	}
	_, err := c.CopyObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: "copy"}, minio.CopySrcOptions{Bucket: bucket, Object: "model", MatchETag: "else"})
	if minio.ToErrorResponse(err).Code != "PreconditionFailed" {
		return fmt.Errorf("copied: %w", err)
	}
	return nil
}

func compose(ctx context.Context, c *minio.Client) error {
	from := minio.CopySrcOptions{Bucket: bucket, Object: "sizes/plain-12582912"}
	info, err := c.ComposeObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: "composed"}, from, from)
	if err != nil {
		return err
	}
	if stat, err := c.StatObject(ctx, bucket, "composed", minio.StatObjectOptions{}); err != nil || stat.Size != 24<<20 {
		return fmt.Errorf("%d bytes of %s: %w", stat.Size, info.ETag, err)
	}
	return nil
}

func settings(ctx context.Context, c *minio.Client) error {
	rules := lifecycle.NewConfiguration()
	rules.Rules = []lifecycle.Rule{{ID: "old", Status: "Enabled", Expiration: lifecycle.Expiration{Days: 30}, RuleFilter: lifecycle.Filter{Prefix: "looks/"}}}
	if err := c.SetBucketLifecycle(ctx, bucket, rules); err != nil {
		return err
	}
	if kept, err := c.GetBucketLifecycle(ctx, bucket); err != nil || kept.Rules[0].RuleFilter.Prefix != "looks/" {
		return fmt.Errorf("lifecycle %v: %w", kept, err)
	}
	t, err := tags.MapToObjectTags(map[string]string{"team": "ads"})
	if err != nil {
		return err
	}
	if err := c.PutObjectTagging(ctx, bucket, "model", t, minio.PutObjectTaggingOptions{}); err != nil {
		return err
	}
	kept, err := c.GetObjectTagging(ctx, bucket, "model", minio.GetObjectTaggingOptions{})
	if err != nil || kept.ToMap()["team"] != "ads" {
		return fmt.Errorf("tags %v: %w", kept, err)
	}
	return nil
}

func presign(ctx context.Context, c *minio.Client) error {
	u, err := c.PresignedGetObject(ctx, bucket, "model", time.Minute, url.Values{})
	if err != nil {
		return err
	}
	resp, err := http.Get(u.String())
	if err != nil {
		return err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != "good" {
		return fmt.Errorf("%d %q: %w", resp.StatusCode, body, err)
	}
	return resp.Body.Close()
}

func empty(ctx context.Context, c *minio.Client) error {
	for e := range c.RemoveObjects(ctx, bucket, c.ListObjects(ctx, bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}), minio.RemoveObjectsOptions{}) {
		return e.Err
	}
	return c.RemoveBucket(ctx, bucket)
}
