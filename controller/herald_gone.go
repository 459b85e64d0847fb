package controller

import (
	"context"
	"encoding/json"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// goneEvery is how often the settings of a receiver that is gone are looked at:
// its address may stand in a file.
const goneEvery = time.Minute

// parting is on record of a receiver that wants no notice any more, as Standard
// Webhooks has it: nothing is told there under whatever leader, until its
// settings are others.
type parting struct {
	Since    int64  `json:"gone_since,omitempty"`    // Unix time; 0: it is not
	Settings string `json:"gone_settings,omitempty"` // those that it had
}

// still reports whether a receiver that is gone has the settings that it had.
// While they cannot be read nobody knows of others.
func (g parting) still(r Receiver) bool {
	if g.Since == 0 {
		return false
	}
	now, err := r.settings()
	return err != nil || now == g.Settings
}

// settings are the same for settings that are the same.
func (r Receiver) settings() (string, error) {
	if r.Settings == nil {
		return "", nil
	}
	return r.Settings()
}

// leave notes that the receiver is gone. Settings that cannot be read just now
// are no reason to go on telling.
func (h *herald) leave(ctx context.Context) {
	as, _ := h.receiver.settings()
	h.record.parting = parting{time.Now().Unix(), as}
	h.save(ctx)
	h.log.ErrorContext(ctx, "a receiver of notices is gone", "says", h.unheard().Sentence())
}

// away waits while the receiver is gone; false when ctx ends.
func (h *herald) away(ctx context.Context) bool {
	for h.record.still(h.receiver) {
		h.show()
		if !pause(ctx, goneEvery) {
			return false
		}
	}
	if h.record.Since != 0 {
		h.record.parting = parting{}
		h.save(ctx)
		h.log.InfoContext(ctx, "its settings are others: notices are told there again")
	}
	h.show()
	return true
}

// show lets the loop know whether the receiver is gone.
func (h *herald) show() {
	h.mu.Lock()
	h.left = h.record.parting
	h.mu.Unlock()
	if h.left.Since != 0 {
		h.metrics.noticesWait(h.fleet, h.receiver.Name, 0) // for nobody
	}
}

func (h *herald) unheard() rollout.Unheard {
	return rollout.Unheard{Receiver: h.receiver.Name, Since: time.Unix(h.record.Since, 0).UTC()}
}

// unheard are the receivers that nothing is told any more.
func (f *Reconciler) unheard() (all []rollout.Unheard) {
	for _, h := range f.heralds {
		h.mu.Lock()
		if h.left.Since != 0 {
			all = append(all, rollout.Unheard{Receiver: h.receiver.Name, Since: time.Unix(h.left.Since, 0).UTC()})
		}
		h.mu.Unlock()
	}
	return all
}

// heardBy reports whether a receiver is on record as gone. Where that cannot be
// read it is told.
func (w *watchman) heardBy(ctx context.Context, r Receiver) bool {
	known, _, err := w.recordOf(ctx, r)
	return err != nil || !known.still(r)
}

// leaves puts on record that a receiver is gone, unless somebody writes there at
// the same time: a leader, who finds out for itself.
func (w *watchman) leaves(ctx context.Context, r Receiver, now time.Time) {
	known, etag, err := w.recordOf(ctx, r)
	if err != nil { // without a record it has been told nothing yet, and a leader begins one
		return
	}
	as, _ := r.settings()
	known.parting = parting{now.Unix(), as}
	if body, err := json.Marshal(known); err == nil {
		_, _ = w.store.Put(ctx, recordKey(w.fleet, r.Name), body, etag)
	}
}

func (w *watchman) recordOf(ctx context.Context, r Receiver) (known record, etag string, err error) {
	ctx, cancel := context.WithTimeout(ctx, deliverWithin)
	defer cancel()
	body, etag, err := w.store.Get(ctx, recordKey(w.fleet, r.Name))
	if err == nil {
		err = json.Unmarshal(body, &known)
	}
	return known, etag, err
}
