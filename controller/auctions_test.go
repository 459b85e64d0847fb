package controller

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/history"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// degradingControl speaks to tasks that answer 100 auctions a second, a fifth
// of them without a score.
type degradingControl struct{ fakeControl }

func (c *degradingControl) Status(ctx context.Context, t rollout.Task) (rollout.Task, error) {
	t, err := c.fakeControl.Status(ctx, t)
	answered := 100 * time.Now().Unix()
	t.Ready, t.Health = true, &rollout.Health{Answered: answered, Degraded: answered / 5, Deadline: 50 * time.Millisecond}
	return t, err
}

// Everybody who reads the look sees how auctions fare, and that the fleet is
// unwell while nothing is tried at all.
func TestLookTellsHowAuctionsFare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.reconciler(1)
		r.Control = &degradingControl{fakeControl{w}}
		playJob(t, w, "first", func() error { _, err := r.Pass(t.Context()); return err })
		for range 5 {
			if _, err := r.Pass(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
		}
		look, err := r.store.Look(t.Context(), "ads")
		if err != nil {
			t.Fatal(err)
		}
		a := look.Seen.Auctions
		if a == nil || a.All == nil || a.All.Rate != 400 || a.All.Degraded == nil || *a.All.Degraded != .2 || a.Slots.All == nil || len(a.Slots.All.Rate) < 2 {
			t.Errorf("it tells %+v", a)
		}
		if len(look.Seen.Unwell) != 1 || look.Seen.Unwell[0].Reason != rollout.UnwellDegraded {
			t.Errorf("it says %+v", look.Seen.Unwell)
		}
	})
}

// timedControl speaks to tasks whose auctions take 1 ms, and 4 ms by another
// release than the one that the fleet began with.
type timedControl struct {
	fakeControl
	stable string
}

func (c *timedControl) Status(ctx context.Context, t rollout.Task) (rollout.Task, error) {
	t, err := c.fakeControl.Status(ctx, t)
	took, bin := make([]int64, judge.LatencyBins), 39 // up to 2^(40/4) us
	if t.Serving != c.stable {
		bin = 47
	}
	took[bin] = 100 * time.Now().Unix()
	t.Times = &rollout.Times{Took: took, Waited: make([]int64, judge.LatencyBins)}
	return t, err
}

// Every look of the log keeps how long the auctions of each arm took, as far as
// there is such an arm.
func TestLooksKeepLatency(t *testing.T) {
	good := scenes(t)[1]
	synctest.Test(t, func(t *testing.T) {
		w := good.stage()
		r := w.reconciler(1)
		r.Control = &timedControl{fakeControl{w}, w.state(t).Stable}
		playJob(t, w, good.job, func() error { _, err := r.Pass(t.Context()); return err })
		var shadow, canary history.Latency
		for _, l := range w.looks(t, good.job, "timed") {
			if !l.Statistics.Served {
				shadow = l.Latency
			} else if canary == (history.Latency{}) && l.Latency.Canary.P99 > 0 {
				canary = l.Latency
			}
		}
		ms := func(from, to, got time.Duration) bool {
			return got > from*time.Millisecond && got < to*time.Millisecond
		}
		if shadow.Canary.P99 != 0 || shadow.Control.P99 != 0 || !ms(0, 2, shadow.Stable.P50) || !ms(0, 2, shadow.Stable.P99) {
			t.Errorf("in shadow: %+v", shadow)
		}
		if !ms(3, 5, canary.Canary.P50) || !ms(3, 5, canary.Canary.P99) || !ms(0, 2, canary.Control.P99) || !ms(0, 2, canary.Stable.P99) {
			t.Errorf("in canary: %+v", canary)
		}
	})
}
