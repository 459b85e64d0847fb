package controller

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// tellings are metrics of one moment. What is not known then is not among
// them.
type tellings []prometheus.Metric

// gauge adds one; labels are names and values in turn.
func (t *tellings) gauge(name, help string, value float64, labels ...string) {
	t.add(prometheus.GaugeValue, name, help, value, labels)
}

// counter adds one that only grows.
func (t *tellings) counter(name, help string, value float64, labels ...string) {
	t.add(prometheus.CounterValue, name, help, value, labels)
}

func (t *tellings) add(kind prometheus.ValueType, name, help string, value float64, labels []string) {
	var names, values []string
	for i := 0; i < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, labels[i+1])
	}
	*t = append(*t, prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, names, nil), kind, value, values...))
}

func (t tellings) send(to chan<- prometheus.Metric) {
	for _, one := range t {
		to <- one
	}
}

// fleetMetrics are those of one fleet, as it was seen and decided about.
func fleetMetrics(s rollout.State, seen rollout.Observation) tellings {
	var t tellings
	t.fleet(s, seen)
	t.unwell(s.Fleet, seen)
	for _, u := range seen.Unheard {
		t.gauge("sluice_receiver_gone", "1 for a receiver of notices that is told nothing any more, as it has said that it is gone; only while it is so.", 1, "fleet", s.Fleet, "receiver", u.Receiver)
	}
	t.tasks(s, seen.Tasks)
	t.rollouts(s)
	if s.Active != nil {
		t.active(s.Fleet, *s.Active, seen)
	}
	if v := seen.Verdict; v != nil && s.Active != nil {
		t.verdict(s.Fleet, *v)
	}
	return t
}

func (t *tellings) fleet(s rollout.State, seen rollout.Observation) {
	t.gauge("sluice_fleet_info", "The release that a fleet trusts, by the first letters of its digest.", 1, "fleet", s.Fleet, "stable", rollout.Short(s.Stable))
	t.gauge("sluice_fleet_desired_tasks", "Tasks that ECS is to keep running.", float64(seen.Desired), "fleet", s.Fleet)
	t.gauge("sluice_fleet_paused", "1 while a person lets nothing start or advance.", oneIf(s.Pause != nil), "fleet", s.Fleet)
	t.gauge("sluice_fleet_wishes", "Wishes of people that the loop has not acted on yet.", float64(len(s.Requests)), "fleet", s.Fleet)
	if seen.Pace > 0 {
		t.gauge("sluice_fleet_task_pace", "Auctions a second that one task answers, on average over the last minute or so.", seen.Pace, "fleet", s.Fleet)
	}
}

// unwell tells of every reason there is whether it holds, as far as auctions are
// known.
func (t *tellings) unwell(fleet string, seen rollout.Observation) {
	for _, reason := range rollout.UnwellReasons() {
		found := slices.ContainsFunc(seen.Unwell, func(u rollout.Unwell) bool { return u.Reason == reason })
		if found || seen.Auctions != nil && seen.Auctions.All != nil {
			t.gauge("sluice_fleet_unwell", "1 where the auctions of the last minute say that a fleet is unwell, by reason: missing, silent, failed, degraded or late.",
				oneIf(found), "fleet", fleet, "reason", reason)
		}
	}
}

func (t *tellings) tasks(s rollout.State, tasks []rollout.Task) {
	states := map[string]int{"ready": 0, "not_ready": 0, "unreachable": 0}
	serving := map[string]int{"stable": 0, "candidate": 0, "other": 0, "nothing": 0, "unknown": 0}
	for _, task := range tasks {
		states[stateOf(task)]++
		serving[servedBy(s, task)]++
	}
	for state, n := range states {
		t.gauge("sluice_fleet_tasks", "Running tasks by state: ready, not_ready or unreachable.", float64(n), "fleet", s.Fleet, "state", state)
	}
	for what, n := range serving {
		t.gauge("sluice_fleet_serving_tasks", "Running tasks by what they serve: stable, candidate, other, nothing, or unknown where they cannot be reached.", float64(n), "fleet", s.Fleet, "serves", what)
	}
}

func stateOf(t rollout.Task) string {
	switch {
	case !t.Reachable:
		return "unreachable"
	case !t.Ready:
		return "not_ready"
	}
	return "ready"
}

func servedBy(s rollout.State, t rollout.Task) string {
	switch {
	case !t.Reachable:
		return "unknown"
	case t.Serving == "":
		return "nothing"
	case t.Serving == s.Stable:
		return "stable"
	case s.Active != nil && t.Serving == s.Active.Candidate:
		return "candidate"
	}
	return "other"
}

