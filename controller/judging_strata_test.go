package controller

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/controller/tally"
)

// What a task has counted comes with where and as what it runs.
func TestReportsNameTheirStratum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for id, zone := range map[string]string{"a": "z1", "b": "z2", "c": "z1", "d": ""} { // nobody knows of d's
			w.tasks[id].Stratum = rollout.Stratum{Zone: zone, Revision: "inference:7"}
		}
		r := w.reconciler(1)
		step := func() error { _, err := r.Pass(t.Context()); return err }
		playJob(t, w, "first", step)
		told := map[string]string{}
		playJob(t, w, "good", func() error {
			err := step()
			s, _, loading := r.store.load(t.Context(), "ads")
			if loading != nil || !judged(s.Active) || r.memo.judging == nil {
				return err
			}
			look, _ := r.lookAtCounts(t.Context(), s, r.memo.judging, r.memo.tasks, time.Now())
			for _, report := range look.Reports {
				told[report.Task] = report.Stratum
			}
			return err
		})
		for id, want := range map[string]string{"a": "z1 inference:7", "b": "z2 inference:7", "c": "z1 inference:7", "d": "inference:7"} {
			if got, reported := told[id]; got != want || !reported {
				t.Errorf("%s reports from %q (%v), want %q", id, got, reported, want)
			}
		}
	})
}

// Tasks that gather their past tell it beside those that are compared, and are
// missed by nobody when they do not.
func TestPastsAreToldBesideTheCompared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.reconciler(1)
		step := func() error { _, err := r.Pass(t.Context()); return err }
		playJob(t, w, "first", step)
		told, mute, early := 0, 0, 0
		playJob(t, w, "good", func() error {
			err := step()
			s, _, loading := r.store.load(t.Context(), "ads")
			if loading != nil || !judged(s.Active) || s.Active.Phase == rollout.Promoting || r.memo.judging == nil {
				return err
			}
			tasks, _, _ := r.tasks(t.Context(), false)
			look, _ := r.lookAtCounts(t.Context(), s, r.memo.judging, tasks, time.Now())
			compared := 0
			for _, report := range look.Reports {
				arm, is := s.Active.Arm(report.Task)
				if is {
					compared++
				}
				if report.Past != !is || !is && (report.Arm != judge.Control || !s.Active.Gathers()[report.Task]) {
					t.Errorf("%s of arm %q: %+v", report.Task, arm, report)
				}
			}
			told += len(look.Reports) - compared
			if look.Expected[judge.Candidate]+look.Expected[judge.Control] != compared {
				t.Errorf("%d reports are compared, %v expected", compared, look.Expected)
			}
			for id, arm := range s.Active.Arms() {
				if i := slices.IndexFunc(tasks, func(t rollout.Task) bool { return t.ID == id }); look.Expected[arm] > 0 && tasks[i].Buckets > 1 && tasks[i].Generation == s.Active.Generation {
					late := slices.Clone(tasks)
					late[i].Buckets = 1 // it has not taken its assignment, but has the generation by another
					look, _ := r.lookAtCounts(t.Context(), s, r.memo.judging, late, time.Now())
					if slices.ContainsFunc(look.Reports, func(r tally.Report) bool { return r.Task == id }) || look.Expected[judge.Candidate]+look.Expected[judge.Control] >= compared {
						t.Errorf("%s counts in one bucket, and is compared: %v", id, look.Expected)
					}
					early++
					break
				}
			}
			for id := range s.Active.Gathers() {
				w.tasks[id].Reachable = false
				tasks, _, _ := r.tasks(t.Context(), false)
				look, err := r.lookAtCounts(t.Context(), s, r.memo.judging, tasks, time.Now())
				w.tasks[id].Reachable = true
				if mute++; len(look.Silent) > 0 || look.Expected[judge.Candidate]+look.Expected[judge.Control] != compared {
					t.Errorf("%s cannot be asked (%v), and %v are missed of %v", id, err, look.Silent, look.Expected)
				}
			}
			return err
		})
		if told == 0 || mute == 0 || early == 0 {
			t.Errorf("%d pasts were told, %d could not be, %d tasks were early", told, mute, early)
		}
	})
}
