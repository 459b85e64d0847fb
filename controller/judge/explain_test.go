package judge

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// How much is missing for a proof, by what is known.
func TestWhatIsMissing(t *testing.T) {
	b := band{-.02, .02, .02}
	for _, tt := range []struct {
		what       string
		r          ruling
		more       float64
		needed     int64
		detectable float64
	}{
		{"nothing known", ruling{band: b}, 0, 0, 0},
		{"half", ruling{band: b, basis: estimate{known: true, ready: true, info: 18750, n: 1001}}, 2, 2002, math.Sqrt(19. / 18750)},
		{"enough", ruling{band: b, basis: estimate{known: true, ready: true, info: 1e9, n: 1000}}, 1, 1000, math.Sqrt(19. / 1e9)},
		{
			"near an edge",
			ruling{band: b, basis: estimate{known: true, ready: true, d: .01, info: 37500, n: 1000}},
			math.Log(200) / 5e-5 / 37500, int64(math.Ceil(1000 * math.Log(200) / 5e-5 / 37500)), math.Sqrt(19. / 37500),
		},
		{"10 events of 40", ruling{band: b, basis: estimate{known: true, info: 1, n: 100, events: 10, windows: 2}}, 4, 400, 1},
		{"5 flips of 20", ruling{band: b, basis: estimate{known: true, paired: true, info: 1, n: 100, events: 5, windows: 2}}, 4, 400, 1},
		{"no event", ruling{band: b, basis: estimate{known: true, info: 1, n: 100, windows: 2}}, 40, 4000, 1},
		{"sooner by information", ruling{band: b, basis: estimate{known: true, info: 12500, n: 100, windows: 2}}, 3, 300, math.Sqrt(19. / 12500)},
		{"one window of two", ruling{band: b, basis: estimate{known: true, info: 1e9, n: 100, events: 50, windows: 1}}, 2, 200, math.Sqrt(19. / 1e9)},
		{"no window", ruling{band: b, basis: estimate{known: true, info: 1e9, n: 100, events: 50}}, 2, 200, math.Sqrt(19. / 1e9)},
		{"a rate of rare events", ruling{Finding: Finding{Requests: 300}, progress: .4}, 0, 750, 0},
		{"hardly begun", ruling{Finding: Finding{Requests: 3}, progress: 1e-9}, 0, 0, 0},
		{"not begun", ruling{Finding: Finding{Requests: 8097}}, 0, 0, 0},
		{"no information", ruling{band: b, basis: estimate{known: true, ready: true, n: 5}}, math.Inf(1), 0, 0},
	} {
		if got := tt.r.more(); got != tt.more && math.Abs(got-tt.more) > 1e-9*tt.more {
			t.Errorf("%s: %v times as many, want %v", tt.what, got, tt.more)
		}
		if got := tt.r.needed(); got != tt.needed {
			t.Errorf("%s: %d are needed, want %d", tt.what, got, tt.needed)
		}
		near(t, tt.what, tt.r.detectable(), tt.detectable, 1e-12)
	}
}

// The smallest margin that does is found to within its millionth.
func TestLeastMargin(t *testing.T) {
	for _, tt := range []struct{ from, at float64 }{{.02, .0345}, {0, .0003}, {.3, .9}, {0, .00010001}} {
		got, found := leastMargin(tt.from, func(m float64) bool { return m >= tt.at })
		if !found || got < tt.at || got > tt.at*(1+1e-6) {
			t.Errorf("from %v: %v, found %v, want %v", tt.from, got, found, tt.at)
		}
	}
	tried := 0.
	if got, found := leastMargin(.5, func(m float64) bool { tried = max(tried, m); return false }); found || got != 0 || tried >= 1 || tried < .9 {
		t.Errorf("%v, found %v, tried up to %v", got, found, tried)
	}
	window := func(m float64) bool { return m > .0215 && m < .023 } // what holds for one may not for a larger one
	if got, found := leastMargin(.02, window); !found || math.Abs(got-.0215) > 1e-6 {
		t.Errorf("%v, found %v", got, found)
	}
}

