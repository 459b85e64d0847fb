package ecs

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Tasks that end by themselves so soon after their start count as failed, and
// after the first their replacements wait, doubling up to the longest wait.
const (
	failedWithin = 5 * time.Second
	firstWait    = 250 * time.Millisecond
	longestWait  = 30 * time.Second
)

// reconcile moves every service one step towards what it should be.
func (s *Server) reconcile(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || ctx.Err() != nil {
		return
	}
	now := time.Now()
	s.forgetStopped(ctx, now)
	for _, key := range slices.Sorted(maps.Keys(s.services)) {
		if *s.services[key].Status == inactive {
			s.forgetDeleted(ctx, key, now)
			continue
		}
		s.forgetDeployments(ctx, s.services[key], keepDeployments)
		if err := s.schedule(ctx, key, now); err != nil {
			s.config.Log.ErrorContext(ctx, "service not scheduled; it is tried again", "service", key, "err", err)
		}
	}
}

// schedule does what plan says. mu is held.
func (s *Server) schedule(ctx context.Context, key string, now time.Time) error {
	v := *s.services[key]
	if d := s.current(&v); d != nil && d.LifecycleStage != "" && *v.Status == active && s.advance(&v, d, now) {
		if err := s.commitService(&v); err != nil {
			return err
		}
		s.poke()
	}
	for _, g := range s.goals(&v) {
		if err := s.reach(ctx, &v, g, now); err != nil {
			return err
		}
	}
	if err := s.balance(&v, now); err != nil {
		return err
	}
	s.services[key].Events = v.Events
	return s.settle(key, now)
}

// reach starts and stops tasks towards a goal. mu is held.
func (s *Server) reach(ctx context.Context, v *service, g goal, now time.Time) error {
	at := slices.IndexFunc(v.Deployments, func(d types.Deployment) bool { return *d.Id == g.deployment })
	p := v.Deployments[at]
	start, stop := plan(g, s.members(v, now))
	if len(stop) > 0 {
		var ending []*task
		reasons := map[string][]*task{}
		for _, taskID := range stop {
			t := s.tasks[taskID]
			reason := fmt.Sprintf("Scaling activity initiated by (deployment %s)", *p.Id)
			if t.HealthStatus == types.HealthStatusUnhealthy {
				reason = "Task failed container health checks"
			}
			ending, reasons[reason] = append(ending, t), append(reasons[reason], t)
		}
		for reason, tasks := range reasons {
			if err := s.stop(types.TaskStopCodeServiceSchedulerInitiated, reason, tasks...); err != nil {
				return err
			}
		}
		v.note(now, "has stopped %d running tasks: %s.", len(ending), ids(ending))
	}
	if start > 0 && !now.Before(v.notBefore) {
		d, err := s.findDefinition(*p.TaskDefinition)
		if err != nil {
			return err
		}
		started, err := s.startTasks(ctx, order{
			cluster: shortName(*v.ClusterArn), definition: d, startedBy: *p.Id, group: "service:" + *v.ServiceName,
			tags: propagated(v, d), launchType: v.LaunchType, strategy: v.CapacityProviderStrategy, network: v.NetworkConfiguration, count: start,
		})
		if err != nil {
			return err
		}
		v.note(now, "has started %d tasks: %s.", len(started), ids(started))
	}
	return nil
}

// balanceAfter is how long a service is steady before its tasks are moved to
// zones that have fewer.
const balanceAfter = 5 * time.Second

