package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// sinceSlack is by how much ends may be out of order: leaders have clocks of
// their own.
const sinceSlack = time.Hour

// wanted is which entries of a list are asked for.
type wanted struct {
	limit        int
	from         *cursor // nil: from the beginning
	any          bool    // nothing is asked for but a limit
	phases       []string
	outcome      string
	by           string
	job          string
	release      string // how the digest begins
	since, until time.Time
}

// wantedOf reads the parameters of a list that takes these filters.
func wantedOf(r *http.Request, isID func(string) bool, filters ...string) (w wanted, err error) {
	query, err := params(r, append([]string{"limit", "cursor"}, filters...)...)
	if err != nil {
		return w, err
	}
	if w.limit, err = limitIn(query.Get("limit"), listDefault, MostListed); err != nil {
		return w, err
	}
	if text := query.Get("cursor"); text != "" {
		from, err := parseCursor(text, isID)
		if err != nil {
			return w, err
		}
		w.from = &from
	}
	for _, m := range []struct {
		name string
		to   *time.Time
	}{{"since", &w.since}, {"until", &w.until}} {
		if text := query.Get(m.name); text != "" {
			if *m.to, err = time.Parse(time.RFC3339, text); err != nil {
				return w, sentence(ErrBadRequest, "%s is %.40q: want a moment such as 2026-11-29T12:00:00Z", m.name, text)
			}
		}
	}
	w.outcome, w.by, w.job, w.release = query.Get("outcome"), query.Get("by"), query.Get("job"), query.Get("release")
	if text := query.Get("phase"); text != "" {
		w.phases = strings.Split(text, ",")
	}
	w.any = !slices.ContainsFunc(filters, query.Has)
	return w, w.check()
}

func (w wanted) check() error {
	for _, p := range w.phases {
		if !slices.Contains(phases(), rollout.Phase(p)) {
			return sentence(ErrBadRequest, "phase is %.40q: want one or more of %s, joined by commas", p, joined(phases()))
		}
	}
	if w.outcome != "" && !slices.Contains(outcomes(), judge.Outcome(w.outcome)) {
		return sentence(ErrBadRequest, "outcome is %.40q: want one of %s", w.outcome, joined(outcomes()))
	}
	if w.release != "" && (len(w.release) < 6 || len(w.release) > 64 || strings.Trim(w.release, "0123456789abcdef") != "") {
		return sentence(ErrBadRequest, "release is %.80q: want a digest, or its first six characters or more, in lower-case hex", w.release)
	}
	return nil
}

func phases() []rollout.Phase {
	return []rollout.Phase{
		rollout.Queued, rollout.Admitting, rollout.Shadow, rollout.Canary, rollout.Held, rollout.Promoting, rollout.RollingBack,
		rollout.Live, rollout.RolledBack, rollout.Refused, rollout.Superseded,
	}
}

func outcomes() []judge.Outcome {
	return []judge.Outcome{judge.Worse, judge.Invalid, judge.NoData, judge.Unsure, judge.Inconclusive, judge.Acceptable}
}

func joined[T ~string](list []T) string {
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i] = string(one)
	}
	return strings.Join(texts, ", ")
}

// wants reports whether a rollout is asked for.
func (w wanted) wants(r row) bool {
	switch {
	case len(w.phases) > 0 && !slices.Contains(w.phases, r.Phase):
	case w.outcome != "" && (r.Verdict == nil || r.Verdict.Outcome != w.outcome):
	case w.by != "" && !slices.Contains(r.people, w.by):
	case w.release != "" && !strings.HasPrefix(r.Candidate, w.release):
	case !w.during(r.Since):
	default:
		return true
	}
	return false
}

func (w wanted) during(at time.Time) bool {
	return (w.since.IsZero() || !at.Before(w.since)) && (w.until.IsZero() || at.Before(w.until))
}

// beyond reports whether nothing that ended before that is asked for.
func (w wanted) beyond(at time.Time) bool {
	return !w.since.IsZero() && at.Before(w.since.Add(-sinceSlack))
}

func (w wanted) wantsRelease(p Passport) bool {
	switch {
	case w.job != "" && p.Job != w.job:
	case w.by != "" && p.By != w.by:
	case p.Admitted == nil && !(w.since.IsZero() && w.until.IsZero()):
	case p.Admitted != nil && !w.during(*p.Admitted):
	default:
		return true
	}
	return false
}
