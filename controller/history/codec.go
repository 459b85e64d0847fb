package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"reflect"
	"time"
)

// Bounds of what a look may hold.
const (
	maxLeaves = 1 << 20 // numbers, texts and lists
	maxText   = 64 << 10
)

// memory is what a place of the last look held, and so what differences are
// taken to.
type memory struct {
	bits uint64
	text string
	kids []memory
}

func (m *memory) kid(i int) *memory {
	for len(m.kids) <= i {
		m.kids = append(m.kids, memory{})
	}
	return &m.kids[i]
}

// column holds all that one field has ever been. Most of it are small numbers.
// Of floats that are not whole, the bits that changed are kept byte by byte:
// first bytes with first bytes, so that what is equal in them is found.
type column struct {
	tokens []byte
	planes [8][]byte
}

// encoder writes looks into columns.
type encoder struct {
	columns []column
	leaves  int
	err     error
}

func (e *encoder) put(c int, token uint64) {
	if e.leaves++; e.leaves > maxLeaves {
		e.err = fmt.Errorf("the look holds more than %d numbers", maxLeaves)
		return
	}
	e.columns[c].tokens = binary.AppendUvarint(e.columns[c].tokens, token)
}

func (e *encoder) encode(n *node, v reflect.Value, m *memory) {
	if e.err != nil {
		return
	}
	switch n.Kind {
	case boolean:
		var bit int64
		if v.Bool() {
			bit = 1
		}
		e.integer(n, bit, m)
	case integer:
		e.integer(n, v.Int(), m)
	case float:
		e.float(n, v.Float(), m)
	case text:
		e.text(n, v.String(), m)
	case moment:
		t := v.Interface().(time.Time)
		_, offset := t.Zone()
		for i, part := range []int64{t.Unix(), int64(t.Nanosecond()), int64(offset)} {
			e.integer(n, part, m.kid(i))
		}
	case list:
		if v.IsNil() {
			e.put(n.column, 0)
			return
		}
		e.put(n.column, uint64(v.Len())+1)
		e.elements(n, v, m)
	case array:
		e.elements(n, v, m)
	case record:
		for i, p := range n.Parts {
			e.encode(p, v.Field(p.field), m.kid(i))
		}
	}
}

func (e *encoder) elements(n *node, v reflect.Value, m *memory) {
	for i := 0; i < v.Len() && e.err == nil; i++ {
		e.encode(n.Parts[0], v.Index(i), m.kid(i))
	}
}

// integer writes a difference, which may wrap around.
func (e *encoder) integer(n *node, v int64, m *memory) {
	e.put(n.column, zigzag(v-int64(m.bits)))
	m.bits = uint64(v)
}

// float writes 0 for what has not changed, an even number for the difference
// of two whole ones, and 1 for changed bits in the planes.
func (e *encoder) float(n *node, v float64, m *memory) {
	now, last := math.Float64bits(v), m.bits
	m.bits = now
	if now == last {
		e.put(n.column, 0)
		return
	}
	a, isWhole := whole(now)
	b, wasWhole := whole(last)
	if isWhole && wasWhole {
		e.put(n.column, zigzag(a-b)<<1)
		return
	}
	e.put(n.column, 1)
	c := &e.columns[n.column]
	for i := range c.planes {
		c.planes[i] = append(c.planes[i], byte((now^last)>>(56-8*i)))
	}
}

// whole returns the number that a float's bits stand for, if it is whole and
// no other bits stand for it.
func whole(b uint64) (int64, bool) {
	v := math.Float64frombits(b)
	if !(math.Abs(v) < 1<<52) || v != math.Trunc(v) || v == 0 && b != 0 {
		return 0, false
	}
	return int64(v), true
}

func (e *encoder) text(n *node, s string, m *memory) {
	if s == m.text {
		e.put(n.column, 0)
		return
	}
	if len(s) > maxText {
		e.err = fmt.Errorf("%s is a text of %d bytes: want at most %d", n.Name, len(s), maxText)
		return
	}
	m.text = s
	e.put(n.column, uint64(len(s))+1)
	e.columns[n.column].tokens = append(e.columns[n.column].tokens, s...)
}

func zigzag(v int64) uint64   { return uint64(v<<1) ^ uint64(v>>63) }
func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

var errShort = errors.New("a column is too short")

