package judge

import (
	"math"
	"testing"
)

func TestDirichletVectors(t *testing.T) {
	near(t, "1000 vs 1200", logDirichlet(1000, 1200, .5), 7.1403018759891665, 1e-9)
	near(t, "50020 vs 49980", logDirichlet(50020, 49980, .5), -3.448882762437279, 1e-9)
	near(t, "600 vs 300", logDirichlet(600, 300, .5), 44.59418732717438, 1e-9)
	near(t, "0 vs 20 at 1/8", logDirichlet(0, 20, .125), .238705465441297, 1e-9)
	for _, bad := range []float64{0, 1, math.NaN()} {
		if got := logDirichlet(5, 5, bad); got != 0 {
			t.Errorf("share %v: %v", bad, got)
		}
	}
}

// The Bayes factor's mean is 1 while the share is right, at every count.
func TestDirichletIsAMartingale(t *testing.T) {
	const n, share = 60, .3
	lgamma := func(v float64) float64 { l, _ := math.Lgamma(v); return l }
	mean := 0.0
	for x := 0.0; x <= n; x++ {
		p := lgamma(n+1) - lgamma(x+1) - lgamma(n-x+1) + x*math.Log(share) + (n-x)*math.Log1p(-share)
		mean += math.Exp(p + logDirichlet(x, n-x, share))
	}
	near(t, "mean", mean, 1, 1e-9)
}

// loads are arms whose tasks hold so many connections each, 100 requests on
// each connection and one cluster per connection.
func loads(candidate, control []float64) (s Statistics) {
	s.Streams = make([]Stream, FirstPartner)
	of := &s.Streams[Overall].Served
	for a, each := range [Arms][]float64{candidate, control} {
		l := &s.Load[a]
		for _, c := range each {
			l.Tasks++
			l.Connections += c
			l.Squares += c * c
			l.Requests += int64(100 * c)
			of.N[a] += 100 * c
			of.NN[a] += 100 * 100 * c
			of.G[a] += int(c)
		}
	}
	return s
}

func TestSampleRatioGate(t *testing.T) {
	ten := func(n int) (all []float64) {
		for i := range n {
			all = append(all, 90+20*float64(i%2))
		}
		return all
	}
	for _, tt := range []struct {
		name               string
		candidate, control []float64
		even               bool
	}{
		{"as it should be", ten(8), ten(8), true},
		{"one of eight", ten(1), ten(7), true},
		{"the candidate is avoided", []float64{30, 28, 35, 25, 33, 29, 31, 27}, ten(8), false},
		{"the candidate draws", []float64{300, 280, 350, 250}, ten(8), false},
		{"young tasks among old ones on both sides", []float64{300, 10, 300, 10}, []float64{10, 300, 300, 300}, true},
		{"two tasks, one of them young", []float64{3}, []float64{90}, false},
		{"few connections", []float64{1}, []float64{9}, true},
		{"nothing", nil, nil, true},
		{"no control yet", []float64{300, 280, 350, 250}, nil, true},
	} {
		w := weighSplit(loads(tt.candidate, tt.control), 1.5)
		if w.even != tt.even {
			t.Errorf("%s: even %v at ln E = %v by %s, %v instead of %v", tt.name, w.even, w.against, w.by, w.got, w.want)
		}
	}
}

