package tally

import (
	"math"

	"github.com/sluicehq/sluice/controller/judge"
)

// closeReady closes every open window that is large enough.
func (s *State) closeReady(least int64, buckets int) {
	before := s.streams[judge.Overall].served.Windows
	s.closeWindows(least, buckets)
	s.fresh += s.streams[judge.Overall].served.Windows - before
}

// closeAtStep closes the open windows that hold at least a quarter of what a
// window should, and drops the rest.
func (s *State) closeAtStep() {
	least := max(1, int64(s.windowRequests/4))
	s.closeWindows(least, max(4, s.windowBuckets/4))
	s.closeSlow(least)
	for i := range s.streams {
		s.streams[i].open = [judge.Arms]int64{}
	}
	s.slowOpen = [slows][judge.Arms]int64{}
	for a := range judge.Arms {
		for _, b := range s.tables[a].blocks {
			clear(b.columns[openN])
			clear(b.columns[openX])
			for k := range b.slow {
				b.slow[k].n, b.slow[k].x = 0, 0
			}
		}
	}
}

// A window is one stream's on its way to being closed.
type window struct {
	stream  int
	n, x, g [judge.Arms]float64
	rate    [judge.Arms]float64
	weight  [judge.Arms]float64 // of a cluster's excess in the difference
}

// closeWindows closes the open windows that have at least so many units and
// active clusters in either arm. It passes over the clusters twice, whatever
// the number of windows.
func (s *State) closeWindows(least int64, clusters int) {
	var ready []window
	for i := range s.streams {
		if open := s.streams[i].open; min(open[judge.CandidateArm], open[judge.ControlArm]) >= least {
			ready = append(ready, window{stream: i})
		}
	}
	if len(ready) == 0 {
		return
	}
	for a := range judge.Arms {
		t := &s.tables[a]
		for i := range t.blocks {
			t.blocks[i].addOpen(ready, a, t.width())
		}
	}
	kept := ready[:0]
	for _, w := range ready {
		if min(w.g[judge.CandidateArm], w.g[judge.ControlArm]) < float64(max(2, clusters)) {
			continue
		}
		st := &s.streams[w.stream]
		w.close(&st.served)
		st.open, st.stale = [judge.Arms]int64{}, true
		kept = append(kept, w)
	}
	for a := range judge.Arms {
		t := &s.tables[a]
		for i := range t.blocks {
			t.blocks[i].closeOpen(kept, a, t.width())
		}
	}
}

// addOpen adds the block's open windows to those that may be closed.
func (b *block) addOpen(ready []window, a, width int) {
	for i := range ready {
		w := &ready[i]
		base := w.stream * width
		ns, xs := b.columns[openN][base:base+width], b.columns[openX][base:base+width]
		n, x, g := 0.0, 0.0, 0.0
		for c, v := range ns {
			if v > 0 {
				n += v
				x += xs[c]
				g++
			}
		}
		w.n[a] += n
		w.x[a] += x
		w.g[a] += g
	}
}

// close adds the window to the closed ones. Within a window both arms see the
// same traffic, so differences are taken there, and a drift of traffic or of
// the arms' shares between windows cannot feign a difference. It returns the
// window's part of Q.
func (w *window) close(d *judge.Difference) (q float64) {
	q = w.n[0] * w.n[1] / (w.n[0] + w.n[1])
	for a, n := range w.n {
		w.rate[a] = w.x[a] / n
		w.weight[a] = math.Sqrt(w.g[a]/(w.g[a]-1)) * q / n
		rare := 1 / (n + 2) // a rate of zero is known no better than this
		p := w.rate[a]
		d.Binomial += q * q * max(p*(1-p), rare*(1-rare)) / n
		d.N[a] += n
		d.X[a] += w.x[a]
	}
	d.D += q * (w.rate[judge.CandidateArm] - w.rate[judge.ControlArm])
	d.Q += q
	d.Windows++
	return q
}

// closeOpen adds what each cluster moved the closed windows' D by, against the
// arm's rate, and begins the next windows.
func (b *block) closeOpen(closed []window, a, width int) {
	for i := range closed {
		w := &closed[i]
		base, end := w.stream*width, (w.stream+1)*width
		ns, xs := b.columns[openN][base:end], b.columns[openX][base:end]
		all, u := b.columns[closedN][base:end], b.columns[influence][base:end]
		rate, weight := w.rate[a], w.weight[a]
		for c, n := range ns {
			if n > 0 {
				u[c] += weight * (xs[c] - rate*n)
				all[c] += n
			}
		}
		clear(ns)
		clear(xs)
	}
}

// refresh sums over the clusters of every stream of which that changed. Only
// cells decide what comes out, so that a restored state comes to the same.
func (s *State) refresh() {
	var stale []int
	for i := range s.streams {
		if st := &s.streams[i]; st.stale {
			st.served.U2, st.served.NN, st.served.G = [judge.Arms]float64{}, [judge.Arms]float64{}, [judge.Arms]int{}
			st.stale = false
			stale = append(stale, i)
		}
	}
	for a := range judge.Arms {
		t := &s.tables[a]
		width := t.width()
		for i := range t.blocks {
			for _, k := range stale {
				t.blocks[i].addClosed(&s.streams[k].served, a, k*width, (k+1)*width)
			}
		}
	}
}

func (b *block) addClosed(d *judge.Difference, a, base, end int) {
	u, u2, nn, g := b.columns[influence][base:end], 0.0, 0.0, 0
	for c, n := range b.columns[closedN][base:end] {
		if n > 0 {
			u2 += u[c] * u[c]
			nn += n * n
			g++
		}
	}
	d.U2[a] += u2
	d.NN[a] += nn
	d.G[a] += g
}
