package judge

import (
	"fmt"
	"math"
)

// Missed bids are bids which only the candidate would have kept from a
// partner, less those which only stable would. They are known on explored
// pairs alone, where nothing is filtered and both releases score; each bid
// counts 1/share explored (Horvitz & Thompson), so that a change of the share
// moves nothing.

// A miss is what the bids on explored pairs say of one stream.
type miss struct {
	estimate
	against, proof float64 // logarithms
	gained, lost   float64 // bids, unweighted: of stable's misses, of the candidate's
}

// weighBids holds missed bids against the margin: only more of them count
// against the candidate.
func weighBids(st Stream, margin float64) miss {
	p := st.Bids
	m := miss{estimate: st.bids()}
	if !m.known {
		return m
	}
	if both := p.Ten + p.One; both > 0 {
		m.lost, m.gained = p.Ten/both*m.events, p.One/both*m.events
	}
	switch {
	case m.ready:
		y := score(m.d-margin, m.info, m.nu)
		m.against = logHarm(y, m.info, margin)
		m.proof = logProof(-y, m.info, margin)
	case m.least() >= minClusters:
		// The releases hardly ever differ on a bid.
		m.proof = logBelow(m.lost, m.n, margin, m.phi) - math.Ln2
	}
	return m
}

// bids estimates a paired difference whose pairs bear weights. How much is
// known of it depends on the bids as they were seen.
func (st Stream) bids() estimate {
	p := st.Bids
	e := estimate{phi: 1, paired: true, few: true}
	if !(p.N > 0) || p.G < 1 || st.BidsSeen <= 0 {
		return e
	}
	e.known = true
	e.n, e.events = float64(st.BidsSeen), float64(st.BidsFlips)
	flips := min(1, (p.Ten+p.One)/p.N)
	g := effective(p.N, p.NN, int(p.G))
	e.clusters, e.effective = [Arms]int{int(p.G), int(p.G)}, [Arms]float64{g, g}
	e.d = max(-1, min(1, (p.Ten-p.One)/p.N))
	variance := p.variance(e.d, g)
	floor := (flips + 2/e.n - e.d*e.d) / e.n
	e.info = inverse(max(variance, floor))
	flipping := p.flipping(g)
	e.nu = max(1, flipping-1)
	e.phi = max(1, variance/floor, e.n/min(e.n, units(p.N, p.NN, p.M)))
	e.ready = e.events >= minFlips && flipping >= minClusters
	return e
}

// missing is what all bids say, together and by partner.
type missing struct {
	all     miss
	by      []miss  // by partner
	against float64 // logarithm of half of it all, half of the partners' mean
	loudest int     // partner, or -1
}

// weighAllBids weighs all bids and each partner's. A partner's weight is half
// its share of bids and half an equal share of those that have any; one with
// less than thirty differing bids keeps still.
func weighAllBids(streams []Stream, margin float64) missing {
	m := missing{loudest: -1}
	if len(streams) < FirstPartner {
		return m
	}
	m.all = weighBids(streams[Overall], margin)
	partners := streams[FirstPartner:]
	m.by = make([]miss, len(partners))
	total, with := 0.0, 0.0
	for _, st := range partners {
		total += max(0, st.Bids.N)
		if st.Bids.N > 0 {
			with++
		}
	}
	m.against = m.all.against
	if with == 0 {
		return m
	}
	logs, weights := make([]float64, len(partners)), make([]float64, len(partners))
	for k, st := range partners {
		m.by[k] = weighBids(st, margin)
		logs[k] = m.by[k].against
		if st.Bids.N > 0 {
			weights[k] = .5/with + .5*st.Bids.N/total
		}
		if m.by[k].ready && (m.loudest < 0 || logs[k] > logs[m.loudest]) {
			m.loudest = k
		}
	}
	m.against = logSumExp([]float64{m.all.against, logSumExp(logs, weights)}, []float64{.5, .5})
	return m
}

// ruleBids rules on bids that would have been missed.
func (s *State) ruleBids(t *Statistics, p Policy) ruling {
	r := ruling{Finding: Finding{Gate: GateMissedBids, Outcome: NoData, Low: -1, High: 1}, over: true}
	if p.MissedBids == Off {
		r.text = "missed bids are not judged (judge.missed_bids: off)"
		return r
	}
	r.Threshold = 1 / missedBidsAlpha
	m := weighAllBids(t.Streams, p.MissedBidsMargin)
	r.against, r.basis = m.against, m.all.estimate
	r.band = band{-1, p.MissedBidsMargin, p.MissedBidsMargin}
	r.setting = "missed_bids_margin"
	best := s.proven(GateMissedBids, r.band, m.all.proof)
	r.asked = t.Served && p.MissedBids == Require && t.Streams[Overall].BidsSeen > 0
	r.show(best)
	if m.loudest >= 0 && r.excess() >= 0 && m.by[m.loudest].against > m.all.against {
		r.Partner = t.Partners[m.loudest].Name
		r.named = []string{r.Partner}
	}
	if r.text = "no bid on an explored request is known, so missed bids are not judged"; m.all.known {
		r.text = fmt.Sprintf("of %s bids on explored requests only the candidate would miss %s and only stable %s (%s pt, anytime 95 %% CS [%s, %s]), "+
			"allowed up to %s pt; ", commas(int64(m.all.n)), commas(int64(m.all.lost)), commas(int64(m.all.gained)),
			points2(r.Difference), points2(r.Low), points2(r.High), points2(p.MissedBidsMargin))
		r.text += evidenceText(expCapped(r.against), r.Threshold, "1/0.0075")
	}
	return r
}
