package watch

import (
	"math"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

const (
	// calmWindow is how far back the time before a swap reaches, at most; at
	// least half of it once it is there. What is counted during a swap that
	// takes longer begins anew after as long.
	calmWindow = time.Minute

	// swapSettles is how long a swap goes on counting after nothing is left to
	// ask of its task, and how long it must have counted before it is told: a
	// single pause in the first moments would fill one percent of any shorter
	// time.
	swapSettles = 5 * time.Second
)

// Swaps measures what it costs auctions that tasks make a candidate ready.
// It looks at all that tasks say their requests took, once in every pass, and
// keeps some 4 KiB per task however long it watches.
//
// Before the first swap, what tasks do is calm. A task swaps from the look
// before it was asked until it has been left alone for swapSettles; while any
// task swaps for a candidate, the others are its neighbours, as long as they
// serve what they did when it began. Nothing is told of who was not seen calm:
// of fresh tasks, of restarted ones, and of everybody by a leader that has just
// taken over, which therefore judges no swap that it finds under way.
//
// It only measures. What is too much is package rollout's word.
type Swaps struct {
	epoch int64
	at    time.Time // of the last look
	tasks each[watched]
	half  time.Time // since when the newer half of the calm window is filled
	wave  *wave     // nil while no task swaps for a candidate
}

// wave is a time in which at least one task swaps for the candidate.
type wave struct {
	candidate string
	began     time.Time
	since     time.Time // what neighbours count began then
}

// watched is one task.
type watched struct {
	boot      string
	seen      time.Time      // when it was last reached
	told      *rollout.Times // in the last look; nil if it did not
	preparing bool
	moved     bool  // it has swapped since the wave began
	swap      *swap // nil for none

	older, newer window // halves of the calm window
	during       window // its swap or, next to others that swap, the wave
}

// swap is one task on its way to another release.
type swap struct {
	candidate string    // that it makes ready; empty for a way back and the like, which nobody judges
	since     time.Time // what it counts began then
	left      time.Time // since when there is nothing left to ask of it; zero before
}

// Look takes in what the tasks say and tells the costs of swaps under way.
func (w *Swaps) Look(tasks []rollout.Task, epoch int64, now time.Time) []rollout.SwapCost {
	if gap := now.Sub(w.at); epoch != w.epoch || gap < 0 || gap > calmWindow {
		*w = Swaps{epoch: epoch, half: now}
	}
	if w.wave == nil && now.Sub(w.half) >= calmWindow/2 {
		for _, t := range w.tasks.kept {
			t.older, t.newer = t.newer, window{}
		}
		w.half = now
	}
	tasks = w.tasks.meet(tasks)
	for i, t := range w.tasks.kept {
		t.see(&tasks[i], w.wave != nil, now)
	}
	w.at = now
	return w.costs()
}

// see takes in what one task says. What it counted while it could not be seen
// belongs to no window.
func (t *watched) see(says *rollout.Task, wave bool, now time.Time) {
	if says.Reachable {
		if says.Boot != t.boot {
			*t = watched{boot: says.Boot}
		}
		t.seen, t.preparing = now, says.Preparing != ""
	}
	if into := t.window(wave); into != nil && t.told != nil && says.Times != nil {
		if !into.took.add(t.told.Took, says.Times.Took) || !into.waited.add(t.told.Waited, says.Times.Waited) {
			t.older, t.newer, t.during = window{}, window{}, window{} // no clock of ours: it contradicts itself
		}
	}
	t.told = says.Times
}

// window is where the task counts now, if anywhere.
func (t *watched) window(wave bool) *window {
	switch {
	case t.swap != nil, wave && !t.moved:
		return &t.during
	case wave:
		return nil
	}
	return &t.newer
}

// costs tells what has been counted for long enough, tasks in order, their
// neighbours last, and begins anew what has been counted for too long.
func (w *Swaps) costs() (costs []rollout.SwapCost) {
	for i, t := range w.tasks.kept {
		if t.swap == nil || w.at.Sub(t.swap.since) < swapSettles {
			continue
		}
		if t.swap.candidate != "" {
			var before, during pool
			before.add(&t.older, &t.newer)
			during.add(&t.during)
			costs = append(costs, cost(w.tasks.ids[i], t.swap.candidate, &before, &during))
		}
		if w.at.Sub(t.swap.since) >= calmWindow {
			t.swap.since, t.during = w.at, window{}
		}
	}
	if w.wave != nil && w.at.Sub(w.wave.since) >= swapSettles {
		costs = append(costs, w.neighbours())
	}
	if w.wave != nil && w.at.Sub(w.wave.since) >= calmWindow {
		w.again()
	}
	return slices.DeleteFunc(costs, func(c rollout.SwapCost) bool { return min(c.RequestsBefore, c.RequestsDuring) == 0 })
}

// neighbours is the cost on the tasks that were seen calm and have not swapped
// since, which ends what was calm.
func (w *Swaps) neighbours() rollout.SwapCost {
	var before, during pool
	for _, t := range w.tasks.kept {
		if t.swap == nil && (t.older.any() || t.newer.any()) {
			before.add(&t.older, &t.newer)
			during.add(&t.during)
		}
	}
	return cost("", w.wave.candidate, &before, &during)
}

func cost(task, candidate string, before, during *pool) rollout.SwapCost {
	c := rollout.SwapCost{Task: task, Candidate: candidate}
	c.Before, c.RequestsBefore = before.p99()
	c.During, c.RequestsDuring = during.p99()
	return c
}

// Asked takes in what the tasks are asked for after the last look. A task
// swaps for as long as something is asked of it or it prepares something, and
// for a while if it falls silent meanwhile.
func (w *Swaps) Asked(s rollout.State, actions []rollout.Action) {
	assigned := map[string]rollout.Assign{}
	for _, a := range actions {
		if a, is := a.(rollout.Assign); is {
			assigned[a.Task] = a
		}
	}
	for i, t := range w.tasks.kept {
		a, is := assigned[w.tasks.ids[i]]
		silent := t.seen.Before(w.at)
		switch {
		case is:
			t.begin(candidateOf(s, a), w.at)
		case t.swap == nil:
		case silent && w.at.Sub(t.seen) < calmWindow:
		case !silent && t.preparing:
			t.swap.left = time.Time{}
		case t.swap.left.IsZero():
			t.swap.left = w.at
		case w.at.Sub(t.swap.left) >= swapSettles:
			t.swap, t.older, t.newer = nil, window{}, window{} // it is another task now
		}
	}
	w.ride(s)
}

// candidateOf is the candidate that a brings to its task, if it brings one.
func candidateOf(s rollout.State, a rollout.Assign) string {
	r := s.Active
	if r == nil || r.Phase == rollout.RollingBack || r.Candidate != a.Release && r.Candidate != a.Shadow {
		return ""
	}
	return r.Candidate
}

// begin lets t swap, or go on with it.
func (t *watched) begin(candidate string, now time.Time) {
	if t.swap == nil || t.swap.candidate != candidate {
		t.swap, t.during = &swap{candidate: candidate, since: now}, window{}
	}
	t.swap.left, t.moved = time.Time{}, true
}

// ride lets a wave begin, end, or go on.
func (w *Swaps) ride(s rollout.State) {
	candidate := ""
	for _, t := range w.tasks.kept {
		if t.swap != nil && t.swap.candidate != "" && s.Active != nil && t.swap.candidate == s.Active.Candidate {
			candidate = t.swap.candidate
		}
	}
	switch {
	case w.wave != nil && w.wave.candidate == candidate:
		return
	case w.wave != nil && w.at.Sub(w.wave.began) > calmWindow:
		for _, t := range w.tasks.kept { // what was calm is too long ago
			t.older, t.newer = window{}, window{}
		}
	}
	if w.wave = nil; candidate == "" {
		return
	}
	w.wave = &wave{candidate: candidate, began: w.at}
	for _, t := range w.tasks.kept {
		t.moved = t.swap != nil
	}
	w.again()
}

// again lets the neighbours count from now on.
func (w *Swaps) again() {
	w.wave.since = w.at
	for _, t := range w.tasks.kept {
		if t.swap == nil {
			t.during = window{}
		}
	}
}

// window is what a task counted in some time: what requests took, and how long
// they waited for a processor before that.
type window struct{ took, waited bins }

func (w *window) any() bool { return slices.Max(w.took[:]) > 0 }

// pool is windows taken together.
type pool struct{ took, waited [judge.LatencyBins]uint64 }

func (p *pool) add(windows ...*window) {
	for _, w := range windows {
		for i := range p.took {
			p.took[i] += uint64(w.took[i])
			p.waited[i] += uint64(w.waited[i])
		}
	}
}

// p99 is what a slow auction took, and how many there were of all speeds: the
// 99th percentile of requests, and that of the wait for a processor, which no
// request can see of itself.
func (p *pool) p99() (time.Duration, int64) {
	took, requests := percentile(&p.took, 100)
	waited, _ := percentile(&p.waited, 100)
	return took + waited, int64(min(requests, math.MaxInt64))
}

// percentile is what all but one in so many stay below: exact to a bin, and
// within it as if they lay evenly.
func percentile(counts *[judge.LatencyBins]uint64, oneIn uint64) (time.Duration, uint64) {
	var total, below uint64
	for _, n := range counts {
		total += n
	}
	rank := total - total/oneIn
	for i, n := range counts {
		if n > 0 && below+n >= rank {
			place := float64(i) + float64(rank-below)/float64(n)
			return time.Duration(math.Exp2(place/4) * float64(time.Microsecond)), total
		}
		below += n
	}
	return 0, total
}
