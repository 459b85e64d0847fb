package rollout

import (
	"fmt"
	"slices"

	"github.com/sluicehq/sluice/controller/judge"
)

// mostSwapped is how many tasks of one rollout may change sides: more suspects
// than that are the candidate.
const mostSwapped = 2

// suspected swaps the one task that fails or is slow while it serves the
// candidate with a control of the same stratum, under a new generation. If the
// harm stays with the task it is its own; if it follows the candidate, it is not.
func (s State) suspected(seen Observation) (move, bool) {
	r, v := *s.Active, seen.Verdict
	if v == nil || v.Suspect == "" || v.Outcome == judge.Worse || r.StepSince.IsZero() || !v.At.After(r.StepSince) {
		return move{}, false
	}
	with, found := s.counterpart(v.Suspect, seen.Tasks)
	if !found {
		return move{}, false
	}
	say := fmt.Sprintf("task %s alone fails or is slow; it goes back to stable and %s takes the candidate, to see whom the harm follows. %s",
		v.Suspect, with, v.Sentence)
	return move{Canary, r.Step, ChangeSides, say}, true
}

// counterpart is the control that takes the candidate from a suspect.
func (s State) counterpart(suspect string, tasks []Task) (control string, found bool) {
	r := s.Active
	at, runs := find(tasks, suspect)
	if !runs || !slices.Contains(r.CanaryTasks, suspect) || r.hasSwapped(suspect) || len(r.Swapped) >= mostSwapped {
		return "", false
	}
	for _, id := range slices.Backward(r.ControlTasks) {
		i, runs := find(tasks, id)
		if !runs {
			continue
		}
		if t := tasks[i]; t.Stratum == tasks[at].Stratum && t.Reachable && t.Ready && t.Serving == s.Stable && !s.Poisoned(t) && !r.hasSwapped(id) {
			return id, true
		}
	}
	return "", false
}

// changeSides does what suspected has said: the control becomes a canary as
// soon as the suspect has left the candidate.
func (s *State) changeSides(seen Observation) {
	r := s.Active
	suspect := seen.Verdict.Suspect
	control, found := s.counterpart(suspect, seen.Tasks)
	if !found {
		return
	}
	s.Generation++
	r.Generation = s.Generation
	r.CanaryTasks = slices.DeleteFunc(r.CanaryTasks, func(id string) bool { return id == suspect })
	r.Leaving = append(r.Leaving, suspect)
	r.ControlTasks[slices.Index(r.ControlTasks, control)] = suspect
	r.Swapped = append(r.Swapped, Swapped{suspect, control})
}

// Swapped is a canary that changed sides, and the control that took its place.
type Swapped struct {
	Task string `json:"task"`
	With string `json:"with"`
}

// takers are the controls that are to be canaries instead of suspects.
func (r Rollout) takers() (all []string) {
	for _, s := range r.Swapped {
		all = append(all, s.With)
	}
	return all
}

// hasSwapped reports whether a task was part of a swap.
func (r Rollout) hasSwapped(task string) bool {
	return slices.ContainsFunc(r.Swapped, func(s Swapped) bool { return s.Task == task || s.With == task })
}
