package simulation

import (
	"math"
	"slices"
	"testing"
)

func TestBinomial(t *testing.T) {
	for _, tt := range []struct {
		x, n      int
		alpha     float64
		low, high float64
	}{ // R: binom.test
		{0, 100, .05, 0, .03621669},
		{5, 100, .05, .01643188, .1128349},
		{50, 100, .01, .3689, .6311},
		{100, 100, .05, .9637833, 1},
		{0, 0, .05, 0, 1},
	} {
		low, high := Binomial(tt.x, tt.n, tt.alpha)
		if math.Abs(low-tt.low) > 1e-4 || math.Abs(high-tt.high) > 1e-4 {
			t.Errorf("%d of %d: [%v, %v], want [%v, %v]", tt.x, tt.n, low, high, tt.low, tt.high)
		}
	}
}

func TestUnlikely(t *testing.T) {
	for _, tt := range []struct {
		x, n int
		want bool
	}{{0, 10, false}, {1, 10, false}, {5, 10, true}, {5, 100, false}, {15, 100, true}} {
		if got := Unlikely(tt.x, tt.n, .05, .001); got != tt.want {
			t.Errorf("%d of %d at .05: unlikely is %v", tt.x, tt.n, got)
		}
	}
}

func TestQuantile(t *testing.T) {
	if got := quantile([]float64{1, 2, 3, 4}, .9); math.Abs(got-3.7) > 1e-12 { // R: type 7
		t.Errorf("90 %% quantile is %v", got)
	}
}

func TestChance(t *testing.T) {
	if a, b := chance(1, 2).Uint64(), chance(1, 2).Uint64(); a != b {
		t.Error("the same parts give different streams")
	}
	seen := map[uint64]bool{}
	for i := range uint64(50) {
		for j := range uint64(50) {
			seen[chance(i, j).Uint64()] = true
		}
	}
	if len(seen) != 2500 {
		t.Errorf("2500 streams begin with %d numbers", len(seen))
	}
}

func TestPoisson(t *testing.T) {
	for _, want := range []float64{.3, 12, 2000} {
		rng, sum, squares := chance(9), 0.0, 0.0
		const n = 20000
		for range n {
			v := float64(poisson(rng, want))
			sum += v
			squares += v * v
		}
		m := sum / n
		if v := squares/n - m*m; math.Abs(m/want-1) > .03 || math.Abs(v/want-1) > .06 {
			t.Errorf("mean %v: got mean %v, variance %v", want, m, v)
		}
	}
}

func TestAlias(t *testing.T) {
	shares := zipf(100)
	if sum := mean(shares) * 100; math.Abs(sum-1) > 1e-12 {
		t.Fatalf("shares add up to %v", sum)
	}
	a, rng, counts := newAlias(shares), chance(3), make([]float64, 100)
	const n = 1_000_000
	for range n {
		counts[a.draw(rng.Uint64())]++
	}
	chi2 := 0.0
	for k, c := range counts {
		chi2 += (c - n*shares[k]) * (c - n*shares[k]) / (n * shares[k])
	}
	if chi2 > 150 { // 99 degrees of freedom: p < .001
		t.Errorf("chi-square is %v; counts begin %v", chi2, slices.Clip(counts[:5]))
	}
}
