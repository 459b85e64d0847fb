package rollout

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/sorting"
)

// Losses is what became of members of the cohorts of canary steps that ECS no
// longer runs. A candidate that makes tasks hang shows nowhere else: ECS ends
// them for their health checks, and they count nothing. Those of the shadow phase
// are remembered only so that people are told why ECS ended them.
type Losses struct {
	Canary  int `json:"canary"`
	Control int `json:"control"`

	// Evidence is the logarithm of the evidence that canary tasks are lost more
	// often than control tasks; At is the loss that it counted last.
	Evidence float64   `json:"evidence"`
	At       time.Time `json:"at"`

	Latest []Loss `json:"latest"` // the newest, oldest first

	// Scheduled is how many ECS ended for reasons of its own. They count no more.
	Scheduled int `json:"scheduled,omitempty"`
}

// Loss is one task that went.
type Loss struct {
	Task      string    `json:"task"`
	Arm       judge.Arm `json:"arm"`
	Shadow    bool      `json:"shadow,omitempty"`    // before any canary step: it says nothing of the candidate, and counts for nothing
	Unhealthy bool      `json:"unhealthy,omitempty"` // ECS ended it for its health checks
	Ended     Reason    `json:"ended,omitempty"`     // ECS ended it for this, which says nothing of the candidate
	Bet       float64   `json:"bet,omitempty"`       // what it has added to the evidence
}

// LossPolicy says when lost canary tasks end a rollout.
type LossPolicy struct {
	Off       bool `yaml:"off"`
	Unhealthy int  `yaml:"unhealthy"` // canaries that ECS ends for their health checks while no control is, or twice as many at any rate: 1 to 32
}

const (
	maxUnhealthy = 32
	maxLosses    = 4 * maxUnhealthy // that are remembered by name: twice the bound, of both arms

	// Losses within lossApart are one event, as tasks of a host go together.
	lossApart = 30 * time.Second

	// The claim that the evidence bets on is that a canary is lost lossOdds
	// times as often as a control task; lossAlpha bounds the false alarms.
	lossOdds  = 10
	lossAlpha = .001
)

// check returns what is wrong with p, naming the setting and what it may be.
func (p LossPolicy) check() error {
	if p.Unhealthy < 1 || p.Unhealthy > maxUnhealthy {
		return fmt.Errorf("losses.unhealthy is %d: want 1 to %d canary tasks; say losses: {off: true} to do without", p.Unhealthy, maxUnhealthy)
	}
	return nil
}

// watchLosses counts the members that ECS no longer runs, before others take
// their places, and notes why ECS ended them: it may say so later. While the
// service is deployed all tasks go, and nothing is made of that; nor of those that
// go in the shadow phase.
func (s *State) watchLosses(seen Observation, now time.Time) {
	r := s.Active
	comparing := r.Comparing()
	if comparing != Canary && comparing != Shadow {
		return
	}
	canaries, controls := len(r.CanaryTasks), len(r.ControlTasks)
	if s.Deployment != nil || comparing == Shadow {
		canaries, controls = 0, 0
	}
	lost := r.lost(seen.Tasks)
	for i := range lost {
		lost[i].Shadow = comparing == Shadow
	}
	r.Losses = r.Losses.with(lost, canaries, controls, now)
	for _, c := range seen.Crashed {
		if i := slices.IndexFunc(r.Losses.Latest, func(l Loss) bool { return l.Task == c.Task }); i >= 0 && c.Unhealthy {
			r.Losses.Latest[i].Unhealthy = true
		}
	}
	for _, why := range []Reason{ScaledIn, Rebalanced, Deploying} {
		if ended := r.Losses.explain(why, seen.Crashed); len(ended) > 0 && why != Deploying {
			s.tell(Event{At: now, Rollout: r.ID, Candidate: r.Candidate, Reason: why, Sentence: r.Losses.scheduled(why, ended)})
		}
	}
}

// lost are the members that run no more.
func (r Rollout) lost(tasks []Task) (lost []Loss) {
	runs := make(map[string]bool, len(tasks))
	for _, t := range tasks {
		runs[t.ID] = true
	}
	for _, id := range slices.Concat(r.CanaryTasks, r.ControlTasks) {
		arm, _ := r.Arm(id)
		if slices.Contains(r.Leaving, id) { // a suspect that nobody has seen with stable yet
			arm = judge.Candidate
		}
		if !runs[id] {
			lost = append(lost, Loss{Task: id, Arm: arm})
		}
	}
	return lost
}

