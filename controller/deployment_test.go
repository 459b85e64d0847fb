package controller

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// deploying is what ECS tells of the service's deployment.
type deploying struct {
	is      *rollout.Deployment
	err     error
	answers []bool
}

func (d *deploying) Deployment(context.Context) (*rollout.Deployment, error) { return d.is, d.err }

func (d *deploying) Answer(_ context.Context, _ rollout.Hook, on bool) error {
	d.answers = append(d.answers, on)
	return nil
}

// deployable is a fleet in the middle of a canary step, and what ECS tells.
func deployable(t *testing.T) (w *world, r *Reconciler, d *deploying, pass func() rollout.State) {
	t.Helper()
	w, d = newWorld(), &deploying{}
	r = w.reconciler(1)
	r.Deployments = d
	playJob(t, w, "first", func() error { _, err := r.Pass(t.Context()); return err })
	pass = func() rollout.State {
		t.Helper()
		_, err := r.Pass(t.Context())
		if err != nil && d.err == nil {
			t.Fatal(err)
		}
		s, _, err := r.store.load(t.Context(), "ads")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	return w, r, d, pass
}

// protects are the tasks that ECS protects.
func (w *world) protects() (ids []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, t := range w.tasks {
		if t.Protected {
			ids = append(ids, id)
		}
	}
	return ids
}

// A deployment in mid-canary finds no protected task with the next look, and no
// task that answers with the candidate after the one in which it was told; what
// was tried goes on to its end afterwards. Where nobody can tell of deployments,
// it is as it was.
func TestDeploymentMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r, d, pass := deployable(t)
		deployed := false
		playJob(t, w, "good", func() error {
			s := pass()
			if a := s.Active; deployed || a == nil || a.Phase != rollout.Canary || len(w.protects()) == 0 {
				return nil
			}
			deployed = true
			d.is, d.err = &rollout.Deployment{ID: "ecs-svc/2", Revision: "filter:2", Strategy: "LINEAR"}, errors.New("how far it is nobody can tell yet")
			s = pass()
			if a := s.Active; a.Phase != rollout.Held || a.Reason != rollout.Deploying || len(a.CanaryTasks) > 0 || s.Deployment == nil {
				t.Fatalf("deployed, and %+v", a)
			}
			if who := w.protects(); len(who) > 0 {
				t.Fatalf("still protected: %v", who)
			}
			far := *d.is
			far.Idle = []string{"ecs-svc/2"}
			d.is, d.err = &far, nil
			pass()
			d.is, d.err = &rollout.Deployment{ID: "ecs-svc/2"}, errors.New("throttled")
			if s = pass(); len(s.Deployment.Idle) != 1 {
				t.Fatalf("nobody can tell how far it is, and what was known is forgotten: %+v", s.Deployment)
			}
			d.is = nil
			if s = pass(); s.Deployment == nil || s.Active.Phase != rollout.Held {
				t.Fatalf("nobody can tell, and it is over: %+v", s.Active)
			}
			d.err = nil
			if s = pass(); s.Deployment != nil || s.Active.Phase != rollout.Canary {
				t.Fatalf("it is over, and %+v", s.Active)
			}
			return nil
		})
		if ended := w.ended(t)["good"]; !deployed || ended.Phase != rollout.Live {
			t.Errorf("deployed %v, and it ended %s: %s", deployed, ended.Phase, ended.Sentence)
		}
		_ = r
	})
}

// Tasks that a deployment keeps auctions from are shown as such, and counted
// neither as missing nor as there.
func TestIdleTasksAreNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r, d, pass := deployable(t)
		w.mu.Lock()
		for id := range w.tasks {
			w.tasks[id].Stratum.Deployment = "ecs-svc/1"
		}
		w.tasks["d"].Stratum.Deployment = "ecs-svc/2"
		w.mu.Unlock()
		d.is = &rollout.Deployment{ID: "ecs-svc/2", Strategy: "BLUE_GREEN", Idle: []string{"ecs-svc/2"}}
		pass()
		look, err := r.store.Look(t.Context(), "ads")
		if err != nil {
			t.Fatal(err)
		}
		idle := slices.DeleteFunc(slices.Clone(look.Seen.Tasks), func(task rollout.Task) bool { return !task.Idle })
		if len(idle) != 1 || idle[0].ID != "d" || idle[0].Serving == "" {
			t.Errorf("without auctions: %+v", idle)
		}
		if n := look.Seen.Auctions.All.Tasks; n != 3 {
			t.Errorf("auctions are measured on %d tasks, want 3", n)
		}
	})
}

