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
		epoch, err := c.Elector.Hold(ctx, time.Now())
		if ctx.Err() == nil {
			trouble.log(ctx, c.Log, "hold the lease", err, time.Now())
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

// run reconciles one fleet at its own pace, and again at once while things
// change, until ctx ends.
func (f *Reconciler) run(ctx context.Context) {
	tick := time.NewTicker(f.Fleet.LookEvery)
	defer tick.Stop()
	var trouble trouble
	log := f.Log.With("fleet", f.Fleet.Name)
	for {
		for range maxPasses {
			changed, err := f.Pass(ctx)
			if !errors.Is(err, ErrStale) && ctx.Err() == nil {
				trouble.log(ctx, log, "reconcile", err, time.Now())
			}
			if err != nil || !changed {
				break
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		case <-tick.C:
		}
	}
}

// maxPasses bounds the passes made without a pause while things change.
const maxPasses = 8

// Wake makes the loop look at the world now instead of at its next tick.
func (f *Reconciler) Wake() {
	select {
	case f.wake <- struct{}{}:
	default: // it is awake
	}
}

var errDeposed = fmt.Errorf("the state was written under a newer lease: %w", ErrStaleEpoch)
