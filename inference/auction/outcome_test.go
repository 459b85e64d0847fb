package auction

import (
	"math"
	"testing"
)

// What is reported of an auction is what those bid who were called; the dearest
// of them wins at the second price.
func TestOutcomesCarryPrices(t *testing.T) {
	q := truth{bidders: []string{"a", "b", "c"}, prices: []float64{2, 5, 3}, currency: "USD"}
	for _, tt := range []struct {
		bid     []int
		winner  string
		cleared float64
	}{{[]int{0, 1, 2}, "b", 3}, {[]int{0, 2}, "c", 2}, {[]int{1, 0}, "b", 2}, {[]int{0}, "a", .01}, {nil, "", 0}} {
		o := q.outcome([]byte("r"), tt.bid)
		if len(o.Bidders) != len(tt.bid) || len(o.Prices) != len(tt.bid) || (o.Win == nil) != (tt.winner == "") {
			t.Fatalf("%v: %+v", tt.bid, o)
		}
		for i, at := range tt.bid {
			if o.Bidders[i] != q.bidders[at] || o.Prices[i].GetPrice() != q.prices[at] || o.Prices[i].GetCur() != "USD" {
				t.Errorf("%v: %+v", tt.bid, o)
			}
		}
		if o.Win != nil && (o.Win.Partner != tt.winner || o.Win.Cleared.GetPrice() != tt.cleared) {
			t.Errorf("%v: %+v", tt.bid, o.Win)
		}
	}
	q.prices = []float64{2, math.NaN()}
	o := q.outcome(nil, []int{0, 1, 2})
	if o.Win != nil || !o.Prices[0].IsSetPrice() || o.Prices[1].IsSetPrice() || o.Prices[2].IsSetPrice() {
		t.Errorf("a price that nobody knows: %+v", o)
	}
	q.prices = nil
	if o := q.outcome(nil, []int{0}); o.Prices != nil || o.Win != nil {
		t.Errorf("no prices: %+v", o)
	}
}

func TestLinesTellPrices(t *testing.T) {
	r := newLineReader(Config{Call: Decide, Partners: 9, Replay: &Replay{}})
	l, err := r.read([]byte(`{"request":{"id":"1"},"partners":["a","b"],"bidders":["a","b"],"prices":[1.25,"x"],"cur":"EUR"}`), 1)
	if err != nil || len(l.prices) != 2 || l.prices[0] != 1.25 || !math.IsNaN(l.prices[1]) || l.currency != "EUR" {
		t.Errorf("%+v, %v", l, err)
	}
}
