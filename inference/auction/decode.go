package auction

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/apache/thrift/lib/go/thrift"
)

// decision is an answer to decide, or to filter, which speaks of the one partner
// that was asked about without a name. Its bytes alias the buffer it was read
// from.
type decision struct {
	release  []byte
	receipt  []byte
	partners []partnerDecision // in the order asked
	explored bool
	degraded bool
	present  bool
}

type partnerDecision struct {
	name     []byte
	filtered bool
}

// errShort says that the buffer ends before the message does.
var errShort = errors.New("message is cut short")

// errNoThrift says that no correct server sends this.
var errNoThrift = errors.New("answer is no Thrift of this protocol")

const (
	maxSkipDepth = 64
)

// decoder reads Thrift from a buffer. After its first error it returns zeros.
type decoder struct {
	in      []byte
	at      int
	dialect dialect
	last    int16 // field of the struct being read, for the compact protocol
	flag    bool  // value of a bool field, which the compact protocol has in the header
	err     error
}

// answer reads the reply to a call with that sequence id into d, and returns
// how many bytes it had. The error is errShort, or badAnswer or a
// TApplicationException where the server said no but the stream is in order,
// or anything else, after which the stream cannot be read on.
func (r *decoder) answer(to Call, seq int32, d *decision) (int, error) {
	*d = decision{partners: d.partners[:0]}
	name, m, got := r.head()
	switch {
	case r.err != nil:
		return 0, r.err
	case string(name) != to.method():
		return 0, fmt.Errorf("answer to %.40q, asked %s", name, to.method())
	case got != seq:
		return 0, fmt.Errorf("answer to call %d, expected that to %d: answers must come in the order of requests", got, seq)
	case m == exceptionMessage:
		err := r.exception()
		return r.at, errors.Join(r.err, err)
	case m != replyMessage:
		return 0, errNoThrift
	}
	r.fields(func(id int16, k kind) bool {
		if id != 0 || k != kindStruct {
			return false
		}
		*d = decision{partners: d.partners[:0], present: true} // the last one counts
		if to == Decide {
			r.decision(d)
		} else {
			r.likelihood(d)
		}
		return true
	})
	if r.err == nil && !d.present {
		return r.at, badAnswer("answer without a decision")
	}
	return r.at, r.err
}

func (r *decoder) decision(d *decision) {
	r.fields(func(id int16, k kind) bool {
		switch {
		case id == 1 && k == kindString:
			d.release = r.bytes()
		case id == 2 && k == kindList:
			return r.partners(d)
		case id == 3 && k == kindBool:
			d.explored = r.bool()
		case id == 4 && k == kindBool:
			d.degraded = r.bool()
		case id == 6 && k == kindString:
			d.receipt = r.bytes()
		default:
			return false
		}
		return true
	})
}

// likelihood reads an answer to filter. One that does not say whether its
// partner is filtered leaves that to its client's own threshold: it is called.
func (r *decoder) likelihood(d *decision) {
	var p partnerDecision
	r.fields(func(id int16, k kind) bool {
		switch {
		case id == 2 && k == kindString:
			d.release = r.bytes()
		case id == 3 && k == kindBool:
			p.filtered = r.bool()
		case id == 4 && k == kindBool:
			d.degraded = r.bool()
		default:
			return false
		}
		return true
	})
	d.partners = append(d.partners, p)
}

func (r *decoder) partners(d *decision) bool {
	_, n := r.list() // of structs: generated code does not look either
	d.partners = d.partners[:0]
	for range n {
		if r.err != nil {
			return true
		}
		var p partnerDecision
		r.fields(func(id int16, k kind) bool {
			switch {
			case id == 1 && k == kindString:
				p.name = r.bytes()
			case id == 3 && k == kindBool:
				p.filtered = r.bool()
			default:
				return false
			}
			return true
		})
		d.partners = append(d.partners, p)
	}
	return true
}

// exception reads what a server says instead of an answer.
func (r *decoder) exception() error {
	var text []byte
	var code int32
	r.fields(func(id int16, k kind) bool {
		switch {
		case id == 1 && k == kindString:
			text = r.bytes()
		case id == 2 && k == kindI32:
			code = r.i32()
		default:
			return false
		}
		return true
	})
	if r.err != nil {
		return nil
	}
	return thrift.NewTApplicationException(code, fmt.Sprintf("%.200s", text))
}

// fields reads a struct. take says whether it read the field; others are
// skipped, as Thrift wants it.
func (r *decoder) fields(take func(id int16, k kind) bool) {
	outer := r.last
	r.last = 0
	for r.err == nil {
		id, k := r.field()
		if k == kindStop || r.err != nil {
			break
		}
		if !take(id, k) {
			r.skip(k, maxSkipDepth)
		}
	}
	r.last = outer
}

// head reads the beginning of a message.
func (r *decoder) head() (name []byte, m message, seq int32) {
	if r.dialect == packed {
		id, version := r.byte(), r.byte()
		seq = int32(r.uvarint32())
		if r.err == nil && (id != packedID || version&0x1f != packedVersion) {
			r.err = errNoThrift
		}
		return r.bytes(), message(version >> 5), seq
	}
	version := uint32(r.fixed32())
	if r.err == nil && version&0xffff0000 != plainVersion {
		r.err = errNoThrift
	}
	name = r.bytes()
	return name, message(version & 0xff), r.fixed32()
}

func (r *decoder) field() (int16, kind) {
	b := r.byte()
	if r.dialect == plain {
		if b == 0 || r.err != nil {
			return 0, kindStop
		}
		return int16(r.fixed16()), kind(b)
	}
	k := r.unpack(b & 0x0f)
	if k == kindStop || r.err != nil {
		return 0, kindStop
	}
	if delta := int16(b >> 4); delta != 0 {
		r.last += delta
	} else {
		r.last = int16(unzigzag(r.uvarint32()))
	}
	r.flag = b&0x0f == packedTrue
	return r.last, k
}

