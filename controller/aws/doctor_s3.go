package aws

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/sluicehq/sluice/amazon"
	"github.com/sluicehq/sluice/controller/doctor"
)

// What only an examination asks about a bucket is asked by hand, as EC2 is: the
// SDK's calls would make the program a quarter of a megabyte larger.

// maxSetting bounds what a bucket says of one of its settings, in bytes.
const maxSetting = 1 << 20

// versioningOf is Enabled, Suspended, or empty where it never was on.
func (c *Client) versioningOf(ctx context.Context, bucket string) (string, error) {
	var said struct{ Status string }
	if err := c.askS3(ctx, http.MethodGet, bucket, "", "versioning=", &said); err != nil {
		return "", &smithy.OperationError{ServiceID: amazon.S3, OperationName: "GetBucketVersioning", Err: err}
	}
	return said.Status, nil
}

// lifecycleRule is one as S3 tells it. Rules of before 2016 have their prefix
// outside of the filter.
type lifecycleRule struct {
	ID, Status, Prefix string
	Filter             struct {
		Prefix                                         string
		Tag, ObjectSizeGreaterThan, ObjectSizeLessThan *struct{}
		And                                            *struct{ Prefix string }
	}
	Expiration struct {
		Days, Date string
	}
	NoncurrentVersionExpiration *struct{}
}

// lifecycleOf are the rules in force.
func (c *Client) lifecycleOf(ctx context.Context, bucket string) ([]doctor.Rule, error) {
	var said struct {
		Rules []lifecycleRule `xml:"Rule"`
	}
	if err := c.askS3(ctx, http.MethodGet, bucket, "", "lifecycle=", &said); err != nil {
		return nil, &smithy.OperationError{ServiceID: amazon.S3, OperationName: "GetBucketLifecycleConfiguration", Err: err}
	}
	all := []doctor.Rule{}
	for _, r := range said.Rules {
		if r.Status != "Enabled" {
			continue
		}
		rule := doctor.Rule{
			Name: r.ID, Prefix: r.Prefix + r.Filter.Prefix, Earlier: r.NoncurrentVersionExpiration != nil,
			Current: r.Expiration.Days != "" || r.Expiration.Date != "",
			Partly:  r.Filter.Tag != nil || r.Filter.ObjectSizeGreaterThan != nil || r.Filter.ObjectSizeLessThan != nil,
		}
		if r.Filter.And != nil { // a prefix with one of the others
			rule.Prefix, rule.Partly = r.Filter.And.Prefix, true
		}
		all = append(all, rule)
	}
	return all, nil
}

// lockOf is the bucket's object lock.
func (c *Client) lockOf(ctx context.Context, bucket string) (*doctor.Lock, error) {
	var said struct {
		Retention *struct{ Mode, Days, Years string } `xml:"Rule>DefaultRetention"`
	}
	if err := c.askS3(ctx, http.MethodGet, bucket, "", "object-lock=", &said); err != nil {
		return nil, &smithy.OperationError{ServiceID: amazon.S3, OperationName: "GetObjectLockConfiguration", Err: err}
	}
	switch r := said.Retention; {
	case r == nil:
		return &doctor.Lock{}, nil
	case r.Years != "":
		return &doctor.Lock{Retained: fmt.Sprintf("%s years in mode %s", r.Years, r.Mode)}, nil
	default:
		return &doctor.Lock{Retained: fmt.Sprintf("%s days in mode %s", r.Days, r.Mode)}, nil
	}
}

// deleteObject deletes an object, or a version of it.
func (c *Client) deleteObject(ctx context.Context, in *s3.DeleteObjectInput) error {
	query := url.Values{}
	if in.VersionId != nil {
		query.Set("versionId", *in.VersionId)
	}
	if err := c.askS3(ctx, http.MethodDelete, *in.Bucket, *in.Key, query.Encode(), nil); err != nil {
		return &smithy.OperationError{ServiceID: amazon.S3, OperationName: "DeleteObject", Err: err}
	}
	return nil
}

// askS3 makes one attempt. The key is of letters that need no escape.
func (c *Client) askS3(ctx context.Context, method, bucket, key, query string, into any) error {
	at, err := c.account.Store(ctx, bucket)
	if err != nil {
		return err
	}
	ask, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(at.URL, "/")+"/"+key, nil)
	if err != nil {
		return err
	}
	if ask.URL.RawQuery = query; key == "" && ask.URL.Path != "/" { // the bucket is in the path
		ask.URL.Path = strings.TrimSuffix(ask.URL.Path, "/")
	}
	who, err := c.account.Config.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("get identity: get credentials: %w", err) // as the SDK has it
	}
	sum := sha256.Sum256(nil)
	nothing := hex.EncodeToString(sum[:])
	ask.Header.Set("X-Amz-Content-Sha256", nothing)
	if err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).SignHTTP(ctx, who, ask, nothing, "s3", c.account.Config.Region, time.Now()); err != nil {
		return err
	}
	answer, said, err := c.once(ask, maxSetting)
	if err != nil {
		return err
	}
	if answer.StatusCode == http.StatusNoContent && into == nil {
		return nil
	}
	if answer.StatusCode == http.StatusOK && into != nil {
		if err := xml.Unmarshal(said, into); err != nil {
			return &smithy.DeserializationError{Err: err}
		}
		return nil
	}
	var why struct{ Code, Message string }
	if err := xml.Unmarshal(said, &why); err != nil || why.Code == "" {
		return &smithy.DeserializationError{Err: fmt.Errorf("status %s", answer.Status)}
	}
	return &smithy.GenericAPIError{Code: why.Code, Message: why.Message}
}
