package rollout

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/inference/release"
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

// maxWhy bounds what a person may say of an intended change.
const maxWhy = 500

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
	if err := sensibleChange(q); err != nil {
		return err
	}
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

// sensibleChange checks a difference of the filter rate that a person wants.
func sensibleChange(q Request) error {
	c := q.Intended
	if c == nil {
		return nil
	}
	possible := func(v float64) bool { return v > -1 && v < 1 } // false for NaN
	switch {
	case q.Verb != VerbTry:
		return fmt.Errorf("%w: an intended change goes with try only", ErrBadRequest)
	case c.Why == "" || len(c.Why) > maxWhy:
		return fmt.Errorf("%w: say in up to %d characters why the filter rate is meant to change (why)", ErrBadRequest, maxWhy)
	case c.FilterRate == 0 && len(c.Partners) == 0:
		return fmt.Errorf("%w: the intended change of the filter rate is 0: say by how much, such as 0.05 for 5 points", ErrBadRequest)
	case !possible(c.FilterRate):
		return fmt.Errorf("%w: the intended change of the filter rate is %v: want a share between -1 and 1, such as 0.05 for 5 points", ErrBadRequest, c.FilterRate)
	case len(c.Partners) > judge.MaxPartners:
		return fmt.Errorf("%w: the intended change names %d partners, want %d at most", ErrBadRequest, len(c.Partners), judge.MaxPartners)
	}
	for name, v := range c.Partners {
		if !possible(v) {
			return fmt.Errorf("%w: the intended change for partner %.100q is %v: want a share between -1 and 1", ErrBadRequest, name, v)
		}
	}
	return nil
}

// meaning is what a person said that a try is meant to bring.
func meaning(c *release.Change) string {
	if c == nil {
		return ""
	}
	say := fmt.Sprintf("; the filter rate is meant to change by %+.1f points", 100*c.FilterRate)
	if n := len(c.Partners); n > 0 {
		say += fmt.Sprintf(", and otherwise for %d partners", n)
	}
	return say + ": " + c.Why
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
