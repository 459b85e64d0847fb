package controller

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// apply carries out the actions: what must be stored first, then everything
// else at once. One that fails does not hold up the others.
func (f *Reconciler) apply(ctx context.Context, s rollout.State, actions []rollout.Action) error {
	var errs []error
	for _, a := range actions {
		if p, is := a.(rollout.Publish); is {
			errs = append(errs, described(a, f.publish(ctx, s, p)))
		}
	}
	failed := make([]error, len(actions))
	var g errgroup.Group
	g.SetLimit(atOnce)
	protecting := make([]error, 2)
	for i, on := range []bool{false, true} {
		if tasks := protected(actions, on); len(tasks) > 0 {
			g.Go(func() error {
				protecting[i] = f.protect(ctx, tasks, on)
				return nil
			})
		}
	}
	for i, a := range actions {
		g.Go(func() error {
			failed[i] = described(a, f.act(ctx, s, a))
			return nil
		})
	}
	_ = g.Wait() // the errors are in failed
	return several(slices.Concat(errs, protecting, failed))
}

func described(a rollout.Action, err error) error {
	if err == nil {
		return nil
	}
	switch a.(type) {
	case rollout.Tag, rollout.Replace, rollout.Answer:
		return err // it says of what
	case rollout.Assign:
		return fmt.Errorf("assign %v: %w", a, err)
	}
	return fmt.Errorf("%v: %w", a, err)
}

func (f *Reconciler) act(ctx context.Context, s rollout.State, a rollout.Action) error {
	within := taskTimeout
	if _, is := a.(rollout.Archive); is && !s.Indexed {
		within = longLook // all that is archived is listed, once
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	switch a := a.(type) {
	case rollout.Assign:
		return f.assign(ctx, a)
	case rollout.Fence:
		return f.assign(ctx, a.Assign)
	case rollout.Tag:
		if err := f.Tasks.Tag(ctx, a.Task, a.Release); !errors.Is(err, ErrLater) {
			return err
		}
	case rollout.Replace:
		return f.Tasks.Stop(ctx, a.Task, a.Why)
	case rollout.Archive:
		return f.archive(ctx, s, a.Rollout)
	case rollout.Answer:
		return f.Deployments.Answer(ctx, a.Hook, a.On)
	case rollout.Publish, rollout.Protect: // done before, or together
	}
	return nil
}

// protected are the tasks that are to be protected from scale-in, or no longer.
func protected(actions []rollout.Action, on bool) (tasks []string) {
	for _, a := range actions {
		if p, is := a.(rollout.Protect); is && p.On == on {
			tasks = append(tasks, p.Task)
		}
	}
	return tasks
}

func (f *Reconciler) protect(ctx context.Context, tasks []string, on bool) error {
	ctx, cancel := context.WithTimeout(ctx, longLook) // ECS takes a few at a time
	defer cancel()
	return f.Tasks.Protect(ctx, tasks, on)
}

// assign asks a task for an end state, and remembers its yes.
func (f *Reconciler) assign(ctx context.Context, a rollout.Assign) error {
	sent := a
	if prices := f.prices(); prices.Cap > 0 {
		sent.Prices = &prices
	}
	err := f.Control.Assign(ctx, f.memo.address(a.Task), sent, f.epoch)
	if err == nil {
		f.memo.take(a)
	}
	return err
}

// publish stores the release of the active rollout: the archive first, then
// the passport, so that one with a passport is whole. It is named before, as
// nothing is done about one that is stored.
func (f *Reconciler) publish(ctx context.Context, s rollout.State, p rollout.Publish) error {
	found, err := f.admission(ctx, *s.Active)
	if err != nil {
		return err
	}
	if found.report.Digest != p.Digest {
		return fmt.Errorf("the artifact is %s now: %w", rollout.Short(found.report.Digest), ErrChanged)
	}
	passport, err := json.Marshal(found.report.Passport)
	if err != nil {
		return fmt.Errorf("encode the passport: %w", err)
	}
	if s.Indexed {
		if err := f.store.name(ctx, releasesIndex(), release.PassportKey(p.Digest)); err != nil {
			return fmt.Errorf("name the release among the newest: %w", err)
		}
	}
	for _, d := range []struct {
		key  string
		body []byte
	}{{release.ArchiveKey(p.Digest), found.archive}, {release.PassportKey(p.Digest), passport}} {
		if _, err := f.Documents.Put(ctx, d.key, d.body, ""); err != nil && !errors.Is(err, ErrStale) {
			return fmt.Errorf("store %s: %w", d.key, err)
		}
	}
	f.memo.published = p.Digest
	return nil
}

// archive stores a finished rollout for ever. What is there already stays: two
// rollouts that share a name must not cost the first its evidence.
func (f *Reconciler) archive(ctx context.Context, s rollout.State, id string) error {
	for _, r := range s.Finished {
		if r.ID != id {
			continue
		}
		body, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		key := finishedKey(f.Fleet.Name, id)
		_, err = f.Documents.Put(ctx, key, body, "")
		if errors.Is(err, ErrStale) {
			err = f.archivedAs(ctx, key, body)
		}
		if err != nil {
			return err
		}
		if err = f.index(ctx, s, key); err != nil && s.Indexed {
			return err // again in the next pass
		}
		f.memo.setArchived(id)
		return err
	}
	return nil
}

// index names an archived rollout among the newest. What is not known to be
// whole is made anew: an earlier version may have led, which names nothing.
func (f *Reconciler) index(ctx context.Context, s rollout.State, key string) error {
	finished := finishedIndex(f.Fleet.Name)
	if !s.Indexed && f.memo.indexed.Load() != f.epoch {
		if err := errors.Join(f.store.rebuild(ctx, finished), f.store.rebuild(ctx, releasesIndex())); err != nil {
			return fmt.Errorf("find the newest of what is stored: %w", err)
		}
		f.memo.indexed.Store(f.epoch)
	}
	if err := f.store.name(ctx, finished, key); err != nil {
		return fmt.Errorf("name it among the newest: %w", err)
	}
	return nil
}

// archivedAs says so where what is archived under key is another rollout.
func (f *Reconciler) archivedAs(ctx context.Context, key string, body []byte) error {
	first, _, err := f.Documents.Get(ctx, key)
	if err == nil && !bytes.Equal(first, body) {
		f.Log.WarnContext(ctx, "another rollout is archived under this name: it is kept, and this one is not", "fleet", f.Fleet.Name, "key", key, "rollout", string(body))
	}
	return err
}
