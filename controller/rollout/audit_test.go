package rollout

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// What is asked is written down with the wish, with how things stood; what
// became of it with how they stand then; and both stay until they are stored.
func TestWishesAreAudited(t *testing.T) {
	s := State{Fleet: "ads", Stable: "v2", Previous: "v1", Default: "v2"}
	q := wish("1", VerbRollback)
	q.By, q.How, q.Claim, q.From, q.Why = "ada", "session", "the chief", "10.0.0.7", "revenue is down"
	s, _ = accept(t, s, q)
	if len(s.Unaudited) != 1 {
		t.Fatalf("%d entries", len(s.Unaudited))
	}
	asked := s.Unaudited[0]
	want := Entry{
		What: AuditAsked, At: start, Fleet: "ads", Wish: "1", Verb: VerbRollback, By: "ada", How: "session", Claim: "the chief", From: "10.0.0.7",
		Why: "revenue is down", Rollout: "rollback-1", Release: "v1",
	}
	if asked.Before == nil || *asked.Before != (Standing{Stable: "v2", Default: "v2"}) {
		t.Errorf("before: %+v", asked.Before)
	}
	if asked.Before = nil; asked != want {
		t.Errorf("asked: %+v, want %+v", asked, want)
	}
	if again, _ := accept(t, s, q); len(again.Unaudited) != 1 {
		t.Errorf("asked again, it is told %d times", len(again.Unaudited))
	}
	s, _ = Decide(s, Observation{}, storyPolicies(), start.Add(time.Second))
	if len(s.Unaudited) != 2 {
		t.Fatalf("%d entries wait, none of which is stored: %+v", len(s.Unaudited), s.Unaudited)
	}
	became := s.Unaudited[1]
	if became.What != AuditAnswer || became.By != "ada" || became.Reason != RollbackByHand || !strings.Contains(became.Sentence, "revenue is down") ||
		became.After == nil || became.After.Stable != "v1" || became.After.Phase != RollingBack || became.After.Revision != s.LastEvent {
		t.Errorf("became: %+v, after %+v", became, became.After)
	}
	s, _ = Decide(s, Observation{Audited: []string{asked.Key()}}, storyPolicies(), start.Add(2*time.Second))
	if len(s.Unaudited) != 1 || s.Unaudited[0].What != AuditAnswer {
		t.Errorf("once the first is stored: %+v", s.Unaudited)
	}
}

// Keys sort the newest first, and tell of which fleet they are.
func TestAuditKeys(t *testing.T) {
	var keys []string
	for i, fleet := range []string{"ads", "", "video-2", "ads"} {
		keys = append(keys, Entry{What: AuditAsked, At: start.Add(time.Duration(i) * time.Nanosecond), Fleet: fleet, Wish: "a.b-c"}.Key())
	}
	sorted := slices.Sorted(slices.Values(keys))
	slices.Reverse(sorted)
	if !slices.Equal(keys, sorted) {
		t.Errorf("not the newest first: %q", keys)
	}
	for i, fleet := range []string{"ads", "", "video-2", "ads"} {
		if got, ok := AuditFleet(keys[i]); !ok || got != fleet {
			t.Errorf("%s is of %q, %v", keys[i], got, ok)
		}
	}
	for _, other := range []string{"", "fleets/ads/state.json", AuditPrefix, AuditPrefix + "x-y"} {
		if fleet, ok := AuditFleet(other); ok {
			t.Errorf("%q is of %q", other, fleet)
		}
	}
}

// While the trail cannot be stored, wishes are bounded, and danger has room.
func TestAuditIsBounded(t *testing.T) {
	s := State{Fleet: "ads", Stable: "v2", Previous: "v1", Unaudited: make([]Entry, maxUnaudited)}
	if _, _, err := Accept(s, wish("1", VerbTry), Kept{}); err == nil || !strings.Contains(err.Error(), "let the controllers write audit/*") {
		t.Errorf("a try: %v", err)
	}
	if _, _, err := Accept(s, wish("1", VerbRollback), Kept{}); err != nil {
		t.Errorf("a rollback: %v", err)
	}
}
