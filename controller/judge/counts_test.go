package judge_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/controller/tally/tallytest"
)

// What other judges are known to pass as fine. The counts are errors in so
// many requests, one number per cluster.
func TestCasesThatOthersPass(t *testing.T) {
	repeat := func(v int64, n int) (all []int64) {
		for range n {
			all = append(all, v)
		}
		return all
	}
	for _, tt := range []struct {
		name               string
		candidate, control []int64
		worse              bool
	}{
		{"seven outliers", append(repeat(100, 7), repeat(1, 3)...), repeat(1, 10), true},
		{"few against none", []int64{0, 1, 2, 1, 0, 0}, repeat(0, 6), false},
		{"errors on the candidate only", repeat(20, 10), repeat(0, 10), true},
	} {
		for _, requests := range []int64{200, 1000} {
			for _, times := range []int{2, 6} { // so many tasks per arm, or buckets: fewer than 16 clusters decide nothing
				var s tallytest.Case
				a := tallytest.Uniform("a", judge.Candidate, len(tt.candidate)*times, requests, 0, map[string][2]int64{"acme": {requests, 50}})
				b := tallytest.Uniform("b", judge.Control, len(tt.control)*times, requests, 0, map[string][2]int64{"acme": {requests, 50}})
				for i := range a.Errors {
					a.Errors[i] = tt.candidate[i%len(tt.candidate)]
					b.Errors[i] = tt.control[i%len(tt.control)]
				}
				v := twoMoments(&s, a, b)
				f := v.Findings[5]
				if f.Outcome == judge.Acceptable || v.Outcome == judge.Acceptable {
					t.Errorf("%s, %d requests x %d: passed as fine: %s", tt.name, requests, times, f.Sentence)
				}
				if tt.worse && times == 6 && requests == 1000 && f.Outcome != judge.Worse {
					t.Errorf("%s, %d requests x %d: not found: %s, E = %v", tt.name, requests, times, f.Sentence, f.Evidence)
				}
			}
		}
	}
}

// twoMoments looks at the same counts again and again, half a minute apart: in
// one moment all errors may be one misfortune.
func twoMoments(s *tallytest.Case, reports ...tally.Report) (v judge.Verdict) {
	for i := range 3 {
		l := tallytest.Served(i, reports...)
		l.At = l.At.Add(time.Duration(i) * 30 * time.Second)
		v = s.Look(l, judge.Policy{})
	}
	return v
}

// All errors on one connection of one task are one event, not a hundred.
func TestErrorsOfOneConnection(t *testing.T) {
	for _, spread := range []bool{false, true} {
		a := tallytest.Uniform("a", judge.Candidate, 64, 100, 0, map[string][2]int64{"acme": {100, 50}})
		b := tallytest.Uniform("b", judge.Control, 64, 100, 0, map[string][2]int64{"acme": {100, 50}})
		for i := range int64(100) {
			if spread {
				a.Errors[i%64]++
			} else {
				a.Errors[7]++
			}
		}
		var s tallytest.Case
		v := twoMoments(&s, a, b)
		if got := v.Outcome == judge.Worse; got != spread {
			t.Errorf("spread %v: %s: %s", spread, v.Outcome, v.Findings[5].Sentence)
		}
	}
}

// A step is not passed by the proofs of the one before alone.
func TestAStepNeedsCountsOfItsOwn(t *testing.T) {
	w := tallytest.New(17)
	w.Sample = .5
	var s tallytest.Case
	if v, _ := w.Until(&s, judge.Policy{}, 60); v.Outcome != judge.Acceptable {
		t.Fatalf("%s: %s", v.Outcome, v.Sentence)
	}
	s.Step()
	w.PerLook = 20
	v := s.Look(w.Next(), judge.Policy{})
	if v.Outcome != judge.Unsure || !strings.Contains(v.Sentence, "since the last step") {
		t.Errorf("after 20 requests: %s: %s", v.Outcome, v.Sentence)
	}
	w.PerLook = 400
	if v := s.Look(w.Next(), judge.Policy{}); v.Outcome != judge.Acceptable {
		t.Errorf("after 400 requests: %s: %s", v.Outcome, v.Sentence)
	}
}

// A stable that filters nothing of a partner and a candidate that filters all
// of it leave no event of one kind in either arm, and must be found.
func TestAllAgainstNothing(t *testing.T) {
	var s tallytest.Case
	var v judge.Verdict
	for i := range 3 {
		v = s.Look(tallytest.Served(i,
			tallytest.Uniform("a", judge.Candidate, 64, 20, 0, map[string][2]int64{"acme": {20, 20}, "zeta": {180, 60}}),
			tallytest.Uniform("b", judge.Control, 64, 20, 0, map[string][2]int64{"acme": {20, 0}, "zeta": {180, 60}})), judge.Policy{})
	}
	if v.Outcome != judge.Worse || !strings.Contains(v.Sentence, "acme") && v.Gate != judge.GateFilterRateServed {
		t.Errorf("%s: %s", v.Outcome, v.Sentence)
	}
}

// A partner of which neither arm ever filters anything is no obstacle.
func TestNothingEverFilteredIsProof(t *testing.T) {
	w := tallytest.New(5)
	w.Flip = 0
	w.Rate = func(k int) float64 {
		if k == 3 {
			return 0
		}
		return .4
	}
	var s tallytest.Case
	v, looks := w.Until(&s, judge.Policy{}, 80)
	if v.Outcome != judge.Acceptable {
		t.Fatalf("%s after %d looks: %s", v.Outcome, looks, v.Sentence)
	}
}

