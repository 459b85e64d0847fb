package model

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"github.com/sluicehq/sluice/sorting"
)

// masks is QuickScorer: the leaves of a tree, from left to right, are the bits
// of a word. A split whose row goes right rules out all leaves to its left, so
// the leaf of a row is the lowest bit that no such split has cleared, in
// whatever order the splits are looked at. So all splits that a request decides
// are looked at once per request, and only the others once per partner.
type masks struct {
	features int
	trees    int
	columns  []column // by feature
	parts    parts
	ending   ending
	leaves   []float32 // of all trees, and maskBits more
	wide     []float64 // instead, where leaves are of double precision
	first    []uint32  // of each tree, in leaves
	known    []uint64  // a row for each partner known beforehand
	rowBytes int       // of all columns
}

// column is one feature's splits in the order of their thresholds: a number
// clears the masks of the first so many of them. Rows, with one word per tree,
// hold the masks up to some of the thresholds together, so that few are left to
// be cleared one by one.
type column struct {
	cuts  cuts   // the thresholds
	marks []mark // what a number clears that has reached none, one, … of the cuts

	// The splits: their trees and the masks that they clear.
	trees []uint32
	masks []uint64

	whole bool // there are rows for everything: no masks are left

	// What a missing number clears: either the masks of so many splits, or,
	// where they are many, a row.
	right   []uint32
	missing []uint64
}

// mark is a row, or nil, and the splits beyond it.
type mark struct {
	row      []uint64
	from, to uint32
}

const (
	maskBits      = 64      // the most leaves of a tree
	maxRowBytes   = 1 << 19 // half of a processor's second cache
	splitRowBytes = 64      // beyond that, rows may take so much per split
	maxSetBytes   = 8 << 20 // of rows for splits by sets
	columnSize    = 128
	markSize      = 32
)

// takenByMasks tells whether each tree's leaves fit a word, and what splits by
// sets need stays within bounds.
func takenByMasks(f *forest, features int) bool {
	for i := range f.roots {
		if root, end := f.tree(i); end-root > 2*maskBits-1 {
			return false
		}
	}
	return f.setBorders(features)*len(f.roots)*8 <= maxSetBytes
}

// setBorders returns at how many numbers, over all features that are split by
// sets, any split's answer changes.
func (f *forest) setBorders(features int) int {
	if len(f.sets) == 0 {
		return 0
	}
	all := make([][]float32, features)
	set := make([]bool, features)
	for i := range f.nodes {
		if n := &f.nodes[i]; n.left != uint32(i) {
			all[n.slot>>1] = append(all[n.slot>>1], f.bordersOf(n)...)
			set[n.slot>>1] = set[n.slot>>1] || n.isSet()
		}
	}
	sum := 0
	for i, borders := range all {
		if set[i] {
			slices.Sort(borders)
			sum += len(slices.Compact(borders))
		}
	}
	return sum
}

// bordersOf returns the numbers at which the answer of a split changes,
// beginning with left.
func (f *forest) bordersOf(n *node) []float32 {
	if !n.isSet() {
		return []float32{n.threshold}
	}
	s := f.sets[math.Float32bits(n.value)]
	return f.borders[s.from:s.to]
}

func newMasks(f *forest, features int, p parts, e ending) *masks {
	m := &masks{features: features, trees: len(f.roots), columns: make([]column, features), first: make([]uint32, len(f.roots)), parts: p, ending: e}
	b := newMaskBuilder(f, features)
	for i, root := range f.roots {
		b.tree, b.first = uint32(i), len(b.leaves)
		m.first[i] = uint32(b.first)
		b.add(root)
	}
	if f.wide == nil {
		m.leaves = make([]float32, len(b.leaves)+maskBits)
	} else {
		m.wide = make([]float64, len(b.leaves)+maskBits)
	}
	for i, v := range b.leaves {
		if f.wide == nil {
			m.leaves[i] = v
		} else {
			m.wide[i] = f.wide[math.Float32bits(v)]
		}
	}
	m.lay(b.splits)
	return m
}

