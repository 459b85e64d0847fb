package aws

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/sluicehq/sluice/controller"
)

const (
	// protectFor is how long a task stays protected if nobody asks again, so
	// that a controller that is gone for good keeps no task alive.
	protectFor = time.Hour

	// protectionFresh is how long ECS is not asked anew who is protected:
	// it would double the calls of a listing.
	protectionFresh = time.Minute
)

// protection is what is known of scale-in protection.
type protection struct {
	until   map[string]time.Time // by task id; those protected
	readAt  time.Time            // zero: ask ECS
	changes int                  // made by us so far
}

// Protect implements controller.Tasks. ErrNotFound when there is no such task
// any more.
func (t *Tasks) Protect(ctx context.Context, task string, on bool) error {
	ctx, cancel := context.WithTimeout(ctx, t.client.timeout)
	defer cancel()
	in := &ecs.UpdateTaskProtectionInput{Cluster: &t.o.Cluster, Tasks: []string{task}, ProtectionEnabled: on}
	if on {
		in.ExpiresInMinutes = aws.Int32(int32(protectFor / time.Minute))
	}
	out, err := t.client.ecs.UpdateTaskProtection(ctx, in)
	t.mu.Lock()
	t.protection.readAt = time.Time{} // whatever came of it: look
	t.protection.changes++
	t.mu.Unlock()
	if gone(err) {
		return fmt.Errorf("protect task %s: %w", task, controller.ErrNotFound)
	}
	if err != nil {
		return explain("protect task "+task, t.at(), err)
	}
	return refusal(task, out.Failures)
}

func refusal(task string, failures []types.Failure) error {
	if len(failures) == 0 {
		return nil
	}
	reason, detail := aws.ToString(failures[0].Reason), aws.ToString(failures[0].Detail)
	if reason == "MISSING" {
		return fmt.Errorf("protect task %s: %w", task, controller.ErrNotFound)
	}
	return fmt.Errorf("protect task %s: ECS refuses: %s %s", task, reason, detail)
}

// protected tells which tasks are protected for long enough. Who is protected
// must never stand in the way of a rollback: when ECS cannot say, what is
// known stands, and the next Protect tells why.
func (t *Tasks) protected(ctx context.Context, described []types.Task) map[string]bool {
	now := time.Now()
	t.mu.Lock()
	known := t.protection
	t.mu.Unlock()
	if known.until == nil || now.Sub(known.readAt) >= protectionFresh {
		if until, err := t.readProtection(ctx, described); err == nil {
			known.until, known.readAt = until, now
			t.note(known)
		}
	}
	is := map[string]bool{}
	for task, until := range known.until {
		is[task] = until.Sub(now) >= protectFor/2
	}
	return is
}

// note keeps what was read, unless we have changed it meanwhile.
func (t *Tasks) note(read protection) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.protection.changes == read.changes {
		t.protection = read
	}
}

func (t *Tasks) readProtection(ctx context.Context, described []types.Task) (map[string]time.Time, error) {
	ids := make([]string, len(described))
	for i, d := range described {
		ids[i] = id(*d.TaskArn)
	}
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
