package rollout

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

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
	// ErrDamaged means that what is stored cannot be used until a person mends it.
	ErrDamaged = errors.New("cannot be used")
	// ErrTooMany means that a bound is reached; Full says when to ask again.
	ErrTooMany = errors.New("too many")
	// ErrNotFound means that there is no such thing, or none yet.
	ErrNotFound = errors.New("not found")
	// ErrNotStored means that a wish is surely not stored, whatever went wrong.
	// Without it, an error that is not the asker's leaves that open.
	ErrNotStored = errors.New("nothing is stored")
)

// Full means that a bound is reached. It is ErrTooMany.
type Full struct {
	After time.Duration // when asking again may help
	Say   string
}

func (f Full) Error() string { return ErrTooMany.Error() + ": " + f.Say }

// Unwrap makes it ErrTooMany.
func (f Full) Unwrap() error { return ErrTooMany }

// Bounds on wishes that the leader has not acted on, twice as many of them
// where danger is told, and on what people asked to try that waits.
const (
	maxRequests = 32
	maxTries    = 8
)

// Bounds on what a person may say, in bytes.
const (
	MaxBy     = 128
	MaxWhy    = 1000
	MaxName   = 128  // of an id, a rollout, a partner
	MaxKey    = 1100 // of bucket and key together
	maxIntent = 500  // why the filter rate is meant to change
)

// Kept is what the store holds under the names of a request, beyond the state.
type Kept struct {
	Release bool     // the release that it names is there
	Rollout *Rollout // the archived one of the name that it gives (try), makes (rollback) or is about
}

// Accept returns s with the request noted and the request as it was noted, with
// what it is about named; or why it is turned away. Nothing happens before the
// leader's next Decide. A wish that is remembered, by its ID, changes nothing
// and is answered as it was first.
func Accept(s State, q Request, kept Kept) (State, Request, error) {
	if answer, known, err := s.remembered(q); known {
		return s, answer, err
	}
	if q.By == "" {
		return s, q, fmt.Errorf("%w: say who asks (by)", ErrBadRequest)
	}
	for _, check := range []func(Request) error{brief, s.room, s.current} {
		if err := check(q); err != nil {
			return s, q, err
		}
	}
	asks := q.asks()
	q = s.aimed(q)
	if err := s.sensible(q, kept); err != nil {
		return s, q, err
	}
	q.Revision = s.LastEvent
	s = s.clone()
	s.audit(q)
	s.Requests = append(s.Requests, q)
	s.remember(q, asks)
	return s, q, nil
}

// brief checks that nothing in q is longer than a state should remember.
func brief(q Request) error {
	type text struct {
		name, value string
		most        int
	}
	texts := []text{{"by", q.By, MaxBy}, {"why", q.Why, MaxWhy}, {"id", q.ID, MaxName}, {"rollout", q.Rollout, MaxName}, {"release", q.Release, MaxName}, {"claim", q.Claim, MaxBy}, {"from", q.From, MaxName}}
	if q.Source != nil {
		texts = append(texts, text{"source", q.Source.Bucket + q.Source.Key, MaxKey})
	}
	if q.Intended != nil {
		for name := range q.Intended.Partners {
			texts = append(texts, text{"a partner's name", name, MaxName})
		}
	}
	for _, t := range texts {
		if len(t.value) > t.most {
			return fmt.Errorf("%w: %s has %d bytes: want up to %d", ErrBadRequest, t.name, len(t.value), t.most)
		}
	}
	return nil
}

// room checks that one more wish may wait and be remembered.
func (s State) room(q Request) error {
	most := maxRequests
	if q.Verb.Danger() {
		most *= 2
	}
	if len(s.Requests) >= most {
		return Full{5 * time.Second, fmt.Sprintf("%d requests wait for a leader already: is a controller running?", len(s.Requests))}
	}
	if n := len(s.Wishes); n >= maxOthers && !q.Verb.Danger() {
		wait := time.Duration(wishHours-s.Wishes[0].Hours) * time.Hour
		return Full{wait, fmt.Sprintf("%d wishes of the last day are remembered, as many as may be: ask again in %v hours; rollback, abort and pause are still taken", n, wait.Hours())}
	}
	if n := len(s.Unaudited); n >= maxUnaudited && (!q.Verb.Danger() || n >= 2*maxUnaudited) {
		return Full{time.Minute, fmt.Sprintf("%d entries of the audit trail cannot be stored: let the controllers write %s* in their bucket", n, AuditPrefix)}
	}
	if n := s.tries(); n >= maxTries && q.Verb == VerbTry {
		return Full{time.Minute, fmt.Sprintf("%d rollouts that people asked for wait already: wait for one to end, or give one up with sluice abort ID", n)}
	}
	return nil
}

