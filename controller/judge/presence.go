package judge

import "strings"

// checkPresence says whether the tasks that should report do, each in one arm
// and all with as many buckets.
func checkPresence(sorted []Report, l Look, p Policy, bad *problems) {
	newest := make(map[string]*Report, len(sorted))
	for i := range sorted {
		r := &sorted[i]
		if was := newest[r.Task]; was == nil || was.Generation <= r.Generation {
			newest[r.Task] = r
		}
	}
	got := make(map[Arm]int, arms)
	buckets := 0
	for i := range sorted {
		r := &sorted[i]
		if newest[r.Task] != r {
			continue
		}
		got[r.Arm]++
		switch n := len(r.Requests); {
		case n == 0 || n == buckets:
		case buckets == 0:
			buckets = n
		default:
			bad.add("task %s counts %d buckets, others %d", r.Task, n, buckets)
		}
	}
	if len(l.Silent) > 0 {
		named := l.Silent[:min(len(l.Silent), maxProblems)]
		bad.add("%d tasks do not report: %s", len(l.Silent), strings.Join(named, ", "))
	}
	for _, arm := range []Arm{Candidate, Control} {
		want, told := l.Expected[arm]
		switch {
		case told && got[arm] != want:
			bad.add("%d tasks report as %s, %d should", got[arm], arm, want)
		case l.Served && len(sorted) > 0 && got[arm] < p.MinTasks:
			bad.add("%d tasks report as %s, at least %d must", got[arm], arm, p.MinTasks)
		}
	}
}

// drySpell is how many windows' worth of traffic one arm may count while the
// other counts nothing.
const drySpell = 5

// checkSides says whether both arms count, over all and for every partner that
// matters.
func (s *State) checkSides(p Policy, bad *problems) {
	limit := int64(drySpell * p.WindowRequests)
	for a, name := range []Arm{Candidate, Control} {
		other := []Arm{Control, Candidate}[a]
		if s.dry[a] >= limit {
			bad.add("%s has answered nothing while %s answered %s requests", name, other, commas(s.dry[a]))
			continue
		}
		for k, partner := range s.partners {
			open := s.streams[firstPartner+k].Open
			if !s.inTail[k] && open[a] == 0 && open[1-a] >= limit {
				bad.add("partner %s: %s has scored nothing while %s scored %s pairs", partner, name, other, commas(open[1-a]))
			}
		}
	}
}
