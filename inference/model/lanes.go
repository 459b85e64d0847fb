package model

import (
	"math/bits"
	"slices"
)

// lanes scores many partners at once, each in a lane of the processor's wide
// registers. Request and partner each leave some leaves of a tree; both
// together exactly one (see sides.go). A tree has four quarters of 16 leaves.
// What the request leaves tells which quarters any partner can reach, about
// three of eight; of those, in the order of the trees, a lane finds its leaf if
// it has one there, and adds it. So each partner's sum is made of the same
// additions, in the same order, as anywhere else.
type lanes struct {
	vectors  Vectors
	features int
	trees    int
	padded   int // trees, up to whole vectors of words
	columns  []sides
	parts    parts
	ending   ending
	all      []uint64  // the leaves that each tree has
	rows     []uint64  // of all columns, padded words each
	leaves   []float32 // of each tree, at the places of their bits
	quarters []float32 // the same, in the order in which lanes look them up
	known    []uint64  // of each partner known beforehand, padded words
	kept     kept
}

const (
	wordsPerVector = 8
	quarterBits    = 16
	quarters       = maskBits / quarterBits // of a tree
	mostLanes      = 64
	fewLanes       = 32 // in the narrow one of two layouts

	// Bounds of one call of assembly, which cannot be interrupted.
	treesAtOnce = 256 // some ten microseconds
	rowsAtOnce  = 64

	wordPad = 1 // so many words are read past those asked for

	// Trees whose lanes are laid out and used while they are in the first cache.
	treesInCache = 64

	maxSideBytes = 4 << 20 // of rows; beyond that, splitRowBytes per split

	// Below so many trees, masks are faster.
	fewestTrees = 16
)

// laneScratch is what lanes need for a request.
type laneScratch struct {
	sums     [mostLanes]float32
	partners [mostLanes][]uint64 // their words
	strange  []uint64            // words of partners not known beforehand
	list     [treesAtOnce * quarters]uint16
	lanes    [treesInCache * quarters * mostLanes]uint16
	rows     [rowsAtOnce][]uint64
	open     [rowsAtOnce]open
}

// open are the splits of one feature that a row leaves open.
type open struct {
	of *sides
	at span
}

// takenByLanes tells whether lanes can score the model: where no row brings
// anything that neither the request nor the partner decides alone.
func takenByLanes(f *forest, features int, p parts) bool {
	return len(f.roots) > 0 && len(f.sets) == 0 && f.wide == nil && len(p.both) == 0 && len(p.partner) > 0 && takenByMasks(f, features)
}

func newLanes(f *forest, features int, p parts, e ending, v Vectors) *lanes {
	trees := len(f.roots)
	l := &lanes{
		vectors: v, features: features, trees: trees, padded: (trees + wordsPerVector - 1) / wordsPerVector * wordsPerVector,
		columns: make([]sides, features), parts: p, ending: e,
	}
	l.all = make([]uint64, l.padded)
	l.leaves = make([]float32, l.padded*maskBits)
	l.quarters = make([]float32, l.padded*maskBits)
	b := newMaskBuilder(f, features)
	for i, root := range f.roots {
		b.tree, b.first, b.leaves = uint32(i), 0, b.leaves[:0]
		b.halved = f.halved(root)
		b.add(root, 0)
		copy(l.leaves[i*maskBits:], b.leaves)
		l.all[i] = f.places(root, b.halved)
	}
	for i, v := range l.leaves {
		l.quarters[i&^(quarterBits-1)+l.vectors.place(i&(quarterBits-1))] = v
	}
	l.lay(b.splits)
	l.kept = newKept(l.padded * quarters * fewLanes * 2)
	return l
}

// halved returns at how many levels a tree's leaves are to be halved, so that
// each quarter holds those under one node: two if they fit and are more than a
// quarter, else none.
func (f *forest) halved(root uint32) int {
	if f.leavesUnder(root) <= quarterBits {
		return 0
	}
	for _, child := range f.children(root) {
		for _, grandchild := range f.children(child) {
			if f.leavesUnder(grandchild) > quarterBits {
				return 0
			}
		}
	}
	return 2
}

// children are none of a leaf.
func (f *forest) children(at uint32) []uint32 {
	if left := f.nodes[at].left; left != at {
		return []uint32{left, left + 1}
	}
	return nil
}

