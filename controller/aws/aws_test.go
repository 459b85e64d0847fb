package aws_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/aws"
	"github.com/sluicehq/sluice/inference/release"
)

func source(bucket, key string) release.Source { return release.Source{Bucket: bucket, Key: key} }

func TestOpenRefuses(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	for _, tt := range []struct {
		o    aws.Options
		says string
	}{
		{aws.Options{}, "set --region"},
		{aws.Options{Endpoint: "127.0.0.1:4566"}, "want an address such as http://"},
		{aws.Options{Endpoint: "ftp://h"}, "want an address such as http://"},
		{aws.Options{Region: "r", AccessKey: "a"}, "go together"},
		{aws.Options{Region: "r", Attempts: -1}, "negative"},
		{aws.Options{Endpoint: "http://127.0.0.1:1"}, ""},
	} {
		_, err := aws.Open(t.Context(), tt.o)
		check(t, "open", err, tt.says)
	}
}

func TestEndpointsThatAreNotAWS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	_ = l.Close()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, "<html>Welcome to nginx!</html>")
	}))
	t.Cleanup(page.Close)
	secure := httptest.NewUnstartedServer(page.Config.Handler)
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for _, tt := range []struct{ endpoint, says string }{
		{closed, "check --endpoint"},
		{"http://nowhere.invalid", `there is no host "nowhere.invalid": check --endpoint`},
		{secure.URL, "certificate is not trusted"},
		{page.URL, "none of AWS's: check --endpoint"},
	} {
		c := open(t, tt.endpoint)
		_, err := c.Documents("documents").List(t.Context(), "", 1)
		check(t, "list documents at "+tt.endpoint, err, tt.says)
		_, _, err = c.Documents("documents").Get(t.Context(), "a")
		check(t, "get a document at "+tt.endpoint, err, tt.says)
		_, err = c.Documents("documents").Put(t.Context(), "a", nil, "")
		check(t, "put a document at "+tt.endpoint, err, tt.says)
		check(t, "write a document at "+tt.endpoint, c.Documents("documents").Replace(t.Context(), "a", nil), tt.says)
		_, _, err = c.Artifacts().Pin(t.Context(), source("documents", "a"))
		check(t, "pin at "+tt.endpoint, err, tt.says)
		_, err = c.Jobs().Completed(t.Context(), []string{"*"}, time.Now())
		check(t, "list jobs at "+tt.endpoint, err, tt.says)
		_, _, err = c.Tasks(aws.TasksOptions{Cluster: "c", Service: "s", ControlPort: 1}).List(t.Context())
		check(t, "list tasks at "+tt.endpoint, err, tt.says)
	}
}

// A server that accepts and never answers must not hold the loop.
func TestSilentEndpoint(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	o := options("http://" + silent.Addr().String())
	o.Timeout = 50 * time.Millisecond
	c, err := aws.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = c.Documents("documents").Get(t.Context(), "a")
	check(t, "get", err, "no answer in time")
	_, err = c.Documents("documents").Put(t.Context(), "a", nil, "")
	check(t, "put", err, "no answer in time")
	_, err = c.Jobs().Completed(t.Context(), []string{"*"}, time.Now())
	check(t, "jobs", err, "no answer in time")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = c.Documents("documents").Get(ctx, "a")
	check(t, "get", err, "context canceled")
}

func TestNoCredentials(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	c, err := aws.Open(t.Context(), aws.Options{Region: "eu-central-1", Endpoint: "http://127.0.0.1:1", MaxBackoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = c.Documents("documents").Get(t.Context(), "a")
	check(t, "get", err, "there are no AWS credentials: set AWS_PROFILE")
}

func TestParseURL(t *testing.T) {
	for _, tt := range []struct{ in, bucket, key, says string }{
		{"s3://bucket/a/b/model.tar.gz", "bucket", "a/b/model.tar.gz", ""},
		{"s3://bucket/a/", "bucket", "a/", ""},
		{"s3://bucket", "bucket", "", ""},
		{"s3://arn:aws-cn:s3:cn-north-1:123456789012:accesspoint/models/a/model.tar.gz", "arn:aws-cn:s3:cn-north-1:123456789012:accesspoint/models", "a/model.tar.gz", ""},
		{"s3://models-abcdefghijklmnop1234-s3alias/a", "models-abcdefghijklmnop1234-s3alias", "a", ""},
		{"s3://bucket//a", "bucket", "/a", ""},
		{"", "", "", "want one such as"},
		{"bucket/a", "", "", "want one such as"},
		{"https://bucket/a", "", "", "want one such as"},
		{"s3:///a", "", "", "want one such as"},
		{"s3://Bucket_/a", "", "", "want one such as"},
		{"s3://bucket/" + strings.Repeat("k", 1025), "", "", "S3 takes 1024"},
	} {
		bucket, key, err := aws.ParseURL(tt.in)
		check(t, tt.in, err, tt.says)
		if bucket != tt.bucket || key != tt.key {
			t.Errorf("%s: bucket %q, key %q", tt.in, bucket, key)
		}
	}
}
