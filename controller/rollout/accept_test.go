package rollout

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/inference/release"
)

// wish is one of ann's.
func wish(id string, v Verb) Request {
	q := Request{ID: id, Verb: v, By: "ann", At: start}
	if v == VerbTry {
		q.Rollout, q.Source = "try-"+id, &release.Source{Bucket: "b", Key: "k"}
	}
	return q
}

func accept(t *testing.T, s State, q Request) (State, Request) {
	t.Helper()
	s, answer, err := Accept(s, q, Kept{Release: true})
	if err != nil {
		t.Fatalf("%s %s: %v", q.Verb, q.ID, err)
	}
	return s, answer
}

// heard is s after the leader's next decision.
func heard(s State, now time.Time) State {
	s, _ = Decide(s, Observation{Audited: audited(s)}, storyPolicies(), now)
	return s
}

// What is about "the one before" is about that one, whatever comes later.
func TestWishNamesItsTarget(t *testing.T) {
	canary := State{Stable: "v1", Previous: "v0", Active: &Rollout{ID: "two", Phase: Canary}}
	paused := State{Stable: "v1", Previous: "v0", Pause: &Pause{By: "bob"}, Active: &Rollout{ID: "two", Phase: Held, Reason: Approval}}
	for _, tt := range []struct {
		s                State
		verb             Verb
		rollout, release string
	}{
		{canary, VerbRollback, "two", "v1"},
		{State{Stable: "v1", Previous: "v0"}, VerbRollback, "rollback-1", "v0"},
		{canary, VerbAbort, "two", ""},
		{canary, VerbPromote, "two", ""},
		{State{Active: paused.Active}, VerbResume, "two", ""},
		{paused, VerbResume, "", ""}, // the pause
	} {
		s, answer := accept(t, tt.s, wish("1", tt.verb))
		if stored := s.Requests[0]; answer.Rollout != tt.rollout || answer.Release != tt.release || fmt.Sprint(stored) != fmt.Sprint(answer) {
			t.Errorf("%s: answered %+v and stored %+v, want %s and %s", tt.verb, answer, stored, tt.rollout, tt.release)
		}
	}
}

// A wish is remembered for a day, and no longer.
func TestWishIsRememberedForADay(t *testing.T) {
	s, first := accept(t, State{Stable: "v2", Previous: "v1"}, wish("1", VerbRollback))
	s = heard(s, start.Add(time.Second))
	s = heard(s, start.Add(2*time.Second))
	if s.Stable != "v1" || s.Active != nil {
		t.Fatalf("not gone back: %+v", s)
	}
	again := wish("1", VerbRollback)
	const minutes = 10
	for passed := time.Duration(0); passed < WishKept; passed += minutes * time.Minute {
		s = heard(s, start.Add(2*time.Second+passed))
	}
	if next, answer := accept(t, s, again); fmt.Sprint(answer) != fmt.Sprint(first) || len(next.Requests) > 0 {
		t.Errorf("asked again: %+v with %+v, want %+v", answer, next.Requests, first)
	}
	for passed := WishKept; passed < WishKept+2*time.Hour; passed += minutes * time.Minute {
		s = heard(s, start.Add(2*time.Second+passed))
	}
	if len(s.Wishes) > 0 || !s.Aged.IsZero() {
		t.Errorf("still remembers %+v", s.Wishes)
	}
}

