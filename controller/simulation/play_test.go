package simulation

import (
	"reflect"
	"slices"
	"testing"

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
