package api

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
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
	entries, next, err := s.source.Audit(r.Context(), string(after), limit, auditOf(r, given.Get("fleet")))
	if err != nil {
		return nil, fmt.Errorf("read the audit trail: %w", err)
	}
	out := Audit{Entries: make([]AuditEntry, len(entries)), Next: base64.RawURLEncoding.EncodeToString([]byte(next))}
	for i, e := range entries {
		out.Entries[i] = shapeEntry(e)
	}
	return out, nil
}

// auditOf says of which fleets entries are wanted, among those that who asks may
// see; an empty name stands for all.
func auditOf(r *http.Request, name string) func(fleet string) bool {
	p, signed := personOf(r)
	return func(fleet string) bool {
		return (name == "" || name == fleet) && (!signed || fleet == "" || p.Grants.On(fleet) != "")
	}
}

// exportAudit answers with all of the trail as lines of JSON.
func (s *server) exportAudit(r *http.Request) (any, error) {
	given, err := params(r, "fleet")
	if err != nil {
		return nil, err
	}
	wanted, ctx := auditOf(r, given.Get("fleet")), context.WithoutCancel(r.Context()) // each page has a time of its own
	page := func(after string) ([]rollout.Entry, string, error) {
		ctx, cancel := context.WithTimeout(ctx, readTimeout)
		defer cancel()
		entries, next, err := s.source.Audit(ctx, after, MostListed, wanted)
		if err != nil && after != "" { // too late for an answer that tells of it
			s.log.ErrorContext(ctx, "the audit trail cannot be read to its end", "after", after, "err", err)
		}
		return entries, next, err
	}
	first, next, err := page("")
	if err != nil {
		return nil, fmt.Errorf("read the audit trail: %w", err)
	}
	return trail{name: cmp.Or(given.Get("fleet"), "all"), entries: first, next: next, page: page}, nil
}

// trail is the body of an answer that is written page by page, as it is read.
type trail struct {
	name    string
	entries []rollout.Entry
	next    string
	page    func(after string) (entries []rollout.Entry, next string, err error)
}

// send breaks the connection where a page cannot be read, since a file that
// ends early must not look whole.
func (t trail) send(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h.Set("Content-Type", "application/jsonl")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": "audit-" + t.name + ".jsonl"}))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	for lines, control := json.NewEncoder(w), http.NewResponseController(w); r.Method != http.MethodHead; {
		_ = control.SetWriteDeadline(time.Now().Add(streamWrite)) // a recorder of a test has none
		for _, e := range t.entries {
			if err := lines.Encode(shapeEntry(e)); err != nil {
				return fmt.Errorf("write the audit trail: %w", err)
			}
		}
		if t.next == "" {
			break
		}
		var err error
		if t.entries, t.next, err = t.page(t.next); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	return nil
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
