package model

import (
	"encoding/binary"
	"math"
	"strings"
)

// readUBJSON reads a model in Universal Binary JSON (draft 12), which is JSON
// with types and lengths in front, all big-endian.
func readUBJSON(c *cursor, trees *builder) (header, error) {
	u := ubjson{cursor: c}
	var d snapshotDocument
	u.value(func(key string) {
		switch key {
		case "Model":
			u.value(func(key string) { u.document(&d.Model, key, trees) })
		case "Config":
			u.value(nil)
		default:
			u.document(&d.document, key, trees)
		}
	})
	if rest := u.left(); u.err == nil && rest > 0 {
		return header{}, refuse(Format, "%d bytes follow the model; save it again", rest)
	}
	if u.err != nil {
		return header{}, u.err
	}
	return d.whole().header("xgboost-ubjson", u.unknown)
}

// document reads the value of one key on the outermost level.
func (u *ubjson) document(d *document, key string, trees *builder) {
	switch key {
	case "learner":
		u.value(func(key string) { u.learner(d, key, trees) })
	case "version":
		d.Version = u.ints()
	default:
		u.note("", key)
	}
}

func (u *ubjson) learner(d *document, key string, trees *builder) {
	l := &d.Learner
	switch key {
	case "feature_names":
		u.each(func(kind byte) {
			if l.Names = append(l.Names, u.text(kind)); len(l.Names) > MaxFeatures {
				u.cursor.fail(manyNames())
			}
		})
	case "feature_types":
		u.skipValue()
	case "attributes":
		u.fields(anyKey, map[string]func(){"best_iteration": u.toText(&l.Early.BestIteration), "best_ntree_limit": u.toText(&l.Early.BestTrees)})
	case "gradient_booster":
		u.fields(key, map[string]func(){
			"name":  u.toText(&l.Booster.Name),
			"model": func() { u.trees(&l.Booster.Model, trees) },
			"gbtree": func() {
				u.fields("gbtree", map[string]func(){"name": u.skipValue, "model": func() { u.trees(&l.Booster.Inner, trees) }})
			},
			"weight_drop": func() { l.Booster.Weight = u.floats() },
		})
	case "learner_model_param":
		u.fields(key, map[string]func(){
			"base_score": u.toText(&l.Param.BaseScore), "num_class": u.toText(&l.Param.Classes), "boost_from_average": u.skipValue,
			"num_feature": u.toText(&l.Param.Features), "num_target": u.toText(&l.Param.Targets),
		})
	case "objective":
		u.fields(anyKey, map[string]func(){"name": u.toText(&l.Objective)})
	default:
		u.note("learner", key)
	}
}

func (u *ubjson) trees(t *treesParam, to *builder) {
	u.fields("model", map[string]func(){
		"trees":       func() { u.each(func(kind byte) { u.tree(kind, to) }) },
		"weight_drop": func() { t.Weight = u.floats() },
		"tree_info":   u.skipValue, "iteration_indptr": u.skipValue, "cats": u.skipValue,
		"gbtree_model_param": func() {
			u.fields("gbtree_model_param", map[string]func(){
				"num_parallel_tree": u.toText(&t.Parallel), "num_trees": u.skipValue, "size_leaf_vector": u.skipValue,
			})
		},
	})
}

func (u *ubjson) tree(kind byte, trees *builder) {
	u.begin()
	var t tree
	u.object(kind, func(key string) {
		switch key {
		case "left_children":
			t.Left = u.ints()
		case "right_children":
			t.Right = u.ints()
		case "split_indices":
			t.Feature = u.ints()
		case "split_conditions":
			t.Value = u.floats()
		case "default_left":
			u.each(func(kind byte) { t.DefaultLeft = appendTo(u, t.DefaultLeft, u.number(kind) != 0) })
		case "split_type":
			t.Kind = u.ints()
		case "categories":
			t.Categories = u.ints()
		case "categories_nodes":
			t.OfNode = u.ints()
		case "categories_segments":
			t.From = u.ints()
		case "categories_sizes":
			t.Count = u.ints()
		case "tree_param":
			u.fields(key, map[string]func(){
				"size_leaf_vector": u.toText(&t.Param.LeafVector), "num_deleted": u.skipValue, "num_feature": u.skipValue, "num_nodes": u.skipValue,
			})
		case "id", "parents", "base_weights", "loss_changes", "sum_hessian", "leaf_child_counts":
			u.skipValue()
		default:
			u.note("trees", key)
		}
	})
	if u.err == nil {
		u.err = trees.add(&t)
	}
	u.begin()
}

// ubjson reads values from front to back. Like a cursor, it stands still after
// the first error.
type ubjson struct {
	*cursor
	depth    int
	expected uint64 // items that the list being read claims to have
	unknown  string // the first key that is not known, where keys matter
}

const maxNesting = 64

func (u *ubjson) fail(format string, args ...any) {
	u.cursor.fail(refuse(Format, "the model is broken UBJSON: "+format+"; save it again", args...))
}

// kind returns the type marker of the next value.
func (u *ubjson) kind() byte {
	for u.err == nil {
		if k := u.byte(); k != 'N' { // no-op
			return k
		}
	}
	return 0
}

// number reads the number of a kind. Flags are 1 and 0.
func (u *ubjson) number(kind byte) float64 {
	switch kind {
	case 'd':
		return float64(math.Float32frombits(uint32(u.big(4))))
	case 'D':
		return math.Float64frombits(u.big(8))
	case 'T':
		return 1
	case 'F':
		return 0
	}
	return float64(u.integer(kind))
}

