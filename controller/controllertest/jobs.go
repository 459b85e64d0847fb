package controllertest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/rollout"
)

// patience is how long the world may take for anything. Only a failing test
// waits so long.
const patience = 30 * time.Second

// eventually asks until the answer is yes.
func eventually(t *testing.T, what string, ask func() bool) {
	t.Helper()
	for begin := time.Now(); !ask(); time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > patience {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

// Jobs checks the promises of controller.Jobs. train lets a training job
// complete that leaves its artifact at s3://<bucket>/<job>/output/model.tar.gz.
func Jobs(t *testing.T, jobs controller.Jobs, bucket string, train func(t *testing.T, name string)) {
	since := time.Now().Add(-time.Minute)
	completed := func(since time.Time, patterns ...string) []rollout.Job {
		t.Helper()
		got, err := jobs.Completed(t.Context(), patterns, since)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := completed(since, "*"); len(got) != 0 {
		t.Fatalf("jobs before there were any: %+v", got)
	}
	for i, name := range []string{"ads-b", "other-1", "ads-a"} {
		train(t, name)
		eventually(t, name+" is listed", func() bool { return len(completed(since, "*")) == i+1 })
	}
	all := completed(since, "*")
	wantJobs(t, all, "ads-b", "other-1", "ads-a")
	wantJobs(t, completed(since, "ads-*"), "ads-b", "ads-a")
	wantJobs(t, completed(since, "other-?", "ads-a"), "other-1", "ads-a")
	wantJobs(t, completed(since, "nothing*"))
	wantJobs(t, completed(since))
	for _, j := range all {
		s := j.Source
		if s.Bucket != bucket || s.Key != s.Job+"/output/model.tar.gz" || !strings.HasSuffix(s.JobARN, "training-job/"+s.Job) || s.Image == "" {
			t.Errorf("source: %+v", s)
		}
		if s.VersionID != "" || s.ETag != "" {
			t.Errorf("pinned without having been looked at: %+v", s)
		}
	}
	later := slices.DeleteFunc(slices.Clone(all), func(j rollout.Job) bool { return !j.CompletedAt.After(all[0].CompletedAt) })
	var names []string
	for _, j := range later {
		names = append(names, j.Source.Job)
	}
	wantJobs(t, completed(all[0].CompletedAt, "*"), names...)
}

func wantJobs(t *testing.T, got []rollout.Job, want ...string) {
	t.Helper()
	var names []string
	for i, j := range got {
		names = append(names, j.Source.Job)
		if i > 0 && j.CompletedAt.Before(got[i-1].CompletedAt) {
			t.Errorf("%s comes after a job that completed later", j.Source.Job)
		}
	}
	if !slices.Equal(names, want) {
		t.Errorf("jobs %v, want %v", names, want)
	}
}
