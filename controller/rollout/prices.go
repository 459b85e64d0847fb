package rollout

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

// Prices are in which money the bids of a fleet are counted.
type Prices struct {
	Currency string             `yaml:"currency"` // the fleet's, ISO 4217; default USD
	Rates    map[string]float64 `yaml:"rates"`    // what one unit of another currency is worth in it
	Cap      float64            `yaml:"cap"`      // a price above it counts as this; a CPM, default 100 where the currency is USD
}

// The bounds of prices, as tasks hold them too.
const (
	maxCap   = 1e5
	maxRates = 256
	usualCap = 100
)

// Sane returns the prices with defaults in place of what is not said.
func (p Prices) Sane() Prices {
	if p.Currency == "" {
		p.Currency = "USD"
	}
	if p.Cap == 0 && p.Currency == "USD" {
		p.Cap = usualCap
	}
	return p
}

// Check names the first setting that makes no sense.
func (p Prices) Check() error {
	p = p.Sane()
	switch {
	case !isCode(p.Currency):
		return fmt.Errorf("prices.currency is %q: want three capital letters, as USD", p.Currency)
	case p.Cap == 0:
		return fmt.Errorf("prices.cap is missing: want the price per mille, in %s, above which a bid counts as that much", p.Currency)
	case !(p.Cap > 0 && p.Cap <= maxCap):
		return fmt.Errorf("prices.cap is %v: want more than 0, and %v at most", p.Cap, float64(maxCap))
	case len(p.Rates) > maxRates:
		return fmt.Errorf("prices.rates has %d currencies: want %d at most", len(p.Rates), maxRates)
	}
	var bad []error
	for _, currency := range slices.Sorted(maps.Keys(p.Rates)) {
		rate := p.Rates[currency]
		if !isCode(currency) {
			bad = append(bad, fmt.Errorf("prices.rates has %q: want three capital letters, as EUR", currency))
		}
		if !(rate > 0 && rate <= math.MaxFloat32) {
			bad = append(bad, fmt.Errorf("prices.rates.%s is %v: want what one %s is worth in %s", currency, rate, currency, p.Currency))
		}
	}
	return errors.Join(bad...)
}

// isCode reports whether a text looks like a currency of ISO 4217.
func isCode(s string) bool {
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return len(s) == 3
}
