package auction

import (
	"math"
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
		a, b, other := newSchedule(kind, []Step{{Rate: 1000}}, 0, 1), newSchedule(kind, []Step{{Rate: 1000}}, 0, 1), newSchedule(kind, []Step{{Rate: 1000}}, 0, 2)
		var last time.Duration
		same := 0
		for range 100_000 {
			at, _ := a.next()
			if again, _ := b.next(); at < last || at != again {
				t.Fatalf("%s: %v after %v, or not what the same seed gave", kind, at, last)
			}
			if another, _ := other.next(); at == another {
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

// A load warms up, rises, and holds each rate for its time.
func TestStepsAndRamp(t *testing.T) {
	c := Config{Steps: []Step{{1000, 20 * time.Second}, {3000, 10 * time.Second}}, Ramp: 4 * time.Second, WarmUp: 10 * time.Second}
	for _, kind := range []Arrivals{Poisson, Uniform} {
		s := newSchedule(kind, c.all(), c.Ramp, 1)
		var counted [40]float64 // by seconds
		var last time.Duration
		for at, more := s.next(); more; at, more = s.next() {
			if at < last {
				t.Fatalf("%s: %v after %v", kind, at, last)
			}
			last = at
			counted[int(at.Seconds())]++
		}
		want := func(from, to int, rate float64) {
			n := 0.0
			for _, c := range counted[from:to] {
				n += c
			}
			if seconds := float64(to - from); math.Abs(n-rate*seconds) > 4*math.Sqrt(rate*seconds)+1 {
				t.Errorf("%s: %v in seconds %d to %d, want %v a second", kind, n, from, to, rate)
			}
		}
		want(0, 1, 125) // rising to 1000 within 4 s
		want(3, 4, 875)
		want(4, 30, 1000)
		want(30, 34, 2000) // rising to 3000
		want(34, 40, 3000)
	}
	if ends := c.ends(); stepAt(ends, 10*time.Second) != 0 || stepAt(ends, 30*time.Second) != 1 || stepAt(ends, time.Hour) != 1 {
		t.Errorf("steps end %v", ends)
	}
}