// tries is how many rollouts that people asked for wait for their turn.
func (s State) tries() (n int) {
	for _, r := range s.Queue {
		if r.By != "" {
			n++
		}
	}
	for _, q := range s.Requests {
		if q.Verb == VerbTry {
			n++
		}
	}
	return n
}

// sensible checks a wish that names what it is about.
func (s State) sensible(q Request, kept Kept) error {
	for _, check := range []func(Request) error{sensibleChange, s.sensibleGlass} {
		if err := check(q); err != nil {
			return err
		}
	}
	r := s.Active
	active := r != nil && q.Rollout == r.ID
	waits := slices.ContainsFunc(s.Queue, func(o Rollout) bool { return o.ID == q.Rollout }) || s.asked(VerbTry, q.Rollout)
	standing := s.standing(q.Rollout, kept.Rollout)
	if active {
		if err := r.secondPerson(q); err != nil {
			return err
		}
	}
	if q.Rollout == "" && (q.Verb == VerbAbort || q.Verb == VerbPromote) {
		return fmt.Errorf("%w: nothing is being tried: name a rollout that waits, or try one", ErrConflict)
	}
	switch q.Verb {
	case VerbPause:
		if s.Pause != nil && !slices.ContainsFunc(s.Requests, func(o Request) bool { return o.Verb == VerbResume }) {
			return fmt.Errorf("%w: %s already: resume ends it", ErrConflict, pausedBy(s.Pause))
		}
	case VerbResume:
		switch {
		case q.Rollout != "" && !active:
			return fmt.Errorf("%w: %s, so it cannot be resumed: name the one that is held, or none", ErrConflict, standing)
		case s.Pause == nil && !(active && (r.Phase == Held || r.Phase == Admitting && q.BreakGlass)):
			return fmt.Errorf("%w: nothing is paused or held: there is nothing to do", ErrConflict)
		case s.Pause == nil && !s.mayAdvance(q):
			return fmt.Errorf("%w: %s: %s cannot be resumed until then, unless an admin breaks the glass (--break-glass)", ErrConflict, s.hindrance(), r.ID)
		}
	case VerbAbort:
		if !waits && (!active || r.Phase == RollingBack) {
			return fmt.Errorf("%w: %s, so it cannot be aborted: name one that is being tried, or waits", ErrConflict, standing)
		}
	case VerbPromote:
		if !active || !r.promotable() {
			return fmt.Errorf("%w: %s, not in shadow, canary or hold, so it cannot be promoted: name one that is, or try it anew", ErrConflict, standing)
		}
		if !s.mayAdvance(q) {
			return fmt.Errorf("%w: %s: %s cannot be promoted until then, unless an admin breaks the glass (--break-glass)", ErrConflict, s.hindrance(), r.ID)
		}
	case VerbRollback:
		return s.sensibleRollback(q, kept)
	case VerbTry:
		return s.sensibleTry(q, kept)
	default:
		return fmt.Errorf("%w: no verb %q: use one of pause, resume, abort, promote, rollback and try", ErrBadRequest, q.Verb)
	}
	return nil
}

// sensibleGlass checks that a glass is there to be broken, and that it is said why.
func (s State) sensibleGlass(q Request) error {
	switch {
	case !q.BreakGlass:
		return nil
	case q.Verb != VerbPromote && q.Verb != VerbResume && q.Verb != VerbTry:
		return fmt.Errorf("%w: %s needs no broken glass: it happens in a freeze, too: leave it out", ErrBadRequest, q.Verb)
	case q.Why == "":
		return fmt.Errorf("%w: say why the glass is broken (why)", ErrBadRequest)
	case s.hindrance() == "":
		return fmt.Errorf("%w: nothing is frozen, so there is no glass to break: leave it out", ErrConflict)
	}
	return nil
}

