package tally_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/controller/tally/tallytest"
)

// market is a canary step of four tasks against four whose bids have lognormal
// prices. The candidate would lose the dearest 0.25 % of all bids, or as many
// of whatever price as stable.
type market struct {
	rng     *rand.Rand
	sigma   float64
	priced  bool
	dearest bool
	cap     float64
	looks   int
}

const (
	marketBuckets = 64
	marketExplore = .3
	marketFlips   = .0025
)

func (m *market) next() tally.Look {
	m.looks++
	l := tally.Look{
		At: time.Unix(1e9+10*int64(m.looks), 0), Served: true,
		Expected: map[judge.Arm]int{judge.Candidate: 4, judge.Control: 4},
	}
	for i := range 8 {
		arm := judge.Control
		if i < 4 {
			arm = judge.Candidate
		}
		r := tallytest.Blank(fmt.Sprint("task ", i), arm, marketBuckets)
		r.Generation, r.After, r.Upto, r.Explore = 1, int64(m.looks-1), int64(m.looks), marketExplore
		for _, p := range []struct {
			name        string
			share, rate float64
		}{{"acme", 1, .4}, {"zeta", .5, .35}} {
			c := tallytest.BlankColumns(marketBuckets)
			for _, list := range []*[]int64{
				&c.Bids, &c.BidsCandidateOnly, &c.BidsStableOnly, &c.Value, &c.ValueCandidateOnly, &c.ValueStableOnly, &c.ValueBoth,
			} {
				*list = make([]int64, marketBuckets)
			}
			for range int(600 * p.share) {
				m.auction(&r, &c, p.rate, p.share == 1)
			}
			if !m.priced {
				c.Value, c.ValueCandidateOnly, c.ValueStableOnly, c.ValueBoth = nil, nil, nil, nil
			}
			r.Partners[p.name] = c
		}
		l.Reports = append(l.Reports, r)
	}
	return l
}

func (m *market) auction(r *tally.Report, c *tally.Columns, rate float64, first bool) {
	g := m.rng.IntN(marketBuckets)
	if first {
		r.Requests[g]++
	}
	c.Scored[g]++
	if m.rng.Float64() < rate {
		c.Filtered[g]++
	}
	if m.rng.Float64() >= marketExplore {
		return
	}
	if first {
		r.ShadowRequests[g]++
	}
	c.Pairs[g]++
	switch u := m.rng.Float64(); {
	case u < .012:
		c.CandidateOnly[g]++
	case u < .024:
		c.StableOnly[g]++
	}
	if m.rng.Float64() < .08 {
		m.bid(r, c, g)
	}
}

func (m *market) bid(r *tally.Report, c *tally.Columns, g int) {
	z, u := m.rng.NormFloat64(), m.rng.Float64()
	price := math.Exp(m.sigma * z)
	ten, one := u < marketFlips, u >= 1-marketFlips
	if m.dearest {
		ten, one = z > 2.807, false // the quantile of all but 0.25 %
	}
	v := int64(1e6 * min(price, m.cap))
	c.Bids[g]++
	c.Value[g] += v
	if ten {
		c.BidsCandidateOnly[g]++
		c.ValueCandidateOnly[g] += v
	}
	if one {
		c.BidsStableOnly[g]++
		c.ValueStableOnly[g] += v
	}
	if m.priced {
		r.Prices = addPrice(r.Prices, price)
		r.Money.Capped += max(0, int64(1e6*(price-m.cap)))
	}
}

func addPrice(bins []int64, price float64) []int64 {
	if bins == nil {
		bins = make([]int64, tally.PriceBins)
	}
	bins[min(tally.PriceBins-1, max(0, int(4*math.Log2(1000*price))))]++
	return bins
}

func (m *market) judge(looks int) (v judge.Verdict, after int) {
	var c tallytest.Case
	policy := judge.Policy{Currency: "USD", PriceCap: m.cap}
	for after = range looks {
		if v = c.Look(m.next(), policy); v.Outcome == judge.Worse || v.Outcome == judge.Acceptable {
			break
		}
	}
	return v, after
}

