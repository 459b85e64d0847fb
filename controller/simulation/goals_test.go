package simulation

import (
	"slices"
	"strings"
	"testing"
)

// A judge that decides on the edge as often as not is found out by the few
// rollouts of the short form; one that is right is not.
func TestRights(t *testing.T) {
	edge := Scenarios()[2]
	for _, tt := range []struct {
		promoted, back int // of nine
		want           string
	}{{0, 0, ""}, {1, 0, ""}, {0, 1, ""}, {2, 3, "decisions"}, {4, 0, "false promotions"}, {0, 4, "rollbacks"}} {
		var r Report
		for i, kind := range Kinds() {
			row := Row{Kind: kind, Scenario: edge, Results: map[string][]Result{}}
			for j := range 3 {
				e := Undecided
				if n := 3*i + j; n < tt.promoted {
					e = Promoted
				} else if n < tt.promoted+tt.back {
					e = RolledBack
				}
				row.Results[Sluice] = append(row.Results[Sluice], Result{Ending: e})
			}
			r.Rows = append(r.Rows, row)
		}
		refuted := ""
		for _, g := range r.rights(edge) {
			if g.Refuted {
				refuted += g.Name + ". "
			}
		}
		if !strings.Contains(refuted, tt.want) || tt.want == "" && refuted != "" {
			t.Errorf("%d promoted and %d rolled back of 9: refuted %q, want %q", tt.promoted, tt.back, refuted, tt.want)
		}
	}
}

// What was not played is no goal that is met.
func TestNothingPlayed(t *testing.T) {
	r := Report{Rows: []Row{newRow(Scenarios()[2], Short, 0)}, Worlds: []Row{newRow(Worlds()[0], Persistent, 0)}}
	for _, part := range Parts() {
		for _, g := range r.Goals(part) {
			if g.Met {
				t.Errorf("%s: %s", g.Name, g.Measured)
			}
		}
	}
}

// Every scenario has a truth and a name of its own.
func TestScenarios(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range slices.Concat(Scenarios(), Worlds()) {
		if s.Name == "" || seen[s.Name] || s.Truth != Fine && s.Truth != OnEdge && s.Truth != Harmful {
			t.Errorf("%+v", s)
		}
		seen[s.Name] = true
		fine := s.Shift == 0 && s.ErrorRatio == 0 && s.Slower == 0 && s.InvalidRatio == 0 && s.Grows == 0 && s.Dearest == 0 && s.BidsOn == 0 && !s.Crashes && !s.Bound
		if fine && s.Truth != Fine {
			t.Errorf("%s does nothing and is called %s", s.Name, s.Truth)
		}
	}
}
