package amazon

import (
	"fmt"
	"strings"
)

// CheckBucket refuses buckets that cannot keep what controllers and tasks share:
// what is written must be read as it was written, on a condition, and an earlier
// version must be there to be restored. Whether there is such a bucket AWS says.
func CheckBucket(bucket string) error {
	if says := unusable(bucket); says != "" {
		return fmt.Errorf("--bucket %s %s", bucket, says)
	}
	if multiRegion(bucket) {
		return fmt.Errorf("--bucket %s is a multi-region access point, and may answer from a copy that is behind: name the bucket itself, or an access point of one region", bucket)
	}
	return nil
}

// CheckSource refuses buckets from which no artifact can be taken. Those that
// several regions answer for are fine: an artifact is pinned to its bytes.
func CheckSource(bucket string) error {
	if says := unusable(bucket); says != "" {
		return fmt.Errorf("bucket %s %s", bucket, says)
	}
	return nil
}

// unusable says what kind of a bucket it is that Sluice cannot use; empty for
// all others.
func unusable(bucket string) string {
	service, resource := "", ""
	if isARN(bucket) {
		parts := strings.SplitN(bucket, ":", 6)
		if len(parts) < 6 {
			return "is no ARN: want one such as arn:aws:s3:eu-west-1:123456789012:accesspoint/models, or the name of a bucket"
		}
		service, resource = parts[2], parts[5]
	}
	switch {
	case service == "s3express", strings.HasSuffix(bucket, "--x-s3"), strings.HasSuffix(bucket, "--xa-s3"):
		return "is a directory bucket of S3 Express, which keeps no versions: name a general purpose bucket"
	case service == "s3-object-lambda", strings.HasSuffix(bucket, "--ol-s3"):
		return "is an access point of Object Lambda, which answers with what a function makes of an object: name the bucket or access point behind it"
	case service == "s3-outposts":
		return "is on an Outpost, where S3 writes nothing on a condition: name a bucket of the region"
	case service == "s3tables", strings.HasSuffix(bucket, "--table-s3"):
		return "is a bucket of tables, which holds no other objects: name a general purpose bucket"
	case service != "" && service != "s3":
		return "is an ARN of " + service + ", and not of S3: name a bucket"
	case service == "s3" && accessPoint(resource) == "":
		return fmt.Sprintf("is the ARN of a bucket, which S3 does not take in its place: call it %q, or name an access point's", strings.TrimSuffix(resource, "/"))
	case strings.HasPrefix(bucket, "s3:"), service == "" && strings.Contains(bucket, "/"):
		return "is an address: name the bucket alone, without s3:// and what lies in it"
	}
	return ""
}

// accessPoint is the name of an access point by the last part of its ARN; empty
// where that is none.
func accessPoint(resource string) string {
	for _, kind := range []string{"accesspoint/", "accesspoint:"} {
		if name, ok := strings.CutPrefix(resource, kind); ok && !strings.ContainsAny(name, "/:") {
			return name
		}
	}
	return ""
}

// multiRegion reports whether several regions answer for a bucket.
func multiRegion(bucket string) bool { return isARN(bucket) && strings.HasSuffix(bucket, ".mrap") }

// SplitURL splits an address such as s3://bucket/some/key. A bucket may be the
// ARN of an access point, which has a slash or a colon of its own.
func SplitURL(address string) (bucket, key string, ok bool) {
	rest, ok := strings.CutPrefix(address, "s3://")
	from := 0
	if at := strings.Index(rest, ":accesspoint"); isARN(rest) && at > 0 {
		from = at + len(":accesspoint/")
	}
	if from > len(rest) {
		return rest, "", ok
	}
	name, key, _ := strings.Cut(rest[from:], "/")
	return rest[:from] + name, key, ok
}
