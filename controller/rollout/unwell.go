package rollout

import (
	"fmt"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// Unwell is something that is wrong with a fleet now, whatever is being tried.
type Unwell struct {
	Reason   string `json:"reason"`   // one word, of those below
	Sentence string `json:"sentence"` // for a person, with numbers
}

// What may be wrong with a fleet.
const (
	UnwellMissing  = "missing"  // tasks
	UnwellSilent   = "silent"   // no auction comes any more
	UnwellFailed   = "failed"   // auctions get no answer
	UnwellDegraded = "degraded" // auctions are answered without a score
	UnwellLate     = "late"     // auctions are answered too late
)

// UnwellReasons are all of them, the worst first.
func UnwellReasons() []string {
	return []string{UnwellMissing, UnwellSilent, UnwellFailed, UnwellDegraded, UnwellLate}
}

// From when on a fleet is unwell. Shares are of the auctions of the last minute.
const (
	MostFailed   = .001
	MostDegraded = .01
	OneInLate    = 100 // it is the p99 that the deadline is held against

	// LeastBad is how many auctions it takes, so that a single one is no trouble.
	LeastBad = 10
	// ShortFor is how long tasks may be missing, since they come and go.
	ShortFor = time.Minute
	// LeastBefore is how many auctions a second there must have been for none to
	// be a sign.
	LeastBefore = 1.
)

// FindUnwell lists what is wrong with a fleet, the worst first. What is not
// known is not wrong.
func FindUnwell(s State, seen Observation, now time.Time) (found []Unwell) {
	a := seen.Auctions
	if a == nil {
		return nil
	}
	say := func(reason, format string, args ...any) {
		found = append(found, Unwell{reason, fmt.Sprintf(format, args...)})
	}
	if short := now.Sub(a.ShortSince); !a.ShortSince.IsZero() && short >= ShortFor {
		say(UnwellMissing, "%s", missing(seen, short))
	}
	all := a.All
	if all == nil {
		return found
	}
	if all.Answered == 0 && all.FailedCount == 0 && a.Over >= 3*time.Minute/4 && a.Before >= LeastBefore {
		say(UnwellSilent, "No auction came in the last %s; %s a second did before.", lasting(a.Over), few(a.Before))
	}
	if all.Failed != nil && *all.Failed > MostFailed && all.FailedCount >= LeastBad {
		say(UnwellFailed, "%s in the last %s got no answer, %s of all; more than %s is too many.",
			judge.Some(int(all.FailedCount), "auction"), lasting(a.Over), rate(*all.Failed), rate(MostFailed))
	}
	if all.Degraded != nil && *all.Degraded > MostDegraded && all.DegradedCount >= LeastBad && s.Stable != "" {
		say(UnwellDegraded, "%s of %s in the last %s were forwarded without a score; more than %s is too many.",
			rate(*all.Degraded), judge.Some(int(all.Answered), "auction"), lasting(a.Over), rate(MostDegraded))
	}
	if a.Deadline > 0 && all.P99 > a.Deadline && all.Answered >= OneInLate*LeastBad {
		say(UnwellLate, "One auction in %d took longer than %s in the last %s; they are to be answered within %s.",
			OneInLate, milliseconds(all.P99), lasting(a.Over), milliseconds(a.Deadline))
	}
	return found
}

// missing says how many tasks are not ready, and why as far as that shows.
func missing(seen Observation, short time.Duration) string {
	unready := count(seen.Tasks, func(t Task) bool { return t.Reachable && !t.Ready })
	silent := count(seen.Tasks, func(t Task) bool { return !t.Reachable })
	text := fmt.Sprintf("%d of %d tasks are ready, for %s", len(seen.Tasks)-unready-silent, seen.Desired, lasting(short))
	for _, why := range []struct {
		n    int
		what string
	}{{silent, "cannot be reached"}, {unready, "not ready"}, {seen.Desired - len(seen.Tasks), "not running"}} {
		if why.n > 0 {
			text += fmt.Sprintf("; %d %s", why.n, why.what)
		}
	}
	return text + "."
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.3g ms", float64(d)/float64(time.Millisecond))
}

func few(n float64) string {
	if n < 10 {
		return fmt.Sprintf("%.2g", n)
	}
	return fmt.Sprintf("%.0f", n)
}
