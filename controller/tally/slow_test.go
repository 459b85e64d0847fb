package tally

import (
	"math"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// inBins is so many requests in each of some bins.
func inBins(counts map[int]int64) []int64 {
	took := make([]int64, judge.LatencyBins)
	for bin, n := range counts {
		took[bin] = n
	}
	return took
}

// A hundredth of 2,000 requests lies in the bin of the p99 or above it.
func TestP99(t *testing.T) {
	for _, tt := range []struct {
		counts map[int]int64
		want   int
	}{
		{map[int]int64{5: 1980, 9: 20}, 9},
		{map[int]int64{5: 1981, 9: 19}, 5},
		{map[int]int64{5: 1979, 9: 20}, 0},
		{map[int]int64{5: 1980, 9: 10, 95: 10}, 9},
		{map[int]int64{1: 2000}, 1},
		{map[int]int64{0: 2000}, 1},
		{map[int]int64{2: 2000}, 2},
		{nil, 0},
	} {
		if got := p99(inBins(tt.counts)); got != tt.want {
			t.Errorf("%v: bin %d, want %d", tt.counts, got, tt.want)
		}
	}
}

func TestLatencyBin(t *testing.T) {
	for d, want := range map[time.Duration]int{
		0: 1, time.Nanosecond: 1, time.Microsecond: 1, 2 * time.Microsecond: 4, 2*time.Microsecond + 1: 5, 1024 * time.Microsecond: 40, time.Hour: 95,
	} {
		if got := latencyBin(d); got != want {
			t.Errorf("%v: bin %d, want %d", d, got, want)
		}
	}
}

// What a task's requests took before it was compared is noted once, by its own
// edge where that can be told.
func TestRecall(t *testing.T) {
	edges := [slows]int{20, 50}
	for _, tt := range []struct {
		took []int64
		edge int
		want [slows]trials
	}{
		{inBins(map[int]int64{5: 3960, 30: 20, 60: 20}), 30, [slows]trials{{4000, 40}, {4000, 20}}},
		{inBins(map[int]int64{5: 10, 20: 3, 50: 4}), 0, [slows]trials{{17, 7}, {17, 4}}},
		{[]int64{7, 2}, 0, [slows]trials{{9, 0}, {9, 0}}},
		{nil, 0, [slows]trials{}},
	} {
		var r row
		r.recall(tt.took, edges)
		if r.edge != tt.edge || r.before != tt.want {
			t.Errorf("edge %d, %v; want %d, %v", r.edge, r.before, tt.edge, tt.want)
		}
		was := r
		if r.recall(inBins(map[int]int64{70: 5000}), edges); len(tt.took) > 0 && (r.before != was.before || r.edge != was.edge) {
			t.Errorf("another past: edge %d, %v", r.edge, r.before)
		}
	}
	var r row
	if r.recall(inBins(map[int]int64{5: 9}), [slows]int{}); r.before != [slows]trials{} {
		t.Errorf("beyond no edge: %v", r.before)
	}
}

// An edge follows stable within the bins that there are.
func TestEdges(t *testing.T) {
	for _, tt := range []struct{ own, common, shift, want int }{
		{0, 0, 5, 0}, {0, 30, 5, 35}, {40, 30, 5, 45}, {40, 0, -5, 35}, {93, 0, 5, 95}, {3, 0, -5, 1},
	} {
		s := State{rows: []row{{edge: tt.own}}}
		s.slow[ofStable].Edge, s.slow[ofStable].Shift, s.slow[ofPromise].Edge = tt.common, tt.shift, 7
		if got := s.edgesOf(0); got != [slows]int{tt.want, 7} {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

// Stable has changed by a bin when two and a half times as many of 2,000
// requests are slow as usual, or three and a half times fewer.
func TestFollow(t *testing.T) {
	for _, tt := range []struct {
		n, x, usual float64
		was, want   int
		kept        bool
	}{
		{1999, 500, 10, 0, 0, true},
		{2000, 25, 10, 0, 0, false},
		{2000, 26, 10, 0, 1, false},
		{2000, 10, 35, 0, 0, false},
		{2000, 9, 35, 0, -1, false},
		{2000, 9, 0, 0, 0, false},
		{2000, 26, 10, 95, 95, false},
		{2000, 9, 35, -95, -95, false},
	} {
		var s State
		var w, past slowWindow
		s.slow[ofStable].Shift = tt.was
		s.lately = lately{1, 1, 1}
		w.n[judge.ControlArm], w.x[judge.ControlArm], past.x[judge.ControlArm] = tt.n-1, tt.x-1, tt.usual-1
		s.follow(w, past)
		if got := s.slow[ofStable].Shift; got != tt.want || (s.lately != lately{}) != tt.kept {
			t.Errorf("%+v: shift %d, %+v", tt, got, s.lately)
		}
	}
}

// Who has no past has what all have in common, and no variance; a share of zero
// is known no better than one of 1/(n+2).
func TestUsual(t *testing.T) {
	var s State
	s.tables[judge.CandidateArm].blocks, s.tables[judge.ControlArm].blocks = make([]block, 2), make([]block, 1)
	for i, r := range []struct {
		candidate, control int
		n, x               int64
	}{{0, noSlot, 98, 0}, {noSlot, 0, 100, 20}, {noSlot, 0, 100, 30}, {1, noSlot, 0, 0}} {
		s.rows = append(s.rows, row{slots: [tables]int{r.candidate, r.control, noSlot}})
		s.rows[i].before[ofStable] = trials{r.n, r.x}
	}
	all := s.usual(ofStable)
	closeTo(t, "a share of none", []float64{all[0][0].share, all[0][0].variance}, []float64{0, .01 * .99 / 98})
	closeTo(t, "no past", []float64{all[0][1].share, all[0][1].variance}, []float64{50. / 298, 0})
	closeTo(t, "two processes", []float64{all[1][0].share, all[1][0].variance}, []float64{.25, .25 * .75 / 200})
	if none := s.usual(ofPromise); none[1][0] != (habit{}) {
		t.Errorf("of no past at all: %+v", none)
	}
}

// A window of latency closes when both arms have enough and two tasks each;
// tasks that answer nothing are no clusters.
func TestSlowWindow(t *testing.T) {
	open := func() (s State) {
		s.slow[ofStable].Edge = 50
		s.slowOpen[ofStable] = [judge.Arms]int64{400, 800}
		s.tables[judge.CandidateArm].blocks, s.tables[judge.ControlArm].blocks = make([]block, 3), make([]block, 2)
		for i, c := range [][2]float64{{100, 20}, {300, 30}, {}} {
			s.tables[judge.CandidateArm].blocks[i].slow[ofStable] = exceeding{n: c[0], x: c[1]}
		}
		for i, c := range [][2]float64{{200, 2}, {600, 6}} {
			s.tables[judge.ControlArm].blocks[i].slow[ofStable] = exceeding{n: c[0], x: c[1]}
		}
		return s
	}
	s := open()
	if s.closeSlow(401); s.slow[ofStable].Of.Windows != 0 {
		t.Errorf("closed with too few requests: %+v", s.slow[ofStable].Of)
	}
	s.closeSlow(400)
	d, q := s.slow[ofStable].Of, 400.*800/1200
	closeTo(t, "D, Q", []float64{d.D, d.Q}, []float64{q * (.125 - .01), q})
	weight := math.Sqrt2 * q / 400
	closeTo(t, "influence", []float64{d.U2[0], d.U2[1]}, []float64{2 * weight * weight * 7.5 * 7.5, 0})
	closeTo(t, "squares", []float64{d.NN[0], d.NN[1]}, []float64{100*100 + 300*300, 200*200 + 600*600})
	if d.Windows != 1 || d.G != [judge.Arms]int{2, 2} || s.slowOpen[ofStable] != [judge.Arms]int64{} {
		t.Errorf("%+v, open %v", d, s.slowOpen[ofStable])
	}
	few := open()
	few.tables[judge.ControlArm].blocks[1].slow[ofStable] = exceeding{}
	if few.closeSlow(1); few.slow[ofStable].Of.Windows != 0 {
		t.Errorf("closed with one task: %+v", few.slow[ofStable].Of)
	}
}
