package aws_test

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// account is a SageMaker with its traps: filters apply after paging, so most
// pages are empty.
type account struct {
	jobs     []object // as DescribeTrainingJob shows them
	perPage  int
	throttle int               // so many calls are refused first
	refuse   map[string]string // code with which describing a job is refused
	tunings  map[string]object // as DescribeHyperParameterTuningJob and DescribeAutoMLJobV2 show them
}

var epoch = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func seconds(at time.Time) float64 { return float64(at.UnixMilli()) / 1000 }

// job completed so many minutes after the epoch.
func job(name string, minutes int) object {
	at := seconds(epoch.Add(time.Duration(minutes) * time.Minute))
	return object{
		"TrainingJobName": name, "TrainingJobArn": "arn:aws:sagemaker:eu-central-1:123456789012:training-job/" + name,
		"TrainingJobStatus": "Completed", "CreationTime": at - 600, "TrainingEndTime": at, "LastModifiedTime": at + 1,
		"ModelArtifacts":         object{"S3ModelArtifacts": "s3://training/" + name + "/output/model.tar.gz"},
		"AlgorithmSpecification": object{"TrainingImage": "image", "TrainingInputMode": "File"},
	}
}

func (a *account) reply(op string, in object) any {
	if a.throttle > 0 {
		a.throttle--
		return apiError{"ThrottlingException", "Rate exceeded"}
	}
	switch op {
	case "ListTrainingJobs":
		return a.list(in)
	case "DescribeTrainingJob":
		name, _ := in["TrainingJobName"].(string)
		if code, ok := a.refuse[name]; ok {
			return apiError{code, "Requested resource not found."}
		}
		i := slices.IndexFunc(a.jobs, func(j object) bool { return j["TrainingJobName"] == name })
		return a.jobs[i]
	case "DescribeHyperParameterTuningJob", "DescribeAutoMLJobV2":
		name := cmp.Or(in["HyperParameterTuningJobName"], in["AutoMLJobName"]).(string)
		if code, ok := a.refuse[name]; ok {
			return apiError{code, "User ann is not authorized"}
		}
		if a.tunings[name] == nil {
			return apiError{"ResourceNotFound", "Requested resource not found."}
		}
		return a.tunings[name]
	}
	return apiError{"UnknownOperationException", op}
}

func (a *account) list(in object) any {
	offset := 0
	if token, ok := in["NextToken"].(string); ok {
		offset, _ = strconv.Atoi(token)
	}
	after, _ := in["LastModifiedTimeAfter"].(float64)
	contains, _ := in["NameContains"].(string)
	end := min(offset+a.perPage, len(a.jobs))
	page := []object{}
	for _, j := range a.jobs[offset:end] {
		if j["TrainingJobStatus"] == in["StatusEquals"] && j["LastModifiedTime"].(float64) > after &&
			strings.Contains(j["TrainingJobName"].(string), contains) {
			page = append(page, j)
		}
	}
	out := object{"TrainingJobSummaries": page}
	if end < len(a.jobs) {
		out["NextToken"] = strconv.Itoa(end)
	}
	return out
}

func names(jobs []rollout.Job) []string {
	var names []string
	for _, j := range jobs {
		names = append(names, j.Source.Job)
	}
	return names
}

func TestJobsBehindEmptyPages(t *testing.T) {
	a := &account{perPage: 2}
	for i := range 30 {
		j := job(fmt.Sprintf("ad-filter-%02d", i), 100-i) // the last created ended first
		if i%7 != 6 {
			j["TrainingJobStatus"] = "Failed"
		}
		a.jobs = append(a.jobs, j)
	}
	f, endpoint := serveFake(t, a.reply)
	jobs := open(t, endpoint).Jobs()
	for range 2 {
		got, err := jobs.Completed(t.Context(), []string{"ad-*"}, epoch)
		if want := []string{"ad-filter-27", "ad-filter-20", "ad-filter-13", "ad-filter-06"}; err != nil || !slices.Equal(names(got), want) {
			t.Fatalf("%v, %v, want %v", names(got), err, want)
		}
	}
	if n := f.count("DescribeTrainingJob"); n != 4 {
		t.Errorf("described %d times, want once each", n)
	}
	got, err := jobs.Completed(t.Context(), []string{"ad-*"}, epoch.Add(80*time.Minute))
	if want := []string{"ad-filter-13", "ad-filter-06"}; err != nil || !slices.Equal(names(got), want) {
		t.Errorf("completed later: %v, %v, want %v", names(got), err, want)
	}
}

func TestJobsByPattern(t *testing.T) {
	a := &account{perPage: 100, jobs: []object{job("ads-1", 1), job("bads-2", 2), job("ads-x-3", 3), job("other", 4)}}
	f, endpoint := serveFake(t, a.reply)
	for _, tt := range []struct {
		patterns []string
		want     []string
		filter   any
	}{
		{[]string{"ads-*"}, []string{"ads-1", "ads-x-3"}, "ads-"},
		{[]string{"*-x-?"}, []string{"ads-x-3"}, "-x-"},
		{[]string{"ads-[12]"}, []string{"ads-1"}, nil},
		{[]string{"other", "bads*"}, []string{"bads-2", "other"}, nil},
		{[]string{"*"}, []string{"ads-1", "bads-2", "ads-x-3", "other"}, nil},
		{nil, nil, nil},
	} {
		got, err := open(t, endpoint).Jobs().Completed(t.Context(), tt.patterns, epoch)
		if err != nil || !slices.Equal(names(got), tt.want) || f.last("ListTrainingJobs")["NameContains"] != tt.filter {
			t.Errorf("%v: %v, %v, listed with %v", tt.patterns, names(got), err, f.last("ListTrainingJobs"))
		}
	}
	_, err := open(t, endpoint).Jobs().Completed(t.Context(), []string{"["}, epoch)
	check(t, "bad pattern", err, `pattern "["`)
}

