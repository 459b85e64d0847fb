package auction

import (
	"slices"
	"sync"
	"time"
)

// held is one auction that asks for a decision.
type held struct {
	n        uint64    // its number in the world
	due      time.Time // when it was meant to begin
	deadline time.Time
	tries    int // that went wrong
}

// queue brings waiting auctions and idle slots together, first come first
// served on both sides: a connection that just opened is used last, which
// gives one that leads to a dead task time to show it.
type queue struct {
	limit int

	mu      sync.Mutex
	waiting []held
	idle    []*slot
}

func newQueue(limit int) *queue { return &queue{limit: limit} }

// push hands an auction to the slot that has been idle longest, or lets it
// wait. It is false when too many wait.
func (q *queue) push(a held) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.idle) > 0 {
		s := q.idle[0]
		q.idle = q.idle[1:]
		s.work <- a // never blocks: an idle slot's channel is empty
		return true
	}
	if len(q.waiting) >= q.limit {
		return false
	}
	q.waiting = append(q.waiting, a)
	return true
}

// join makes a slot idle: its work channel gets the next auction.
func (q *queue) join(s *slot) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) > 0 {
		s.work <- q.waiting[0]
		q.waiting = q.waiting[1:]
		return
	}
	q.idle = append(q.idle, s)
}

// leave makes a slot not idle. Where it has been given an auction meanwhile,
// that is returned, with true.
func (q *queue) leave(s *slot) (held, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.idle, s); i >= 0 {
		q.idle = slices.Delete(q.idle, i, i+1)
		return held{}, false
	}
	select {
	case a := <-s.work:
		return a, true
	default:
		return held{}, false
	}
}

// expire removes and returns auctions at the head whose deadline has passed.
func (q *queue) expire(now time.Time) []held {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for n < len(q.waiting) && !now.Before(q.waiting[n].deadline) {
		n++
	}
	expired := slices.Clone(q.waiting[:n])
	q.waiting = q.waiting[n:]
	return expired
}
