package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// observe looks at the world. What cannot be seen now is left out and named in
// the error; without ever having seen the tasks there is no observation at all.
// While a person waits for stable, nobody is asked but the tasks that are known,
// and none of them for long: the next pass makes up for it.
func (f *Reconciler) observe(ctx context.Context, s rollout.State, now time.Time) (*rollout.Observation, error) {
	var errs []error
	trouble := func(doing string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", doing, err))
		}
	}
	seen := &rollout.Observation{}
	var err error
	urgent := s.Urgent() && f.memo.tasks != nil
	seen.Tasks, seen.Desired, err = f.tasks(ctx, urgent)
	trouble("look for tasks", err)
	if seen.Tasks == nil && err != nil {
		return nil, errors.Join(errs...)
	}
	err = f.deployment(ctx, s, urgent, seen)
	trouble("look for a deployment", err)
	busy := *seen
	busy.Tasks = rollout.InTraffic(seen.Tasks)
	seen.Pace = f.memo.pace.Look(busy.Tasks, now)
	seen.Swaps = f.memo.swaps.Look(seen.Tasks, f.epoch, now)
	f.memo.pasts.Look(s, seen.Tasks, f.epoch, now)
	seen.Auctions = f.memo.auctions.Look(s, busy.Tasks, seen.Desired, now)
	busy.Auctions = seen.Auctions
	seen.Unwell = rollout.FindUnwell(s, busy, now)
	if policies := f.Fleet.Policies; policies.AnswerHooks {
		seen.Builds = f.memo.builds.Look(seen.Deployment, busy.Tasks, policies.Default.Judge, now)
	}
	seen.Unheard = f.unheard()
	seen.Audited = f.memo.auditedOf(s.Unaudited)
	seen.Archived, seen.Indexed = f.memo.archivedOf(s.Finished), f.memo.indexed.Load() == f.epoch
	if urgent {
		seen.Published = []string{f.memo.published}
		if j := f.memo.judging; j != nil && judged(s.Active) && j.rollout == s.Active.ID {
			j.tell(s.Active, seen) // what was known when it was asked for
		}
		return seen, nil
	}
	seen.Jobs, err = f.jobs(ctx, s, now)
	trouble("look for models", err)
	seen.Stop, err = f.stop(ctx, idle(s, seen.Jobs), now)
	seen.StopKnown = err == nil
	trouble("look whether all fleets are frozen", err)
	seen.Published, seen.Lost, err = f.published(ctx, s, now)
	trouble("look for the release", err)
	if s.Active != nil && s.Active.Phase == rollout.Admitting {
		seen.Admission, err = f.lookAtArtifact(ctx, *s.Active)
		trouble("look at the artifact", err)
	}
	seen.Crashed, err = f.crashed(ctx, s, now)
	seen.Crashed = slices.DeleteFunc(slices.Clone(seen.Crashed), func(c rollout.Crash) bool {
		return !c.At.IsZero() && c.At.Before(s.BlameFrom()) || c.Ended != "" && !s.Lost(c.Task)
	})
	trouble("look for crashed tasks", err)
	err = f.judge(ctx, s, seen, now)
	trouble("judge", err)
	return seen, errors.Join(errs...)
}

// tasks lists the fleet's tasks and asks each how it stands. While ECS cannot
// be asked, or is not for want of time, the tasks it listed last are.
func (f *Reconciler) tasks(ctx context.Context, urgent bool) ([]rollout.Task, int, error) {
	within, err := urgently, error(nil)
	if !urgent {
		within, err = 0, f.list(ctx)
	}
	asked := slices.Clone(f.memo.tasks)
	var g errgroup.Group
	var next atomic.Int64
	for range min(atOnce, len(asked)) {
		g.Go(func() error {
			for i := int(next.Add(1)) - 1; i < len(asked); i = int(next.Add(1)) - 1 {
				f.status(ctx, &asked[i], within)
			}
			return nil
		})
	}
	_ = g.Wait() // no task's silence is an error of the whole
	if !urgent && err == nil {
		asked, err = f.withoutGone(ctx, asked)
	}
	return asked, f.memo.desired, err
}

// withoutGone leaves out the tasks that do not answer as they run no more: a
// task's control port tells first that it is lost, and ECS is asked for it.
func (f *Reconciler) withoutGone(ctx context.Context, asked []rollout.Task) ([]rollout.Task, error) {
	var silent []string
	for _, t := range asked {
		if !t.Reachable {
			silent = append(silent, t.ID)
		}
	}
	if len(silent) == 0 {
		return asked, nil
	}
	ctx, cancel := f.memo.listing.bound(ctx)
	defer cancel()
	gone, err := f.Tasks.Gone(ctx, silent)
	if f.memo.listing.failed = err != nil; err != nil {
		return asked, fmt.Errorf("see whether tasks run that do not answer: %w", err)
	}
	if len(gone) == 0 {
		return asked, nil
	}
	lost := func(t rollout.Task) bool { return slices.Contains(gone, t.ID) }
	f.memo.setTasks(slices.DeleteFunc(slices.Clone(f.memo.tasks), lost), f.memo.desired)
	return slices.DeleteFunc(asked, lost), nil
}

// list asks ECS for the tasks.
func (f *Reconciler) list(ctx context.Context) error {
	ctx, cancel := f.memo.listing.bound(ctx)
	defer cancel()
	listed, desired, err := f.Tasks.List(ctx)
	if f.memo.listing.failed = err != nil; err == nil {
		f.memo.setTasks(listed, desired)
	}
	return err
}

