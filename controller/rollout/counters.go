package rollout

import (
	"fmt"
	"slices"
	"time"
)

// Counters are the numbers of a state that only ever grow.
type Counters struct{ Epoch, Event, Generation int64 }

// Counters of the state.
func (s State) Counters() Counters { return Counters{s.Epoch, s.LastEvent, s.Generation} }

// Behind reports whether any of the numbers is smaller than in o, as in a
// document that was restored from an earlier version.
func (c Counters) Behind(o Counters) bool {
	return c.Epoch < o.Epoch || c.Event < o.Event || c.Generation < o.Generation
}

// Bounds on numbers that come from outside.
const (
	maxCounter = 1 << 62 // in a state: far beyond what there can be, and far from an overflow
	maxAhead   = 1 << 32 // for which a task's word is taken, beyond lease and state
)

// checkCounters says whether numbers of a state cannot be.
func (s State) checkCounters() error {
	for _, n := range []int64{s.Epoch, s.LastEvent, s.Generation} {
		if n < 0 || n > maxCounter {
			return fmt.Errorf("epoch %d, event %d or generation %d cannot be: restore an earlier version of the state", s.Epoch, s.LastEvent, s.Generation)
		}
	}
	return nil
}

// Poisoned reports whether a task has been told an epoch or a generation that
// no controller of this fleet can have come to: it will obey none any more, and
// nothing may be reckoned from its numbers.
func (s State) Poisoned(t Task) bool {
	return t.Reachable && (t.Epoch-s.Epoch > maxAhead || t.Generation-s.Generation > maxAhead)
}

// Ahead is the newest epoch above least that a task can be believed to have
// seen; zero when there is none.
func (s State) Ahead(tasks []Task, least int64) (epoch int64) {
	for _, t := range tasks {
		if t.Reachable && t.Epoch > least && !s.Poisoned(t) {
			epoch = max(epoch, t.Epoch)
		}
	}
	return epoch
}

// Doubt says why a task does not obey the leader that wrote s, and what helps;
// empty when nothing speaks against it.
func (s State) Doubt(t Task) string {
	switch {
	case s.Poisoned(t):
		return fmt.Sprintf("poisoned: it was told epoch %d and generation %d, the leader is at %d and %d, so that it obeys no controller. Stop it in ECS, which starts another",
			t.Epoch, t.Generation, s.Epoch, s.Generation)
	case t.Reachable && t.Epoch > s.Epoch:
		return fmt.Sprintf("it obeys a newer controller: it has seen epoch %d, the leader's is %d. The leader takes a later one; where this stays, see what else talks to its control port",
			t.Epoch, s.Epoch)
	}
	return ""
}

// catchUp lifts the numbers of a state that went back above all that was seen
// with it or with tasks, so that tasks obey, counts of before are not taken for
// those of now, and no event has the number of another.
func (s *State) catchUp(seen Observation, now time.Time) {
	s.lookFor(seen.Tasks)
	top := max(s.Generation, seen.Known.Generation)
	for _, t := range seen.Tasks {
		if t.Reachable && !s.Poisoned(t) {
			top = max(top, t.Generation)
		}
	}
	if seen.Known == (Counters{}) && top == s.Generation {
		return
	}
	was := s.Counters()
	s.RestoredAt, s.Unseen = now, silent(seen.Tasks)
	s.LastEvent, s.Generation = max(s.LastEvent, seen.Known.Event), top+1
	if r := s.Active; r != nil { // its cohorts stay, and begin anew together
		r.Generation, r.StepSince, r.InvalidSince = s.Generation, time.Time{}, time.Time{}
	}
	s.tell(Event{At: now, Reason: Restored, Sentence: fmt.Sprintf(
		"the state went back to an earlier version (event %d, generation %d): it goes on from there, as event %d and generation %d",
		was.Event, was.Generation, s.LastEvent+1, s.Generation)})
}

// lookFor takes off the list of unseen tasks those that are seen, or run no more.
func (s *State) lookFor(tasks []Task) {
	if len(s.Unseen) == 0 {
		return
	}
	still := silent(tasks)
	s.Unseen = slices.DeleteFunc(s.Unseen, func(id string) bool { return !slices.Contains(still, id) })
}

// silent lists the tasks that run and cannot be reached.
func silent(tasks []Task) (ids []string) {
	for _, t := range tasks {
		if !t.Reachable {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

// BlameFrom is the moment from which on tasks may crash by the fault of the
// active rollout: no task had its candidate before. A rollout that is tried
// again, as by a state that was restored, may have been judged before.
func (s State) BlameFrom() time.Time {
	from := s.RestoredAt
	if s.Active == nil {
		return from
	}
	for _, e := range s.Active.History {
		if slices.Contains([]Phase{Shadow, Canary, Promoting}, e.To) {
			if e.At.After(from) {
				from = e.At
			}
			break
		}
	}
	return from
}

// CanarySince is when the shadow phase ended, and its tasks were asked to leave
// the candidate but for those that canary steps take.
func (r Rollout) CanarySince() time.Time {
	since := r.Since
	for _, e := range slices.Backward(r.History) {
		switch e.To { //nolint:exhaustive // the others begin neither
		case Shadow:
			return since
		case Canary:
			since = e.At
		}
	}
	return since
}
