package aws_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

const tuningARN = "arn:aws:sagemaker:eu-central-1:123456789012:hyper-parameter-tuning-job/"

// childOf is a job of a tuning job that completed so many minutes after the epoch.
func childOf(tuning, name string, minutes int) object {
	j := job(name, minutes)
	j["TuningJobArn"] = tuningARN + tuning
	return j
}

// tuningJob is what SageMaker tells of one: best is the name of its best child,
// and how good that is, or nothing.
func tuningJob(name, status string, done, most int, best ...any) object {
	t := object{
		"HyperParameterTuningJobName": name, "HyperParameterTuningJobArn": tuningARN + name, "HyperParameterTuningJobStatus": status,
		"CreationTime": seconds(epoch), "LastModifiedTime": seconds(epoch.Add(30 * time.Minute)),
		"HyperParameterTuningJobConfig": object{"Strategy": "Bayesian", "ResourceLimits": object{"MaxNumberOfTrainingJobs": most, "MaxParallelTrainingJobs": 2}},
		"TrainingJobStatusCounters":     object{"Completed": done, "InProgress": 1, "NonRetryableError": 1, "Stopped": 1},
	}
	if len(best) > 0 {
		t["BestTrainingJob"] = object{"TrainingJobName": best[0], "FinalHyperParameterTuningJobObjectiveMetric": object{"MetricName": "validation:auc", "Value": best[1]}}
	}
	return t
}

