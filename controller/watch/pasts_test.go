package watch

import (
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/controller/watch/watchtest"
)

// recalling plays three tasks, each of which answers 1,000 requests a minute,
// and is looked at every minute.
type recalling struct {
	t     *testing.T
	p     Pasts
	tasks []rollout.Task
	state rollout.State
	now   time.Time
	epoch int64
}

func newRecalling(t *testing.T) *recalling {
	r := &recalling{t: t, now: time.Unix(1_000_000, 0), epoch: 1, state: rollout.State{Stable: "old"}}
	for _, id := range []string{"a", "b", "c"} {
		r.tasks = append(r.tasks, rollout.Task{ID: id, Boot: "1", Reachable: true, Serving: "old", Times: watchtest.NothingYet()})
	}
	r.looks(1)
	return r
}

func (r *recalling) looks(n int) {
	for range n {
		r.now = r.now.Add(time.Minute)
		for i := range r.tasks {
			if r.tasks[i].Times != nil {
				r.tasks[i].Times = watchtest.More(r.tasks[i].Times, time.Millisecond, 1000, time.Microsecond, 0)
			}
		}
		r.p.Look(r.state, r.tasks, r.epoch, r.now)
	}
}

// knows checks how many thousands of requests the past of each task holds.
func (r *recalling) knows(when string, want ...int64) {
	r.t.Helper()
	for i, thousands := range want {
		n := int64(0)
		for _, v := range r.p.All()[r.tasks[i].ID] {
			n += v
		}
		if n != 1000*thousands {
			r.t.Errorf("%s: the past of %s holds %d requests, want %d", when, r.tasks[i].ID, n, 1000*thousands)
		}
	}
}

// A task's past is what it did in the last hour as stable, while nothing was
// tried; from then on it stays what it is.
func TestPasts(t *testing.T) {
	r := newRecalling(t)
	r.knows("at first", 0, 0, 0)
	r.looks(10)
	r.knows("ten minutes later", 10, 10, 10)
	r.looks(200)
	r.knows("hours later", 31, 31, 31)
	r.looks(15)
	r.knows("in the middle of a half", 46, 46, 46)
	r.tasks[1].Boot, r.tasks[1].Times = "2", watchtest.NothingYet() // restarts
	r.tasks[2].Reachable, r.tasks[2].Times = false, nil
	r.looks(5)
	r.knows("a restart, and silence", 51, 4, 46)
	r.tasks[2].Reachable, r.tasks[2].Times = true, watchtest.More(watchtest.NothingYet(), time.Millisecond, 1_000_000, time.Microsecond, 0)
	r.looks(2)
	r.knows("back, and what it did meanwhile is not known", 53, 6, 47)

	r.state.Active = &rollout.Rollout{Candidate: "new", Phase: rollout.Admitting}
	r.looks(1)
	r.state.Active.Phase = rollout.Shadow
	r.tasks[0].Shadow = "new"
	r.looks(50)
	r.knows("a candidate is tried", 54, 7, 48)
	r.state.Active.Phase, r.state.Active.HeldFrom = rollout.Held, rollout.Canary
	r.tasks[0].Shadow, r.tasks[0].Serving = "", "new"
	r.looks(50)
	r.knows("it is held", 54, 7, 48)
	r.state.Active.Phase = rollout.RollingBack
	r.looks(1)
	r.state.Active = nil
	r.tasks[0].Shadow, r.tasks[0].Serving = "", "old"
	r.looks(4)
	r.knows("it is over", 57, 11, 52) // a: its first look as stable has nothing to be held against

	r.state.Stable = "new"
	r.looks(3)
	r.knows("another stable", 0, 0, 0)
	for i := range r.tasks {
		r.tasks[i].Serving = "new"
	}
	r.looks(4)
	r.knows("that they serve", 3, 3, 3)
	r.tasks[0].Times = watchtest.NothingYet() // contradicts itself
	r.looks(1)
	r.knows("counters that fell", 0, 4, 4)
	r.epoch++
	r.looks(2)
	r.knows("another leader", 1, 1, 1)
	r.p = Pasts{}
	r.state.Active = &rollout.Rollout{Candidate: "newer", Phase: rollout.Canary}
	r.looks(3)
	r.state.Active = nil
	r.looks(200)
	r.knows("hours after one that came in the middle of a rollout", 51, 51, 51)
	gone := r.tasks[2]
	r.tasks = r.tasks[:2]
	r.looks(1)
	if all := r.p.All(); len(all) != 2 || len(all["a"]) == 0 || all[gone.ID] != nil {
		t.Errorf("it remembers %v", all)
	}
}
