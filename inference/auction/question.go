package auction

import (
	"github.com/sluicehq/sluice/inference/auction/world"
	"github.com/sluicehq/sluice/inference/feature"
)

// question is what an auction asks of the fleet, and the truth to hold the
// answer against.
type question struct {
	request   feature.Request // where arguments is nil
	arguments []byte          // of decide, encoded
	truth
}

// truth is whom an auction asks about, and who of them would bid.
type truth struct {
	partners []string
	bidders  []string // those who would bid if called; nil where nobody knows
}

// ofWorld asks about an auction of a World.
func ofWorld(a world.Auction, partners int) question {
	return question{request: a.Request, truth: truth{partners: a.Partners[:min(len(a.Partners), partners)], bidders: a.Bidders}}
}

// appendTo appends the arguments of decide.
func (q *question) appendTo(out []byte, d dialect, tmaxMS int32) []byte {
	if q.arguments != nil {
		return append(out, q.arguments...)
	}
	return appendArguments(out, d, &q.request, q.partners, tmaxMS)
}
