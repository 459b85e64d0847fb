package nights

// known are the kinds of violations that are present in the code today, each
// with what brings it about. A night that comes to one is told of and does not
// fail. Whoever mends a fault takes its line away.
func known() map[string]string {
	return map[string]string{
		"wish retried":     "a write of the state whose reply was lost is made again after the leader has taken the wish",
		"wish repeated":    "a client asks again with the same id after its wish was taken",
		"wish unsaid":      "a wish is overruled, or comes too late, and no event says so",
		"danger overruled": "promote and rollback, or abort, wait at the same time",
		"deposed":          "a leader freezes between its save and its orders, and wakes after the next one has led back",
		"late order":       "a pass goes on after the lease is over",
		"not restored":     "an earlier version of the state is restored under a running leader",
		"leaderless":       "a damaged lease is removed, as the log advises",
		"shared epoch":     "after that, epochs are used again",
		"poisoned":         "a stranger assigns under the largest of epochs",
		"archive":          "somebody tries again under the id of a finished rollout",
		"gave way":         "a training job completes while the artifact of a try is awaited",
		"blame":            "tasks crash that served the candidate no more, or not yet",
		"eaten":            "health checks end one canary task after another",
	}
}
