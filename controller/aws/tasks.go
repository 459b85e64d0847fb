package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/sorting"
)

const (
	tasksPerCall = 100    // what ListTasks, DescribeTasks and GetTaskProtection take
	maxTasks     = 20_000 // of one service; ECS itself allows 5,000
	callsAtOnce  = 4      // DescribeTasks sustains about 20 a second

	// ReleaseTag is the key under which a task shows what it serves.
	ReleaseTag = "sluice:release"

	// PrivateAddressAttribute is the attribute by which a container instance
	// tells its private address, for tasks in bridge or host mode, where EC2 may
	// not be asked. Set it in the instance's user data:
	// ECS_INSTANCE_ATTRIBUTES={"sluice.private-ipv4":"10.0.1.5"}.
	PrivateAddressAttribute = "sluice.private-ipv4"
)

// TasksOptions name an ECS service and how to reach its tasks.
type TasksOptions struct {
	Cluster string
	Service string

	// ControlPort is the port in the container on which a task is controlled.
	ControlPort int

	// Container is the one that answers auctions; empty: whichever maps the
	// control port.
	Container string

	// Every is how often ECS is asked whether any task has come or gone; in between
	// List tells what it knows. Zero: each time.
	Every time.Duration

	// Unknown is told once when the instance types of EC2 tasks cannot be asked
	// for, and why; nil: nobody is.
	Unknown func(why error)

	// Unstaged is told once when we may not ask how far a deployment is that shifts
	// traffic, and why; nil: nobody is.
	Unstaged func(why error)
}

var _ controller.Tasks = (*Tasks)(nil)

// Tasks are the tasks of one ECS service.
type Tasks struct {
	client *Client
	o      TasksOptions

	looking sync.Mutex // held while ECS is asked for what runs
	roster  roster

	mu         sync.Mutex
	arns       map[string]string // by task id, of the last listing
	hosts      hosts
	protection protection
	ends       ends
	endsAt     time.Time         // when they were listed; zero: there are more
	containers map[string]string // that answers auctions, by task definition
	service    service
	revisions  map[string]string // task definitions, by service revision
}

// Tasks finds the tasks of a service.
func (c *Client) Tasks(o TasksOptions) *Tasks {
	c.services.enter(place{Cluster: o.Cluster, Service: o.Service})
	return &Tasks{client: c, o: o, arns: map[string]string{}, containers: map[string]string{}, revisions: map[string]string{}}
}

func (t *Tasks) at() place { return place{Cluster: t.o.Cluster, Service: t.o.Service} }

// List implements controller.Tasks. A task whose address cannot be found out
// is listed with Error set. Protected is true while at least half of the time is
// left for which Protect asks, so that whoever wants it on asks again.
// Tasks come ordered by ID.
func (t *Tasks) List(ctx context.Context) (tasks []rollout.Task, desired int, err error) {
	described, desired, err := t.members(ctx)
	if err != nil {
		return nil, 0, err
	}
	t.remember(described)
	known := t.resolve(ctx, described)
	protected := t.protected(ctx, described)
	for _, d := range described {
		task := rollout.Task{
			ID: id(aws.ToString(d.TaskArn)), Tag: tag(d), StartedAt: aws.ToTime(d.StartedAt).UTC(),
			Stratum: stratum(d, known),
		}
		task.ProtectedUntil = protected[task.ID]
		task.Protected = time.Until(task.ProtectedUntil) >= rollout.GuardFor/2
		if task.Address, err = address(d, t.o.ControlPort, known); err != nil {
			task.Error = err.Error()
		}
		tasks = append(tasks, task)
	}
	sorting.By(tasks, func(a, b *rollout.Task) int { return strings.Compare(a.ID, b.ID) })
	return tasks, desired, nil
}

// list returns the ARNs of tasks that ECS means to keep running, or to end.
func (t *Tasks) list(ctx context.Context, desired types.DesiredStatus) ([]string, error) {
	pages := ecs.NewListTasksPaginator(t.client.ecs, &ecs.ListTasksInput{
		Cluster: &t.o.Cluster, ServiceName: &t.o.Service,
		DesiredStatus: desired, MaxResults: aws.Int32(tasksPerCall),
	})
	var arns []string
	for pages.HasMorePages() {
		page, err := t.nextPage(ctx, pages)
		if err != nil {
			return nil, explain("list tasks", t.at(), err)
		}
		if arns = append(arns, page.TaskArns...); len(arns) > maxTasks {
			return nil, fmt.Errorf("list tasks of %v: more than %d: split the fleet", t.at(), maxTasks)
		}
	}
	return arns, nil
}

