package tally_test

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/controller/tally/tallytest"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*math.Max(1, math.Abs(want))) {
		t.Errorf("%s = %.17g, want %.17g", what, got, want)
	}
}

func sum(column []int64) (total int64) {
	for _, v := range column {
		total += v
	}
	return total
}

// Shares of 1 % and then 50 % while the rate drifts from 40 to 44 %: pooled
// counts claim +2.579 points, which are not there.
func TestDriftIsNoDifference(t *testing.T) {
	var s tallytest.Case
	one := tallytest.Served(0,
		tallytest.Uniform("a", judge.Candidate, 64, 10, 0, map[string][2]int64{"acme": {10, 4}}),
		tallytest.Uniform("b", judge.Control, 64, 990, 0, map[string][2]int64{"acme": {990, 396}}))
	two := tallytest.Served(1,
		tallytest.Uniform("a", judge.Candidate, 64, 500, 0, map[string][2]int64{"acme": {500, 220}}),
		tallytest.Uniform("b", judge.Control, 64, 500, 0, map[string][2]int64{"acme": {500, 220}}))
	s.Look(one, judge.Policy{})
	s.Step()
	s.Look(two, judge.Policy{})
	st := s.Seen.Streams[judge.Overall].Served
	near(t, "pooled", st.X[judge.CandidateArm]/st.N[judge.CandidateArm]-st.X[judge.ControlArm]/st.N[judge.ControlArm], .02579, 1e-5)
	near(t, "stratified", st.D/st.Q, 0, 1e-9)
	if st.Windows != 2 {
		t.Errorf("%d windows, want 2", st.Windows)
	}
}

// The same where a step cuts the first window short: what is enough is closed,
// and the rest dropped, but never mixed into the next window.
func TestDriftAcrossAStep(t *testing.T) {
	for _, buckets := range []int{64, 10} {
		a := tallytest.Uniform("a", judge.Candidate, 64, 5, 0, map[string][2]int64{"acme": {5, 2}})
		for g := buckets; g < 64; g++ {
			a.Requests[g], a.Partners["acme"].Scored[g], a.Partners["acme"].Filtered[g] = 0, 0, 0
		}
		b := tallytest.Uniform("b", judge.Control, 64, 495, 0, map[string][2]int64{"acme": {495, 198}})
		var s tallytest.Case
		s.Look(tallytest.Served(0, a, b), judge.Policy{})
		s.Step()
		for i := range 2 {
			acme := map[string][2]int64{"acme": {500, 220}}
			s.Look(tallytest.Served(1+i, tallytest.Uniform("a", judge.Candidate, 64, 500, 0, acme), tallytest.Uniform("b", judge.Control, 64, 500, 0, acme)), judge.Policy{})
		}
		for i := range s.Seen.Streams {
			st := s.Seen.Streams[i].Served
			if st.Q > 0 {
				near(t, "stratified", st.D/st.Q, 0, 1e-12)
			}
			if want := 2 + buckets/64; i != judge.Tail && st.Windows != want {
				t.Errorf("%d buckets: %d windows, want %d", buckets, st.Windows, want)
			}
		}
	}
}

func TestTheSameLookTwiceChangesNothing(t *testing.T) {
	for _, at := range []bool{true, false} {
		w := tallytest.New(6)
		w.Sample = .2
		var s tallytest.Case
		for range 12 {
			l := w.Next()
			v := s.Look(l, judge.Policy{})
			before, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			if at {
				again := s.Look(l, judge.Policy{})
				if !reflect.DeepEqual(v, again) {
					t.Fatalf("first %+v, again %+v", v, again)
				}
				after, _ := json.Marshal(s)
				if !bytes.Equal(before, after) {
					t.Fatalf("the state changed")
				}
				continue
			}
			l.At = l.At.Add(time.Millisecond) // the same counts a moment later
			again := s.Look(l, judge.Policy{})
			for i := range again.Findings {
				if !reflect.DeepEqual(again.Findings[i], v.Findings[i]) && v.Outcome != judge.Worse {
					t.Fatalf("first %+v, again %+v", v.Findings[i], again.Findings[i])
				}
			}
		}
	}
}

