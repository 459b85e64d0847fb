package sagemaker

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"

	"github.com/sluicehq/sluice/sorting"
)

// told is a tuning job as it is shown: with what its children came to, unless it
// has ended, when that was kept. mu is held.
func (s *Server) told(t *tuning) *tuning {
	n := *t
	if tuningEnded(t.HyperParameterTuningJobStatus) {
		return &n
	}
	c := types.TrainingJobStatusCounters{Completed: new(int32), InProgress: new(int32), NonRetryableError: new(int32), RetryableError: new(int32), Stopped: new(int32)}
	o := types.ObjectiveStatusCounters{Succeeded: new(int32), Pending: new(int32), Failed: new(int32)}
	n.TrainingJobStatusCounters, n.ObjectiveStatusCounters = &c, &o
	children := s.childrenOf(t)
	for _, j := range children {
		switch j.TrainingJobStatus {
		case types.TrainingJobStatusCompleted:
			*c.Completed++
		case types.TrainingJobStatusFailed:
			*c.NonRetryableError++
		case types.TrainingJobStatusStopped, types.TrainingJobStatusDeleting:
			*c.Stopped++
		case types.TrainingJobStatusInProgress, types.TrainingJobStatusStopping:
			*c.InProgress++
		}
		switch summary := s.childSummary(t, j); summary.ObjectiveStatus {
		case types.ObjectiveStatusSucceeded:
			*o.Succeeded++
		case types.ObjectiveStatusPending:
			*o.Pending++
		case types.ObjectiveStatusFailed:
			*o.Failed++
		}
	}
	n.BestTrainingJob = s.best(t, children)
	n.OverallBestTrainingJob = s.overallBest(&n)
	return &n
}

// childSummary is how a child stands, and what its objective came to.
func (s *Server) childSummary(t *tuning, j *job) types.HyperParameterTrainingJobSummary {
	sum := types.HyperParameterTrainingJobSummary{
		TrainingJobName: j.TrainingJobName, TrainingJobArn: j.TrainingJobArn, TrainingJobStatus: j.TrainingJobStatus,
		CreationTime: j.CreationTime, TrainingStartTime: j.TrainingStartTime, TrainingEndTime: j.TrainingEndTime, FailureReason: j.FailureReason,
		TunedHyperParameters: map[string]string{}, ObjectiveStatus: types.ObjectiveStatusPending, TuningJobName: t.HyperParameterTuningJobName,
		TrainingJobDefinitionName: t.TrainingJobDefinition.DefinitionName,
	}
	for name, value := range j.HyperParameters {
		if _, static := t.TrainingJobDefinition.StaticHyperParameters[name]; !static && name != objectiveParameter {
			sum.TunedHyperParameters[name] = value
		}
	}
	if !ended(j.TrainingJobStatus) {
		return sum
	}
	o := objective(t.HyperParameterTuningJobConfig, t.TrainingJobDefinition)
	sum.ObjectiveStatus = types.ObjectiveStatusFailed
	for _, m := range j.FinalMetricDataList {
		if j.TrainingJobStatus != types.TrainingJobStatusFailed && aws.ToString(m.MetricName) == aws.ToString(o.MetricName) {
			sum.ObjectiveStatus = types.ObjectiveStatusSucceeded
			sum.FinalHyperParameterTuningJobObjectiveMetric = &types.FinalHyperParameterTuningJobObjectiveMetric{MetricName: m.MetricName, Value: m.Value, Type: o.Type}
		}
	}
	return sum
}

// best is the child whose objective is the best, of several the first; nil where
// none has told it.
func (s *Server) best(t *tuning, children []*job) (best *types.HyperParameterTrainingJobSummary) {
	for _, j := range children {
		if sum := s.childSummary(t, j); sum.ObjectiveStatus == types.ObjectiveStatusSucceeded && (best == nil || better(sum, *best)) {
			best = &sum
		}
	}
	return best
}

func better(a, b types.HyperParameterTrainingJobSummary) bool {
	x, y := a.FinalHyperParameterTuningJobObjectiveMetric, b.FinalHyperParameterTuningJobObjectiveMetric
	if x.Type == types.HyperParameterTuningJobObjectiveTypeMinimize {
		return *x.Value < *y.Value
	}
	return *x.Value > *y.Value
}

// overallBest is the best of a tuning job and of those from which it started,
// where they tune the same; nil where they do not.
func (s *Server) overallBest(t *tuning) *types.HyperParameterTrainingJobSummary {
	warm, best := t.WarmStartConfig, t.BestTrainingJob
	if warm == nil || warm.WarmStartType != types.HyperParameterTuningJobWarmStartTypeIdenticalDataAndAlgorithm {
		return nil
	}
	for _, p := range warm.ParentHyperParameterTuningJobs {
		if parent := s.tunings[aws.ToString(p.HyperParameterTuningJobName)]; parent != nil {
			theirs := cmp.Or(parent.OverallBestTrainingJob, parent.BestTrainingJob)
			if theirs != nil && (best == nil || better(*theirs, *best)) {
				best = theirs
			}
		}
	}
	return best
}

