package model

import "math"

// forest holds all trees in one slice of nodes, each tree in breadth-first
// order with siblings side by side, so that a step is an addition and no
// branch is predicted. A leaf leads to itself: four trees of different depth
// are walked together, which hides the latency of memory, until the deepest
// one has arrived.
type forest struct {
	nodes  []node
	roots  []uint32
	depths []uint16 // steps from root to deepest leaf, of each group of four trees
}

// node is a split or a leaf, 16 bytes.
type node struct {
	threshold float32 // NaN in a leaf
	slot      uint32  // 2*feature, plus 1 if a missing value goes right
	left      uint32  // the right child is the next node; a leaf's own position
	value     float32 // of a leaf
}

const nodeSize = 16

// lanes is the number of trees walked together.
const lanes = 4

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
	nodes, roots := f.nodes, f.roots
	for _, depth := range f.depths {
		if len(roots) < lanes {
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
		roots = roots[lanes:]
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
	return int64(len(f.nodes))*nodeSize + int64(len(f.roots))*4 + int64(len(f.depths))*2
}

// tree is one tree as files hold it: node 0 is the root, all slices have one
// entry per node. In a leaf, Left and Right are -1.
type tree struct {
	Left        []int32   `json:"left_children"`
	Right       []int32   `json:"right_children"`
	Feature     []int32   `json:"split_indices"`
	Value       []float32 `json:"split_conditions"` // a split's threshold, or a leaf's value
	DefaultLeft flags     `json:"default_left"`

	Kind       []int32   `json:"split_type"`       // absent, or 1 for a categorical split
	Categories []int32   `json:"categories_nodes"` // nodes with categorical splits
	Param      treeParam `json:"tree_param"`
}

type treeParam struct {
	LeafVector string `json:"size_leaf_vector"`
}

// leaf is what stands in Left of a leaf.
const leaf = -1

// builder checks trees and lays them out. Its zero value is ready.
type builder struct {
	nodes    []node
	roots    []uint32
	depth    []uint16
	features int // one more than the highest feature that a split reads

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
	return nil
}

// place writes one node and queues its children.
func (b *builder) place(t *tree, p place, number int) error {
	value, left, right := t.Value[p.from], t.Left[p.from], t.Right[p.from]
	if left == leaf {
		if right != leaf || !finite(value) {
			return refuse(Format, "tree %d has a broken leaf at node %d; save the model again", number, p.from)
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
	if feature < 0 || feature >= MaxFeatures || value != value {
		return refuse(Format, "node %d of tree %d splits feature %d at %v; save the model again", p.from, number, feature, value)
	}
	b.features = max(b.features, int(feature)+1)
	slot := 2 * uint32(feature)
	if !t.DefaultLeft[p.from] {
		slot++
	}
	kids := b.grow(2)
	b.nodes[p.to] = node{threshold: value, slot: slot, left: kids}
	b.queue = append(b.queue, place{left, kids, p.depth + 1}, place{right, kids + 1, p.depth + 1})
	return nil
}

// grow appends n nodes and returns the position of the first.
func (b *builder) grow(n int) uint32 {
	at := uint32(len(b.nodes))
	b.nodes = append(b.nodes, make([]node, n)...)
	return at
}

// forest returns the trees added so far, without spare capacity.
func (b *builder) forest() forest {
	f := forest{nodes: append([]node{}, b.nodes...), roots: append([]uint32{}, b.roots...)}
	for i := 0; i+lanes <= len(b.depth); i += lanes {
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
	categorical := len(t.Categories) > 0
	for _, kind := range t.Kind {
		categorical = categorical || kind != 0
	}
	if categorical {
		return refuse(Booster, "tree %d has categorical splits, which are not scored here; train on numbers (enable_categorical=False)", number)
	}
	switch t.Param.LeafVector {
	case "", "0", "1":
		return nil
	}
	return refuse(Booster, "tree %d has leaves with %.20s values, only one is read; train with multi_strategy=one_output_per_tree", number, t.Param.LeafVector)
}
