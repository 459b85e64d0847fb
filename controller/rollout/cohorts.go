package rollout

// Cohorts is how many of a fleet's tasks the step compares: those that serve
// the candidate, and those that serve stable beside them. A budget may leave
// fewer to the candidate.
func (s Step) Cohorts(tasks int) (canary, control int) {
	canary = canaryTasks(s, tasks)
	return canary, min(canary, tasks-canary)
}
