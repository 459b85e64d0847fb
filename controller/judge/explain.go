package judge

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/sluicehq/sluice/sorting"
)

// maxGrowth bounds how many looks back the evidence is shown.
const maxGrowth = 32

// show fills a finding on a difference of which only more is harm.
func (r *ruling) show(best proof) {
	e := r.basis
	r.BandLow, r.BandHigh = r.band.low, r.band.high
	r.Requests, r.Windows, r.Clusters = int64(e.n), e.windows, e.clusters[CandidateArm]
	if !e.paired {
		r.Clusters += e.clusters[ControlArm]
	}
	if !e.known {
		return
	}
	r.Outcome = Unsure
	r.Difference, r.CandidateRate, r.StableRate = e.d, e.rates[CandidateArm], e.rates[ControlArm]
	r.Low, r.High = e.interval(r.band.margin)
	r.Proof = expCapped(best.worst())
	r.progress = e.progress(r.band, best)
	if r.asked && best.worst() >= requiredLog && e.within(r.band) {
		r.Outcome = Acceptable
	}
}

// explain fills what a person may ask of a ruling beyond its numbers.
func (s *State) explain(r *ruling, t *Statistics, p Policy) {
	r.Alpha = r.Gate.alpha(p)
	r.Detectable = r.detectable()
	if r.asked && r.Outcome != Acceptable {
		r.Needed = r.needed()
	}
	r.Growth = s.past.Growth[r.Gate]
	if len(r.Drivers) == 0 {
		r.Drivers = t.drivers(r)
	}
	if r.Otherwise == "" {
		r.Otherwise = r.otherwise()
	}
}

// detectable is the difference that would be found at present in nine of ten
// rollouts, were it so far beyond the margin.
func (r *ruling) detectable() float64 {
	if !r.basis.known || !(r.basis.info > 0) {
		return 0
	}
	return min(1, math.Sqrt(harmP90/r.basis.info))
}

// needed is how many units the required proof should take in all. That of rates
// of rare events grows with them. It is 0 where nobody can tell: so little is
// known yet that it would be more than a million times what has been seen.
func (r *ruling) needed() int64 {
	units, more := r.basis.n, r.more()
	if !(r.band.margin > 0) {
		units, more = float64(r.Requests), 1/max(0, r.progress)
	}
	if more > 1e6 {
		return 0
	}
	return int64(min(1e15, math.Ceil(units*more)))
}

// more is how many times as many units a required proof should take.
func (r *ruling) more() float64 {
	e := r.basis
	switch {
	case !e.known:
		return 0
	case e.ready:
		return max(1, r.sufficient()/e.info)
	}
	burnIn := float64(minEvents)
	if e.paired {
		burnIn = minFlips
	}
	return max(1, min(burnIn/max(1, e.events), r.sufficient()/e.info), minWindows/max(1, float64(e.windows)))
}

// asFar is by how much two measures of one progress may differ.
const asFar = .1

// Units are the requests or pairs behind the proof that is furthest away, and how
// many it needs; zero where they tell another story than Progress does, as of a
// difference that more of the same will not prove, or one that is never seen.
func (v *Verdict) Units() (seen, needed int64) {
	if v.Needed > 0 && (v.Outcome == NoData || math.Abs(float64(v.Requests)/float64(v.Needed)-v.Progress) > asFar) {
		return 0, 0
	}
	return v.Requests, v.Needed
}

// grow remembers the evidence of this look, and how much is known.
func (s *State) grow(rulings []ruling, t *Statistics) {
	if s.past.Grown == s.past.Looks {
		return
	}
	s.past.Grown = s.past.Looks
	for _, r := range rulings {
		if r.Gate == GateData || r.Gate == GateBreaker {
			continue
		}
		g := s.past.Growth[r.Gate]
		if t.Counted {
			s.past.Growth[r.Gate] = append(g[max(0, len(g)-maxGrowth+1):len(g):len(g)], bounded(r.against))
		}
		if r.asked {
			s.past.Trails[r.Gate] = s.past.Trails[r.Gate].add(r.mark(t.At))
		}
	}
}

// otherwise says with which setting the outcome would have been another, at the
// same counts.
func (r ruling) otherwise() string {
	e := r.basis
	if !e.known || r.setting == "" || !(r.band.margin > 0) {
		return ""
	}
	innocent := func(margin float64) bool {
		threshold := holdLog
		if r.Outcome == Worse {
			threshold = math.Log(r.Threshold)
		}
		return r.at(margin).accuse(r.over)+r.weight < threshold
	}
	switch {
	case e.ready && (r.Outcome == Worse || r.holds):
		if margin, found := leastMargin(r.band.margin, innocent); found {
			return fmt.Sprintf("at this look not %s, had %s been %s pt or more", fate(r.Outcome), r.setting, points3(margin))
		}
	case r.asked && r.Outcome == Acceptable:
		proven := func(margin float64) bool { return r.at(margin).prove(r.over) >= requiredLog }
		if margin, found := leastMargin(0, proven); found && margin < r.band.margin {
			return fmt.Sprintf("at this look not proven yet, had %s been less than %s pt", r.setting, points3(margin))
		}
	case r.asked && e.ready:
		proven := func(margin float64) bool { return r.at(margin).prove(r.over) >= requiredLog }
		if margin, found := leastMargin(r.band.margin, proven); found {
			return fmt.Sprintf("at this look acceptable already, had %s been %s pt or more", r.setting, points3(margin))
		}
	}
	return ""
}

