package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// stopKey is where a stop of all fleets lies. The object stays when it is over.
const stopKey = "freeze.json"

// stopped is that document.
type stopped struct {
	Stop *rollout.Stop `json:"stop"` // null for none
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
		return found, etag, damaged(stopKey, err)
	}
	return found, etag, nil
}

// SetStop puts a stop of all fleets in place, or with nil ends the one there is.
// The audit trail comes first: what is not in it does not happen, and what does
// not happen in spite of it is told there.
func (s Store) SetStop(ctx context.Context, stop *rollout.Stop, e rollout.Entry) error {
	found, etag, err := s.stop(ctx)
	if errors.Is(err, rollout.ErrDamaged) { // it is written anew
		err = nil
	}
	if err != nil {
		return unwritten(err, 0)
	}
	if stop == nil && (found.Stop == nil || found.Stop.Over(e.At)) {
		return fmt.Errorf("%w: no stop of all fleets is in force; a calendar's freeze is in the fleet file", rollout.ErrConflict)
	}
	if err := putEntry(ctx, s.Documents, e); err != nil {
		return unwritten(unavailable("keep who asks for it", err), 0)
	}
	body, err := json.Marshal(stopped{stop})
	if err != nil {
		return fmt.Errorf("encode the stop: %w", err)
	}
	_, err = s.Documents.Put(ctx, stopKey, body, etag)
	s.answerStop(ctx, e, err)
	switch {
	case errors.Is(err, ErrStale):
		return fmt.Errorf("%w: somebody else has just written it: look again", rollout.ErrConflict)
	case err != nil:
		return unavailable("write "+stopKey, err)
	}
	return nil
}

// answerStop tells in the trail what became of it. Where that cannot be stored,
// the entry stands without an answer, as one whose end nobody knows.
func (s Store) answerStop(ctx context.Context, e rollout.Entry, failed error) {
	e.What, e.At, e.Why, e.Reason, e.Sentence = rollout.AuditAnswer, time.Now().UTC(), "", "done", string(e.Verb)+" asked by "+e.By
	if failed != nil {
		e.Reason, e.Sentence = "unknown", "it may not be in force: "+failed.Error()
	}
	_ = putEntry(ctx, s.Documents, e)
}
