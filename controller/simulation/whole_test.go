package simulation

import (
	"math"
	"testing"
)

// Two one-sided tests need 8.56/m^2 for a power of 80 %, one 6.18/m^2.
func TestPower(t *testing.T) {
	for _, tt := range []struct {
		k    known
		want float64
	}{
		{known{info: 8.5639 / 4e-4, margin: .02}, .8},
		{known{info: 6.1826 / 25e-6, margin: .005, oneSided: true}, .8},
		{known{info: 0, margin: .02}, 0},
	} {
		if got := tt.k.power(); math.Abs(got-tt.want) > 1e-4 {
			t.Errorf("%+v: %v, want %v", tt.k, got, tt.want)
		}
	}
	if few, many := errorPower(1000, errorFloor(lastPhase)), errorPower(1e6, errorFloor(lastPhase)); few > .1 || many < .999 {
		t.Errorf("power %v at a thousand requests, %v at a million", few, many)
	}
}

// In the last phase the oracle must prove by live pairs what the judge must, and
// what it knew of them before counts.
func TestOracleGoesTheSameWay(t *testing.T) {
	seen := [3]map[string]known{}
	play(newMarket(1, Persistent, Scenario{Small: true}), hasty(), func(s step) {
		phase := 0
		if s.stats.Served {
			phase = 1 + min(1, s.canary)
		}
		seen[phase] = proofs(phase, s.stats, s.verdict)
	})
	for _, name := range []string{"pairs", partnerName(0), "tail"} {
		if k := seen[0][name]; !(k.info > 0) || math.IsInf(k.margin, 1) {
			t.Errorf("in shadow %s: %+v", name, k)
		}
		live := "live " + name
		if k := seen[1][live]; !(k.info > 0) || k.power() != 1 {
			t.Errorf("in the first step %s: %+v", live, k)
		}
		if k := seen[lastPhase][live]; !(k.info > seen[1][live].info) || math.IsInf(k.margin, 1) {
			t.Errorf("in the last step %s: %+v", live, k)
		}
		if k, ok := seen[lastPhase][name]; ok {
			t.Errorf("in the last step %s: %+v", name, k)
		}
	}
	if early, last := errorFloor(1), errorFloor(lastPhase); early != 2.5*last {
		t.Errorf("errors below %v are fine in the first step, below %v in the last", early, last)
	}
}

func TestTogether(t *testing.T) {
	var l ledger
	for look := range 50 { // two proofs: one soon, one late; information grows by 1,000 and 200 a look
		n := float64(look + 1)
		l.looks[0] = append(l.looks[0], map[string]known{
			"a": {info: 1000 * n, runs: 1, margin: .03}, "b": {info: 200 * n, runs: 1, margin: .05},
		})
	}
	carried := map[string]float64{}
	got := together([]ledger{l}, 0, 0, 0, carried)
	late := known{info: 200 * got, margin: .05}.power()
	before := known{info: 200 * (got - 1), margin: .05}.power()
	if share := math.Pow(.8, 1./3); late < share || before >= share || carried["b"] != 200*got {
		t.Errorf("%v looks: power %v, %v a look before; carried %v", got, late, before, carried)
	}
	if got := together([]ledger{{}}, 0, 0, 0, carried); !math.IsInf(got, 1) {
		t.Errorf("without a look: %v", got)
	}
}
