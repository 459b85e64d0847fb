package rollout

import (
	"strings"
	"testing"
	"time"
)

// Whatever is wrong with a fleet, what to do first is said with it, by what is
// known of its cause.
func TestUnwellWayOut(t *testing.T) {
	now := time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC)
	share := func(v float64) *float64 { return &v }
	tasks := func(ready, unready, silent, gone int) Observation {
		o := Observation{Desired: ready + unready + silent + gone}
		for i := range ready + unready + silent {
			o.Tasks = append(o.Tasks, Task{Reachable: i < ready+unready, Ready: i < ready})
		}
		return o
	}
	arms := func(canary, control, rest *Traffic) Observation {
		o := tasks(4, 0, 0, 0)
		o.Auctions = &Auctions{Deadline: 50 * time.Millisecond, Canary: canary, Control: control, Rest: rest}
		return o
	}
	lately := func(ago time.Duration) State {
		return State{Stable: "new", Previous: "old", Events: []Event{
			{At: now.Add(-ago), To: Live, Rollout: "better", Candidate: "new"}, {At: now, To: Refused, Rollout: "worse", Candidate: "bad"},
		}}
	}
	tries := State{Stable: "old", Previous: "older", Active: &Rollout{ID: "blind", Phase: Canary, Candidate: "new"}}
	const (
		newcomer = "If it was well until better went live 12 min ago, go back: `sluice rollback --why \"…\"`. Else: "
		canary   = "Only the tasks that try blind are so: `sluice abort blind --why \"…\"` gives it up at once."
		degraded = "See which reason grows in the tasks' `sluice_degraded_total`: with busy or deadline start more tasks, with panic or invalid go back (`sluice rollback`), with bad_request look at the callers."
		failed   = "See which limit grows in the tasks' `sluice_limit_hits_total`: with max_connections start more tasks, with another look at the callers. If none does, `sluice_connections_closed_total` says what was wrong."
		late     = "See whether the tasks' processors are busy: then start more tasks, or move away what else runs there. If they are not, see that `--deadline` of the tasks is what you want."
		silent   = "See whether the load balancer takes the tasks for healthy, then whether callers still send. A rollback changes nothing: the tasks wait for auctions."
		ends     = "See the events of the service in ECS: they say why tasks end or do not start."
		closed   = "`sluice status` names those that cannot be reached. See whether they run, then whether their security group lets controllers in and both sides have the same token."
		unready  = "`sluice status` says what each of them lacks, and its log why: a task is ready once it has read a release from the bucket."
		others   = " The others serve on."
		nobody   = " Until then auctions are forwarded without a score, or fail: tell those who call."
	)
	bad, good := &Traffic{Degraded: share(.2), Failed: share(.2), P99: time.Second}, &Traffic{Degraded: share(0), Failed: share(0), P99: time.Millisecond}
	for _, tt := range []struct {
		why    string
		reason string
		s      State
		seen   Observation
		want   string
	}{
		{"most do not run", UnwellMissing, State{}, tasks(3, 1, 1, 2), ends + others},
		{"none runs", UnwellMissing, State{}, tasks(0, 0, 0, 4), ends + nobody},
		{"most cannot be reached", UnwellMissing, State{}, tasks(1, 0, 3, 0), closed + others},
		{"none can be reached", UnwellMissing, State{}, tasks(0, 0, 4, 0), closed + nobody},
		{"most are not ready", UnwellMissing, State{}, tasks(1, 3, 0, 1), unready + others},
		{"not ready since a release", UnwellMissing, lately(12 * time.Minute), tasks(1, 3, 0, 1), newcomer + unready + others},
		{"silent", UnwellSilent, State{}, tasks(4, 0, 0, 0), silent},
		{"silent, which is no release's doing", UnwellSilent, lately(12 * time.Minute), arms(bad, nil, good), silent},
		{"failed", UnwellFailed, State{}, tasks(4, 0, 0, 0), failed},
		{"degraded", UnwellDegraded, State{}, tasks(4, 0, 0, 0), degraded},
		{"late", UnwellLate, State{}, tasks(4, 0, 0, 0), late},
		{"degraded since a release", UnwellDegraded, lately(12 * time.Minute), arms(nil, nil, bad), newcomer + degraded},
		{"degraded long after a release", UnwellDegraded, lately(61 * time.Minute), arms(nil, nil, bad), degraded},
		{"the first release", UnwellDegraded, State{Stable: "new", Events: lately(time.Minute).Events}, arms(nil, nil, bad), degraded},
		{"by hand to an earlier one since", UnwellLate, State{Stable: "old", Previous: "new", Events: lately(time.Minute).Events}, arms(nil, nil, bad), late},
		{"degraded by the candidate alone", UnwellDegraded, tries, arms(bad, good, good), canary},
		{"failed by the candidate alone", UnwellFailed, tries, arms(bad, nil, good), canary},
		{"late by the candidate alone", UnwellLate, tries, arms(bad, good, nil), canary},
		{"all alike", UnwellDegraded, tries, arms(bad, good, bad), degraded},
		{"nothing to hold it against", UnwellDegraded, tries, arms(bad, nil, nil), degraded},
		{"not known of others", UnwellDegraded, tries, arms(bad, good, &Traffic{}), degraded},
		{"not known of the candidate", UnwellDegraded, tries, arms(&Traffic{}, good, good), degraded},
		{"missing while one is tried", UnwellMissing, tries, arms(bad, good, good), ends + others},
		{"a reason to come", "haunted", State{}, tasks(4, 0, 0, 0), "docs/operating.md says what to do."},
	} {
		if got := (Unwell{Reason: tt.reason}).WayOut(tt.s, tt.seen, now); got != tt.want {
			t.Errorf("%s: it says %q, want %q", tt.why, got, tt.want)
		}
	}
	for _, reason := range UnwellReasons() {
		if way := (Unwell{Reason: reason}).WayOut(State{}, Observation{}, now); strings.HasPrefix(way, "docs/") {
			t.Errorf("nothing to do about %s", reason)
		}
	}
}
