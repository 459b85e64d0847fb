package sagemaker

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"

	"github.com/sluicehq/sluice/amazon"
)

// objectiveParameter is the hyperparameter by which a child knows what is tuned.
const objectiveParameter = "_tuning_objective_metric"

// Bounds of a tuning job, as SageMaker has them.
const (
	maxChildren = 750
	maxParallel = 100
)

// tuning is a tuning job. One in the server's map is never changed in place. Until
// it ends, what its children came to is read from them.
type tuning struct {
	sagemaker.DescribeHyperParameterTuningJobOutput
	tags []types.Tag
}

func (s *Server) createTuningJob(ctx context.Context, in *sagemaker.CreateHyperParameterTuningJobInput) (*sagemaker.CreateHyperParameterTuningJobOutput, error) {
	definition, err := checkTuning(in)
	if err != nil {
		return nil, err
	}
	config := in.HyperParameterTuningJobConfig
	config.ResourceLimits.MaxNumberOfTrainingJobs = aws.Int32(int32(planned(config, rangesOf(config, definition)))) // AWS tells that of a grid, too
	if config.Strategy == types.HyperParameterTuningJobStrategyTypeBayesian {
		s.config.Log.WarnContext(ctx, "this machine does not know Bayesian optimization: hyperparameters are chosen at random", "tuning", *in.HyperParameterTuningJobName)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := *in.HyperParameterTuningJobName
	if s.tunings[name] != nil {
		return nil, &types.ResourceInUse{Message: aws.String("Tuning job names must be unique within an AWS account and region; " + name + " exists.")}
	}
	if err := s.checkParents(in.WarmStartConfig); err != nil {
		return nil, err
	}
	now := time.Now()
	t := &tuning{tags: in.Tags, DescribeHyperParameterTuningJobOutput: sagemaker.DescribeHyperParameterTuningJobOutput{
		HyperParameterTuningJobName: &name, HyperParameterTuningJobArn: aws.String(s.tuningARN(name)),
		HyperParameterTuningJobConfig: config, HyperParameterTuningJobStatus: types.HyperParameterTuningJobStatusInProgress,
		CreationTime: &now, LastModifiedTime: &now, TrainingJobDefinition: definition, WarmStartConfig: in.WarmStartConfig, Autotune: in.Autotune,
	}}
	if err := s.commitTuning(t); err != nil {
		return nil, err
	}
	s.advance(t)
	return &sagemaker.CreateHyperParameterTuningJobOutput{HyperParameterTuningJobArn: t.HyperParameterTuningJobArn}, nil
}

func (s *Server) tuningARN(name string) string {
	return fmt.Sprintf("arn:%s:sagemaker:%s:%s:hyper-parameter-tuning-job/%s", amazon.Partition(s.config.Region), s.config.Region, s.config.Account, name)
}

// tuningOf is the name of the tuning job whose child a job is; empty for none.
func tuningOf(j *job) string {
	_, name, _ := strings.Cut(aws.ToString(j.TuningJobArn), ":hyper-parameter-tuning-job/")
	return name
}

// checkTuning says what is wrong with a tuning job, and what of it this machine
// does not do. It answers with what its children are made of.
func checkTuning(in *sagemaker.CreateHyperParameterTuningJobInput) (*types.HyperParameterTrainingJobDefinition, error) {
	config, definition := in.HyperParameterTuningJobConfig, in.TrainingJobDefinition
	if definition == nil && len(in.TrainingJobDefinitions) == 1 {
		definition = &in.TrainingJobDefinitions[0]
	}
	switch {
	case !isName(aws.ToString(in.HyperParameterTuningJobName), 32):
		return nil, validation("HyperParameterTuningJobName %q must have 1 to 32 letters, digits and inner hyphens.", aws.ToString(in.HyperParameterTuningJobName))
	case config == nil || config.ResourceLimits == nil:
		return nil, validation("HyperParameterTuningJobConfig and its ResourceLimits are missing.")
	case len(in.TrainingJobDefinitions) > 1:
		return nil, validation("This machine tunes one TrainingJobDefinition at a time, not %d.", len(in.TrainingJobDefinitions))
	case definition == nil || definition.AlgorithmSpecification == nil:
		return nil, validation("TrainingJobDefinition and its AlgorithmSpecification are missing.")
	case config.Strategy == types.HyperParameterTuningJobStrategyTypeHyperband:
		return nil, validation("This machine tunes by Grid and Random (and takes Bayesian for Random), not by %s.", config.Strategy)
	case config.TuningJobCompletionCriteria != nil || config.ResourceLimits.MaxRuntimeInSeconds != nil:
		return nil, validation("This machine ends a tuning job by MaxNumberOfTrainingJobs only: leave TuningJobCompletionCriteria and MaxRuntimeInSeconds out.")
	case objective(config, definition) == nil:
		return nil, validation("HyperParameterTuningJobObjective is missing.")
	}
	if n := aws.ToInt32(config.ResourceLimits.MaxParallelTrainingJobs); n < 1 || n > maxParallel {
		return nil, validation("MaxParallelTrainingJobs must be between 1 and %d, not %d.", maxParallel, n)
	}
	ranges := rangesOf(config, definition)
	if len(ranges.AutoParameters) > 0 {
		return nil, validation("This machine does not know what values to try of AutoParameters: give ranges.")
	}
	if err := checkRanges(config, ranges); err != nil {
		return nil, err
	}
	_, err := wishesOf(definition.StaticHyperParameters)
	if err == nil {
		err = check(&sagemaker.CreateTrainingJobInput{TrainingJobName: aws.String("child"), OutputDataConfig: definition.OutputDataConfig})
	}
	return definition, err
}

// checkParents wants to know the tuning jobs from which another starts. mu is
// held.
func (s *Server) checkParents(warm *types.HyperParameterTuningJobWarmStartConfig) error {
	if warm == nil {
		return nil
	}
	for _, p := range warm.ParentHyperParameterTuningJobs {
		t := s.tunings[aws.ToString(p.HyperParameterTuningJobName)]
		if t == nil || !tuningEnded(t.HyperParameterTuningJobStatus) {
			return validation("The parent tuning job %s must exist and have ended.", aws.ToString(p.HyperParameterTuningJobName))
		}
	}
	return nil
}

func objective(c *types.HyperParameterTuningJobConfig, d *types.HyperParameterTrainingJobDefinition) *types.HyperParameterTuningJobObjective {
	return cmp.Or(d.TuningObjective, c.HyperParameterTuningJobObjective)
}

func rangesOf(c *types.HyperParameterTuningJobConfig, d *types.HyperParameterTrainingJobDefinition) types.ParameterRanges {
	if r := cmp.Or(d.HyperParameterRanges, c.ParameterRanges); r != nil {
		return *r
	}
	return types.ParameterRanges{}
}

// childrenOf are the children of a tuning job in the order in which they were
// begun. mu is held.
func (s *Server) childrenOf(t *tuning) (children []*job) {
	for _, j := range s.jobs {
		if aws.ToString(j.TuningJobArn) == *t.HyperParameterTuningJobArn {
			children = append(children, j)
		}
	}
	slices.SortFunc(children, func(a, b *job) int { return cmp.Compare(*a.TrainingJobName, *b.TrainingJobName) })
	return children
}

// advance begins the children that may begin, and ends a tuning job that has no
// more of them. Whatever it was cut off at, it goes on from there. mu is held, or
// nobody else is there yet.
func (s *Server) advance(t *tuning) {
	t = s.tunings[*t.HyperParameterTuningJobName]
	if tuningEnded(t.HyperParameterTuningJobStatus) {
		return
	}
	children, running := s.childrenOf(t), 0
	for _, j := range children {
		if !ended(j.TrainingJobStatus) {
			running++
		}
	}
	limits := t.HyperParameterTuningJobConfig.ResourceLimits
	most := int(*limits.MaxNumberOfTrainingJobs)
	stopping := t.HyperParameterTuningJobStatus == types.HyperParameterTuningJobStatusStopping
	for begun := len(children); !stopping && begun < most && running < int(*limits.MaxParallelTrainingJobs); begun, running = begun+1, running+1 {
		if err := s.commit(s.child(t, begun)); err != nil {
			s.config.Log.Error("a training job of a tuning job is not saved; it is begun with the server", "tuning", *t.HyperParameterTuningJobName, "err", err)
			return
		}
	}
	s.wake()
	if running == 0 {
		s.endTuning(t, children)
	}
}

// child is the training job of that number, from 0. Its name and hyperparameters
// are always the same.
func (s *Server) child(t *tuning, number int) *job {
	d, config := t.TrainingJobDefinition, t.HyperParameterTuningJobConfig
	hash := fnv.New32a()
	_, _ = fmt.Fprint(hash, *t.HyperParameterTuningJobName, t.CreationTime.UnixMilli(), number) // never fails
	name := fmt.Sprintf("%s-%03d-%08x", *t.HyperParameterTuningJobName, number+1, hash.Sum32())
	hyper := map[string]string{objectiveParameter: aws.ToString(objective(config, d).MetricName)}
	for k, v := range d.StaticHyperParameters {
		hyper[k] = v
	}
	for k, v := range tuned(t, number) {
		hyper[k] = v
	}
	resources := d.ResourceConfig
	if r := d.HyperParameterTuningResourceConfig; r != nil && resources == nil {
		resources = &types.ResourceConfig{InstanceCount: r.InstanceCount, InstanceType: r.InstanceType, VolumeSizeInGB: r.VolumeSizeInGB, VolumeKmsKeyId: r.VolumeKmsKeyId}
	}
	a := d.AlgorithmSpecification
	j := s.newJob(&sagemaker.CreateTrainingJobInput{
		TrainingJobName: &name, RoleArn: d.RoleArn, HyperParameters: hyper, Tags: t.tags,
		AlgorithmSpecification: &types.AlgorithmSpecification{AlgorithmName: a.AlgorithmName, TrainingImage: a.TrainingImage, TrainingInputMode: a.TrainingInputMode, MetricDefinitions: a.MetricDefinitions},
		OutputDataConfig:       d.OutputDataConfig, InputDataConfig: d.InputDataConfig, ResourceConfig: resources,
		StoppingCondition: d.StoppingCondition, CheckpointConfig: d.CheckpointConfig, Environment: d.Environment,
		EnableManagedSpotTraining: d.EnableManagedSpotTraining, EnableNetworkIsolation: d.EnableNetworkIsolation,
		EnableInterContainerTrafficEncryption: d.EnableInterContainerTrafficEncryption, RetryStrategy: d.RetryStrategy, VpcConfig: d.VpcConfig,
	}, time.Now())
	j.TuningJobArn = t.HyperParameterTuningJobArn
	return j
}

func (s *Server) endTuning(t *tuning, children []*job) {
	status := types.HyperParameterTuningJobStatusCompleted
	n := *s.told(t)
	switch {
	case t.HyperParameterTuningJobStatus == types.HyperParameterTuningJobStatusStopping:
		status = types.HyperParameterTuningJobStatusStopped
	case len(children) > 0 && !slices.ContainsFunc(children, func(j *job) bool { return j.TrainingJobStatus != types.TrainingJobStatusFailed }):
		status, n.FailureReason = types.HyperParameterTuningJobStatusFailed, aws.String("All training jobs failed. Please take a look at the training job failures to get more details.")
	}
	now := time.Now()
	n.HyperParameterTuningJobStatus, n.HyperParameterTuningEndTime, n.LastModifiedTime = status, &now, &now
	if err := s.commitTuning(&n); err != nil {
		s.config.Log.Error("the end of a tuning job is not saved; it ends with the server's next start", "tuning", *t.HyperParameterTuningJobName, "err", err)
	}
}

func tuningEnded(s types.HyperParameterTuningJobStatus) bool {
	return s != types.HyperParameterTuningJobStatusInProgress && s != types.HyperParameterTuningJobStatusStopping
}

// commitTuning saves a tuning job and only then shows it. mu is held.
func (s *Server) commitTuning(t *tuning) error {
	if err := s.save(tuningsName, *t.HyperParameterTuningJobName, &t.DescribeHyperParameterTuningJobOutput, t.tags); err != nil {
		return err
	}
	s.tunings[*t.HyperParameterTuningJobName] = t
	return nil
}

func (s *Server) findTuning(name *string) (*tuning, error) {
	if t := s.tunings[aws.ToString(name)]; t != nil {
		return t, nil
	}
	return nil, &types.ResourceNotFound{Message: aws.String("Amazon SageMaker can't find a tuning job with name " + aws.ToString(name))}
}

func (s *Server) stopTuningJob(_ context.Context, in *sagemaker.StopHyperParameterTuningJobInput) (*sagemaker.StopHyperParameterTuningJobOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.findTuning(in.HyperParameterTuningJobName)
	if err != nil {
		return nil, err
	}
	if tuningEnded(t.HyperParameterTuningJobStatus) {
		return nil, validation("The request was rejected because the tuning job is in status %s.", t.HyperParameterTuningJobStatus)
	}
	n := *t
	n.HyperParameterTuningJobStatus, n.LastModifiedTime = types.HyperParameterTuningJobStatusStopping, aws.Time(time.Now())
	if err := s.commitTuning(&n); err != nil {
		return nil, err
	}
	for _, j := range s.childrenOf(&n) {
		if j.TrainingJobStatus == types.TrainingJobStatusInProgress {
			if err := s.stop(j); err != nil {
				return nil, err
			}
		}
	}
	s.advance(&n)
	return &sagemaker.StopHyperParameterTuningJobOutput{}, nil
}

// deleteTuningJob forgets a tuning job that has ended. Its children stay.
func (s *Server) deleteTuningJob(_ context.Context, in *sagemaker.DeleteHyperParameterTuningJobInput) (*sagemaker.DeleteHyperParameterTuningJobOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tunings[aws.ToString(in.HyperParameterTuningJobName)]
	if t == nil {
		return &sagemaker.DeleteHyperParameterTuningJobOutput{}, nil // as AWS says
	}
	if !tuningEnded(t.HyperParameterTuningJobStatus) {
		return nil, validation("The request was rejected because the tuning job is in status %s.", t.HyperParameterTuningJobStatus)
	}
	if err := s.remove(tuningsName, *t.HyperParameterTuningJobName); err != nil {
		return nil, err
	}
	delete(s.tunings, *t.HyperParameterTuningJobName)
	return &sagemaker.DeleteHyperParameterTuningJobOutput{}, nil
}