// decoder reads looks from columns. Where a node has no Go field, it reads
// what it holds and drops it: the value is the zero reflect.Value.
type decoder struct {
	columns []column
	leaves  int
	err     error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

func (d *decoder) take(c int) uint64 {
	if d.leaves++; d.leaves > maxLeaves {
		d.fail(fmt.Errorf("a look holds more than %d numbers", maxLeaves))
	}
	token, n := binary.Uvarint(d.columns[c].tokens)
	if n <= 0 {
		d.fail(errShort)
	}
	if d.err != nil {
		return 0
	}
	d.columns[c].tokens = d.columns[c].tokens[n:]
	return token
}

func (d *decoder) decode(n *node, v reflect.Value, m *memory) {
	if d.err != nil {
		return
	}
	switch n.Kind {
	case boolean:
		if bit := d.integer(n, m); v.IsValid() {
			v.SetBool(bit != 0)
		}
	case integer:
		if i := d.integer(n, m); v.IsValid() {
			v.SetInt(i)
		}
	case float:
		if f := d.float(n, m); v.IsValid() {
			v.SetFloat(f)
		}
	case text:
		if s := d.text(n, m); v.IsValid() {
			v.SetString(s)
		}
	case moment:
		if t := d.moment(n, m); v.IsValid() {
			v.Set(reflect.ValueOf(t))
		}
	case list:
		d.list(n, v, m)
	case array:
		for i := 0; i < n.Len && d.err == nil; i++ {
			d.decode(n.Parts[0], element(v, i), m.kid(i))
		}
	case record:
		for i, p := range n.Parts {
			part := reflect.Value{}
			if v.IsValid() && p.field >= 0 {
				part = v.Field(p.field)
			}
			d.decode(p, part, m.kid(i))
		}
	}
}

func element(v reflect.Value, i int) reflect.Value {
	if !v.IsValid() {
		return v
	}
	return v.Index(i)
}

func (d *decoder) integer(n *node, m *memory) int64 {
	m.bits += uint64(unzigzag(d.take(n.column)))
	return int64(m.bits)
}

func (d *decoder) float(n *node, m *memory) float64 {
	token := d.take(n.column)
	switch {
	case token == 0:
	case token == 1:
		c := &d.columns[n.column]
		for i := range c.planes {
			if len(c.planes[i]) == 0 {
				d.fail(errShort)
				return 0
			}
			m.bits ^= uint64(c.planes[i][0]) << (56 - 8*i)
			c.planes[i] = c.planes[i][1:]
		}
	case token&1 == 0:
		last, ok := whole(m.bits)
		now := last + unzigzag(token>>1)
		if !ok || bits.Len64(uint64(max(now, -now))) > 52 {
			d.fail(errors.New("a difference starts from no whole number"))
			return 0
		}
		m.bits = math.Float64bits(float64(now))
	default:
		d.fail(errors.New("a float has an unknown form"))
	}
	return math.Float64frombits(m.bits)
}

func (d *decoder) text(n *node, m *memory) string {
	token := d.take(n.column)
	if token == 0 || d.err != nil {
		return m.text
	}
	c := &d.columns[n.column]
	if token-1 > uint64(min(maxText, len(c.tokens))) {
		d.fail(errShort)
		return ""
	}
	m.text, c.tokens = string(c.tokens[:token-1]), c.tokens[token-1:]
	return m.text
}

// moment keeps the offset of the time's zone, since JSON shows it, and not the
// zone's name.
func (d *decoder) moment(n *node, m *memory) time.Time {
	seconds, nanos, offset := d.integer(n, m.kid(0)), d.integer(n, m.kid(1)), d.integer(n, m.kid(2))
	if nanos < 0 || nanos > 999_999_999 || offset < -86400 || offset > 86400 {
		d.fail(errors.New("a time is none"))
		return time.Time{}
	}
	t := time.Unix(seconds, nanos).UTC()
	if offset != 0 {
		t = t.In(time.FixedZone("", int(offset)))
	}
	return t
}

// list grows as its elements are read, so that a length that was made up costs
// nothing.
func (d *decoder) list(n *node, v reflect.Value, m *memory) {
	token := d.take(n.column)
	if token == 0 || d.err != nil {
		return
	}
	if token-1 > maxLeaves {
		d.fail(fmt.Errorf("a list holds more than %d elements", maxLeaves))
		return
	}
	length := int(token - 1)
	if v.IsValid() {
		v.Set(reflect.MakeSlice(v.Type(), 0, min(length, 128)))
	}
	for i := 0; i < length && d.err == nil; i++ {
		if v.IsValid() {
			v.Grow(1)
			v.SetLen(i + 1)
		}
		d.decode(n.Parts[0], element(v, i), m.kid(i))
	}
}
