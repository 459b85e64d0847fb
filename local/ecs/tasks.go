package ecs

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// lastStatus is where a task stands.
type lastStatus string

const (
	pending  lastStatus = "PENDING"
	running  lastStatus = "RUNNING"
	stopping lastStatus = "STOPPING"
	stopped  lastStatus = "STOPPED"
)

func status(t *task) lastStatus { return lastStatus(*t.LastStatus) }

// at is a copy of t with another status.
func (t *task) at(now lastStatus) *task {
	n := &task{Task: t.Task, protected: t.protected}
	n.LastStatus = aws.String(string(now))
	n.Version++
	n.Containers = slices.Clone(t.Containers)
	for i := range n.Containers {
		n.Containers[i].LastStatus = n.LastStatus
	}
	return n
}

// asked is a copy of t that has been asked to end.
func (t *task) asked(now time.Time, code types.TaskStopCode, reason string) *task {
	n := t.at(stopping)
	n.DesiredStatus, n.StoppingAt = aws.String(string(stopped)), aws.Time(now)
	n.StopCode, n.StoppedReason = code, aws.String(reason)
	return n
}

// stopped is a copy of t that has ended. code and reason count unless it had
// been asked to end for another.
func (t *task) stopped(now time.Time, code types.TaskStopCode, reason string, exit *int32) *task {
	n := t
	if status(t) != stopping {
		n = t.asked(now, code, reason)
	}
	n = n.at(stopped)
	n.StoppedAt, n.ExecutionStoppedAt, n.Connectivity = aws.Time(now), aws.Time(now), types.ConnectivityDisconnected
	for i := range n.Containers {
		n.Containers[i].ExitCode = exit
	}
	n.protected = nil
	return n
}

func (s *Server) listTasks(_ context.Context, in *ecs.ListTasksInput) (*ecs.ListTasksOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cluster, err := s.clusterName(in.Cluster)
	if err != nil {
		return nil, err
	}
	if name := aws.ToString(in.ServiceName); name != "" {
		if _, err := s.findService(cluster, name); err != nil {
			return nil, err
		}
	}
	var arns []string
	for _, t := range s.tasks {
		if clusterOf(t) == cluster && wanted(t, in) {
			arns = append(arns, *t.TaskArn)
		}
	}
	arns, next, err := page(arns, in.NextToken, in.MaxResults)
	return &ecs.ListTasksOutput{TaskArns: arns, NextToken: next}, err
}

func wanted(t *task, in *ecs.ListTasksInput) bool {
	desired := in.DesiredStatus
	if desired == "" {
		desired = types.DesiredStatusRunning
	}
	return *t.DesiredStatus == string(desired) &&
		(in.ServiceName == nil || serviceOf(t) == shortName(*in.ServiceName)) &&
		(in.StartedBy == nil || aws.ToString(t.StartedBy) == *in.StartedBy) &&
		(in.LaunchType == "" || t.LaunchType == in.LaunchType) &&
		(in.ContainerInstance == nil || shortName(aws.ToString(t.ContainerInstanceArn)) == shortName(*in.ContainerInstance)) &&
		(in.Family == nil || familyOf(t) == *in.Family)
}

func familyOf(t *task) string {
	name := shortName(*t.TaskDefinitionArn)
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == ':' {
			return name[:i]
		}
	}
	return name
}

