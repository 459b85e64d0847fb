package judge

import (
	"math"
	"strings"
	"testing"
	"time"
)

// worthClusters are so many clusters of equal value, of which the first few
// carry what the candidate alone would miss.
func worthClusters(clusters, carry int, lost float64) (v ValueSums) {
	for i := range clusters {
		ten := 0.0
		if i < carry {
			ten = lost * float64(clusters) / float64(carry)
		}
		v.Add(1, ten, 0)
	}
	return v
}

// bidsSeen are bids of which each comes from a source of its own.
func bidsSeen(n, flips int64) Stream { return bidsOf(n, n, flips) }

func bidsOf(sources, n, flips int64) Stream {
	each := float64(n) / float64(sources)
	var p PairSums
	p.N, p.NN, p.G, p.M = float64(n), float64(n)*each, float64(sources), 64*float64(sources)
	return Stream{BidsSeen: n, BidsFlips: flips, Bids: p}
}

// A connection that bids on the same again and again is one source: what never
// differs on ten of them says little, however many bids there are.
func TestRepeatedBidsAreWorthTheirSources(t *testing.T) {
	w := &Worth{Prices: make([]int64, PriceBins)}
	w.Prices[40] = 20_000
	for _, tt := range []struct {
		sources int64
		proven  bool
	}{{10, false}, {20_000, true}} {
		m := weighValue(worthClusters(64, 1, 0), bidsOf(tt.sources, 20_000, 0), w, .01, 0)
		if proven := m.proof >= requiredLog; proven != tt.proven {
			t.Errorf("20000 bids of %d sources: ln E = %v", tt.sources, m.proof)
		}
	}
}

func TestMissedValueVector(t *testing.T) {
	v := ValueSums{N: 60000, Ten: 4000, One: 2000, SS: 200000, SN: 3000000, NN: 90000000, FF: 600000, G: 40}
	m := weighValue(v, bidsSeen(1200, 120), &Worth{}, .01, 0)
	near(t, "d", m.d, 1./30, 1e-12)
	near(t, "n", m.n, 1200, 1e-12)
	near(t, "effective", m.effective[0], 40, 1e-12)                        // 6000^2/600000 = 60 with an event, of 40 in all
	near(t, "I", m.info, 1/((6000./60000-1./900)/1200+2./1200/1200), 1e-9) // the floor of independent bids
	near(t, "lost", m.lost, 4000./60000, 1e-12)                            // a share of value, not a count
	near(t, "against", m.against, logHarm(score(1./30-.01, m.info, 39), m.info, .01), 1e-12)
}

// What a few dear bids say is not believed, either way: it takes as many
// clusters with an event as tell as much as sixteen.
func TestFewDearBidsDecideNothing(t *testing.T) {
	w := &Worth{}
	for _, tt := range []struct {
		carry         int
		lost          float64
		worse, proven bool
	}{
		{3, .2, false, false},
		{12, .2, false, false},
		{100, .2, true, false},
		{3, .001, false, false},
		{300, .001, false, true},
	} {
		m := weighValue(worthClusters(1000, tt.carry, tt.lost), bidsSeen(200_000, 400), w, .01, 0)
		if worse := m.against >= -math.Log(missedValueAlpha); worse != tt.worse {
			t.Errorf("%+v: worse %v at ln E = %v", tt, worse, m.against)
		}
		if proven := m.proof >= requiredLog; proven != tt.proven {
			t.Errorf("%+v: proven %v at ln E = %v", tt, proven, m.proof)
		}
	}
}

