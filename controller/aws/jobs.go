package aws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/sorting"
)

// Bounds of one pass over the training jobs. What exceeds them comes in the
// next one.
const (
	jobsPerPage      = 100
	pagesPerPass     = 50
	describesPerPass = 50
	maxKnownJobs     = 10_000
	timeoutsPerPass  = 4 // how long a pass may take, in timeouts of one call
)

var _ controller.Jobs = (*Jobs)(nil)

// Jobs are the training jobs of the account and region. A job is described
// once, then remembered.
type Jobs struct {
	client *Client

	mu      sync.Mutex // held during a pass
	walk    walk
	known   map[jobKey]known
	tunings map[string]*tuning // by ARN, those of the known jobs
	pass    int                // how many there were
}

// jobKey tells a job from a later one of the same name.
type jobKey struct {
	arn     string
	created int64 // unix milliseconds
}

// known is what a listing, and later a description, has shown of a job.
type known struct {
	name  string
	ended time.Time
	job   *rollout.Job // nil until described
	gone  bool         // it was deleted before it could be described

	parent  string // ARN of the tuning job whose child it is; empty for none
	created int64  // as in its key
	best    bool   // its tuning job named it: it may have been stopped early
}

// walk is a listing that took more pages than one pass has.
type walk struct {
	since  time.Time
	filter string
	token  *string
}

// Jobs finds training jobs.
func (c *Client) Jobs() *Jobs {
	return &Jobs{client: c, known: map[jobKey]known{}, tunings: map[string]*tuning{}}
}

// Completed implements controller.Jobs. A pass looks at a bounded number of
// jobs, and the next one goes on where it stopped: jobs may come late, so
// since must overlap what was seen and never follow from what was returned.
// Beside an error come the jobs that could be read.
func (j *Jobs) Completed(ctx context.Context, patterns []string, since time.Time) ([]rollout.Job, error) {
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			return nil, fmt.Errorf("match training jobs: pattern %q: %w", p, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, timeoutsPerPass*j.client.timeout)
	defer cancel()
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.list(ctx, patterns, since)
	j.forget(since)
	err = errors.Join(err, j.describe(ctx, patterns, since), j.tune(ctx, patterns))
	return j.found(patterns, since), err
}

// list notes completed jobs whose names match.
func (j *Jobs) list(ctx context.Context, patterns []string, since time.Time) error {
	filter := commonPart(patterns)
	if j.walk.token == nil || j.walk.filter != filter || since.Before(j.walk.since) {
		j.walk = walk{since: since, filter: filter}
	}
	for range pagesPerPass {
		page, err := j.page(ctx)
		if err != nil {
			j.walk = walk{} // the token may be what is wrong
			return explain("list training jobs", place{}, err)
		}
		for _, s := range page.TrainingJobSummaries {
			j.note(s, patterns)
		}
		if j.walk.token = page.NextToken; j.walk.token == nil { // an empty page is not the last one
			return nil
		}
	}
	return nil
}

func (j *Jobs) page(ctx context.Context) (*sagemaker.ListTrainingJobsOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, j.client.timeout)
	defer cancel()
	in := &sagemaker.ListTrainingJobsInput{
		LastModifiedTimeAfter: &j.walk.since,
		StatusEquals:          types.TrainingJobStatusCompleted,
		MaxResults:            aws.Int32(jobsPerPage),
		SortBy:                types.SortByCreationTime,
		SortOrder:             types.SortOrderAscending,
		NextToken:             j.walk.token,
	}
	if j.walk.filter != "" {
		in.NameContains = &j.walk.filter
	}
	return j.client.sagemaker.ListTrainingJobs(ctx, in)
}

func (j *Jobs) note(s types.TrainingJobSummary, patterns []string) {
	name := aws.ToString(s.TrainingJobName)
	if s.TrainingJobStatus != types.TrainingJobStatusCompleted || !matches(patterns, name) {
		return
	}
	key := jobKey{arn: aws.ToString(s.TrainingJobArn), created: aws.ToTime(s.CreationTime).UnixMilli()}
	if _, ok := j.known[key]; !ok {
		j.known[key] = known{name: name, ended: ended(s.TrainingEndTime, s.LastModifiedTime)}
	}
}

// ended is when a job completed. Jobs end before they are last modified.
func ended(end, modified *time.Time) time.Time {
	if end != nil {
		return end.UTC()
	}
	return aws.ToTime(modified).UTC()
}

// forget drops what no call will ask for again, and the oldest beyond bounds.
func (j *Jobs) forget(since time.Time) {
	for key, k := range j.known {
		if !j.matters(k, since) {
			delete(j.known, key)
		}
	}
	if len(j.known) > maxKnownJobs {
		for _, key := range j.oldestFirst()[:len(j.known)-maxKnownJobs] {
			delete(j.known, key)
		}
	}
}

func (j *Jobs) oldestFirst() []jobKey {
	keys := make([]jobKey, 0, len(j.known))
	for key := range j.known {
		keys = append(keys, key)
	}
	sorting.By(keys, func(a, b *jobKey) int {
		return cmp.Or(j.known[*a].ended.Compare(j.known[*b].ended), cmp.Compare(j.known[*a].name, j.known[*b].name))
	})
	return keys
}

