package controller

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/inference/release"
)

// Controller leads the fleets while it holds the lease.
type Controller struct {
	Elector Elector
	Fleets  []*Reconciler
	Log     *slog.Logger
	Metrics *Metrics // nil: nothing is counted

	// Instead brings the loops that take the place of those there are, as fleet
	// files say something else; nil: none come.
	Instead <-chan []*Reconciler

	standing atomic.Pointer[Standing]
	now      atomic.Pointer[[]*Reconciler] // Fleets, or what came instead
}

// fleets are those that it looks after now.
func (c *Controller) fleets() []*Reconciler {
	if now := c.now.Load(); now != nil {
		return *now
	}
	return c.Fleets
}

// Run leads whenever the lease can be had, until ctx ends; then it gives the
// lease back. The fleets' loops run only while this process may act.
func (c *Controller) Run(ctx context.Context) error {
	var stop context.CancelFunc = func() {}
	var loops sync.WaitGroup
	leading := int64(0)
	watched := c.take(ctx, c.fleets())
	defer func() { watched() }()
	raised := make(chan int64, 1)
	ahead := raised
	var trouble trouble
	for ctx.Err() == nil {
		began := time.Now()
		epoch := c.hold(ctx, began, &trouble)
		if epoch != leading {
			stop()
			loops.Wait()
			c.Log.InfoContext(ctx, "leadership", "leading", epoch != 0, "epoch", epoch)
			if leading = epoch; epoch != 0 {
				stop = c.lead(ctx, epoch, raised, &loops)
			}
		}
		wait := time.Until(began.Add(c.Elector.Wait(began)))
		if wait <= 0 { // the answer took so long
			ahead = raised
			continue
		}
		next := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-next.C:
			ahead = raised
		case used := <-ahead:
			c.Elector.Raise(used)
			ahead = nil // whoever goes on raising epochs is followed once in a while
		case others := <-c.Instead:
			stop()
			loops.Wait()
			watched()
			// The new loops know nothing of what those before did: as after a restart,
			// they begin under an epoch of their own.
			c.Elector.Raise(leading)
			c.Elector.silent = "" // people have been told
			leading, watched = 0, c.take(ctx, others)
		}
		next.Stop()
	}
	stop()
	loops.Wait()
	c.stand(0, nil, time.Now())
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	return c.Elector.Release(last)
}

// take makes fleets those that are looked after, and begins to watch whether
// somebody looks at them; what it returns ends that.
func (c *Controller) take(ctx context.Context, fleets []*Reconciler) (end func()) {
	for _, before := range c.fleets() {
		if !slices.ContainsFunc(fleets, func(f *Reconciler) bool { return f.Fleet.Name == before.Fleet.Name }) {
			c.Metrics.forget(before.Fleet.Name)
		}
	}
	c.now.Store(&fleets)
	c.Elector.Traces = nil
	for _, f := range fleets {
		c.Elector.Traces = append(c.Elector.Traces, release.FleetKey(f.Fleet.Name))
	}
	ctx, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	c.watchLooks(ctx, &watch)
	return func() { stop(); watch.Wait() }
}

// hold returns the epoch under which this process may act, or zero.
func (c *Controller) hold(ctx context.Context, now time.Time, trouble *trouble) int64 {
	hold, cancel := context.WithTimeout(ctx, c.Elector.TTL/4) // a slow S3 must not hide that the lease ran out
	defer cancel()
	epoch, err := c.Elector.Hold(hold, now)
	if ctx.Err() == nil {
		trouble.log(ctx, c.Log, "hold the lease", err, time.Now())
	}
	if !before(time.Now(), c.Elector.Until()) { // the answer took longer than this process may act
		epoch = 0
	}
	c.stand(epoch, err, time.Now())
	return epoch
}

// lead starts the loop of every fleet under one epoch. What they see of later
// ones comes to raised, where there is room.
func (c *Controller) lead(ctx context.Context, epoch int64, raised chan<- int64, loops *sync.WaitGroup) context.CancelFunc {
	ctx, stop := context.WithCancel(ctx)
	for _, f := range c.fleets() {
		f.epoch, f.own, f.until, f.silent = epoch, false, c.Elector.Until, c.Elector.silent
		f.raise = func(used int64) {
			select {
			case raised <- used:
			default: // the next pass sees it again
			}
		}
		loops.Go(func() { f.run(ctx) })
	}
	return stop
}
