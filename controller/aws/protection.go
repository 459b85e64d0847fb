package aws

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/rollout"
)

const (
	protectPerCall = 10 // tasks that UpdateTaskProtection takes

	// protectionFresh is how long ECS is not asked anew who is protected:
	// it would double the calls of a listing.
	protectionFresh = time.Minute

	// protectionApart is by how much two ends of a protection may differ and be
	// the same: ECS tells them in seconds.
	protectionApart = 2 * time.Second

	// refusedAgain and refusedLongest are how long ECS is not asked again to
	// protect a task that it refused to: twice as long each time, up to the longest.
	refusedAgain   = 10 * time.Second
	refusedLongest = 5 * time.Minute
)

// What ECS answers where it does not protect a task.
const (
	reasonMissing  = "MISSING"
	reasonNotValid = "TASK_NOT_VALID"
	reasonBlocked  = "DEPLOYMENT_BLOCKED"
)

// protection is what is known of scale-in protection.
type protection struct {
	until   map[string]time.Time // by task id; those protected
	readAt  time.Time            // zero: ask ECS
	changes int                  // made by us so far
	refused map[string]refusal   // by task id
}

// refusal is that ECS did not protect a task.
type refusal struct {
	reason, detail string
	again          time.Time // when it is asked again
	wait           time.Duration
}

// Protect implements controller.Tasks. ErrNotFound when there is no such task
// any more. What ECS refuses is asked for again with growing waits, and told
// meanwhile.
func (t *Tasks) Protect(ctx context.Context, tasks []string, on bool) error {
	tasks, waiting := t.due(tasks, on)
	if !on {
		var err error
		if tasks, err = t.stillOurs(ctx, tasks); err != nil {
			return err
		}
	}
	batches := slices.Collect(slices.Chunk(tasks, protectPerCall))
	var mu sync.Mutex
	refused := waiting
	err := t.eachBatch(ctx, batches, func(ctx context.Context, i int) error {
		failures, err := t.protect(ctx, batches[i], on)
		mu.Lock()
		refused = append(refused, failures...)
		mu.Unlock()
		return err
	})
	return errors.Join(err, refusals(refused))
}

// protect makes one call, and takes over what came of it.
func (t *Tasks) protect(ctx context.Context, tasks []string, on bool) ([]types.Failure, error) {
	in := &ecs.UpdateTaskProtectionInput{Cluster: &t.o.Cluster, Tasks: tasks, ProtectionEnabled: on}
	if on {
		in.ExpiresInMinutes = aws.Int32(int32(rollout.GuardFor / time.Minute))
	}
	out, err := t.client.ecs.UpdateTaskProtection(ctx, in)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.protection.changes++
	if err != nil {
		t.protection.readAt = time.Time{} // whatever came of it: look
		if gone(err) {
			return nil, fmt.Errorf("protect task %s: %w", strings.Join(tasks, ", "), controller.ErrNotFound)
		}
		return nil, explain("protect task "+strings.Join(tasks, ", "), t.at(), err)
	}
	if t.protection.until == nil {
		t.protection.until = map[string]time.Time{}
	}
	for _, p := range out.ProtectedTasks {
		task := id(aws.ToString(p.TaskArn))
		delete(t.protection.refused, task)
		if delete(t.protection.until, task); p.ProtectionEnabled && p.ExpirationDate != nil {
			t.protection.until[task] = *p.ExpirationDate
		}
	}
	for _, f := range out.Failures {
		t.refuse(f, time.Now())
	}
	if len(out.ProtectedTasks)+len(out.Failures) < len(tasks) {
		t.protection.readAt = time.Time{}
	}
	return out.Failures, nil
}

// refuse remembers what ECS did not do. mu is held.
func (t *Tasks) refuse(f types.Failure, now time.Time) {
	task, reason := id(aws.ToString(f.Arn)), aws.ToString(f.Reason)
	if reason == reasonMissing {
		return // the next listing is without it
	}
	if t.protection.refused == nil {
		t.protection.refused = map[string]refusal{}
	}
	wait := min(max(2*t.protection.refused[task].wait, refusedAgain), refusedLongest)
	if reason == reasonNotValid {
		wait = 365 * 24 * time.Hour // a task never becomes another service's
	}
	t.protection.refused[task] = refusal{reason: reason, detail: aws.ToString(f.Detail), again: now.Add(wait), wait: wait}
}

// due takes out the tasks for which ECS was asked not long ago in vain, and says
// what it said. Whoever is let go is not kept waiting.
func (t *Tasks) due(tasks []string, on bool) (due []string, waiting []types.Failure) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, task := range tasks {
		if r, is := t.protection.refused[task]; on && is && now.Before(r.again) {
			waiting = append(waiting, types.Failure{Arn: &task, Reason: &r.reason, Detail: &r.detail})
			continue
		}
		due = append(due, task)
	}
	return due, waiting
}

