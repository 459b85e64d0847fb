package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

const (
	silentFor   = 2 * time.Minute  // beyond two of the loop's own pauses, before anybody is called
	silentEvery = 20 * time.Second // how often looks are looked for, and how far watchers are apart
)

// watchman sees to it that somebody is called when nobody looks at a fleet any
// more. Every controller has one, whether it leads or waits for the lease, as
// who has fallen silent cannot tell so. It believes no clock but its own.
type watchman struct {
	fleet, link string
	after       time.Duration
	store       Documents
	receivers   []Receiver
	log         *slog.Logger
	metrics     *Metrics

	etag  string    // of the last look
	since time.Time // when it was first seen, or could not be asked for
	told  string    // id of the notice that is told, until somebody looks again
	due   []due     // that have not arrived yet
}

// due is a notice on its way to a receiver.
type due struct {
	to     Receiver
	notice Notice
	not    time.Time // before
}

// mark is the last silence that receivers were told of, so that of several
// controllers one tells.
type mark struct {
	Told string `json:"told"` // id of the notice
}

func markKey(fleet string) string { return "fleets/" + fleet + "/silence.json" }

// watchLooks starts a watchman for every fleet that has a receiver.
func (c *Controller) watchLooks(ctx context.Context, running *sync.WaitGroup) {
	apart := fnv.New32a()
	_, _ = apart.Write([]byte(c.Elector.Name)) // it cannot fail
	for _, f := range c.fleets() {
		w := &watchman{
			fleet: f.Fleet.Name, link: PageOf(f.Public, f.Fleet.Name, ""), store: c.Elector.Documents, log: c.Log, metrics: c.Metrics,
			after: silentFor + 2*f.Fleet.LookEvery + time.Duration(apart.Sum32()%8)*silentEvery/4,
		}
		for _, r := range f.Receivers {
			if r.wants(KindControllerSilent) {
				w.receivers = append(w.receivers, r)
			}
		}
		if len(w.receivers) > 0 {
			running.Go(func() { w.run(ctx) })
		}
	}
}

func (w *watchman) run(ctx context.Context) {
	for w.watch(ctx, time.Now()); pause(ctx, silentEvery); {
		w.watch(ctx, time.Now())
		w.deliver(ctx, time.Now())
	}
}

// watch looks whether somebody has looked. While the store cannot be asked,
// nobody knows, and the leader could not show what it saw either.
func (w *watchman) watch(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, longLook)
	defer cancel()
	body, etag, err := w.store.Get(ctx, lookKey(w.fleet))
	switch {
	case err != nil:
		w.since = now
	case etag != w.etag:
		if w.told != "" {
			w.add(Notice{ID: w.told + ".over", Over: true, At: now}, "Fleet "+w.fleet+" is looked at again.")
		}
		w.etag, w.since, w.told = etag, now, ""
	case w.told == "" && now.Sub(w.since) >= w.after:
		w.call(ctx, body, now)
	}
}

// call begins to tell that nobody looks, unless another controller has.
func (w *watchman) call(ctx context.Context, body []byte, now time.Time) {
	id := w.fleet + ".silent." + strings.Trim(w.etag, `"`)
	var known mark
	stored, _, err := w.store.Get(ctx, markKey(w.fleet))
	if err == nil && json.Unmarshal(stored, &known) == nil && known.Told == id {
		w.since = now // asked again after a while: it may have been told to others than now
		return
	}
	var look rollout.Look
	_ = json.Unmarshal(body, &look) // a name, if there is one
	w.told = id
	w.add(Notice{ID: id, At: w.since}, fmt.Sprintf(
		"No controller has looked at fleet %s for %v; the last was %s. It serves on, but nothing is rolled out or taken back.",
		w.fleet, now.Sub(w.since).Round(time.Second), look.Leader))
}

func (w *watchman) add(n Notice, say string) {
	n.Kind, n.Fleet, n.Headline, n.Sentence, n.Link = KindControllerSilent, w.fleet, say, say, w.link
	for _, r := range w.receivers {
		w.due = append(w.due, due{to: r, notice: n})
	}
	if extra := len(w.due) - maxExtras*len(w.receivers); extra > 0 {
		w.due = w.due[extra:]
	}
}

// deliver makes one attempt for each receiver, all at the same time, and writes
// down what the first of them was told.
func (w *watchman) deliver(ctx context.Context, now time.Time) {
	var attempts sync.WaitGroup
	asked := map[string]bool{}
	failed := make([]error, len(w.due))
	for i, d := range w.due {
		if failed[i] = errLater; asked[d.to.Name] || now.Before(d.not) {
			continue
		}
		asked[d.to.Name] = true // one after the other
		attempts.Go(func() {
			if failed[i] = ErrGone; w.heardBy(ctx, d.to) {
				failed[i] = w.attempt(ctx, d)
			}
		})
	}
	attempts.Wait()
	var left []due
	for i, d := range w.due {
		busy := (*BusyError)(nil)
		switch err := failed[i]; {
		case err == nil:
			if !d.notice.Over {
				w.mark(ctx, d.notice.ID)
			}
		case errors.Is(err, ErrUndeliverable), errors.Is(err, ErrGone), now.Sub(d.notice.At) > maxNoticeAge:
		default:
			if errors.As(err, &busy) {
				d.not = now.Add(min(busy.For, maxBusy))
			}
			left = append(left, d)
		}
	}
	w.due = left
}

// errLater means that no attempt was made.
var errLater = errors.New("its turn has not come")

func (w *watchman) attempt(ctx context.Context, d due) error {
	ctx, cancel := context.WithTimeout(ctx, deliverWithin)
	defer cancel()
	err := d.to.Way.Deliver(ctx, d.notice)
	w.metrics.told(w.fleet, d.to.Name, err)
	if errors.Is(err, ErrGone) {
		w.leaves(ctx, d.to, time.Now())
	}
	if err != nil {
		w.log.WarnContext(ctx, "a notice does not arrive", "fleet", w.fleet, "receiver", d.to.Name, "id", d.notice.ID, "kind", d.notice.Kind, "err", err)
	}
	return err
}

// mark lets other controllers know. Where that fails, they tell the same, under
// the same ID.
func (w *watchman) mark(ctx context.Context, id string) {
	body, err := json.Marshal(mark{id})
	if err == nil {
		err = w.store.Replace(ctx, markKey(w.fleet), body)
	}
	if err != nil {
		w.log.WarnContext(ctx, "other controllers may tell the same again", "fleet", w.fleet, "err", err)
	}
}
