package watch

import (
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
	at     time.Time // of the last look
	half   time.Time // since when the newer halves are filled
	tasks  each[past]
}

// past is one task's.
type past struct {
	boot         string
	told         *rollout.Times // in the last look; nil if it did not
	older, newer bins
}

// Look takes in what the tasks say.
func (p *Pasts) Look(s rollout.State, tasks []rollout.Task, epoch int64, now time.Time) {
	gap := now.Sub(p.at)
	if p.epoch != epoch || p.stable != s.Stable || gap < 0 || gap > pastWindow {
		*p, gap = Pasts{epoch: epoch, stable: s.Stable, half: now}, 0
	}
	p.at = now
	calm := s.Active == nil || s.Active.Comparing() == rollout.Queued || s.Active.Comparing() == rollout.Admitting
	if !calm {
		p.half = p.half.Add(gap) // the clock stands still
	}
	if now.Sub(p.half) >= pastWindow/2 {
		for _, t := range p.tasks.kept {
			t.older, t.newer = t.newer, bins{}
		}
		p.half = now
	}
	tasks = p.tasks.meet(tasks)
	for i, t := range p.tasks.kept {
		t.see(&tasks[i], p.stable, calm)
	}
}

// see takes in what one task says. What it counted while it could not be seen,
// or did anything but serve stable, belongs to no past.
func (t *past) see(says *rollout.Task, stable string, calm bool) {
	if says.Reachable && says.Boot != t.boot {
		*t = past{boot: says.Boot}
	}
	serves := says.Serving == stable && says.Shadow == "" && says.Preparing == ""
	if calm && serves && t.told != nil && says.Times != nil && !t.newer.add(t.told.Took, says.Times.Took) {
		t.older, t.newer = bins{}, bins{} // it contradicts itself
	}
	t.told = nil
	if serves {
		t.told = says.Times
	}
}

// All is what the requests of each task took then, bins as in
// judge.LatencyBins, for the tasks of which that is known.
func (p *Pasts) All() map[string][]int64 {
	all := map[string][]int64{}
	for i, t := range p.tasks.kept {
		var took [judge.LatencyBins]int64
		used := 0
		for i := range took {
			if took[i] = int64(t.older[i]) + int64(t.newer[i]); took[i] > 0 {
				used = i + 1
			}
		}
		if used > 0 {
			all[p.tasks.ids[i]] = took[:used:used]
		}
	}
	return all
}
