package controller

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
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

// threeJobs are what a play is about: the first release, a good one, a bad one.
func threeJobs() []string { return []string{"first", "good", "bad"} }

// play completes the three training jobs one after another, and reconciles
// until the rollout of each has ended.
func play(t *testing.T, w *world, step func() error) map[string]rollout.Rollout {
	t.Helper()
	for _, name := range threeJobs() {
		playJob(t, w, name, step)
	}
	return w.ended(t)
}

// playJob completes one training job and reconciles until its rollout has
// ended and nothing is left to do. What step returns is of no interest: it
// shows in the end.
func playJob(t *testing.T, w *world, name string, step func() error) {
	t.Helper()
	w.complete(name, testArtifact(name), map[string]float64{"good": 0.001, "bad": 0.3}[name])
	for pass := 0; w.ended(t)[name].Phase == ""; pass++ {
		if pass > 600 {
			t.Fatalf("%s does not end", name)
		}
		_ = step()
		time.Sleep(time.Second)
	}
	for range 3 { // leave nothing undone
		_ = step()
		time.Sleep(time.Second)
	}
}

// ended are the rollouts that have, by name.
func (w *world) ended(t *testing.T) map[string]rollout.Rollout {
	t.Helper()
	finished, err := Store{Documents: w, Names: []string{"ads"}}.Finished(t.Context(), "ads", 10)
	if err != nil {
		t.Fatal(err)
	}
	ended := map[string]rollout.Rollout{}
	for _, r := range finished {
		ended[r.ID] = r
	}
	return ended
}

// checkEnd checks that everything came to the one end it may come to.
func checkEnd(t *testing.T, w *world, ended map[string]rollout.Rollout, how string) {
	t.Helper()
	if len(w.lapses) > 0 {
		t.Errorf("%s: the state was lost: %v", how, w.lapses)
	}
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

// scene is the world just before a training job completes. What happens in a
// job can be played again and again without what came before it.
type scene struct {
	job     string
	world   *world
	at      time.Time // by the bubble's clock
	changes int       // that an undisturbed controller makes from here to the end of the job
}

// scenes plays the three jobs undisturbed, with a controller that starts anew
// for each.
func scenes(t *testing.T) (all []scene) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for _, name := range threeJobs() {
			s := scene{job: name, world: w.clone(), at: time.Now()}
			w.before = func(string) error { s.changes++; return nil }
			r := w.reconciler(1)
			playJob(t, w, name, func() error { _, err := r.Pass(t.Context()); return err })
			all = append(all, s)
		}
	})
	return all
}

// stage sets the world up as it was, at the same time of a bubble's clock.
func (s scene) stage() *world {
	time.Sleep(time.Until(s.at))
	return s.world.clone()
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
	for _, s := range scenes(t) {
		for at := 1; at <= s.changes; at++ {
			t.Run(fmt.Sprint(s.job, at), func(t *testing.T) {
				t.Parallel()
				for _, lost := range []bool{false, true} {
					synctest.Test(t, func(t *testing.T) { s.killedAt(t, at, lost) })
				}
			})
		}
	}
}

func (s scene) killedAt(t *testing.T, at int, lost bool) {
	w := s.stage()
	epoch, seen, dead, reached := int64(1), 0, false, false
	r := w.reconciler(epoch)
	die := func(here bool) error {
		if here && !dead {
			if seen++; seen == at {
				dead, reached = true, true
			}
		}
		if dead {
			return errKilled
		}
		return nil
	}
	w.before = func(string) error { return die(!lost) }
	w.after = func(string) error { return die(lost) }
	playJob(t, w, s.job, func() error {
		if dead { // a new one takes over
			epoch++
			r, dead = w.reconciler(epoch), false
		}
		_, err := r.Pass(t.Context())
		return err
	})
	how := fmt.Sprintf("killed at change %d, reply lost %v", at, lost)
	if !reached {
		t.Errorf("%s: it was never that far", how)
	}
	checkEnd(t, w, w.ended(t), how)
	w.looks(t, s.job, how)
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
	for _, s := range scenes(t) {
		for at := 1; at <= s.changes; at++ {
			t.Run(fmt.Sprint(s.job, at), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { s.deposedAt(t, at) })
			})
		}
	}
}

func (s scene) deposedAt(t *testing.T, at int) {
	w := s.stage()
	deposed, leader := w.reconciler(1), (*Reconciler)(nil)
	seen := 0
	w.before = func(string) error {
		if seen++; seen == at {
			leader = w.reconciler(2)
			w.unhooked(func() {
				for range 3 {
					_, _ = leader.Pass(t.Context())
				}
			})
		}
		return nil
	}
	playJob(t, w, s.job, func() error {
		_, err := deposed.Pass(t.Context())
		if leader != nil {
			_, err = leader.Pass(t.Context())
		}
		return err
	})
	checkEnd(t, w, w.ended(t), fmt.Sprintf("deposed at change %d", at))
	w.looks(t, s.job, fmt.Sprintf("deposed at change %d", at))
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
