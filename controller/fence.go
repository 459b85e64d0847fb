package controller

import (
	"context"
	"errors"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// fence lets nothing into the world once the lease that it asks about has run
// out. It is asked right before each send, since a process may be stopped
// between any two lines; and no send outlasts the lease that let it begin.
type fence func() (until time.Time)

// errExpired means that this process leads no more, as far as it knows.
var errExpired = errors.New("nothing is sent: the lease has run out")

func (f fence) send(ctx context.Context, effect func(context.Context) error) error {
	until := f()
	if !before(time.Now(), until) {
		return errExpired
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	return effect(ctx)
}

// ports are those through which everything that changes the world passes the
// fence.
func (f fence) ports(p Ports) Ports {
	p.Documents, p.Tasks, p.Control = fencedDocuments{p.Documents, f}, fencedTasks{p.Tasks, f}, fencedControl{p.Control, f}
	if p.Deployments != nil {
		p.Deployments = fencedDeployments{p.Deployments, f}
	}
	return p
}

type (
	fencedDocuments struct {
		Documents
		fence fence
	}
	fencedTasks struct {
		Tasks
		fence fence
	}
	fencedControl struct {
		Control
		fence fence
	}
	fencedDeployments struct {
		Deployments
		fence fence
	}
)

func (d fencedDocuments) Put(ctx context.Context, key string, body []byte, etag string) (newETag string, err error) {
	err = d.fence.send(ctx, func(ctx context.Context) (err error) {
		newETag, err = d.Documents.Put(ctx, key, body, etag)
		return err
	})
	return newETag, err
}

func (d fencedDocuments) Replace(ctx context.Context, key string, body []byte) error {
	return d.fence.send(ctx, func(ctx context.Context) error { return d.Documents.Replace(ctx, key, body) })
}

func (t fencedTasks) Tag(ctx context.Context, task, release string) error {
	return t.fence.send(ctx, func(ctx context.Context) error { return t.Tasks.Tag(ctx, task, release) })
}

func (t fencedTasks) Protect(ctx context.Context, tasks []string, on bool) error {
	return t.fence.send(ctx, func(ctx context.Context) error { return t.Tasks.Protect(ctx, tasks, on) })
}

func (t fencedTasks) Stop(ctx context.Context, task, why string) error {
	return t.fence.send(ctx, func(ctx context.Context) error { return t.Tasks.Stop(ctx, task, why) })
}

func (d fencedDeployments) Answer(ctx context.Context, hook rollout.Hook, on bool) error {
	return d.fence.send(ctx, func(ctx context.Context) error { return d.Deployments.Answer(ctx, hook, on) })
}

func (c fencedControl) Assign(ctx context.Context, address string, a rollout.Assign, epoch int64) error {
	return c.fence.send(ctx, func(ctx context.Context) error { return c.Control.Assign(ctx, address, a, epoch) })
}
