package judge

import (
	"fmt"
	"math"
)

// weighing is what a ratio of rates says.
type weighing struct {
	against, proof float64 // logarithms
	phi            float64
	clusters       [Arms]int
}

// manyTasks is how many tasks an arm must have before the dispersion between
// tasks can be told from chance.
const manyTasks = 8

// weighRatio holds the candidate's rate against stable's. To count against the
// candidate it must be both above the tolerated ratio and above the floor; to
// count for it, being below either is enough.
func (s *State) weighRatio(t *Statistics, m int, p Policy) weighing {
	r, counted := &s.past.Ratios[m], &t.Ratios[m]
	x, n := counted.ByCluster[CandidateArm].X, counted.ByCluster[CandidateArm].N
	w := weighing{phi: 1, clusters: [Arms]int{int(counted.ByCluster[CandidateArm].G), int(counted.ByCluster[ControlArm].G)}}
	if m != ServedErrors && counted.Requests > 0 {
		w.phi = max(1, n/counted.Requests) // the pairs of a request may fail together
	}
	w.phi = max(w.phi, overdispersion(counted.ByCluster), overdispersion(counted.ByMoment))
	if min(counted.ByTask[CandidateArm].G, counted.ByTask[ControlArm].G) >= manyTasks {
		w.phi = max(w.phi, overdispersion(counted.ByTask))
	}
	if min(w.clusters[CandidateArm], w.clusters[ControlArm]) < minClusters {
		return w
	}
	w.against = min(temperedMean(r.Logs[:], w.phi), logAbove(x, n, p.ErrorFloor, w.phi))
	if counted.ByMoment[CandidateArm].episodes() < twoMoments {
		w.against = min(0, w.against)
	}
	w.proof = r.prove(counted, w.phi, p)
	r.Proof.note(p.ErrorFloor, p.ErrorRatio, w.proof, w.proof)
	if floor := p.provable(p.ErrorFloor); floor != p.ErrorFloor {
		p.ErrorFloor = floor
		w.proof = r.prove(counted, w.phi, p)
		r.Eased.note(p.ErrorFloor, p.ErrorRatio, w.proof, w.proof)
	}
	return w
}

// prove weighs that the candidate's rate is fine.
func (r *ratio) prove(counted *Ratio, phi float64, p Policy) float64 {
	c := counted.ByCluster[CandidateArm]
	proof := logSumExp([]float64{
		temperedMean(r.Proofs[:], phi),
		logBelow(c.X, c.N, p.ErrorFloor, phi),
	}, []float64{.5, .5})
	if spared, known := counted.spare(); known {
		proof = logSumExp([]float64{proof, spared.proof(p)}, []float64{.5, .5})
	}
	return proof
}

// A spared is what two rates of rare events are without the worst half minute of
// one task of either arm: one misfortune says nothing of a release, and should
// not keep it from being proven.
type spared struct {
	n, x [Arms]float64
	phi  float64
}

// spare leaves the worst moments out; known is false where they are not known,
// or all there is.
func (r *Ratio) spare() (s spared, known bool) {
	by := r.ByMoment
	for a := range by {
		c, w := &by[a], r.Worst[a]
		if w.N > 0 && w.X > 0 {
			c.N, c.X, c.FF, c.G = c.N-w.N, c.X-w.X, max(0, c.FF-w.X*w.X/w.N), c.G-1
		}
		s.n[a], s.x[a] = c.N, max(0, c.X)
		if !(c.N > 0) || c.G < 1 {
			return spared{}, false
		}
	}
	s.phi = overdispersion(by)
	if r.Requests > 0 {
		s.phi = max(s.phi, r.ByCluster[CandidateArm].N/r.Requests)
	}
	return s, r.Worst != [Arms]Moment{}
}

func (s spared) proof(p Policy) float64 {
	var logs [3]float64
	for i, a := range ratioProofs() {
		logs[i] = ratioLog(s.x[CandidateArm], s.n[CandidateArm], s.x[ControlArm], s.n[ControlArm], p.ErrorRatio, a)
	}
	return logSumExp([]float64{
		temperedMean(logs[:], s.phi),
		logBelow(s.x[CandidateArm], s.n[CandidateArm], p.ErrorFloor, s.phi),
	}, []float64{.5, .5})
}

