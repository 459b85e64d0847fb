package judge

import (
	"math"
	"testing"
)

// A difference by its clusters: what their past foretold is taken off as far as
// it came true, and few that move much are few.
func TestEstimateOfArms(t *testing.T) {
	st := Difference{
		D: 20, Q: 500, Foretold: 8, Binomial: 150, Between: 30, Windows: 2,
		N: [Arms]float64{1000, 3000}, X: [Arms]float64{300, 800}, G: [Arms]int{40, 60}, NN: [Arms]float64{50000, 225000},
		U2: [Arms]float64{400, 300}, UV: [Arms]float64{60, 40}, VV: [Arms]float64{120, 80}, U4: [Arms]float64{30000, 5000},
	}
	e := st.estimate()
	near(t, "d", e.d, .032, 1e-12) // half of what was foretold came true
	near(t, "information", e.info, 353.78034108053396, 1e-12)
	near(t, "phi", e.phi, 4.7110211426000905, 1e-12)
	near(t, "own variance of the candidate", e.own[CandidateArm], 0.0015578947368421051, 1e-12)
	near(t, "of stable", e.own[ControlArm], 0.0011487179487179487, 1e-12)
	near(t, "degrees of freedom", e.nu, 32.54581057470349, 1e-12)
	if e.effective != [Arms]float64{20, 40} || e.clusters != [Arms]int{40, 60} || e.n != 1000 || e.events != 1100 || !e.few || !e.known || !e.ready || e.least() != 20 {
		t.Errorf("%+v", e)
	}
	if e.rates != [Arms]float64{.3, 800. / 3000} {
		t.Errorf("rates %v", e.rates)
	}
	st.Binomial = 2000 // more than clusters show: the floor is 0.7 of it
	if e := st.estimate(); e.phi != 1 || math.Abs(e.info-250000/1400.) > 1e-9 {
		t.Errorf("information %v at phi %v", e.info, e.phi)
	}
	for _, tt := range []struct {
		what         string
		change       func(*Difference)
		known, ready bool
	}{
		{"as it is", func(*Difference) {}, true, true},
		{"one window", func(d *Difference) { d.Windows = 1 }, true, false},
		{"16 clusters", func(d *Difference) { d.G[0] = 16 }, true, true},
		{"15 clusters", func(d *Difference) { d.G[0] = 15 }, true, false},
		{"40 events", func(d *Difference) { d.X = [Arms]float64{30, 10} }, true, true},
		{"39 events", func(d *Difference) { d.X = [Arms]float64{30, 9} }, true, false},
		{"39 that were not", func(d *Difference) { d.X = [Arms]float64{1000, 2961} }, true, false},
		{"40 that were not", func(d *Difference) { d.X = [Arms]float64{1000, 2960} }, true, true},
		{"no weight", func(d *Difference) { d.Q = 0 }, false, false},
		{"nothing of the candidate", func(d *Difference) { d.N[0] = 0 }, false, false},
		{"nothing of stable", func(d *Difference) { d.N[1] = 0 }, false, false},
		{"no variance", func(d *Difference) {
			d.U2, d.UV, d.VV, d.Between, d.Binomial = [Arms]float64{}, [Arms]float64{}, [Arms]float64{}, 0, 0
		}, false, false},
		{"that of tasks only", func(d *Difference) {
			d.U2, d.UV, d.VV, d.Binomial = [Arms]float64{}, [Arms]float64{}, [Arms]float64{}, 0
		}, true, true},
	} {
		d := st
		tt.change(&d)
		e := d.estimate()
		if e.known != tt.known || e.ready != tt.ready || math.IsNaN(e.info) || math.IsNaN(e.phi) {
			t.Errorf("%s: %+v", tt.what, e)
		}
		if d.Binomial == 0 && e.known && e.phi != 1 {
			t.Errorf("%s: %v times as much as nobody knows", tt.what, e.phi)
		}
	}
	many := st
	many.X = [Arms]float64{900, 2900}
	if e := many.estimate(); e.few || e.events != 200 {
		t.Errorf("of 4,000 3,800 are filtered: %+v", e)
	}
	if half := (Difference{D: 1, Q: 1, N: [Arms]float64{1, 1}, X: [Arms]float64{1, 0}, Binomial: 1}).estimate(); !half.few {
		t.Errorf("half: %+v", half)
	}
}

