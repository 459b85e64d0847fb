package rollout

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// AuditPrefix is what the keys of the audit trail begin with.
const AuditPrefix = "audit/"

// What is asked of all fleets, and so no wish of one.
const (
	VerbFreeze   = "freeze"
	VerbUnfreeze = "unfreeze"
)

// What an entry tells of a wish.
const (
	AuditAsked  = "asked"  // it was taken
	AuditAnswer = "answer" // it has ended, so or so
)

// Entry is a line of the audit trail: what a person asked, or what became of it.
// It is stored once and never changed.
type Entry struct {
	What  string    `json:"what"` // AuditAsked, AuditAnswer
	At    time.Time `json:"at"`
	Fleet string    `json:"fleet,omitempty"` // empty: all of them
	Wish  string    `json:"wish"`            // id
	Verb  Verb      `json:"verb"`
	By    string    `json:"by"`
	How   string    `json:"how,omitempty"`   // By is proven; empty: nobody was asked for proof
	Claim string    `json:"claim,omitempty"` // what they called themselves besides
	From  string    `json:"from,omitempty"`  // address
	Why   string    `json:"why,omitempty"`

	Rollout    string    `json:"rollout,omitempty"` // what it is about
	Release    string    `json:"release,omitempty"`
	Source     string    `json:"source,omitempty"`
	BreakGlass bool      `json:"break_glass,omitempty"`
	Reason     Reason    `json:"reason,omitempty"`   // of the end
	Sentence   string    `json:"sentence,omitempty"` // the same for a person
	Before     *Standing `json:"before,omitempty"`   // when it was taken
	After      *Standing `json:"after,omitempty"`    // when it had ended
}

// Standing is how a fleet stands, in short.
type Standing struct {
	Revision int64  `json:"revision"`
	Stable   string `json:"stable,omitempty"`
	Default  string `json:"default,omitempty"`
	Rollout  string `json:"rollout,omitempty"` // the active one
	Phase    Phase  `json:"phase,omitempty"`
	Step     int    `json:"step,omitempty"`
	Paused   bool   `json:"paused,omitempty"`
	Frozen   bool   `json:"frozen,omitempty"`
}

// auditAll stands for the fleet in the key of an entry about all of them.
const auditAll = "_"

// Key is where an entry is stored: S3 lists by name, so that the newest come
// first.
func (e Entry) Key() string {
	return fmt.Sprintf("%s%019d-%s.%s.%s", AuditPrefix, math.MaxInt64-e.At.UnixNano(), cmp.Or(e.Fleet, auditAll), e.Wish, e.What)
}

// AuditFleet is the fleet that a key is about; empty for all of them. ok is
// false for what is no key of an entry.
func AuditFleet(key string) (fleet string, ok bool) {
	name, ours := strings.CutPrefix(key, AuditPrefix)
	_, rest, cut := strings.Cut(name, "-")
	fleet, _, dot := strings.Cut(rest, ".")
	if fleet == auditAll {
		fleet = ""
	}
	return fleet, ours && cut && dot
}

// maxUnaudited bounds the entries that wait to be stored. Danger has room for
// twice as many.
const maxUnaudited = 256

func (s State) stand() *Standing {
	st := &Standing{Revision: s.LastEvent, Stable: s.Stable, Default: s.Default, Paused: s.Pause != nil, Frozen: s.Frozen != nil}
	if s.Active != nil {
		st.Rollout, st.Phase, st.Step = s.Active.ID, s.Active.Phase, s.Active.Step
	}
	return st
}

// audit adds the entry of a wish that is taken to those that are to be stored:
// it is written down with the wish, in one write, so that neither is without the
// other.
func (s *State) audit(q Request) {
	e := Entry{
		What: AuditAsked, At: q.At, Fleet: s.Fleet, Wish: q.ID, Verb: q.Verb, By: q.By, How: q.How, Claim: q.Claim, From: q.From,
		Why: q.Why, Rollout: q.Rollout, Release: q.Release, BreakGlass: q.BreakGlass, Before: s.stand(),
	}
	if q.Source != nil {
		e.Source = place(*q.Source)
	}
	s.Unaudited = append(s.Unaudited, e)
}

// auditEnds adds what became of wishes since an event, and drops what is stored.
func (s *State) auditEnds(since int64, stored []string, now time.Time) {
	s.Unaudited = slices.DeleteFunc(s.Unaudited, func(e Entry) bool { return slices.Contains(stored, e.Key()) })
	for _, e := range s.Events {
		i := slices.IndexFunc(s.Wishes, func(w Wish) bool { return w.ID == e.Wish })
		if e.Seq <= since || e.Wish == "" || i < 0 {
			continue
		}
		w := s.Wishes[i]
		s.Unaudited = append(s.Unaudited, Entry{
			What: AuditAnswer, At: now, Fleet: s.Fleet, Wish: w.ID, Verb: w.Verb, By: w.By, How: w.How,
			Rollout: cmp.Or(e.Rollout, w.Rollout), Release: w.Release, Reason: e.Reason, Sentence: e.Sentence, After: s.stand(),
		})
	}
}
