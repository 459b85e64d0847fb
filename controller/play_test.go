package controller

import (
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
	r := NewReconciler(testFleet(), Ports{w, w, w, fakeTasks{w}, fakeControl{w}, nil}, fmt.Sprint("controller-", epoch), slog.New(slog.DiscardHandler))
	r.epoch, r.own, r.until = epoch, true, func() time.Time { return time.Now().Add(time.Hour) }
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
	for _, e := range w.state(t).Events {
		if e.Reason == rollout.Restored {
			t.Errorf("%s: tasks were ahead of the state: %s", how, e.Sentence)
		}
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
