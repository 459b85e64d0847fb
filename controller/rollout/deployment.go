package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Deployment is a deployment of the fleet's service that is under way, as ECS
// tells it: it starts tasks of one revision and stops those of others.
type Deployment struct {
	ID       string    `json:"id"`                 // by which its tasks say that they were started: ecs-svc/...
	Revision string    `json:"revision,omitempty"` // of the task definition that it starts, family:revision
	Strategy string    `json:"strategy,omitempty"` // ROLLING, BLUE_GREEN, LINEAR or CANARY
	Stage    string    `json:"stage,omitempty"`    // of its lifecycle, where ECS tells one
	Since    time.Time `json:"since"`

	// Idle are the deployments whose tasks get no auctions, this one's or those that
	// it replaces.
	Idle []string `json:"idle,omitempty"`

	// Hook is the PAUSE hook at which it waits for an answer; nil for none.
	Hook *Hook `json:"hook,omitempty"`
}

// Hook is a PAUSE hook of a deployment that waits for an answer.
type Hook struct {
	ID      string    `json:"id"`
	Of      string    `json:"of"`                // ARN of the service deployment
	Until   time.Time `json:"until,omitzero"`    // when ECS goes on without an answer
	Timeout string    `json:"timeout,omitempty"` // what ECS does then: CONTINUE or ROLLBACK
}

// Yield is what becomes of canaries while the service is deployed.
type Yield string

// The ways to make room for a deployment. In both of them nothing advances, and
// no task is protected from it.
const (
	FreeCanaries Yield = "release" // they go back to stable at once, and the step begins anew after it
	KeepCanaries Yield = "pause"   // they stay what they are until ECS replaces them
)

// Sentence says what is deployed, and since when.
func (d Deployment) Sentence() string {
	how := ""
	if d.Strategy != "" {
		how = d.Strategy + ", "
	}
	return fmt.Sprintf("ECS deploys %s (%ssince %s)", cmp.Or(d.Revision, d.ID), how, moment(d.Since))
}

// watchDeployment tells when a deployment begins and when it is over. What is
// not known stays as it was.
func (s *State) watchDeployment(seen Observation, now time.Time) {
	if !seen.DeploymentKnown {
		return
	}
	was, is := s.Deployment, seen.Deployment
	s.Deployment = is
	switch {
	case is != nil && (was == nil || was.ID != is.ID):
		s.tell(Event{At: now, Reason: Deploying, Sentence: is.Sentence()})
	case is == nil && was != nil:
		s.tell(Event{At: now, Reason: Deployed, Sentence: "the deployment of " + cmp.Or(was.Revision, was.ID) + " is over"})
	}
}

// waitsForDeployment reports whether r waits until the service has been
// deployed. The first release does not: its tasks may take auctions only once
// they have one, and the deployment may wait for just that.
func (s State) waitsForDeployment(r Rollout) bool {
	return s.Deployment != nil && !r.BrokeGlass && s.Stable != ""
}

// yield makes room for a deployment. Nobody is chosen until it is over: a task
// that takes the place of another would be replaced in its turn.
func (s *State) yield(how Yield, tasks []Task) {
	r := s.Active
	comparing := r.Comparing()
	if comparing != Shadow && comparing != Canary {
		return
	}
	before := r.CanaryTasks
	canary, control := running(r.CanaryTasks, tasks), running(r.ControlTasks, tasks)
	stands := len(control) > 0 && (len(canary) > 0 || comparing == Shadow)
	switch {
	case how == KeepCanaries && stands:
		r.CanaryTasks, r.ControlTasks, r.PastTasks = canary, control, running(r.PastTasks, tasks)
	case len(r.CanaryTasks)+len(r.ControlTasks) > 0:
		s.dissolve(r)
	}
	s.watchLeaving(before, tasks)
}

// dissolve lets every member go. Whoever comes after them starts together,
// under a generation of their own.
func (s *State) dissolve(r *Rollout) {
	s.Generation++
	r.Generation, r.StepSince, r.InvalidSince, r.TooFewSince = s.Generation, time.Time{}, time.Time{}, time.Time{}
	r.CanaryTasks, r.ControlTasks, r.PastTasks = nil, nil, nil
}

// InTraffic are the tasks that get auctions: not those of a deployment which has
// not shifted any to them yet, or no longer.
func InTraffic(tasks []Task) []Task {
	idle := func(t Task) bool { return t.Idle }
	if !slices.ContainsFunc(tasks, idle) {
		return tasks
	}
	return slices.DeleteFunc(slices.Clone(tasks), idle)
}

// Without notes which tasks get no auctions; nil: no deployment keeps any from
// them.
func (d *Deployment) Without(tasks []Task) {
	for i := range tasks {
		tasks[i].Idle = d != nil && slices.Contains(d.Idle, tasks[i].Stratum.Deployment)
	}
}
