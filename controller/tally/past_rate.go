package tally

import (
	"github.com/sluicehq/sluice/controller/judge"
)

// What a task filtered before it was compared, by cluster, is held against what
// it filters since (CUPED: Deng, Xu, Kohavi, Walker 2013, "Improving the
// Sensitivity of Online Controlled Experiments by Utilizing Pre-Experiment
// Data"). It is counted while the task serves stable and is compared with
// nobody, as an excess over what stable filtered everywhere at the same time,
// so that pasts of different hours can be compared.

// usualKept is how much of what is known of stable's usual rate is kept from
// one look to the next.
const usualKept = .9

// usual is stable's rate of one stream of late.
type usual struct{ n, x float64 }

func (u usual) rate() (rate float64, known bool) { return u.x / max(1, u.n), u.n > 0 }

// noteUsual moves stable's usual rates on by what a look counted.
func (s *State) noteUsual() {
	for i := range s.streams {
		st := &s.streams[i]
		if st.lately.n > 0 {
			st.usual = usual{usualKept*st.usual.n + st.lately.n, usualKept*st.usual.x + st.lately.x}
			st.lately = usual{}
		}
	}
}

// countStable adds what a task of stable filters to stable's usual rate and,
// while it is compared with nobody, to its own past.
func (s *State) countStable(t *taking, i int, n, x []float64) {
	if t.row.arm != judge.ControlArm {
		return
	}
	st := &s.streams[i]
	rate, known := st.usual.rate()
	for g, v := range n {
		st.lately.n += v
		st.lately.x += x[g]
	}
	if t.served || !known {
		return
	}
	base := i * t.reading.arm.width
	ns, xs := t.arm.past(pastN)[base:], t.arm.past(pastX)[base:]
	for g, v := range n {
		ns[g] += v
		xs[g] += x[g] - rate*v
	}
	s.pasts = nil
}

// pastOf is what is known of a stream's past.
func (s *State) pastOf(stream int) bygones {
	if len(s.pasts) < len(s.streams) {
		s.pasts = make([]bygones, len(s.streams))
	}
	all := &s.pasts[stream]
	if len(all.tasks) < len(s.tables[judge.ControlArm].blocks) {
		*all = s.bygonesOf(stream)
	}
	return *all
}

// past is a column of the past, which tasks have that served stable beforehand.
func (b *block) past(column int) []float64 {
	if b.columns[column] == nil {
		b.columns[column] = make([]float64, len(b.columns[openN]))
	}
	return b.columns[column]
}

// sumTail makes the past of the tail anew from that of its partners.
func (s *State) sumTail() {
	t := &s.tables[judge.ControlArm]
	width := t.width()
	for i := range t.blocks {
		for _, c := range [...]int{pastN, pastX} {
			column := t.blocks[i].columns[c]
			if column == nil {
				continue
			}
			tail := column[judge.Tail*width : (judge.Tail+1)*width]
			clear(tail)
			for k, in := range s.inTail {
				if in {
					base := (judge.FirstPartner + k) * width
					addAll(tail, column[base:base+width])
				}
			}
		}
	}
}

// Below these a task's past says nothing.
const (
	pastRequests = 100
	pastClusters = 8
)

// A bygone is what one task's past says of one stream. Where nothing is known,
// n is zero.
type bygone struct {
	n        float64
	excess   float64 // of the task's rate over the usual one
	variance float64 // of that, between its clusters
	trust    float64 // how much of the excess is the task's own, in [0, 1]
}

// bygones are what every block of stable's table says of a stream, and by how
// much tasks differ from each other (variance of their rates) beyond what
// their clusters make them (DerSimonian & Laird 1986). What a task's past says
// is believed as far as tasks differ by more than it may be off.
type bygones struct {
	tasks   []bygone
	between float64
}

// bygonesOf looks into the past of one stream.
func (s *State) bygonesOf(stream int) bygones {
	t := &s.tables[judge.ControlArm]
	width := t.width()
	all := bygones{tasks: make([]bygone, len(t.blocks))}
	sw, sww, swh, swhh, tasks := 0., 0., 0., 0., 0.
	for i := range t.blocks {
		b := &all.tasks[i]
		if b.read(t.blocks[i].pastCells(stream, width)); b.n > 0 {
			w := 1 / b.variance
			sw, sww, swh, swhh, tasks = sw+w, sww+w*w, swh+w*b.excess, swhh+w*b.excess*b.excess, tasks+1
		}
	}
	if tasks < 2 {
		return all
	}
	if spread := sw - sww/sw; spread > 0 {
		all.between = max(0, (swhh-swh*swh/sw-(tasks-1))/spread)
	}
	for i := range all.tasks {
		if b := &all.tasks[i]; b.n > 0 {
			b.trust = all.between / (all.between + b.variance)
		}
	}
	return all
}

// pastCells are the units and the excess of a stream's past, by cluster; nil
// where there is none.
func (b *block) pastCells(stream, width int) (ns, xs []float64) {
	if b.columns[pastN] == nil || b.columns[pastX] == nil {
		return nil, nil
	}
	base, end := stream*width, (stream+1)*width
	return b.columns[pastN][base:end], b.columns[pastX][base:end]
}

// read takes in the past of one task, if there is enough of it.
func (b *bygone) read(ns, xs []float64) {
	n, x, g := 0., 0., 0.
	for c, v := range ns {
		if v > 0 {
			n, x, g = n+v, x+xs[c], g+1
		}
	}
	if n < pastRequests || g < pastClusters {
		return
	}
	excess, squares := x/n, 0.
	for c, v := range ns {
		r := xs[c] - excess*v
		squares += r * r
	}
	*b = bygone{n: n, excess: excess, variance: max(g/(g-1)*squares/(n*n), 1/(n*n))}
}

// ancestors returns for every block of an arm's table the block of stable's
// table that holds its task's past, or noSlot.
func (s *State) ancestors(a int) []int {
	all := make([]int, len(s.tables[a].blocks))
	for i := range all {
		all[i] = noSlot
		if a == judge.ControlArm {
			all[i] = i
		}
	}
	for i := range s.rows {
		if r := &s.rows[i]; a != judge.ControlArm && r.slots[a] != noSlot && r.slots[judge.ControlArm] != noSlot {
			all[r.slots[a]] = r.slots[judge.ControlArm]
		}
	}
	return all
}

// A forecast is what a task's past foretells of one stream, by the cells of its
// arm's table: of the task as a whole, and of each cluster beyond that.
type forecast struct {
	level float64             // excess of the whole task, as far as it is trusted
	left  float64             // variance of what remains of the task's own
	noise [MaxBuckets]float64 // influence of each cluster's past on the level
	own   [MaxBuckets]float64 // excess of each cluster over the task's
}

// make folds a task's past into the cells of an arm's table.
func (f *forecast) make(all bygones, block int, ns, xs []float64, from, to shape) {
	*f = forecast{left: all.between}
	if block == noSlot || !(all.tasks[block].n > 0) {
		return
	}
	b := &all.tasks[block]
	f.level, f.left = b.trust*b.excess, (1-b.trust)*(1-b.trust)*all.between
	var n [MaxBuckets]float64
	for c, v := range ns {
		if v > 0 {
			g := min(c<<from.shift>>to.shift, to.width-1)
			n[g] += v
			f.own[g] += xs[c] - b.excess*v
		}
	}
	for g := range to.width {
		f.noise[g] = b.trust * f.own[g] / b.n
		f.own[g] = max(-1, min(1, f.own[g]/max(1, n[g])))
	}
}
