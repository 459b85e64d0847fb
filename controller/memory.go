package controller

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sluicehq/sluice/controller/admit"
	"github.com/sluicehq/sluice/controller/rollout"
)

// memory is what a reconciler need not look up again. All of it can be lost:
// it is found anew.
type memory struct {
	published map[string]bool // releases seen stored whole

	mu       sync.Mutex
	archived map[string]bool // finished rollouts seen stored

	tasks   []rollout.Task // as ECS listed them last
	desired int
	jobsAt  time.Time // when training jobs were listed last

	listing, finding service // ECS, which lists tasks; SageMaker, which finds jobs

	admission *admission // of the last rollout looked at
	judging   *judging
	swaps     swapWatch
}

// admission is what looking at an artifact came to, with its bytes.
type admission struct {
	rollout string
	pin     string // version and ETag it was made of
	archive []byte
	report  admit.Report
}

func newMemory() memory {
	return memory{published: map[string]bool{}, archived: map[string]bool{}}
}

func (m *memory) setArchived(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.archived[id] = true
}

// archivedOf lists which of the rollouts are known to be stored, and forgets
// the others that once were.
func (m *memory) archivedOf(finished []rollout.Rollout) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.archived, func(id string, _ bool) bool {
		return !slices.ContainsFunc(finished, func(r rollout.Rollout) bool { return r.ID == id })
	})
	return slices.Sorted(maps.Keys(m.archived))
}

// address is where the control port of a task listens.
func (m *memory) address(task string) string {
	for _, t := range m.tasks {
		if t.ID == task {
			return t.Address
		}
	}
	return ""
}
