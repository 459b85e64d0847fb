package auction

import (
	"slices"
	"sync"
	"time"
)

// held is one auction that asks for a decision.
type held struct {
	n        uint64    // its number in the world
	line     *line     // what to ask, where that is not the world's to say
	pass     uint64    // how often the line has been asked before
	due      time.Time // when it was meant to begin
	deadline time.Time
	tries    int // that went wrong
	step     int // of the load, or warmUp
}

// queue brings waiting auctions and slots with room together. An auction goes
// to a slot that has the fewest in hand, and of those to the one that has been
// so longest: a connection that just opened is used last, which gives one that
// leads to a dead task time to show it.
type queue struct {
	limit int

	mu      sync.Mutex
	waiting []held
	ranks   []rank // slots with room, by the auctions they have in hand
}

// seat is a slot's place in the queue, guarded by it.
type seat struct {
	open       bool // auctions may be given to it
	stalled    bool // its connection owes an answer that is late: none are for now
	listed     bool // in the rank of busy
	busy       int  // auctions given and not yet done
	prev, next *slot
}

// rank is a list of slots that are equally busy.
type rank struct{ first, last *slot }

// newQueue makes a queue in which limit auctions may wait, for slots with room
// for depth each.
func newQueue(limit, depth int) *queue { return &queue{limit: limit, ranks: make([]rank, depth)} }

// push hands an auction to a slot, or lets it wait. It is false when too many
// wait.
func (q *queue) push(a held) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.ranks {
		if s := q.ranks[i].first; s != nil {
			q.give(s, a)
			return true
		}
	}
	if len(q.waiting) >= q.limit {
		return false
	}
	q.waiting = append(q.waiting, a)
	return true
}

// join lets auctions be given to a slot that has none in hand.
func (q *queue) join(s *slot) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s.seat = seat{open: true}
	q.fill(s)
}

// done says that one of the slot's auctions is no longer in hand.
func (q *queue) done(s *slot) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !s.seat.open {
		return
	}
	q.unlist(s)
	s.seat.busy--
	q.fill(s)
}

// stall says whether the slot's connection can be trusted with more auctions.
func (q *queue) stall(s *slot, stalled bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s.seat.stalled = stalled
	q.unlist(s)
	q.fill(s)
}

// leave gives a slot no more auctions, and returns those that it was given and
// has not taken.
func (q *queue) leave(s *slot) []held {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.unlist(s)
	s.seat.open = false
	var untaken []held
	for {
		select {
		case a := <-s.work:
			untaken = append(untaken, a)
		default:
			return untaken
		}
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

// fill gives a slot what waits, and lists it where it still has room.
func (q *queue) fill(s *slot) {
	if !s.seat.open || s.seat.stalled {
		return
	}
	for len(q.waiting) > 0 && s.seat.busy < len(q.ranks) {
		a := q.waiting[0]
		q.waiting = q.waiting[1:]
		s.seat.busy++
		s.work <- a // never blocks: the channel has room for all that a slot may have
	}
	q.list(s)
}

func (q *queue) give(s *slot, a held) {
	q.unlist(s)
	s.seat.busy++
	q.list(s)
	s.work <- a // as in fill
}

// list puts a slot with room at the end of its rank.
func (q *queue) list(s *slot) {
	if s.seat.busy >= len(q.ranks) {
		return
	}
	r := &q.ranks[s.seat.busy]
	s.seat.listed, s.seat.prev, s.seat.next = true, r.last, nil
	if r.last == nil {
		r.first = s
	} else {
		r.last.seat.next = s
	}
	r.last = s
}

func (q *queue) unlist(s *slot) {
	if !s.seat.listed {
		return
	}
	r := &q.ranks[s.seat.busy]
	if s.seat.prev == nil {
		r.first = s.seat.next
	} else {
		s.seat.prev.seat.next = s.seat.next
	}
	if s.seat.next == nil {
		r.last = s.seat.prev
	} else {
		s.seat.next.seat.prev = s.seat.prev
	}
	s.seat.listed, s.seat.prev, s.seat.next = false, nil, nil
}
