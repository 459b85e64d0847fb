package simulation

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// One bad partner of a hundred ends a rollout in the shadow phase, before
// anybody is answered by the candidate, and is named; twice the same.
func TestPlay(t *testing.T) {
	s := Scenario{Truth: Harmful, Shift: .12, Partner: 8}
	for _, kind := range Kinds() {
		got := play(newMarket(1, kind, s), policies(), nil)
		if got.Ending != RolledBack || got.Reason != rollout.CandidateWorse || got.Phase != rollout.Shadow ||
			got.Exposed != 0 || got.Invalid != 0 || got.Gate != judge.GatePartnersPaired || !slices.Contains(got.Culprits, partnerName(7)) {
			t.Errorf("%s: %+v", kind, got)
		}
		if again := play(newMarket(1, kind, s), policies(), nil); !reflect.DeepEqual(got, again) {
			t.Errorf("%s: the same seed gives\n%+v and\n%+v", kind, got, again)
		}
	}
}

// Gross harm ends a rollout at its first sight, by the breaker.
func TestBroken(t *testing.T) {
	for name, s := range map[string]Scenario{
		"a task crashed while it served the candidate: task-00": {Crashes: true, After: 5 * time.Minute},
		"of the candidate's latest":                             {ErrorRatio: 600},
	} {
		var canary, crashed int
		var last step
		got := play(newMarket(1, Short, s), policies(), func(s step) {
			last = s
			canary += len(s.tasks[judge.CandidateArm])
			crashed += s.stats.Crashes[judge.CandidateArm] + s.stats.Crashes[judge.ControlArm]
		})
		if got.Ending != RolledBack || got.Reason != rollout.Breaker || got.Phase != rollout.Canary || got.Invalid != 0 ||
			got.Gate != judge.GateBreaker || !strings.Contains(got.Sentence, name) {
			t.Errorf("%s: %+v", name, got)
		}
		if !s.Crashes && canary != 2 {
			t.Errorf("%s: gross harm for %d looks of a canary task, want one of two tasks", name, canary)
		}
		if s.Crashes && (crashed != 1 || last.stats.Crashes[judge.CandidateArm] != 1 || last.stats.Load[judge.CandidateArm].Tasks != 1) {
			t.Errorf("%s: %d crashes, at last %+v of %+v", name, crashed, last.stats.Crashes, last.stats.Load)
		}
	}
}

// What a person must look at holds a rollout and does not end it.
func TestHeld(t *testing.T) {
	if testing.Short() || detector {
		t.Skip("two rollouts of forty minutes")
	}
	for gate, s := range map[judge.Gate]Scenario{judge.GateSampleRatio: {Shunned: true}, judge.GateDrift: {Nearer: .6}} {
		if got := play(newMarket(1, Short, s), policies(), nil); got.Ending != Undecided || got.Gate != gate || got.Looks != mostLooks {
			t.Errorf("%s: %+v", gate, got)
		}
	}
}

// A crash is told once, and another task runs in the place of that which ended.
func TestCrash(t *testing.T) {
	w := newWorld(newMarket(1, Short, Scenario{Crashes: true, After: time.Minute}))
	w.apply(rollout.Assign{Task: taskName(3), Release: candidateOf, Buckets: buckets, Generation: 1})
	for range 20 {
		w.count()
	}
	if len(w.crashed) != 1 || w.crashed[0].Task != taskName(3) || w.crashed[0].At != start().Add(time.Minute) {
		t.Errorf("crashed: %+v", w.crashed)
	}
	seen := w.observe(rollout.State{}, start())
	if len(seen.Crashed) != 1 || len(seen.Tasks) != fleetSize || slices.ContainsFunc(seen.Tasks, func(t rollout.Task) bool { return t.ID == taskName(3) || t.Serving != stableRelease }) {
		t.Errorf("seen: %+v", seen)
	}
	compared := rollout.Rollout{Phase: rollout.Canary, CanaryTasks: []string{taskName(3)}, ControlTasks: []string{taskName(4)}}
	if look := lookAt(&compared, nil, seen.Crashed, start()); !slices.Equal(look.Crashed[judge.Candidate], []string{taskName(3)}) || len(look.Crashed[judge.Control]) != 0 {
		t.Errorf("told: %+v", look.Crashed)
	}
	compared.CanaryTasks = nil // as Decide leaves it
	if look := lookAt(&compared, nil, seen.Crashed, start()); len(look.Crashed) != 0 {
		t.Errorf("told again: %+v", look.Crashed)
	}
}

// The tasks that the rivals are shown are those that Decide chooses in the
// last step.
func TestCohorts(t *testing.T) {
	var canary, control []string
	m := newMarket(1, Independent, Scenario{})
	m.perLook = 600
	last := hasty()
	last.Default.Shadow.Skip = true
	last.Default.Judge.Latency, last.Default.Judge.MissedBids = judge.Off, judge.Off
	last.Default.Judge.Margin, last.Default.Judge.PartnerMargin, last.Default.Judge.TailMargin = .2, .3, .5
	play(m, last, func(s step) {
		if s.canary == 1 {
			canary, control = s.tasks[judge.CandidateArm], s.tasks[judge.ControlArm]
		}
	})
	for i, want := range canaries() {
		if len(canary) != 8 || len(control) != 8 || canary[i] != taskName(want) || control[i] != taskName(controls()[i]) {
			t.Fatalf("canary %v, control %v", canary, control)
		}
	}
}
