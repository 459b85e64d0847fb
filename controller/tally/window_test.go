package tally

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// A window closes by stratum: each has a weight by what the arms count there,
// and what tasks' pasts foretell is taken off.
func TestCloseWindow(t *testing.T) {
	w := window{parts: [][judge.Arms]side{
		{{n: 100, x: 40, g: 4, level: 2, own: 1}, {n: 300, x: 90, g: 9, level: 6, own: -3}},
		{{n: 50, x: 50, g: 1}, {n: 50, g: 9}}, // one cluster tells no variance
		{{n: 50, x: 50, g: 9}, {n: 50, g: 1}},
	}}
	d := judge.Difference{D: 1, Q: 1, Binomial: 1, Windows: 1, Foretold: 1, N: [judge.Arms]float64{1, 1}, X: [judge.Arms]float64{1, 1}}
	w.close(&d)
	closeTo(t, "D, Q, foretold, binomial", []float64{d.D - 1, d.Q - 1, d.Foretold - 1, d.Binomial - 1},
		[]float64{75 * (.38 - .28), 75, 75 * (.01 + .01), 75 * 75 * (.24/100 + .21/300)})
	closeTo(t, "weights", []float64{w.parts[0][0].weight, w.parts[0][1].weight, w.parts[1][0].weight, w.parts[2][1].weight},
		[]float64{math.Sqrt(4./3) * .75, math.Sqrt(9./8) * .25, 0, 0})
	if d.Windows != 2 || d.N != [judge.Arms]float64{101, 301} || d.X != [judge.Arms]float64{41, 91} {
		t.Errorf("%+v", d)
	}
	var rare judge.Difference
	closeSide(&rare, &side{n: 98, g: 2}, judge.CandidateArm, 98)
	closeTo(t, "binomial variance of none", []float64{rare.Binomial}, []float64{98 * .01 * .99})
}

// Strata count that have two clusters in both arms; where none has, all are one.
func TestActiveClusters(t *testing.T) {
	part := func(a, b float64) [judge.Arms]side {
		return [judge.Arms]side{{g: a, n: 10 * a, x: 3 * a, level: 2 * a, own: a}, {g: b, n: 10 * b, x: 3 * b, level: 2 * b, own: b}}
	}
	for _, tt := range []struct {
		parts [][judge.Arms]side
		want  float64
		left  int
	}{
		{[][judge.Arms]side{part(2, 2), part(1, 50), part(50, 1), part(3, 9)}, 5, 4},
		{[][judge.Arms]side{part(9, 3), part(9, 2)}, 5, 2},
		{[][judge.Arms]side{part(1, 0), part(1, 3)}, 2, 1},
		{[][judge.Arms]side{part(1, 5)}, 0, 1},
	} {
		w := window{parts: slices.Clone(tt.parts)}
		if got := w.active(); got != tt.want || len(w.parts) != tt.left {
			t.Errorf("%+v: %v clusters in %d strata", tt.parts, got, len(w.parts))
		}
		if one := w.part(tt.left - 1); tt.left == 1 && tt.want > 0 && (*one != part(2, 3) || w.part(1) != one) {
			t.Errorf("all strata: %+v", one)
		}
	}
}

// What a cluster moves a window's difference by is what it has beyond its arm's
// rate, its task's level, and what chance made of that.
func TestSettleWindow(t *testing.T) {
	var b block
	b.columns[closedN], b.columns[influence], b.columns[foretold] = []float64{0, 0, 5, 0}, []float64{0, 0, 1, 1}, []float64{0, 0, 1, 1}
	f := forecast{level: .02}
	f.noise[0], f.own[0], f.own[1] = .001, .5, -.25
	s := side{n: 100, x: 40, level: 2, own: 1, weight: .75}
	closeTo(t, "squared units", []float64{b.settle(&s, &f, []float64{30, 10}, []float64{12, 1}, 2, 4)}, []float64{45 * 45})
	closeTo(t, "influence", b.columns[influence], []float64{0, 0, 1 + .75*(12-.4*30-.001*40), 1 + .75*(1-.4*10)})
	closeTo(t, "foretold", b.columns[foretold], []float64{0, 0, 1 + .75*.49*30, 1 - .75*.26*10})
	closeTo(t, "units", b.columns[closedN], []float64{0, 0, 35, 10})
	before := slices.Clone(b.columns[influence])
	f.noise[1] = math.Inf(1) // of a task that counted nothing
	if got := b.settle(&s, &f, []float64{0, 0}, []float64{0, 0}, 2, 4); got != 45*45 || !slices.Equal(b.columns[influence], before) {
		t.Errorf("a task that counts nothing: %v, %v", got, b.columns[influence])
	}
	d := judge.Difference{Q: 75, N: [judge.Arms]float64{100, 300}, Between: 7}
	(&window{spread: [judge.Arms]float64{2, 9}}).leave(&d)
	closeTo(t, "between tasks", []float64{d.Between}, []float64{75 * 75 * (2./1e4 + 9./9e4)})
	d.N[0] = 0
	(&window{spread: [judge.Arms]float64{2, 9}}).leave(&d)
	closeTo(t, "between tasks of one arm", []float64{d.Between}, []float64{75 * 75 * 9. / 9e4})
}

