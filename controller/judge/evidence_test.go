package judge

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*math.Max(1, math.Abs(want))) {
		t.Errorf("%s = %.17g, want %.17g", what, got, want)
	}
}

// Canary 4300 of 10000 against control 4000 of 10000, band 2 points.
func TestGridsAndConfidence(t *testing.T) {
	d := .43 - .40
	info := 1 / (.43*.57/1e4 + .4*.6/1e4)
	inf := math.Inf(1)
	near(t, "I", info, 20614.306328592043, 1e-9)
	for _, nu := range []float64{15, 200, inf} { // at the ends of the interval, the evidence is what it is shown at
		low, high := confidence(d, info, nu, .02)
		near(t, "low", logAgainst(score(d-low, info, nu), info, .02), math.Log(2/.05), 1e-9)
		near(t, "high", logAgainst(score(high-d, info, nu), info, .02), math.Log(2/.05), 1e-9)
	}
	near(t, "R+", logAgainst(score(d-.02, info, inf), info, .02), .1772532180865516, 1e-9)
	near(t, "P+", logProof(score(.02-d, info, inf), info, .02), -2.7781262638300075, 1e-9)
	near(t, "P-", logProof(score(d+.02, info, inf), info, .02), 15.947087165318397, 1e-9)

	// The same through the judge: two windows of half the counts each keep d;
	// clusters all alike leave the binomial floor, 0.7 of the variance.
	st := Difference{
		D: .03 * 5000, Q: 5000, Windows: 2, Binomial: 5000 * 5000 / info,
		N: [Arms]float64{1e4, 1e4}, X: [Arms]float64{4300, 4000}, G: [Arms]int{32, 32},
	}
	e := st.estimate()
	near(t, "d", e.d, .03, 1e-12)
	near(t, "floored I", e.info, info/.7, 1e-9)
}

// However much is known at the first look, and by however few clusters, a
// difference that is none is proven to be none.
func TestProofOfPlenty(t *testing.T) {
	for _, nu := range []float64{5, 10, 30, 60, math.Inf(1)} {
		for _, ses := range []float64{10, 30, 100, 300, 500} { // standard errors from the edge
			const margin = .02
			info := (ses / margin) * (ses / margin)
			if got := logProof(score(margin, info, nu), info, margin); got < requiredLog {
				t.Errorf("%v standard errors from the edge, with %v degrees of freedom: ln E = %v, a proof takes %v", ses, nu, got, requiredLog)
			}
		}
	}
}

func TestRatioEvidence(t *testing.T) {
	var r ratio
	r.add([Arms]float64{6000, 54000}, [Arms]float64{18, 60}, 1.5)
	near(t, "E", math.Exp(temperedMean(r.Logs[:], 1)), 2.7771806438983795, 1e-9)
}

func TestNamedByEBH(t *testing.T) {
	for _, tt := range []struct {
		first []float64
		want  int
	}{
		{[]float64{3000, 900, 500, 80, 30}, 1},
		{[]float64{3000, 1100, 700, 80, 30}, 3},
		{[]float64{1, 1, 1}, 0},
	} {
		logs := make([]float64, 100)
		for i := range logs {
			logs[i] = math.Log(.5)
			if i < len(tt.first) {
				logs[i] = math.Log(tt.first[i])
			}
		}
		if got := named(logs, .05); len(got) != tt.want {
			t.Errorf("%v: names %d, want %d", tt.first, len(got), tt.want)
		}
	}
}

// Where nothing can be told there is no evidence, and it is always a number.
func TestEvidenceOfNothing(t *testing.T) {
	near(t, "no degree of freedom", score(.1, 100, 0), 0, 0)
	near(t, "no information", score(.1, 0, 5), 0, 0)
	near(t, "no requests of the candidate's", ratioLog(3, 0, 5, 100, 1.5, 2), 0, 0)
	near(t, "nor of stable's", ratioLog(3, 100, 5, 0, 1.5, 2), 0, 0)
	if e := logAbove(5, 10, .5, 1); math.IsNaN(e) || e > 1 {
		t.Errorf("half of ten, where half is fine: %v", e)
	}
	for _, p := range []float64{SampleRatio(5, 5, 1), SampleRatio(5, 5, 0), SampleRatio(0, 0, .5)} {
		near(t, "p-value", p, 1, 0)
	}
	low, high := confidence(.1, 0, 5, .02)
	near(t, "from", low, -1, 0)
	near(t, "to", high, 1, 0)
}

func TestNewcombe(t *testing.T) {
	low, high := Newcombe(56, 70, 48, 80)
	near(t, "low", low, .0524, 5e-5)
	near(t, "high", high, .3339, 5e-5)
	if low, high := Newcombe(0, 0, 0, 0); low != -1 || high != 1 {
		t.Errorf("nothing: [%v, %v]", low, high)
	}
}

func TestSampleRatio(t *testing.T) {
	near(t, "1000 vs 1200", SampleRatio(1000, 1200, .5), 2.00787e-05, 1e-10)
	near(t, "50020 vs 49980", SampleRatio(50020, 49980, .5), .8993, 5e-5)
}

// A candidate's zero errors prove a rate below the floor only with enough
// requests, and its e-value is exact: its mean at the floor is at most 1.
func TestLogBelow(t *testing.T) {
	if e := logBelow(0, 0, .001, 1); e != 0 {
		t.Errorf("no requests: ln E = %v, want 0", e)
	}
	if e := logBelow(0, 1000, .001, 1); e >= requiredLog {
		t.Errorf("1000 requests prove a rate below 0.1 %%: ln E = %v", e)
	}
	if e := logBelow(0, 6000, .001, 1); e < requiredLog {
		t.Errorf("6000 requests without an error prove nothing: ln E = %v", e)
	}
	for _, f := range []func(x, n, floor, phi float64) float64{logBelow, logAbove} {
		mean := 0.0
		for x := 0.0; x <= 200; x++ {
			lgamma := func(v float64) float64 { l, _ := math.Lgamma(v); return l }
			p := lgamma(201) - lgamma(x+1) - lgamma(201-x) + x*math.Log(.01) + (200-x)*math.Log(.99)
			mean += math.Exp(p + f(x, 200, .01, 1))
		}
		near(t, "mean at the floor", mean, 1, 1e-6)
	}
}

func TestScoreApproachesTheGaussian(t *testing.T) {
	near(t, "many clusters", score(.01, 1e5, 1e7), .01*1e5, 1e-5)
	if few, many := score(.01, 1e5, 10), score(.01, 1e5, 1000); few >= many || few <= 0 {
		t.Errorf("few clusters must weigh less: %v, %v", few, many)
	}
	if got := score(-.01, 1e5, 10); got >= 0 {
		t.Errorf("sign lost: %v", got)
	}
}

// What clusters differ by after rounding is nothing: it neither moves a verdict
// nor makes many clusters few.
func TestRoundingIsNoDifference(t *testing.T) {
	exact := between([Arms]float64{.9, .5}, 12800, 64, 0)
	rounded := exact
	rounded.U2, rounded.U4 = [Arms]float64{1e-26, 3e-27}, [Arms]float64{1e-52, 9e-54}
	if a, b := exact.estimate(), rounded.estimate(); a != b || a.nu != 126 {
		t.Errorf("rounded %+v, exact %+v", b, a)
	}
	real := exact
	real.U2, real.U4 = [Arms]float64{1, 1}, [Arms]float64{1, 1}
	if e := real.estimate(); e.nu >= 126 {
		t.Errorf("one cluster of each arm that moves all: %v degrees of freedom", e.nu)
	}
}