// Fewer than 16 clusters per arm decide nothing, whatever they count.
func TestFewClustersDecideNothing(t *testing.T) {
	w := tallytest.New(9)
	w.PerArm, w.Active = 1, 12
	w.Sample = .5
	w.Shift = func(int) float64 { return .3 }
	w.Errors = oneIn(.05, 0, 1) // no gross harm
	var s tallytest.Case
	v, _ := w.Until(&s, judge.Policy{WindowBuckets: 2}, 40)
	if v.Outcome != judge.Worse { // both arms' pairs together reach 24 clusters
		t.Errorf("paired: %s: %s", v.Outcome, v.Sentence)
	}
	w = tallytest.New(9)
	w.PerArm, w.Active = 1, 12
	w.Shift = func(int) float64 { return .3 }
	w.Errors = oneIn(.05, 0, 1) // no gross harm
	s = tallytest.Case{}
	v, _ = w.Until(&s, judge.Policy{WindowBuckets: 2}, 660)
	if v.Outcome != judge.Inconclusive || v.Class != judge.Floor || !strings.Contains(v.Sentence, "open more connections") {
		t.Errorf("served: %s: %s", v.Outcome, v.Sentence)
	}
}

// A partner that appears in the middle gets its own proofs.
func TestPartnerAppears(t *testing.T) {
	w := tallytest.New(11)
	var s tallytest.Case
	for range 5 {
		s.Look(w.Next(), judge.Policy{})
	}
	first := w.Partners
	w.Partners += 2
	w.Shift = func(k int) float64 {
		if k == first {
			return .4
		}
		return 0
	}
	v, _ := w.Until(&s, judge.Policy{}, 60)
	if v.Outcome != judge.Worse || v.Partner != tallytest.PartnerName(first) {
		t.Errorf("%s naming %q: %s", v.Outcome, v.Partner, v.Sentence)
	}
}

// Once worse, always worse, with the first sentence.
func TestWorseIsLatched(t *testing.T) {
	w := tallytest.New(13)
	w.Shift = func(int) float64 { return .2 }
	var s tallytest.Case
	first, _ := w.Until(&s, judge.Policy{}, 40)
	w.Shift = func(int) float64 { return 0 }
	s.Step()
	w.Begin()
	for range 30 {
		if v := s.Look(w.Next(), judge.Policy{Margin: .5}); v.Outcome != judge.Worse || v.Sentence != first.Sentence {
			t.Fatalf("%s: %s", v.Outcome, v.Sentence)
		}
	}
	if v := s.Look(tally.Look{Served: true, Silent: []string{"all"}}, judge.Policy{}); v.Outcome != judge.Worse {
		t.Errorf("bad data made it %s", v.Outcome)
	}
}

// A shift that was announced is fine where it happens, and worse where it does
// not.
func TestIntendedShift(t *testing.T) {
	p := judge.Policy{Intended: .1}
	for _, shift := range []float64{0, .1} {
		w := tallytest.New(14)
		w.PerLook = 1000
		w.Shift = func(int) float64 { return shift }
		var s tallytest.Case
		v, _ := w.Until(&s, p, 40)
		if want := map[float64]judge.Outcome{0: judge.Worse, .1: judge.Acceptable}[shift]; v.Outcome != want {
			t.Errorf("shift %v: %s: %s", shift, v.Outcome, v.Sentence)
		}
	}
}

// Proofs under a wide margin are no proofs under a narrow one.
func TestProofHoldsForItsBandOnly(t *testing.T) {
	w := tallytest.New(15)
	w.Errors = nil
	var s tallytest.Case
	wide := judge.Policy{Margin: .2, PartnerMargin: .2, TailMargin: .2, ErrorFloor: .01}
	if v, _ := w.Until(&s, wide, 40); v.Outcome != judge.Acceptable {
		t.Fatalf("wide: %s: %s", v.Outcome, v.Sentence)
	}
	narrow := wide
	narrow.Margin = .015
	if v := s.Look(w.See(), narrow); v.Outcome != judge.Unsure || v.Gate != judge.GateFilterRateServed {
		t.Errorf("narrow: %s by %s: %s", v.Outcome, v.Gate, v.Sentence)
	}
}

// Half a minute in which a task fails, whatever it serves, is one event, not
// as many as it failed requests; the same share of errors all the time is harm.
func TestErrorBursts(t *testing.T) {
	for _, tt := range []struct {
		name string
		rate func(look int) float64 // the candidate's
		want bool
	}{
		{"a burst", func(look int) float64 {
			if look >= 300 && look < 330 {
				return .03
			}
			return .001
		}, false},
		{"all the time", func(int) float64 { return .0025 }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := tallytest.New(1)
			w.PerArm, w.Asked = 1, 1
			look := 0
			w.Errors = func(a judge.Arm, rng *rand.Rand) int {
				if a == judge.Candidate {
					return oneIn(tt.rate(look), 0, 1)(a, rng)
				}
				return oneIn(0, .001, 1)(a, rng)
			}
			var c tallytest.Case
			var v judge.Verdict
			for look = range 600 {
				v = c.Look(w.Next(), judge.Policy{})
			}
			if worse := v.Outcome == judge.Worse; worse != tt.want || worse && v.Gate != judge.GateErrors {
				t.Errorf("%s: %s", v.Outcome, v.Sentence)
			}
		})
	}
}
