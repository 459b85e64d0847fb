package aws

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sluicehq/sluice/amazon"
	"github.com/sluicehq/sluice/content"
	"github.com/sluicehq/sluice/controller"
)

// maxBeside bounds the objects that are looked through for fleet files: one
// page of a listing.
const maxBeside = 1000

var _ controller.FleetFiles = (*FleetFiles)(nil)

// FleetFiles are the objects under a prefix that end in .yaml, or one object. To
// list them is one call, which tells of each whether it has changed: what has
// not is not fetched again.
type FleetFiles struct {
	client         *Client
	bucket, prefix string
	etags          map[string]string // by key, as listed last
	known          map[string]object // what was fetched, by key
}

type object struct {
	etag string
	body []byte
}

// FleetFiles are those of an address such as s3://bucket/fleets/, or
// s3://bucket/ads.yaml for one.
func (c *Client) FleetFiles(address string) (*FleetFiles, error) {
	bucket, key, err := ParseURL(address)
	if err == nil {
		err = amazon.CheckSource(bucket)
	}
	if err != nil {
		return nil, fmt.Errorf("the place of the fleet files: %w", err)
	}
	return &FleetFiles{client: c, bucket: bucket, prefix: key, known: map[string]object{}}, nil
}

func (f *FleetFiles) at(key string) place { return place{Bucket: f.bucket, Key: key, Given: true} }

func (f *FleetFiles) name(key string) string { return controller.S3Prefix + f.bucket + "/" + key }

// List implements controller.FleetFiles.
func (f *FleetFiles) List(ctx context.Context) (names []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, f.client.timeout)
	defer cancel()
	const doing = "list the fleet files"
	out, err := f.client.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &f.bucket, Prefix: &f.prefix, MaxKeys: aws.Int32(maxBeside)})
	if err == nil && out.Name == nil {
		err = errNotS3
	}
	if err != nil {
		return nil, explain(doing, f.at(f.prefix), err)
	}
	one := f.prefix != "" && !isPrefix(f.prefix)
	f.etags = map[string]string{}
	for _, o := range out.Contents {
		key := aws.ToString(o.Key)
		if one && key != f.prefix {
			continue
		}
		f.etags[key] = aws.ToString(o.ETag)
		if one || strings.HasSuffix(key, ".yaml") {
			names = append(names, f.name(key))
		}
	}
	maps.DeleteFunc(f.known, func(key string, _ object) bool { return f.etags[key] == "" })
	switch {
	case one && len(names) == 0:
		return nil, fmt.Errorf("%s: there is no %v: name an object, or with a slash at its end a folder of *.yaml objects", doing, f.at(f.prefix))
	case one:
	case aws.ToBool(out.IsTruncated):
		return nil, fmt.Errorf("%s: more than %d objects lie in %v: give fleet files a folder of their own", doing, maxBeside, f.at(f.prefix))
	case len(names) == 0:
		return nil, fmt.Errorf("%s: no *.yaml object lies in %v: put one per fleet there, or name another place with --fleets", doing, f.at(f.prefix))
	}
	slices.Sort(names)
	return names, nil
}

// Read implements controller.FleetFiles.
func (f *FleetFiles) Read(ctx context.Context, name string, limit int) ([]byte, error) {
	if !strings.HasPrefix(name, controller.S3Prefix) {
		return content.Read(name, limit)
	}
	bucket, key, err := ParseURL(name)
	if err != nil {
		return nil, err
	}
	listed := bucket == f.bucket && f.etags[key] != ""
	if known := f.known[key]; listed && known.etag == f.etags[key] {
		return known.body, nil
	}
	at := place{Bucket: bucket, Key: key, Given: true}
	body, etag, err := f.client.read(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key}, int64(limit))
	if missing(err) {
		return nil, fmt.Errorf("there is no %v", at)
	}
	if err != nil {
		return nil, explain("read", at, err)
	}
	if listed {
		f.known[key] = object{etag, body}
	}
	return body, nil
}