// unpack turns the compact protocol's number of a type into ours.
func (r *decoder) unpack(b byte) kind {
	kinds := [...]kind{
		kindStop, kindBool, kindBool, kindByte, kindI16, kindI32, kindI64, kindDouble, kindString, kindList, kindSet, kindMap, kindStruct, kindUUID,
	}
	if int(b) >= len(kinds) {
		r.fail(errNoThrift)
		return kindStop
	}
	return kinds[b]
}

// list reads the header of a list or set. Its elements, of the kind that it
// claims, fit into the bytes that are left.
func (r *decoder) list() (kind, int) {
	var k kind
	var n uint64
	if r.dialect == plain {
		k, n = kind(r.byte()), uint64(uint32(r.fixed32()))
	} else {
		b := r.byte()
		k, n = r.unpack(b&0x0f), uint64(b>>4)
		if n > maxPackedList {
			n = r.uvarint32()
		}
	}
	count := r.count(n)
	if count*r.least(k) > len(r.in)-r.at {
		r.fail(errShort)
		return k, 0
	}
	return k, count
}

// least is how many bytes a value of a kind has at least, as generated code
// reckons.
func (r *decoder) least(k kind) int {
	switch {
	case k == kindDouble:
		return 8
	case k == kindUUID:
		return 16
	case r.dialect == packed:
		return 1
	}
	switch k {
	case kindI16:
		return 2
	case kindI32, kindString, kindList, kindSet, kindMap:
		return 4
	case kindI64:
		return 8
	case kindStop, kindBool, kindByte, kindDouble, kindStruct, kindUUID:
	}
	return 1
}

func (r *decoder) count(n uint64) int {
	switch {
	case r.err != nil:
		return 0
	case n > maxAnswerBytes:
		r.fail(errNoThrift)
		return 0
	case n > uint64(len(r.in)-r.at):
		r.fail(errShort)
		return 0
	}
	return int(n)
}

func (r *decoder) bytes() []byte {
	var n uint64
	if r.dialect == plain {
		n = uint64(uint32(r.fixed32()))
	} else {
		n = r.uvarint32()
	}
	return r.take(r.count(n))
}

// bool reads the value of a field.
func (r *decoder) bool() bool {
	if r.dialect == packed {
		return r.flag
	}
	return r.byte() == 1
}

func (r *decoder) i32() int32 {
	if r.dialect == packed {
		return int32(unzigzag(r.uvarint32()))
	}
	return r.fixed32()
}

func (r *decoder) skip(k kind, depth int) {
	if depth == 0 {
		r.fail(errNoThrift)
	}
	if r.err != nil {
		return
	}
	switch k {
	case kindBool:
		r.bool()
	case kindByte:
		r.take(1)
	case kindDouble:
		r.take(8)
	case kindUUID:
		r.take(16)
	case kindI16:
		r.skipInteger(2)
	case kindI32:
		r.skipInteger(4)
	case kindI64:
		r.skipInteger(8)
	case kindString:
		r.bytes()
	case kindStruct:
		r.skipStruct(depth)
	case kindList, kindSet:
		e, n := r.list()
		r.skipElements(n, depth, e)
	case kindMap:
		r.skipMap(depth)
	case kindStop:
		r.fail(errNoThrift)
	default:
		r.fail(errNoThrift)
	}
}

func (r *decoder) skipInteger(width int) {
	if r.dialect == packed {
		r.uvarint()
		return
	}
	r.take(width)
}

func (r *decoder) skipStruct(depth int) {
	outer := r.last
	r.last = 0
	for r.err == nil {
		_, k := r.field()
		if k == kindStop {
			break
		}
		r.skip(k, depth-1)
	}
	r.last = outer
}

func (r *decoder) skipMap(depth int) {
	var k, v kind
	var n int
	if r.dialect == plain {
		k, v, n = kind(r.byte()), kind(r.byte()), r.count(uint64(uint32(r.fixed32())))
	} else if n = r.count(r.uvarint32()); n > 0 {
		b := r.byte()
		k, v = r.unpack(b>>4), r.unpack(b&0x0f)
	}
	r.skipElements(n, depth, k, v)
}

// skipElements skips n times what a container holds. A bool there is a byte in
// both protocols.
func (r *decoder) skipElements(n, depth int, kinds ...kind) {
	for range n {
		for _, k := range kinds {
			if k == kindBool {
				k = kindByte
			}
			r.skip(k, depth-1)
		}
		if r.err != nil {
			return
		}
	}
}

func (r *decoder) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *decoder) take(n int) []byte {
	if r.err == nil && n > len(r.in)-r.at {
		r.err = errShort
	}
	if r.err != nil {
		return nil
	}
	r.at += n
	return r.in[r.at-n : r.at]
}

func (r *decoder) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *decoder) fixed16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *decoder) fixed32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

// uvarint has ten bytes at most, of which what is above 64 bits is dropped, as
// generated code has it.
func (r *decoder) uvarint() (v uint64) {
	if r.err != nil {
		return 0
	}
	rest := r.in[r.at:]
	for i, b := range rest[:min(len(rest), binary.MaxVarintLen64)] {
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.at += i + 1
			return v
		}
	}
	r.err = errShort
	if len(rest) >= binary.MaxVarintLen64 {
		r.err = errNoThrift
	}
	return 0
}

// uvarint32 is what generated code makes of one that is too long for 32 bits:
// it drops what is above them.
func (r *decoder) uvarint32() uint64 { return uint64(uint32(r.uvarint())) }

func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }
