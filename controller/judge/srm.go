package judge

import (
	"fmt"
	"math"
)

// How surely traffic must be shared out otherwise than it should be before the
// comparison is called invalid, and how strongly the prior believes that it is
// as it should be.
const (
	shareLog   = 6.907755278982137 // ln 1000
	sharePrior = 100
)

// logDirichlet is the logarithm of the Bayes factor of "a share of the counts
// other than share is a's" against "that share", for x of a and y of the rest:
// a Dirichlet-multinomial with a hundred prior counts around the share. It is a
// martingale while the share is right, so one may look at any time (Lindon &
// Malek 2022, "Anytime-valid inference for multinomial count data").
func logDirichlet(x, y, share float64) float64 {
	if !(share > 0 && share < 1) || x < 0 || y < 0 {
		return 0
	}
	a, b := sharePrior*share, sharePrior*(1-share)
	return logBeta(a+x, b+y) - logBeta(a, b) - x*math.Log(share) - y*math.Log1p(-share)
}

func logBeta(a, b float64) float64 {
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	return la + lb - lab
}

// A split is how traffic was shared out between the arms.
type split struct {
	want, got   float64 // the candidate's share of tasks, and of the traffic
	by          string  // requests or connections, whichever speaks louder
	against     float64 // logarithm
	counted     float64 // requests or connections
	known, even bool    // even: the smaller arm has traffic in proportion, as far as can be told
}

// weighSplit asks whether the arms got traffic in proportion to their tasks,
// give or take a factor. Requests come in clumps, so they count for as many as
// the clusters that they come in are worth; connections count for less the
// more tasks differ within an arm.
func weighSplit(s Statistics, factor float64) split {
	tasks := [Arms]float64{float64(s.Load[CandidateArm].Tasks), float64(s.Load[ControlArm].Tasks)}
	w := split{even: true}
	if !(tasks[CandidateArm] > 0 && tasks[ControlArm] > 0) {
		return w
	}
	w.want = tasks[CandidateArm] / (tasks[CandidateArm] + tasks[ControlArm])
	requests := [Arms]float64{float64(s.Load[CandidateArm].Requests), float64(s.Load[ControlArm].Requests)}
	connections := [Arms]float64{s.Load[CandidateArm].Connections, s.Load[ControlArm].Connections}
	byRequests := logSplit(requests, requestClumps(s), w.want, factor)
	byConnections := logSplit(connections, connectionClumps(s.Load), w.want, factor)
	w.against = logSumExp([]float64{byRequests, byConnections}, []float64{.5, .5})
	chosen := requests
	w.by = "requests"
	if byConnections > byRequests {
		chosen, w.by = connections, "connections"
	}
	if w.counted = chosen[CandidateArm] + chosen[ControlArm]; w.counted > 0 {
		w.known = true
		w.got = chosen[CandidateArm] / w.counted
	}
	w.even = w.against < shareLog
	return w
}

// logSplit is the evidence that the candidate's share is beyond factor times
// the odds that it should have, either way: the least of that against every
// share within, which is that against the nearest one.
func logSplit(counts [Arms]float64, clump, want, factor float64) float64 {
	x, y := counts[CandidateArm]/clump, counts[ControlArm]/clump
	if !(x+y > 0) || math.IsInf(clump, 1) {
		return 0
	}
	odds := want / (1 - want)
	low, high := odds/factor/(1+odds/factor), odds*factor/(1+odds*factor)
	nearest := min(high, max(low, x/(x+y)))
	return logDirichlet(x, y, nearest)
}

// requestClumps is how many requests count for one: as many as there are for
// each effective cluster, as if each came to an arm as a whole, and no less than
// how tasks differ within an arm.
func requestClumps(s Statistics) float64 {
	clump := 1.0
	if len(s.Streams) > Overall {
		of := s.Streams[Overall].Served
		clusters := effective(of.N[CandidateArm]+of.N[ControlArm], of.NN[CandidateArm]+of.NN[ControlArm], of.G[CandidateArm]+of.G[ControlArm])
		if clusters > 0 {
			clump = max(clump, float64(s.Load[CandidateArm].Requests+s.Load[ControlArm].Requests)/clusters)
		}
	}
	var by [Arms]spread
	for a, of := 0, s.Latency.Of; a < Arms; a++ {
		by[a] = spread{of.N[a], of.NN[a], float64(of.G[a])}
	}
	if between, enough := dispersionOf(by); enough {
		clump = max(clump, between)
	}
	return clump
}

// connectionClumps is the same for open connections; +Inf where there are too
// few tasks to tell, since old tasks may well hold more than young ones.
func connectionClumps(load [Arms]Load) float64 {
	var by [Arms]spread
	for a, l := range load {
		by[a] = spread{l.Connections, l.Squares, float64(l.Tasks)}
	}
	between, enough := dispersionOf(by)
	if !enough {
		return math.Inf(1)
	}
	return max(1, between)
}

// A spread is n things in g places, nn the sum of the places' squares.
type spread struct{ n, nn, g float64 }

// dispersionOf is the variance between places of an arm over what it would be
// if things were shared out one by one, of both arms together; it takes four
// more places than arms to tell.
func dispersionOf(by [Arms]spread) (ratio float64, enough bool) {
	chi2, freedom := 0.0, 0.0
	for _, s := range by {
		if s.n > 0 && s.g > 1 {
			chi2 += max(0, s.nn-s.n*s.n/s.g) / (s.n / s.g)
			freedom += s.g - 1
		}
	}
	if freedom < 4 {
		return 1, false
	}
	return chi2 / freedom, true
}

// ruleSplit rules on whether traffic is shared out as it should be. Where it is
// not, the arms do not see the same, and nothing that they say can be trusted.
func (t *Statistics) ruleSplit(p Policy) ruling {
	r := ruling{Finding: Finding{Gate: GateSampleRatio, Outcome: NoData, Low: -1, High: 1, Threshold: 1000}, spares: true}
	r.text = "no arms are compared"
	if !t.Served {
		return r
	}
	w := weighSplit(*t, p.SampleRatio)
	r.against = w.against
	if r.text = "nothing to compare yet"; !w.known {
		return r
	}
	r.CandidateRate, r.StableRate, r.Difference = w.got, w.want, w.got-w.want
	r.Requests = int64(w.counted)
	r.Outcome = Acceptable
	r.text = fmt.Sprintf("the candidate gets %s of the %s with %s of the tasks", percent(w.got), w.by, percent(w.want))
	if !w.even {
		r.Outcome = Invalid
		r.text += fmt.Sprintf(", beyond doubt more than %s times off (E = %s): the load balancer, health checks or old connections "+
			"favour one arm; wait, or raise judge.sample_ratio", number(p.SampleRatio), number(expCapped(w.against)))
	}
	return r
}
