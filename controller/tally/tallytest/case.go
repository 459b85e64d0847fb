package tallytest

import (
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
)

// A Case is a tally and the judge of what it comes to. As JSON it is what is
// checkpointed.
type Case struct {
	Tally tally.State      `json:"tally"`
	Judge judge.State      `json:"judge"`
	Seen  judge.Statistics `json:"-"` // of the last look
}

// Look tallies a look and judges it.
func (c *Case) Look(l tally.Look, p judge.Policy) judge.Verdict {
	c.Seen = c.Tally.Look(l, p)
	return c.Judge.Judge(c.Seen, p)
}

// Step forms the arms anew.
func (c *Case) Step() { c.Tally.Step() }

// Until looks until the outcome is worse or acceptable, at most so often, and
// returns the verdict and the number of looks.
func (w *Traffic) Until(c *Case, p judge.Policy, looks int) (judge.Verdict, int) {
	var v judge.Verdict
	for i := range looks {
		v = c.Look(w.Next(), p)
		if v.Outcome == judge.Worse || v.Outcome == judge.Acceptable {
			return v, i + 1
		}
	}
	return v, looks
}
