#!/usr/bin/env bash
# A quick answer tears its own connection in the AWS SDK for Go, and now and then the answer.
#
# One would expect: an answer that is whole on the wire is read whole, and the
# connection is used again, however soon the answer comes.
# What happens: the SDK closes a request's body as soon as the head of the answer
# is there. It guards the body so that net/http, which may be about to look for
# the body's end, finds it ended. Its Read does so; its WriteTo, which io.Copy
# prefers, returns io.EOF as an error, where the contract of io.WriterTo asks for
# none. net/http takes that for a failed upload and closes the connection. Each
# time a connection is lost; and where the answer has more than its first 4 KiB
# still to come, reading it ends in "use of closed network connection", which the
# SDK answers with its backoff: up to two seconds for a call that took one
# millisecond. It shows with servers that are near or fast.
# Versions: Go's net/http as installed (seen with 1.26.8), aws-sdk-go-v2 1.47.7,
# service/ecs 1.104.1, smithy-go 1.28.8.
# Why it matters: a rollback waited a whole second for DescribeTasks, once in
# fifty. A client that hides WriteTo from net/http keeps its one connection.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOMODCACHE="$dir/mod" GOFLAGS=-modcacherw

cat >main.go <<'GO'
// Command finding counts the connections of calls that follow one another.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const calls = 5000

// connections makes the calls, one after the other and each tried once.
func connections(wrap func(aws.HTTPClient) aws.HTTPClient) (opened, torn int) {
	var n atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // all of it is read before the answer begins
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = io.WriteString(w, `{"tasks": [{"startedBy": "`+strings.Repeat("x", 64<<10)+`"}]}`)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			n.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	client := ecs.New(ecs.Options{
		BaseEndpoint: &s.URL, Region: "us-east-1", Retryer: aws.NopRetryer{}, HTTPClient: wrap(awshttp.NewBuildableClient()),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
		}),
	})
	for range calls {
		_, err := client.DescribeTasks(context.Background(), &ecs.DescribeTasksInput{Tasks: []string{"a"}})
		switch {
		case err == nil:
		case errors.Is(err, net.ErrClosed):
			torn++
		default:
			fmt.Println("changed: another error:", err)
			os.Exit(1)
		}
	}
	return int(n.Load()), torn
}

// readOnly shows net/http bodies that can be read and closed.
type readOnly struct{ aws.HTTPClient }

func (c readOnly) Do(r *http.Request) (*http.Response, error) {
	r.Body = struct{ io.ReadCloser }{r.Body}
	return c.HTTPClient.Do(r)
}

func must(ok bool, what string) {
	if !ok {
		fmt.Println("changed:", what)
		os.Exit(1)
	}
}

func main() {
	r := smithyhttp.NewStackRequest().(*smithyhttp.Request)
	r, err := r.SetStream(bytes.NewReader([]byte("body")))
	must(err == nil, "the stream is refused")
	body := r.Build(context.Background()).Body
	must(body.Close() == nil, "the body does not close")
	_, err = body.Read(make([]byte, 1))
	fmt.Println("a closed body, Read:", err)
	n, err := body.(io.WriterTo).WriteTo(io.Discard)
	fmt.Println("a closed body, WriteTo:", n, err)
	must(errors.Is(err, io.EOF), "WriteTo keeps its contract")
	_, err = io.Copy(io.Discard, body)
	fmt.Println("a closed body, io.Copy:", err)
	must(errors.Is(err, io.EOF), "io.Copy is content")

	opened, torn := connections(func(c aws.HTTPClient) aws.HTTPClient { return c })
	fmt.Printf("%d calls as the SDK makes them: %d connections, %d answers torn\n", calls, opened, torn)
	must(opened > 10, "connections are kept")
	opened, torn = connections(func(c aws.HTTPClient) aws.HTTPClient { return readOnly{c} })
	fmt.Printf("%d calls without WriteTo: %d connections, %d answers torn\n", calls, opened, torn)
	must(opened == 1 && torn == 0, "there is another cause")
}
GO
go mod init finding 2>log
go get github.com/aws/aws-sdk-go-v2@v1.47.7 github.com/aws/aws-sdk-go-v2/service/ecs@v1.104.1 github.com/aws/smithy-go@v1.28.8 2>log || { cat log; exit 1; }
go list -m github.com/aws/aws-sdk-go-v2 github.com/aws/aws-sdk-go-v2/service/ecs github.com/aws/smithy-go
go build -o finding .
timeout 300 ./finding
