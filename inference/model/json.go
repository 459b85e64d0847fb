package model

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
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

// readJSON reads a model in JSON. Each tree is handed on as soon as it is read,
// so that only one is held in that shape.
func readJSON(c *cursor, trees *builder) (header, error) {
	plain := &plainJSON{cursor: c}
	j := jsonReader{cursor: c, plain: plain, in: json.NewDecoder(plain), trees: trees}
	var d snapshotDocument
	read := j.document(&d.document)
	read["Config"], read["Model"] = j.skip, j.object("Model", j.document(&d.Model))
	err := j.fields("", read)
	if err == nil {
		err = j.end()
	}
	var refusal Refusal
	switch {
	case err == nil:
		return d.whole().header("xgboost-json", j.unknown)
	case c.err != nil:
		return header{}, c.err
	case errors.As(err, &refusal):
		return header{}, refusal
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return header{}, torn(c.size)
	}
	return header{}, refuse(Format, "the model is broken JSON (%v); save it again", err)
}

// jsonReader reads a document by its keys.
type jsonReader struct {
	*cursor
	plain   io.Reader
	in      *json.Decoder
	trees   *builder
	unknown string // the first key that is not known, where keys matter
}

// fields are what reads the values of an object's keys.
type fields map[string]func() error

func (j *jsonReader) document(d *document) fields {
	l := &d.Learner
	return fields{
		"learner": j.object("learner", fields{
			"feature_names": func() error { return j.names(&l.Names) },
			"feature_types": j.skip,
			"attributes":    j.object(anyKey, fields{"best_iteration": j.to(&l.Early.BestIteration), "best_ntree_limit": j.to(&l.Early.BestTrees)}),
			"gradient_booster": j.object("gradient_booster", fields{
				"name":        j.to(&l.Booster.Name),
				"model":       j.object("model", j.model(&l.Booster.Model)),
				"gbtree":      j.object("gbtree", fields{"name": j.skip, "model": j.object("model", j.model(&l.Booster.Inner))}),
				"weight_drop": j.to(&l.Booster.Weight),
			}),
			"learner_model_param": j.object("learner_model_param", fields{
				"base_score": j.to(&l.Param.BaseScore), "num_class": j.to(&l.Param.Classes), "boost_from_average": j.skip,
				"num_feature": j.to(&l.Param.Features), "num_target": j.to(&l.Param.Targets),
			}),
			"objective": j.object(anyKey, fields{"name": j.to(&l.Objective)}),
		}),
		"version": j.to(&d.Version),
	}
}

func (j *jsonReader) model(p *treesParam) fields {
	return fields{
		"trees": j.list, "weight_drop": j.to(&p.Weight), "tree_info": j.skip, "iteration_indptr": j.skip, "cats": j.skip,
		"gbtree_model_param": j.object("gbtree_model_param", fields{
			"num_parallel_tree": j.to(&p.Parallel), "num_trees": j.skip, "size_leaf_vector": j.skip,
		}),
	}
}

func (j *jsonReader) tree(t *tree) fields {
	return fields{
		"left_children": j.to(&t.Left), "right_children": j.to(&t.Right), "split_indices": j.to(&t.Feature),
		"split_conditions": j.to(&t.Value), "default_left": j.to(&t.DefaultLeft), "split_type": j.to(&t.Kind),
		"categories": j.to(&t.Categories), "categories_nodes": j.to(&t.OfNode),
		"categories_segments": j.to(&t.From), "categories_sizes": j.to(&t.Count),
		"tree_param": j.object("tree_param", fields{
			"size_leaf_vector": j.to(&t.Param.LeafVector), "num_deleted": j.skip, "num_feature": j.skip, "num_nodes": j.skip,
		}),
		"id": j.skip, "parents": j.skip, "base_weights": j.skip, "loss_changes": j.skip, "sum_hessian": j.skip, "leaf_child_counts": j.skip,
	}
}

func (j *jsonReader) to(v any) func() error { return func() error { return j.in.Decode(v) } }

func (j *jsonReader) skip() error { return j.in.Decode(new(skipped)) }

// anyKey stands in the place of an object's name where people, or objectives,
// put what keys they like.
const anyKey = "*"

func (j *jsonReader) object(name string, known fields) func() error {
	return func() error { return j.fields(name, known) }
}

// fields reads an object; null leaves everything as it is. Keys are matched as
// encoding/json does, whatever the case of their letters. One that is not known
// is passed over and noted.
func (j *jsonReader) fields(object string, known fields) error {
	start, err := j.in.Token()
	if err != nil || start == nil {
		return err
	}
	if start != json.Delim('{') {
		return fmt.Errorf("%v stands where an object should", start)
	}
	for j.in.More() {
		key, err := j.in.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		read := known.of(name)
		if read == nil {
			if read = j.skip; object != anyKey && j.unknown == "" {
				j.unknown = strings.TrimPrefix(object+"."+name, ".")
			}
		}
		if err := read(); err != nil {
			return err
		}
	}
	_, err = j.in.Token()
	return err
}

// of returns what reads the value of a key, or nil.
func (f fields) of(key string) func() error {
	if read, exact := f[key]; exact {
		return read
	}
	for one, read := range f {
		if strings.EqualFold(one, key) {
			return read
		}
	}
	return nil
}

// skipped is a value that nobody needs.
type skipped struct{}

// UnmarshalJSON keeps nothing.
func (*skipped) UnmarshalJSON([]byte) error { return nil }

