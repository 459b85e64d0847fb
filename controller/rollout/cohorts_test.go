package rollout

import (
	"fmt"
	"testing"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/inference/release"
)

// One task at least stays stable, and no more are compared with canaries than
// there are canaries.
func TestCohorts(t *testing.T) {
	for _, tt := range []struct {
		step            Step
		tasks           int
		canary, control int
	}{
		{Step{Tasks: 1}, 8, 1, 1},
		{Step{Tasks: 4}, 8, 4, 4},
		{Step{Tasks: 3}, 4, 3, 1},
		{Step{Tasks: 9}, 4, 3, 1},
		{Step{Percent: 1}, 8, 1, 1},
		{Step{Percent: 50}, 8, 4, 4},
		{Step{Percent: 50}, 7, 3, 3},
		{Step{Percent: 75}, 8, 6, 2},
		{Step{Percent: 100}, 8, 7, 1},
		{Step{Percent: 50}, 1, 0, 0},
		{Step{Percent: 50}, 0, 0, 0},
	} {
		if canary, control := tt.step.Cohorts(tt.tasks); canary != tt.canary || control != tt.control {
			t.Errorf("%+v of %d tasks: %d and %d, want %d and %d", tt.step, tt.tasks, canary, control, tt.canary, tt.control)
		}
	}
}

// A step's own margin holds in that step alone, and what a release is to bring
// moves what it is held to.
func TestJudgePolicy(t *testing.T) {
	const general = .02
	p := Policies{Default: Policy{Judge: judge.Policy{Margin: general}, Steps: []Step{{Tasks: 1, Margin: .1}, {Tasks: 2}}}}
	for _, tt := range []struct {
		r    Rollout
		want float64
	}{
		{Rollout{Phase: Canary}, .1},
		{Rollout{Phase: Canary, Step: 1}, general},
		{Rollout{Phase: Canary, Step: 7}, general}, // of a policy that had more
		{Rollout{Phase: Shadow}, general},
	} {
		s := State{Active: &tt.r}
		if got := s.JudgePolicy(p).Margin; got != tt.want {
			t.Errorf("%s, step %d: a margin of %v, want %v", tt.r.Phase, tt.r.Step, got, tt.want)
		}
		if wider := s.JudgePolicy(p).Wider; wider != map[bool]float64{true: 5}[tt.want == .1] {
			t.Errorf("%s, step %d: %v times wider", tt.r.Phase, tt.r.Step, wider)
		}
		if early := s.JudgePolicy(p).Early; early != (tt.want == .1) { // the last step is not, nor is what is no step
			t.Errorf("%s, step %d: early %v", tt.r.Phase, tt.r.Step, early)
		}
	}
	for _, margin := range []float64{0, .01, general} { // no wider one
		p.Default.Steps[0].Margin = margin
		if j := p.Default.JudgeOf(0); j.Wider != 0 || !j.Early {
			t.Errorf("a step's margin of %v: %v times wider, early %v", margin, j.Wider, j.Early)
		}
	}
	s := State{Active: &Rollout{Phase: Shadow}}
	if j := s.JudgePolicy(p); j.Predicted != (judge.Interval{}) || j.Intended != 0 {
		t.Errorf("of nothing: %+v and %v", j.Predicted, j.Intended)
	}
	s.Active.Predicted.FilterRate = release.Interval{Low: .1, Estimate: .15, High: .2}
	s.Active.Intended = &release.Change{FilterRate: .05}
	if j := s.JudgePolicy(p); j.Predicted != (judge.Interval{Low: .1, High: .2}) || j.Intended != .05 {
		t.Errorf("%+v and %v, want what the release tells", j.Predicted, j.Intended)
	}
}

// A pass writes so many tags, and of those that are wrong only.
func TestTagsAreBounded(t *testing.T) {
	for n, want := range map[int]int{maxTags - 1: maxTags - 1, maxTags: maxTags, maxTags + 1: maxTags} {
		seen := Observation{Tasks: []Task{{ID: "right", Serving: "v1", Tag: "v1"}, {ID: "idle", Tag: "v0"}}}
		for i := range n {
			seen.Tasks = append(seen.Tasks, Task{ID: fmt.Sprint(i), Serving: "v1", Tag: "v0"})
		}
		if got := (State{}).markings(seen); len(got) != want || got[0] != (Tag{"0", "v1"}) {
			t.Errorf("%d tags are wrong: %d are written", n, len(got))
		}
	}
}
