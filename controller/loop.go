// Package controller is the loop that carries out what package rollout
// decides: load, look, decide, save, apply. It speaks to the world through
// the small interfaces of ports.go and knows neither AWS nor Thrift.
package controller

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// Reconciler brings one fleet to where its rollouts want it.
type Reconciler struct {
	Fleet Fleet
	Ports
	Name    string // of this controller, for people
	Log     *slog.Logger
	Metrics *Metrics // nil: nothing is counted

	Receivers []Receiver // who is told what happens
	Public    string     // address of the page, without a slash at its end; empty: notices have no link

	Refused func() error // why the fleet files are not in force as they are now; nil: nobody knows

	epoch   int64
	own     bool             // the state carries our epoch by our own hand
	until   func() time.Time // when this process may act no more
	raise   func(used int64) // says that a later epoch than ours has been seen
	wake    chan struct{}
	woken   atomic.Bool // since the last look whether all fleets are frozen
	store   Store
	memo    memory
	trouble trouble
	rival   rival
	program string                    // version that judges
	passing atomic.Pointer[time.Time] // when the pass under way began; nil: there is none
	heralds []*herald
	silent  string // leader whose lease was taken, as it had fallen silent; empty: there was none
}

// NewReconciler returns the loop of one fleet.
func NewReconciler(f Fleet, p Ports, name string, log *slog.Logger) *Reconciler {
	r := &Reconciler{
		Fleet: f, Name: name, Log: log, wake: make(chan struct{}, 1), memo: newMemory(), program: program(),
		until: func() time.Time { return time.Time{} }, raise: func(int64) {}, // nobody has made it lead
	}
	r.Ports = fence(func() time.Time { return r.until() }).ports(p)
	r.store = Store{Documents: r.Documents, Names: []string{f.Name}}
	return r
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
	stored, etag, err := f.load(ctx)
	f.memo.etag = etag
	if err != nil {
		return f.Fleet.LookEvery, f.unable(ctx, err, began)
	}
	state := stored.SetRight(began)
	state.Epoch = f.epoch
	known := f.memo.wentBack(stored.Counters())
	if known != (rollout.Counters{}) {
		state.RestoredAt = began
	}
	seen, troubles := f.observe(ctx, state, began)
	if seen == nil {
		return f.Fleet.LookEvery, f.unable(ctx, troubles, began)
	}
	seen.Known = known
	ahead := state.Ahead(seen.Tasks, f.least())
	if ahead > 0 {
		f.raise(ahead)
	}
	next, actions := rollout.Decide(state, *seen, f.Fleet.Policies, time.Now())
	decided := next.LastEvent != state.LastEvent
	if decided && !goesBack(next) {
		if err := f.keepLooks(ctx); err != nil {
			return f.Fleet.LookEvery, errors.Join(err, troubles)
		}
	}
	changed, err := f.save(ctx, stored, next, etag)
	if err != nil {
		return 0, errors.Join(err, troubles)
	}
	f.memo.known, f.own = next.Counters(), true
	f.memo.swaps.Asked(next, actions)
	f.report(ctx, state, next)
	f.Metrics.saw(f.epoch, next, *seen)
	f.announce(next, *seen)
	troubles = errors.Join(troubles, f.apply(ctx, next, actions), f.audit(ctx, next))
	troubles = errors.Join(troubles, f.settle(ctx, next, decided), doubts(next, seen.Tasks))
	troubles = f.rival.told(troubles, ahead > 0, began)
	return f.pace(changed, actions), errors.Join(troubles, f.show(ctx, *seen, actions, troubles, began))
}

var errDeposed = fmt.Errorf("the state was written under another lease, ours is taken anew: %w", ErrStaleEpoch)

// load returns the state, unless another leader wrote it last: then a later
// epoch is needed, if the lease is still ours.
func (f *Reconciler) load(ctx context.Context) (stored rollout.State, etag string, err error) {
	stored, etag, err = f.store.load(ctx, f.Fleet.Name)
	if err == nil && etag == "" { // a new fleet: its state comes before all else that tells of it
		etag, err = f.store.save(ctx, stored, "")
		err = unavailable("begin the fleet", err)
	}
	if err != nil {
		return stored, etag, err
	}
	newest, err := f.newestEpoch(ctx, stored)
	if err == nil && newest > f.least() {
		f.raise(newest)
		err = fmt.Errorf("epoch %d, ours is %d: %w", newest, f.epoch, errDeposed)
	}
	return stored, etag, err
}

