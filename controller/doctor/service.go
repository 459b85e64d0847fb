package doctor

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// Service is the ECS service of the fleet.
type Service struct {
	Controller   string // of its deployments: ECS, CODE_DEPLOY, EXTERNAL
	Scheduling   string // REPLICA, DAEMON
	Rebalancing  bool   // of zones
	Desired      int
	Running      int
	LeastHealthy int      // percent that stay while it is deployed
	Providers    []string // of capacity
	Ports        []int    // of containers, that load balancers send auctions to
	Groups       []string // target groups, or load balancers
	Launch       string   // EC2, FARGATE, EXTERNAL, where no capacity provider is named
	Classic      bool     // one of the load balancers is of the old kind, without target groups
}

// service is about what ECS does to tasks for reasons of its own.
func service(f Facts) (all []Finding) {
	s := f.Service
	if s == nil {
		return nil
	}
	if s.Controller != "" && s.Controller != "ECS" {
		all = append(all, Finding{
			Doubtful, "deployments", "Deployments of the service are " + s.Controller + "'s: one is known by its second task set alone, and how far it is, ECS does not tell.",
			"Let ECS deploy it (deployment controller ECS), by rolling update, blue/green, linear or canary.", "",
		})
	}
	if s.Scheduling == "DAEMON" {
		all = append(all, Finding{Doubtful, "scheduling", "The service runs one task on each machine (DAEMON): who comes and goes is decided by machines.", "Make it a REPLICA service with a desired count.", ""})
	}
	if s.Rebalancing {
		all = append(all, Finding{
			Doubtful, "rebalancing", "ECS may stop canaries and their controls to balance zones.",
			"Set availabilityZoneRebalancing of the service to DISABLED.", "",
		})
	}
	if spot := slices.IndexFunc(s.Providers, func(p string) bool { return strings.HasSuffix(p, "_SPOT") }); spot >= 0 {
		all = append(all, Finding{
			Doubtful, "spot", "Tasks on " + s.Providers[spot] + " are taken away at two minutes' notice, canaries among them.",
			"Take another capacity provider, or expect steps to begin anew.", strings.Join(s.Providers, ", "),
		})
	}
	if s.Desired < 2 {
		all = append(all, Finding{
			Wrong, "tasks", fmt.Sprintf("The service wants %s: a canary is compared with a control, which takes two.", count(s.Desired, "task")),
			"Raise the desired count to two, better four.", "",
		})
	} else if s.Running < s.Desired {
		all = append(all, Finding{Doubtful, "tasks", fmt.Sprintf("%d of %d tasks run.", s.Running, s.Desired), "See the service's events, and what its stopped tasks say of their end.", ""})
	}
	if len(s.Groups) == 0 {
		all = append(all, Finding{
			Doubtful, "balancer", "No load balancer knows the service: nothing takes tasks out that are not ready.",
			"Attach a target group to the container's port for auctions.", "",
		})
	}
	if s.Classic {
		all = append(all, Finding{
			Untried, "balancer", "A Classic Load Balancer was not looked at.",
			"Put a Network Load Balancer in its place, whose health check can ask another port.", strings.Join(s.Groups, ", "),
		})
	}
	if slices.Contains(s.Ports, f.Asked.ControlPort) {
		all = append(all, Finding{
			Wrong, "balancer", fmt.Sprintf("The load balancer sends auctions to port %d, which is for controllers.", f.Asked.ControlPort),
			"Attach the target group to the port of --listen (9090), or set ecs.control_port.", "",
		})
	}
	if s.LeastHealthy < 50 {
		all = append(all, Finding{
			Doubtful, "deployments", fmt.Sprintf("A deployment may leave %d %% of the tasks.", s.LeastHealthy),
			"Set minimumHealthyPercent to 100, with room above in maximumPercent.", "",
		})
	}
	all = append(all, quota(f.Asked, s.Desired)...)
	if len(all) == 0 {
		all = append(all, Finding{Well, "service", fmt.Sprintf("The service runs %s, and ECS stops none for its own reasons.", count(s.Running, "task")), "", ""})
	}
	return all
}

// tasksPerCall is how many tasks a call of ECS lists or describes.
const tasksPerCall = 100

