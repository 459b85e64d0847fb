package aws

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// How seldom ECS is asked for what it has told already. What a task is does not
// change while it runs, but for its tags, which are ours; whether one has come
// or gone is told by its service and its control port first.
const (
	listAgain     = time.Minute      // for all tasks, whatever the service tells
	unsettled     = time.Minute      // after a change, while the service counts other tasks than are listed
	describeAgain = 10 * time.Minute // for a task
	pagesASecond  = 2                // of listings while tasks move, and of silent tasks, beyond the first page
	awaitedAtOnce = 1000             // tasks that do not run yet, looked at in one listing

	// forgetAfter is how long this process may not have looked before all it
	// knows is asked anew: another may have led, and changed tags.
	forgetAfter = time.Minute

	// endsCalm is how long after a change nothing new is heard of tasks that have
	// ended; they are listed every endsAgain then.
	endsCalm, endsAgain = 2 * time.Minute, 30 * time.Second
)

// roster is what is known of a service's tasks.
type roster struct {
	lookedAt time.Time // when anybody wanted to know
	answered time.Time // when ECS was asked for that last
	failed   error     // what came of it
	desired  int

	listed    []string             // ARNs of what is to run, as ECS listed it last
	listedAt  time.Time            // zero: never
	known     map[string]member    // by ARN, of those that are listed
	mark      string               // of the service, when they were
	changedAt time.Time            // when anything was last known to have come or gone
	again     bool                 // the last change may not have been in the last listing
	doubts    map[string]time.Time // by ARN of those that do not answer: ECS is not asked before
}

// member is a task as ECS described it last.
type member struct {
	types.Task
	at time.Time
}

func (m member) runs() bool { return aws.ToString(m.LastStatus) == "RUNNING" }

// members returns the running tasks, asking ECS for as little as will tell.
func (t *Tasks) members(ctx context.Context) ([]types.Task, int, error) {
	t.looking.Lock()
	defer t.looking.Unlock()
	r, now := &t.roster, time.Now()
	if now.Sub(r.lookedAt) >= max(forgetAfter, 3*t.o.Every) {
		*r = roster{known: map[string]member{}, doubts: map[string]time.Time{}}
	}
	r.lookedAt = now
	if now.Sub(r.answered) >= t.o.Every {
		if r.failed = t.lookAgain(ctx, now); ctx.Err() == nil {
			r.answered = time.Now()
		}
	}
	return r.running(), r.desired, r.failed
}

// lookAgain asks the service whether anything has changed, then for what has.
func (t *Tasks) lookAgain(ctx context.Context, now time.Time) error {
	r := &t.roster
	s, err := t.client.service(ctx, t.at(), t.o.Every*4/5)
	if err != nil {
		return err
	}
	t.takeService(s)
	r.desired = int(s.DesiredCount)
	if r.due(mark(s), int(s.RunningCount), t.o.Every, now) {
		arns, err := t.list(ctx, types.DesiredStatusRunning)
		if err != nil {
			return err
		}
		r.list(arns, mark(s), now)
	}
	return t.learn(ctx, r.unknown(now))
}

// due reports whether all tasks are to be listed, of which the service counts
// so many.
func (r *roster) due(mark string, counted int, every time.Duration, now time.Time) bool {
	since := now.Sub(r.listedAt)
	if mark != r.mark {
		r.changedAt = now
	}
	moves := mark != r.mark || r.again || now.Sub(r.changedAt) < unsettled && r.count() != counted
	return r.listedAt.IsZero() || since >= listAgain || moves && since >= max(every, restAfter(len(r.listed)))
}

// restAfter is how long listings of so many tasks are apart while tasks move.
func restAfter(listed int) time.Duration {
	return time.Duration(listed/tasksPerCall) * time.Second / pagesASecond
}

// list takes over what ECS has listed. ECS's parts learn of a change one after
// the other, so that it is listed once more after one.
func (r *roster) list(arns []string, mark string, now time.Time) {
	r.again = mark != r.mark && !r.listedAt.IsZero()
	r.listed, r.listedAt, r.mark = arns, now, mark
	is := make(map[string]bool, len(arns))
	for _, arn := range arns {
		is[arn] = true
	}
	maps.DeleteFunc(r.known, func(arn string, _ member) bool { return !is[arn] })
	maps.DeleteFunc(r.doubts, func(arn string, _ time.Time) bool { return !is[arn] })
}

