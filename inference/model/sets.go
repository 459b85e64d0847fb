package model

import (
	"math"
	"slices"
)

// Most splits ask whether a number is below a threshold. Those of categories,
// and those that take zero for missing, ask whether it lies in a set of
// intervals. Such a set is the ascending list of the numbers where it begins
// and ends: a row goes right where an odd number of them are at or below its
// feature. A category c is the interval [c, c+1), since libraries cut the
// decimals off.
//
// A node with a set has NaN for its threshold, as a leaf has, but leads on;
// the bits of its value are the set's number. Forests with such nodes, or with
// leaves of double precision, walk as this file says.

// cutSet is a part of forest.borders.
type cutSet struct{ from, to uint32 }

// isSet tells whether n asks for a set. n must be no leaf.
func (n *node) isSet() bool { return n.threshold != n.threshold }

// leafOf returns the leaf of the tree at root that x falls into.
func (f *forest) leafOf(root uint32, x []float32) *node {
	for at := root; ; {
		n := &f.nodes[at]
		switch {
		case n.left == at:
			return n
		case n.isSet():
			at = n.left + f.side(n, x[n.slot>>1])
		default:
			at = n.step(x)
		}
	}
}

// side returns 0 for left and 1 for right.
func (f *forest) side(n *node, v float32) uint32 {
	if v != v {
		return n.slot & 1
	}
	s := f.sets[math.Float32bits(n.value)]
	low, high := s.from, s.to // of the first cut above v
	for low < high {
		if middle := (low + high) / 2; f.borders[middle] <= v {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return (low - s.from) & 1
}

// sumSets is sum for any forest with leaves of float32.
func (f *forest) sumSets(x []float32, s float32) float32 {
	for _, root := range f.roots {
		s += f.leafOf(root, x).value
	}
	return s
}

// categorySet returns the cuts of a set of categories. The list is sorted.
// below0 tells whether numbers between -1 and 0 are of category 0.
func categorySet(categories []int32, below0 bool) []float32 {
	slices.Sort(categories)
	cuts := []float32{}
	for _, c := range slices.Compact(categories) {
		begin, end := atLeast(float64(c)), atLeast(float64(c)+1)
		if c == 0 && below0 {
			begin = math.Nextafter32(-1, 0)
		}
		switch n := len(cuts); {
		case begin == end: // no float32 is of this category
		case n > 0 && cuts[n-1] == begin:
			cuts[n-1] = end
		default:
			cuts = append(cuts, begin, end)
		}
	}
	return cuts
}

// atLeast returns the lowest float32 that is not below v.
func atLeast(v float64) float32 {
	f := float32(v)
	if float64(f) < v {
		f = math.Nextafter32(f, float32(math.Inf(1)))
	}
	return f
}

// sumWide adds leaves of double precision, whose numbers stand where other
// leaves have their values.
func (f *forest) sumWide(x []float32) float64 {
	s := 0.0
	for _, root := range f.roots {
		s += f.wide[math.Float32bits(f.leafOf(root, x).value)]
	}
	return s
}

// complement swaps left and right.
func complement(cuts []float32) []float32 {
	return append([]float32{float32(math.Inf(-1))}, cuts...)
}

// above returns the lowest float32 above v, so that x <= v is x < above(v).
func above(v float64) float32 {
	f := float32(v)
	if float64(f) <= v {
		f = math.Nextafter32(f, float32(math.Inf(1)))
	}
	return f
}
