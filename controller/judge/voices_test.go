package judge

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// What a band allows lies within it, both ends too.
func TestBands(t *testing.T) {
	b := band{-.02, .03, .02}
	for d, want := range map[float64]bool{-.02: true, -.0201: false, 0: true, .03: true, .0301: false} {
		if got := (estimate{known: true, d: d}).within(b); got != want || (estimate{d: d}).within(b) {
			t.Errorf("%v is within: %v", d, got)
		}
	}
	s := Statistics{Partners: []Partner{{Name: "a"}, {Name: "b", Tail: true}, {Name: "c"}}}
	p := Policy{Margin: .02, PartnerMargin: .03, TailMargin: .05, Intended: -.1, IntendedPartners: map[string]float64{"c": .2, "b": math.NaN()}}
	for i, want := range []band{{-.1 - .02, -.1 + .02, .02}, {-.1 - .05, .05, .05}, {-.1 - .03, .03, .03}, {-.1 - .05, .05, .05}, {.2 - .03, .2 + .03, .03}} {
		got := s.band(i, p)
		near(t, fmt.Sprint("low of stream ", i), got.low, want.low, 1e-12)
		near(t, fmt.Sprint("high of stream ", i), got.high, want.high, 1e-12)
		near(t, fmt.Sprint("margin of stream ", i), got.margin, want.margin, 0)
	}
	p.Intended = .1
	if got := s.band(FirstPartner, p); got != (band{-.03, .1 + .03, .03}) {
		t.Errorf("shifted up: %+v", got)
	}
}

// The present contradicts a proof when it knows enough for one and brings none,
// or is rather for harm.
func TestPresentContradicts(t *testing.T) {
	b := band{-.02, .02, .02}
	proven := logs{below: requiredLog, above: requiredLog}
	short := logs{below: requiredLog, above: requiredLog - .01}
	for i, tt := range []struct {
		e    estimate
		l    logs
		want bool
	}{
		{estimate{known: true, ready: true, info: 100000}, proven, false},
		{estimate{known: true, ready: true, info: 100001}, short, true},
		{estimate{known: true, ready: true, info: 99999}, short, false},
		{estimate{known: true, ready: true}, logs{tooLow: math.Ln2}, true},
		{estimate{known: true, ready: true}, logs{tooHigh: math.Ln2}, true},
		{estimate{known: true, ready: true}, logs{tooHigh: .69, tooLow: .69}, false},
		{estimate{known: true, info: 1e9}, short, false},
		{estimate{ready: true, info: 1e9}, short, false},
	} {
		if got := tt.e.contradicts(tt.l, b); got != tt.want {
			t.Errorf("row %d: %v", i, got)
		}
	}
	live := voice{estimate: estimate{known: true, ready: true, info: 100, phi: 4}, against: math.Ln2 - .01}
	arms := voice{estimate: estimate{known: true, info: 100}}
	for i, tt := range []struct {
		change func(arms, live *voice)
		want   bool
	}{
		{func(_, _ *voice) {}, true},
		{func(a, _ *voice) { a.estimate.info = 100.1 }, false},
		{func(_, l *voice) { l.against = math.Ln2 }, false},
		{func(_, l *voice) { l.estimate.ready = false }, false}, // 25 by what clumps
		{func(a, l *voice) { l.estimate.ready, a.estimate.info = false, 25 }, true},
		{func(a, _ *voice) { a.estimate.known = false }, false},
		{func(_, l *voice) { l.estimate.known = false }, false},
	} {
		a, l := arms, live
		tt.change(&a, &l)
		if got := a.excusedBy(l); got != tt.want {
			t.Errorf("excuse %d: %v", i, got)
		}
	}
}

// The j-th stretch has 1/(j(j+1)) of the error, and all that are past keep
// theirs.
func TestStretchesShareTheError(t *testing.T) {
	near(t, "the third", startShare(3), -math.Log(12), 1e-12)
	var r recently
	high, low := r.hear(1, logs{tooHigh: 5, tooLow: -2})
	near(t, "first", high, 5-math.Log(2), 1e-12)
	near(t, "first, low", low, -2-math.Log(2), 1e-12)
	high, _ = r.hear(1, logs{tooHigh: 6})
	near(t, "more of it", high, 6-math.Log(2), 1e-12)
	high, low = r.hear(2, logs{tooHigh: 1, tooLow: 1})
	near(t, "second", high, math.Log(math.Exp(6)/2+math.E/6), 1e-12)
	near(t, "second, low", low, math.Log(1./2+math.E/6), 1e-12)
}

