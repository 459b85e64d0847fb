package judge

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// The candidate's own rate is held against what was predicted, give or take the
// margin.
func TestPredictionByHand(t *testing.T) {
	p := Policy{Predicted: Interval{.38, .42}}.Sane()
	usual := func(d float64) estimate {
		e := stream(90000, .4).Served.estimate()
		e.rates[CandidateArm] = d
		return e
	}
	e := usual(.4)
	own := e.alone(CandidateArm)
	near(t, "rate", own.d, .4, 0)
	near(t, "information", own.info, inverse(max(e.own[CandidateArm], .7*.24/e.n)), 1e-9)
	near(t, "nu", own.nu, e.effective[CandidateArm]-1, 1e-12)
	stable := e.alone(ControlArm)
	near(t, "stable's rate", stable.d, e.rates[ControlArm], 0)
	near(t, "stable's nu", stable.nu, e.effective[ControlArm]-1, 1e-12)
	floor := usual(0)
	floor.own[CandidateArm] = 0
	near(t, "of none", floor.alone(CandidateArm).info, floor.n/(.7/(floor.n+2)*(1-1/(floor.n+2))), 1e-6)
	for _, tt := range []struct {
		what    string
		e       estimate
		outcome Outcome
		holds   bool
		says    string
	}{
		{"inside", usual(.4), Acceptable, false, "give or take +2.0 pt"},
		{"at the margin", usual(.435), Acceptable, false, "give or take"},
		{"far above", usual(.6), Unsure, true, "otherwise than predicted"},
		{"far below", usual(.2), Unsure, true, "otherwise than predicted"},
		{"too few to tell", func() estimate { e := usual(.6); e.ready = false; return e }(), Unsure, false, "give or take"},
		{"inside, and too few to tell", func() estimate { e := usual(.4); e.ready = false; return e }(), Unsure, false, "give or take"},
		{"stable is off", func() estimate { e := usual(.4); e.d = .03; return e }(), Acceptable, false, "stable may have been wrong all along"},
		{"unknown", estimate{}, NoData, false, "nothing is filtered by it yet"},
	} {
		r := new(Statistics).rulePrediction(p, tt.e)
		if r.Outcome != tt.outcome || r.holds != tt.holds || !strings.Contains(r.text, tt.says) || !r.spares {
			t.Errorf("%s: %+v", tt.what, r)
		}
		near(t, tt.what+": low", r.BandLow, .36, 1e-12)
		near(t, tt.what+": high", r.BandHigh, .44, 1e-12)
		if tt.e.known && (r.Low < 0 || !(r.Low < r.Difference && r.Difference < r.High)) || !tt.e.known && (r.Low != -1 || r.High != 1) {
			t.Errorf("%s: %v to %v", tt.what, r.Low, r.High)
		}
	}
	far := new(Statistics).rulePrediction(p, usual(.6))
	l := usual(.6).alone(CandidateArm).weigh(band{far.BandLow, far.BandHigh, .02})
	near(t, "evidence", far.against, max(l.tooHigh, l.tooLow), 1e-9)
	wide := new(Statistics).rulePrediction(Policy{Predicted: Interval{.01, .99}}.Sane(), usual(.4))
	if wide.BandLow != 0 || wide.BandHigh != 1 {
		t.Errorf("%v to %v", wide.BandLow, wide.BandHigh)
	}
	for d, want := range map[float64]bool{.0199: false, .021: true, -.0199: false, -.021: true} {
		if got := (estimate{ready: true, d: d + .1}).strays(Policy{Intended: .1, Margin: .02}); got != want || (estimate{d: d}).strays(Policy{Margin: .02}) {
			t.Errorf("%v strays: %v", d, got)
		}
	}
}