// No clock that is wrong makes a wish be forgotten early, or remembered for
// good: neither of who takes wishes, nor of a leader that comes and goes.
func TestWrongClocksForgetNothing(t *testing.T) {
	for _, off := range []time.Duration{-90 * 24 * time.Hour, -3 * time.Hour, 0, 3 * time.Hour, 90 * 24 * time.Hour} {
		first := wish("1", VerbRollback)
		first.At = start.Add(off) // by the clock of the server that took it
		s, answer := accept(t, State{Stable: "v2", Previous: "v1"}, first)
		now := start
		s = heard(heard(s, now), now)
		for hour := range 40 {
			for range 6 {
				now = now.Add(10 * time.Minute)
				s = heard(s, now)
				if hour < 12 { // two that take turns
					s = heard(s, now.Add(off+time.Minute))
				}
			}
			other := wish(fmt.Sprint("pause", hour), VerbPause)
			other.At = now.Add(off)
			s.Pause = nil
			s, _ = accept(t, s, other)
			if hour == 22 {
				if _, again := accept(t, s, first); fmt.Sprint(again) != fmt.Sprint(answer) {
					t.Errorf("%v off: a day later it is answered %+v, want %+v", off, again, answer)
				}
			}
		}
		if s.Remembers("1") {
			t.Errorf("%v off: remembered for good: %+v", off, s.Wishes[0])
		}
	}
}

// Whoever looked at something else is told what it is now. Danger goes on
// unless its target is gone.
func TestWishOfWhoLookedEarlier(t *testing.T) {
	s := State{
		Stable: "v1", Previous: "v0", LastEvent: 8, Active: &Rollout{ID: "two", Phase: Canary},
		Finished: []Rollout{{ID: "one", Phase: RolledBack, Reason: Breaker, Since: start}},
		Events:   []Event{{Seq: 4, Rollout: "two", Sentence: "it began"}, {Seq: 5, Reason: Paused, Sentence: "paused by bob"}, {Seq: 6, Rollout: "two", Sentence: "next step"}, {Seq: 7, Rollout: "three", Sentence: "found"}, {Seq: 8, Reason: Tuned, Sentence: "a tuning job is over"}},
	}
	at := func(revision int64) Seen { return Seen{Revision: &revision} }
	on := func(rollout string) Seen { return Seen{Rollout: &rollout} }
	over := func(release string) Seen { return Seen{Release: &release} }
	for _, tt := range []struct {
		verb Verb
		seen Seen
		says string // empty: taken
	}{
		{VerbPromote, Seen{}, ""},
		{VerbPromote, at(8), ""},
		{VerbPromote, at(7), ""}, // nor what training jobs wait for
		{VerbPromote, at(6), ""}, // what became of another is no matter
		{VerbPromote, at(5), "next step: look again (8)"},
		{VerbPromote, at(1), "revision 1, and it is 8 now"}, // nobody remembers what came after it
		{VerbPromote, at(9), "revision 9, and it is 8 now"},
		{VerbPromote, on("two"), ""},
		{VerbPromote, on("one"), "one was being tried when you looked; now two is in canary"},
		{VerbPromote, on(""), "nothing was being tried when you looked; now two is in canary"},
		{VerbPromote, over("v1"), ""},
		{VerbPromote, over("v9"), "v9 was stable when you looked; now it is v1"},
		{VerbTry, at(4), "paused by bob"},
		{VerbTry, over("v9"), "now it is v1"},
		{VerbTry, on("one"), ""},
		{VerbAbort, at(1), ""},
		{VerbAbort, over("v9"), ""},
		{VerbAbort, on("one"), "now two is in canary"},
		{VerbRollback, at(1), ""},
		{VerbRollback, on("one"), "now two is in canary"}, // where back would have led is gone
		{VerbPause, at(1), ""},
		{VerbPause, on("one"), ""},
	} {
		q := wish("1", tt.verb)
		q.Seen = &tt.seen
		next, _, err := Accept(s, q, Kept{})
		if tt.says == "" && (err != nil || next.Requests[0].Seen != nil) {
			t.Errorf("%s: %v", tt.verb, err)
		}
		if tt.says != "" && (!errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: %v, want %q", tt.verb, err, tt.says)
		}
	}
	named := wish("1", VerbRollback)
	named.Release, named.Seen = "v0", &Seen{Rollout: new(string)}
	if _, _, err := Accept(s, named, Kept{Release: true}); err != nil {
		t.Errorf("a release that is named is there, whatever runs: %v", err)
	}
}

