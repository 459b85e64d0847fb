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

// A side is what one arm counted of a window in one stratum.
type side struct {
	n, x, g float64
	level   float64 // sum over clusters of units times what their task's past foretells
	own     float64 // the same of the clusters beyond that
	weight  float64 // of a cluster's excess in the difference
}

// A window is one stream's on its way to being closed: by stratum and arm.
// Arms are compared within strata, since tasks of one zone have other clients
// than those of another; only where no stratum has both arms are they compared
// across.
type window struct {
	stream int
	parts  []([judge.Arms]side)
	past   bygones
	spread [judge.Arms]float64 // sum over tasks of their squared units times what is left of their own
}

// closeWindows closes the open windows that have at least so many units and
// active clusters in either arm. It passes over the clusters twice, whatever
// the number of windows.
func (s *State) closeWindows(least int64, clusters int) {
	var ready []window
	for i := range s.streams {
		if open := s.streams[i].open; min(open[judge.CandidateArm], open[judge.ControlArm]) >= least {
			ready = append(ready, window{stream: i, parts: make([]([judge.Arms]side), len(s.strata)), past: s.bygonesOf(i)})
		}
	}
	if len(ready) == 0 {
		return
	}
	s.eachBlock(func(b *block, a, ancestor int) { s.addOpen(ready, b, a, ancestor) })
	kept := ready[:0]
	for _, w := range ready {
		if w.active() < float64(max(2, clusters)) {
			continue
		}
		st := &s.streams[w.stream]
		w.close(&st.served)
		st.open, st.stale = [judge.Arms]int64{}, true
		kept = append(kept, w)
	}
	s.eachBlock(func(b *block, a, ancestor int) { s.closeOpen(kept, b, a, ancestor) })
	for i := range kept {
		kept[i].leave(&s.streams[kept[i].stream].served)
	}
}

// eachBlock goes through the blocks of both arms, each with that of its task's
// past.
func (s *State) eachBlock(do func(b *block, a, ancestor int)) {
	for a := range judge.Arms {
		ancestors := s.ancestors(a)
		for i := range s.tables[a].blocks {
			do(&s.tables[a].blocks[i], a, ancestors[i])
		}
	}
}

// foretell reads what the past of a block's task says of a window's stream.
func (s *State) foretell(f *forecast, w *window, a, ancestor int) {
	stable := &s.tables[judge.ControlArm]
	var ns, xs []float64
	if ancestor != noSlot {
		ns, xs = stable.blocks[ancestor].pastCells(w.stream, stable.width())
	}
	f.make(&w.past, ancestor, ns, xs, stable.shape(), s.tables[a].shape())
}

// addOpen adds the block's open windows to those that may be closed.
func (s *State) addOpen(ready []window, b *block, a, ancestor int) {
	width := s.tables[a].width()
	var f forecast
	for i := range ready {
		w := &ready[i]
		base := w.stream * width
		ns, xs := b.columns[openN][base:base+width], b.columns[openX][base:base+width]
		s.foretell(&f, w, a, ancestor)
		part := &w.parts[b.stratum][a]
		for c, v := range ns {
			if v > 0 {
				part.n += v
				part.x += xs[c]
				part.g++
				part.level += v * f.level
				part.own += v * f.own[c]
			}
		}
	}
}

// active is how many clusters the arm has that has fewer, of those strata that
// have both; with none such, all strata become one.
func (w *window) active() float64 {
	var g [judge.Arms]float64
	for _, p := range w.parts {
		if p[0].g >= 2 && p[1].g >= 2 {
			g[0], g[1] = g[0]+p[0].g, g[1]+p[1].g
		}
	}
	if g[0] > 0 || len(w.parts) == 1 {
		return min(g[0], g[1])
	}
	all := w.parts[0]
	for _, p := range w.parts[1:] {
		for a := range all {
			all[a].add(p[a])
		}
	}
	for i := range w.parts {
		w.parts[i] = [judge.Arms]side{}
	}
	w.parts = w.parts[:1]
	w.parts[0] = all
	return min(all[0].g, all[1].g)
}

func (s *side) add(o side) {
	s.n, s.x, s.g, s.level, s.own = s.n+o.n, s.x+o.x, s.g+o.g, s.level+o.level, s.own+o.own
}

// close adds the window to the closed ones. Within a window both arms see the
// same traffic, so differences are taken there, and a drift of traffic or of
// the arms' shares between windows cannot feign a difference. What tasks did
// before is taken off, as far as it is theirs.
func (w *window) close(d *judge.Difference) {
	for i := range w.parts {
		p := &w.parts[i]
		if !(p[0].g >= 2 && p[1].g >= 2) {
			continue
		}
		q := p[0].n * p[1].n / (p[0].n + p[1].n)
		for a := range p {
			closeSide(d, &p[a], a, q)
		}
		c, o := &p[judge.CandidateArm], &p[judge.ControlArm]
		d.D += q * ((c.x-c.level)/c.n - (o.x-o.level)/o.n)
		d.Foretold += q * (c.own/c.n - o.own/o.n)
		d.Q += q
	}
	d.Windows++
}

