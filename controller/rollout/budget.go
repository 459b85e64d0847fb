package rollout

import (
	"fmt"
	"math"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// Budget bounds the harm that a candidate can do before there is a verdict of
// the last canary step. Zero is no bound.
type Budget struct {
	Auctions   int64 `yaml:"auctions"`    // answered by the candidate
	MissedBids int64 `yaml:"missed_bids"` // that only the candidate filters: counted on explored requests, and extrapolated
}

// check returns what is wrong with b, naming the setting and what it may be.
func (b Budget) check() error {
	if b.Auctions < 0 || b.MissedBids < 0 {
		return fmt.Errorf("budget is %d auctions and %d missed_bids: want 0 for no bound, or more", b.Auctions, b.MissedBids)
	}
	return nil
}

// overspent reports whether the candidate has answered, or missed, all that it
// may before a verdict of the last canary step. Canary tasks go on answering
// while a rollout is held.
func (s State) overspent(seen Observation, p Policy, now time.Time) (move, bool) {
	r, b := *s.Active, p.Budget
	proven := r.last(p) && (r.Reason == Approval || r.Approved > r.Step || accepted(r, seen, p, now))
	if r.Comparing() != Canary || proven {
		return move{}, false
	}
	exposed, missed := max(r.Exposed, seen.Exposed), max(r.MissedBids, seen.MissedBids)
	of := ""
	switch {
	case b.Auctions > 0 && exposed >= b.Auctions:
		of = fmt.Sprintf("%d of %d auctions (budget.auctions)", exposed, b.Auctions)
	case b.MissedBids > 0 && missed >= b.MissedBids:
		of = fmt.Sprintf("about %d of %d missed bids (budget.missed_bids), in %d auctions", missed, b.MissedBids, exposed)
	default:
		return move{}, false
	}
	return move{RollingBack, r.Step, BudgetSpent, fmt.Sprintf("the candidate has spent %s before step %d of %d was accepted: %s",
		of, len(p.Steps), len(p.Steps), lastWord(seen.Verdict))}, true
}

// sized is how many canary tasks a step gets of those that it asks for, so
// that what is left of the budget lasts for the least time of this step and of
// those after it, all of them shrunk alike. The load balancer deals connections
// out evenly, so that fewer tasks answer fewer auctions in proportion. At
// least one task stays: whether it can come to a verdict is for overspent to
// say, by what happened. Zero is not sized.
func (r Rollout) sized(step int, seen Observation, p Policy) int {
	left := left(r, seen, p.Budget)
	if math.IsInf(left, 1) || seen.Pace <= 0 {
		return 0
	}
	planned := 0.
	for _, s := range p.Steps[step:] {
		planned += float64(canaryTasks(s, len(InTraffic(seen.Tasks)))) * s.Soak.Seconds() * seen.Pace
	}
	full := canaryTasks(p.Steps[step], len(InTraffic(seen.Tasks)))
	if planned <= left {
		return full
	}
	return max(1, int(math.Floor(float64(full)*left/planned)))
}

// shrunk says by how much a step was, if it was.
func (r Rollout) shrunk(step, tasks int, p Policy) string {
	full := canaryTasks(p.Steps[step], tasks)
	if r.Sized == 0 || r.Sized >= full {
		return ""
	}
	return fmt.Sprintf("; %s instead of %d, so that the budget lasts", judge.Some(r.Sized, "task"), full)
}

// left is how many auctions the candidate may still answer; +Inf for any
// number. Missed bids are taken to come at the rate at which they came.
func left(r Rollout, seen Observation, b Budget) float64 {
	exposed, missed := float64(max(r.Exposed, seen.Exposed)), float64(max(r.MissedBids, seen.MissedBids))
	left := math.Inf(1)
	if b.Auctions > 0 {
		left = max(0, float64(b.Auctions)-exposed)
	}
	if b.MissedBids > 0 && missed > 0 && exposed > 0 {
		left = min(left, max(0, float64(b.MissedBids)-missed)*exposed/missed)
	}
	return left
}