// The first thing that is worse stays the reason: gross harm before all, and of
// others what is furthest beyond its threshold.
func TestWhatIsWorse(t *testing.T) {
	ruled := func(gate Gate, outcome Outcome, against, threshold float64, broken bool) ruling {
		return ruling{Finding: Finding{Gate: gate, Outcome: outcome, Threshold: threshold}, against: against, broken: broken, text: string(gate)}
	}
	errors, latency := ruled(GateErrors, Worse, 7, 400, false), ruled(GateLatency, Worse, 6.5, 100, false)
	breaker, fine := ruled(GateBreaker, Worse, 0, 0, true), ruled(GateDrift, Unsure, 99, 200, false)
	for _, tt := range []struct {
		rulings []ruling
		want    Gate
	}{
		{[]ruling{fine, errors, latency}, GateLatency},
		{[]ruling{latency, errors}, GateLatency},
		{[]ruling{errors, breaker}, GateBreaker},
		{[]ruling{breaker, latency}, GateBreaker},
		{[]ruling{fine, errors}, GateErrors},
		{[]ruling{fine}, ""},
	} {
		var s State
		s.latch(&Statistics{}, tt.rulings)
		got := Gate("")
		if s.past.Worse != nil {
			got = s.past.Worse.Gate
		}
		if got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
		if s.latch(&Statistics{}, []ruling{breaker}); tt.want != "" && s.past.Worse.Gate != tt.want {
			t.Errorf("%q has become %q", tt.want, s.past.Worse.Gate)
		}
	}
	near(t, "excess", errors.excess(), 7-math.Log(400), 1e-12)
	if !math.IsInf(breaker.excess(), -1) {
		t.Errorf("without a threshold: %v", breaker.excess())
	}
	held := ruling{Finding: Finding{Gate: GatePrediction}, holds: true, text: "as predicted"}
	for gate, want := range map[Gate]string{GateFilterRatePaired: "as predicted", GatePartnersServed: "as predicted", GateErrors: ""} {
		if got := wrongAllAlong(ruling{Finding: Finding{Gate: gate}}, []ruling{errors, held}); got != want {
			t.Errorf("%s: %q", gate, got)
		}
	}
	held.holds, held.Outcome = false, Acceptable
	other := ruling{Finding: Finding{Gate: GateDrift, Outcome: Acceptable}, text: "drift"}
	if got := wrongAllAlong(ruling{Finding: Finding{Gate: GatePartnersPaired}}, []ruling{other, held}); got != "as predicted" {
		t.Errorf("%q", got)
	}
	held.Outcome = Unsure
	if got := wrongAllAlong(ruling{Finding: Finding{Gate: GatePartnersPaired}}, []ruling{other, held}); got != "" {
		t.Errorf("%q", got)
	}
}

// The proof that is furthest from standing is the one that is waited for; the
// least of all is shown.
func TestProofsOfPartners(t *testing.T) {
	s := Statistics{Partners: []Partner{{Name: "a"}, {Name: "b", Tail: true}, {Name: "c"}}}
	voiceOf := func(stream int, log float64) voice {
		return voice{stream: stream, band: band{-.02, .02, .02}, estimate: estimate{known: true}, proof: proof{Up: log, Down: log + 1}}
	}
	a, b, tail := voiceOf(FirstPartner, 1), voiceOf(FirstPartner+1, 2), voiceOf(Tail, requiredLog)
	for _, tt := range []struct {
		needed  []voice
		proof   float64
		waits   string
		setting string
		proven  int
	}{
		{[]voice{a, b, tail}, math.E, "a", "partner_margin", 1},
		{[]voice{tail, b, a}, math.E, "a", "partner_margin", 1},
		{[]voice{tail, b}, math.Exp(2), "b", "tail_margin", 1},
		{[]voice{tail, tail}, math.Exp(requiredLog), smallPartners, "tail_margin", 2},
		{nil, 0, "", "", 0},
	} {
		r := ruling{Finding: Finding{Proof: 7}, progress: 7}
		if got := r.prove(&s, tt.needed); got != tt.proven || r.waits != tt.waits || r.setting != tt.setting {
			t.Errorf("%d stand, waiting for %q by %s; want %+v", got, r.waits, r.setting, tt)
		}
		near(t, "proof", r.Proof, tt.proof, 1e-12)
	}
	s.Partners[0].Tail = true
	first := ruling{}
	if first.rest(&s, a); first.setting != "tail_margin" {
		t.Errorf("a small partner, the first of all: %s", first.setting)
	}
	if got := (ruling{waits: smallPartners, Finding: Finding{Partner: "x"}}).partner(); got != "x" {
		t.Errorf("%q", got)
	}
	if got := (ruling{waits: "a", Finding: Finding{Partner: "x"}}).partner(); got != "a" {
		t.Errorf("%q", got)
	}
}