// quota holds what a look asks of ECS while tasks are replaced against what ECS
// grants.
func quota(a Asked, tasks int) []Finding {
	if a.ReadsPerSecond <= 0 || a.LookEvery <= 0 {
		return nil
	}
	calls := 1 + 2*((tasks+tasksPerCall-1)/tasksPerCall) // the service; tasks, listed and described
	least := time.Duration(float64(calls) / a.ReadsPerSecond * float64(time.Second)).Round(100 * time.Millisecond)
	if a.LookEvery >= least {
		return nil
	}
	return []Finding{{
		Doubtful, "quota", fmt.Sprintf("A look while tasks are replaced takes %d calls of ECS, for which the quota is too small every %v.", calls, a.LookEvery),
		fmt.Sprintf("Set look_every to %v or more, or ask AWS for higher limits of ECS's calls.", max(least, 100*time.Millisecond)), fmt.Sprintf("%g calls a second", a.ReadsPerSecond),
	}}
}

// Definition is the task definition by which the service starts tasks.
type Definition struct {
	Name       string
	Hosted     bool // ports of containers are others on the machine (bridge mode)
	Containers []Container
}

// Container is one of its containers.
type Container struct {
	Name        string
	Ports       []int
	StopTimeout time.Duration // zero: ECS's own
	HealthCheck bool
	Options     map[string]string // flags of sluice task, also where a variable gives them; nil where it is another program
}

// stopTimeout is ECS's own.
const stopTimeout = 30 * time.Second

// definition is about how tasks start and end.
func definition(f Facts) (all []Finding) {
	d := f.Definition
	if d == nil {
		return nil
	}
	c, found := inference(*d, f.Asked)
	if found != nil {
		return []Finding{*found}
	}
	limit, drain := c.StopTimeout, drainOf(c, f.Asked)
	if limit == 0 {
		limit = stopTimeout
	}
	if limit <= drain {
		all = append(all, Finding{
			Wrong, "stop_timeout", fmt.Sprintf("ECS kills a task %v after it asks it to end, and the task takes up to %v: auctions would be cut off.", limit, drain),
			fmt.Sprintf("Set stopTimeout of container %s to %d or more, or shorten --drain-delay and --drain-timeout.", c.Name, int((drain+10*time.Second)/time.Second)), d.Name,
		})
	}
	if !c.HealthCheck {
		all = append(all, Finding{
			Doubtful, "health_check", "ECS does not ask container " + c.Name + " whether it is well: one that hangs stays.",
			`Give it the health check ["CMD", "/sluice", "task", "--health"].`, d.Name,
		})
	}
	all = append(all, options(c, f.Asked, d.Name)...)
	if len(all) == 0 {
		all = append(all, Finding{Well, "definition", "The task definition has the control port, time to drain and a health check.", "", d.Name})
	}
	return all
}

// inference finds the container that answers auctions, or says why there is
// none.
func inference(d Definition, a Asked) (Container, *Finding) {
	var ports []string
	for _, c := range d.Containers {
		if a.Container == c.Name || a.Container == "" && slices.Contains(c.Ports, a.ControlPort) {
			if !slices.Contains(c.Ports, a.ControlPort) {
				return c, &Finding{
					Wrong, "control_port", fmt.Sprintf("Container %s does not map the control port %d.", c.Name, a.ControlPort),
					"Map it in the task definition, or set ecs.control_port to the port of --control-listen.", fmt.Sprintf("%s maps %v", d.Name, c.Ports),
				}
			}
			return c, nil
		}
		ports = append(ports, fmt.Sprintf("%s maps %v", c.Name, c.Ports))
	}
	if a.Container != "" {
		return Container{}, &Finding{Wrong, "container", fmt.Sprintf("The task definition has no container %q.", a.Container), "Set ecs.container to one that it has, or leave it out.", strings.Join(ports, ", ")}
	}
	return Container{}, &Finding{
		Wrong, "control_port", fmt.Sprintf("No container maps the control port %d: controllers reach no task.", a.ControlPort),
		"Map it in the task definition, or set ecs.control_port to the port of --control-listen.", strings.Join(ports, ", "),
	}
}

// drainOf is how long a task may take to end.
func drainOf(c Container, a Asked) time.Duration {
	delay, rest := a.DrainDelay, a.Drain-a.DrainDelay
	if d, err := time.ParseDuration(c.Options["drain-delay"]); err == nil {
		delay = d
	}
	if d, err := time.ParseDuration(c.Options["drain-timeout"]); err == nil {
		rest = d
	}
	return delay + rest
}

