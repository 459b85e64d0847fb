package judge

import "math"

// weighing is what a ratio of rates says.
type weighing struct {
	against, proof float64 // logarithms
	phi            float64
	clusters       [arms]int
}

// manyTasks is how many tasks an arm must have before the dispersion between
// tasks can be told from chance.
const manyTasks = 8

// weighRatio holds the candidate's rate against stable's. To count against the
// candidate it must be both above the tolerated ratio and above the floor; to
// count for it, being below either is enough.
func (s *State) weighRatio(m int, p Policy) weighing {
	r := &s.ratios[m]
	var byCluster, byTask [arms]pairSums
	byCluster = r.Folded
	for i := range s.rows {
		for a := range arms {
			byCluster[a].addExposure(s.rows[i].ratio[m][a])
			byTask[a].addTask(s.rows[i].ratio[m][a])
		}
	}
	w := weighing{phi: 1, clusters: [arms]int{int(byCluster[candidate].G), int(byCluster[control].G)}}
	if m != servedErrors && r.Requests > 0 {
		w.phi = max(1, r.N[candidate]/r.Requests) // the pairs of a request may fail together
	}
	w.phi = max(w.phi, overdispersion(byCluster))
	if min(byTask[candidate].G, byTask[control].G) >= manyTasks {
		w.phi = max(w.phi, overdispersion(byTask))
	}
	if min(w.clusters[candidate], w.clusters[control]) < minClusters {
		return w
	}
	w.against = min(temperedMean(r.Logs[:], w.phi), logAbove(r.X[candidate], r.N[candidate], p.ErrorFloor, w.phi))
	w.proof = logSumExp([]float64{
		temperedMean(r.Proofs[:], w.phi),
		logBelow(r.X[candidate], r.N[candidate], p.ErrorFloor, w.phi),
	}, []float64{.5, .5})
	r.Proof.note(p.ErrorFloor, p.ErrorRatio, w.proof, w.proof)
	return w
}

// addTask counts all clusters of a task as one.
func (p *pairSums) addTask(e exposure) {
	var n, x uint64
	for g := range e.n {
		n += e.n[g]
		x += e.x[g]
	}
	p.addExposure(exposure{n: []uint64{n}, x: []uint64{x}})
}

// overdispersion is Pearson's chi-square within arms over its degrees of
// freedom, at least 1.
func overdispersion(by [arms]pairSums) float64 {
	chi2, freedom := 0.0, 0.0
	for _, p := range by {
		c, f := p.dispersion()
		chi2 += c
		freedom += f
	}
	if freedom <= 0 {
		return 1
	}
	return max(1, chi2/freedom)
}

// tolerable says whether the candidate's rate as counted is fine.
func (r *ratio) tolerable(p Policy) bool {
	rate := r.rates()
	return rate[candidate] <= max(p.ErrorFloor, p.ErrorRatio*rate[control])
}

func (r *ratio) rates() (rate [arms]float64) {
	for a := range rate {
		if r.N[a] > 0 {
			rate[a] = math.Min(1, r.X[a]/r.N[a])
		}
	}
	return rate
}

// findRatio is the finding on one ratio.
func (s *State) findRatio(m int, gate Gate, threshold float64, asked bool, p Policy) (Finding, float64) {
	w := s.weighRatio(m, p)
	r := &s.ratios[m]
	rate := r.rates()
	low, high := Newcombe(int64(r.X[candidate]), int64(r.N[candidate]), int64(r.X[control]), int64(r.N[control]))
	f := Finding{
		Gate: gate, Outcome: Unsure,
		CandidateRate: rate[candidate], StableRate: rate[control], Difference: rate[candidate] - rate[control],
		Low: low, High: high, BandLow: -1, BandHigh: max(p.ErrorFloor, p.ErrorRatio*rate[control]) - rate[control],
		Threshold: threshold, Proof: expCapped(w.proof),
		Requests: int64(min(r.N[candidate], r.N[control])), Clusters: w.clusters[candidate] + w.clusters[control],
	}
	if asked {
		f.Required = required
	}
	switch {
	case r.N[candidate] == 0:
		f.Outcome = NoData
	case r.Proof.worst() >= requiredLog && r.tolerable(p):
		f.Outcome = Acceptable
	}
	return f, w.against
}