// stillOurs takes out the tasks whose protection is another than it was when it
// was known to be ours: somebody has set it meanwhile. Where we may not ask, what
// is known counts.
func (t *Tasks) stillOurs(ctx context.Context, tasks []string) ([]string, error) {
	if len(tasks) == 0 {
		return nil, nil
	}
	t.mu.Lock()
	before := t.protection.changes
	t.mu.Unlock()
	now, err := t.readProtection(ctx, tasks)
	if err != nil {
		if unavailable(err) {
			return nil, err
		}
		return tasks, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if before != t.protection.changes {
		return tasks, nil // by us
	}
	return slices.DeleteFunc(slices.Clone(tasks), func(task string) bool {
		until, known := t.protection.until[task]
		theirs := known && now[task].Sub(until).Abs() > protectionApart && !now[task].IsZero()
		if theirs {
			t.protection.until[task] = now[task]
		}
		return theirs
	}), nil
}

// refusals says what ECS did not do, and what helps: a sentence for each reason.
func refusals(failures []types.Failure) error {
	by := map[string][]types.Failure{}
	for _, f := range failures {
		by[aws.ToString(f.Reason)] = append(by[aws.ToString(f.Reason)], f)
	}
	var errs []error
	for _, reason := range slices.Sorted(maps.Keys(by)) {
		var names []string
		for _, f := range by[reason] {
			names = append(names, id(aws.ToString(f.Arn)))
		}
		slices.Sort(names)
		errs = append(errs, refused(reason, some(names), aws.ToString(by[reason][0].Detail)))
	}
	return errors.Join(errs...)
}

// some names a few tasks of many.
func some(names []string) string {
	const few = 3
	if more := len(names) - few; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), more)
	}
	return strings.Join(names, ", ")
}

func refused(reason, tasks, detail string) error {
	says := strings.TrimSuffix("AWS says "+reason+": "+detail, ": ")
	switch reason {
	case reasonMissing:
		return fmt.Errorf("protect task %s: %w", tasks, controller.ErrNotFound)
	case reasonNotValid:
		return fmt.Errorf("protect task %s: ECS protects only tasks that a service keeps: let the service start them, and stop those that were run by hand (%s)", tasks, says)
	case reasonBlocked:
		return fmt.Errorf("protect task %s: a deployment is under way that protected tasks hold up, or as many are protected as the service keeps: let the deployment end, raise the desired count, or end the protection of others (aws ecs get-task-protection names them); it is tried again (%s)", tasks, says)
	}
	return fmt.Errorf("protect task %s: ECS refuses; it is tried again (%s)", tasks, says)
}

// protected tells until when tasks are protected. Who is protected must never
// stand in the way of a rollback: when ECS cannot say, what is known stands, and
// the next Protect tells why.
func (t *Tasks) protected(ctx context.Context, described []types.Task) map[string]time.Time {
	now := time.Now()
	t.mu.Lock()
	known := t.protection
	t.mu.Unlock()
	if known.until == nil || now.Sub(known.readAt) >= protectionFresh {
		ids := make([]string, len(described))
		for i, d := range described {
			ids[i] = id(*d.TaskArn)
		}
		if until, err := t.readProtection(ctx, ids); err == nil {
			t.note(until, known.changes, now)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	is := make(map[string]time.Time, len(t.protection.until))
	for task, until := range t.protection.until {
		if until.After(now) {
			is[task] = until
		}
	}
	return is
}

// note keeps what was read, unless we have changed it meanwhile, and forgets
// what ECS refused for tasks that are gone.
func (t *Tasks) note(until map[string]time.Time, changes int, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.protection.changes == changes {
		t.protection.until, t.protection.readAt = until, now
	}
	for task := range t.protection.refused {
		if _, runs := t.arns[task]; !runs {
			delete(t.protection.refused, task)
		}
	}
}

func (t *Tasks) readProtection(ctx context.Context, ids []string) (map[string]time.Time, error) {
	batches := slices.Collect(slices.Chunk(ids, tasksPerCall))
	answers := make([][]types.ProtectedTask, len(batches))
	err := t.eachBatch(ctx, batches, func(ctx context.Context, i int) error {
		out, err := t.client.ecs.GetTaskProtection(ctx, &ecs.GetTaskProtectionInput{Cluster: &t.o.Cluster, Tasks: batches[i]})
		if err != nil {
			return explain("read task protection", t.at(), err)
		}
		answers[i] = out.ProtectedTasks
		return nil
	})
	until := map[string]time.Time{}
	for _, p := range slices.Concat(answers...) {
		if p.ProtectionEnabled && p.ExpirationDate != nil {
			until[id(aws.ToString(p.TaskArn))] = *p.ExpirationDate
		}
	}
	return until, err
}
