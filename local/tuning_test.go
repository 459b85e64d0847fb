package local_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"go.etcd.io/bbolt"

	"github.com/sluicehq/sluice/local"
)

// tune begins a tuning job over values of sluice_job, and whatever set changes.
func (tr trainer) tune(name string, courses []string, set ...func(*sagemaker.CreateHyperParameterTuningJobInput)) error {
	tr.t.Helper()
	in := &sagemaker.CreateHyperParameterTuningJobInput{
		HyperParameterTuningJobName: &name,
		HyperParameterTuningJobConfig: &types.HyperParameterTuningJobConfig{
			Strategy:                         types.HyperParameterTuningJobStrategyTypeGrid,
			ResourceLimits:                   &types.ResourceLimits{MaxParallelTrainingJobs: aws.Int32(2)},
			HyperParameterTuningJobObjective: &types.HyperParameterTuningJobObjective{Type: types.HyperParameterTuningJobObjectiveTypeMaximize, MetricName: aws.String("auc")},
			ParameterRanges:                  &types.ParameterRanges{CategoricalParameterRanges: []types.CategoricalParameterRange{{Name: aws.String("sluice_job"), Values: courses}}},
		},
		TrainingJobDefinition: &types.HyperParameterTrainingJobDefinition{
			AlgorithmSpecification: &types.HyperParameterAlgorithmSpecification{TrainingInputMode: types.TrainingInputModeFile, TrainingImage: aws.String("xgboost:3.0-5")},
			RoleArn:                aws.String("arn:aws:iam::000000000000:role/trainer"), OutputDataConfig: &types.OutputDataConfig{S3OutputPath: aws.String("s3://bucket/artifacts/")},
			ResourceConfig:    &types.ResourceConfig{InstanceCount: aws.Int32(1), InstanceType: types.TrainingInstanceTypeMlM5Large, VolumeSizeInGB: aws.Int32(1)},
			StoppingCondition: &types.StoppingCondition{MaxRuntimeInSeconds: aws.Int32(60)},
		},
	}
	for _, f := range set {
		f(in)
	}
	_, err := tr.CreateHyperParameterTuningJob(tr.t.Context(), in)
	return err
}

func (tr trainer) tuning(name string) *sagemaker.DescribeHyperParameterTuningJobOutput {
	tr.t.Helper()
	out, err := tr.DescribeHyperParameterTuningJob(tr.t.Context(), &sagemaker.DescribeHyperParameterTuningJobInput{HyperParameterTuningJobName: &name})
	if err != nil {
		tr.t.Fatal(err)
	}
	return out
}

func (tr trainer) tuned(name string) *sagemaker.DescribeHyperParameterTuningJobOutput {
	tr.t.Helper()
	eventually(tr.t, name+" ends", func() bool {
		s := tr.tuning(name).HyperParameterTuningJobStatus
		return s != types.HyperParameterTuningJobStatusInProgress && s != types.HyperParameterTuningJobStatusStopping
	})
	return tr.tuning(name)
}

func (tr trainer) children(name string, set ...func(*sagemaker.ListTrainingJobsForHyperParameterTuningJobInput)) (all []types.HyperParameterTrainingJobSummary) {
	tr.t.Helper()
	in := &sagemaker.ListTrainingJobsForHyperParameterTuningJobInput{HyperParameterTuningJobName: &name, MaxResults: aws.Int32(2)}
	for _, f := range set {
		f(in)
	}
	for pages := sagemaker.NewListTrainingJobsForHyperParameterTuningJobPaginator(tr.Client, in); pages.HasMorePages(); {
		page, err := pages.NextPage(tr.t.Context())
		if err != nil {
			tr.t.Fatal(err)
		}
		all = append(all, page.TrainingJobSummaries...)
	}
	return all
}

func counters(out *sagemaker.DescribeHyperParameterTuningJobOutput) string {
	c, o := out.TrainingJobStatusCounters, out.ObjectiveStatusCounters
	return fmt.Sprintf("%s: %d completed, %d failed, %d stopped, %d run; objectives %d, %d pending, %d failed", out.HyperParameterTuningJobStatus,
		*c.Completed, *c.NonRetryableError, *c.Stopped, *c.InProgress, *o.Succeeded, *o.Pending, *o.Failed)
}

func course(seconds float64, status string, auc float64) string {
	return fmt.Sprintf(`{"seconds": %g, "status": %q, "metrics": {"auc": %g}}`, seconds, status, auc)
}

