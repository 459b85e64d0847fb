package rollout

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/inference/release"
)

func TestIntendedChange(t *testing.T) {
	for name, tt := range map[string]struct {
		verb   Verb
		change release.Change
		wrong  string
	}{
		"a shift":         {VerbTry, release.Change{FilterRate: 0.05, Why: "w"}, ""},
		"one partner":     {VerbTry, release.Change{Partners: map[string]float64{"acme": -0.1}, Why: "w"}, ""},
		"another verb":    {VerbPromote, release.Change{FilterRate: 0.05, Why: "w"}, "with try only"},
		"no reason":       {VerbTry, release.Change{FilterRate: 0.05}, "why"},
		"a long story":    {VerbTry, release.Change{FilterRate: 0.05, Why: strings.Repeat("x", 501)}, "why"},
		"nothing":         {VerbTry, release.Change{Why: "w"}, "is 0"},
		"percent":         {VerbTry, release.Change{FilterRate: 5, Why: "w"}, "between -1 and 1"},
		"no number":       {VerbTry, release.Change{FilterRate: math.NaN(), Why: "w"}, "between -1 and 1"},
		"a partner's NaN": {VerbTry, release.Change{Partners: map[string]float64{"acme": math.NaN()}, Why: "w"}, `"acme"`},
	} {
		t.Run(name, func(t *testing.T) {
			s := State{Active: &Rollout{ID: "one", Phase: Canary}}
			q := Request{ID: "q", By: "ann", Verb: tt.verb, Intended: &tt.change}
			if tt.verb == VerbTry {
				q.Rollout, q.Source = "lab", &release.Source{Bucket: "b", Key: "k"}
			}
			_, _, err := Accept(s, q, Kept{Release: true})
			if tt.wrong == "" && err != nil || tt.wrong != "" && (!errors.Is(err, ErrBadRequest) || !strings.Contains(err.Error(), tt.wrong)) {
				t.Errorf("%v, want %q", err, tt.wrong)
			}
		})
	}
}

// TestIntendedChangeMovesBands shows that a person's word goes before the
// manifest's, and that the judge hears it.
func TestIntendedChangeMovesBands(t *testing.T) {
	manifest := &release.Change{FilterRate: 0.01, Why: "manifest"}
	person := &release.Change{FilterRate: 0.05, Partners: map[string]float64{"acme": 0.1}, Why: "ann"}
	for name, tt := range map[string]struct {
		said *release.Change
		want judge.Policy
	}{
		"manifest": {nil, judge.Policy{Intended: 0.01}},
		"person":   {person, judge.Policy{Intended: 0.05, IntendedPartners: person.Partners}},
	} {
		t.Run(name, func(t *testing.T) {
			s := State{Stable: "v1", Active: &Rollout{ID: "lab", Phase: Admitting, Intended: tt.said}}
			seen := Observation{Admission: &Admission{
				Rollout: "lab", Outcome: AdmissionOK, Digest: "v2", Intended: manifest, Sentence: "fine", Reference: []float64{0.25, 0.75},
				Predicted: release.Predicted{FilterRate: release.Interval{Estimate: 0.4, Low: 0.38, High: 0.42}},
			}}
			s, _ = Decide(s, seen, storyPolicies(), start)
			got := s.JudgePolicy(storyPolicies())
			if s.Active.Phase != Shadow || got.Intended != tt.want.Intended || got.IntendedPartners["acme"] != tt.want.IntendedPartners["acme"] {
				t.Errorf("in %s, bands move by %v and %v, want %v and %v", s.Active.Phase, got.Intended, got.IntendedPartners, tt.want.Intended, tt.want.IntendedPartners)
			}
			if got.Reference[0] != 0.25 || got.Reference[1] != 0.75 || got.Reference[2] != 0 {
				t.Errorf("reference %v", got.Reference)
			}
			if got.Predicted != (judge.Interval{Low: 0.38, High: 0.42}) {
				t.Errorf("predicted %v", got.Predicted)
			}
		})
	}
}