// balance stops a task of the zone that has most, where another lacks two: the
// next one starts there. mu is held.
func (s *Server) balance(v *service, now time.Time) error {
	settled := len(v.Deployments) == 1 && v.Deployments[0].RolloutState == types.DeploymentRolloutStateCompleted
	calm := len(v.Events) > 0 && now.Sub(*v.Events[0].CreatedAt) >= balanceAfter
	if v.AvailabilityZoneRebalancing != types.AvailabilityZoneRebalancingEnabled || !settled || !calm || *v.Status != active {
		return nil
	}
	zones := map[string][]*task{}
	for _, zone := range s.zonesOf(v) {
		zones[zone] = nil
	}
	running := 0
	for _, m := range s.members(v, now) {
		t := s.tasks[m.id]
		if running++; m.healthy && !m.protected {
			zones[aws.ToString(t.AvailabilityZone)] = append(zones[aws.ToString(t.AvailabilityZone)], t)
		}
	}
	order := slices.SortedFunc(maps.Keys(zones), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(zones[a]), len(zones[b])), cmp.Compare(a, b))
	})
	least, most := order[0], order[len(order)-1]
	if running != int(v.DesiredCount) || len(zones[most])-len(zones[least]) < 2 {
		return nil
	}
	t := slices.MaxFunc(zones[most], func(a, b *task) int { return a.CreatedAt.Compare(*b.CreatedAt) })
	if err := s.stop(types.TaskStopCodeServiceSchedulerInitiated, fmt.Sprintf("Scaling activity initiated by (deployment %s)", *v.Deployments[0].Id), t); err != nil {
		return err
	}
	v.note(now, "has stopped 1 running tasks in Availability Zone %s due to AZ Rebalancing: %s.", most, ids([]*task{t}))
	return nil
}

// zonesOf are those in which a service's tasks may run.
func (s *Server) zonesOf(v *service) []string {
	d, err := s.findDefinition(*v.TaskDefinition)
	if err != nil {
		return s.config.Zones
	}
	return s.allowed(order{definition: d, network: v.NetworkConfiguration})
}

func ids(tasks []*task) string {
	var names []string
	for _, t := range tasks {
		names = append(names, "(task "+id(t)+")")
	}
	return strings.Join(names, " ")
}

func propagated(v *service, d *definition) []types.Tag {
	switch v.PropagateTags {
	case types.PropagateTagsService:
		return v.Tags
	case types.PropagateTagsTaskDefinition:
		return d.tags
	case types.PropagateTagsNone:
	}
	return nil
}

func (s *Server) members(v *service, now time.Time) []member {
	var members []member
	for _, t := range s.tasksOf(v) {
		if status(t) == stopping {
			continue
		}
		d, err := s.findDefinition(*t.TaskDefinitionArn)
		checked := err == nil && d.ContainerDefinitions[0].HealthCheck != nil
		members = append(members, member{
			id: id(t), deployment: aws.ToString(t.StartedBy), created: *t.CreatedAt,
			healthy:   status(t) == running && (!checked || t.HealthStatus == types.HealthStatusHealthy),
			failing:   t.HealthStatus == types.HealthStatusUnhealthy,
			protected: *v.Status == active && isProtected(t, now),
		})
	}
	return members
}

// settle records what has been reached: deployments without tasks are over, a
// deleted service without tasks is gone.
func (s *Server) settle(key string, now time.Time) error {
	v := *s.services[key]
	live := map[string]int{}
	for _, t := range s.tasksOf(&v) {
		live[aws.ToString(t.StartedBy)]++
	}
	done := *s.services[key].Deployments[0].Id
	deployments := slices.DeleteFunc(slices.Clone(v.Deployments), func(d types.Deployment) bool { return *d.Id != done && live[*d.Id] == 0 })
	changed := len(deployments) != len(v.Deployments) || len(v.Events) > 0 && v.Events[0].CreatedAt.Equal(now)
	v.Deployments = deployments
	counts := s.seen(&v)
	steady := len(deployments) == 1 && counts.RunningCount == v.DesiredCount && counts.PendingCount == 0
	if steady && deployments[0].RolloutState != types.DeploymentRolloutStateCompleted {
		deployments[0].RolloutState, deployments[0].UpdatedAt = types.DeploymentRolloutStateCompleted, aws.Time(now)
		v.note(now, "has reached a steady state.")
		changed = true
		s.arrived(&v, now)
	}
	if *v.Status == draining && len(live) == 0 {
		v.Status, changed = aws.String(inactive), true
		deployments[0].UpdatedAt = aws.Time(now)
	}
	if !changed {
		return nil
	}
	return s.commitService(&v)
}

