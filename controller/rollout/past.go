package rollout

import (
	"slices"

	"github.com/sluicehq/sluice/controller/judge"
)

// choose fills the cohorts, and chooses those that the next ones will need
// beyond them: they gather a past of their own meanwhile, against which each is
// held once it changes sides. Nobody waits for them, so that a step takes no
// longer; but a phase that soaks for two minutes gives them two minutes.
// Without a shadow phase there is no past, and nobody gathers any.
func (s *State) choose(now, next sizes, p Policy, tasks []Task) {
	r := s.Active
	if p.Shadow.Skip {
		next = sizes{}
	}
	known := running(r.PastTasks, tasks)
	if r.Comparing() == Shadow {
		s.chooseShadow(now.control, next, known, tasks)
		return
	}
	c := s.match(cohorts{r.CanaryTasks, r.ControlTasks}, now, slices.Concat(r.takers(), known), tasks)
	r.CanaryTasks, r.ControlTasks = c.canary, c.control
	r.PastTasks = s.beyond(c, next, known, tasks)
}

// chooseShadow takes as shadow tasks those that the first canary step will
// compare, and others as far as there may be more. Where there may be fewer,
// the others only count.
func (s *State) chooseShadow(shadows int, next sizes, known []string, tasks []Task) {
	r := s.Active
	prefer := slices.Concat(r.ControlTasks, known)
	first := s.match(cohorts{}, next, prefer, tasks)
	compared := slices.Concat(first.canary, first.control)
	r.ControlTasks = s.match(cohorts{control: r.ControlTasks}, sizes{control: shadows}, compared, tasks).control
	r.PastTasks = slices.DeleteFunc(compared, func(id string) bool { return slices.Contains(r.ControlTasks, id) })
}

// beyond are the tasks that the next cohorts need beyond these. Those that are
// known stay, as long as they are what is needed.
func (s State) beyond(c cohorts, next sizes, known []string, tasks []Task) []string {
	arms := Rollout{CanaryTasks: c.canary, ControlTasks: c.control}.Arms()
	known = slices.DeleteFunc(known, func(id string) bool { return arms[id] != judge.Arm("") })
	if len(known) == max(0, next.canary-len(c.canary))+max(0, next.control-len(c.control)) {
		return known
	}
	n := s.match(c, sizes{canary: max(next.canary, len(c.canary)), control: max(next.control, len(c.control))}, known, tasks)
	all := slices.DeleteFunc(slices.Concat(n.canary, n.control), func(id string) bool { return arms[id] != judge.Arm("") })
	rank := func(id string) int { // those that have gathered for longest come first
		if i := slices.Index(known, id); i >= 0 {
			return i
		}
		return len(known)
	}
	slices.SortStableFunc(all, func(a, b string) int { return rank(a) - rank(b) })
	return all
}