func (u *ubjson) integer(kind byte) int64 {
	switch kind {
	case 'i':
		return int64(int8(u.big(1)))
	case 'U':
		return int64(u.big(1))
	case 'I':
		return int64(int16(u.big(2)))
	case 'l':
		return int64(int32(u.big(4)))
	case 'L':
		return int64(u.big(8))
	}
	u.fail("a number is marked %q at byte %d", kind, u.at)
	return 0
}

func (u *ubjson) big(n uint64) uint64 {
	var wide [8]byte
	copy(wide[8-n:], u.take(n))
	return binary.BigEndian.Uint64(wide[:])
}

// count reads a length. It is a claim: nothing is allocated by it.
func (u *ubjson) count() uint64 {
	n := u.integer(u.kind())
	if n < 0 {
		u.fail("a length is %d", n)
	}
	if u.err != nil {
		return 0
	}
	return uint64(n)
}

// text reads a string whose marker has been read.
func (u *ubjson) text(kind byte) string {
	if kind != 'S' {
		u.fail("a text is marked %q at byte %d", kind, u.at)
		return ""
	}
	return string(u.take(u.count()))
}

func (u *ubjson) floats() []float32 {
	var list []float32
	u.each(func(kind byte) { list = appendTo(u, list, float32(u.number(kind))) })
	return list
}

// appendTo is append within the bounds of a piece: a number may take less in
// the file than here.
func appendTo[L ~[]V, V any](u *ubjson, list L, v V) L {
	if list == nil {
		list = make(L, 0, min(u.expected, leastGuess))
	}
	if !u.spend(4) {
		return list
	}
	return append(list, v)
}

func (u *ubjson) ints() []int32 {
	var list []int32
	u.each(func(kind byte) {
		n := u.integer(kind)
		if n != int64(int32(n)) {
			u.fail("%d is no 32-bit number", n)
		}
		list = appendTo(u, list, int32(n))
	})
	return list
}

// toText reads a text to where it belongs.
func (u *ubjson) toText(v *string) func() { return func() { *v = u.text(u.kind()) } }

func (u *ubjson) skipValue() { u.value(nil) }

// note passes over the value of a key that is not known.
func (u *ubjson) note(object, key string) {
	if u.unknown == "" {
		u.unknown = strings.TrimPrefix(object+"."+key, ".")
	}
	u.skipValue()
}

// fields reads an object by its keys.
func (u *ubjson) fields(object string, known map[string]func()) {
	u.value(func(key string) {
		read, ok := known[key]
		switch {
		case ok:
			read()
		case object == anyKey:
			u.skipValue()
		default:
			u.note(object, key)
		}
	})
}

// value reads any value: an object by its fields, everything else is passed
// over. A nil field skips objects too.
func (u *ubjson) value(field func(key string)) { u.object(u.kind(), field) }

// object reads a value whose marker has been read. Where a field is expected
// the value must be an object.
func (u *ubjson) object(kind byte, field func(key string)) {
	if u.depth++; u.depth > maxNesting {
		u.fail("it is nested deeper than %d", maxNesting)
	}
	defer func() { u.depth-- }()
	if field != nil && kind != '{' {
		u.fail("an object is marked %q at byte %d", kind, u.at)
	}
	if u.err != nil {
		return
	}
	if kind != '{' {
		u.pass(kind)
		return
	}
	if field == nil {
		field = func(string) { u.value(nil) }
	}
	u.members(field)
}

// members reads an object after its opening brace. XGBoost writes neither
// count nor common type for objects.
func (u *ubjson) members(field func(key string)) {
	for u.err == nil {
		kind := u.kind()
		if kind == '}' {
			return
		}
		n := u.integer(kind)
		if n < 0 {
			u.fail("a key has length %d", n)
			return
		}
		if key := u.take(uint64(n)); u.err == nil {
			field(string(key))
		}
	}
}

// pass skips a value that is no object.
func (u *ubjson) pass(kind byte) {
	switch kind {
	case 'Z':
	case 'S', 'H':
		u.skip(u.count())
	case 'C':
		u.skip(1)
	case '[':
		u.items(func(kind byte) { u.object(kind, nil) })
	default:
		u.number(kind)
	}
}

// each reads an array and calls item for every one of its values, with the
// marker that says of which kind it is.
func (u *ubjson) each(item func(kind byte)) {
	if kind := u.kind(); kind != '[' {
		u.fail("a list is marked %q at byte %d", kind, u.at)
		return
	}
	u.items(item)
}

// items reads an array after its opening bracket: with a common type and a
// count, with a count alone, or up to the closing bracket.
func (u *ubjson) items(item func(kind byte)) {
	kind := u.kind()
	common := byte(0)
	if kind == '$' {
		if common = u.byte(); u.left() > 0 && string(u.head(1)) != "#" {
			u.fail("a list has a type and no length at byte %d", u.at)
		}
		kind = u.kind()
	}
	if u.expected = 0; kind != '#' {
		for ; u.err == nil && kind != ']'; kind = u.kind() {
			item(kind)
		}
		return
	}
	switch common {
	case 'Z', 'N', 'T', 'F':
		u.fail("a list has values of type %q, which take no bytes, so that it could claim any number of them", common)
	}
	u.expected = u.count()
	for n := u.expected; n > 0 && u.err == nil; n-- {
		if common == 0 {
			kind = u.kind()
		} else {
			kind = common
		}
		item(kind)
	}
}
