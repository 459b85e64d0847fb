package tally

import (
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// checkPresence says whether the tasks that should report do, each in one arm
// and all with as many buckets.
func checkPresence(sorted []*Report, l Look, p judge.Policy, bad *problems) {
	newest := make(map[string]*Report, len(sorted))
	for _, r := range sorted {
		if r.Past {
			continue // nobody waits for it
		}
		if was := newest[r.Task]; was == nil || was.Generation <= r.Generation {
			newest[r.Task] = r
		}
	}
	got := make(map[judge.Arm]int, judge.Arms)
	buckets := 0
	for _, r := range sorted {
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
		bad.add("%s not report: %s", does(len(l.Silent), "does", "do"), strings.Join(named, ", "))
	}
	for _, arm := range []judge.Arm{judge.Candidate, judge.Control} {
		want, told := l.Expected[arm]
		switch {
		case told && got[arm] != want:
			bad.add("%s as %s, %d should", does(got[arm], "reports", "report"), arm, want)
		case l.Served && len(sorted) > 0 && got[arm] < p.MinTasks:
			bad.add("%s as %s, at least %d must", does(got[arm], "reports", "report"), arm, p.MinTasks)
		}
	}
}

// does is so many tasks with what one, or several, of them do.
func does(n int, one, several string) string {
	if n != 1 {
		one = several
	}
	return judge.Some(n, "task") + " " + one
}

// drySpell is how many windows' worth of traffic one arm may count while the
// other counts nothing.
const drySpell = 5

// checkSides says whether both arms count, over all and for every partner that
// matters.
func (s *State) checkSides(p judge.Policy, bad *problems) {
	limit := int64(drySpell * p.WindowRequests)
	for a, name := range []judge.Arm{judge.Candidate, judge.Control} {
		other := []judge.Arm{judge.Control, judge.Candidate}[a]
		if s.dry[a] >= limit {
			bad.add("%s has answered nothing while %s answered %s requests", name, other, strconv.FormatInt(s.dry[a], 10))
			continue
		}
		for k, partner := range s.partners {
			open := s.streams[judge.FirstPartner+k].open
			if !s.inTail[k] && open[a] == 0 && open[1-a] >= limit {
				bad.add("partner %s: %s has scored nothing while %s scored %s pairs", partner, name, other, strconv.FormatInt(open[1-a], 10))
			}
		}
	}
}

// maxSkew is the largest difference between the clocks of two tasks that
// reported in this look.
func (s *State) maxSkew() time.Duration {
	var early, late time.Duration
	some := false
	for i := range s.rows {
		r := &s.rows[i]
		if r.seen != s.looks {
			continue
		}
		if !some {
			early, late, some = r.skew, r.skew, true
		}
		early, late = min(early, r.skew), max(late, r.skew)
	}
	if gap := late - early; gap > 0 { // a sum beyond all bounds is none
		return gap
	}
	return 0
}
