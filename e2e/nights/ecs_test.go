package nights

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/rollout"
)

// How long ECS takes.
const (
	startTakes   = 3 * time.Second
	healthEvery  = 8 * time.Second  // a task that answers nobody is ended after so long
	crashesKept  = 10 * time.Minute // that ECS tells of
	crashTellsIn = time.Second      // at most, after the task has left the list
)

// service is what ECS keeps running.
type service struct {
	desired  int
	starting int
	newest   int
	crashed  []rollout.Crash
}

// running are the tasks that ECS lists.
func (w *world) running() []*task {
	var found []*task
	for _, id := range sorted(w.tasks) {
		if t := w.tasks[id]; !t.dead {
			found = append(found, t)
		}
	}
	return found
}

// keep starts and stops tasks until there are as many as are wanted.
func (w *world) keep() {
	alive := w.running()
	for len(alive)+w.ecs.starting < w.ecs.desired {
		w.ecs.starting++
		w.in(w.between(startTakes/2, startTakes), func() {
			w.ecs.starting--
			if len(w.running()) < w.ecs.desired {
				w.ecs.newest++
				id := fmt.Sprintf("t%d", w.ecs.newest)
				w.boot(id)
				w.say("ECS", "start "+id, "")
			}
		})
	}
	if len(alive) <= w.ecs.desired {
		return
	}
	for _, t := range slices.Backward(alive) {
		if !t.spared {
			w.lose(t, "is scaled in") // which sees to the next one
			return
		}
	}
}

// lose ends a task without its own doing.
func (w *world) lose(t *task, why string) {
	w.say("ECS", t.id+" "+why, w.doing(t))
	w.died(t, false)
	w.kill(t)
	w.keep()
}

// crash ends a task by itself.
func (w *world) crash(t *task, code int, why string) {
	w.touch(t.id) // it may have changed by itself
	w.look()
	w.say("ECS", t.id+" "+why, w.doing(t))
	w.died(t, true)
	w.kill(t)
	end := rollout.Crash{Task: t.id, ExitCode: code, Why: why, At: time.Now()}
	w.in(w.between(0, crashTellsIn), func() { w.ecs.crashed = append(w.ecs.crashed, end) })
	w.keep()
}

// hang lets a task answer nobody, until its health checks end it.
func (w *world) hang(t *task) {
	if t.hung {
		return
	}
	t.hung, t.hungAt = true, time.Now()
	w.say(t.id, "hangs", w.doing(t))
	w.in(w.between(healthEvery/2, healthEvery), func() {
		if t.dead {
			return
		}
		w.eaten(t)
		end := rollout.Crash{Task: t.id, Unhealthy: true, ExitCode: rollout.Killed, Why: "Task failed container health checks", At: time.Now()}
		w.in(w.between(0, crashTellsIn), func() { w.ecs.crashed = append(w.ecs.crashed, end) })
		w.lose(t, "fails its health checks")
	})
}

// serves lets a release do to a task what it does.
func (w *world) serves(t *task) {
	tr := w.truth[t.told.Serving]
	still := func(do func()) func() {
		serving := t.told.Serving
		return func() {
			if !t.dead && t.told.Serving == serving {
				do()
			}
		}
	}
	switch {
	case tr.crashes > 0:
		w.in(w.about(tr.crashes), still(func() { w.crash(t, 139, "crashes") }))
	case tr.hangs > 0:
		w.in(w.about(tr.hangs), still(func() { w.hang(t) }))
	}
}

// doing is what a task does, for the story.
func (w *world) doing(t *task) string {
	if t.told.Serving == "" {
		return "serving nothing"
	}
	say := "serving " + w.named(t.told.Serving)
	if t.told.Shadow != "" {
		say += " beside " + w.named(t.told.Shadow)
	}
	return fmt.Sprintf("%s, generation %d, epoch %d", say, t.told.Generation, t.told.Epoch)
}

func (c cloud) List(ctx context.Context) (tasks []rollout.Task, desired int, err error) {
	var listed []rollout.Task
	var want int
	err = c.wait(ctx, "list tasks", reads, func() error {
		listed = nil
		for _, t := range c.w.running() {
			listed = append(listed, rollout.Task{ID: t.id, Address: t.id, Tag: t.tag, Protected: t.spared, StartedAt: t.born})
		}
		want = c.w.ecs.desired
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	return listed, want, nil
}

func (c cloud) Gone(ctx context.Context, silent []string) (gone []string, err error) {
	err = c.wait(ctx, "describe silent tasks", reads, func() error {
		gone = slices.Clone(silent)
		for _, t := range c.w.running() {
			gone = slices.DeleteFunc(gone, func(id string) bool { return id == t.id })
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return gone, nil
}

func (c cloud) Crashed(ctx context.Context) ([]rollout.Crash, error) {
	var found []rollout.Crash
	err := c.wait(ctx, "list crashed tasks", reads, func() error {
		found = slices.DeleteFunc(slices.Clone(c.w.ecs.crashed), func(e rollout.Crash) bool { return time.Since(e.At) > crashesKept })
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (c cloud) Tag(ctx context.Context, id, release string) error {
	return c.mark(ctx, fmt.Sprintf("tag %s %s", id, rollout.Short(release)), id, func(t *task) { t.tag = release })
}

func (c cloud) Protect(ctx context.Context, ids []string, on bool) error {
	var errs []error
	for _, id := range ids {
		errs = append(errs, c.mark(ctx, fmt.Sprintf("protect %s %v", id, on), id, func(t *task) { t.spared = on }))
	}
	return errors.Join(errs...)
}

func (c cloud) Stop(ctx context.Context, id, why string) error {
	return c.mark(ctx, "stop "+id, id, func(t *task) { c.w.lose(t, "is stopped: "+why) })
}

var errNoTask = errors.New("ECS runs no such task")

func (c cloud) mark(ctx context.Context, what, id string, do func(*task)) error {
	return c.wait(ctx, what, []fault{lostRequest, lostReply, lateReply, busy}, func() error {
		t := c.w.tasks[id]
		if t == nil || t.dead {
			return fmt.Errorf("%w: %w", errNoTask, controller.ErrNotFound)
		}
		do(t)
		return nil
	})
}
