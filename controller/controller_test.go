package controller

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

func testFleet() Fleet {
	f, err := ParseFleet([]byte(`
fleet: ads
jobs: ["*"]
ecs: {cluster: c, service: s}
look_every: 1s
jobs_every: 1s
policy:
  shadow: {sample: 0.5, soak: 2s}
  steps: [{tasks: 1, soak: 2s, margin: 0.05}, {tasks: 2, soak: 2s}]
  settle: 1s
  promote_batch: 2
  buckets: 24
`))
	if err != nil {
		panic(err)
	}
	return f
}

func (w *world) reconciler(epoch int64) *Reconciler {
	r := NewReconciler(testFleet(), Ports{w, w, w, fakeTasks{w}, fakeControl{w}}, fmt.Sprint("controller-", epoch), slog.New(slog.DiscardHandler))
	r.epoch = epoch
	return r
}

// testArtifact passes admission; every name has a digest of its own.
func testArtifact(name string) []byte { return releasetest.Archive(float32(len(name)) / 100) }

// play completes three training jobs one after another - the first, a good one
// and a bad one - and reconciles until each has ended. What step returns is of
// no interest: it shows in the end.
func play(t *testing.T, w *world, step func() error) map[string]rollout.Rollout {
	t.Helper()
	return playUntil(t, w, step, func() bool { return false })
}

// playUntil is play that stops after the job in which enough became true.
func playUntil(t *testing.T, w *world, step func() error, enough func() bool) map[string]rollout.Rollout {
	t.Helper()
	store := Store{Documents: w, Names: []string{"ads"}}
	ended := map[string]rollout.Rollout{}
	for i, job := range []struct {
		name   string
		excess float64
	}{{"first", 0}, {"good", 0.001}, {"bad", 0.3}} {
		w.complete(job.name, testArtifact(job.name), job.excess)
		for pass := 0; ; pass++ {
			if pass > 600 {
				state, _ := store.State(t.Context(), "ads")
				t.Fatalf("%s does not end: %s in %s", job.name, state.Active.ID, state.Active.Phase)
			}
			_ = step() // what went wrong shows in the end
			finished, err := store.Finished(t.Context(), "ads", 10)
			if err != nil {
				t.Fatal(err)
			}
			if len(finished) > i {
				ended[job.name] = finished[slices.IndexFunc(finished, func(r rollout.Rollout) bool { return r.ID == job.name })]
				break
			}
			time.Sleep(time.Second)
		}
		if enough() {
			break
		}
	}
	for range 3 { // leave nothing undone
		_ = step()
		time.Sleep(time.Second)
	}
	return ended
}

// checkEnd checks that everything came to the one end it may come to.
func checkEnd(t *testing.T, w *world, ended map[string]rollout.Rollout, how string) {
	t.Helper()
	stable := "first"
	for _, name := range slices.Sorted(maps.Keys(ended)) {
		want := rollout.Live
		switch name {
		case "bad":
			want = rollout.RolledBack
		case "good":
			stable = name
		}
		if ended[name].Phase != want {
			t.Errorf("%s: %s ended %s (%s: %s), want %s", how, name, ended[name].Phase, ended[name].Reason, ended[name].Sentence, want)
		}
	}
	digest := release.Digest(testArtifact(stable))
	for id, task := range w.tasks {
		if task.Serving != digest || task.Shadow != "" || task.Tag != digest || task.Protected {
			t.Errorf("%s: task %s is left with %+v", how, id, task.Task)
		}
	}
	if r, is := ended["bad"]; is && (r.Reason != rollout.CandidateWorse || r.Verdict == nil) {
		t.Errorf("%s: the bad one went back for %s without evidence %v", how, r.Reason, r.Verdict)
	}
}

func TestThreeJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.reconciler(1)
		ended := play(t, w, func() error { _, err := r.Pass(t.Context()); return err })
		checkEnd(t, w, ended, "undisturbed")
		if len(ended) != 3 {
			t.Errorf("%d of 3 rollouts have ended", len(ended))
		}
		if first := ended["first"]; first.Reason != rollout.FirstRelease {
			t.Errorf("the first release went live for %s: %s", first.Reason, first.Sentence)
		}
		if good := ended["good"]; good.Exposed == 0 {
			t.Error("nobody counted the auctions that the good one answered as a canary")
		}
		if bad := ended["bad"]; bad.Exposed != 0 {
			t.Errorf("the bad one was seen in the shadow phase, but answered %d auctions", bad.Exposed)
		}
	})
}

var errKilled = errors.New("killed")

// TestKilledAnywhere kills the controller before and after every single thing
// that it writes or sends; the next one, under a new lease, comes to the same
// end. After a kill that follows the change, the reply is lost.
func TestKilledAnywhere(t *testing.T) {
	total := countChanges(t)
	step := 1
	if testing.Short() {
		step = 7
	}
	for at := 1; at <= total && !t.Failed(); at += step {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			killedAt(t, at)
		})
	}
}

