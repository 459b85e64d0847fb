package tally

import (
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// moments are rare events by task and time.
type moments struct {
	since  time.Time // when the open ones began
	closed [judge.Ratios][judge.Arms]judge.ClusterSums
	worst  [judge.Ratios][judge.Arms]judge.Moment
}

// trials are x events in n trials.
type trials struct{ n, x int64 }

// closeMoments ends the open moments of all tasks, if it is time.
func (s *State) closeMoments(now time.Time) {
	m := &s.moments
	if m.since.IsZero() || now.Before(m.since) {
		m.since = now
	}
	if now.Sub(m.since) < judge.MomentLength {
		return
	}
	m.since = now
	m.closed, m.worst = s.sumMoments()
	for i := range s.rows {
		s.rows[i].moment = [judge.Ratios][judge.Arms]trials{}
	}
}

// sumMoments is all moments, the open ones as they are, and the worst of them.
func (s *State) sumMoments() (all [judge.Ratios][judge.Arms]judge.ClusterSums, worst [judge.Ratios][judge.Arms]judge.Moment) {
	all, worst = s.moments.closed, s.moments.worst
	for i := range s.rows {
		for m := range all {
			for a, t := range s.rows[i].moment[m] {
				addCluster(&all[m][a], float64(t.n), float64(t.x))
				if w := &worst[m][a]; float64(t.x) > w.X {
					*w = judge.Moment{N: float64(t.n), X: float64(t.x)}
				}
			}
		}
	}
	return all, worst
}

func (m *moments) walk(c *codec) {
	c.time(&m.since)
	for r := range m.closed {
		for a := range m.closed[r] {
			walkSums(c, &m.closed[r][a])
			c.number(&m.worst[r][a].N)
			c.number(&m.worst[r][a].X)
		}
	}
}

func walkSums(c *codec, p *judge.ClusterSums) {
	for _, v := range []*float64{&p.N, &p.X, &p.XX, &p.XN, &p.NN, &p.FF, &p.G} {
		c.number(v)
	}
}
