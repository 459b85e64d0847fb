package judge

import "math"

// Pairs speak thrice: all of the rollout, those of tasks that serve the
// candidate, and those of the last minutes. Harm by any of them is harm, so
// that they share its error between them; most of it is for all pairs, which
// are the first to know. A proof is of what is live.
const (
	allShare     = .7
	liveShare    = .15
	presentShare = .15
)

// live says that the candidate serves and that its own pairs are known: then
// pairs in the shadow of stable prove nothing.
func (t *Statistics) live() bool { return t.Served && t.Streams[Overall].Live.N > 0 }

// hearPairs fills a voice with what the pairs of its stream say, and returns
// the proof that they bring forward.
func (s *State) hearPairs(t *Statistics, v *voice, p Policy) *proof {
	st := &t.Streams[v.stream]
	unit := st.Pairs.N / math.Max(1, float64(t.Shadowed))
	all := st.Pairs.estimate(unit)
	v.estimate, v.logs = all, all.weigh(v.band)
	best := &s.past.Proofs[v.stream][byPairs]
	if t.Stretch == 0 {
		return best // counted by a version that tells no pairs apart
	}
	heard := [3]estimate{all}
	high, low := []float64{v.logs.tooHigh, 0, 0}, []float64{v.logs.tooLow, 0, 0}
	if t.live() {
		own := st.Live.estimate(unit)
		live := own.weigh(v.band)
		heard[1], high[1], low[1] = own, live.tooHigh, live.tooLow
		if !p.Early {
			v.estimate, v.logs = own, live
			best = &s.past.Proofs[v.stream][byLive]
		}
	}
	v.present = st.Present.estimate(unit)
	present := v.present.weigh(v.band)
	heard[2] = v.present
	high[2], low[2] = s.past.Recent[v.stream].hear(t.Stretch, present)
	shares := []float64{allShare, liveShare, presentShare}
	for i, name := range [3]string{"", " on the requests that it answers", " of late"} {
		if i == 0 || math.Max(high[i], low[i])+math.Log(shares[i]) > v.against {
			v.loudest, v.whose, v.against = heard[i], name, math.Max(high[i], low[i])+math.Log(shares[i])
		}
	}
	v.logs.tooHigh, v.logs.tooLow = logSumExp(high, shares), logSumExp(low, shares)
	v.outdated = v.present.contradicts(present, v.band)
	return best
}

// excusedBy says that what the arms say against the candidate is no harm of
// its: live pairs, which compare the releases on the very requests that the
// candidate answers, know as much and say nothing of the kind. Then the arms
// get other traffic. Pairs in the shadow of stable excuse nothing.
func (v voice) excusedBy(live voice) bool {
	known := live.estimate.info
	if !live.estimate.ready {
		known /= live.estimate.phi // too few flips to tell by themselves how they clump
	}
	return v.estimate.known && live.estimate.known && known >= v.estimate.info && live.against < math.Ln2
}

// enoughToProve is the information, times the squared margin, at which the
// present must be proven as well: without a difference it is in 999 of 1,000
// cases, so that a hundred partners do not wait for each other's chance.
const enoughToProve = 40

// contradicts says that what is known of the present speaks against a proof:
// it knows enough for one and brings none, or it is rather for harm.
func (e estimate) contradicts(l logs, b band) bool {
	if !e.known || !e.ready {
		return false
	}
	if e.info*b.margin*b.margin >= enoughToProve && math.Min(l.below, l.above) < requiredLog {
		return true
	}
	return math.Max(l.tooHigh, l.tooLow) >= math.Ln2
}

// recently is the evidence of the present against a candidate that was fine
// before. It starts anew with every stretch of time; the j-th start has
// 1/(j(j+1)) of the error, so that all of them together spend what one would
// (a mixture over when the change came, as in Shiryaev's and Roberts' rule).
type recently struct {
	Stretch int        `json:"stretch"`
	Settled [2]float64 `json:"settled"` // logarithms over stretches that are past: too high, too low
	Now     [2]float64 `json:"now"`
}

// never is the logarithm of no evidence at all.
const never = -1e6

// hear takes in the present of a stretch, and returns both sides' evidence.
func (r *recently) hear(stretch int, l logs) (high, low float64) {
	if r.Stretch == 0 {
		r.Settled = [2]float64{never, never}
	} else if r.Stretch != stretch {
		for side, now := range r.Now {
			r.Settled[side] = bounded(logSumExp([]float64{r.Settled[side], now + startShare(r.Stretch)}, []float64{1, 1}))
		}
	}
	r.Stretch, r.Now = stretch, [2]float64{bounded(l.tooHigh), bounded(l.tooLow)}
	var all [2]float64
	for side, now := range r.Now {
		all[side] = logSumExp([]float64{r.Settled[side], now + startShare(stretch)}, []float64{1, 1})
	}
	return all[0], all[1]
}

// startShare is the logarithm of a start's share of the error.
func startShare(stretch int) float64 {
	j := float64(stretch)
	return -math.Log(j * (j + 1))
}
