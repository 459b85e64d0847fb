package judge

import (
	"fmt"
	"math"
)

// Missed value is missed bids by what they would have paid: the value that only
// the candidate would lose less that which only stable would, as a share of the
// value of all bids. A few dear bids can be most of it, so how much is known
// depends on how many clusters carry it.

// PriceBins is how many bins prices are counted in: bin i holds
// [2^(i/4), 2^((i+1)/4)) thousandths of the fleet's currency per mille.
const PriceBins = 96

// ValueSums are sums over clusters of what bids are worth: n in all, ten that
// only the candidate and one that only stable would lose, s = ten - one and
// f = ten + one. Money is in millionths of the fleet's currency per mille, each
// bid weighted by 1/share explored.
type ValueSums struct {
	N   float64 `json:"n"`
	Ten float64 `json:"ten"`
	One float64 `json:"one"`
	SS  float64 `json:"ss"`
	SN  float64 `json:"sn"`
	NN  float64 `json:"nn"`
	FF  float64 `json:"ff"` // sum of f^2
	G   float64 `json:"g"`
}

// Add counts one cluster; one that is worth nothing is none.
func (v *ValueSums) Add(n, ten, one float64) {
	if !(n > 0) {
		return
	}
	s, f := ten-one, ten+one
	v.N += n
	v.Ten += ten
	v.One += one
	v.SS += s * s
	v.SN += s * n
	v.NN += n * n
	v.FF += f * f
	v.G++
}

// pairs are the same sums without their money.
func (v ValueSums) pairs() PairSums {
	return PairSums{N: v.N, Ten: v.Ten, One: v.One, SS: v.SS, SN: v.SN, NN: v.NN, F2: v.FF, G: v.G}
}

// spread is what prices up to the cap say of how unlike bids are: how many
// times as many bids tell as much as bids that are all worth the same (Kish),
// and how many times the mean the dearest bid is worth that there was. Both are
// 1 where prices are not known.
func (w *Worth) spread(limit float64) (effect, dearest float64) {
	n, sum, squares, top := 0.0, 0.0, 0.0, 0.0
	for i, count := range w.Prices {
		price := w.priceAt(i, limit)
		c := float64(count)
		n, sum, squares = n+c, sum+c*price, squares+c*price*price
		if count > 0 {
			top = price
		}
	}
	if !(sum > 0) {
		return 1, 1
	}
	return max(1, n*squares/(sum*sum)), max(1, top*n/sum)
}

// priceAt is the price in the middle of a bin, or the cap.
func (w *Worth) priceAt(bin int, limit float64) float64 {
	price := math.Exp2((float64(bin)+.5)/4) / 1000
	if limit > 0 {
		price = min(price, limit)
	}
	return price
}

// value estimates the share of value that the candidate would miss beyond
// stable. Clusters count by the value of what they would lose: a few dear bids
// are a few clusters.
func (v ValueSums) value(st Stream, w *Worth, limit float64) estimate {
	e := estimate{phi: 1, paired: true, few: true}
	n := float64(st.BidsSeen) * w.share()
	if !(v.N > 0) || v.G < 1 || !(n > 0) {
		return e
	}
	e.known = true
	e.n, e.events = n, float64(st.BidsFlips)*w.share()
	pairs := v.pairs()
	g := effective(v.N, v.NN, int(v.G))
	if e.events >= minFlips {
		g = pairs.flipping(g)
	}
	e.clusters, e.effective = [Arms]int{int(v.G), int(v.G)}, [Arms]float64{g, g}
	e.d = max(-1, min(1, (v.Ten-v.One)/v.N))
	variance := pairs.variance(e.d, g)
	// Two more of the dearest bids might have differed, unseen.
	effect, dearest := w.spread(limit)
	floor := effect*max(0, min(1, (v.Ten+v.One)/v.N)-e.d*e.d)/n + 2*dearest*dearest/(n*n)
	e.info = inverse(max(variance, floor))
	e.nu = max(1, g-1)
	e.phi = max(1, variance/floor, st.clumped())
	e.ready = e.events >= minFlips && g >= minClusters
	return e
}

