package tally_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/controller/tally/tallytest"
)

// measured is look number i of two tasks per arm, whose requests took so long.
func measured(i int, latency ...[]int64) tally.Look {
	l := tally.Look{At: time.Unix(1e9+int64(i), 0), Served: true}
	for k, bins := range latency {
		r := tally.Report{Task: fmt.Sprint("t", k), Boot: "b", Arm: judge.Candidate, After: int64(i), Upto: int64(i + 1), Latency: bins}
		if k >= 2 {
			r.Arm = judge.Control
		}
		l.Reports = append(l.Reports, r)
	}
	return l
}

// slow is the same, each of which answers so many requests in 1 ms and so many
// in 16 ms.
func slow(i int, counts [4][2]int64) tally.Look {
	var latency [4][]int64
	for k, c := range counts {
		latency[k] = took(c[0], 0, c[1])
	}
	return measured(i, latency[:]...)
}

// Stable's p99 is frozen once it can be told, and what was counted before does
// not enter.
func TestLatency(t *testing.T) {
	p := judge.Policy{LatencySLO: 5 * time.Millisecond}
	var s tally.State
	few := [4][2]int64{{500, 0}, {500, 0}, {450, 5}, {450, 5}}
	for i := range 3 {
		seen := s.Look(slow(i, few), p)
		if want := []int{0, 0, 55}[i]; seen.Latency.Edge != want {
			t.Fatalf("look %d: edge %d, want %d", i, seen.Latency.Edge, want)
		}
		if seen.SLO.Edge != 50 || seen.SLO.Of.Windows != i+1 {
			t.Fatalf("look %d: promised %+v", i, seen.SLO)
		}
		if seen.Latency.Of.Windows != 0 {
			t.Fatalf("look %d: %d windows before the p99 is known", i, seen.Latency.Of.Windows)
		}
	}
	seen := s.Look(slow(3, [4][2]int64{{90, 10}, {270, 30}, {594, 6}, {198, 2}}), p)
	d := seen.Latency.Of
	if d.Windows != 1 || d.G != [judge.Arms]int{2, 2} || d.N != [judge.Arms]float64{400, 800} || d.X != [judge.Arms]float64{40, 8} {
		t.Fatalf("%+v", d)
	}
	near(t, "difference", d.D/d.Q, .1-.01, 1e-12)
	near(t, "candidate's influence", d.U2[judge.CandidateArm], 0, 1e-12)
	near(t, "squares", d.NN[judge.CandidateArm], 100*100+300*300, 1e-12)
	// Another promise forgets what was counted for the old one.
	if seen := s.Look(slow(4, few), judge.Policy{}); seen.SLO.Edge != 0 || seen.SLO.Of.Windows != 0 || seen.Latency.Of.Windows != 2 {
		t.Errorf("%+v, %+v", seen.SLO, seen.Latency)
	}
	// One task per arm has no variance between tasks.
	var one tally.State
	for i := range 5 {
		l := slow(i, [4][2]int64{{900, 10}, {}, {}, {2000, 30}})
		l.Reports = []tally.Report{l.Reports[0], l.Reports[3]}
		if seen := one.Look(l, p); seen.Latency.Of.Windows != 0 {
			t.Fatalf("%+v", seen.Latency)
		}
	}
}

func TestDriftEdges(t *testing.T) {
	var flat, peak [judge.ScoreBins]float64
	for i := range flat {
		flat[i] = 1. / judge.ScoreBins
	}
	peak[10] = 1
	for name, tt := range map[string]struct {
		reference [judge.ScoreBins]float64
		first     int
		last      int
	}{"flat": {flat, 3, 61}, "peak": {peak, 10, 11}} {
		edges, known := judge.DriftEdges(tt.reference)
		if !known || !slices.IsSorted(edges[:]) || edges[0] != tt.first || edges[judge.Quantiles-1] != tt.last {
			t.Errorf("%s: %v, %v", name, edges, known)
		}
	}
	if _, known := judge.DriftEdges([judge.ScoreBins]float64{}); known {
		t.Error("nothing is taken for a reference")
	}
	if _, known := judge.DriftEdges([judge.ScoreBins]float64{-1, 2}); known {
		t.Error("a negative share is taken for a reference")
	}
}