// newestEpoch is the one that the state tells of, or until it is ours the last
// look: where lease and state were both put back, that remembers what they do
// not.
func (f *Reconciler) newestEpoch(ctx context.Context, stored rollout.State) (int64, error) {
	if f.own {
		return stored.Epoch, nil
	}
	look, err := f.store.Look(ctx, f.Fleet.Name)
	if errors.Is(err, rollout.ErrUnavailable) {
		return 0, err
	}
	if look.Epoch > maxEpoch { // nobody can have come so far
		look.Epoch = 0
	}
	return max(stored.Epoch, look.Epoch), nil
}

// least is the newest epoch that may be met without a doubt that it is another
// leader's.
func (f *Reconciler) least() int64 {
	if !f.own {
		return f.epoch - 1
	}
	return f.epoch
}

// doubts tells of tasks that do not obey this leader.
func doubts(s rollout.State, tasks []rollout.Task) error {
	var errs []error
	for _, t := range tasks {
		if why := s.Doubt(t); why != "" {
			errs = append(errs, fmt.Errorf("task %s: %s", t.ID, why))
		}
	}
	return several(errs)
}

// goesBack reports whether stable is being restored, which waits for nothing
// but that it is written down.
func goesBack(s rollout.State) bool { return s.Active != nil && s.Active.Phase == rollout.RollingBack }

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
	if f.memo.etag, err = f.store.save(ctx, next, etag); err != nil {
		return true, fmt.Errorf("save: %w", err)
	}
	return true, nil
}

// report logs what has been decided.
func (f *Reconciler) report(ctx context.Context, old, next rollout.State) {
	for _, e := range next.Events {
		if e.Seq > old.LastEvent {
			said := e.Headline(next.Find(e.Rollout), f.Fleet.Policies.For(e.Rollout))
			f.Log.InfoContext(ctx, "decided", "fleet", f.Fleet.Name, "rollout", e.Rollout, "candidate", rollout.Short(e.Candidate),
				"from", e.From, "to", e.To, "step", e.Step, "reason", e.Reason, "headline", said.Text, "way_out", said.WayOut, "sentence", e.Sentence, "by", e.By)
			f.Metrics.decided(e, next)
		}
	}
}

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

// run reconciles one fleet at its own pace, and sooner while things change,
// until ctx ends.
func (f *Reconciler) run(ctx context.Context) {
	defer f.stopLooking()
	defer f.proclaim(ctx)()
	timer := time.NewTimer(0)
	defer timer.Stop()
	log := f.Log.With("fleet", f.Fleet.Name)
	for hurried, due := 0, time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		case <-timer.C:
			if now := time.Now(); now.Before(due) && !f.asked(ctx) {
				timer.Reset(min(time.Until(now.Add(listenEvery)), time.Until(due)))
				continue
			}
			f.drowse() // one pass sees to both
		}
		if ctx.Err() != nil {
			return
		}
		began := time.Now()
		f.passing.Store(&began)
		wait, err := f.Pass(ctx)
		f.passing.Store(nil)
		if ctx.Err() == nil {
			f.Metrics.ended(f.Fleet.Name, time.Since(began), err, time.Now())
		}
		if !errors.Is(err, ErrStale) && ctx.Err() == nil {
			f.trouble.log(ctx, log, "reconcile", err, time.Now())
		}
		stuck := err != nil && !errors.Is(err, ErrStale) && wait == 0
		if hurried++; stuck || wait >= f.Fleet.LookEvery || hurried > maxHurried {
			wait, hurried = f.Fleet.LookEvery, 0
		}
		due = time.Now().Add(wait)
		timer.Reset(min(listenEvery, wait))
	}
}

// maxHurried bounds the passes in a row that come sooner than the loop's pace.
const maxHurried = 16

// listenEvery is how long a wish waits at most that another process has taken,
// however seldom the loop looks at the world; and how long a wish that this one
// takes may wait for the answer to that question.
const listenEvery = 250 * time.Millisecond

// asked reports whether somebody else has written the state since the last
// pass. What cannot be told now is asked again.
func (f *Reconciler) asked(ctx context.Context) bool {
	if f.memo.etag == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, listenEvery)
	defer cancel()
	_, etag, err := f.Documents.Get(ctx, release.FleetKey(f.Fleet.Name))
	return err == nil && etag != f.memo.etag
}

// drowse takes back a call of Wake that nobody has heard.
func (f *Reconciler) drowse() {
	select {
	case <-f.wake:
	default:
	}
}

// Wake makes the loop look at the world now instead of at its next tick.
func (f *Reconciler) Wake() {
	f.woken.Store(true)
	select {
	case f.wake <- struct{}{}:
	default: // it is awake
	}
}