// How much things clump, by hand.
func TestClumps(t *testing.T) {
	for _, tt := range []struct {
		by     [Arms]spread
		ratio  float64
		enough bool
	}{
		{[Arms]spread{{100, 2500, 5}, {50, 2500, 1}}, 6.25, true},
		{[Arms]spread{{100, 2500, 5}, {60, 1230, 3}}, 26.5 / 6, true},
		{[Arms]spread{{100, 3000, 4}, {50, 2500, 1}}, 1, false},
		{[Arms]spread{{100, 1, 5}, {0, 0, 9}}, 0, true},
		{[Arms]spread{{100, 2000, 3}, {100, 3400, 3}}, 1.02 / 4 * 2, true},
	} {
		if tt.ratio == 1.02/4*2 { // 3,333 squares are as even as can be
			tt.by[0].nn, tt.ratio = 1, (3400-1e4/3)/(100./3)/4
		}
		ratio, enough := dispersionOf(tt.by)
		near(t, "dispersion", ratio, tt.ratio, 1e-12)
		if enough != tt.enough {
			t.Errorf("%+v: enough %v", tt.by, enough)
		}
	}
	var s Statistics
	s.Load = [Arms]Load{{Requests: 1000}, {Requests: 3000}}
	near(t, "nothing known", requestClumps(s), 1, 0)
	s.Streams = make([]Stream, 1)
	near(t, "no clusters", requestClumps(s), 1, 0)
	s.Streams[Overall].Served = Difference{N: [Arms]float64{100, 300}, NN: [Arms]float64{3000, 5000}, G: [Arms]int{15, 25}}
	near(t, "by clusters", requestClumps(s), 4000/20., 1e-12)
	s.Latency.Of = Difference{N: [Arms]float64{100, 50}, NN: [Arms]float64{7000, 2500}, G: [Arms]int{5, 1}}
	near(t, "tasks that differ less", requestClumps(s), 200, 1e-12)
	s.Latency.Of.NN[0] = 100000
	near(t, "tasks that differ more", requestClumps(s), 1225, 1e-12)
	near(t, "connections", connectionClumps([Arms]Load{{Tasks: 5, Connections: 100, Squares: 2500}, {Tasks: 1, Connections: 9, Squares: 81}}), 6.25, 1e-12)
	near(t, "even connections", connectionClumps([Arms]Load{{Tasks: 5, Connections: 100, Squares: 2000}, {Tasks: 1}}), 1, 0)
	if c := connectionClumps([Arms]Load{{Tasks: 2, Connections: 9, Squares: 41}, {Tasks: 2, Connections: 9, Squares: 41}}); !math.IsInf(c, 1) {
		t.Errorf("of two tasks each: %v", c)
	}
}

// A share is held against the nearest that would be fine.
func TestNearestShare(t *testing.T) {
	near(t, "too few", logSplit([Arms]float64{30, 90}, 2, .5, 1.5), logDirichlet(15, 45, .4), 1e-12)
	near(t, "too many", logSplit([Arms]float64{90, 30}, 2, .5, 1.5), logDirichlet(45, 15, .6), 1e-12)
	near(t, "as many", logSplit([Arms]float64{30, 90}, 2, .25, 1.5), logDirichlet(15, 45, .25), 1e-12)
	near(t, "more than a quarter", logSplit([Arms]float64{60, 60}, 2, .25, 1.5), logDirichlet(30, 30, 1./3), 1e-12)
	near(t, "nothing", logSplit([Arms]float64{}, 2, .5, 1.5), 0, 0)
	near(t, "unknown clumps", logSplit([Arms]float64{3, 9}, math.Inf(1), .5, 1.5), 0, 0)
	for _, bad := range [][2]float64{{-1, 5}, {5, -1}} {
		near(t, "below nothing", logDirichlet(bad[0], bad[1], .5), 0, 0)
	}
	near(t, "none of one arm", logDirichlet(5, 0, .5), logBeta(55, 50)-logBeta(50, 50)+5*math.Ln2, 1e-12)
	s := loads([]float64{30, 28, 35, 25, 33, 29, 31, 27}, []float64{90, 110, 90, 110, 90, 110, 90, 110})
	w := weighSplit(s, 1.5)
	requests, connections := logSplit([Arms]float64{23800, 80000}, requestClumps(s), .5, 1.5), logSplit([Arms]float64{238, 800}, connectionClumps(s.Load), .5, 1.5)
	near(t, "evidence", w.against, logSumExp([]float64{requests, connections}, []float64{.5, .5}), 1e-12)
	near(t, "got", w.got, 238/1038., 1e-12)
	if want := map[bool]string{true: "connections", false: "requests"}[connections > requests]; w.by != want || w.want != .5 || !w.known || w.even {
		t.Errorf("%+v by %s", w, want)
	}
	s.Served = true
	r := s.ruleSplit(Policy{SampleRatio: 1.5})
	near(t, "difference", r.Difference, 238/1038.-.5, 1e-12)
	if r.Outcome != Invalid || r.Requests != int64(w.counted) {
		t.Errorf("%+v", r)
	}
}
