package auction

import (
	"testing"
	"time"
)

func TestQueue(t *testing.T) {
	q := newQueue(2, 1)
	a, b := &slot{work: make(chan held, 1)}, &slot{work: make(chan held, 1)}
	q.join(a)
	q.join(b)
	for n, s := range map[uint64]*slot{1: a} {
		if !q.push(held{n: n}) || (<-s.work).n != n {
			t.Fatal("the slot idle longest did not get the auction")
		}
	}
	if given := q.leave(b); len(given) != 0 || q.ranks[0].first != nil {
		t.Fatal("an idle slot that left was given something, or is still idle")
	}
	for n := range uint64(3) {
		if q.push(held{n: n, deadline: time.Unix(int64(n), 0)}) != (n < 2) {
			t.Fatalf("push %d did not keep to the limit of 2", n)
		}
	}
	q.join(a)
	if given := q.leave(a); len(given) != 1 || given[0].n != 0 {
		t.Fatalf("got auctions %v; want the one that waited longest", given)
	}
	if e := q.expire(time.Unix(0, 0)); len(e) != 0 {
		t.Fatalf("expired %v before its time", e)
	}
	if e := q.expire(time.Unix(1, 0)); len(e) != 1 || e[0].n != 1 || len(q.waiting) != 0 {
		t.Fatalf("expired %v, %d still wait", e, len(q.waiting))
	}
}

// Arrivals depend on the seed alone and keep to the rate.
func TestSchedule(t *testing.T) {
	for _, kind := range []Arrivals{Poisson, Uniform} {
		a, b, other := newSchedule(kind, 1000, 1), newSchedule(kind, 1000, 1), newSchedule(kind, 1000, 2)
		var last time.Duration
		same := 0
		for range 100_000 {
			at := a.next()
			if at < last || at != b.next() {
				t.Fatalf("%s: %v after %v, or not what the same seed gave", kind, at, last)
			}
			if at == other.next() {
				same++
			}
			last = at
		}
		if last < 99*time.Second || last > 101*time.Second {
			t.Errorf("%s: 100,000 arrivals at 1000/s took %v", kind, last)
		}
		if kind == Poisson && same > 1000 {
			t.Errorf("two seeds share %d of 100,000 arrivals", same)
		}
	}
}
