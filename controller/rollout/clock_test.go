package rollout

import (
	"fmt"
	"testing"
	"time"
)

// Only what is ahead of now is set right, with what was reckoned from it; what
// is past stays, and so does the state that was given.
func TestSetRight(t *testing.T) {
	day := 24 * time.Hour
	at := func(d time.Duration) time.Time { return start.Add(d) }
	s := State{
		RestoredAt: at(day), JobsSince: at(2*day - JobsKept),
		Queue: []Rollout{{ID: "q", FoundAt: at(day), Since: at(-day)}},
		Active: &Rollout{
			ID: "a", FoundAt: at(-time.Hour), Since: at(day), HeldUntil: at(day + time.Hour), StepSince: at(2 * day),
			History: []Event{{At: at(-time.Hour)}, {At: at(day)}},
		},
	}
	before := fmt.Sprintf("%+v %+v", s, *s.Active)
	got := s.SetRight(start)
	if after := fmt.Sprintf("%+v %+v", s, *s.Active); after != before {
		t.Errorf("what was given is changed:\n%s\n%s", before, after)
	}
	for what, pair := range map[string][2]time.Time{
		"restored": {got.RestoredAt, start}, "jobs since": {got.JobsSince, at(-JobsKept)},
		"found in the queue": {got.Queue[0].FoundAt, start}, "since in the queue": {got.Queue[0].Since, at(-day)},
		"found": {got.Active.FoundAt, at(-time.Hour)}, "since": {got.Active.Since, start}, "held until": {got.Active.HeldUntil, at(time.Hour)},
		"step": {got.Active.StepSince, start}, "invalid": {got.Active.InvalidSince, time.Time{}},
		"history": {got.Active.History[0].At, at(-time.Hour)}, "latest": {got.Active.History[1].At, start},
		"blame from": {got.BlameFrom(), start},
	} {
		if !pair[0].Equal(pair[1]) {
			t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
		}
	}
	if again := got.SetRight(start); fmt.Sprintf("%+v %+v", again, *again.Active) != fmt.Sprintf("%+v %+v", got, *got.Active) {
		t.Errorf("set right twice: %+v", again)
	}
	for _, field := range []func(*State, *Rollout) *time.Time{
		func(s *State, _ *Rollout) *time.Time { return &s.RestoredAt },
		func(_ *State, r *Rollout) *time.Time { return &r.FoundAt },
		func(_ *State, r *Rollout) *time.Time { return &r.Since },
		func(_ *State, r *Rollout) *time.Time { return &r.StepSince },
		func(_ *State, r *Rollout) *time.Time { return &r.InvalidSince },
		func(_ *State, r *Rollout) *time.Time { return &r.TooFewSince },
		func(_ *State, r *Rollout) *time.Time { return &r.History[0].At },
	} {
		for apart, want := range map[time.Duration]time.Duration{ClocksApart: ClocksApart, ClocksApart + 1: 0} {
			s := State{Active: &Rollout{History: make([]Event, 1)}}
			*field(&s, s.Active) = at(apart)
			got := s.SetRight(start)
			if moment := *field(&got, got.Active); !moment.Equal(at(want)) {
				t.Errorf("%v ahead: %v, want %v", apart, moment, at(want))
			}
		}
	}
}