func TestDrift(t *testing.T) {
	var p judge.Policy
	for i := range p.Reference {
		p.Reference[i] = 1. / judge.ScoreBins
	}
	edges, _ := judge.DriftEdges(p.Reference)
	var s tally.State
	var seen judge.Statistics
	for i := range 31 {
		l := tally.Look{At: time.Unix(int64(i), 0), Served: true}
		for k, arm := range []judge.Arm{judge.Candidate, judge.Candidate, judge.Control} {
			r := tallytest.Blank(fmt.Sprint("t", k), arm, 64)
			r.After, r.Upto, r.Scores = int64(i), int64(i+1), make([]int64, judge.ScoreBins)
			r.Scores[7], r.Scores[50] = 3, int64(k) // few of t0 are above
			l.Reports = append(l.Reports, r)
		}
		seen = s.Look(l, p)
	}
	// Windows end at 15 and 30 s; one task has too few scores in the first.
	c := seen.Drift[10]
	if len(seen.Drift) != judge.Quantiles || c.G != 3 || c.N != 31*7 || c.X != 31*6 || edges[10] < 8 || edges[10] > 50 {
		t.Errorf("%+v", c)
	}
	if low := seen.Drift[0]; low.X != 0 || low.N != 31*7 {
		t.Errorf("below the first quantile: %+v", low)
	}
	if seen.Scores[judge.CandidateArm][50] != 31 || seen.Scores[judge.ControlArm][50] != 62 {
		t.Errorf("%v", seen.Scores)
	}
	if seen := s.Look(tally.Look{At: time.Unix(40, 0), Served: true}, judge.Policy{}); seen.Drift != nil {
		t.Errorf("without a reference: %+v", seen.Drift)
	}
}

// A bid weighs as much as there is traffic for each explored request.
func TestBids(t *testing.T) {
	var s tally.State
	var seen judge.Statistics
	for i, explore := range []float64{.01, .05, 0} { // none: late bids on what was explored before
		r := tallytest.Uniform("a", judge.Control, 4, 10, 0, map[string][2]int64{"acme": {10, 4}})
		r.After, r.Upto, r.Explore = int64(i), int64(i+1), explore
		c := r.Partners["acme"]
		c.Bids, c.BidsCandidateOnly, c.BidsStableOnly = []int64{10, 10, 0, 0}, []int64{1, 2, 0, 0}, []int64{0, 1, 0, 0}
		r.Partners["acme"] = c
		seen = s.Look(tally.Look{At: time.Unix(int64(i), 0), Reports: []tally.Report{r}}, judge.Policy{})
	}
	for _, i := range []int{judge.Overall, judge.FirstPartner} {
		b := seen.Streams[i].Bids
		near(t, "bids", b.N, 20*(100+20+20), 1e-12)
		near(t, "candidate only", b.Ten, 3*140, 1e-12)
		near(t, "stable only", b.One, 1*140, 1e-12)
		near(t, "squares", b.SS, 2*140*140, 1e-12)
		if b.G != 2 || seen.Streams[i].BidsSeen != 60 || seen.Streams[i].BidsFlips != 12 {
			t.Errorf("%+v, %d seen, %d flips", b, seen.Streams[i].BidsSeen, seen.Streams[i].BidsFlips)
		}
	}
	if tail := seen.Streams[judge.Tail]; tail.Bids.G != 0 {
		t.Errorf("tail: %+v", tail.Bids)
	}
}

