package sagemaker

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/smithy-go"

	"github.com/sluicehq/sluice/amazon"
)

func validation(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "ValidationException", Message: fmt.Sprintf(format, args...)}
}

func (s *Server) arn(name string) string {
	return fmt.Sprintf("arn:%s:sagemaker:%s:%s:training-job/%s", amazon.Partition(s.config.Region), s.config.Region, s.config.Account, name)
}

func (s *Server) createTrainingJob(_ context.Context, in *sagemaker.CreateTrainingJobInput) (*sagemaker.CreateTrainingJobOutput, error) {
	if err := check(in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := *in.TrainingJobName
	if _, ok := s.jobs[name]; ok {
		return nil, &types.ResourceInUse{Message: aws.String("Training job names must be unique within an AWS account and region; " + name + " exists.")}
	}
	j := s.newJob(in, time.Now())
	if err := s.commit(j); err != nil {
		return nil, err
	}
	s.wake()
	return &sagemaker.CreateTrainingJobOutput{TrainingJobArn: j.TrainingJobArn}, nil
}

// wake lets Run look for jobs that nobody works on.
func (s *Server) wake() {
	select {
	case s.ready <- struct{}{}:
	default: // it will look anyway
	}
}

func (s *Server) newJob(in *sagemaker.CreateTrainingJobInput, now time.Time) *job {
	name, out := *in.TrainingJobName, *in.OutputDataConfig
	if out.KmsKeyId == nil {
		out.KmsKeyId = aws.String("") // AWS leaves it in, and programs ask for it
	}
	return &job{tags: in.Tags, DescribeTrainingJobOutput: sagemaker.DescribeTrainingJobOutput{
		TrainingJobName: in.TrainingJobName, TrainingJobArn: aws.String(s.arn(name)),
		TrainingJobStatus: types.TrainingJobStatusInProgress, SecondaryStatus: types.SecondaryStatusStarting,
		ModelArtifacts: &types.ModelArtifacts{S3ModelArtifacts: aws.String(outputURI(in.OutputDataConfig, name))},
		CreationTime:   aws.Time(now), LastModifiedTime: aws.Time(now), TrainingStartTime: aws.Time(now),
		SecondaryStatusTransitions: []types.SecondaryStatusTransition{{
			Status: types.SecondaryStatusStarting, StartTime: aws.Time(now), StatusMessage: aws.String("Starting the training job"),
		}},
		AlgorithmSpecification: in.AlgorithmSpecification, HyperParameters: in.HyperParameters, Environment: in.Environment,
		InputDataConfig: in.InputDataConfig, OutputDataConfig: &out, ResourceConfig: in.ResourceConfig,
		RoleArn: in.RoleArn, StoppingCondition: in.StoppingCondition, CheckpointConfig: in.CheckpointConfig,
		EnableManagedSpotTraining: in.EnableManagedSpotTraining, EnableNetworkIsolation: in.EnableNetworkIsolation,
		VpcConfig: in.VpcConfig, RetryStrategy: in.RetryStrategy, ExperimentConfig: in.ExperimentConfig,
	}}
}

// outputURI is the configured place of a job's output, there or not.
func outputURI(out *types.OutputDataConfig, job string) string {
	base := strings.TrimSuffix(aws.ToString(out.S3OutputPath), "/") + "/" + job + "/output/model"
	if out.CompressionType == types.OutputCompressionTypeNone {
		return base + "/"
	}
	return base + ".tar.gz"
}

// wishes are what the hyperparameters say about the job's course.
type wishes struct {
	artifact string
	wait     time.Duration
	status   types.TrainingJobStatus
	metrics  map[string]float32
	program  string
}

func wishesOf(hyper map[string]string) (wishes, error) {
	said, err := said(hyper)
	if err != nil {
		return wishes{}, err
	}
	w := wishes{artifact: said["sluice_artifact"], program: unquote(hyper["sagemaker_program"]), status: types.TrainingJobStatusCompleted}
	if v, ok := said["sluice_seconds"]; ok {
		seconds, err := strconv.ParseFloat(v, 64)
		if err != nil || seconds < 0 || seconds > 86400 {
			return w, validation("sluice_seconds is %q; give a number from 0 to 86400.", v)
		}
		w.wait = time.Duration(seconds * float64(time.Second))
	}
	if v, ok := said["sluice_status"]; ok {
		w.status = types.TrainingJobStatus(v)
		if !ended(w.status) || w.status == types.TrainingJobStatusDeleting {
			return w, validation("sluice_status is %q; give Completed, Failed or Stopped.", v)
		}
	}
	if v, ok := said["sluice_metrics"]; ok {
		if err := json.Unmarshal([]byte(v), &w.metrics); err != nil {
			return w, validation(`sluice_metrics is %q; give a JSON object such as {"validation:auc": 0.8}.`, v)
		}
	}
	return w, nil
}

// said is what the hyperparameters say of the course of a job, by their names:
// one by one, or all in one.
func said(hyper map[string]string) (map[string]string, error) {
	names := []string{"sluice_artifact", "sluice_metrics", "sluice_seconds", "sluice_status"}
	said := map[string]string{}
	if v := unquote(hyper["sluice_job"]); v != "" {
		var course map[string]json.RawMessage
		if err := json.Unmarshal([]byte(v), &course); err != nil {
			return nil, validation(`sluice_job is %q; give a JSON object such as {"artifact": "s3://bucket/key", "metrics": {"validation:auc": 0.8}}.`, v)
		}
		for name, value := range course {
			if !slices.Contains(names, "sluice_"+name) {
				return nil, validation("sluice_job has %q; give artifact, metrics, seconds and status only.", name)
			}
			said["sluice_"+name] = unquote(string(value))
		}
	}
	for _, name := range names {
		if v, ok := hyper[name]; ok {
			said[name] = unquote(v)
		}
	}
	return said, nil
}

// unquote undoes what SageMaker's Python SDK does to hyperparameters.
func unquote(v string) string {
	var text string
	if json.Unmarshal([]byte(v), &text) == nil {
		return text
	}
	return v
}

var nameForm = regexp.MustCompile(`^[a-zA-Z0-9](-*[a-zA-Z0-9])*$`)

func isName(name string, longest int) bool { return len(name) <= longest && nameForm.MatchString(name) }

func check(in *sagemaker.CreateTrainingJobInput) error {
	name := aws.ToString(in.TrainingJobName)
	if !isName(name, 63) {
		return validation("TrainingJobName %q must have 1 to 63 letters, digits and inner hyphens.", name)
	}
	if in.OutputDataConfig == nil {
		return validation("OutputDataConfig is missing.")
	}
	if _, _, err := splitURI(aws.ToString(in.OutputDataConfig.S3OutputPath)); err != nil {
		return validation("OutputDataConfig.S3OutputPath: %v.", err)
	}
	_, err := wishesOf(in.HyperParameters)
	return err
}

func splitURI(uri string) (bucket, key string, err error) {
	rest, ok := strings.CutPrefix(uri, "s3://")
	bucket, key, _ = strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return "", "", fmt.Errorf("%q is not of the form s3://bucket/key", uri)
	}
	return bucket, key, nil
}