// All pairs, those that are live and those of late share the error; the loudest
// of them is shown.
func TestHearPairs(t *testing.T) {
	calm, loud := pairsOf(20000, 150, 150, 200), pairsOf(20000, 1400, 150, 200)
	p := Policy{}.Sane()
	for name, which := range map[string]int{"": 0, " on the requests that it answers": 1, " of late": 2} {
		s := Statistics{Served: true, Stretch: 1, Shadowed: 1000, Streams: []Stream{{Pairs: calm, Live: calm, Present: calm}}}
		*[]*PairSums{&s.Streams[0].Pairs, &s.Streams[0].Live, &s.Streams[0].Present}[which] = loud
		state := State{past{Proofs: make([][proofs]proof, 1), Recent: make([]recently, 1)}}
		v := voice{band: band{-.02, .02, .02}}
		best := state.hearPairs(&s, &v, p)
		e := [3]estimate{s.Streams[0].Pairs.estimate(20), s.Streams[0].Live.estimate(20), s.Streams[0].Present.estimate(20)}
		high, low := make([]float64, 3), make([]float64, 3)
		for i := range e {
			l := e[i].weigh(v.band)
			high[i], low[i] = l.tooHigh, l.tooLow
		}
		high[2], low[2] = high[2]-math.Ln2, low[2]-math.Ln2
		shares := []float64{.7, .15, .15}
		near(t, "too high"+name, v.logs.tooHigh, logSumExp(high, shares), 1e-9)
		near(t, "too low"+name, v.logs.tooLow, logSumExp(low, shares), 1e-9)
		near(t, "loudest"+name, v.against, high[which]+math.Log(shares[which]), 1e-9)
		if v.whose != name || v.loudest != e[which] || v.estimate != e[1] || best != &state.past.Proofs[0][byLive] || v.outdated != (which == 2) {
			t.Errorf("%q: %q, outdated %v", name, v.whose, v.outdated)
		}
	}
}

// Live pairs are held against those beside them, with the variance of both.
func TestHomogeneity(t *testing.T) {
	s := Statistics{Served: true, Shadowed: 4000, Partners: []Partner{{Name: "a"}}}
	live, beside := pairsOf(20000, 900, 150, 200), pairsOf(30000, 150, 300, 200)
	s.Streams = make([]Stream, FirstPartner+1)
	s.Streams[Overall] = Stream{Pairs: pairsOf(50000, 1050, 450, 400), Live: live, Beside: beside}
	s.Streams[FirstPartner] = s.Streams[Overall]
	v := s.homogeneity(Overall, Policy{}.Sane())
	l, b := live.estimate(12.5), beside.estimate(12.5)
	near(t, "difference", v.estimate.d, .0375+.005, 1e-12)
	near(t, "information", v.estimate.info, 1/(1/l.info+1/b.info), 1e-9)
	near(t, "nu", v.estimate.nu, satterthwaite([Arms]float64{1 / l.info, 1 / b.info}, [Arms]float64{l.nu + 1, b.nu + 1}), 1e-9)
	if v.estimate.n != 20000 || v.estimate.rates != [Arms]float64{l.d, b.d} || v.band != (band{-.02, .02, .02}) || !v.estimate.ready {
		t.Errorf("%+v", v)
	}
	r := s.ruleLive(Policy{}.Sane())
	one := s.homogeneity(FirstPartner, Policy{}.Sane())
	near(t, "evidence", r.against, logSumExp([]float64{v.against, one.against}, []float64{.5, .5}), 1e-9)
	if want := map[bool]string{true: "a"}[one.against > v.against]; r.Partner != want || !r.holds || r.Clusters != 400 || r.Requests != 20000 {
		t.Errorf("%+v", r)
	}
	quiet := s
	quiet.Streams = []Stream{{Pairs: live, Live: live, Beside: live}, {}, s.Streams[Overall]}
	if r := quiet.ruleLive(Policy{}.Sane()); r.Partner != "a" {
		t.Errorf("one partner is louder than all: %+v", r)
	}
	s.Streams[FirstPartner] = Stream{Pairs: live, Live: live, Beside: live}
	if r := s.ruleLive(Policy{}.Sane()); r.Partner != "" {
		t.Errorf("all partners are louder than one that agrees: %+v", r)
	}
}

