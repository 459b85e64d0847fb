package controller

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// hungTasks are tasks of which ECS says nothing in time; hungControl has one
// that never answers.
type hungTasks struct{ Tasks }

func (hungTasks) List(ctx context.Context) ([]rollout.Task, int, error) {
	<-ctx.Done()
	return nil, 0, ctx.Err()
}

func (hungTasks) Crashed(ctx context.Context) ([]rollout.Crash, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

type hungControl struct {
	Control
	task string
}

func (c hungControl) Status(ctx context.Context, t rollout.Task) (rollout.Task, error) {
	if t.ID == c.task {
		<-ctx.Done()
		return t, ctx.Err()
	}
	return c.Control.Status(ctx, t)
}

// hungJobs has no answer either.
type hungJobs struct{ Jobs }

func (hungJobs) Completed(ctx context.Context, _ []string, _ time.Time) ([]rollout.Job, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestWayBackWaitsForNobody asks for stable in a canary step, while a canary
// hangs, and ECS and SageMaker do: all others have gone back in less than half
// a second. The passes after it look at everything again, and the canary goes
// back once it answers, though ECS does not.
func TestWayBackWaitsForNobody(t *testing.T) {
	good := scenes(t)[1]
	for _, verb := range []rollout.Verb{rollout.VerbRollback, rollout.VerbAbort} {
		synctest.Test(t, func(t *testing.T) {
			w := good.stage()
			r := w.reconciler(1)
			w.complete(good.job, testArtifact(good.job), 0.001)
			for w.state(t).Active == nil || w.state(t).Active.Phase != rollout.Canary || !ready(w, w.state(t).Active) {
				_, _ = r.Pass(t.Context()) // what goes wrong shows in the end
				time.Sleep(time.Second)
			}
			hung := w.state(t).Active.CanaryTasks[0]
			control := r.Control
			r.Tasks, r.Control, r.Jobs = hungTasks{r.Tasks}, hungControl{control, hung}, hungJobs{r.Jobs}
			q := rollout.Request{ID: "1", Verb: verb, By: "ann", At: time.Now()}
			if _, err := (Store{Documents: w, Names: []string{"ads"}}).Request(t.Context(), "ads", q); err != nil {
				t.Fatal(err)
			}
			asked := time.Now()
			_, _ = r.Pass(t.Context())
			if took := time.Since(asked); took > 500*time.Millisecond {
				t.Errorf("%s takes %v", verb, took)
			}
			onStable := func(but string) {
				t.Helper()
				for id, task := range w.tasks {
					if stable := release.Digest(testArtifact("first")); id != but && task.Serving != stable {
						t.Errorf("%s: task %s serves %s, want %s", verb, id, task.Serving, stable)
					}
				}
			}
			onStable(hung)
			if a := w.state(t).Active; a == nil || a.History[len(a.History)-1].Verdict == nil || a.Exposed == 0 {
				t.Errorf("%s: what the judge said last, and what the candidate answered, is not in the record: %+v", verb, a)
			}
			if w.state(t).Urgent() {
				t.Error("the wish has been acted on, and still hurries the loop")
			}
			if _, err := r.Pass(t.Context()); err == nil {
				t.Error("nobody says that ECS cannot be asked")
			}
			r.Control = control
			_, _ = r.Pass(t.Context())
			onStable("")
		})
	}
}