// rollouts tells how many are in which phase.
func (t *tellings) rollouts(s rollout.State) {
	in := map[rollout.Phase]int{
		rollout.Admitting: 0, rollout.Shadow: 0, rollout.Canary: 0, rollout.Held: 0, rollout.Promoting: 0, rollout.RollingBack: 0,
		rollout.Queued: len(s.Queue),
	}
	if s.Active != nil {
		in[s.Active.Phase]++
	}
	for phase, n := range in {
		t.gauge("sluice_rollouts", "Rollouts that have not ended, by phase.", float64(n), "fleet", s.Fleet, "phase", string(phase))
	}
}

// active tells of the rollout that is carried out.
func (t *tellings) active(fleet string, r rollout.Rollout, seen rollout.Observation) {
	t.gauge("sluice_rollout_info", "The active rollout, its candidate by the first letters of its digest.", 1,
		"fleet", fleet, "rollout", r.ID, "candidate", rollout.Short(r.Candidate), "policy", r.Policy, "reason", string(r.Reason))
	t.gauge("sluice_rollout_phase_since_seconds", "Unix time at which the active rollout came to its phase.", unix(r.Since), "fleet", fleet)
	if r.Phase == rollout.Held {
		t.gauge("sluice_rollout_held_until_seconds", "Unix time at which a held rollout goes back if nobody comes; only while it is held.", unix(r.HeldUntil), "fleet", fleet)
	}
	step := 0
	if r.Phase != rollout.Queued && r.Phase != rollout.Admitting && r.Phase != rollout.Shadow {
		step = r.Step + 1
	}
	t.gauge("sluice_rollout_step", "Canary step that the active rollout is in or came to, from 1; 0 before.", float64(step), "fleet", fleet)
	t.gauge("sluice_rollout_steps", "Canary steps that the active rollout has.", float64(r.Steps), "fleet", fleet)
	t.gauge("sluice_rollout_exposed_auctions", "Auctions that the active candidate has answered in canary steps.", float64(max(r.Exposed, seen.Exposed)), "fleet", fleet)
	t.gauge("sluice_rollout_missed_bids", "Bids that the active candidate alone has filtered in canary steps, as far as explored requests tell.", float64(max(r.MissedBids, seen.MissedBids)), "fleet", fleet)
}

// verdict tells what the judge says.
func (t *tellings) verdict(fleet string, v judge.Verdict) {
	t.gauge("sluice_verdict_info", "The judge's verdict: worse, invalid, no_data, unsure, acceptable or inconclusive.", 1, "fleet", fleet, "outcome", string(v.Outcome))
	t.gauge("sluice_verdict_progress", "How far the required proof that is furthest away has come, from 0 to 1.", v.Progress, "fleet", fleet)
	for _, f := range v.Findings {
		t.finding(fleet, f)
	}
	if m := v.Money; m != nil {
		t.earnings(fleet, m.Currency, "candidate", m.Candidate)
		t.earnings(fleet, m.Currency, "stable", m.Stable)
	}
}

func (t *tellings) finding(fleet string, f judge.Finding) {
	gate := string(f.Gate)
	if f.Threshold > 0 {
		t.gauge("sluice_gate_evidence", "Evidence against the candidate, an e-value, the largest so far.", f.Evidence, "fleet", fleet, "gate", gate)
		t.gauge("sluice_gate_threshold", "Evidence at which the candidate goes back.", f.Threshold, "fleet", fleet, "gate", gate)
	}
	if f.Required > 0 {
		t.gauge("sluice_gate_proof", "Evidence for the candidate, an e-value.", f.Proof, "fleet", fleet, "gate", gate)
		t.gauge("sluice_gate_required", "Evidence for the candidate at which the gate is passed.", f.Required, "fleet", fleet, "gate", gate)
	}
	if f.Requests > 0 && (f.Low > -1 || f.High < 1) { // else the interval holds all there may be
		t.gauge("sluice_gate_difference", "Candidate's rate less stable's, as a share, by gate.", f.Difference, "fleet", fleet, "gate", gate)
		t.gauge("sluice_gate_difference_low", "Lower end of the difference's 95 % interval, which is right at every moment.", f.Low, "fleet", fleet, "gate", gate)
		t.gauge("sluice_gate_difference_high", "Upper end of the difference's 95 % interval.", f.High, "fleet", fleet, "gate", gate)
	}
}

// earnings tells what one release would bring.
func (t *tellings) earnings(fleet, currency, arm string, e judge.Earnings) {
	t.gauge("sluice_value", "Value of the bids that a release lets through, per million requests, in the fleet's currency.", e.Value.Value, "fleet", fleet, "arm", arm, "currency", currency)
	t.gauge("sluice_value_lost", "Value of the bids that a release filters, per million calls that it saves.", e.Lost.Value, "fleet", fleet, "arm", arm, "currency", currency)
	t.gauge("sluice_calls_saved", "Calls that a release saves, per million requests.", e.Saved.Value, "fleet", fleet, "arm", arm)
}
