package aws

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"

	"github.com/sluicehq/sluice/controller"
)

// quotas are what ECS lets all callers of an account and region ask together,
// by kind of call: at once, and every second for good. A share of each is ours.
func quotas(share float64) []*quota {
	all := []*quota{
		{name: "cluster_reads", burst: 100, rate: 20, operations: []string{"ListTasks", "DescribeTasks", "DescribeContainerInstances"}},
		{name: "service_reads", burst: 100, rate: 20, operations: []string{"DescribeServices", "ListServices"}},
		{name: "service_changes", burst: 50, rate: 5, operations: []string{"ContinueServiceDeployment"}},
		{name: "deployments", burst: 50, rate: 20, operations: []string{"ListServiceDeployments", "DescribeServiceDeployments"}},
		{name: "revisions", burst: 50, rate: 20, operations: []string{"DescribeServiceRevisions"}},
		{name: "definitions", burst: 50, rate: 20, operations: []string{"DescribeTaskDefinition"}},
		{name: "protection", burst: 200, rate: 80, operations: []string{"GetTaskProtection", "UpdateTaskProtection"}},
		{name: "tags", burst: 20, rate: 10, impatient: true, operations: []string{"TagResource"}},
		{name: "cluster_changes", burst: 100, rate: 40, operations: []string{"StopTask"}},
	}
	for _, q := range all {
		q.share = share
	}
	return all
}

// How all callers of a quota back off together once AWS turns one away: nobody
// asks for a while, and at half the rate from then on. Both double each time,
// and halve again after a calm minute.
const (
	backOff     = time.Second // the first, give or take half of it
	mostBackOff = 5           // 32 seconds, and a 32nd of the rate
	calmAfter   = time.Minute
)

// quota is one of them: a bucket of requests, of which this process takes a
// share. Those who wait are served in the order in which they came.
type quota struct {
	name        string
	burst, rate float64 // the account's, per second
	operations  []string
	impatient   bool // nobody waits: what finds no room is asked again in a later pass

	share float64

	mu        sync.Mutex
	tokens    float64   // in the bucket; those who wait have taken theirs already
	at        time.Time // of which that is true
	until     time.Time // nobody asks before
	backed    int       // how often it has been backed off
	backedAt  time.Time
	sent      lastMinute
	throttled int64
}

// perSecond is what comes back into the bucket.
func (q *quota) perSecond() float64 { return q.rate * q.share / float64(int(1)<<q.backed) }

// refill brings the bucket to now, and forgets what AWS asked for long ago.
func (q *quota) refill(now time.Time) {
	most := max(q.burst*q.share, 1)
	if q.at.IsZero() {
		q.tokens = most
	} else if since := now.Sub(q.at); since > 0 {
		q.tokens = min(most, q.tokens+since.Seconds()*q.perSecond())
	}
	q.at = now
	if q.backed > 0 && now.Sub(q.backedAt) >= calmAfter {
		q.backed, q.backedAt = q.backed-1, now
	}
}

// heldBackError means that a call was not made, for want of a quota.
type heldBackError struct {
	quota string
	by    time.Duration // for how long, about
	asked bool          // AWS has asked for that, and not we ourselves
}

func (e *heldBackError) Error() string {
	if e.asked {
		return fmt.Sprintf("AWS asks to slow down (%s): nobody here asks for %v more; if this stays, raise look_every, or ask AWS for a higher limit", e.quota, e.by.Round(time.Second))
	}
	return fmt.Sprintf("our share of ECS's quota (%s) is used up: it is tried again in the next pass; if this stays, raise --ecs-share or look_every", e.quota)
}

// Is tells what only waits for its turn from what is in trouble.
func (e *heldBackError) Is(target error) bool { return target == controller.ErrLater && !e.asked }

// heldBack is the error of a call that was not made; nil for any other.
func heldBack(err error) (held *heldBackError) {
	errors.As(err, &held)
	return held
}