func TestLoadAndRecent(t *testing.T) {
	var s tally.State
	var seen judge.Statistics
	for i := range 14 {
		l := tallytest.Served(i,
			tallytest.Uniform("a", judge.Candidate, 64, 1, 1, map[string][2]int64{"acme": {2, 1}}),
			tallytest.Uniform("b", judge.Control, 64, 2, 0, map[string][2]int64{"acme": {4, 2}}),
			tallytest.Uniform("c", judge.Control, 64, 2, 0, map[string][2]int64{"acme": {4, 2}}))
		l.Reports[0].Connections, l.Reports[1].Connections, l.Reports[2].Connections = 7, 3, 4
		l.Reports[0].Skew, l.Reports[2].Skew = -time.Second, 2*time.Second
		if i == 3 {
			l.Crashed = map[judge.Arm][]string{judge.Candidate: {"x"}, judge.Control: {"y", "z"}}
		}
		s.Look(l, judge.Policy{})
		seen = s.Look(l, judge.Policy{})
	}
	load := [judge.Arms]judge.Load{
		{Tasks: 1, Connections: 7, Squares: 49, Requests: 14 * 64},
		{Tasks: 2, Connections: 7, Squares: 25, Requests: 14 * 256},
	}
	recent := [judge.Arms]judge.Recent{{Requests: 640, Errors: 640, Pairs: 1280, Tasks: 1, Failing: []string{"a"}}, {Requests: 2560, Pairs: 5120, Tasks: 2}}
	if seen.Load != load || !reflect.DeepEqual(seen.Recent, recent) {
		t.Errorf("%+v\n%+v", seen.Load, seen.Recent)
	}
	if seen.Crashes != [judge.Arms]int{1, 2} || !slices.Equal(seen.Crashed, []string{"x", "y", "z"}) || seen.MaxSkew != 3*time.Second {
		t.Errorf("%v %q, %v", seen.Crashes, seen.Crashed, seen.MaxSkew)
	}
	s.Step()
	if seen := s.Look(tallytest.Served(14), judge.Policy{}); !reflect.DeepEqual(seen.Recent, [judge.Arms]judge.Recent{}) || seen.Load[0].Requests != 0 || seen.Step != 1 {
		t.Errorf("after a step: %+v", seen)
	}
}

// The one connection that is filtered otherwise is named.
func TestLoudest(t *testing.T) {
	var s tally.State
	a := tallytest.Uniform("a", judge.Candidate, 64, 20, 0, map[string][2]int64{"acme": {20, 10}})
	a.Partners["acme"].Filtered[17] = 20
	b := tallytest.Uniform("b", judge.Control, 64, 20, 0, map[string][2]int64{"acme": {20, 10}})
	b.Partners["acme"].Filtered[5] = 17
	seen := s.Look(tallytest.Served(0, a, b), judge.Policy{})
	if len(seen.Loudest) != 5 || seen.Loudest[0].Task != "a" || seen.Loudest[0].Bucket != 17 || seen.Loudest[0].Influence <= 0 ||
		seen.Loudest[1].Task != "b" || seen.Loudest[1].Bucket != 5 || seen.Loudest[1].Influence >= 0 {
		t.Errorf("%+v", seen.Loudest)
	}
}

// throng is a look of many tasks with few requests each.
func throng(rng *rand.Rand, i, tasks, partners int) tally.Look {
	l := tally.Look{At: time.Unix(int64(i), 0), Served: true}
	for k := range tasks {
		r := tallytest.Blank(fmt.Sprintf("task-%05d", k), []judge.Arm{judge.Candidate, judge.Control}[k%2], 64)
		r.After, r.Upto = int64(i), int64(i+1)
		for p := range partners {
			c := tallytest.BlankColumns(64)
			for g := range 64 {
				c.Scored[g] = int64(rng.IntN(5))
				c.Filtered[g] = rng.Int64N(c.Scored[g] + 1)
				c.Pairs[g] = c.Scored[g]
				c.CandidateOnly[g] = c.Filtered[g]
				r.Requests[g] += c.Scored[g]
				r.ShadowRequests[g] += c.Pairs[g]
			}
			r.Partners[tallytest.PartnerName(p)] = c
		}
		r.Latency = make([]int64, judge.LatencyBins)
		r.Latency[30], r.Latency[50] = 100, rng.Int64N(10)
		l.Reports = append(l.Reports, r)
	}
	return l
}

