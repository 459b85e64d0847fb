package watch

import (
	"slices"
	"testing"

	"github.com/sluicehq/sluice/controller/rollout"
)

// What is kept of a task stays with it, whoever comes and goes before and after
// it; who was away is new.
func TestEachStaysWithItsTask(t *testing.T) {
	var e each[string]
	for _, step := range []struct {
		tasks string
		fresh string
	}{
		{"", ""}, {"bdf", "bdf"}, {"bdf", ""}, {"abcdefg", "aceg"}, {"aceg", ""}, {"gbadef", "bdf"}, {"z", "z"}, {"", ""}, {"az", "az"},
	} {
		tasks, fresh := []rollout.Task{}, ""
		for _, id := range step.tasks {
			tasks = append(tasks, rollout.Task{ID: string(id)})
		}
		tasks = e.meet(tasks)
		for i, kept := range e.kept {
			switch *kept {
			case e.ids[i]:
			case "":
				fresh += e.ids[i]
				*kept = e.ids[i]
			default:
				t.Fatalf("task %s has what is kept of %s", e.ids[i], *kept)
			}
		}
		if !slices.EqualFunc(tasks, e.ids, func(t rollout.Task, id string) bool { return t.ID == id }) || fresh != step.fresh {
			t.Errorf("%s: %v, new are %q, want %q", step.tasks, e.ids, fresh, step.fresh)
		}
	}
}
