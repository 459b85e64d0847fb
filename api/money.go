package api

import "github.com/sluicehq/sluice/controller/judge"

// Money is what bids on explored requests say of both releases.
type Money struct {
	Currency  string   `json:"currency"`
	Priced    int64    `json:"priced"`             // bids with a price
	Unpriced  int64    `json:"unpriced,omitempty"` // bids without one that could be taken
	Capped    float64  `json:"capped,omitempty"`   // share of all value that lay above the cap
	Candidate Earnings `json:"candidate"`
	Stable    Earnings `json:"stable"`
}

// Earnings are what a release would bring, were all requests filtered by it.
type Earnings struct {
	Value Amount `json:"value"` // of the bids that it lets through, per million requests
	Saved Amount `json:"saved"` // calls, per million requests
	Lost  Amount `json:"lost"`  // value of the bids that it filters, per million calls saved
}

// Amount is a number with its 95 % interval, which is right for one look.
type Amount struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

func shapeMoney(m *judge.Money) *Money {
	if m == nil {
		return nil
	}
	return &Money{
		Currency: m.Currency, Priced: m.Priced, Unpriced: m.Unpriced, Capped: finite(m.Capped),
		Candidate: shapeEarnings(m.Candidate), Stable: shapeEarnings(m.Stable),
	}
}

func shapeEarnings(e judge.Earnings) Earnings {
	return Earnings{Value: shapeAmount(e.Value), Saved: shapeAmount(e.Saved), Lost: shapeAmount(e.Lost)}
}

func shapeAmount(a judge.Amount) Amount {
	return Amount{Value: finite(a.Value), Low: finite(a.Low), High: finite(a.High)}
}
