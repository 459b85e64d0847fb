package tally

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

func closeTo(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if !slices.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) <= 1e-12*math.Max(1, math.Abs(b)) }) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// Three values of unequal weight differ by 1.5 beyond their own variances; so
// do twice as many that have a mean for every three.
func TestScatter(t *testing.T) {
	var three, six scatter
	for i, y := range []float64{1, 4, 2} {
		three.add(float64(i+1), y)
	}
	closeTo(t, "three", []float64{three.mean(), three.q, three.variance()}, []float64{2.5, 7.5, 1.5})
	six.join(three)
	six.join(three)
	closeTo(t, "six", []float64{six.g, six.lost, six.q, six.variance()}, []float64{6, 2, 15, 1.5})
	var one, alike scatter
	one.add(3, 7)
	for range 5 {
		alike.add(2, 7)
	}
	closeTo(t, "none", []float64{one.variance(), alike.variance(), new(scatter).variance()}, []float64{0, 0, 0})
	for _, tt := range []struct {
		s    scatter
		want bool
	}{
		{three, true},
		{six, true},
		{one, false},
		{alike, false},
		{scatter{g: 3, lost: 1, q: 6}, false}, // two degrees of freedom, four of variance
		{scatter{g: 3, lost: 1, q: 6.01}, true},
		{scatter{g: 2, lost: 1, q: 3.83}, true},
		{scatter{g: 2, lost: 1, q: 3.82}, false},
		{scatter{g: 2, lost: 2, q: 100}, false},
	} {
		if tt.s.significant() != tt.want {
			t.Errorf("%+v: %v", tt.s, !tt.want)
		}
	}
}

// pasts is a tally of which stable's tasks have such a past of the overall
// stream, in eight clusters.
func pasts(rate float64, of ...[2][]float64) *State {
	var s State
	s.learn(nil)
	s.streams[judge.Overall].usual = usual{1000, 1000 * rate}
	table := &s.tables[judge.ControlArm]
	table.buckets = 8
	for _, past := range of {
		b := s.newBlock(judge.ControlArm, "")
		copy(b.past(pastN), past[0])
		copy(b.past(pastX), past[1])
		table.blocks = append(table.blocks, b)
	}
	return &s
}

func even(v float64) []float64 { return slices.Repeat([]float64{v}, 8) }

// What tasks and their clusters differ by is told from chance, and a task's own
// is believed as far. Of fewer than eight clusters or a hundred requests nothing
// is.
func TestPastIsBelievedAsFarAsItIsKnown(t *testing.T) {
	s := pasts(.5,
		[2][]float64{even(100), {20, -10, 30, 0, 10, 40, -20, 10}},
		[2][]float64{{12, 12, 12, 12, 12, 12, 12, 16}, {2, 2, 2, 2, -1, -1, -1, -1}},
		[2][]float64{{1000, 1000, 1000, 1000, 1000, 1000, 1000, 0}, even(900)},
		[2][]float64{{12, 12, 12, 12, 12, 12, 12, 15}, even(9)},
		[2][]float64{even(200), {-60, -50, -40, -70, -60, -30, -20, -55}})
	all := s.bygonesOf(judge.Overall)
	closeTo(t, "unit, inside, between", []float64{all.unit, all.inside, all.between}, []float64{.25, 0.01564452505912759, 0.03718452513718935})
	for i, want := range []bygone{
		{440.9043484979843, .1, 0.9425116174084128},
		{223.87724932141543, 0.04209316957561093, 0.8927587398667381},
		{},
		{},
		{473.52618508076057, -0.240625, 0.9462592294592038},
	} {
		b := all.tasks[i]
		closeTo(t, fmt.Sprint("task ", i), []float64{b.weight, b.excess, b.trust}, []float64{want.weight, want.excess, want.trust})
	}
	alike := pasts(.5, [2][]float64{even(100), even(5)}, [2][]float64{even(100), even(6)}).bygonesOf(judge.Overall)
	if alike.between != 0 || alike.inside != 0 || alike.tasks[0].trust != 0 || alike.tasks[0].weight != 3200 {
		t.Errorf("tasks that are alike have something of their own: %+v", alike)
	}
	if rare := pasts(0, [2][]float64{even(100), even(0)}).bygonesOf(judge.Overall); rare.unit != 1e-4 {
		t.Errorf("a rate of zero is known for sure: %+v", rare)
	}
	if none := pasts(.5).bygonesOf(judge.Overall); none.tasks != nil {
		t.Errorf("without a past: %+v", none)
	}
}

