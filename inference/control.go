package inference

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/sluicehq/sluice/identity"
	"github.com/sluicehq/sluice/idl/gen/control"
)

// controlPort answers the controller. The generated types of the control port
// stop in this file.
type controlPort struct{ t *Task }

const (
	maxControlMessageBytes = 64 << 10
	maxControlConnections  = 64
)

// serveControl answers a connection of the control port: framed binary, by the
// generated processor, since here its costs do not matter.
func (t *Task) serveControl(ctx context.Context, w *wire) {
	if !t.greeted(w) {
		return
	}
	dialect, err := w.recognise()
	if err != nil || dialect != FramedBinary {
		t.m.refused.WithLabelValues("protocol").Inc()
		return
	}
	defer w.finish()
	in, out := w.protocols()
	processor := control.NewControlProcessor(controlPort{t})
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

// greeted reports whether who connected may speak here: with a token where one
// is wanted. A token that nobody asked for does no harm, so that controllers
// may begin to send it before tasks begin to want it.
func (t *Task) greeted(w *wire) bool {
	first, err := w.peek(1)
	wants := t.o.Control.WantsToken()
	if err != nil || first[0] == 0 && !wants {
		return err == nil
	}
	w.inMessage = true
	if first[0] != 0 {
		line, err := w.line(identity.MaxGreetingBytes)
		if err == nil && t.o.Control.Welcomes(line) {
			return true
		}
	}
	t.m.refused.WithLabelValues("token").Inc()
	return false
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
	var refusal *Refusal
	switch err := p.t.orders.take(wanted, a.Epoch, time.Now()); {
	case errors.As(err, &refusal):
		p.t.log.WarnContext(ctx, "assignment refused", "reason", refusal.Reason, "err", refusal.Detail)
		return nil, &control.Refused{Reason: refusal.Reason, Detail: refusal.Detail, Epoch: refusal.Epoch}
	case err != nil:
		return nil, err
	}
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
			Partners: make([]*control.CountedPartner, 0, len(e.partners)),
		}
		for _, p := range e.partners {
			r.Partners = append(r.Partners, &control.CountedPartner{Partner: p.name, Columns: p.columns})
		}
		to.Releases = append(to.Releases, r)
	}
}

func (t *Task) status() *control.Status {
	s := &control.Status{
		Task: t.o.Name, Boot: t.boot, Ready: t.unready() == "", MemoryBytes: residentBytes(),
		StartedMs: t.started.UnixMilli(), Connections: int32(t.data.count()),
		Latency: t.ledger.latency(), Waits: t.lag.sampled(),
	}
	if now := t.serving.Load(); now != nil {
		s.Release, s.Shadow, s.Sample, s.Explore = now.release, now.shadow, now.sample, now.explore
		s.Generation, s.Buckets, s.ServingSinceMs = now.generation, int32(now.buckets), now.since.UnixMilli()
		s.Requests, s.Scored, s.Filtered = t.ledger.sums(now.release, now.generation)
	}
	t.orders.mu.Lock()
	defer t.orders.mu.Unlock()
	s.Epoch, s.Preparing = t.orders.epoch, t.orders.preparing
	if f := t.orders.failure; f != nil {
		s.Failure = &control.Failure{Release: f.release, Reason: f.reason, Detail: f.detail, Generation: f.generation}
	}
	return s
}
