package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/sorting"
)

// Urgent reports whether a person waits for stable: a rollback or an abort has
// been taken, and nobody has acted on it.
func (s State) Urgent() bool {
	return slices.ContainsFunc(s.Requests, func(q Request) bool { return q.Verb == VerbRollback || q.Verb == VerbAbort })
}

// hear turns what people asked into places in the queue, the fleet's pause, or
// a wish that a rollout will meet. Danger is heard first - to go back, to give
// up, to pause - and of equals who asked first; who is overruled by that is
// told so. Each request ends in one event, here or where it is met.
func (s *State) hear(p Policies, now time.Time) {
	asked := s.Requests
	s.Requests = nil
	sorting.StableBy(asked, func(a, b *Request) int { return a.Verb.turn() - b.Verb.turn() })
	var pause, resume *Request // of this very look
	for _, q := range asked {
		if !slices.ContainsFunc(s.Wishes, func(w Wish) bool { return w.ID == q.ID }) {
			q = s.aimed(q) // an older program took it, and named nothing
		}
		switch q.Verb {
		case VerbTry:
			s.enqueue(Rollout{
				ID: q.Rollout, Source: *q.Source, By: q.By, CompletedAt: q.At, Intended: q.Intended, Asked: &q, BrokeGlass: q.BreakGlass, Tried: q.By, TriedHow: q.How,
				Reason: Asked, Sentence: q.told() + meaning(q.Intended),
			}, p, now)
		case VerbRollback:
			s.askBack(q, now)
		case VerbAbort:
			s.ask(q, now)
		case VerbPause:
			if pause != nil {
				s.second(q, *pause, now)
				continue
			}
			pause, s.Pause = &q, &Pause{By: q.By, Why: q.Why, At: q.At}
			s.tell(Event{At: now, Reason: Paused, By: q.By, Wish: q.ID, Sentence: pausedBy(s.Pause)})
		case VerbResume, VerbPromote:
			switch {
			case pause != nil:
				s.overrule(q, *pause, now)
			case q.Verb == VerbResume && resume != nil:
				s.second(q, *resume, now)
			case q.Verb == VerbPromote || s.Pause == nil:
				s.ask(q, now)
			default:
				resume, s.Pause = &q, nil
				s.tell(Event{At: now, Reason: Resumed, By: q.By, Wish: q.ID, Sentence: because("resumed by "+q.By, q.Why)})
			}
		}
	}
}

// turn is when a verb is heard among others of the same look. What is to be
// tried takes its place in the queue before all, so that it can be given up.
func (v Verb) turn() int {
	switch v {
	case VerbTry:
		return 0
	case VerbRollback:
		return 1
	case VerbAbort:
		return 2
	case VerbPause:
		return 3
	case VerbResume, VerbPromote:
	}
	return 4
}

// askBack makes sure that there is a rollout to be rolled back.
func (s *State) askBack(q Request, now time.Time) {
	if s.Active == nil {
		s.Active = &Rollout{
			ID: q.Rollout, Candidate: s.Stable, Against: q.Release, Phase: Queued, Reason: Asked,
			CompletedAt: q.At, FoundAt: now, Since: now,
		}
	}
	r := s.Active
	q.Rollout = r.ID // the one that the first rollback of this look is about
	if r.Asked == nil && r.Phase == RollingBack && q.Release == s.Stable {
		s.end(q, Seconded, fmt.Sprintf("rollback asked by %s: %s goes back to %s already (%s)", q.By, r.ID, Short(s.Stable), r.Reason), now)
		return
	}
	s.ask(q, now)
}

// ask leaves a wish with the rollout it is about, unless that has been asked
// already: the first that was heard is met.
func (s *State) ask(q Request, now time.Time) {
	var r *Rollout
	if s.Active != nil && s.Active.ID == q.Rollout {
		r = s.Active
	}
	for i := range s.Queue {
		if s.Queue[i].ID == q.Rollout && q.Verb == VerbAbort {
			r = &s.Queue[i]
		}
	}
	switch {
	case q.Rollout == "":
		s.tooLate(q, "nothing is paused", now)
	case r == nil:
		s.tooLate(q, s.standing(q.Rollout, nil), now)
	case r.Asked == nil:
		r.Asked, r.By = &q, q.By
	case s.fulfils(*r.Asked, q):
		s.second(q, *r.Asked, now)
	default:
		s.overrule(q, *r.Asked, now)
	}
}

// fulfils reports whether what is done does all that q asks as well.
func (s State) fulfils(done, q Request) bool {
	if done.Verb == VerbRollback && q.Verb == VerbAbort {
		return done.Release == s.Stable
	}
	return done.Verb == q.Verb && done.Release == q.Release
}

func (s *State) second(q, by Request, now time.Time) {
	s.end(q, Seconded, fmt.Sprintf("%s asked by %s: done with the %s that %s had asked", q.Verb, q.By, by.Verb, by.By), now)
}

func (s *State) overrule(q, by Request, now time.Time) {
	s.end(q, Overruled, fmt.Sprintf("%s asked by %s does not happen: %s, asked by %s, goes first", q.Verb, q.By, aim(by), by.By), now)
}

func (s *State) tooLate(q Request, standing string, now time.Time) {
	s.end(q, TooLate, fmt.Sprintf("%s asked by %s came too late: %s", q.Verb, q.By, standing), now)
}

// end tells what became of a wish that changed nothing.
func (s *State) end(q Request, how Reason, say string, now time.Time) {
	s.tell(Event{At: now, Rollout: q.Rollout, Reason: how, By: q.By, Wish: q.ID, Sentence: say})
}

// told is what was asked, by whom and why.
func (q Request) told() string { return because(string(q.Verb)+" asked by "+q.By, q.Why) }

// because adds a reason, where one was given.
func because(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

func aim(q Request) string {
	if q.Verb == VerbRollback {
		return "rollback to " + Short(q.Release)
	}
	return string(q.Verb)
}