// matters reports whether a job, or the tuning job whose child it is, ended after
// since.
func (j *Jobs) matters(k known, since time.Time) bool {
	t := j.tunings[k.parent]
	return k.ended.After(since) || t != nil && t.Ended.After(since)
}

// describe reads what is not known yet of the jobs that match. One job that
// cannot be read does not hold up the others.
func (j *Jobs) describe(ctx context.Context, patterns []string, since time.Time) (err error) {
	left := describesPerPass
	for _, key := range j.oldestFirst() {
		k := j.known[key]
		if k.job != nil || k.gone || left == 0 || !matches(patterns, k.name) || !j.matters(k, since) {
			continue
		}
		left--
		var failed error
		if k, failed = j.describeOne(ctx, k); failed != nil {
			err = errors.Join(err, failed)
			if unavailable(failed) {
				left = 0 // the others would fare no better
			}
			continue
		}
		j.known[key] = k
	}
	return err
}

// found are the jobs that are known and match.
func (j *Jobs) found(patterns []string, since time.Time) (jobs []rollout.Job) {
	tunings := map[string]*rollout.Tuning{}
	for _, key := range j.oldestFirst() {
		k := j.known[key]
		if k.job == nil || !matches(patterns, k.name) || !j.matters(k, since) {
			continue
		}
		job := *k.job
		if t := j.tunings[k.parent]; t != nil && tunings[k.parent] == nil {
			told := t.Tuning
			tunings[k.parent] = &told
		}
		job.Tuning = tunings[k.parent]
		jobs = append(jobs, job)
	}
	sorting.StableBy(jobs, func(a, b *rollout.Job) int { return a.CompletedAt.Compare(b.CompletedAt) })
	return jobs
}

func (j *Jobs) describeOne(ctx context.Context, k known) (known, error) {
	ctx, cancel := context.WithTimeout(ctx, j.client.timeout)
	defer cancel()
	d, err := j.client.sagemaker.DescribeTrainingJob(ctx, &sagemaker.DescribeTrainingJobInput{TrainingJobName: &k.name})
	switch {
	case code(err) == "ResourceNotFound", code(err) == "ValidationException": // the name is one that was listed
		k.gone = true
		return k, nil
	case err != nil:
		return k, explain("describe training job "+k.name, place{}, err)
	case k.best && d.TrainingJobStatus == types.TrainingJobStatusStopped:
	case k.best && d.TrainingJobStatus == types.TrainingJobStatusDeleting:
		k.gone = true
		return k, nil
	case d.TrainingJobStatus != types.TrainingJobStatusCompleted:
		return k, fmt.Errorf("describe training job %s: it was listed as Completed and is %s: it is asked again in the next pass", k.name, d.TrainingJobStatus)
	}
	k.job = &rollout.Job{Source: source(d), CompletedAt: ended(d.TrainingEndTime, d.LastModifiedTime)}
	if k.job.CompletedAt.IsZero() {
		k.job.CompletedAt = k.ended
	}
	k.parent, k.created = parent(d), aws.ToTime(d.CreationTime).UnixMilli()
	return k, nil
}

// source says where the artifact of a job is to be. An address that is none
// leaves Bucket and Key empty.
func source(d *sagemaker.DescribeTrainingJobOutput) release.Source {
	s := release.Source{
		Job:     aws.ToString(d.TrainingJobName),
		JobARN:  aws.ToString(d.TrainingJobArn),
		Metrics: metrics(d.FinalMetricDataList),
	}
	if a := d.AlgorithmSpecification; a != nil {
		s.Image = cmp.Or(aws.ToString(a.TrainingImage), aws.ToString(a.AlgorithmName))
	}
	if d.ModelArtifacts != nil {
		if bucket, key, err := ParseURL(aws.ToString(d.ModelArtifacts.S3ModelArtifacts)); err == nil {
			s.Bucket, s.Key = bucket, key
		}
	}
	return s
}

// metrics keeps the latest value of each name. What is no number is left out:
// no document could hold it.
func metrics(list []types.MetricData) map[string]float64 {
	list = slices.Clone(list)
	sorting.StableBy(list, func(a, b *types.MetricData) int {
		return aws.ToTime(a.Timestamp).Compare(aws.ToTime(b.Timestamp))
	})
	values := map[string]float64{}
	for _, m := range list {
		// The shortest decimal of the float32: 0.91 stays 0.91.
		v, err := strconv.ParseFloat(strconv.FormatFloat(float64(aws.ToFloat32(m.Value)), 'g', -1, 32), 64)
		if err == nil && m.MetricName != nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
			values[*m.MetricName] = v
		}
	}
	if len(values) == 0 {
		return nil
	}
	return values
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(p, name) // patterns were checked
		return ok
	})
}

// commonPart is the longest stretch of letters that every name must contain
// to match, so that SageMaker leaves out others' jobs. It is empty where
// there are several patterns or none is known.
func commonPart(patterns []string) string {
	if len(patterns) != 1 || strings.ContainsAny(patterns[0], `[]\`) {
		return ""
	}
	var longest string
	for _, part := range strings.FieldsFunc(patterns[0], func(r rune) bool { return r == '*' || r == '?' }) {
		if len(part) > len(longest) && len(part) <= 63 {
			longest = part
		}
	}
	return longest
}
