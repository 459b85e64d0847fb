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
	} {
		w := weighSplit(loads(tt.candidate, tt.control), 1.5)
		if w.even != tt.even {
			t.Errorf("%s: even %v at ln E = %v by %s, %v instead of %v", tt.name, w.even, w.against, w.by, w.got, w.want)
		}
	}
}
