#!/usr/bin/env bash
# serialx/hashring for Go gives one of four equal servers 76 % of the keys, and another 1 %.
#
# One would expect: a ring "built using the same algorithm as libketama", as its README
# says, has 160 points for each server and shares the keys out within some percent.
# What happens: the newest version puts a server on the ring as often as its weight
# says, and hashring.New, which takes no weights, gives each a weight of 1. Four
# points cut the ring where chance wants it. Weights count by their size, not by
# their ratio: the same four servers with a weight of 100 each are even.
# Versions: github.com/serialx/hashring of 2020-07-27, which "latest" means.
# Why it matters: a tenth server takes its load from one other only, and one server in
# ten serves every third key; a canary that is chosen by key is 1 % or 76 % of all,
# by its name. Give every server a weight of 100 or more.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOMODCACHE="$dir/mod" GOFLAGS=-modcacherw

cat >main.go <<'GO'
// Command finding counts the keys of servers that have equal weights.
package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/serialx/hashring"
)

func names(n int) []string {
	var servers []string
	for i := range n {
		servers = append(servers, fmt.Sprintf("10.0.0.%d:6379", i+1))
	}
	return servers
}

func count(ring *hashring.HashRing, servers []string) []int {
	counts := make([]int, len(servers))
	for i := range 100_000 {
		server, _ := ring.GetNode(fmt.Sprint("user", i))
		counts[slices.Index(servers, server)]++
	}
	return counts
}

// weighted is a ring whose servers all weigh the same.
func weighted(servers []string, weight int) *hashring.HashRing {
	weights := map[string]int{}
	for _, server := range servers {
		weights[server] = weight
	}
	return hashring.NewWithWeights(weights)
}

func main() {
	ok := true
	for _, n := range []int{4, 10} {
		servers := names(n)
		plain := count(hashring.New(servers), servers)
		ones := count(weighted(servers, 1), servers)
		hundreds := count(weighted(servers, 100), servers)
		fmt.Printf("keys of 100,000 for each of %d servers:\n  without weights %v\n  with 1 each     %v\n  with 100 each   %v\n",
			n, plain, ones, hundreds)
		ok = ok && slices.Equal(plain, ones) && slices.Max(plain) > 50*slices.Min(plain) &&
			slices.Max(hundreds) < 2*slices.Min(hundreds)
	}
	if !ok {
		fmt.Println("changed")
		os.Exit(1)
	}
}
GO
go mod init finding 2>log
go get github.com/serialx/hashring@v0.0.0-20200727003509-22c0c7ab6b1b 2>log || { cat log; exit 1; }
echo "newest: $(go list -m github.com/serialx/hashring@latest)"
go build -o finding .
timeout 60 ./finding