// Releases that never differ are proven by as many bids of equal value as tell
// as much; where no price is known, by as many clusters.
func TestNoDifferenceInValue(t *testing.T) {
	spread := &Worth{Prices: make([]int64, PriceBins)}
	for i := range 40 {
		spread.Prices[20+i] = int64(1000 * math.Exp(-math.Pow(float64(i-20), 2)/100))
	}
	e, d := spread.spread(0)
	if less, nearer := spread.spread(.1); !(e > 2) || !(d > 10) || less >= e || nearer >= d {
		t.Errorf("effect %v, dearest %v; capped %v, %v", e, d, less, nearer)
	}
	for _, tt := range []struct {
		w        *Worth
		clusters int
		bids     int64
		proven   bool
	}{{spread, 64, 500, false}, {spread, 64, 20_000, true}, {&Worth{}, 64, 20_000, false}, {&Worth{}, 1000, 20_000, true}} {
		m := weighValue(worthClusters(tt.clusters, 1, 0), bidsSeen(tt.bids, 0), tt.w, .01, 0)
		if proven := m.proof >= requiredLog; proven != tt.proven {
			t.Errorf("%d bids in %d clusters: ln E = %v", tt.bids, tt.clusters, m.proof)
		}
	}
}

// priced is a sound step whose bids had prices.
func priced(lost float64) Statistics {
	t := soundStep(time.Unix(1e9, 0), 1)
	t.Values = make([]ValueSums, len(t.Streams))
	t.Values[Overall] = worthClusters(400, 200, lost)
	t.Streams[Overall].BidsSeen, t.Streams[Overall].BidsFlips = 100_000, 2_000
	for i := range 400 {
		for a := range Arms {
			e := &t.Worth.Earned[a]
			n := float64(100 + i%7)
			e.Kept.Add(n, 2e6*n)
			e.Saved.Add(n, 8*n)
			e.Lost.Add(8*n, 1e5*n+float64(i%3))
		}
	}
	t.Worth.Prices = []int64{0, 100_000}
	return t
}

func TestValueGate(t *testing.T) {
	p := Policy{Currency: "USD", PriceCap: 50}
	for _, tt := range []struct {
		name    string
		lost    float64
		set     func(*Statistics, *Policy)
		outcome Outcome
		says    string
	}{
		{"the same", .002, nil, Acceptable, "(+0.20 pt"},
		{"the dearest", .05, nil, Worse, "only the candidate would miss 5.0 %"},
		{"only a guard", .05, func(_ *Statistics, p *Policy) { p.MissedValue = Guard }, Worse, "(= 1/0.0025)"},
		{"off", .05, func(_ *Statistics, p *Policy) { p.MissedValue = Off }, Acceptable, "judge.missed_value: off"},
		{"no price", .05, func(t *Statistics, _ *Policy) { t.Values, t.Worth = nil, Worth{} }, Acceptable, "no bid came with a price: missed_bids alone judges"},
		{"another currency", .05, func(t *Statistics, _ *Policy) { t.Values, t.Worth = nil, Worth{Foreign: 9} }, Acceptable, "9 bids came with a price in a currency that has no rate"},
		{"no number", .05, func(t *Statistics, _ *Policy) { t.Values, t.Worth = nil, Worth{Bad: 9} }, Acceptable, "9 bids came with a price that is none, and none with another: missed_bids alone judges"},
		{"free", .05, func(t *Statistics, _ *Policy) { t.Values, t.Worth = nil, Worth{Prices: []int64{9}, Foreign: 3} }, Acceptable, "bids came with a price of nothing, and none with more: missed_bids alone judges"},
		{"some without", .002, func(t *Statistics, _ *Policy) { t.Worth.Unpriced, t.Worth.Bad = 7, 5 }, Acceptable, "12 bids count without a value (7 without a price, 0 in a currency without a rate, 5 with a price that is none)"},
		{"capped", .002, func(t *Statistics, _ *Policy) { t.Worth.Capped = 1e7 }, Acceptable, "of the value lay above the cap of USD 50"},
		{"wins", .002, func(t *Statistics, _ *Policy) {
			t.Worth.Wins, t.Worth.Cleared, t.Worth.ClearedTen = 10, 1e6, 1e5
		}, Acceptable, "of what 10 wins cleared at, only the candidate would have missed 10.0 %"},
		{"damaged", .002, func(t *Statistics, _ *Policy) { t.Values[Overall].NN = math.NaN() }, Invalid, ""},
	} {
		seen, policy := priced(tt.lost), p
		if tt.set != nil {
			tt.set(&seen, &policy)
		}
		var s State
		v := s.Judge(seen, policy)
		f := findingOf(v, GateMissedValue)
		if f.Requests > 0 && (math.Abs(f.CandidateRate-tt.lost) > 1e-9 || f.StableRate != 0) {
			t.Errorf("%s: %v against %v", tt.name, f.CandidateRate, f.StableRate)
		}
		if v.Outcome != tt.outcome || !strings.Contains(f.Sentence, tt.says) {
			t.Errorf("%s: %s\n%s", tt.name, v.Sentence, f.Sentence)
		}
	}
}