// Clusters that are counted as one move no estimate and no sum; only how far
// clusters are apart is told more coarsely. Nothing grows beyond its bounds.
func TestCoarseClusters(t *testing.T) {
	const tasks, partners = 3000, 2
	few, many := rand.New(rand.NewPCG(1, 2)), rand.New(rand.NewPCG(1, 2))
	var small, large tally.State
	for i := range 3 {
		a, b := small.Look(throng(few, i, 14, partners), judge.Policy{}), judge.Statistics{}
		if i == 1 {
			small.Coarsen()
		}
		fine := throng(many, i, 14, partners)
		b = large.Look(fine, judge.Policy{})
		for k := range a.Streams {
			x, y := a.Streams[k], b.Streams[k]
			near(t, "D", x.Served.D, y.Served.D, 1e-9)
			near(t, "Q", x.Served.Q, y.Served.Q, 1e-9)
			near(t, "pairs", x.Pairs.N, y.Pairs.N, 0)
			near(t, "flips", x.Pairs.Ten, y.Pairs.Ten, 0)
			if i == 2 && k != judge.Tail && (x.Served.G[0] != 224 || y.Served.G[0] <= 420 || x.Pairs.G != 448 || y.Pairs.G <= 840) {
				t.Errorf("%v clusters, of %v; %v pairs' of %v", x.Served.G, y.Served.G, x.Pairs.G, y.Pairs.G)
			}
		}
		near(t, "errors' trials", a.Ratios[judge.ServedInvalid].ByCluster[0].N, b.Ratios[judge.ServedInvalid].ByCluster[0].N, 0)
	}
	for i := 3; i < 6; i++ {
		seen := large.Look(throng(many, i, tasks*(i-2)/3, partners), judge.Policy{})
		if len(seen.Problems) != 0 || seen.Streams[0].Served.G[0] > tally.MaxClusters {
			t.Errorf("%d clusters; %q", seen.Streams[0].Served.G, seen.Problems)
		}
	}
	if clusters, cells, _ := large.Size(); clusters > tally.MaxClusters || cells > tally.MaxCells || large.Width() != 1 {
		t.Errorf("%d clusters of %d cells, %d each", clusters, cells, large.Width())
	}
}

// The same where whole tasks become one cluster, at every look.
func TestCoarseTasks(t *testing.T) {
	one, two := rand.New(rand.NewPCG(5, 2)), rand.New(rand.NewPCG(5, 2))
	p := judge.Policy{LatencySLO: time.Millisecond, WindowBuckets: 2, WindowRequests: 1e6}
	var coarse, fine tally.State
	for i := range 12 {
		p.WindowRequests = 1e6 // windows hold two looks, and are open when tasks are merged
		if i%2 == 1 {
			p.WindowRequests = 1
		}
		a, b := coarse.Look(throng(one, i, 30, 1), p), fine.Look(throng(two, i, 30, 1), p)
		near(t, "D", a.SLO.Of.D, b.SLO.Of.D, 1e-9)
		near(t, "X", a.SLO.Of.X[0], b.SLO.Of.X[0], 0)
		near(t, "D", a.Streams[0].Served.D, b.Streams[0].Served.D, 1e-9)
		if i < 9 {
			coarse.Coarsen()
			continue
		}
		// 15 tasks per arm are 2 clusters by now, one of them of 8 tasks.
		for _, d := range []judge.Difference{a.SLO.Of, a.Streams[0].Served} {
			if g := float64(d.G[0]); d.G[0] != 2 || d.NN[0] > 1.2*d.N[0]*d.N[0]/g {
				t.Errorf("look %d: %v clusters, %v squared units of %v", i, g, d.NN[0], d.N[0])
			}
		}
	}
}

