#!/usr/bin/env bash
# Gonum's binomial distribution gives negative probabilities once a billion is counted.
#
# One would expect: a cumulative probability lies between 0 and 1, and half of
# the coin's throws or fewer come up heads about half of the time.
# What happens: the continued fraction behind it stops after 300 steps, without an
# error, and near the mean it is far from its limit by then.
# For n = 10^7 the third digit is wrong, for 10^8 it says 0.36, for 10^9 -0.56 and
# for 10^10 -3.8; a Beta distribution of that size gives 1.56. Far from the mean,
# and for small n, all digits are right, so that tests on either do not show it.
# Versions: gonum.org/v1/gonum 0.17.0.
# Why it matters: who tests a split of traffic at a million requests a second is
# there within twenty minutes, and the p value of a perfect split is then below
# every threshold: it is the good ones that raise the alarm. For such n the normal
# distribution does.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOMODCACHE="$dir/mod" GOFLAGS=-modcacherw

cat >main.go <<'GO'
// Command finding asks for probabilities that can be told without a computer.
package main

import (
	"fmt"
	"math"
	"os"

	"gonum.org/v1/gonum/stat/distuv"
)

func must(ok bool, what string) {
	if !ok {
		fmt.Println("changed:", what)
		os.Exit(1)
	}
}

// exact is the probability of at most n/2 heads in n throws, n being even: by
// symmetry one half, and half of the probability of n/2 itself.
func exact(n float64) float64 { return 0.5 + 1/math.Sqrt(2*math.Pi*n) }

// pValue is that of an even split, on both sides.
func pValue(heads, n float64) float64 {
	throws := distuv.Binomial{N: n, P: 0.5}
	return math.Min(1, 2*math.Min(throws.CDF(heads), 1-throws.CDF(heads-1)))
}

func main() {
	for _, n := range []float64{1e4, 1e6, 1e7, 1e8, 1e9, 1e10} {
		half := distuv.Binomial{N: n, P: 0.5}.CDF(n / 2)
		fmt.Printf("n = %g: P(heads <= n/2) = %.6f, exactly %.6f; Beta(n/2, n/2) below 0.5: %.6f, exactly 0.5\n",
			n, half, exact(n), distuv.Beta{Alpha: n / 2, Beta: n / 2}.CDF(0.5))
		wrong := math.Abs(half-exact(n)) > 1e-4
		must(wrong == (n > 1e6), "other sizes are wrong")
		must((half < 0) == (n >= 1e9), "other sizes are negative")
	}

	const n = 1e9
	perfect, skewed := pValue(n/2, n), pValue(n/2+60_000, n)
	fmt.Printf("10^9 requests: p of a perfect split %.2f, of one that is off by 60,000: %.6f\n", perfect, skewed)
	must(perfect < 0, "a perfect split is none now")

	z := 60_000 / math.Sqrt(n/4)
	normal := math.Erfc(z / math.Sqrt2)
	fmt.Printf("control, by the normal distribution:    1.00, %.6f\n", normal)
	must(math.Abs(skewed-normal) < 1e-6, "the tail is wrong, too")
	small := pValue(5_000, 10_000)
	fmt.Printf("control, 10^4 requests: p of a perfect split %.2f\n", small)
	must(small == 1, "a small one is wrong, too")
}
GO
go mod init finding 2>log
go get gonum.org/v1/gonum/stat/distuv@v0.17.0 2>log || { cat log; exit 1; }
go list -m gonum.org/v1/gonum
go build -o finding .
timeout 60 ./finding
