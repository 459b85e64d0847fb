package ecs

import (
	"cmp"
	"time"

	"github.com/sluicehq/sluice/sorting"
)

// goal is what a service should look like.
type goal struct {
	desired    int
	deployment string // the primary one: tasks of others are to be replaced
	// Of desired, in percent: at least so many healthy (rounded up), at most
	// so many live (rounded down) while tasks are replaced.
	minHealthy, maxLive int
	alone               bool // tasks of other deployments stay as they are
}

// member is one task of a service that is not being stopped.
type member struct {
	id         string
	deployment string
	healthy    bool // running, and its health check, if any, passes
	failing    bool // its health check says so
	protected  bool
	created    time.Time
}

// plan says how many tasks of the primary deployment to start and which tasks
// to stop. A protected task is stopped only when its health check fails. It
// is asked again after every change, so it need not reach the goal at once.
func plan(g goal, members []member) (start int, stop []string) {
	var current, old []member
	healthy := 0
	for _, m := range members {
		switch {
		case g.alone && m.deployment != g.deployment:
			continue
		case m.failing:
			stop = append(stop, m.id)
			continue
		case m.deployment == g.deployment:
			current = append(current, m)
		default:
			old = append(old, m)
		}
		if m.healthy {
			healthy++
		}
	}
	most := max(g.desired*g.maxLive/100, 0)
	least := (g.desired*g.minHealthy + 99) / 100
	start = max(min(g.desired-len(current), most-len(current)-len(old)), 0)

	stop = append(stop, surplus(current, len(current)-g.desired, &healthy, 0)...)
	stop = append(stop, surplus(old, len(old), &healthy, least)...)
	return start, stop
}

// surplus picks up to n tasks to stop, the unready before the ready and the
// new before the old, as long as least healthy ones remain.
func surplus(members []member, n int, healthy *int, least int) (stop []string) {
	sorting.By(members, func(a, b *member) int {
		if a.healthy != b.healthy {
			if b.healthy {
				return -1
			}
			return 1
		}
		return cmp.Or(b.created.Compare(a.created), cmp.Compare(a.id, b.id))
	})
	for _, m := range members {
		if len(stop) >= n {
			break
		}
		if m.protected || (m.healthy && *healthy <= least) {
			continue
		}
		if m.healthy {
			*healthy--
		}
		stop = append(stop, m.id)
	}
	return stop
}
