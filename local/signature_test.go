package local

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// exampleUpload is the upload in chunks of AWS's documentation, with its
// signatures.
func exampleUpload(t *testing.T) (*http.Request, credentials, time.Time) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://s3.amazonaws.com/examplebucket/chunkObject.txt", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 66824
	r.Header = http.Header{
		"X-Amz-Date": {"20130524T000000Z"}, "X-Amz-Storage-Class": {"REDUCED_REDUNDANCY"},
		"X-Amz-Content-Sha256": {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}, "Content-Encoding": {"aws-chunked"}, "X-Amz-Decoded-Content-Length": {"66560"},
		"Authorization": {"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request," +
			"SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class," +
			"Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"},
	}
	at := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	return r, credentials{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}, at
}

func TestSignaturesOfAWSsOwnExample(t *testing.T) {
	r, pair, at := exampleUpload(t)
	if _, refusal := pair.checkS3(r, "us-east-1", at); refusal != nil {
		t.Fatalf("%+v", refusal)
	}
	sig, refusal := parseSignature(r)
	if refusal != nil {
		t.Fatal(refusal)
	}
	chain := &seed{signature: sig, key: pair.signingKey(sig), last: sig.signature}
	for i, tt := range []struct {
		size int
		want string
	}{
		{65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"},
		{1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"},
		{0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"},
	} {
		sum := sha256.Sum256(bytes.Repeat([]byte("a"), tt.size))
		if have := chain.Chunk(sum[:]); have != tt.want {
			t.Errorf("chunk %d: %s, want %s", i, have, tt.want)
		}
	}
}

func TestWhatASignatureMustCover(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(r *http.Request)
		region string
		at     time.Duration
		code   string
	}{
		"nothing is changed":  {func(*http.Request) {}, "us-east-1", 0, ""},
		"clock":               {func(*http.Request) {}, "us-east-1", 16 * time.Minute, "RequestTimeTooSkewed"},
		"region":              {func(*http.Request) {}, "eu-central-1", 0, "AuthorizationHeaderMalformed"},
		"path":                {func(r *http.Request) { r.URL.Path += "2" }, "us-east-1", 0, "SignatureDoesNotMatch"},
		"query":               {func(r *http.Request) { r.URL.RawQuery = "acl" }, "us-east-1", 0, "SignatureDoesNotMatch"},
		"method":              {func(r *http.Request) { r.Method = http.MethodDelete }, "us-east-1", 0, "SignatureDoesNotMatch"},
		"signed header":       {func(r *http.Request) { r.Header.Set("X-Amz-Storage-Class", "STANDARD") }, "us-east-1", 0, "SignatureDoesNotMatch"},
		"header not signed":   {func(r *http.Request) { r.Header.Set("X-Amz-Tagging", "a=b") }, "us-east-1", 0, "AccessDenied"},
		"key":                 {func(r *http.Request) { replace(r, "AKIAIOSFODNN7EXAMPLE", "AKIA") }, "us-east-1", 0, "InvalidAccessKeyId"},
		"service":             {func(r *http.Request) { replace(r, "/s3/", "/ecs/") }, "us-east-1", 0, "AuthorizationHeaderMalformed"},
		"date of the scope":   {func(r *http.Request) { replace(r, "/20130524/", "/20130525/") }, "us-east-1", 0, "AuthorizationHeaderMalformed"},
		"no signature":        {func(r *http.Request) { r.Header.Del("Authorization") }, "us-east-1", 0, "AccessDenied"},
		"older signature":     {func(r *http.Request) { r.Header.Set("Authorization", "AWS key:signature") }, "us-east-1", 0, "InvalidRequest"},
		"many regions":        {func(r *http.Request) { replace(r, "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256") }, "us-east-1", 0, "NotImplemented"},
		"no digest":           {func(r *http.Request) { r.Header.Del("X-Amz-Content-Sha256") }, "us-east-1", 0, "InvalidRequest"},
		"presigned, for ever": {func(r *http.Request) { presign(r, "604801") }, "us-east-1", 0, "AuthorizationQueryParametersError"},
		"presigned, too late": {func(r *http.Request) { presign(r, "60") }, "us-east-1", time.Hour, "AccessDenied"},
		"presigned, too soon": {func(r *http.Request) { presign(r, "60") }, "us-east-1", -time.Hour, "AccessDenied"},
	} {
		r, pair, at := exampleUpload(t)
		tt.change(r)
		_, refusal := pair.checkS3(r, tt.region, at.Add(tt.at))
		if code := refusalCode(refusal != nil, func() string { return refusal.Code }); code != tt.code {
			t.Errorf("%s: %q, want %q", name, code, tt.code)
		}
	}
}

func refusalCode(is bool, code func() string) string {
	if !is {
		return ""
	}
	return code()
}

func replace(r *http.Request, old, by string) {
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, by, 1))
}

