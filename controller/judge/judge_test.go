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
