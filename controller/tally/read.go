package tally

import (
	"iter"
	"maps"
	"slices"
)

// A reading takes a report in: every number is looked at once, to see that it
// is a count and to add it to those of its cluster. Nothing of it is in the
// state before all of it is known to be sound.
type reading struct {
	report    *Report
	buckets   int // numbers in a list, the most of all lists
	partners  []partnerReading
	arm, pair shape // of the tables that it goes into

	requests           [2]line // and of those, failures
	unscored, shadowed [1]line // pairs without a score; requests scored by both

	valued   bool                 // what follows, and what bids are worth, is there
	outcomes [outcomeColumns]line // in the order of their columns

	cells []float64 // of all lines
}

// A shape is how buckets are folded into the clusters of a table.
type shape struct{ width, shift int }

// A partnerReading is what one partner counts.
type partnerReading struct {
	name   string
	index  int     // among the partners, once met
	served [2]line // scored, filtered
	pairs  [3]line // and on which the candidate only, and stable only, filters
	bids   [3]line // the same
	value  [4]line // of bids; and what the candidate only, stable only, and both would lose
}

// A line is a number for each cluster of a task, and their sum.
type line struct {
	cells []float64
	sum   int64
}

// open begins with a report.
func (d *reading) open(r *Report) {
	d.report, d.buckets = r, 0
	for _, list := range totals(r) {
		d.buckets = max(d.buckets, len(list))
	}
	if d.buckets > 0 {
		return // every list of a sound report has as many
	}
	d.buckets = r.packed.buckets
	for _, c := range r.Partners {
		for _, list := range columns(&c) {
			d.buckets = max(d.buckets, len(list))
		}
	}
}

// partners is how many partners a report counts.
func (r *Report) partners() int { return len(r.Partners) + len(r.packed.names) }

// fold adds up what is one cluster in the tables, and says what is wrong with
// the report. The order of partners is the one to read them in.
func (d *reading) fold(order []string, arm, pair shape) error {
	d.arm, d.pair = arm, pair
	r, n := d.report, d.report.partners()
	d.valued = r.valued()
	size := 4*arm.width + n*(2*arm.width+6*pair.width)
	if d.valued {
		size += (outcomeColumns + 4*n) * pair.width
	}
	d.cells = slices.Grow(d.cells[:0], size)[:size]
	d.partners = slices.Grow(d.partners[:0], n)[:n]
	rest := place(d.requests[:], d.cells, arm.width)
	rest = place(d.unscored[:], rest, arm.width)
	rest = place(d.shadowed[:], rest, arm.width)
	sound := d.part(arm, d.requests[:], r.Requests, r.Errors) && d.part(arm, d.unscored[:], r.Invalid) &&
		d.part(arm, d.shadowed[:], r.ShadowRequests) && counts(r.ShadowInvalid, d.buckets)
	for i := range d.partners {
		p := &d.partners[i]
		rest = place(p.served[:], rest, arm.width)
		rest = place(p.pairs[:], rest, pair.width)
		rest = place(p.bids[:], rest, pair.width)
		if d.valued {
			rest = place(p.value[:], rest, pair.width)
		}
	}
	if d.valued {
		place(d.outcomes[:], rest, pair.width)
		sound = sound && d.outcomes[outcomes].fold(r.Outcomes, d.buckets, pair.shift, maxCount) &&
			d.part(pair, d.outcomes[calls:], r.Calls, r.CallsCandidateOnly, r.CallsStableOnly, r.CallsBoth)
	}
	sound = sound && d.foldPacked()
	i := len(r.packed.names)
	for name, c := range r.inOrder(order) {
		p := &d.partners[i]
		p.name = name
		sound = sound && d.part(arm, p.served[:], c.Scored, c.Filtered) &&
			d.part(pair, p.pairs[:], c.Pairs, c.CandidateOnly, c.StableOnly) &&
			d.part(pair, p.bids[:], c.Bids, c.BidsCandidateOnly, c.BidsStableOnly) &&
			(!d.valued || d.within(pair, maxValue, p.value[:], c.Value, c.ValueCandidateOnly, c.ValueStableOnly, c.ValueBoth))
		i++
	}
	if !sound {
		plain := r.Unpack()
		return complain(&plain, d.buckets)
	}
	return nil
}

