package nights

import (
	"context"
	"crypto/md5"
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

// truth is what a release is really like.
type truth struct {
	name    string
	excess  float64       // filter rate that it adds to stable's
	crashes time.Duration // about how long a task lives that serves it; 0 for ever
	hangs   time.Duration // about how long a task answers that serves it; 0 for ever
}

// kinds are what training jobs may come to.
func kinds() []truth {
	return []truth{
		{name: "better", excess: .001},
		{name: "better", excess: .002},
		{name: "better", excess: -.001},
		{name: "greedy", excess: .3},
		{name: "crashing", crashes: 3 * time.Second},
		{name: "hanging", hangs: 2 * time.Second},
	}
}

// artifact lies in a bucket of training jobs, from some moment on.
type artifact struct {
	body []byte
	from time.Time
}

// train makes a model of a kind, whose artifact is there after a while.
func (w *world) train(kind truth, key string, after time.Duration) (digest string) {
	w.trained++
	bias, rate := float32(w.trained)/100, stableRate+kind.excess
	m := releasetest.Manifest(bias)
	m.Predicted.FilterRate = release.Interval{Estimate: rate, Low: rate - .05, High: rate + .05} // its makers know what it does
	body := releasetest.Pack(m, releasetest.Booster(bias))
	digest = release.Digest(body)
	kind.name = fmt.Sprintf("%s-%d", kind.name, w.trained)
	w.truth[digest] = kind
	w.artifacts[key] = artifact{body, time.Now().Add(after)}
	return digest
}

// complete lets a training job end.
func (w *world) complete(kind truth, after time.Duration) {
	name := fmt.Sprintf("job-%d", w.trained+1)
	w.train(kind, name, after)
	w.jobs = append(w.jobs, rollout.Job{Source: release.Source{Job: name, Bucket: "training", Key: name}, CompletedAt: time.Now()})
	w.say("SageMaker", "training job "+name+" completes", fmt.Sprintf("a %s model, its artifact is there in %v", kind.name, after.Round(time.Second)))
}

// cloud is AWS as one process has it, but for its documents.
type cloud struct {
	w    *world
	proc *process
}

var (
	_ controller.Artifacts = cloud{}
	_ controller.Jobs      = cloud{}
	_ controller.Tasks     = cloud{}
)

func (c cloud) wait(ctx context.Context, what string, menu []fault, do func() error) error {
	return c.w.wait(call{proc: c.proc, who: c.proc.name, what: what, ctx: ctx, menu: menu, do: do})
}

func (c cloud) find(s release.Source) (artifact, string, error) {
	a, there := c.w.artifacts[s.Key]
	if !there || time.Now().Before(a.from) {
		return a, "", controller.ErrNotFound
	}
	return a, fmt.Sprintf("%x", md5.Sum(a.body)), nil
}

func (c cloud) Pin(ctx context.Context, s release.Source) (pinned release.Source, bytes int64, err error) {
	pinned = s
	var found release.Source
	err = c.wait(ctx, "pin "+s.Key, reads, func() error {
		a, etag, err := c.find(s)
		found, bytes = s, int64(len(a.body))
		found.ETag = etag
		return err
	})
	if err != nil {
		return s, 0, err
	}
	return found, bytes, nil
}

func (c cloud) Fetch(ctx context.Context, s release.Source, limit int64) ([]byte, error) {
	var body []byte
	err := c.wait(ctx, "fetch artifact "+s.Key, reads, func() error {
		a, etag, err := c.find(s)
		switch {
		case err != nil:
			return err
		case int64(len(a.body)) > limit:
			return controller.ErrTooLarge
		case etag != s.ETag:
			return controller.ErrChanged
		}
		body = a.body
		return nil
	})
	if err != nil {
		return nil, err
	}
	return slices.Clone(body), nil
}

func (c cloud) Completed(ctx context.Context, _ []string, since time.Time) ([]rollout.Job, error) {
	var found []rollout.Job
	err := c.wait(ctx, "list training jobs", reads, func() error {
		found = slices.DeleteFunc(slices.Clone(c.w.jobs), func(j rollout.Job) bool { return j.CompletedAt.Before(since) })
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}
