package judge

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestBreaker(t *testing.T) {
	recent := func(n, errors, stableN, stableErrors int64) (s Statistics) {
		s.Recent = [Arms]Recent{{Requests: n, Errors: errors, Pairs: 5 * n}, {Requests: stableN, Errors: stableErrors, Pairs: 5 * stableN}}
		return s
	}
	scores := func(candidate, stable [ScoreBins]int64) (s Statistics) {
		s.Scores = [Arms][ScoreBins]int64{candidate, stable}
		return s
	}
	one, even := [ScoreBins]int64{7: 5000}, rampScores()
	scoreless := recent(300, 0, 300, 0)
	scoreless.Recent[CandidateArm].Invalid = 700
	for _, tt := range []struct {
		name string
		s    Statistics
		says string
	}{
		{"nothing", Statistics{}, ""},
		{"ten percent against none", recent(200, 20, 1000, 0), "20 of 200"},
		{"too few requests", recent(199, 199, 1000, 0), ""},
		{"less than ten percent", recent(1000, 99, 1000, 0), ""},
		{"less than five times stable's", recent(1000, 200, 1000, 50), ""},
		{"five times stable's", recent(1000, 250, 1000, 50), "25.0 %"},
		{"a fault that both share", recent(1000, 1000, 1000, 990), ""},
		{"stable idle", recent(1000, 500, 0, 0), "500 of 1,000"},
		{"no scores", scoreless, "no score"},
		{"a crash", Statistics{Crashes: [Arms]int{1, 0}, Crashed: []string{"task-3"}}, "task-3"},
		{"crashes on both sides", Statistics{Crashes: [Arms]int{1, 1}}, ""},
		{"a crash of stable's", Statistics{Crashes: [Arms]int{0, 1}}, ""},
		{"equal scores", scores(one, even), "all 5,000 scores"},
		{"equal scores of both", scores(one, one), ""},
		{"few equal scores", scores([ScoreBins]int64{7: 999}, even), ""},
		{"nearly equal scores", scores([ScoreBins]int64{7: 5000, 8: 1}, even), ""},
	} {
		got := broken(tt.s, Breaker{}.sane())
		if (got != "") != (tt.says != "") || !strings.Contains(got, tt.says) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.says)
		}
	}
	if got := broken(Statistics{Crashes: [Arms]int{9, 0}}, Breaker{Crashes: -1}.sane()); got != "" {
		t.Errorf("crashes are let pass, but: %s", got)
	}
}

// The fullest bin is the first of those that are as full.
func TestFullestBin(t *testing.T) {
	n, top, bin := most([ScoreBins]int64{3: 7, 9: 7, 11: -5, 12: 1})
	if n != 15 || top != 7 || bin != 3 {
		t.Errorf("%d scores, %d of them in bin %d", n, top, bin)
	}
	var most, fewer, stable [ScoreBins]int64
	most[5], fewer[5], stable[1], stable[2] = 1000, 999, 900, 100
	for i, tt := range []struct {
		candidate, stable [ScoreBins]int64
		want              bool
	}{{most, stable, true}, {fewer, stable, false}, {most, [ScoreBins]int64{1: 901, 2: 100}, false}, {most, [ScoreBins]int64{1: 500, 2: 499}, false}} {
		if got := equal([Arms][ScoreBins]int64{tt.candidate, tt.stable}); (got != "") != tt.want || tt.want && got != "all 1,000 scores of the candidate lie from 0.07812 to 0.09375, stable's do not" {
			t.Errorf("row %d: %q", i, got)
		}
	}
	for crashes, want := range map[int]string{1: "a task crashed while it served the candidate; 0 of stable's did", 3: "3 tasks crashed while they served the candidate; 0 of stable's did"} {
		if got := broken(Statistics{Crashes: [Arms]int{crashes, 0}}, Breaker{}.sane()); got != want {
			t.Errorf("%q", got)
		}
	}
	near(t, "more than all", portion(9, 5), 1, 0)
	near(t, "none", portion(0, 5), 0, 0)
	near(t, "one", portion(1, 5), .2, 1e-12)
	near(t, "of none", portion(1, 0), 0, 0)
}

// A task is suspected of a fault of its own while it alone fails, most of the
// arm does well, and nobody else failed a moment ago.
func TestSuspects(t *testing.T) {
	start := time.Unix(1e9, 0)
	look := func(after time.Duration, tasks int, errors int64, failing ...string) Statistics {
		return Statistics{At: start.Add(after), Stretch: 1, Recent: [Arms]Recent{{Requests: 1000, Errors: errors, Pairs: 1000, Tasks: tasks, Failing: failing}}}
	}
	type step struct {
		s    Statistics
		want string
	}
	for what, steps := range map[string][]step{
		"alone":             {{look(0, 4, 200, "a"), "a"}, {look(time.Minute, 4, 499, "a"), "a"}},
		"half of all":       {{look(0, 4, 500, "a"), ""}},
		"two":               {{look(0, 4, 200, "a", "b"), ""}},
		"nobody":            {{look(0, 4, 200), ""}},
		"another soon":      {{look(0, 4, 200, "a"), "a"}, {look(2*time.Minute-1, 4, 200, "b"), ""}},
		"another later":     {{look(0, 4, 200, "a"), "a"}, {look(2*time.Minute, 4, 200, "b"), "b"}},
		"the only one":      {{look(0, 1, 200, "a"), "a"}, {look(10*time.Second-1, 1, 200, "a"), "a"}, {look(10*time.Second, 1, 200, "a"), ""}},
		"an older reporter": {{func() Statistics { s := look(0, 4, 200, "a"); s.Stretch = 0; return s }(), ""}},
		"pairs": {
			{func() Statistics { s := look(0, 4, 0, "a"); s.Recent[0].Invalid = 499; return s }(), "a"},
			{func() Statistics { s := look(0, 4, 0, "a"); s.Recent[0].Invalid = 500; return s }(), ""},
		},
	} {
		var s State
		for i, one := range steps {
			if got := s.suspects(&one.s); got != one.want {
				t.Errorf("%s, look %d: %q, want %q", what, i, got, one.want)
			}
		}
	}
	seen := look(0, 4, 200, "a")
	seen.Recent[ControlArm] = Recent{Requests: 100, Errors: 5}
	seen.Crashes, seen.Crashed = [Arms]int{2, 0}, []string{"a", "b", "c", "d", "e", "f", "g"}
	seen.Recent[CandidateArm].Failing = nil
	r := new(State).ruleBreaker(&seen, Policy{}.Sane())
	near(t, "difference", r.Difference, .15, 1e-12)
	if r.Outcome != Worse || len(r.Drivers) != maxNamed || math.Abs(r.Drivers[0].Share-1./7) > 1e-12 || r.Requests != 1000 {
		t.Errorf("%+v", r)
	}
}