// A forecast is the task's excess as far as it is trusted, and of each cluster
// what is beyond that and no chance; clusters that are one have one.
func TestForecast(t *testing.T) {
	all := bygones{tasks: []bygone{{}, {weight: 50, excess: .1, trust: .6}}, unit: .2, inside: .01, between: .004}
	ns, xs := []float64{100, 0, 300, 50}, []float64{5, 0, 20, 10}
	for _, tt := range []struct {
		from, to   shape
		own, noise []float64
	}{
		{shape{4, 0}, shape{2, 1}, []float64{-0.008333333333333333, 0.024324324324324322}, []float64{-.05, 0.048214285714285716}},
		{shape{4, 0}, shape{4, 0}, []float64{-0.008333333333333333, 0, .00625, .1}, []float64{-.05, 0, -.0375, 0.08571428571428572}},
		{shape{4, 1}, shape{8, 0}, []float64{-0.008333333333333333, 0, 0, 0, .00625, 0, .1, 0}, []float64{-.05, 0, 0, 0, -.0375, 0, 0.08571428571428572, 0}},
		{shape{4, 0}, shape{1, 0}, []float64{.01 / 4.7 * 8}, []float64{0.048214285714285716 - .05}}, // more buckets than the arm has shown
	} {
		var f forecast
		f.make(&all, 1, ns, xs, tt.from, tt.to)
		closeTo(t, "level, left", []float64{f.level, f.left}, []float64{.06, .16 * .004})
		closeTo(t, "own", f.own[:tt.to.width], tt.own)
		closeTo(t, "noise", f.noise[:tt.to.width], tt.noise)
	}
	for _, block := range []int{noSlot, 0} {
		var f forecast
		if f.make(&all, block, ns, xs, shape{4, 0}, shape{4, 0}); f != (forecast{left: .004}) {
			t.Errorf("of a task without a past: %+v", f)
		}
	}
}

// A past is what a task filters beyond the usual rate of the moment, which moves
// on by a tenth a look.
func TestPastIsAnExcess(t *testing.T) {
	var s State
	report := func(i int, task string, scored, filtered []int64) Report {
		return Report{
			Task: task, Arm: judge.Control, After: int64(i), Upto: int64(i + 1), Requests: scored,
			Partners: map[string]Columns{"acme": {Scored: scored, Filtered: filtered}},
		}
	}
	look := func(i int, reports ...Report) {
		s.Look(Look{At: time.Unix(int64(i), 0), Reports: reports}, judge.Policy{})
	}
	look(0, report(0, "a", []int64{10, 10}, []int64{4, 4}), report(0, "b", []int64{10, 10}, []int64{4, 4}))
	if b := &s.tables[judge.ControlArm]; len(b.blocks) != 2 || b.blocks[0].columns[pastN] != nil {
		t.Fatalf("a past before the usual rate is known: %+v", b.blocks)
	}
	look(1, report(1, "a", []int64{10, 20}, []int64{6, 8}))
	look(2, report(2, "a", []int64{5, 0}, []int64{5, 0}))
	// 16 of 40 are usual in the second look, 28.4 of 66 in the third.
	for _, stream := range []int{judge.Overall, judge.FirstPartner} {
		ns, xs := s.tables[judge.ControlArm].blocks[0].pastCells(stream, 2)
		closeTo(t, "units", ns, []float64{15, 20})
		closeTo(t, "excess", xs, []float64{2 + 5 - 5*28.4/66, 0})
		u := s.streams[stream].usual
		closeTo(t, "usual", []float64{u.n, u.x}, []float64{.9*66 + 5, .9*28.4 + 5})
	}
	if ns, xs := s.tables[judge.ControlArm].blocks[1].pastCells(judge.Overall, 2); ns != nil || xs != nil {
		t.Errorf("a task that counted nothing since has a past: %v, %v", ns, xs)
	}
	if got := s.ancestors(judge.ControlArm); !slices.Equal(got, []int{0, 1}) {
		t.Errorf("stable's tasks have the pasts %v", got)
	}
}

// A canary has the past of its own task, where that served stable beforehand.
func TestAncestors(t *testing.T) {
	var s State
	s.tables[judge.CandidateArm].blocks = make([]block, 3)
	s.rows = []row{{slots: [tables]int{0, noSlot, 0}}, {slots: [tables]int{1, 2, 1}}, {slots: [tables]int{noSlot, 3, 2}}}
	if got := s.ancestors(judge.CandidateArm); !slices.Equal(got, []int{noSlot, 2, noSlot}) {
		t.Errorf("%v", got)
	}
}

// The past of the tail is that of its partners.
func TestPastOfTheTail(t *testing.T) {
	var s State
	s.learn([]string{"a", "b", "c"})
	table := &s.tables[judge.ControlArm]
	table.buckets = 2
	table.blocks = []block{s.newBlock(judge.ControlArm, "without"), s.newBlock(judge.ControlArm, "with")}
	for _, c := range []int{pastN, pastX} {
		copy(table.blocks[1].past(c), []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	}
	s.inTail = []bool{true, false, true}
	s.sumTail()
	for _, c := range []int{pastN, pastX} {
		if got, want := table.blocks[1].columns[c], []float64{1, 2, 14, 16, 5, 6, 7, 8, 9, 10}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}