// What would have changed the outcome is told at the margin from which it would.
func TestOtherwise(t *testing.T) {
	e := estimate{known: true, ready: true, info: 1e5, nu: math.Inf(1)}
	ruled := func(o Outcome, d float64, over bool) ruling {
		r := ruling{Finding: Finding{Outcome: o, Threshold: 400}, basis: e, band: band{-.02, .02, .02}, setting: "margin", over: over, asked: true}
		if r.basis.d = d; over {
			r.band.low = -1
		}
		return r
	}
	weighed := ruled(Worse, .04, false)
	weighed.weight = -2
	for _, tt := range []struct {
		what string
		r    ruling
		says string
		hold func(h hypothesis) float64 // what is at its threshold there
		want float64
	}{
		{"worse", ruled(Worse, .04, false), "at this look not worse, had margin been ", func(h hypothesis) float64 { return logAgainst((.04-h.high)*1e5, 1e5, h.margin) }, math.Log(400)},
		{"worse the other way", ruled(Worse, -.04, false), "at this look not worse", func(h hypothesis) float64 { return logAgainst((h.low+.04)*1e5, 1e5, h.margin) }, math.Log(400)},
		{"worse by one of many", weighed, "at this look not worse", func(h hypothesis) float64 { return logAgainst((.04-h.high)*1e5, 1e5, h.margin) }, math.Log(400) + 2},
		{"more is worse", ruled(Worse, .04, true), "at this look not worse", func(h hypothesis) float64 { return logHarm((.04-h.high)*1e5, 1e5, h.margin) }, math.Log(400)},
		{"proven", ruled(Acceptable, .001, false), "at this look not proven yet, had margin been less than ", func(h hypothesis) float64 { return logProof((h.high-.001)*1e5, 1e5, h.margin) }, requiredLog},
		{"not yet", ruled(Unsure, .015, false), "at this look acceptable already, had margin been ", func(h hypothesis) float64 { return logProof((h.high-.015)*1e5, 1e5, h.margin) }, requiredLog},
		{"not yet, the other way", ruled(Unsure, -.015, false), "at this look acceptable already", func(h hypothesis) float64 { return logProof((-.015-h.low)*1e5, 1e5, h.margin) }, requiredLog},
		{"no more yet", ruled(Unsure, .015, true), "at this look acceptable already", func(h hypothesis) float64 { return logProof((h.high-.015)*1e5, 1e5, h.margin) }, requiredLog},
	} {
		text := tt.r.otherwise()
		if !strings.Contains(text, tt.says) {
			t.Errorf("%s: %q, want %q", tt.what, text, tt.says)
			continue
		}
		least := 0.
		for m := .0001; m < 1; m *= 1.00005 {
			ok := tt.hold(tt.r.at(m).with(tt.r)) >= tt.want
			if strings.Contains(tt.says, "worse") {
				ok = m > .02 && !ok
			}
			if ok && (m > .02 || strings.Contains(tt.says, "proven")) {
				least = m
				break
			}
		}
		if !strings.Contains(text, " "+points3(least)+" pt") {
			t.Errorf("%s: %q, want %v pt", tt.what, text, points3(least))
		}
	}
	held := ruled(Unsure, .04, false)
	held.holds, held.asked = true, false
	if text := held.otherwise(); !strings.HasPrefix(text, "at this look not held, had margin been ") {
		t.Errorf("held: %q", text)
	}
	for _, quiet := range []func(r *ruling){
		func(r *ruling) { r.basis.known = false }, func(r *ruling) { r.setting = "" }, func(r *ruling) { r.band.margin = 0 },
		func(r *ruling) { r.Outcome, r.asked = Unsure, false }, func(r *ruling) { r.Outcome, r.basis.ready = Unsure, false },
	} {
		r := ruled(Worse, .04, false)
		if quiet(&r); r.otherwise() != "" {
			t.Errorf("%+v: %q", r, r.otherwise())
		}
	}
}

// with keeps the open side of a band open.
func (h hypothesis) with(r ruling) hypothesis {
	if r.over {
		h.low = -1
	}
	return h
}

