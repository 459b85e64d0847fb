#!/usr/bin/env bash
# gofakes3's bundled storage lets two writers win one "only if it does not exist".
#
# One would expect: of two PUTs with If-None-Match: * for one key S3 grants one,
# whenever their bodies arrive; locks and leader elections rest on it.
# What happens: the server looks whether the key exists before it reads the
# body. Two uploads that overlap are both told 200, and one of the objects
# is gone. One after the other the second is refused, as it must be.
# Versions: github.com/rclone/gofakes3 0.0.12 with its own s3mem.
# Why it matters: tests of a lock against this storage fail once in a while for
# no fault of the lock, or hide a fault. A storage of one's own can check again
# under its lock: CheckWriteConditions is exported for that.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOMODCACHE="$dir/mod" GOFLAGS=-modcacherw

cat >main.go <<'GO'
// Command finding lets two conditional uploads overlap, without chance: each
// body ends when both have begun to be read.
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"
)

// body is content that waits, once it is being read, for the other body.
type body struct {
	io.Reader
	mine, other chan struct{}
	once        sync.Once
}

func (b *body) Read(p []byte) (int, error) {
	b.once.Do(func() {
		close(b.mine)
		select {
		case <-b.other:
		case <-time.After(10 * time.Second): // it was refused, as it should be
		}
	})
	return b.Reader.Read(p)
}

func put(s http.Handler, path string, content io.Reader, size int) int {
	r := httptest.NewRequest(http.MethodPut, path, content)
	r.ContentLength = int64(size)
	r.Header.Set("Content-Length", strconv.Itoa(size)) // as a real connection does
	r.Header.Set("If-None-Match", "*")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code
}

func main() {
	s := gofakes3.New(s3mem.New()).Server()
	s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPut, "/bucket", nil))

	began := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
	var got [2]int
	var done sync.WaitGroup
	for i, name := range []string{"leader-1", "leader-2"} {
		done.Go(func() {
			content := &body{Reader: strings.NewReader(name), mine: began[i], other: began[1-i]}
			got[i] = put(s, "/bucket/lock", content, len(name))
		})
	}
	done.Wait()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/bucket/lock", nil))
	fmt.Printf("at once: %v, the object says %s\n", got, w.Body)

	first := put(s, "/bucket/other", strings.NewReader("leader-1"), 8)
	second := put(s, "/bucket/other", strings.NewReader("leader-2"), 8)
	fmt.Printf("control, one after the other: %d, %d\n", first, second)

	if got != [2]int{200, 200} || first != 200 || second != 412 {
		fmt.Println("changed: only one wins now, or the condition is not looked at")
		os.Exit(1)
	}
}
GO
go mod init finding 2>log
go get github.com/rclone/gofakes3/s3mem@v0.0.12 2>log || { cat log; exit 1; }
go list -m github.com/rclone/gofakes3
go build -o finding .
timeout 60 ./finding
