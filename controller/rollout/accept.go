package rollout

import (
	"errors"
	"fmt"
	"slices"
)

// What a request can be turned away with.
var (
	// ErrConflict means that the request makes no sense as things stand.
	ErrConflict = errors.New("not as things stand")
	// ErrBadRequest means that the request makes no sense at all.
	ErrBadRequest = errors.New("bad request")
	// ErrUnavailable means that the store cannot be asked now.
	ErrUnavailable = errors.New("the store cannot be asked now")
	// ErrNotFound means that there is no such thing, or none yet.
	ErrNotFound = errors.New("not found")
)

// maxRequests bounds the wishes that wait for the leader.
const maxRequests = 32

// Accept returns s with the request noted, or why it is turned away; nothing
// happens before the leader's next Decide. A request that waits already, by its
// ID, changes nothing. known reports whether a release is in the store.
func Accept(s State, q Request, known func(digest string) bool) (State, error) {
	if slices.ContainsFunc(s.Requests, func(o Request) bool { return o.ID == q.ID }) {
		return s, nil
	}
	if q.By == "" {
		return s, fmt.Errorf("%w: say who asks (by)", ErrBadRequest)
	}
	if len(s.Requests) >= maxRequests {
		return s, fmt.Errorf("%w: %d requests wait for a leader already: is a controller running?", ErrConflict, len(s.Requests))
	}
	if err := s.sensible(q, known); err != nil {
		return s, err
	}
	s = s.clone()
	s.Requests = append(s.Requests, q)
	return s, nil
}

func (s State) sensible(q Request, known func(string) bool) error {
	r := s.Active
	active := r != nil && (q.Rollout == "" || q.Rollout == r.ID)
	if r == nil && q.Rollout == "" && (q.Verb == VerbAbort || q.Verb == VerbPromote) {
		return fmt.Errorf("%w: nothing is being tried", ErrConflict)
	}
	switch q.Verb {
	case VerbPause:
		if s.Pause != nil {
			return fmt.Errorf("%w: %s already", ErrConflict, pausedBy(s.Pause))
		}
	case VerbResume:
		if s.Pause == nil && !(active && r.Phase == Held) {
			return fmt.Errorf("%w: nothing is paused or held", ErrConflict)
		}
	case VerbAbort:
		waiting := slices.ContainsFunc(s.Queue, func(o Rollout) bool { return o.ID == q.Rollout })
		if !waiting && (!active || r.Phase == RollingBack) {
			return fmt.Errorf("%w: %s cannot be aborted: see sluice rollouts", ErrConflict, named(q))
		}
	case VerbPromote:
		if !active || !(r.Phase == Shadow || r.Phase == Canary || r.Phase == Held && r.HeldFrom != Promoting) {
			return fmt.Errorf("%w: %s is not in shadow, canary or hold, so it cannot be promoted", ErrConflict, named(q))
		}
	case VerbRollback:
		return s.sensibleRollback(q, known)
	case VerbTry:
		if q.Source == nil || q.Source.Bucket == "" || q.Source.Key == "" || q.Rollout == "" {
			return fmt.Errorf("%w: say which artifact to try, as s3://bucket/key", ErrBadRequest)
		}
	default:
		return fmt.Errorf("%w: no verb %q", ErrBadRequest, q.Verb)
	}
	return nil
}

func (s State) sensibleRollback(q Request, known func(string) bool) error {
	switch {
	case q.Release == "" && s.backTo() == "":
		return fmt.Errorf("%w: there is no earlier release to go back to; name one", ErrConflict)
	case q.Release != "" && !known(q.Release):
		return fmt.Errorf("%w: no release %s in the store: see /v1/releases", ErrBadRequest, Short(q.Release))
	case q.Release == s.Stable && !s.begun():
		return fmt.Errorf("%w: %s is what serves", ErrConflict, Short(q.Release))
	}
	return nil
}

func named(q Request) string {
	if q.Rollout == "" {
		return "the active rollout"
	}
	return "rollout " + q.Rollout
}

// backTo is the release that a rollback without a name leads to: what is
// stable while something else is being tried, else the one before it.
func (s State) backTo() string {
	if s.begun() {
		return s.Stable
	}
	return s.Previous
}

// begun reports whether tasks have been asked for something because of the
// active rollout.
func (s State) begun() bool {
	return s.Active != nil && s.Active.Phase != Queued && s.Active.Phase != Admitting
}
