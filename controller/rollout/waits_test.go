package rollout

import (
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// waiting is what the waits of these tests last.
const waiting = 10 * time.Minute

func patient() Policy {
	p := storyPolicies().For("")
	p.Shadow.Soak, p.ArtifactWait, p.DataGrace, p.PromoteWait = waiting, waiting, waiting, waiting
	p.Steps = []Step{{Tasks: 1, Soak: waiting}, {Percent: 50, Soak: waiting}}
	return p
}

// A wait is over when its time is, to the nanosecond, and not before.
func TestWaitsEnd(t *testing.T) {
	good := &judge.Verdict{Outcome: judge.Acceptable, At: start.Add(time.Second)}
	for name, tt := range map[string]struct {
		r    Rollout
		seen Observation
		to   Phase
		why  Reason
	}{
		"artifact_wait": {
			Rollout{Phase: Admitting, Since: start}, Observation{Admission: &Admission{Outcome: AdmissionWait}}, Refused, ArtifactTimeout,
		},
		"soak in shadow": {
			Rollout{Phase: Shadow, Since: start, StepSince: start}, Observation{Verdict: good}, Canary, Accepted,
		},
		"soak of a step": {
			Rollout{Phase: Canary, Since: start, StepSince: start}, Observation{Verdict: good}, Canary, Accepted,
		},
		"data_grace": {
			Rollout{Phase: Canary, Since: start, InvalidSince: start}, Observation{}, Held, DataInvalid,
		},
		"data_grace of too few tasks": {
			Rollout{Phase: Canary, Since: start, TooFewSince: start}, Observation{}, RollingBack, TooFewTasks,
		},
		"promote_wait": {
			Rollout{Phase: Promoting, Since: start}, Observation{Tasks: []Task{{Serving: "v1", Reachable: true}}, Desired: 1}, RollingBack, TimedOut,
		},
		"hold_for": {
			Rollout{Phase: Held, HeldFrom: Canary, Reason: Approval, Since: start, HeldUntil: start.Add(waiting)}, Observation{}, RollingBack, HoldExpired,
		},
	} {
		s := State{Stable: "v1", Active: &tt.r}
		tt.r.Candidate = "v2"
		if m := transition(s, tt.seen, patient(), start.Add(waiting-time.Nanosecond)); m.to == tt.to && m.why == tt.why {
			t.Errorf("%s: %s (%s) before its time: %s", name, m.to, m.why, m.say)
		}
		if m := transition(s, tt.seen, patient(), start.Add(waiting)); m.to != tt.to || m.why != tt.why {
			t.Errorf("%s: %s (%s) when its time is over, want %s (%s)", name, m.to, m.why, tt.to, tt.why)
		}
	}
}

// The last step of a policy stands for those that it had before somebody
// shortened it.
func TestPolicyThatWasShortened(t *testing.T) {
	p := Policies{Default: patient()}
	seen := Observation{Desired: 8}
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		seen.Tasks = append(seen.Tasks, Task{ID: id, Serving: "v1", Reachable: true, Ready: true})
	}
	s := State{Stable: "v1", Active: &Rollout{ID: "two", Candidate: "v2", Phase: Canary, Step: 7, Since: start, StepSince: start}}
	next, _ := Decide(s, seen, p, start.Add(time.Second))
	if n := len(next.Active.CanaryTasks); n != 4 {
		t.Errorf("%d canaries, want the last step's 50 %%", n)
	}
	seen.Verdict = &judge.Verdict{Outcome: judge.Acceptable, At: start.Add(time.Second)}
	if m := transition(s, seen, p.Default, start.Add(waiting)); m.to != Promoting {
		t.Errorf("accepted, and comes to %s (%s)", m.to, m.say)
	}
	p.Default.Steps[1].Approval = true
	if m := transition(s, seen, p.Default, start.Add(waiting)); m.to != Held || m.why != Approval {
		t.Errorf("to be approved, and comes to %s (%s)", m.to, m.say)
	}
	seen.Desired = 1
	next, _ = Decide(s, seen, p, start.Add(time.Second))
	if !next.Active.TooFewSince.Equal(start.Add(time.Second)) {
		t.Errorf("one task has been too few since %v", next.Active.TooFewSince)
	}
	if m := transition(next, seen, p.Default, start.Add(waiting+time.Second)); m.why != TooFewTasks {
		t.Errorf("too few for long, and comes to %s (%s)", m.to, m.say)
	}
}

