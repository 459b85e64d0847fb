package inference

import (
	"context"
	"time"
)

// slots bound the requests that are being scored at once. More of them would
// only make each other late.
type slots struct{ free chan struct{} }

func newSlots(count int) slots { return slots{free: make(chan struct{}, count)} }

// take reports whether a slot was to be had within a time.
func (s slots) take(ctx context.Context, most time.Duration) bool {
	late := time.NewTimer(most)
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
