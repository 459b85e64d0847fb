package auction

import (
	"math"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
)

// outcome is what an auction server reports: who of the bidders was called and
// so bid, at which price where that is known, and who won.
func (t *truth) outcome(receipt []byte, bid []int) *adfilter.Outcome {
	o := &adfilter.Outcome{Receipt: receipt}
	for _, at := range bid {
		o.Bidders = append(o.Bidders, t.bidders[at])
		if len(t.prices) > 0 {
			o.Prices = append(o.Prices, t.price(at))
		}
	}
	if winner, cleared := t.won(bid); winner >= 0 {
		o.Win = &adfilter.Win{Partner: t.bidders[winner], Cleared: t.money(cleared)}
	}
	return o
}

// price is that of one bidder.
func (t *truth) price(at int) *adfilter.Price {
	if at >= len(t.prices) || math.IsNaN(t.prices[at]) {
		return &adfilter.Price{}
	}
	return t.money(t.prices[at])
}

func (t *truth) money(amount float64) *adfilter.Price {
	p := &adfilter.Price{Price: &amount}
	if t.currency != "" {
		p.Cur = &t.currency
	}
	return p
}

// won is who bids most and pays the second price, a cent more than nothing
// where there is no other; -1 where prices are not all known.
func (t *truth) won(bid []int) (winner int, cleared float64) {
	winner, cleared = -1, .01
	for _, at := range bid {
		switch {
		case at >= len(t.prices) || math.IsNaN(t.prices[at]):
			return -1, 0
		case winner < 0:
			winner = at
		case t.prices[at] > t.prices[winner]:
			winner, cleared = at, t.prices[winner]
		case t.prices[at] > cleared:
			cleared = t.prices[at]
		}
	}
	return winner, cleared
}
