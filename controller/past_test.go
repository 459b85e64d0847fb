package controller

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// recalling plays three tasks, each of which answers 1,000 requests a minute,
// and is looked at every minute.
type recalling struct {
	t     *testing.T
	p     pasts
	tasks []rollout.Task
	state rollout.State
	now   time.Time
	epoch int64
}

func newRecalling(t *testing.T) *recalling {
	r := &recalling{t: t, now: time.Unix(1_000_000, 0), epoch: 1, state: rollout.State{Stable: "old"}}
	for _, id := range []string{"a", "b", "c"} {
		r.tasks = append(r.tasks, rollout.Task{ID: id, Boot: "1", Reachable: true, Serving: "old", Times: nothingYet()})
	}
	r.looks(1)
	return r
}

func (r *recalling) looks(n int) {
	for range n {
		r.now = r.now.Add(time.Minute)
		for i := range r.tasks {
			if r.tasks[i].Times != nil {
				r.tasks[i].Times = more(r.tasks[i].Times, time.Millisecond, 1000, time.Microsecond, 0)
			}
		}
		r.p.look(r.state, r.tasks, r.epoch, r.now)
	}
}

// knows checks how many thousands of requests the past of each task holds.
func (r *recalling) knows(when string, want ...int64) {
	r.t.Helper()
	for i, thousands := range want {
		n := int64(0)
		for _, v := range r.p.all()[r.tasks[i].ID] {
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
	r.tasks[1].Boot, r.tasks[1].Times = "2", nothingYet() // restarts
	r.tasks[2].Reachable, r.tasks[2].Times = false, nil
	r.looks(5)
	r.knows("a restart, and silence", 51, 4, 46)
	r.tasks[2].Reachable, r.tasks[2].Times = true, more(nothingYet(), time.Millisecond, 1_000_000, time.Microsecond, 0)
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
	r.tasks[0].Times = nothingYet() // contradicts itself
	r.looks(1)
	r.knows("counters that fell", 0, 4, 4)
	r.epoch++
	r.looks(2)
	r.knows("another leader", 1, 1, 1)
	r.p = pasts{}
	r.state.Active = &rollout.Rollout{Candidate: "newer", Phase: rollout.Canary}
	r.looks(3)
	r.state.Active = nil
	r.looks(200)
	r.knows("hours after one that came in the middle of a rollout", 51, 51, 51)
	gone := r.tasks[2]
	r.tasks = r.tasks[:2]
	r.looks(1)
	if all := r.p.all(); len(all) != 2 || len(all["a"]) == 0 || all[gone.ID] != nil {
		t.Errorf("it remembers %v", all)
	}
}

// The judge is shown the pasts of the compared tasks, and of no others; the same
// ones whoever leads.
func TestPastReachesTheJudge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.reconciler(1)
		slow := &slowControl{fakeControl{w}, "nobody", false, map[string]*rollout.Times{}, map[string]time.Time{}}
		r.Control = slow
		step := func() error { _, err := r.Pass(t.Context()); return err }
		playJob(t, w, "first", step)
		for range 30 {
			_ = step()
			time.Sleep(time.Second)
		}
		shown, leaders := map[string][]int64{}, int64(1)
		playJob(t, w, "good", func() error {
			err := step()
			s, _, loading := r.store.load(t.Context(), "ads")
			if loading != nil || !judged(s.Active) || r.memo.judging == nil {
				return err
			}
			look, _ := r.lookAtCounts(t.Context(), s, r.memo.judging, r.memo.tasks, time.Now())
			for task, took := range look.Past {
				if _, compared := s.Active.Arm(task); !compared {
					t.Errorf("%s is not compared", task)
				}
				if was := shown[task]; was != nil && !slices.Equal(was, took) {
					t.Errorf("the past of %s was %v and is %v", task, was, took)
				}
				shown[task] = took
			}
			if len(look.Past) < len(look.Expected) {
				t.Errorf("%d pasts, %v", len(look.Past), look.Expected)
			}
			leaders++
			r = w.reconciler(leaders)
			r.Control = slow
			return err
		})
		if len(shown) < 2 || leaders < 4 {
			t.Errorf("pasts of %d tasks, %d leaders", len(shown), leaders)
		}
	})
}

// Damaged pasts are told of once by every leader, and keep nobody from judging.
func TestDamagedPasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.reconciler(1)
		slow := &slowControl{fakeControl{w}, "nobody", false, map[string]*rollout.Times{}, map[string]time.Time{}}
		r.Control = slow
		told := 0
		step := func() error {
			_, err := r.Pass(t.Context())
			if err != nil && strings.Contains(err.Error(), "pasts.json.gz is damaged: restore an earlier version") {
				told++
			}
			return err
		}
		playJob(t, w, "first", step)
		for range 30 {
			_ = step()
			time.Sleep(time.Second)
		}
		key, leaders := pastsKey("ads", "good"), int64(1)
		playJob(t, w, "good", func() error {
			err := step()
			if d, stored := w.documents[key]; stored && leaders == 1 {
				w.documents[key] = document{body: d.body[:len(d.body)/2], etag: d.etag}
				leaders++
				r = w.reconciler(leaders)
				r.Control = slow
			}
			return err
		})
		if good := w.ended(t)["good"]; told != 1 || good.Phase != rollout.Live {
			t.Errorf("told %d times; it ended %s: %s", told, good.Phase, good.Sentence)
		}
	})
}