func presign(r *http.Request, expires string) {
	r.Header.Del("Authorization")
	r.URL.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
		"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=" + expires + "&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
}

// A body is compared with what was signed of it, wherever it ends.
func TestBodyIsNotTheOneThatWasSigned(t *testing.T) {
	r, pair, at := exampleUpload(t)
	r.Header.Set("X-Amz-Content-Sha256", hexSum("signed"))
	r.Body = io.NopCloser(strings.NewReader("sent"))
	sig, refusal := parseSignature(r)
	if refusal != nil {
		t.Fatal(refusal)
	}
	sum := sig.canonical(r)
	toSign := strings.Join([]string{algorithm, sig.at.Format(amzTime), sig.scope(), hexSum(sum)}, "\n")
	replace(r, sig.signature, hex.EncodeToString(mac(pair.signingKey(sig), toSign)))
	checked, refusal := pair.checkS3(r, "us-east-1", at)
	if refusal != nil {
		t.Fatalf("%+v", refusal)
	}
	if _, err := io.ReadAll(checked.Body); err == nil || !strings.Contains(err.Error(), "XAmzContentSHA256Mismatch") {
		t.Errorf("%v", err)
	}
}

// boto3 and s3cmd sign URLs by version 2.
func TestURLsOfVersion2(t *testing.T) {
	pair := credentials{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
	const good = "http://s3.amazonaws.com/awsexamplebucket1/photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Expires=1175139620&Signature="
	sign := func(toSign string) string {
		h := hmac.New(sha1.New, []byte(pair.secretKey))
		h.Write([]byte(toSign))
		return url.QueryEscape(base64.StdEncoding.EncodeToString(h.Sum(nil)))
	}
	signed := good + sign("GET\n\n\n1175139620\n/awsexamplebucket1/photos/puppy.jpg")
	for name, tt := range map[string]struct {
		url  string
		at   int64
		code string
	}{
		"right":          {signed, 1175139620, ""},
		"with a version": {good + sign("GET\n\n\n1175139620\n/awsexamplebucket1/photos/puppy.jpg?versionId=null") + "&versionId=null", 0, ""},
		"too late":       {signed, 1175139621, "AccessDenied"},
		"other object":   {strings.Replace(signed, "puppy", "kitten", 1), 0, "SignatureDoesNotMatch"},
		"other version":  {signed + "&versionId=null", 0, "SignatureDoesNotMatch"},
		"other key":      {strings.Replace(signed, "AKIAIOSFODNN7EXAMPLE", "AKIA", 1), 0, "InvalidAccessKeyId"},
		"no time":        {strings.Replace(signed, "Expires=1175139620", "Expires=never", 1), 0, "AccessDenied"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, tt.url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		_, refusal := pair.checkS3(r, "us-east-1", time.Unix(tt.at, 0))
		if code := refusalCode(refusal != nil, func() string { return refusal.Code }); code != tt.code {
			t.Errorf("%s: %q, want %q", name, code, tt.code)
		}
	}
}
