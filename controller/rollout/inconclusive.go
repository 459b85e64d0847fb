package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// Way is what becomes of a rollout of which more of the same will not tell.
type Way string

// The ways.
const (
	Extend   Way = "extend"    // go on comparing, for some more phase_waits
	Hold     Way = "hold"      // stand still for a person, until hold_for is over
	RollBack Way = "roll_back" // at once
)

// InconclusivePolicy declares a way for each class of inconclusive verdicts.
// All of them have an end, and it is stable.
type InconclusivePolicy struct {
	Floor      Way     `yaml:"floor"`       // more traffic brings no information
	Borderline Way     `yaml:"borderline"`  // on the edge of the band
	Starved    Way     `yaml:"starved"`     // too little traffic
	PhaseWaits float64 `yaml:"phase_waits"` // that an extended phase may take in all, 1 to 100
}

// check returns what is wrong with p, naming the setting and what it may be.
func (p InconclusivePolicy) check() error {
	for _, s := range []struct {
		name string
		way  Way
	}{{"floor", p.Floor}, {"borderline", p.Borderline}, {"starved", p.Starved}} {
		switch s.way {
		case Extend, Hold, RollBack:
		default:
			return fmt.Errorf("inconclusive.%s is %q: want extend, hold or roll_back", s.name, s.way)
		}
	}
	if !(p.PhaseWaits >= 1 && p.PhaseWaits <= 100) {
		return fmt.Errorf("inconclusive.phase_waits is %v: want 1 to 100 times phase_wait", p.PhaseWaits)
	}
	return nil
}

// way is the declared one. A class that nobody has heard of stands still.
func (p InconclusivePolicy) way(c judge.Class) Way {
	switch c {
	case judge.Floor:
		return p.Floor
	case judge.Borderline:
		return p.Borderline
	case judge.Starved:
		return p.Starved
	}
	return Hold
}

// end is when a phase that began at since is over, however often it was
// extended.
func (p Policy) end(since time.Time) time.Time {
	return since.Add(time.Duration(p.Inconclusive.PhaseWaits * float64(p.PhaseWait)))
}

// undecided is what becomes of a phase that no verdict leads out of. Who has
// looked at a doubt and let the rollout go on is not asked again in that phase.
func undecided(r Rollout, v *judge.Verdict, p Policy, now time.Time) move {
	if v != nil && v.Holds && !r.doubted() {
		return move{Held, r.Step, Doubtful, v.Sentence}
	}
	extended := r.Extended()
	if end := p.end(r.Since); extended && !now.Before(end) {
		return move{RollingBack, r.Step, Inconclusive, fmt.Sprintf("%s: no verdict within %v phase_waits of %v (inconclusive.phase_waits): %s",
			label(v), p.Inconclusive.PhaseWaits, p.PhaseWait, lastWord(v))}
	}
	if v != nil && v.Outcome == judge.Inconclusive && !r.StepSince.IsZero() && v.At.After(r.StepSince) {
		if m := unclear(r, v, p, now); m.why != "" {
			return m
		}
	}
	if !extended && now.Sub(r.Since) >= p.PhaseWait {
		return move{Held, r.Step, Inconclusive, fmt.Sprintf("no verdict within %v (phase_wait): %s", p.PhaseWait, lastWord(v))}
	}
	return stay(r)
}

// has reports whether the phase has come to a reason since it was entered: tasks
// may have changed sides since then.
func (r Rollout) has(why Reason) bool {
	return r.Reason == why || slices.ContainsFunc(r.History, func(e Event) bool { return e.Reason == why && !e.At.Before(r.Since) })
}

// Extended reports whether the phase may take longer than phase_wait.
func (r Rollout) Extended() bool { return r.has(Extended) }

// doubted reports whether the phase has been held for a doubt: only a person
// lets it go on after that.
func (r Rollout) doubted() bool {
	return slices.ContainsFunc(r.History, func(e Event) bool { return e.Reason == Doubtful && e.From == r.Phase && e.Step == r.Step })
}

// unclear follows the declared way, once: a phase is extended one time, and
// one that a person let go on is not held again before phase_wait is over.
func unclear(r Rollout, v *judge.Verdict, p Policy, now time.Time) move {
	way := p.Inconclusive.way(v.Class)
	declared := fmt.Sprintf("inconclusive.%s: %s", v.Class, way)
	switch way {
	case RollBack:
		return move{RollingBack, r.Step, Inconclusive, fmt.Sprintf("%s: %s (%s): %s", label(v), v.Class, declared, v.Sentence)}
	case Hold:
		if r.has(Resumed) {
			break
		}
		return move{Held, r.Step, Inconclusive, fmt.Sprintf("%s: held until %s, then back (%s; hold_for %v): %s",
			v.Class, moment(now.Add(p.HoldFor)), declared, p.HoldFor, v.Sentence)}
	case Extend:
		if r.Extended() {
			break
		}
		return move{r.Phase, r.Step, Extended, fmt.Sprintf("%s: goes on until %s, then back (%s; %v phase_waits of %v): %s",
			v.Class, moment(p.end(r.Since)), declared, p.Inconclusive.PhaseWaits, p.PhaseWait, v.Sentence)}
	}
	return stay(r)
}

// expired is the way out of a hold that nobody ended.
func expired(r Rollout, v *judge.Verdict, p Policy) move {
	if r.Reason == Inconclusive {
		return move{RollingBack, r.Step, Inconclusive, fmt.Sprintf("%s: held for %v (hold_for) and nobody came; before that: %s", label(v), p.HoldFor, r.Sentence)}
	}
	if r.Reason == Deploying {
		return move{RollingBack, r.Step, HoldExpired, fmt.Sprintf("held for %v (hold_for), and the deployment is not over: %s", p.HoldFor, r.Sentence)}
	}
	return move{RollingBack, r.Step, HoldExpired, fmt.Sprintf("held for %v (hold_for) and nobody came; before that: %s", p.HoldFor, r.Sentence)}
}

// label tells who comes across the rollout later what going back without a
// verdict says of the candidate: nothing, if there was something to see.
func label(v *judge.Verdict) string {
	if v != nil && (v.Outcome == judge.Inconclusive || v.Outcome == judge.Unsure || v.Outcome == judge.Acceptable) {
		return "inconclusive, not harmful"
	}
	return "inconclusive, with nothing to compare"
}

func lastWord(v *judge.Verdict) string {
	if v == nil {
		return "nothing was counted"
	}
	return v.Sentence
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