func killedAt(t *testing.T, at int) {
	for _, lost := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			epoch, seen, dead := int64(1), 0, false
			r := w.reconciler(epoch)
			hook := func(what string) error {
				if seen++; seen == at {
					dead = true
				}
				if dead {
					return fmt.Errorf("%w at %s", errKilled, what)
				}
				return nil
			}
			if lost {
				w.after = hook
			} else {
				w.before = hook
			}
			ended := play(t, w, func() error {
				if dead { // a new one takes over
					epoch++
					r, dead = w.reconciler(epoch), false
				}
				_, err := r.Pass(t.Context())
				return err
			})
			checkEnd(t, w, ended, fmt.Sprintf("killed at change %d, reply lost %v", at, lost))
		})
	}
}

// countChanges says how many changes an undisturbed play makes.
func countChanges(t *testing.T) (n int) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.before = func(what string) error {
			if !strings.HasSuffix(what, "look.json") {
				n++
			}
			return nil
		}
		r := w.reconciler(1)
		play(t, w, func() error { _, err := r.Pass(t.Context()); return err })
	})
	return n
}

// TestEverythingTwice repeats every message and every write.
func TestEverythingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.twice = true
		r := w.reconciler(1)
		checkEnd(t, w, play(t, w, func() error { _, err := r.Pass(t.Context()); return err }), "everything twice")
	})
}

// TestTwoControllers lets a second one take over in the middle of a pass of
// the first, at every change it makes; the first goes on as if nothing had
// happened, and can do no harm.
func TestTwoControllers(t *testing.T) {
	total := countChanges(t)
	for at := 1; at <= total; at += 2 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			deposed, leader := w.reconciler(1), (*Reconciler)(nil)
			seen, busy := 0, false
			w.before = func(string) error {
				if busy || leader != nil {
					return nil
				}
				if seen++; seen == at {
					busy = true
					leader = w.reconciler(2)
					for range 3 {
						_, _ = leader.Pass(t.Context())
					}
					busy = false
				}
				return nil
			}
			ended := play(t, w, func() error {
				_, err := deposed.Pass(t.Context())
				if leader != nil {
					_, err = leader.Pass(t.Context())
				}
				return err
			})
			checkEnd(t, w, ended, fmt.Sprintf("deposed at change %d", at))
		})
		if t.Failed() {
			return
		}
	}
}

// TestTasksReplaced lets ECS replace a task every few seconds.
func TestTasksReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.reconciler(1)
		store := Store{Documents: w, Names: []string{"ads"}}
		passes := 0
		ended := play(t, w, func() error {
			if passes++; passes%6 == 0 && passes < 60 {
				state, err := store.State(t.Context(), "ads")
				if err != nil {
					return err
				}
				w.mu.Lock()
				for id := range w.tasks {
					delete(w.tasks, id)
					break
				}
				w.start(fmt.Sprint("n", passes))
				fresh := w.tasks[fmt.Sprint("n", passes)]
				fresh.Serving, fresh.Ready = state.Default, state.Default != ""
				w.mu.Unlock()
			}
			_, err := r.Pass(t.Context())
			return err
		})
		checkEnd(t, w, ended, "tasks replaced")
	})
}

// TestECSDown shows that stable is restored while ECS cannot be asked.
func TestECSDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.reconciler(1)
		ended := play(t, w, func() error { _, err := r.Pass(t.Context()); return err })
		checkEnd(t, w, ended, "before")
		w.ecsDown = true
		store := Store{Documents: w, Names: []string{"ads"}}
		q := rollout.Request{ID: "1", Verb: rollout.VerbRollback, By: "ann", At: time.Now()}
		if _, err := store.Request(t.Context(), "ads", q); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Pass(t.Context()); err == nil {
			t.Error("nobody says that ECS cannot be asked")
		}
		first := release.Digest(testArtifact("first"))
		for id, task := range w.tasks {
			if task.Serving != first {
				t.Errorf("task %s serves %s after a rollback to %s", id, task.Serving, first)
			}
		}
	})
}

// TestLease shows that one controller leads, that a silent one is replaced
// after the lease's time by a higher epoch, whatever the wall clocks say, and
// that one that ends gives the lease back at once.
func TestLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		ctx := t.Context()
		a := &Elector{Documents: w, Name: "a", TTL: 15 * time.Second}
		b := &Elector{Documents: w, Name: "b", TTL: 15 * time.Second}
		hold := func(e *Elector, want int64) {
			t.Helper()
			if epoch, err := e.Hold(ctx, time.Now()); err != nil || epoch != want {
				t.Fatalf("%s holds epoch %d (%v), want %d", e.Name, epoch, err, want)
			}
		}
		hold(a, 1)
		for range 20 {
			hold(b, 0)
			hold(a, 1)
			time.Sleep(4 * time.Second)
		}
		for range 4 { // a falls silent
			hold(b, 0)
			time.Sleep(4 * time.Second)
		}
		hold(b, 2)
		hold(a, 0)
		if err := b.Release(ctx); err != nil {
			t.Fatal(err)
		}
		hold(a, 3)
	})
}
