// Package watchtest makes up what tasks say their requests took. It is for
// tests only.
package watchtest

import (
	"math"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// NothingYet is what a task says that has answered nothing.
func NothingYet() *rollout.Times {
	return &rollout.Times{Took: make([]int64, judge.LatencyBins), Waited: make([]int64, judge.LatencyBins)}
}

// More is times with more requests that took or waited so long.
func More(times *rollout.Times, took time.Duration, requests int64, waited time.Duration, samples int64) *rollout.Times {
	next := rollout.Times{Took: slices.Clone(times.Took), Waited: slices.Clone(times.Waited)}
	next.Took[BinOf(took)] += requests
	if next.Waited != nil {
		next.Waited[BinOf(waited)] += samples
	}
	return &next
}

// BinOf is the bin that a duration is counted in.
func BinOf(d time.Duration) int { return int(4 * math.Log2(float64(d)/float64(time.Microsecond))) }