// With very many partners the tables hold fewer clusters, but all partners.
func TestManyPartners(t *testing.T) {
	var s tally.State
	rng := rand.New(rand.NewPCG(3, 4))
	s.Look(throng(rng, 0, 40, 3), judge.Policy{})
	seen := s.Look(throng(rng, 1, 4, judge.MaxPartners), judge.Policy{})
	if len(seen.Partners) != judge.MaxPartners || len(seen.Problems) != 0 {
		t.Errorf("%d partners: %q", len(seen.Partners), seen.Problems)
	}
	if _, cells, _ := s.Size(); cells > tally.MaxCells {
		t.Errorf("%d cells", cells)
	}
	r := tallytest.Uniform("one", judge.Control, 64, 1, 0, map[string][2]int64{"too many": {1, 0}})
	seen = s.Look(tally.Look{At: time.Unix(9, 0), Served: true, Reports: []tally.Report{r}}, judge.Policy{})
	if len(seen.Problems) == 0 || len(seen.Partners) != judge.MaxPartners {
		t.Errorf("one more partner: %q", seen.Problems)
	}
}

// A crowd of processes that come and go takes the place of those that went.
func TestTasksComeAndGo(t *testing.T) {
	var s tally.State
	for i := range 400 {
		l := tally.Look{At: time.Unix(int64(i), 0), Served: true}
		for k := range 8 {
			r := tallytest.Uniform(fmt.Sprintf("task-%d-%d", i/3, k), []judge.Arm{judge.Candidate, judge.Control}[k%2], 64, 5, 0, map[string][2]int64{"acme": {5, 2}})
			r.After, r.Upto = int64(i%3), int64(i%3+1)
			l.Reports = append(l.Reports, r)
		}
		if seen := s.Look(l, judge.Policy{}); len(seen.Problems) != 0 || seen.LostRows != 0 {
			t.Fatalf("look %d: %q, %d lost", i, seen.Problems, seen.LostRows)
		}
	}
	if clusters, _, _ := s.Size(); clusters != tally.MaxClusters || s.Width() != 64 {
		t.Errorf("%d clusters, %d each", clusters, s.Width())
	}
}

// FuzzLooks plays any reports: nothing panics, every number is finite, nothing
// grows beyond its bounds, a state that is written down and read back goes on
// bit for bit, and the same look twice adds nothing.
func FuzzLooks(f *testing.F) {
	f.Add(uint64(1), []byte{1, 2, 3, 4, 5, 6, 7, 8})
	f.Add(uint64(2), bytes.Repeat([]byte{9, 200, 31, 0, 77}, 40))
	f.Fuzz(playLooks)
}

// The same with long scripts from fixed seeds, which fuzzing takes long to
// grow.
func TestRandomLooks(t *testing.T) {
	for seed := range uint64(25) {
		rng := rand.New(rand.NewPCG(seed, 13))
		script := make([]byte, 120)
		for i := range script {
			script[i] = byte(rng.Uint32())
		}
		playLooks(t, seed, script)
	}
}

