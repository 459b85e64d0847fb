package judge

import (
	"slices"
	"strings"
	"testing"
)

// Without shadow the served counts alone must find a model that is blind for
// one partner, and name the partner.
func TestPartnerBlindIsFoundByServedCounts(t *testing.T) {
	w := newTraffic(1)
	w.partners, w.asked = 30, 20
	w.shift = func(k int) float64 {
		if k == 7 {
			return .5
		}
		return -.5 / 29
	}
	var s State
	v, looks := w.until(&s, Policy{}, 40)
	if v.Outcome != Worse || v.Gate != GatePartnersServed || v.Partner != "dsp-07" {
		t.Fatalf("%s by %s naming %q: %s", v.Outcome, v.Gate, v.Partner, v.Sentence)
	}
	if !slices.Contains(v.Culprits, "dsp-07") || !strings.Contains(v.Sentence, "partner=dsp-07") {
		t.Errorf("culprits %v in %q", v.Culprits, v.Sentence)
	}
	t.Logf("after %d looks, %d pairs: %s", looks, s.streams[firstPartner+7].Scored[candidate], v.Sentence)
}

func TestGreedyIsFoundInShadow(t *testing.T) {
	w := newTraffic(2)
	w.served, w.sample, w.perArm = false, .25, 8
	w.shift = func(int) float64 { return .10 }
	var s State
	v, looks := w.until(&s, Policy{}, 40)
	if v.Outcome != Worse || v.Gate != GateFilterRatePaired && v.Gate != GatePartnersPaired {
		t.Fatalf("%s by %s: %s", v.Outcome, v.Gate, v.Sentence)
	}
	t.Logf("after %d looks: %s", looks, v.Sentence)
}

func TestGreedyIsFoundByServedCounts(t *testing.T) {
	w := newTraffic(3)
	w.shift = func(int) float64 { return .10 }
	var s State
	v, looks := w.until(&s, Policy{}, 60)
	if v.Outcome != Worse {
		t.Fatalf("%s by %s: %s", v.Outcome, v.Gate, v.Sentence)
	}
	t.Logf("after %d looks: %s", looks, v.Sentence)
}

// The way of a good model: shadow, then a canary step whose served counts must
// prove themselves too.
func TestEqualModelIsPromoted(t *testing.T) {
	w := newTraffic(4)
	w.partners, w.asked = 30, 20
	w.served, w.sample, w.perArm = false, .25, 8
	var s State
	v, looks := w.until(&s, Policy{}, 60)
	if v.Outcome != Acceptable {
		t.Fatalf("shadow: %s by %s: %s", v.Outcome, v.Gate, v.Sentence)
	}
	t.Logf("shadow: %d looks: %s", looks, v.Sentence)

	s.Step()
	w.served, w.perArm = true, 2
	w.begin()
	if v := s.Look(w.see(), Policy{}); v.Outcome != NoData {
		t.Fatalf("a step without a request is %s: %s", v.Outcome, v.Sentence)
	}
	v, looks = w.until(&s, Policy{}, 200)
	if v.Outcome != Acceptable {
		t.Fatalf("canary: %s by %s: %s", v.Outcome, v.Gate, v.Sentence)
	}
	t.Logf("canary: %d looks: %s", looks, v.Sentence)
	for _, f := range v.Findings {
		t.Logf("%-20s %-10s %s", f.Gate, f.Outcome, f.Sentence)
	}
}

// A thin sample of pairs must not hide harm that the arms show plainly.
func TestThinSampleHidesNoHarm(t *testing.T) {
	w := newTraffic(18)
	w.sample = .002
	w.shift = func(k int) float64 {
		if k == 2 {
			return .4
		}
		return -.4 / 7
	}
	var s State
	v, looks := w.until(&s, Policy{Margin: .1}, 20)
	if v.Outcome != Worse || v.Partner != partnerName(2) {
		t.Fatalf("%s naming %q after %d looks: %s", v.Outcome, v.Partner, looks, v.Sentence)
	}
}

func TestPartnersForDisplay(t *testing.T) {
	w := newTraffic(19)
	w.sample = .5
	var s State
	for range 10 {
		s.Look(w.next(), Policy{})
	}
	before, _ := s.MarshalBinary()
	all := s.Partners(Policy{})
	if after, _ := s.MarshalBinary(); string(before) != string(after) {
		t.Error("showing partners changed the state")
	}
	if len(all) != w.partners {
		t.Fatalf("%d partners, want %d", len(all), w.partners)
	}
	for _, f := range all {
		if f.Gate != GatePartnersPaired || f.Partner == "" || f.Requests == 0 || f.Low > f.Difference || f.High < f.Difference {
			t.Errorf("%+v", f)
		}
	}
}

// The progress towards a verdict grows, and the time to it is told.
func TestProgressAndETA(t *testing.T) {
	w := newTraffic(20)
	var s State
	told, last := 0, 0.0
	for i := range 60 {
		v := s.Look(w.next(), Policy{})
		if v.Outcome == Acceptable {
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
	var s State
	var v Verdict
	for i := range int64(3) {
		n := 100 * (i + 1)
		v = s.Look(served(int(i),
			uniform("a", Candidate, 64, n, 0, map[string][2]int64{"acme": {n, n * 9 / 10}, "zeta": {5 * n, 3 * n}}),
			uniform("b", Control, 64, n, 0, map[string][2]int64{"acme": {n, n / 2}, "zeta": {5 * n, 3 * n}})), Policy{Margin: .2})
	}
	const want = "ROLLBACK partner=acme filter_rate: candidate 90.0 % vs stable 50.0 % (+40.0 pt, anytime 95 % CS [+38.6, +41.4]), " +
		"allowed band -5.0..+5.0 pt; evidence: weighted mean E = 5.2e+106 >= 50 (= 1/0.02), acme alone E = 1.5e+107; " +
		"false-alarm guarantee <= 5 % per rollout over unlimited looks; " +
		"basis: 12,800 pairs in the smaller arm, 128 clusters, 2 windows, 01:46:40-01:46:41 UTC; named by e-BH: acme"
	if v.Sentence != want {
		t.Errorf("got  %s\nwant %s", v.Sentence, want)
	}
}
