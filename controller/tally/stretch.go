package tally

import (
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// A stretch is a time of which the pairs are counted by themselves. The present
// goes back to the start of the stretch before the last one, so that it is
// never shorter than one, and each is numbered by where it starts.
type stretch struct {
	since   time.Time // the last one
	present int       // number of that with which the present starts
	coming  int       // number of the last one
}

// turn begins another stretch when the last one is over. What came before arms
// were formed anew is no part of the present.
func (s *State) turn(now time.Time, p judge.Policy) {
	at := &s.stretch
	if at.since.IsZero() || now.Before(at.since) {
		s.forgetPresent()
		s.forgetPresent()
		at.since, at.coming = now, at.coming+1
		at.present = at.coming
		return
	}
	if now.Sub(at.since) >= p.Present {
		s.forgetPresent()
		at.since, at.present, at.coming = now, at.coming, at.coming+1
	}
}

// forgetPresent lets the coming stretch be the present.
func (s *State) forgetPresent() {
	t := &s.tables[pairsTable]
	for i := range t.blocks {
		c := &t.blocks[i].columns
		for k := range 3 {
			c[present+k], c[coming+k] = c[coming+k], c[present+k]
			clear(c[coming+k])
		}
	}
}

func (at *stretch) walk(c *codec) {
	c.time(&at.since)
	integer(c, &at.present)
	integer(c, &at.coming)
}