func valueOf(t *testing.T, v judge.Verdict) judge.Finding {
	t.Helper()
	for _, f := range v.Findings {
		if f.Gate == judge.GateMissedValue {
			return f
		}
	}
	t.Fatalf("no finding on value: %+v", v)
	return judge.Finding{}
}

// A quarter of a point of all bids is nothing, if it is not the dearest. What
// that costs shows only where bids come with prices; where they do not, it is
// told.
func TestTheDearestBids(t *testing.T) {
	for _, sigma := range []float64{1, 1.5, 2} {
		t.Run(fmt.Sprint("sigma=", sigma), func(t *testing.T) {
			seed := uint64(10 * sigma)
			blind := market{rng: rand.New(rand.NewPCG(seed, 1)), sigma: sigma, dearest: true, cap: 100}
			v, after := blind.judge(60)
			if f := valueOf(t, v); v.Outcome != judge.Acceptable || !strings.Contains(f.Sentence, "no bid came with a price") || v.Money != nil {
				t.Errorf("without prices, look %d: %s\n%s", after, v.Sentence, f.Sentence)
			}
			priced := market{rng: rand.New(rand.NewPCG(seed, 1)), sigma: sigma, dearest: true, priced: true, cap: 100}
			if v, after := priced.judge(240); v.Outcome != judge.Worse || v.Gate != judge.GateMissedValue {
				t.Errorf("with prices, look %d: %s\n%s", after, v.Sentence, valueOf(t, v).Sentence)
			}
			fine := market{rng: rand.New(rand.NewPCG(seed, 2)), sigma: sigma, priced: true, cap: 100}
			if v, after := fine.judge(240); v.Outcome != judge.Acceptable || valueOf(t, v).Required == 0 {
				t.Errorf("no worse than stable, look %d: %s\n%s", after, v.Sentence, valueOf(t, v).Sentence)
			}
		})
	}
}

