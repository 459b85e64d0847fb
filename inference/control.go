package inference

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/identity"
	"github.com/sluicehq/sluice/idl/gen/control"
)

// controlPort answers the controller. The generated types of the control port
// stop in this file.
type controlPort struct{ t *Task }

const (
	maxControlMessageBytes = 64 << 10
	maxControlConnections  = 64
	maxStrangers           = 64
	introduction           = time.Second     // for TLS, the token, and the first bytes of the first call
	controlIdle            = 2 * time.Minute // controllers hang up after one
)

// serveControl answers a connection of the control port: framed binary, by the
// generated processor, since here its costs do not matter.
func (t *Task) serveControl(ctx context.Context, w *wire) {
	w.settle()
	defer w.finish()
	in, out := w.protocols()
	processor := control.NewControlProcessor(controlPort{t})
	var err error
	for err == nil {
		if err = w.next(); err != nil {
			return
		}
		ok, failed := processor.Process(ctx, in, out)
		var refused *control.Refused
		switch {
		case errors.As(failed, &refused):
		case failed != nil:
			err = failed
		case !ok:
			err = io.EOF
		}
		if err == nil && w.lastReply() {
			err = io.EOF
		}
	}
}

// introduced reports whether who connected may speak here, and begins to.
func (t *Task) introduced(w *wire) bool {
	first, err := w.peek(1)
	if err != nil && !isTimeout(err) {
		return false // as health checks do
	}
	wrong := ""
	if err == nil {
		wrong, err = t.wrongWith(w, first[0])
	}
	if isTimeout(err) {
		wrong = "late"
	}
	if wrong != "" {
		t.m.refused.WithLabelValues(wrong).Inc()
	}
	return wrong == ""
}

// wrongWith says in one word what keeps somebody out who has said something. A
// token that nobody asked for does no harm, so that controllers may begin to
// send it before tasks begin to want it.
func (t *Task) wrongWith(w *wire, first byte) (word string, err error) {
	if first != 0 {
		line, err := w.line(identity.MaxGreetingBytes)
		if err != nil || !t.o.Control.Welcomes(line) {
			return "token", err
		}
	} else if t.o.Control.WantsToken() {
		return "token", nil
	}
	if dialect, err := w.recognise(); err != nil || dialect != FramedBinary {
		return "protocol", err
	}
	return "", nil
}

// turnAway answers the first call of somebody known, for whom there is no seat.
func (t *Task) turnAway(ctx context.Context, w *wire) {
	defer w.finish()
	if w.next() != nil {
		return
	}
	in, out := w.protocols()
	method, _, call, err := in.ReadMessageBegin(ctx)
	if err == nil {
		err = in.Skip(ctx, thrift.STRUCT)
	}
	if err == nil {
		err = in.ReadMessageEnd(ctx)
	}
	if err != nil {
		return
	}
	full := thrift.NewTApplicationException(thrift.INTERNAL_ERROR, fmt.Sprintf(
		"all %d seats of its control port are taken: end controllers that are no longer needed, or restart the task", maxControlConnections))
	for _, write := range []func() error{
		func() error { return out.WriteMessageBegin(ctx, method, thrift.EXCEPTION, call) },
		func() error { return full.Write(ctx, out) },
		func() error { return out.WriteMessageEnd(ctx) },
		func() error { return out.Flush(ctx) },
	} {
		if write() != nil {
			return
		}
	}
}

// Status says what the task does.
func (p controlPort) Status(context.Context) (*control.Status, error) { return p.t.status(), nil }