// asked reports whether such a wish about a rollout waits for the leader.
func (s State) asked(v Verb, rollout string) bool {
	return slices.ContainsFunc(s.Requests, func(o Request) bool { return o.Verb == v && o.Rollout == rollout })
}

func (r Rollout) promotable() bool {
	return r.Phase == Shadow || r.Phase == Canary || r.Phase == Held && r.HeldFrom != Promoting
}

func (s State) sensibleTry(q Request, kept Kept) error {
	if q.Source == nil || q.Source.Bucket == "" || q.Source.Key == "" || q.Rollout == "" {
		return fmt.Errorf("%w: say which artifact to try, as s3://bucket/key", ErrBadRequest)
	}
	if s.holds(q.Rollout) || s.asked(VerbTry, q.Rollout) || kept.Rollout != nil {
		return fmt.Errorf("%w: a rollout is called %s already: choose another name for this one, or none", ErrConflict, q.Rollout)
	}
	return nil
}

// holds reports whether the state knows a rollout of that name.
func (s State) holds(id string) bool {
	is := func(r Rollout) bool { return r.ID == id }
	return s.Active != nil && is(*s.Active) || slices.ContainsFunc(s.Queue, is) || slices.ContainsFunc(s.Finished, is)
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
		return fmt.Errorf("%w: an intended change goes with try only: leave it out", ErrBadRequest)
	case c.Why == "" || len(c.Why) > maxIntent:
		return fmt.Errorf("%w: say in up to %d characters why the filter rate is meant to change (why)", ErrBadRequest, maxIntent)
	case c.FilterRate == 0 && len(c.Partners) == 0:
		return fmt.Errorf("%w: the intended change of the filter rate is 0: say by how much, such as 0.05 for 5 points", ErrBadRequest)
	case !possible(c.FilterRate):
		return fmt.Errorf("%w: the intended change of the filter rate is %v: want a share between -1 and 1, such as 0.05 for 5 points", ErrBadRequest, c.FilterRate)
	case len(c.Partners) > judge.MaxPartners:
		return fmt.Errorf("%w: the intended change names %d partners: want %d at most", ErrBadRequest, len(c.Partners), judge.MaxPartners)
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
	names := slices.Sorted(maps.Keys(c.Partners))
	for _, name := range names[:min(3, len(names))] {
		say += fmt.Sprintf(", that of %s by %+.1f", middle(name, maxName), 100*c.Partners[name])
	}
	if n := len(names) - 3; n > 0 {
		say += ", and of " + judge.Some(n, "more partner")
	}
	return say + ": " + c.Why
}

func (s State) sensibleRollback(q Request, kept Kept) error {
	switch {
	case q.Release == "":
		return fmt.Errorf("%w: there is no earlier release to go back to; name one", ErrConflict)
	case q.Release != s.Back() && !kept.Release:
		return fmt.Errorf("%w: no release %s in the store: see /v1/releases", ErrBadRequest, Short(q.Release))
	case q.Release == s.Stable && !s.begun():
		return fmt.Errorf("%w: %s is what serves: there is nothing to do; name another to go back to", ErrConflict, Short(q.Release))
	case s.Active == nil && (kept.Rollout != nil || s.holds(q.Rollout)):
		return fmt.Errorf("%w: %s: choose a new id (Idempotency-Key)", ErrConflict, s.standing(q.Rollout, kept.Rollout))
	}
	return nil
}

// Back is the release that a rollback without a name leads to: what is
// stable while something else is being tried, else the one before it.
func (s State) Back() string {
	if s.begun() {
		return s.Stable
	}
	return s.Previous
}

// Returned is the rollback by hand since which a rollback without a name may lead
// to what somebody has fled from; empty for none, and while a candidate is being
// tried, which is what to go back from.
func (s State) Returned() string {
	if s.begun() {
		return ""
	}
	return s.WentBack
}

// begun reports whether tasks have been asked for something because of the
// active rollout.
func (s State) begun() bool {
	return s.Active != nil && s.Active.Phase != Queued && s.Active.Phase != Admitting
}
