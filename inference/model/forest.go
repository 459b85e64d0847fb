package model

import (
	"maps"
	"math"
	"slices"
)

// forest holds all trees in one slice of nodes, each tree in breadth-first
// order with siblings side by side, so that a step is an addition and no
// branch is predicted. A leaf leads to itself: four trees of different depth
// are walked together, which hides the latency of memory, until the deepest
// one has arrived.
type forest struct {
	nodes  []node
	roots  []uint32
	depths []uint16 // steps from root to deepest leaf, of each group of four trees

	// Where nodes alone do not say everything (see sets.go).
	sets    []cutSet  // of splits by category
	borders []float32 // of the sets
	wide    []float64 // leaves of double precision
}

// node is a split or a leaf, 16 bytes.
type node struct {
	threshold float32 // NaN in a leaf and where a set decides
	slot      uint32  // 2*feature, plus 1 if a missing value goes right
	left      uint32  // the right child is the next node; a leaf's own position
	value     float32 // of a leaf; the number of a set or of a wide leaf, as bits
}

const nodeSize = 16

// abreast is the number of trees walked together.
const abreast = 4

// step returns the node after n: left if x < threshold, right if not, and by
// default if x is missing. Both comparisons are false for NaN, so that the
// first one sends it left, and the second one right where that is the default.
func (n *node) step(x []float32) uint32 {
	v := x[n.slot>>1]
	var reached, notBelow uint32
	if v >= n.threshold {
		reached = 1
	}
	if !(v < n.threshold) {
		notBelow = 1
	}
	return n.left + (reached | notBelow&n.slot)
}

// sum adds the leaves of x to s, tree by tree.
func (f *forest) sum(x []float32, s float32) float32 {
	if len(f.sets) > 0 {
		return f.sumSets(x, s)
	}
	nodes, roots := f.nodes, f.roots
	for _, depth := range f.depths {
		if len(roots) < abreast {
			break
		}
		a, b, c, d := roots[0], roots[1], roots[2], roots[3]
		for range depth {
			a = nodes[a].step(x)
			b = nodes[b].step(x)
			c = nodes[c].step(x)
			d = nodes[d].step(x)
		}
		s += nodes[a].value
		s += nodes[b].value
		s += nodes[c].value
		s += nodes[d].value
		roots = roots[abreast:]
	}
	for _, at := range roots {
		for n := &nodes[at]; ; n = &nodes[at] {
			if at = n.step(x); nodes[at].left == at {
				s += nodes[at].value
				break
			}
		}
	}
	return s
}

func (f *forest) bytes() int64 {
	return int64(len(f.nodes))*nodeSize + int64(len(f.roots))*4 + int64(len(f.depths))*2 +
		int64(len(f.sets)+len(f.wide))*8 + int64(len(f.borders))*4
}

// tree is one tree as files hold it: node 0 is the root, all slices have one
// entry per node. In a leaf, Left and Right are -1.
type tree struct {
	Left        integers
	Right       integers
	Feature     integers
	Value       numbers // a split's threshold, or a leaf's value
	DefaultLeft flags

	Kind       integers // absent, or 1 for a categorical split
	Categories integers // those that go right, node after node
	OfNode     integers // the nodes
	From       integers // where their categories begin
	Count      integers
	Param      treeParam

	cuts map[int32][]float32 // sets of nodes, see sets.go
	wide []float64           // leaf values of double precision, or nil
}

type treeParam struct{ LeafVector string }

// leaf is what stands in Left of a leaf.
const leaf = -1

// builder checks trees and lays them out. Its zero value is ready.
type builder struct {
	nodes    []node
	roots    []uint32
	depth    []uint16
	features int // one more than the highest feature that a split reads
	sets     []cutSet
	borders  []float32
	wide     []float64
	ofKind   []bool // of each set, whether it is one of categories

	most   int64  // bytes that all of it may take, 0 for any
	mostOf string // what allows no more

	seen  []bool  // of the current tree's nodes
	queue []place // of the current tree
}

// place says where a node of the file goes.
type place struct {
	from  int32
	to    uint32
	depth uint16
}

