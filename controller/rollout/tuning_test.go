package rollout

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/inference/release"
)

// child is a training job of a tuning job that completed so long after the start.
func child(name string, t *Tuning, after time.Duration) Job {
	return Job{Source: release.Source{Job: name, Bucket: "b", Key: name}, CompletedAt: start.Add(after), Tuning: t}
}

// look lets a fleet see these jobs, and nothing else.
func look(s State, jobs []Job, after time.Duration) State {
	next, _ := Decide(s, Observation{Jobs: jobs, StopKnown: true}, storyPolicies(), start.Add(after))
	return next
}

// A tuning job may take a month. Its first training jobs matter to the end,
// whoever leads then.
func TestJobsAreListedFromWhatWaits(t *testing.T) {
	running := &Tuning{Name: "t", Status: TuningRuns, Trained: 1, Of: 10}
	s := look(State{Fleet: "f"}, []Job{child("t-1", running, 0)}, time.Minute)
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var restarted State
	if err := json.Unmarshal(raw, &restarted); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		s    State
		want time.Time
	}{
		{restarted, start.Add(-time.Second)},
		{State{JobsSince: s.JobsSince}, start.Add(10*24*time.Hour - JobsKept)},
		{look(restarted, nil, 10*24*time.Hour), start.Add(10*24*time.Hour - JobsKept)}, // nobody told of it any more
		{look(restarted, []Job{child("t-1", running, 0)}, 10*24*time.Hour), start.Add(-time.Second)},
		{look(restarted, []Job{child("t-1", &Tuning{Name: "t", Status: TuningStopped}, 0)}, time.Hour), start.Add(10*24*time.Hour - JobsKept)},
	} {
		if got := tt.s.JobsFrom(start.Add(10 * 24 * time.Hour)); !got.Equal(tt.want) {
			t.Errorf("with %+v jobs are listed from %v, want %v", tt.s.Tunings, got, tt.want)
		}
	}
	over := &Tuning{Name: "t", Status: TuningCompleted, Ended: start.Add(240 * time.Hour), Best: "t-1"}
	if done := look(restarted, []Job{child("t-1", over, 0)}, 240*time.Hour); len(done.Queue) != 1 || len(done.Tunings) != 0 {
		t.Errorf("the best of ten days ago is not taken up: %+v", done)
	}
}

// Nothing is written while nothing changes.
func TestWaitingWritesNothing(t *testing.T) {
	jobs := []Job{child("t-1", &Tuning{Name: "t", Status: TuningRuns, Trained: 1, Of: 10}, 0)}
	s := look(State{Fleet: "f"}, jobs, time.Minute)
	before, _ := json.Marshal(s)
	if after, _ := json.Marshal(look(s, jobs, 59*time.Minute)); string(after) != string(before) {
		t.Errorf("%s\nbecomes %s", before, after)
	}
	if later := look(s, jobs, 3*time.Hour); !later.Tunings[0].Heard.Equal(start.Add(3 * time.Hour)) {
		t.Errorf("it was heard of at %v", later.Tunings[0].Heard)
	}
}

// A state of a version that knew no tuning jobs has taken some of their jobs up,
// one by one: what it did stays, and the others are one candidate.
func TestTuningJobsInAnOlderState(t *testing.T) {
	const stored = `{"fleet":"f","epoch":0,"seen":{"t-1":"2026-01-01T00:00:00Z"},"queue":[{"id":"t-1","source":{"job":"t-1"},"found_at":"2026-01-01T00:00:00Z","phase":"queued","reason":"found"}]}`
	var s State
	if err := json.Unmarshal([]byte(stored), &s); err != nil {
		t.Fatal(err)
	}
	over := &Tuning{Name: "t", Status: TuningCompleted, Ended: start.Add(time.Minute), Best: "t-2", Trained: 3}
	next := look(s, []Job{child("t-1", over, 0), child("t-2", over, time.Second), child("t-3", over, 2*time.Second)}, time.Minute)
	got := map[string]string{}
	for _, r := range slices.Concat(next.Queue, next.Finished) {
		got[r.ID] = string(r.Phase) + " " + string(r.Reason)
	}
	if next.Active != nil {
		got[next.Active.ID] = "active"
	}
	if got["t-1"] != "superseded newer" || got["t-2"] != "queued found" || got["t-3"] != "superseded not_best" {
		t.Errorf("%v", got)
	}
}

// Hundreds of training jobs and tuning jobs neither push out of the state what
// others must read, nor keep the best from its turn.
func TestManyTuningJobs(t *testing.T) {
	over := &Tuning{Name: "t", Status: TuningCompleted, Ended: start, Best: "t-499", Trained: 500}
	var jobs []Job
	for i := range 500 {
		jobs = append(jobs, child(fmt.Sprintf("t-%03d", i), over, 0))
	}
	s := look(State{Fleet: "f"}, jobs, time.Second)
	if len(s.Queue) != 1 || s.Queue[0].ID != "t-499" || len(s.Finished) != maxPassedOver {
		t.Fatalf("%d queued, %d finished", len(s.Queue), len(s.Finished))
	}
	for i := range 30 { // nothing reaches the archive
		s = look(s, jobs, time.Duration(i+2)*time.Second)
	}
	if len(s.Finished) != maxUnstored {
		t.Errorf("%d finished rollouts wait in the state, want %d", len(s.Finished), maxUnstored)
	}
	tuned := slices.DeleteFunc(slices.Clone(s.Events), func(e Event) bool { return e.Reason != Tuned })
	if len(tuned) != 1 {
		t.Errorf("its end was told %d times", len(tuned))
	}
	for i := range 100 {
		jobs = append(jobs, child(fmt.Sprintf("w%d-1", i), &Tuning{Name: fmt.Sprint("w", i), AutoML: i%2 > 0}, 0))
	}
	if s = look(s, jobs, time.Minute); len(s.Tunings) != maxTunings || !strings.HasSuffix(s.Tunings[0].Sentence, "w0: it has not been asked yet") {
		t.Errorf("%d tuning jobs are awaited: %+v", len(s.Tunings), s.Tunings[0])
	}
}
