package judge

import (
	"strings"
	"testing"
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
