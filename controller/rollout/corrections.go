package rollout

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/sorting"
)

// maxTags bounds the tags written in one pass, as ECS throttles them.
const maxTags = 20

// formCohorts chooses the tasks that compare the candidate with stable, and
// keeps those it has chosen for as long as ECS runs them: a canary does not
// wander, and a task that cannot be reached still counts as serving what it
// was told.
func (s *State) formCohorts(seen Observation, p Policy, at time.Time) {
	r := s.Active
	n := len(InTraffic(seen.Tasks))
	var now, next sizes    // of the cohorts, and of those that come after them
	switch r.Comparing() { //nolint:exhaustive // the phases in which tasks are compared
	case Shadow:
		now.control = min(p.Shadow.Tasks, n)
		next = r.sizes(0, n, p)
	case Canary:
		now = r.sizes(r.Step, n, p)
		if !r.last(p) {
			next = r.sizes(r.Step+1, n, p)
		}
	default:
		return
	}
	was := cohorts{r.CanaryTasks, r.ControlTasks}
	now, next = now.within(was, seen.Tasks), next.within(was, seen.Tasks)
	now.late = min(now.canary, s.strays(seen.Tasks))
	before := r.CanaryTasks
	s.choose(now, next, p, seen.Tasks)
	s.watchLeaving(before, seen.Tasks)
	if r.StepSince.IsZero() && r.Phase != Held && s.inPlace(seen, p, now.canary) {
		r.StepSince = at
	}
}

// sizes are those of a canary step's cohorts. Controls cost no budget.
func (r Rollout) sizes(step, tasks int, p Policy) (want sizes) {
	want.canary, want.control = p.Steps[min(step, len(p.Steps)-1)].Cohorts(tasks)
	if r.Sized > 0 {
		want.canary = min(want.canary, r.Sized)
	}
	return want
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

// Arms says it of all that are compared: for those who ask for every task of a
// large fleet.
func (r Rollout) Arms() map[string]judge.Arm {
	arms := make(map[string]judge.Arm, len(r.CanaryTasks)+len(r.ControlTasks))
	for _, id := range r.ControlTasks {
		arms[id] = judge.Control
	}
	for _, id := range r.CanaryTasks {
		arms[id] = judge.Candidate
	}
	return arms
}

// Gathers names the tasks that gather their past: see PastTasks.
func (r Rollout) Gathers() map[string]bool {
	gathers := make(map[string]bool, len(r.PastTasks))
	for _, id := range r.PastTasks {
		gathers[id] = true
	}
	return gathers
}

// past is the arm of tasks that are compared with nobody yet.
const past judge.Arm = "past"

// arms are those of the active rollout, with tasks that gather their past;
// none without one.
func (s State) arms() map[string]judge.Arm {
	if s.Active == nil {
		return nil
	}
	arms := s.Active.Arms()
	for _, id := range s.Active.PastTasks {
		arms[id] = past
	}
	return arms
}

// JudgePolicy is the judge's policy for the active rollout: its bands lie
// where the release was meant to bring the filter rate, and early steps may be
// content with a wider one.
func (s State) JudgePolicy(p Policies) judge.Policy {
	r := s.Active
	governs := p.For(r.ID)
	j := governs.Judge
	if r.Comparing() == Canary {
		j = governs.JudgeOf(r.Step)
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

// strays counts the tasks that are no canaries and answer with the candidate all
// the same, or might: others take their places once they have left it.
func (s State) strays(tasks []Task) int {
	has := func(t Task) bool {
		return s.candidateOn(t) || slices.Contains(s.Unseen, t.ID) || !t.Reachable && slices.Contains(s.Active.Leaving, t.ID)
	}
	n := count(tasks, has)
	for _, id := range s.Active.CanaryTasks {
		if at, runs := find(tasks, id); runs && has(tasks[at]) {
			n--
		}
	}
	return n
}

// candidateOn reports whether a task is seen to answer with something else than
// stable, or to be about to.
func (s State) candidateOn(t Task) bool {
	return t.Serving != "" && t.Serving != s.Stable || t.Preparing == s.Active.Candidate
}

// watchLeaving remembers who was a canary until it is seen without the
// candidate: one that cannot be reached still counts as serving what it was told.
func (s *State) watchLeaving(canaries []string, tasks []Task) {
	r := s.Active
	for _, id := range canaries {
		if !slices.Contains(r.CanaryTasks, id) && !slices.Contains(r.Leaving, id) {
			r.Leaving = append(r.Leaving, id)
		}
	}
	r.Leaving = slices.DeleteFunc(r.Leaving, func(id string) bool {
		at, runs := find(tasks, id)
		return !runs || slices.Contains(r.CanaryTasks, id) || tasks[at].Reachable && !s.candidateOn(tasks[at])
	})
}

// find looks for a task among those that are sorted by id.
func find(tasks []Task, id string) (at int, found bool) {
	return slices.BinarySearchFunc(tasks, id, func(t Task, id string) int { return cmp.Compare(t.ID, id) })
}

// inPlace reports whether every member of the cohorts serves what it should.
func (s State) inPlace(seen Observation, p Policy, canary int) bool {
	r := *s.Active
	if len(r.CanaryTasks) < canary || len(r.ControlTasks) == 0 {
		return false
	}
	arms := r.Arms()
	for _, t := range seen.Tasks {
		arm, member := arms[t.ID]
		if member && !(t.Reachable && s.wanted(t.ID, arm, p).met(t)) {
			return false
		}
	}
	return true
}

// wanted is what a task of that arm, if of any, is to serve now.
func (s State) wanted(task string, arm judge.Arm, p Policy) Assign {
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
		switch arm {
		case judge.Candidate:
			a.Release = r.Candidate
			shadow(s.Stable)
		case judge.Control:
			shadow(r.Candidate)
		case past:
			a.Buckets = p.Buckets // and the candidate is not even loaded: it has not earned so many tasks
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
	arms := s.arms()
	for t := range inOrder(seen.Tasks, arms) {
		a := s.wanted(t.ID, arms[t.ID], p)
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
func inOrder(tasks []Task, arms map[string]judge.Arm) iter.Seq[Task] {
	rank := func(t Task) int {
		switch {
		case t.Failure != "":
			return 2
		case arms[t.ID] == judge.Candidate:
			return 1
		}
		return 0
	}
	return func(yield func(Task) bool) {
		for turn := range 3 {
			for _, t := range tasks {
				if rank(t) == turn && !yield(t) {
					return
				}
			}
		}
	}
}

// ByID returns the tasks in the order of their ids: as they are, if they are.
func ByID(tasks []Task) []Task {
	order := func(a, b Task) int { return cmp.Compare(a.ID, b.ID) }
	if slices.IsSortedFunc(tasks, order) {
		return tasks
	}
	tasks = slices.Clone(tasks)
	sorting.By(tasks, func(a, b *Task) int { return order(*a, *b) })
	return tasks
}

// markings keeps what ECS shows in line with what tasks do.
func (s State) markings(seen Observation) (actions []Action) {
	tags := 0
	for _, t := range seen.Tasks {
		if t.Serving != "" && t.Tag != t.Serving && tags < maxTags {
			tags++
			actions = append(actions, Tag{t.ID, t.Serving})
		}
	}
	return actions
}
