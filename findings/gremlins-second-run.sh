#!/usr/bin/env bash
# Gremlins run twice on the same code: the second time every mutant is too slow.
#
# One would expect: mutation testing of code that has not changed gives the same
# result again.
# What happens: Gremlins takes the time of its own coverage run as what the tests
# need, and gives every mutant a few times that. The second time Go answers the
# coverage run from its cache of test results, in no time at all, so that every
# mutant whose tests take longer than some tenths of a second is stopped as
# TIMED OUT: none is killed, and the test efficacy falls from 100 % to 0 %. The
# exit status is 0 both times.
# Versions: go-gremlins 0.6.0, Go 1.26.
# Why it matters: timed-out mutants count neither as killed nor as survivors, so
# a threshold is held against nothing, and a second run, as in CI with a kept
# build cache, says that good tests are none. GOFLAGS=-count=1 keeps the result.
set -euo pipefail
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
export GOBIN="$dir/bin" GOCACHE="$dir/cache" GOFLAGS=
timeout 300 go install github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0

mkdir beyond && cd beyond
printf 'module example.com/beyond\n\ngo 1.24\n' >go.mod
cat >beyond.go <<'GO'
package beyond

// Beyond reports whether n is more than a limit.
func Beyond(n, limit int) bool { return n > limit }
GO
cat >beyond_test.go <<'GO'
package beyond

import (
	"testing"
	"time"
)

func TestBeyond(t *testing.T) {
	time.Sleep(3 * time.Second) // a test that takes its time
	if Beyond(3, 3) || !Beyond(4, 3) {
		t.Error("wrong")
	}
}
GO

# run prints what became of the two mutants, and checks it.
run() {
  local name=$1 killed=$2 late=$3 said
  said=$(timeout 120 "$dir/bin/gremlins" unleash . 2>&1)
  echo "$name: $(grep -E '^(Killed|Timed out|Test efficacy)' <<<"$said" | tr '\n' ' ')"
  grep -q "^Killed: $killed, Lived: 0" <<<"$said" && grep -q "^Timed out: $late," <<<"$said" ||
    { echo "it is otherwise now: want $killed killed, $late timed out" >&2; exit 1; }
}
run "first run" 2 0
run "second run" 0 2
GOFLAGS=-count=1 run "second run, results not taken from the cache" 2 0