// Lost reports whether a task is, or was lately, a member of the cohorts.
func (s State) Lost(task string) bool {
	r := s.Active
	if r == nil {
		return false
	}
	_, compared := r.Arm(task)
	return compared || slices.ContainsFunc(r.Losses.Latest, func(l Loss) bool { return l.Task == task })
}

// explain takes back what was made of members that ECS ended for a reason of
// its own, and names them.
func (l *Losses) explain(why Reason, ends []Crash) (tasks []string) {
	for _, c := range ends {
		i := slices.IndexFunc(l.Latest, func(one Loss) bool { return one.Task == c.Task })
		if c.Ended != why || i < 0 || l.Latest[i].Ended != "" {
			continue
		}
		one := &l.Latest[i]
		l.Evidence -= one.Bet
		one.Ended, one.Bet = why, 0
		l.count(*one, -1)
		tasks = append(tasks, c.Task)
		if why != Deploying {
			l.Scheduled++
		}
	}
	return tasks
}

// often is from how many on it is worth a word that ECS ends compared tasks.
const often = 3

// scheduled says which members ECS has ended, and why.
func (l Losses) scheduled(why Reason, tasks []string) string {
	what := "to scale in"
	if why == Rebalanced {
		what = "to balance zones"
	}
	say := fmt.Sprintf("ECS ended %s %s (%s); others are compared instead", judge.Some(len(tasks), "compared task"), what, listed(tasks))
	if l.Scheduled >= often {
		say += fmt.Sprintf("; %d so far in this rollout", l.Scheduled)
	}
	return say
}

// with adds what was lost at once. If canary and control tasks are alike, each
// of them is as likely as any other to be the first by name: a bet at the
// cohorts' odds, which nobody can expect to win. Wald's sequential test; by
// Ville's inequality the evidence ever reaches 1/alpha with probability alpha.
func (l Losses) with(lost []Loss, canaries, controls int, now time.Time) Losses {
	l.Latest = slices.Clone(l.Latest)
	if len(lost) == 0 {
		return l
	}
	sorting.By(lost, func(a, b *Loss) int { return cmp.Compare(a.Task, b.Task) })
	first := &lost[0]
	if canaries > 0 && controls > 0 && now.Sub(l.At) >= lossApart {
		chance := float64(canaries) / float64(canaries+controls)
		bet := lossOdds * chance / (lossOdds*chance + 1 - chance)
		if first.Arm == judge.Control {
			chance, bet = 1-chance, 1-bet
		}
		first.Bet = math.Log(bet / chance)
		l.Evidence, l.At = l.Evidence+first.Bet, now
	}
	for _, one := range lost {
		l.count(one, 1)
	}
	l.Latest = append(l.Latest, lost...)
	l.Latest = l.Latest[max(0, len(l.Latest)-maxLosses):]
	return l
}

// count adds a loss to those of its arm, or takes it off again.
func (l *Losses) count(one Loss, by int) {
	switch {
	case one.Shadow:
	case one.Arm == judge.Candidate:
		l.Canary += by
	default:
		l.Control += by
	}
}

// unhealthy counts the members of an arm that ECS ended for their health checks.
func (l Losses) unhealthy(arm judge.Arm) (n int) {
	for _, one := range l.Latest {
		if one.Unhealthy && one.Arm == arm && !one.Shadow {
			n++
		}
	}
	return n
}

// losing reports whether the candidate costs tasks: ECS ends canaries for their
// health checks and no control, or twice as many whatever becomes of controls,
// which score with the candidate too; or more of them go than chance explains.
func (r Rollout) losing(p LossPolicy) (move, bool) {
	l := r.Losses
	ended, controls := l.unhealthy(judge.Candidate), l.unhealthy(judge.Control)
	say := ""
	switch {
	case p.Off:
	case ended >= p.Unhealthy && controls == 0:
		say = fmt.Sprintf("ECS ended %d canary tasks for failed health checks and no control task; %d are enough (losses.unhealthy): look at the log of one of them", ended, p.Unhealthy)
	case ended >= 2*p.Unhealthy:
		say = fmt.Sprintf("ECS ended %d canary tasks for failed health checks; %d are enough (twice losses.unhealthy) though control tasks were ended, too (%d): look at the log of one of them", ended, 2*p.Unhealthy, controls)
	case l.Evidence >= math.Log(1/lossAlpha):
		say = fmt.Sprintf("%d canary tasks were lost and %d control tasks (evidence %.0f, and %.0f is enough): ECS says of each why it stopped", l.Canary, l.Control, math.Exp(l.Evidence), 1/lossAlpha)
	}
	return move{RollingBack, r.Step, CanariesLost, say}, say != ""
}
