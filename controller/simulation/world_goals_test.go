package simulation

import (
	"strings"
	"testing"
	"time"
)

// many are results of rollouts: so many promoted, so many rolled back, the
// others undecided.
func many(promoted, back, undecided int) (all []Result) {
	for e, n := range map[Ending]int{Promoted: promoted, RolledBack: back, Undecided: undecided} {
		for range n {
			all = append(all, Result{Ending: e, Looks: 100, Began: 1, Requests: 1000})
		}
	}
	return all
}

// verdicts are the names of goals that are missed, and of those, in capitals,
// that are beyond what luck explains.
func verdicts(goals []Goal) string {
	var all []string
	for _, g := range goals {
		what, _, _ := strings.Cut(g.Name, ":")
		switch {
		case g.Refuted:
			all = append(all, strings.ToUpper(what))
		case !g.Met:
			all = append(all, what)
		}
	}
	return strings.Join(all, ", ")
}

func TestWorldly(t *testing.T) {
	fine, harmful := Scenario{Name: "w", Truth: Fine}, Scenario{Name: "w", Truth: Harmful}
	whole := Scenario{Name: "w", Truth: OnEdge, Whole: true}
	proofs := append(many(0, 0, 18), Result{Ending: Undecided, Proven: true}, Result{Ending: Undecided, Proven: true})
	for _, tt := range []struct {
		s    Scenario
		all  []Result
		want string
	}{
		{fine, many(1, 0, 0), ""},
		{fine, many(0, 1, 0), "false rollbacks, promotions"},
		{fine, many(0, 0, 4), "PROMOTIONS"},
		{fine, many(193, 4, 3), ""},
		{fine, many(190, 9, 1), "false rollbacks"}, // may be more than one of twenty
		{fine, many(58, 42, 0), "FALSE ROLLBACKS, PROMOTIONS"},
		{fine, many(150, 0, 50), "PROMOTIONS"},
		{harmful, many(0, 10, 190), ""},
		{harmful, many(61, 39, 0), "FALSE PROMOTIONS"},
		{whole, many(0, 0, 20), ""},
		{whole, proofs, "false proofs by pairs"},
	} {
		r := Row{Scenario: tt.s, Results: map[string][]Result{Sluice: tt.all}}
		if got := verdicts(r.worldly()); got != tt.want {
			t.Errorf("%+v of %d: missed %q, want %q", tt.s, len(tt.all), got, tt.want)
		}
	}
}

// A harm that grows passes the margin by a point six minutes after it begins,
// and has three more.
func TestPrompt(t *testing.T) {
	s := Scenario{Truth: Harmful, Grows: .005, After: 12 * time.Minute}
	for minutes, want := range map[float64]int{15: 1, 21: 1, 21.2: 0} {
		looks := int(minutes * perMinute)
		r := Row{Scenario: s, Results: map[string][]Result{Sluice: {{Ending: RolledBack, Looks: 4 + looks, Began: 5}}}}
		if got := r.prompt(); got != want {
			t.Errorf("a rollback after %v minutes: %d in time, want %d", minutes, got, want)
		}
		r.Results[Sluice][0].Ending = Undecided
		if got := r.prompt(); got != 0 {
			t.Errorf("no rollback after %v minutes is in time", minutes)
		}
	}
}

func runs(e Ending, requests ...int64) (all []Result) {
	for _, n := range requests {
		all = append(all, Result{Ending: e, Requests: n, Looks: int(n / 1000)})
	}
	return all
}

func TestDuels(t *testing.T) {
	never := runs(Undecided, 100e3, 100e3, 100e3)
	for _, tt := range []struct {
		now, then []Result
		want      string
	}{
		{runs(RolledBack, 8e3, 9e3, 10e3), runs(RolledBack, 20e3, 20e3, 20e3), ""},
		{runs(RolledBack, 8e3, 10e3, 10e3), runs(RolledBack, 20e3, 20e3, 20e3), "duel"},
		{append(runs(RolledBack, 8e3), never[:2]...), runs(RolledBack, 20e3, 20e3, 20e3), "DUEL"},
		{runs(Promoted, 8e3, 9e3, 10e3), never, ""},
		{runs(Promoted, 8e3, 13e3, 13e3), never, "duel"},
		{never, never, "DUEL"},
	} {
		if got := verdicts([]Goal{Duel{"d", tt.now, tt.then}.goal()}); got != tt.want {
			t.Errorf("%v against %v: missed %q, want %q", tt.now, tt.then, got, tt.want)
		}
	}
}

// Requests are compared seed by seed, where both decided alike.
func TestPace(t *testing.T) {
	row := func(s Scenario, now, then []Result) Row {
		return Row{Scenario: s, Kind: Short, Results: map[string][]Result{Sluice: now, Before: then}}
	}
	plain, other := Scenarios()[0], Scenarios()[3]
	for _, tt := range []struct {
		rows []Row
		want string
	}{
		{nil, ""},
		{[]Row{row(plain, runs(Promoted, 10e3, 40e3), runs(Promoted, 10e3, 40e3))}, ""},
		{[]Row{row(plain, runs(Promoted, 20e3, 80e3), runs(Promoted, 10e3, 40e3))}, "TIME TO PROMOTE, AGAINST F4D4974, MOST REQUESTS, AGAINST F4D4974"},
		{[]Row{row(other, runs(RolledBack, 12e3), runs(RolledBack, 10e3))}, "most requests, against f4d4974"},
		{[]Row{row(other, runs(RolledBack, 90e3), runs(Promoted, 10e3))}, ""},
		{[]Row{row(other, runs(RolledBack, 90e3), nil)}, ""},
	} {
		got := verdicts(Report{Rows: tt.rows}.pace())
		if got != tt.want {
			t.Errorf("missed %q, want %q", got, tt.want)
		}
	}
}

// What is awaited is a goal by its very name, so that none hides another.
func TestAwaited(t *testing.T) {
	var r Report
	for _, s := range Worlds() {
		r.Worlds = append(r.Worlds, Row{Scenario: s, Kind: Persistent, Results: map[string][]Result{Sluice: many(1, 0, 0)}})
	}
	for _, d := range duels() {
		r.Duels = append(r.Duels, Duel{Name: d.name})
	}
	names := map[string]bool{}
	for _, w := range r.Worlds {
		for _, g := range w.worldly() {
			names[g.Name] = true
		}
	}
	for _, d := range r.Duels {
		names[d.goal().Name] = true
	}
	for name, measured := range awaited() {
		if !names[name] || measured == "" {
			t.Errorf("%s: no such goal, or nothing measured: %q", name, measured)
		}
	}
}
