package rollout

import (
	"math"
	"strings"
	"testing"
)

func TestPrices(t *testing.T) {
	if p := (Prices{}).Sane(); p.Currency != "USD" || p.Cap != 100 || p.Check() != nil {
		t.Errorf("%+v, %v", p, p.Check())
	}
	if p := (Prices{Currency: "EUR", Cap: 50, Rates: map[string]float64{"USD": .92, "AZN": .5, "ZAR": .05}}); p.Check() != nil {
		t.Error(p.Check())
	}
	for says, p := range map[string]Prices{
		`prices.currency is "dollar": want three capital letters`: {Currency: "dollar", Cap: 1},
		"prices.cap is missing":                                   {Currency: "JPY"},
		"prices.cap is -1":                                        {Cap: -1},
		"prices.cap is NaN":                                       {Cap: math.NaN()},
		"prices.cap is 1e+06":                                     {Cap: 1e6},
		`prices.rates has "euro"`:                                 {Rates: map[string]float64{"euro": 1}},
		"prices.rates.EUR is 0":                                   {Rates: map[string]float64{"EUR": 0}},
		"prices.rates.EUR is +Inf":                                {Rates: map[string]float64{"EUR": math.Inf(1)}},
		"what one EUR is worth in USD":                            {Rates: map[string]float64{"EUR": -2}},
	} {
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %s", err, says)
		}
	}
}
