package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// stopKey is where a stop of all fleets lies. The object stays when it is over.
const stopKey = "freeze.json"

// How many wishes about all fleets are remembered: of more than that only those
// of the last day, and no more than so many of those.
const (
	stopsKept = 64
	maxStops  = 256
)

// stopped is that document.
type stopped struct {
	Stop  *rollout.Stop `json:"stop"` // null for none
	Asked []stopAsked   `json:"asked,omitempty"`
}

// stopAsked is a wish that is remembered, so that asking again with the same ID
// gives the first answer and has no second effect.
type stopAsked struct {
	Entry rollout.Entry `json:"entry"`         // of the audit trail, as it was taken
	Stop  *rollout.Stop `json:"stop"`          // what it puts in place; null: it ends what there is
	Done  time.Time     `json:"done,omitzero"` // when it did; zero: it has not come so far
}

// same reports whether both ask the same.
func (a stopAsked) same(o stopAsked) bool {
	until := func(s *rollout.Stop) time.Time {
		if s == nil {
			return time.Time{}
		}
		return s.Until
	}
	return a.Entry.Verb == o.Entry.Verb && a.Entry.By == o.Entry.By && a.Entry.Why == o.Entry.Why && until(a.Stop).Equal(until(o.Stop))
}

// Stop returns the stop of all fleets; nil where there is none.
func (s Store) Stop(ctx context.Context) (*rollout.Stop, error) {
	found, _, err := s.stop(ctx)
	return found.Stop, err
}

func (s Store) stop(ctx context.Context) (found stopped, etag string, err error) {
	body, etag, err := s.Documents.Get(ctx, stopKey)
	switch {
	case errors.Is(err, ErrNotFound):
		return found, "", nil
	case err != nil:
		return found, "", unavailable("read "+stopKey, err)
	}
	if err := json.Unmarshal(body, &found); err != nil {
		return stopped{}, etag, damaged(stopKey, err)
	}
	return found, etag, nil
}

// SetStop puts a stop of all fleets in place, or with nil ends the one there is,
// and returns what the wish has put in place: asked again, with the ID of its
// entry, that is what it was the first time. The wish is noted, then told in the
// audit trail, then done: what is not in the trail does not happen, and whoever
// asks again goes on from where it was, under the same entry.
func (s Store) SetStop(ctx context.Context, stop *rollout.Stop, e rollout.Entry) (*rollout.Stop, error) {
	asked := stopAsked{Entry: e, Stop: stop}
	met, late := false, false // somebody wrote at the same moment, who may have asked the same; after it was noted
	for {
		found, etag, err := s.stop(ctx)
		if errors.Is(err, rollout.ErrDamaged) { // it is written anew
			err = nil
		}
		if err != nil {
			return nil, unwritten(err, 0)
		}
		w, err := found.remembered(asked)
		switch {
		case err != nil:
			return nil, err
		case met && w == nil, late && w.Done.IsZero():
			return nil, fmt.Errorf("%w: somebody else has just written it: look again", rollout.ErrConflict)
		case w == nil:
			w, etag, err = s.noteStop(ctx, &found, asked, etag)
		}
		if err == nil {
			err = s.carryOut(ctx, &found, w, etag)
			late = true
		}
		switch met = true; {
		case err == nil:
			return w.Stop, nil
		case !errors.Is(err, ErrStale):
			return nil, err
		}
	}
}

// noteStop remembers a wish that is new, before anything comes of it.
func (s Store) noteStop(ctx context.Context, d *stopped, asked stopAsked, etag string) (*stopAsked, string, error) {
	if asked.Stop == nil && (d.Stop == nil || d.Stop.Over(asked.Entry.At)) {
		return nil, "", fmt.Errorf("%w: no stop of all fleets is in force; a calendar's freeze is in the fleet file", rollout.ErrConflict)
	}
	w, err := d.note(asked)
	if err != nil {
		return nil, "", err
	}
	if etag, err = s.putStop(ctx, *d, etag); err != nil {
		return nil, "", unwritten(err, 0)
	}
	return w, etag, nil
}

// carryOut takes a wish that is noted to its end.
func (s Store) carryOut(ctx context.Context, d *stopped, w *stopAsked, etag string) error {
	if err := putEntry(ctx, s.Documents, w.Entry); err != nil {
		return unwritten(unavailable("keep who asks for it", err), 0)
	}
	if w.Done.IsZero() {
		d.Stop, w.Done = w.Stop, time.Now().UTC()
		if _, err := s.putStop(ctx, *d, etag); err != nil {
			s.answerStop(ctx, w.Entry, w.Done.Add(-time.Nanosecond), err) // before the answer that asking again brings
			return err
		}
	}
	s.answerStop(ctx, w.Entry, w.Done, nil)
	return nil
}

func (s Store) putStop(ctx context.Context, d stopped, etag string) (string, error) {
	body, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("encode the stop: %w", err)
	}
	etag, err = s.Documents.Put(ctx, stopKey, body, etag)
	if err != nil && !errors.Is(err, ErrStale) {
		err = unavailable("write "+stopKey, err)
	}
	return etag, err
}

// remembered is what is known of a wish; nil of one that is new.
func (d *stopped) remembered(asked stopAsked) (*stopAsked, error) {
	i := slices.IndexFunc(d.Asked, func(w stopAsked) bool { return w.Entry.Wish == asked.Entry.Wish })
	if i < 0 {
		return nil, nil //nolint:nilnil // it is new
	}
	w := &d.Asked[i]
	if !w.same(asked) {
		return nil, fmt.Errorf("%w: %s is the id of another wish already, %s asked by %s at %s: choose a new id (Idempotency-Key) for each wish",
			rollout.ErrConflict, w.Entry.Wish, w.Entry.Verb, w.Entry.By, w.Entry.At.UTC().Format(time.RFC3339))
	}
	return w, nil
}

// note remembers a new wish, and forgets those that nobody asks again.
func (d *stopped) note(asked stopAsked) (*stopAsked, error) {
	for len(d.Asked) >= stopsKept && asked.Entry.At.Sub(d.Asked[0].Entry.At) > rollout.WishKept {
		d.Asked = d.Asked[1:]
	}
	if len(d.Asked) >= maxStops {
		return nil, fmt.Errorf("%w: %d stops of all fleets were asked for within a day: find out who does so", rollout.ErrConflict, maxStops)
	}
	d.Asked = append(slices.Clone(d.Asked), asked)
	return &d.Asked[len(d.Asked)-1], nil
}

// answerStop tells in the trail what became of it, once for each end. Where that
// cannot be stored, the entry stands without an answer, as one whose end nobody
// knows, until somebody asks again.
func (s Store) answerStop(ctx context.Context, e rollout.Entry, at time.Time, failed error) {
	e.What, e.At, e.Why, e.Reason, e.Sentence = rollout.AuditAnswer, at, "", "done", string(e.Verb)+" asked by "+e.By
	if failed != nil {
		e.Reason, e.Sentence = "unknown", "it may not be in force: "+failed.Error()
	}
	_ = putEntry(ctx, s.Documents, e)
}
