package rollout

import (
	"strings"
	"testing"
	"time"
)

// What is unwell is said with its numbers, and from its threshold on; what is
// not known is not.
func TestUnwell(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	part := func(share float64) *float64 { return &share }
	well := func() (State, Observation) {
		return State{Stable: "old"}, Observation{Desired: 2, Tasks: []Task{{ID: "a", Reachable: true, Ready: true}, {ID: "b", Reachable: true, Ready: true}}, Auctions: &Auctions{
			Over: time.Minute, Deadline: 50 * time.Millisecond, Before: 2000,
			All: &Traffic{Tasks: 2, Rate: 2000, Answered: 120_000, Degraded: part(0), Failed: part(0), P99: 20 * time.Millisecond},
		}}
	}
	for _, tt := range []struct {
		why  string
		make func(*State, *Observation)
		want string
	}{
		{"well", func(*State, *Observation) {}, ""},
		{"not measured", func(_ *State, o *Observation) { o.Auctions = nil }, ""},
		{"nothing told yet", func(_ *State, o *Observation) { o.Auctions.All = nil }, ""},
		{"at the most", func(_ *State, o *Observation) {
			o.Auctions.All.Degraded, o.Auctions.All.DegradedCount = part(.01), 1200
			o.Auctions.All.Failed, o.Auctions.All.FailedCount = part(.001), 120
			o.Auctions.All.P99 = o.Auctions.Deadline
		}, ""},
		{"degraded", func(_ *State, o *Observation) {
			o.Auctions.All.Degraded, o.Auctions.All.DegradedCount = part(.206), 24_720
		}, "degraded: 21 % of 120,000 auctions in the last 60 s were forwarded without a score; more than 1 % is too many."},
		{"a few of few", func(_ *State, o *Observation) {
			o.Auctions.All.Degraded, o.Auctions.All.DegradedCount = part(.9), 9
		}, ""},
		{"no release yet", func(s *State, o *Observation) {
			s.Stable, o.Auctions.All.Degraded, o.Auctions.All.DegradedCount = "", part(1), 120_000
		}, ""},
		{"failed", func(_ *State, o *Observation) {
			o.Auctions.All.Failed, o.Auctions.All.FailedCount = part(.0034), 412
		}, "failed: 412 auctions in the last 60 s got no answer, 0.3 % of all; more than 0.1 % is too many."},
		{"late", func(_ *State, o *Observation) {
			o.Auctions.All.P99 = 74 * time.Millisecond
		}, "late: One auction in 100 took longer than 74 ms in the last 60 s; they are to be answered within 50 ms."},
		{"late, of few", func(_ *State, o *Observation) {
			o.Auctions.All.P99, o.Auctions.All.Answered = 74*time.Millisecond, 999
		}, ""},
		{"late, by no known deadline", func(_ *State, o *Observation) {
			o.Auctions.All.P99, o.Auctions.Deadline = time.Second, 0
		}, ""},
		{"silent", func(_ *State, o *Observation) {
			*o.Auctions.All = Traffic{Tasks: 2}
		}, "silent: No auction came in the last 60 s; 2000 a second did before."},
		{"silent for a moment", func(_ *State, o *Observation) {
			*o.Auctions.All = Traffic{Tasks: 2}
			o.Auctions.Over = 30 * time.Second
		}, ""},
		{"never any", func(_ *State, o *Observation) {
			*o.Auctions.All = Traffic{Tasks: 2}
			o.Auctions.Before = 0
		}, ""},
		{"missing", func(_ *State, o *Observation) {
			o.Desired, o.Tasks[0].Ready, o.Tasks[1].Reachable, o.Auctions.ShortSince = 5, false, false, now.Add(-3*time.Minute)
		}, "missing: 0 of 5 tasks are ready, for 3 min; 1 cannot be reached; 1 not ready; 3 not running."},
		{"missing for a moment", func(_ *State, o *Observation) {
			o.Desired, o.Auctions.ShortSince = 3, now.Add(-59*time.Second)
		}, ""},
	} {
		s, seen := well()
		tt.make(&s, &seen)
		var got []string
		for _, u := range FindUnwell(s, seen, now) {
			got = append(got, u.Reason+": "+u.Sentence)
		}
		if text := strings.Join(got, "\n"); text != tt.want {
			t.Errorf("%s: it says %q, want %q", tt.why, text, tt.want)
		}
	}
}
