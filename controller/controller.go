package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Controller leads the fleets while it holds the lease.
type Controller struct {
	Elector Elector
	Fleets  []*Reconciler
	Log     *slog.Logger
}

// Run leads whenever the lease can be had, until ctx ends; then it gives the
// lease back. The fleets' loops run only while this process may act.
func (c *Controller) Run(ctx context.Context) error {
	tick := time.NewTicker(c.Elector.TTL / 4)
	defer tick.Stop()
	var stop context.CancelFunc = func() {}
	var loops sync.WaitGroup
	leading := int64(0)
	var trouble trouble
	for ctx.Err() == nil {
		hold, cancel := context.WithTimeout(ctx, c.Elector.TTL/4) // a slow S3 must not hide that the lease ran out
		epoch, err := c.Elector.Hold(hold, time.Now())
		cancel()
		if ctx.Err() == nil {
			trouble.log(ctx, c.Log, "hold the lease", err, time.Now())
		}
		if !time.Now().Before(c.Elector.Until()) { // the answer took longer than this process may act
			epoch = 0
		}
		if epoch != leading {
			stop()
			loops.Wait()
			c.Log.InfoContext(ctx, "leadership", "leading", epoch != 0, "epoch", epoch)
			if leading = epoch; epoch != 0 {
				stop = c.lead(ctx, epoch, &loops)
			}
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	stop()
	loops.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	return c.Elector.Release(last)
}

// lead starts the loop of every fleet under one epoch.
func (c *Controller) lead(ctx context.Context, epoch int64, loops *sync.WaitGroup) context.CancelFunc {
	ctx, stop := context.WithCancel(ctx)
	for _, f := range c.Fleets {
		f.epoch = epoch
		loops.Go(func() { f.run(ctx) })
	}
	return stop
}

// run reconciles one fleet at its own pace, and sooner while things change,
// until ctx ends.
func (f *Reconciler) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var trouble trouble
	log := f.Log.With("fleet", f.Fleet.Name)
	for hurried := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		case <-timer.C:
		}
		wait, err := f.Pass(ctx)
		if !errors.Is(err, ErrStale) && ctx.Err() == nil {
			trouble.log(ctx, log, "reconcile", err, time.Now())
		}
		stuck := err != nil && !errors.Is(err, ErrStale) && wait == 0
		if hurried++; stuck || wait >= f.Fleet.LookEvery || hurried > maxHurried {
			wait, hurried = f.Fleet.LookEvery, 0
		}
		timer.Reset(wait)
	}
}

// maxHurried bounds the passes in a row that come sooner than the loop's pace.
const maxHurried = 16

// Wake makes the loop look at the world now instead of at its next tick.
func (f *Reconciler) Wake() {
	select {
	case f.wake <- struct{}{}:
	default: // it is awake
	}
}

var errDeposed = fmt.Errorf("the state was written under a newer lease: %w", ErrStaleEpoch)
