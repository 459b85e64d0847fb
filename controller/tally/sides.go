package tally

import (
	"slices"

	"github.com/sluicehq/sluice/controller/judge"
)

// maxSides bounds how many tasks that change sides are told apart.
const maxSides = 16

// changed reports whether a task has changed from the candidate to stable.
func (s *State) changed(task string) bool { return slices.Contains(s.sides, task) }

// changeSides notes that a task which served the candidate is compared as one
// of stable's from now on. The others' latency is counted from nothing: what
// is slow about them since then is not that task.
func (s *State) changeSides(task string) {
	if s.changed(task) || len(s.sides) >= maxSides {
		return
	}
	s.sides = append(s.sides, task)
	s.anew(ofOthers, judge.Exceedance{Edge: s.slow[ofStable].Edge})
	for i := range s.rows {
		s.rows[i].before[ofOthers] = s.rows[i].before[ofStable]
	}
}

// bothSides is how slow each task that changed sides was of late on either.
func (s *State) bothSides() (all []judge.BothSides) {
	usual := s.usual(ofStable)
	for _, task := range s.sides {
		both := judge.BothSides{Task: task}
		for a := range judge.Arms {
			for i, b := range s.tables[a].blocks {
				if e := b.slow[ofStable]; b.task == task && e.closed > 0 {
					both.Requests[a], both.Slow[a] = e.lateN, e.lateX
					both.Usual = usual[a][i].share
				}
			}
		}
		all = append(all, both)
	}
	return all
}
