package rollout

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// maxTags bounds the tags written in one pass, as ECS throttles them.
const maxTags = 20

// formCohorts chooses the tasks that compare the candidate with stable, and
// keeps those it has chosen for as long as ECS runs them: a canary does not
// wander, and a task that cannot be reached still counts as serving what it
// was told.
func (s *State) formCohorts(seen Observation, p Policy, now time.Time) {
	r := s.Active
	canary, control := 0, 0
	switch r.Comparing() { //nolint:exhaustive // the phases in which tasks are compared
	case Shadow:
		control = min(p.Shadow.Tasks, len(seen.Tasks))
	case Canary:
		canary = canaryTasks(p.Steps[min(r.Step, len(p.Steps)-1)], len(seen.Tasks))
		control = min(canary, len(seen.Tasks)-canary) // those cost no budget
		if r.Sized > 0 {
			canary = min(canary, r.Sized)
		}
	default:
		return
	}
	r.CanaryTasks = s.fill(r.CanaryTasks, r.ControlTasks, canary, seen.Tasks)
	r.ControlTasks = s.fill(r.ControlTasks, r.CanaryTasks, control, seen.Tasks)
	if r.StepSince.IsZero() && r.Phase != Held && s.inPlace(seen, p, canary) {
		r.StepSince = now
	}
}

// Comparing is Shadow or Canary while two releases are being compared, held or
// not.
func (r Rollout) Comparing() Phase {
	if r.Phase == Held {
		return r.HeldFrom
	}
	return r.Phase
}

// Arm says on which side of the comparison a task stands, if on any.
func (r Rollout) Arm(task string) (arm judge.Arm, compared bool) {
	switch {
	case slices.Contains(r.CanaryTasks, task):
		return judge.Candidate, true
	case slices.Contains(r.ControlTasks, task):
		return judge.Control, true
	}
	return "", false
}

// JudgePolicy is the judge's policy for the active rollout: its bands lie
// where the release was meant to bring the filter rate, and early steps may be
// content with a wider one.
func (s State) JudgePolicy(p Policies) judge.Policy {
	r := s.Active
	governs := p.For(r.ID)
	j := governs.Judge
	if step := governs.Steps[min(r.Step, len(governs.Steps)-1)]; step.Margin > 0 && r.Comparing() == Canary {
		j.Margin = step.Margin
	}
	if r.Intended != nil {
		j.Intended, j.IntendedPartners = r.Intended.FilterRate, r.Intended.Partners
	}
	if rate := r.Predicted.FilterRate; rate.Low < rate.High {
		j.Predicted = judge.Interval{Low: rate.Low, High: rate.High}
	}
	copy(j.Reference[:], r.Reference)
	return j
}

// canaryTasks is how many of n tasks a step gives to the candidate: a percent
// is rounded down, but to one task at least, and one task always stays stable.
func canaryTasks(step Step, n int) int {
	k := step.Tasks
	if step.Percent > 0 {
		k = max(1, int(math.Floor(step.Percent/100*float64(n))))
	}
	return max(0, min(k, n-1))
}

// fill keeps the members that still run and adds tasks that obey and answer
// with stable, until there are want.
func (s State) fill(members, others []string, want int, tasks []Task) []string {
	members = slices.DeleteFunc(members, func(id string) bool {
		return !slices.ContainsFunc(tasks, func(t Task) bool { return t.ID == id })
	})
	if len(members) > want {
		return members[:want]
	}
	for _, t := range byID(tasks) {
		if len(members) >= want {
			break
		}
		obeys := t.Reachable && t.Ready && !s.Poisoned(t)
		if obeys && t.Serving == s.Stable && !slices.Contains(members, t.ID) && !slices.Contains(others, t.ID) {
			members = append(members, t.ID)
		}
	}
	return members
}

// inPlace reports whether every member of the cohorts serves what it should.
func (s State) inPlace(seen Observation, p Policy, canary int) bool {
	r := *s.Active
	if len(r.CanaryTasks) < canary || len(r.ControlTasks) == 0 {
		return false
	}
	for _, t := range seen.Tasks {
		member := slices.Contains(r.CanaryTasks, t.ID) || slices.Contains(r.ControlTasks, t.ID)
		if member && !(t.Reachable && s.wanted(t.ID, p).met(t)) {
			return false
		}
	}
	return true
}

