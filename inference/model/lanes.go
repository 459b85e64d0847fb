package model

import "slices"

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
	groupLanes     = 16 // that lie side by side

	// Bounds of one call of assembly, which cannot be interrupted.
	treesAtOnce = 256 // some ten microseconds
	rowsAtOnce  = 64

	usualPartners = 20 // of a request

	wordPad = 1 // so many words are read past those asked for

	// Trees whose lanes are laid out and used while they are in the first cache.
	treesInCache = 64

	// Bounds of rows; beyond them, they may take splitRowBytes per split.
	maxRequestRows = 7 << 19
	maxPartnerRows = 1 << 19

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

// takenByLanes tells whether lanes can score the model, and partners differ.
func takenByLanes(f *forest, features int, p parts) bool {
	return len(f.roots) > 0 && len(f.sets) == 0 && f.wide == nil && len(p.partner)+len(p.both) > 0 && takenByMasks(f, features)
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
	b := laneBuilder{forest: f, arranger: newArranger(f, features, p), splits: make([][]split, features)}
	for i, root := range f.roots {
		b.tree, b.next, b.leaves = uint32(i), 0, l.leaves[i*maskBits:]
		b.places = b.arranger.places(root)
		l.all[i] = b.add(root)
	}
	for i, v := range l.leaves {
		l.quarters[i&^(quarterBits-1)+l.vectors.place(i&(quarterBits-1))] = v
	}
	l.lay(b.splits)
	l.kept = newKept(l.padded * quarters * 2 * laneWidth(usualPartners))
	return l
}

// laneBuilder gathers leaves and splits, with the leaves at their places.
type laneBuilder struct {
	forest   *forest
	arranger *arranger
	splits   [][]split // by feature

	tree   uint32
	leaves []float32
	places [maskBits]uint8
	next   int // leaf, from left to right
}

// add adds the subtree under a node and returns the bits of its leaves.
func (b *laneBuilder) add(at uint32) uint64 {
	n := &b.forest.nodes[at]
	if n.left == at {
		bit := b.places[b.next]
		b.next++
		b.leaves[bit] = n.value
		return 1 << bit
	}
	left, right := b.add(n.left), b.add(n.left+1)
	f := n.slot >> 1
	b.splits[f] = append(b.splits[f], split{threshold: n.threshold, tree: b.tree, right: n.slot&1 == 1, mask: ^left, other: ^right})
	return left | right
}

// lay makes the columns. Those of partners alone, which requests do not look at,
// have few rows.
func (l *lanes) lay(all [][]split) {
	request := l.pace(all, slices.Concat(l.parts.request, l.parts.both), maxRequestRows)
	partner := l.pace(all, l.parts.partner, maxPartnerRows)
	b := sidesBuilder{all: l.all, rows: make([]uint64, 0, (request.rows+partner.rows)*l.padded)}
	for _, p := range []pace{request, partner} {
		for _, f := range p.features {
			l.columns[f] = b.newSides(all[f], p.open)
		}
	}
	l.rows = b.rows
}

// pace is how many splits the rows of some features leave open, at most, and
// how many rows that makes.
type pace struct {
	features   []int
	open, rows int
}

// pace returns the lowest that a budget allows.
func (l *lanes) pace(all [][]split, features []int, budget int) pace {
	splits := 0
	for _, f := range features {
		splits += len(all[f])
	}
	for open := 0; ; open = max(2*open, 1) {
		p := pace{features: features, open: open}
		for _, f := range features {
			p.rows += sidesRows(sortByThreshold(all[f]), open)
		}
		if p.rows*l.padded*8 <= max(budget, splits*splitRowBytes) {
			return p
		}
	}
}

// remember makes the words of partners known beforehand, as masks do.
func (l *lanes) remember(a Auctions) int {
	if len(l.parts.partner) == 0 {
		return 0
	}
	n := min(a.Partners, maxMemoBytes/(8*l.padded))
	l.known = make([]uint64, n*l.padded)
	row := make([]float32, l.features)
	var s laneScratch
	for key := range n {
		a.Partner(row, uint32(key))
		l.narrow(&s, l.known[key*l.padded:(key+1)*l.padded], l.all, l.parts.partner, row)
	}
	return n
}

// narrow leaves in words, whatever they were, what some features of a row leave
// of others.
func (l *lanes) narrow(s *laneScratch, words, of []uint64, features []int, row []float32) {
	rows, opens := s.rows[:0], s.open[:0]
	if len(features) == 0 || &of[0] != &l.all[0] { // of which every row is a part
		rows = append(rows, of)
	}
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
	l.narrow(s.lanes, s.words[:l.padded], l.all, l.parts.request, row)
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
	for i, start := 0, l.ending.start(); i < laneWidth(n); i++ {
		q.sums[i] = start
	}
	if n <= l.vectors.alone() {
		l.find(q, b)
		l.addAlone(s, n)
		return
	}
	var found *list
	var free *spot
	if len(l.parts.both) == 0 {
		found, free = l.kept.find(b.Keys)
	}
	if found == nil && l.find(q, b) && free != nil {
		found = l.layOut(q, b.Keys)
		free.list.Store(found)
	}
	switch {
	case found != nil:
		width, all := laneWidth(n), l.padded*quarters
		for from := 0; from < l.padded; from += treesAtOnce {
			step := groupAt(width, groupLanes, all, from) - groupAt(width, 0, all, from)
			l.addLanes(s, n, from, min(from+treesAtOnce, l.padded), found.lanes[groupAt(width, 0, all, from):], step)
		}
	case !l.vectors.spreads():
		l.addAlone(s, n)
	default:
		for from := 0; from < l.padded; from += treesInCache {
			to := min(from+treesInCache, l.padded)
			all := (to - from) * quarters
			l.vectors.spread(q.lanes[:], all, from, q.partners[:n], from, to)
			l.addLanes(s, n, from, to, q.lanes[:], all*groupLanes)
		}
	}
}