func playLooks(t *testing.T, seed uint64, script []byte) {
	rng := rand.New(rand.NewPCG(seed, 11))
	var s tally.State
	var upto [8]int64
	for i := 0; i < 40 && len(script) > 3; i++ {
		l, p := anyLook(rng, i, script, &upto)
		script = script[3:]
		if rng.IntN(6) == 0 {
			s.Step()
		}
		if rng.IntN(10) == 0 {
			s.Coarsen()
		}
		twin := again(t, &s)
		seen := s.Look(l, p)
		want := encode(t, seen)
		if other := encode(t, twin.Look(l, p)); !bytes.Equal(want, other) {
			t.Fatalf("look %d: a restored tally comes to something else\n%s\n%s", i, want, other)
		}
		second := s.Look(l, p)
		if second.Counted {
			t.Fatalf("look %d counts twice", i)
		}
		second.Counted, second.Problems, seen.Problems = seen.Counted, nil, nil
		for m := range second.Ratios {
			second.Ratios[m].N, second.Ratios[m].X = seen.Ratios[m].N, seen.Ratios[m].X
		}
		if !reflect.DeepEqual(seen, second) {
			t.Fatalf("look %d twice:\n%s\n%s", i, encode(t, seen), encode(t, second))
		}
		if clusters, cells, rows := s.Size(); clusters > tally.MaxClusters || cells > tally.MaxCells || rows > tally.MaxRows {
			t.Fatalf("%d clusters, %d cells, %d rows", clusters, cells, rows)
		}
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v) // knows neither NaN nor infinity
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// again is what a process that restores the checkpoint of a state has.
func again[T any](t *testing.T, s *T) (back T) {
	t.Helper()
	if err := json.Unmarshal(encode(t, s), &back); err != nil {
		t.Fatal(err)
	}
	return back
}

// anyLook makes up a look from three bytes of a script and a seed.
func anyLook(rng *rand.Rand, i int, script []byte, upto *[8]int64) (tally.Look, judge.Policy) {
	l := tally.Look{At: time.Unix(int64(i*int(script[0])), 0), Served: script[1]%4 > 0, Silent: make([]string, int(script[1])%3)}
	p := judge.Policy{WindowRequests: int(script[2]) * 4, LatencySLO: time.Duration(script[0]%3) * time.Millisecond}
	p.Reference[script[2]%judge.ScoreBins] = float64(script[1] % 2)
	for k := range upto {
		if rng.IntN(4) == 0 {
			continue
		}
		r := tallytest.Blank(fmt.Sprint("t", k), []judge.Arm{judge.Candidate, judge.Control}[(k+int(script[1])/128)%2], []int{64, 20, 1, 0, 65, 33}[int(script[2])/(1+k)%6])
		r.Generation += int64(script[1]) / 128
		r.After, r.Upto = upto[k], upto[k]+int64(rng.IntN(3))
		if rng.IntN(8) == 0 {
			r.After += int64(rng.IntN(5)) - 2
		}
		if rng.IntN(16) == 0 {
			r.Boot = fmt.Sprint(i)
		}
		upto[k] = r.Upto
		anyCounts(rng, &r, []int64{1, 3, 50, 1 << 20, 1<<31 - 1, -1}[min(5, rng.IntN(24))%6])
		l.Reports = append(l.Reports, r)
	}
	return l, p
}

// anyCounts fills a report with numbers up to a most, parts mostly below their
// wholes.
func anyCounts(rng *rand.Rand, r *tally.Report, most int64) {
	fill := func(list, below []int64) {
		for g := range list {
			switch {
			case below != nil && below[g] >= 0:
				list[g] = rng.Int64N(below[g] + 1)
			case most < 0:
				list[g] = most
			default:
				list[g] = rng.Int64N(most + 1)
			}
		}
	}
	fill(r.Requests, nil)
	fill(r.Errors, r.Requests)
	fill(r.Invalid, nil)
	fill(r.ShadowRequests, nil)
	r.Latency, r.Scores = make([]int64, judge.LatencyBins), make([]int64, judge.ScoreBins)
	fill(r.Latency, nil)
	fill(r.Scores, nil)
	r.Explore, r.Connections = []float64{0, .01, .02, 1e-6, 5e-324}[rng.IntN(5)], int64(rng.IntN(100))
	for range rng.IntN(4) {
		c := tallytest.BlankColumns(len(r.Requests))
		fill(c.Scored, nil)
		fill(c.Filtered, c.Scored)
		fill(c.Pairs, nil)
		fill(c.CandidateOnly, c.Pairs)
		if rng.IntN(3) == 0 {
			c.StableOnly = nil
			c.Bids, c.BidsCandidateOnly = slices.Clone(c.Pairs), slices.Clone(c.CandidateOnly)
		} else {
			clear(c.StableOnly)
		}
		r.Partners[tallytest.PartnerName(rng.IntN(9))] = c
	}
}
