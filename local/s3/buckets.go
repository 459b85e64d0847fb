package s3

import (
	"encoding/xml"
	"net/http"
	"regexp"
	"strings"

	"github.com/sluicehq/sluice/amazon"
)

func (s *Store) arn(bucket string) string {
	return "arn:" + amazon.Partition(s.region) + ":s3:::" + bucket
}

func (s *Store) listBuckets(q *request) error {
	most, err := q.number("max-buckets", maxBuckets, 1, maxBuckets)
	if err != nil {
		return err
	}
	prefix, after := q.query.Get("prefix"), ""
	if raw := q.query.Get("continuation-token"); raw != "" {
		if after, err = readToken(raw); err != nil {
			return err
		}
	}
	region := q.query.Get("bucket-region")
	d := newDocument("ListAllMyBucketsResult")
	d.owner("Owner", s.account)
	d.open("Buckets")
	count, last, more := 0, "", false
	err = s.view(func(ix index) error {
		return ix.eachBucket(func(name string, b bucketRecord) error {
			switch {
			case name <= after || !strings.HasPrefix(name, prefix) || region != "" && region != s.region || more:
				return nil
			case count == most:
				more = true
				return nil
			}
			count, last = count+1, name
			d.open("Bucket")
			d.text("Name", name)
			d.time("CreationDate", b.Created)
			d.text("BucketRegion", s.region)
			d.close("Bucket")
			return nil
		})
	})
	if err != nil {
		return err
	}
	d.close("Buckets")
	d.optional("Prefix", prefix)
	if more {
		d.text("ContinuationToken", token(last))
	}
	return d.send(q)
}

// maxBuckets is AWS's bound on one answer, and ours on the buckets.
const maxBuckets = 10_000

var (
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	address    = regexp.MustCompile(`^\d+\.\d+\.\d+\.\d+$`)
)

func checkBucketName(name string) error {
	if !bucketName.MatchString(name) || strings.Contains(name, "..") || address.MatchString(name) || strings.HasPrefix(name, "xn--") || strings.HasSuffix(name, "--x-s3") {
		return refuse(http.StatusBadRequest, "InvalidBucketName", "The specified bucket is not valid: 3 to 63 lower-case letters, digits, dots and hyphens.").with("BucketName", name)
	}
	return nil
}

func (s *Store) createBucket(q *request) error {
	if err := checkBucketName(q.bucket); err != nil {
		return err
	}
	var in struct {
		XMLName            xml.Name `xml:"CreateBucketConfiguration"`
		LocationConstraint string   `xml:"LocationConstraint"`
		Location           *struct {
			Type string `xml:"Type"`
		} `xml:"Location"`
		Tags []tag `xml:"Tags>Tag"`
	}
	raw, err := q.document(false)
	if err != nil {
		return err
	}
	if len(raw) > 0 {
		if err := decodeXML(raw, &in); err != nil {
			return err
		}
	}
	if in.Location != nil {
		return notImplemented("directory buckets are not served on this machine")
	}
	if err := s.checkLocation(in.LocationConstraint); err != nil {
		return err
	}
	if err := checkTags(in.Tags, maxBucketTags); err != nil {
		return err
	}
	ownership, err := ownershipOf(q.header)
	if err != nil {
		return err
	}
	err = s.update("create bucket", func(ix index) error {
		if _, err := ix.bucket(q.bucket); err == nil {
			return refuse(http.StatusConflict, "BucketAlreadyOwnedByYou",
				"Your previous request to create the named bucket succeeded and you already own it.").with("BucketName", q.bucket)
		}
		return ix.putBucket(q.bucket, bucketRecord{Created: s.now(), Tags: in.Tags, Settings: ownership})
	})
	if err != nil {
		return err
	}
	q.w.Header().Set("Location", "/"+q.bucket)
	q.w.Header().Set("X-Amz-Bucket-Arn", s.arn(q.bucket))
	return q.empty(http.StatusOK)
}

// defaultRegion is the one that S3 does not name.
const defaultRegion = "us-east-1"

func (s *Store) checkLocation(constraint string) error {
	switch {
	case constraint == defaultRegion:
		return refuse(http.StatusBadRequest, "InvalidLocationConstraint", "The specified location-constraint is not valid").with("LocationConstraint", constraint)
	case constraint == s.region, constraint == "" && s.region == defaultRegion:
		return nil
	case constraint == "":
		constraint = "unspecified"
	}
	return refuse(http.StatusBadRequest, "IllegalLocationConstraintException",
		"The %s location constraint is incompatible for the region specific endpoint this request was sent to, which is %s's.", constraint, s.region)
}

func (s *Store) headBucket(q *request) error {
	if _, err := s.bucketOf(q); err != nil {
		return err
	}
	q.w.Header().Set("X-Amz-Bucket-Region", s.region)
	q.w.Header().Set("X-Amz-Bucket-Arn", s.arn(q.bucket))
	q.w.Header().Set("X-Amz-Access-Point-Alias", "false")
	q.w.Header().Set("Content-Type", "application/xml")
	return q.empty(http.StatusOK)
}

func (s *Store) deleteBucket(q *request) error {
	var gone []string
	err := s.update("delete bucket", func(ix index) (err error) {
		if _, err := ix.bucket(q.bucket); err != nil {
			return err
		}
		if !ix.empty(q.bucket) {
			return refuse(http.StatusConflict, "BucketNotEmpty",
				"The bucket you tried to delete is not empty. You must delete all versions in the bucket.").with("BucketName", q.bucket)
		}
		if gone, err = ix.endAll(q.bucket); err != nil {
			return err
		}
		return ix.deleteBucket(q.bucket)
	})
	if err != nil {
		return err
	}
	s.removeFiles(gone)
	return q.empty(http.StatusNoContent)
}

func (s *Store) getLocation(q *request) error {
	if _, err := s.bucketOf(q); err != nil {
		return err
	}
	d := newDocument("LocationConstraint")
	if s.region != defaultRegion {
		d.escape(s.region)
	}
	return d.send(q)
}

func (s *Store) getVersioning(q *request) error {
	b, err := s.bucketOf(q)
	if err != nil {
		return err
	}
	d := newDocument("VersioningConfiguration")
	d.optional("Status", b.Versioning)
	return d.send(q)
}

func (s *Store) putVersioning(q *request) error {
	var in struct {
		XMLName   xml.Name `xml:"VersioningConfiguration"`
		Status    string   `xml:"Status"`
		MFADelete string   `xml:"MfaDelete"`
	}
	if err := q.read(&in, false); err != nil {
		return err
	}
	switch {
	case in.MFADelete == enabled:
		return notImplemented("deleting by MFA is not served on this machine")
	case in.Status != enabled && in.Status != suspended:
		return refuse(http.StatusBadRequest, "IllegalVersioningConfigurationException", "The Versioning element must be specified")
	}
	return s.change(q, func(b *bucketRecord) error {
		b.Versioning = in.Status
		return nil
	})
}

// change rewrites what is known of a bucket, and answers.
func (s *Store) change(q *request, f func(*bucketRecord) error) error {
	err := s.update("change bucket", func(ix index) error {
		b, err := ix.bucket(q.bucket)
		if err != nil {
			return err
		}
		if err := f(&b); err != nil {
			return err
		}
		return ix.putBucket(q.bucket, b)
	})
	if err != nil {
		return err
	}
	if q.r.Method == http.MethodDelete {
		return q.empty(http.StatusNoContent)
	}
	return q.empty(http.StatusOK)
}
