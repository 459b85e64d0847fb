package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// Bounds on what is told.
const (
	deliverWithin = 15 * time.Second // one attempt
	deliverSoon   = time.Second      // before the second attempt; it doubles
	deliverLate   = 5 * time.Minute  // the longest wait that is our own
	maxBusy       = time.Hour        // the longest that a receiver may ask for
	maxNoticeAge  = 24 * time.Hour   // of what happened; what is older is told no more
	unwellAfter   = time.Minute      // that a fleet has been so before anybody is called
	wellAfter     = 3 * time.Minute  // that it has been well before that is told: a new leader takes a while to see what is wrong
	maxExtras     = 8                // notices beside events that wait
)

// herald tells one receiver what happens to one fleet, in order, one notice
// after the other. It has a goroutine of its own and the loop never waits for
// it. Its queue is the state's own list of events; what was told of them is
// kept in the store, so that the next leader goes on there. It is written after
// a notice has arrived: whoever dies in between leaves it to be told twice.
type herald struct {
	fleet, public string // public is the page's address
	policies      rollout.Policies
	receiver      Receiver
	store         Documents
	log           *slog.Logger
	metrics       *Metrics
	began         time.Time

	record record // as it is in the store, or should be
	etag   string

	wake   chan struct{}
	mu     sync.Mutex
	told   bool             // what a pass has seen
	state  rollout.State    // its events are what there is to tell
	extras []Notice         // beside events, oldest first
	unwell rollout.Headline // what is wrong with the fleet, and what to do
	since  time.Time        // when unwell began or ended
	left   parting          // of the record, for the loop
}

// record is what a receiver has been told.
type record struct {
	Revision int64 `json:"revision"`           // of the fleet, up to which events are told or need not be
	Troubles int64 `json:"troubles,omitempty"` // how often the fleet was told to be unwell
	Unwell   bool  `json:"unwell,omitempty"`   // it was, and not yet to be well again
	parting
}

func recordKey(fleet, receiver string) string {
	return "fleets/" + fleet + "/told/" + receiver + ".json"
}

// saw hands over what a pass has seen and decided.
func (h *herald) saw(s rollout.State, wrong rollout.Headline, now time.Time) {
	h.mu.Lock()
	h.told, h.state = true, s
	if (wrong.Text == "") != (h.unwell.Text == "") || h.since.IsZero() {
		h.since = now
	}
	h.unwell = wrong
	h.mu.Unlock()
	h.stir()
}

// add hands over a notice beside events. Beyond what has room the oldest goes.
func (h *herald) add(n Notice) {
	h.mu.Lock()
	h.extras = append(h.extras, n)
	if len(h.extras) > maxExtras {
		h.extras = h.extras[1:]
	}
	h.mu.Unlock()
	h.stir()
}

func (h *herald) stir() {
	select {
	case h.wake <- struct{}{}:
	default: // it is awake
	}
}

// run tells until ctx ends.
func (h *herald) run(ctx context.Context) {
	for !h.hasSeen() {
		if !h.rest(ctx, 0) {
			return
		}
	}
	failed := 0
	for !h.begin(ctx) {
		if !pause(ctx, backoff(&failed, nil)) {
			return
		}
	}
	for failed = 0; h.away(ctx); {
		n, after, wait := h.next(time.Now())
		if n == nil {
			if !h.rest(ctx, wait) {
				return
			}
			continue
		}
		err := h.deliver(ctx, *n)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil, errors.Is(err, ErrUndeliverable):
			failed = 0
			h.done(ctx, n, after)
		case errors.Is(err, ErrGone):
			failed = 0
			h.leave(ctx)
		default:
			if !pause(ctx, backoff(&failed, err)) {
				return
			}
		}
	}
}

func (h *herald) hasSeen() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.told
}

// begin finds out what the receiver has been told. One that nobody has told
// anything yet is told what happens from now on.
func (h *herald) begin(ctx context.Context) bool {
	h.mu.Lock()
	events, last := h.state.Events, h.state.LastEvent
	h.mu.Unlock()
	body, etag, err := h.store.Get(ctx, recordKey(h.fleet, h.receiver.Name))
	known := err == nil && json.Unmarshal(body, &h.record) == nil
	switch {
	case err != nil && !errors.Is(err, ErrNotFound):
		h.log.WarnContext(ctx, "nobody is told anything yet: what was told before cannot be read", "err", err)
		return false
	case known && h.record.Revision <= last:
		h.etag = etag
		return true
	}
	h.record, h.etag = record{}, etag // new, damaged, or of a state that began anew
	for _, e := range events {
		if e.At.Before(h.began) {
			h.record.Revision = e.Seq
		}
	}
	h.save(ctx)
	return true
}

// next is the notice that is due and what is on record after it, or else how
// long none is due; zero for until something happens.
func (h *herald) next(now time.Time) (n *Notice, after record, wait time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	after = h.record
	defer func() { h.metrics.noticesWait(h.fleet, h.receiver.Name, h.waiting()) }()
	if n, after, wait = h.health(now); n != nil {
		return n, after, 0
	}
	if len(h.extras) > 0 {
		return &h.extras[0], after, 0
	}
	for _, e := range h.state.Events {
		if e.Seq <= after.Revision {
			continue
		}
		if lost := e.Seq - after.Revision - 1; lost > 0 {
			after.Revision = e.Seq - 1
			return h.missed(lost, e), after, 0
		}
		after.Revision = e.Seq
		if told, is := h.noticeOf(e); is && h.receiver.wants(told.Kind) && now.Sub(e.At) < maxNoticeAge {
			return &told, after, 0
		}
		h.record.Revision = e.Seq // goes into the store with the next that is told
	}
	return nil, after, wait
}

