package watch

import (
	"maps"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// pastWindow is how far back tasks' pasts reach at most; at least half of it
// once it is there.
const pastWindow = time.Hour

// Pasts remembers what requests of each task took while it served stable and
// nothing was tried: what the judge holds it against once it is compared. From
// the moment that a candidate touches any task, all pasts stay as they are, so
// that they are of the same hour, and are stored before the first look, so that
// whoever takes over judges by the same.
type Pasts struct {
	epoch  int64
	stable string
	looks  int64
	at     time.Time // of the last look
	half   time.Time // since when the newer halves are filled
	tasks  map[string]*past
}

// past is one task's.
type past struct {
	boot         string
	look         int64          // in which it was listed last
	told         *rollout.Times // in the last look; nil if it did not
	older, newer bins
}

// Look takes in what the tasks say.
func (p *Pasts) Look(s rollout.State, tasks []rollout.Task, epoch int64, now time.Time) {
	gap := now.Sub(p.at)
	if p.tasks == nil || p.epoch != epoch || p.stable != s.Stable || gap < 0 || gap > pastWindow {
		*p, gap = Pasts{epoch: epoch, stable: s.Stable, half: now, tasks: map[string]*past{}}, 0
	}
	p.at = now
	calm := s.Active == nil || s.Active.Comparing() == rollout.Queued || s.Active.Comparing() == rollout.Admitting
	if !calm {
		p.half = p.half.Add(gap) // the clock stands still
	}
	turn := now.Sub(p.half) >= pastWindow/2
	if turn {
		p.half = now
	}
	p.looks++
	for _, t := range tasks {
		if turn {
			p.turn(t.ID)
		}
		p.see(t, calm)
	}
	maps.DeleteFunc(p.tasks, func(_ string, t *past) bool { return t.look != p.looks })
}

// turn begins the newer half of a task's past anew.
func (p *Pasts) turn(task string) {
	if t := p.tasks[task]; t != nil {
		t.older, t.newer = t.newer, bins{}
	}
}

// see takes in what one task says. What it counted while it could not be seen,
// or did anything but serve stable, belongs to no past.
func (p *Pasts) see(t rollout.Task, calm bool) {
	known := p.tasks[t.ID]
	if known == nil || t.Reachable && t.Boot != known.boot {
		known = &past{boot: t.Boot}
		p.tasks[t.ID] = known
	}
	known.look = p.looks
	serves := t.Serving == p.stable && t.Shadow == "" && t.Preparing == ""
	if calm && serves && known.told != nil && t.Times != nil && !known.newer.add(known.told.Took, t.Times.Took) {
		known.older, known.newer = bins{}, bins{} // it contradicts itself
	}
	known.told = nil
	if serves {
		known.told = t.Times
	}
}

// All is what the requests of each task took then, bins as in
// judge.LatencyBins, for the tasks of which that is known.
func (p *Pasts) All() map[string][]int64 {
	all := map[string][]int64{}
	for id, t := range p.tasks {
		var took [judge.LatencyBins]int64
		used := 0
		for i := range took {
			if took[i] = int64(t.older[i]) + int64(t.newer[i]); took[i] > 0 {
				used = i + 1
			}
		}
		if used > 0 {
			all[id] = took[:used:used]
		}
	}
	return all
}