// fate is what evidence against a candidate made of it.
func fate(o Outcome) string {
	if o == Worse {
		return "worse"
	}
	return "held"
}

// A hypothesis is an estimate held against another band.
type hypothesis struct {
	estimate
	band
}

// at is the same difference under another margin around the same middle.
func (r ruling) at(margin float64) hypothesis {
	b := band{r.band.low + r.band.margin - margin, r.band.high - r.band.margin + margin, margin}
	return hypothesis{r.basis, b}
}

func (h hypothesis) accuse(over bool) float64 {
	if over {
		return logHarm(score(h.d-h.high, h.info, h.nu), h.info, h.margin)
	}
	l := h.weigh(h.band)
	return max(l.tooHigh, l.tooLow)
}

func (h hypothesis) prove(over bool) float64 {
	below := logProof(score(h.high-h.d, h.info, h.surety()), h.info, h.margin)
	if over {
		return below
	}
	return min(below, logProof(score(h.d-h.low, h.info, h.surety()), h.info, h.margin))
}

// leastMargin finds the smallest margin above from at which something holds.
// It tries ever larger ones, since what holds for one may not for a much larger
// one: the grids of evidence are made for effects of the size of the margin.
func leastMargin(from float64, holds func(float64) bool) (margin float64, found bool) {
	const step = 1.1
	low := max(from, 1e-4)
	for high := low * step; high < 1; low, high = high, high*step {
		if !holds(high) {
			continue
		}
		for range 20 {
			if middle := (low + high) / 2; holds(middle) {
				high = middle
			} else {
				low = middle
			}
		}
		return high, true
	}
	return 0, false
}

// maxDrivers bounds how many are named.
const maxDrivers = 5

// drivers names those who brought a ruling about, and their part in it.
func (t *Statistics) drivers(r *ruling) []Driver {
	switch r.Gate {
	case GateFilterRatePaired:
		return t.byPartner(func(i int) float64 { return t.Streams[i].Pairs.Ten - t.Streams[i].Pairs.One })
	case GateFilterRateServed:
		partners := t.byPartner(func(i int) float64 {
			served := &t.Streams[i].Served
			if !(served.Q > 0) {
				return 0
			}
			return served.D / served.Q * min(served.N[CandidateArm], served.N[ControlArm])
		})
		return append(t.heaviest(r.Difference), partners[:min(len(partners), 3)]...)
	case GateMissedBids:
		return t.byPartner(func(i int) float64 { return t.Streams[i].Bids.Ten - t.Streams[i].Bids.One })
	case GateMissedValue:
		return t.byPartner(func(i int) float64 {
			if i >= len(t.Values) {
				return 0
			}
			return t.Values[i].Ten - t.Values[i].One
		})
	case GatePartnersPaired, GatePartnersServed:
		return r.Drivers
	case GateErrors, GateInvalidScores, GateData, GateLatency, GateDrift, GateSampleRatio, GatePrediction, GateLive, GateBreaker:
	}
	return nil
}

// byPartner names the partners with the largest parts; part is that of a stream.
func (t *Statistics) byPartner(part func(stream int) float64) (all []Driver) {
	total := 0.0
	for k, partner := range t.Partners {
		v := part(FirstPartner + k)
		total += math.Abs(v)
		all = append(all, Driver{Name: partner.Name, Share: v})
	}
	return greatest(all, total)
}

// heaviest names up to two groups of connections by their part of the
// difference.
func (t *Statistics) heaviest(difference float64) (all []Driver) {
	for _, c := range t.Loudest[:min(2, len(t.Loudest))] {
		share := max(-1, min(1, c.Influence/difference))
		if math.Abs(share) >= .05 { // false where there is no difference
			all = append(all, Driver{Name: fmt.Sprintf("connections %d of %s", c.Bucket, c.Task), Share: share})
		}
	}
	return all
}

// greatest keeps those with the largest shares of a total.
func greatest(all []Driver, total float64) []Driver {
	if !(total > 0) {
		return nil
	}
	sorting.StableBy(all, func(a, b *Driver) int { return cmp.Compare(math.Abs(b.Share), math.Abs(a.Share)) })
	all = all[:min(maxDrivers, len(all))]
	for i := range all {
		all[i].Share /= total
	}
	for len(all) > 0 && math.Abs(all[len(all)-1].Share) < .01 {
		all = all[:len(all)-1]
	}
	return slices.Clip(all)
}
