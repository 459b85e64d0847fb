package rollout

import (
	"fmt"
	"testing"

	"github.com/sluicehq/sluice/controller/judge"
)

// sidesWorld is a canary step of half of eight tasks.
func sidesWorld() (State, Observation, Policies) {
	p := storyPolicies()
	p.Default.Steps = p.Default.Steps[1:]
	s := State{Stable: "v1", Generation: 4, Active: &Rollout{
		ID: "two", Candidate: "v2", Phase: Canary, Generation: 4, Since: start, StepSince: start,
		CanaryTasks: []string{"a", "b", "c", "d"}, ControlTasks: []string{"e", "f", "g", "h"},
	}}
	seen := Observation{Desired: 8, Published: []string{"v2"}}
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		t := Task{ID: id, Reachable: true, Ready: true, Serving: "v1", Shadow: "v2", Generation: 4}
		if id <= "d" {
			t.Serving, t.Shadow = "v2", "v1"
		}
		seen.Tasks = append(seen.Tasks, t)
	}
	return s, seen, p
}

// A fleet becomes smaller, so that a canary goes back to stable. While that
// takes it some time no other canary goes, and none comes.
func TestCanariesStayWhileOthersLeave(t *testing.T) {
	s, seen, p := sidesWorld()
	seen.Tasks, seen.Desired = seen.Tasks[:6], 6
	for look := range 5 {
		s, _ = Decide(s, seen, p, start)
		if got := fmt.Sprint(s.Active.CanaryTasks); got != "[a b c]" {
			t.Fatalf("look %d: canaries %s", look, got)
		}
	}
	seen.Tasks[3].Reachable, seen.Tasks[3].Serving, seen.Tasks[3].Shadow = false, "", ""
	for _, id := range []string{"i", "j"} { // and larger again
		seen.Tasks = append(seen.Tasks, Task{ID: id, Reachable: true, Ready: true, Serving: "v1"})
	}
	if s, _ = Decide(s, seen, p, start); fmt.Sprint(s.Active.CanaryTasks) != "[a b c]" {
		t.Errorf("d may answer with it still: canaries %s", s.Active.CanaryTasks)
	}
	seen.Tasks[3].Reachable, seen.Tasks[3].Serving = true, "v1"
	if s, _ = Decide(s, seen, p, start); len(s.Active.CanaryTasks) != 4 || len(s.Active.Leaving) > 0 {
		t.Errorf("d has left it: canaries %s, leaving %s", s.Active.CanaryTasks, s.Active.Leaving)
	}
}

// A suspect that is lost before it was seen with stable is lost with the
// candidate, and one that was seen so with stable.
func TestSuspectIsLostOnItsSide(t *testing.T) {
	for _, tt := range []struct {
		left bool
		want judge.Arm
	}{{false, judge.Candidate}, {true, judge.Control}} {
		s, seen, p := sidesWorld()
		seen.Verdict = &judge.Verdict{Outcome: judge.Unsure, Suspect: "a", At: start.Add(1), Sentence: "a fails"}
		s, _ = Decide(s, seen, p, start)
		seen.Verdict = nil
		if tt.left {
			seen.Tasks[0].Serving = "v1"
			s, _ = Decide(s, seen, p, start)
		}
		seen.Tasks, seen.Crashed = seen.Tasks[1:], []Crash{{Task: "a", Unhealthy: true}}
		s, _ = Decide(s, seen, p, start)
		if l := s.Active.Losses; len(s.Active.Swapped) != 1 || len(l.Latest) != 1 || l.Latest[0].Task != "a" || l.Latest[0].Arm != tt.want || !l.Latest[0].Unhealthy {
			t.Errorf("left %v: swapped %v, lost %+v", tt.left, s.Active.Swapped, l.Latest)
		}
	}
}
