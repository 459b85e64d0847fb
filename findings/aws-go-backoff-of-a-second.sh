#!/usr/bin/env bash
# The longer the AWS SDK for Go may wait before it retries, the sooner it does.
#
# One would expect: MaxBackoff bounds a random wait; a lower bound means shorter
# waits, and all of them stay random.
# What happens: once an attempt's number is beyond log2 of MaxBackoff in seconds,
# the wait is MaxBackoff itself. With MaxBackoff at one second that holds from the
# first retry on: every wait is exactly one second, nothing is random, and clients
# that failed together come back together. Two seconds wait at random between
# none and two for the first retry, and exactly two from the second on; the
# default of 20 seconds begins with one second on average, as a fixed bound of one
# second does, and half of its first retries come sooner.
# AWS_NEW_RETRIES_2026=true, off unless set, has another formula: random throughout,
# and up to 50 ms at first.
# Versions: aws-sdk-go-v2 1.47.7.
# Why it matters: one second looks like the quick setting for a control loop, and
# is the one that gives each lost packet the full second.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOMODCACHE="$dir/mod" GOFLAGS=-modcacherw

cat >main.go <<'GO'
// Command finding asks the SDK how long it would wait.
package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

const draws = 1000

// waits are those before one retry, in order.
func waits(most time.Duration, retryNumber int) []time.Duration {
	r := retry.NewStandard(func(o *retry.StandardOptions) {
		if most > 0 {
			o.MaxBackoff = most
		}
	})
	var all []time.Duration
	for range draws {
		d, err := r.RetryDelay(retryNumber, errors.New("connection reset"))
		if err != nil {
			fmt.Println("changed:", err)
			os.Exit(1)
		}
		all = append(all, d)
	}
	slices.Sort(all)
	return all
}

func main() {
	ok := true
	for _, tt := range []struct {
		most   time.Duration // zero: as it comes
		number int
		fixed  bool
	}{
		{time.Second, 1, true}, {time.Second, 2, true}, {time.Second, 3, true},
		{2 * time.Second, 1, false}, {2 * time.Second, 2, true},
		{500 * time.Millisecond, 1, true},
		{0, 1, false}, {0, 2, false},
	} {
		w := waits(tt.most, tt.number)
		fmt.Printf("MaxBackoff %-6v retry %d: shortest %v, median %v, longest %v\n", tt.most, tt.number,
			w[0].Round(time.Millisecond), w[draws/2].Round(time.Millisecond), w[draws-1].Round(time.Millisecond))
		ok = ok && (w[0] == w[draws-1]) == tt.fixed && (!tt.fixed || w[0] == tt.most)
	}
	if os.Getenv("AWS_NEW_RETRIES_2026") != "true" && !ok {
		fmt.Println("changed: the waits are others")
		os.Exit(1)
	}
}
GO
go mod init finding 2>log
go get github.com/aws/aws-sdk-go-v2/aws/retry@v1.47.7 2>log || { cat log; exit 1; }
go list -m github.com/aws/aws-sdk-go-v2
go build -o finding .
unset AWS_NEW_RETRIES_2026
timeout 60 ./finding
echo "with AWS_NEW_RETRIES_2026=true:"
AWS_NEW_RETRIES_2026=true timeout 60 ./finding