// add checks one tree and appends what can be reached from its root.
func (b *builder) add(t *tree) error {
	number := len(b.roots)
	if number == MaxTrees {
		return refuse(TooLarge, "the model has more than %d trees; train fewer", MaxTrees)
	}
	if err := t.check(number); err != nil {
		return err
	}
	b.seen = append(b.seen[:0], make([]bool, len(t.Left))...)
	root := b.grow(1)
	b.queue = append(b.queue[:0], place{from: 0, to: root})
	leaves, deepest := 0, uint16(0)
	for i := 0; i < len(b.queue); i++ {
		p := b.queue[i]
		deepest = p.depth
		if t.Left[p.from] == leaf {
			leaves++
		}
		if leaves > MaxLeaves || deepest > MaxDepth {
			return refuse(TooLarge, "tree %d has more than %d leaves or is deeper than %d; train with max_depth or max_leaves", number, MaxLeaves, MaxDepth)
		}
		if err := b.place(t, p, number); err != nil {
			return err
		}
	}
	b.roots = append(b.roots, root)
	b.depth = append(b.depth, deepest)
	if b.most > 0 && b.bytes() > b.most {
		return refuse(TooLarge, "its first %d trees take more than %d bytes in memory, which is all that %s allows; train fewer or shallower trees", len(b.roots), b.most, b.mostOf)
	}
	return nil
}

func (b *builder) bytes() int64 {
	return int64(len(b.nodes))*nodeSize + int64(len(b.sets)+len(b.wide))*8 + int64(len(b.borders))*4
}

// place writes one node and queues its children.
func (b *builder) place(t *tree, p place, number int) error {
	value, left, right := t.Value[p.from], t.Left[p.from], t.Right[p.from]
	if left == leaf {
		if right != leaf || !finite(value) {
			return refuse(Format, "tree %d has a broken leaf at node %d; save the model again", number, p.from)
		}
		if t.wide != nil {
			value = math.Float32frombits(uint32(len(b.wide)))
			b.wide = append(b.wide, t.wide[p.from])
		}
		b.nodes[p.to] = node{threshold: float32(math.NaN()), left: p.to, value: value}
		return nil
	}
	for _, child := range [...]int32{left, right} {
		if child <= 0 || int(child) >= len(t.Left) || b.seen[child] {
			return refuse(Format, "node %d of tree %d has node %d as a child, which is no tree; save the model again", p.from, number, child)
		}
		b.seen[child] = true
	}
	feature := t.Feature[p.from]
	cuts, bySet := t.cuts[p.from]
	if feature < 0 || feature >= MaxFeatures || value != value && !bySet {
		return refuse(Format, "node %d of tree %d splits feature %d at %v; save the model again", p.from, number, feature, value)
	}
	b.features = max(b.features, int(feature)+1)
	slot := 2 * uint32(feature)
	if !t.DefaultLeft[p.from] {
		slot++
	}
	kids := b.grow(2)
	b.nodes[p.to] = node{threshold: value, slot: slot, left: kids}
	if bySet {
		b.nodes[p.to].threshold, b.nodes[p.to].value = float32(math.NaN()), b.set(cuts, t.byCategory(p.from))
	}
	b.queue = append(b.queue, place{left, kids, p.depth + 1}, place{right, kids + 1, p.depth + 1})
	return nil
}

// set keeps a set and returns its number as the value of a node.
func (b *builder) set(cuts []float32, ofKind bool) float32 {
	number, from := len(b.sets), len(b.borders)
	b.ofKind = append(b.ofKind, ofKind)
	b.borders = append(b.borders, cuts...)
	b.sets = append(b.sets, cutSet{uint32(from), uint32(len(b.borders))})
	return math.Float32frombits(uint32(number))
}