// A judge that is written down and read back after every look says the same,
// bit for bit, as one that is not.
func TestCheckpointLosesNothing(t *testing.T) {
	for _, bad := range []float64{0, .08} {
		w := tallytest.New(7)
		w.Sample, w.Persistent = .2, .05
		w.Shift = func(k int) float64 { return bad * float64(k%2) }
		var s, back tallytest.Case
		for i := range 15 {
			if i == 6 {
				s.Step()
				back.Step()
				w.Begin()
			}
			l := w.Next()
			back = again(t, &back)
			want, got := s.Look(l, judge.Policy{}), back.Look(l, judge.Policy{})
			if !reflect.DeepEqual(want, got) {
				t.Fatalf("look %d:\nwant %+v\ngot  %+v", i, want, got)
			}
			one, _ := json.Marshal(s)
			two, _ := json.Marshal(back)
			if !bytes.Equal(one, two) {
				t.Fatalf("look %d: states differ", i)
			}
		}
	}
}

func TestCheckpointOfNothing(t *testing.T) {
	back := again(t, &tallytest.Case{})
	if v := back.Look(tallytest.Served(0), judge.Policy{}); v.Outcome != judge.NoData {
		t.Errorf("%s: %s", v.Outcome, v.Sentence)
	}
}

func TestDataGate(t *testing.T) {
	acme := map[string][2]int64{"acme": {100, 40}}
	good := func(task string, arm judge.Arm) tally.Report { return tallytest.Uniform(task, arm, 64, 100, 0, acme) }
	change := func(r tally.Report, f func(r *tally.Report)) tally.Report {
		f(&r)
		return r
	}
	for _, tt := range []struct {
		name string
		look tally.Look
		says string
	}{
		{"silent", tally.Look{Served: true, Reports: []tally.Report{good("a", judge.Candidate), good("b", judge.Control)}, Silent: []string{"c"}}, "1 task does not report: c"},
		{"missing", tally.Look{Served: true, Reports: []tally.Report{good("a", judge.Candidate), good("b", judge.Control)}, Expected: map[judge.Arm]int{judge.Candidate: 1, judge.Control: 2}}, "1 task reports as control, 2 should"},
		{"one too many", tally.Look{Served: true, Reports: []tally.Report{good("a", judge.Candidate), good("c", judge.Candidate), good("b", judge.Control)}, Expected: map[judge.Arm]int{judge.Candidate: 1, judge.Control: 1}}, "2 tasks report as candidate, 1 should"},
		{"no control", tally.Look{Served: true, Reports: []tally.Report{good("a", judge.Candidate)}}, "0 tasks report as control, at least 1 must"},
		{"candidate serves in shadow", tally.Look{Reports: []tally.Report{good("a", judge.Candidate)}}, "only stable may serve in the shadow phase"},
		{"unknown arm", tally.Look{Served: true, Reports: []tally.Report{good("a", "canary"), good("b", judge.Control)}}, `arm "canary"`},
		{"twice", tallytest.Served(1, good("a", judge.Candidate), good("b", judge.Control), good("b", judge.Control)), "task b: reports twice"},
		{"no control is left", tallytest.Served(1, good("a", judge.Candidate), good("b", judge.Candidate)), "0 tasks report as control, at least 1 must"},
		{"backwards", tallytest.Served(1, good("a", judge.Candidate), tallytest.Uniform("b", judge.Control, 64, -10, 0, acme)), "count -10 in bucket 0 is outside 0 to"},
		{"partner backwards", tallytest.Served(1, good("a", judge.Candidate), tallytest.Uniform("b", judge.Control, 64, 100, 0, map[string][2]int64{"acme": {-10, 0}})), "count -10 of partner acme in bucket 0"},
		{"positions backwards", tally.Look{Served: true, Reports: []tally.Report{good("a", judge.Candidate), change(good("b", judge.Control), func(r *tally.Report) { r.After, r.Upto = 5, 4 })}}, "counts from position 5 to 4"},
		{"overlap", tallytest.Served(1, good("a", judge.Candidate), good("b", judge.Control), good("c", judge.Control)), "counts from position 0, but is counted up to 1 already"},
		{"no partner", tallytest.Served(0, good("a", judge.Candidate), tallytest.Uniform("b", judge.Control, 64, 100, 0, nil)), "no partner is scored"},
		{"no request", tallytest.Served(0, good("a", judge.Candidate), tallytest.Uniform("b", judge.Control, 64, 0, 0, acme)), "no request is counted"},
		{"more filtered than scored", tallytest.Served(1, good("a", judge.Candidate), tallytest.Uniform("b", judge.Control, 64, 100, 0, map[string][2]int64{"acme": {40, 100}})), "more filtered than scored pairs of partner acme"},
		{"more errors than requests", tallytest.Served(1, good("a", judge.Candidate), tallytest.Uniform("b", judge.Control, 64, 100, 200, acme)), "more errors than requests"},
		{"negative", tallytest.Served(1, good("a", judge.Candidate), change(good("b", judge.Control), func(r *tally.Report) { r.Requests[3] = -1 })), "count -1 in bucket 3"},
		{"huge", tallytest.Served(1, good("a", judge.Candidate), change(good("b", judge.Control), func(r *tally.Report) { r.Requests[3] = math.MaxInt64 })), "outside 0 to"},
		{"lists differ", tallytest.Served(1, good("a", judge.Candidate), change(good("b", judge.Control), func(r *tally.Report) { r.Errors = r.Errors[:32] })), "buckets differ: 32"},
		{"tasks differ", tallytest.Served(1, good("a", judge.Candidate), tallytest.Uniform("b", judge.Control, 32, 100, 0, acme)), "task b counts 32 buckets, others 64"},
		{"too many buckets", tallytest.Served(1, good("a", judge.Candidate), tallytest.Uniform("b", judge.Control, 65, 100, 0, acme)), "at most 64"},
		{"more differing than bids", tallytest.Served(1, good("a", judge.Candidate), change(good("b", judge.Control), func(r *tally.Report) {
			r.Partners["zeta"] = tally.Columns{Bids: make([]int64, 64), BidsCandidateOnly: slices.Repeat([]int64{9}, 64)}
		})), "more differing than compared bids of partner zeta"},
		{"explores nothing known", tallytest.Served(1, good("a", judge.Candidate), change(good("b", judge.Control), func(r *tally.Report) { r.Explore = math.NaN() })), "explores a share of NaN"},
		{"too many bins", tallytest.Served(1, good("a", judge.Candidate), change(good("b", judge.Control), func(r *tally.Report) { r.Latency = make([]int64, 97) })), "counts latency in 97 bins"},
		{"pairs without shadow requests", tallytest.Served(1, good("a", judge.Candidate), change(good("b", judge.Control), func(r *tally.Report) {
			for g := range 64 {
				r.Partners["acme"].Pairs[g] = 100
			}
		})), "no shadow request is counted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s tallytest.Case
			second := !tt.look.At.IsZero() && tt.look.Reports[0].After > 0
			if second {
				s.Look(tallytest.Served(0, good("a", judge.Candidate), good("b", judge.Control)), judge.Policy{})
			}
			if tt.name == "overlap" {
				tt.look.Reports[2].Task, tt.look.Reports[1].Task = "b", "c"
				tt.look.Reports[2].After = 0
			}
			v := s.Look(tt.look, judge.Policy{})
			if v.Outcome != judge.Invalid || v.Gate != judge.GateData || !strings.Contains(v.Sentence, tt.says) {
				t.Errorf("%s: %s, want %q", v.Outcome, v.Sentence, tt.says)
			}
			if v.Findings[0].Outcome != judge.Invalid {
				t.Errorf("the finding is %s", v.Findings[0].Outcome)
			}
		})
	}
}

