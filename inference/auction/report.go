package auction

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
)

const (
	maxReports    = 4096 // outcomes that wait to be put into a batch
	maxBatches    = 16   // batches that wait for a connection
	batchSize     = 64   // outcomes
	reportEvery   = 100 * time.Millisecond
	reportTimeout = time.Second
	reportTries   = 2
)

// batch is outcomes that are handed back in one call. What a call has taken is
// not sent again: a task counts a receipt each time it comes.
type batch struct {
	outcomes []*adfilter.Outcome
	tries    int
}

// report collects outcomes into batches until there are no more.
func (l *Load) report() {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	var gathered []*adfilter.Outcome
	for {
		select {
		case o, more := <-l.reports:
			if !more {
				l.enqueue(gathered)
				return
			}
			if gathered = append(gathered, o); len(gathered) < batchSize {
				continue
			}
		case <-tick.C:
		}
		l.enqueue(gathered)
		gathered = nil
	}
}

func (l *Load) enqueue(outcomes []*adfilter.Outcome) {
	if len(outcomes) == 0 {
		return
	}
	l.handing.Add(1)
	l.again(batch{outcomes: outcomes})
}

// again lets a batch wait for a connection, or drops it where too many wait.
func (l *Load) again(b batch) {
	select {
	case l.batches <- b:
	default:
		l.drop(b)
	}
}

func (l *Load) drop(b batch) {
	l.tally.dropped(len(b.outcomes))
	l.handing.Done()
}

// hand sends a batch. It is false when the connection broke; the batch, not
// having arrived whole, then gets a second try.
func (s *slot) hand(ctx context.Context, c *conn, b batch) bool {
	if c.lost() {
		s.load.again(b)
		return false
	}
	if err := c.report(ctx, b.outcomes, reportTimeout); err != nil {
		if b.tries++; b.tries < reportTries {
			s.load.again(b)
		} else {
			s.load.drop(b)
		}
		return false
	}
	s.load.tally.reported(len(b.outcomes))
	s.load.handing.Done()
	return true
}

// handOver waits until all batches are handed over, and drops those for which
// no connection is found in time.
func (l *Load) handOver() {
	handed := make(chan struct{})
	go func() {
		l.handing.Wait()
		close(handed)
	}()
	limit := time.NewTimer(reportTimeout)
	defer limit.Stop()
	var late chan batch
	for {
		select {
		case <-handed:
			return
		case <-limit.C:
			late = l.batches
		case b := <-late:
			l.drop(b)
		}
	}
}
