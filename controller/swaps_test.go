package controller

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/controller/watch/watchtest"
	"github.com/sluicehq/sluice/inference/release"
)

// slowControl speaks to tasks whose requests take 1 ms, and 80 ms for three
// seconds from a swap on to a release that is named: on the task, or on the
// others.
type slowControl struct {
	fakeControl
	slows      string // digest
	neighbours bool
	told       map[string]*rollout.Times
	at         map[string]time.Time
}

func (c *slowControl) Status(ctx context.Context, t rollout.Task) (rollout.Task, error) {
	t, err := c.fakeControl.Status(ctx, t)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		return t, err
	}
	took := time.Millisecond
	for id, f := range c.tasks {
		if swaps := (f.Serving == c.slows || f.Shadow == c.slows) && time.Since(f.since) < 3*time.Second; swaps && (id == t.ID) != c.neighbours {
			took = 80 * time.Millisecond
		}
	}
	if c.told[t.ID] == nil {
		c.told[t.ID] = watchtest.NothingYet()
	}
	c.told[t.ID] = watchtest.More(c.told[t.ID], took, int64(time.Since(c.at[t.ID])/(500*time.Microsecond)), time.Microsecond, 0)
	c.at[t.ID], t.Times = time.Now(), c.told[t.ID]
	return t, nil
}

// The whole loop rolls a good candidate back when taking it over hurts the
// task, or the others, and says which; and goes live where the guard is off.
func TestSwapHurtsEndsTheRollout(t *testing.T) {
	for _, tt := range []struct {
		name       string
		neighbours bool
		off        bool
		want       rollout.Phase
		says       string
	}{
		{"the task", false, false, rollout.RolledBack, "p99 on task "},
		{"its neighbours", true, false, rollout.RolledBack, "p99 on the other tasks "},
		{"unguarded", false, true, rollout.Live, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				r := w.reconciler(1)
				slow := &slowControl{fakeControl{w}, "", tt.neighbours, map[string]*rollout.Times{}, map[string]time.Time{}}
				r.Control = slow
				guarded := &r.Fleet.Policies.Default
				guarded.Shadow.Tasks, guarded.SwapGuard.Off = 1, tt.off
				step := func() error { _, err := r.Pass(t.Context()); return err }
				playJob(t, w, "first", step)
				for range 30 {
					_ = step()
					time.Sleep(time.Second)
				}
				slow.slows = release.Digest(testArtifact("good"))
				playJob(t, w, "good", step)
				ended := w.ended(t)["good"]
				if ended.Phase != tt.want || (ended.Reason == rollout.SwapHurts) == tt.off || !strings.HasPrefix(ended.Sentence, tt.says) {
					t.Errorf("it ended %s (%s): %s", ended.Phase, ended.Reason, ended.Sentence)
				}
				for id, task := range w.tasks {
					if tt.off != (task.Serving == release.Digest(testArtifact("good"))) {
						t.Errorf("task %s serves %s", id, task.Serving)
					}
				}
			})
		})
	}
}