// One arm counts on, the other no more: not a success, and said so.
func TestOneSidedTraffic(t *testing.T) {
	for name, silent := range map[string]int{"candidate": 0, "control": 1} {
		w := tallytest.New(8)
		var s tallytest.Case
		for range 5 {
			s.Look(w.Next(), judge.Policy{})
		}
		dead := []judge.Arm{judge.Candidate, judge.Control}[silent]
		var v judge.Verdict
		for range 12 {
			w.Drift = func(int) (float64, float64) { return 0, float64(silent) }
			v = s.Look(w.Next(), judge.Policy{})
		}
		if v.Outcome != judge.Invalid || !strings.Contains(v.Sentence, string(dead)+" has answered nothing") {
			t.Errorf("%s: %s: %s", name, v.Outcome, v.Sentence)
		}
	}
}

// A candidate that never scores one partner cannot be judged there.
func TestPartnerOfOneArmOnly(t *testing.T) {
	var s tallytest.Case
	var v judge.Verdict
	for i := range 6 {
		v = s.Look(tallytest.Served(i,
			tallytest.Uniform("a", judge.Candidate, 64, 100, 0, map[string][2]int64{"zeta": {100, 50}}),
			tallytest.Uniform("b", judge.Control, 64, 100, 0, map[string][2]int64{"zeta": {100, 50}, "acme": {100, 50}})), judge.Policy{})
	}
	if v.Outcome != judge.Invalid || !strings.Contains(v.Sentence, "partner acme: candidate has scored nothing") {
		t.Errorf("%s: %s", v.Outcome, v.Sentence)
	}
}

