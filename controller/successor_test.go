package controller

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// TestCanaryTaskDies kills the canary task as soon as it serves the candidate.
// Its successor comes from the rest, which has served stable under the same
// generation: those counts are nobody's, and the data stay valid.
func TestCanaryTaskDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.reconciler(1)
		store := Store{Documents: w, Names: []string{"ads"}}
		killed := false
		for i, name := range []string{"first", "good"} {
			w.complete(name, testArtifact(name), 0)
			for pass := 0; ; pass++ {
				if pass == 300 {
					t.Fatalf("%s does not end", name)
				}
				_, _ = r.Pass(t.Context()) // what went wrong shows in the end
				state, err := store.State(t.Context(), "ads")
				if err != nil {
					t.Fatal(err)
				}
				if a := state.Active; !killed && a != nil && a.Phase == rollout.Canary && !a.StepSince.IsZero() {
					killed = true
					w.replace(a.CanaryTasks[0], "successor", state.Default)
				}
				if ended, _ := store.Finished(t.Context(), "ads", 10); len(ended) > i {
					break
				}
				time.Sleep(time.Second)
			}
		}
		good, err := store.Rollout(t.Context(), "ads", "good")
		if err != nil || good.Phase != rollout.Live || !killed {
			t.Fatalf("good ended %s (%s), killed %v: %v", good.Phase, good.Sentence, killed, err)
		}
		for _, e := range good.History {
			if e.To == rollout.Held {
				t.Errorf("it was held: %s", e.Sentence)
			}
		}
	})
}

// replace lets ECS replace a task by one that serves the default.
func (w *world) replace(task, by, serving string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.tasks, task)
	w.start(by)
	w.tasks[by].Serving, w.tasks[by].Ready = serving, serving != ""
}