// Bounds are told, with when to ask again, and none of them stands in the way
// of going back.
func TestWishesAreBounded(t *testing.T) {
	s := State{Stable: "v1", Previous: "v0"}
	for i := range maxTries {
		s, _ = accept(t, s, wish(fmt.Sprint("try", i), VerbTry))
	}
	full := func(s State, q Request, says string) {
		t.Helper()
		var f Full
		_, _, err := Accept(s, q, Kept{})
		if !errors.Is(err, ErrTooMany) || !errors.As(err, &f) || f.After <= 0 || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", q.Verb, err, says)
		}
	}
	full(s, wish("more", VerbTry), "give one up with sluice abort")
	s.Pause = &Pause{By: "ann"} // nothing starts
	if s = heard(s, start); len(s.Queue) != maxTries {
		t.Fatalf("%d wait", len(s.Queue))
	}
	full(s, wish("more", VerbTry), "give one up with sluice abort")

	for i := 0; len(s.Wishes) < maxOthers; i++ { // a day of pauses
		v := []Verb{VerbResume, VerbPause}[i%2]
		s, _ = accept(t, s, wish(fmt.Sprint(v, i), v))
		s.Active, s.Queue = nil, nil
		s = heard(s, start)
	}
	s.Pause = &Pause{By: "ann"}
	full(s, wish("more", VerbResume), "rollback, abort and pause are still taken")
	for i := range 2 * maxWishes {
		s, _ = accept(t, s, wish(fmt.Sprint("back", i), VerbRollback))
		s.Active = nil
		s.Stable, s.Previous = "v1", "v0"
		s = heard(s, start)
	}
	if len(s.Wishes) != maxWishes {
		t.Errorf("%d are remembered, want %d", len(s.Wishes), maxWishes)
	}

	s = State{Stable: "v1", Previous: "v0", Pause: &Pause{By: "ann"}}
	for i := range maxRequests {
		s, _ = accept(t, s, wish(fmt.Sprint(i), VerbResume))
	}
	full(s, wish("more", VerbResume), "is a controller running?")
	accept(t, s, wish("back", VerbRollback))

	s = State{Stable: "v1", Previous: "v0"}
	for i := range maxOthers {
		s.Wishes = append(s.Wishes, Wish{ID: fmt.Sprint(i), At: start, Became: Asked, Hours: 21})
	}
	if _, _, err := Accept(s, wish("more", VerbTry), Kept{}); !strings.Contains(fmt.Sprint(err), "ask again in 4 hours") {
		t.Errorf("20 hours after the oldest of a day's: %v, want to be told of 4 hours", err)
	}

	exact := wish("1", VerbPause)
	exact.Why = strings.Repeat("x", MaxWhy)
	accept(t, State{}, exact)
	long := wish("1", VerbPause)
	long.Why = strings.Repeat("x", MaxWhy+1)
	if _, _, err := Accept(State{}, long, Kept{}); !errors.Is(err, ErrBadRequest) || !strings.Contains(err.Error(), "why has 1001 bytes: want up to 1000") {
		t.Errorf("a long why: %v", err)
	}
}

// Who asks to abort what they were looking at aborts nothing else.
func TestAbortIsOfWhatWasSeen(t *testing.T) {
	one := "one"
	for _, tt := range []struct {
		active string
		taken  bool
	}{{"one", true}, {"two", false}} {
		s := State{Stable: "v1", Active: &Rollout{ID: tt.active, Phase: Canary}, Queue: []Rollout{{ID: "three", Phase: Queued}}}
		q := wish("1", VerbAbort)
		q.Seen = &Seen{Rollout: &one}
		if _, answer, err := Accept(s, q, Kept{}); (err == nil) != tt.taken || tt.taken && answer.Rollout != "one" {
			t.Errorf("looking at one, and %s runs: %+v, %v", tt.active, answer, err)
		}
		q.Seen, q.Rollout = &Seen{Rollout: &tt.active}, "three" // which is named, and waits
		if _, answer, err := Accept(s, q, Kept{}); err != nil || answer.Rollout != "three" {
			t.Errorf("aborting three while %s runs: %+v, %v", tt.active, answer, err)
		}
	}
}