// Five names at most, of those with a hundredth at least.
func TestGreatest(t *testing.T) {
	all := []Driver{{"a", 1}, {"b", -50}, {"c", 20}, {"d", .99}, {"e", 10}, {"f", 17.01}}
	got := greatest(slices.Clone(all), 100)
	if len(got) != 5 || got[0] != (Driver{"b", -.5}) || got[4] != (Driver{"a", .01}) {
		t.Errorf("%+v", got)
	}
	if got := greatest(slices.Clone(all[:4]), 100); len(got) != 3 {
		t.Errorf("%+v", got)
	}
	if got := greatest(slices.Clone(all), 0); got != nil {
		t.Errorf("of nothing: %+v", got)
	}
	s := Statistics{Loudest: []Cluster{{Task: "a", Bucket: 3, Influence: .004}, {Task: "b", Influence: -.3}, {Task: "c", Influence: .1}}}
	if got := s.heaviest(.08); len(got) != 2 || got[0] != (Driver{"connections 3 of a", .05}) || got[1].Share != -1 {
		t.Errorf("%+v", got)
	}
	if got := s.heaviest(.081); len(got) != 1 {
		t.Errorf("%+v", got)
	}
	if got := s.heaviest(0); len(got) != 2 || got[0].Share != 1 { // without a difference each is all of it
		t.Errorf("%+v", got)
	}
	s.Partners = []Partner{{Name: "x"}, {Name: "y"}, {Name: "z"}}
	s.Streams = make([]Stream, FirstPartner+3)
	for k, d := range []float64{-3, 1, 0} {
		st := &s.Streams[FirstPartner+k]
		st.Pairs.Ten, st.Pairs.One, st.Bids.Ten, st.Bids.One = 5+d, 5, 1, 1-d
		st.Served = Difference{D: d, Q: 2, N: [Arms]float64{float64(8 - 5*k), float64(4 + 2*k)}}
	}
	s.Streams[FirstPartner+2].Served = Difference{D: 5, N: [Arms]float64{8, 4}}
	for _, gate := range []Gate{GateFilterRatePaired, GateMissedBids, GateFilterRateServed} {
		got, x := s.drivers(&ruling{Finding: Finding{Gate: gate, Difference: 1}}), -.75
		if gate == GateFilterRateServed { // by the smaller arm, 4 of one and 3 of the other
			got, x = got[1:], -.8
		}
		if len(got) != 2 || got[0] != (Driver{"x", x}) || math.Abs(got[1].Share-1-x) > 1e-12 {
			t.Errorf("%s: %+v", gate, got)
		}
	}
}

// The evidence of the last 32 looks is kept, and marks that grow no more than
// that.
func TestTrails(t *testing.T) {
	var tr trail
	start := time.Unix(1e9, 0)
	for i := range 32 * 8 {
		tr = tr.add(mark{At: start.Add(time.Duration(i) * time.Second)})
		if i == 31 && (len(tr.Marks) != 32 || tr.Every != 1) {
			t.Fatalf("%d marks, each %d looks", len(tr.Marks), tr.Every)
		}
	}
	if len(tr.Marks) != 32 || tr.Every != 8 || tr.Skip != 0 {
		t.Fatalf("%d marks, each %d looks, %d to go", len(tr.Marks), tr.Every, tr.Skip)
	}
	for i, m := range tr.Marks {
		if got := m.At.Sub(start); got != time.Duration(8*i)*time.Second {
			t.Errorf("mark %d is of %v", i, got)
		}
	}
	some := func(n, every int) trail { return trail{Marks: slices.Repeat([]mark{{At: start}}, n), Every: every} }
	for _, tt := range []struct {
		tr    trail
		after time.Duration
		want  bool
	}{
		{some(16, 0), time.Minute, true},
		{some(15, 1), time.Minute, false},
		{some(8, 2), time.Minute, true},
		{some(7, 2), time.Minute, false},
		{some(16, 1), time.Minute + 1, false},
		{some(0, 99), 0, false},
	} {
		if got := tt.tr.watched(start.Add(time.Minute), tt.after); got != tt.want {
			t.Errorf("%d marks, each %d looks, after %v: %v", len(tt.tr.Marks), tt.tr.Every, tt.after, got)
		}
	}
	var s State
	s.fit(&Statistics{})
	for i := range 40 {
		s.past.Looks++
		s.grow([]ruling{{Finding: Finding{Gate: GateErrors}, against: float64(i)}}, &Statistics{Counted: true})
		s.grow([]ruling{{Finding: Finding{Gate: GateErrors}, against: -1}}, &Statistics{Counted: true}) // the same look again
	}
	if g := s.past.Growth[GateErrors]; len(g) != maxGrowth || g[0] != 8 || g[31] != 39 {
		t.Errorf("%v", g)
	}
}

