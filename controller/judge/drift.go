package judge

import (
	"fmt"
	"math"
)

// A quantile is an edge between two score bins of a reference distribution.
type quantile struct {
	edge  int     // bins 0 to edge-1 lie below it
	below float64 // share of the reference below it
}

// quantilesOf says how much of a reference lies below each of its edges.
func quantilesOf(reference [ScoreBins]float64) (all [Quantiles]quantile, known bool) {
	edges, known := DriftEdges(reference)
	if !known {
		return all, false
	}
	var below [ScoreBins + 1]float64
	for i, share := range reference {
		below[i+1] = below[i] + share
	}
	for j, edge := range edges {
		all[j] = quantile{edge: edge, below: min(1, below[edge]/below[ScoreBins])}
	}
	return all, true
}

// A departure is how far the candidate's scores are from what its makers saw.
type departure struct {
	estimate         // at the quantile that speaks loudest
	number   int     // of that quantile, from 1; 0 where there are no scores yet
	edge     int     // first score bin above it
	below    float64 // share of the reference below it
	against  float64 // logarithm
	psi      float64 // bias-corrected; for display
	told     bool    // there is a reference
}

// weighDrift holds the candidate's scores against the reference that came with
// it, not against stable's scores, which may well be others. Clusters are a
// task's scores of a few seconds; since connections that last make those alike,
// the variance is at least deff times that of independent scores, deff being
// the design effect with which the filter rate is known.
func weighDrift(s Statistics, p Policy, deff float64) departure {
	d := departure{estimate: estimate{phi: 1}}
	quantiles, known := quantilesOf(p.Reference)
	if d.told = known; !known {
		return d
	}
	var logs, weights [Quantiles]float64
	loudest := math.Inf(-1)
	for j := range min(Quantiles, len(s.Drift)) {
		e := s.Drift[j].share(max(1, deff))
		e.d -= quantiles[j].below
		weights[j] = 1. / Quantiles
		if !e.known {
			continue
		}
		if e.ready {
			logs[j] = e.weigh(band{-p.DriftMargin, p.DriftMargin, p.DriftMargin}).against()
		}
		if logs[j] > loudest || logs[j] == loudest && math.Abs(e.d) > math.Abs(d.d) {
			d.estimate, d.number, loudest = e, j+1, logs[j]
			d.edge, d.below = quantiles[j].edge, quantiles[j].below
		}
	}
	if d.number > 0 {
		d.against = logSumExp(logs[:], weights[:])
	}
	d.psi = stability(s.Scores[CandidateArm], quantiles, max(d.phi, deff))
	return d
}

// share estimates a share over clusters; its variance is at least deff times
// that of independent trials.
func (c ClusterSums) share(deff float64) estimate {
	e := estimate{phi: 1, few: true, paired: true}
	if !(c.N > 0) || c.G < 1 {
		return e
	}
	g := effective(c.N, c.NN, int(c.G))
	p := min(1, max(0, c.X/c.N))
	rare := 1 / (c.N + 2)
	binomial := max(p*(1-p), rare*(1-rare)) / c.N
	variance := deff * binomial
	if g > 1 {
		variance = max(variance, unbias(g)*max(0, c.XX-2*p*c.XN+p*p*c.NN)/(c.N*c.N))
	}
	e.known, e.d, e.n = true, p, c.N
	e.events = min(c.X, c.N-c.X)
	e.info, e.nu, e.phi = inverse(variance), max(1, g-1), max(1, variance/binomial)
	e.clusters, e.effective = [Arms]int{int(c.G), int(c.G)}, [Arms]float64{g, g}
	e.ready = g >= minClusters && c.N/e.phi >= 2*minEvents
	return e
}

func total(scores [ScoreBins]int64) (n float64) {
	for _, v := range scores {
		n += max(0, float64(v))
	}
	return n
}

// stability is the population stability index of scores against a reference
// over the intervals between its quantiles, less what chance alone adds to it:
// (intervals - 1) deff / n, the reference being taken as known.
func stability(scores [ScoreBins]int64, quantiles [Quantiles]quantile, deff float64) float64 {
	n := total(scores)
	if n <= 0 {
		return 0
	}
	psi, intervals, from, below := 0.0, 0.0, 0, 0.0
	add := func(edge int, upTo float64) {
		want := upTo - below
		if edge <= from || !(want > 1e-9) {
			return
		}
		x := 0.0
		for _, v := range scores[from:edge] {
			x += max(0, float64(v))
		}
		got := (x + .5) / (n + .5*(Quantiles+1)) // an empty interval is not infinitely far
		psi += (got - want) * math.Log(got/want)
		intervals++
		from, below = edge, upTo
	}
	for _, q := range quantiles {
		add(q.edge, q.below)
	}
	add(ScoreBins, 1)
	return max(0, psi-(intervals-1)*deff/n)
}

// psiLabel is how such an index is commonly read.
func psiLabel(psi float64) string {
	switch {
	case psi >= .25:
		return "shifted"
	case psi >= .1:
		return "somewhat shifted"
	default:
		return "as trained"
	}
}

// ruleDrift rules on scores that do not lie where the release's makers saw
// them. Evidence enough holds the rollout for a person; only where the policy
// says so, and beyond all doubt, it ends it.
func (t *Statistics) ruleDrift(p Policy, overall estimate) ruling {
	r := ruling{Finding: Finding{Gate: GateDrift, Outcome: NoData, Low: -1, High: 1, Threshold: holdsAt}}
	if r.spares = p.Drift != DriftRollBack; !r.spares {
		r.Threshold = 1 / driftAlpha
	}
	if p.Drift == DriftOff {
		r.text, r.Threshold = "drift of scores is not judged (judge.drift: off)", 0
		return r
	}
	d := weighDrift(*t, p, overall.phi)
	r.against, r.basis = d.against, d.estimate
	r.band = band{-p.DriftMargin, p.DriftMargin, p.DriftMargin}
	r.holds = d.against >= holdLog
	r.setting = "drift_margin"
	switch {
	case !d.told:
		r.text = "the release tells no distribution of its scores"
		return r
	case d.number == 0 && t.Served && t.Answered[CandidateArm] > deadAfter:
		r.text = fmt.Sprintf("dead metric: the candidate answered %s requests, but none of its scores is counted", commas(t.Answered[CandidateArm]))
		return r
	case d.number == 0:
		r.text = "no scores are counted yet"
		return r
	}
	r.show(proof{})
	r.weight = -math.Log(2 * Quantiles) // one of so many, and of two sides
	r.CandidateRate, r.StableRate = min(1, max(0, d.below+d.d)), d.below
	if r.Outcome = Unsure; d.ready && !r.holds && math.Abs(d.d) <= p.DriftMargin {
		r.Outcome = Acceptable
	}
	r.text = fmt.Sprintf("%s of the candidate's scores lie below %s, %s of its reference (%s pt, anytime 95 %% CS [%s, %s]), allowed %s pt either way; "+
		"PSI %.3f: %s; ", percent(r.CandidateRate), decimal(d.edge), percent(d.below), points(d.d), points(r.Low), points(r.High),
		points(p.DriftMargin), d.psi, psiLabel(d.psi))
	r.text += fmt.Sprintf("evidence: E = %s, held from %d on", number(expCapped(d.against)), holdsAt)
	return r
}
