package controller

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// What a task has counted comes with where and as what it runs.
func TestReportsNameTheirStratum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for id, zone := range map[string]string{"a": "z1", "b": "z2", "c": "z1"} { // nobody knows of d
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
		for id, want := range map[string]string{"a": "z1 inference:7", "b": "z2 inference:7", "c": "z1 inference:7", "d": ""} {
			if got, reported := told[id]; got != want || !reported {
				t.Errorf("%s reports from %q (%v), want %q", id, got, reported, want)
			}
		}
	})
}