// Assign takes an assignment, or refuses it. It does not wait for the release.
func (p controlPort) Assign(ctx context.Context, a *control.Assignment) (*control.Status, error) {
	if a == nil {
		a = control.NewAssignment()
	}
	wanted := assignment{
		release: a.Release, shadow: a.Shadow, sample: a.Sample, explore: a.Explore,
		buckets: int(a.Buckets), generation: a.Generation,
	}
	in, err := readPrices(a.Prices)
	if err == nil {
		err = p.t.orders.take(wanted, a.Epoch, time.Now())
	} else {
		err = &Refusal{"bad_assignment", err.Error(), a.Epoch}
	}
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		p.t.log.WarnContext(ctx, "assignment refused", "reason", refusal.Reason, "err", refusal.Detail)
		return nil, &control.Refused{Reason: refusal.Reason, Detail: refusal.Detail, Epoch: refusal.Epoch}
	case err != nil:
		return nil, err
	}
	p.t.prices.Store(in)
	return p.t.status(), nil
}

// Counted tells what was counted since a position.
func (p controlPort) Counted(_ context.Context, q *control.Position) (*control.Counted, error) {
	if q == nil {
		q = control.NewPosition()
	}
	after := q.After
	if q.Boot != p.t.boot {
		after = 0 // the position is of a task that is no more
	}
	told := &control.Counted{Task: p.t.o.Name, Boot: p.t.boot, Generation: q.Generation, Buckets: defaultBuckets}
	if now := p.t.serving.Load(); now != nil {
		told.Buckets = int32(now.buckets)
		if now.generation == q.Generation {
			told.Explore = now.explore
		}
	}
	room := maxCountedBytes - len(told.Task) - len(told.Boot)
	p.t.ledger.since(q.Generation, after, int(told.Buckets), room).tell(told)
	told.Connections, told.AtMs = int32(p.t.data.count()), time.Now().UnixMilli()
	return told, nil
}

// tell fills in what was counted.
func (a answer) tell(to *control.Counted) {
	to.After, to.Upto, to.Waiting = a.after, a.upto, int32(a.waiting)
	to.Releases = make([]*control.CountedRelease, 0, len(a.entries))
	for _, e := range a.entries {
		r := &control.CountedRelease{
			Release: e.key.release, Shadow: e.key.shadow, Columns: e.requests, Scores: e.scores, Latency: e.latency,
			Outcomes: e.outcomes, Prices: e.prices, Money: e.money,
			Partners: make([]*control.CountedPartner, 0, len(e.partners)),
		}
		for _, p := range e.partners {
			r.Partners = append(r.Partners, &control.CountedPartner{Partner: p.name, Columns: p.columns, Value: p.value})
		}
		to.Releases = append(to.Releases, r)
	}
}

func (t *Task) status() *control.Status {
	s := &control.Status{
		Task: t.o.Name, Boot: t.boot, Ready: t.unready() == "", MemoryBytes: residentBytes(),
		StartedMs: t.started.UnixMilli(), Connections: int32(t.data.count()),
		Waits: t.lag.sampled(),
	}
	deadline, failed := t.o.Deadline.Microseconds(), t.m.health.failed.Load()
	degraded := t.m.health.degraded.Load() // before its whole
	s.Latency = t.ledger.latency()
	answered := t.m.health.answered(s.Latency)
	degraded = min(degraded, answered)
	s.Answered, s.Degraded, s.Failed, s.DeadlineUs = &answered, &degraded, &failed, &deadline
	if t.o.Zone != "" {
		s.Zone = &t.o.Zone
	}
	if now := t.serving.Load(); now != nil {
		s.Release, s.Shadow, s.Sample, s.Explore = now.release, now.shadow, now.sample, now.explore
		s.Generation, s.Buckets, s.ServingSinceMs = now.generation, int32(now.buckets), now.since.UnixMilli()
		s.Requests, s.Scored, s.Filtered = t.ledger.sums(now.release, now.generation)
		s.Evaluator = &now.active.evaluator
	}
	t.orders.mu.Lock()
	defer t.orders.mu.Unlock()
	s.Epoch, s.Preparing = t.orders.epoch, t.orders.preparing
	if f := t.orders.failure; f != nil {
		s.Failure = &control.Failure{Release: f.release, Reason: f.reason, Detail: f.detail, Generation: f.generation}
	}
	return s
}
