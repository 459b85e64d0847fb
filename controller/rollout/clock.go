package rollout

import (
	"slices"
	"time"
)

// ClocksApart is by how much two clocks may differ without anything being made
// of it.
const ClocksApart = time.Minute

// SetRight returns s with no moment in it that has not come yet: a leader whose
// clock was ahead has left it. What it began counts from now, since nobody knows
// for how long it has been so; or else its deadlines, and the blame for crashes,
// would wait for as long as that clock was ahead.
func (s State) SetRight(now time.Time) State {
	if !s.ahead(now) {
		return s
	}
	s = s.clone()
	s.RestoredAt = sooner(s.RestoredAt, now)
	s.JobsSince = sooner(s.JobsSince, now.Add(-JobsKept))
	if s.Active != nil {
		s.Active.setRight(now)
	}
	for i := range s.Queue {
		s.Queue[i].setRight(now)
	}
	return s
}

// ahead reports whether a leader with a clock ahead of now has left a moment.
func (s State) ahead(now time.Time) bool {
	left := []time.Time{s.RestoredAt, s.JobsSince.Add(JobsKept)}
	rollouts := s.Queue
	if s.Active != nil {
		rollouts = append(slices.Clone(s.Queue), *s.Active)
	}
	for _, r := range rollouts {
		left = append(left, r.FoundAt, r.Since, r.StepSince, r.InvalidSince, r.TooFewSince)
		if n := len(r.History); n > 0 {
			left = append(left, r.History[n-1].At)
		}
	}
	return slices.ContainsFunc(left, func(t time.Time) bool { return t.Sub(now) > ClocksApart })
}

func (r *Rollout) setRight(now time.Time) {
	if early := r.Since.Sub(now); early > 0 && !r.HeldUntil.IsZero() {
		r.HeldUntil = r.HeldUntil.Add(-early) // it was reckoned from there
	}
	for _, t := range []*time.Time{&r.FoundAt, &r.Since, &r.StepSince, &r.InvalidSince, &r.TooFewSince} {
		*t = sooner(*t, now)
	}
	for i := range r.History {
		r.History[i].At = sooner(r.History[i].At, now)
	}
}

// sooner is t, but now where t is later.
func sooner(t, now time.Time) time.Time {
	if t.After(now) {
		return now
	}
	return t
}