// forgetStopped drops tasks that ended more than an hour ago, with their logs.
func (s *Server) forgetStopped(ctx context.Context, now time.Time) {
	var old []string
	for taskID, t := range s.tasks {
		if status(t) == stopped && now.Sub(*t.StoppedAt) > keepStopped {
			old = append(old, taskID)
		}
	}
	if err := s.store.forget(tasksName, old...); err != nil {
		s.config.Log.ErrorContext(ctx, "old tasks not forgotten; it is tried again", "err", err)
		return
	}
	for _, taskID := range old {
		delete(s.tasks, taskID)
		if err := os.RemoveAll(s.taskDir(taskID)); err != nil {
			s.config.Log.ErrorContext(ctx, "old logs not removed", "task", taskID, "err", err)
		}
	}
}

// forgetDeleted drops a service that was gone for good more than an hour ago.
func (s *Server) forgetDeleted(ctx context.Context, key string, now time.Time) {
	if now.Sub(*s.services[key].Deployments[0].UpdatedAt) <= keepStopped {
		return
	}
	if err := s.store.forget(servicesName, key); err != nil {
		s.config.Log.ErrorContext(ctx, "deleted service not forgotten; it is tried again", "service", key, "err", err)
		return
	}
	s.forgetDeployments(ctx, s.services[key], 0)
	delete(s.services, key)
}

// stop asks tasks to end. Those that have been asked already are left alone.
// mu is held.
func (s *Server) stop(code types.TaskStopCode, reason string, tasks ...*task) error {
	var ending []*task
	for _, t := range tasks {
		if st := status(t); st == pending || st == running {
			ending = append(ending, t.asked(time.Now(), code, reason))
		}
	}
	if err := s.commit(ending...); err != nil {
		return err
	}
	for _, t := range ending {
		if p, ok := s.processes[id(t)]; ok {
			p.stop(s.stopTimeout(t))
		}
	}
	return nil
}

func (s *Server) stopTimeout(t *task) time.Duration {
	d, err := s.findDefinition(*t.TaskDefinitionArn)
	if err != nil || d.ContainerDefinitions[0].StopTimeout == nil {
		return 30 * time.Second
	}
	return time.Duration(*d.ContainerDefinitions[0].StopTimeout) * time.Second
}

// exited records that a task's process has ended.
func (s *Server) exited(ctx context.Context, taskID string, code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.processes, taskID)
	t := s.tasks[taskID]
	now := time.Now()
	if status(t) != stopping && now.Sub(*t.StartedAt) < failedWithin {
		s.countFailure(t, now)
	}
	end := t.stopped(now, types.TaskStopCodeEssentialContainerExited, "Essential container in task exited", aws.Int32(int32(code)))
	s.observe(ctx, end)
	s.poke()
}

// observe takes over what has happened, whether or not it can be saved: after
// a restart, tasks that were not saved as stopped are stopped anyway.
func (s *Server) observe(ctx context.Context, tasks ...*task) {
	for _, t := range tasks {
		s.tasks[id(t)] = t
	}
	if err := s.store.saveTasks(tasks...); err != nil {
		s.config.Log.ErrorContext(ctx, "task state not saved", "err", err)
	}
}

// countFailure puts the service's next start off.
func (s *Server) countFailure(t *task, now time.Time) {
	v, ok := s.services[clusterOf(t)+"/"+serviceOf(t)]
	if !ok {
		return
	}
	if v.failures > 0 {
		v.notBefore = now.Add(min(firstWait<<min(v.failures-1, 10), longestWait))
	}
	v.failures++
}
