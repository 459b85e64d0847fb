package rollout

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestTakeover lets a new leader find tasks in all states: those that go back
// are told first, then all others that serve hear of it by what they do
// already, then those that go forward.
func TestTakeover(t *testing.T) {
	p := storyPolicies()
	s := State{Epoch: 5, Generation: 9, Stable: "old", Default: "new", Active: &Rollout{
		ID: "r", Phase: Canary, Candidate: "new", Generation: 9, Policy: p.Default.Name, CanaryTasks: []string{"d"}, ControlTasks: []string{"c"},
	}}
	task := func(id, serving string, epoch int64) Task {
		return Task{ID: id, Reachable: true, Ready: true, Serving: serving, Buckets: 1, Generation: 3, Explore: p.Default.Explore, Epoch: epoch}
	}
	told := task("e", "old", 5)
	lost := task("f", "old", 4)
	lost.Reachable = false
	tasks := []Task{
		task("a", "new", 4), task("b", "old", 4), task("c", "old", 4), task("d", "old", 4), told, lost,
		task("g", "old", math.MaxInt64), task("h", "", 0),
	}
	var got []string
	for _, a := range corrections(s, Observation{Tasks: tasks, Published: []string{"new"}}, p) {
		switch a := a.(type) {
		case Assign:
			got = append(got, a.Task+"="+a.Release)
		case Fence:
			got = append(got, "fence "+a.Task)
			if b := tasks[1]; a.Task != "b" || a.Release != b.Serving || a.Generation != b.Generation || a.Buckets != b.Buckets || a.Explore != b.Explore {
				t.Errorf("a fence changes what %s does to %+v", a.Task, a)
			}
		}
	}
	if want := []string{"a=old", "c=old", "h=old", "fence b", "d=new"}; !slices.Equal(got, want) {
		t.Errorf("a new leader says %q, want %q", got, want)
	}
}

// TestWayBackStopsPreparing lets a task go on serving stable while it prepares
// what is given up: it is asked for stable all the same.
func TestWayBackStopsPreparing(t *testing.T) {
	p := storyPolicies()
	s := State{Stable: "old", Active: &Rollout{ID: "r", Phase: RollingBack, Candidate: "new"}}
	for preparing, want := range map[string]int{"new": 1, "old": 0, "": 0} {
		task := Task{ID: "a", Reachable: true, Ready: true, Serving: "old", Preparing: preparing, Buckets: 1, Explore: p.Default.Explore}
		if got := s.assignments(Observation{Tasks: []Task{task}}, p.Default); len(got) != want {
			t.Errorf("while it prepares %q, it is asked for %v", preparing, got)
		}
	}
}

// TestPoisoned draws the line between a number that is followed and one that
// nobody can have given, without an overflow on the way.
func TestPoisoned(t *testing.T) {
	s := State{Epoch: 7, Generation: 3}
	for _, tt := range []struct {
		epoch, generation int64
		poisoned          bool
		ahead             int64
		doubt             string
	}{
		{7, 3, false, 0, ""},
		{6, 2, false, 0, ""},
		{8, 3, false, 8, "newer controller"},
		{7 + 1<<32, 3 + 1<<32, false, 7 + 1<<32, "newer controller"},
		{8 + 1<<32, 3, true, 0, "poisoned"},
		{7, 4 + 1<<32, true, 0, "poisoned"},
		{math.MaxInt64, math.MaxInt64, true, 0, "poisoned"},
	} {
		task := Task{ID: "a", Reachable: true, Epoch: tt.epoch, Generation: tt.generation}
		doubt := s.Doubt(task)
		if s.Poisoned(task) != tt.poisoned || s.Ahead([]Task{task}, 7) != tt.ahead || !strings.Contains(doubt, tt.doubt) || (doubt == "") != (tt.doubt == "") {
			t.Errorf("epoch %d, generation %d: poisoned %v, ahead %d: %s", tt.epoch, tt.generation, s.Poisoned(task), s.Ahead([]Task{task}, 7), doubt)
		}
		if task.Reachable = false; s.Poisoned(task) || s.Doubt(task) != "" || s.Ahead([]Task{task}, 7) != 0 {
			t.Error("a task that cannot be reached is believed")
		}
	}
	s = State{Epoch: maxCounter, Generation: maxCounter, LastEvent: maxCounter}
	s.catchUp(Observation{Tasks: []Task{{Reachable: true, Epoch: math.MaxInt64, Generation: math.MaxInt64}, {Reachable: true, Generation: maxCounter + maxAhead}}}, start)
	if s.Generation != maxCounter+maxAhead+1 || s.Epoch != maxCounter {
		t.Errorf("counters come to %+v", s.Counters())
	}
}