// A grid trains one job per combination, some at a time, and calls that with the
// best objective the best, which a failed one cannot be.
func TestTuningJob(t *testing.T) {
	tr := trainer{t, connect(t, start(t, local.Config{}).URL(), "testtest").sagemaker}
	if err := tr.tune("grid", []string{course(0, "Completed", .5), course(0, "Completed", .75), course(0, "Failed", .9), `{"metrics": {"loss": 1}}`, course(.2, "Completed", .625)}); err != nil {
		t.Fatal(err)
	}
	out := tr.tuned("grid")
	if got, want := counters(out), "Completed: 4 completed, 1 failed, 0 stopped, 0 run; objectives 3, 0 pending, 2 failed"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if b := out.BestTrainingJob; b == nil || !strings.HasPrefix(*b.TrainingJobName, "grid-002-") || *b.FinalHyperParameterTuningJobObjectiveMetric.Value != .75 || out.HyperParameterTuningEndTime == nil {
		t.Fatalf("the best is %+v", b)
	}
	child := tr.ended(*out.BestTrainingJob.TrainingJobName)
	if aws.ToString(child.TuningJobArn) != *out.HyperParameterTuningJobArn || child.HyperParameters["_tuning_objective_metric"] != "auc" {
		t.Errorf("the best child: %+v", child)
	}
	byObjective := func(in *sagemaker.ListTrainingJobsForHyperParameterTuningJobInput) {
		in.SortBy, in.SortOrder = types.TrainingJobSortByOptionsFinalObjectiveMetricValue, types.SortOrderDescending
	}
	var order []string
	for _, c := range tr.children("grid", byObjective) {
		order = append(order, (*c.TrainingJobName)[:8])
	}
	if want := []string{"grid-002", "grid-005", "grid-001"}; len(order) != 5 || !slices.Equal(order[:3], want) {
		t.Errorf("by objective: %v, want %v first", order, want)
	}
	// What was best stays so when it is deleted.
	if _, err := tr.DeleteTrainingJob(t.Context(), &sagemaker.DeleteTrainingJobInput{TrainingJobName: out.BestTrainingJob.TrainingJobName}); err != nil {
		t.Fatal(err)
	}
	if again := tr.tuning("grid"); *again.BestTrainingJob.TrainingJobName != *out.BestTrainingJob.TrainingJobName || len(tr.children("grid")) != 4 {
		t.Errorf("after it was deleted: %+v", again.BestTrainingJob)
	}
}