func TestMoneyIsShownWithItsInterval(t *testing.T) {
	var s State
	m := s.Judge(priced(.002), Policy{Currency: "USD"}).Money
	if m == nil || m.Currency != "USD" || m.Priced != 100_000 {
		t.Fatalf("%+v", m)
	}
	near(t, "value", m.Candidate.Value.Value, 2000, 1e-9) // 2 per mille a request
	near(t, "saved", m.Candidate.Saved.Value, 8e6, 1e-9)
	near(t, "lost", m.Stable.Lost.Value, 12.5, 1e-3)
	if l := m.Stable.Lost; !(l.Low < l.Value && l.Value < l.High) || l.High-l.Low > .1 {
		t.Errorf("%+v", l)
	}
}

func TestStudent(t *testing.T) {
	for nu, want := range map[float64]float64{5: 2.571, 20: 2.086, 1e6: 1.960} {
		near(t, "t", student(nu), want, 3e-3)
	}
}

// That no dear bid differed among a few thousand says little, where one bid in
// two thousand would carry the margin.
func TestUnseenDearBids(t *testing.T) {
	w := &Worth{Prices: make([]int64, PriceBins)}
	w.Prices[40], w.Prices[66] = 4000, 2 // about 1 and 100
	cheap := worthClusters(400, 200, .001)
	for bids, want := range map[int64]bool{4_000: false, 60_000: true} {
		for _, flips := range []int64{0, 40} {
			v := cheap
			if flips == 0 {
				v = worthClusters(400, 1, 0)
			}
			if m := weighValue(v, bidsSeen(bids, flips), w, .01, 100); (m.proof >= requiredLog) != want {
				t.Errorf("%d bids, %d differ: ln E = %v, want proven %v", bids, flips, m.proof, want)
			}
		}
	}
}

// How unlike bids are, by hand: four bids in a bin, one ten bins up.
func TestSpreadOfPrices(t *testing.T) {
	w := Worth{Prices: make([]int64, PriceBins), Unpriced: 2, Foreign: 2, Bad: 1}
	w.Prices[40], w.Prices[50] = 4, 1
	low, high := math.Exp2(40.5/4)/1000, math.Exp2(50.5/4)/1000
	effect, dearest := w.spread(0)
	near(t, "effect", effect, 5*(4*low*low+high*high)/((4*low+high)*(4*low+high)), 1e-12)
	near(t, "dearest", dearest, high*5/(4*low+high), 1e-12)
	effect, dearest = w.spread(low)
	near(t, "capped", effect, 1, 1e-12)
	near(t, "dearest of capped", dearest, 1, 1e-12)
	near(t, "share", w.share(), .5, 1e-12)
	near(t, "share of none", new(Worth).share(), 1, 0)
	w.Capped = 3e6
	near(t, "above the cap", w.cappedShare(low), 3/(3+5*low), 1e-12)
	near(t, "above none", new(Worth).cappedShare(1), 0, 0)
	if effect, dearest := new(Worth).spread(0); effect != 1 || dearest != 1 {
		t.Errorf("of no prices: %v, %v", effect, dearest)
	}
	r := RatioSums{}
	for _, c := range [][2]float64{{10, 20}, {30, 90}, {20, 50}} {
		r.Add(c[0], c[1])
	}
	if want := (RatioSums{X: 60, Y: 160, XX: 1400, XY: 3900, YY: 11000, G: 3}); r != want {
		t.Errorf("%+v", r)
	}
	g, ratio := 3600/1400., 160/60.
	half := math.Sqrt(g/(g-1)*(11000-2*ratio*3900+ratio*ratio*1400)) / 60 * student(g-1)
	a := r.amount(2)
	near(t, "amount", a.Value, 2*ratio, 1e-12)
	near(t, "from", a.Low, 2*max(0, ratio-half), 1e-12)
	near(t, "to", a.High, 2*(ratio+half), 1e-12)
	near(t, "t", student(4), 2.776, 5e-3)
	if (RatioSums{}).amount(1) != (Amount{}) {
		t.Error("an amount of nothing")
	}
	var v ValueSums
	v.Add(10, 4, 1)
	v.Add(0, 9, 9)
	v.Add(5, 1, 2)
	if want := (ValueSums{N: 15, Ten: 5, One: 3, SS: 10, SN: 25, NN: 125, FF: 34, G: 2}); v != want {
		t.Errorf("%+v", v)
	}
}