func (s *Server) describeTasks(_ context.Context, in *ecs.DescribeTasksInput) (*ecs.DescribeTasksOutput, error) {
	if n := len(in.Tasks); n == 0 || n > describeTasksLimit {
		return nil, invalid("Tasks must have 1 to %d members, not %d.", describeTasksLimit, n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	cluster, err := s.clusterName(in.Cluster)
	if err != nil {
		return nil, err
	}
	out := &ecs.DescribeTasksOutput{Tasks: []types.Task{}, Failures: []types.Failure{}}
	for _, name := range in.Tasks {
		t, ok := s.tasks[shortName(name)]
		if !ok || clusterOf(t) != cluster {
			out.Failures = append(out.Failures, missing(name))
			continue
		}
		seen := t.Task
		if !slices.Contains(in.Include, types.TaskFieldTags) {
			seen.Tags = nil
		}
		out.Tasks = append(out.Tasks, seen)
	}
	return out, nil
}

func (s *Server) runTask(ctx context.Context, in *ecs.RunTaskInput) (*ecs.RunTaskOutput, error) {
	count := int(aws.ToInt32(in.Count))
	if count < 0 || count > 10 {
		return nil, invalid("Count must be between 1 and 10, not %d.", count)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	cluster, err := s.clusterName(in.Cluster)
	if err != nil {
		return nil, err
	}
	d, err := s.usable(aws.ToString(in.TaskDefinition))
	if err != nil {
		return nil, err
	}
	if err := s.checkStrategy(cluster, in.CapacityProviderStrategy, in.LaunchType); err != nil {
		return nil, err
	}
	order := order{
		cluster: cluster, definition: d, startedBy: aws.ToString(in.StartedBy), group: aws.ToString(in.Group),
		tags: in.Tags, overrides: in.Overrides, launchType: in.LaunchType, strategy: in.CapacityProviderStrategy, network: in.NetworkConfiguration, count: max(count, 1),
	}
	if order.group == "" {
		order.group = "family:" + *d.Family
	}
	if in.PropagateTags == types.PropagateTagsTaskDefinition {
		order.tags = mergeTags(d.tags, in.Tags)
	}
	tasks, err := s.startTasks(ctx, order)
	out := &ecs.RunTaskOutput{Tasks: []types.Task{}, Failures: []types.Failure{}}
	for _, t := range tasks {
		out.Tasks = append(out.Tasks, t.Task)
	}
	return out, err
}

func (s *Server) stopTask(_ context.Context, in *ecs.StopTaskInput) (*ecs.StopTaskOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cluster, err := s.clusterName(in.Cluster)
	if err != nil {
		return nil, err
	}
	t, ok := s.tasks[shortName(aws.ToString(in.Task))]
	if !ok || clusterOf(t) != cluster {
		return nil, invalid("The referenced task was not found: %s.", aws.ToString(in.Task))
	}
	reason := aws.ToString(in.Reason)
	if reason == "" {
		reason = "Task stopped by user"
	}
	if err := s.stop(types.TaskStopCodeUserInitiated, reason, t); err != nil {
		return nil, err
	}
	return &ecs.StopTaskOutput{Task: &s.tasks[id(t)].Task}, nil
}

func (s *Server) updateTaskProtection(_ context.Context, in *ecs.UpdateTaskProtectionInput) (*ecs.UpdateTaskProtectionOutput, error) {
	minutes := aws.ToInt32(in.ExpiresInMinutes)
	if in.ExpiresInMinutes == nil {
		minutes = 120
	}
	if minutes < 1 || minutes > 2880 {
		return nil, invalid("expiresInMinutes must be between 1 and 2880, not %d.", minutes)
	}
	if n := len(in.Tasks); n == 0 || n > protectLimit {
		return nil, invalid("Tasks must have 1 to %d members, not %d.", protectLimit, n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, failures, err := s.serviceTasks(in.Cluster, in.Tasks)
	if err != nil {
		return nil, err
	}
	if in.ProtectionEnabled {
		found, failures = s.protectable(found, failures)
	}
	var changed []*task
	for _, t := range found {
		n := &task{Task: t.Task}
		if in.ProtectionEnabled {
			n.protected = aws.Time(time.Now().Add(time.Duration(minutes) * time.Minute))
		}
		changed = append(changed, n)
	}
	if err := s.commit(changed...); err != nil {
		return nil, err
	}
	s.poke()
	return &ecs.UpdateTaskProtectionOutput{ProtectedTasks: shown(changed), Failures: failures}, nil
}

// protectable are the tasks that can be protected: no more of a service than it
// keeps. mu is held.
func (s *Server) protectable(tasks []*task, failures []types.Failure) ([]*task, []types.Failure) {
	now, more := time.Now(), map[string]int{}
	var can []*task
	for _, t := range tasks {
		v := s.services[clusterOf(t)+"/"+serviceOf(t)]
		if v == nil {
			can = append(can, t)
			continue
		}
		are := more[serviceKey(v)]
		for _, o := range s.tasksOf(v) {
			if isProtected(o, now) {
				are++
			}
		}
		if !isProtected(t, now) {
			are++
		}
		if are > int(v.DesiredCount) {
			failures = append(failures, types.Failure{
				Arn: t.TaskArn, Reason: aws.String("DEPLOYMENT_BLOCKED"),
				Detail: aws.String("The service has more protected tasks than its desired count."),
			})
			continue
		}
		if can = append(can, t); !isProtected(t, now) {
			more[serviceKey(v)]++
		}
	}
	return can, failures
}

func (s *Server) getTaskProtection(_ context.Context, in *ecs.GetTaskProtectionInput) (*ecs.GetTaskProtectionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := in.Tasks
	if len(names) == 0 {
		for _, t := range s.tasks {
			if status(t) != stopped && serviceOf(t) != "" {
				names = append(names, *t.TaskArn)
			}
		}
		slices.Sort(names)
	}
	found, failures, err := s.serviceTasks(in.Cluster, names)
	if err != nil {
		return nil, err
	}
	return &ecs.GetTaskProtectionOutput{ProtectedTasks: shown(found), Failures: failures}, nil
}

// serviceTasks are those of the names that protection applies to.
func (s *Server) serviceTasks(cluster *string, names []string) (found []*task, failures []types.Failure, err error) {
	name, err := s.clusterName(cluster)
	if err != nil {
		return nil, nil, err
	}
	failures = []types.Failure{}
	for _, n := range names {
		t, ok := s.tasks[shortName(n)]
		switch {
		case !ok || clusterOf(t) != name || status(t) == stopped:
			failures = append(failures, missing(n))
		case serviceOf(t) == "":
			failures = append(failures, types.Failure{
				Arn: t.TaskArn, Reason: aws.String("TASK_NOT_VALID"),
				Detail: aws.String("The task does not belong to a service."),
			})
		default:
			found = append(found, t)
		}
	}
	return found, failures, nil
}

func shown(tasks []*task) []types.ProtectedTask {
	out := []types.ProtectedTask{}
	for _, t := range tasks {
		p := types.ProtectedTask{TaskArn: t.TaskArn, ProtectionEnabled: isProtected(t, time.Now())}
		if p.ProtectionEnabled {
			p.ExpirationDate = t.protected
		}
		out = append(out, p)
	}
	return out
}

func isProtected(t *task, now time.Time) bool { return t.protected != nil && now.Before(*t.protected) }

// commit saves tasks and only then shows them. mu is held.
func (s *Server) commit(tasks ...*task) error {
	if err := s.store.saveTasks(tasks...); err != nil {
		return err
	}
	for _, t := range tasks {
		s.tasks[id(t)] = t
	}
	return nil
}