// A voice is shown by the pairs that accuse, and in the bounds of shares.
func TestDescribe(t *testing.T) {
	s := Statistics{Partners: []Partner{{Name: "a"}}, Streams: make([]Stream, FirstPartner+1)}
	s.Streams[FirstPartner].Scored[ControlArm], s.Streams[FirstPartner].Filtered[ControlArm] = 100, 40
	v := voice{stream: FirstPartner, band: band{-.02, .02, .02}, estimate: estimate{known: true, d: .1, info: 1e4, nu: 50, n: 99, windows: 3, clusters: [Arms]int{5, 7}}}
	f := s.describe(v)
	low, high := confidence(.1, 1e4, 50, .02)
	if f.Partner != "a" || f.Clusters != 12 || f.Requests != 99 || f.Windows != 3 || f.StableRate != .4 || f.CandidateRate != .5 || f.Low != low || f.High != high || f.Outcome != Unsure {
		t.Errorf("%+v", f)
	}
	v.paired = true
	v.loudest, v.against = estimate{known: true, d: .7, info: 1e4, nu: 50, clusters: [Arms]int{9, 9}}, shownLog
	if f := s.describe(v); f.Clusters != 9 || f.Difference != .7 || f.CandidateRate != 1 {
		t.Errorf("accused: %+v", f)
	}
	if v.against -= .01; s.describe(v).Difference != .1 {
		t.Errorf("hardly accused: %+v", s.describe(v))
	}
	v.estimate.known = false
	v.proof = proof{Up: 9, Down: 9}
	if f := s.describe(v); f.Outcome != NoData || f.Proof != 0 || f.Low != -1 || f.High != 1 {
		t.Errorf("unknown: %+v", f)
	}
	s.Streams[FirstPartner].Filtered[ControlArm] = 101
	near(t, "more filtered than scored", s.stableRate(FirstPartner), 1, 0)
	near(t, "nothing scored", s.stableRate(Overall), 0, 0)
}

// Where nothing was counted, every finding says so, with no interval.
func TestFindingsOfNothing(t *testing.T) {
	var s State
	v := s.Judge(Statistics{At: time.Unix(1, 0), Served: true}, Policy{Reference: evenReference(), Predicted: Interval{.1, .2}})
	for _, f := range v.Findings {
		if f.Outcome != NoData || f.Gate != GateData && (f.Low != -1 || f.High != 1) || f.Difference != 0 {
			t.Errorf("%+v", f)
		}
	}
	if v.Outcome != NoData || v.Progress != 0 || v.ETA != 0 {
		t.Errorf("%+v", v)
	}
	pairs := Statistics{At: time.Unix(2, 0), PairsStep: 1, Counted: true}
	if v := s.Judge(pairs, Policy{}); v.Outcome != Unsure {
		t.Errorf("%s: %s", v.Outcome, v.Sentence)
	}
}

// What a person may ask: what is missing where a proof is, and nothing else.
func TestExplain(t *testing.T) {
	var s State
	seen := Statistics{}
	s.fit(&seen)
	s.past.Growth[GateLatency] = []float64{1, 2}
	r := ruling{Finding: Finding{Gate: GateLatency, Outcome: Unsure}, asked: true, basis: estimate{known: true, ready: true, info: 18750, n: 100}, band: band{-1, .02, .02}}
	s.explain(&r, &seen, Policy{}.Sane())
	if r.Needed != 200 || r.Alpha != latencyAlpha || !slices.Equal(r.Growth, []float64{1, 2}) || r.Detectable == 0 {
		t.Errorf("%+v", r)
	}
	for _, change := range []func(r *ruling){func(r *ruling) { r.Outcome = Acceptable }, func(r *ruling) { r.asked = false }} {
		r.Needed = 0
		change(&r)
		if s.explain(&r, &seen, Policy{}.Sane()); r.Needed != 0 {
			t.Errorf("%+v", r)
		}
		r.Outcome, r.asked = Unsure, true
	}
}