// split is a split of one tree, with zeros for the leaves on its left, and, for
// lanes, others for those on its right.
type split struct {
	threshold float32
	set       bool
	borders   []float32 // of a set, which has no threshold
	tree      uint32
	mask      uint64
	other     uint64
	right     bool // where missing goes
}

// maskBuilder numbers the leaves and gathers the splits of one tree after the
// other.
type maskBuilder struct {
	forest *forest
	leaves []float32
	splits [][]split // by feature

	tree  uint32
	first int // of the tree's leaves
}

// newMaskBuilder has room for all that it will gather.
func newMaskBuilder(f *forest, features int) maskBuilder {
	b := maskBuilder{forest: f, splits: make([][]split, features)}
	leaves, splits := 0, make([]int, features)
	for i := range f.nodes {
		if n := &f.nodes[i]; n.left == uint32(i) {
			leaves++
		} else {
			splits[n.slot>>1]++
		}
	}
	b.leaves = make([]float32, 0, leaves)
	for feature, n := range splits {
		b.splits[feature] = make([]split, 0, n)
	}
	return b
}

// add adds the subtree under a node, leaves from left to right.
func (b *maskBuilder) add(at uint32) {
	n := &b.forest.nodes[at]
	if n.left == at {
		b.leaves = append(b.leaves, n.value)
		return
	}
	from := len(b.leaves) - b.first
	b.add(n.left)
	to := len(b.leaves) - b.first
	f := n.slot >> 1
	one := split{
		threshold: n.threshold, tree: b.tree, right: n.slot&1 == 1,
		mask: ^(uint64(1)<<to - uint64(1)<<from),
	}
	if n.isSet() {
		one.set, one.borders = true, b.forest.bordersOf(n)
	}
	b.splits[f] = append(b.splits[f], one)
	b.add(n.left + 1)
}

// lay makes the columns, with their rows in few pieces of memory. Features of
// request and partner together are looked at most often and have a budget of
// their own.
func (m *masks) lay(all [][]split) {
	var rest []int
	for f, splits := range all {
		if slices.ContainsFunc(splits, func(s split) bool { return s.set }) {
			m.columns[f] = newSetColumn(splits, m.trees)
			m.rowBytes += (len(m.columns[f].marks) + 1) * m.trees * 8
			continue
		}
		m.columns[f] = newColumn(splits)
		if !slices.Contains(m.parts.both, f) {
			rest = append(rest, f)
		}
	}
	m.addRows(rest)
	m.addRows(m.parts.both)
}

// addRows makes the rows of some features: as many as their budget allows.
func (m *masks) addRows(features []int) {
	features = slices.DeleteFunc(slices.Clone(features), func(f int) bool { return m.columns[f].whole })
	splits := 0
	for _, f := range features {
		splits += len(m.columns[f].masks)
	}
	pace := 1 // a row is made where so many masks would be cleared one by one
	for m.rows(features, pace)*m.trees*8 > max(maxRowBytes, splits*splitRowBytes) {
		pace *= 2
	}
	space := ones(m.rows(features, pace) * m.trees)
	m.rowBytes += len(space) * 8
	for _, f := range features {
		n := m.columns[f].rows(pace) * m.trees
		m.columns[f].fill(space[:n:n], pace, m.trees)
		space = space[n:]
	}
}

func (m *masks) rows(features []int, pace int) int {
	n := 0
	for _, f := range features {
		n += m.columns[f].rows(pace)
	}
	return n
}

