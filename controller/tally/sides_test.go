package tally_test

import (
	"math"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/controller/tally/tallytest"
)

// A canary that changes sides is known on both of them, and the others' latency
// is counted from nothing, without it. Whoever restores the tally knows as much.
func TestChangedSides(t *testing.T) {
	var s tally.State
	p := judge.Policy{WindowRequests: 200}
	past := make([]int64, judge.LatencyBins)
	past[10], past[40] = 9900, 100
	took := func(slow int64) []int64 {
		bins := make([]int64, judge.LatencyBins)
		bins[10], bins[50] = 100-slow, slow
		return bins
	}
	look := func(i, generation int, arms map[string]judge.Arm, slow string) judge.Statistics {
		var reports []tally.Report
		for _, task := range []string{"a", "b", "c", "d", "e", "f"} {
			r := tallytest.Uniform(task, arms[task], 64, 100, 0, map[string][2]int64{"acme": {100, 20}})
			r.Generation, r.Latency = int64(generation), took(1)
			if task == slow {
				r.Latency = took(30)
			}
			reports = append(reports, r)
		}
		l := tallytest.Served(i, reports...)
		l.Past = map[string][]int64{"a": past, "b": past, "c": past, "d": past, "e": past, "f": past}
		s = again(t, &s)
		return s.Look(l, p)
	}
	arms := map[string]judge.Arm{
		"a": judge.Candidate, "b": judge.Candidate, "c": judge.Candidate, "d": judge.Control, "e": judge.Control, "f": judge.Control,
	}
	var before judge.Statistics
	for i := range 10 {
		before = look(i, 1, arms, "a")
	}
	if before.Others.Edge != 0 || before.BothSides != nil {
		t.Errorf("before any task changed sides: %+v, %+v", before.Others, before.BothSides)
	}
	s.Step()
	arms["a"], arms["d"] = judge.Control, judge.Candidate
	var now judge.Statistics
	for i := range 10 {
		now = look(10+i, 2, arms, "a")
	}
	for a := range judge.Arms {
		// Of ten windows of a hundred, the last in full and the first by little more than half.
		if b := now.BothSides; len(b) != 1 || b[0].Task != "a" || b[0].Requests[a] < 750 || b[0].Requests[a] > 800 ||
			math.Abs(b[0].Slow[a]-.3*b[0].Requests[a]) > 1e-9 || b[0].Usual != .01 {
			t.Errorf("on both sides: %+v", b)
		}
	}
	if of := now.Others.Of; of.Windows != 10 || math.Abs(of.D) > 1e-9 || of.N != [judge.Arms]float64{judge.CandidateArm: 3000, judge.ControlArm: 2000} {
		t.Errorf("of the others: %+v", of)
	}
	if of := now.Latency.Of; of.D == 0 || of.Windows <= now.Others.Of.Windows {
		t.Errorf("of all: %+v", of)
	}
	if was, is := before.Latency.Loudest, now.Latency.Loudest; was.Task != "a" || was.Arm != judge.Candidate || is.Task != "a" || is.Arm != "" {
		t.Errorf("a is loudest, and with the candidate no more: %+v, then %+v", was, is)
	}
	if len(now.Problems) > 0 {
		t.Errorf("%v", now.Problems)
	}
}

// The others are held against the edges that all are held against, also where a
// task changes sides before stable's p99 is known, and when edges move at a peak.
func TestOthersHaveStablesEdges(t *testing.T) {
	usual := make([]int64, judge.LatencyBins)
	usual[10], usual[18] = 315e4, 5e4
	for name, past := range map[string][]int64{"without a past": nil, "with a past": usual} {
		var s tally.State
		looks := 0
		look := func(generation int64, slower int, arms string) judge.Statistics {
			var reports []tally.Report
			pasts := map[string][]int64{}
			for at, arm := range arms {
				task := string(rune('a' + at))
				r := tallytest.Uniform(task, map[rune]judge.Arm{'c': judge.Candidate, 's': judge.Control}[arm], 64, 5, 0, map[string][2]int64{"acme": {5, 1}})
				r.Generation, r.Latency = generation, make([]int64, judge.LatencyBins)
				r.Latency[10+slower], r.Latency[18+slower] = 315, 5
				reports = append(reports, r)
				if past != nil {
					pasts[task] = past
				}
			}
			l := tallytest.Served(looks, reports...)
			l.Past = pasts
			looks++
			s = again(t, &s)
			return s.Look(l, judge.Policy{})
		}
		look(1, 0, "ccccssss")
		s.Step()
		var now judge.Statistics
		for range 20 {
			now = look(2, 0, "scccsssc")
		}
		if now.Latency.Edge != 18 || now.Others.Edge != 18 || now.Others.Of.Windows == 0 {
			t.Errorf("%s: an edge of %d, of the others %d in %d windows", name, now.Latency.Edge, now.Others.Edge, now.Others.Of.Windows)
		}
		for range 40 {
			now = look(2, 9, "scccsssc")
		}
		if moved := now.Latency.Shift; (moved > 0) != (past != nil) || now.Others.Shift != moved {
			t.Errorf("%s: edges moved by %d bins, the others' by %d", name, moved, now.Others.Shift)
		}
	}
}

// A fleet shrinks and grows within a step, so that a canary comes back as a
// control, and a control as a canary. What each tells first is partly of before
// and is left out; from then on it counts where it is.
func TestMembersComeBack(t *testing.T) {
	var s tally.State
	p := judge.Policy{WindowRequests: 200}
	look := func(i int, arms string) judge.Statistics {
		var reports []tally.Report
		for at, arm := range arms {
			filtered := map[rune]int64{'c': 30, 's': 20}[arm]
			if arm == '-' {
				continue // it is compared with nobody
			}
			r := tallytest.Uniform(string(rune('a'+at)), map[rune]judge.Arm{'c': judge.Candidate, 's': judge.Control}[arm], 64, 100, 0, map[string][2]int64{"acme": {100, filtered}})
			r.Generation = 1
			reports = append(reports, r)
		}
		s = again(t, &s)
		return s.Look(tallytest.Served(i, reports...), p)
	}
	looks := []string{"ccss", "ccss", "c-ss", "c-s-", "csss", "cssc", "cssc", "cssc"}
	left := map[int]int64{4: 1, 5: 1} // tasks whose first report is left out
	var scored [judge.Arms]int64
	for i, arms := range looks {
		now := look(i, arms)
		if len(now.Problems) > 0 {
			t.Fatalf("look %d: %v", i, now.Problems)
		}
		scored[judge.CandidateArm] += 6400 * int64(strings.Count(arms, "c"))
		scored[judge.ControlArm] += 6400 * int64(strings.Count(arms, "s"))
		if i == 4 {
			scored[judge.ControlArm] -= 6400 * left[i]
		}
		if i == 5 {
			scored[judge.CandidateArm] -= 6400 * left[i]
		}
		of := now.Streams[judge.Overall]
		if of.Scored != scored || of.Filtered[judge.CandidateArm] != scored[judge.CandidateArm]*30/100 || of.Filtered[judge.ControlArm] != scored[judge.ControlArm]*20/100 {
			t.Errorf("look %d: scored %v, want %v, and filtered %v", i, of.Scored, scored, of.Filtered)
		}
		if d := of.Served; i > 0 && math.Abs(d.D/d.Q-.1) > 1e-9 {
			t.Errorf("look %d: a difference of %v", i, d.D/d.Q)
		}
	}
}