// Lanes lie in groups of 16, the last of which may have eight: first all
// quarters of the first group, one after the other, then those of the next.

// laneWidth is how many lanes n partners take.
func laneWidth(n int) int {
	switch {
	case n <= 24:
		return (n + 7) / 8 * 8
	case n <= 32:
		return 32
	case n <= 48:
		return 48
	}
	return mostLanes
}

// groupWidth is how many lanes the group has that begins with the lane at.
func groupWidth(n, at int) int { return min(laneWidth(n)-at, groupLanes) }

// groupAt is where a tree's lanes of that group begin, if there are so many
// quarters.
func groupAt(n, at, quarters, tree int) int {
	return at*quarters + tree*(maskBits/quarterBits)*groupWidth(n, at)
}

// addLanes adds the leaves of some trees, whose lanes are given.
func (l *lanes) addLanes(s *Scratch, n, from, to int, lanes []uint16, step int) {
	q, words := s.lanes, s.words[from:to+wordPad]
	live := l.vectors.live(q.list[:], words[:to-from])
	l.vectors.add(&q.sums, n, q.list[:live], words, lanes, step, l.quarters[from*maskBits:])
}

// find points to the words of partners, and tells whether all are known
// beforehand.
func (l *lanes) find(q *laneScratch, b Batch) bool {
	all := true
	for i, key := range b.Keys {
		row := b.Rows[i*l.features : (i+1)*l.features]
		at := int(key) * l.padded
		known := at < len(l.known)
		switch {
		case known && len(l.parts.both) == 0:
			q.partners[i] = l.known[at : at+l.padded]
		case known:
			q.partners[i] = l.strange(q, i)
			l.narrow(q, q.partners[i], l.known[at:at+l.padded], l.parts.both, row)
		default:
			all = false
			q.partners[i] = l.strange(q, i)
			l.narrow(q, q.partners[i], l.all, l.parts.partner, row)
			if len(l.parts.both) > 0 {
				l.narrow(q, q.partners[i], q.partners[i], l.parts.both, row)
			}
		}
	}
	return all
}

// strange is room for the words of the i-th partner.
func (l *lanes) strange(q *laneScratch, i int) []uint64 {
	if q.strange == nil {
		q.strange = make([]uint64, mostLanes*l.padded)
	}
	return q.strange[i*l.padded : (i+1)*l.padded]
}

// layOut lays out a list of known partners.
func (l *lanes) layOut(q *laneScratch, keys []uint32) *list {
	all := l.padded * quarters
	made := &list{keys: slices.Clone(keys), lanes: make([]uint16, all*laneWidth(len(keys)))}
	for from := 0; from < l.padded; from += treesInCache {
		l.vectors.spread(made.lanes, all, 0, q.partners[:len(keys)], from, min(from+treesInCache, l.padded))
	}
	made.asked.Store(true)
	return made
}

// addAlone adds without lanes, four partners at once.
func (l *lanes) addAlone(s *Scratch, n int) {
	q := s.lanes
	request := s.words[:l.trees]
	if n == 1 {
		sum, words := q.sums[0], q.partners[0][:len(request)]
		for t, r := range request {
			sum += (*[maskBits]float32)(l.leaves[t*maskBits:])[lowest(r&words[t])]
		}
		q.sums[0] = sum
		return
	}
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
func spreadWords(lanes []uint16, all, origin int, partners [][]uint64, from, to int) {
	for i, p := range partners {
		at := i / groupLanes * groupLanes
		group, width := lanes[groupAt(len(partners), at, all, from-origin)+i-at:], groupWidth(len(partners), at)
		for t, w := range p[from:to] {
			for q := range quarters {
				group[(t*quarters+q)*width] = uint16(w >> (q * quarterBits))
			}
		}
	}
}

// liveWords is live for any processor. Each quarter is written to the list, and
// written over by the next unless it is live.
func liveWords(list []uint16, words []uint64) int {
	const low, high = 0x7fff7fff7fff7fff, 0x8000800080008000
	n := 0
	for t, w := range words {
		live := (w&low + low | w) & high // a bit for each quarter that is not zero
		four, first := (*[quarters]uint16)(list[n:]), uint16(t*quarters)
		second := live >> 15 & 1
		third := second + live>>31&1
		fourth := third + live>>47&1
		four[0], four[second&3], four[third&3], four[fourth&3] = first, first+1, first+2, first+3
		n += int(fourth + live>>63)
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
