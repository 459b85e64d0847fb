// Package world is a make-believe advertising market: OpenRTB requests with
// the skew of real traffic, and demand partners who bid on the few percent that
// suit them. Since the market is ours, the truth is known, and any claim about
// a model can be checked against it.
//
// It sends nothing, knows no model and no time but what it is told, and learns
// nothing from what becomes of its auctions. Auction number n of a seed is the
// same for everyone who asks, in any order and from any goroutine.
package world

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/sluicehq/sluice/inference/feature"
)

// PartnersPerAuction is how many of the partners one auction asks.
const PartnersPerAuction = 20

// World is one market. It never changes after New.
type World struct {
	seed     uint64
	traffic  traffic
	partners []partner
	names    []string
	byName   map[string]int
}

// Auction is one auction with what became of it.
type Auction struct {
	Request  feature.Request
	Partners []string  // those asked, PartnersPerAuction of them, in varying order
	Bidders  []string  // those of Partners who would bid; never nil
	Prices   []float64 // of their bids: USD per mille
}

// New returns the market of that seed. It takes some 80 ms, most of them to
// give every partner the bid rate it is meant to have.
func New(seed uint64) *World {
	w := &World{seed: seed, names: partnerNames(), byName: map[string]int{}}
	d := newDice(seed, 0x776f726c64)
	w.traffic = newTraffic(&d)
	for i, name := range w.names {
		w.byName[name] = i
		w.partners = append(w.partners, newPartner(&d, &w.traffic))
	}
	w.calibrate()
	return w
}

// Partners returns the names of all demand partners, in alphabetical order.
func (w *World) Partners() []string { return append([]string(nil), w.names...) }

// Auction returns auction number n as it would happen at that moment. The
// moment sets hour and day and sways the bids a little; all else is n's.
func (w *World) Auction(n uint64, at time.Time) Auction {
	d := newDice(w.seed, n)
	a := Auction{
		Request:  w.traffic.request(&d, n),
		Partners: make([]string, PartnersPerAuction),
		Bidders:  make([]string, 0, 4),
	}
	a.Request.SetTime(at)
	t := w.traffic.traits(&a.Request)
	prices := newDice(w.seed^0x7072696365, n) // of its own, so that nothing else depends on prices
	for i, p := range w.ask(&d) {
		a.Partners[i] = w.names[p]
		if d.float() < w.partners[p].probability(&t) {
			a.Bidders = append(a.Bidders, w.names[p])
			a.Prices = append(a.Prices, price(&prices, &t))
		}
	}
	return a
}

// price draws what a bid offers: more than the usual floor most often, and now
// and then many times as much.
func price(d *dice, t *traits) float64 {
	return math.Max(.01, math.Round(100*math.Exp(t.floor+d.normal(.4, .8)))/100)
}

// BidProbability returns the truth: how likely the partner would bid on the
// request if asked. It is 0 for a partner that does not exist.
func (w *World) BidProbability(r *feature.Request, partner string) float64 {
	i, ok := w.byName[partner]
	if !ok {
		return 0
	}
	t := w.traffic.traits(r)
	return w.partners[i].probability(&t)
}

// ask draws which partners an auction asks, every one equally likely.
func (w *World) ask(d *dice) [PartnersPerAuction]int {
	var deck [partnerCount]int
	for i := range deck {
		deck[i] = i
	}
	var asked [PartnersPerAuction]int
	for i := range asked {
		j := i + d.below(len(deck)-i)
		deck[i], deck[j] = deck[j], deck[i]
		asked[i] = deck[i]
	}
	return asked
}

// calibrationAuctions are drawn from numbers that no one will ever reach.
const calibrationAuctions = 8000

// calibrate moves each partner's base until its mean probability over a sample
// of the traffic is the rate it aims for.
func (w *World) calibrate() {
	sample := make([]traits, calibrationAuctions)
	for i := range sample {
		n := math.MaxUint64 - uint64(i)
		d := newDice(w.seed, n)
		r := w.traffic.request(&d, n)
		r.SetTime(Moment(n))
		sample[i] = w.traffic.traits(&r)
	}
	leanings := make([]float64, len(sample))
	for i := range w.partners {
		p := &w.partners[i]
		for j := range sample {
			leanings[j] = p.leaning(&sample[j])
		}
		p.base = solve(leanings, p.rate)
	}
}

// solve returns the base at which the leanings' mean probability is rate.
func solve(leanings []float64, rate float64) float64 {
	low, high := -20.0, 20.0
	for range 30 {
		middle := (low + high) / 2
		sum := 0.0
		for _, l := range leanings {
			sum += sigmoid(middle + l)
		}
		if sum < rate*float64(len(leanings)) {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// dice is a source of chance that depends on a seed and a number only.
type dice struct{ pcg rand.PCG }

func newDice(seed, n uint64) dice {
	var d dice
	d.pcg.Seed(mix(seed^mix(n)), mix(n+0x9e3779b97f4a7c15))
	return d
}

// mix is the finalizer of SplitMix64: neighbours in, strangers out.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// float returns a number in [0, 1).
func (d *dice) float() float64 { return float64(d.pcg.Uint64()>>11) / (1 << 53) }

// below returns a number in [0, n).
func (d *dice) below(n int) int { return int(d.float() * float64(n)) }

// order returns the numbers below n, shuffled.
func (d *dice) order(n int) []int {
	list := make([]int, n)
	for i := range list {
		j := d.below(i + 1)
		list[i], list[j] = list[j], i
	}
	return list
}

// between returns a number in [low, high).
func (d *dice) between(low, high float64) float64 { return low + d.float()*(high-low) }

// normal returns a number of the normal distribution (Box and Muller).
func (d *dice) normal(mean, deviation float64) float64 {
	r := math.Sqrt(-2 * math.Log(1-d.float()))
	return mean + deviation*r*math.Cos(2*math.Pi*d.float())
}