// A task that is replaced in the middle: what it counted stays, the new one
// starts from zero, and nothing is counted twice.
func TestTaskIsReplaced(t *testing.T) {
	w := tallytest.New(10)
	var s tallytest.Case
	want := int64(0)
	look := func() {
		l := w.Next()
		for range 2 {
			s.Look(l, judge.Policy{})
		}
		for _, r := range l.Reports {
			if r.Arm == judge.Candidate {
				want += sum(r.Requests)
			}
		}
	}
	for range 3 {
		look()
	}
	w.Reports[0].Boot, w.Reports[0].Upto = "b2", 0
	for range 3 {
		look()
	}
	if got := s.Seen.Answered[judge.CandidateArm]; got != want || s.Seen.LostRows != 0 {
		t.Errorf("%d requests counted, want %d; %d lost", got, want, s.Seen.LostRows)
	}
	boot, generation, upto, found := s.Tally.Last(w.Reports[0].Task)
	if boot != "b2" || generation != 1 || upto != 3 || !found {
		t.Errorf("counted up to %d of %q, generation %d (found: %v)", upto, boot, generation, found)
	}
	if _, _, _, found := s.Tally.Last("candidate-"); found {
		t.Error("a task that never reported is found")
	}
}

// Reports may come late, twice, or not at all.
func TestPositions(t *testing.T) {
	one := map[string][2]int64{"acme": {1, 0}}
	count := func(boot string, generation, after, upto int64) tally.Report {
		r := tallytest.Uniform("a", judge.Control, 64, 1, 0, one)
		r.Boot, r.Generation, r.After, r.Upto = boot, generation, after, upto
		return r
	}
	var s tally.State
	for i, step := range []struct {
		report   tally.Report
		answered int64 // since the last step
		lost     int
	}{
		{count("p", 1, 0, 5), 1, 0},
		{count("p", 1, 0, 5), 1, 0},  // once more
		{count("p", 1, 5, 9), 2, 0},  // and on
		{count("p", 1, 0, 5), 2, 0},  // late
		{count("p", 1, 2, 7), 2, 0},  // late, and partly seen
		{count("p", 1, 7, 11), 2, 0}, // half of it seen: refused
		{count("p", 1, 11, 12), 3, 1},
		{count("p", 2, 0, 3), 4, 1},   // another generation
		{count("p", 1, 12, 13), 4, 1}, // the tail end of the one before
		{count("p", 3, 2, 3), 5, 2},   // its beginning is lost
		{count("q", 3, 0, 2), 6, 2},   // another process
		{count("r", 3, 4, 5), 7, 3},
		{count("r", 3, 5, 5), 7, 3}, // nothing new, whatever it says
	} {
		seen := s.Look(tally.Look{At: time.Unix(int64(i), 0), Served: true, Reports: []tally.Report{step.report}}, judge.Policy{})
		if seen.Answered[judge.ControlArm] != 64*step.answered || seen.LostRows != step.lost {
			t.Fatalf("step %d: %v answered, %d lost: %q", i, seen.Answered, seen.LostRows, seen.Problems)
		}
	}
}

// A control task that becomes a canary task without a step being announced
// closes the windows by itself.
func TestArmChangesWithoutAStep(t *testing.T) {
	w := tallytest.New(12)
	var s tallytest.Case
	for range 4 {
		s.Look(w.Next(), judge.Policy{WindowRequests: 4000})
	}
	if n := s.Seen.Streams[judge.Overall].Served.Windows; n != 0 {
		t.Fatalf("%d windows are closed", n)
	}
	w.Reports[2].Arm, w.Reports[2].Generation, w.Reports[2].Upto = judge.Candidate, 2, 0
	l := w.Next()
	l.Expected = nil
	v := s.Look(l, judge.Policy{WindowRequests: 4000})
	if v.Outcome != judge.Unsure {
		t.Errorf("%s: %s", v.Outcome, v.Sentence)
	}
	if n := s.Seen.Streams[judge.Overall].Served.Windows; n != 1 {
		t.Errorf("%d windows are closed, want 1", n)
	}
}
