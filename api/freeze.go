package api

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/identity"
)

// Freeze is a time in which nothing of a fleet starts or advances, while danger
// is still acted on.
type Freeze struct {
	Name     string     `json:"name,omitempty"` // of the fleet's calendar; empty: a stop of all fleets
	By       string     `json:"by,omitempty"`   // who called for that
	Why      string     `json:"why,omitempty"`
	Since    time.Time  `json:"since"`
	Until    *time.Time `json:"until"` // null: until somebody ends it
	Sentence string     `json:"sentence"`
}

// Stop is the answer to /v1/freeze: the stop of all fleets, if there is one.
type Stop struct {
	Freeze *Freeze `json:"freeze"`
}

// Calendar is the answer to /v1/freezes: when fleets are frozen in the weeks to
// come, by the calendars of their fleet files.
type Calendar struct {
	From   time.Time       `json:"from"`
	Until  time.Time       `json:"until"`
	Fleets []FleetCalendar `json:"fleets"`
}

// FleetCalendar is that of one fleet.
type FleetCalendar struct {
	Fleet   string   `json:"fleet"`
	Known   bool     `json:"known"`          // this server has a fleet file of it
	Freezes []Freeze `json:"freezes"`        // in order
	More    int      `json:"more,omitempty"` // that are not listed
}

// How far a calendar is told, and how much of each fleet's.
const (
	calendarFor = 28 * 24 * time.Hour
	mostFreezes = 100
)

// StopAsk is the body of a wish to freeze all fleets, or to end that.
type StopAsk struct {
	ID    string     `json:"id,omitempty"` // as of every wish: the caller's, here or as the header Idempotency-Key
	By    string     `json:"by,omitempty"` // who asks, where there is no sign-in
	Why   string     `json:"why"`
	Until *time.Time `json:"until,omitempty"` // freeze: when it ends by itself
}

func shapeFreeze(f *rollout.Frozen) *Freeze {
	if f == nil {
		return nil
	}
	return &Freeze{Name: f.Name, By: f.By, Why: f.Why, Since: f.Since.UTC(), Until: moment(f.Until), Sentence: f.Sentence()}
}

func shapeStop(s *rollout.Stop, now time.Time) Stop {
	if s == nil || s.Over(now) {
		return Stop{}
	}
	return Stop{shapeFreeze(&rollout.Frozen{By: s.By, Why: s.Why, Since: s.At, Until: s.Until})}
}

func (s *server) freeze(r *http.Request) (any, error) {
	stop, err := s.source.Stop(r.Context())
	return shapeStop(stop, time.Now()), err
}

// freezes tells the calendars of the fleets that who asks may see.
func (s *server) freezes(r *http.Request) (any, error) {
	now := time.Now().UTC()
	out := Calendar{From: now, Until: now.Add(calendarFor), Fleets: []FleetCalendar{}}
	for _, name := range s.seen(r) {
		f := FleetCalendar{Fleet: name, Freezes: []Freeze{}}
		var times []rollout.Frozen
		if s.options.Calendar != nil {
			times, f.Known = s.options.Calendar(name, out.From, out.Until)
		}
		f.More = max(0, len(times)-mostFreezes)
		for _, one := range times[:len(times)-f.More] {
			f.Freezes = append(f.Freezes, *shapeFreeze(&one))
		}
		out.Fleets = append(out.Fleets, f)
	}
	return out, nil
}

func (s *server) setFreeze(r *http.Request) (any, error) {
	now := time.Now().UTC()
	a, e, err := s.stopAsk(r, rollout.VerbFreeze, now)
	if err != nil {
		return nil, err
	}
	stop := &rollout.Stop{By: e.By, How: e.How, Why: e.Why, At: now}
	if a.Until != nil {
		if stop.Until = a.Until.UTC(); !now.Before(stop.Until) {
			return nil, sentence(ErrBadRequest, "until is %s, which is over: leave it out to freeze until somebody ends it", stop.Until.Format(time.RFC3339))
		}
	}
	return s.stop(r, stop, e, now)
}

func (s *server) endFreeze(r *http.Request) (any, error) {
	now := time.Now().UTC()
	a, e, err := s.stopAsk(r, rollout.VerbUnfreeze, now)
	if err == nil && a.Until != nil {
		err = sentence(ErrBadRequest, "until is for freeze only: leave it out")
	}
	if err != nil {
		return nil, err
	}
	return s.stop(r, nil, e, now)
}

// stop puts it in place, and answers with what is in place then.
func (s *server) stop(r *http.Request, stop *rollout.Stop, e rollout.Entry, now time.Time) (any, error) {
	set, err := s.source.SetStop(r.Context(), stop, e)
	if err != nil {
		return nil, err
	}
	s.log.InfoContext(r.Context(), "all fleets", "verb", string(e.Verb), "by", e.By, "why", e.Why)
	return accepted{shapeStop(set, now)}, nil
}

// stopAsk reads who asks for what is about all fleets, and why.
func (s *server) stopAsk(r *http.Request, verb rollout.Verb, now time.Time) (a StopAsk, e rollout.Entry, err error) {
	p, signed := personOf(r)
	if signed && !p.Grants.OnAll().Covers(identity.Operator) {
		return a, e, sentence(ErrForbidden, "%s is no operator of every fleet, which a stop of all of them takes: ask one who is", p.Name)
	}
	body, err := readBody(r)
	if err != nil {
		return a, e, err
	}
	if err := decodeStrictly(body, &a); err != nil {
		return a, e, err
	}
	if a.ID, err = a.key(r); err != nil {
		return a, e, err
	}
	a.By, a.Why = strings.TrimSpace(a.By), strings.TrimSpace(a.Why)
	for _, t := range []struct {
		name, value string
		most        int
	}{{"by", a.By, rollout.MaxBy}, {"why", a.Why, rollout.MaxWhy}} {
		if err := printable(t.name, t.value, t.most); err != nil {
			return a, e, err
		}
	}
	e = rollout.Entry{What: rollout.AuditAsked, At: now, Wish: cmp.Or(a.ID, newID(now)), Verb: verb, By: a.By, From: s.clientOf(r), Why: a.Why}
	if signed {
		e.By, e.How = p.Name, p.How
		if a.By != p.Name {
			e.Claim = a.By
		}
	}
	switch {
	case e.By == "":
		return a, e, sentence(ErrBadRequest, "say who asks (by)")
	case e.Why == "":
		return a, e, sentence(ErrBadRequest, "say why (why): it is shown on every fleet")
	}
	return a, e, nil
}

// key is the id that the caller chose; empty for none.
func (a StopAsk) key(r *http.Request) (string, error) {
	id, err := chosenID(r, a.ID)
	if err == nil && id != "" && !isName(id) {
		err = badName("id", id)
	}
	return id, err
}
