package auction

import (
	"strconv"

	"github.com/sluicehq/sluice/inference/auction/world"
	"github.com/sluicehq/sluice/inference/feature"
)

// question is what an auction asks of the fleet, and the truth to hold the
// answer against.
type question struct {
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
	rest []byte // arguments of decide, from the second field of the BidRequest on
	truth
}

// worldCurrency is that of a World.
const worldCurrency = "USD"

// ofWorld asks about an auction of a World.
func ofWorld(a world.Auction, partners int) question {
	return question{request: a.Request, truth: truth{partners: a.Partners[:min(len(a.Partners), partners)], bidders: a.Bidders, prices: a.Prices, currency: worldCurrency}}
}

// appendTo appends the arguments of decide.
func (q *question) appendTo(out []byte, d dialect, tmaxMS int32) []byte {
	if q.line != nil {
		return q.line.appendTo(out, d, q.pass)
	}
	return appendArguments(out, d, &q.request, q.partners, tmaxMS)
}

// appendTo gives the line another id in each pass: by its id a task draws what
// to explore, and the judge takes auctions of one id for one.
func (l *line) appendTo(out []byte, d dialect, pass uint64) []byte {
	e := encoder{out: out, dialect: d}
	e.enter()
	e.begin(1)
	e.field(1, kindString)
	if pass == 0 {
		e.text(l.id)
	} else {
		var buffer [64]byte
		id := append(buffer[:0], l.id...)
		id = append(id, '~')
		e.bytes(strconv.AppendUint(id, pass, 10))
	}
	return append(e.out, l.rest...)
}