// take waits for a request's turn; where that would come after the deadline,
// it takes none.
func (q *quota) take(ctx context.Context) error {
	for {
		wait, err := q.reserve(ctx, time.Now())
		if err != nil || wait <= 0 {
			return err
		}
		if !pause(ctx, wait) {
			return ctx.Err()
		}
		if q.mayAsk(time.Now()) {
			return nil
		}
	}
}

// reserve takes a request out of the bucket, for which it may have to be waited.
func (q *quota) reserve(ctx context.Context, now time.Time) (wait time.Duration, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.refill(now)
	wait = max(0, time.Duration((1-q.tokens)/q.perSecond()*float64(time.Second)), q.until.Sub(now))
	deadline, bounded := ctx.Deadline()
	if wait > 0 && (q.impatient || bounded && now.Add(wait).After(deadline)) {
		return 0, &heldBackError{q.name, wait, now.Before(q.until)}
	}
	q.tokens--
	if wait == 0 {
		q.sent.add(now)
	}
	return wait, nil
}

// mayAsk reports whether whoever has waited may ask now: not if AWS has asked
// to slow down meanwhile.
func (q *quota) mayAsk(now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now.Before(q.until) {
		return false
	}
	q.sent.add(now)
	return true
}

// back lets nobody ask for a while, after which the bucket is as good as empty.
// What others hear who had asked before says nothing new.
func (q *quota) back(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.throttled++; now.Before(q.until) {
		return
	}
	q.refill(now)
	off := backOff << q.backed
	q.backed, q.backedAt = min(q.backed+1, mostBackOff), now
	q.until = now.Add(off/2 + rand.N(off))
	q.tokens = min(q.tokens, 1-q.until.Sub(now).Seconds()*q.perSecond())
}

// pause reports whether the time passed before ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// lastMinute counts by the second.
type lastMinute struct {
	counts [60]int64
	at     [60]int64 // the second that is counted, since 1970
}

func (m *lastMinute) add(now time.Time) {
	second := now.Unix()
	slot := second % int64(len(m.counts))
	if m.at[slot] != second {
		m.counts[slot], m.at[slot] = 0, second
	}
	m.counts[slot]++
}

func (m *lastMinute) sum(now time.Time) (n int64) {
	for i, second := range m.at {
		if age := now.Unix() - second; age >= 0 && age < int64(len(m.counts)) {
			n += m.counts[i]
		}
	}
	return n
}

// QuotaUse is how much of a quota this process uses.
type QuotaUse struct {
	Name       string
	Used       float64 // of what the account may ask for good, in the last minute
	Share      float64 // of it that is ours at most
	Throttled  int64   // requests that AWS turned away
	BackingOff bool    // nobody asks now, since AWS asked for that
}

// Quotas tells how much of each quota is used.
func (c *Client) Quotas() (all []QuotaUse) {
	now := time.Now()
	for _, q := range c.quotas {
		q.mu.Lock()
		minute := q.rate * time.Minute.Seconds()
		all = append(all, QuotaUse{q.name, float64(q.sent.sum(now)) / minute, q.share, q.throttled, now.Before(q.until)})
		q.mu.Unlock()
	}
	return all
}

// within lets every attempt of a call wait for its turn. It stands behind what
// repeats them, as AWS counts each.
func within(quotas []*quota) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("sluiceQuota", func(
			ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
		) (out middleware.FinalizeOutput, told middleware.Metadata, err error) {
			q := quotaOf(quotas, awsmiddleware.GetOperationName(ctx))
			if q == nil {
				return next.HandleFinalize(ctx, in)
			}
			if err := q.take(ctx); err != nil {
				return out, told, err
			}
			out, told, err = next.HandleFinalize(ctx, in)
			if asksToSlowDown(err) {
				q.back(time.Now())
			}
			return out, told, err
		}), "Retry", middleware.After)
	}
}

// quotaOf is the one that a call is of; nil where none is known.
func quotaOf(quotas []*quota, operation string) *quota {
	for _, q := range quotas {
		if slices.Contains(q.operations, operation) {
			return q
		}
	}
	return nil
}

func asksToSlowDown(err error) bool {
	return err != nil && retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err) == aws.TrueTernary
}
