package local

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/local/s3"
)

// checkPresignedV2 checks a URL that is signed by the older version 2, as
// boto3 makes them for us-east-1, and s3cmd everywhere.
func (c credentials) checkPresignedV2(r *http.Request, now time.Time) *s3.Error {
	query := r.URL.Query()
	expires, err := strconv.ParseInt(query.Get("Expires"), 10, 64)
	switch {
	case err != nil:
		return denied(http.StatusForbidden, "AccessDenied", "Invalid date (should be seconds since epoch): "+query.Get("Expires"))
	case now.Unix() > expires:
		return denied(http.StatusForbidden, "AccessDenied", "Request has expired", "Expires", time.Unix(expires, 0).UTC().Format(time.RFC3339), "ServerTime", now.UTC().Format(time.RFC3339))
	case query.Get("AWSAccessKeyId") != c.accessKey:
		return denied(http.StatusForbidden, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."+wayOut)
	}
	toSign := strings.Join([]string{r.Method, r.Header.Get("Content-Md5"), r.Header.Get("Content-Type"), query.Get("Expires"), amzHeaders(r) + resource(r)}, "\n")
	h := hmac.New(sha1.New, []byte(c.secretKey))
	h.Write([]byte(toSign))
	if made := base64.StdEncoding.EncodeToString(h.Sum(nil)); subtle.ConstantTimeCompare([]byte(made), []byte(query.Get("Signature"))) != 1 {
		return denied(http.StatusForbidden, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. Check your key and signing method."+wayOut, "StringToSign", toSign)
	}
	return nil
}

// amzHeaders are those that version 2 signs, one a line.
func amzHeaders(r *http.Request) string {
	var lines []string
	for name, values := range r.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") {
			lines = append(lines, lower+":"+strings.Join(values, ",")+"\n")
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// resource is the path as it was sent, and what of the query version 2 signs.
func resource(r *http.Request) string {
	signed := []string{
		"acl", "accelerate", "analytics", "cors", "delete", "inventory", "lifecycle", "location", "logging", "metrics", "notification",
		"object-lock", "legal-hold", "retention", "partNumber", "policy", "replication", "requestPayment", "restore", "tagging", "torrent",
		"uploadId", "uploads", "versionId", "versioning", "versions", "website", "encryption",
		"response-cache-control", "response-content-disposition", "response-content-encoding", "response-content-language", "response-content-type", "response-expires",
	}
	var parts []string
	for name, values := range r.URL.Query() {
		if !slices.Contains(signed, name) {
			continue
		}
		if values[0] != "" {
			name += "=" + values[0]
		}
		parts = append(parts, name)
	}
	slices.Sort(parts)
	path := r.URL.EscapedPath()
	if bucket, ok := s3.BucketOfHost(r.Host); ok {
		path = "/" + bucket + path
	}
	if len(parts) == 0 {
		return path
	}
	return path + "?" + strings.Join(parts, "&")
}
