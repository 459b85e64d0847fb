package model

import (
	"encoding/binary"
	"math"
	"strconv"
)

// Sizes of the structs that the binary format dumps from memory, and bounds
// on what they claim.
const (
	learnerBytes = 136
	forestBytes  = 160
	treeBytes    = 148
	nodeBytes    = 20
	statBytes    = 16

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
//	attributes count u64, pairs of strings; before 1.0 a string for poisson; metrics: count u64, strings
//
// A node is parent, left, right i32, feature u32 with "default left" as its
// highest bit, value f32.
func readBinary(b []byte, trees *builder) (header, error) {
	in := cursor{b: b}
	learner := in.words(learnerBytes)
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
		if t := in.tree(); in.err == nil {
			in.err = trees.add(t)
		}
	}
	in.skip(4 * uint64(count))
	if h.booster == "dart" && count > 0 {
		h.weights = in.floats()
	}
	if learner.at(3) != 0 {
		in.attributes(&h.early)
	}
	if h.major < 1 && h.objective == "count:poisson" {
		in.skip(in.length()) // max_delta_step
	}
	if learner.at(4) != 0 {
		in.skipTexts()
	}
	if rest := len(in.b) - in.at; in.err == nil && rest > 0 {
		return header{}, refuse(Format, "%d bytes follow the model; save it again", rest)
	}
	return h, in.err
}

func (c *cursor) tree() *tree {
	param := c.words(treeBytes)
	n := param.at(1)
	if c.err == nil && n > maxNodes {
		c.err = refuse(TooLarge, "a tree claims %d nodes, at most %d are read; train with max_depth or max_leaves", n, maxNodes)
	}
	nodes := c.words(uint64(n) * nodeBytes)
	c.skip(uint64(n) * statBytes)
	if c.err != nil {
		return nil
	}
	t := &tree{
		Left: make([]int32, n), Right: make([]int32, n), Feature: make([]int32, n),
		Value: make([]float32, n), DefaultLeft: make(flags, n),
	}
	t.Param.LeafVector = strconv.FormatUint(uint64(param.at(5)), 10)
	for i := range int(n) {
		t.Left[i], t.Right[i] = int32(nodes.at(5*i+1)), int32(nodes.at(5*i+2))
		t.Feature[i] = int32(nodes.at(5*i+3) & math.MaxInt32)
		t.DefaultLeft[i] = nodes.at(5*i+3)>>31 == 1
		t.Value[i] = math.Float32frombits(nodes.at(5*i + 4))
	}
	return t
}

// cursor reads a file from front to back. After the first error it stands
// still and gives zeros, so that callers may look at err once per loop.
type cursor struct {
	b   []byte
	at  int
	err error
}

// take returns the next n bytes; fewer are a torn file.
func (c *cursor) take(n uint64) []byte {
	if c.err != nil {
		return nil
	}
	if n > uint64(len(c.b)-c.at) {
		c.err = torn(len(c.b))
		return nil
	}
	part := c.b[c.at : c.at+int(n)]
	c.at += int(n)
	return part
}

func (c *cursor) skip(n uint64) { c.take(n) }

// words returns the next n bytes as little-endian words.
func (c *cursor) words(n uint64) words { return words(c.take(n)) }

type words []byte

// at returns word i, or 0 where the file ended before.
func (w words) at(i int) uint32 {
	if 4*i+4 > len(w) {
		return 0
	}
	return binary.LittleEndian.Uint32(w[4*i:])
}

func (c *cursor) length() uint64 {
	b := c.take(8)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

// text reads a string of at most limit bytes.
func (c *cursor) text(limit uint64) string {
	n := c.length()
	if c.err == nil && n > limit {
		c.err = refuse(Format, "a name claims %d bytes, at most %d are read; save the model again", n, limit)
	}
	return string(c.take(n))
}

// floats reads a list of numbers.
func (c *cursor) floats() []float32 {
	n := c.length()
	packed := c.words(4 * min(n, uint64(len(c.b))))
	list := make([]float32, len(packed)/4)
	for i := range list {
		list[i] = math.Float32frombits(packed.at(i))
	}
	return list
}

// attributes reads pairs of a name and a value, of which few matter.
func (c *cursor) attributes(e *early) {
	for count := c.length(); count > 0 && c.err == nil; count-- {
		name, value := c.take(c.length()), c.take(c.length())
		switch string(name) {
		case "best_iteration":
			e.BestIteration = string(value)
		case "best_ntree_limit":
			e.BestTrees = string(value)
		}
	}
}

// skipTexts passes over a list of strings.
func (c *cursor) skipTexts() {
	for count := c.length(); count > 0 && c.err == nil; count-- {
		c.skip(c.length())
	}
}