// wanted is what the task is to serve now.
func (s State) wanted(task string, p Policy) Assign {
	a := Assign{Task: task, Release: s.Stable, Explore: p.Explore, Buckets: 1}
	r := s.Active
	if r == nil {
		return a
	}
	a.Generation = r.Generation
	shadow := func(other string) {
		a.Buckets = p.Buckets
		if !p.Shadow.Skip {
			a.Shadow, a.Sample = other, p.Shadow.Sample
		}
	}
	switch r.Comparing() { //nolint:exhaustive // in the others, every task serves stable
	case Promoting:
		a.Release = r.Candidate
	case Shadow, Canary:
		if slices.Contains(r.CanaryTasks, task) {
			a.Release = r.Candidate
			shadow(s.Stable)
		} else if slices.Contains(r.ControlTasks, task) {
			shadow(r.Candidate)
		}
	}
	return a
}

// met reports whether a task serves what a wants, and is not about to serve
// something else. Only tasks that are compared
// (those with several buckets) must have begun in a's own generation.
func (a Assign) met(t Task) bool {
	settled := t.Preparing == "" || t.Preparing == a.Release
	return settled && t.Serving == a.Release && t.Shadow == a.Shadow && t.Sample == a.Sample && t.Explore == a.Explore &&
		(a.Buckets == 1 || t.Generation == a.Generation && t.Buckets == a.Buckets)
}

// corrections lists the differences between the world seen and the one wanted.
func corrections(s State, seen Observation, p Policies) []Action {
	governs := p.Default
	if s.Active != nil {
		governs = p.For(s.Active.ID)
	}
	actions := publications(s, seen)
	if len(actions) == 0 { // nothing is assigned before it is stored
		actions = s.assignments(seen, governs)
	}
	actions = s.takeover(actions, seen.Tasks)
	actions = append(actions, s.markings(seen)...)
	actions = append(actions, s.replacement(seen, p)...)
	for _, r := range s.Finished {
		if !slices.Contains(seen.Archived, r.ID) {
			actions = append(actions, Archive{r.ID})
		}
	}
	return actions
}

// publications wants the candidate stored before any task is asked for it.
func publications(s State, seen Observation) []Action {
	r := s.Active
	if r == nil || r.Candidate == "" || slices.Contains(seen.Published, r.Candidate) {
		return nil
	}
	switch r.Phase {
	case Shadow, Canary, Held, Promoting:
		return []Action{Publish{r.ID, r.Candidate}}
	case Queued, Admitting, RollingBack, Live, RolledBack, Refused, Superseded:
	}
	return nil
}

// assignments asks tasks that serve something else than they should. Tasks
// move over to a candidate a few at a time; they move back all at once.
func (s State) assignments(seen Observation, p Policy) (actions []Action) {
	r := s.Active
	if r != nil && r.Phase == Held && r.HeldFrom == Promoting {
		return nil // those that moved have moved, the others wait
	}
	batch := math.MaxInt
	if r != nil && r.Phase == Promoting {
		batch = p.PromoteBatch
	}
	for _, t := range s.inOrder(seen.Tasks) {
		a := s.wanted(t.ID, p)
		if a.Generation == 0 {
			a.Generation = s.Generation
		}
		if a.Release == "" || !t.Reachable || s.Poisoned(t) || a.met(t) {
			continue
		}
		if len(actions) >= batch {
			break
		}
		actions = append(actions, a)
	}
	return actions
}

// inOrder puts the tasks that must leave the candidate before those that must
// take it, so that there are never more of them than wanted, and tasks that
// failed behind the others, so that they hold up nobody.
func (s State) inOrder(tasks []Task) []Task {
	rank := func(t Task) int {
		switch {
		case t.Failure != "":
			return 2
		case s.Active != nil && slices.Contains(s.Active.CanaryTasks, t.ID):
			return 1
		}
		return 0
	}
	return slices.SortedStableFunc(slices.Values(byID(tasks)), func(a, b Task) int { return cmp.Compare(rank(a), rank(b)) })
}

func byID(tasks []Task) []Task {
	return slices.SortedFunc(slices.Values(tasks), func(a, b Task) int { return cmp.Compare(a.ID, b.ID) })
}

// markings keeps what ECS shows and spares in line with what tasks do.
func (s State) markings(seen Observation) (actions []Action) {
	tags := 0
	for _, t := range byID(seen.Tasks) {
		if t.Serving != "" && t.Tag != t.Serving && tags < maxTags {
			tags++
			actions = append(actions, Tag{t.ID, t.Serving})
		}
		if on := s.Active != nil && slices.Contains(s.Active.CanaryTasks, t.ID); on != t.Protected {
			actions = append(actions, Protect{t.ID, on})
		}
	}
	return actions
}