func (f *forest) leavesUnder(at uint32) int {
	n := 0
	for _, child := range f.children(at) {
		n += f.leavesUnder(child)
	}
	return max(n, 1)
}

// places returns the bits of the leaves of a tree.
func (f *forest) places(root uint32, halved int) uint64 {
	if children := f.children(root); halved > 0 && children != nil {
		half := maskBits >> (3 - halved)
		return f.places(children[0], halved-1) | f.places(children[1], halved-1)<<half
	}
	return ^uint64(0) >> (maskBits - f.leavesUnder(root))
}

// lay makes the columns, with as many rows as the budget allows.
func (l *lanes) lay(all [][]split) {
	splits, ends := 0, make([][]uint32, len(all))
	for f, s := range all {
		splits += len(s)
		if len(s) > 0 {
			ends[f] = sortByThreshold(s)
		}
	}
	rows, pace := 0, -1
	for pace < 0 || rows*l.padded*8 > max(maxSideBytes, splits*splitRowBytes) {
		rows, pace = 0, max(2*pace, pace+1)
		for _, e := range ends {
			if e != nil {
				rows += sidesRows(e, pace)
			}
		}
	}
	b := sidesBuilder{all: l.all, rows: make([]uint64, 0, rows*l.padded)}
	for f, s := range all {
		if len(s) > 0 {
			l.columns[f] = b.newSides(s, pace)
		}
	}
	l.rows = b.rows
}

// remember makes the words of partners known beforehand, as masks do.
func (l *lanes) remember(a Auctions) int {
	n := min(a.Partners, maxMemoBytes/(8*l.padded))
	l.known = make([]uint64, n*l.padded)
	row := make([]float32, l.features)
	var s laneScratch
	for key := range n {
		a.Partner(row, uint32(key))
		l.narrow(&s, l.known[key*l.padded:(key+1)*l.padded], l.parts.partner, row)
	}
	return n
}

// narrow leaves in words, whatever they were, the leaves that some features of
// a row leave.
func (l *lanes) narrow(s *laneScratch, words []uint64, features []int, row []float32) {
	if len(features) == 0 {
		copy(words, l.all)
		return
	}
	rows, opens := s.rows[:0], s.open[:0]
	for _, f := range features {
		if len(rows) == rowsAtOnce {
			l.and(words, rows, opens)
			rows, opens = append(rows[:0], words), opens[:0]
		}
		c := &l.columns[f]
		at := c.of(row[f])
		rows = append(rows, l.rows[int(at.row)*l.padded:][:l.padded])
		if at.from < at.to {
			opens = append(opens, open{c, at})
		}
	}
	l.and(words, rows, opens)
}

func (l *lanes) and(words []uint64, rows [][]uint64, opens []open) {
	for from := 0; from < l.padded; from += treesAtOnce {
		l.vectors.and(words, rows, from, min(from+treesAtOnce, l.padded))
	}
	for _, o := range opens {
		o.of.open(words, o.at)
	}
}

func (l *lanes) begin(s *Scratch, row []float32) {
	if s.lanes == nil {
		s.lanes = new(laneScratch)
	}
	if need := l.padded + wordPad; cap(s.words) < need {
		s.words = make([]uint64, need)
	}
	l.narrow(s.lanes, s.words[:l.padded], l.parts.request, row)
}

func (l *lanes) fill(s *Scratch, b Batch, scores bool) {
	most := l.vectors.lanes()
	for len(b.Keys) > 0 {
		n := min(most, len(b.Keys))
		l.add(s, Batch{Keys: b.Keys[:n], Rows: b.Rows, Out: b.Out[:n]})
		for i, sum := range s.lanes.sums[:n] {
			b.Out[i] = l.ending.end(sum, scores)
		}
		b = Batch{Keys: b.Keys[n:], Rows: b.Rows[n*l.features:], Out: b.Out[n:]}
	}
}

