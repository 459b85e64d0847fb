package aws

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/sorting"
)

// newlyEnded bounds the ended tasks that one call looks at for the first time:
// after a deployment of a large service, the others follow.
const newlyEnded = 5 * tasksPerCall

// The exit codes of a container that was asked to end. A host that shuts down
// asks its containers so before ECS hears of it, and they end as if by
// themselves. When one container has ended, ECS asks the others, and kills
// those that do not listen.
const (
	exitedWell = 0
	terminated = 143 // 128 + SIGTERM
	killed     = rollout.Killed
)

// ends remembers what became of tasks that have ended, by ARN; nil for those
// that did not crash.
type ends map[string]*rollout.Crash

// Crashed implements controller.Tasks. ECS shows ended tasks for about an hour;
// it is asked for them while tasks come and go, and now and then.
func (t *Tasks) Crashed(ctx context.Context) ([]rollout.Crash, error) {
	t.mu.Lock()
	known, at := t.ends, t.endsAt
	t.mu.Unlock()
	began := time.Now()
	if !at.IsZero() && !t.mayHaveEnded(len(known), began.Sub(at)) {
		return known.crashes(), nil
	}
	arns, err := t.list(ctx, types.DesiredStatusStopped)
	if err != nil {
		return nil, err
	}
	fresh := slices.DeleteFunc(slices.Clone(arns), func(arn string) bool {
		_, is := known[arn]
		return is
	})
	described, err := t.describe(ctx, fresh[:min(len(fresh), newlyEnded)])
	if err != nil {
		return nil, err
	}
	containers, err := t.containersOf(ctx, described)
	if err != nil {
		return nil, err
	}
	rebalanced := t.rebalanced()
	now := ends{}
	for _, arn := range arns { // those that ECS no longer shows are forgotten
		if crash, is := known[arn]; is {
			now[arn] = crash
		}
	}
	for _, d := range described {
		if crash, sure := crashOf(d, containers[aws.ToString(d.TaskArn)], rebalanced); sure {
			now[aws.ToString(d.TaskArn)] = crash
		}
	}
	t.mu.Lock()
	t.ends, t.endsAt = now, began
	if len(fresh) > newlyEnded {
		t.endsAt = time.Time{}
	}
	t.mu.Unlock()
	return now.crashes(), nil
}

// crashes lists them, the oldest first.
func (e ends) crashes() (all []rollout.Crash) {
	for _, c := range e {
		if c != nil {
			all = append(all, *c)
		}
	}
	sorting.By(all, func(a, b *rollout.Crash) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return strings.Compare(a.Task, b.Task)
	})
	return all
}

// crashOf returns the crash by which a task ended, or that it was unhealthy, or
// that ECS ended it for a reason of its own; nil if it ended otherwise. container
// is the one that answers auctions, empty where any might. It is not
// sure while ECS still waits to hear how its containers ended.
func crashOf(d types.Task, container string, rebalanced map[string]bool) (crash *rollout.Crash, sure bool) {
	over := aws.ToString(d.LastStatus) == "STOPPED"
	why := aws.ToString(d.StoppedReason)
	if d.StopCode == types.TaskStopCodeServiceSchedulerInitiated && unhealthy(why) {
		return &rollout.Crash{Task: id(aws.ToString(d.TaskArn)), Unhealthy: true, Why: why, At: stoppedAt(d)}, true
	}
	if ended := scheduled(d, rebalanced); ended != "" {
		return &rollout.Crash{Task: id(aws.ToString(d.TaskArn)), Ended: ended, Why: why, At: stoppedAt(d)}, true
	}
	if d.StopCode != types.TaskStopCodeEssentialContainerExited || strings.HasPrefix(why, "Host ") {
		return nil, over || d.StopCode != ""
	}
	c, found := firstToEnd(d.Containers, container)
	if !found {
		return nil, over
	}
	if c.Reason != nil {
		why += ": " + *c.Reason
	}
	name := aws.ToString(c.Name)
	return &rollout.Crash{
		Task: id(aws.ToString(d.TaskArn)), Container: name, Beside: container != "" && name != container,
		ExitCode: int(*c.ExitCode), Why: why, At: stoppedAt(d),
	}, true
}

// unhealthy reports whether a service ended a task for what a load balancer or
// the container's own check said of it.
func unhealthy(why string) bool {
	why = strings.ToLower(why)
	return strings.Contains(why, "health check") || strings.Contains(why, "unhealthy")
}

func stoppedAt(d types.Task) time.Time {
	if d.ExecutionStoppedAt != nil {
		return d.ExecutionStoppedAt.UTC()
	}
	return aws.ToTime(d.StoppedAt).UTC()
}

// firstToEnd is the container whose end ended its task: the one that answers
// auctions if it ended by itself, else another one that did. One that was
// killed beside one with an exit code of its own did not listen to ECS.
func firstToEnd(containers []types.Container, inference string) (first types.Container, found bool) {
	for _, c := range containers {
		code := int(aws.ToInt32(c.ExitCode))
		if c.ExitCode == nil || code == exitedWell || code == terminated {
			continue
		}
		mine := inference == "" || aws.ToString(c.Name) == inference
		switch own := byItself(c); {
		case !found, own && !byItself(first), mine && own == byItself(first):
			first, found = c, true
		}
	}
	return first, found
}

// byItself reports whether a container's last words prove that nobody else
// ended it.
func byItself(c types.Container) bool {
	return rollout.Crash{ExitCode: int(aws.ToInt32(c.ExitCode)), Why: aws.ToString(c.Reason)}.Own()
}
