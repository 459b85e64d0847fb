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
		m.against = logHarm(score(m.d-margin, m.info, m.nu), m.info, margin)
		m.proof = logProof(score(margin-m.d, m.info, m.surety()), m.info, margin)
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
	e.nu, e.flipping = max(1, g-1), p.flipping(g)
	e.phi = max(1, variance/floor, st.clumped())
	e.ready = e.events >= minFlips && e.flipping >= minClusters
	return e
}

// clumped is how many bids on explored pairs come from one independent source.
func (st Stream) clumped() float64 {
	n, p := float64(st.BidsSeen), st.Bids
	return n / min(n, units(p.N, p.NN, p.M))
}

// missing is what all bids say, together and by partner.
type missing struct {
	all     miss
	by      []miss  // by partner
	against float64 // logarithm of half of it all, half of the partners' mean
	loudest int     // partner, or -1

	shown miss   // what the ruling is shown by: all, or those that accuse the candidate
	on    string // requests of which kind those are bids on

	// What bids on requests that the candidate answers say by themselves, where
	// those speak against the proof of all.
	live string
}

// Bids on requests that the candidate answers are half of all, so that what is
// lost there alone is seen by half among those. By themselves they are harm as
// all are, and must not speak against a little more than the margin: to ask them
// for a proof of the margin itself would take twice the bids.
const (
	liveSlack         = 1.5
	enoughToProveLive = 20 // information times that margin squared; without a difference it is a proof in 9 of 10 cases
)

// hearLive hears them. In the last step they may hold up the proof.
func (m *missing) hearLive(p Policy, margin float64, weigh func(margin float64) miss) {
	own, wide := weigh(margin), weigh(liveSlack*margin)
	shares := []float64{1 - liveShare, liveShare}
	accuses := own.against >= shownLog && own.against+math.Log(shares[1]) > m.against+math.Log(shares[0])
	m.against = logSumExp([]float64{m.against, own.against}, shares)
	if accuses {
		m.shown, m.on = own, "explored requests that the candidate answers"
		return
	}
	unproven := wide.info*liveSlack*margin*liveSlack*margin >= enoughToProveLive && wide.proof < requiredLog
	if p.Early || !own.ready || !unproven && own.against < math.Ln2 {
		return
	}
	low, high := confidence(own.d, own.info, own.nu, margin)
	m.live = fmt.Sprintf("; on requests that the candidate answers %s pt [%s, %s]: what all bids prove does not hold there", points2(own.d), points2(low), points2(high))
}

// holdUp takes a proof back that live bids speak against.
func (m missing) holdUp(r *ruling) {
	if m.live == "" {
		return
	}
	r.text += m.live
	if r.Outcome == Acceptable {
		r.Outcome, r.late, r.progress = Unsure, true, .99
	}
}

// weighMissing weighs all bids and each partner's, of as many streams as there
// are shares. A partner's weight is half its share and half an equal share of
// those that have any; one with less than thirty differing bids keeps still.
func weighMissing(shares []float64, weigh func(stream int) miss) missing {
	m := missing{loudest: -1}
	if len(shares) < FirstPartner {
		return m
	}
	m.all = weigh(Overall)
	m.shown, m.on = m.all, "explored requests"
	total, with := 0.0, 0.0
	for _, share := range shares[FirstPartner:] {
		if share > 0 {
			total, with = total+share, with+1
		}
	}
	if m.against = m.all.against; with == 0 {
		return m
	}
	logs, weights := make([]float64, len(shares)-FirstPartner), make([]float64, len(shares)-FirstPartner)
	m.by = make([]miss, len(logs))
	for k := range m.by {
		m.by[k] = weigh(FirstPartner + k)
		logs[k] = m.by[k].against
		if share := shares[FirstPartner+k]; share > 0 {
			weights[k] = .5/with + .5*share/total
		}
		if m.by[k].ready && (m.loudest < 0 || logs[k] > logs[m.loudest]) {
			m.loudest = k
		}
	}
	m.against = logSumExp([]float64{m.all.against, logSumExp(logs, weights)}, []float64{.5, .5})
	return m
}

// stream is what of a stream they know.
func (l *LiveBids) stream() Stream {
	return Stream{Bids: l.Bids, BidsSeen: l.Seen, BidsFlips: l.Flips}
}

// weighAllBids weighs missed bids, together and by partner.
func weighAllBids(streams []Stream, margin float64) missing {
	shares := make([]float64, len(streams))
	for i, st := range streams {
		shares[i] = st.Bids.N
	}
	return weighMissing(shares, func(i int) miss { return weighBids(streams[i], margin) })
}

// rule says what is missing: in how far, and by which partner where one says
// more than all together.
func (m missing) rule(r *ruling, t *Statistics, margin float64, setting string) {
	r.against, r.basis = m.against, m.shown.estimate
	r.band = band{-1, margin, margin}
	r.setting = setting
	if m.loudest >= 0 && m.by[m.loudest].against > m.all.against && r.excess() >= 0 {
		r.Partner = t.Partners[m.loudest].Name
		r.named = []string{r.Partner}
	}
}

// provenHere returns the proof that this step rests on. Where that is one by an
// early step's wider margin, so does the ruling.
func (s *State) provenHere(r *ruling, p Policy, all miss, margin float64, weigh func(margin float64) miss) proof {
	best, wide := s.proven(r.Gate, r.band, all.proof), p.provable(margin)
	stands := best.worst() >= requiredLog && all.within(r.band)
	if !all.known || wide == margin || r.excess() >= 0 || stands {
		return best
	}
	r.band, r.setting = band{-1, wide, wide}, ""
	eased, log := s.past.Eased[r.Gate], weigh(wide).proof
	eased.note(r.band.low, r.band.high, log, log)
	s.past.Eased[r.Gate] = eased
	return eased
}

// content says which margin is proven in this step, where that is another.
func (p Policy) content(margin float64) string {
	if wide := p.provable(margin); wide != margin {
		return fmt.Sprintf(" (in this step a proof of %s pt will do)", points2(wide))
	}
	return ""
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
	if live := &t.LiveBids; live.Told {
		m.hearLive(p, p.MissedBidsMargin, func(margin float64) miss { return weighBids(live.stream(), margin) })
	}
	m.rule(&r, t, p.MissedBidsMargin, "missed_bids_margin")
	best := s.provenHere(&r, p, m.all, p.MissedBidsMargin, func(margin float64) miss { return weighBids(t.Streams[Overall], margin) })
	r.asked = t.Served && p.MissedBids == Require && t.Streams[Overall].BidsSeen > 0
	r.show(best)
	if r.text = "no bid on an explored request is known, so missed bids are not judged"; m.all.known {
		r.text = fmt.Sprintf("of %s bids on %s only the candidate would miss %s and only stable %s (%s pt, anytime 95 %% CS [%s, %s]), "+
			"allowed up to %s pt%s; ", commas(int64(m.shown.n)), m.on, commas(int64(m.shown.lost)), commas(int64(m.shown.gained)),
			points2(r.Difference), points2(r.Low), points2(r.High), points2(p.MissedBidsMargin), p.content(p.MissedBidsMargin))
		r.text += evidenceText(expCapped(r.against), r.Threshold, "1/0.0075")
	}
	m.holdUp(&r)
	return r
}