// add leaves in the scratch the sums of some partners.
func (l *lanes) add(s *Scratch, b Batch) {
	n := len(b.Keys)
	q := s.lanes
	for i, start := 0, l.ending.start(); i < len(q.sums); i++ {
		q.sums[i] = start
	}
	found, wanted := l.kept.find(b.Keys)
	if found == nil {
		known := l.find(q, b)
		if wanted && known {
			found = l.layOut(q, b.Keys)
		}
	}
	switch {
	case found != nil:
		for from := 0; from < l.padded; from += treesAtOnce {
			to := min(from+treesAtOnce, l.padded)
			l.addLanes(s, n, from, to, found.lanes[from*quarters*laneStride(n):])
		}
	case n < l.vectors.spreads():
		l.addAlone(s, n)
	default:
		for from := 0; from < l.padded; from += treesInCache {
			to := min(from+treesInCache, l.padded)
			l.vectors.spread(q.lanes[:], q.partners[:n], from, to)
			l.addLanes(s, n, from, to, q.lanes[:])
		}
	}
}

// laneStride is how many lanes a quarter has for n partners.
func laneStride(n int) int {
	if n <= fewLanes {
		return fewLanes
	}
	return mostLanes
}

// addLanes adds the leaves of some trees, whose lanes are given.
func (l *lanes) addLanes(s *Scratch, n, from, to int, lanes []uint16) {
	q, words := s.lanes, s.words[from:to+wordPad]
	live := l.vectors.live(q.list[:], words[:to-from])
	l.vectors.add(&q.sums, n, q.list[:live], words, lanes, l.quarters[from*maskBits:])
}

// find points to the words of partners, and tells whether all are known
// beforehand.
func (l *lanes) find(q *laneScratch, b Batch) bool {
	all := true
	for i, key := range b.Keys {
		if at := int(key) * l.padded; at < len(l.known) {
			q.partners[i] = l.known[at : at+l.padded]
			continue
		}
		all = false
		if q.strange == nil {
			q.strange = make([]uint64, mostLanes*l.padded)
		}
		words := q.strange[i*l.padded : (i+1)*l.padded]
		l.narrow(q, words, l.parts.partner, b.Rows[i*l.features:(i+1)*l.features])
		q.partners[i] = words
	}
	return all
}

// layOut lays out a list of known partners, and keeps it.
func (l *lanes) layOut(q *laneScratch, keys []uint32) *list {
	stride := quarters * laneStride(len(keys))
	made := &list{keys: slices.Clone(keys), lanes: make([]uint16, l.padded*stride)}
	for from := 0; from < l.padded; from += treesInCache {
		l.vectors.spread(made.lanes[from*stride:], q.partners[:len(keys)], from, min(from+treesInCache, l.padded))
	}
	made.asked.Store(true)
	l.kept.keep(made)
	return made
}

// addAlone adds without lanes, four partners at once.
func (l *lanes) addAlone(s *Scratch, n int) {
	q := s.lanes
	request := s.words[:l.trees]
	for i := 0; i < n; i += group {
		w := func(j int) []uint64 { return q.partners[min(i+j, n-1)][:len(request)] }
		w0, w1, w2, w3 := w(0), w(1), w(2), w(3)
		s0, s1, s2, s3 := q.sums[i], q.sums[i], q.sums[i], q.sums[i]
		for t, r := range request {
			leaves := (*[maskBits]float32)(l.leaves[t*maskBits:])
			s0 += leaves[lowest(r&w0[t])]
			s1 += leaves[lowest(r&w1[t])]
			s2 += leaves[lowest(r&w2[t])]
			s3 += leaves[lowest(r&w3[t])]
		}
		q.sums[i], q.sums[i+1], q.sums[i+2], q.sums[i+3] = s0, s1, s2, s3
	}
}

// spreadWords is spread for any processor.
func spreadWords(lanes []uint16, partners [][]uint64, from, to int) {
	stride := laneStride(len(partners))
	for i, p := range partners {
		for t, w := range p[from:to] {
			for q := range quarters {
				lanes[(t*quarters+q)*stride+i] = uint16(w >> (q * quarterBits))
			}
		}
	}
}

// liveWords is live for any processor.
func liveWords(list []uint16, words []uint64) int {
	n := 0
	for t, w := range words {
		for q := range quarters {
			list[n] = uint16(t*quarters + q)
			n += (bits.Len16(uint16(w>>(q*quarterBits))) + quarterBits - 1) / quarterBits // 0 or 1
		}
	}
	return n
}

func (l *lanes) bytes() int64 {
	n := len(l.all)*8 + len(l.rows)*8 + len(l.leaves)*4 + len(l.quarters)*4 + len(l.known)*8 + l.kept.bytes()
	for i := range l.columns {
		n += l.columns[i].bytes()
	}
	return int64(n)
}
