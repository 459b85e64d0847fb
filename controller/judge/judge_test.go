package judge_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally/tallytest"
)

// Without shadow the served counts alone must find a model that is blind for
// one partner, and name the partner.
func TestPartnerBlindIsFoundByServedCounts(t *testing.T) {
	w := tallytest.New(1)
	w.Partners, w.Asked = 30, 20
	w.Shift = func(k int) float64 {
		if k == 7 {
			return .5
		}
		return -.5 / 29
	}
	var s tallytest.Case
	v, looks := w.Until(&s, judge.Policy{}, 40)
	if v.Outcome != judge.Worse || v.Gate != judge.GatePartnersServed || v.Partner != "dsp-07" {
		t.Fatalf("%s by %s naming %q: %s", v.Outcome, v.Gate, v.Partner, v.Sentence)
	}
	if !slices.Contains(v.Culprits, "dsp-07") || !strings.Contains(v.Sentence, "partner=dsp-07") {
		t.Errorf("culprits %v in %q", v.Culprits, v.Sentence)
	}
	t.Logf("after %d looks, %d pairs: %s", looks, s.Seen.Streams[judge.FirstPartner+7].Scored[judge.CandidateArm], v.Sentence)
}

func TestGreedyIsFoundInShadow(t *testing.T) {
	w := tallytest.New(2)
	w.Served, w.Sample, w.PerArm = false, .25, 8
	w.Shift = func(int) float64 { return .10 }
	var s tallytest.Case
	v, looks := w.Until(&s, judge.Policy{}, 40)
	if v.Outcome != judge.Worse || v.Gate != judge.GateFilterRatePaired && v.Gate != judge.GatePartnersPaired {
		t.Fatalf("%s by %s: %s", v.Outcome, v.Gate, v.Sentence)
	}
	t.Logf("after %d looks: %s", looks, v.Sentence)
}

func TestGreedyIsFoundByServedCounts(t *testing.T) {
	w := tallytest.New(3)
	w.Shift = func(int) float64 { return .10 }
	var s tallytest.Case
	v, looks := w.Until(&s, judge.Policy{}, 60)
	if v.Outcome != judge.Worse {
		t.Fatalf("%s by %s: %s", v.Outcome, v.Gate, v.Sentence)
	}
	t.Logf("after %d looks: %s", looks, v.Sentence)
}

// The way of a good model: shadow, then a canary step whose served counts must
// prove themselves too.
func TestEqualModelIsPromoted(t *testing.T) {
	w := tallytest.New(4)
	w.Partners, w.Asked = 30, 20
	w.Served, w.Sample, w.PerArm = false, .25, 8
	var s tallytest.Case
	v, looks := w.Until(&s, judge.Policy{}, 60)
	if v.Outcome != judge.Acceptable {
		t.Fatalf("shadow: %s by %s: %s", v.Outcome, v.Gate, v.Sentence)
	}
	t.Logf("shadow: %d looks: %s", looks, v.Sentence)

	s.Step()
	w.Served, w.PerArm = true, 2
	w.Begin()
	if v := s.Look(w.See(), judge.Policy{}); v.Outcome != judge.NoData {
		t.Fatalf("a step without a request is %s: %s", v.Outcome, v.Sentence)
	}
	v, looks = w.Until(&s, judge.Policy{}, 200)
	if v.Outcome != judge.Acceptable {
		t.Fatalf("canary: %s by %s: %s", v.Outcome, v.Gate, v.Sentence)
	}
	t.Logf("canary: %d looks: %s", looks, v.Sentence)
	for _, f := range v.Findings {
		t.Logf("%-20s %-10s %s", f.Gate, f.Outcome, f.Sentence)
	}
}

// A thin sample of pairs must not hide harm that the arms show plainly.
func TestThinSampleHidesNoHarm(t *testing.T) {
	w := tallytest.New(18)
	w.Sample = .002
	w.Shift = func(k int) float64 {
		if k == 2 {
			return .4
		}
		return -.4 / 7
	}
	var s tallytest.Case
	v, looks := w.Until(&s, judge.Policy{Margin: .1}, 20)
	if v.Outcome != judge.Worse || v.Partner != tallytest.PartnerName(2) {
		t.Fatalf("%s naming %q after %d looks: %s", v.Outcome, v.Partner, looks, v.Sentence)
	}
}

func TestPartnersForDisplay(t *testing.T) {
	w := tallytest.New(19)
	w.Sample = .5
	var s tallytest.Case
	for range 10 {
		s.Look(w.Next(), judge.Policy{})
	}
	before, _ := json.Marshal(s)
	all := s.Judge.Partners(s.Seen, judge.Policy{})
	if after, _ := json.Marshal(s); string(before) != string(after) {
		t.Error("showing partners changed the state")
	}
	if len(all) != w.Partners {
		t.Fatalf("%d partners, want %d", len(all), w.Partners)
	}
	for _, f := range all {
		if f.Gate != judge.GatePartnersPaired || f.Partner == "" || f.Requests == 0 || f.Low > f.Difference || f.High < f.Difference {
			t.Errorf("%+v", f)
		}
	}
}

// The progress towards a verdict grows, and the time to it is told.
func TestProgressAndETA(t *testing.T) {
	w := tallytest.New(20)
	var s tallytest.Case
	told, last := 0, 0.0
	for i := range 60 {
		v := s.Look(w.Next(), judge.Policy{})
		if v.Outcome == judge.Acceptable {
			if told < 3 || v.Progress != 1 || v.ETA != 0 {
				t.Errorf("told %d times; at the end %v, %v", told, v.Progress, v.ETA)
			}
			return
		}
		if v.ETA > 0 && strings.Contains(v.Sentence, "to go") {
			told++
		}
		if i > 5 && v.Progress < last-.2 {
			t.Errorf("progress fell from %v to %v", last, v.Progress)
		}
		last = v.Progress
	}
	t.Error("no verdict")
}

func TestSentence(t *testing.T) {
	var s tallytest.Case
	var v judge.Verdict
	for i := range 3 {
		v = s.Look(tallytest.Served(i,
			tallytest.Uniform("a", judge.Candidate, 64, 100, 0, map[string][2]int64{"acme": {100, 90}, "zeta": {500, 300}}),
			tallytest.Uniform("b", judge.Control, 64, 100, 0, map[string][2]int64{"acme": {100, 50}, "zeta": {500, 300}})), judge.Policy{Margin: .2})
	}
	const want = "ROLLBACK partner=acme filter_rate: candidate 90.0 % vs stable 50.0 % (+40.0 pt, anytime 95 % CS [+38.6, +41.4]), " +
		"allowed band -5.0..+5.0 pt; evidence: weighted mean E = 5.2e+106 >= 50 (= 1/0.02), acme alone E = 1.5e+107; " +
		"made for at most 5 % false alarms per rollout however often it looks, as far as connections are independent; " +
		"basis: 12,800 pairs in the smaller arm, 128 clusters, 2 windows, 01:46:40-01:46:41 UTC; named by e-BH: acme"
	if v.Sentence != want {
		t.Errorf("got  %s\nwant %s", v.Sentence, want)
	}
}
