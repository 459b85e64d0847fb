package controller

import (
	"fmt"
	"slices"

	"github.com/sluicehq/sluice/controller/tally"
)

// source names the process and the generation that a report is of.
func source(r tally.Report) string { return fmt.Sprintf("%s %s %d", r.Task, r.Boot, r.Generation) }

// since returns what the tasks count beyond what they told before. A position
// is how often they have told of anything new.
func (j *judging) since(told []tally.Report) []tally.Report {
	reports := make([]tally.Report, len(told))
	for i, r := range told {
		was := j.Told[source(r)]
		r.After, r.Upto = was.Upto, was.Upto+1
		reports[i] = r
		reports[i].Partners = make(map[string]tally.Columns, len(r.Partners))
		for _, c := range []struct {
			to        *[]int64
			now, then []int64
		}{
			{&reports[i].Requests, r.Requests, was.Requests},
			{&reports[i].Errors, r.Errors, was.Errors},
			{&reports[i].Invalid, r.Invalid, was.Invalid},
			{&reports[i].ShadowRequests, r.ShadowRequests, was.ShadowRequests},
			{&reports[i].ShadowInvalid, r.ShadowInvalid, was.ShadowInvalid},
		} {
			*c.to = less(c.now, c.then)
		}
		for name, c := range r.Partners {
			then := was.Partners[name]
			reports[i].Partners[name] = tally.Columns{
				Scored: less(c.Scored, then.Scored), Filtered: less(c.Filtered, then.Filtered), Pairs: less(c.Pairs, then.Pairs),
				CandidateOnly: less(c.CandidateOnly, then.CandidateOnly), StableOnly: less(c.StableOnly, then.StableOnly),
			}
		}
		if sound(reports[i]) { // what goes backwards is no new beginning
			j.Told[source(r)] = r
		}
	}
	return reports
}

// sound says whether no counter went backwards.
func sound(r tally.Report) bool {
	columns := [][]int64{r.Requests, r.Errors, r.Invalid, r.ShadowRequests, r.ShadowInvalid}
	for _, c := range r.Partners {
		columns = append(columns, c.Scored, c.Filtered, c.Pairs, c.CandidateOnly, c.StableOnly)
	}
	return !slices.ContainsFunc(columns, func(c []int64) bool { return len(c) > 0 && (slices.Min(c) < 0 || slices.Max(c) > 1<<31) })
}

// less is now - then, where either may be empty.
func less(now, then []int64) []int64 {
	since := make([]int64, max(len(now), len(then)))
	copy(since, now)
	for i, n := range then {
		since[i] -= n
	}
	return since
}
