package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/sorting"
)

// view is a fleet as it was read at one moment.
type view struct {
	at    time.Time
	state rollout.State
	look  rollout.Look  // zero before the first
	age   time.Duration // of the look
	ahead time.Duration // by which the leader's clock differs, where that shows
	tasks []Task
	past  []rollout.Rollout // that are over, newest first
	fleet Fleet
	sent  *encoded
}

// views shares what is read between all who look at the same time: a hundred
// open dashboards cost as many reads as one.
type views struct {
	source Fleets
	every  time.Duration
	policy func(fleet, rollout string) (rollout.Policy, bool)

	mu     sync.Mutex
	fleets map[string]*shared // by name; only of fleets that exist
}

// shared is the newest view of one fleet. Whoever holds the turn may use it.
type shared struct {
	turn   chan struct{} // holds one token
	newest view
	sight  sight
	look   rollout.Look
	mark   string // of the look; empty where it has none

	past     []rollout.Rollout // finished ones in the archive, newest first
	pastOf   pastOf
	releases map[string]Release
}

// pastOf is of what a reading of the archive depends: a rollout comes to it
// with an event, or later, when it leaves the state.
type pastOf struct {
	event    int64
	finished int
}

const (
	pastLimit     = 20  // finished rollouts that a summary looks at
	releasesLimit = 256 // passports remembered per fleet
)

func newViews(f Fleets, o Options) *views {
	policy := o.Policy
	if policy == nil {
		policy = func(string, string) (rollout.Policy, bool) { return rollout.Policy{}, false }
	}
	return &views{source: f, every: o.Every, policy: policy, fleets: map[string]*shared{}}
}

// of returns a view of the fleet that is at most half a round old.
func (v *views) of(ctx context.Context, fleet string) (view, error) {
	if err := knownFleet(ctx, v.source, fleet); err != nil {
		return view{}, err
	}
	v.mu.Lock()
	f, ok := v.fleets[fleet]
	if !ok {
		f = &shared{turn: make(chan struct{}, 1), releases: map[string]Release{}}
		v.fleets[fleet] = f
	}
	v.mu.Unlock()

	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return view{}, fmt.Errorf("wait for the fleet's view: %w", ctx.Err())
	}
	if time.Since(f.newest.at) < v.every/2 {
		return f.newest, nil
	}
	fresh, err := v.read(ctx, fleet, f)
	if err != nil {
		return view{}, err
	}
	f.newest = fresh
	return fresh, nil
}

// governs is the policy of a rollout, zero where it is not known.
func (v *views) governs(fleet, id string) rollout.Policy {
	p, _ := v.policy(fleet, id)
	return p
}

// rollout is the one of that name, nil where it is not among what is at hand.
func (v view) rollout(id string) *rollout.Rollout {
	if r := v.state.Find(id); r != nil {
		return r
	}
	for i := range v.past {
		if v.past[i].ID == id {
			return &v.past[i]
		}
	}
	return nil
}

// forget makes the next look at the fleet a fresh one.
func (v *views) forget(ctx context.Context, fleet string) {
	v.mu.Lock()
	f, ok := v.fleets[fleet]
	v.mu.Unlock()
	if !ok {
		return
	}
	select {
	case f.turn <- struct{}{}:
		f.newest.at = time.Time{}
		<-f.turn
	case <-ctx.Done():
	}
}