func TestJobsThroughFaults(t *testing.T) {
	for _, tt := range []struct {
		name    string
		account account
		want    []string
		says    string
	}{
		{"throttled", account{throttle: 4}, []string{"a", "b", "c"}, ""},
		{"throttled for ever", account{throttle: 1000}, nil, "AWS asks to slow down: it is tried again by itself; if this stays, poll less often or ask AWS for a higher limit (AWS says ThrottlingException: Rate exceeded)"},
		{"one deleted meanwhile", account{refuse: map[string]string{"a": "ValidationException"}}, []string{"b", "c"}, ""},
		{
			"one denied",
			account{refuse: map[string]string{"b": "AccessDeniedException"}},
			[]string{"a", "c"},
			"describe training job b: access to the training jobs is denied, and AWS does not say why: see that the role may sagemaker:DescribeTrainingJob",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.account.perPage, tt.account.jobs = 1, []object{job("a", 1), job("b", 2), job("c", 3)}
			_, endpoint := serveFake(t, tt.account.reply)
			got, err := open(t, endpoint).Jobs().Completed(t.Context(), []string{"*"}, epoch)
			check(t, "completed", err, tt.says)
			if !slices.Equal(names(got), tt.want) {
				t.Errorf("%v, want %v", names(got), tt.want)
			}
		})
	}
}

// A pass describes so many jobs and looks at so many pages; the rest comes in
// the next ones, the oldest first.
func TestJobsInBoundedPasses(t *testing.T) {
	a := &account{perPage: 3}
	for i := range 200 {
		a.jobs = append(a.jobs, job(fmt.Sprintf("j-%03d", i), i+1))
	}
	f, endpoint := serveFake(t, a.reply)
	jobs := open(t, endpoint).Jobs()
	var seen int
	for pass, want := range []int{50, 100, 150, 200, 200} {
		calls := f.count("ListTrainingJobs") + f.count("DescribeTrainingJob")
		got, err := jobs.Completed(t.Context(), []string{"*"}, epoch)
		if err != nil || len(got) != want || got[len(got)-1].Source.Job != fmt.Sprintf("j-%03d", want-1) {
			t.Fatalf("pass %d: %d jobs, %v, want %d", pass, len(got), err, want)
		}
		if calls = f.count("ListTrainingJobs") + f.count("DescribeTrainingJob") - calls; calls > 100 {
			t.Errorf("pass %d made %d calls", pass, calls)
		}
		seen = len(got)
	}
	if seen != len(a.jobs) || f.count("DescribeTrainingJob") > len(a.jobs) {
		t.Errorf("%d jobs after %d descriptions", seen, f.count("DescribeTrainingJob"))
	}
}

func TestJobSource(t *testing.T) {
	full := job("full", 1)
	full["FinalMetricDataList"] = []object{
		{"MetricName": "auc", "Value": 0.5, "Timestamp": 2},
		{"MetricName": "auc", "Value": 0.91, "Timestamp": 9},
		{"MetricName": "auc", "Value": 0.7, "Timestamp": 3},
		{"MetricName": "loss", "Value": "NaN", "Timestamp": 1},
	}
	prefix := job("prefix", 2)
	prefix["ModelArtifacts"] = object{"S3ModelArtifacts": "s3://training/prefix/output/model/"}
	prefix["AlgorithmSpecification"] = object{"AlgorithmName": "ours", "TrainingInputMode": "File"}
	bare := job("bare", 3)
	delete(bare, "ModelArtifacts")
	delete(bare, "AlgorithmSpecification")
	delete(bare, "TrainingEndTime")
	a := &account{perPage: 10, jobs: []object{full, prefix, bare}}
	_, endpoint := serveFake(t, a.reply)
	got, err := open(t, endpoint).Jobs().Completed(t.Context(), []string{"*"}, epoch)
	if err != nil || len(got) != 3 {
		t.Fatalf("%v, %v", got, err)
	}
	s := got[0].Source
	if s.JobARN != full["TrainingJobArn"] || s.Image != "image" || s.Bucket != "training" || s.Key != "full/output/model.tar.gz" ||
		!reflect.DeepEqual(s.Metrics, map[string]float64{"auc": 0.91}) {
		t.Errorf("full: %+v", s)
	}
	if s := got[1].Source; s.Key != "prefix/output/model/" || s.Image != "ours" || s.Metrics != nil {
		t.Errorf("prefix: %+v", s)
	}
	if s := got[2].Source; s.Bucket != "" || s.Key != "" || s.Image != "" {
		t.Errorf("bare: %+v", s)
	}
	if at := got[0].CompletedAt; !at.Equal(epoch.Add(time.Minute)) {
		t.Errorf("completed at %v, want the end of training", at)
	}
	if at := got[2].CompletedAt; !at.Equal(epoch.Add(3*time.Minute + time.Second)) {
		t.Errorf("completed at %v, want the last modification", at)
	}
}

// A name may be used again once its job was deleted.
func TestJobOfTheSameName(t *testing.T) {
	a := &account{perPage: 10, jobs: []object{job("again", 1)}}
	_, endpoint := serveFake(t, a.reply)
	jobs := open(t, endpoint).Jobs()
	_, first := jobs.Completed(t.Context(), []string{"*"}, epoch)
	a.jobs = []object{job("again", 30)}
	got, second := jobs.Completed(t.Context(), []string{"*"}, epoch.Add(2*time.Minute))
	if err := errors.Join(first, second); err != nil || len(got) != 1 || !got[0].CompletedAt.Equal(epoch.Add(30*time.Minute)) {
		t.Errorf("%v, %v", got, err)
	}
}
