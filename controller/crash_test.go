package controller

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// crash ends a task by itself; ECS says so after a moment, and replaces it.
func (w *world) crash(task, by, serving string, c rollout.Crash) {
	w.replace(task, by, serving)
	w.mu.Lock()
	defer w.mu.Unlock()
	c.Task, c.At = task, time.Now()
	w.crashed = append(w.crashed, c)
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

		behind time.Duration // ECS's clock
	}{
		"shadow":                            {phase: rollout.Shadow, victim: func(*rollout.Rollout) string { return "a" }, guilty: true},
		"canary":                            {phase: rollout.Canary, victim: func(r *rollout.Rollout) string { return r.CanaryTasks[0] }, guilty: true},
		"canary, told late":                 {phase: rollout.Canary, victim: func(r *rollout.Rollout) string { return r.CanaryTasks[0] }, guilty: true, late: true},
		"canary, killed":                    {phase: rollout.Canary, victim: func(r *rollout.Rollout) string { return r.CanaryTasks[0] }, guilty: true, late: true, killed: true},
		"control":                           {phase: rollout.Canary, victim: func(r *rollout.Rollout) string { return r.ControlTasks[0] }},
		"bystander":                         {phase: rollout.Canary, victim: func(r *rollout.Rollout) string { return bystander(r) }},
		"promotion":                         {phase: rollout.Promoting, victim: func(*rollout.Rollout) string { return "c" }, guilty: true},
		"shadow, by a clock days behind":    {phase: rollout.Shadow, victim: func(*rollout.Rollout) string { return "a" }, guilty: true, behind: 72 * time.Hour},
		"canary, by a clock days behind":    {phase: rollout.Canary, victim: func(r *rollout.Rollout) string { return r.CanaryTasks[0] }, guilty: true, behind: 72 * time.Hour},
		"canary, by a clock days ahead":     {phase: rollout.Canary, victim: func(r *rollout.Rollout) string { return r.CanaryTasks[0] }, guilty: true, behind: -72 * time.Hour},
		"bystander, by a clock days behind": {phase: rollout.Canary, victim: func(r *rollout.Rollout) string { return bystander(r) }, behind: 72 * time.Hour},
		"promotion, told late":              {phase: rollout.Promoting, victim: func(*rollout.Rollout) string { return "c" }, guilty: true, late: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := good.stage()
				r := w.reconciler(1)
				r.Fleet.Policies.Default.Judge.Breaker.Crashes = 1
				r.Fleet.Policies.Default.PromoteBatch = 1
				crashed, victim := false, ""
				passes := 0
				playJob(t, w, good.job, func() error {
					s := w.state(t)
					if a := s.Active; !crashed && a != nil && a.Phase == tt.phase && ready(w, a) {
						crashed = true
						victim = tt.victim(a)
						if tt.late {
							w.replace(victim, "n", s.Default)
							_, _ = r.Pass(t.Context())
							if tt.killed {
								r = w.reconciler(2)
								r.Fleet.Policies.Default.Judge.Breaker.Crashes = 1
							}
							w.start(victim) // for crash to take away
						}
						w.crash(victim, "m", s.Default, rollout.Crash{ExitCode: 2, Why: "Essential container in task exited"})
						w.crashed[0].At = w.crashed[0].At.Add(-tt.behind)
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
				if tt.guilty && !strings.Contains(ended.Sentence, victim) {
					t.Errorf("nobody is told whose log to look at: %q does not name task %s", ended.Sentence, victim)
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

// deafControl loses what a task is asked for before it arrives.
type deafControl struct {
	Control
	task string
}

func (c deafControl) Assign(ctx context.Context, address string, a rollout.Assign, epoch int64) error {
	if address == c.task {
		return errDown
	}
	return c.Control.Assign(ctx, address, a, epoch)
}

// TestAccounts ends tasks in ways of which only some are of the candidate's
// making: it goes back for those, and live in spite of the others.
func TestAccounts(t *testing.T) {
	good := scenes(t)[1]
	killed := rollout.Crash{ExitCode: rollout.Killed, Why: "Essential container in task exited"}
	panicked := rollout.Crash{ExitCode: 2, Why: "Essential container in task exited"}
	memory := rollout.Crash{ExitCode: rollout.Killed, Why: "Essential container in task exited: OutOfMemoryError: Container killed due to memory usage"}
	sidecar := rollout.Crash{ExitCode: 1, Container: "proxy", Beside: true}
	first := func(_ *world, r *rollout.Rollout) []string { return r.CanaryTasks[:1] }
	all := func(w *world, _ *rollout.Rollout) []string { return slices.Sorted(maps.Keys(w.tasks)) }
	aside := func(_ *world, r *rollout.Rollout) []string { return []string{bystander(r)} }
	asked := func(_ *world, r *rollout.Rollout) bool { return time.Since(r.Since) > 2*time.Second }
	begun := func(*world, *rollout.Rollout) bool { return true }
	loading := func(w *world, r *rollout.Rollout) bool { return w.tasks[r.CanaryTasks[0]].Serving == r.Candidate }
	for name, tt := range map[string]struct {
		phase   rollout.Phase
		crash   rollout.Crash
		victims func(w *world, r *rollout.Rollout) []string
		deaf    bool                                    // the first canary does not get what it is asked for
		when    func(w *world, r *rollout.Rollout) bool // nil: once all serve what they should, and are seen to
		again   bool                                    // and so do those in their place
		guilty  bool
	}{
		"asked, never arrived":            {phase: rollout.Canary, crash: panicked, victims: first, deaf: true, when: asked},
		"scored it, asked to leave it":    {phase: rollout.Canary, crash: panicked, victims: aside, when: begun},
		"took it up, ends while it loads": {phase: rollout.Canary, crash: panicked, victims: first, when: loading, guilty: true},
		"sidecar":                         {phase: rollout.Canary, crash: sidecar, victims: first},
		"killed":                          {phase: rollout.Canary, crash: killed, victims: first, guilty: true},
		"host lost as the canary began":   {phase: rollout.Canary, crash: killed, victims: all, when: begun},
		"host lost as the canary loads":   {phase: rollout.Canary, crash: killed, victims: all, when: loading},
		"host lost":                       {phase: rollout.Canary, crash: killed, victims: all},
		"host lost twice":                 {phase: rollout.Canary, crash: killed, victims: all, again: true},
		"host lost in shadow":             {phase: rollout.Shadow, crash: killed, victims: all},
		"all killed in shadow, again":     {phase: rollout.Shadow, crash: killed, victims: all, again: true, guilty: true},
		"no memory in shadow":             {phase: rollout.Shadow, crash: memory, victims: all, guilty: true},
		"all panic in shadow":             {phase: rollout.Shadow, crash: panicked, victims: all, guilty: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := good.stage()
				r := w.reconciler(1)
				p := &r.Fleet.Policies.Default
				p.Judge.Breaker.Crashes, p.Shadow.Soak = 1, 8*time.Second
				p.Shadow.Skip = tt.deaf
				for i := range p.Steps {
					p.Steps[i].Soak = 10 * time.Second
				}
				if tt.deaf {
					r.Control = deafControl{r.Control, "a"}
				}
				ends, seen := 1, 0
				if tt.again {
					ends = 2
				}
				playJob(t, w, good.job, func() error {
					s := w.state(t)
					if a := s.Active; a != nil && a.Phase == tt.phase && ends > 0 {
						now := tt.when != nil && tt.when(w, a)
						if tt.when == nil && ready(w, a) {
							seen++
						}
						if now || seen == 4 { // pass by pass, so that tasks are seen with it
							ends, seen = ends-1, 0
							for _, victim := range tt.victims(w, a) {
								w.crash(victim, victim+"'", s.Default, tt.crash)
							}
						}
					}
					_, err := r.Pass(t.Context())
					return err
				})
				ended := w.ended(t)[good.job]
				if ends > 0 {
					t.Fatal("nobody crashed")
				}
				if went := ended.Reason == rollout.Breaker && ended.Phase == rollout.RolledBack; went != tt.guilty {
					t.Errorf("it ended %s (%s: %s), guilty %v", ended.Phase, ended.Reason, ended.Sentence, tt.guilty)
				}
				if !tt.guilty && ended.Phase != rollout.Live {
					t.Errorf("it ended %s (%s: %s)", ended.Phase, ended.Reason, ended.Sentence)
				}
			})
		})
	}
}

// TestLeft tells of a crash when a later step has begun, or the rollout is held:
// whoever only scored the candidate had been asked to leave it when the first
// step began.
func TestLeft(t *testing.T) {
	begin := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	history := []rollout.Event{{To: rollout.Admitting, At: at(0)}, {To: rollout.Shadow, At: at(10)}, {To: rollout.Canary, At: at(20)}, {To: rollout.Canary, At: at(40)}, {To: rollout.Held, At: at(60)}}
	j := judging{Shadowed: map[string]bool{"a": true}}
	for _, tt := range []struct {
		task    string
		crashed int
		want    bool
	}{{"a", 19, false}, {"a", 20, true}, {"a", 30, true}, {"a", 59, true}, {"b", 30, false}} {
		for _, r := range []rollout.Rollout{
			{Phase: rollout.Canary, Step: 1, Since: at(40), History: history[:4]},
			{Phase: rollout.Held, HeldFrom: rollout.Canary, Since: at(60), History: history},
		} {
			if got := j.left(&r, rollout.Crash{Task: tt.task, At: at(tt.crashed)}); got != tt.want {
				t.Errorf("%s, task %s crashed after %d s: left %v", r.Phase, tt.task, tt.crashed, got)
			}
		}
	}
	r := rollout.Rollout{Phase: rollout.Promoting, HeldFrom: rollout.Canary, Since: at(60), History: history}
	if j.left(&r, rollout.Crash{Task: "a", At: at(70)}) {
		t.Error("in promotion, all are asked to take it up")
	}
}

// TestAccountsOfARestoredState tries a rollout again, since the state went back:
// what tasks had when it was tried before is nothing that they crash by.
func TestAccountsOfARestoredState(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	r := &rollout.Rollout{Candidate: "v2", Phase: rollout.Shadow, ControlTasks: []string{"a", "b"}}
	has := func(tasks ...string) (seen []rollout.Task) {
		for _, id := range tasks {
			seen = append(seen, rollout.Task{ID: id, Reachable: true, Serving: "v1", Shadow: "v2"})
		}
		return seen
	}
	j := &judging{Arms: map[string]judge.Arm{}, Served: map[string]bool{}, Shadowed: map[string]bool{}}
	look := func(restored time.Time, tasks []rollout.Task, crashed string) []string {
		j.begin(restored)
		j.join(r, nil, tasks)
		return j.crashes(r, []rollout.Crash{{Task: crashed, ExitCode: 2, At: now}}, now)[judge.Candidate]
	}
	look(time.Time{}, has("a", "b", "c"), "")
	if got := look(time.Time{}, has("b", "c"), "a"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("a crashed with it: %v", got)
	}
	if got := look(now, has("c"), "b"); len(got) > 0 {
		t.Errorf("it was seen with it before the state went back, and not since: %v", got)
	}
	if got := look(now, nil, "c"); !slices.Equal(got, []string{"c"}) {
		t.Errorf("c was seen with it since, and crashed: %v", got)
	}
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
