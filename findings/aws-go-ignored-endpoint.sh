#!/usr/bin/env bash
# A variable that ignores configured endpoints makes the AWS SDK for Go forget the one in the program, and call AWS.
#
# One would expect: AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true ignores endpoints of
# the environment and of profiles, which is what it is for; what a program says
# in code, config.WithBaseEndpoint, goes before both of those anyway, and stands.
# What happens: the endpoint in code goes before AWS_ENDPOINT_URL and
# AWS_ENDPOINT_URL_S3, but with that variable it is dropped as well, without a
# word: the call goes to s3.us-east-1.amazonaws.com. One in the options of the
# single client stands.
# Versions: aws-sdk-go-v2 1.47.7, config 1.33.15, service/s3 1.114.8.
# Why it matters: a test or tool that was pointed at a local store in code writes
# to AWS, with whatever credentials there are, on a machine with that variable.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOMODCACHE="$dir/mod" GOFLAGS=-modcacherw

cat >main.go <<'GO'
// Command finding tells which host a call of S3 would go to.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// hosts notes where requests would go, and sends none.
type hosts struct{ last string }

func (h *hosts) Do(r *http.Request) (*http.Response, error) {
	h.last = r.URL.Host
	return nil, errors.New("not sent")
}

const inCode = "http://in-code.test"

// asked is the host of a call, with an endpoint for all clients of a
// configuration, or for the one client.
func asked(forAll, forOne bool) string {
	var h hosts
	options := []func(*config.LoadOptions) error{config.WithHTTPClient(&h), config.WithRegion("us-east-1")}
	if forAll {
		options = append(options, config.WithBaseEndpoint(inCode))
	}
	c, err := config.LoadDefaultConfig(context.Background(), options...)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	client := s3.NewFromConfig(c, func(o *s3.Options) {
		o.UsePathStyle, o.RetryMaxAttempts = true, 1
		if forOne {
			o.BaseEndpoint = aws.String(inCode)
		}
	})
	_, _ = client.HeadBucket(context.Background(), &s3.HeadBucketInput{Bucket: aws.String("models")})
	return h.last
}

func main() {
	changed := false
	for _, row := range []struct{ variable, value, forAll, forOne string }{
		{"", "", "in-code.test", "in-code.test"},
		{"AWS_ENDPOINT_URL", "http://in-environment.test", "in-code.test", "in-code.test"},
		{"AWS_ENDPOINT_URL_S3", "http://in-environment.test", "in-code.test", "in-code.test"},
		{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", "s3.us-east-1.amazonaws.com", "in-code.test"},
	} {
		if row.variable != "" {
			os.Setenv(row.variable, row.value)
		}
		forAll, forOne := asked(true, false), asked(false, true)
		os.Unsetenv(row.variable)
		fmt.Printf("%-40s config.WithBaseEndpoint: %-28s s3.Options.BaseEndpoint: %s\n", row.variable+"="+row.value, forAll, forOne)
		changed = changed || forAll != row.forAll || forOne != row.forOne
	}
	if changed {
		fmt.Println("changed: want in-code.test everywhere, but AWS at the end of the first column")
		os.Exit(1)
	}
}
GO
go mod init finding 2>log
go get github.com/aws/aws-sdk-go-v2@v1.47.7 github.com/aws/aws-sdk-go-v2/config@v1.33.15 github.com/aws/aws-sdk-go-v2/service/s3@v1.114.8 2>log || { cat log; exit 1; }
go list -m github.com/aws/aws-sdk-go-v2 github.com/aws/aws-sdk-go-v2/config github.com/aws/aws-sdk-go-v2/service/s3
go build -o finding .
env -i HOME="$dir" AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b AWS_EC2_METADATA_DISABLED=true timeout 60 ./finding