func (v *views) read(ctx context.Context, fleet string, f *shared) (view, error) {
	out := view{at: time.Now(), sent: newEncoded()}
	var err error
	if out.state, err = v.source.State(ctx, fleet); err != nil {
		return view{}, fmt.Errorf("read the state of %s: %w", fleet, err)
	}
	if out.look, err = v.look(ctx, fleet, f); err != nil {
		return view{}, fmt.Errorf("read the last look at %s: %w", fleet, err)
	}
	if !out.look.At.IsZero() {
		out.age, out.ahead = f.sight.see(out.look.At, out.at)
	}
	of := pastOf{out.state.LastEvent, len(out.state.Finished)}
	if f.past == nil || f.pastOf != of {
		past, err := v.source.Finished(ctx, fleet, pastLimit)
		if err != nil {
			return view{}, fmt.Errorf("read the finished rollouts of %s: %w", fleet, err)
		}
		f.past, f.pastOf = append([]rollout.Rollout{}, past...), of
	}
	out.tasks, out.past = shapeTasks(out.look, out.state), merge(out.state.Finished, f.past)
	out.fleet, err = v.summary(ctx, fleet, f, out)
	return out, err
}

// look reads the last look, where it is another than the last time.
func (v *views) look(ctx context.Context, fleet string, f *shared) (rollout.Look, error) {
	look, mark, err := v.source.NewLook(ctx, fleet, f.mark)
	switch {
	case errors.Is(err, ErrDamaged), errors.Is(err, ErrNotFound): // the leader's next one takes its place
		f.look, f.mark = rollout.Look{}, ""
	case err != nil:
		return look, err
	case mark == "" || mark != f.mark:
		f.look, f.mark = look, mark
	}
	return f.look, nil
}

// summary puts together what is worth knowing of a fleet.
func (v *views) summary(ctx context.Context, fleet string, f *shared, w view) (Fleet, error) {
	s, past := w.state, w.past
	out := Fleet{
		Fleet: fleet, At: w.at.UTC(), Queue: []Rollout{}, Requests: []Request{}, Tunings: shapeTunings(s.Tunings),
		Tasks: countTasks(w.tasks, w.look.Seen.Desired), LastEvent: s.LastEvent,
		Auctions: shapeAuctions(w.look.Seen.Auctions), Unwell: shapeUnwell(s, w.look.Seen, w.at), Unheard: []Unheard{},
	}
	for _, u := range w.look.Seen.Unheard {
		out.Unheard = append(out.Unheard, Unheard{Receiver: u.Receiver, Since: u.Since.UTC(), Sentence: u.Sentence()})
	}
	out.WentBack = s.Returned()
	candidate := ""
	if s.Active != nil {
		candidate = s.Active.Candidate
	}
	for _, b := range []struct {
		to     **Release
		digest string
	}{{&out.Candidate, candidate}, {&out.Stable, s.Stable}, {&out.Previous, s.Previous}, {&out.Default, s.Default}, {&out.Back, s.Back()}} {
		r, err := v.release(ctx, f, b.digest)
		if err != nil {
			return Fleet{}, err
		}
		*b.to = r
	}
	if out.Stable != nil {
		out.Stable.Since = servesSince(s, past)
	}
	v.judgedNow(&out, w)
	for _, r := range s.Queue {
		out.Queue = append(out.Queue, shapeRollout(r, v.governs(fleet, r.ID), w.at))
	}
	if len(past) > 0 {
		last := shapeRollout(past[0], v.governs(fleet, past[0].ID), w.at)
		out.Last = &last
	}
	out.Freeze, out.Deployment = shapeFreeze(s.Frozen), shapeDeployment(s, w.look.Seen.Builds)
	if s.Pause != nil {
		out.Pause = &Pause{By: s.Pause.By, Why: s.Pause.Why, At: s.Pause.At.UTC()}
	}
	for _, r := range s.Requests {
		out.Requests = append(out.Requests, shapeRequest(r))
	}
	out.Next = v.next(fleet, s, w.look)
	if !w.look.At.IsZero() {
		out.Loop = shapeLoop(w.look, w.age)
		if doubt := doubtClocks(w.ahead); doubt != "" {
			out.Loop.Errors = append([]string{doubt}, out.Loop.Errors...)
		}
	}
	return out, nil
}

