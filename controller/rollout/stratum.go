package rollout

import (
	"cmp"
	"strings"
)

// Stratum is where and as what a task runs, as ECS tells it: tasks of one
// stratum get the same clients and do the same work at the same pace, so that
// they can be compared. What is not known is empty.
type Stratum struct {
	Zone             string `json:"zone,omitempty"`              // availability zone
	CapacityProvider string `json:"capacity_provider,omitempty"` // else the launch type: FARGATE, EC2 or EXTERNAL
	InstanceType     string `json:"instance_type,omitempty"`     // of EC2; "fargate" for Fargate
	Revision         string `json:"revision,omitempty"`          // of the task definition, family:revision
	Deployment       string `json:"deployment,omitempty"`        // of the service, that started the task
}

// String names the stratum for people, and as a key: no two that ECS tells of
// have one name. It is empty where nothing is known.
func (s Stratum) String() string {
	var known []string
	for _, part := range []string{s.Zone, s.CapacityProvider, s.InstanceType, s.Revision, s.Deployment} {
		if part != "" {
			known = append(known, part)
		}
	}
	return strings.Join(known, " ")
}

// build is what a task runs: the same for tasks of one revision that one
// deployment has started, whose releases alone may differ.
func (s Stratum) build() Stratum { return Stratum{Revision: s.Revision, Deployment: s.Deployment} }

// wide is the stratum in which tasks are still alike, whatever machine they run
// on.
func (s Stratum) wide() Stratum {
	return Stratum{Zone: s.Zone, Revision: s.Revision, Deployment: s.Deployment}
}

// commonBuild is the build that most tasks run which get auctions, and how many
// those are; of two with as many, the one that the cohorts run.
func commonBuild(c cohorts, tasks []Task) (most Stratum, n int) {
	counts, members := map[Stratum]int{}, map[Stratum]int{}
	arms := Rollout{CanaryTasks: c.canary, ControlTasks: c.control}.Arms()
	for i := range tasks {
		t := &tasks[i]
		if t.Idle {
			continue
		}
		b := t.Stratum.build()
		if counts[b]++; arms[t.ID] != "" {
			members[b]++
		}
	}
	for b, has := range counts {
		order := cmp.Or(cmp.Compare(has, n), cmp.Compare(members[b], members[most]), cmp.Compare(b.String(), most.String()))
		if order > 0 {
			most, n = b, has
		}
	}
	return most, n
}

// within is what of that many members can be found among tasks of one build.
// Where all tasks are of one, that is all of them.
func (w sizes) within(c cohorts, tasks []Task) sizes {
	_, n := commonBuild(c, tasks)
	if n == len(InTraffic(tasks)) {
		return w
	}
	w.canary = min(w.canary, max(1, n/2))
	w.control = min(w.control, n-min(w.canary, n))
	return w
}
