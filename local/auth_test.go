package local_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/sluicehq/sluice/local"
)

// signed is a request as a caller with this clock would sign it, for a body
// that need not be the one that is sent.
func signed(t *testing.T, method, url, target, signedBody, body string, clock time.Time) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(signedBody))
	hash, service := hex.EncodeToString(sum[:]), "s3"
	r.Header.Set("X-Amz-Content-Sha256", hash)
	if target != "" {
		r.Header.Set("X-Amz-Target", target)
		service, _, _ = strings.Cut(strings.ToLower(target), ".")
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
	pair := aws.Credentials{AccessKeyID: "test", SecretAccessKey: "testtest"}
	if err := signer.SignHTTP(t.Context(), pair, r, hash, service, "us-east-1", clock); err != nil {
		t.Fatal(err)
	}
	return r
}

func send(t *testing.T, r *http.Request) (status int, body string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

func TestSignaturesCoverClockAndBody(t *testing.T) {
	s := start(t, local.Config{})
	newBucket(t, connect(t, s.URL(), "testtest"))
	list, key := "SageMaker.ListTrainingJobs", s.URL()+"/bucket/key"
	now := time.Now()
	for _, tt := range []struct {
		name             string
		method, url      string
		target           string
		signedBody, body string
		clock            time.Time
		status           int
		says             string
	}{
		{"json", "POST", s.URL(), list, "{}", "{}", now, 200, "TrainingJobSummaries"},
		{"json, clock 14 minutes off", "POST", s.URL(), list, "{}", "{}", now.Add(-14 * time.Minute), 200, ""},
		{"json, clock 16 minutes behind", "POST", s.URL(), list, "{}", "{}", now.Add(-16 * time.Minute), 403, "clock"},
		{"json, clock 16 minutes ahead", "POST", s.URL(), list, "{}", "{}", now.Add(16 * time.Minute), 403, "clock"},
		{"json, other body", "POST", s.URL(), list, "{}", `{"MaxResults":1}`, now, 403, "signature"},
		{"s3", "PUT", key, "", "body", "body", now, 200, ""},
		{"s3, clock behind", "PUT", key, "", "body", "body", now.Add(-16 * time.Minute), 403, "RequestTimeTooSkewed"},
		{"s3, other body", "PUT", key, "", "body", "BODY", now, 400, "XAmzContentSHA256Mismatch"},
		{"unknown service", "POST", s.URL(), "DynamoDB_20120810.ListTables", "{}", "{}", now, 400, "S3, ECS and SageMaker"},
	} {
		status, body := send(t, signed(t, tt.method, tt.url, tt.target, tt.signedBody, tt.body, tt.clock))
		if status != tt.status || !strings.Contains(body, tt.says) {
			t.Errorf("%s: %d %s, want %d and %q", tt.name, status, body, tt.status, tt.says)
		}
	}
	if status, body := send(t, signed(t, "GET", key, "", "", "", now)); status != 200 || body != "body" {
		t.Errorf("stored: %d %q", status, body)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", list)
	if status, _ := send(t, r); status != http.StatusForbidden {
		t.Errorf("unsigned: %d", status)
	}
}

// An upload whose sender goes away half-way changes nothing.
func TestTornUploadStoresNothing(t *testing.T) {
	dir := t.TempDir()
	served := make(chan struct{}, 1)
	s := start(t, local.Config{Dir: dir, Faults: func(r *http.Request) local.Fault {
		if r.Header.Get("X-Torn") != "" {
			context.AfterFunc(r.Context(), func() { served <- struct{}{} }) // the handler has returned
		}
		return local.Fault{}
	}})
	b := newBucket(t, connect(t, s.URL(), "testtest"))
	b.mustPut("key", "old"+inFile)
	r := signed(t, "PUT", s.URL()+"/bucket/key", "", strings.Repeat("x", 100_000), strings.Repeat("x", 100_000), time.Now())
	u, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(c)
	fmt.Fprintf(w, "PUT /bucket/key HTTP/1.1\r\nHost: %s\r\nContent-Length: 100000\r\nX-Torn: 1\r\n", u.Host)
	if err := r.Header.Write(w); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(w, "\r\n%s", strings.Repeat("x", 50_000))
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	c.Close()
	<-served
	if got, err := b.get("key"); err != nil || got != "old"+inFile {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	eventually(t, "nothing is left of the torn upload", func() bool { return files(t, dir) == 1 })
}
