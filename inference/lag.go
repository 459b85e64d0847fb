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
	bins   [LatencyBins]atomic.Int64 // of all waits since boot
}

const (
	lagPause = 5 * time.Millisecond
	maxLag   = 10 * time.Second // that is counted in full
)

// watch measures until ctx ends.
func (l *lag) watch(ctx context.Context) {
	for {
		due := time.Now().Add(lagPause)
		if !pause(ctx, lagPause) {
			return
		}
		l.recent.Store(int64(queueing()))
		l.late(time.Since(due))
	}
}

// late counts what a request would have waited that came when the watch was
// due: also for a processor that the whole process did not have. Those that
// would have come since, one in every pause, waited for the rest of it.
func (l *lag) late(by time.Duration) {
	for by = min(by, maxLag); by >= 0; by -= lagPause {
		l.bins[latencyBin(by)].Add(1)
	}
}

// sampled is how long requests would have waited since boot, in bins.
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
