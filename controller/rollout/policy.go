package rollout

import (
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// Policy holds what an operator may tune of a rollout. Durations are written
// as in "90s" or "1h30m". Zero values take the defaults of Defaults.
type Policy struct {
	Name string   `yaml:"name"` // shown with every rollout it governs
	Jobs []string `yaml:"jobs"` // training job names it is for, as in path.Match

	Shadow  ShadowPolicy `yaml:"shadow"`
	Steps   []Step       `yaml:"steps"`
	Explore float64      `yaml:"explore"` // share of requests scored and filtered for nobody, in [0, 1]
	Buckets int          `yaml:"buckets"` // clusters per compared task, 1 to 64

	Settle       time.Duration `yaml:"settle"`        // how long a candidate waits for a newer one before it starts
	MaxCoalesced int           `yaml:"max_coalesced"` // a candidate that replaced so many others gets its full run
	Preempt      bool          `yaml:"preempt"`       // a newer candidate ends one in shadow or canary
	ArtifactWait time.Duration `yaml:"artifact_wait"` // for an artifact that is missing, torn, or cannot be read
	PhaseWait    time.Duration `yaml:"phase_wait"`    // for a verdict in shadow, or in a canary step, before it is held
	HoldFor      time.Duration `yaml:"hold_for"`      // before a held rollout takes its way out: back
	DataGrace    time.Duration `yaml:"data_grace"`    // for which the data gate may fail before the rollout is held, and a canary step have too few tasks before it goes back
	PromoteWait  time.Duration `yaml:"promote_wait"`  // for every task to move over
	PromoteBatch int           `yaml:"promote_batch"` // tasks that may be moving over at once
	SecondPerson bool          `yaml:"second_person"` // who approves a step, or promotes, is proven to be another than who asked for the try

	Inconclusive InconclusivePolicy `yaml:"inconclusive"`
	Budget       Budget             `yaml:"budget"`

	Losses    LossPolicy   `yaml:"losses"`
	SwapGuard SwapGuard    `yaml:"swap_guard"`
	Judge     judge.Policy `yaml:"judge"`
}

// ShadowPolicy governs the shadow phase and shadow scoring in canary steps.
type ShadowPolicy struct {
	Skip   bool          `yaml:"skip"`   // no shadow scoring at all: served counts decide alone
	Tasks  int           `yaml:"tasks"`  // that score with both in the shadow phase, at most
	Sample float64       `yaml:"sample"` // share of requests scored by both releases, in [0, 1]
	Soak   time.Duration `yaml:"soak"`   // least time in the phase
}

// Step is one canary step: by number of tasks or by percent of them. A percent
// is rounded down, but to one task at least; one task always stays stable.
type Step struct {
	Tasks    int           `yaml:"tasks"`
	Percent  float64       `yaml:"percent"`
	Soak     time.Duration `yaml:"soak"`     // least time that the cohorts stand
	Margin   float64       `yaml:"margin"`   // of the overall filter rate in this step; 0: the judge's own. Errors and bids are proven by as much wider a one, before the last step
	Approval bool          `yaml:"approval"` // a person must resume before the step after this one
}

// Policies are those of one fleet: the first whose Jobs match governs, else
// Default.
type Policies struct {
	Default Policy   `yaml:"policy"`
	Special []Policy `yaml:"policies"`
	Freezes []Freeze `yaml:"-"` // of the fleet, whatever is tried on it

	Deployments Yield `yaml:"deployments"`  // what becomes of canaries while the service is deployed; empty: release
	AnswerHooks bool  `yaml:"answer_hooks"` // of deployments that pause

	// ReplacePoisoned lets the controller stop tasks that obey no controller any
	// more, one at a time.
	ReplacePoisoned bool `yaml:"replace_poisoned"`
}

// For returns the policy that governs a rollout of the training job (or try)
// of that name. Exploration is the fleet's, whatever is tried on it.
func (p Policies) For(job string) Policy {
	for _, s := range p.Special {
		for _, pattern := range s.Jobs {
			if ok, _ := path.Match(pattern, job); ok { // patterns are checked by Check
				s.Explore = p.Default.Explore
				return s
			}
		}
	}
	return p.Default
}

// SecondPerson reports whether any of the policies wants one.
func (p Policies) SecondPerson() bool {
	return p.Default.SecondPerson || slices.ContainsFunc(p.Special, func(s Policy) bool { return s.SecondPerson })
}

// Defaults is the policy of a fleet whose file says nothing else.
func Defaults() Policy {
	return Policy{
		Name:         "default",
		Shadow:       ShadowPolicy{Tasks: 16, Sample: 0.02, Soak: 2 * time.Minute},
		Steps:        []Step{{Percent: 5, Soak: 5 * time.Minute, Margin: 0.05}, {Percent: 25, Soak: 10 * time.Minute}},
		Explore:      0.02,
		Buckets:      64,
		Settle:       30 * time.Second,
		MaxCoalesced: 5,
		ArtifactWait: 30 * time.Minute,
		PhaseWait:    2 * time.Hour,
		HoldFor:      24 * time.Hour,
		DataGrace:    time.Minute,
		PromoteWait:  30 * time.Minute,
		PromoteBatch: 8,
		Inconclusive: InconclusivePolicy{Floor: Extend, Borderline: Hold, Starved: Extend, PhaseWaits: 3},
		Losses:       LossPolicy{Unhealthy: 3},
		SwapGuard:    SwapGuard{Ratio: 3, Floor: 20 * time.Millisecond, Requests: 1000},
		Judge:        judge.Policy{WindowBuckets: 20},
	}
}

// JudgeOf is the judge's policy in a canary step: one before the last may be
// content with a wider margin.
func (p Policy) JudgeOf(step int) judge.Policy {
	j := p.Judge
	step = min(step, len(p.Steps)-1)
	if j.Early = step < len(p.Steps)-1; p.Steps[step].Margin == 0 {
		return j
	}
	if usual := j.Sane().Margin; j.Early && p.Steps[step].Margin > usual {
		j.Wider = p.Steps[step].Margin / usual
	}
	j.Margin = p.Steps[step].Margin
	return j
}

// Check returns what is wrong with p, naming the setting and what it may be.
func (p Policy) Check() error {
	share := func(name string, v float64) error {
		if !(v >= 0 && v <= 1) {
			return fmt.Errorf("%s is %v: want a share from 0 to 1", name, v)
		}
		return nil
	}
	for _, err := range []error{share("shadow.sample", p.Shadow.Sample), share("explore", p.Explore)} {
		if err != nil {
			return err
		}
	}
	for _, pattern := range p.Jobs {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("jobs: pattern %q: %w", pattern, err)
		}
	}
	if !p.Shadow.Skip && p.Shadow.Sample == 0 {
		return fmt.Errorf("shadow.sample is 0: say shadow.skip: true to do without the shadow phase")
	}
	if !p.Shadow.Skip && p.Shadow.Tasks < 1 {
		return fmt.Errorf("shadow.tasks is %d: want 1 or more", p.Shadow.Tasks)
	}
	if least := max(16, p.Judge.WindowBuckets); p.Buckets < least || p.Buckets > 64 {
		return fmt.Errorf("buckets is %d: want %d to 64, or one canary task could never fill a window of the judge (judge.window_buckets)", p.Buckets, least)
	}
	for _, err := range []error{p.Inconclusive.check(), p.Budget.check(), p.Losses.check(), p.SwapGuard.check(), p.Judge.Check()} {
		if err != nil {
			return err
		}
	}
	if len(p.Steps) == 0 || len(p.Steps) > 20 {
		return fmt.Errorf("steps has %d entries: want 1 to 20 canary steps", len(p.Steps))
	}
	for i, s := range p.Steps {
		if (s.Tasks > 0) == (s.Percent > 0) || s.Tasks < 0 || s.Percent < 0 || s.Percent > 50 {
			return fmt.Errorf("steps[%d]: want tasks (1 or more) or percent (up to 50), and not both", i)
		}
		if s.Margin < 0 || s.Margin > 0.5 {
			return fmt.Errorf("steps[%d].margin is %v: want a share from 0 to 0.5", i, s.Margin)
		}
	}
	for _, d := range []struct {
		name string
		d    time.Duration
	}{
		{"artifact_wait", p.ArtifactWait},
		{"phase_wait", p.PhaseWait},
		{"hold_for", p.HoldFor},
		{"promote_wait", p.PromoteWait},
	} {
		if d.d <= 0 {
			return fmt.Errorf("%s is %v: want a positive duration such as 30m", d.name, d.d)
		}
	}
	if p.PromoteBatch < 1 {
		return fmt.Errorf("promote_batch is %d: want 1 or more tasks", p.PromoteBatch)
	}
	return nil
}
