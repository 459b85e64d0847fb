package judge

import (
	"math"
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
