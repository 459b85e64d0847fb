package simulation

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/inference/release"
)

// The releases, and the training job that brings the candidate.
const (
	stableRelease = "stable"
	candidateOf   = "candidate"
	job           = "job"
)

// world is a fleet whose tasks do at once what they are asked, and count what
// the market brings them. But for a crash, what goes wrong between a controller
// and its tasks is played elsewhere; here the judge is on trial.
type world struct {
	market    *market
	tasks     []task
	published map[string]bool
	archived  map[string]bool
	crashed   []rollout.Crash
	look      int
	began     int // look in which the candidate was first asked for, + 1
}

type task struct {
	rollout.Task
	place   int     // in the market
	past    []int64 // of latency
	counter *counter
	upto    int64 // requests counted in this generation
}

func newWorld(m *market) *world {
	w := &world{market: m, published: map[string]bool{stableRelease: true}, archived: map[string]bool{}}
	for i := range m.first {
		w.tasks = append(w.tasks, w.newTask(i, i))
	}
	return w
}

func (w *world) newTask(id, place int) task {
	t := task{place: place, Task: rollout.Task{ID: taskName(id), Boot: "b1", Reachable: true, Ready: true, Serving: stableRelease, Buckets: 1}}
	if w.market.scenario.Zones != (Zones{}) {
		t.locate(w.market.tasks[place].zone)
	}
	return t
}

func taskName(i int) string { return fmt.Sprintf("task-%02d", i) }

// count has the tasks that are compared answer one look's requests.
func (w *world) count() (counted []*task) {
	w.look++
	w.arrive()
	w.crash()
	failed := false
	for i := range w.tasks {
		t := &w.tasks[i]
		if t.Buckets == 1 {
			continue
		}
		if t.counter == nil {
			t.counter, t.past = newCounter(t.ID), w.market.past(t.place)
		}
		o := order{task: t.place, look: w.look, at: w.since(0), tried: w.since(w.began - 1), arm: judge.Control}
		if t.Serving == candidateOf {
			o.arm = judge.Candidate
			o.broken = !failed && w.market.scenario.failing(o.tried)
			failed = failed || o.broken
		}
		if t.Shadow != "" {
			o.explore, o.sample = t.Explore, t.Sample
		}
		w.market.play(o, t.counter)
		t.report(o, w.market.tasks[t.place].open)
		counted = append(counted, t)
	}
	return counted
}

// arrive starts the tasks whose time has come.
func (w *world) arrive() {
	for _, a := range w.market.arrivals {
		switch {
		case a.look != w.look:
		case a.slot < len(w.tasks):
			w.tasks[a.slot] = w.newTask(a.task, a.task)
		default:
			w.tasks = append(w.tasks, w.newTask(a.task, a.task))
		}
	}
}

// crash ends one task that serves the candidate, when its time has come. ECS
// starts another in its place.
func (w *world) crash() {
	s := w.market.scenario
	if !s.Crashes || len(w.crashed) > 0 || w.began == 0 || !s.active(w.since(w.began-1)) {
		return
	}
	for i := range w.tasks {
		if t := &w.tasks[i]; t.Serving == candidateOf {
			w.crashed = append(w.crashed, rollout.Crash{Task: t.ID, ExitCode: 139, Why: "Essential container in task exited", At: start().Add(w.since(0))})
			*t = w.newTask(fleetSize+i, t.place)
			return
		}
	}
}

func (w *world) since(look int) time.Duration { return time.Duration(w.look-look) * lookEvery }

// report completes what the task counted in this look with who it is.
func (t *task) report(o order, connections int) {
	r := &t.counter.report
	r.Generation, r.Arm, r.Explore = t.Generation, o.arm, o.explore
	r.Connections = int64(connections)
	r.After = t.upto
	for _, n := range r.Requests {
		t.upto += n
	}
	r.Upto = t.upto
	t.told(r)
}

// observe is what a controller sees of the fleet.
func (w *world) observe(s rollout.State, now time.Time) rollout.Observation {
	seen := rollout.Observation{
		Desired: len(w.tasks), Published: slices.Sorted(maps.Keys(w.published)), Archived: slices.Sorted(maps.Keys(w.archived)),
		Crashed: slices.Clone(w.crashed),
	}
	for i := range w.tasks {
		seen.Tasks = append(seen.Tasks, w.tasks[i].Task)
	}
	if w.look == 1 {
		seen.Jobs = []rollout.Job{{Source: release.Source{Job: job, Bucket: "b", Key: "k"}, CompletedAt: now}}
	}
	if r := s.Active; r != nil && r.Phase == rollout.Admitting {
		seen.Admission = &rollout.Admission{
			Rollout: r.ID, Outcome: rollout.AdmissionOK, Source: r.Source, Digest: candidateOf, Sentence: "admitted", Reference: w.market.reference(),
		}
	}
	return seen
}

func (w *world) apply(a rollout.Action) {
	switch a := a.(type) {
	case rollout.Publish:
		w.published[a.Digest] = true
	case rollout.Archive:
		w.archived[a.Rollout] = true
	case rollout.Tag:
		w.task(a.Task).Tag = a.Release
	case rollout.Protect:
		w.task(a.Task).Protected = a.On
	case rollout.Assign:
		t := w.task(a.Task)
		if t.Generation != a.Generation {
			t.upto = 0
		}
		t.Serving, t.Shadow, t.Sample, t.Explore, t.Buckets, t.Generation = a.Release, a.Shadow, a.Sample, a.Explore, a.Buckets, a.Generation
		if w.began == 0 && (a.Release == candidateOf || a.Shadow == candidateOf) {
			w.began = w.look + 1
		}
	}
}

func (w *world) task(id string) *task {
	for i := range w.tasks {
		if w.tasks[i].ID == id {
			return &w.tasks[i]
		}
	}
	panic("simulation: no task " + id) // Decide asks only tasks that it was shown
}

// lookAt is what the controller makes of counts and crashes, as its loop does.
func lookAt(r *rollout.Rollout, counted []*task, crashed []rollout.Crash, now time.Time) tally.Look {
	look := tally.Look{
		At: now, Served: r.Comparing() == rollout.Canary, Expected: map[judge.Arm]int{}, Past: map[string][]int64{}, Crashed: map[judge.Arm][]string{},
	}
	for _, c := range crashed {
		if arm, compared := r.Arm(c.Task); compared { // until Decide is shown that it is gone, so once
			look.Crashed[arm] = append(look.Crashed[arm], c.Task)
		}
	}
	for _, t := range counted {
		arm, compared := r.Arm(t.ID)
		if !compared && t.Generation == r.Generation && gathers(r, t.ID) {
			look.Reports = append(look.Reports, asPast(t.counter.report))
		}
		if !compared || t.Generation != r.Generation || t.counter.report.Arm != arm {
			continue
		}
		look.Expected[arm]++
		look.Past[t.ID] = t.past
		look.Reports = append(look.Reports, t.counter.report)
	}
	return look
}
