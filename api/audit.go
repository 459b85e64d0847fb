package api

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// Audit is the answer to /v1/audit: entries of the trail, newest first.
type Audit struct {
	Entries []AuditEntry `json:"entries"`
	Next    string       `json:"next,omitempty"` // cursor of the page after; empty at the end
}

// AuditEntry tells what a person asked, or what became of it.
type AuditEntry struct {
	What  string    `json:"what"` // asked; answer, what became of it; damaged where it cannot be read
	At    time.Time `json:"at"`
	Fleet string    `json:"fleet,omitempty"` // empty: all of them
	Wish  string    `json:"wish,omitempty"`
	Verb  string    `json:"verb,omitempty"`
	By    string    `json:"by,omitempty"`
	How   string    `json:"how,omitempty"`   // By is proven: token, session or bearer; empty: it is what somebody said
	Claim string    `json:"claim,omitempty"` // what they called themselves besides
	From  string    `json:"from,omitempty"`  // address
	Why   string    `json:"why,omitempty"`

	Rollout    string    `json:"rollout,omitempty"`
	Release    string    `json:"release,omitempty"`
	Source     string    `json:"source,omitempty"`
	BreakGlass bool      `json:"break_glass,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	Sentence   string    `json:"sentence,omitempty"`
	Before     *Standing `json:"before,omitempty"` // when it was asked
	After      *Standing `json:"after,omitempty"`  // when it had ended
}

// Standing is how a fleet stood, in short.
type Standing struct {
	Revision int64  `json:"revision"`
	Stable   string `json:"stable,omitempty"`
	Default  string `json:"default,omitempty"`
	Rollout  string `json:"rollout,omitempty"` // the active one
	Phase    string `json:"phase,omitempty"`
	Step     int    `json:"step,omitempty"` // canary step, from 1
	Paused   bool   `json:"paused,omitempty"`
	Frozen   bool   `json:"frozen,omitempty"`
}

// audit lists the trail as far as who asks may see it.
func (s *server) audit(r *http.Request) (any, error) {
	given, err := params(r, "after", "limit", "fleet")
	if err != nil {
		return nil, err
	}
	limit, err := limitIn(given.Get("limit"), listDefault, MostListed)
	if err != nil {
		return nil, err
	}
	after, err := base64.RawURLEncoding.DecodeString(given.Get("after"))
	if err != nil || len(after) > 0 && !strings.HasPrefix(string(after), rollout.AuditPrefix) {
		return nil, sentence(ErrBadRequest, "after is %.80q: want next of the page before", given.Get("after"))
	}
	p, signed := personOf(r)
	wanted := func(fleet string) bool {
		return (given.Get("fleet") == "" || given.Get("fleet") == fleet) && (!signed || fleet == "" || p.Grants.On(fleet) != "")
	}
	entries, next, err := s.source.Audit(r.Context(), string(after), limit, wanted)
	if err != nil {
		return nil, fmt.Errorf("read the audit trail: %w", err)
	}
	out := Audit{Entries: make([]AuditEntry, len(entries)), Next: base64.RawURLEncoding.EncodeToString([]byte(next))}
	for i, e := range entries {
		out.Entries[i] = shapeEntry(e)
	}
	return out, nil
}

func shapeEntry(e rollout.Entry) AuditEntry {
	return AuditEntry{
		What: e.What, At: e.At.UTC(), Fleet: e.Fleet, Wish: e.Wish, Verb: string(e.Verb), By: e.By, How: e.How, Claim: e.Claim, From: e.From, Why: e.Why,
		Rollout: e.Rollout, Release: e.Release, Source: e.Source, BreakGlass: e.BreakGlass, Reason: string(e.Reason), Sentence: e.Sentence,
		Before: shapeStanding(e.Before), After: shapeStanding(e.After),
	}
}

func shapeStanding(s *rollout.Standing) *Standing {
	if s == nil {
		return nil
	}
	out := &Standing{Revision: s.Revision, Stable: s.Stable, Default: s.Default, Rollout: s.Rollout, Phase: string(s.Phase), Paused: s.Paused, Frozen: s.Frozen}
	if s.Phase == rollout.Canary {
		out.Step = s.Step + 1
	}
	return out
}
