package model

import (
	"strconv"
	"strings"
)

// document is what a model says, as JSON and UBJSON hold it, but for its trees.
type document struct {
	Learner struct {
		Names   []string
		Early   early
		Booster struct {
			Name   string
			Model  treesParam
			Weight []float32
			Inner  treesParam // of dart
		}
		Param     learnerParam
		Objective string
	}
	Version []int32
}

// treesParam is what stands beside the trees.
type treesParam struct {
	Parallel string
	Weight   []float32
}

// learnerParam holds numbers as strings, as XGBoost writes them.
type learnerParam struct{ BaseScore, Classes, Features, Targets string }

// snapshotDocument is how a pickled Booster holds its model from 1.5 on.
type snapshotDocument struct {
	document
	Model document
}

// whole returns the document that was filled in.
func (d *snapshotDocument) whole() *document {
	if d.Learner.Booster.Name == "" {
		return &d.Model
	}
	return &d.document
}

// keys are those that an object of a model may have, in JSON and in UBJSON, and
// where the value of each goes: to a pointer, to an object's keys, or nowhere
// where it is nil. Another key is passed over and noted.
type keys map[string]any

// anyKeys are those of an object in which people, or objectives, put what else
// they like.
type anyKeys keys

// treeList stands where the trees go.
type treeList struct{}

func (d *snapshotDocument) keys() keys {
	all := d.document.keys()
	all["Config"], all["Model"] = nil, d.Model.keys()
	return all
}

func (d *document) keys() keys {
	l := &d.Learner
	return keys{
		"learner": keys{
			"feature_names": &l.Names,
			"feature_types": nil,
			"attributes":    anyKeys{"best_iteration": &l.Early.BestIteration, "best_ntree_limit": &l.Early.BestTrees},
			"gradient_booster": keys{
				"name":        &l.Booster.Name,
				"model":       l.Booster.Model.keys(),
				"gbtree":      keys{"name": nil, "model": l.Booster.Inner.keys()},
				"weight_drop": &l.Booster.Weight,
			},
			"learner_model_param": keys{
				"base_score": &l.Param.BaseScore, "num_class": &l.Param.Classes, "boost_from_average": nil,
				"num_feature": &l.Param.Features, "num_target": &l.Param.Targets,
			},
			"objective": anyKeys{"name": &l.Objective},
		},
		"version": &d.Version,
	}
}

func (p *treesParam) keys() keys {
	return keys{
		"trees": treeList{}, "weight_drop": &p.Weight, "tree_info": nil, "iteration_indptr": nil, "cats": nil,
		"gbtree_model_param": keys{"num_parallel_tree": &p.Parallel, "num_trees": nil, "size_leaf_vector": nil},
	}
}

func (t *tree) keys() keys {
	return keys{
		"left_children": &t.Left, "right_children": &t.Right, "split_indices": &t.Feature,
		"split_conditions": &t.Value, "default_left": &t.DefaultLeft, "split_type": &t.Kind,
		"categories": &t.Categories, "categories_nodes": &t.OfNode, "categories_segments": &t.From, "categories_sizes": &t.Count,
		"tree_param": keys{"size_leaf_vector": &t.Param.LeafVector, "num_deleted": nil, "num_feature": nil, "num_nodes": nil},
		"id":         nil, "parents": nil, "base_weights": nil, "loss_changes": nil, "sum_hessian": nil, "leaf_child_counts": nil,
	}
}

// unknownKey is the first key that is not known, with the keys that it stands under.
type unknownKey string

func (u *unknownKey) note(object, key string) {
	if *u == "" {
		*u = unknownKey(strings.TrimPrefix(object+"."+key, "."))
	}
}

// header turns the strings of the document into numbers.
func (d *document) header(format, unknown string) (header, error) {
	l := &d.Learner
	if l.Booster.Name == "" || l.Objective == "" || l.Param.Features == "" {
		return header{}, refuse(Format, "the document has no learner with booster, objective and parameters; save an XGBoost model")
	}
	h := header{
		format: format, objective: l.Objective, booster: l.Booster.Name, names: l.Names,
		early: l.Early, weights: weights{l.Booster.Weight, append(l.Booster.Model.Weight, l.Booster.Inner.Weight...)}, unknown: unknown,
	}
	for _, count := range []string{l.Booster.Model.Parallel, l.Booster.Inner.Parallel} {
		n, _ := strconv.ParseInt(count, 10, 32) // 0 is as good as none
		h.parallel = max(h.parallel, n)
	}
	if len(d.Version) >= 2 {
		h.major, h.minor = int(d.Version[0]), int(d.Version[1])
	}
	var err error
	if h.features, err = strconv.ParseInt(l.Param.Features, 10, 64); err != nil {
		return header{}, refuse(Format, "num_feature is %.40q; save the model again", l.Param.Features)
	}
	for _, count := range []string{l.Param.Classes, l.Param.Targets} {
		n, err := strconv.ParseInt(count, 10, 64)
		if count != "" && err != nil {
			return header{}, refuse(Format, "num_class or num_target is %.40q; save the model again", count)
		}
		h.outputs = max(h.outputs, n)
	}
	if err := h.supported(); err != nil {
		return header{}, err
	}
	// From 3.1 on it is a list in a string: "[5E-1]".
	text := strings.TrimSuffix(strings.TrimPrefix(l.Param.BaseScore, "["), "]")
	base, err := strconv.ParseFloat(text, 32)
	if err != nil {
		return header{}, refuse(Format, "base_score is %.40q, not one number; save the model again", l.Param.BaseScore)
	}
	h.base = float32(base)
	return h, nil
}
