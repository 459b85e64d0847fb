package judge

import (
	"math"
	"strings"
	"testing"
)

func evenReference() (r [ScoreBins]float64) {
	for i := range r {
		r[i] = 1. / ScoreBins
	}
	return r
}

func rampScores() (s [ScoreBins]int64) {
	for i := range s {
		s[i] = 100
		if i >= 32 {
			s[i] += int64(i)
		}
	}
	return s
}

func TestQuantiles(t *testing.T) {
	q, known := quantilesOf(evenReference())
	if !known || q[0].edge != 3 || q[9] != (quantile{32, .5}) || q[18] != (quantile{61, .953125}) {
		t.Errorf("%v, %v", q, known)
	}
	for _, bad := range []float64{-1, math.NaN(), math.Inf(1), 0} {
		var r [ScoreBins]float64
		r[5] = bad
		if _, known := quantilesOf(r); known {
			t.Errorf("a reference with %v is known", bad)
		}
	}
	var lump [ScoreBins]float64
	lump[20] = 1
	if q, known := quantilesOf(lump); !known || q[9].below != 0 && q[9].below != 1 {
		t.Errorf("%v, %v", q, known)
	}
}

// scoredBy are statistics of so many clusters whose scores lie alike, but for
// uneven, by which every other cluster has more or less below every edge.
func scoredBy(scores [ScoreBins]int64, clusters int, uneven float64) (s Statistics) {
	s.Scores[CandidateArm] = scores
	n := total(scores) / float64(max(1, clusters))
	edges, _ := DriftEdges(evenReference())
	for _, edge := range edges {
		below := 0.0
		for _, v := range scores[:edge] {
			below += float64(v)
		}
		var c ClusterSums
		for i := range clusters {
			x := below / float64(clusters) * (1 + uneven*(float64(i%2)-.5))
			c.N, c.X, c.G = c.N+n, c.X+x, c.G+1
			c.XX, c.XN, c.NN, c.FF = c.XX+x*x, c.XN+x*n, c.NN+n*n, c.FF+x*x/n
		}
		s.Drift = append(s.Drift, c)
	}
	return s
}

func TestDriftVector(t *testing.T) {
	p := Policy{Reference: evenReference(), DriftMargin: .05}
	d := weighDrift(scoredBy(rampScores(), 101, 0), p, 2)
	near(t, "ln E", d.against, 9.347976103981857, 1e-9)
	near(t, "PSI", d.psi, .03452895345379106, 1e-9)
	if d.number == 0 || !d.told || !d.ready {
		t.Errorf("%+v", d)
	}
}

func TestDrift(t *testing.T) {
	even := [ScoreBins]int64{}
	for i := range even {
		even[i] = 1000
	}
	shifted := even
	for i := range 8 {
		shifted[i] += 2000
	}
	for _, tt := range []struct {
		name     string
		scores   [ScoreBins]int64
		clusters int
		drifted  bool
		psi      string
	}{
		{"as trained", even, 100, false, "as trained"},
		{"a quarter more at the low end", shifted, 100, true, "somewhat shifted"},
		{"too few clusters to say", shifted, 15, false, "somewhat shifted"},
		{"no clusters yet", shifted, 0, false, "somewhat shifted"},
		{"nothing", [ScoreBins]int64{}, 0, false, "as trained"},
	} {
		s := scoredBy(tt.scores, tt.clusters, 0)
		d := weighDrift(s, Policy{Reference: evenReference(), DriftMargin: .1}, 3)
		if drifted := d.against >= holdLog; drifted != tt.drifted || psiLabel(d.psi) != tt.psi {
			t.Errorf("%s: ln E = %v, PSI %v", tt.name, d.against, d.psi)
		}
		if d := weighDrift(s, Policy{DriftMargin: .1}, 3); d.told || d.against != 0 {
			t.Errorf("%s without a reference: %+v", tt.name, d)
		}
	}
}

// Clusters that differ from each other widen what is told of all scores.
func TestDriftBetweenClusters(t *testing.T) {
	p := Policy{Reference: evenReference(), DriftMargin: .05}
	even, uneven := weighDrift(scoredBy(rampScores(), 20, 0), p, 2), weighDrift(scoredBy(rampScores(), 20, .4), p, 2)
	if !(uneven.against < even.against) || uneven.nu != 19 {
		t.Errorf("uneven ln E = %v at nu %v, even %v", uneven.against, uneven.nu, even.against)
	}
}

// A share's variance is that between clusters, and no less than so many times
// that of independent scores; clusters are enough from 16 on, and scores from
// 80 on that tell as much as independent ones.
func TestShareOfScores(t *testing.T) {
	c := ClusterSums{N: 4000, X: 1000, XX: 52000, XN: 200000, NN: 800000, G: 20} // 40 and 60 of 200
	e := c.share(2)
	near(t, "d", e.d, .25, 0)
	near(t, "information", e.info, 7600, 1e-9)
	near(t, "nu", e.nu, 19, 1e-12)
	near(t, "phi", e.phi, 2.807017543859649, 1e-12)
	if e.n != 4000 || e.events != 1000 || e.clusters[1] != 20 || e.effective[0] != 20 || !e.known || !e.ready {
		t.Errorf("%+v", e)
	}
	near(t, "information of alike scores", c.share(4).info, 4000/(4*.1875), 1e-9)
	near(t, "of none", ClusterSums{N: 998, G: 20, NN: 998 * 998 / 20.}.share(1).info, 998/(.001*.999), 1e-9)
	near(t, "of one cluster", ClusterSums{N: 100, X: 50, XX: 9e9, NN: 1e4, G: 1}.share(1).info, 400, 1e-9)
	many := ClusterSums{N: 4000, X: 2500, G: 20, NN: 800000, XX: 2500 * 125, XN: 500000}
	if e := many.share(50); e.events != 1500 || !e.ready || e.phi != 50 {
		t.Errorf("as many as must be: %+v", e)
	}
	if e := many.share(50.1); e.ready {
		t.Errorf("fewer: %+v", e)
	}
	many.NN = 4000 * 4000 / 16.
	many.XN, many.XX = .625*many.NN, .625*.625*many.NN
	if e := many.share(1); !e.ready {
		t.Errorf("16 clusters: %+v", e)
	}
	many.NN *= 1.01
	if e := many.share(1); e.ready {
		t.Errorf("fewer: %+v", e)
	}
	for _, c := range []ClusterSums{{N: 5}, {G: 5}} {
		if e := c.share(1); e.known {
			t.Errorf("%+v: %+v", c, e)
		}
	}
}

