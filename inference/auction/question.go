package auction

import (
	"strconv"

	"github.com/sluicehq/sluice/inference/auction/world"
	"github.com/sluicehq/sluice/inference/feature"
)

// question is what an auction asks of the fleet, and the truth to hold the
// answer against.
type question struct {
	call    Call
	request feature.Request // where line is nil
	line    *line
	pass    uint64 // how often the line has been asked before
	truth
}

// truth is whom an auction asks about, and who of them would bid.
type truth struct {
	partners []string
	bidders  []string  // those who would bid if called; nil where nobody knows
	prices   []float64 // of their bids; shorter where not all are known
	currency string    // of those; empty for the fleet's
}

// line is one auction of a file, encoded but for its beginning.
type line struct {
	id   string
	rest []byte // arguments of the call, from the second field of the BidRequest on
	truth
}

// worldCurrency is that of a World.
const worldCurrency = "USD"

// ofWorld asks about auction n of a World.
func (c Config) ofWorld(a world.Auction, n uint64) question {
	return question{call: c.Call, request: a.Request, truth: truth{partners: c.Call.about(n, a.Partners, c.Partners), bidders: a.Bidders, prices: a.Prices, currency: worldCurrency}}
}

// appendTo appends the arguments of the call.
func (q *question) appendTo(out []byte, d dialect, tmaxMS int32) []byte {
	switch {
	case q.line != nil:
		return q.line.appendTo(out, d, q.pass)
	case q.call == Decide:
		return appendArguments(out, d, &q.request, q.partners, tmaxMS)
	}
	return appendPublished(out, d, q.call.published(&q.request, q.partners[0]))
}

// appendTo gives the line another id in each pass: by its id a task draws what
// to explore, and the judge takes auctions of one id for one.
func (l *line) appendTo(out []byte, d dialect, pass uint64) []byte {
	e := encoder{out: out, dialect: d}
	var buffer [64]byte
	id := append(buffer[:0], l.id...)
	if pass > 0 {
		id = append(id, '~')
		id = strconv.AppendUint(id, pass, 10)
	}
	e.beginning(id)
	return append(e.out, l.rest...)
}
