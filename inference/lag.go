package inference

import (
	"context"
	"sync/atomic"
	"time"
)

// lag is how long a request that has arrived waits for a processor before its
// goroutine sees it. Nothing else tells: the clock of a request starts when its
// bytes are read.
type lag struct {
	recent atomic.Int64
	bins   [LatencyBins]atomic.Int64 // of all samples since boot
}

const lagPause = 5 * time.Millisecond

// watch measures until ctx ends.
func (l *lag) watch(ctx context.Context) {
	for pause(ctx, lagPause) {
		waited := queueing()
		l.recent.Store(int64(waited))
		l.bins[latencyBin(waited)].Add(1)
	}
}

// sampled is how long all samples since boot had to wait, in bins.
func (l *lag) sampled() []int64 {
	bins := make([]int64, LatencyBins)
	for i := range bins {
		bins[i] = l.bins[i].Load()
	}
	return bins
}

// queueing is how long a goroutine waits for its turn just now. The scheduler
// runs the one that was started last next, and puts the one that was to be next
// at the end of the queue: so the first of two is behind everybody.
func queueing() time.Duration {
	waited := make(chan time.Duration, 1)
	began := time.Now()
	go func() { waited <- time.Since(began) }()
	go func() {}()
	return <-waited
}

func (l *lag) now() time.Duration { return time.Duration(l.recent.Load()) }

// deadline is when a request that was read at some moment is no longer worth
// scoring.
func (t *Task) deadline(read time.Time, tmax int32) time.Time {
	allowed := t.o.Deadline
	if tmax > 0 {
		allowed = min(allowed, time.Duration(tmax)*time.Millisecond)
	}
	return read.Add(allowed - t.lag.now())
}