// items calls item for every value of a list; null is the error of what is none.
func (j *jsonReader) items(item func() error, null error) error {
	switch start, err := j.in.Token(); {
	case err != nil:
		return err
	case start == nil:
		return null
	case start != json.Delim('['):
		return fmt.Errorf("%v stands where a list should", start)
	}
	for j.in.More() {
		if err := item(); err != nil {
			return err
		}
	}
	_, err := j.in.Token()
	return err
}

func (j *jsonReader) names(to *[]string) error {
	*to = nil
	return j.items(func() error {
		var name string
		err := j.in.Decode(&name)
		if *to = append(*to, name); len(*to) > MaxFeatures {
			return manyNames()
		}
		return err
	}, nil)
}

func (j *jsonReader) list() error {
	err := j.items(func() error {
		j.begin()
		var t tree
		if err := j.fields("trees", j.tree(&t)); err != nil {
			return fmt.Errorf("tree %d: %w", len(j.trees.roots), err)
		}
		return j.trees.add(&t)
	}, errors.New("null stands where the trees should"))
	j.begin()
	return err
}

// end refuses what follows the model.
func (j *jsonReader) end() error {
	rest := bufio.NewReader(io.MultiReader(j.in.Buffered(), j.plain))
	for {
		r, _, err := rest.ReadRune()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case strings.TrimSpace(string(r)) != "":
			return refuse(Format, "more bytes follow the model; save it again")
		}
	}
}

// plainJSON passes a file on with words of JSON for those that XGBoost has for
// what is no number: NaN in place of thresholds of categorical splits, and
// infinities.
type plainJSON struct {
	*cursor
	quoted, escaped bool
	word            string // to be passed on before anything else
}

// Read implements io.Reader.
func (p *plainJSON) Read(to []byte) (int, error) {
	if p.word == "" && p.left() > 0 {
		n := p.plain(p.some(len(to)))
		if n > 0 {
			n = copy(to, p.take(uint64(n)))
			return n, p.err
		}
		p.word, n = p.known()
		p.skip(uint64(n))
	}
	if p.err != nil {
		return 0, p.err
	}
	if p.word == "" {
		return 0, io.EOF
	}
	n := copy(to, p.word)
	p.word = p.word[n:]
	return n, nil
}

const (
	nan      = "NaN"
	infinity = "Infinity"
	infinite = "1e999" // beyond all numbers
)

// known returns what is passed on for the next bytes, and how many those are.
func (p *plainJSON) known() (string, int) {
	ahead := string(p.head(len(infinity)))
	switch {
	case strings.HasPrefix(ahead, nan):
		return "null", len(nan)
	case ahead == infinity:
		return infinite, len(infinity)
	}
	return ahead[:min(len(ahead), 1)], min(len(ahead), 1)
}

// plain returns how many of the next bytes may pass as they are.
func (p *plainJSON) plain(b []byte) int {
	for i, c := range b {
		switch {
		case p.escaped:
			p.escaped = false
		case p.quoted && c == '\\':
			p.escaped = true
		case c == '"':
			p.quoted = !p.quoted
		case (c == nan[0] || c == infinity[0]) && !p.quoted:
			return i
		}
	}
	return len(b)
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

// flags are written as true and false up to 1.5, then as 1 and 0.
type flags []bool

// UnmarshalJSON reads an array of either spelling.
func (f *flags) UnmarshalJSON(b []byte) error {
	return unlist(b, (*[]bool)(f), func(item []byte) (bool, error) {
		switch string(item) {
		case "true", "1":
			return true, nil
		case "false", "0":
			return false, nil
		}
		return false, strconv.ErrSyntax
	})
}

// numbers are float32, with null for those that are none.
type numbers []float32

// UnmarshalJSON reads an array.
func (n *numbers) UnmarshalJSON(b []byte) error {
	return unlist(b, (*[]float32)(n), func(item []byte) (float32, error) {
		if string(item) == "null" {
			return float32(math.NaN()), nil
		}
		v, err := strconv.ParseFloat(string(item), 32)
		if strings.TrimPrefix(string(item), "-") == infinite {
			err = nil
		}
		return float32(v), err
	})
}

// integers are int32, with 0 for null as in encoding/json, which takes several
// times as long.
type integers []int32

// UnmarshalJSON reads an array.
func (n *integers) UnmarshalJSON(b []byte) error {
	return unlist(b, (*[]int32)(n), func(item []byte) (int32, error) {
		if string(item) == "null" {
			return 0, nil
		}
		v, err := strconv.ParseInt(string(item), 10, 32)
		return int32(v), err
	})
}

// unlist reads an array, which is JSON already. Null is none.
func unlist[V any](b []byte, to *[]V, read func(item []byte) (V, error)) error {
	*to = nil
	b = bytes.TrimSpace(b)
	if string(b) == "null" {
		return nil
	}
	if len(b) < 2 || b[0] != '[' {
		return refuse(Format, "%.20q stands where a list should; save the model again", b)
	}
	inner := bytes.TrimSpace(b[1 : len(b)-1])
	if len(inner) == 0 {
		return nil
	}
	list := make([]V, 0, bytes.Count(inner, []byte(","))+1)
	for item := range bytes.SplitSeq(inner, []byte(",")) {
		item = bytes.TrimSpace(item)
		v, err := read(item)
		if err != nil {
			return refuse(Format, "a list holds %.20q; save the model again", item)
		}
		list = append(list, v)
	}
	*to = list
	return nil
}
