package watch

import (
	"math"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

func TestPace(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	task := func(id, boot string, requests int64) rollout.Task {
		return rollout.Task{ID: id, Boot: boot, Requests: requests, Reachable: true}
	}
	silent := rollout.Task{ID: "a", Requests: 0}
	var p Pace
	for _, step := range []struct {
		why   string
		after time.Duration
		tasks []rollout.Task
		want  float64
	}{
		{"nothing is known of a first look", 0, []rollout.Task{task("a", "1", 1000), task("b", "1", 0)}, 0},
		{"too early to tell", 29 * time.Second, []rollout.Task{task("a", "1", 2000)}, 0},
		{"the mean of two", 40 * time.Second, []rollout.Task{task("a", "1", 5000), task("b", "1", 2000)}, 75},
		{"told again", 41 * time.Second, nil, 75},
		{"a restarted and a silent one do not count", 80 * time.Second, []rollout.Task{silent, task("b", "2", 10)}, 75},
		{"what was restarted counts from then", 120 * time.Second, []rollout.Task{task("b", "2", 410), task("c", "1", 9000)}, 10},
		{"nobody looked for long", time.Hour, []rollout.Task{task("c", "1", 99000)}, 0},
		{"the clock jumped back", 0, []rollout.Task{task("c", "1", 99000)}, 0},
		{"and measures again", 50 * time.Second, []rollout.Task{task("c", "1", 100000)}, 20},
	} {
		if got := p.Look(step.tasks, at.Add(step.after)); math.Abs(got-step.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", step.why, got, step.want)
		}
	}
}

// A swap makes a task count anew what it answers; the pace goes on.
func TestPaceThroughSwaps(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	task := func(requests int64, took ...int64) []rollout.Task {
		return []rollout.Task{{ID: "a", Boot: "1", Requests: requests, Times: &rollout.Times{Took: took}, Reachable: true}}
	}
	var p Pace
	p.Look(nil, at.Add(-20*time.Second)) // nobody to measure yet
	p.Look(task(500, 400, 100), at)
	if got := p.Look(task(20, 2000, 1500), at.Add(30*time.Second)); got != 100 {
		t.Errorf("%v auctions a second, want 100", got)
	}
	if got := p.Look(task(3020, 3000, 3500), at.Add(60*time.Second)); got != 100 {
		t.Errorf("%v auctions a second after a swap, want 100", got)
	}
}
