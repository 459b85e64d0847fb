#!/usr/bin/env bash
# After 50 failed calls, a client of the AWS SDK for Go stops retrying, for all of its callers.
#
# One would expect: a client that is set to three attempts makes three for each
# call that fails.
# What happens: all retries of a client are paid from one purse of 500 tokens,
# 5 each. Fifty calls against an unavailable S3 empty it. From then on every
# call has one attempt, whoever makes it. Time refills nothing; only success
# does, one token a call: five calls must go well before one may be retried.
# Versions: aws-sdk-go-v2 1.47.7, service/s3 1.114.8.
# Why it matters: a controller polls with one client for months, and its retries
# are gone early in the outage that they were meant for. The first dropped
# request afterwards is an error that a fresh client would not have seen.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOMODCACHE="$dir/mod" GOFLAGS=-modcacherw

cat >main.go <<'GO'
// Command finding counts the attempts of calls to a server that fails.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// server answers as many requests with 503 as failures says, then with 200.
type server struct{ failures, requests int }

func (s *server) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if s.requests++; s.requests > s.failures {
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, "<Error><Code>ServiceUnavailable</Code></Error>")
}

// call makes one call that fails so many times, and returns its attempts.
func (s *server) call(client *s3.Client, failures int) (attempts int, err error) {
	s.failures, s.requests = failures, 0
	_, err = client.HeadBucket(context.Background(), &s3.HeadBucketInput{Bucket: aws.String("models")})
	return s.requests, err
}

func newClient(address string) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: &address, UsePathStyle: true, Region: "us-east-1",
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
		}),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) { // as it comes, but for the pauses
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		}),
	})
}

func must(ok bool, what string) {
	if !ok {
		fmt.Println("changed:", what)
		os.Exit(1)
	}
}

func main() {
	s := &server{}
	h := httptest.NewServer(s)
	defer h.Close()
	client := newClient(h.URL)

	full := 0
	attempts, err := s.call(client, 1000)
	for ; attempts == 3 && full < 1000; full++ {
		attempts, err = s.call(client, 1000)
	}
	fmt.Printf("outage: %d calls have 3 attempts each, the next has %d: %v\n", full, attempts, err)
	must(full == 50 && attempts == 1, "the purse has another size")

	time.Sleep(5 * time.Second)
	attempts, err = s.call(client, 1)
	fmt.Printf("5 s later, one request dropped: %d attempt, error: %t\n", attempts, err != nil)
	must(attempts == 1 && err != nil, "time refills the purse")

	attempts, err = s.call(newClient(h.URL), 1)
	fmt.Printf("control, a fresh client, one request dropped: %d attempts, error: %t\n", attempts, err != nil)
	must(attempts == 2 && err == nil, "a fresh client does not retry")

	for successes := 1; successes <= 5; successes++ {
		_, err = s.call(client, 0)
		must(err == nil, "an undisturbed call fails")
		if successes < 4 {
			continue
		}
		attempts, err = s.call(client, 1)
		fmt.Printf("after %d successes, one request dropped: %d attempts, error: %t\n", successes, attempts, err != nil)
		must((err == nil) == (successes == 5), "a retry costs another number of successes")
	}
}
GO
go mod init finding 2>log
go get github.com/aws/aws-sdk-go-v2@v1.47.7 github.com/aws/aws-sdk-go-v2/service/s3@v1.114.8 2>log || { cat log; exit 1; }
go list -m github.com/aws/aws-sdk-go-v2 github.com/aws/aws-sdk-go-v2/service/s3
go build -o finding .
timeout 60 ./finding
