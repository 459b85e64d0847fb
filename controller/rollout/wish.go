package rollout

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// WishKept is for how long a wish is remembered at least, so that asking again
// with the same ID gives the first answer and has no second effect.
const WishKept = 24 * time.Hour

// wishHours is in which hour a wish that has ended is forgotten: the first of
// them may have been nearly over when it ended.
const wishHours = int(WishKept/time.Hour) + 1

// How many wishes are remembered. Danger does not wait for others to be
// forgotten: the last quarter is kept for it.
const (
	maxWishes = 256
	maxOthers = 192
)

// Wish is what is remembered of a request: its answer, as far as who asks
// again does not bring it along, and what became of it.
type Wish struct {
	ID       string    `json:"id"`
	Asks     string    `json:"asks"` // digest of what was asked
	Verb     Verb      `json:"verb"`
	By       string    `json:"by"`
	How      string    `json:"how,omitempty"` // By is proven; empty: it is not
	At       time.Time `json:"at"`
	Rollout  string    `json:"rollout,omitempty"` // the one it turned out to be about
	Release  string    `json:"release,omitempty"`
	Revision int64     `json:"revision,omitempty"`
	Became   Reason    `json:"became,omitempty"` // of the one event in which it ended; empty before
	Hours    int       `json:"hours,omitempty"`  // that leaders have counted since then
}

// Seen is what a person was looking at when asking. What is nil was not told.
type Seen struct {
	Revision *int64  `json:"revision,omitempty"` // State.LastEvent
	Rollout  *string `json:"rollout,omitempty"`  // the active one; empty: none
	Release  *string `json:"release,omitempty"`  // the stable one; empty: none
}

// Danger reports whether the verb makes things safer, and so goes first.
func (v Verb) Danger() bool { return v == VerbRollback || v == VerbAbort || v == VerbPause }

// Override reports whether the verb goes over what the judge or somebody else has
// decided, so that it takes a reason.
func (v Verb) Override() bool { return v != VerbPause && v != VerbResume }

// asks is the same for requests that ask the same.
func (q Request) asks() string {
	q.ID, q.At, q.Seen, q.Revision = "", time.Time{}, nil, 0
	q.How, q.Claim, q.From = "", "", "" // a retry may come another way
	body, err := json.Marshal(q)
	if err != nil {
		return "" // no number: turned away for that
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:16])
}

// Remembers reports whether a wish of that ID has been taken.
func (s State) Remembers(id string) bool {
	return slices.ContainsFunc(s.Wishes, func(w Wish) bool { return w.ID == id })
}

// remembered returns the first answer to a wish that is asked again.
func (s State) remembered(q Request) (answer Request, known bool, err error) {
	i := slices.IndexFunc(s.Wishes, func(w Wish) bool { return w.ID == q.ID })
	if i < 0 {
		return q, false, nil
	}
	w := s.Wishes[i]
	if w.Asks != q.asks() {
		return q, true, fmt.Errorf("%w: %s is the id of another wish already, %s asked by %s at %s: choose a new id (Idempotency-Key) for each wish",
			ErrConflict, w.ID, w.Verb, w.By, w.At.UTC().Format(time.RFC3339))
	}
	q.At, q.Rollout, q.Release, q.Revision, q.Seen = w.At, w.Rollout, w.Release, w.Revision, nil
	return q, true, nil
}

// remember keeps a wish that is taken, and forgets as many of those that have
// ended as must be.
func (s *State) remember(q Request, asks string) {
	if len(s.Wishes) >= maxWishes {
		if i := slices.IndexFunc(s.Wishes, func(w Wish) bool { return w.Became != "" }); i >= 0 {
			s.Wishes = slices.Delete(s.Wishes, i, i+1)
		}
	}
	s.Wishes = append(s.Wishes, Wish{ID: q.ID, Asks: asks, Verb: q.Verb, By: q.By, How: q.How, At: q.At, Rollout: q.Rollout, Release: q.Release, Revision: q.Revision})
}

// ageWishes counts the hours since wishes have ended, and forgets those of a day
// ago. When they were asked and when they ended is told by clocks that may be
// days off, so that no two moments are compared but those of two looks with an
// hour between them: longer, a clock was changed or nobody led, and nothing is
// known of the time.
func (s *State) ageWishes(now time.Time) {
	ended := func(w Wish) bool { return w.Became != "" }
	passed := now.Sub(s.Aged)
	switch {
	case !slices.ContainsFunc(s.Wishes, ended):
		s.Aged = time.Time{}
		return
	case passed >= 0 && passed < time.Hour:
		return
	}
	s.Aged = now
	if passed < 0 || passed >= 2*time.Hour {
		return
	}
	for i := range s.Wishes {
		if ended(s.Wishes[i]) {
			s.Wishes[i].Hours++
		}
	}
	s.Wishes = slices.DeleteFunc(s.Wishes, func(w Wish) bool { return w.Became != "" && w.Hours >= wishHours })
}

