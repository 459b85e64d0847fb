package controller

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// crash ends a task by itself; ECS says so after a moment, and replaces it.
func (w *world) crash(task, by, serving string) {
	w.replace(task, by, serving)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.crashed = append(w.crashed, rollout.Crash{Task: task, ExitCode: 2, Why: "Essential container in task exited", At: time.Now()})
}

// TestCrashes lets a task crash in each phase. On the candidate's account are
// its canaries, whoever scores it in the shadow phase, and whoever has moved
// over in promotion: such a crash is counted once, and the rollout goes back.
// Who stands aside may crash.
func TestCrashes(t *testing.T) {
	good := scenes(t)[1]
	for name, tt := range map[string]struct {
		phase  rollout.Phase
		victim func(r *rollout.Rollout) string
		guilty bool
		late   bool // ECS says it some passes later
		killed bool // and the controller dies in between
	}{
		"shadow":               {phase: rollout.Shadow, victim: func(*rollout.Rollout) string { return "a" }, guilty: true},
		"canary":               {phase: rollout.Canary, victim: func(r *rollout.Rollout) string { return r.CanaryTasks[0] }, guilty: true},
		"canary, told late":    {phase: rollout.Canary, victim: func(r *rollout.Rollout) string { return r.CanaryTasks[0] }, guilty: true, late: true},
		"canary, killed":       {phase: rollout.Canary, victim: func(r *rollout.Rollout) string { return r.CanaryTasks[0] }, guilty: true, late: true, killed: true},
		"control":              {phase: rollout.Canary, victim: func(r *rollout.Rollout) string { return r.ControlTasks[0] }},
		"bystander":            {phase: rollout.Canary, victim: func(r *rollout.Rollout) string { return bystander(r) }},
		"promotion":            {phase: rollout.Promoting, victim: func(*rollout.Rollout) string { return "c" }, guilty: true},
		"promotion, told late": {phase: rollout.Promoting, victim: func(*rollout.Rollout) string { return "c" }, guilty: true, late: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := good.stage()
				r := w.reconciler(1)
				r.Fleet.Policies.Default.Judge.Breaker.Crashes = 1
				r.Fleet.Policies.Default.PromoteBatch = 1
				crashed := false
				passes := 0
				playJob(t, w, good.job, func() error {
					s := w.state(t)
					if a := s.Active; !crashed && a != nil && a.Phase == tt.phase && ready(w, a) {
						crashed = true
						victim := tt.victim(a)
						if tt.late {
							w.replace(victim, "n", s.Default)
							_, _ = r.Pass(t.Context())
							if tt.killed {
								r = w.reconciler(2)
								r.Fleet.Policies.Default.Judge.Breaker.Crashes = 1
							}
							w.start(victim) // for crash to take away
						}
						w.crash(victim, "m", s.Default)
					}
					passes++
					_, err := r.Pass(t.Context())
					return err
				})
				ended := w.ended(t)[good.job]
				if !crashed {
					t.Fatal("nobody crashed")
				}
				if went := ended.Reason == rollout.Breaker && ended.Phase == rollout.RolledBack; went != tt.guilty {
					t.Errorf("it ended %s (%s: %s), guilty %v", ended.Phase, ended.Reason, ended.Sentence, tt.guilty)
				}
				counted := [judge.Arms]int{}
				for _, l := range w.looks(t, good.job, name) {
					counted = l.Statistics.Crashes
				}
				want := [judge.Arms]int{}
				if tt.guilty {
					want[judge.CandidateArm] = 1
				} else if name == "control" {
					want[judge.ControlArm] = 1
				}
				if counted != want {
					t.Errorf("counted crashes: %v, want %v", counted, want)
				}
			})
		})
	}
}

// ready reports that there is somebody to crash: the cohorts are in place, or
// half of the tasks have moved.
func ready(w *world, r *rollout.Rollout) bool {
	if r.Phase != rollout.Promoting {
		return !r.StepSince.IsZero()
	}
	return w.tasks["c"] != nil && w.tasks["c"].Serving == r.Candidate
}

func bystander(r *rollout.Rollout) string {
	for _, id := range []string{"a", "b", "c", "d"} {
		if _, compared := r.Arm(id); !compared {
			return id
		}
	}
	return ""
}

// TestCrashesAreAskedForSeldom shows that ECS is not asked where nobody would
// be at fault, nor more often than it likes, and that its silence holds up
// nothing.
func TestCrashesAreAskedForSeldom(t *testing.T) {
	good := scenes(t)[1]
	synctest.Test(t, func(t *testing.T) {
		f := faults{world: good.stage()}
		asked := map[rollout.Phase]int{}
		f.ask = func(what string) error {
			if what != "ecs crashed" {
				return nil
			}
			phase := rollout.Phase("")
			if a := f.state(t).Active; a != nil {
				phase = a.Phase
			}
			asked[phase]++
			return context.DeadlineExceeded
		}
		r := f.reconciler()
		playJob(t, f.world, good.job, func() error { _, err := r.Pass(t.Context()); return err })
		checkEnd(t, f.world, f.ended(t), "ECS tells no crashes")
		if asked[rollout.Canary] == 0 || asked[""] > 0 || asked[rollout.Admitting] > 0 {
			t.Errorf("asked for crashes: %v", asked)
		}
	})
}
