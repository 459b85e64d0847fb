package local

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/sluicehq/sluice/amazon"
	"github.com/sluicehq/sluice/local/awsjson"
)

// maxSkew is how far a caller's clock may be off, as on AWS.
const maxSkew = 15 * time.Minute

// credentials are the pair that callers must sign with.
type credentials struct{ accessKey, secretKey string }

// refusal is why a request is not let in.
type refusal struct {
	status        int
	code, message string
}

func refused(code, message string) *refusal {
	return &refusal{http.StatusForbidden, code, message}
}

const wayOut = " This server takes the pair that it was started with (--access-key and --secret-key)."

// checkJSON signs the request again with the SDK's own signer and compares.
// The body is read for it and put back.
func (c credentials) checkJSON(r *http.Request) *refusal {
	a, ok := parseAuthorization(r.Header.Get("Authorization"))
	if !ok {
		return refused("MissingAuthenticationTokenException", "The request is not signed with AWS4-HMAC-SHA256.")
	}
	signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || !slices.Contains(a.headers, "x-amz-date") || !slices.Contains(a.headers, "host") {
		return refused("IncompleteSignatureException", "The signature must cover the headers host and x-amz-date.")
	}
	if skew := time.Since(signed).Abs(); skew > maxSkew {
		return refused("InvalidSignatureException", "Signature expired: the caller's clock and this one differ by "+skew.Round(time.Second).String()+"; set the caller's clock.")
	}
	if a.accessKey != c.accessKey {
		return refused("UnrecognizedClientException", "The access key "+a.accessKey+" is unknown."+wayOut)
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, awsjson.MaxBodyBytes))
	if err != nil {
		return refused("SerializationException", "read request: "+err.Error())
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if again := c.sign(r, a, body, signed); subtle.ConstantTimeCompare([]byte(again), []byte(a.signature)) != 1 {
		return refused("InvalidSignatureException", "The request signature we calculated does not match the signature you provided."+wayOut)
	}
	return nil
}

// authorization is the Authorization header, taken apart.
type authorization struct {
	accessKey, date, region, service string
	headers                          []string // signed ones, lower case
	signature                        string
}

func parseAuthorization(header string) (authorization, bool) {
	rest, ok := strings.CutPrefix(header, "AWS4-HMAC-SHA256 ")
	if !ok {
		return authorization{}, false
	}
	var a authorization
	for _, part := range strings.Split(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			scope := strings.Split(value, "/")
			if len(scope) != 5 {
				return a, false
			}
			a.accessKey, a.date, a.region, a.service = scope[0], scope[1], scope[2], scope[3]
		case "SignedHeaders":
			a.headers = strings.Split(value, ";")
		case "Signature":
			a.signature = value
		}
	}
	return a, a.accessKey != "" && a.signature != ""
}

// sign is the signature that a request should have, over the same headers.
func (c credentials) sign(r *http.Request, a authorization, body []byte, at time.Time) string {
	again := &http.Request{Method: r.Method, URL: r.URL, Host: r.Host, Header: http.Header{}}
	for _, name := range a.headers {
		if values := r.Header.Values(name); len(values) > 0 {
			again.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	if slices.Contains(a.headers, "content-length") {
		again.ContentLength = r.ContentLength
	}
	sum := sha256.Sum256(body)
	pair := aws.Credentials{AccessKeyID: c.accessKey, SecretAccessKey: c.secretKey}
	err := v4.NewSigner().SignHTTP(r.Context(), pair, again, hex.EncodeToString(sum[:]), a.service, a.region, at)
	if err != nil {
		return ""
	}
	made, _ := parseAuthorization(again.Header.Get("Authorization"))
	return made.signature
}

// userARN names a user in the partition of the region that a request is for.
func userARN(r *http.Request, name string) string {
	a, _ := parseAuthorization(r.Header.Get("Authorization"))
	return "arn:" + amazon.Partition(a.region) + ":iam::" + account + ":user/" + name
}
