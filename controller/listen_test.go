package controller

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// deaf is the store as a leader has it; hang lets its next question for the
// state have no answer.
type deaf struct {
	*world
	hang bool
}

func (d *deaf) Get(ctx context.Context, key string) ([]byte, string, error) {
	if d.hang && key == release.FleetKey("ads") {
		d.hang = false
		<-ctx.Done()
		return nil, "", ctx.Err()
	}
	return d.world.Get(ctx, key)
}

// TestWishTakenElsewhere asks a server that does not lead for a rollback, while
// the leader looks at the world once in a minute: all tasks have gone back
// within half a second, and a quarter later when the leader's question for wishes
// gets no answer.
func TestWishTakenElsewhere(t *testing.T) {
	for within, hang := range map[time.Duration]bool{500 * time.Millisecond: false, 750 * time.Millisecond: true} {
		t.Run(within.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				r := w.reconciler(1)
				play(t, w, func() error { _, err := r.Pass(t.Context()); return err })
				state := &deaf{world: w}
				r.Documents, r.store.Documents, r.Fleet.LookEvery = state, state, time.Minute
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan struct{})
				go func() {
					r.run(ctx)
					close(ended)
				}()
				defer func() { stop(); <-ended }()
				time.Sleep(10*time.Minute + 30*time.Second)
				if ago := time.Since(w.look(t).At); ago < 20*time.Second || ago > 40*time.Second {
					t.Errorf("the last look was %v ago, want about 30s: one comes every minute, and none for a question", ago)
				}
				state.hang = hang
				q := rollout.Request{ID: "1", Verb: rollout.VerbRollback, By: "ann", At: time.Now()}
				if _, err := (Store{Documents: w, Names: []string{"ads"}}).Request(t.Context(), "ads", q); err != nil {
					t.Fatal(err)
				}
				time.Sleep(within)
				first := release.Digest(testArtifact("first"))
				for id, task := range w.tasks {
					if task.Serving != first {
						t.Errorf("task %s serves %s %v after a rollback to %s", id, task.Serving, within, first)
					}
				}
			})
		})
	}
}

// look is what the leader saw last.
func (w *world) look(t *testing.T) rollout.Look {
	t.Helper()
	look, err := (Store{Documents: w, Names: []string{"ads"}}).Look(t.Context(), "ads")
	if err != nil {
		t.Fatal(err)
	}
	return look
}
