package watch

import "github.com/sluicehq/sluice/controller/rollout"

// each is what is kept of every task from look to look, in the order of their
// ids: two lists side by side are walked in a fraction of the time that it takes
// to look up every task of a large fleet.
type each[T any] struct {
	ids  []string
	kept []*T
}

// meet goes over to the tasks that there are now, and returns them in order.
// What was kept of others is gone, of new ones it is empty.
func (e *each[T]) meet(tasks []rollout.Task) []rollout.Task {
	tasks = rollout.ByID(tasks)
	was, at := *e, 0
	e.ids, e.kept = make([]string, len(tasks)), make([]*T, len(tasks))
	for i := range tasks {
		id := tasks[i].ID
		for at < len(was.ids) && was.ids[at] < id {
			at++
		}
		if e.ids[i] = id; at < len(was.ids) && was.ids[at] == id {
			e.kept[i] = was.kept[at]
		} else {
			e.kept[i] = new(T)
		}
	}
	return tasks
}