// Information that grows with units comes in time; what grows less and less has
// a ceiling.
func TestOutlook(t *testing.T) {
	start := time.Unix(1e9, 0)
	at := func(i int, units, info float64) mark {
		return mark{At: start.Add(time.Duration(i) * time.Minute), Units: units, Info: info, Who: "all"}
	}
	watched := func(half mark) trail {
		marks := slices.Repeat([]mark{at(0, 1, 1)}, 17)
		marks[8] = half
		return trail{Marks: marks, Every: 1}
	}
	for _, tt := range []struct {
		what      string
		half, now mark
		needed    float64
		want      outlook
	}{
		{"steady", at(5, 500, 250), at(15, 1000, 500), 1500, outlook{true, math.Inf(1), 40 * time.Minute}},
		{"there already", at(5, 500, 250), at(15, 1000, 500), 400, outlook{true, math.Inf(1), 0}},
		{"less and less", at(5, 500, 200), at(15, 1000, 1000./3), 500, outlook{true, 1000, 20 * time.Minute}},
		{"beyond the ceiling", at(5, 500, 200), at(15, 1000, 1000./3), 1001, outlook{true, 1000, math.MaxInt64}},
		{"more and more", at(5, 500, 100), at(15, 1000, 500), 1500, outlook{true, math.Inf(1), 40 * time.Minute}},
		{"no more at all", at(5, 500, 500), at(15, 1000, 500), 600, outlook{true, 500, math.MaxInt64}},
		{"since nothing", at(5, 0, 0), at(15, 1000, 500), 1500, outlook{true, math.Inf(1), 20 * time.Minute}},
		{"since no units", at(5, 0, 100), at(15, 1000, 500), 1500, outlook{true, math.Inf(1), 20 * time.Minute}},
		{"since no information", at(5, 500, 0), at(15, 1000, 500), 1500, outlook{true, math.Inf(1), 40 * time.Minute}},
		{"no traffic", at(5, 500, 100), at(15, 500, 500), 1500, outlook{true, math.Inf(1), math.MaxInt64}},
		{"nothing known", at(5, 500, 100), at(15, 1000, 0), 1500, outlook{true, math.Inf(1), math.MaxInt64}},
		{"at once", at(15, 500, 100), at(15, 1000, 500), 1500, outlook{false, math.Inf(1), math.MaxInt64}},
	} {
		got := watched(tt.half).ahead(tt.now, tt.needed, 10*time.Minute)
		if got.known != tt.want.known || math.Abs(1/got.ceiling-1/tt.want.ceiling) > 1e-12 || (got.wait-tt.want.wait).Abs() > time.Millisecond {
			t.Errorf("%s: %+v, want %+v", tt.what, got, tt.want)
		}
	}
	other := at(15, 1000, 500)
	other.Who = "acme"
	if got := watched(at(5, 500, 250)).ahead(other, 1500, 0); got.known {
		t.Errorf("while others were waited for: %+v", got)
	}
	if got := watched(at(5, 500, 250)).ahead(at(9, 1000, 500), 1500, 10*time.Minute); got != (outlook{}) {
		t.Errorf("watched too shortly: %+v", got)
	}
}