// unknown are the tasks that ECS is to be asked for: new ones, those that do not
// run yet, and with a listing a few that it told of long ago.
func (r *roster) unknown(now time.Time) (arns []string) {
	var old []string
	for _, arn := range r.listed {
		switch m, is := r.known[arn]; {
		case !is, !m.runs() && len(arns) < awaitedAtOnce:
			arns = append(arns, arn)
		case now.Sub(m.at) >= describeAgain:
			old = append(old, arn)
		}
	}
	if !r.listedAt.Equal(now) {
		return arns
	}
	slices.SortStableFunc(old, func(a, b string) int { return r.known[a].at.Compare(r.known[b].at) })
	few := max(tasksPerCall, len(r.listed)*int(listAgain/time.Second)/int(describeAgain/time.Second))
	return append(arns, old[:min(few, len(old))]...)
}

// learn asks ECS for tasks and keeps what it says. What was told before an
// error is kept.
func (t *Tasks) learn(ctx context.Context, arns []string) error {
	described, err := t.describe(ctx, arns)
	r, now := &t.roster, time.Now()
	for _, d := range described {
		r.known[aws.ToString(d.TaskArn)] = member{slim(d), now}
	}
	return err
}

// slim leaves out what nobody here asks for, of which thousands are kept.
func slim(d types.Task) types.Task {
	d.Overrides, d.EphemeralStorage, d.FargateEphemeralStorage = nil, nil, nil
	return d
}

// count is how many tasks run, as far as is known.
func (r *roster) count() (n int) {
	for _, m := range r.known {
		if m.runs() {
			n++
		}
	}
	return n
}

// tagged keeps what a task was tagged with.
func (t *Tasks) tagged(arn, release string) {
	t.looking.Lock()
	defer t.looking.Unlock()
	if m, is := t.roster.known[arn]; is {
		m.Tags = []types.Tag{{Key: aws.String(ReleaseTag), Value: &release}}
		t.roster.known[arn] = m
	}
}

// mayHaveEnded reports whether a task may have ended that was not among the
// ended ones when they were listed, so many, that long ago.
func (t *Tasks) mayHaveEnded(listed int, ago time.Duration) bool {
	t.looking.Lock()
	defer t.looking.Unlock()
	r := &t.roster
	calm := !r.listedAt.IsZero() && time.Since(r.changedAt) >= endsCalm
	return ago >= endsAgain || !calm && ago >= restAfter(listed)
}

func (r *roster) running() (tasks []types.Task) {
	for _, arn := range r.listed {
		if m, is := r.known[arn]; is && m.runs() {
			tasks = append(tasks, m.Task)
		}
	}
	return tasks
}

// Gone implements controller.Tasks.
func (t *Tasks) Gone(ctx context.Context, silent []string) (gone []string, err error) {
	t.looking.Lock()
	defer t.looking.Unlock()
	r, now := &t.roster, time.Now()
	asked := r.doubted(silent, t.o.Every, now)
	described, err := t.describe(ctx, asked)
	if err != nil {
		return nil, err
	}
	runs := map[string]bool{}
	for _, d := range described {
		m := member{slim(d), now}
		if runs[aws.ToString(d.TaskArn)] = m.runs() && aws.ToString(d.DesiredStatus) != string(types.DesiredStatusStopped); runs[aws.ToString(d.TaskArn)] {
			r.known[aws.ToString(d.TaskArn)] = m
		}
	}
	for _, arn := range asked {
		if !runs[arn] {
			gone = append(gone, id(arn))
			r.lose(arn, now)
		}
	}
	return gone, nil
}

// doubted are those of the tasks that do not answer for which ECS is to be asked
// now: at once where one has just fallen silent, then with each look, and the
// more there are the less often.
func (r *roster) doubted(silent []string, every time.Duration, now time.Time) (arns []string) {
	is := make(map[string]bool, len(silent))
	for _, task := range silent {
		is[task] = true
	}
	maps.DeleteFunc(r.doubts, func(arn string, _ time.Time) bool { return !is[id(arn)] })
	for _, arn := range r.listed {
		if _, known := r.known[arn]; known && is[id(arn)] && !now.Before(r.doubts[arn]) {
			r.doubts[arn] = now.Add(max(every*4/5, restAfter(len(silent))))
			arns = append(arns, arn)
		}
	}
	return arns
}

// lose forgets a task that has ended. Another may have come in its place.
func (r *roster) lose(arn string, now time.Time) {
	delete(r.known, arn)
	delete(r.doubts, arn)
	r.listed = slices.DeleteFunc(slices.Clone(r.listed), func(a string) bool { return a == arn })
	r.changedAt, r.again = now, true
}
