package tally

import (
	"math"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// The edges of latency beyond which requests are counted: stable's own p99,
// what was promised, and the p99 again without the tasks that changed sides,
// since the last of them did.
const (
	ofStable = iota
	ofPromise
	ofOthers
	slows
)

// freezeAt is how many requests of stable must be known before its p99 is.
const freezeAt = 2000

// exceeding is what one task's requests beyond an edge come to: the open
// window, and over closed windows the units and the influence; the influence
// when the task is held against its own past, and the weight of that past. Of
// late are the units and events of the last windows, some sixteen.
type exceeding struct{ n, x, closed, u, own, weight, lateN, lateX float64 }

// fading is how much of a window counts among the latest when the next closes.
const fading = 15. / 16

func (e *exceeding) add(other exceeding) {
	e.n += other.n
	e.x += other.x
	e.closed += other.closed
	e.u += other.u
	e.own += other.own
	e.weight += other.weight
	e.lateN += other.lateN
	e.lateX += other.lateX
}

// aim sets what depends on the policy alone; when that changes, what was
// counted for another edge or reference counts no more.
func (s *State) aim(p judge.Policy) {
	edge := 0
	if p.LatencySLO > 0 {
		edge = latencyBin(p.LatencySLO)
	}
	if s.slow[ofPromise].Edge != edge {
		s.anew(ofPromise, judge.Exceedance{Edge: edge})
		for i := range s.rows {
			s.rows[i].before[ofPromise] = trials{}
		}
	}
	if edges, known := judge.DriftEdges(p.Reference); s.drift.known != known || s.drift.edges != edges {
		s.drift = drift{known: known, edges: edges}
		for i := range s.tables[judge.CandidateArm].blocks {
			s.tables[judge.CandidateArm].blocks[i].scores = nil
		}
	}
}

// anew begins to count one kind of slowness from nothing.
func (s *State) anew(k int, x judge.Exceedance) {
	s.slow[k], s.slowOpen[k] = x, [judge.Arms]int64{}
	for a := range judge.Arms {
		for i := range s.tables[a].blocks {
			s.tables[a].blocks[i].slow[k] = exceeding{}
		}
	}
}

// latencyBin is the first bin that holds nothing shorter.
func latencyBin(d time.Duration) int {
	bin := math.Ceil(4*math.Log2(float64(d)/float64(time.Microsecond)) - 1e-9)
	return int(min(judge.LatencyBins-1, max(1, bin)))
}

// countWhole adds what a report does not count by bucket.
func (s *State) countWhole(i int, r *Report, served bool) {
	a := s.rows[i].arm
	if a == judge.ControlArm && s.slow[ofStable].Edge == 0 {
		for bin, n := range r.Latency {
			s.latency[bin] += n
		}
	}
	if !served {
		return
	}
	for bin, n := range r.Scores {
		s.scores[a][bin] += n
	}
	if len(r.Latency) == 0 && len(r.Scores) == 0 {
		return
	}
	b := &s.tables[a].blocks[s.place(i, a)]
	if all := sum(r.Latency); all > 0 {
		for k, edge := range s.edgesOf(i) {
			if edge > 0 && !(k == ofOthers && s.changed(b.task)) {
				b.slow[k].n += float64(all)
				b.slow[k].x += float64(sum(r.Latency[min(edge, len(r.Latency)):]))
				s.slowOpen[k][a] += all
			}
		}
	}
	if a == judge.CandidateArm && s.drift.known && len(r.Scores) > 0 {
		if b.scores == nil {
			b.scores = make([]float64, judge.ScoreBins)
		}
		for bin, n := range r.Scores {
			b.scores[bin] += float64(n)
		}
	}
}

// freeze sets the edge to the bin that stable's p99 lies in, once that can be
// told. What was counted before does not enter.
func (s *State) freeze() {
	if s.slow[ofStable].Edge == 0 {
		s.setEdge(p99(s.latency[:]))
	}
}

// setEdge sets stable's edge, which is the others' too where a task has changed
// sides before it was known.
func (s *State) setEdge(edge int) {
	s.slow[ofStable].Edge = edge
	if len(s.sides) > 0 {
		s.slow[ofOthers].Edge = edge
	}
}

// p99 is the bin that the 99th percentile of what requests took lies in; 0
// where they are too few to tell.
func p99(took []int64) int {
	all, beyond := sum(took), int64(0)
	if all < freezeAt {
		return 0
	}
	for bin := len(took) - 1; bin > 1; bin-- {
		if beyond += took[bin]; beyond*100 >= all {
			return bin
		}
	}
	return 1
}

// A slowWindow is the open window of latency on its way to being closed.
type slowWindow struct {
	n, x, g [judge.Arms]float64
	rate    [judge.Arms]float64
	weight  [judge.Arms]float64 // of a task's excess in the difference
}

// close adds the window to the closed ones, and returns its part of Q.
func (w *slowWindow) close(d *judge.Difference) (q float64) {
	q = w.n[0] * w.n[1] / (w.n[0] + w.n[1])
	for a := range judge.Arms {
		one := side{n: w.n[a], x: w.x[a], g: w.g[a]}
		closeSide(d, &one, a, q)
		w.rate[a], w.weight[a] = one.x/one.n, one.weight
	}
	d.D += q * (w.rate[judge.CandidateArm] - w.rate[judge.ControlArm])
	d.Q += q
	d.Windows++
	return q
}

// closeSlow closes the open windows of latency; their clusters are tasks.
func (s *State) closeSlow(least int64) {
	for k := range s.slow {
		if min(s.slowOpen[k][judge.CandidateArm], s.slowOpen[k][judge.ControlArm]) < least || s.slow[k].Edge == 0 {
			continue
		}
		usual := s.usual(k)
		w, past := s.openSlow(k, usual)
		if min(w.g[judge.CandidateArm], w.g[judge.ControlArm]) < 2 {
			continue
		}
		q := w.close(&s.slow[k].Of)
		if k == ofOthers || k == ofStable && len(s.sides) == 0 {
			s.follow(w, past)
		}
		s.slow[k].Past.D += q * (past.rate[judge.CandidateArm] - past.rate[judge.ControlArm])
		s.slowOpen[k] = [judge.Arms]int64{}
		s.settle(k, w, past, usual)
	}
}

// openSlow is the open window, and what it would have been had every task gone
// on as in the past.
func (s *State) openSlow(k int, usual [judge.Arms][]habit) (w, past slowWindow) {
	for a := range judge.Arms {
		for i, b := range s.tables[a].blocks {
			if e := b.slow[k]; e.n > 0 {
				w.n[a] += e.n
				w.x[a] += e.x
				w.g[a]++
				past.x[a] += usual[a][i].share * e.n
			}
		}
		past.rate[a] = past.x[a] / max(1, w.n[a])
	}
	return w, past
}

// settle adds what each task moved a closed window's D by, and by how much
// more than its past would have.
func (s *State) settle(k int, w, past slowWindow, usual [judge.Arms][]habit) {
	d, p := &s.slow[k].Of, &s.slow[k].Past
	d.U2, d.NN, d.G = [judge.Arms]float64{}, [judge.Arms]float64{}, [judge.Arms]int{}
	p.U2, p.Variance = [judge.Arms]float64{}, 0
	s.slow[k].Loudest = judge.Cluster{}
	for a := range judge.Arms {
		for i := range s.tables[a].blocks {
			e, h := &s.tables[a].blocks[i].slow[k], usual[a][i]
			if e.n > 0 {
				moved := w.weight[a] * (e.x - w.rate[a]*e.n)
				e.u += moved
				e.own += moved - w.weight[a]*(h.share-past.rate[a])*e.n
				if h.variance > 0 {
					e.weight += w.weight[a] * e.n
				}
				e.closed += e.n
				e.lateN, e.lateX = fading*e.lateN+e.n, fading*e.lateX+e.x
				e.n, e.x = 0, 0
			}
			if e.closed > 0 {
				d.U2[a] += e.u * e.u
				d.NN[a] += e.closed * e.closed
				d.G[a]++
				p.U2[a] += e.own * e.own
				p.Variance += e.weight * e.weight * h.variance
				if loudest := &s.slow[k].Loudest; math.Abs(e.own) > math.Abs(loudest.Influence) {
					*loudest = judge.Cluster{Task: s.tables[a].blocks[i].task, Arm: armName(a), Influence: e.own}
				}
			}
		}
	}
	if loudest := &s.slow[k].Loudest; !s.stands(loudest.Task, loudest.Arm) {
		loudest.Arm = ""
	}
}

// stands reports whether a task is compared in an arm still: it may have changed
// sides since, or be lost.
func (s *State) stands(task string, arm judge.Arm) bool {
	i, _ := s.find(key{task, ""})
	for ; i < len(s.rows) && s.rows[i].Task == task; i++ {
		if r := &s.rows[i]; armName(r.arm) == arm && !r.gathers && r.seen >= s.looks-1 {
			return true
		}
	}
	return false
}
