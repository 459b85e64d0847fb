package nights

import (
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
)

const (
	perSecond  = 1000 // requests that every task answers
	stableRate = .2   // of the pairs are filtered by the first releases
)

func partners() []string { return []string{"acme", "globex", "initech"} }

// count makes up what a task has counted. A position is one more than the
// requests so far; what a release filters is the truth about it.
func (w *world) count(t *task, c controller.Comparison) []tally.Report {
	serves := c.Stable
	if c.Arm == judge.Candidate {
		serves = c.Candidate
	}
	stints := slices.DeleteFunc(t.stints(time.Now()), func(st stint) bool { return st.generation != c.Generation || st.release != serves })
	if t.dead || len(stints) == 0 {
		return nil
	}
	r := tally.Report{Task: t.id, Boot: t.told.Boot, Generation: c.Generation, Arm: c.Arm, Upto: 1, Partners: map[string]tally.Columns{}}
	if c.Boot == t.told.Boot {
		r.After = c.After
	}
	for _, st := range stints {
		r.Upto += int64(perSecond * st.seconds)
	}
	w.addTo(&r, stints, c, r.Upto-1, 1)
	w.addTo(&r, stints, c, max(0, r.After-1), -1)
	return []tally.Report{r}
}

// addTo adds the first n requests of stints to a report, so many times.
func (w *world) addTo(r *tally.Report, stints []stint, c controller.Comparison, n, times int64) {
	buckets := stints[len(stints)-1].buckets
	for _, st := range stints {
		here := min(n, int64(perSecond*st.seconds))
		n -= here
		split := func(to *[]int64, share float64, salt int) {
			if *to == nil {
				*to = make([]int64, buckets)
			}
			for g := range *to {
				wobble := 1 + 0.05*float64((g*7+salt*3)%11-5)/5
				(*to)[g] += times * int64(float64(here)*share*wobble/float64(buckets))
			}
		}
		split(&r.Requests, 1, 0)
		split(&r.ShadowRequests, st.sample, 0)
		for i, name := range partners() {
			cols := r.Partners[name]
			split(&cols.Scored, 1, 0)
			split(&cols.Filtered, stableRate+w.truth[st.release].excess, i)
			if st.shadow != "" {
				split(&cols.Pairs, st.sample, 0)
				split(&cols.CandidateOnly, st.sample*(0.02+w.truth[c.Candidate].excess), i)
				split(&cols.StableOnly, st.sample*0.02, i)
			}
			r.Partners[name] = cols
		}
	}
}
