package tally

import (
	"maps"
	"slices"

	"github.com/sluicehq/sluice/controller/judge"
)

// A habit is the share of a task's requests that were slow before it was
// compared, and the variance of that share as it is known. A task without a
// past has what the others have in common, and no variance.
type habit struct{ share, variance float64 }

// checkPast returns the pasts that make sense, and tells which do not.
func checkPast(past map[string][]int64, bad *problems) map[string][]int64 {
	sound := maps.Clone(past)
	for _, task := range slices.Sorted(maps.Keys(past)) {
		if err := checkBins("past latency", past[task], judge.LatencyBins); err != nil {
			bad.add("task %s: %v", task, err)
			delete(sound, task)
		}
	}
	return sound
}

// freezeBefore sets the edge by what stable's requests took before anything
// was compared, all tasks together.
func (s *State) freezeBefore(past map[string][]int64) {
	if s.slow[ofStable].Edge > 0 {
		return
	}
	all := make([]int64, judge.LatencyBins)
	for _, took := range past {
		for bin, n := range took {
			all[bin] += n
		}
	}
	s.setEdge(p99(all))
}

// recall notes how many requests of a task were slow before it was compared,
// and gives it an edge of its own: what is slow for one task is usual for its
// neighbour on a busy machine, and when traffic grows, both have as many more.
func (r *row) recall(took []int64, edges [slows]int) {
	if len(took) == 0 {
		return
	}
	if r.before[ofStable].n == 0 {
		r.edge = p99(took)
	}
	for k, edge := range edges {
		if k != ofPromise && edge > 0 && r.edge > 0 {
			edge = r.edge
		}
		if edge > 0 && r.before[k].n == 0 {
			r.before[k] = trials{sum(took), sum(took[min(edge, len(took)):])}
		}
	}
}

// edges are those beyond which requests of tasks without an edge of their own
// were slow before anything was compared.
func (s *State) edges() (all [slows]int) {
	for k := range all {
		all[k] = s.slow[k].Edge
	}
	return all
}

// edgesOf are those beyond which requests of a row are slow now.
func (s *State) edgesOf(i int) (all [slows]int) {
	all = s.edges()
	if own := s.rows[i].edge; own > 0 {
		all[ofStable] = own
	}
	if all[ofStable] > 0 {
		all[ofStable] = min(judge.LatencyBins-1, max(1, all[ofStable]+s.slow[ofStable].Shift))
	}
	if all[ofOthers] > 0 {
		all[ofOthers] = all[ofStable]
	}
	return all
}

// lately is how many of stable's requests were slow since its edges were looked
// at last, and how many would have been as in the past.
type lately struct{ n, x, usual float64 }

// A share of slow requests so many times the usual one, or that many times less,
// means that stable itself has changed by most of a bin.
const (
	muchSlower = 2.5
	muchFaster = 1 / 3.5
)

// follow moves all edges by a bin when stable has become slower or faster by
// about as much, as it does when traffic grows. At a peak a fixed edge would lie
// in the middle of all requests, where the least difference between tasks is
// one of many requests, and their past, taken where one in a hundred is slow,
// says nothing. The edges depend on what stable did before and on nothing that
// the candidate does, so a window's difference is one between equals; nor on a
// task that changed sides, which may be slow by itself.
func (s *State) follow(w, past slowWindow) {
	l := &s.lately
	l.n += w.n[judge.ControlArm]
	l.x += w.x[judge.ControlArm]
	l.usual += past.x[judge.ControlArm]
	if l.n < freezeAt {
		return
	}
	shift := &s.slow[ofStable].Shift
	switch {
	case l.usual > 0 && l.x > muchSlower*l.usual:
		*shift = min(judge.LatencyBins-1, *shift+1)
	case l.usual > 0 && l.x < muchFaster*l.usual:
		*shift = max(1-judge.LatencyBins, *shift-1)
	}
	*l = lately{}
}

// usual returns the habit of every block of the arms' tables.
func (s *State) usual(k int) (all [judge.Arms][]habit) {
	var each [judge.Arms][]trials
	for a := range judge.Arms {
		all[a], each[a] = make([]habit, len(s.tables[a].blocks)), make([]trials, len(s.tables[a].blocks))
	}
	var common trials
	for i := range s.rows {
		r := &s.rows[i]
		common.n += r.before[k].n
		common.x += r.before[k].x
		for a := range judge.Arms {
			if at := r.slots[a]; at != noSlot {
				each[a][at].n += r.before[k].n
				each[a][at].x += r.before[k].x
			}
		}
	}
	if common.n == 0 {
		return all
	}
	for a := range judge.Arms {
		for i, t := range each[a] {
			all[a][i].share = float64(common.x) / float64(common.n)
			if t.n > 0 {
				n := float64(t.n)
				p, rare := float64(t.x)/n, 1/(n+2) // a share of zero is known no better than this
				all[a][i] = habit{p, max(p*(1-p), rare*(1-rare)) / n}
			}
		}
	}
	return all
}