// Pairs that come from few sources, or flip in few clusters, are as few as those.
func TestEstimateOfPairs(t *testing.T) {
	p := PairSums{N: 2000, Ten: 60, One: 30, SS: 260, SN: 1900, NN: 160000, FF: 7, F2: 400, G: 30, M: 40}
	e := p.estimate(3)
	near(t, "d", e.d, .015, 1e-12)
	near(t, "information", e.info, 16066.94560669456, 1e-9)
	near(t, "degrees of freedom", e.nu, 24, 1e-12)
	near(t, "those of a proof", e.surety(), 24, 1e-12) // 20.25 clusters flip
	p.F2 = 900
	near(t, "those of a proof by nine clusters", p.estimate(3).surety(), 18, 1e-12)
	near(t, "phi by sources", e.phi, 2000/65., 1e-9)
	if !e.ready || !e.known || !e.few || !e.paired || e.events != 90 || e.effective[0] != 25 || e.clusters[1] != 30 {
		t.Errorf("%+v", e)
	}
	p.M = 1
	near(t, "phi by flips", p.estimate(1).phi, 2.260536398467433, 1e-9)
	near(t, "phi by request", p.estimate(3).phi, 3, 0)
	alike := p
	alike.SS, alike.SN = 90*90/2000., 90 // no variance between clusters: flips have some
	near(t, "floor", alike.estimate(1).info, 1/2.2887499999999997e-05, 1e-9)
	for _, tt := range []struct {
		what         string
		change       func(*PairSums)
		known, ready bool
	}{
		{"20 flips", func(p *PairSums) { p.Ten, p.One, p.F2 = 15, 5, 20 }, true, true},
		{"19 flips", func(p *PairSums) { p.Ten, p.One, p.F2 = 15, 4, 19 }, true, false},
		{"flips of 16 clusters", func(p *PairSums) { p.F2 = 90 * 90 / 16. }, true, true},
		{"of fewer", func(p *PairSums) { p.F2 = 90 * 90 / 15.9 }, true, false},
		{"16 clusters", func(p *PairSums) { p.F2, p.G, p.NN = 0, 16, 1 }, true, true},
		{"15 clusters", func(p *PairSums) { p.F2, p.G, p.NN = 0, 15, 1 }, true, false},
		{"one cluster", func(p *PairSums) { p.G = 1 }, true, false},
		{"none", func(p *PairSums) { p.G = 0 }, false, false},
		{"no pairs", func(p *PairSums) { p.N = 0 }, false, false},
	} {
		p := p
		tt.change(&p)
		if e := p.estimate(1); e.known != tt.known || e.ready != tt.ready || math.IsNaN(e.info) {
			t.Errorf("%s: %+v", tt.what, e)
		}
	}
	if got := (PairSums{N: 10, SS: 50, G: 1}).variance(0, 1); got != 0 {
		t.Errorf("one cluster has the variance %v", got)
	}
	if got := (PairSums{N: 10, SS: 50, G: 2}).variance(0, 2); got != 2*50/100. {
		t.Errorf("two clusters have the variance %v", got)
	}
}