// categories returns the features of which splits ask the category, ascending.
func (b *builder) categories() []int {
	found := map[int]bool{}
	for at := range b.nodes {
		n := &b.nodes[at]
		if n.left != uint32(at) && n.isSet() && b.ofKind[math.Float32bits(n.value)] {
			found[int(n.slot>>1)] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// keep forgets all trees but the first n.
func (b *builder) keep(n int) {
	b.nodes = b.nodes[:b.roots[n]]
	b.roots, b.depth = b.roots[:n], b.depth[:n]
}

// weigh multiplies the leaves of each tree by its weight. Before that, XGBoost
// adds each of them to 0, so that -0 is lost.
func (b *builder) weigh(weights []float32) error {
	if len(weights) != len(b.roots) {
		return refuse(Format, "the model has %d trees and weights for %d; save it again", len(b.roots), len(weights))
	}
	tree := -1
	for at := range b.nodes {
		if tree+1 < len(b.roots) && b.roots[tree+1] == uint32(at) {
			tree++
		}
		if n := &b.nodes[at]; n.left == uint32(at) {
			if n.value == 0 {
				n.value = 0
			}
			if n.value *= weights[tree]; !finite(n.value) {
				return refuse(Format, "tree %d weighs %v; save the model again", tree, weights[tree])
			}
		}
	}
	return nil
}

// grow appends n nodes and returns the position of the first.
func (b *builder) grow(n int) uint32 {
	at := len(b.nodes)
	if at+n > cap(b.nodes) {
		b.nodes = slices.Grow(b.nodes, max(n, at)) // twice as many
	}
	b.nodes = b.nodes[:at+n]
	return uint32(at)
}

// forest returns the trees added so far, without spare capacity.
func (b *builder) forest() forest {
	f := forest{
		nodes: append([]node{}, b.nodes...), roots: append([]uint32{}, b.roots...),
		sets: slices.Clone(b.sets), borders: slices.Clone(b.borders), wide: slices.Clone(b.wide),
	}
	for i := 0; i+abreast <= len(b.depth); i += abreast {
		f.depths = append(f.depths, max(b.depth[i], b.depth[i+1], b.depth[i+2], b.depth[i+3]))
	}
	return f
}

// check holds what can be said of a tree without walking it.
func (t *tree) check(number int) error {
	n := len(t.Left)
	if n == 0 || n != len(t.Right) || n != len(t.Feature) || n != len(t.Value) || n != len(t.DefaultLeft) {
		return refuse(Format, "tree %d has lists of different lengths, or none; save the model again", number)
	}
	if err := t.categorical(number); err != nil {
		return err
	}
	switch t.Param.LeafVector {
	case "", "0", "1":
		return nil
	}
	return refuse(Booster, "tree %d has leaves with %.20s values, only one is read; train with multi_strategy=one_output_per_tree", number, t.Param.LeafVector)
}

// categorical turns lists of categories into sets.
func (t *tree) categorical(number int) error {
	of := len(t.OfNode)
	if len(t.From) != of || len(t.Count) != of || len(t.Kind) != 0 && len(t.Kind) != len(t.Left) {
		return refuse(Format, "tree %d has lists of categories of different lengths; save the model again", number)
	}
	used := 0 // so that no category counts twice
	for i, node := range t.OfNode {
		from, count := int(t.From[i]), int(t.Count[i])
		if from != used || count < 0 || from+count > len(t.Categories) || int(node) >= len(t.Kind) || node < 0 || t.Kind[node] != 1 || t.cuts[node] != nil {
			return refuse(Format, "tree %d has a broken list of categories for node %d; save the model again", number, node)
		}
		list := t.Categories[from : from+count]
		used += count
		if count > 0 && (slices.Min(list) < 0 || slices.Max(list) >= maxCategory) {
			return refuse(Format, "tree %d has a category beyond 0 to %d at node %d; save the model again", number, maxCategory-1, node)
		}
		t.setCuts(node, categorySet(list, false))
	}
	for node, kind := range t.Kind {
		switch {
		case kind != 0 && kind != 1:
			return refuse(Booster, "tree %d has splits of kind %d, which is not known here; train on numbers or categories", number, kind)
		case kind == 1 && t.cuts[int32(node)] == nil:
			t.setCuts(int32(node), []float32{})
		}
	}
	return nil
}

func (t *tree) byCategory(node int32) bool { return len(t.Kind) > 0 && t.Kind[node] == 1 }

func (t *tree) setCuts(node int32, cuts []float32) {
	if t.cuts == nil {
		t.cuts = map[int32][]float32{}
	}
	t.cuts[node] = cuts
}

// maxCategory is one more than XGBoost's highest category: beyond it a float32
// does not hold every integer.
const maxCategory = 1 << 24