// Why a proof will not come, and when it still may.
func TestClassify(t *testing.T) {
	start := time.Unix(1e9, 0)
	now := start.Add(2 * time.Hour)
	p := Policy{}.Sane()
	usual := func(d, info float64) ruling {
		return ruling{
			Finding: Finding{Gate: GateFilterRateServed, Outcome: Unsure}, asked: true, band: band{-.02, .02, .02},
			basis: estimate{known: true, ready: true, d: d, info: info, n: 1000, phi: 1, effective: [Arms]float64{20, 20}},
		}
	}
	few := func(least, info float64) ruling {
		r := usual(0, info)
		r.basis.ready, r.basis.effective[1] = false, least
		return r
	}
	trailOf := func(units, info float64) trail { // half of the way an hour ago
		marks := slices.Repeat([]mark{{At: start}}, 17)
		marks[8] = mark{At: start.Add(time.Hour), Units: units, Info: info}
		return trail{Marks: marks, Every: 1}
	}
	with := func(r ruling, change func(r *ruling)) ruling { change(&r); return r }
	still, none := trailOf(500, 50), trail{}
	for _, tt := range []struct {
		what string
		r    ruling
		t    trail
		want Class
	}{
		{"near an edge", usual(.019, 50000), none, Borderline},
		{"near the other", usual(-.019, 50000), none, Borderline},
		{"too early for that", usual(.019, 49999), none, ""},
		{"not so near", usual(.0145, 50000), none, ""},
		{"plenty", usual(.0145, 200000), none, Borderline},
		{"nearly plenty", usual(.0145, 199999), none, ""},
		{"of a partner", with(usual(.019, 99999), func(r *ruling) { r.waits = "acme" }), none, ""},
		{"of a partner, twice", with(usual(.019, 100000), func(r *ruling) { r.waits = "acme" }), none, Borderline},
		{"not asked", with(usual(.019, 50000), func(r *ruling) { r.asked = false }), none, ""},
		{"late", with(usual(.019, 50000), func(r *ruling) { r.late = true }), none, ""},
		{"proven", with(usual(.019, 50000), func(r *ruling) { r.Outcome = Acceptable }), none, ""},
		{"worse", with(usual(.019, 50000), func(r *ruling) { r.Outcome = Worse }), none, ""},
		{"one side only", with(usual(-.019, 50000), func(r *ruling) { r.over, r.band.low = true, -1 }), none, ""},
		{"few clusters", few(15.9, 50000), still, Floor},
		{"few clusters, too early", few(15.9, 49999), trailOf(500, 25000), ""},
		{"few clusters of much", few(15.9, 25000), trailOf(500, 12500), ""},
		{"clumped", with(few(15.9, 25000), func(r *ruling) { r.basis.phi = 2 }), still, Floor},
		{"clusters enough", few(16, 50000), trailOf(500, 25000), ""},
		{"four tasks", with(few(4, 50000), func(r *ruling) { r.least = 4 }), trailOf(500, 25000), ""},
		{"three tasks", with(few(3.9, 50000), func(r *ruling) { r.least = 4 }), still, Floor},
		{"in time", usual(0, 2400), trailOf(500, 1200), ""}, // 30,000 are needed: 23 hours
		{"a day and more", usual(0, 2000), trailOf(500, 1000), Starved},
		{"grows no more", with(usual(0, 25000), func(r *ruling) { r.basis.phi = 2 }), trailOf(500, 25000), Floor},
		{"too early to tell", usual(0, 25000), trailOf(500, 25000), ""},
		{"rare events", with(usual(0, 0), func(r *ruling) { r.band, r.progress, r.Requests = band{}, .02, 1000 }), trailOf(500, .01), Starved},
		{"rare events in time", with(usual(0, 0), func(r *ruling) { r.band, r.progress, r.Requests = band{}, .1, 1000 }), trailOf(500, .05), ""},
		{"rare events near what is tolerated", with(usual(0, 0), func(r *ruling) { r.band, r.progress, r.Requests, r.CandidateRate = band{}, .02, 1000, .04 }), trailOf(500, .01), Borderline},
		{"just fewer", with(usual(0, 0), func(r *ruling) { r.band, r.progress, r.Requests, r.CandidateRate = band{}, .02, 1000, .0399 }), trailOf(500, .01), Starved},
	} {
		if got, why := tt.r.classify(tt.t, now, p); got != tt.want || (why == "") != (got == "") {
			t.Errorf("%s: %q, want %q: %s", tt.what, got, tt.want, why)
		}
	}
	r := usual(.019, 50000)
	if _, why := r.classify(none, now, p); !strings.Contains(why, "the difference of +1.90 pt lies too near the edge of -2.00..+2.00 pt to be told from it (standard error +0.45 pt)") {
		t.Error(why)
	}
	r.Detectable, r.waits = .05, "acme"
	if text := r.starved(); text != "traffic is too little for acme: at present a difference of +5.00 pt could be told; send it more, or widen the margin" {
		t.Error(text)
	}
	if r.Detectable = 0; r.starved() != "traffic is too little for acme; send it more, or widen the margin" {
		t.Error(r.starved())
	}
	near(t, "sufficient", usual(0, 100).sufficient(), 37500, 1e-12)
	near(t, "near an edge", usual(.01, 37500).sufficient(), math.Log(200)/5e-5, 1e-12)
	near(t, "unless little is known", usual(.01, 37499).sufficient(), 37500, 1e-12)
	near(t, "at best", usual(.019, 1e4).atBest(), informationFor(.001+.01, .02), 1e-12)
	near(t, "at best of an open side", with(usual(-.015, 1e4), func(r *ruling) { r.over = true }).atBest(), 30000, 1e-12)
	near(t, "at best unready", few(3, 1e9).atBest(), 30000, 1e-12)
}