// Sums over clusters are over those that counted anything.
func TestSumsOverClusters(t *testing.T) {
	var b block
	b.columns[closedN], b.columns[influence], b.columns[foretold] = []float64{10, 0, 5}, []float64{1, 9, -2}, []float64{.5, 9, .5}
	d := judge.Difference{}
	b.addClosed(&d, judge.ControlArm, 0, 3)
	if d.U2[1] != 5 || d.UV[1] != -.5 || d.VV[1] != .5 || d.NN[1] != 125 || d.G != [judge.Arms]int{0, 2} {
		t.Errorf("%+v", d)
	}
	d.UV[0], d.VV[0] = .75, 0 // half of what was foretold came true
	b.addFourths(&d, judge.ControlArm, 0, 3)
	closeTo(t, "fourth powers", []float64{d.U4[1]}, []float64{math.Pow(.75, 4) + math.Pow(2.25, 4)})
	var p judge.PairSums
	addPairs(&p, 10, 3, 1)
	addPairs(&p, 5, 0, 0)
	if want := (judge.PairSums{N: 15, Ten: 3, One: 1, SS: 4, SN: 20, NN: 125, FF: 1.6, F2: 16, G: 2}); p != want {
		t.Errorf("%+v, want %+v", p, want)
	}
}

// Of the clusters of tasks that counted any pair, all count as ones that might
// have; of other tasks none does.
func TestClustersThatMightCount(t *testing.T) {
	var b block
	b.columns[0], b.columns[1], b.columns[2] = []float64{9, 9, 0, 4, 0, 0}, []float64{0, 0, 0, 3, 0, 0}, []float64{0, 0, 0, 0, 0, 0}
	var own, overall, none judge.PairSums
	var all, rest [3][MaxBuckets]float64
	pairedOf(&b, 0, 2, 2).addTo(&own, &all, true, &rest)
	pairedOf(&b, 0, 4, 2).addTo(&none, &all, true, &rest)
	addLine(&overall, &all, 2)
	addLine(&none, &[3][MaxBuckets]float64{}, 2)
	if own.G != 1 || own.M != 2 || own.Ten != 3 || overall != own || rest != all || none != (judge.PairSums{}) {
		t.Errorf("%+v, all %+v, none %+v", own, overall, none)
	}
}

// Each partner has windows of its own, and all together have theirs; they close
// when both arms have as much as a window takes.
func TestWindowsOfPartners(t *testing.T) {
	report := func(task string, arm judge.Arm, acme, zeta []int64) Report {
		return Report{Task: task, Arm: arm, Upto: 1, Requests: []int64{100, 100}, Partners: map[string]Columns{
			"acme": {Scored: []int64{100, 100}, Filtered: acme}, "zeta": {Scored: []int64{50, 50}, Filtered: zeta},
		}}
	}
	l := Look{At: time.Unix(1, 0), Served: true, Reports: []Report{
		report("a", judge.Candidate, []int64{40, 60}, []int64{5, 10}), report("b", judge.Control, []int64{30, 30}, []int64{20, 20}),
	}}
	for least, closed := range map[int]bool{100: true, 101: false} {
		var s State
		seen := s.Look(l, judge.Policy{WindowRequests: least, WindowBuckets: 2})
		overall, acme, zeta := seen.Streams[judge.Overall].Served, seen.Streams[judge.FirstPartner].Served, seen.Streams[judge.FirstPartner+1].Served
		closeTo(t, "acme", []float64{acme.N[0], acme.N[1], acme.X[0], acme.X[1], acme.Q, acme.D, acme.U2[0], acme.U2[1]}, []float64{200, 200, 100, 60, 100, 100 * .2, 100, 0})
		closeTo(t, "overall", []float64{overall.N[0], overall.N[1], overall.X[0], overall.X[1], overall.U2[0]}, []float64{300, 300, 115, 100, 2 * .5 * 12.5 * 12.5})
		if want := map[bool][]float64{true: {100, 100, 15, 40, 50, -50 * .25}, false: make([]float64, 6)}[closed]; zeta.Windows != map[bool]int{true: 1}[closed] {
			t.Errorf("%d: %d windows", least, zeta.Windows)
		} else {
			closeTo(t, "zeta", []float64{zeta.N[0], zeta.N[1], zeta.X[0], zeta.X[1], zeta.Q, zeta.D}, want)
		}
	}
}
