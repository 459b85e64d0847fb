package inference

import (
	"fmt"
	"math"

	"github.com/sluicehq/sluice/idl/gen/control"
)

// The bounds of prices. What is beyond maxPrice is a mistake, and no price.
const (
	maxPrice = 1e6 // per mille, in the fleet's currency
	maxCap   = 1e5
	maxRates = 256

	micros = 1e6 // of the currency: what value is counted in
)

// prices are in which money the task counts what bids are worth. They never
// change.
type prices struct {
	currency string
	cap      float64
	rates    []rate // few, so that a look through them is quicker than a map
}

type rate struct {
	currency string
	worth    float64 // of one unit
}

// price is what an auction server says of a bid or a win.
type price struct {
	amount   float64 // per mille; NaN is no price
	currency string  // empty for the fleet's
	said     bool    // there is an amount
}

// readPrices takes what an assignment says; nil for nothing.
func readPrices(from *control.Prices) (*prices, error) {
	if from == nil {
		return nil, nil //nolint:nilnil // no bid has a value then
	}
	if !(from.Cap > 0 && from.Cap <= maxCap) {
		return nil, fmt.Errorf("prices: cap %v: want more than 0 and at most %v", from.Cap, float64(maxCap))
	}
	if len(from.Rates) > maxRates {
		return nil, fmt.Errorf("prices: %d rates, more than %d", len(from.Rates), maxRates)
	}
	p := &prices{currency: from.Currency, cap: from.Cap}
	for currency, worth := range from.Rates {
		if !(worth > 0 && worth <= math.MaxFloat32) {
			return nil, fmt.Errorf("prices: rate %v of %.8q is no number above 0", worth, currency)
		}
		p.rates = append(p.rates, rate{currency, worth})
	}
	return p, nil
}

// of returns what one unit of a currency is worth; 0 where nobody said.
func (p *prices) of(currency string) float64 {
	if p == nil {
		return 0
	}
	if currency == "" || currency == p.currency {
		return 1
	}
	for i := range p.rates {
		if p.rates[i].currency == currency {
			return p.rates[i].worth
		}
	}
	return 0
}

// worth returns a price in the fleet's currency, or as which kind of unpriced
// bid it counts.
func (p *prices) worth(of price) (amount float64, unpriced moneyKind, known bool) {
	if !of.said {
		return 0, unpricedMoney, false
	}
	if !(of.amount >= 0) || math.IsInf(of.amount, 0) {
		return 0, badMoney, false
	}
	rate := p.of(of.currency)
	if rate == 0 {
		return 0, foreignMoney, false
	}
	if amount = of.amount * rate; amount > maxPrice {
		return 0, badMoney, false
	}
	return amount, 0, true
}

// micro is an amount in what value is counted in.
func micro(amount float64) int64 { return int64(math.Round(amount * micros)) }

// priceBin is the bin of a price: bin i holds [2^(i/4), 2^((i+1)/4))
// thousandths.
func priceBin(amount float64) int { return quarterBin(1000 * amount) }
