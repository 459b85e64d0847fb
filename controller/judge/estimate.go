package judge

import "math"

// Burn-in: below these nothing is decided, neither way.
const (
	minWindows  = 2
	minClusters = 16 // effective ones, per arm
	minEvents   = 40 // of each outcome, over both arms
	minFlips    = 20 // pairs on which the releases differ, in minClusters effective clusters
)

// A band is the differences that are fine: the intended shift, give or take a
// margin.
type band struct{ low, high, margin float64 }

// An estimate is a difference of shares with its information, which is the
// inverse of its squared standard error.
type estimate struct {
	d, info, nu float64
	flipping    float64 // of pairs: how many of the effective clusters have a flip
	n           float64 // units in the smaller arm, or pairs
	events      float64 // of the rarer outcome over both arms, or flips
	rates       [Arms]float64
	clusters    [Arms]int     // the same number twice for pairs
	effective   [Arms]float64 // as many equal ones tell as much
	own         [Arms]float64 // variance of either arm's rate by itself
	windows     int
	phi         float64 // variance against that of independent pairs
	few         bool    // the rarer outcome is "filtered" (always so for flips)
	paired      bool
	known       bool // there is any difference at all
	ready       bool // past the burn-in
}

// estimate compares the arms. Its degrees of freedom are those of as many
// clusters of equal size as would tell as much, so that an exchange which opens
// few connections and sends much over each is not taken for many.
func (st Difference) estimate() estimate {
	e := estimate{windows: st.Windows, phi: 1}
	if !(st.Q > 0) || !(st.N[CandidateArm] > 0) || !(st.N[ControlArm] > 0) {
		return e
	}
	var v, moving [Arms]float64
	theta := st.Theta()
	for a := range v {
		e.clusters[a] = st.G[a]
		e.effective[a] = effective(st.N[a], st.NN[a], st.G[a])
		u2 := max(0, st.U2[a]-2*theta*st.UV[a]+theta*theta*st.VV[a])
		if u2 <= rounding*st.Binomial {
			u2 = 0
		}
		v[a] = unbias(e.effective[a]) * u2
		moving[a] = min(e.effective[a], normal(u2, st.U4[a]))
		e.own[a] = v[a] / (st.Q * st.Q)
		e.rates[a] = min(1, st.X[a]/st.N[a])
	}
	variance := v[CandidateArm] + v[ControlArm] + st.Between
	if !(max(variance, st.Binomial) > 0) {
		return e
	}
	if st.Binomial > 0 {
		e.phi = min(1e9, max(1, variance/st.Binomial))
	}
	e.known = true
	e.d = max(-1, min(1, (st.D-theta*st.Foretold)/st.Q))
	e.info = inverse(max(variance, .7*st.Binomial) / st.Q / st.Q)
	e.nu = satterthwaite(v, moving)
	e.n = min(st.N[CandidateArm], st.N[ControlArm])
	x, all := st.X[CandidateArm]+st.X[ControlArm], st.N[CandidateArm]+st.N[ControlArm]
	e.events, e.few = max(0, min(x, all-x)), x <= all-x
	e.ready = st.Windows >= minWindows && e.least() >= minClusters && e.events >= minEvents
	return e
}

// rounding is the part of the binomial variance below which clusters differ by
// nothing but how sums are rounded. Processors that multiply and add in one
// step round otherwise, and must come to the same verdict.
const rounding = 1e-12

// least is how many effective clusters the arm has that has fewer.
func (e estimate) least() float64 { return min(e.effective[CandidateArm], e.effective[ControlArm]) }

// normal is how many normal values would leave their variance as uncertain as
// these do, from the sums of their squares and fourth powers: few clusters that
// move much are few, however many others stand still.
func normal(squares, fourths float64) float64 {
	if !(squares > 0 && fourths > 0) {
		return math.Inf(1)
	}
	return 3 * squares * squares / fourths
}

// unbias makes up for deviations being taken from a mean that is estimated from
// the same g clusters.
func unbias(g float64) float64 { return max(2, g) / (max(2, g) - 1) }

// satterthwaite is the degrees of freedom of a sum of two variances, each
// estimated from g clusters; for arms alike that of both together.
func satterthwaite(v, g [Arms]float64) float64 {
	whole, parts, most := v[CandidateArm]+v[ControlArm], 0.0, -2.0
	for a := range v {
		parts += v[a] * v[a] / max(1, g[a]-1)
		most += g[a]
	}
	if !(parts > 0) {
		return max(1, most)
	}
	return max(1, min(most, whole*whole/parts))
}

// estimate compares the releases on the pairs that both scored. unit is
// how many pairs were scored together, at most: they may agree or differ
// together.
func (p PairSums) estimate(unit float64) estimate {
	e := estimate{phi: max(1, unit), paired: true, few: true}
	if !(p.N > 0) || p.G < 1 {
		return e
	}
	g := effective(p.N, p.NN, int(p.G))
	e.known = true
	e.n, e.events = p.N, p.Ten+p.One
	e.clusters, e.effective = [Arms]int{int(p.G), int(p.G)}, [Arms]float64{g, g}
	e.d = max(-1, min(1, (p.Ten-p.One)/p.N))
	floor := (min(1, (p.Ten+p.One)/p.N) + 2/p.N - e.d*e.d) / p.N
	e.info = inverse(max(p.variance(e.d, g), floor))
	e.nu, e.flipping = max(1, g-1), p.flipping(g)
	e.phi = max(e.phi, p.N/units(p.N, p.NN, p.M))
	if chi2, freedom := dispersion(p.N, p.Ten+p.One, p.FF, p.G); freedom > 0 {
		e.phi = max(e.phi, chi2/freedom)
	}
	e.ready = e.events >= minFlips && e.flipping >= minClusters
	return e
}