func (s *Server) describeTuningJob(_ context.Context, in *sagemaker.DescribeHyperParameterTuningJobInput) (*sagemaker.DescribeHyperParameterTuningJobOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.findTuning(in.HyperParameterTuningJobName)
	if err != nil {
		return nil, err
	}
	return &s.told(t).DescribeHyperParameterTuningJobOutput, nil
}

func (s *Server) listTuningJobs(_ context.Context, in *sagemaker.ListHyperParameterTuningJobsInput) (*sagemaker.ListHyperParameterTuningJobsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	position := func(t *tuning) string {
		switch name := *t.HyperParameterTuningJobName; in.SortBy {
		case types.HyperParameterTuningJobSortByOptionsStatus:
			return string(t.HyperParameterTuningJobStatus) + " " + name
		case types.HyperParameterTuningJobSortByOptionsCreationTime:
			return moment(*t.CreationTime) + " " + name
		case types.HyperParameterTuningJobSortByOptionsName:
		}
		return *t.HyperParameterTuningJobName
	}
	var all []*tuning
	for _, t := range s.tunings {
		if strings.Contains(*t.HyperParameterTuningJobName, aws.ToString(in.NameContains)) &&
			(in.StatusEquals == "" || in.StatusEquals == t.HyperParameterTuningJobStatus) &&
			within(t.CreationTime, in.CreationTimeAfter, in.CreationTimeBefore) && within(t.LastModifiedTime, in.LastModifiedTimeAfter, in.LastModifiedTimeBefore) {
			all = append(all, t)
		}
	}
	sortBy(all, position, in.SortOrder)
	all, next, err := page(all, position, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sagemaker.ListHyperParameterTuningJobsOutput{HyperParameterTuningJobSummaries: []types.HyperParameterTuningJobSummary{}, NextToken: next}
	for _, t := range all {
		t = s.told(t)
		out.HyperParameterTuningJobSummaries = append(out.HyperParameterTuningJobSummaries, types.HyperParameterTuningJobSummary{
			HyperParameterTuningJobName: t.HyperParameterTuningJobName, HyperParameterTuningJobArn: t.HyperParameterTuningJobArn,
			HyperParameterTuningJobStatus: t.HyperParameterTuningJobStatus, Strategy: t.HyperParameterTuningJobConfig.Strategy,
			CreationTime: t.CreationTime, LastModifiedTime: t.LastModifiedTime, HyperParameterTuningEndTime: t.HyperParameterTuningEndTime,
			TrainingJobStatusCounters: t.TrainingJobStatusCounters, ObjectiveStatusCounters: t.ObjectiveStatusCounters,
			ResourceLimits: t.HyperParameterTuningJobConfig.ResourceLimits,
		})
	}
	return out, nil
}

// listChildren lists those that have no objective yet last, when it sorts by it.
func (s *Server) listChildren(_ context.Context, in *sagemaker.ListTrainingJobsForHyperParameterTuningJobInput) (*sagemaker.ListTrainingJobsForHyperParameterTuningJobOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.findTuning(in.HyperParameterTuningJobName)
	if err != nil {
		return nil, err
	}
	type sum = types.HyperParameterTrainingJobSummary
	position := func(c sum) string {
		switch name := *c.TrainingJobName; in.SortBy {
		case types.TrainingJobSortByOptionsCreationTime:
			return moment(*c.CreationTime) + " " + name
		case types.TrainingJobSortByOptionsStatus:
			return string(c.TrainingJobStatus) + " " + name
		case types.TrainingJobSortByOptionsFinalObjectiveMetricValue, types.TrainingJobSortByOptionsName:
		}
		return *c.TrainingJobName
	}
	var all []sum
	for _, j := range s.childrenOf(t) {
		if in.StatusEquals == "" || in.StatusEquals == j.TrainingJobStatus {
			all = append(all, s.childSummary(t, j))
		}
	}
	sortBy(all, position, in.SortOrder)
	if in.SortBy == types.TrainingJobSortByOptionsFinalObjectiveMetricValue {
		sortByObjective(all, in.SortOrder)
	}
	all, next, err := page(all, position, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &sagemaker.ListTrainingJobsForHyperParameterTuningJobOutput{TrainingJobSummaries: append([]sum{}, all...), NextToken: next}, nil
}

func sortByObjective(all []types.HyperParameterTrainingJobSummary, order types.SortOrder) {
	sorting.StableBy(all, func(a, b *types.HyperParameterTrainingJobSummary) int {
		x, y := a.FinalHyperParameterTuningJobObjectiveMetric, b.FinalHyperParameterTuningJobObjectiveMetric
		switch {
		case x == nil && y == nil:
			return 0
		case x == nil:
			return 1
		case y == nil:
			return -1
		case order == types.SortOrderDescending:
			return cmp.Compare(*y.Value, *x.Value)
		}
		return cmp.Compare(*x.Value, *y.Value)
	})
}

func sortBy[T any](all []T, position func(T) string, order types.SortOrder) {
	sorting.By(all, func(a, b *T) int { return cmp.Compare(position(*a), position(*b)) })
	if order == types.SortOrderDescending {
		slices.Reverse(all)
	}
}