// Partners weigh by half of their traffic and half alike; each by its pairs and
// its arms as one.
func TestChoir(t *testing.T) {
	s := Statistics{Served: true, Shadowed: 1000, Partners: []Partner{{Name: "a", Traffic: 300}, {Name: "b", Traffic: 100, Tail: true}}}
	s.Streams = make([]Stream, FirstPartner+2)
	s.Streams[Overall].Pairs = pairsOf(20000, 150, 150, 200)
	s.Streams[FirstPartner] = stream(20000, .46)
	s.Streams[FirstPartner+1].Served = stream(20000, .41).Served
	s.Streams[FirstPartner+1].Scored = [Arms]int64{5, 5}
	state := new(State)
	state.fit(&s)
	c := state.hearPartners(&s, Policy{}.Sane())
	a, pairs, b := c.voices[byArms][0].against, c.voices[byPairs][0].against, c.voices[byArms][1].against
	weight := [2]float64{.25 + .375, .25 + .125}
	arms := logSumExp([]float64{a, b}, []float64{.5 * weight[0], weight[1]})
	near(t, "arms", c.parts[byArms], arms, 1e-9)
	near(t, "pairs", c.parts[byPairs], pairs+math.Log(.5*weight[0]), 1e-9)
	near(t, "mean", c.mean, logSumExp([]float64{c.parts[0], c.parts[1]}, []float64{1, 1}), 1e-9)
	if !slices.Equal(c.paired, []bool{true, false}) || c.tails == nil || !c.tails.paired {
		t.Errorf("paired %v, tails %+v", c.paired, c.tails)
	}
	var needed []int
	for _, method := range []int{byArms, byPairs} {
		for _, v := range c.asked(&s, method) {
			needed = append(needed, 10*method+v.stream)
		}
	}
	if !slices.Equal(needed, []int{10*byPairs + FirstPartner, 10*byPairs + Tail}) {
		t.Errorf("asked are %v", needed)
	}
	drivers := c.drivers(&s, byArms)
	share := math.Exp(a+math.Log(.5*weight[0])) / math.Exp(arms)
	if len(drivers) == 0 || drivers[0].Name != "a" || math.Abs(drivers[0].Share-share) > 1e-9 {
		t.Errorf("%+v, want %v", drivers, share)
	}
	if v, found := c.loudest(byArms); !found || v.stream != FirstPartner {
		t.Errorf("loudest is %d, found %v", v.stream, found)
	}
	if v, found := c.loudest(byPairs); !found || v.stream != FirstPartner {
		t.Errorf("loudest by pairs is %d, found %v", v.stream, found)
	}
	s.Partners[1].Traffic = 0
	if c := state.hearPartners(&s, Policy{}.Sane()); c.tails != nil {
		t.Errorf("a tail without traffic is asked: %+v", c.tails)
	}
	live := voice{proof: proof{Up: requiredLog, Down: requiredLog}, band: band{-1, 1, 1}, estimate: estimate{known: true}}
	late := live
	late.outdated = true
	if !live.proven() || late.proven() || late.progress() != .99 || live.progress() != 1 {
		t.Errorf("proven %v and %v, on the way %v and %v", live.proven(), late.proven(), live.progress(), late.progress())
	}
}

// Who brings evidence about does so by its own and its weight.
func TestDriversOfAChoir(t *testing.T) {
	s := Statistics{Partners: []Partner{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
	ready := estimate{known: true, ready: true}
	c := choir{}
	c.voices[byArms] = []voice{{against: 1, estimate: ready}, {against: 2, estimate: ready}, {against: 2}}
	c.weights[byArms] = []float64{math.Log(.25), math.Log(.5), math.Log(.25)}
	parts := []float64{.25 * math.E, .5 * math.Exp(2), .25 * math.Exp(2)}
	got := c.drivers(&s, byArms)
	if total := parts[0] + parts[1] + parts[2]; len(got) != 2 || got[0].Name != "b" || math.Abs(got[0].Share-parts[1]/total) > 1e-12 || math.Abs(got[1].Share-parts[0]/total) > 1e-12 {
		t.Errorf("%+v, want %v", got, parts)
	}
	c.weights[byArms] = slices.Repeat([]float64{math.Inf(-1)}, 3)
	if got := c.drivers(&s, byArms); got != nil {
		t.Errorf("without a say: %+v", got)
	}
}

// The present outdates a proof that stands, and nothing else.
func TestOutdated(t *testing.T) {
	s := Statistics{Served: true, Stretch: 1, Shadowed: 1000, Streams: []Stream{{}}}
	calm, few := pairsOf(2e6, 15000, 15000, 200), pairsOf(400, 3, 3, 200)
	for _, tt := range []struct {
		all  PairSums
		want bool
	}{{calm, true}, {few, false}} {
		s.Streams[0] = Stream{Pairs: tt.all, Live: tt.all, Present: pairsOf(20000, 1400, 150, 200)}
		state := State{past{Proofs: make([][proofs]proof, 1), Recent: make([]recently, 1)}}
		if v := state.listen(&s, Overall, true, Policy{}.Sane()); v.outdated != tt.want || v.outdated && (v.proven() || v.presently() == "") {
			t.Errorf("%v pairs: outdated %v by a proof of %v", tt.all.N, v.outdated, v.proof.worst())
		}
	}
}