// A hook is answered by the fleet's wish alone.
func TestHookIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r, d, pass := deployable(t)
		for id := range w.tasks {
			w.tasks[id].Stratum.Deployment = "ecs-svc/2"
		}
		d.is = &rollout.Deployment{ID: "ecs-svc/2", Strategy: "CANARY", Hook: &rollout.Hook{ID: "h", Of: "arn"}}
		if pass(); len(d.answers) > 0 {
			t.Fatalf("nobody wanted an answer: %v", d.answers)
		}
		r.Fleet.Policies.AnswerHooks = true
		if pass(); !slices.Equal(d.answers, []bool{true}) {
			t.Errorf("answered %v, want yes", d.answers)
		}
	})
}

// twoBuilds are tasks that answer 200 auctions a second each, of which so many in
// a thousand go without a score on those of the deployment.
type twoBuilds struct {
	fakeControl
	spoiled int64
}

func (c *twoBuilds) Status(ctx context.Context, t rollout.Task) (rollout.Task, error) {
	t, err := c.fakeControl.Status(ctx, t)
	h := &rollout.Health{Answered: 200 * time.Now().Unix(), Deadline: 50 * time.Millisecond}
	if t.Stratum.Deployment == "ecs-svc/2" {
		h.Degraded = h.Answered * c.spoiled / 1000
	}
	t.Ready, t.Health = true, h
	return t, err
}

// bothSides are tasks of a deployment beside as many that it replaces.
type bothSides struct{ fakeTasks }

func (b bothSides) List(ctx context.Context) ([]rollout.Task, int, error) {
	all, _, err := b.fakeTasks.List(ctx)
	return all, len(all) / 2, err
}

// A new build that spoils auctions is sent back at its hook, though the fleet as
// a whole fares well; one that does not goes on, once that is proven.
func TestHookIsAnsweredByHowAuctionsFare(t *testing.T) {
	for spoiled, on := range map[int64]bool{0: true, 8: false} {
		synctest.Test(t, func(t *testing.T) {
			w, r, d, pass := deployable(t)
			r.Control, r.Fleet.Policies.AnswerHooks = &twoBuilds{fakeControl{w}, spoiled}, true
			r.Tasks = bothSides{fakeTasks{w}}
			for _, id := range []string{"a", "b"} {
				w.tasks[id].Stratum.Deployment = "ecs-svc/2"
			}
			d.is = &rollout.Deployment{ID: "ecs-svc/2", Strategy: "CANARY", Hook: &rollout.Hook{ID: "h", Of: "arn"}}
			looks := 0
			for ; len(d.answers) == 0 && looks < 100; looks++ {
				pass()
				time.Sleep(5 * time.Second)
			}
			if looks < 3 || len(d.answers) != 1 || d.answers[0] != on {
				t.Errorf("%d in a thousand spoiled: answered %v after %d looks, want %v", spoiled, d.answers, looks, on)
			}
			look, err := r.store.Look(t.Context(), "ads")
			if err != nil || len(look.Seen.Unwell) > 0 || look.Seen.Builds == nil {
				t.Errorf("it is told as %+v (%v)", look.Seen, err)
			}
		})
	}
}

// Nobody is called for a rollout that makes room for a deployment.
func TestDeploymentsCallNobody(t *testing.T) {
	for why, called := range map[rollout.Reason]bool{rollout.Deploying: false, rollout.Approval: true} {
		if _, calls := noticeOf("ads", rollout.Event{To: rollout.Held, Reason: why}, rollout.Headline{}, ""); calls != called {
			t.Errorf("held for %s: called %v", why, calls)
		}
	}
}