// find is a job, or what AWS says when there is none. mu is held.
func (s *Server) find(name *string) (*job, error) {
	j, ok := s.jobs[aws.ToString(name)]
	if !ok {
		return nil, validation("Requested resource not found.")
	}
	return j, nil
}

func (s *Server) describeTrainingJob(_ context.Context, in *sagemaker.DescribeTrainingJobInput) (*sagemaker.DescribeTrainingJobOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j, err := s.find(in.TrainingJobName)
	if err != nil {
		return nil, err
	}
	out := j.DescribeTrainingJobOutput
	return &out, nil
}

// listTrainingJobs cuts the page first and applies StatusEquals to what is on
// it, as AWS does: a page may be empty and yet name a next one.
func (s *Server) listTrainingJobs(_ context.Context, in *sagemaker.ListTrainingJobsInput) (*sagemaker.ListTrainingJobsOutput, error) {
	if in.TrainingPlanArnEquals != nil || in.WarmPoolStatusEquals != "" {
		return nil, validation("This machine has no training plans and no warm pools to list by.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	jobs, next, err := page(s.sorted(in), func(j *job) string { return position(j, in.SortBy) }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sagemaker.ListTrainingJobsOutput{TrainingJobSummaries: []types.TrainingJobSummary{}, NextToken: next}
	for _, j := range jobs {
		if in.StatusEquals == "" || in.StatusEquals == j.TrainingJobStatus {
			out.TrainingJobSummaries = append(out.TrainingJobSummaries, summary(j))
		}
	}
	return out, nil
}

// page cuts a sorted list: how many of it are asked for, after the one whose
// position the token tells.
func page[T any](all []T, position func(T) string, most *int32, token *string) (_ []T, next *string, err error) {
	size := 10
	if most != nil {
		size = int(*most)
	}
	if size < 1 || size > 100 {
		return nil, nil, validation("MaxResults must be between 1 and 100, not %d.", size)
	}
	if token := aws.ToString(token); token != "" {
		last, err := base64.StdEncoding.DecodeString(token)
		if err != nil {
			return nil, nil, validation("NextToken is not one of ours.")
		}
		all = all[slices.IndexFunc(all, func(one T) bool { return position(one) == string(last) })+1:]
	}
	if len(all) > size {
		all = all[:size]
		next = aws.String(base64.StdEncoding.EncodeToString([]byte(position(all[size-1]))))
	}
	return all, next, nil
}

func summary(j *job) types.TrainingJobSummary {
	return types.TrainingJobSummary{
		TrainingJobName: j.TrainingJobName, TrainingJobArn: j.TrainingJobArn,
		TrainingJobStatus: j.TrainingJobStatus, SecondaryStatus: j.SecondaryStatus,
		CreationTime: j.CreationTime, LastModifiedTime: j.LastModifiedTime, TrainingEndTime: j.TrainingEndTime,
	}
}

// position sorts as the caller asked, and no two jobs share one.
func position(j *job, by types.SortBy) string {
	switch by {
	case types.SortByName:
		return *j.TrainingJobName
	case types.SortByStatus:
		return string(j.TrainingJobStatus) + " " + *j.TrainingJobName
	case types.SortByCreationTime:
	}
	return moment(*j.CreationTime) + " " + *j.TrainingJobName
}

// moment sorts as time does.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000") }

func (s *Server) sorted(in *sagemaker.ListTrainingJobsInput) []*job {
	var jobs []*job
	for _, j := range s.jobs {
		if strings.Contains(*j.TrainingJobName, aws.ToString(in.NameContains)) &&
			within(j.CreationTime, in.CreationTimeAfter, in.CreationTimeBefore) &&
			within(j.LastModifiedTime, in.LastModifiedTimeAfter, in.LastModifiedTimeBefore) {
			jobs = append(jobs, j)
		}
	}
	sortBy(jobs, func(j *job) string { return position(j, in.SortBy) }, in.SortOrder)
	return jobs
}

func within(t, after, before *time.Time) bool {
	return (after == nil || t.After(*after)) && (before == nil || t.Before(*before))
}

func (s *Server) stopTrainingJob(_ context.Context, in *sagemaker.StopTrainingJobInput) (*sagemaker.StopTrainingJobOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j, err := s.find(in.TrainingJobName)
	if err != nil {
		return nil, err
	}
	if ended(j.TrainingJobStatus) {
		return nil, validation("The request was rejected because the training job is in status %s.", j.TrainingJobStatus)
	}
	return &sagemaker.StopTrainingJobOutput{}, s.stop(j)
}

// stop lets a job end soon. mu is held.
func (s *Server) stop(j *job) error {
	n := j.at(time.Now(), types.TrainingJobStatusStopping, types.SecondaryStatusStopping, "Stopping the training job")
	if err := s.commit(n); err != nil {
		return err
	}
	if n.stop != nil {
		n.stop()
	}
	return nil
}

// deleteTrainingJob forgets a job that has ended. What it left in S3 stays.
func (s *Server) deleteTrainingJob(_ context.Context, in *sagemaker.DeleteTrainingJobInput) (*sagemaker.DeleteTrainingJobOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j, err := s.find(in.TrainingJobName)
	if err != nil {
		return nil, err
	}
	if !ended(j.TrainingJobStatus) {
		return nil, validation("The request was rejected because the training job is in status %s.", j.TrainingJobStatus)
	}
	if t := s.tunings[tuningOf(j)]; t != nil && !tuningEnded(t.HyperParameterTuningJobStatus) {
		return nil, validation("The request was rejected because the tuning job %s of the training job is in status %s.", tuningOf(j), t.HyperParameterTuningJobStatus)
	}
	if err := s.remove(jobsName, *j.TrainingJobName); err != nil {
		return nil, err
	}
	delete(s.jobs, *j.TrainingJobName)
	return &sagemaker.DeleteTrainingJobOutput{}, nil
}

// at is a copy of j with another status.
func (j *job) at(now time.Time, st types.TrainingJobStatus, second types.SecondaryStatus, message string) *job {
	n := *j
	n.TrainingJobStatus, n.SecondaryStatus, n.LastModifiedTime = st, second, aws.Time(now)
	n.SecondaryStatusTransitions = slices.Clone(j.SecondaryStatusTransitions)
	if last := len(n.SecondaryStatusTransitions) - 1; last >= 0 {
		n.SecondaryStatusTransitions[last].EndTime = aws.Time(now)
	}
	n.SecondaryStatusTransitions = append(n.SecondaryStatusTransitions, types.SecondaryStatusTransition{
		Status: second, StartTime: aws.Time(now), StatusMessage: aws.String(message),
	})
	return &n
}

// byARN is the job that a tag operation means. mu is held.
func (s *Server) byARN(arn *string) (*job, error) {
	_, name, ok := strings.Cut(aws.ToString(arn), ":training-job/")
	if !ok {
		return nil, validation("This machine tags training jobs only; %s is none.", aws.ToString(arn))
	}
	return s.find(&name)
}

func (s *Server) addTags(_ context.Context, in *sagemaker.AddTagsInput) (*sagemaker.AddTagsOutput, error) {
	tags, err := s.retag(in.ResourceArn, func(old []types.Tag) []types.Tag {
		for _, tag := range in.Tags {
			old = slices.DeleteFunc(old, func(t types.Tag) bool { return *t.Key == *tag.Key })
			old = append(old, tag)
		}
		return old
	})
	return &sagemaker.AddTagsOutput{Tags: tags}, err
}

func (s *Server) deleteTags(_ context.Context, in *sagemaker.DeleteTagsInput) (*sagemaker.DeleteTagsOutput, error) {
	_, err := s.retag(in.ResourceArn, func(old []types.Tag) []types.Tag {
		return slices.DeleteFunc(old, func(t types.Tag) bool { return slices.Contains(in.TagKeys, *t.Key) })
	})
	return &sagemaker.DeleteTagsOutput{}, err
}

func (s *Server) retag(arn *string, change func([]types.Tag) []types.Tag) ([]types.Tag, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j, err := s.byARN(arn)
	if err != nil {
		return nil, err
	}
	n := *j
	n.tags = change(slices.Clone(j.tags))
	if len(n.tags) > 50 {
		return nil, validation("A resource may have 50 tags; this would make %d.", len(n.tags))
	}
	return n.tags, s.commit(&n)
}

func (s *Server) listTags(_ context.Context, in *sagemaker.ListTagsInput) (*sagemaker.ListTagsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j, err := s.byARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &sagemaker.ListTagsOutput{Tags: append([]types.Tag{}, j.tags...)}, nil
}