// TestReplacement stops one poisoned task, once all the others answer.
func TestReplacement(t *testing.T) {
	s := State{Epoch: 1, Stable: "old"}
	p := storyPolicies()
	for _, tt := range []struct {
		may     bool
		desired int
		silent  bool
		want    string
	}{
		{true, 3, false, "[replace b]"},
		{false, 3, false, "[]"},
		{true, 4, false, "[]"}, // another is on its way
		{true, 3, true, "[]"},
	} {
		tasks := []Task{{ID: "c"}, {ID: "b"}, {ID: "a"}}
		for i := range tasks {
			tasks[i].Reachable, tasks[i].Ready, tasks[i].Serving = true, true, "old"
			tasks[i].Epoch = []int64{math.MaxInt64, math.MaxInt64, 1}[i]
		}
		tasks[2].Reachable = !tt.silent
		p.ReplacePoisoned = tt.may
		if got := fmt.Sprint(s.replacement(Observation{Tasks: ByID(tasks), Desired: tt.desired}, p)); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}

// A state that went back knows nothing of what later versions of it asked. Who
// cannot be reached since may answer with the candidate, and who can be may do
// so for a moment: the places of so many canaries stay open until they have left
// it, or are gone.
func TestUnseenTakeTheirPlaces(t *testing.T) {
	p := storyPolicies()
	p.Default.Steps = []Step{{Tasks: 2, Soak: time.Minute}}
	s := State{Stable: "v1", Generation: 8, Active: &Rollout{ID: "two", Candidate: "v2", Phase: Canary, Generation: 8, CanaryTasks: []string{"gone", "a"}, ControlTasks: []string{"b", "c"}}}
	seen := Observation{Known: Counters{Generation: 9}, Desired: 8, Published: []string{"v2"}}
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		seen.Tasks = append(seen.Tasks, Task{ID: id, Serving: "v1", Reachable: id < "g", Ready: true, Generation: 8})
	}
	canaries := func(want int, when string) {
		t.Helper()
		var actions []Action
		s, actions = Decide(s, seen, p, start)
		asked := 0
		for _, a := range actions {
			if a, is := a.(Assign); is && a.Release == "v2" {
				asked++
			}
		}
		if len(s.Active.CanaryTasks) != want || asked > want {
			t.Errorf("%s: canaries %v, and %d are asked, want %d", when, s.Active.CanaryTasks, asked, want)
		}
	}
	canaries(0, "two are unseen")
	seen.Known = Counters{}
	canaries(0, "two are unseen still")
	seen.Tasks[6].Reachable, seen.Tasks[6].Generation, seen.Tasks[6].Serving = true, 9, "v2"
	canaries(0, "one is seen to answer with it, and one is unseen")
	seen.Tasks[6].Serving, seen.Tasks[6].Preparing = "v1", "v2"
	canaries(0, "one prepares it still")
	seen.Tasks[6].Preparing = ""
	canaries(1, "one has left it")
	seen.Tasks[6].Reachable = false
	canaries(1, "one that was seen falls silent")
	seen.Tasks = seen.Tasks[:7]
	canaries(2, "the other is gone")
}

// A state that went back goes on above everything that was seen, and tells by
// which numbers.
func TestCatchUp(t *testing.T) {
	s := State{LastEvent: 3, Generation: 4}
	if s.catchUp(Observation{}, start); len(s.Events) > 0 || s.Generation != 4 {
		t.Errorf("nothing was seen: %+v", s.Events)
	}
	s.catchUp(Observation{Known: Counters{Event: 9, Generation: 7}, Tasks: []Task{{Reachable: true, Generation: 8}, {Generation: 99}}}, start)
	want := "the state went back to an earlier version (event 3, generation 4): it goes on from there, as event 10 and generation 9"
	if len(s.Events) != 1 || s.Events[0].Seq != 10 || s.LastEvent != 10 || s.Generation != 9 || s.Events[0].Sentence != want {
		t.Errorf("generation %d, %+v", s.Generation, s.Events)
	}
}
