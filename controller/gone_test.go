package controller

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/controller/rollout"
)

// lateTasks list what ran some while ago.
type lateTasks struct {
	fakeTasks
	then  []rollout.Task
	asked [][]string // which of them still run
	down  error
}

func (l *lateTasks) List(context.Context) ([]rollout.Task, int, error) {
	return slices.Clone(l.then), len(l.then), nil
}

func (l *lateTasks) Gone(ctx context.Context, silent []string) ([]string, error) {
	if l.asked = append(l.asked, silent); l.down != nil {
		return nil, l.down
	}
	return l.fakeTasks.Gone(ctx, silent)
}

// A task that is listed still and has ended is missed in the look in which it
// does not answer; one that ECS runs is shown as silent, and so is each while
// ECS cannot be asked.
func TestSilentTaskIsAskedFor(t *testing.T) {
	w := newWorld()
	r := w.reconciler(1)
	late := &lateTasks{fakeTasks: fakeTasks{w}}
	late.then, _, _ = late.fakeTasks.List(t.Context())
	r.Tasks = late
	look := func(errs string, want ...string) {
		t.Helper()
		_, err := r.Pass(t.Context())
		if (err == nil) != (errs == "") || err != nil && !strings.Contains(err.Error(), errs) {
			t.Errorf("error %v, want %q", err, errs)
		}
		var seen []string
		for _, task := range w.look(t).Seen.Tasks {
			name := task.ID
			if !task.Reachable {
				name += " silent"
			}
			seen = append(seen, name)
		}
		if !slices.Equal(seen, want) {
			t.Errorf("seen %q, want %q", seen, want)
		}
	}
	look("", "a", "b", "c", "d")
	if len(late.asked) != 0 {
		t.Errorf("while all answer, ECS is asked for %q", late.asked)
	}
	delete(w.tasks, "b")
	w.tasks["c"].Reachable = false
	look("", "a", "c silent", "d")
	late.down = errors.New("ECS is away")
	look("look for tasks: see whether tasks run that do not answer: ECS is away", "a", "b silent", "c silent", "d")
	if want := []string{"b", "c"}; !slices.Equal(late.asked[0], want) || len(late.asked) != 2 {
		t.Errorf("ECS was asked for %q, want %q each time", late.asked, want)
	}
}
