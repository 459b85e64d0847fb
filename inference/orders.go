package inference

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/sluicehq/sluice/inference/release"
)

// Refusal is why an assignment was not taken. Reason is stale_epoch,
// stale_generation, far_epoch, far_generation or bad_assignment; Epoch is the
// newest one known.
type Refusal struct {
	Reason, Detail string
	Epoch          int64
}

func (r *Refusal) Error() string { return r.Reason + ": " + r.Detail }

// failure is a release that could not be made ready.
type failure struct {
	release, reason, detail string
	generation              int64
	lasting                 bool // asking again for the same would come to the same
}

// errOvertaken means that a newer assignment took the place of this one.
var errOvertaken = errors.New("a newer assignment took its place")

// orders holds what the task was last asked for, fenced by epoch.
//
// A task takes an assignment unless its epoch is older than the newest seen, or
// its generation is older than that of the last one taken in the same epoch. A
// newer epoch may go back to an older generation: the controller may have lost
// its memory, and stable must be restorable all the same. The same generation
// with other contents is taken too, as a controller changes the sample, or
// moves a task back to stable, within a generation: the newest call wins.
//
// Neither may be far ahead of what is known, so that whatever was taken once,
// a controller of this fleet can get ahead of it: no number is the last.
type orders struct {
	mu         sync.Mutex
	epoch      int64 // newest seen, or read in the fleet's document
	generation int64 // read there
	given      bool  // an assignment was taken
	wanted     assignment
	under      int64 // the epoch of wanted
	since      time.Time
	failure    *failure
	preparing  string
	interrupt  context.CancelFunc // of the preparation under way

	wake chan struct{} // of capacity 1
}

// maxStep is how far ahead an epoch or generation may be: one a second makes
// 136 years, and 2^31 such steps fit into 63 bits.
const maxStep = 1 << 32

func newOrders() *orders { return &orders{wake: make(chan struct{}, 1)} }

// take accepts a or returns a *Refusal. Taking the same again does nothing,
// unless it failed for a reason that may have passed.
func (o *orders) take(a assignment, epoch int64, now time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if epoch < o.epoch {
		return &Refusal{"stale_epoch", fmt.Sprintf("epoch %d is older than %d: another controller is in charge", epoch, o.epoch), o.epoch}
	}
	if err := a.check(); err != nil {
		return &Refusal{"bad_assignment", err.Error(), o.epoch}
	}
	if far := o.far(a.generation, epoch); far != nil {
		return far
	}
	o.epoch = epoch
	if o.given && epoch == o.under && a.generation < o.wanted.generation {
		return &Refusal{"stale_generation", fmt.Sprintf("generation %d is older than %d", a.generation, o.wanted.generation), o.epoch}
	}
	o.under = epoch
	if o.given && a == o.wanted {
		if o.failure != nil && !o.failure.lasting && o.preparing == "" {
			o.ring()
		}
		return nil
	}
	o.given, o.wanted, o.since, o.failure = true, a, now, nil
	if o.interrupt != nil {
		o.interrupt()
	}
	o.ring()
	return nil
}

// far refuses what is beyond the reach of any controller of this fleet.
func (o *orders) far(generation, epoch int64) error {
	refuse := func(what string, n, known int64) error {
		return &Refusal{"far_" + what, fmt.Sprintf("%s %d is more than %d ahead of %d, the newest known here, so no controller of this fleet says so; "+
			"if one does, restart the task: it reads where the fleet stands when it starts", what, n, int64(maxStep), known), o.epoch}
	}
	known := max(o.generation, o.wanted.generation)
	switch {
	case epoch-o.epoch > maxStep: // neither is negative
		return refuse("epoch", epoch, o.epoch)
	case generation-known > maxStep:
		return refuse("generation", generation, known)
	}
	return nil
}

// learn takes in where the fleet stands by its document. Its epoch is one that
// a leader has acted under, and so an older one is none any more.
func (o *orders) learn(epoch, generation int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.epoch, o.generation = max(o.epoch, epoch), max(o.generation, generation)
}

func (o *orders) ring() {
	select {
	case o.wake <- struct{}{}:
	default: // it rings already
	}
}

// check says what is wrong with an assignment.
func (a assignment) check() error {
	share := func(v float64) bool { return v >= 0 && v <= 1 }
	switch {
	case !release.IsDigest(a.release):
		return fmt.Errorf("release %.80q is no SHA-256 in lower-case hex", a.release)
	case a.shadow != "" && !release.IsDigest(a.shadow):
		return fmt.Errorf("shadow %.80q is no SHA-256 in lower-case hex", a.shadow)
	case !share(a.sample):
		return fmt.Errorf("sample %v is no share from 0 to 1", a.sample)
	case !share(a.explore):
		return fmt.Errorf("explore %v is no share from 0 to 1", a.explore)
	case a.buckets < 1 || a.buckets > MaxBuckets:
		return fmt.Errorf("buckets %d: want 1 to %d", a.buckets, MaxBuckets)
	case a.generation < 0 || a.generation == math.MaxInt64:
		return fmt.Errorf("generation %d is out of range", a.generation)
	}
	return nil
}

// current returns the newest assignment and when it came.
func (o *orders) current() (a assignment, since time.Time, given bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.wanted, o.since, o.given
}

// begin marks a as being prepared. The context ends when a newer assignment
// comes, or has come; done must be called.
func (o *orders) begin(ctx context.Context, a assignment, isDefault bool) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancel(ctx)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.preparing, o.interrupt = a.release, cancel
	if o.overtaken(a, isDefault) {
		cancel()
	}
	return ctx, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		cancel()
		o.preparing, o.interrupt = "", nil
	}
}

// overtaken reports whether a is no longer what is wanted. A default is wanted
// only while no assignment was given, or while the one given failed.
func (o *orders) overtaken(a assignment, isDefault bool) bool {
	if isDefault {
		return o.given && o.failure == nil
	}
	return a != o.wanted
}

// commit runs swap if a is still what is wanted.
func (o *orders) commit(a assignment, isDefault bool, swap func()) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.overtaken(a, isDefault) {
		return errOvertaken
	}
	if !o.given || !isDefault {
		o.failure = nil
	}
	swap()
	return nil
}

// fail notes why a could not be made ready, if it is still wanted.
func (o *orders) fail(a assignment, isDefault bool, f failure) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if isDefault == o.given || !isDefault && a != o.wanted {
		return
	}
	f.generation = a.generation
	o.failure = &f
}
