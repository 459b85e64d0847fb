package model

import (
	"cmp"
	"math/bits"
	"slices"
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
	first    []uint32  // of each tree, in leaves
	known    []uint64  // a row for each partner known beforehand
}

// column is one feature's splits in the order of their thresholds: a number
// clears the masks of the first so many of them. Rows with one word per tree
// hold the first 0, pace, 2*pace, … masks together.
type column struct {
	pace       int
	thresholds []float32
	trees      []uint32
	masks      []uint64
	rows       []uint64
	missing    []uint64 // one row: the masks of splits with missing to the right
}

const (
	columnSize = 128
	maskBits   = 64 // the most leaves of a tree
	minPace    = 16
	paceTrees  = 8 // one split of so many trees is looked at singly, so that rows take no more than the splits' own order
)

// takenByMasks tells whether each tree's leaves fit a word.
func takenByMasks(f *forest) bool {
	if !f.numeric() {
		return false
	}
	for i := range f.roots {
		if root, end := f.tree(i); end-root > 2*maskBits-1 {
			return false
		}
	}
	return true
}

func newMasks(f *forest, features int, p parts, e ending) *masks {
	m := &masks{features: features, trees: len(f.roots), columns: make([]column, features), first: make([]uint32, len(f.roots)), parts: p, ending: e}
	b := maskBuilder{nodes: f.nodes, splits: make([][]split, features)}
	for i, root := range f.roots {
		b.tree, b.first = uint32(i), len(b.leaves)
		m.first[i] = uint32(b.first)
		b.add(root)
	}
	m.leaves = append(make([]float32, 0, len(b.leaves)+maskBits), b.leaves...)[:len(b.leaves)+maskBits]
	m.lay(b.splits)
	return m
}

// split is a split of one tree, with zeros for the leaves on its left.
type split struct {
	threshold float32
	tree      uint32
	mask      uint64
	right     bool // where missing goes
}

// maskBuilder numbers the leaves and gathers the splits of one tree after the
// other.
type maskBuilder struct {
	nodes  []node
	leaves []float32
	splits [][]split // by feature

	tree  uint32
	first int // of the tree's leaves
}

// add adds the subtree under a node, leaves from left to right.
func (b *maskBuilder) add(at uint32) {
	n := &b.nodes[at]
	if n.left == at {
		b.leaves = append(b.leaves, n.value)
		return
	}
	from := len(b.leaves) - b.first
	b.add(n.left)
	to := len(b.leaves) - b.first
	f := n.slot >> 1
	b.splits[f] = append(b.splits[f], split{
		threshold: n.threshold, tree: b.tree, right: n.slot&1 == 1,
		mask: ^(uint64(1)<<to - uint64(1)<<from),
	})
	b.add(n.left + 1)
}

// lay makes the columns, with all their rows in one piece of memory.
func (m *masks) lay(all [][]split) {
	pace, rows := max(minPace, m.trees/paceTrees), 0
	for _, splits := range all {
		if len(splits) > 0 {
			rows += len(splits)/pace + 2
		}
	}
	space := ones(rows * m.trees)
	for i, splits := range all {
		if len(splits) == 0 {
			continue
		}
		n := (len(splits)/pace + 2) * m.trees
		m.columns[i] = newColumn(splits, pace, space[:n:n], m.trees)
		space = space[n:]
	}
}

// newColumn lays out the splits of one feature. The words of its rows are all
// ones.
func newColumn(splits []split, pace int, words []uint64, trees int) column {
	slices.SortFunc(splits, func(a, b split) int { return cmp.Compare(a.threshold, b.threshold) })
	c := column{
		thresholds: make([]float32, len(splits)), trees: make([]uint32, len(splits)), masks: make([]uint64, len(splits)),
		pace: pace, missing: words[:trees], rows: words[trees:],
	}
	row := ones(trees)
	for i, s := range splits {
		c.thresholds[i], c.trees[i], c.masks[i] = s.threshold, s.tree, s.mask
		row[s.tree] &= s.mask
		if s.right {
			c.missing[s.tree] &= s.mask
		}
		if n := i + 1; n%pace == 0 {
			copy(c.rows[n/pace*trees:], row)
		}
	}
	return c
}

func ones(n int) []uint64 { return slices.Repeat([]uint64{^uint64(0)}, n) }

// narrow clears in words what some features of a row rule out.
func (m *masks) narrow(words []uint64, features []int, row []float32) {
	for len(features) >= 4 {
		a, b := m.columns[features[0]].row(words, row[features[0]]), m.columns[features[1]].row(words, row[features[1]])
		c, d := m.columns[features[2]].row(words, row[features[2]]), m.columns[features[3]].row(words, row[features[3]])
		for i := range words {
			words[i] &= a[i] & b[i] & c[i] & d[i]
		}
		features = features[4:]
	}
	for _, f := range features {
		a := m.columns[f].row(words, row[f])
		for i := range words {
			words[i] &= a[i]
		}
	}
}

// row clears in words what v rules out beyond the row that it returns.
func (c *column) row(words []uint64, v float32) []uint64 {
	if v != v {
		return c.missing[:len(words)]
	}
	n := reached(c.thresholds, v)
	k := n / c.pace
	masks, trees := c.masks[k*c.pace:n], c.trees[k*c.pace:n]
	for i, mask := range masks {
		words[trees[i]] &= mask
	}
	return c.rows[k*len(words):][:len(words)]
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

func (m *masks) margins(s *Scratch, b Batch) {
	request, space := s.words[:m.trees], s.words[m.trees:(1+group)*m.trees]
	var words [group][]uint64
	all := b.Out
	for len(b.Keys) > 0 {
		n := min(group, len(b.Keys))
		for i := range n {
			words[i] = m.partner(space[i*m.trees:(i+1)*m.trees], b.Keys[i], b.Rows[i*m.features:(i+1)*m.features])
		}
		for i := n; i < group; i++ {
			words[i] = words[0]
		}
		var out [group]float32
		m.sum(&out, m.ending.start(), request, &words)
		copy(b.Out, out[:n])
		b = Batch{Keys: b.Keys[n:], Rows: b.Rows[n*m.features:], Out: b.Out[n:]}
	}
	m.ending.end(all)
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

// sum adds the leaves of four rows, tree by tree: four sums that do not wait
// for one another.
func (m *masks) sum(out *[group]float32, start float32, request []uint64, words *[group][]uint64) {
	n := len(request)
	w0, w1, w2, w3, first := words[0][:n], words[1][:n], words[2][:n], words[3][:n], m.first[:n]
	s0, s1, s2, s3 := start, start, start, start
	for t, r := range request {
		leaves := (*[maskBits]float32)(m.leaves[first[t]:])
		s0 += leaves[lowest(r&w0[t])]
		s1 += leaves[lowest(r&w1[t])]
		s2 += leaves[lowest(r&w2[t])]
		s3 += leaves[lowest(r&w3[t])]
	}
	*out = [group]float32{s0, s1, s2, s3}
}

func lowest(w uint64) int { return bits.TrailingZeros64(w) & (maskBits - 1) }

func (m *masks) bytes() int64 {
	n := len(m.leaves)*4 + len(m.first)*4 + len(m.known)*8
	for _, c := range m.columns {
		n += len(c.thresholds)*16 + (len(c.rows)+len(c.missing))*8 + columnSize
	}
	return int64(n)
}
