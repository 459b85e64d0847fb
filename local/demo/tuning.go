package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	sagemakertypes "github.com/aws/aws-sdk-go-v2/service/sagemaker/types"

	"github.com/sluicehq/sluice/controller/rollout"
)

// tuningJob is the name of the demo's tuning job, objective what its children are
// measured by.
const (
	tuningJob = "depths"
	objective = "validation:auc"
)

// trial is a training job of the tuning job: which model it leaves, and how good
// that is by the objective.
type trial struct {
	model string
	auc   float64
}

// children are those of the tuning job, in the order in which they end. The best
// is neither the first nor the last.
func children() []trial {
	return []trial{
		{"baseline", .881},
		{"burst-1", .902},
		{"greedy", .794},
		{"burst-3", .905},
		{"partner-blind", .868},
		{"burst-2", .917},
		{"better", .899},
		{"burst-1", .896},
		{"baseline", .873},
		{"greedy", .781},
	}
}

// tuned is the scene of a tuning job: all of its children are one candidate.
func tuned() scene {
	sc, all := scene{name: "tuning", tuned: true}, children()
	best := slices.MaxFunc(all, func(a, b trial) int { return int(1e6 * (a.auc - b.auc)) })
	for i, c := range all {
		j := job{fmt.Sprintf("%s-%03d", tuningJob, i+1), fmt.Sprintf("%s %.3f", objective, c.auc), rollout.Superseded, rollout.NotBest, nil}
		if c == best {
			j.want, j.reason, j.check = rollout.Live, rollout.Accepted, allTheWay
		}
		sc.jobs = append(sc.jobs, j)
	}
	return sc
}

// tune begins the tuning job. Its children end one after the other.
func (s *stage) tune(ctx context.Context, sc scene, _ []byte) (cast []actor, artifacts map[string][]byte, err error) {
	var courses []string
	var left [][]byte
	for i, c := range children() {
		artifact, err := model(c.model)
		if err != nil {
			return nil, nil, err
		}
		from := filepath.Join(s.Dir, sc.jobs[i].name+".tar.gz")
		if err := os.WriteFile(from, artifact, 0o600); err != nil {
			return nil, nil, fmt.Errorf("write the artifact of %s: %w", sc.jobs[i].name, err)
		}
		course, err := json.Marshal(map[string]any{"artifact": from, "metrics": map[string]float64{objective: c.auc}, "seconds": .3 * float64(i+1)})
		if err != nil {
			return nil, nil, fmt.Errorf("write the course of %s: %w", sc.jobs[i].name, err)
		}
		left, courses = append(left, artifact), append(courses, string(course))
	}
	s.say("Tuning job %s trains %d models at once, and ends with the last of them; its objective is %s", tuningJob, len(courses), objective)
	names, err := s.cloud.tune(ctx, courses)
	if err != nil {
		return nil, nil, err
	}
	artifacts = map[string][]byte{}
	for i, j := range sc.jobs {
		j.name = names[i]
		cast, artifacts[j.name] = append(cast, actor{job: j}), left[i]
	}
	return cast, artifacts, nil
}

// tune begins a tuning job with a child for each course, and names them.
func (c *cloud) tune(ctx context.Context, courses []string) (names []string, err error) {
	_, err = c.sagemaker.CreateHyperParameterTuningJob(ctx, &sagemaker.CreateHyperParameterTuningJobInput{
		HyperParameterTuningJobName: aws.String(tuningJob),
		HyperParameterTuningJobConfig: &sagemakertypes.HyperParameterTuningJobConfig{
			Strategy:       sagemakertypes.HyperParameterTuningJobStrategyTypeGrid,
			ResourceLimits: &sagemakertypes.ResourceLimits{MaxParallelTrainingJobs: aws.Int32(int32(len(courses)))},
			HyperParameterTuningJobObjective: &sagemakertypes.HyperParameterTuningJobObjective{
				Type: sagemakertypes.HyperParameterTuningJobObjectiveTypeMaximize, MetricName: aws.String(objective),
			},
			ParameterRanges: &sagemakertypes.ParameterRanges{
				CategoricalParameterRanges: []sagemakertypes.CategoricalParameterRange{{Name: aws.String("sluice_job"), Values: courses}},
			},
		},
		TrainingJobDefinition: &sagemakertypes.HyperParameterTrainingJobDefinition{
			AlgorithmSpecification: &sagemakertypes.HyperParameterAlgorithmSpecification{
				TrainingImage: aws.String("sagemaker-xgboost:3.0-5"), TrainingInputMode: sagemakertypes.TrainingInputModeFile,
			},
			RoleArn:           aws.String(roleARN),
			OutputDataConfig:  &sagemakertypes.OutputDataConfig{S3OutputPath: aws.String("s3://" + training + "/models")},
			ResourceConfig:    &sagemakertypes.ResourceConfig{InstanceCount: aws.Int32(1), InstanceType: sagemakertypes.TrainingInstanceTypeMlM5Large, VolumeSizeInGB: aws.Int32(10)},
			StoppingCondition: &sagemakertypes.StoppingCondition{MaxRuntimeInSeconds: aws.Int32(3600)},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("create tuning job %s: %w", tuningJob, err)
	}
	listed, err := c.sagemaker.ListTrainingJobs(ctx, &sagemaker.ListTrainingJobsInput{
		NameContains: aws.String(tuningJob + "-"), SortBy: sagemakertypes.SortByName, SortOrder: sagemakertypes.SortOrderAscending, MaxResults: aws.Int32(100),
	})
	if err != nil {
		return nil, fmt.Errorf("list the training jobs of tuning job %s: %w", tuningJob, err)
	}
	for _, j := range listed.TrainingJobSummaries {
		names = append(names, aws.ToString(j.TrainingJobName))
	}
	if len(names) != len(courses) {
		return nil, fmt.Errorf("tuning job %s has %d training jobs, and %d were asked for", tuningJob, len(names), len(courses))
	}
	return names, nil
}