// deployment leaves in seen which deployment is under way, as ECS told when the
// tasks were listed, and which tasks get no auctions for its sake. Of one that
// has begun it may not be known yet how far it is: there is room made for it all
// the same.
func (f *Reconciler) deployment(ctx context.Context, s rollout.State, urgent bool, seen *rollout.Observation) (err error) {
	seen.Deployment = s.Deployment
	if f.Deployments != nil && !urgent && !f.memo.listing.failed {
		ctx, cancel := f.memo.deploying.bound(ctx)
		defer cancel()
		var d *rollout.Deployment
		d, err = f.Deployments.Deployment(ctx)
		begun := d != nil && (s.Deployment == nil || s.Deployment.ID != d.ID)
		if f.memo.deploying.failed = err != nil; err == nil || begun {
			seen.Deployment, seen.DeploymentKnown = d, true
		}
	}
	seen.Deployment.Without(seen.Tasks)
	return err
}

// urgently is how long a task may take to tell how it stands while a person
// waits for stable.
const urgently = 300 * time.Millisecond

// status asks a task how it stands: within so long, or 0 for as long as one may
// take.
func (f *Reconciler) status(ctx context.Context, t *rollout.Task, within time.Duration) {
	if within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, within)
		defer cancel()
	}
	if told, err := f.Control.Status(ctx, *t); err != nil {
		t.Error = err.Error()
	} else {
		*t = told
	}
}

// stopAgain is how long nobody looks whether all fleets are frozen, while there
// is nothing that a freeze would hold.
const stopAgain = 15 * time.Second

// idle reports whether there is nothing that a freeze would hold.
func idle(s rollout.State, found []rollout.Job) bool {
	return s.Active == nil && len(s.Queue) == 0 && !slices.ContainsFunc(found, func(j rollout.Job) bool {
		_, known := s.Seen[j.Source.Job]
		return !known
	})
}

// stop returns the stop of all fleets; while the fleet is idle, as it was known
// last.
func (f *Reconciler) stop(ctx context.Context, idle bool, now time.Time) (*rollout.Stop, error) {
	if woken := f.woken.Swap(false); idle && !woken && !f.memo.stopAt.IsZero() && now.Sub(f.memo.stopAt) < stopAgain {
		return f.memo.stop, nil
	}
	stop, err := f.store.Stop(ctx)
	if f.memo.stop, f.memo.stopAt = stop, now; err != nil {
		f.memo.stopAt = time.Time{}
	}
	return stop, err
}

// jobs lists completed training jobs, at their own pace.
func (f *Reconciler) jobs(ctx context.Context, s rollout.State, now time.Time) ([]rollout.Job, error) {
	if now.Sub(f.memo.jobsAt) < f.Fleet.JobsEvery {
		return nil, nil
	}
	f.memo.jobsAt = now
	ctx, cancel := f.memo.finding.bound(ctx)
	defer cancel()
	found, err := f.Jobs.Completed(ctx, f.Fleet.Jobs, s.JobsFrom(now))
	f.memo.finding.failed = err != nil
	return found, err
}

// crashesEvery is how often ECS is asked for crashed tasks at most.
const crashesEvery = 2 * time.Second

// crashed asks which tasks ended by themselves, while a rollout could be at
// fault.
func (f *Reconciler) crashed(ctx context.Context, s rollout.State, now time.Time) ([]rollout.Crash, error) {
	if !judged(s.Active) {
		return nil, nil
	}
	if gap := now.Sub(f.memo.crashedAt); gap >= 0 && gap < min(crashesEvery, f.Fleet.LookEvery) {
		return f.memo.crashed, nil
	}
	if f.memo.listing.failed { // it has just shown that it cannot be asked
		return f.memo.crashed, nil
	}
	ctx, cancel := f.memo.ending.bound(ctx)
	defer cancel()
	crashed, err := f.Tasks.Crashed(ctx)
	if f.memo.ending.failed = err != nil; err != nil {
		return f.memo.crashed, err
	}
	crashed = f.memo.date(crashed, now)
	for _, c := range crashed {
		if c.Beside && !slices.Contains(f.memo.crashed, c) {
			f.Log.WarnContext(ctx, "a sidecar ended its task; no release is at fault", "fleet", f.Fleet.Name,
				"task", c.Task, "container", c.Container, "exit", c.ExitCode, "why", c.Why)
		}
	}
	f.memo.crashed, f.memo.crashedAt = crashed, now
	return crashed, nil
}

// service is one that a pass asks and can do without: while it fails, it is
// given little time, so that it holds up nothing else.
type service struct{ failed bool }

// How long a pass waits for such a service: when it answered the last time,
// and when it did not.
const (
	longLook  = 10 * time.Second
	shortLook = 5 * time.Second // long enough for all attempts of one call, whose last says why
)

func (s service) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.failed {
		return context.WithTimeout(ctx, shortLook)
	}
	return context.WithTimeout(ctx, longLook)
}

// published tells whether the release being tried is stored whole, and if it is
// not, whether it can be no more.
func (f *Reconciler) published(ctx context.Context, s rollout.State, now time.Time) (digests []string, lost string, err error) {
	r := s.Active
	f.forgetArtifact(r)
	if r == nil || r.Candidate == "" {
		return nil, "", nil
	}
	if f.memo.published != r.Candidate {
		_, _, err := f.Documents.Get(ctx, release.PassportKey(r.Candidate))
		if errors.Is(err, ErrNotFound) {
			lost, err = f.lost(ctx, *r, now)
			return nil, lost, err
		}
		if err != nil {
			return nil, "", err
		}
		f.memo.published = r.Candidate
	}
	f.memo.admission = nil // its bytes lie in the store, and need not lie here too
	return []string{r.Candidate}, "", nil
}