func TestFewEffectiveClusters(t *testing.T) {
	near(t, "alike", effective(100, 1000, 30), 10, 0)
	near(t, "no more than there are", effective(100, 10, 30), 30, 0)
	near(t, "unknown squares", effective(100, 0, 30), 30, 0)
	near(t, "one", effective(5, 25, 1), 1, 0)
	if effective(0, 5, 3) != 0 || effective(0, 0, 3) != 0 || effective(5, 5, 0) != 0 {
		t.Error("nothing in clusters, or something in none")
	}
	near(t, "one in ten", units(1000, 1e5, 21), 20/1.1, 1e-12)
	near(t, "as at random", units(1000, 1.01e6/21, 21), 1000, 0)
	near(t, "a little more uneven", units(1000, 1.021e6/21, 21), 20/.021, 1e-9)
	near(t, "all in one", units(1000, 1e6, 2), 1, 0)
	near(t, "one cluster", units(7, 49, 1), 7, 0)
	near(t, "none", units(0, 1, 5), 0, 0)
	near(t, "unbiased of two", unbias(2), 2, 0)
	near(t, "of one", unbias(1), 2, 0)
	near(t, "of eleven", unbias(11), 1.1, 1e-12)
	near(t, "normal", normal(10, 15), 20, 1e-12)
	if !math.IsInf(normal(10, 0), 1) {
		t.Error("without fourth powers values are as many as they are")
	}
	near(t, "arms alike", satterthwaite([Arms]float64{3, 3}, [Arms]float64{11, 11}), 20, 1e-12)
	near(t, "one arm", satterthwaite([Arms]float64{3, 0}, [Arms]float64{11, 11}), 10, 1e-12)
	near(t, "no variance", satterthwaite([Arms]float64{}, [Arms]float64{11, 11}), 20, 0)
	near(t, "one cluster each", satterthwaite([Arms]float64{1, 1}, [Arms]float64{1, 1}), 1, 0)
	near(t, "inverse", inverse(.25), 4, 0)
	near(t, "of next to nothing", inverse(1e-19), 1e18, 0)
	near(t, "of nothing", inverse(0), 1e18, 0)
}

// Where hardly anything happens, each arm by itself is proven to be below the
// band's nearer edge.
func TestWeighRare(t *testing.T) {
	paired := estimate{known: true, paired: true, events: 2, n: 9000, phi: 1.5, effective: [Arms]float64{16, 16}}
	arms := estimate{known: true, few: true, events: 39, n: 9000, phi: 2, windows: 2, effective: [Arms]float64{16, 20}, rates: [Arms]float64{.001, .003}}
	both := band{-.01, .03, .02}
	one := func(l logs) float64 {
		if l.below != l.above || l.tooHigh != 0 || l.tooLow != 0 {
			t.Errorf("%+v", l)
		}
		return l.below
	}
	near(t, "pairs", one(paired.weighRare(both)), logBelow(2, 9000, .01, 1.5)-math.Ln2, 1e-12)
	near(t, "arms", one(arms.weighRare(both)), logBelow(27, 9000, .01, 2)-math.Ln2, 1e-12)
	much := arms
	much.few, much.rates = false, [Arms]float64{.999, .997}
	near(t, "nearly all", one(much.weighRare(band{-.03, .01, .02})), logBelow(9000*(1-.997), 9000, .01, 2)-math.Ln2, 1e-9)
	for what, e := range map[string]estimate{
		"unknown":       func() estimate { e := paired; e.known = false; return e }(),
		"few clusters":  func() estimate { e := paired; e.effective[1] = 15.9; return e }(),
		"one window":    func() estimate { e := arms; e.windows = 1; return e }(),
		"enough events": func() estimate { e := arms; e.events = 40; return e }(),
	} {
		if l := e.weighRare(both); l != (logs{}) {
			t.Errorf("%s: %+v", what, l)
		}
	}
	for _, b := range []band{{0, .02, .02}, {-.02, 0, .02}, {-1, 1, 1}} {
		if l := paired.weighRare(b); l != (logs{}) {
			t.Errorf("%+v: %+v", b, l)
		}
	}
	ready := estimate{known: true, ready: true, d: .01, info: 1e4, nu: math.Inf(1)}
	l := ready.weigh(band{-.02, .03, .02})
	near(t, "below", l.below, logProof(.02*1e4, 1e4, .02), 1e-12)
	near(t, "above", l.above, logProof(.03*1e4, 1e4, .02), 1e-12)
	near(t, "too high", l.tooHigh, logAgainst(-.02*1e4, 1e4, .02), 1e-12)
	near(t, "too low", l.tooLow, logAgainst(-.03*1e4, 1e4, .02), 1e-12)
	near(t, "against", logs{tooHigh: math.Log(30), tooLow: math.Log(10)}.against(), math.Log(20), 1e-12)
}