// A rate may be meant to change by less than all of it.
func TestIntendedChangeIsAShare(t *testing.T) {
	for _, tt := range []struct {
		change float64
		taken  bool
	}{{.99, true}, {-.99, true}, {1, false}, {-1, false}, {math.NaN(), false}} {
		q := wish("1", VerbTry)
		q.Intended = &release.Change{FilterRate: tt.change, Why: "a new partner"}
		if _, _, err := Accept(State{Stable: "v1"}, q, Kept{Release: true}); (err == nil) != tt.taken {
			t.Errorf("by %v: %v", tt.change, err)
		}
	}
}

// A training job does not take the name of a rollout that somebody tried.
func TestJobFindsItsNameTaken(t *testing.T) {
	s, _ := accept(t, State{Stable: "v1"}, Request{ID: "1", Verb: VerbTry, By: "ann", At: start, Rollout: "greedy", Source: &release.Source{Bucket: "b", Key: "k"}})
	s = heard(s, start)
	s, _ = Decide(s, Observation{Jobs: []Job{{Source: release.Source{Job: "greedy"}, CompletedAt: start}}}, storyPolicies(), start)
	if len(s.Queue) != 1 || s.Queue[0].ID != "greedy-job" || s.Active.ID != "greedy" {
		t.Errorf("tried %+v, and waits %+v", s.Active, s.Queue)
	}
}

// A wish that an older program took names nothing, and is met all the same.
func TestWishOfAnOlderProgram(t *testing.T) {
	s := State{
		Stable: "v2", Previous: "v1", Requests: []Request{{ID: "1", Verb: VerbRollback, By: "ann", At: start}},
		Wishes: []Wish{{ID: "another", At: start, Became: Asked}},
	}
	if s = heard(s, start); s.Stable != "v1" || s.Events[0].Wish != "1" {
		t.Errorf("came to %+v", s)
	}
}

// What is said of a rollout is what is known of that one, wherever it stands.
func TestStanding(t *testing.T) {
	over := func(id string, p Phase) Rollout { return Rollout{ID: id, Phase: p, Since: start, Reason: "r"} }
	s := State{
		Active: &Rollout{ID: "a", Phase: Canary}, Queue: []Rollout{{ID: "b"}, {ID: "c"}},
		Finished: []Rollout{over("d", Live), over("e", RolledBack)},
	}
	archived := over("f", Live)
	for id, want := range map[string]string{
		"": "nothing is being tried", "a": "a is in canary", "b": "b waits for its turn", "c": "c waits for its turn",
		"d": "d is over since 2026-01-01T00:00:00Z: live (r)", "e": "e is over since 2026-01-01T00:00:00Z: rolled_back (r)",
		"g": "there is no rollout g",
	} {
		if got := s.standing(id, nil); got != want {
			t.Errorf("%q: %q, want %q", id, got, want)
		}
	}
	if got := s.standing("f", &archived); !strings.HasPrefix(got, "f is over since") {
		t.Errorf("of the archive: %q", got)
	}
}

// A revision is known from the first event on that is kept, and until the last.
func TestSince(t *testing.T) {
	s := State{LastEvent: 7, Events: []Event{{Seq: 5, Rollout: "other"}, {Seq: 6, Rollout: "other"}, {Seq: 7, Rollout: "other"}}}
	for revision, known := range map[int64]bool{3: false, 4: true, 7: true, 8: false} {
		if err := s.since(revision, "a"); (err == nil) != known {
			t.Errorf("revision %d: %v", revision, err)
		}
	}
	if err := (State{LastEvent: 7}).since(7, "a"); err != nil {
		t.Errorf("without events: %v", err)
	}
	if err := s.since(6, "other"); err == nil {
		t.Error("what has happened since is not told")
	}
}
