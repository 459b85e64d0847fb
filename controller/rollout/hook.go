package rollout

import (
	"cmp"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// answer says what becomes of a deployment that waits at a PAUSE hook, where the
// fleet wants its word on that. It is told once, and repeated for as long as the
// deployment waits there.
func (s *State) answer(seen Observation, p Policies, now time.Time) []Action {
	d := s.Deployment
	if !p.AnswerHooks || !seen.DeploymentKnown || d == nil || d.Hook == nil || s.Default == "" {
		return nil
	}
	on, say := s.fitness(*d, seen)
	if say == "" {
		return nil
	}
	if told := fmt.Sprint(d.Hook.ID, " ", on); s.Answered != told {
		s.Answered = told
		s.tell(Event{At: now, Reason: HookAnswered, Sentence: say})
	}
	return []Action{Answer{*d.Hook, on}}
}

// fitness is what is known of the tasks that a deployment has started: they are
// unfit where one cannot serve what the fleet trusts, or auctions fare worse on
// them than on the others; and fit once all of them serve it, auctions fare well,
// and no worse on them where both get some. Empty while neither is so.
func (s State) fitness(d Deployment, seen Observation) (fit bool, say string) {
	of := cmp.Or(d.Revision, d.ID)
	fresh, serving := 0, 0
	busy := map[bool]bool{} // whether tasks get auctions, of the deployment and others
	for _, t := range seen.Tasks {
		is := t.Stratum.Deployment == d.ID
		busy[is] = busy[is] || !t.Idle
		if !is {
			continue
		}
		if t.FailedRelease == s.Default && t.Failure != "" && !transient(t) {
			return false, fmt.Sprintf("%s goes back: its task %s cannot serve %s: %s", of, t.ID, Short(s.Default), t.Failure)
		}
		if fresh++; t.Reachable && t.Ready && t.Serving == s.Default {
			serving++
		}
	}
	if v := seen.Builds; v != nil && v.Outcome == judge.Worse {
		return false, fmt.Sprintf("%s goes back: %s", of, v.Sentence)
	}
	if fresh == 0 || serving < fresh || fresh < seen.Desired || len(seen.Unwell) > 0 {
		return false, ""
	}
	fares := "nothing is wrong with auctions"
	if busy[true] && busy[false] {
		if seen.Builds == nil || seen.Builds.Outcome != judge.Acceptable {
			return false, ""
		}
		fares = seen.Builds.Sentence
	}
	return true, fmt.Sprintf("%s goes on: all of its %s serve %s, and %s", of, judge.Some(fresh, "task"), Short(s.Default), fares)
}
