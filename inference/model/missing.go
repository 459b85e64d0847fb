package model

import (
	"fmt"
	"math"
	"slices"
)

// missing is the number that counts as missing besides NaN, where one does.
type missing struct {
	value float32
	told  bool
}

// String is as a person would say it.
func (m missing) String() string {
	if !m.told {
		return "no number"
	}
	return fmt.Sprint(m.value)
}

// WithMissing returns the same model for rows in which a number stands for what
// is missing, beside NaN: what XGBoost's DMatrix and estimators call missing. It
// is a matter of how rows are made, so that files of models do not tell it. Such
// a number goes where missing ones go: splits that would send it elsewhere
// become sets (see sets.go).
func (m *Model) WithMissing(v float32) *Model {
	if v != v {
		return m
	}
	other := *m
	other.missing = missing{value: v, told: true}
	other.forest = m.forest.withMissing(v)
	other.members = nil
	for _, member := range m.members {
		other.members = append(other.members, member.WithMissing(v))
	}
	return &other
}

func (f *forest) withMissing(v float32) forest {
	g := *f
	g.nodes, g.sets, g.borders = slices.Clone(f.nodes), slices.Clone(f.sets), slices.Clone(f.borders)
	for at := range g.nodes {
		n := &g.nodes[at]
		if n.left == uint32(at) || g.sideOf(n, v) == n.slot&1 {
			continue
		}
		from := uint32(len(g.borders))
		g.borders = append(g.borders, flipped(g.cutsOf(n), v)...)
		n.threshold, n.value = float32(math.NaN()), math.Float32frombits(uint32(len(g.sets)))
		g.sets = append(g.sets, cutSet{from, uint32(len(g.borders))})
	}
	return g
}

// sideOf returns 0 where a split sends v to the left, and 1 for the right.
func (f *forest) sideOf(n *node, v float32) uint32 {
	if n.isSet() {
		return f.side(n, v)
	}
	if v >= n.threshold {
		return 1
	}
	return 0
}

// cutsOf returns the set of a split, which a threshold is one of.
func (f *forest) cutsOf(n *node) []float32 {
	if !n.isSet() {
		return []float32{n.threshold}
	}
	s := f.sets[math.Float32bits(n.value)]
	return slices.Clone(f.borders[s.from:s.to])
}

// flipped sends v alone to the other side.
func flipped(cuts []float32, v float32) []float32 {
	cuts = toggled(cuts, v)
	if after := math.Nextafter32(v, float32(math.Inf(1))); after > v {
		cuts = toggled(cuts, after)
	}
	return cuts
}

// toggled takes a cut away where it is, and adds it where it is not.
func toggled(cuts []float32, v float32) []float32 {
	at, is := slices.BinarySearch(cuts, v)
	if is {
		return slices.Delete(cuts, at, at+1)
	}
	return slices.Insert(cuts, at, v)
}