func closeSide(d *judge.Difference, s *side, a int, q float64) {
	s.weight = math.Sqrt(s.g/(s.g-1)) * q / s.n
	rate, rare := s.x/s.n, 1/(s.n+2) // a rate of zero is known no better than this
	d.Binomial += q * q * max(rate*(1-rate), rare*(1-rare)) / s.n
	d.N[a] += s.n
	d.X[a] += s.x
}

// closeOpen adds what each cluster moved the closed windows' D by, and what of
// that its past foretold, against the arm's rate, and begins the next windows.
func (s *State) closeOpen(closed []window, b *block, a, ancestor int) {
	width := s.tables[a].width()
	var f forecast
	for i := range closed {
		w := &closed[i]
		base, end := w.stream*width, (w.stream+1)*width
		ns, xs := b.columns[openN][base:end], b.columns[openX][base:end]
		if part := w.part(b.stratum)[a]; part.weight > 0 {
			s.foretell(&f, w, a, ancestor)
			w.spread[a] += f.left * b.settle(&part, &f, ns, xs, base, end)
		}
		clear(ns)
		clear(xs)
	}
}

// part is that of a stratum, or of all where they have become one.
func (w *window) part(stratum int) *[judge.Arms]side {
	if len(w.parts) == 1 {
		stratum = 0
	}
	return &w.parts[stratum]
}

// settle adds one window to the closed ones of a block, and returns the square
// of all units that those have.
func (b *block) settle(s *side, f *forecast, ns, xs []float64, base, end int) float64 {
	all, u, v := b.columns[closedN][base:end], b.columns[influence][base:end], b.columns[foretold][base:end]
	rate, own := (s.x-s.level)/s.n, s.own/s.n
	task, total := 0., 0.
	for _, n := range ns {
		task += n
	}
	if task > 0 {
		for c, n := range ns {
			u[c] += s.weight * (xs[c] - (f.level+rate)*n - f.noise[c]*task)
			v[c] += s.weight * (f.own[c] - own) * n
			all[c] += n
		}
	}
	for _, n := range all {
		total += n
	}
	return total * total
}

// leave notes what of the tasks' own their past does not tell.
func (w *window) leave(d *judge.Difference) {
	d.Between = 0
	for a, spread := range w.spread {
		if d.N[a] > 0 {
			d.Between += d.Q * d.Q * spread / (d.N[a] * d.N[a])
		}
	}
}

// refresh sums over the clusters of every stream of which that changed. Only
// cells decide what comes out, so that a restored state comes to the same.
func (s *State) refresh() {
	var stale []int
	for i := range s.streams {
		if st := &s.streams[i]; st.stale {
			st.served.U2, st.served.NN, st.served.G = [judge.Arms]float64{}, [judge.Arms]float64{}, [judge.Arms]int{}
			st.served.UV, st.served.VV, st.served.U4 = [judge.Arms]float64{}, [judge.Arms]float64{}, [judge.Arms]float64{}
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
	for a := range judge.Arms {
		t := &s.tables[a]
		width := t.width()
		for i := range t.blocks {
			for _, k := range stale {
				t.blocks[i].addFourths(&s.streams[k].served, a, k*width, (k+1)*width)
			}
		}
	}
}

// addFourths adds how uneven what was not foretold is between clusters.
func (b *block) addFourths(d *judge.Difference, a, base, end int) {
	u, v, theta, sum := b.columns[influence][base:end], b.columns[foretold][base:end], d.Theta(), 0.0
	for c, n := range b.columns[closedN][base:end] {
		if n > 0 {
			rest := u[c] - theta*v[c]
			sum += rest * rest * rest * rest
		}
	}
	d.U4[a] += sum
}

func (b *block) addClosed(d *judge.Difference, a, base, end int) {
	u, v, u2, uv, vv, nn, g := b.columns[influence][base:end], b.columns[foretold][base:end], 0.0, 0.0, 0.0, 0.0, 0
	for c, n := range b.columns[closedN][base:end] {
		if n > 0 {
			u2 += u[c] * u[c]
			uv += u[c] * v[c]
			vv += v[c] * v[c]
			nn += n * n
			g++
		}
	}
	d.U2[a] += u2
	d.UV[a] += uv
	d.VV[a] += vv
	d.NN[a] += nn
	d.G[a] += g
}
