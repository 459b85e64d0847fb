// Package fleet speaks to the control ports of inference tasks: Thrift, framed
// binary, as in idl/control.thrift. It checks what comes in and turns it into
// the controller's own words; the generated types stop here.
//
// It decides nothing, asks no task on its own account and does not know which
// tasks there are. A task is not trusted: what it answers is bounded in time
// and size, and counts are taken only for the releases asked about.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/identity"
	"github.com/sluicehq/sluice/idl/gen/control"
)

// Options tune a Control. The zero value takes the defaults.
type Options struct {
	DialTimeout time.Duration // for a connection to come about, default 1 s
	Timeout     time.Duration // of a call with all it needs, default 2 s
	Idle        time.Duration // after which an unused connection is closed, default 1 min
	Silence     time.Duration // for which an address that did not answer a dial is left alone at least, default 5 s

	MaxIdle       int // connections kept, one per task; default 8192
	MaxReplyBytes int // default 1 MiB: no task has more than 256 KiB to say

	// Credentials are who the controller is, and whom it believes to be a task;
	// nil for nobody in particular.
	Credentials *identity.Keeper

	// Dial opens a connection, by TCP if nil.
	Dial func(ctx context.Context, address string) (net.Conn, error)
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		set *time.Duration
		to  time.Duration
	}{{&o.DialTimeout, time.Second}, {&o.Timeout, 2 * time.Second}, {&o.Idle, time.Minute}, {&o.Silence, 5 * time.Second}} {
		if *d.set <= 0 {
			*d.set = d.to
		}
	}
	if o.MaxIdle <= 0 {
		o.MaxIdle = 8192
	}
	if o.MaxReplyBytes <= 0 {
		o.MaxReplyBytes = 1 << 20
	}
	if o.Dial == nil {
		o.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		}
	}
	return o
}

var _ controller.Control = (*Control)(nil)

// Control speaks to tasks. Many goroutines may use it, for one task or many.
type Control struct {
	pool    *pool
	readers sync.Pool // of *reader
}

// New opens no connection yet.
func New(o Options) *Control { return &Control{pool: newPool(o.withDefaults())} }

// Close closes the connections that are not in use. Calls in hand go on to
// their end.
func (c *Control) Close() { c.pool.close() }

// Status implements controller.Control. Beside an error t comes back
// unreachable, with Error set.
func (c *Control) Status(ctx context.Context, t rollout.Task) (rollout.Task, error) {
	var answer *control.Status
	err := errNoAddress(t)
	if err == nil {
		err = c.pool.call(ctx, t.Address, func(ctx context.Context, client *control.ControlClient) (err error) {
			answer, err = client.Status(ctx)
			return err
		})
	}
	if err == nil {
		var said rollout.Task
		if said, err = withStatus(t, answer); err == nil {
			return said, nil
		}
	}
	err = fmt.Errorf("ask task %s how it stands: %w", t.ID, err)
	t.Reachable, t.Ready, t.Error = false, false, err.Error()
	return t, err
}

func errNoAddress(t rollout.Task) error {
	switch {
	case t.Address != "":
		return nil
	case t.Error != "":
		return errors.New(t.Error)
	default:
		return errors.New("it has no address")
	}
}

// Assign implements controller.Control. A task that has taken a newer
// generation refuses; the error says which.
func (c *Control) Assign(ctx context.Context, address string, a rollout.Assign, epoch int64) error {
	wanted := &control.Assignment{
		Release: a.Release, Shadow: a.Shadow, Sample: a.Sample, Explore: a.Explore,
		Buckets: int32(min(max(a.Buckets, 0), maxBuckets)), Epoch: epoch, Generation: a.Generation,
		Prices: pricesOf(a.Prices),
	}
	err := c.pool.call(ctx, address, func(ctx context.Context, client *control.ControlClient) error {
		_, err := client.Assign(ctx, wanted)
		return err
	})
	var refused *control.Refused
	if errors.As(err, &refused) {
		err = refusal(refused, epoch, a.Generation)
	}
	if err != nil {
		return fmt.Errorf("assign %s to task %s: %w", rollout.Short(a.Release), a.Task, err)
	}
	return nil
}

func refusal(r *control.Refused, epoch, generation int64) error {
	switch r.Reason {
	case "stale_epoch":
		return fmt.Errorf("our epoch %d, the task has seen %d: %w", epoch, r.Epoch, controller.ErrStaleEpoch)
	case "stale_generation":
		return fmt.Errorf("the task has a newer generation than %d: %s", generation, plain(r.Detail))
	default:
		return fmt.Errorf("the task refuses (%s): %s", plain(r.Reason), plain(r.Detail))
	}
}

// Counts implements controller.Control. A shadow that is none of the two
// releases leaves its paired columns out.
func (c *Control) Counts(ctx context.Context, address string, of controller.Comparison) ([]tally.Report, error) {
	if of.Candidate == "" || of.Candidate == of.Stable || of.Arm != judge.Candidate && of.Arm != judge.Control {
		return nil, fmt.Errorf("ask the task at %s for counts: candidate %q, stable %q and arm %q are no comparison",
			address, of.Candidate, of.Stable, of.Arm)
	}
	var answer *control.Counted
	var asked time.Time
	err := c.pool.call(ctx, address, func(ctx context.Context, client *control.ControlClient) (err error) {
		asked = time.Now()
		answer, err = client.Counted(ctx, &control.Position{Generation: of.Generation, Boot: of.Boot, After: of.After})
		return err
	})
	var report *tally.Report
	if err == nil {
		r, known := c.readers.Get().(*reader)
		if !known {
			r = &reader{}
		}
		report, err = r.counted(answer, of, asked.Add(time.Since(asked)/2))
		c.readers.Put(r)
	}
	if err != nil {
		return nil, fmt.Errorf("ask the task at %s for counts: %w", address, err)
	}
	if report == nil {
		return nil, nil
	}
	return []tally.Report{*report}, nil
}
