package inference

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/apache/thrift/lib/go/thrift"
)

// The two Thrift protocols over plain bytes, as far as the hot path needs them.
// What is read here is read as generated code would; whatever is out of the
// ordinary, right or wrong, is odd and left to that code to judge.

// outcome says how reading a message went.
type outcome uint8

// What reading comes to.
const (
	parsed     outcome = iota
	unfinished         // the message ends before it is complete
	odd                // not for the hot path
)

// parser reads values from b in order. After a value that is short or odd it
// reads nothing but zeros and ends of structs.
type parser struct {
	b        []byte
	at       int
	compact  bool
	flag     bool // value of the boolean field that field came to, where compact
	outcome  outcome
	elements int // of containers so far
	limit    int // bytes of a message
	most     int // elements of one
}

const skipDepth = 32 // of structs and containers in what is not read

// place is how far a struct was read.
type place struct {
	id   int16
	seen uint64 // ids below 64
}

func (p *parser) fail(o outcome) {
	if p.outcome == parsed {
		p.outcome = o
	}
	p.b, p.at = nil, 0
}

// take returns the next n bytes, nil where there are not that many.
func (p *parser) take(n int) []byte {
	if uint(n) <= uint(len(p.b)-p.at) {
		p.at += n
		return p.b[p.at-n : p.at]
	}
	return p.lack(n)
}

func (p *parser) lack(n int) []byte {
	if uint(n) > uint(p.limit) {
		p.fail(odd)
	} else {
		p.fail(unfinished)
	}
	return nil
}

func (p *parser) byte() byte {
	if p.at >= len(p.b) {
		p.fail(unfinished)
		return 0
	}
	b := p.b[p.at]
	p.at++
	return b
}

// field returns the type and id of a struct's next field; STOP at its end. A
// field that comes twice is odd: the second one would have to undo the first.
func (p *parser) field(in *place) (thrift.TType, int16) {
	var t thrift.TType
	var id int16
	if p.compact {
		t, id = p.compactField(in.id)
	} else if t = thrift.TType(p.byte()); t != thrift.STOP {
		b := p.take(2)
		if b == nil {
			return thrift.STOP, 0
		}
		id = int16(binary.BigEndian.Uint16(b))
	}
	if t == thrift.STOP {
		return thrift.STOP, 0
	}
	if bit := uint64(1) << (uint16(id) & 63); uint16(id) < 64 {
		if in.seen&bit != 0 {
			p.fail(odd)
			return thrift.STOP, 0
		}
		in.seen |= bit
	}
	in.id = id
	return t, id
}

func (p *parser) compactField(last int16) (thrift.TType, int16) {
	b := p.byte()
	if b == 0 {
		return thrift.STOP, 0
	}
	t := plainType(b & 0x0f)
	p.flag = b&0x0f == thrift.COMPACT_BOOLEAN_TRUE
	id := last + int16(b>>4)
	if b>>4 == 0 {
		id = int16(p.zigzag())
	}
	if t == thrift.STOP || id < 0 {
		p.fail(odd)
	}
	if p.outcome != parsed {
		return thrift.STOP, 0
	}
	return t, id
}

// plainType is the type that a compact one stands for; STOP for none.
func plainType(compact byte) thrift.TType {
	return [16]thrift.TType{
		thrift.COMPACT_BOOLEAN_TRUE: thrift.BOOL, thrift.COMPACT_BOOLEAN_FALSE: thrift.BOOL, thrift.COMPACT_BYTE: thrift.BYTE,
		thrift.COMPACT_I16: thrift.I16, thrift.COMPACT_I32: thrift.I32, thrift.COMPACT_I64: thrift.I64,
		thrift.COMPACT_DOUBLE: thrift.DOUBLE, thrift.COMPACT_BINARY: thrift.STRING, thrift.COMPACT_LIST: thrift.LIST,
		thrift.COMPACT_SET: thrift.SET, thrift.COMPACT_MAP: thrift.MAP, thrift.COMPACT_STRUCT: thrift.STRUCT, thrift.COMPACT_UUID: thrift.UUID,
	}[compact&0x0f]
}