// What is known of value, by hand.
func TestEstimateOfValue(t *testing.T) {
	w := Worth{Prices: make([]int64, PriceBins), Unpriced: 5}
	w.Prices[40], w.Prices[50] = 4, 1
	effect, dearest := w.spread(0)
	v := ValueSums{N: 60000, Ten: 4000, One: 2000, SS: 2e6, SN: 3e6, NN: 9e7, FF: 1.8e6, G: 40}
	st := bidsSeen(4000, 240)
	e := v.value(st, &w, 0)
	variance := 20. / 19 * (2e6 - 2*3e6/30 + 9e7/900) / 3.6e9
	floor := effect*(.1-1./900)/2000 + 2*dearest*dearest/4e6
	near(t, "n", e.n, 2000, 1e-12)
	near(t, "flips", e.events, 120, 1e-12)
	near(t, "d", e.d, 1./30, 1e-12)
	near(t, "clusters", e.effective[0], 20, 1e-12)
	near(t, "nu", e.nu, 19, 1e-12)
	near(t, "information", e.info, 1/max(variance, floor), 1e-9)
	near(t, "phi", e.phi, max(1, variance/floor), 1e-9)
	for _, tt := range []struct {
		what         string
		change       func(v *ValueSums, st *Stream)
		known, ready bool
	}{
		{"20 flips", func(_ *ValueSums, st *Stream) { st.BidsFlips = 40 }, true, true},
		{"19 flips", func(_ *ValueSums, st *Stream) { st.BidsFlips = 38 }, true, false},
		{"16 clusters", func(v *ValueSums, _ *Stream) { v.FF = 36e6 / 16 }, true, true},
		{"fewer", func(v *ValueSums, _ *Stream) { v.FF = 36e6 / 15.9 }, true, false},
		{"one cluster", func(v *ValueSums, _ *Stream) { v.G = 1 }, true, false},
		{"no cluster", func(v *ValueSums, _ *Stream) { v.G = 0 }, false, false},
		{"nothing", func(v *ValueSums, _ *Stream) { v.N = 0 }, false, false},
		{"no bid", func(_ *ValueSums, st *Stream) { st.BidsSeen = 0 }, false, false},
	} {
		v, st := v, st
		tt.change(&v, &st)
		if e := v.value(st, &w, 0); e.known != tt.known || e.ready != tt.ready {
			t.Errorf("%s: %+v", tt.what, e)
		}
	}
	few := v
	few.FF = 36e9 // in one cluster, but of fewer than 20 flips nobody knows that
	m := weighValue(few, bidsSeen(4000, 38), &w, .01, 0)
	near(t, "proof", m.proof, logBelow(4000./60000*2000/dearest, 2000, .01/dearest, m.phi)-math.Ln2, 1e-9)
	near(t, "gained", m.gained, 2000./60000, 1e-12)
	m = weighValue(few, bidsSeen(4000, 19), &Worth{}, .01, 0)
	near(t, "without prices", m.proof, logBelow(4000./60000*40, 40, .01, m.phi)-math.Ln2, 1e-9)
	two := ValueSums{N: 10, SS: 50, NN: 1, G: 2}
	near(t, "two clusters", two.value(bidsSeen(1e9, 1e9), &Worth{}, 0).info, 1, 1e-9)
	one := ValueSums{N: 10, SS: 50, NN: 1, G: 1}
	if e := one.value(bidsSeen(1e6, 1e6), &Worth{}, 0); e.info < 1e6 {
		t.Errorf("one cluster tells no variance: %+v", e)
	}
}

