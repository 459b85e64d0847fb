package rollout

import (
	"fmt"
	"slices"
	"time"
)

// fresh is how long a release that went live is the first to be asked when a
// fleet becomes unwell.
const fresh = time.Hour

// WayOut is what to do first about it, made wherever it is shown: what an older
// controller found has one, too.
func (u Unwell) WayOut(s State, seen Observation, now time.Time) string {
	if r := s.Active; r != nil && onlyCanary(u.Reason, seen.Auctions) {
		return fmt.Sprintf("Only the tasks that try %s are so: `sluice abort %s --why \"…\"` gives it up at once.", middle(r.ID, maxName), r.ID)
	}
	return s.newcomer(u.Reason, now) + u.first(seen)
}

// newcomer names a release that went live lately, which a person may take back.
// No release keeps auctions away.
func (s State) newcomer(reason string, now time.Time) string {
	if reason == UnwellSilent || s.begun() || s.Previous == "" {
		return ""
	}
	for _, e := range slices.Backward(s.Events) {
		if e.To == Live && e.Candidate == s.Stable {
			if since := now.Sub(e.At); since < fresh {
				return fmt.Sprintf("If it was well until %s went live %s ago, go back: `sluice rollback --why \"…\"`. Else: ", middle(e.Rollout, maxName), lasting(since))
			}
			break
		}
	}
	return ""
}

// first is where to look first, by the reason alone and what tasks there are.
func (u Unwell) first(seen Observation) string {
	switch u.Reason {
	case UnwellMissing:
		return firstMissing(seen)
	case UnwellSilent:
		return "See whether the load balancer takes the tasks for healthy, then whether callers still send. A rollback changes nothing: the tasks wait for auctions."
	case UnwellFailed:
		return "See which limit grows in the tasks' `sluice_limit_hits_total`: with max_connections start more tasks, with another look at the callers. If none does, `sluice_connections_closed_total` says what was wrong."
	case UnwellDegraded:
		return "See which reason grows in the tasks' `sluice_degraded_total`: with busy or deadline start more tasks, with panic or invalid go back (`sluice rollback`), with bad_request look at the callers."
	case UnwellLate:
		return "See whether the tasks' processors are busy: then start more tasks, or move away what else runs there. If they are not, see that `--deadline` of the tasks is what you want."
	}
	return "docs/operating.md says what to do." // a newer controller knows more reasons
}

// firstMissing goes by what most of the missing tasks lack.
func firstMissing(seen Observation) string {
	unready := count(seen.Tasks, func(t Task) bool { return t.Reachable && !t.Ready })
	silent := count(seen.Tasks, func(t Task) bool { return !t.Reachable })
	gone := seen.Desired - len(seen.Tasks)
	text := "See the events of the service in ECS: they say why tasks end or do not start."
	switch {
	case silent > 0 && silent >= max(unready, gone):
		text = "`sluice status` names those that cannot be reached. See whether they run, then whether their security group lets controllers in and both sides have the same token."
	case unready > 0 && unready >= gone:
		text = "`sluice status` says what each of them lacks, and its log why: a task is ready once it has read a release from the bucket."
	}
	if ready := len(seen.Tasks) - unready - silent; ready > 0 {
		return text + " The others serve on."
	}
	return text + " Until then auctions are forwarded without a score, or fail: tell those who call."
}

// onlyCanary reports whether the auctions of a candidate alone fare badly.
func onlyCanary(reason string, a *Auctions) bool {
	if a == nil || a.Canary == nil || a.Control == nil && a.Rest == nil {
		return false
	}
	// bad says so as far as it is known.
	bad := func(t *Traffic) (is, known bool) {
		above := func(share *float64, most float64) (bool, bool) { return share != nil && *share > most, share != nil }
		switch reason {
		case UnwellFailed:
			return above(t.Failed, MostFailed)
		case UnwellDegraded:
			return above(t.Degraded, MostDegraded)
		case UnwellLate:
			return t.P99 > a.Deadline, t.P99 > 0 && a.Deadline > 0
		}
		return false, false
	}
	for _, t := range []*Traffic{a.Control, a.Rest} {
		if t == nil {
			continue
		}
		if is, known := bad(t); is || !known {
			return false
		}
	}
	is, known := bad(a.Canary)
	return is && known
}
