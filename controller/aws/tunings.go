package aws

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"

	"github.com/sluicehq/sluice/controller/rollout"
)

// tuningsPerPass bounds the tuning jobs that a pass asks about. One that is over
// is asked about no more.
const tuningsPerPass = 20

// parent is the tuning or AutoML job that a training job is a child of. The steps
// of an AutoML job may be children of a tuning job of its own.
func parent(d *sagemaker.DescribeTrainingJobOutput) string {
	return cmp.Or(aws.ToString(d.AutoMLJobArn), aws.ToString(d.TuningJobArn))
}

// tune asks how the tuning jobs stand whose children are waiting, those first
// that were asked about longest ago. What cannot be told now is left as it was,
// so that its children wait.
func (j *Jobs) tune(ctx context.Context, patterns []string) (err error) {
	j.pass++
	children := map[string]bool{}
	for _, k := range j.known {
		if k.parent != "" && matches(patterns, k.name) {
			children[k.parent] = true
		}
	}
	maps.DeleteFunc(j.tunings, func(arn string, _ *tuning) bool { return !children[arn] })
	var waiting []string
	for arn := range children {
		if j.tunings[arn] == nil {
			j.tunings[arn] = &tuning{Tuning: rollout.Tuning{Name: lastPart(arn), AutoML: strings.Contains(arn, ":automl-job/")}}
		}
		if !j.tunings[arn].Over() {
			waiting = append(waiting, arn)
		}
	}
	slices.SortFunc(waiting, func(a, b string) int {
		return cmp.Or(cmp.Compare(j.tunings[a].asked, j.tunings[b].asked), cmp.Compare(a, b))
	})
	for _, arn := range waiting[:min(tuningsPerPass, len(waiting))] {
		t := j.tunings[arn]
		t.asked = j.pass
		next, failed := j.askTuning(ctx, arn, *t, patterns)
		if failed == nil {
			t.Tuning = next
			continue
		}
		t.Status, t.Why = rollout.TuningUnknown, failed.Error()
		err = errors.Join(err, failed)
		if unavailable(failed) {
			return err // the others would fare no better
		}
	}
	return err
}

// tuning is what is known of a tuning job.
type tuning struct {
	rollout.Tuning
	asked int // pass in which it was asked about last
}

// askTuning describes a tuning job, and once it is over, its best child, too.
func (j *Jobs) askTuning(ctx context.Context, arn string, t tuning, patterns []string) (rollout.Tuning, error) {
	ask := j.tuningJob
	if t.AutoML {
		ask = j.autoMLJob
	}
	next, err := ask(ctx, t.Name)
	switch {
	case code(err) == "ResourceNotFound", code(err) == "ValidationException": // the name is one that SageMaker told
		return rollout.Tuning{Name: t.Name, AutoML: t.AutoML, Status: rollout.TuningGone}, nil
	case err != nil:
		return next, explain("describe "+t.String(), place{}, err)
	}
	if !next.Over() || next.Best == "" || next.Earlier != "" || next.Status == rollout.TuningFailed {
		return next, nil
	}
	if !matches(patterns, next.Best) {
		return next, nil
	}
	best, err := j.best(ctx, arn, next)
	if err != nil {
		return next, err
	}
	if next.Deleted = best.gone; best.parent != "" && best.parent != arn {
		next.Earlier = lastPart(best.parent)
	}
	return next, nil
}

// best describes the best child, which no listing may show: it was stopped early,
// or completed too long ago.
func (j *Jobs) best(ctx context.Context, arn string, t rollout.Tuning) (known, error) {
	for _, k := range j.known {
		if k.name == t.Best && k.job != nil {
			return k, nil
		}
	}
	k, err := j.describeOne(ctx, known{name: t.Best, ended: t.Ended, best: true})
	if err == nil && k.parent == arn { // else it is an earlier one's, and no matter of this
		j.known[jobKey{arn: k.job.Source.JobARN, created: k.created}] = k
	}
	return k, err
}