// weighValue holds missed value against the margin: only more of it counts
// against the candidate.
func weighValue(v ValueSums, st Stream, w *Worth, margin, limit float64) miss {
	m := miss{estimate: v.value(st, w, limit)}
	if !m.known {
		return m
	}
	m.lost, m.gained = v.Ten/v.N, v.One/v.N
	switch {
	case m.ready:
		y := score(m.d-margin, m.info, m.nu)
		m.against = logHarm(y, m.info, margin)
		m.proof = logProof(-y, m.info, margin)
	case m.events < minFlips && m.least() >= minClusters:
		// The releases hardly ever differ on a bid. Each bid may lose up to the
		// dearest one's value, which bounds it as an event is bounded by one.
		trials, dearest := m.n, 1.0
		if _, dearest = w.spread(limit); len(w.Prices) == 0 {
			trials = min(m.n, m.least())
		}
		m.proof = logBelow(m.lost*trials/dearest, trials, margin/dearest, m.phi) - math.Ln2
	}
	return m
}

// weighAllValue weighs missed value, together and by partner.
func weighAllValue(t *Statistics, p Policy) missing {
	shares := make([]float64, min(len(t.Values), len(t.Streams)))
	for i := range shares {
		shares[i] = t.Values[i].N
	}
	return weighMissing(shares, func(i int) miss {
		return weighValue(t.Values[i], t.Streams[i], &t.Worth, p.MissedValueMargin, p.PriceCap)
	})
}

// ruleValue rules on the value of bids that would have been missed.
func (s *State) ruleValue(t *Statistics, p Policy) ruling {
	r := ruling{Finding: Finding{Gate: GateMissedValue, Outcome: NoData, Low: -1, High: 1}, over: true}
	if p.MissedValue == Off {
		r.text = "what missed bids are worth is not judged (judge.missed_value: off)"
		return r
	}
	r.Threshold = 1 / missedValueAlpha
	m := weighAllValue(t, p)
	if live := &t.LiveBids; live.Told {
		m.hearLive(p, p.MissedValueMargin, func(margin float64) miss {
			return weighValue(live.Value, live.stream(), &t.Worth, margin, p.PriceCap)
		})
	}
	m.rule(&r, t, p.MissedValueMargin, "missed_value_margin")
	best := s.provenHere(&r, p, m.all, p.MissedValueMargin, func(margin float64) miss {
		return weighValue(t.Values[Overall], t.Streams[Overall], &t.Worth, margin, p.PriceCap)
	})
	r.asked = t.Served && p.MissedValue == Require && m.all.known
	r.show(best)
	r.CandidateRate, r.StableRate = m.shown.lost, m.shown.gained // of value, that it alone would miss
	if r.text = t.Worth.none(t.Streams); m.all.known {
		r.text = fmt.Sprintf("of the value of %s bids on %s only the candidate would miss %s and only stable %s "+
			"(%s pt, anytime 95 %% CS [%s, %s]), allowed up to %s pt%s%s; ", commas(int64(m.shown.n)), m.on, percent(m.shown.lost), percent(m.shown.gained),
			points2(r.Difference), points2(r.Low), points2(r.High), points2(p.MissedValueMargin), p.content(p.MissedValueMargin), t.Worth.without(p))
		r.text += evidenceText(expCapped(r.against), r.Threshold, "1/0.0025")
	}
	m.holdUp(&r)
	return r
}

// none says why there is no value.
func (w *Worth) none(streams []Stream) string {
	came := "no bid came with a price"
	switch {
	case len(streams) == 0 || streams[Overall].BidsSeen == 0:
		return "no bid on an explored request is known, so what bids are worth is not judged"
	case w.priced() > 0:
		came = "bids came with a price of nothing, and none with more"
	case w.Foreign > 0:
		came = fmt.Sprintf("%s bids came with a price in a currency that has no rate (prices.rates), and none with another", commas(w.Foreign))
	case w.Bad > 0:
		came = fmt.Sprintf("%s bids came with a price that is none, and none with another", commas(w.Bad))
	}
	return came + ": missed_bids alone judges, each bid as one"
}

// without tells which bids and which value are left out.
func (w *Worth) without(p Policy) string {
	text := ""
	if n := w.Unpriced + w.Foreign + w.Bad; n > 0 {
		text = fmt.Sprintf("; %s bids count without a value (%s without a price, %s in a currency without a rate, %s with a price that is none)",
			commas(n), commas(w.Unpriced), commas(w.Foreign), commas(w.Bad))
	}
	if share := w.cappedShare(p.PriceCap); share > 0 {
		text += fmt.Sprintf("; %s of the value lay above the cap of %s and does not count", percent(share), money(p.PriceCap, p.Currency))
	}
	if w.Wins > 0 && w.Cleared > 0 {
		text += fmt.Sprintf("; of what %s wins cleared at, only the candidate would have missed %s and only stable %s",
			commas(w.Wins), percent(float64(w.ClearedTen)/float64(w.Cleared)), percent(float64(w.ClearedOne)/float64(w.Cleared)))
	}
	return text
}
