package inference

import (
	"context"
	"time"
)

// slots bound the requests that are being scored at once. More of them would
// only make each other late.
type slots struct {
	free chan struct{}
	wait time.Duration // how long a request waits for one
}

func newSlots(count int, wait time.Duration) slots {
	return slots{free: make(chan struct{}, count), wait: wait}
}

// take reports whether a slot was to be had in time.
func (s slots) take(ctx context.Context) bool {
	late := time.NewTimer(s.wait)
	defer late.Stop()
	select {
	case s.free <- struct{}{}:
		return true
	case <-late.C:
	case <-ctx.Done():
	}
	return false
}

func (s slots) tryTake() bool {
	select {
	case s.free <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s slots) give() { <-s.free }
