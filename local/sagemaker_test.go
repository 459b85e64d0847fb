package local_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"

	"github.com/sluicehq/sluice/local"
)

type trainer struct {
	t *testing.T
	*sagemaker.Client
}

func (tr trainer) create(name string, hyper map[string]string, set ...func(*sagemaker.CreateTrainingJobInput)) {
	tr.t.Helper()
	in := &sagemaker.CreateTrainingJobInput{
		TrainingJobName: &name, RoleArn: aws.String("arn:aws:iam::000000000000:role/trainer"), HyperParameters: hyper,
		AlgorithmSpecification: &types.AlgorithmSpecification{TrainingInputMode: types.TrainingInputModeFile, TrainingImage: aws.String("xgboost:3.0-5")},
		OutputDataConfig:       &types.OutputDataConfig{S3OutputPath: aws.String("s3://bucket/artifacts/")},
		ResourceConfig:         &types.ResourceConfig{InstanceCount: aws.Int32(1), InstanceType: types.TrainingInstanceTypeMlM5Large, VolumeSizeInGB: aws.Int32(1)},
		StoppingCondition:      &types.StoppingCondition{MaxRuntimeInSeconds: aws.Int32(60)},
	}
	for _, f := range set {
		f(in)
	}
	if _, err := tr.CreateTrainingJob(tr.t.Context(), in); err != nil {
		tr.t.Fatal(err)
	}
}

func (tr trainer) ended(name string) *sagemaker.DescribeTrainingJobOutput {
	tr.t.Helper()
	var out *sagemaker.DescribeTrainingJobOutput
	eventually(tr.t, name+" ends", func() bool {
		var err error
		out, err = tr.DescribeTrainingJob(tr.t.Context(), &sagemaker.DescribeTrainingJobInput{TrainingJobName: &name})
		if err != nil {
			tr.t.Fatal(err)
		}
		return out.TrainingJobStatus != types.TrainingJobStatusInProgress && out.TrainingJobStatus != types.TrainingJobStatusStopping
	})
	return out
}

func TestTrainingJobs(t *testing.T) {
	all := connect(t, start(t, local.Config{}).URL(), "testtest")
	b, tr := newBucket(t, all), trainer{t, all.sagemaker}
	b.mustPut("given/model.tar.gz", "the model")
	file := filepath.Join(t.TempDir(), "model.tar.gz")
	if err := os.WriteFile(file, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	folder := func(in *sagemaker.CreateTrainingJobInput) {
		in.OutputDataConfig.CompressionType = types.OutputCompressionTypeNone
	}
	tr.create("from-s3", map[string]string{"sluice_artifact": "s3://bucket/given/model.tar.gz", "sluice_metrics": `{"validation:auc":0.75}`})
	tr.create("from-file", map[string]string{"sluice_artifact": file})
	tr.create("unpacked", map[string]string{"sluice_artifact": "s3://bucket/given/"}, folder)
	tr.create("empty", map[string]string{"sluice_artifact": "none"})
	tr.create("failed", map[string]string{"sluice_status": "Failed"})
	tr.create("lost", map[string]string{"sluice_artifact": "s3://bucket/absent"})
	tr.create("endless", map[string]string{"sluice_seconds": "3600"})
	if _, err := tr.StopTrainingJob(t.Context(), &sagemaker.StopTrainingJobInput{TrainingJobName: aws.String("endless")}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		status types.TrainingJobStatus
		key    string
		body   string
	}{
		"from-s3":   {types.TrainingJobStatusCompleted, "artifacts/from-s3/output/model.tar.gz", "the model"},
		"from-file": {types.TrainingJobStatusCompleted, "artifacts/from-file/output/model.tar.gz", "from a file"},
		"unpacked":  {types.TrainingJobStatusCompleted, "artifacts/unpacked/output/model/model.tar.gz", "the model"},
		"empty":     {types.TrainingJobStatusCompleted, "", ""},
		"failed":    {types.TrainingJobStatusFailed, "", ""},
		"lost":      {types.TrainingJobStatusFailed, "", ""},
		"endless":   {types.TrainingJobStatusStopped, "", ""},
	} {
		out := tr.ended(name)
		if out.TrainingJobStatus != want.status {
			t.Errorf("%s: %s (%s), want %s", name, out.TrainingJobStatus, aws.ToString(out.FailureReason), want.status)
		}
		if want.key == "" {
			continue
		}
		if at := *out.ModelArtifacts.S3ModelArtifacts; !strings.HasPrefix("s3://bucket/"+want.key, at) {
			t.Errorf("%s: artifact at %s", name, at)
		}
		if body, err := b.get(want.key); err != nil || body != want.body {
			t.Errorf("%s: %q %v", name, body, err)
		}
	}
	if m := tr.ended("from-s3").FinalMetricDataList; len(m) != 1 || *m[0].MetricName != "validation:auc" || *m[0].Value != 0.75 {
		t.Errorf("metrics %+v", m)
	}
	_, err := tr.CreateTrainingJob(t.Context(), &sagemaker.CreateTrainingJobInput{
		TrainingJobName: aws.String("from-s3"), RoleArn: aws.String("arn:aws:iam::000000000000:role/trainer"),
		OutputDataConfig: &types.OutputDataConfig{S3OutputPath: aws.String("s3://bucket/")},
	})
	if codeOf(err) != "ResourceInUse" {
		t.Errorf("same name again: %v", err)
	}
	_, err = tr.DescribeTrainingJob(t.Context(), &sagemaker.DescribeTrainingJobInput{TrainingJobName: aws.String("absent")})
	if codeOf(err) != "ValidationException" {
		t.Errorf("absent job: %v", err)
	}
	if _, err := b.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: b.name, Key: aws.String("artifacts/empty/output/model.tar.gz")}); statusOf(err) != 404 {
		t.Errorf("a job without an artifact: %v", err)
	}
}

