package controller

import (
	"context"
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
