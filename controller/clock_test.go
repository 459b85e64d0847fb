package controller

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// A leader whose clock is days ahead leaves moments that have not come. Whoever
// follows it in any phase is not held up by them, and goes by its own clock.
func TestLeaderBeforeHadAClockAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.reconciler(1)
		playJob(t, w, "first", func() error { _, err := r.Pass(t.Context()); return err })
		var seen []rollout.Phase
		for _, name := range []string{"good", "bad"} {
			playJob(t, w, name, func() error {
				_, err := r.Pass(t.Context())
				s := w.state(t)
				phase := rollout.Queued
				if s.Active != nil {
					phase = s.Active.Phase
				} else if len(s.Queue) == 0 {
					return err
				}
				if !slices.Contains(seen, phase) {
					seen = append(seen, phase)
					w.leave(t, s, 3*24*time.Hour)
					r = w.reconciler(r.epoch + 1)
				}
				return err
			})
		}
		checkEnd(t, w, w.ended(t), "clocks ahead")
		for _, p := range []rollout.Phase{rollout.Queued, rollout.Shadow, rollout.Canary, rollout.RollingBack} {
			if !slices.Contains(seen, p) {
				t.Errorf("nothing was left in %s", p)
			}
		}
	})
}

// leave writes the state as a leader with a clock that is ahead leaves it.
func (w *world) leave(t *testing.T, s rollout.State, ahead time.Duration) {
	t.Helper()
	rollouts := []*rollout.Rollout{}
	for i := range s.Queue {
		rollouts = append(rollouts, &s.Queue[i])
	}
	if s.Active != nil {
		rollouts = append(rollouts, s.Active)
	}
	for _, r := range rollouts {
		for _, at := range []*time.Time{&r.FoundAt, &r.Since, &r.StepSince, &r.InvalidSince, &r.TooFewSince, &r.HeldUntil} {
			if !at.IsZero() {
				*at = at.Add(ahead)
			}
		}
		for i := range r.History {
			r.History[i].At = r.History[i].At.Add(ahead)
		}
	}
	body, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	w.put(release.FleetKey("ads"), body)
}
