package controller

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/controller/watch"
	"github.com/sluicehq/sluice/sorting"
)

// memory is what a reconciler need not look up again. All of it can be lost:
// it is found anew.
type memory struct {
	known     rollout.Counters // of the state that was loaded or saved last
	etag      string           // the same; empty where it is not known
	published string           // release seen stored whole last

	mu       sync.Mutex
	archived map[string]bool           // finished rollouts seen stored
	audited  map[string]bool           // entries of the audit trail seen stored, by key
	taken    map[string]rollout.Assign // assignments that tasks said yes to since the judge looked

	indexed atomic.Int64 // epoch in which the indexes were made anew

	tasks     []rollout.Task    // as ECS listed them last
	addresses map[string]string // of their control ports, by task
	desired   int
	jobsAt    time.Time // when training jobs were listed last

	stop   *rollout.Stop // of all fleets, as it was known last
	stopAt time.Time     // zero: it is not known

	listing, finding service // ECS, which lists tasks; SageMaker, which finds jobs
	ending, keeping  service // ECS, which tells crashes; S3, which keeps looks
	deploying        service // ECS, which tells how far a deployment is

	crashed   []rollout.Crash // as ECS told last, by this machine's clock
	crashedAt time.Time
	ecsBehind time.Duration // ECS's clock, or this machine's is ahead

	examination *examination // under way, or not picked up yet
	admission   *admission   // of the last rollout looked at
	judging     *judging
	settled     string // rollout whose looks are all stored, though it went back
	swaps       watch.Swaps
	pasts       watch.Pasts
	pace        watch.Pace
	auctions    watch.Auctions
	builds      watch.Builds
}

func newMemory() memory {
	return memory{archived: map[string]bool{}, audited: map[string]bool{}, taken: map[string]rollout.Assign{}}
}

// wentBack takes in the numbers of a state that was loaded. It returns how far
// an earlier one had come, where that was farther.
func (m *memory) wentBack(loaded rollout.Counters) (known rollout.Counters) {
	if loaded.Behind(m.known) {
		return m.known
	}
	m.known = loaded
	return rollout.Counters{}
}

func (m *memory) setArchived(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.archived[id] = true
}

func (m *memory) take(a rollout.Assign) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.taken[a.Task] = a
}

// tookUp returns what tasks have taken since it was asked last.
func (m *memory) tookUp() map[string]rollout.Assign {
	m.mu.Lock()
	defer m.mu.Unlock()
	taken := m.taken
	m.taken = map[string]rollout.Assign{}
	return taken
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

// date tells by this machine's clock when tasks crashed: ECS tells by its own,
// and where they differ a crash of now would be one of before the candidate. One
// that was not told the last time is hardly older than that, and none is of
// later than now.
func (m *memory) date(crashed []rollout.Crash, now time.Time) []rollout.Crash {
	newest := time.Time{}
	for _, c := range crashed {
		known := slices.ContainsFunc(m.crashed, func(o rollout.Crash) bool { return o.Task == c.Task })
		if !known && c.At.After(newest) {
			newest = c.At
		}
	}
	if !newest.IsZero() && !m.crashedAt.IsZero() {
		m.ecsBehind = 0
		if late := m.crashedAt.Sub(newest); late > rollout.ClocksApart {
			m.ecsBehind = late
		} else if early := newest.Sub(now); early > rollout.ClocksApart {
			m.ecsBehind = -early
		}
	}
	crashed = slices.Clone(crashed)
	for i := range crashed {
		if c := &crashed[i]; !c.At.IsZero() {
			c.At = c.At.Add(m.ecsBehind)
		}
	}
	return crashed
}

// setTasks takes over what ECS has listed.
func (m *memory) setTasks(tasks []rollout.Task, desired int) {
	sorting.By(tasks, func(a, b *rollout.Task) int { return cmp.Compare(a.ID, b.ID) }) // as Decide wants them
	m.tasks, m.desired = tasks, desired
	m.addresses = make(map[string]string, len(tasks))
	for _, t := range tasks {
		m.addresses[t.ID] = t.Address
	}
}

// address is where the control port of a task listens; empty for one that is
// not listed.
func (m *memory) address(task string) string { return m.addresses[task] }
