package controller

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// lateControl has tasks that take their time to serve another release than the
// first.
type lateControl struct {
	Control
	takes time.Duration

	mu    sync.Mutex
	began map[string]time.Time // by what was asked
	first string
}

func (c *lateControl) Assign(ctx context.Context, address string, a rollout.Assign, epoch int64) error {
	if c.late(a) {
		return nil
	}
	return c.Control.Assign(ctx, address, a, epoch)
}

func (c *lateControl) late(a rollout.Assign) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.first = cmp.Or(c.first, a.Release)
	key := a.String()
	if _, asked := c.began[key]; !asked {
		c.began[key] = time.Now()
	}
	return a.Shadow != "" && a.Release != c.first && time.Since(c.began[key]) < c.takes
}

// Canaries that take longer than data_grace to make the candidate ready are
// waited for: nothing is wrong with the data.
func TestCanariesMayTakeTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.reconciler(1)
		r.Control = &lateControl{Control: r.Control, takes: 3 * time.Minute, began: map[string]time.Time{}}
		waited := 0
		for _, job := range []string{"first", "good"} {
			playJob(t, w, job, func() error {
				_, err := r.Pass(t.Context())
				waited += r.tellsHarmMeanwhile(t)
				return err
			})
		}
		if waited == 0 {
			t.Error("nobody was waited for")
		}
		steps := 0
		for _, e := range w.ended(t)["good"].History {
			if e.To == rollout.Held || e.Verdict != nil && e.Verdict.Outcome == judge.Invalid {
				t.Errorf("%s: %s", e.Reason, e.Sentence)
			}
			if e.From == rollout.Canary {
				steps++
			}
		}
		if over := w.ended(t)["good"]; over.Phase != rollout.Live || steps != 2 {
			t.Errorf("%s after %d steps: %s", over.Phase, steps, over.Sentence)
		}
	})
}

// tellsHarmMeanwhile checks, while a canary step waits for its canaries, that harm
// that was ruled on is told, and nothing else that was. It returns 1 if one waits.
func (f *Reconciler) tellsHarmMeanwhile(t *testing.T) int {
	s, _, err := f.store.load(t.Context(), "ads")
	if err != nil || s.Active == nil || s.Active.Phase != rollout.Canary || !s.Active.StepSince.IsZero() || f.memo.judging == nil {
		return 0
	}
	j, later := f.memo.judging, time.Now().Add(time.Minute)
	tasks, _, _ := f.tasks(t.Context(), false)
	for _, task := range tasks {
		if slices.Contains(s.Active.CanaryTasks, task.ID) && task.Serving == s.Active.Candidate {
			return 0
		}
	}
	was := j.Verdict
	for outcome, told := range map[judge.Outcome]bool{judge.Worse: true, judge.Acceptable: false} {
		j.Verdict = &judge.Verdict{Outcome: outcome, Breaker: outcome == judge.Worse}
		seen := rollout.Observation{Tasks: tasks}
		if err := f.judge(t.Context(), s, &seen, later); err != nil || (seen.Verdict != nil) != told {
			t.Errorf("%s: %+v, %v", outcome, seen.Verdict, err)
		}
	}
	j.Verdict = was
	return 1
}
