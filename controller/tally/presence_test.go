package tally

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// What is asked of tasks is asked of their newest generation, in the arm where
// that is; of those that gather a past nothing is.
func TestPresence(t *testing.T) {
	report := func(task string, generation int64, arm judge.Arm, buckets int) *Report {
		return &Report{Task: task, Generation: generation, Arm: arm, Requests: make([]int64, buckets)}
	}
	gathers := report("z", 1, judge.Control, 3)
	gathers.Past = true
	sound := []*Report{
		report("a", 1, judge.Control, 32), report("a", 2, judge.Candidate, 64),
		report("b", 1, judge.Control, 0), report("c", 1, judge.Control, 64), gathers,
	}
	for _, tt := range []struct {
		what    string
		reports []*Report
		look    Look
		least   int
		want    []string
	}{
		{"sound", sound, Look{Served: true, Expected: map[judge.Arm]int{judge.Candidate: 1, judge.Control: 2}}, 1, nil},
		{"as few as may be", sound[1:3], Look{Served: true}, 1, nil},
		{"fewer", sound, Look{Served: true}, 2, []string{"1 task reports as candidate, at least 2 must"}},
		{"in the shadow", sound, Look{}, 9, nil},
		{"nobody", nil, Look{Served: true}, 9, nil},
		{"other buckets", append(sound[:4:4], report("d", 1, judge.Control, 32)), Look{}, 1, []string{"task d counts 32 buckets, others 64"}},
		{"one of each generation twice", []*Report{report("a", 2, judge.Control, 8), report("a", 2, judge.Control, 8)}, Look{Expected: map[judge.Arm]int{judge.Control: 1}}, 1, nil},
		{"silent", nil, Look{Silent: []string{"a", "b", "c", "d", "e", "f"}}, 1, []string{"6 tasks do not report: a, b, c, d, e"}},
	} {
		var bad problems
		checkPresence(tt.reports, tt.look, judge.Policy{MinTasks: tt.least}, &bad)
		if !slices.Equal(bad, tt.want) {
			t.Errorf("%s: %q, want %q", tt.what, bad, tt.want)
		}
	}
}

// An arm may count nothing for five windows' worth of the other's traffic, and
// no longer; of small partners nobody asks.
func TestSides(t *testing.T) {
	for _, tt := range []struct {
		what string
		dry  [judge.Arms]int64
		open [judge.Arms]int64
		tail bool
		want string
	}{
		{"nearly dry", [judge.Arms]int64{1999, 1999}, [judge.Arms]int64{0, 1999}, false, ""},
		{"dry", [judge.Arms]int64{0, 2000}, [judge.Arms]int64{}, false, "control has answered nothing while candidate answered 2000 requests"},
		{"both", [judge.Arms]int64{2000, 0}, [judge.Arms]int64{0, 5000}, false, "candidate has answered nothing while control answered 2000 requests"},
		{"a partner", [judge.Arms]int64{}, [judge.Arms]int64{0, 2000}, false, "partner acme: candidate has scored nothing while control scored 2000 pairs"},
		{"a partner of the candidate's", [judge.Arms]int64{}, [judge.Arms]int64{2000, 0}, false, "partner acme: control has scored nothing while candidate scored 2000 pairs"},
		{"a small one", [judge.Arms]int64{}, [judge.Arms]int64{0, 2000}, true, ""},
		{"one pair", [judge.Arms]int64{}, [judge.Arms]int64{1, 2000}, false, ""},
	} {
		var s State
		s.learn([]string{"acme"})
		s.dry, s.inTail[0], s.streams[judge.FirstPartner].open = tt.dry, tt.tail, tt.open
		var bad problems
		s.checkSides(judge.Policy{WindowRequests: 400}, &bad)
		if got := strings.Join(bad, "; "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, got, tt.want)
		}
	}
}

// An arm is dry while the other answers, and no more once it answers itself.
func TestDrySpells(t *testing.T) {
	var s State
	for i, tt := range []struct{ candidate, control, dryCandidate, dryControl int64 }{
		{0, 100, 100, 0}, {0, 50, 150, 0}, {0, 0, 150, 0}, {1, 70, 0, 0}, {30, 0, 0, 30},
	} {
		s.addIncrements(increments{requests: [judge.Arms]int64{tt.candidate, tt.control}}, true)
		if s.dry != [judge.Arms]int64{tt.dryCandidate, tt.dryControl} {
			t.Errorf("look %d: %v", i, s.dry)
		}
	}
	if s.addIncrements(increments{requests: [judge.Arms]int64{9, 9}}, false); s.answered != [judge.Arms]int64{31, 220} {
		t.Errorf("%v are answered", s.answered)
	}
}

// The gap between two clocks is that of tasks that report, however they differ
// from ours.
func TestSkew(t *testing.T) {
	skews := func(all ...time.Duration) time.Duration {
		s := State{looks: 3}
		for i, skew := range all {
			s.rows = append(s.rows, row{skew: skew, seen: 3 - i/3})
		}
		return s.maxSkew()
	}
	for _, tt := range []struct{ got, want time.Duration }{
		{skews(), 0},
		{skews(time.Hour), 0},
		{skews(time.Hour, time.Hour+5), 5},
		{skews(-7, -3, -5), 4},
		{skews(1, 2, 3, 900), 2},
		{skews(-1<<63, 1<<62), 0},
	} {
		if tt.got != tt.want {
			t.Errorf("%v, want %v", tt.got, tt.want)
		}
	}
}