// options holds what tasks are started with against the fleet file.
func options(c Container, a Asked, at string) (all []Finding) {
	if got := c.Options["fleet"]; got != "" && got != a.Fleet {
		all = append(all, Finding{
			Wrong, "fleet", fmt.Sprintf("Tasks belong to fleet %q, and the fleet file says %q: they would begin with another fleet's release.", got, a.Fleet),
			"Give both the same name.", at,
		})
	}
	if got := c.Options["bucket"]; got != "" && got != a.Bucket {
		all = append(all, Finding{
			Wrong, "bucket", fmt.Sprintf("Tasks read from bucket %s, and controllers write to %s: no task would find a release.", got, a.Bucket),
			"Give both the same --bucket.", at,
		})
	}
	if got := c.Options["control-listen"]; got != "" && !strings.HasSuffix(got, fmt.Sprintf(":%d", a.ControlPort)) {
		all = append(all, Finding{
			Wrong, "control_port", fmt.Sprintf("Tasks listen for controllers at %s, and the fleet file says port %d.", got, a.ControlPort),
			"Set ecs.control_port to the port of --control-listen.", at,
		})
	}
	return all
}

// Task is one that was asked how it stands.
type Task struct {
	ID, Address string
	Trouble     string // in words; empty where it answered
	Closed      bool   // nothing listens there, or nothing comes through
	Unprotected string // why ECS would not protect it from scale-in; empty where it would
}

// few is how many tasks are named of many.
const few = 3

// tasks is about the way to them. Where they are asked on the wrong port, which is
// told already, nothing follows from a closed one.
func tasks(f Facts, ported bool) (all []Finding) {
	var answered, closed, lost, refusing, unprotected []string
	why := map[string]string{}
	for _, t := range f.Tasks {
		to := &answered
		switch {
		case t.Trouble == "":
		case t.Address == "":
			to = &lost
		case t.Closed:
			to = &closed
		default:
			to = &refusing
		}
		*to, why[t.ID] = append(*to, t.ID), t.Trouble
		if t.Unprotected != "" {
			unprotected = append(unprotected, t.ID)
		}
	}
	of := func(tasks []string) string { return fmt.Sprintf("%d of %d tasks", len(tasks), len(f.Tasks)) }
	if len(closed) > 0 && ported {
		all = append(all, Finding{
			Wrong, "reach", "The control port of " + of(closed) + " is not reached from here: " + some(closed) + ".",
			"See that tasks listen there (--control-listen), and that their security group lets the controllers' in; run this where controllers run.", why[closed[0]],
		})
	}
	if len(refusing) > 0 {
		all = append(all, Finding{
			Wrong, "token", of(refusing) + " do not take us for a controller, or are none: " + some(refusing) + ".",
			"Give this and the tasks the same --control-token-file and --control-ca.", why[refusing[0]],
		})
	}
	if len(lost) > 0 {
		all = append(all, Finding{Wrong, "address", "Nobody knows where " + of(lost) + " are: " + some(lost) + ".", "", why[lost[0]]})
	}
	if len(unprotected) > 0 {
		all = append(all, Finding{
			Wrong, "protection", "ECS would not protect " + of(unprotected) + " from scale-in: " + some(unprotected) + ".",
			"Let the service start them, and stop those that were run by hand.", "",
		})
	}
	if len(answered) > 0 {
		all = append(all, Finding{Well, "reach", of(answered) + " answered on their control port.", "", ""})
	} else if len(f.Tasks) == 0 {
		all = append(all, Finding{Untried, "reach", "No task was asked on its control port, as none is known that runs.", "", ""})
	}
	return all
}

func some(names []string) string {
	if more := len(names) - few; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), more)
	}
	return strings.Join(names, ", ")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Jobs are the names of the training jobs that completed last.
type Jobs struct {
	Completed []string
	All       bool // there are no others
}

// jobs is about the patterns by which models are found.
func jobs(f Facts) (all []Finding) {
	if f.Jobs == nil {
		return nil
	}
	for _, pattern := range f.Asked.Jobs {
		matches := func(name string) bool { is, _ := path.Match(pattern, name); return is } // it was checked
		if slices.ContainsFunc(f.Jobs.Completed, matches) {
			continue
		}
		saw := "there is none"
		if n := len(f.Jobs.Completed); n > 0 {
			saw = fmt.Sprintf("the last %d are %s", n, some(f.Jobs.Completed))
		}
		severity := Doubtful
		if !f.Jobs.All {
			severity = Untried
		}
		all = append(all, Finding{
			severity, "jobs", fmt.Sprintf("No completed training job is called as the pattern %q says.", pattern),
			"Compare jobs of the fleet file with the names that your pipeline gives; before the first model nothing needs doing.", saw,
		})
	}
	if len(all) == 0 {
		all = append(all, Finding{Well, "jobs", "Every pattern of jobs has matched a completed training job.", "", ""})
	}
	return all
}
