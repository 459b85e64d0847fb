package controller

import (
	"maps"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// pastWindow is how far back tasks' pasts reach at most; at least half of it
// once it is there.
const pastWindow = time.Hour

// pasts remembers what requests of each task took while it served stable and
// nothing was tried: what the judge holds it against once it is compared. From
// the moment that a candidate touches any task, all pasts stay as they are, so
// that they are of the same hour. It can be lost: a leader that takes over in
// the middle of a rollout knows none, and the judge compares the arms as they
// stand, but for tasks of which it has noted the past already.
type pasts struct {
	epoch  int64
	stable string
	at     time.Time // of the last look
	half   time.Time // since when the newer halves are filled
	tasks  map[string]*past
}

// past is one task's.
type past struct {
	boot         string
	told         *rollout.Times // in the last look; nil if it did not
	older, newer bins
}

// look takes in what the tasks say.
func (p *pasts) look(s rollout.State, tasks []rollout.Task, epoch int64, now time.Time) {
	gap := now.Sub(p.at)
	if p.tasks == nil || p.epoch != epoch || p.stable != s.Stable || gap < 0 || gap > pastWindow {
		*p = pasts{epoch: epoch, stable: s.Stable, half: now, tasks: map[string]*past{}}
	}
	p.at = now
	calm := s.Active == nil || s.Active.Comparing() == rollout.Queued || s.Active.Comparing() == rollout.Admitting
	if !calm {
		p.half = p.half.Add(max(0, gap)) // the clock stands still
	}
	turn := now.Sub(p.half) >= pastWindow/2
	if turn {
		p.half = now
	}
	listed := make(map[string]bool, len(tasks))
	for _, t := range tasks {
		listed[t.ID] = true
		if turn {
			p.turn(t.ID)
		}
		p.see(t, calm)
	}
	if calm {
		maps.DeleteFunc(p.tasks, func(id string, _ *past) bool { return !listed[id] })
	}
}

// turn begins the newer half of a task's past anew.
func (p *pasts) turn(task string) {
	if t := p.tasks[task]; t != nil {
		t.older, t.newer = t.newer, bins{}
	}
}

// see takes in what one task says. What it counted while it could not be seen,
// or did anything but serve stable, belongs to no past.
func (p *pasts) see(t rollout.Task, calm bool) {
	known := p.tasks[t.ID]
	if known == nil || t.Reachable && t.Boot != known.boot {
		known = &past{boot: t.Boot}
		p.tasks[t.ID] = known
	}
	serves := t.Serving == p.stable && t.Shadow == "" && t.Preparing == ""
	if calm && serves && known.told != nil && t.Times != nil && !known.newer.add(known.told.Took, t.Times.Took) {
		known.older, known.newer = bins{}, bins{} // it contradicts itself
	}
	known.told = nil
	if serves {
		known.told = t.Times
	}
}

// of is what the requests of a task took then; nil where that is not known.
func (p *pasts) of(task string) []int64 {
	known := p.tasks[task]
	if known == nil {
		return nil
	}
	took, any := make([]int64, judge.LatencyBins), false
	for i := range took {
		took[i] = int64(known.older[i]) + int64(known.newer[i])
		any = any || took[i] > 0
	}
	if !any {
		return nil
	}
	return took
}