// StatusEquals is applied to a page that has been cut already: empty pages
// with a token are normal, and whoever stops at one misses jobs.
func TestListTrainingJobsHasEmptyPages(t *testing.T) {
	all := connect(t, start(t, local.Config{}).URL(), "testtest")
	tr := trainer{t, all.sagemaker}
	newBucket(t, all)
	for i := range 7 {
		hyper := map[string]string{"sluice_status": "Failed"}
		if i == 6 {
			hyper = nil
		}
		tr.create(fmt.Sprintf("job-%d", i), hyper)
	}
	for i := range 7 {
		tr.ended(fmt.Sprintf("job-%d", i))
	}
	in := &sagemaker.ListTrainingJobsInput{
		StatusEquals: types.TrainingJobStatusCompleted, MaxResults: aws.Int32(2),
		SortBy: types.SortByCreationTime, SortOrder: types.SortOrderAscending,
	}
	var empty, found int
	pages := sagemaker.NewListTrainingJobsPaginator(tr.Client, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(page.TrainingJobSummaries) == 0 {
			empty++
		}
		found += len(page.TrainingJobSummaries)
	}
	if empty != 3 || found != 1 {
		t.Errorf("%d empty pages and %d jobs, want 3 and 1", empty, found)
	}
	last := tr.ended("job-6").LastModifiedTime
	out, err := tr.ListTrainingJobs(t.Context(), &sagemaker.ListTrainingJobsInput{LastModifiedTimeAfter: aws.Time(last.Add(time.Second))})
	if err != nil || len(out.TrainingJobSummaries) != 0 {
		t.Errorf("after the last: %+v %v", out, err)
	}
	out, err = tr.ListTrainingJobs(t.Context(), &sagemaker.ListTrainingJobsInput{NameContains: aws.String("-3")})
	if err != nil || len(out.TrainingJobSummaries) != 1 {
		t.Errorf("by name: %+v %v", out, err)
	}
}

// A training script runs as in SageMaker's script mode.
func TestTrainingScript(t *testing.T) {
	t.Chdir(t.TempDir())
	all := connect(t, start(t, local.Config{Dir: "relative"}).URL(), "testtest")
	b, tr := newBucket(t, all), trainer{t, all.sagemaker}
	b.mustPut("rows/part-1", "some rows")
	script := filepath.Join(t.TempDir(), "train.py")
	code := `import os, sys
rows = open(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "part-1")).read()
open(os.path.join(os.environ["SM_MODEL_DIR"], "xgboost-model"), "w").write(rows)
print("args", sys.argv[1:])
if open(sys.argv[sys.argv.index("--rows") + 1]).read() != rows:
    sys.exit("--rows is another file")
print("validation-auc:0.5")
print("validation-auc:0.875")
sys.exit(int(os.environ.get("FAIL", "0")))
`
	if err := os.WriteFile(script, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	set := func(in *sagemaker.CreateTrainingJobInput) {
		in.InputDataConfig = []types.Channel{{ChannelName: aws.String("train"), DataSource: &types.DataSource{
			S3DataSource: &types.S3DataSource{S3DataType: types.S3DataTypeS3Prefix, S3Uri: aws.String("s3://bucket/rows")},
		}}}
		in.AlgorithmSpecification.MetricDefinitions = []types.MetricDefinition{{Name: aws.String("auc"), Regex: aws.String(`validation-auc:([0-9.]+)`)}}
	}
	hyper := map[string]string{"sagemaker_program": `"` + script + `"`, "max_depth": "5", "rows": "/opt/ml/input/data/train/part-1"}
	tr.create("script", hyper, set)
	tr.create("broken", hyper, set, func(in *sagemaker.CreateTrainingJobInput) { in.Environment = map[string]string{"FAIL": "7"} })
	out := tr.ended("script")
	if out.TrainingJobStatus != types.TrainingJobStatusCompleted {
		t.Fatalf("%s: %s", out.TrainingJobStatus, aws.ToString(out.FailureReason))
	}
	if m := out.FinalMetricDataList; len(m) != 1 || *m[0].Value != 0.875 {
		t.Errorf("metrics %+v", m)
	}
	if body, err := b.get("artifacts/script/output/model.tar.gz"); err != nil || !strings.HasPrefix(body, "\x1f\x8b") {
		t.Errorf("%q %v", body, err)
	}
	if out := tr.ended("broken"); out.TrainingJobStatus != types.TrainingJobStatusFailed || !strings.Contains(*out.FailureReason, "exit status 7") {
		t.Errorf("%s %s", out.TrainingJobStatus, aws.ToString(out.FailureReason))
	}
}
