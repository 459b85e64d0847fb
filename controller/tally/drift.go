package tally

import (
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// drift is how the candidate's scores lie below each quantile of its
// reference; a cluster is one task in one window of time.
type drift struct {
	known bool
	edges [judge.Quantiles]int
	since time.Time // when the open windows began
	sums  [judge.Quantiles]judge.ClusterSums
}

// A window of drift lasts for so long, and a task is a cluster in it once it
// has scored so many pairs.
const (
	driftWindow = 15 * time.Second
	driftScores = 50
)

// closeDrift closes every task's open window when it has lasted long enough.
func (s *State) closeDrift(at time.Time) {
	d := &s.drift
	if !d.known {
		return
	}
	if d.since.IsZero() || at.Before(d.since) {
		d.since = at
	}
	if at.Sub(d.since) < driftWindow {
		return
	}
	d.since = at
	for i := range s.tables[judge.CandidateArm].blocks {
		b := &s.tables[judge.CandidateArm].blocks[i]
		n := 0.0
		for _, v := range b.scores {
			n += v
		}
		if n < driftScores {
			continue
		}
		below, bin := 0.0, 0
		for q, edge := range d.edges {
			for ; bin < edge; bin++ {
				below += b.scores[bin]
			}
			addCluster(&d.sums[q], n, below)
		}
		clear(b.scores)
	}
}

// addCluster counts one cluster of x events in n trials.
func addCluster(c *judge.ClusterSums, n, x float64) {
	if n == 0 {
		return
	}
	c.N += n
	c.X += x
	c.XX += x * x
	c.XN += x * n
	c.NN += n * n
	c.FF += x * x / n
	c.G++
}