// Value weighs as bids do, and so do outcomes; a restored state comes to the
// same.
func TestValue(t *testing.T) {
	var s tally.State
	var seen judge.Statistics
	for i, explore := range []float64{.01, .05} {
		r := tallytest.Uniform("a", judge.Control, 4, 10, 0, map[string][2]int64{"acme": {10, 4}, "zeta": {10, 4}})
		r.After, r.Upto, r.Explore = int64(i), int64(i+1), explore
		r.Outcomes, r.Calls, r.CallsCandidateOnly, r.CallsBoth = []int64{2, 1, 0, 0}, []int64{40, 20, 0, 0}, []int64{4, 1, 0, 0}, []int64{6, 2, 0, 0}
		r.Prices, r.Money = []int64{0, 3}, tally.Money{Unpriced: 2, Capped: 5, Wins: 1, Cleared: 9, ClearedStableOnly: 9}
		c := r.Partners["acme"]
		c.Value, c.ValueCandidateOnly, c.ValueStableOnly, c.ValueBoth = []int64{5e9, 1e9, 0, 0}, []int64{2e9, 0, 0, 0}, []int64{1e9, 0, 0, 0}, []int64{0, 1e9, 0, 0}
		r.Partners["acme"] = c
		c = r.Partners["zeta"]
		c.Value, c.ValueCandidateOnly, c.ValueStableOnly, c.ValueBoth = []int64{0, 2e9, 3e9, 0}, make([]int64, 4), []int64{0, 1e9, 0, 0}, make([]int64, 4)
		r.Partners["zeta"] = c
		seen = s.Look(tally.Look{At: time.Unix(int64(i), 0), Reports: []tally.Report{r.Pack()}}, judge.Policy{})
	}
	for i, want := range map[int]struct{ value, ten, one, squares, clusters float64 }{
		judge.Overall:          {11e9, 2e9, 2e9, 10e18, 3},
		judge.FirstPartner:     {6e9, 2e9, 1e9, 9e18, 2},
		judge.FirstPartner + 1: {5e9, 0, 1e9, 1e18, 2},
	} {
		v := seen.Values[i]
		near(t, "value", v.N, want.value*120, 1e-12)
		near(t, "candidate only", v.Ten, want.ten*120, 1e-12)
		near(t, "stable only", v.One, want.one*120, 1e-12)
		near(t, "squares", v.FF, want.squares*120*120, 1e-12)
		if v.G != want.clusters {
			t.Errorf("stream %d: %+v", i, v)
		}
	}
	candidate := seen.Worth.Earned[judge.CandidateArm]
	near(t, "outcomes", candidate.Kept.X, 3*120, 1e-12)
	near(t, "kept", candidate.Kept.Y, 5e9*120, 1e-12) // not what it or both would lose
	near(t, "saved", candidate.Saved.Y, 13*120, 1e-12)
	near(t, "lost", candidate.Lost.Y, 3e9*120, 1e-12)
	stable := seen.Worth.Earned[judge.ControlArm]
	near(t, "saved by stable", stable.Saved.Y, 8*120, 1e-12)
	near(t, "lost by stable", stable.Lost.Y, 3e9*120, 1e-12)
	near(t, "kept by stable", stable.Kept.Y, 5e9*120, 1e-12)
	if w := seen.Worth; w.Prices[1] != 6 || w.Unpriced != 4 || w.Capped != 10 || w.Wins != 2 || w.ClearedOne != 18 || w.ClearedTen != 0 {
		t.Errorf("%+v", w)
	}
	data, err := s.MarshalBinary()
	var restored tally.State
	if err != nil || restored.UnmarshalBinary(data) != nil {
		t.Fatal(err)
	}
	l := tally.Look{At: time.Unix(9, 0)}
	if a, b := s.Look(l, judge.Policy{}), restored.Look(l, judge.Policy{}); !reflect.DeepEqual(a, b) {
		t.Errorf("restored:\n%+v\n%+v", a, b)
	}
}

func TestValueThatMakesNoSense(t *testing.T) {
	for want, spoil := range map[string]func(*tally.Report, *tally.Columns){
		"is outside 0 to":                                func(_ *tally.Report, c *tally.Columns) { c.Value[0] = 1 << 53 },
		"more value lost than there is":                  func(_ *tally.Report, c *tally.Columns) { c.ValueBoth = []int64{0, 600} },
		"lost than there is of partner acme in bucket 0": func(_ *tally.Report, c *tally.Columns) { c.ValueBoth = []int64{600, 0} },
		"more calls saved than made":                     func(r *tally.Report, _ *tally.Columns) { r.CallsBoth = []int64{90, 0} },
		"money -1":                                       func(r *tally.Report, _ *tally.Columns) { r.Money.Wins = -1 },
		"of prices in bin 0":                             func(r *tally.Report, _ *tally.Columns) { r.Prices = []int64{-1} },
	} {
		for _, pack := range []bool{false, true} {
			r := tallytest.Uniform("a", judge.Control, 2, 10, 0, map[string][2]int64{"acme": {10, 4}})
			r.Upto, r.Explore, r.Outcomes, r.Calls = 1, .1, []int64{1, 1}, []int64{9, 9}
			c := r.Partners["acme"]
			c.Value = []int64{500, 500}
			spoil(&r, &c)
			r.Partners["acme"] = c
			if pack {
				r = r.Pack()
			}
			var s tally.State
			seen := s.Look(tally.Look{At: time.Unix(1, 0), Reports: []tally.Report{r}}, judge.Policy{})
			if len(seen.Problems) != 1 || !strings.Contains(seen.Problems[0], want) || seen.Values != nil {
				t.Errorf("%s, packed %v: %q", want, pack, seen.Problems)
			}
		}
	}
}
