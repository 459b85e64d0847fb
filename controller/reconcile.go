package controller

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// Ports are the adapters through which one fleet is seen and moved.
type Ports struct {
	Documents Documents
	Artifacts Artifacts
	Jobs      Jobs
	Tasks     Tasks
	Control   Control
}

// Reconciler brings one fleet to where its rollouts want it.
type Reconciler struct {
	Fleet Fleet
	Ports
	Name string // of this controller, for people
	Log  *slog.Logger

	epoch   int64
	wake    chan struct{}
	store   Store
	memo    memory
	program string // version that judges
}

// NewReconciler returns the loop of one fleet.
func NewReconciler(f Fleet, p Ports, name string, log *slog.Logger) *Reconciler {
	return &Reconciler{
		Fleet: f, Ports: p, Name: name, Log: log, wake: make(chan struct{}, 1),
		store: Store{Documents: p.Documents, Names: []string{f.Name}}, memo: newMemory(), program: program(),
	}
}

// How long one pass may take, and one message to a task.
const (
	passTimeout = 30 * time.Second
	taskTimeout = 2 * time.Second
	atOnce      = 64 // tasks spoken to at the same time
)

// Pass loads, looks, decides, saves and acts once, and says how long the next
// pass may wait. It writes the decision down before acting on it: after a crash
// between the two, the next pass asks for the same end states again.
func (f *Reconciler) Pass(ctx context.Context) (wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, passTimeout)
	defer cancel()
	began := time.Now()
	state, etag, err := f.store.load(ctx, f.Fleet.Name)
	if err != nil {
		return f.Fleet.LookEvery, err
	}
	if state.Epoch > f.epoch {
		return f.Fleet.LookEvery, errDeposed
	}
	seen, troubles := f.observe(ctx, state, began)
	if seen == nil {
		return f.Fleet.LookEvery, errors.Join(troubles, f.show(ctx, rollout.Observation{}, nil, troubles, began))
	}
	next, actions := rollout.Decide(state, *seen, f.Fleet.Policies, time.Now())
	next.Epoch = f.epoch
	decided := next.LastEvent != state.LastEvent
	if decided && !goesBack(next) {
		if err := f.keepLooks(ctx); err != nil {
			return f.Fleet.LookEvery, errors.Join(err, troubles)
		}
	}
	changed, err := f.save(ctx, state, next, etag)
	if err != nil {
		return 0, errors.Join(err, troubles)
	}
	f.memo.swaps.Asked(next, actions)
	f.report(ctx, state, next)
	troubles = errors.Join(troubles, f.apply(ctx, next, actions))
	troubles = errors.Join(troubles, f.settle(ctx, next, decided))
	return f.pace(changed, actions), errors.Join(troubles, f.show(ctx, *seen, actions, troubles, began))
}

// goesBack reports whether stable is being restored, which waits for nothing
// but that it is written down.
func goesBack(s rollout.State) bool { return s.Active != nil && s.Active.Phase == rollout.RollingBack }

// settling is how soon tasks that were asked for something are looked at again.
const settling = 200 * time.Millisecond

// pace is how long the next pass may wait after one that did this.
func (f *Reconciler) pace(changed bool, actions []rollout.Action) time.Duration {
	wait := f.Fleet.LookEvery
	if changed {
		wait = 0
	}
	for _, a := range actions {
		switch a.(type) {
		case rollout.Publish:
			wait = 0
		case rollout.Assign:
			wait = min(wait, settling)
		}
	}
	return wait
}

// save writes the next state if it differs from the one that was loaded.
func (f *Reconciler) save(ctx context.Context, old, next rollout.State, etag string) (changed bool, err error) {
	before, err := json.Marshal(old)
	if err != nil {
		return false, fmt.Errorf("encode the state: %w", err)
	}
	after, err := json.Marshal(next)
	if err != nil {
		return false, fmt.Errorf("encode the state: %w", err)
	}
	if bytes.Equal(before, after) {
		return false, nil
	}
	if err := f.store.save(ctx, next, etag); err != nil {
		return true, fmt.Errorf("save: %w", err)
	}
	return true, nil
}

// report logs what has been decided.
func (f *Reconciler) report(ctx context.Context, old, next rollout.State) {
	for _, e := range next.Events {
		if e.Seq > old.LastEvent {
			f.Log.InfoContext(ctx, "decided", "fleet", f.Fleet.Name, "rollout", e.Rollout, "candidate", rollout.Short(e.Candidate),
				"from", e.From, "to", e.To, "step", e.Step, "reason", e.Reason, "sentence", e.Sentence, "by", e.By)
		}
	}
}

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
	for i, a := range actions {
		g.Go(func() error {
			failed[i] = described(a, f.act(ctx, s, a))
			return nil
		})
	}
	_ = g.Wait() // the errors are in failed
	return several(append(errs, failed...))
}

func described(a rollout.Action, err error) error {
	if err == nil {
		return nil
	}
	switch a.(type) {
	case rollout.Tag, rollout.Protect:
		return err // it says of which task
	case rollout.Assign:
		return fmt.Errorf("assign %v: %w", a, err)
	}
	return fmt.Errorf("%v: %w", a, err)
}

func (f *Reconciler) act(ctx context.Context, s rollout.State, a rollout.Action) error {
	ctx, cancel := context.WithTimeout(ctx, taskTimeout)
	defer cancel()
	switch a := a.(type) {
	case rollout.Assign:
		return f.Control.Assign(ctx, f.memo.address(a.Task), a, f.epoch)
	case rollout.Tag:
		return f.Tasks.Tag(ctx, a.Task, a.Release)
	case rollout.Protect:
		return f.Tasks.Protect(ctx, a.Task, a.On)
	case rollout.Archive:
		return f.archive(ctx, s, a.Rollout)
	case rollout.Publish: // done before
	}
	return nil
}

// publish stores the release of the active rollout: the archive first, then
// the passport, so that one with a passport is whole.
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
	for _, d := range []struct {
		key  string
		body []byte
	}{{release.ArchiveKey(p.Digest), found.archive}, {release.PassportKey(p.Digest), passport}} {
		if _, err := f.Documents.Put(ctx, d.key, d.body, ""); err != nil && !errors.Is(err, ErrStale) {
			return fmt.Errorf("store %s: %w", d.key, err)
		}
	}
	f.memo.published[p.Digest] = true
	return nil
}

// archive stores a finished rollout for ever.
func (f *Reconciler) archive(ctx context.Context, s rollout.State, id string) error {
	for _, r := range s.Finished {
		if r.ID != id {
			continue
		}
		body, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		if err := f.Documents.Replace(ctx, finishedKey(f.Fleet.Name, id), body); err != nil {
			return err
		}
		f.memo.setArchived(id)
	}
	return nil
}

// show keeps for people what was seen; nothing is decided by it.
func (f *Reconciler) show(ctx context.Context, seen rollout.Observation, actions []rollout.Action, troubles error, began time.Time) error {
	look := rollout.Look{At: began, Leader: f.Name, Epoch: f.epoch, Seen: seen, Took: time.Since(began), Every: f.Fleet.LookEvery}
	for _, a := range actions {
		look.Wanted = append(look.Wanted, a.String())
	}
	if troubles != nil {
		look.Errors = strings.Split(troubles.Error(), "\n") // one line each
	}
	body, err := json.Marshal(look)
	if err == nil {
		err = f.Documents.Replace(ctx, lookKey(f.Fleet.Name), body)
	}
	if err != nil {
		return fmt.Errorf("show what was seen: %w", err)
	}
	return nil
}
