package rollout

import "fmt"

// Arrow is a change of phase that may happen; others may not.
type Arrow struct{ From, To Phase }

// Arrows lists every change of phase that may happen, and those that lead back
// to the same one: from a canary step to the next, a phase that is extended,
// another sentence while an artifact is awaited, another release to go back
// to. ARCHITECTURE.md draws them.
func Arrows() []Arrow {
	return []Arrow{
		{Queued, Admitting},
		{Queued, Refused},
		{Queued, Superseded},
		{Queued, RollingBack},
		{Admitting, Admitting},
		{Admitting, Shadow},
		{Admitting, Canary},
		{Admitting, Promoting},
		{Admitting, Live},
		{Admitting, Refused},
		{Admitting, Superseded},
		{Admitting, RollingBack},
		{Shadow, Shadow},
		{Shadow, Canary},
		{Shadow, Held},
		{Shadow, Promoting},
		{Shadow, RollingBack},
		{Shadow, Superseded},
		{Canary, Canary},
		{Canary, Held},
		{Canary, Promoting},
		{Canary, RollingBack},
		{Held, Shadow},
		{Held, Canary},
		{Held, Promoting},
		{Held, RollingBack},
		{Promoting, Held},
		{Promoting, Live},
		{Promoting, RollingBack},
		{RollingBack, RollingBack},
		{RollingBack, RolledBack},
		{RollingBack, Superseded},
	}
}

// checkArrow panics where an arrow is followed that Arrows does not list: a
// broken promise inside this package.
func checkArrow(from, to Phase) {
	for _, a := range Arrows() {
		if a == (Arrow{from, to}) {
			return
		}
	}
	panic(fmt.Sprintf("rollout: no arrow leads from %s to %s", from, to))
}
