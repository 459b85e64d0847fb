package simulation

import (
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/controller/tally"
)

// Ending is how a judge let a rollout end.
type Ending string

// The endings.
const (
	Promoted   Ending = "promoted"
	RolledBack Ending = "rolled back"
	Undecided  Ending = "undecided" // held, or out of time
)

// Result is how one rollout went.
type Result struct {
	Ending   Ending
	Reason   rollout.Reason
	Gate     judge.Gate
	Partner  string
	Culprits []string
	Phase    rollout.Phase // that it ended in, shadow or canary
	Sentence string
	Proven   bool // the pairs, of all partners together, at any look
	Looks    int
	Began    int   // look from which on the candidate was tried
	Requests int64 // answered by the tasks compared
	Exposed  int64 // of those, answered by the candidate
	Invalid  int   // looks whose data contradicted themselves
}

// A step is what a rollout looks like after one look, for those who watch.
type step struct {
	look     int
	canary   int   // canary step, from 0
	requests int64 // answered by the tasks compared, so far
	tasks    [judge.Arms][]string
	stats    judge.Statistics
	verdict  judge.Verdict
}

// start is when every rollout starts.
func start() time.Time { return time.Unix(1_800_000_000, 0).UTC() }

// mostLooks is when a rollout that comes to no end, or is held and stays so, is
// given up: after forty minutes.
const mostLooks = 240

// play carries out one rollout by the very functions that carry out real ones:
// Decide, the tally and the judge.
func play(m *market, p rollout.Policies, watch func(step)) Result {
	p = m.scenario.govern(p)
	w, s := newWorld(m), rollout.State{Fleet: "f", Stable: stableRelease, Default: stableRelease}
	var j panel
	var res Result
	for w.look < mostLooks {
		counted := w.count()
		now := start().Add(w.since(0))
		seen := w.observe(s, now)
		if r := s.Active; r != nil && (r.Comparing() == rollout.Shadow || r.Comparing() == rollout.Canary) {
			look := lookAt(r, counted, seen.Crashed, now)
			stats, verdict := j.look(look, s.JudgePolicy(p), r.Generation)
			res.count(counted, look, verdict)
			seen.Verdict, seen.Exposed = &verdict, res.Exposed
			res.Began = w.began
			if watch != nil {
				watch(step{w.look, r.Step, res.Requests, [judge.Arms][]string{r.CanaryTasks, r.ControlTasks}, stats, verdict})
			}
			res.Phase = r.Comparing()
		}
		var actions []rollout.Action
		s, actions = rollout.Decide(s, seen, p, now)
		for _, a := range actions {
			w.apply(a)
		}
		if res.ended(s, w.look) {
			break
		}
	}
	return res
}

// count adds what a look brought: requests of tasks that are compared, whether
// or not others counted theirs beforehand, and all that the candidate answered.
func (res *Result) count(counted []*task, look tally.Look, v judge.Verdict) {
	for i := range look.Reports {
		if r := &look.Reports[i]; !before(r) {
			res.Requests += answered(r)
		}
	}
	for _, t := range counted {
		if r := &t.counter.report; r.Arm == judge.Candidate {
			res.Exposed += answered(r)
		}
	}
	if v.Outcome == judge.Invalid {
		res.Invalid++
	}
	for _, f := range v.Findings {
		if f.Gate == judge.GateFilterRatePaired && f.Outcome == judge.Acceptable {
			res.Proven = true
		}
	}
}

func answered(r *tally.Report) (n int64) {
	for _, of := range r.Requests {
		n += of
	}
	return n
}

// ended notes where the rollout stands, and reports whether that is an end.
func (res *Result) ended(s rollout.State, look int) bool {
	res.Looks, res.Ending = look, Undecided
	r := s.Active
	if r == nil {
		return len(s.Finished) > 0
	}
	res.Reason, res.Sentence = r.Reason, r.Sentence
	if r.Verdict != nil {
		res.Gate, res.Partner, res.Culprits = r.Verdict.Gate, r.Verdict.Partner, r.Verdict.Culprits
	}
	switch r.Phase {
	case rollout.Promoting, rollout.Live:
		res.Ending = Promoted
		return true
	case rollout.RollingBack, rollout.RolledBack:
		if r.Reason == rollout.CandidateWorse || r.Reason == rollout.Breaker {
			res.Ending = RolledBack
		}
		return true
	case rollout.Queued, rollout.Admitting, rollout.Shadow, rollout.Canary, rollout.Held, rollout.Refused, rollout.Superseded:
	}
	return false
}

// policies are those of the fleet that is played: an operator's defaults, on
// a small fleet whose every auction counts.
func policies() rollout.Policies {
	p := rollout.Defaults()
	p.Settle = 0
	p.Shadow.Tasks, p.Shadow.Sample = 8, .1
	p.Explore = .2
	p.Steps = []rollout.Step{{Tasks: 2, Soak: 5 * time.Minute, Margin: .05}, {Tasks: 8, Soak: 10 * time.Minute}}
	p.PhaseWait, p.Inconclusive.PhaseWaits = 20*time.Minute, 1.5
	return rollout.Policies{Default: p}
}

// govern returns the policies that the scenario has its rollout go by.
func (s Scenario) govern(p rollout.Policies) rollout.Policies {
	d := rollout.Defaults()
	switch s.Plan {
	case Default:
		p.Default.Steps, p.Default.PhaseWait = d.Steps, 30*time.Minute
		p.Default.Shadow.Tasks = d.Shadow.Tasks
	case ByPercent:
		p.Default.Steps = []rollout.Step{{Percent: 25, Soak: 5 * time.Minute, Margin: .05}, {Percent: 50, Soak: 10 * time.Minute}}
	case Patient:
		p.Default.Steps = slices.Clone(p.Default.Steps)
		p.Default.Steps[len(p.Default.Steps)-1].Soak = 30 * time.Minute
	case Broad:
		p.Default.Shadow.Tasks = fleetSize - 1
		p.Default.Steps = slices.Clone(p.Default.Steps)
		p.Default.Steps[len(p.Default.Steps)-1].Tasks = fleetSize / 2
	case Usual:
	}
	if s.Unpaired {
		p = unpaired(p)
	}
	if s.Guarded {
		p.Default.Judge.Served, p.Default.Judge.Latency = judge.Guard, judge.Guard
	}
	return p
}

// unpaired is what one does who cannot score anything twice: all canaries at
// once, as arms need many more requests than pairs, and a proof only of the
// partners that bring half of the traffic.
func unpaired(p rollout.Policies) rollout.Policies {
	p.Default.Shadow.Skip = true
	p.Default.Steps = p.Default.Steps[len(p.Default.Steps)-1:]
	p.Default.Judge.TierOneShare = .5
	return p
}

// hasty is the same without a minute's patience: what decides is evidence.
func hasty() rollout.Policies {
	p := policies()
	p.Default.Shadow.Soak = 0
	p.Default.Steps = slices.Clone(p.Default.Steps)
	for i := range p.Default.Steps {
		p.Default.Steps[i].Soak = 0
	}
	return p
}

// canaries and controls are the tasks that Decide ends up with in the last
// step, so that the rivals see the same ones.
func canaries() []int { return []int{0, 1, 4, 5, 6, 7, 8, 9} }
func controls() []int { return []int{2, 3, 10, 11, 12, 13, 14, 15} }
