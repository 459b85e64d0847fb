package local

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/xml"
	"hash"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/signature"

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

// checkS3 leaves S3's own rules of signing to gofakes3, which knows them.
func (c credentials) checkS3(r *http.Request) *refusal {
	code := signature.V4SignVerifyWithLookup(r, func(key string) (string, bool) { return c.secretKey, key == c.accessKey })
	if code == signature.ErrNone {
		return nil
	}
	api := signature.GetAPIError(code)
	status := api.HTTPStatusCode
	if api.Code == "SignatureDoesNotMatch" || api.Code == "InvalidAccessKeyId" {
		status, api.Description = http.StatusForbidden, api.Description+wayOut
	}
	return &refusal{status, api.Code, api.Description}
}

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
	accessKey, region, service string
	headers                    []string // signed ones, lower case
	signature                  string
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
			a.accessKey, a.region, a.service = scope[0], scope[2], scope[3]
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

// withDigest lets a body fail whose content is not what the signature covers.
func withDigest(r *http.Request) {
	want := r.Header.Get("X-Amz-Content-Sha256")
	if _, err := hex.DecodeString(want); err == nil && len(want) == 2*sha256.Size && r.ContentLength > 0 {
		r.Body = &digested{ReadCloser: r.Body, hash: sha256.New(), want: want, left: r.ContentLength}
	}
}

type digested struct {
	io.ReadCloser
	hash hash.Hash
	want string
	left int64
}

// Read implements io.Reader.
func (d *digested) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	d.hash.Write(p[:n])
	if d.left -= int64(n); d.left == 0 && n > 0 && hex.EncodeToString(d.hash.Sum(nil)) != d.want {
		return 0, gofakes3.ErrBadDigest
	}
	return n, err
}

func writeS3Error(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	// The caller has gone if this fails.
	_ = xml.NewEncoder(w).Encode(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: code, Message: message})
}