func TestPolicyChecksEnds(t *testing.T) {
	for _, tt := range []struct {
		change func(*Policy)
		wrong  string
	}{
		{func(*Policy) {}, ""},
		{func(p *Policy) { p.Inconclusive.Floor = "wait" }, "inconclusive.floor"},
		{func(p *Policy) { p.Inconclusive.Borderline = "" }, "inconclusive.borderline"},
		{func(p *Policy) { p.Inconclusive.Starved = "rollback" }, "inconclusive.starved"},
		{func(p *Policy) { p.Inconclusive.PhaseWaits = 0.5 }, "inconclusive.phase_waits"},
		{func(p *Policy) { p.Inconclusive.PhaseWaits = math.NaN() }, "inconclusive.phase_waits"},
		{func(p *Policy) { p.Budget.Auctions = -1 }, "budget"},
		{func(p *Policy) { p.Budget.MissedBids = -1 }, "budget"},
		{func(p *Policy) { p.Inconclusive.PhaseWaits = 1 }, ""},
		{func(p *Policy) { p.Inconclusive.PhaseWaits = 100 }, ""},
		{func(p *Policy) { p.Inconclusive.PhaseWaits = 100.5 }, "inconclusive.phase_waits"},
		{func(p *Policy) { p.Losses.Unhealthy = 1 }, ""},
		{func(p *Policy) { p.Losses.Unhealthy = 32 }, ""},
		{func(p *Policy) { p.Losses.Unhealthy = 0 }, "losses.unhealthy"},
		{func(p *Policy) { p.Losses.Unhealthy = 33 }, "losses.unhealthy"},
		{func(p *Policy) { p.Shadow.Sample, p.Explore = 1, 1 }, ""},
		{func(p *Policy) { p.Explore = 0 }, ""},
		{func(p *Policy) { p.Explore = 1.01 }, "explore"},
		{func(p *Policy) { p.Explore = -.01 }, "explore"},
		{func(p *Policy) { p.Shadow.Sample = 1.01 }, "shadow.sample"},
		{func(p *Policy) { p.Shadow.Sample = 0 }, "shadow.skip: true"},
		{func(p *Policy) { p.Shadow.Skip, p.Shadow.Sample, p.Shadow.Tasks = true, 0, 0 }, ""},
		{func(p *Policy) { p.Shadow.Tasks = 1 }, ""},
		{func(p *Policy) { p.Shadow.Tasks = 0 }, "shadow.tasks"},
		{func(p *Policy) { p.Buckets = 20 }, ""}, // a window of the judge
		{func(p *Policy) { p.Buckets = 64 }, ""},
		{func(p *Policy) { p.Buckets = 19 }, "want 20 to 64"},
		{func(p *Policy) { p.Buckets = 65 }, "want 20 to 64"},
		{func(p *Policy) { p.Steps = nil }, "steps"},
		{func(p *Policy) { p.Steps = slices.Repeat([]Step{{Tasks: 1}}, 20) }, ""},
		{func(p *Policy) { p.Steps = slices.Repeat([]Step{{Tasks: 1}}, 21) }, "steps has 21"},
		{func(p *Policy) { p.Steps = []Step{{Percent: 50, Margin: .5}} }, ""},
		{func(p *Policy) { p.Steps = []Step{{Percent: 50.5}} }, "steps[0]"},
		{func(p *Policy) { p.Steps = []Step{{Tasks: 1, Percent: 5}} }, "steps[0]"},
		{func(p *Policy) { p.Steps = []Step{{}} }, "steps[0]"},
		{func(p *Policy) { p.Steps = []Step{{Tasks: 1}, {Tasks: -1, Percent: 5}} }, "steps[1]"},
		{func(p *Policy) { p.Steps = []Step{{Tasks: 1, Percent: -5}} }, "steps[0]"},
		{func(p *Policy) { p.Steps = []Step{{Tasks: 1, Margin: .51}} }, "steps[0].margin"},
		{func(p *Policy) { p.Steps = []Step{{Tasks: 1, Margin: -.01}} }, "steps[0].margin"},
		{func(p *Policy) { p.ArtifactWait = 0 }, "artifact_wait"},
		{func(p *Policy) { p.HoldFor = 1 }, ""},
		{func(p *Policy) { p.PromoteWait = -1 }, "promote_wait"},
		{func(p *Policy) { p.PromoteBatch = 1 }, ""},
		{func(p *Policy) { p.PromoteBatch = 0 }, "promote_batch"},
	} {
		p := Defaults()
		tt.change(&p)
		if err := p.Check(); (err == nil) != (tt.wrong == "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
			t.Errorf("%v, want %q", err, tt.wrong)
		}
	}
}