// became notes in which event a wish has ended.
func (s *State) became(e Event) {
	for i := range s.Wishes {
		if w := &s.Wishes[i]; e.Wish != "" && w.ID == e.Wish {
			w.Became = e.Reason
		}
	}
}

// aimed names what q is about, as things stand: later, "the one before" may be
// another.
func (s State) aimed(q Request) Request {
	active := ""
	if s.Active != nil {
		active = s.Active.ID
	}
	switch q.Verb {
	case VerbAbort, VerbPromote:
		q.Rollout = cmp.Or(q.Rollout, active)
	case VerbResume:
		if s.Pause == nil { // else it is the pause that ends
			q.Rollout = cmp.Or(q.Rollout, active)
		}
	case VerbRollback:
		q.Release = cmp.Or(q.Release, s.Back())
		q.Rollout = cmp.Or(active, "rollback-"+q.ID)
	case VerbPause, VerbTry:
	}
	q.Seen = nil
	return q
}

// current checks that what the asker was looking at is still so. Danger goes
// on whatever has happened since, unless its target is gone.
func (s State) current(q Request) error {
	if q.Seen == nil || q.Verb == VerbPause {
		return nil
	}
	if q.Verb == VerbRollback && q.Release != "" || q.Verb == VerbAbort && q.Rollout != "" {
		return nil
	}
	active := ""
	if s.Active != nil {
		active = s.Active.ID
	}
	if saw := q.Seen.Rollout; saw != nil && *saw != active && q.Verb != VerbTry { // which waits for its turn anyhow
		return fmt.Errorf("%w: %s when you looked; now %s: look again", ErrConflict, tried(*saw), s.standing(active, nil))
	}
	if saw := q.Seen.Release; saw != nil && *saw != s.Stable && q.Verb != VerbAbort {
		return fmt.Errorf("%w: %s was stable when you looked; now it is %s: look again", ErrConflict, named(*saw), named(s.Stable))
	}
	if saw := q.Seen.Revision; saw != nil && !q.Verb.Danger() {
		return s.since(*saw, cmp.Or(q.Rollout, active))
	}
	return nil
}

// since checks that nothing has happened to a rollout or to the fleet itself
// after a revision. What cannot be known counts as if it had.
func (s State) since(revision int64, id string) error {
	if revision > s.LastEvent || len(s.Events) > 0 && revision < s.Events[0].Seq-1 {
		return fmt.Errorf("%w: you were looking at revision %d, and it is %d now: look again", ErrConflict, revision, s.LastEvent)
	}
	for _, e := range slices.Backward(s.Events) {
		if e.Seq <= revision {
			break
		}
		if e.Rollout == "" && e.Reason != TuningAwaited && e.Reason != Tuned || e.Rollout == id { // training jobs that wait change nothing here
			return fmt.Errorf("%w: since revision %d, at which you were looking: %s: look again (%d)", ErrConflict, revision, e.Sentence, s.LastEvent)
		}
	}
	return nil
}

// standing is what is to be said of a rollout as things stand. over is the one
// of that name in the archive, if there is one.
func (s State) standing(id string, over *Rollout) string {
	if id == "" {
		return "nothing is being tried"
	}
	if s.Active != nil && s.Active.ID == id {
		return id + " is " + s.Active.Phase.words()
	}
	for _, r := range s.Queue {
		if r.ID == id {
			return id + " waits for its turn"
		}
	}
	for i := range s.Finished {
		if s.Finished[i].ID == id {
			over = &s.Finished[i]
		}
	}
	if over != nil {
		return fmt.Sprintf("%s is over since %s: %s (%s)", id, over.Since.UTC().Format(time.RFC3339), over.Phase, over.Reason)
	}
	return "there is no rollout " + id
}

func (p Phase) words() string {
	switch p {
	case Shadow, Canary:
		return "in " + string(p)
	case RollingBack:
		return "going back"
	case Queued, Admitting, Held, Promoting, Live, RolledBack, Refused, Superseded:
	}
	return string(p)
}

func tried(id string) string {
	if id == "" {
		return "nothing was being tried"
	}
	return id + " was being tried"
}

func named(digest string) string {
	if digest == "" {
		return "none"
	}
	return Short(digest)
}