// An arrow that is not drawn is a broken promise.
func TestNoOtherArrow(t *testing.T) {
	checkArrow(Queued, Admitting)
	defer func() {
		if recover() == nil {
			t.Error("queued leads to live")
		}
	}()
	checkArrow(Queued, Live)
}

// Who is told that there are too few tasks is told how many it takes.
func TestLeastTasks(t *testing.T) {
	for _, tt := range []struct {
		step  Step
		each  int
		least int // 0: there is no such number
		says  string
	}{
		{Step{Tasks: 1}, 1, 2, "takes 2 at least"},
		{Step{Tasks: 1}, 2, 0, "takes a larger step"},
		{Step{Tasks: 3}, 2, 5, "takes 5 at least"}, // of four, three would be canaries
		{Step{Percent: 10}, 1, 2, "takes 2 at least"},
		{Step{Percent: 10}, 2, 20, "takes 20 at least"},
		{Step{Percent: 50}, 3, 6, "takes 6 at least"},
		{Step{Percent: 33}, 2, 7, "takes 7 at least"},
	} {
		if n := tt.step.least(tt.each); n != tt.least {
			t.Errorf("%+v for %d each takes %d, want %d", tt.step, tt.each, n, tt.least)
		}
		p := patient()
		p.Steps, p.Judge.MinTasks = []Step{tt.step}, tt.each
		m, _ := Rollout{Phase: Canary, TooFewSince: start}.tooFew(Observation{Desired: 1}, p, start.Add(waiting))
		if !strings.Contains(m.say, tt.says) {
			t.Errorf("%+v for %d each: %q, want %q", tt.step, tt.each, m.say, tt.says)
		}
	}
}

// Latencies are shown as finely as a person reads them.
func TestShown(t *testing.T) {
	for d, want := range map[time.Duration]string{
		999_499: "999µs", time.Millisecond: "1ms", 1_040_000: "1ms", 1_060_000: "1.1ms", 21_349_999: "21.3ms",
	} {
		if got := shown(d).String(); got != want {
			t.Errorf("%d ns are shown as %s, want %s", d, got, want)
		}
	}
}

// No tasks are all tasks only where there are to be none; where ECS lists none
// that it is to run, nothing has been promoted.
func TestPromotionOfNoTasks(t *testing.T) {
	s := State{Stable: "v1", Active: &Rollout{Phase: Promoting, Candidate: "v2", Since: start}}
	on, starting := Task{Serving: "v2"}, Task{}
	for _, tt := range []struct {
		seen Observation
		late bool
		to   Phase
	}{
		{Observation{}, false, Live},
		{Observation{Desired: 1}, false, Promoting},
		{Observation{Desired: 1}, true, RollingBack},
		{Observation{Desired: 1, Tasks: []Task{on}}, false, Live},
		{Observation{Desired: 2, Tasks: []Task{on, starting}}, false, Promoting},
		{Observation{Desired: 2, Tasks: []Task{on, starting}}, true, Live},
		{Observation{Desired: 2, Tasks: []Task{starting}}, true, RollingBack},
		{Observation{Desired: 3, Tasks: []Task{on, starting, {Serving: "v1"}}}, true, RollingBack},
		{Observation{Desired: 1, Tasks: []Task{{Serving: "v2", Shadow: "v1"}}}, false, Promoting},
	} {
		now := start
		if tt.late {
			now = start.Add(waiting)
		}
		if m := s.whilePromoting(tt.seen, patient(), now); m.to != tt.to {
			t.Errorf("%+v, late %v: %s, want %s: %s", tt.seen, tt.late, m.to, tt.to, m.say)
		}
	}
}