// There is room for every stream that partners have, and no more.
func TestRoomForStreams(t *testing.T) {
	var s State
	for _, partners := range []int{1, 3, 2} {
		seen := Statistics{Partners: make([]Partner, partners), Streams: make([]Stream, 1)}
		s.fit(&seen)
		if most := FirstPartner + max(partners, len(s.past.Proofs)-FirstPartner); len(seen.Streams) != FirstPartner+partners || len(s.past.Proofs) != most || len(s.past.Recent) != most {
			t.Errorf("%d partners: %d streams, %d proofs, %d of late", partners, len(seen.Streams), len(s.past.Proofs), len(s.past.Recent))
		}
	}
	p := proof{Low: 1, High: 2, Up: 9, Down: 5}
	p.note(1, 2, 7, 3)
	if p != (proof{Low: 1, High: 2, Up: 9, Down: 7}) {
		t.Errorf("the best of both: %+v", p)
	}
	for _, other := range []proof{{Low: 1, High: 3, Up: 3, Down: 7}, {Low: 0, High: 3, Up: 3, Down: 7}} {
		if p.note(other.Low, other.High, 7, 3); p != other {
			t.Errorf("for another band: %+v", p)
		}
	}
	s.past.Ratios[ServedErrors].Proof = proof{Up: requiredLog, Down: requiredLog}
	if r := s.ruleRatio(&Statistics{}, ServedErrors, GateErrors, 400, true, Policy{}.Sane(), "error_rate", "0.0025"); r.progress != 1 {
		t.Errorf("proven: %v of the way", r.progress)
	}
	s.past.Ratios[ServedErrors].Proof.Down = requiredLog / 2
	if r := s.ruleRatio(&Statistics{}, ServedErrors, GateErrors, 400, true, Policy{}.Sane(), "error_rate", "0.0025"); r.progress != .5 {
		t.Errorf("half proven: %v of the way", r.progress)
	}
}

// What partners say is laid at the door of the method that says more, and rests
// on the loudest of them.
func TestRulingOfPartners(t *testing.T) {
	s := Statistics{Served: true, Shadowed: 1000, Partners: []Partner{{Name: "a", Traffic: 100}, {Name: "b", Traffic: 100}}}
	s.Streams = make([]Stream, FirstPartner+2)
	s.Streams[Overall].Pairs = pairsOf(20000, 150, 150, 200)
	s.Streams[FirstPartner], s.Streams[FirstPartner+1] = stream(20000, .4), stream(200, .4)
	s.Streams[FirstPartner].Pairs = pairsOf(20000, 2400, 150, 200)
	state := new(State).withRoom(&s)
	c := state.hearPartners(&s, Policy{}.Sane())
	r := s.rulePartners(c, byPairs, GatePartnersPaired, true)
	if r.excess() < 0 || r.waits != "a" || r.weight != c.weights[byPairs][0] || r.against != c.mean || !slices.Equal(r.named, []string{"a"}) || r.Partner != "a" {
		t.Errorf("%+v", r)
	}
	if r := s.rulePartners(c, byArms, GatePartnersServed, true); r.against == c.mean || len(r.named) > 0 || r.excess() >= 0 {
		t.Errorf("arms: %+v", r)
	}
	s.Streams[FirstPartner].Pairs = pairsOf(20000, 150, 150, 200)
	c = new(State).withRoom(&s).hearPartners(&s, Policy{}.Sane())
	if r := s.rulePartners(c, byPairs, GatePartnersPaired, true); r.weight != 0 || r.waits != "b" || r.Outcome != Unsure {
		t.Errorf("nothing is wrong with either: %+v", r)
	}
}
