package model

import (
	"bytes"
	"math"
	"strconv"
)

const binf = "binf" // in front of binary models from 1.2 on

// Sizes of the structs that the binary format dumps from memory, and bounds
// on what they claim.
const (
	learnerBytes = 136
	forestBytes  = 160
	treeBytes    = 148
	nodeBytes    = 20
	statBytes    = 16

	treeNodeBytes = 17 // of a node in a tree

	maxNameBytes = 64
	maxNodes     = 1 << 20 // of one tree, pruned ones included
)

// readBinary reads XGBoost's binary format, after its optional "binf".
// Everything is little-endian:
//
//	learner    base_score f32, num_feature, num_class, has_attributes, has_metrics, major, minor, num_target i32, padding
//	objective  length u64, bytes; booster likewise
//	forest     num_trees i32, …, at byte 28 size_leaf_vector i32, padding
//	trees      each: …, at byte 4 num_nodes i32, …, at byte 20 size_leaf_vector i32, padding; nodes; statistics
//	groups     i32 per tree
//	weights    count u64, f32 per tree, for dart
//	attributes count u64, pairs of strings
//	before 1.0 a string for poisson, and metrics: count u64, strings; newer versions set the mark for metrics and write none
//
// A node is parent, left, right i32, feature u32 with "default left" as its
// highest bit, value f32.
func readBinary(in *cursor, trees *builder) (header, error) {
	if string(in.head(len(binf))) == binf {
		in.skip(uint64(len(binf)))
	}
	learner := words(bytes.Clone(in.take(learnerBytes)))
	h := header{
		format: "xgboost-binary", base: math.Float32frombits(learner.at(0)), features: int64(learner.at(1)),
		major: int(learner.at(5)), minor: int(learner.at(6)), outputs: int64(max(learner.at(2), learner.at(7))),
	}
	h.baseIsMargin = h.major < 1
	h.objective, h.booster = in.text(maxNameBytes), in.text(maxNameBytes)
	if in.err == nil && h.booster != "gbtree" && h.booster != "dart" {
		return h, nil // what follows has another shape; header.model refuses it
	}
	param := in.words(forestBytes)
	count := param.at(0)
	h.parallel = int64(param.at(1))
	for i := uint32(0); i < count && in.err == nil; i++ {
		in.begin()
		if t := in.tree(); in.err == nil {
			in.err = trees.add(t)
		}
	}
	in.begin()
	in.skip(4 * uint64(count))
	if h.booster == "dart" && count > 0 {
		h.weights.beside = in.floats()
	}
	if learner.at(3) != 0 {
		in.attributes(&h.early)
	}
	if h.major < 1 && h.objective == "count:poisson" {
		in.skip(in.length()) // max_delta_step
	}
	if h.major < 1 && learner.at(4) != 0 {
		in.skipTexts()
	}
	if rest := in.left(); in.err == nil && rest > 0 {
		return header{}, refuse(Format, "%d bytes follow the model; save it again", rest)
	}
	return h, in.err
}

func (c *cursor) tree() *tree {
	param := c.words(treeBytes)
	n, vector := param.at(1), param.at(5)
	if c.err == nil && n > maxNodes {
		c.err = refuse(TooLarge, "a tree claims %d nodes, at most %d are read; train with max_depth or max_leaves", n, maxNodes)
	}
	if c.err == nil && int64(n)*(nodeBytes+statBytes) > c.left() {
		c.err = torn(c.size)
	}
	if c.err != nil || !c.spend(int64(n)*treeNodeBytes) {
		return nil
	}
	t := &tree{
		Left: make([]int32, n), Right: make([]int32, n), Feature: make([]int32, n),
		Value: make([]float32, n), DefaultLeft: make(flags, n),
	}
	t.Param.LeafVector = strconv.FormatUint(uint64(vector), 10)
	for i := range int(n) {
		node := c.words(nodeBytes)
		t.Left[i], t.Right[i] = int32(node.at(1)), int32(node.at(2))
		t.Feature[i] = int32(node.at(3) & math.MaxInt32)
		t.DefaultLeft[i] = node.at(3)>>31 == 1
		t.Value[i] = math.Float32frombits(node.at(4))
	}
	c.skip(uint64(n) * statBytes)
	return t
}

// floats reads a list of numbers.
func (c *cursor) floats() []float32 {
	var list []float32
	for n := c.length(); n > 0 && c.err == nil; n-- {
		list = append(list, math.Float32frombits(c.words(4).at(0)))
	}
	return list
}

// attributes reads pairs of a name and a value, of which few matter.
func (c *cursor) attributes(e *early) {
	for count := c.length(); count > 0 && c.err == nil; count-- {
		switch name, value := c.brief(), c.brief(); name {
		case "best_iteration":
			e.BestIteration = value
		case "best_ntree_limit":
			e.BestTrees = value
		}
	}
}

// skipTexts passes over a list of strings.
func (c *cursor) skipTexts() {
	for count := c.length(); count > 0 && c.err == nil; count-- {
		c.skip(c.length())
	}
}
