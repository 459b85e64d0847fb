package tally

import (
	"math"
	"slices"

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
}

// gather adds what one partner counts to the past of a task that is compared
// with nobody.
func (s *State) gather(t *taking, p *partnerReading) {
	s.countStable(t, judge.FirstPartner+p.index, p.served[0].cells, p.served[1].cells)
	for i := range p.served {
		p.served[i].addTo(t.all[i][:])
		if s.inTail[p.index] {
			p.served[i].addTo(t.tail[i][:])
		}
	}
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
// weight is zero.
type bygone struct {
	weight float64 // inverse of the variance of excess
	excess float64 // of the task's rate over the usual one
	trust  float64 // how much of the excess is the task's own, in [0, 1]
}

// bygones are what every block of stable's table says of a stream: a model of
// random effects, of tasks and of their clusters. Variances between them are
// what they differ by beyond what chance below them makes them (DerSimonian &
// Laird 1986, "Meta-analysis in clinical trials"); an effect is believed as far
// as it may differ by more than it may be off.
type bygones struct {
	tasks   []bygone
	unit    float64 // variance of one pair
	inside  float64 // variance between the clusters of a task
	between float64 // variance between tasks
}

// bygonesOf looks into the past of one stream.
func (s *State) bygonesOf(stream int) bygones {
	t := &s.tables[judge.ControlArm]
	if !slices.ContainsFunc(t.blocks, func(b block) bool { return b.columns[pastN] != nil }) {
		return bygones{}
	}
	width := t.width()
	rate, _ := s.streams[stream].usual.rate()
	all := bygones{tasks: make([]bygone, len(t.blocks)), unit: max(1e-4, rate*(1-rate))}
	var clusters scatter
	for i := range t.blocks {
		ns, xs := t.blocks[i].pastCells(stream, width)
		var own scatter
		for c, v := range ns {
			if v > 0 {
				own.add(v/all.unit, xs[c]/v)
			}
		}
		if own.g >= pastClusters && own.w*all.unit >= pastRequests {
			clusters.join(own)
			all.tasks[i].weight = 1
		}
	}
	all.inside = clusters.variance()
	var tasks scatter
	for i := range all.tasks {
		b := &all.tasks[i]
		if !(b.weight > 0) {
			continue
		}
		ns, xs := t.blocks[i].pastCells(stream, width)
		var own scatter
		for c, v := range ns {
			if v > 0 {
				own.add(all.weigh(v), xs[c]/v)
			}
		}
		b.weight, b.excess = own.w, own.mean()
		tasks.add(b.weight, b.excess)
	}
	if tasks.significant() {
		all.between = tasks.variance()
	}
	for i := range all.tasks {
		if b := &all.tasks[i]; b.weight > 0 {
			b.trust = all.between / (all.between + 1/b.weight)
		}
	}
	return all
}

// weigh is the weight of a cluster of n pairs in the mean of its task.
func (all *bygones) weigh(n float64) float64 { return 1 / (all.inside + all.unit/n) }

// A scatter is the sums over values, each weighted by the inverse of its
// variance, from which follows by how much they differ beyond that.
type scatter struct {
	g, w, ww, wy, q float64 // q: sum of w (y - mean)^2
	lost            float64 // means that were taken off
}

func (s *scatter) add(w, y float64) {
	if s.w > 0 {
		off := y - s.mean()
		s.q += w * s.w / (s.w + w) * off * off
	}
	s.g, s.w, s.ww, s.wy = s.g+1, s.w+w, s.ww+w*w, s.wy+w*y
	s.lost = max(s.lost, 1)
}

func (s *scatter) mean() float64 { return s.wy / s.w }

// join adds values that have a mean of their own.
func (s *scatter) join(o scatter) {
	// Only their sum of squares and what it is expected to be are used.
	s.g, s.w, s.q, s.lost = s.g+o.g, s.w+o.w-o.ww/o.w, s.q+o.q, s.lost+1
}

// variance is that of the values beyond their own.
func (s *scatter) variance() float64 {
	spread := s.w
	if s.ww > 0 {
		spread -= s.ww / s.w
	}
	if !(spread > 0) {
		return 0
	}
	return max(0, (s.q-(s.g-s.lost))/spread)
}

// significant says that the values differ by more than chance would make them
// in some 39 of 40 cases.
func (s *scatter) significant() bool {
	freedom := s.g - s.lost
	return freedom >= 1 && s.q > freedom+2*math.Sqrt(2*freedom)
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
	own   [MaxBuckets]float64 // excess of each cluster over that
}

// make folds a task's past into the cells of an arm's table.
func (f *forecast) make(all *bygones, block int, ns, xs []float64, from, to shape) {
	*f = forecast{left: all.between}
	if block == noSlot || len(all.tasks) == 0 || !(all.tasks[block].weight > 0) {
		return
	}
	b := &all.tasks[block]
	f.level, f.left = b.trust*b.excess, (1-b.trust)*(1-b.trust)*all.between
	var n [MaxBuckets]float64
	for c, v := range ns {
		if v > 0 {
			g := min(c<<from.shift>>to.shift, to.width-1)
			off := xs[c] - b.excess*v
			n[g] += v
			f.own[g] += xs[c] - f.level*v
			f.noise[g] += b.trust * all.weigh(v) / b.weight * off / v
		}
	}
	for g := range to.width {
		if n[g] > 0 {
			f.own[g] *= all.inside / (all.inside*n[g] + all.unit)
		}
	}
}