// Partners weigh as their bids do, by value.
func TestValueOfPartners(t *testing.T) {
	s := Statistics{Partners: []Partner{{Name: "a"}, {Name: "b"}, {Name: "c"}}, Streams: make([]Stream, FirstPartner+3), Values: make([]ValueSums, FirstPartner+3)}
	s.Values[Overall], s.Values[FirstPartner], s.Values[FirstPartner+2] = worthClusters(400, 200, .01), worthClusters(300, 100, .02), worthClusters(100, 50, .2)
	for i := range s.Streams {
		s.Streams[i] = bidsSeen(100_000, 2_000)
	}
	p := Policy{}.Sane()
	m := weighAllValue(&s, p)
	first, last := m.by[0].against, m.by[2].against
	partners := logSumExp([]float64{first, last}, []float64{.25 + .5*.75, .25 + .5*.25})
	near(t, "evidence", m.against, logSumExp([]float64{m.all.against, partners}, []float64{.5, .5}), 1e-12)
	if m.loudest != 2 || m.by[1].known {
		t.Errorf("loudest %d", m.loudest)
	}
	r := new(State).withRoom(&s).ruleValue(&s, p)
	if r.Partner != "c" || r.Low > r.High || r.band != (band{-1, .01, .01}) || r.excess() < 0 {
		t.Errorf("%+v", r)
	}
	d := s.drivers(&ruling{Finding: Finding{Gate: GateMissedValue}})
	if len(d) != 2 || d[0].Name != "c" || math.Abs(d[0].Share-20./26) > 1e-9 {
		t.Errorf("%+v", d)
	}
	s.Values[FirstPartner+2].One = 24
	short := s
	short.Values = s.Values[:FirstPartner+2]
	if d := s.drivers(&ruling{Finding: Finding{Gate: GateMissedValue}}); len(d) != 2 || math.Abs(d[0].Share-6./10) > 1e-9 || math.Abs(d[1].Share+4./10) > 1e-9 {
		t.Errorf("%+v", d)
	}
	if d := short.drivers(&ruling{Finding: Finding{Gate: GateMissedValue}}); len(d) != 1 || d[0] != (Driver{"a", 1}) {
		t.Errorf("%+v", d)
	}
	alone := s
	alone.Values = alone.Values[:FirstPartner]
	if m := weighAllValue(&alone, p); !m.all.known || m.against != m.all.against || m.loudest != -1 {
		t.Errorf("without partners: %+v", m)
	}
	alone.Values = alone.Values[:1]
	if m := weighAllValue(&alone, p); m.all.known {
		t.Errorf("without streams: %+v", m)
	}
	w := Worth{Wins: 4, Cleared: 200, ClearedTen: 20, ClearedOne: 50, Unpriced: 1, Foreign: 1000, Bad: 2}
	want := "; 1,003 bids count without a value (1 without a price, 1,000 in a currency without a rate, 2 with a price that is none)" +
		"; of what 4 wins cleared at, only the candidate would have missed 10.0 % and only stable 25.0 %"
	if got := w.without(p); got != want {
		t.Errorf("%s", got)
	}
	if got := (&Worth{Wins: 4}).without(p) + (&Worth{Cleared: 4}).without(p); got != "" {
		t.Errorf("%s", got)
	}
}