// judgedNow fills in the active rollout with the freshest verdict there is:
// the state keeps only the one that mattered last.
func (v *views) judgedNow(f *Fleet, w view) {
	if w.state.Active == nil {
		return
	}
	r := freshest(*w.state.Active, w.look)
	p, known := v.policy(f.Fleet, r.ID)
	active := shapeWhole(r, p, w.at)
	if known && r.Comparing() == rollout.Canary {
		active.Budget = shapeBudget(p.Budget, r.Sized)
	}
	f.Active = &active
}

// freshest is the rollout as the last look shows it, where that is about this
// rollout: a look at an earlier phase may still be lying about.
func freshest(r rollout.Rollout, l rollout.Look) rollout.Rollout {
	r = r.Judged(l.Seen.Verdict)
	if l.At.After(r.Since) {
		r.Exposed, r.MissedBids = max(r.Exposed, l.Seen.Exposed), max(r.MissedBids, l.Seen.MissedBids)
	}
	return r
}

func (v *views) next(fleet string, s rollout.State, l rollout.Look) Next {
	var p rollout.Policy
	known := false
	switch {
	case s.Active != nil:
		p, known = v.policy(fleet, s.Active.ID)
		r := freshest(*s.Active, l)
		s.Active = &r
	case len(s.Queue) > 0:
		p, known = v.policy(fleet, s.Queue[0].ID)
	}
	return next(s, l.Seen.Tasks, p, known)
}

// release tells where a release came from. One without a passport that can be
// read is shown by its digest alone.
func (v *views) release(ctx context.Context, f *shared, digest string) (*Release, error) {
	if digest == "" {
		return nil, nil //nolint:nilnil // there is no release, and nothing went wrong
	}
	if r, ok := f.releases[digest]; ok {
		return &r, nil
	}
	p, err := v.source.Release(ctx, digest)
	switch {
	case errors.Is(err, ErrNotFound):
		return &Release{Digest: digest}, nil
	case errors.Is(err, ErrDamaged):
		return &Release{Digest: digest, Notes: []string{err.Error()}}, nil
	case err != nil:
		return nil, fmt.Errorf("read the passport of %s: %w", rollout.Short(digest), err)
	}
	if len(f.releases) >= releasesLimit {
		clear(f.releases)
	}
	r := shapeRelease(p)
	r.Digest = digest
	f.releases[digest] = r // passports never change
	return &r, nil
}

// merge puts finished rollouts that are not archived yet before those that
// are: newest first, each once.
func merge(fresh, archived []rollout.Rollout) []rollout.Rollout {
	out := make([]rollout.Rollout, 0, len(fresh)+len(archived))
	seen := map[string]bool{}
	for i := len(fresh) - 1; i >= 0; i-- {
		out, seen[fresh[i].ID] = append(out, fresh[i]), true
	}
	for _, r := range archived {
		if !seen[r.ID] {
			out, seen[r.ID] = append(out, r), true
		}
	}
	sorting.StableBy(out, func(a, b *rollout.Rollout) int { return b.Since.Compare(a.Since) })
	return out
}

// servesSince is when stable became stable: when it went live, or when a
// person went back to it. Nil when that is longer ago than is looked.
func servesSince(s rollout.State, past []rollout.Rollout) *time.Time {
	if s.Active != nil {
		past = append([]rollout.Rollout{*s.Active}, past...)
	}
	var at time.Time
	for _, r := range past {
		if t := madeStable(r, s.Stable); t.After(at) {
			at = t
		}
	}
	return moment(at)
}

// madeStable is when r made the release stable; zero when it did not.
func madeStable(r rollout.Rollout, digest string) time.Time {
	switch {
	case r.Phase == rollout.Live && r.Candidate == digest && r.Reason != rollout.AlreadyLive:
		return r.Since
	case strings.HasPrefix(r.ID, "rollback-") && r.Against == digest:
		for _, e := range r.History {
			if e.To == rollout.RollingBack {
				return e.At
			}
		}
	}
	return time.Time{}
}