// Where hardly anything happens, the interval ends where the proof does: a margin
// is proven if, and only if, the interval lies within it. 300 pairs of 300
// requests without a flip rule out 1.5 points: ln 40 of evidence, by the mean of
// (1-x/2)^300, (1-x/5)^300 and (1-x/20)^300 over (1-x)^300.
func TestIntervalOfRareEvents(t *testing.T) {
	none := estimate{known: true, paired: true, n: 300, phi: 1, info: 1e6, nu: 1, effective: [Arms]float64{300, 300}}
	low, high := none.interval(.02)
	near(t, "no flip of 300", high, .0149401, 1e-7)
	if low != -high {
		t.Errorf("%v to %v", low, high)
	}
	some := none
	some.events, some.n, some.phi, some.d = 5, 9000, 1.5, -3./9000
	for what, e := range map[string]estimate{"none": none, "some": some} {
		_, end := e.interval(.02)
		for _, margin := range []float64{.999 * end, 1.001 * end} {
			if proven := e.weighRare(band{-margin, margin, margin}).below >= requiredLog; proven != (margin > end) {
				t.Errorf("%s: %v is proven: %v, and the interval ends at %v", what, margin, proven, end)
			}
		}
	}
	moved := none
	moved.d = .3
	if low, high := moved.interval(.02); low != -none.ends(t) || high != .3 {
		t.Errorf("moved by its past it lies in %v to %v", low, high)
	}
	few := none
	few.effective[1] = 2
	if low, high := few.interval(.02); low != -1 || high != 1 {
		t.Errorf("of two clusters: %v to %v", low, high)
	}
	ready := estimate{known: true, ready: true, d: .01, info: 1e4, nu: math.Inf(1)}
	low, high = ready.interval(.02)
	if wantLow, wantHigh := confidence(.01, 1e4, math.Inf(1), .02); low != wantLow || high != wantHigh {
		t.Errorf("with events enough: %v to %v", low, high)
	}
}

func (e estimate) ends(t *testing.T) float64 {
	t.Helper()
	_, high := e.interval(.02)
	return high
}

// Progress is the part of the information that suffices in most cases; a
// difference that is no better than that needs as much as it needs.
func TestProgress(t *testing.T) {
	b := band{-.02, .02, .02}
	done := proof{Up: requiredLog, Down: requiredLog + 1}
	half := proof{Up: requiredLog / 2, Down: requiredLog}
	for _, tt := range []struct {
		what string
		e    estimate
		p    proof
		want float64
	}{
		{"proven", estimate{}, done, 1},
		{"nothing", estimate{}, half, 0},
		{"rare", estimate{known: true}, half, .5},
		{"rare and nearly proven", estimate{known: true}, proof{Up: .99 * requiredLog, Down: requiredLog}, .9},
		{"rare and contradicted", estimate{known: true}, proof{Up: -3, Down: 5}, 0},
		{"beyond the band", estimate{known: true, ready: true, d: .021, info: 1e4}, half, 0},
		{"a third", estimate{known: true, ready: true, info: 12500}, half, 1. / 3},
		{"near an edge", estimate{known: true, ready: true, d: .01, info: 37500}, half, 37500 / (math.Log(200) / 5e-5)},
		{"all but proven", estimate{known: true, ready: true, info: 1e9}, half, .99},
	} {
		near(t, tt.what, tt.e.progress(b, tt.p), tt.want, 1e-12)
	}
	near(t, "for a whole margin", informationFor(.02, .02), math.Log(200)/2e-4, 1e-12)
	near(t, "for half", informationFor(.01, .02), math.Log(200)/5e-5, 1e-12)
	near(t, "for nothing", informationFor(0, .02), math.Log(200)/1.6e-6, 1e-12)
	near(t, "above", estimate{d: .015}.needed(band{-.02, .025, .02}), informationFor(.01, .02), 1e-12)
	near(t, "below", estimate{d: -.015}.needed(band{-.025, .02, .02}), informationFor(.01, .02), 1e-12)
}
