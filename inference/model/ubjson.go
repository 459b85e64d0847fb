package model

import (
	"encoding/binary"
	"fmt"
	"math"
)

// readUBJSON reads a model in Universal Binary JSON (draft 12), which is JSON
// with types and lengths in front, all big-endian.
func readUBJSON(c *cursor, trees *builder) (header, error) {
	u := ubjson{cursor: c, trees: trees}
	var d snapshotDocument
	u.fields(u.kind(), "", d.keys(), false)
	if rest := u.left(); u.err == nil && rest > 0 {
		return header{}, refuse(Format, "%d bytes follow the model; save it again", rest)
	}
	if u.err != nil {
		return header{}, u.err
	}
	return d.whole().header("xgboost-ubjson", string(u.unknown))
}

// known reads the value of a key to where it goes.
func (u *ubjson) known(key string, to any) {
	switch to := to.(type) {
	case nil:
		u.skipValue()
	case keys:
		u.fields(u.kind(), key, to, false)
	case anyKeys:
		u.fields(u.kind(), key, keys(to), true)
	case treeList:
		u.each(u.tree)
	case *[]string:
		u.names(to)
	case *string:
		*to = u.text(u.kind())
	case *[]int32:
		*to = u.ints()
	case *integers:
		*to = u.ints()
	case *[]float32:
		*to = u.floats()
	case *numbers:
		*to = u.floats()
	case *flags:
		u.each(func(kind byte) { *to = appendTo(u, *to, u.number(kind) != 0) })
	default:
		panic(fmt.Sprintf("model: nobody reads a %T", to))
	}
}

func (u *ubjson) names(to *[]string) {
	u.each(func(kind byte) {
		*to = append(*to, u.text(kind))
		u.spend(nameBytes)
	})
}

func (u *ubjson) tree(kind byte) {
	u.begin()
	var t tree
	u.fields(kind, "trees", t.keys(), false)
	if u.err == nil {
		u.err = u.trees.add(&t)
	}
	u.begin()
}

// ubjson reads values from front to back. Like a cursor, it stands still after
// the first error.
type ubjson struct {
	*cursor
	depth    int
	expected uint64 // items that the list being read claims to have
	trees    *builder
	unknown  unknownKey
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

func (u *ubjson) skipValue() { u.value(nil) }

// fields reads an object by its keys, after its marker.
func (u *ubjson) fields(kind byte, object string, known keys, others bool) {
	u.object(kind, func(key string) {
		to, ok := known[key]
		if !ok && !others {
			u.unknown.note(object, key)
		}
		u.known(key, to)
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
