package nights

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/rollout"
)

// wish is what a person wants, and all that became of it. Every state that is
// stored follows from one that was, so that their order is the one in which
// wishes took effect: a wish is noted once, taken once, ends in an event that
// names who asked, and does what it meant when it was noted.
type wish struct {
	id, by string
	verb   rollout.Verb
	ask    api.Ask

	noted, taken int    // times
	target       string // release that a rollback meant when it was noted
	rollout      string // that it was about, if tasks had been asked for something because of it
	said         bool   // an event names who asked
	yes, no      int    // answers
	unknown      int    // answers that were lost
	tries        atomic.Int64
	lately       time.Time // when it was noted or taken last
	excused      bool      // a state of before was restored since
}

// times is how often the client has asked.
func (x *wish) times() int64 { return x.tries.Load() }

// about is what a wish says, for the story.
func (x *wish) about(w *world) string {
	var say []string
	for _, part := range []string{w.named(x.ask.Release), x.ask.Rollout, x.ask.Source} {
		if part != "" {
			say = append(say, part)
		}
	}
	return strings.Join(append(say, "as "+x.id), " ")
}

// answered notes what a client was told.
func (w *world) answered(x *wish, _ api.Request, err error) error {
	var r *api.Refusal
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		x.yes++
	case errors.As(err, &r) && r.Status < 500:
		x.no++
	default:
		x.unknown++
	}
	return err
}

// meant is the release to which a rollback leads as things stand, where who
// asks for it names one or none.
func meant(s rollout.State, named string) string {
	switch {
	case named != "":
		return named
	case begun(s.Active):
		return s.Stable
	}
	return s.Previous
}

func begun(r *rollout.Rollout) bool {
	return r != nil && r.Phase != rollout.Queued && r.Phase != rollout.Admitting
}

func waits(s rollout.State, id string) bool {
	for _, q := range s.Requests {
		if q.ID == id {
			return true
		}
	}
	return false
}

// heard follows the wishes from one state to the next.
func (w *world) heard(old, s rollout.State) {
	for _, q := range s.Requests {
		x := w.known(q.ID)
		if x == nil || waits(old, q.ID) {
			continue
		}
		x.noted++
		x.lately, w.stirred = time.Now(), time.Now()
		if x.noted > 1 && !x.excused {
			kind := "wish repeated"
			if x.times() == 1 {
				kind = "wish retried" // nobody asked again but the store's own client
			}
			w.fail(kind, "%s asked by %s is noted again, after it was taken: sentence 8", q.Verb, q.By)
		}
		x.target = meant(old, x.ask.Release)
		if begun(old.Active) && (q.Rollout == "" || q.Rollout == old.Active.ID) {
			x.rollout = old.Active.ID
		}
	}
	for _, q := range old.Requests {
		x := w.known(q.ID)
		if x == nil || waits(s, q.ID) {
			continue
		}
		x.lately, w.stirred = time.Now(), time.Now()
		if x.taken++; x.taken > 1 && !x.excused {
			w.fail("wish repeated", "%s asked by %s has taken effect twice: sentence 8", q.Verb, q.By)
		}
	}
}

func (w *world) known(id string) *wish {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wishes[id]
}

// meet compares what a state does with what was wished.
func (w *world) meet(old, s rollout.State) {
	r := s.Active
	promoted := r != nil && r.Phase == rollout.Promoting && r.Reason == rollout.PromotedByHand
	for _, q := range old.Requests {
		x := w.known(q.ID)
		if x == nil || x.excused || waits(s, q.ID) {
			continue
		}
		danger := q.Verb == rollout.VerbRollback || q.Verb == rollout.VerbAbort
		switch {
		case danger && promoted && x.rollout == r.ID:
			w.fail("danger overruled", "%s asked by %s was there, and %s is promoted by hand all the same: sentence 8", q.Verb, q.By, r.ID)
		case q.Verb == rollout.VerbRollback && r != nil && r.Reason == rollout.RollbackByHand && r.By == q.By && s.Stable != x.target:
			w.fail("wish elsewhere", "rollback asked by %s meant %s, and leads to %s: sentence 8", q.By, w.named(x.target), w.named(s.Stable))
		}
	}
}

// mentions notes whom an event names.
func (w *world) mentions(e rollout.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range w.wishes {
		if e.By == x.by || strings.Contains(e.Sentence, x.by) {
			x.said = true
		}
	}
}

// restoring excuses all wishes: what became of them may be forgotten, and what
// was to become of them may come back.
func (w *world) restoring([]byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range w.wishes {
		x.excused = true
	}
}

// atDawn looks at what a wish has come to in the end.
func (x *wish) atDawn(w *world) {
	what := fmt.Sprintf("%s asked by %s", x.verb, x.by)
	switch {
	case x.excused:
	case x.yes > 0 && x.noted == 0:
		w.fail("wish lost", "%s was answered with yes, and never noted: sentence 8", what)
	case x.yes == 0 && x.unknown == 0 && x.no > 0 && x.noted > 0:
		w.fail("wish refused", "%s was turned away, and noted all the same: sentence 8", what)
	case time.Since(x.lately) < soon:
	case x.noted > 0 && x.taken == 0:
		w.fail("wish waits", "%s was noted, and nobody took it: sentence 8", what)
	case x.taken > 0 && !x.said:
		w.fail("wish unsaid", "%s was taken, and no event says what became of it: sentence 8", what)
	}
}
