package model

import (
	"math"
	"slices"
)

// flat walks eight trees at once over nodes of eight bytes. A feature is
// replaced by its rank among the cuts at which any tree splits it, which is
// exact: x >= cut[j] is rank > j. A missing number has two ranks, the lowest
// for splits that send it left and the highest for those that send it right.
type flat struct {
	nodes  []flatNode
	values []float32 // of leaves
	wide   []float64 // instead, where leaves are of double precision
	roots  []uint32
	depths []uint16 // steps to the deepest leaf of each group of trees
	cuts   []cuts   // by feature
	parts  parts
	ending ending
}

// flatNode is, from the lowest bit, 16 bits of the rank of its threshold, 16
// of the slot that is compared with it, and 32 of the position of its left
// child; the right child is the next. A leaf leads to itself, by a rank that
// no slot exceeds.
type flatNode uint64

const (
	flatNodeSize = 8
	flatLanes    = 8
	maxSlots     = 1024 // two per feature
	highestRank  = 1<<16 - 1
	maxCuts      = highestRank - 1 // of one feature
)

// ranks has two slots per feature: 2*f for splits with missing to the left and
// 2*f+1 for those with missing to the right.
type ranks [maxSlots]uint16

// takenByFlat tells whether ranks and slots have room for the model.
func takenByFlat(f *forest, features int) bool {
	if len(f.sets) > 0 || 2*features > maxSlots {
		return false
	}
	return !slices.ContainsFunc(f.thresholds(features), func(c []float32) bool { return len(c) > maxCuts })
}

// thresholds returns the thresholds of each feature, ascending and each once.
func (f *forest) thresholds(features int) [][]float32 {
	cuts := make([][]float32, features)
	for i := range f.nodes {
		if n := &f.nodes[i]; n.left != uint32(i) {
			cuts[n.slot>>1] = append(cuts[n.slot>>1], n.threshold)
		}
	}
	for i, c := range cuts {
		slices.Sort(c)
		cuts[i] = slices.Clip(slices.Compact(c))
	}
	return cuts
}

func newFlat(f *forest, features int, p parts, e ending) *flat {
	t := &flat{
		nodes: make([]flatNode, len(f.nodes)),
		roots: slices.Clone(f.roots), cuts: make([]cuts, features), parts: p, ending: e,
	}
	for i, at := range f.thresholds(features) {
		t.cuts[i] = newCuts(at)
	}
	if f.wide != nil {
		t.wide = make([]float64, len(f.nodes))
	} else {
		t.values = make([]float32, len(f.nodes))
	}
	for i := range f.nodes {
		n := &f.nodes[i]
		if n.left == uint32(i) {
			t.nodes[i] = flatNode(i)<<32 | highestRank
			if t.wide != nil {
				t.wide[i] = f.wide[math.Float32bits(n.value)]
			} else {
				t.values[i] = n.value
			}
			continue
		}
		rank, _ := slices.BinarySearch(t.cuts[n.slot>>1].at, n.threshold)
		t.nodes[i] = flatNode(n.left)<<32 | flatNode(n.slot)<<16 | flatNode(rank)
	}
	for i := 0; i+flatLanes <= len(f.roots); i += flatLanes {
		deepest := uint16(0)
		for j := range flatLanes {
			deepest = max(deepest, f.depth(i+j))
		}
		t.depths = append(t.depths, deepest)
	}
	return t
}

// depth returns the steps from the root of tree i to its deepest leaf.
func (f *forest) depth(i int) uint16 {
	root, end := f.tree(i)
	deepest := uint16(0)
	depths := make([]uint16, end-root)
	for at := root; at < end; at++ {
		deepest = max(deepest, depths[at-root])
		if left := f.nodes[at].left; left != at {
			depths[left-root], depths[left+1-root] = depths[at-root]+1, depths[at-root]+1
		}
	}
	return deepest
}

func (t *flat) begin(s *Scratch, row []float32) { t.rank(&s.ranks, t.parts.request, row) }

func (t *flat) fill(s *Scratch, b Batch, scores bool) {
	width, start := len(t.cuts), t.ending.start()
	for i := range b.Out {
		row := b.Rows[i*width : (i+1)*width]
		t.rank(&s.ranks, t.parts.partner, row)
		t.rank(&s.ranks, t.parts.both, row)
		if t.wide != nil {
			b.Out[i] = t.ending.endWide(add(t, t.wide, &s.ranks, 0), scores)
		} else {
			b.Out[i] = t.ending.end(add(t, t.values, &s.ranks, start), scores)
		}
	}
}

// rank fills the slots of some features.
func (t *flat) rank(r *ranks, features []int, row []float32) {
	for _, f := range features {
		slot := 2 * f & (maxSlots - 2)
		if v := row[f]; v != v {
			r[slot], r[slot+1] = 0, highestRank
		} else {
			n := uint16(t.cuts[f].reached(v))
			r[slot], r[slot+1] = n, n
		}
	}
}

// step returns the node after n.
func (n flatNode) step(r *ranks) uint32 {
	rank := int32(r[n>>16&(maxSlots-1)])
	return uint32(n>>32) + uint32(int32(n&highestRank)-rank)>>31
}

// add adds leaves to s, tree by tree.
func add[V float32 | float64](t *flat, values []V, r *ranks, s V) V {
	nodes, roots := t.nodes, t.roots
	values = values[:len(nodes)]
	for _, depth := range t.depths {
		if len(roots) < flatLanes {
			break
		}
		i0, i1, i2, i3 := roots[0], roots[1], roots[2], roots[3]
		i4, i5, i6, i7 := roots[4], roots[5], roots[6], roots[7]
		for range depth {
			i0, i1, i2, i3 = nodes[i0].step(r), nodes[i1].step(r), nodes[i2].step(r), nodes[i3].step(r)
			i4, i5, i6, i7 = nodes[i4].step(r), nodes[i5].step(r), nodes[i6].step(r), nodes[i7].step(r)
		}
		s += values[i0]
		s += values[i1]
		s += values[i2]
		s += values[i3]
		s += values[i4]
		s += values[i5]
		s += values[i6]
		s += values[i7]
		roots = roots[flatLanes:]
	}
	for _, at := range roots {
		for next := nodes[at].step(r); next != at; next = nodes[at].step(r) {
			at = next
		}
		s += values[at]
	}
	return s
}

func (t *flat) bytes() int64 {
	n := int64(len(t.nodes))*flatNodeSize + int64(len(t.values))*4 + int64(len(t.wide))*8 + int64(len(t.roots))*4 + int64(len(t.depths))*2
	for _, c := range t.cuts {
		n += int64(c.bytes())
	}
	return n
}
