package rollout

import "slices"

// takeover puts what tasks are assigned into the order in which it is safest:
// first those that go back; then every other task that has not heard of this
// leader is told, so that it obeys no earlier one; then those that go forward.
func (s State) takeover(assigned []Action, tasks []Task) []Action {
	var back, forward []Action
	told := map[string]bool{}
	for _, action := range assigned {
		a, is := action.(Assign)
		if is {
			told[a.Task] = true
		}
		if is && a.Release == s.Stable {
			back = append(back, action)
		} else {
			forward = append(forward, action)
		}
	}
	var fences []Action
	for _, t := range tasks {
		if t.Reachable && t.Serving != "" && t.Epoch < s.Epoch && !told[t.ID] && !s.Poisoned(t) {
			fences = append(fences, Fence{Assign{
				Task: t.ID, Release: t.Serving, Shadow: t.Shadow, Sample: t.Sample, Explore: t.Explore, Buckets: t.Buckets, Generation: t.Generation,
			}})
		}
	}
	return slices.Concat(back, fences, forward)
}

// replacement is the one poisoned task that is to make room for another, once
// all the others answer.
func (s State) replacement(seen Observation, p Policies) []Action {
	if !p.ReplacePoisoned || len(seen.Tasks) < seen.Desired {
		return nil
	}
	first := slices.IndexFunc(seen.Tasks, s.Poisoned)
	if first < 0 || slices.ContainsFunc(seen.Tasks, func(t Task) bool { return !t.Reachable || !t.Ready }) {
		return nil
	}
	return []Action{Replace{seen.Tasks[first].ID, s.Doubt(seen.Tasks[first])}}
}