// newColumn puts the splits of one feature in order.
func newColumn(splits []split) column {
	sorting.By(splits, func(a, b *split) int { return cmp.Compare(a.threshold, b.threshold) })
	c := column{trees: make([]uint32, len(splits)), masks: make([]uint64, len(splits)), marks: []mark{{}}}
	var at []float32
	for i, s := range splits {
		if i == 0 || s.threshold != splits[i-1].threshold {
			at, c.marks = append(at, s.threshold), append(c.marks, mark{})
		}
		c.trees[i], c.masks[i], c.marks[len(at)].to = s.tree, s.mask, uint32(i+1)
		if s.right {
			c.right = append(c.right, uint32(i))
		}
	}
	c.cuts, c.marks, c.right = newCuts(slices.Clone(at)), slices.Clone(c.marks), slices.Clone(c.right)
	return c
}

// newSetColumn makes the column of a feature of which some splits ask for sets.
// Their masks do not go on being cleared once they are, so each number at which
// any answer changes has a row of its own, and so has missing.
func newSetColumn(splits []split, trees int) column {
	c := column{whole: true}
	var at []float32
	for i, s := range splits {
		if !s.set {
			splits[i].borders = []float32{s.threshold}
		}
		at = append(at, splits[i].borders...)
	}
	slices.Sort(at)
	c.cuts = newCuts(slices.Clone(slices.Compact(at)))
	c.marks, c.missing = make([]mark, len(c.cuts.at)+1), ones(trees)
	space := ones(len(c.marks) * trees)
	for i := range c.marks {
		c.marks[i].row = space[i*trees : (i+1)*trees : (i+1)*trees]
	}
	for _, s := range splits {
		if s.right {
			c.missing[s.tree] &= s.mask
		}
		for right := s.borders; len(right) > 0; right = right[min(2, len(right)):] {
			from, to := c.cuts.reached(right[0]), len(c.marks)
			if len(right) > 1 {
				to = c.cuts.reached(right[1])
			}
			for i := from; i < to; i++ {
				c.marks[i].row[s.tree] &= s.mask
			}
		}
	}
	return c
}

// rows returns how many rows fill makes.
func (c *column) rows(pace int) int {
	n, from := 0, 0
	for _, m := range c.marks {
		if int(m.to)-from >= pace {
			n, from = n+1, int(m.to)
		}
	}
	if len(c.right) > pace {
		n++
	}
	return n
}

// fill makes the rows in words, which are all ones.
func (c *column) fill(words []uint64, pace, trees int) {
	if len(c.right) > pace {
		c.missing, words = words[:trees:trees], words[trees:]
		for _, i := range c.right {
			c.missing[c.trees[i]] &= c.masks[i]
		}
		c.right = nil
	}
	var last mark
	for i := range c.marks {
		m := &c.marks[i]
		if m.row, m.from = last.row, last.to; int(m.to-m.from) < pace {
			continue
		}
		row := words[:trees:trees]
		words = words[trees:]
		copy(row, last.row)
		for at := m.from; at < m.to; at++ {
			row[c.trees[at]] &= c.masks[at]
		}
		m.row, m.from = row, m.to
		last = *m
	}
}

func ones(n int) []uint64 { return slices.Repeat([]uint64{^uint64(0)}, n) }

// narrow clears in words what some features of a row rule out.
func (m *masks) narrow(words []uint64, features []int, row []float32) {
	var waiting [4][]uint64
	n := 0
	for _, f := range features {
		if r := m.columns[f].row(words, row[f]); r != nil {
			waiting[n] = r
			n++
		}
		if n == len(waiting) {
			and4(words, waiting[0], waiting[1], waiting[2], waiting[3])
			n = 0
		}
	}
	for _, r := range waiting[:n] {
		for i, w := range r[:len(words)] {
			words[i] &= w
		}
	}
}

// and4 goes through words once for four rows.
func and4(words, a, b, c, d []uint64) {
	a, b, c, d = a[:len(words)], b[:len(words)], c[:len(words)], d[:len(words)]
	for i := range words {
		words[i] &= a[i] & b[i] & c[i] & d[i]
	}
}

