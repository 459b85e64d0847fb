package rollout

import (
	"fmt"
	"math"
	"time"
)

// watchDesired remembers since when ECS is to keep too few tasks for the canary
// step to compare any.
func (r *Rollout) watchDesired(seen Observation, p Policy, now time.Time) {
	if r.Phase == Held { // it waits for something else, and stands on stable as far as it must
		return
	}
	least := max(1, p.Judge.MinTasks)
	canary, control := p.Steps[min(r.Step, len(p.Steps)-1)].Cohorts(seen.Desired)
	switch {
	case r.Phase != Canary || min(canary, control) >= least:
		r.TooFewSince = time.Time{}
	case r.TooFewSince.IsZero():
		r.TooFewSince = now
	}
}

// tooFew ends a canary step that cannot come to a verdict, however long one
// waits: ECS itself is to keep too few tasks, not only starting some. A count that is soon put right costs no rollout: data_grace is how
// long what is compared may be out of order.
func (r Rollout) tooFew(seen Observation, p Policy, now time.Time) (move, bool) {
	if r.TooFewSince.IsZero() || now.Sub(r.TooFewSince) < p.DataGrace {
		return move{}, false
	}
	each, takes := max(1, p.Judge.MinTasks), "a larger step"
	if n := p.Steps[min(r.Step, len(p.Steps)-1)].least(each); n > 0 {
		takes = fmt.Sprintf("%d at least", n)
	}
	return move{RollingBack, r.Step, TooFewTasks, fmt.Sprintf(
		"nothing left to compare: the service's desired count in ECS is %d, and step %d of %d takes %s, so that %d serve the candidate and %d stable (judge.min_tasks): raise the count, then sluice try it again",
		seen.Desired, r.Step+1, len(p.Steps), takes, each, each)}, true
}

// least is of how many tasks a step gives each side so many; 0 if of none.
func (s Step) least(each int) int {
	n := 2 * each
	if s.Percent > 0 && each > 1 {
		n = max(n, int(math.Ceil(float64(each)*100/s.Percent)))
	}
	for range 2 { // rounding may want one more
		if canary, control := s.Cohorts(n); min(canary, control) >= each {
			return n
		}
		n++
	}
	return 0
}
