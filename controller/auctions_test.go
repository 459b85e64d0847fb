package controller

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

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