func (j *Jobs) tuningJob(ctx context.Context, name string) (rollout.Tuning, error) {
	ctx, cancel := context.WithTimeout(ctx, j.client.timeout)
	defer cancel()
	t := rollout.Tuning{Name: name}
	d, err := j.client.sagemaker.DescribeHyperParameterTuningJob(ctx, &sagemaker.DescribeHyperParameterTuningJobInput{HyperParameterTuningJobName: &name})
	if err != nil {
		return t, err
	}
	t.Status, t.Why = tuningStatus(d.HyperParameterTuningJobStatus), aws.ToString(d.FailureReason)
	if t.Over() {
		t.Ended = ended(d.HyperParameterTuningEndTime, d.LastModifiedTime)
	}
	if c := d.TrainingJobStatusCounters; c != nil {
		t.Trained = int(aws.ToInt32(c.Completed) + aws.ToInt32(c.Stopped) + aws.ToInt32(c.NonRetryableError))
	}
	if c := d.HyperParameterTuningJobConfig; c != nil && c.ResourceLimits != nil {
		t.Of = int(aws.ToInt32(c.ResourceLimits.MaxNumberOfTrainingJobs))
	}
	best := cmp.Or(d.OverallBestTrainingJob, d.BestTrainingJob)
	if best == nil {
		return t, nil
	}
	t.Best = aws.ToString(best.TrainingJobName)
	if of := aws.ToString(best.TuningJobName); of != "" && of != name {
		t.Earlier = of
	}
	if m := best.FinalHyperParameterTuningJobObjectiveMetric; m != nil {
		t.Score = score(aws.ToString(m.MetricName), m.Value)
	}
	return t, nil
}

// tuningStatus is that of one which is being deleted, too: what it says still
// holds.
func tuningStatus(s types.HyperParameterTuningJobStatus) rollout.TuningStatus {
	switch s {
	case types.HyperParameterTuningJobStatusInProgress, types.HyperParameterTuningJobStatusStopping:
		return rollout.TuningRuns
	case types.HyperParameterTuningJobStatusStopped:
		return rollout.TuningStopped
	case types.HyperParameterTuningJobStatusFailed:
		return rollout.TuningFailed
	case types.HyperParameterTuningJobStatusCompleted, types.HyperParameterTuningJobStatusDeleting, types.HyperParameterTuningJobStatusDeleteFailed:
		return rollout.TuningCompleted
	}
	return rollout.TuningRuns // one that came after this program: there will be another
}

// autoMLJob asks about a job of either version.
func (j *Jobs) autoMLJob(ctx context.Context, name string) (rollout.Tuning, error) {
	ctx, cancel := context.WithTimeout(ctx, j.client.timeout)
	defer cancel()
	t := rollout.Tuning{Name: name, AutoML: true}
	d, err := j.client.sagemaker.DescribeAutoMLJobV2(ctx, &sagemaker.DescribeAutoMLJobV2Input{AutoMLJobName: &name})
	if err != nil {
		return t, err
	}
	switch d.AutoMLJobStatus {
	case types.AutoMLJobStatusCompleted:
		t.Status = rollout.TuningCompleted
	case types.AutoMLJobStatusStopped:
		t.Status = rollout.TuningStopped
	case types.AutoMLJobStatusFailed:
		t.Status, t.Why = rollout.TuningFailed, aws.ToString(d.FailureReason)
	case types.AutoMLJobStatusInProgress, types.AutoMLJobStatusStopping:
		t.Status = rollout.TuningRuns
	default:
		t.Status = rollout.TuningRuns
	}
	if t.Over() {
		t.Ended = ended(d.EndTime, d.LastModifiedTime)
	}
	if d.BestCandidate == nil {
		return t, nil
	}
	for _, step := range d.BestCandidate.CandidateSteps { // the last one trains the model, those before make its features
		if step.CandidateStepType == types.CandidateStepTypeTraining {
			t.Best = lastPart(aws.ToString(step.CandidateStepArn))
		}
	}
	if m := d.BestCandidate.FinalAutoMLJobObjectiveMetric; m != nil {
		t.Score = score(string(m.MetricName), m.Value)
	}
	return t, nil
}

// score is an objective and its value, with the shortest decimal of the float32.
func score(metric string, value *float32) string {
	if metric == "" || value == nil {
		return ""
	}
	return metric + " " + strconv.FormatFloat(float64(*value), 'g', -1, 32)
}

func lastPart(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
