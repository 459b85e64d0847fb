package rollout

import (
	"strings"
	"testing"
	"time"
)

// Where the policy wants a second person, nobody lets their own try go further,
// and nobody does who has not proven who they are; to take it back needs nobody.
func TestSecondPerson(t *testing.T) {
	held := func(tried, how string) State {
		return State{Fleet: "f", Stable: "v1", Active: &Rollout{
			ID: "two", Candidate: "v2", Phase: Held, HeldFrom: Canary, Reason: Approval, HeldUntil: start.Add(time.Hour), Steps: 2,
			Tried: tried, TriedHow: how, SecondPerson: true,
		}}
	}
	for _, tt := range []struct {
		s       State
		verb    Verb
		by, how string
		says    string // empty: it is taken
	}{
		{held("ada", "session"), VerbResume, "ada", "session", "takes the word of somebody else"},
		{held("ada", "session"), VerbPromote, "ada", "token", "takes the word of somebody else"},
		{held("ada", "session"), VerbResume, "bob", "", "must be signed in"},
		{held("ada", "session"), VerbResume, "bob", "session", ""},
		{held("ada", "session"), VerbPromote, "bob", "session", ""},
		{held("ada", ""), VerbResume, "bob", "session", "nobody has proven who asked"},
		{held("", ""), VerbResume, "bob", "session", ""}, // of a training job
		{held("ada", "session"), VerbAbort, "ada", "session", ""},
		{held("ada", "session"), VerbRollback, "eve", "", ""},
	} {
		q := wish("1", tt.verb)
		q.By, q.How = tt.by, tt.how
		next, _, err := Accept(tt.s, q, Kept{})
		if (err != nil) != (tt.says != "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s by %s (%s), tried by %s: %v, want %q", tt.verb, tt.by, tt.how, tt.s.Active.Tried, err, tt.says)
		}
		if tt.says == "" {
			continue
		}
		tt.s.Requests = append(tt.s.Requests, q) // an older server has taken it
		if next, _ = Decide(tt.s, Observation{StopKnown: true}, storyPolicies(), start); next.Active == nil || next.Active.Phase != Held || next.Active.Approved > 0 {
			t.Errorf("%s by %s (%s) is carried out: %+v", tt.verb, tt.by, tt.how, next.Active)
		}
	}
}

// Who tried is remembered from the wish on, whoever asks for what after that.
func TestWhoTriedIsRemembered(t *testing.T) {
	p := storyPolicies()
	p.Default.SecondPerson = true
	s, q := State{Fleet: "f", Stable: "v1"}, wish("1", VerbTry)
	q.By, q.How = "ada", "session"
	s, _ = accept(t, s, q)
	for i := range 3 {
		s, _ = Decide(s, Observation{StopKnown: true}, p, start.Add(time.Duration(i)*time.Second))
	}
	if r := s.Active; r == nil || r.Tried != "ada" || r.TriedHow != "session" || !r.SecondPerson {
		t.Errorf("%+v", r)
	}
}
