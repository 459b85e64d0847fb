package judge

import (
	"fmt"
	"math"
)

// Worth is what is known of money beside clusters; money as in [ValueSums],
// unweighted.
type Worth struct {
	Prices   []int64 `json:"prices,omitempty"` // of bids, before the cap
	Unpriced int64   `json:"unpriced,omitempty"`
	Foreign  int64   `json:"foreign,omitempty"` // in a currency without a rate
	Bad      int64   `json:"bad,omitempty"`     // no price at all
	Capped   int64   `json:"capped,omitempty"`  // above the cap

	Wins       int64 `json:"wins,omitempty"`
	Cleared    int64 `json:"cleared,omitempty"`
	ClearedTen int64 `json:"cleared_ten,omitempty"` // lost by the candidate only
	ClearedOne int64 `json:"cleared_one,omitempty"`

	Earned [Arms]Earned `json:"earned"` // were all requests filtered by that arm's release
}

// Earned is what one release would keep and save.
type Earned struct {
	Kept  RatioSums `json:"kept"`  // value by outcomes
	Saved RatioSums `json:"saved"` // calls by outcomes
	Lost  RatioSums `json:"lost"`  // value by saved calls
}

// RatioSums are those of y by x over clusters.
type RatioSums struct {
	X  float64 `json:"x"`
	Y  float64 `json:"y"`
	XX float64 `json:"xx"`
	XY float64 `json:"xy"`
	YY float64 `json:"yy"`
	G  float64 `json:"g"`
}

// Add counts one cluster.
func (r *RatioSums) Add(x, y float64) {
	r.X += x
	r.Y += y
	r.XX += x * x
	r.XY += x * y
	r.YY += y * y
	r.G++
}

// priced is how many bids had a price.
func (w *Worth) priced() (n int64) {
	for _, v := range w.Prices {
		n += v
	}
	return n
}

// share is the share of bids that had a price; 1 where nobody counted.
func (w *Worth) share() float64 {
	n := w.priced()
	if n == 0 {
		return 1
	}
	return float64(n) / float64(n+w.Unpriced+w.Foreign+w.Bad)
}

// cappedShare is which share of all value lay above the cap.
func (w *Worth) cappedShare(limit float64) float64 {
	if w.Capped == 0 {
		return 0
	}
	below := 0.0
	for i, count := range w.Prices {
		below += w.priceAt(i, limit) * float64(count)
	}
	above := float64(w.Capped) / 1e6
	return above / (above + below)
}

// money is an amount with its currency.
func money(amount float64, currency string) string {
	if currency == "" {
		return fmt.Sprintf("%.4g", amount)
	}
	return fmt.Sprintf("%s %.4g", currency, amount)
}

// An Amount is a number with its 95 % interval, which is right for one look.
type Amount struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Earnings are what one release would bring, were all requests filtered by it:
// money in the fleet's currency.
type Earnings struct {
	Value Amount `json:"value"` // of the bids that it lets through, per million requests
	Saved Amount `json:"saved"` // calls, per million requests
	Lost  Amount `json:"lost"`  // value of the bids that it filters, per million calls saved
}

// Money is what bids on explored requests say of the two releases.
type Money struct {
	Currency  string   `json:"currency"`
	Priced    int64    `json:"priced"`             // bids
	Unpriced  int64    `json:"unpriced,omitempty"` // for whatever reason
	Capped    float64  `json:"capped,omitempty"`   // share of all value
	Candidate Earnings `json:"candidate"`
	Stable    Earnings `json:"stable"`
}

// money is nil where no bid had a price.
func (t *Statistics) money(p Policy) *Money {
	w := &t.Worth
	if len(t.Values) == 0 || !(w.Earned[ControlArm].Kept.X > 0) {
		return nil
	}
	return &Money{
		Currency: p.Currency, Priced: w.priced(), Unpriced: w.Unpriced + w.Foreign + w.Bad, Capped: w.cappedShare(p.PriceCap),
		Candidate: w.Earned[CandidateArm].earnings(), Stable: w.Earned[ControlArm].earnings(),
	}
}

// earnings are per million; a price is per mille, in millionths.
func (e Earned) earnings() Earnings {
	const value, calls = 1e6 / 1e3 / 1e6, 1e6
	return Earnings{Value: e.Kept.amount(value), Saved: e.Saved.amount(calls), Lost: e.Lost.amount(value)}
}

// amount is the ratio times a unit, with the interval of Student's t between
// clusters.
func (r RatioSums) amount(unit float64) Amount {
	if !(r.X > 0) {
		return Amount{}
	}
	ratio := r.Y / r.X
	g := effective(r.X, r.XX, int(r.G))
	half := math.Sqrt(unbias(g)*max(0, r.YY-2*ratio*r.XY+ratio*ratio*r.XX)) / r.X * student(max(1, g-1))
	return Amount{Value: unit * ratio, Low: unit * max(0, ratio-half), High: unit * (ratio + half)}
}

// student is about the 97.5 % quantile of Student's t (Wallace).
func student(nu float64) float64 {
	z := 1.959963984540054 * (8*nu + 3) / (8*nu + 1)
	return math.Sqrt(nu * math.Expm1(z*z/nu))
}

// soundValue reports whether the sums over bids' value are sums.
func (t *Statistics) soundValue() bool {
	ok := func(values ...float64) bool {
		for _, v := range values {
			if !(v >= 0) || math.IsInf(v, 0) {
				return false
			}
		}
		return true
	}
	for _, v := range append(t.Values[:len(t.Values):len(t.Values)], t.LiveBids.Value) {
		if !ok(v.N, v.Ten, v.One, v.SS, v.NN, v.FF, v.G) || math.IsNaN(v.SN) || math.IsInf(v.SN, 0) {
			return false
		}
	}
	for _, e := range t.Worth.Earned {
		for _, r := range []RatioSums{e.Kept, e.Saved, e.Lost} {
			if !ok(r.X, r.XX, r.YY, r.G) || math.IsNaN(r.Y+r.XY) || math.IsInf(r.Y+r.XY, 0) {
				return false
			}
		}
	}
	w := &t.Worth
	for _, n := range append([]int64{w.Unpriced, w.Foreign, w.Bad, w.Capped, w.Wins, w.Cleared, w.ClearedTen, w.ClearedOne}, w.Prices...) {
		if n < 0 {
			return false
		}
	}
	return len(w.Prices) <= PriceBins && (len(t.Values) == 0 || len(t.Values) <= len(t.Streams))
}