// flipping is how many of g effective clusters have a flip, again as many
// equal ones. Flips that belong to a few connections are as many as those,
// however often each of them is counted, and tell how far chance may carry a
// difference no better than so many do.
func (p PairSums) flipping(g float64) float64 {
	if !(p.F2 > 0) {
		return g
	}
	return min(g, effective(p.Ten+p.One, p.F2, int(p.G)))
}

// surety is the degrees of freedom of a proof; nu is that of evidence. Where
// chance makes too many flips, it makes their spread as much greater, so that in
// standard errors the difference strays no farther than a normal value
// (self-normalized sums: Efron 1969; de la Peña, Lai, Shao 2009). Where chance
// leaves flips out, their spread shrinks with them. So a proof goes by the
// clusters that have any: the spread of m of them varies by 1/m of its square,
// as that of 2m normal values does.
func (e estimate) surety() float64 {
	if !(e.flipping > 0) {
		return e.nu
	}
	return max(1, min(e.nu, 2*e.flipping))
}

// variance is that of the difference d between g effective clusters.
func (p PairSums) variance(d, g float64) float64 {
	if p.G < 2 {
		return 0
	}
	return unbias(g) * max(0, p.SS-2*d*p.SN+d*d*p.NN) / (p.N * p.N)
}

// logs are an estimate's e-values against the candidate (too high, too low)
// and for it (below the upper edge, above the lower).
type logs struct{ tooHigh, tooLow, below, above float64 }

// against is the logarithm of the two-sided evidence: the mean of both sides.
func (l logs) against() float64 {
	return logSumExp([]float64{l.tooHigh, l.tooLow}, []float64{.5, .5})
}

// weigh holds an estimate against a band.
func (e estimate) weigh(b band) logs {
	if !e.ready {
		return e.weighRare(b)
	}
	return logs{
		tooHigh: logAgainst(score(e.d-b.high, e.info, e.nu), e.info, b.margin),
		tooLow:  logAgainst(score(b.low-e.d, e.info, e.nu), e.info, b.margin),
		below:   logProof(score(b.high-e.d, e.info, e.surety()), e.info, b.margin),
		above:   logProof(score(e.d-b.low, e.info, e.surety()), e.info, b.margin),
	}
}

// weighRare proves what the Gaussian form cannot: that releases which hardly
// ever differ, or arms which both hardly ever filter (or pass) anything,
// differ by less than the band allows, because each share by itself is below
// it. Half of the proof's error is set aside for it.
func (e estimate) weighRare(b band) logs {
	edge := min(b.high, -b.low)
	if !e.known || edge <= 0 || edge >= 1 || e.least() < minClusters {
		return logs{}
	}
	proof := math.Inf(1)
	switch {
	case e.paired:
		proof = logBelow(e.events, e.n, edge, e.phi)
	case !e.paired && e.events < minEvents && e.windows >= minWindows:
		for _, rate := range e.rates {
			if !e.few {
				rate = 1 - rate
			}
			proof = min(proof, logBelow(rate*e.n, e.n, edge, e.phi))
		}
	default:
		return logs{}
	}
	proof -= math.Ln2
	return logs{below: proof, above: proof}
}

// interval is the anytime-valid 95 % confidence sequence of the difference: those
// that neither evidence rules out. Before there are events enough for the
// Gaussian form, that is what [estimate.weighRare] has not proven to lie beyond.
func (e estimate) interval(margin float64) (low, high float64) {
	low, high = confidence(e.d, e.info, e.nu, margin)
	if e.ready {
		return low, high
	}
	inside, beyond := 0., 1.
	for range 30 { // to a billionth
		if at := (inside + beyond) / 2; e.weighRare(band{-at, at, at}).below < requiredLog {
			inside = at
		} else {
			beyond = at
		}
	}
	return min(e.d, max(low, -beyond)), max(e.d, min(high, beyond)) // a past may have moved it
}

// progress says how far on the way to both proofs the estimate is: information
// grows with traffic, and 15/margin^2 of it suffices in most cases when the
// difference is as intended.
func (e estimate) progress(b band, p proof) float64 {
	if p.worst() >= requiredLog {
		return 1
	}
	if !e.known {
		return 0
	}
	if !e.ready {
		return min(.9, max(0, p.worst()/requiredLog))
	}
	if !e.within(b) {
		return 0 // what more of the same will not prove
	}
	needed := 15 / (b.margin * b.margin)
	if e.info >= needed {
		needed = max(needed, e.needed(b))
	}
	return min(.99, e.info/needed)
}

// needed is the information at which both proofs would stand if the difference
// stayed what it is; much, but finite, when it is too near an edge.
func (e estimate) needed(b band) float64 {
	return informationFor(min(b.high-e.d, e.d-b.low), b.margin)
}

// informationFor is the information at which a difference so far inside an edge
// is proven to be inside.
func informationFor(distance, margin float64) float64 {
	best := 0.0
	for _, step := range []float64{1, .5, .25} {
		h := step * margin
		best = max(best, h*distance-h*h/2)
	}
	return (requiredLog + math.Log(10)) / max(best, margin*margin/250)
}
