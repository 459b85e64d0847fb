package aws

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/sorting"
)

// A training job whose output is not compressed leaves objects under a prefix
// instead of one archive. They are pinned together: the ETag of a pinned
// prefix is the digest of the names, ETags and sizes of all of them. Fetched,
// they are packed into the archive that the job did not write, always into the
// same bytes.

// prefixMark begins the ETag of a pinned prefix; S3's own begin with a quote.
const prefixMark = "prefix-"

// folder is what lies under a prefix.
type folder struct {
	prefix  string
	objects []types.Object // by key
	bytes   int64
}

// isPrefix tells whether a key can only be a prefix, mayBePrefix whether it
// could be one: SageMaker does not always write the slash.
func isPrefix(key string) bool    { return strings.HasSuffix(key, "/") }
func mayBePrefix(key string) bool { return !strings.HasSuffix(key, ".gz") }

// look lists a folder. One with nothing in it is ErrNotFound.
func (a *Artifacts) look(ctx context.Context, bucket, key string) (*folder, error) {
	f := &folder{prefix: strings.TrimSuffix(key, "/") + "/"}
	at := place{Bucket: bucket, Key: f.prefix, Given: true}
	most := release.DefaultLimits().Files
	ctx, cancel := context.WithTimeout(ctx, a.client.timeout)
	defer cancel()
	out, err := a.client.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &f.prefix, MaxKeys: aws.Int32(int32(most) + 1)})
	if err == nil && out.Name == nil {
		err = errNotS3
	}
	if err != nil {
		return nil, explain("list the artifact", at, err)
	}
	if len(out.Contents) > most {
		return nil, fmt.Errorf("%v holds more than %d objects, so it is no artifact: name the folder of the model: %w", at, most, controller.ErrTooLarge)
	}
	for _, o := range out.Contents {
		if o.ETag == nil || o.Key == nil {
			return nil, explain("list the artifact", at, errNotS3)
		}
		if !isPrefix(*o.Key) { // consoles make empty objects for folders
			f.objects, f.bytes = append(f.objects, o), f.bytes+aws.ToInt64(o.Size)
		}
	}
	if len(f.objects) == 0 {
		return nil, fmt.Errorf("look at %v: %w", at, controller.ErrNotFound)
	}
	sorting.By(f.objects, func(a, b *types.Object) int { return cmp.Compare(*a.Key, *b.Key) })
	return f, nil
}

// etag pins all objects at once.
func (f *folder) etag() string {
	sum := sha256.New()
	for _, o := range f.objects {
		fmt.Fprintf(sum, "%q %q %d\n", *o.Key, *o.ETag, aws.ToInt64(o.Size))
	}
	return prefixMark + hex.EncodeToString(sum.Sum(nil))
}

// pinPrefix is Pin for a prefix.
func (a *Artifacts) pinPrefix(ctx context.Context, source release.Source) (release.Source, int64, error) {
	f, err := a.look(ctx, source.Bucket, source.Key)
	if err != nil {
		return source, 0, err
	}
	source.VersionID, source.ETag = "", f.etag()
	return source, f.bytes, nil
}

// fetchPrefix is Fetch for a prefix. limit holds for the objects together.
func (a *Artifacts) fetchPrefix(ctx context.Context, pinned release.Source, limit int64) ([]byte, error) {
	at := place{Bucket: pinned.Bucket, Key: pinned.Key}
	f, err := a.look(ctx, pinned.Bucket, pinned.Key)
	if err == nil && f.etag() != pinned.ETag || errors.Is(err, controller.ErrNotFound) {
		return nil, fmt.Errorf("fetch %v: %w", at, controller.ErrChanged)
	}
	if err != nil {
		return nil, err
	}
	if f.bytes > limit {
		return nil, fmt.Errorf("fetch %v: %d bytes, more than %d: %w", at, f.bytes, limit, controller.ErrTooLarge)
	}
	files := map[string][]byte{}
	for _, o := range f.objects {
		body, err := a.Fetch(ctx, release.Source{Bucket: pinned.Bucket, Key: *o.Key, ETag: *o.ETag}, limit)
		if err != nil {
			return nil, err
		}
		files[strings.TrimPrefix(*o.Key, f.prefix)] = body
	}
	archive, err := release.Pack(files)
	if err != nil {
		return nil, fmt.Errorf("pack %v: %w: give its objects shorter names", at, err)
	}
	return archive, nil
}