// missed says that more has happened than the state remembers.
func (h *herald) missed(lost int64, e rollout.Event) *Notice {
	say := fmt.Sprintf("%d events of fleet %s were not told here, as this way was closed for too long: its history has them.", lost, h.fleet)
	return &Notice{
		ID: fmt.Sprintf("%s.%d.missed", h.fleet, e.Seq), Kind: kindMissed, At: e.At, Fleet: h.fleet,
		Headline: say, Sentence: say, Link: h.page(), Revision: e.Seq - 1,
	}
}

func (h *herald) noticeOf(e rollout.Event) (Notice, bool) {
	return noticeOf(h.fleet, e, e.Headline(h.state.Find(e.Rollout), h.policies.For(e.Rollout)), h.public)
}

// page is where the page shows the fleet.
func (h *herald) page() string { return PageOf(h.public, h.fleet, "") }

// waiting is how many notices are due.
func (h *herald) waiting() int {
	due := len(h.extras)
	for _, e := range h.state.Events {
		if n, is := h.noticeOf(e); is && e.Seq > h.record.Revision && h.receiver.wants(n.Kind) {
			due++
		}
	}
	return due
}

// health is the notice that the fleet has become unwell, or well, for a while
// now, and what is on record after it; or else how long that takes yet. Notices
// are numbered, so that a repetition by another leader has the same ID.
func (h *herald) health(now time.Time) (n *Notice, after record, wait time.Duration) {
	after = h.record
	if h.since.IsZero() || (h.unwell.Text != "") == after.Unwell || !h.receiver.wants(KindFleetUnwell) {
		return nil, after, 0
	}
	steady := unwellAfter
	if h.unwell.Text == "" {
		steady = wellAfter
	}
	if left := h.since.Add(steady).Sub(now); left > 0 {
		return nil, after, left
	}
	n = &Notice{Kind: KindFleetUnwell, Over: h.unwell.Text == "", At: h.since, Fleet: h.fleet, Headline: h.unwell.Text, WayOut: h.unwell.WayOut, Link: h.page()}
	if after.Unwell = !n.Over; after.Unwell {
		after.Troubles++
	}
	n.ID = fmt.Sprintf("%s.unwell.%d", h.fleet, after.Troubles)
	if n.Over {
		n.ID += ".over"
		n.Headline = "Fleet " + h.fleet + " is well again."
	}
	n.Sentence = n.Headline
	return n, after, 0
}

// deliver makes one attempt.
func (h *herald) deliver(ctx context.Context, n Notice) error {
	attempt, cancel := context.WithTimeout(ctx, deliverWithin)
	defer cancel()
	err := h.receiver.Way.Deliver(attempt, n)
	if ctx.Err() == nil {
		h.metrics.told(h.fleet, h.receiver.Name, err)
		if err != nil {
			h.log.WarnContext(ctx, "a notice does not arrive", "id", n.ID, "kind", n.Kind, "err", err)
		}
	}
	return err
}

// done puts on record that a notice is told.
func (h *herald) done(ctx context.Context, n *Notice, after record) {
	h.mu.Lock()
	for i := range h.extras {
		if h.extras[i].ID == n.ID {
			h.extras = append(h.extras[:i:i], h.extras[i+1:]...)
			break
		}
	}
	h.mu.Unlock()
	if after == h.record {
		return // it is told beside events
	}
	h.record = after
	h.save(ctx)
}

// save writes the record. Where that fails, the next save writes more; whoever
// leads next before that tells again what is not on record.
func (h *herald) save(ctx context.Context) {
	body, err := json.Marshal(h.record)
	key := recordKey(h.fleet, h.receiver.Name)
	if err == nil {
		var etag string
		if etag, err = h.store.Put(ctx, key, body, h.etag); err == nil {
			h.etag = etag
			return
		}
	}
	if errors.Is(err, ErrStale) { // its own write whose reply was lost, or a deposed leader's last one
		stored, etag, again := h.store.Get(ctx, key)
		if again == nil || errors.Is(again, ErrNotFound) {
			h.etag = etag
		}
		var other record
		if again == nil && json.Unmarshal(stored, &other) == nil && other == h.record {
			return
		}
	}
	if ctx.Err() == nil {
		h.log.WarnContext(ctx, "what is told is not on record, and may be told twice", "err", err)
	}
}

// rest waits for something to happen, or so long; false when ctx ends.
func (h *herald) rest(ctx context.Context, wait time.Duration) bool {
	var due <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-h.wake:
	case <-due:
	}
	return true
}

// backoff is how long to wait after one more attempt that failed: twice as long
// each time, less up to a quarter by chance, and as long as the receiver asks.
func backoff(failed *int, err error) time.Duration {
	wait := min(deliverLate, deliverSoon<<min(*failed, 16))
	*failed++
	wait -= rand.N(wait / 4)
	if busy := (*BusyError)(nil); errors.As(err, &busy) {
		wait = max(wait, min(busy.For, maxBusy))
	}
	return wait
}

// pause waits; false when ctx ends.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
