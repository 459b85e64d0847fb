package controller

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

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
// Once an earlier version is restored, the next leader says nothing of them.
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
		key, leaders, sound := pastsKey("ads", "good"), int64(1), document{}
		playJob(t, w, "good", func() error {
			err := step()
			if d, stored := w.documents[key]; stored && leaders == 1 {
				sound, w.documents[key] = d, document{body: d.body[:len(d.body)/2], etag: d.etag}
				leaders++
				r = w.reconciler(leaders)
				r.Control = slow
			} else if told == 1 && leaders == 2 {
				w.documents[key] = sound
				leaders++
				r = w.reconciler(leaders)
				r.Control = slow
			}
			return err
		})
		if good := w.ended(t)["good"]; told != 1 || leaders != 3 || good.Phase != rollout.Live {
			t.Errorf("told %d times; it ended %s: %s", told, good.Phase, good.Sentence)
		}
	})
}
