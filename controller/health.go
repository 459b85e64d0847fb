package controller

import (
	"fmt"
	"time"
)

// Standing is how a controller stands.
type Standing struct {
	Epoch int64     // that it leads under; 0: it does not
	Known time.Time // when it last knew who leads: by the store, or by a lease of its own in force
	Turn  time.Time // when it last saw to the lease
}

// Standing tells how the controller stands. Any goroutine may ask.
func (c *Controller) Standing() Standing {
	if s := c.standing.Load(); s != nil {
		return *s
	}
	return Standing{}
}

// stand takes note of what came of asking for the lease.
func (c *Controller) stand(epoch int64, err error, now time.Time) {
	s := Standing{Epoch: epoch, Known: c.Standing().Known, Turn: now}
	if err == nil {
		s.Known = now
	}
	c.standing.Store(&s)
	c.Metrics.held(epoch, err, now)
}

// Ready returns why the controller should not be asked: it has not known for
// two leases who leads, as the store does not answer.
func (c *Controller) Ready(now time.Time) error {
	s := c.Standing()
	switch within := 2 * c.Elector.TTL; {
	case s.Known.IsZero():
		return fmt.Errorf("the store has not told yet who leads: the log says why")
	case now.Sub(s.Known) > within:
		return fmt.Errorf("for %v the store has not told who leads: the log says why", now.Sub(s.Known).Round(time.Second))
	}
	return nil
}

// stuckAfter is how much longer than it may a pass or a turn takes in a process
// that has to be started anew: its own bounds do not hold any more.
const stuckAfter = 2 * time.Minute

// Healthy returns why the process has to be started anew: a loop of it stands
// still. It says nothing of AWS or tasks, which a new process would not mend.
func (c *Controller) Healthy(now time.Time) error {
	stood := time.Duration(0)
	if s := c.Standing(); !s.Turn.IsZero() {
		stood = now.Sub(s.Turn)
	}
	if stood > c.Elector.TTL+passTimeout+stuckAfter {
		return fmt.Errorf("nobody has seen to the lease for %v", stood.Round(time.Second))
	}
	for _, f := range c.fleets() {
		if began := f.passing.Load(); began != nil && now.Sub(*began) > passTimeout+stuckAfter {
			return fmt.Errorf("a pass over fleet %s has taken %v", f.Fleet.Name, now.Sub(*began).Round(time.Second))
		}
	}
	return nil
}