func (t *Tasks) nextPage(ctx context.Context, pages *ecs.ListTasksPaginator) (*ecs.ListTasksOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, t.client.timeout)
	defer cancel()
	return pages.NextPage(ctx)
}

// running returns the tasks that run. One that has gone since it was listed is
// left out.
func (t *Tasks) running(ctx context.Context, arns []string) ([]types.Task, error) {
	described, err := t.describe(ctx, arns)
	return slices.DeleteFunc(described, func(d types.Task) bool {
		return aws.ToString(d.LastStatus) != "RUNNING" || aws.ToString(d.TaskArn) == ""
	}), err
}

// describe returns the tasks of which ECS knows still.
func (t *Tasks) describe(ctx context.Context, arns []string) ([]types.Task, error) {
	batches := slices.Collect(slices.Chunk(arns, tasksPerCall))
	described := make([][]types.Task, len(batches))
	err := t.eachBatch(ctx, batches, func(ctx context.Context, i int) error {
		out, err := t.client.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{
			Cluster: &t.o.Cluster, Tasks: batches[i], Include: []types.TaskField{types.TaskFieldTags},
		})
		if err != nil {
			return explain("describe tasks", t.at(), err)
		}
		described[i] = out.Tasks
		return nil
	})
	return slices.Concat(described...), err
}

// eachBatch makes a few calls at once, each with its own deadline.
func (t *Tasks) eachBatch(ctx context.Context, batches [][]string, call func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(callsAtOnce)
	for i := range batches {
		g.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, t.client.timeout)
			defer cancel()
			return call(ctx, i)
		})
	}
	return g.Wait()
}

func (t *Tasks) remember(described []types.Task) {
	arns := make(map[string]string, len(described))
	for _, d := range described {
		arns[id(*d.TaskArn)] = *d.TaskArn
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.arns = arns
}

// Tag implements controller.Tasks. ErrNotFound when there is no such task any
// more.
func (t *Tasks) Tag(ctx context.Context, task, release string) error {
	ctx, cancel := context.WithTimeout(ctx, t.client.timeout)
	defer cancel()
	arn, err := t.arn(ctx, task)
	if err != nil {
		return err
	}
	_, err = t.client.ecs.TagResource(ctx, &ecs.TagResourceInput{
		ResourceArn: &arn, Tags: []types.Tag{{Key: aws.String(ReleaseTag), Value: &release}},
	})
	if gone(err) {
		return fmt.Errorf("tag task %s: %w", task, controller.ErrNotFound)
	}
	if err == nil {
		t.tagged(arn, release)
	}
	return explain("tag task "+task, t.at(), err)
}

// maxReason bounds what ECS takes as the reason of a stop.
const maxReason = 255

// Stop implements controller.Tasks. ErrNotFound when there is no such task any
// more.
func (t *Tasks) Stop(ctx context.Context, task, why string) error {
	ctx, cancel := context.WithTimeout(ctx, t.client.timeout)
	defer cancel()
	_, err := t.client.ecs.StopTask(ctx, &ecs.StopTaskInput{Cluster: &t.o.Cluster, Task: &task, Reason: aws.String(why[:min(len(why), maxReason)])})
	if gone(err) {
		return fmt.Errorf("stop task %s: %w", task, controller.ErrNotFound)
	}
	return explain("stop task "+task, t.at(), err)
}

// gone reports whether ECS refused because a task has ended.
func gone(err error) bool {
	var parameter *types.InvalidParameterException
	var resource *types.ResourceNotFoundException
	return errors.As(err, &resource) ||
		errors.As(err, &parameter) && strings.Contains(strings.ToLower(parameter.ErrorMessage()), "not found")
}

// arn finds the ARN of a task, of which the last listing knew most.
func (t *Tasks) arn(ctx context.Context, task string) (string, error) {
	t.mu.Lock()
	arn, ok := t.arns[task]
	t.mu.Unlock()
	if ok {
		return arn, nil
	}
	described, err := t.running(ctx, []string{task})
	if err != nil {
		return "", err
	}
	if len(described) == 0 {
		return "", fmt.Errorf("find task %s in %v: %w", task, t.at(), controller.ErrNotFound)
	}
	return *described[0].TaskArn, nil
}

// id is the last part of a task's ARN.
func id(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

func tag(d types.Task) string {
	for _, tag := range d.Tags {
		if aws.ToString(tag.Key) == ReleaseTag {
			return aws.ToString(tag.Value)
		}
	}
	return ""
}
