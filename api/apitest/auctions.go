package apitest

import (
	"math"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

const (
	each  = 250. // auctions a second, of a task
	slots = 40
)

// auctionsOf is what n tasks answer, one of them as a canary where there is one.
func auctionsOf(n int, canary bool, now time.Time) *rollout.Auctions {
	const every = 15 * time.Second
	all := traffic(n, .182, 0, .0118)
	a := &rollout.Auctions{Over: 52 * time.Second, Deadline: 50 * time.Millisecond, Before: each * float64(n), All: all, Rest: all}
	a.Slots = rollout.Slots{Begin: now.Add(-slots * every).Truncate(every), Every: every, All: columns(all, 0)}
	a.Slots.Rest = a.Slots.All
	if canary {
		a.Canary, a.Control, a.Rest = traffic(1, .184, .0002, .0127), traffic(1, .182, .0001, .0121), traffic(n-2, .182, 0, .0116)
		a.Slots.Canary, a.Slots.Control, a.Slots.Rest = columns(a.Canary, slots-5), columns(a.Control, slots-5), columns(a.Rest, 0)
	}
	return a
}

// degrade lets so much of the auctions be forwarded without a score, and says so.
func (f *Fake) degrade(share float64) {
	a := *f.Seen.Seen.Auctions
	all := *a.All
	all.Degraded, all.DegradedCount = &share, int64(share*float64(all.Answered))
	all.P99 = 87 * time.Millisecond
	a.All, a.Slots.All = &all, columns(&all, 0)
	f.Seen.Seen.Auctions = &a
	f.Seen.Seen.Unwell = rollout.FindUnwell(f.Saved, f.Seen.Seen, f.Seen.At)
}

func traffic(tasks int, filtered, degraded, p99 float64) *rollout.Traffic {
	failed, rate := 0., each*float64(tasks)
	return &rollout.Traffic{
		Tasks: tasks, Rate: rate, Answered: int64(52 * rate), Filtered: &filtered, Degraded: &degraded, Failed: &failed,
		P50: 410 * time.Microsecond, P99: time.Duration(p99 * float64(time.Second)),
	}
}

// columns go up and down a little around what is so now, from some slot on.
func columns(t *rollout.Traffic, from int) *rollout.Columns {
	c := &rollout.Columns{}
	for _, of := range []struct {
		to *[]*float64
		v  float64
	}{{&c.Rate, t.Rate}, {&c.Filtered, *t.Filtered}, {&c.Degraded, *t.Degraded}, {&c.Failed, 0}, {&c.P50, t.P50.Seconds()}, {&c.P99, t.P99.Seconds()}} {
		*of.to = make([]*float64, slots)
		for i := from; i < slots; i++ {
			v := of.v * (1 + .06*math.Sin(float64(i)/3) + .02*math.Cos(1.7*float64(i)))
			(*of.to)[i] = &v
		}
	}
	return c
}