func TestTuningJobEnds(t *testing.T) {
	tr := trainer{t, connect(t, start(t, local.Config{}).URL(), "testtest").sagemaker}
	minimize := func(in *sagemaker.CreateHyperParameterTuningJobInput) {
		in.HyperParameterTuningJobConfig.HyperParameterTuningJobObjective.Type = types.HyperParameterTuningJobObjectiveTypeMinimize
	}
	warm := func(in *sagemaker.CreateHyperParameterTuningJobInput) {
		in.WarmStartConfig = &types.HyperParameterTuningJobWarmStartConfig{
			WarmStartType:                  types.HyperParameterTuningJobWarmStartTypeIdenticalDataAndAlgorithm,
			ParentHyperParameterTuningJobs: []types.ParentHyperParameterTuningJob{{HyperParameterTuningJobName: aws.String("small")}},
		}
	}
	for _, err := range []error{
		tr.tune("small", []string{course(0, "Completed", .5), course(0, "Completed", .25)}, minimize),
		tr.tune("broken", []string{course(0, "Failed", .5), course(0, "Failed", .25)}),
		tr.tune("endless", []string{course(0, "Completed", .5), course(3600, "Completed", .9), course(3600, "Completed", .9), course(3600, "Completed", .9)}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if b := tr.tuned("small").BestTrainingJob; *b.FinalHyperParameterTuningJobObjectiveMetric.Value != .25 {
		t.Errorf("the least is %+v", b)
	}
	if out := tr.tuned("broken"); counters(out) != "Failed: 0 completed, 2 failed, 0 stopped, 0 run; objectives 0, 0 pending, 2 failed" || out.BestTrainingJob != nil || out.FailureReason == nil {
		t.Errorf("broken: %s", counters(out))
	}
	// Never more than two at a time: the first is over, the next two run, and the last waits.
	eventually(t, "two of it run", func() bool {
		return counters(tr.tuning("endless")) == "InProgress: 1 completed, 0 failed, 0 stopped, 2 run; objectives 1, 2 pending, 0 failed"
	})
	_, err := tr.DeleteHyperParameterTuningJob(t.Context(), &sagemaker.DeleteHyperParameterTuningJobInput{HyperParameterTuningJobName: aws.String("endless")})
	if codeOf(err) != "ValidationException" {
		t.Errorf("deleted while it runs: %v", err)
	}
	stop := &sagemaker.StopHyperParameterTuningJobInput{HyperParameterTuningJobName: aws.String("endless")}
	if _, err := tr.StopHyperParameterTuningJob(t.Context(), stop); err != nil {
		t.Fatal(err)
	}
	if out := tr.tuned("endless"); counters(out) != "Stopped: 1 completed, 0 failed, 2 stopped, 0 run; objectives 1, 0 pending, 2 failed" || *out.BestTrainingJob.FinalHyperParameterTuningJobObjectiveMetric.Value != .5 {
		t.Errorf("endless: %s, %+v", counters(out), out.BestTrainingJob)
	}
	if _, err := tr.StopHyperParameterTuningJob(t.Context(), stop); codeOf(err) != "ValidationException" {
		t.Errorf("stopped twice: %v", err)
	}
	if err := tr.tune("later", []string{course(0, "Completed", .75)}, minimize, warm); err != nil {
		t.Fatal(err)
	}
	if out := tr.tuned("later"); *out.OverallBestTrainingJob.TuningJobName != "small" || *out.BestTrainingJob.TuningJobName != "later" {
		t.Errorf("of all it is %+v", out.OverallBestTrainingJob)
	}
	list, err := tr.ListHyperParameterTuningJobs(t.Context(), &sagemaker.ListHyperParameterTuningJobsInput{StatusEquals: types.HyperParameterTuningJobStatusStopped})
	if err != nil || len(list.HyperParameterTuningJobSummaries) != 1 || *list.HyperParameterTuningJobSummaries[0].TrainingJobStatusCounters.Stopped != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := tr.DeleteHyperParameterTuningJob(t.Context(), &sagemaker.DeleteHyperParameterTuningJobInput{HyperParameterTuningJobName: aws.String("small")}); err != nil {
		t.Fatal(err)
	}
	_, err = tr.DescribeHyperParameterTuningJob(t.Context(), &sagemaker.DescribeHyperParameterTuningJobInput{HyperParameterTuningJobName: aws.String("small")})
	if codeOf(err) != "ResourceNotFound" {
		t.Errorf("after it was deleted: %v", err)
	}
}

func TestTuningJobRefused(t *testing.T) {
	tr := trainer{t, connect(t, start(t, local.Config{}).URL(), "testtest").sagemaker}
	type in = *sagemaker.CreateHyperParameterTuningJobInput
	number := func(low, high string) func(in) {
		return func(i in) {
			i.HyperParameterTuningJobConfig.ParameterRanges.ContinuousParameterRanges = []types.ContinuousParameterRange{{Name: aws.String("eta"), MinValue: &low, MaxValue: &high}}
		}
	}
	strategy := func(s types.HyperParameterTuningJobStrategyType, most int32) func(in) {
		return func(i in) {
			i.HyperParameterTuningJobConfig.Strategy, i.HyperParameterTuningJobConfig.ResourceLimits.MaxNumberOfTrainingJobs = s, &most
		}
	}
	for _, tt := range []struct {
		name string
		set  []func(in)
		says string
	}{
		{"a-name-that-is-longer-than-32-chars", nil, "1 to 32"},
		{"hyperband", []func(in){strategy(types.HyperParameterTuningJobStrategyTypeHyperband, 1)}, "Grid and Random"},
		{"grid-of-numbers", []func(in){number("0", "1")}, "categorical ranges only"},
		{"grid-of-others", []func(in){strategy(types.HyperParameterTuningJobStrategyTypeGrid, 3)}, "must be 1"},
		{"too-many", []func(in){strategy(types.HyperParameterTuningJobStrategyTypeRandom, 751)}, "between 1 and 750"},
		{"no-range", []func(in){strategy(types.HyperParameterTuningJobStrategyTypeRandom, 1), number("2", "1")}, "The range of eta"},
		{"no-number", []func(in){strategy(types.HyperParameterTuningJobStrategyTypeRandom, 1), number("low", "1")}, "The range of eta"},
		{"no-objective", []func(in){func(i in) { i.HyperParameterTuningJobConfig.HyperParameterTuningJobObjective = nil }}, "Objective is missing"},
		{"no-output", []func(in){func(i in) { i.TrainingJobDefinition.OutputDataConfig.S3OutputPath = aws.String("elsewhere") }}, "s3://bucket/key"},
		{"no-parent", []func(in){func(i in) {
			i.WarmStartConfig = &types.HyperParameterTuningJobWarmStartConfig{WarmStartType: types.HyperParameterTuningJobWarmStartTypeTransferLearning, ParentHyperParameterTuningJobs: []types.ParentHyperParameterTuningJob{{HyperParameterTuningJobName: aws.String("nobody")}}}
		}}, "parent tuning job nobody"},
	} {
		if err := tr.tune(tt.name, []string{course(0, "Completed", 1)}, tt.set...); codeOf(err) != "ValidationException" || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
		}
	}
	if err := tr.tune("once", []string{course(0, "Completed", 1)}); err != nil {
		t.Fatal(err)
	}
	if err := tr.tune("once", []string{course(0, "Completed", 1)}); codeOf(err) != "ResourceInUse" {
		t.Errorf("once more: %v", err)
	}
}

// Children are real scripts, whose objective is read from what they print; a
// server that is started again goes on with the same ones.
func TestTuningScriptOverARestart(t *testing.T) {
	dir, script := t.TempDir(), filepath.Join(t.TempDir(), "train.py")
	code := `import os, sys, time
a = dict(zip(sys.argv[1::2], sys.argv[2::2]))
print("depth", a["--depth"], "eta", a["--eta"], "kind", a["--kind"], "fixed", a["--fixed"], len(sys.argv))
print("[9]#011validation-auc:%s" % (0.5 + int(a["--depth"]) / 100))
`
	if err := os.WriteFile(script, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	begin := func() (*local.Server, trainer) {
		s, err := local.Start(t.Context(), local.Config{Dir: dir, Listen: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		return s, trainer{t, connect(t, s.URL(), "testtest").sagemaker}
	}
	s, tr := begin()
	newBucket(t, connect(t, s.URL(), "testtest"))
	err := tr.tune("random", nil, func(in *sagemaker.CreateHyperParameterTuningJobInput) {
		c, d := in.HyperParameterTuningJobConfig, in.TrainingJobDefinition
		c.Strategy, c.ResourceLimits.MaxNumberOfTrainingJobs = types.HyperParameterTuningJobStrategyTypeBayesian, aws.Int32(5)
		c.ParameterRanges = &types.ParameterRanges{
			CategoricalParameterRanges: []types.CategoricalParameterRange{{Name: aws.String("kind"), Values: []string{"a", "b"}}},
			IntegerParameterRanges:     []types.IntegerParameterRange{{Name: aws.String("depth"), MinValue: aws.String("3"), MaxValue: aws.String("12")}},
			ContinuousParameterRanges:  []types.ContinuousParameterRange{{Name: aws.String("eta"), MinValue: aws.String("0.001"), MaxValue: aws.String("0.1"), ScalingType: types.HyperParameterScalingTypeLogarithmic}},
		}
		d.StaticHyperParameters = map[string]string{"sagemaker_program": script, "fixed": "7"}
		d.AlgorithmSpecification.MetricDefinitions = []types.MetricDefinition{{Name: aws.String("auc"), Regex: aws.String(`.*\[[0-9]+\].*#011validation-auc:([-+]?[0-9]*\.?[0-9]+).*`)}}
	})
	if err != nil {
		t.Fatal(err)
	}
	first := tr.children("random")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	forgetJobs(t, dir) // as if it had been cut off before it began any
	s, tr = begin()
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	out := tr.tuned("random")
	if counters(out) != "Completed: 5 completed, 0 failed, 0 stopped, 0 run; objectives 5, 0 pending, 0 failed" {
		t.Fatalf("%s", counters(out))
	}
	seen, best := map[string]bool{}, float32(0)
	for i, c := range tr.children("random") {
		h := c.TunedHyperParameters
		if i < len(first) && !maps.Equal(h, first[i].TunedHyperParameters) {
			t.Errorf("child %d tried %v, and after the restart %v", i, first[i].TunedHyperParameters, h)
		}
		var depth int
		var eta float64
		fmt.Sscan(h["depth"]+" "+h["eta"], &depth, &eta)
		if want := .5 + float32(depth)/100; len(h) != 3 || depth < 3 || depth > 12 || eta < .001 || eta > .1 || *c.FinalHyperParameterTuningJobObjectiveMetric.Value != want {
			t.Errorf("child %d tried %v and came to %v", i, h, *c.FinalHyperParameterTuningJobObjectiveMetric.Value)
		}
		seen[h["depth"]+h["eta"]] = true
		best = max(best, *c.FinalHyperParameterTuningJobObjectiveMetric.Value)
	}
	if len(seen) != 5 || *out.BestTrainingJob.FinalHyperParameterTuningJobObjectiveMetric.Value != best {
		t.Errorf("%d different tries, the best %v of %v", len(seen), *out.BestTrainingJob.FinalHyperParameterTuningJobObjectiveMetric.Value, best)
	}
}

// forgetJobs removes the training jobs from what a server has stored.
func forgetJobs(t *testing.T, dir string) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, "state.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("sagemaker.jobs")) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// A seed makes two tuning jobs try the same.
func TestTuningSeed(t *testing.T) {
	tr := trainer{t, connect(t, start(t, local.Config{}).URL(), "testtest").sagemaker}
	var tried [3]string
	for i, name := range []string{"a", "b", "c"} {
		err := tr.tune(name, nil, func(in *sagemaker.CreateHyperParameterTuningJobInput) {
			c := in.HyperParameterTuningJobConfig
			c.Strategy, c.ResourceLimits.MaxNumberOfTrainingJobs = types.HyperParameterTuningJobStrategyTypeRandom, aws.Int32(3)
			c.ParameterRanges = &types.ParameterRanges{ContinuousParameterRanges: []types.ContinuousParameterRange{{Name: aws.String("eta"), MinValue: aws.String("0"), MaxValue: aws.String("1")}}}
			if name != "c" {
				c.RandomSeed = aws.Int32(7)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		tr.tuned(name)
		for _, c := range tr.children(name) {
			tried[i] += c.TunedHyperParameters["eta"] + " "
		}
	}
	if tried[0] != tried[1] || tried[0] == tried[2] || len(strings.Fields(tried[0])) != 3 {
		t.Errorf("with a seed %s and %s are tried, without %s", tried[0], tried[1], tried[2])
	}
}

// askLogs calls CloudWatch Logs, for which the program needs no client.
func askLogs(t *testing.T, url, operation string, in map[string]any, out any) (code string) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "Logs_20140328."+operation)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: "test", SecretAccessKey: "testtest"}, r, hex.EncodeToString(sum[:]), "logs", "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err == nil && out != nil {
		err = json.Unmarshal(raw, out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return resp.Header.Get("X-Amzn-ErrorType")
}

type logPage struct {
	Events []struct {
		Timestamp     int64
		Message       string
		LogStreamName string
		EventID       string `json:"eventId"`
	}
	LogStreams                                     []struct{ LogStreamName string }
	NextToken, NextForwardToken, NextBackwardToken string
}

func (p logPage) text() string {
	var lines []string
	for _, e := range p.Events {
		lines = append(lines, e.Message)
	}
	return strings.Join(lines, " ")
}

// What a training job prints is read as CloudWatch Logs tells it, forwards and
// backwards, of one job or many, and after a restart.
func TestTrainingLogs(t *testing.T) {
	dir, script := t.TempDir(), filepath.Join(t.TempDir(), "train.py")
	if err := os.WriteFile(script, []byte("for i in range(5):\n    print('line', i)\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const group = "/aws/sagemaker/TrainingJobs"
	s, err := local.Start(t.Context(), local.Config{Dir: dir, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	all := connect(t, s.URL(), "testtest")
	newBucket(t, all)
	tr := trainer{t, all.sagemaker}
	tr.create("talks", map[string]string{"sagemaker_program": script})
	tr.create("talks-too", map[string]string{"sluice_metrics": `{"auc": 0.5}`})
	tr.create("waits", map[string]string{"sluice_seconds": "3600"})
	tr.ended("talks")
	tr.ended("talks-too")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = start(t, local.Config{Dir: dir})
	url := s.URL()
	var streams logPage
	askLogs(t, url, "DescribeLogStreams", map[string]any{"logGroupName": group, "orderBy": "LogStreamName"}, &streams)
	if len(streams.LogStreams) != 2 || !strings.HasPrefix(streams.LogStreams[1].LogStreamName, "talks/algo-1-") { // "-" sorts before "/"
		t.Fatalf("streams: %+v", streams)
	}
	name := streams.LogStreams[1].LogStreamName
	get := func(in map[string]any) (p logPage) {
		in["logGroupName"], in["logStreamName"] = group, name
		askLogs(t, url, "GetLogEvents", in, &p)
		return p
	}
	whole := get(map[string]any{"startFromHead": true})
	if whole.text() != "line 0 line 1 line 2 line 3 line 4" {
		t.Fatalf("whole: %+v", whole)
	}
	if end := get(map[string]any{"nextToken": whole.NextForwardToken, "startFromHead": true}); len(end.Events) != 0 || end.NextForwardToken != whole.NextForwardToken {
		t.Errorf("at the end: %+v", end)
	}
	two := get(map[string]any{"startFromHead": true, "limit": 2})
	next := get(map[string]any{"nextToken": two.NextForwardToken, "limit": 2})
	last := get(map[string]any{"limit": 2})
	before := get(map[string]any{"limit": 2, "nextToken": last.NextBackwardToken})
	if one := get(map[string]any{"limit": 1}); one.text() != "line 4" {
		t.Errorf("the last one is %q", one.text())
	}
	if two.text() != "line 0 line 1" || next.text() != "line 2 line 3" || last.text() != "line 3 line 4" || before.text() != "line 1 line 2" {
		t.Errorf("in pages: %q, %q; %q, before that %q", two.text(), next.text(), last.text(), before.text())
	}
	if none := get(map[string]any{"startFromHead": true, "endTime": whole.Events[0].Timestamp}); len(none.Events) != 0 {
		t.Errorf("before the first: %+v", none)
	}
	var found logPage
	askLogs(t, url, "FilterLogEvents", map[string]any{"logGroupName": group, "logStreamNamePrefix": "talks", "startTime": 1, "limit": 4}, &found)
	var more logPage
	askLogs(t, url, "FilterLogEvents", map[string]any{"logGroupName": group, "logStreamNamePrefix": "talks", "startTime": 1, "limit": 4, "nextToken": found.NextToken}, &more)
	if text := found.text() + " " + more.text(); len(found.Events) != 4 || len(more.Events) != 2 || !strings.Contains(text, "auc=0.5") || !strings.Contains(text, "line 4") || found.Events[0].EventID == found.Events[1].EventID {
		t.Errorf("of both: %+v, then %+v", found, more)
	}
	askLogs(t, url, "FilterLogEvents", map[string]any{"logGroupName": group, "filterPattern": `"line 3"`}, &found)
	if found.text() != "line 3" {
		t.Errorf("by a phrase: %+v", found)
	}
	for code, in := range map[string]map[string]any{
		"ResourceNotFoundException":  {"logGroupName": "/aws/lambda/other", "logStreamName": name},
		"InvalidParameterException":  {"logGroupName": group, "logStreamName": name, "nextToken": "x"},
		"ResourceNotFoundException ": {"logGroupName": group, "logStreamName": "talks/algo-2-1"},
	} {
		if got := askLogs(t, url, "GetLogEvents", in, nil); got != strings.TrimSpace(code) {
			t.Errorf("%v is refused with %q, want %s", in, got, code)
		}
	}
	if got := askLogs(t, url, "PutLogEvents", map[string]any{"logGroupName": group}, nil); got != "UnknownOperationException" {
		t.Errorf("writing is refused with %q", got)
	}
}

func TestCallerIdentity(t *testing.T) {
	url := start(t, local.Config{}).URL()
	who := func(secret string) (*sts.GetCallerIdentityOutput, error) {
		cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("us-east-1"), config.WithBaseEndpoint(url),
			config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("test", secret, "")))
		if err != nil {
			t.Fatal(err)
		}
		return sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	}
	if got, err := who("testtest"); err != nil || *got.Account != "000000000000" || *got.Arn != "arn:aws:iam::000000000000:user/test" || aws.ToString(got.UserId) == "" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, tt := range []struct {
		service, action, says string
		status                int
	}{
		{"iam", "SimulatePrincipalPolicy", "AccessDenied", 403},
		{"sts", "AssumeRole", "InvalidAction", 400},
	} {
		body := "Action=" + tt.action + "&Version=1"
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		sum := sha256.Sum256([]byte(body))
		if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: "test", SecretAccessKey: "testtest"}, r, hex.EncodeToString(sum[:]), tt.service, "us-east-1", time.Now()); err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != tt.status || !strings.Contains(string(answer), "<Code>"+tt.says+"</Code>") || !strings.Contains(string(answer), tt.action) {
			t.Errorf("%s %s: %d %s, %v", tt.service, tt.action, resp.StatusCode, answer, err)
		}
	}
	if _, err := who("wrong"); statusOf(err) != http.StatusForbidden || !strings.Contains(err.Error(), "--secret-key") {
		t.Errorf("with a wrong secret: %v", err)
	}
}