func (p *parser) varint() uint64 {
	v := uint64(0)
	for shift := 0; shift < 70; shift += 7 {
		b := p.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	p.fail(odd)
	return 0
}

func (p *parser) zigzag() int64 {
	v := p.varint()
	return int64(v>>1) ^ -int64(v&1)
}

func (p *parser) word() uint32 {
	if b := p.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (p *parser) i32() int32 {
	if p.compact {
		v := uint32(p.varint())
		return int32(v>>1) ^ -int32(v&1)
	}
	return int32(p.word())
}

func (p *parser) i64() int64 {
	if p.compact {
		return p.zigzag()
	}
	if b := p.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (p *parser) double() float64 {
	b := p.take(8)
	switch {
	case b == nil:
		return 0
	case p.compact:
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b))
}

// boolean reads a field that is a boolean.
func (p *parser) boolean() bool {
	if p.compact {
		return p.flag
	}
	return p.byte() == 1
}

// size reads a length: of a text, or of a large compact container.
func (p *parser) size() int {
	var n int32
	if p.compact {
		n = int32(p.varint())
	} else {
		n = int32(p.word())
	}
	if n < 0 || int(n) > p.limit {
		p.fail(odd)
		return 0
	}
	return int(n)
}

// text returns a string that aliases b.
func (p *parser) text() string {
	if b := p.b[p.at:]; !p.compact && len(b) >= 4 { // most texts are there and short
		if n := uint(binary.BigEndian.Uint32(b)); n <= uint(len(b)-4) && n <= uint(p.limit) {
			p.at += 4 + int(n)
			return unsafe.String(unsafe.SliceData(b[4:]), n)
		}
	}
	b := p.take(p.size())
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// list returns the type and number of the elements that follow.
func (p *parser) list() (thrift.TType, int) {
	t, n := thrift.TType(0), 0
	if p.compact {
		b := p.byte()
		if t, n = plainType(b), int(b>>4); n == 15 {
			n = p.size()
		}
		if t == thrift.STOP && b&0x0f != thrift.STOP {
			p.fail(odd)
		}
	} else {
		t, n = thrift.TType(p.byte()), p.size()
	}
	p.count(n)
	if p.outcome != parsed {
		return thrift.STOP, 0
	}
	return t, n
}

// listOf is list where the elements should be of type t.
func (p *parser) listOf(t thrift.TType) int {
	got, n := p.list()
	if got != t && n > 0 {
		p.fail(odd)
		return 0
	}
	return n
}

func (p *parser) count(elements int) {
	if p.elements += elements; p.elements > p.most {
		p.fail(odd)
	}
}

// skip passes over a field of type t.
func (p *parser) skip(t thrift.TType) {
	if t == thrift.BOOL && p.compact {
		return // its value was in its header
	}
	p.pass(t, skipDepth)
}

// pass passes over a value of type t that is not a field by itself.
func (p *parser) pass(t thrift.TType, depth int) {
	if p.outcome != parsed {
		return
	}
	if depth == 0 {
		p.fail(odd)
		return
	}
	switch t {
	case thrift.BOOL, thrift.BYTE:
		p.byte()
	case thrift.I16, thrift.I32, thrift.I64:
		p.passInteger(t)
	case thrift.DOUBLE:
		p.take(8)
	case thrift.UUID:
		p.take(16)
	case thrift.STRING:
		p.take(p.size())
	case thrift.STRUCT:
		p.passStruct(depth)
	case thrift.LIST, thrift.SET:
		t, n := p.list()
		for ; n > 0 && p.outcome == parsed; n-- {
			p.pass(t, depth-1)
		}
	case thrift.MAP:
		p.passMap(depth)
	default:
		p.fail(odd)
	}
}

func (p *parser) passInteger(t thrift.TType) {
	switch {
	case p.compact:
		p.varint()
	case t == thrift.I16:
		p.take(2)
	case t == thrift.I32:
		p.take(4)
	default:
		p.take(8)
	}
}

func (p *parser) passStruct(depth int) {
	last := int16(0)
	for p.outcome == parsed {
		var t thrift.TType
		if p.compact {
			t, last = p.compactField(last)
		} else if t = thrift.TType(p.byte()); t != thrift.STOP {
			p.take(2)
		}
		if t == thrift.STOP {
			return
		}
		if t != thrift.BOOL || !p.compact {
			p.pass(t, depth-1)
		}
	}
}

func (p *parser) passMap(depth int) {
	var key, value thrift.TType
	var n int
	if p.compact {
		if n = p.size(); n > 0 {
			b := p.byte()
			key, value = plainType(b>>4), plainType(b)
		}
	} else {
		key, value, n = thrift.TType(p.byte()), thrift.TType(p.byte()), p.size()
	}
	for p.count(n); n > 0 && p.outcome == parsed; n-- {
		p.pass(key, depth-1)
		p.pass(value, depth-1)
	}
}

// The following read a field of type t, and pass over one that should have
// another type, as generated code does.

func (p *parser) textTo(t thrift.TType, to *string) {
	if t != thrift.STRING {
		p.skip(t)
		return
	}
	*to = p.text()
}

func (p *parser) numberTo(t thrift.TType, to *float32) {
	if t != thrift.I32 {
		p.skip(t)
		return
	}
	*to = float32(p.i32())
}

func (p *parser) indicatorTo(t thrift.TType, to *float32) {
	if t != thrift.BOOL {
		p.skip(t)
		return
	}
	*to = 0
	if p.boolean() {
		*to = 1
	}
}

// head is how a call begins.
type head struct {
	name string
	kind thrift.TMessageType
	seq  int32
}

// head reads it; one without a version is odd unless old.
func (p *parser) head(old bool) (h head) {
	if p.compact {
		if p.byte() != thrift.COMPACT_PROTOCOL_ID {
			p.fail(odd)
		}
		b := p.byte()
		if b&thrift.COMPACT_VERSION_MASK != thrift.COMPACT_VERSION {
			p.fail(odd)
		}
		h.kind = thrift.TMessageType(b >> thrift.COMPACT_TYPE_SHIFT_AMOUNT & thrift.COMPACT_TYPE_BITS)
		h.seq = int32(p.varint())
		h.name = p.text()
		return h
	}
	word := p.word()
	switch {
	case word>>16 == thrift.VERSION_1>>16:
		h.kind = thrift.TMessageType(word & 0xff)
		h.name = p.text()
	case old && word <= longestOldName:
		b := p.take(int(word))
		h.name = unsafe.String(unsafe.SliceData(b), len(b))
		h.kind = thrift.TMessageType(p.byte())
	default:
		p.fail(odd)
	}
	h.seq = int32(p.word())
	return h
}

// printer appends values to a message. Fields must come with growing ids.
type printer struct {
	out     []byte
	compact bool
}

func (p *printer) head(kind thrift.TMessageType, name string, seq int32) {
	if p.compact {
		p.out = append(p.out, thrift.COMPACT_PROTOCOL_ID, thrift.COMPACT_VERSION|byte(kind)<<thrift.COMPACT_TYPE_SHIFT_AMOUNT)
		p.out = binary.AppendUvarint(p.out, uint64(uint32(seq)))
		p.text(name)
		return
	}
	p.out = append(p.out, 0x80, 0x01, 0, byte(kind))
	p.text(name)
	p.out = binary.BigEndian.AppendUint32(p.out, uint32(seq))
}

// field begins field id, which comes after field last.
func (p *printer) field(t thrift.TType, last, id byte) {
	if !p.compact {
		p.out = append(p.out, byte(t), 0, id)
		return
	}
	if id == last { // only where a result's first field has the number 0
		p.out = append(p.out, compactType(t), id<<1)
		return
	}
	p.out = append(p.out, (id-last)<<4|compactType(t))
}

// compactType is the compact protocol's type for those that are printed here.
func compactType(t thrift.TType) byte {
	switch t {
	case thrift.DOUBLE:
		return thrift.COMPACT_DOUBLE
	case thrift.STRING:
		return thrift.COMPACT_BINARY
	case thrift.LIST:
		return thrift.COMPACT_LIST
	}
	return thrift.COMPACT_STRUCT
}

// boolean is a whole field.
func (p *printer) boolean(last, id byte, v bool) {
	bit := byte(0)
	if v {
		bit = 1
	}
	if p.compact {
		p.out = append(p.out, (id-last)<<4|(thrift.COMPACT_BOOLEAN_FALSE-bit))
		return
	}
	p.out = append(p.out, byte(thrift.BOOL), 0, id, bit)
}

func (p *printer) size(n int) {
	if p.compact {
		p.out = binary.AppendUvarint(p.out, uint64(n))
		return
	}
	p.out = binary.BigEndian.AppendUint32(p.out, uint32(n))
}

func (p *printer) text(s string) {
	p.size(len(s))
	p.out = append(p.out, s...)
}

func (p *printer) double(v float64) {
	if p.compact {
		p.out = binary.LittleEndian.AppendUint64(p.out, math.Float64bits(v))
		return
	}
	p.out = binary.BigEndian.AppendUint64(p.out, math.Float64bits(v))
}

// list begins a list of n elements.
func (p *printer) list(t thrift.TType, n int) {
	switch {
	case !p.compact:
		p.out = append(p.out, byte(t))
		p.size(n)
	case n < 15:
		p.out = append(p.out, byte(n)<<4|compactType(t))
	default:
		p.out = append(p.out, 0xf0|compactType(t))
		p.size(n)
	}
}

// stop ends n structs.
func (p *printer) stop(n int) {
	for range n {
		p.out = append(p.out, 0)
	}
}
