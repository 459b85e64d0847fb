package rollout

import (
	"slices"
	"time"

	"github.com/sluicehq/sluice/sorting"
)

// MaxFreeze bounds how long a freeze that comes every week may last.
const MaxFreeze = 7 * 24 * time.Hour

// Freeze is a time in which nothing starts or advances, by a calendar: once, or
// every week. Danger is still acted on.
type Freeze struct {
	Name, Why   string
	From, Until time.Time // once; zero for every week

	Days []time.Weekday // every week, on which it begins
	At   time.Duration  // after midnight there, as clocks show it
	For  time.Duration  // up to MaxFreeze
	Zone *time.Location
}

// at returns the time of it that a moment lies in.
func (f Freeze) at(now time.Time) (from, until time.Time, in bool) {
	if len(f.Days) == 0 {
		return f.From, f.Until, !now.Before(f.From) && now.Before(f.Until)
	}
	there := now.In(f.Zone)
	for back := range 9 { // it may have begun a week ago, and another day there
		from = time.Date(there.Year(), there.Month(), there.Day()-back, int(f.At.Hours()), int(f.At.Minutes())%60, 0, 0, f.Zone)
		if until = from.Add(f.For); slices.Contains(f.Days, from.Weekday()) && !now.Before(from) && now.Before(until) {
			return from, until, true
		}
	}
	return time.Time{}, time.Time{}, false
}

// ahead returns the times of it that lie between two moments, also in part.
func (f Freeze) ahead(from, until time.Time) (times []Frozen) {
	add := func(begin, end time.Time) {
		if end.After(from) && begin.Before(until) {
			times = append(times, Frozen{Name: f.Name, Why: f.Why, Since: begin.UTC(), Until: end.UTC()})
		}
	}
	if len(f.Days) == 0 {
		add(f.From, f.Until)
		return times
	}
	there := from.In(f.Zone)
	for day := -8; ; day++ {
		begin := time.Date(there.Year(), there.Month(), there.Day()+day, int(f.At.Hours()), int(f.At.Minutes())%60, 0, 0, f.Zone)
		if !begin.Before(until) {
			return times
		}
		if slices.Contains(f.Days, begin.Weekday()) {
			add(begin, begin.Add(f.For))
		}
	}
}

// Calendar returns when the fleet is frozen between two moments by its calendar,
// in order; a freeze that is in force then, too.
func (p Policies) Calendar(from, until time.Time) (times []Frozen) {
	for _, f := range p.Freezes {
		times = append(times, f.ahead(from, until)...)
	}
	sorting.StableBy(times, func(a, b *Frozen) int { return a.Since.Compare(b.Since) })
	return times
}

// Stop is a freeze of all fleets that a person has called for.
type Stop struct {
	By    string    `json:"by"`
	How   string    `json:"how,omitempty"` // By is proven; empty: it is what somebody said
	Why   string    `json:"why"`
	At    time.Time `json:"at"`
	Until time.Time `json:"until,omitzero"` // zero: until somebody ends it
}

// Over reports whether a stop has ended by itself.
func (s Stop) Over(now time.Time) bool { return !s.Until.IsZero() && !now.Before(s.Until) }

// Frozen is the freeze that is in force.
type Frozen struct {
	Name  string    `json:"name,omitempty"` // of the calendar's; empty: a stop of all fleets
	By    string    `json:"by,omitempty"`   // who called for that
	Why   string    `json:"why,omitempty"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"` // zero: until somebody ends it
}

// Sentence says what is frozen, until when and why.
func (f Frozen) Sentence() string {
	say := "frozen (" + f.Name + ")"
	if f.Name == "" {
		say = "all fleets are frozen by " + f.By
	}
	if f.Until.IsZero() {
		say += " until somebody ends it (sluice unfreeze)"
	} else {
		say += " until " + moment(f.Until)
	}
	return because(say, f.Why)
}

func (f Frozen) same(o Frozen) bool {
	return f.Name == o.Name && f.By == o.By && f.Why == o.Why && f.Since.Equal(o.Since) && f.Until.Equal(o.Until)
}

// frozen is the freeze that is in force now: a stop of all fleets before a
// calendar's. Whether there is a stop may not be known; then it is as it was.
func (s State) frozen(seen Observation, p Policies, now time.Time) *Frozen {
	stop := seen.Stop
	if !seen.StopKnown && s.Frozen != nil && s.Frozen.Name == "" {
		stop = &Stop{By: s.Frozen.By, Why: s.Frozen.Why, At: s.Frozen.Since, Until: s.Frozen.Until}
	}
	if stop != nil && !stop.Over(now) {
		return &Frozen{By: stop.By, Why: stop.Why, Since: stop.At, Until: stop.Until}
	}
	for _, f := range p.Freezes {
		if from, until, in := f.at(now); in {
			return &Frozen{Name: f.Name, Why: f.Why, Since: from.UTC(), Until: until.UTC()}
		}
	}
	return nil
}

// freeze tells when a freeze begins, when it ends, and when another takes its
// place.
func (s *State) freeze(seen Observation, p Policies, now time.Time) {
	was, is := s.Frozen, s.frozen(seen, p, now)
	s.Frozen = is
	switch {
	case is != nil && (was == nil || !was.same(*is)):
		s.tell(Event{At: now, Reason: FreezeBegins, By: is.By, Sentence: is.Sentence()})
	case is == nil && was != nil:
		s.tell(Event{At: now, Reason: FreezeEnds, Sentence: "no longer frozen"})
	}
}

// stopped says why nothing of r may start or advance now: there is a pause, or a
// freeze or a deployment, and nobody has broken the glass for it.
func (s State) stopped(r Rollout) (why Reason, say string, is bool) {
	switch {
	case s.Pause != nil:
		return Paused, pausedBy(s.Pause), true
	case s.Frozen != nil && !r.BrokeGlass:
		return FreezeBegins, s.Frozen.Sentence(), true
	case s.waitsForDeployment(r):
		return Deploying, s.Deployment.Sentence(), true
	}
	return "", "", false
}

// hindrance says what an admin may break the glass for; empty for nothing.
func (s State) hindrance() string {
	switch {
	case s.Frozen != nil:
		return s.Frozen.Sentence()
	case s.Deployment != nil && s.Stable != "":
		return s.Deployment.Sentence()
	}
	return ""
}
