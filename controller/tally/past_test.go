package tally_test

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
)

// took is what requests took: so many in 1 ms, 4 ms and 16 ms each.
func took(counts ...int64) []int64 {
	bins := make([]int64, judge.LatencyBins)
	for i, n := range counts {
		bins[39+8*i] = n
	}
	return bins
}

// Every task is held against its own p99 of before, and against the share of
// its requests that were beyond it: one that was always slow moves nothing.
func TestPast(t *testing.T) {
	past := map[string][]int64{
		"t0": took(0, 9800, 200), // on a busy machine
		"t1": took(9900, 100),
		"t2": took(9900, 100),
		"t3": took(9700, 300),
	}
	now := [][]int64{took(0, 980, 20), took(990, 10), took(1980, 20), took(1940, 60)}
	var s tally.State
	var seen judge.Statistics
	for i := range 3 {
		l := measured(i, now...)
		l.Past = past
		if i == 1 { // a leader that has just taken over knows no past but what the checkpoint holds
			l.Past = nil
			s = again(t, &s)
		}
		seen = s.Look(l, judge.Policy{})
	}
	d, p := seen.Latency.Of, seen.Latency.Past
	if d.Windows != 3 || d.X != [judge.Arms]float64{90, 240} || d.N != [judge.Arms]float64{6000, 12000} {
		t.Fatalf("%+v", d)
	}
	near(t, "the difference", d.D/d.Q, .015-.02, 1e-12)
	near(t, "what it would have been", p.D/d.Q, .015-.02, 1e-12)
	near(t, "the candidate's influence", p.U2[judge.CandidateArm], 0, 1e-18)
	near(t, "the control's influence", p.U2[judge.ControlArm], 0, 1e-18)
	if !(d.U2[judge.CandidateArm] > 1) {
		t.Errorf("without the past the tasks are alike: %+v", d)
	}
	// Half of an arm's weight of Q, and half of the variance between two tasks, for each.
	variance := 0.0
	for _, share := range []float64{.02, .01, .01, .03} {
		w := d.Q / 2 * math.Sqrt2
		variance += w * w * share * (1 - share) / 10000
	}
	near(t, "variance of the past", p.Variance/variance, 1, 1e-12)
}

// A task without a past has what the others have in common; without any, the
// arms are compared as they stand.
func TestPastUnknown(t *testing.T) {
	one := map[string][]int64{"t0": took(9900, 100)}
	for _, tt := range []struct {
		name string
		past map[string][]int64
		want float64 // part of D that the past explains
	}{
		{"nobody's", nil, 0},
		{"too few requests to tell a p99, but a share", map[string][]int64{"t0": took(0, 90, 10), "t1": took(0, 90, 10), "t2": took(100), "t3": took(100)}, 1},
		{"one task's", one, 0},
	} {
		var s tally.State
		var seen judge.Statistics
		for i := range 4 {
			l := slow(i, [4][2]int64{{900, 100}, {900, 100}, {2000, 1}, {2000, 1}})
			l.Past = tt.past
			seen = s.Look(l, judge.Policy{})
		}
		x := seen.Latency
		if x.Of.Windows == 0 || math.Abs(x.Past.D/x.Of.D-tt.want) > .1 || (tt.past == nil) != (x.Past.Variance == 0) {
			t.Errorf("%s: %+v", tt.name, x)
		}
	}
}

// What cannot be a past is told and left out.
func TestPastMustBeCounts(t *testing.T) {
	past := map[string][]int64{"t0": {-1}, "t1": took(9900, 100)}
	var s, without tally.State
	l := slow(0, [4][2]int64{{900, 100}, {900, 100}, {2000, 1}, {2000, 1}})
	l.Past = past
	seen := s.Look(l, judge.Policy{})
	if len(seen.Problems) != 1 || !strings.Contains(seen.Problems[0], "task t0: count -1 of past latency") {
		t.Errorf("%q", seen.Problems)
	}
	if len(past) != 2 {
		t.Errorf("the caller's map lost %v", past)
	}
	l.Past = map[string][]int64{"t1": past["t1"]}
	want := without.Look(l, judge.Policy{})
	if seen.Problems = nil; !reflect.DeepEqual(seen, want) {
		t.Errorf("got %+v, want %+v", seen, want)
	}
}

// When stable's own requests take twice as long, so do the edges, a bin at a
// time; when they recover, the edges follow. What the candidate does moves
// nothing.
func TestEdgesFollowStable(t *testing.T) {
	past := map[string][]int64{}
	for _, task := range []string{"t0", "t1", "t2", "t3"} {
		past[task] = make([]int64, judge.LatencyBins)
		past[task][32], past[task][39] = 9900, 100
	}
	var s tally.State
	looks := 0
	look := func(candidate, stable int) judge.Exceedance {
		var latency [4][]int64
		for k, by := range []int{candidate, candidate, stable, stable} {
			latency[k] = make([]int64, judge.LatencyBins)
			latency[k][32+by], latency[k][39+by] = 990, 10
		}
		l := measured(looks, latency[:]...)
		l.Past = past
		looks++
		return s.Look(l, judge.Policy{}).Latency
	}
	shifts := func(n, candidate, stable int) (last judge.Exceedance) {
		for range n {
			last = look(candidate, stable)
		}
		return last
	}
	if x := shifts(5, 30, 0); x.Shift != 0 || x.Edge != 39 {
		t.Errorf("the candidate has moved stable's edges: %+v", x)
	}
	if x := shifts(20, 8, 8); x.Shift != 2 { // 990 of 1,000 lie below the edge again
		t.Errorf("four times as slow: %+v", x)
	}
	before := look(8, 8)
	after := shifts(10, 8, 8)
	if d := after.Of.D - before.Of.D; d != 0 || after.Of.X[judge.CandidateArm]-before.Of.X[judge.CandidateArm] != 200 {
		t.Errorf("of 20,000 requests as slow as ever %v are slow", after.Of.X[judge.CandidateArm]-before.Of.X[judge.CandidateArm])
	}
	if x := shifts(20, 0, 0); x.Shift != 0 {
		t.Errorf("recovered: %+v", x)
	}
	if x := shifts(3, 0, 0); x.Shift != 0 {
		t.Errorf("nothing has changed: %+v", x)
	}
}

// The task that has changed most is named, with what it moved the difference by.
func TestLoudestTask(t *testing.T) {
	past := map[string][]int64{}
	for _, task := range []string{"t0", "t1", "t2", "t3"} {
		past[task] = took(9900, 100)
	}
	var s tally.State
	for i := range 3 {
		l := slow(i, [4][2]int64{{990, 10}, {900, 100}, {1980, 20}, {1985, 15}})
		l.Past = past
		if x := s.Look(l, judge.Policy{}).Latency; x.Loudest.Task != "t0" && x.Loudest.Task != "t1" || x.Loudest.Arm != judge.Candidate {
			t.Errorf("%+v", x.Loudest)
		}
	}
}
