package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

// forest is a model of random complete trees, kept as anyone would keep it who
// thinks no further: it is the reference.
type forest struct {
	features int
	trees    [][]node
}

// node is one split, or a leaf where feature is negative.
type node struct {
	value       float32 // of a leaf, or the threshold: less goes left
	feature     int32
	left, right int32
	defaultLeft bool // where a missing value goes
}

// newForest draws a model. The same arguments give the same model.
func newForest(seed uint64, trees, depth, features int) *forest {
	rng := rand.New(rand.NewPCG(seed, 1))
	f := &forest{features: features}
	inner := 1<<depth - 1
	for range trees {
		t := make([]node, 2*inner+1)
		for i := range t {
			if i >= inner {
				t[i] = node{feature: -1, value: float32(rng.NormFloat64() / 20)}
				continue
			}
			t[i] = node{
				value: float32(rng.NormFloat64()), feature: int32(rng.IntN(features)),
				left: int32(2*i + 1), right: int32(2*i + 2), defaultLeft: rng.IntN(2) == 0,
			}
		}
		f.trees = append(f.trees, t)
	}
	return f
}

// margin is the naive walk: one tree after the other, from node to node.
func (f *forest) margin(row []float32) float32 {
	sum := float32(0)
	for _, t := range f.trees {
		n := &t[0]
		for n.feature >= 0 {
			v := row[n.feature]
			switch {
			case v != v && n.defaultLeft, v < n.value:
				n = &t[n.left]
			default:
				n = &t[n.right]
			}
		}
		sum += n.value
	}
	return sum
}

// score is the margin through the logistic function.
func (f *forest) score(row []float32) float64 {
	return 1 / (1 + math.Exp(-float64(f.margin(row))))
}

// json writes the model as XGBoost 1.7 saves it.
func (f *forest) json() []byte {
	var b strings.Builder
	b.WriteString(`{"learner":{"attributes":{},"feature_names":[],"feature_types":[],"gradient_booster":{"model":{"gbtree_model_param":`)
	fmt.Fprintf(&b, `{"num_parallel_tree":"1","num_trees":"%d","size_leaf_vector":"0"},"tree_info":%s,"trees":[`,
		len(f.trees), list(len(f.trees), func(int) string { return "0" }))
	for i, t := range f.trees {
		if i > 0 {
			b.WriteByte(',')
		}
		f.tree(&b, i, t)
	}
	fmt.Fprintf(&b, `]},"name":"gbtree"},"learner_model_param":{"base_score":"5E-1","boost_from_average":"1","num_class":"0","num_feature":"%d","num_target":"1"},`, f.features)
	b.WriteString(`"objective":{"name":"binary:logistic","reg_loss_param":{"scale_pos_weight":"1"}}},"version":[1,7,4]}`)
	return []byte(b.String())
}

func (f *forest) tree(b *strings.Builder, id int, t []node) {
	of := func(name string, value func(i int) string) { fmt.Fprintf(b, `"%s":%s,`, name, list(len(t), value)) }
	number := func(v float32) string { return strconv.FormatFloat(float64(v), 'E', -1, 32) } // without an exponent XGBoost reads an integer
	child := func(i int, c int32) string {
		if t[i].feature < 0 {
			return "-1"
		}
		return strconv.Itoa(int(c))
	}
	b.WriteByte('{')
	of("left_children", func(i int) string { return child(i, t[i].left) })
	of("right_children", func(i int) string { return child(i, t[i].right) })
	parents := make([]int, len(t))
	parents[0] = math.MaxInt32
	for i, n := range t {
		if n.feature >= 0 {
			parents[n.left], parents[n.right] = i, i
		}
	}
	of("parents", func(i int) string { return strconv.Itoa(parents[i]) })
	of("split_indices", func(i int) string { return strconv.Itoa(int(max(t[i].feature, 0))) })
	of("split_conditions", func(i int) string { return number(t[i].value) })
	of("default_left", func(i int) string {
		if t[i].defaultLeft {
			return "1"
		}
		return "0"
	})
	for _, name := range []string{"base_weights", "loss_changes", "sum_hessian"} {
		of(name, func(int) string { return number(0) })
	}
	of("split_type", func(int) string { return "0" })
	fmt.Fprintf(b, `"categories":[],"categories_nodes":[],"categories_segments":[],"categories_sizes":[],"id":%d,`, id)
	fmt.Fprintf(b, `"tree_param":{"num_deleted":"0","num_feature":"%d","num_nodes":"%d","size_leaf_vector":"0"}}`, f.features, len(t))
}

func list(n int, item func(i int) string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = item(i)
	}
	return "[" + strings.Join(items, ",") + "]"
}
