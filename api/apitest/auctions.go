package apitest

import (
	"math"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

const (
	each  = 250. // auctions a second, of a task
	slots = 40
)

// answer makes the auctions those that the tasks which can be reached answer.
func (f *Fake) answer(now time.Time) {
	const every = 15 * time.Second
	n, canaries, controls := 0, 0, 0
	for _, t := range f.Seen.Seen.Tasks {
		r := f.Saved.Active
		switch {
		case !t.Reachable:
			continue
		case r != nil && t.Serving == r.Candidate:
			canaries++
		case r != nil && len(r.CanaryTasks) > 0 && slices.Contains(r.ControlTasks, t.ID):
			controls++
		}
		n++
	}
	all := traffic(n, .182, 0, .0118)
	a := &rollout.Auctions{Over: 52 * time.Second, Deadline: 50 * time.Millisecond, Before: each * float64(n), All: all, Rest: all}
	if canaries > 0 {
		a.Canary, a.Rest = traffic(canaries, .184, 3, .0127), traffic(n-canaries-controls, .182, 0, .0116)
		all = traffic(n, .182, 3, .0118)
	}
	if controls > 0 {
		a.Control = traffic(controls, .182, 1, .0121)
		all = traffic(n, .182, 4, .0118)
	}
	a.All = all
	a.Slots = rollout.Slots{Begin: now.Add(-slots * every).Truncate(every), Every: every, All: columns(a.All, 0), Rest: columns(a.Rest, 0)}
	if a.Canary != nil {
		a.Slots.Canary = columns(a.Canary, slots-5)
	}
	if a.Control != nil {
		a.Slots.Control = columns(a.Control, slots-5)
	}
	f.Seen.Seen.Auctions = a
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

func traffic(tasks int, filtered float64, degraded int64, p99 float64) *rollout.Traffic {
	failed, rate := 0., each*float64(tasks)
	share := float64(degraded) / (52 * rate)
	return &rollout.Traffic{
		Tasks: tasks, Rate: rate, Answered: int64(52 * rate), Filtered: &filtered, Degraded: &share, DegradedCount: degraded, Failed: &failed,
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