// row clears in words what v rules out beyond the row that it returns, if any.
func (c *column) row(words []uint64, v float32) []uint64 {
	if v != v {
		for _, i := range c.right {
			words[c.trees[i]] &= c.masks[i]
		}
		return c.missing
	}
	m := &c.marks[c.cuts.reached(v)]
	masks, trees := c.masks[m.from:m.to], c.trees[m.from:m.to]
	for i, mask := range masks {
		words[trees[i]] &= mask
	}
	return m.row
}

// The scratch holds the request's words, and those of a group of partners.
const group = 4

func (m *masks) begin(s *Scratch, row []float32) {
	if need := (1 + group) * m.trees; cap(s.words) < need {
		s.words = make([]uint64, need)
	}
	words := s.words[:m.trees]
	for i := range words {
		words[i] = ^uint64(0)
	}
	m.narrow(words, m.parts.request, row)
}

func (m *masks) fill(s *Scratch, b Batch, scores bool) {
	request, space := s.words[:m.trees], s.words[m.trees:(1+group)*m.trees]
	var words [group][]uint64
	for len(b.Keys) > 0 {
		n := min(group, len(b.Keys))
		for i := range n {
			words[i] = m.partner(space[i*m.trees:(i+1)*m.trees], b.Keys[i], b.Rows[i*m.features:(i+1)*m.features])
		}
		for i := n; i < group; i++ {
			words[i] = words[0]
		}
		if m.wide != nil {
			sums := m.addWide(request, &words)
			for i, sum := range sums[:n] {
				b.Out[i] = m.ending.endWide(sum, scores)
			}
		} else {
			sums := m.add(request, &words)
			for i, sum := range sums[:n] {
				b.Out[i] = m.ending.end(sum, scores)
			}
		}
		b = Batch{Keys: b.Keys[n:], Rows: b.Rows[n*m.features:], Out: b.Out[n:]}
	}
}

// partner returns the words of one row, which the partner and the request
// decide: those kept for the partner, or new ones in space.
func (m *masks) partner(space []uint64, key uint32, row []float32) []uint64 {
	var known []uint64
	if at := int(key) * m.trees; at < len(m.known) {
		known = m.known[at : at+m.trees]
		if len(m.parts.both) == 0 {
			return known
		}
		copy(space, known)
	} else {
		for i := range space {
			space[i] = ^uint64(0)
		}
		m.narrow(space, m.parts.partner, row)
	}
	m.narrow(space, m.parts.both, row)
	return space
}

// add adds the leaves of four rows, tree by tree: four sums that do not wait
// for one another.
func (m *masks) add(request []uint64, words *[group][]uint64) [group]float32 {
	n := len(request)
	w0, w1, w2, w3, first := words[0][:n], words[1][:n], words[2][:n], words[3][:n], m.first[:n]
	start := m.ending.start()
	s0, s1, s2, s3 := start, start, start, start
	for t, r := range request {
		leaves := (*[maskBits]float32)(m.leaves[first[t]:])
		s0 += leaves[lowest(r&w0[t])]
		s1 += leaves[lowest(r&w1[t])]
		s2 += leaves[lowest(r&w2[t])]
		s3 += leaves[lowest(r&w3[t])]
	}
	return [group]float32{s0, s1, s2, s3}
}

// addWide is add for leaves of double precision.
func (m *masks) addWide(request []uint64, words *[group][]uint64) (sums [group]float64) {
	for t, r := range request {
		leaves := (*[maskBits]float64)(m.wide[m.first[t]:])
		for i := range sums {
			sums[i] += leaves[lowest(r&words[i][t])]
		}
	}
	return sums
}

func lowest(w uint64) int { return bits.TrailingZeros64(w) & (maskBits - 1) }

func (m *masks) bytes() int64 {
	n := len(m.leaves)*4 + len(m.wide)*8 + len(m.first)*4 + len(m.known)*8 + m.rowBytes
	for _, c := range m.columns {
		n += len(c.masks)*12 + c.cuts.bytes() + len(c.marks)*markSize + len(c.right)*4 + columnSize
	}
	return int64(n)
}