// stories are the jobs of the tests below, as one would tell them.
func story(jobs []rollout.Job) (lines []string) {
	for _, j := range jobs {
		line := j.Source.Job
		if t := j.Tuning; t != nil {
			line += fmt.Sprintf(" of %v: %s, %d of %d", t, cmp.Or(t.Status, "unknown"), t.Trained, t.Of)
			for _, part := range []string{t.Best, t.Score, t.Earlier, t.Why} {
				if part != "" {
					line += ", " + part
				}
			}
			if t.Deleted {
				line += ", deleted"
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func TestTuningJobs(t *testing.T) {
	stopped := childOf("t", "t-9", 3)
	stopped["TrainingJobStatus"] = "Stopped" // early, by its tuning job
	elsewhere := job("zz-9", 3)
	deleting := childOf("t", "t-8", 3)
	deleting["TrainingJobStatus"] = "Deleting"
	overall := tuningJob("t", "Completed", 2, 2, "t-1", 0.5)
	overall["OverallBestTrainingJob"] = object{"TrainingJobName": "s-4", "TuningJobName": "s", "FinalHyperParameterTuningJobObjectiveMetric": object{"MetricName": "validation:auc", "Value": 0.75}}
	untold := tuningJob("t", "Completed", 2, 2, "s-4", 0.75) // whose it is, only the job tells
	own := tuningJob("t", "Completed", 2, 2, "t-1", 0.5)
	own["OverallBestTrainingJob"] = object{"TrainingJobName": "t-1", "TuningJobName": "t"}
	failed := tuningJob("t", "Failed", 2, 4, "t-1", 0.5)
	failed["FailureReason"] = "too many failed"
	for _, tt := range []struct {
		name   string
		tuning object
		more   []object
		want   string // of t-1
		all    []string
	}{
		{"under way", tuningJob("t", "InProgress", 2, 10, "t-1", 0.5), nil, "runs, 4 of 10, t-1, validation:auc 0.5", []string{"t-1", "t-2"}},
		{"being stopped", tuningJob("t", "Stopping", 2, 10), nil, "runs, 4 of 10", []string{"t-1", "t-2"}},
		{"completed", tuningJob("t", "Completed", 2, 10, "t-1", 0.91), nil, "completed, 4 of 10, t-1, validation:auc 0.91", []string{"t-1", "t-2"}},
		{"stopped", tuningJob("t", "Stopped", 2, 10, "t-2", 0.5), nil, "stopped, 4 of 10, t-2, validation:auc 0.5", []string{"t-1", "t-2"}},
		{"stopped early", tuningJob("t", "Stopped", 0, 10), nil, "stopped, 2 of 10", []string{"t-1", "t-2"}},
		{"failed", failed, nil, "failed, 4 of 4, t-1, validation:auc 0.5, too many failed", []string{"t-1", "t-2"}},
		{"its best was stopped early", tuningJob("t", "Completed", 2, 4, "t-9", 1.5), []object{stopped}, "completed, 4 of 4, t-9, validation:auc 1.5", []string{"t-1", "t-2", "t-9"}},
		{"its best is being deleted", tuningJob("t", "Completed", 2, 4, "t-8", 1), []object{deleting}, "completed, 4 of 4, t-8, validation:auc 1, deleted", []string{"t-1", "t-2"}},
		{"its best is gone", tuningJob("t", "Completed", 2, 4, "t-7", 1), nil, "completed, 4 of 4, t-7, validation:auc 1, deleted", []string{"t-1", "t-2"}},
		{"its best is not listened to", tuningJob("t", "Completed", 2, 4, "zz-9", 1), []object{elsewhere}, "completed, 4 of 4, zz-9, validation:auc 1", []string{"t-1", "t-2"}},
		{"warm start, better before", overall, nil, "completed, 4 of 2, s-4, validation:auc 0.75, s", []string{"t-1", "t-2"}},
		{"warm start, better before, by the job's word", untold, []object{childOf("s", "s-4", -600)}, "completed, 4 of 2, s-4, validation:auc 0.75, s", []string{"t-1", "t-2"}},
		{"warm start, better now", own, nil, "completed, 4 of 2, t-1", []string{"t-1", "t-2"}},
		{"deleted", nil, nil, "gone, 0 of 0", []string{"t-1", "t-2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := &account{perPage: 10, jobs: append([]object{childOf("t", "t-1", 1), childOf("t", "t-2", 2)}, tt.more...), tunings: map[string]object{"t": tt.tuning}, refuse: map[string]string{"t-7": "ValidationException"}}
			f, endpoint := serveFake(t, a.reply)
			jobs := open(t, endpoint).Jobs()
			for range 2 { // what it was told once it remembers
				got, err := jobs.Completed(t.Context(), []string{"t-*", "s-*"}, epoch)
				if err != nil || !slices.Equal(names(got), tt.all) || story(got)[0] != "t-1 of tuning job t: "+tt.want {
					t.Errorf("%q, %v, want %q", story(got), err, tt.want)
				}
			}
			asked := 1
			if strings.HasPrefix(tt.want, "runs") {
				asked = 2
			}
			if n := f.count("DescribeHyperParameterTuningJob"); n != asked {
				t.Errorf("it was asked %d times, want %d", n, asked)
			}
		})
	}
}

// A tuning job may take longer than training jobs are listed for. Its best child
// is told with its end, also by a controller that has seen neither before.
func TestBestOfLongAgo(t *testing.T) {
	a := &account{perPage: 10, jobs: []object{childOf("t", "t-1", 1), childOf("t", "t-2", 29)}, tunings: map[string]object{"t": tuningJob("t", "InProgress", 1, 10)}}
	_, endpoint := serveFake(t, a.reply)
	jobs := open(t, endpoint).Jobs()
	a.jobs = append(a.jobs, childOf("t", "t-3", 2))
	first, err := jobs.Completed(t.Context(), []string{"t-*"}, epoch)
	a.tunings["t"] = tuningJob("t", "Completed", 2, 10, "t-1", 0.5)
	late := epoch.Add(20 * time.Minute)
	then, err2 := jobs.Completed(t.Context(), []string{"t-*"}, late)
	restarted, err3 := open(t, endpoint).Jobs().Completed(t.Context(), []string{"t-*"}, late)
	if err := cmp.Or(err, err2, err3); err != nil || len(first) != 3 || !slices.Equal(names(then), []string{"t-1", "t-2"}) || !slices.Equal(names(restarted), names(then)) {
		t.Errorf("%v; %v; %v, %v", story(first), story(then), story(restarted), err)
	}
	both := open(t, endpoint).Jobs() // one that saw all of it remembers the others, too, until their end is told
	for _, since := range []time.Time{epoch, late} {
		if got, err := both.Completed(t.Context(), []string{"t-*"}, since); err != nil || !slices.Equal(names(got), []string{"t-1", "t-3", "t-2"}) {
			t.Errorf("since %v: %v, %v", since, story(got), err)
		}
	}
	if after, err := jobs.Completed(t.Context(), []string{"t-*"}, epoch.Add(time.Hour)); err != nil || len(after) != 0 {
		t.Errorf("after its end: %v, %v", story(after), err)
	}
}

// The steps of an AutoML job are children of a tuning job of its own, and of no
// other: its best candidate is the last thing that one of them trained.
func TestAutoMLJobs(t *testing.T) {
	var steps []object
	for i, kind := range []string{"TrainingJob", "TransformJob", "TrainingJob"} {
		steps = append(steps, object{"CandidateStepType": "AWS::SageMaker::" + kind, "CandidateStepName": "s", "CandidateStepArn": fmt.Sprintf("arn:aws:sagemaker:eu-central-1:1:training-job/a-%d", i)})
	}
	features, model := childOf("inner", "a-0", 1), childOf("inner", "a-2", 2)
	for _, j := range []object{features, model} {
		j["AutoMLJobArn"] = "arn:aws:sagemaker:eu-central-1:123456789012:automl-job/a"
	}
	automl := object{"AutoMLJobName": "a", "AutoMLJobStatus": "InProgress", "AutoMLJobSecondaryStatus": "TrainingModels", "CreationTime": seconds(epoch), "LastModifiedTime": seconds(epoch)}
	a := &account{perPage: 10, jobs: []object{features, model}, tunings: map[string]object{"a": automl}}
	_, endpoint := serveFake(t, a.reply)
	jobs := open(t, endpoint).Jobs()
	for _, tt := range []struct {
		status string
		best   any
		want   string
	}{
		{"InProgress", nil, "runs, 0 of 0"},
		{"Completed", object{"CandidateName": "c", "CandidateSteps": steps, "FinalAutoMLJobObjectiveMetric": object{"MetricName": "F1", "Value": 0.8}}, "completed, 0 of 0, a-2, F1 0.8"},
	} {
		automl["AutoMLJobStatus"], automl["EndTime"] = tt.status, seconds(epoch.Add(5*time.Minute))
		if tt.best != nil {
			automl["BestCandidate"] = tt.best
		}
		got, err := jobs.Completed(t.Context(), []string{"*"}, epoch)
		if err != nil || !slices.Equal(story(got), []string{"a-0 of AutoML job a: " + tt.want, "a-2 of AutoML job a: " + tt.want}) {
			t.Errorf("%q, %v, want %q", story(got), err, tt.want)
		}
	}
}

// While a tuning job cannot be asked, its children wait and say why; all other
// jobs go on. Once it may be, nothing was lost.
func TestTuningThroughFaults(t *testing.T) {
	a := &account{perPage: 10, refuse: map[string]string{"t": "AccessDeniedException"}, jobs: []object{childOf("t", "t-1", 1), job("alone", 2)}, tunings: map[string]object{"t": tuningJob("t", "Completed", 1, 1, "t-1", 0.5)}}
	_, endpoint := serveFake(t, a.reply)
	jobs := open(t, endpoint).Jobs()
	got, err := jobs.Completed(t.Context(), []string{"*"}, epoch)
	check(t, "denied", err, "describe tuning job t: access to")
	check(t, "denied", err, "may sagemaker:DescribeHyperParameterTuningJob")
	if len(got) != 2 || got[0].Tuning.Status != rollout.TuningUnknown || !strings.Contains(got[0].Tuning.Why, "may sagemaker:DescribeHyperParameterTuningJob") || got[1].Tuning != nil {
		t.Errorf("denied: %q", story(got))
	}
	delete(a.refuse, "t")
	got, err = jobs.Completed(t.Context(), []string{"*"}, epoch)
	if want := "t-1 of tuning job t: completed, 3 of 1, t-1, validation:auc 0.5"; err != nil || story(got)[0] != want {
		t.Errorf("allowed: %q, %v, want %q", story(got), err, want)
	}
	// The best cannot be read: nobody is passed over for it meanwhile.
	a.jobs = []object{childOf("u", "u-1", 1), childOf("u", "u-2", 2)}
	a.tunings, a.refuse = map[string]object{"u": tuningJob("u", "Completed", 2, 2, "u-2", 0.5)}, map[string]string{"u-2": "AccessDeniedException"}
	got, err = open(t, endpoint).Jobs().Completed(t.Context(), []string{"*"}, epoch)
	check(t, "its best denied", err, "describe training job u-2")
	if len(got) != 1 || got[0].Tuning.Status != rollout.TuningUnknown {
		t.Errorf("its best denied: %q", story(got))
	}
}

// A pass asks about so many tuning jobs, and each gets its turn.
func TestTuningInBoundedPasses(t *testing.T) {
	a := &account{perPage: 100, tunings: map[string]object{}}
	for i := range 45 {
		name := fmt.Sprintf("t%02d", i)
		a.jobs, a.tunings[name] = append(a.jobs, childOf(name, name+"-1", 1)), tuningJob(name, "InProgress", 1, 10)
	}
	f, endpoint := serveFake(t, a.reply)
	jobs := open(t, endpoint).Jobs()
	for pass, want := range []int{20, 40, 45, 45} {
		before := f.count("DescribeHyperParameterTuningJob")
		got, err := jobs.Completed(t.Context(), []string{"*"}, epoch)
		got = slices.DeleteFunc(got, func(j rollout.Job) bool { return j.Tuning.Status == rollout.TuningUnknown })
		if asked := f.count("DescribeHyperParameterTuningJob") - before; err != nil || asked > 20 || len(got) != want {
			t.Errorf("pass %d asks %d times, and knows %d, want %d (%v)", pass, asked, len(got), want, err)
		}
	}
	if n := f.count("DescribeTrainingJob"); n != 45 {
		t.Errorf("training jobs were described %d times", n)
	}
}
