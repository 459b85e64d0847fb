package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

const (
	// GuardFor is how long a task stays protected from scale-in if nobody asks
	// again, so that a controller that is gone for good keeps no task alive.
	GuardFor = time.Hour

	// guardApart is by how much the end of a protection may differ from the one
	// that was asked for and still be that: clocks differ, and calls take time.
	guardApart = 2 * time.Minute
)

// Guard is what ECS has been asked for, for one task: until when it is to be
// protected, and until when it was before, since a call may fail. Zero for one
// that somebody else protects.
type Guard struct {
	Until  time.Time `json:"until,omitzero"`
	Before time.Time `json:"before,omitzero"`
}

// of reports whether a protection with that end is what was asked for.
func (g Guard) of(until time.Time) bool {
	return until.Sub(g.Until).Abs() <= guardApart || until.Sub(g.Before).Abs() <= guardApart
}

// again is what is asked for now.
func (g Guard) again(t Task, now time.Time) Guard {
	if due := now.Add(GuardFor); due.Sub(g.Until).Abs() > guardApart/2 {
		return Guard{Until: due, Before: t.ProtectedUntil}
	}
	return g
}

// Foreign reports whether somebody else protects a task from scale-in.
func (s State) Foreign(t Task) bool {
	return !t.ProtectedUntil.IsZero() && !s.Guards[t.ID].of(t.ProtectedUntil)
}

// guard returns what must change so that canaries, and nobody else, are
// protected from scale-in by us, and remembers what is asked for: the end of a
// protection is all that ECS tells of who has set it. What others protect is
// theirs. While the service is deployed nobody is protected: the deployment
// would wait for as long as that.
func (s *State) guard(tasks []Task, now time.Time) (actions []Action) {
	s.adopt(tasks, now)
	var canaries []string
	if r := s.Active; r != nil && r.Comparing() == Canary && s.Deployment == nil {
		canaries = r.CanaryTasks
	}
	guards := make(map[string]Guard, len(s.Guards))
	var stay []Task
	for _, t := range tasks {
		asked, known := s.Guards[t.ID]
		on, foreign := slices.Contains(canaries, t.ID), s.Foreign(t)
		switch {
		case foreign && on:
			guards[t.ID] = Guard{}
		case foreign && known:
			stay = append(stay, t)
		case foreign:
		case on && t.Protected:
			guards[t.ID] = asked
		case on:
			actions, guards[t.ID] = append(actions, Protect{t.ID, true}), asked.again(t, now)
		case t.Protected || !t.ProtectedUntil.IsZero():
			actions, guards[t.ID] = append(actions, Protect{t.ID, false}), asked
		}
	}
	s.Guards = guards
	if len(stay) > 0 {
		s.tell(Event{At: now, Reason: ProtectedElse, Sentence: staying(stay)})
	}
	return actions
}

// adopt takes over what a version has protected that did not remember it: its
// canaries, for no longer than it did.
func (s *State) adopt(tasks []Task, now time.Time) {
	if s.Guards != nil {
		return
	}
	s.Guards = map[string]Guard{}
	if s.Active == nil {
		return
	}
	for _, t := range tasks {
		ours := slices.Contains(s.Active.CanaryTasks, t.ID) || slices.Contains(s.Active.Leaving, t.ID)
		if ours && !t.ProtectedUntil.IsZero() && t.ProtectedUntil.Sub(now) <= GuardFor+guardApart {
			s.Guards[t.ID] = Guard{Until: t.ProtectedUntil}
		}
	}
}

// staying says which tasks stay protected, as somebody else wants it.
func staying(tasks []Task) string {
	var names []string
	last := time.Time{}
	for _, t := range tasks {
		names = append(names, t.ID)
		if t.ProtectedUntil.After(last) {
			last = t.ProtectedUntil
		}
	}
	verb := "stays"
	if len(tasks) > 1 {
		verb = "stay"
	}
	return fmt.Sprintf("%s %s protected from scale-in until %s, as somebody else wants: %s",
		judge.Some(len(tasks), "former canary task"), verb, moment(last), listed(names))
}
