package world

import "math"

const partnerCount = 30

// partner is one bidder. What it is after is the sum of its affinities on the
// scale of log-odds: a request outside one of its targets is nearly hopeless,
// one outside two of them is quite so, and within them it is a matter of taste.
type partner struct {
	rate float64 // bids per request asked, on average
	base float64 // set so that rate comes true

	country  [countryCount]float64
	format   [formatCount]float64
	device   [deviceCount]float64
	category [categoryCount]float64
	taste    uint64  // for single publishers
	sway     float64 // of the hour of the day
	peak     float64 // the hour it likes best
	thrift   float64 // dislike of one unit of log floor
	budget   float64 // log floor from which it hurts
	privacy  float64 // added where nothing is known of the user
}

func newPartner(d *dice, t *traffic) partner {
	p := partner{
		rate:    d.between(.026, .043),
		taste:   uint64(d.float() * (1 << 53)),
		sway:    d.between(.1, .35),
		peak:    d.between(0, 24),
		thrift:  d.between(.6, 1.8),
		budget:  d.between(-1.2, .2),
		privacy: -d.between(0, .9),
	}
	target(d, p.country[:], t.sizes, d.between(.3, .5), 5)
	target(d, p.format[:], newShares([]float64{.55, .25, .15, .05}), d.between(.3, .7), 4.5)
	target(d, p.device[:], newShares([]float64{.28, .52, .12, .06, .01, .01}), d.between(.45, .85), 4)
	target(d, p.category[:], zipf(categoryCount, 0), d.between(.5, .9), 2)
	return p
}

// target picks choices in random order until they hold about the wanted share
// of the traffic, and puts all others at a distance.
func target(d *dice, affinity []float64, traffic shares, share, distance float64) {
	for i := range affinity {
		affinity[i] = d.normal(-distance, .5)
	}
	held := 0.0
	for _, i := range d.order(len(affinity)) {
		if held < share && held+traffic.of(i) < share+.15 {
			held += traffic.of(i)
			affinity[i] = d.normal(0, .5)
		}
	}
}

// leaning is the partner's log-odds of a bid, less its base.
func (p *partner) leaning(t *traits) float64 {
	sum := pick(p.country[:], t.country) + pick(p.format[:], t.format) + pick(p.device[:], t.device) + pick(p.category[:], t.category)
	sum += p.sway * math.Cos((t.hour-p.peak)*math.Pi/12)
	sum -= p.thrift * max(0, t.floor-p.budget)
	if t.private {
		sum += p.privacy
	}
	if t.publisher >= 0 {
		h := mix(p.taste + uint64(t.publisher)<<1)
		sum += (float64(h>>11)/(1<<53) - .5) * 1.2
	}
	return sum
}

// probability is the truth about one request.
func (p *partner) probability(t *traits) float64 { return sigmoid(p.base + p.leaning(t)) }

// pick takes what is unknown for out of target.
func pick(affinity []float64, i int) float64 {
	if i < 0 {
		return -3
	}
	return affinity[i]
}
