package simulation

import (
	"math"
	"testing"

	"github.com/sluicehq/sluice/controller/judge"
)

// With a known variance per unit, the oracle is the sample size of the
// textbook.
func TestOracle(t *testing.T) {
	for _, tt := range []struct {
		r    race
		want float64 // variance per unit over squared distance
	}{
		{race{proof: true, distance: .02, alpha: .05}, 8.5639},
		{race{distance: .02, alpha: .05}, 7.8489},
		{race{distance: .01, alpha: .005}, 13.3134},
	} {
		paths := make([]path, 3)
		for i := range paths {
			for look := range 1000 {
				units := 100 * float64(look+1)
				paths[i].Units, paths[i].Variance = append(paths[i].Units, units), append(paths[i].Variance, .48/units)
			}
		}
		want := tt.want * .48 / (tt.r.distance * tt.r.distance)
		if got := tt.r.oracle(paths); math.Abs(got/want-1) > 1e-4 {
			t.Errorf("%+v: %v units, want %v", tt.r, got, want)
		}
		if got := tt.r.oracle([]path{{Units: []float64{1}, Variance: []float64{1}}}); !math.IsInf(got, 1) {
			t.Errorf("what is never known is known after %v units", got)
		}
	}
}

func TestVariances(t *testing.T) {
	d := judge.Difference{Q: 10, Binomial: 1, U2: [judge.Arms]float64{9, 4}, G: [judge.Arms]int{10, 5}}
	if got, want := servedVariance(d), (10./9*9+5./4*4)/100; math.Abs(got-want) > 1e-12 {
		t.Errorf("served: %v, want %v", got, want)
	}
	// Two clusters of 50 pairs, with 4 and 2 flips up and none down: d = .06.
	p := judge.PairSums{N: 100, Ten: 6, SS: 16 + 4, SN: 4*50 + 2*50, NN: 2 * 2500, FF: 1, G: 2}
	if got, want := pairsVariance(p), 2*((4-3.)*(4-3)+(2-3.)*(2-3))/1e4; math.Abs(got-want) > 1e-12 {
		t.Errorf("paired: %v, want %v", got, want)
	}
	if !math.IsInf(servedVariance(judge.Difference{}), 1) || !math.IsInf(pairsVariance(judge.PairSums{}), 1) {
		t.Error("nothing is known well")
	}
}

func TestFinish(t *testing.T) {
	f := Finish{Runs: 4, Spoke: []float64{10, 20, 30}, Oracle: 10}
	if f.Ratio(.5) != 2 || !math.IsInf(f.Ratio(.9), 1) || f.Mean() != 2 {
		t.Errorf("median %v, p90 %v, mean %v", f.Ratio(.5), f.Ratio(.9), f.Mean())
	}
}