// foldPacked adds up what is packed.
func (d *reading) foldPacked() bool {
	from := &d.report.packed
	sound := len(from.names) == 0 || from.buckets == d.buckets
	u := unpacking{data: from.data}
	for i, name := range from.names {
		p := &d.partners[i]
		p.name = name
		u.next()
		for k := range p.served {
			u.fold(&p.served[k], d.arm.shift)
		}
		for k := range p.pairs {
			u.fold(&p.pairs[k], d.pair.shift)
		}
		for k := range p.bids {
			u.fold(&p.bids[k], d.pair.shift)
		}
		sound = sound && d.arm.holds(p.served[:]) && d.pair.holds(p.pairs[:]) && d.pair.holds(p.bids[:])
		if !d.valued {
			continue
		}
		for k := range p.value {
			u.fold(&p.value[k], d.pair.shift)
		}
		sound = sound && d.pair.holds(p.value[:])
	}
	return sound
}

// inOrder goes through the partners, first those of an order: lists that lie
// one behind the other in memory are read much faster so.
func (r *Report) inOrder(order []string) iter.Seq2[string, Columns] {
	return func(yield func(string, Columns) bool) {
		left := len(r.Partners)
		if len(order) > 2*left {
			maps.All(r.Partners)(yield)
			return
		}
		for _, name := range order {
			if c, there := r.Partners[name]; there {
				left--
				if !yield(name, c) {
					return
				}
			}
		}
		if left == 0 {
			return
		}
		for name, c := range r.Partners {
			if !slices.Contains(order, name) && !yield(name, c) {
				return
			}
		}
	}
}

// place gives every line its cells, and returns the rest of them.
func place(lines []line, cells []float64, width int) (rest []float64) {
	for i := range lines {
		lines[i].cells, cells = cells[:width:width], cells[width:]
	}
	return cells
}

// part folds a whole and parts of it that exclude each other.
func (d *reading) part(by shape, to []line, whole []int64, parts ...[]int64) bool {
	return d.within(by, maxCount, to, whole, parts...)
}

// within is part of numbers that are below most.
func (d *reading) within(by shape, most uint64, to []line, whole []int64, parts ...[]int64) bool {
	if !to[0].fold(whole, d.buckets, by.shift, most) {
		return false
	}
	for i, list := range parts {
		if !to[i+1].fold(list, d.buckets, by.shift, most) {
			return false
		}
	}
	return by.holds(to)
}

// holds reports whether a whole is as much as its parts.
func (by shape) holds(to []line) bool {
	some := false
	for _, l := range to[1:] {
		some = some || l.sum > 0
	}
	for g := 0; some && g < by.width; g++ {
		rest := to[0].cells[g] + to[0].cells[g]/16 + ahead*float64(int(1)<<by.shift) // as in most, for so many buckets
		for _, l := range to[1:] {
			rest -= l.cells[g]
		}
		if rest < 0 {
			return false
		}
	}
	return true
}

// fold adds up the neighbours that are one cluster. Rather than to ask of
// every number whether it is below most, it collects the bits of all.
func (l *line) fold(list []int64, buckets, shift int, most uint64) bool {
	l.sum = 0
	if len(list) == 0 {
		clear(l.cells)
		return true
	}
	if len(list) != buckets {
		return false
	}
	bits, at := int64(0), 0
	for first := 0; first < len(list); first += 1 << shift {
		some := int64(0)
		for _, v := range list[first:min(first+1<<shift, len(list))] {
			bits |= v
			some += v
		}
		l.cells[at] = float64(some)
		l.sum += some
		at++
	}
	clear(l.cells[at:])
	return uint64(bits) < most
}

// counts says whether a list is one of counts, for every bucket or none.
func counts(list []int64, buckets int) bool {
	bits := int64(0)
	for _, v := range list {
		bits |= v
	}
	return uint64(bits) < maxCount && (len(list) == 0 || len(list) == buckets)
}

func (l line) addTo(cells []float64) {
	for g, v := range l.cells {
		cells[g] += v
	}
}
