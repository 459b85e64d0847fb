package watch

import (
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

const (
	// paceOver is how long the pace is measured before it is told anew.
	paceOver = 30 * time.Second
	// paceLasts is how old a measurement may be at its end.
	paceLasts = 5 * time.Minute
)

// Pace measures how many auctions a second one task answers, on average over
// the fleet. It can be lost: it is measured anew.
type Pace struct {
	since    time.Time
	answered map[string]answered // then, by task
	told     float64
}

// answered is how many requests a process has answered.
type answered struct {
	boot     string
	requests int64
}

// Look takes in what the tasks say, and returns what was measured last; 0 when
// nothing was.
func (p *Pace) Look(tasks []rollout.Task, now time.Time) float64 {
	gap := now.Sub(p.since)
	if gap >= 0 && gap < paceOver && len(p.answered) > 0 {
		return p.told
	}
	if gap > paceLasts || gap < 0 { // nobody looked, or the clock jumped
		p.answered, p.told = nil, 0
	}
	grown, measured := int64(0), 0
	then := p.answered
	p.since, p.answered = now, make(map[string]answered, len(tasks))
	for _, t := range tasks {
		if !t.Reachable {
			continue
		}
		now := answered{t.Boot, sinceBoot(t)}
		p.answered[t.ID] = now
		if was, is := then[t.ID]; is && was.boot == now.boot && now.requests >= was.requests {
			grown += now.requests - was.requests
			measured++
		}
	}
	if measured > 0 {
		p.told = float64(grown) / float64(measured) / gap.Seconds()
	}
	return p.told
}

// sinceBoot is how many requests a task has answered since it started. The
// number that it tells by itself begins anew with every swap.
func sinceBoot(t rollout.Task) int64 {
	if t.Times == nil {
		return t.Requests
	}
	return sum(t.Times.Took)
}
