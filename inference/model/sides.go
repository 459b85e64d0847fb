package model

import (
	"cmp"
	"slices"

	"github.com/sluicehq/sluice/sorting"
)

// A split rules out leaves whichever way a row goes: those on its left where
// the row goes right, those on its right where it goes left. With both, the
// leaves that request and partner leave together are exactly one per tree, and
// what a request leaves alone is few.

// sides is one feature's splits in the order of their thresholds. What a number
// leaves of all trees is a row, made beforehand for it and its neighbours, less
// what the few splits between them rule out.
type sides struct {
	cuts    cuts
	spans   []span // for a number that has reached none, one, … of the cuts
	missing uint32 // the row for a missing number

	// The splits: their trees, and the leaves left where a row goes right or left.
	trees       []uint32
	right, left []uint64
}

// span is a row and the splits that it leaves open: those from the middle on go
// left.
type span struct{ row, from, middle, to uint32 }

const spanSize = 16

// sidesBuilder makes the rows of all features.
type sidesBuilder struct {
	all  []uint64 // what is left of all trees before any split: their leaves
	rows []uint64
}

// newSides makes as many rows as keep at most pace splits open.
func (b *sidesBuilder) newSides(splits []split, pace int) sides {
	ends := sortByThreshold(splits)
	s := sides{spans: make([]span, 0, len(ends)), trees: make([]uint32, len(splits)), right: make([]uint64, len(splits)), left: make([]uint64, len(splits))}
	var at []float32
	missing := b.row(b.all)
	for i, one := range splits {
		s.trees[i], s.right[i], s.left[i] = one.tree, one.mask, one.other
		if i == 0 || one.threshold != splits[i-1].threshold {
			at = append(at, one.threshold)
		}
		left := one.other
		if one.right {
			left = one.mask
		}
		missing.words[one.tree] &= left
	}
	s.cuts, s.missing = newCuts(slices.Clip(at)), missing.number
	for from := 0; from < len(ends); {
		to := nextSpan(ends, from, pace)
		row := b.row(b.all)
		for rank := from; rank < to; rank++ {
			s.spans = append(s.spans, span{row.number, ends[from], ends[rank], ends[to-1]})
		}
		from = to
	}
	b.narrow(&s)
	return s
}

// narrow goes through the rows of s once up and once down, each time ruling out
// a little more.
func (b *sidesBuilder) narrow(s *sides) {
	so := slices.Clone(b.all)
	and := func(i int) {
		for t, w := range b.at(s.spans[i].row) {
			b.at(s.spans[i].row)[t] = w & so[t]
		}
	}
	for i, done := 0, uint32(0); i < len(s.spans); i++ {
		for ; done < s.spans[i].from; done++ {
			so[s.trees[done]] &= s.right[done]
		}
		if i == 0 || s.spans[i].row != s.spans[i-1].row {
			and(i)
		}
	}
	copy(so, b.all)
	for i, done := len(s.spans)-1, uint32(len(s.trees)); i >= 0; i-- {
		for ; done > s.spans[i].to; done-- {
			so[s.trees[done-1]] &= s.left[done-1]
		}
		if i == 0 || s.spans[i].row != s.spans[i-1].row {
			and(i)
		}
	}
}

type sidesRow struct {
	number uint32
	words  []uint64
}

// row adds a row.
func (b *sidesBuilder) row(words []uint64) sidesRow {
	n := len(b.rows) / len(b.all)
	b.rows = append(b.rows, words...)
	return sidesRow{uint32(n), b.at(uint32(n))}
}

func (b *sidesBuilder) at(row uint32) []uint64 {
	return b.rows[int(row)*len(b.all):][:len(b.all)]
}

// sortByThreshold returns, for a number that has reached none, one, … of the
// thresholds, how many splits it goes right at.
func sortByThreshold(splits []split) (ends []uint32) {
	sorting.By(splits, func(a, b *split) int { return cmp.Compare(a.threshold, b.threshold) })
	ends = make([]uint32, 1, len(splits)+1)
	for i, s := range splits {
		if i == 0 || s.threshold != splits[i-1].threshold {
			ends = append(ends, 0)
		}
		ends[len(ends)-1] = uint32(i + 1)
	}
	return ends
}

// nextSpan returns where the numbers end that share a row with those that have
// reached as many cuts as from.
func nextSpan(ends []uint32, from, pace int) int {
	to := from + 1
	for to < len(ends) && int(ends[to]-ends[from]) <= pace {
		to++
	}
	return to
}

// sidesRows returns how many rows newSides makes.
func sidesRows(ends []uint32, pace int) int {
	n := 1 // for missing
	for from := 0; from < len(ends); n++ {
		from = nextSpan(ends, from, pace)
	}
	return n
}

// of returns the row of a number, and the splits that it leaves open.
func (s *sides) of(v float32) span {
	if v != v {
		return span{row: s.missing}
	}
	return s.spans[s.cuts.reached(v)]
}

// open rules out in words what the open splits of a span rule out.
func (s *sides) open(words []uint64, at span) {
	for i, mask := range s.right[at.from:at.middle] {
		words[s.trees[int(at.from)+i]] &= mask
	}
	for i, mask := range s.left[at.middle:at.to] {
		words[s.trees[int(at.middle)+i]] &= mask
	}
}

func (s *sides) bytes() int {
	return s.cuts.bytes() + len(s.spans)*spanSize + len(s.trees)*20 + sidesSize
}

const sidesSize = 128