// twoMoments is how many moments of tasks, again as many equal ones, events must
// have come in to be more than one misfortune of one task; what is gross is the
// breaker's.
const twoMoments = 1.5

// episodes is in how many clusters the events came, as many equal ones; without
// end where that is not known.
func (c ClusterSums) episodes() float64 {
	if !(c.XX > 0) {
		return math.Inf(1)
	}
	return c.X * c.X / c.XX
}

// dispersion is Pearson's chi-square of g clusters' event counts around their
// common rate, over its degrees of freedom: 1 for independent events. ff is
// the sum over clusters of f^2/n for f events in n trials.
func dispersion(trials, events, ff, g float64) (chi2, freedom float64) {
	if g < 2 || events <= 0 || trials <= 0 {
		return 0, 0
	}
	rate := events / trials
	// sum (f - rate n)^2 / (rate n) = (sum f^2/n - rate events) / rate
	return max(0, (ff-rate*events)/rate), g - 1
}

// overdispersion is Pearson's chi-square within arms over its degrees of
// freedom, at least 1.
func overdispersion(by [Arms]ClusterSums) float64 {
	chi2, freedom := 0.0, 0.0
	for _, p := range by {
		c, f := dispersion(p.N, p.X, p.FF, p.G)
		chi2 += c
		freedom += f
	}
	if freedom <= 0 {
		return 1
	}
	return max(1, chi2/freedom)
}

// tolerable says whether the candidate's rate as counted is fine.
func (r *Ratio) tolerable(p Policy) bool {
	rate := r.rates()
	if s, known := r.spare(); known {
		for a := range rate {
			rate[a] = s.x[a] / s.n[a]
		}
	}
	return rate[CandidateArm] <= max(p.provable(p.ErrorFloor), p.ErrorRatio*rate[ControlArm])
}

func (r *Ratio) rates() (rate [Arms]float64) {
	for a := range rate {
		if n := r.ByCluster[a].N; n > 0 {
			rate[a] = math.Min(1, r.ByCluster[a].X/n)
		}
	}
	return rate
}

// findRatio is the finding on one ratio.
func (s *State) findRatio(t *Statistics, m int, gate Gate, threshold float64, asked bool, p Policy) (Finding, float64) {
	w := s.weighRatio(t, m, p)
	r := &t.Ratios[m]
	c, k := r.ByCluster[CandidateArm], r.ByCluster[ControlArm]
	rate := r.rates()
	low, high := Newcombe(int64(c.X), int64(c.N), int64(k.X), int64(k.N))
	f := Finding{
		Gate: gate, Outcome: Unsure,
		CandidateRate: rate[CandidateArm], StableRate: rate[ControlArm], Difference: rate[CandidateArm] - rate[ControlArm],
		Low: low, High: high, BandLow: -1, BandHigh: max(p.ErrorFloor, p.ErrorRatio*rate[ControlArm]) - rate[ControlArm],
		Threshold: threshold, Proof: expCapped(w.proof),
		Requests: int64(min(c.N, k.N)), Clusters: w.clusters[CandidateArm] + w.clusters[ControlArm],
	}
	if asked {
		f.Required = required
	}
	if w.against >= math.Log(threshold) {
		f.Otherwise = worseFloor(c.X, c.N, w.phi, p.ErrorFloor, threshold)
	}
	switch {
	case c.N == 0:
		f.Outcome = NoData
	case s.past.Ratios[m].best(p).worst() >= requiredLog && r.tolerable(p):
		f.Outcome = Acceptable
	}
	return f, w.against
}

// worseFloor says from which floor on a rate would not be worse.
func worseFloor(x, n, phi, floor, threshold float64) string {
	innocent := func(floor float64) bool { return logAbove(x, n, floor, phi) < math.Log(threshold) }
	if floor, found := leastMargin(floor, innocent); found && floor <= .5 {
		return fmt.Sprintf("at this look not worse, had error_floor been %s or more", percent(floor))
	}
	return ""
}
