package fleet_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/controller/fleet"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/idl/gen/control"
)

func valued(release, shadow string) *control.CountedRelease {
	e := entry(release, shadow)
	e.Partners[0].Value = columns(20, 4)
	e.Outcomes, e.Prices, e.Money = columns(30, 5), pack(0, 8), pack(1, 2, 3, 4, 5, 6, 7, 8)
	return e
}

// What tasks tell as served and shadow is told as candidate and stable, bids of
// what others answered too; without the other release in the shadow there is
// none.
func TestValueByCandidateAndStable(t *testing.T) {
	candidate, stable := report(judge.Candidate), report(judge.Control)
	for _, r := range []*tally.Report{&candidate, &stable} {
		c := r.Partners["acme"]
		c.Value, c.ValueCandidateOnly, c.ValueStableOnly, c.ValueBoth = two(21), two(22), two(23), two(24)
		r.Outcomes, r.Calls, r.CallsCandidateOnly, r.CallsStableOnly, r.CallsBoth = two(31), two(32), two(33), two(34), two(35)
		r.Prices = make([]int64, tally.PriceBins)
		r.Prices[1] = 8
		r.Money = tally.Money{Unpriced: 1, Foreign: 2, Bad: 3, Capped: 4, Wins: 5, Cleared: 6, ClearedCandidateOnly: 7, ClearedStableOnly: 8}
		if r.Arm == judge.Control {
			c.ValueCandidateOnly, c.ValueStableOnly = c.ValueStableOnly, c.ValueCandidateOnly
			r.CallsCandidateOnly, r.CallsStableOnly = r.CallsStableOnly, r.CallsCandidateOnly
			r.Money.ClearedCandidateOnly, r.Money.ClearedStableOnly = 8, 7
		}
		r.Partners["acme"] = c
	}
	for _, tt := range []struct {
		arm   judge.Arm
		entry *control.CountedRelease
		want  tally.Report
	}{
		{judge.Candidate, valued(digestA, digestB), candidate},
		{judge.Control, valued(digestB, digestA), stable},
		{judge.Candidate, valued(digestA, ""), unpaired(report(judge.Candidate))},
	} {
		got, err := ask(t, counted(tt.entry), tt.arm)
		if err != nil || len(got) != 1 {
			t.Fatal(got, err)
		}
		if got[0].Skew = 0; !reflect.DeepEqual(got[0], tt.want) {
			t.Errorf("%+v\n%+v", got[0], tt.want)
		}
	}
	elsewhere := valued(digestB, digestA)
	got, err := ask(t, counted(entry(digestA, digestB), elsewhere), judge.Candidate)
	if err != nil || len(got) != 1 || got[0].Money.ClearedCandidateOnly != 8 || got[0].Partners["acme"].ValueCandidateOnly[0] != 23 {
		t.Errorf("%+v, %v", got, err)
	}
	for name, spoil := range map[string]func(*control.CountedRelease){
		"outcomes": func(e *control.CountedRelease) { e.Outcomes = columns(0, 6) },
		"prices":   func(e *control.CountedRelease) { e.Prices = make([]byte, 200) },
		"money":    func(e *control.CountedRelease) { e.Money = pack(1, 2, 3, 4, 5, 6, 7, 8, 9) },
		"value":    func(e *control.CountedRelease) { e.Partners[0].Value = columns(0, 5) },
	} {
		bad := valued(digestA, digestB)
		spoil(bad)
		if got, err := ask(t, counted(bad), judge.Candidate); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestAssignTellsTheMoney(t *testing.T) {
	told := &task{status: goodStatus()}
	address, _ := listen(t, told)
	prices := &rollout.Prices{Currency: "EUR", Cap: 40, Rates: map[string]float64{"USD": .9}}
	for p, want := range map[*rollout.Prices]*control.Prices{
		nil: nil, prices: {Currency: "EUR", Cap: 40, Rates: map[string]float64{"USD": .9}},
	} {
		err := newControl(t, fleet.Options{}).Assign(t.Context(), address, rollout.Assign{Task: "t1", Release: digestA, Prices: p}, 3)
		if err != nil || !reflect.DeepEqual(told.assigned.Prices, want) {
			t.Errorf("%v: %+v", err, told.assigned)
		}
	}
}