// Of quantiles that say as little the one that is furthest off is shown, and
// what the reference adds up to does not matter.
func TestLoudestQuantile(t *testing.T) {
	var scores [ScoreBins]int64
	twice := evenReference()
	for i := range scores {
		scores[i] = 1000
		if i < 20 {
			scores[i] = 3000
		}
		twice[i] *= 2
	}
	one, _ := quantilesOf(evenReference())
	if two, _ := quantilesOf(twice); two != one {
		t.Errorf("%v, want %v", two, one)
	}
	d := weighDrift(scoredBy(scores, 15, 0), Policy{Reference: twice, DriftMargin: .1}, 1)
	far, which := 0., 0
	for i, q := range one {
		below := 0.
		for _, v := range scores[:q.edge] {
			below += float64(v)
		}
		if off := math.Abs(below/total(scores) - q.below); off > far {
			far, which = off, i+1
		}
	}
	if d.number != which || math.Abs(d.against) > 1e-12 || d.edge != one[which-1].edge || math.Abs(d.below-one[which-1].below) > 1e-12 || math.Abs(math.Abs(d.d)-far) > 1e-9 {
		t.Errorf("quantile %d at %v, want %d at %v", d.number, d.d, which, far)
	}
	for psi, want := range map[float64]string{.25: "shifted", .2499: "somewhat shifted", .1: "somewhat shifted", .0999: "as trained"} {
		if got := psiLabel(psi); got != want {
			t.Errorf("%v: %s", psi, got)
		}
	}
	s := scoredBy(rampScores(), 101, 0)
	r := s.ruleDrift(Policy{Reference: evenReference(), DriftMargin: .05, Drift: DriftRollBack}, estimate{phi: 2})
	near(t, "evidence", r.against, 9.347976103981857, 1e-9)
	near(t, "weight", r.weight, -math.Log(38), 1e-12)
	if r.band != (band{-.05, .05, .05}) || r.Threshold != 1000 || r.spares || !r.holds || r.Outcome != Unsure {
		t.Errorf("%+v", r)
	}
	near(t, "shares", r.CandidateRate-r.StableRate, r.basis.d, 1e-12)
	for margin, want := range map[float64]Outcome{.1: Acceptable, .09: Unsure} { // 9.6 pt off in the middle, and too little to hold it
		s := scoredBy(rampScores(), 101, 0)
		for i := range s.Drift {
			c := &s.Drift[i]
			c.N, c.X, c.XX, c.XN, c.NN, c.FF = c.N/20, c.X/20, c.XX/400, c.XN/400, c.NN/400, c.FF/20
		}
		r := s.ruleDrift(Policy{Reference: evenReference(), DriftMargin: margin}, estimate{phi: 1})
		if r.Outcome != want || r.holds || !r.spares || r.Threshold != holdsAt {
			t.Errorf("margin %v: %+v", margin, r)
		}
	}
	fine := scoredBy([ScoreBins]int64{}, 0, 0)
	fine.Served, fine.Answered[CandidateArm] = true, deadAfter
	if r := fine.ruleDrift(Policy{Reference: evenReference(), DriftMargin: .05}, estimate{}); r.text != "no scores are counted yet" {
		t.Errorf("%s", r.text)
	}
	fine.Answered[CandidateArm]++
	if r := fine.ruleDrift(Policy{Reference: evenReference(), DriftMargin: .05}, estimate{}); !strings.Contains(r.text, "dead metric") || r.Outcome != NoData {
		t.Errorf("%s", r.text)
	}
}

// The index of the even half at three times its share, by hand: less what
// chance adds.
func TestStability(t *testing.T) {
	var scores [ScoreBins]int64
	for i := range scores {
		scores[i] = 10
		if i < 32 {
			scores[i] = 30
		}
	}
	var halves [Quantiles]quantile
	for i := range halves {
		halves[i] = quantile{32, .5}
	}
	low, high := (960+.5)/(1280+10.), (320+.5)/(1280+10.)
	want := (low-.5)*math.Log(low/.5) + (high-.5)*math.Log(high/.5)
	near(t, "index", stability(scores, halves, 3), want-3/1280., 1e-12)
	near(t, "less than chance", stability(scores, halves, 1e6), 0, 0)
	near(t, "of nothing", stability([ScoreBins]int64{}, halves, 1), 0, 0)
}

// An edge lies where half of its bin is below it, and never beyond the last bin.
func TestEdgesOfReferences(t *testing.T) {
	var top, low [ScoreBins]float64
	top[ScoreBins-1], low[0], low[1] = 1, .1, .9
	if edges, known := DriftEdges(top); !known || edges[0] != ScoreBins-1 || edges[Quantiles-1] != ScoreBins-1 {
		t.Errorf("all in the last bin: %v", edges)
	}
	if edges, _ := DriftEdges(low); edges[0] != 0 || edges[1] != 1 {
		t.Errorf("a tenth in the first bin: %v", edges)
	}
}
