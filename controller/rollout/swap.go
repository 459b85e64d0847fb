package rollout

import (
	"fmt"
	"time"
)

// Times is what every request of a task took since its boot, under whatever
// release, and how long processors let requests wait before that, as sampled by
// the task: judge.LatencyBins bins each, all of which only grow. An older task tells
// no waits.
type Times struct{ Took, Waited []int64 }

// SwapGuard says when swaps cost auctions so much that their rollout ends.
type SwapGuard struct {
	Off      bool          `yaml:"off"`
	Ratio    float64       `yaml:"ratio"`    // of the p99 during swaps to the one before that is still fine, 1 or more
	Floor    time.Duration `yaml:"floor"`    // a p99 up to it is always fine
	Requests int64         `yaml:"requests"` // on either side without which nothing is said
}

// check returns what is wrong with g, naming the setting and what it may be.
func (g SwapGuard) check() error {
	switch {
	case !(g.Ratio >= 1):
		return fmt.Errorf("swap_guard.ratio is %v: want 1 or more; say swap_guard: {off: true} to do without", g.Ratio)
	case g.Floor < 0:
		return fmt.Errorf("swap_guard.floor is %v: want a duration such as 20ms", g.Floor)
	case g.Requests < 1:
		return fmt.Errorf("swap_guard.requests is %d: want 1 or more", g.Requests)
	}
	return nil
}

// SwapCost compares what auctions took before tasks began to take over a
// candidate with what they take meanwhile, on a task that swaps or on all its
// neighbours that do not.
type SwapCost struct {
	Task           string        `json:"task"`      // that swaps; empty: those that do not, taken together
	Candidate      string        `json:"candidate"` // digest: what it is that is swapped in
	Before         time.Duration `json:"before"`    // p99
	During         time.Duration `json:"during"`    // p99
	RequestsBefore int64         `json:"requests_before"`
	RequestsDuring int64         `json:"requests_during"`
}

// hurts reports whether the cost is more than g allows. Without enough
// requests on both sides nothing is known, and nothing is stopped.
func (c SwapCost) hurts(g SwapGuard) bool {
	return !g.Off && min(c.RequestsBefore, c.RequestsDuring) >= g.Requests &&
		c.During > g.Floor && float64(c.During) > g.Ratio*float64(c.Before)
}

// hurting reports whether taking over the candidate hurts auctions, which ends
// the rollout in whatever phase tasks do so. The first release is none that
// one could go back from.
func (s State) hurting(seen Observation, p Policy) (move, bool) {
	r := *s.Active
	for _, c := range seen.Swaps {
		if s.Stable == "" || c.Candidate != r.Candidate || !c.hurts(p.SwapGuard) {
			continue
		}
		where, while := "task "+c.Task, "it made"
		if c.Task == "" {
			where, while = "the other tasks", "some made"
		}
		return move{RollingBack, r.Step, SwapHurts, fmt.Sprintf(
			"p99 on %s went from %v to %v, %.1f times as long, over %d requests while %s %s ready; swap_guard allows %v times, or %v",
			where, shown(c.Before), shown(c.During), float64(c.During)/float64(max(c.Before, 1)), c.RequestsDuring,
			while, Short(c.Candidate), p.SwapGuard.Ratio, p.SwapGuard.Floor,
		)}, true
	}
	return move{}, false
}

// shown rounds a latency to what a person wants to read.
func shown(d time.Duration) time.Duration {
	if d < time.Millisecond {
		return d.Round(time.Microsecond)
	}
	return d.Round(100 * time.Microsecond)
}
