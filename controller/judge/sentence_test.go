package judge

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestNumbersForPeople(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{percent(0), "0.0 %"},
		{percent(.01), "1.0 %"},
		{percent(.00999), "1.00 %"},
		{percent(.0001), "0.01 %"},
		{percent(.000099), "0.0099 %"},
		{percent(-.005), "-0.50 %"},
		{number(999.9), "1e+03"},
		{number(1000), "1.0e+03"},
		{number(.5), "0.5"},
		{commas(0), "0"},
		{commas(999), "999"},
		{commas(1000), "1,000"},
		{commas(-1000), "-1,000"},
		{commas(-999), "-999"},
		{commas(1234567), "1,234,567"},
		{commas(-123456), "-123,456"},
		{microseconds(999), "999 us"},
		{microseconds(1000), "1 ms"},
		{microseconds(1e6), "1 s"},
		{microseconds(999e3), "999 ms"},
		{points(.0123), "+1.2"},
		{points2(-.0123), "-1.23"},
		{points3(.0123), "1.23"},
		{list([]string{"a", "b", "c", "d", "e"}), "a, b, c, d, e"},
		{list([]string{"a", "b", "c", "d", "e", "f", "g"}), "a, b, c, d, e and 2 more"},
		{against(20, 20), ">="},
		{against(19.9, 20), "<"},
		{decimal(16), "0.25"},
		{money(2.5, ""), "2.5"},
		{money(2.5, "USD"), "USD 2.5"},
		{slowness{edge: 40, shift: 4}.long(), "2.05 ms or more"},
		{slowness{edge: 40, past: true, promised: true}.long(), "1.02 ms or more"},
		{slowness{past: true}.long(), "longer than the p99 that their task had"},
		{slowness{past: true, shift: 4}.long(), "longer than 2 times the p99 that their task had, as stable's requests changed by as much"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
	for _, v := range []float64{-1e300, -5, 5, 1e300} {
		if b := bounded(v); math.Abs(b) != min(1e6, math.Abs(v)) || b*v < 0 || bounded(math.NaN()) != 0 || finite(10*v) != max(-1e300, min(1e300, 10*v)) {
			t.Errorf("%v is bounded to %v", v, b)
		}
	}
	near(t, "no e-value", expCapped(math.NaN()), 0, 0)
	near(t, "more than any", expCapped(1e6), largest, 1e-1)
}

// Hints say how far there is to go, and that connections are too few.
func TestHints(t *testing.T) {
	var s State
	r := ruling{Finding: Finding{Gate: GateFilterRateServed, Requests: 5, Clusters: 31, Proof: 3}, text: "so it is"}
	for _, tt := range []struct {
		change func()
		want   string
	}{
		{func() {}, "UNSURE: waiting for filter_rate_served: so it is; proof E = 3 of 20; connections reach only 31 clusters (task x bucket) of the two arms, at least 32 are needed: open more connections or compare more tasks; 25 % of the way, about 1m0s to go"},
		{func() { r.Clusters, r.Proof = 32, 0 }, "UNSURE: waiting for filter_rate_served: so it is; 25 % of the way, about 1m0s to go"},
		{func() { r.Clusters, r.Gate = 16, GatePartnersPaired }, "UNSURE: waiting for partners_paired: so it is; 25 % of the way, about 1m0s to go"},
		{func() { r.Clusters = 15 }, "UNSURE: waiting for partners_paired: so it is; connections reach only 15 clusters (task x bucket) of the tasks, at least 16 are needed: open more connections or compare more tasks; 25 % of the way, about 1m0s to go"},
		{func() { r.Requests = 0 }, "UNSURE: waiting for partners_paired: so it is; 25 % of the way, about 1m0s to go"},
	} {
		tt.change()
		if got := s.unsureText(&r, Verdict{Progress: .25, ETA: time.Minute}); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
	if got := s.unsureText(&r, Verdict{Progress: .25}); strings.Contains(got, "of the way") {
		t.Errorf("nobody knows how long it takes: %s", got)
	}
	for answered, want := range map[[Arms]int64]string{{}: "neither arm", {0, 5}: "the candidate has not", {5, 0}: "the control arm has not"} {
		if got := noDataText(true, answered); !strings.Contains(got, want) {
			t.Errorf("%v: %s", answered, got)
		}
	}
	p := Policy{}.Sane()
	f := Finding{Outcome: Unsure, CandidateRate: .006, StableRate: .002}
	ratio := ratioOf(60, 16).Ratios[ServedErrors]
	if got, want := ratioText("error_rate", f, ratio, p), "error_rate: candidate 0.60 % (60 of 10,000) vs stable 0.20 % (20 of 10,000), tolerated 1.5 times stable's or 0.10 %"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	worse := ruling{Finding: Finding{Gate: GateErrors, Requests: 1000, Clusters: 32, Windows: 2}, text: "too many", named: []string{"a", "b"}}
	if got := s.rollbackText(worse); !strings.HasSuffix(got, "basis: 1,000 requests per arm, 32 clusters, 2 windows; named by e-BH: a, b") {
		t.Error(got)
	}
	worse.Windows, worse.named = 0, nil
	if got := s.rollbackText(worse); !strings.HasSuffix(got, "32 clusters") {
		t.Error(got)
	}
}

// How long the least advanced proof will take at the pace since the step.
func TestForecastOfAVerdict(t *testing.T) {
	start := time.Unix(1e9, 0)
	var s State
	for _, tt := range []struct {
		after    time.Duration
		progress float64
		want     time.Duration
	}{
		{0, .1, 0},
		{time.Minute, .1, 0},
		{time.Minute, .05, 0},
		{time.Minute, .4, 2 * time.Minute},
		{time.Minute, .985, 1 * time.Second},
		{time.Minute, .99, 0},
		{0, .5, 0},
		{24 * time.Hour, .2, 8 * 24 * time.Hour},
		{24 * time.Hour, .3, 84 * time.Hour},
		{-time.Minute, .5, 0},
	} {
		if tt.want >= maxETA {
			tt.want = 0 // beyond a week the pace says nothing
		}
		if got := s.forecast(start.Add(tt.after), tt.progress); got != tt.want {
			t.Errorf("%v after %v: %v, want %v", tt.progress, tt.after, got, tt.want)
		}
	}
	rulings := []ruling{
		{asked: true, Finding: Finding{Outcome: Acceptable}}, {progress: .1}, {asked: true, progress: .5}, {asked: true, progress: .5, text: "second"}, {asked: true, progress: 2},
	}
	if progress, last := leastAdvanced(rulings); progress != .5 || last != &rulings[2] {
		t.Errorf("%v: %+v", progress, last)
	}
	if progress, last := leastAdvanced(rulings[4:]); progress != .99 || last == nil {
		t.Errorf("%v: %+v", progress, last)
	}
	if progress, last := leastAdvanced(rulings[:2]); progress != 1 || last != nil {
		t.Errorf("%v: %+v", progress, last)
	}
	for i, tt := range []struct {
		s              Statistics
		nothing, fresh bool
	}{
		{Statistics{Served: true, Answered: [Arms]int64{1, 1}}, false, false},
		{Statistics{Served: true, Answered: [Arms]int64{1, 0}, Fresh: 1}, true, true},
		{Statistics{Served: true, Answered: [Arms]int64{0, 1}}, true, false},
		{Statistics{}, true, false},
		{Statistics{PairsStep: 400}, false, true},
		{Statistics{PairsStep: 399}, false, false},
	} {
		if tt.s.nothing() != tt.nothing || tt.s.isFresh(Policy{WindowRequests: 400}) != tt.fresh {
			t.Errorf("row %d: nothing %v, fresh %v", i, !tt.nothing, !tt.fresh)
		}
	}
}

func TestSome(t *testing.T) {
	for n, want := range map[int]string{0: "0 tasks", 1: "1 task", 2: "2 tasks", 1200: "1,200 tasks"} {
		if got := Some(n, "task"); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}
