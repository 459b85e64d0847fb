package auction

import (
	"encoding/binary"
	"math"

	"github.com/sluicehq/sluice/inference/feature"
)

// dialect is one of Thrift's two ways to write values.
type dialect bool

const (
	plain  dialect = false // the binary protocol
	packed dialect = true  // the compact protocol
)

// kind is a Thrift type as the binary protocol numbers it.
type kind byte

const (
	kindStop   kind = 0
	kindBool   kind = 2
	kindByte   kind = 3
	kindDouble kind = 4
	kindI16    kind = 6
	kindI32    kind = 8
	kindI64    kind = 10
	kindString kind = 11
	kindStruct kind = 12
	kindMap    kind = 13
	kindSet    kind = 14
	kindList   kind = 15
	kindUUID   kind = 16
)

// The compact protocol's numbers of types, and what its headers consist of.
const (
	packedTrue    = 1
	packedFalse   = 2
	packedVersion = 1
	packedID      = 0x82
	plainVersion  = 0x80010000
	maxPackedList = 14 // a longer list has its length behind the header
	maxPackedStep = 15 // a field further than that from the one before has its number there
)

// message is the kind of a message.
type message byte

const (
	callMessage      message = 1
	replyMessage     message = 2
	exceptionMessage message = 3
	onewayMessage    message = 4
)

// packedKind returns the compact protocol's number of a type that is written
// here.
func packedKind(k kind) byte {
	switch k {
	case kindI32:
		return 5
	case kindI64:
		return 6
	case kindDouble:
		return 7
	case kindString:
		return 8
	case kindList:
		return 9
	case kindStruct:
		return 12
	case kindStop, kindBool, kindByte, kindI16, kindMap, kindSet, kindUUID:
	}
	panic("auction: a type that no request has")
}

// encoder appends Thrift to a buffer. It writes the fields of a struct in
// ascending order, and leaves out what is absent.
type encoder struct {
	out     []byte
	dialect dialect
	last    int16    // field of the struct being written, for the compact protocol
	outer   [6]int16 // last of the structs around it
	depth   int
}

// head begins a message.
func (e *encoder) head(name string, m message, seq int32) {
	if e.dialect == packed {
		e.out = append(e.out, packedID, byte(m)<<5|packedVersion)
		e.out = binary.AppendUvarint(e.out, uint64(uint32(seq)))
	} else {
		e.out = binary.BigEndian.AppendUint32(e.out, plainVersion|uint32(m))
	}
	e.text(name)
	if e.dialect == plain {
		e.out = binary.BigEndian.AppendUint32(e.out, uint32(seq))
	}
}

func (e *encoder) field(id int16, k kind) {
	if e.dialect == packed {
		e.packedField(id, packedKind(k))
		return
	}
	e.out = append(e.out, byte(k), byte(id>>8), byte(id))
}

func (e *encoder) packedField(id int16, k byte) {
	if step := id - e.last; step <= maxPackedStep {
		e.out = append(e.out, byte(step)<<4|k)
	} else {
		e.out = binary.AppendUvarint(append(e.out, k), uint64(id)<<1)
	}
	e.last = id
}

// begin writes the header of a field that is a struct; end its end.
func (e *encoder) begin(id int16) {
	e.field(id, kindStruct)
	e.enter()
}

func (e *encoder) enter() {
	e.outer[e.depth] = e.last
	e.depth++
	e.last = 0
}

func (e *encoder) end() {
	e.out = append(e.out, byte(kindStop))
	e.depth--
	e.last = e.outer[e.depth]
}

func (e *encoder) list(id int16, k kind, n int) {
	e.field(id, kindList)
	switch {
	case e.dialect == plain:
		e.out = append(e.out, byte(k))
		e.out = binary.BigEndian.AppendUint32(e.out, uint32(n))
	case n <= maxPackedList:
		e.out = append(e.out, byte(n)<<4|packedKind(k))
	default:
		e.out = append(e.out, 0xf0|packedKind(k))
		e.out = binary.AppendUvarint(e.out, uint64(n))
	}
}

func (e *encoder) text(s string) {
	e.length(len(s))
	e.out = append(e.out, s...)
}

func (e *encoder) length(n int) {
	if e.dialect == packed {
		e.out = binary.AppendUvarint(e.out, uint64(n))
		return
	}
	e.out = binary.BigEndian.AppendUint32(e.out, uint32(n))
}

func (e *encoder) bytes(b []byte) {
	e.length(len(b))
	e.out = append(e.out, b...)
}

func (e *encoder) i32(v int32) {
	if e.dialect == packed {
		e.out = binary.AppendUvarint(e.out, uint64(uint32(v<<1^v>>31)))
		return
	}
	e.out = binary.BigEndian.AppendUint32(e.out, uint32(v))
}

func (e *encoder) i64(v int64) {
	if e.dialect == packed {
		e.out = binary.AppendUvarint(e.out, uint64(v<<1^v>>63))
		return
	}
	e.out = binary.BigEndian.AppendUint64(e.out, uint64(v))
}

// textField leaves out an empty text, the three below what is not finite.
func (e *encoder) textField(id int16, s string) {
	if s == "" {
		return
	}
	e.field(id, kindString)
	e.text(s)
}

func (e *encoder) wholeField(id int16, f float32) {
	if isAbsent(f) {
		return
	}
	e.field(id, kindI32)
	e.i32(int32(f))
}

func (e *encoder) amountField(id int16, f float32) {
	if isAbsent(f) {
		return
	}
	e.field(id, kindDouble)
	if e.dialect == packed {
		e.out = binary.LittleEndian.AppendUint64(e.out, math.Float64bits(float64(f)))
		return
	}
	e.out = binary.BigEndian.AppendUint64(e.out, math.Float64bits(float64(f)))
}

func (e *encoder) truthField(id int16, f float32) {
	switch {
	case isAbsent(f):
	case e.dialect == plain:
		e.field(id, kindBool)
		e.out = append(e.out, oneIf(f != 0))
	default:
		e.packedField(id, packedFalse-oneIf(f != 0))
	}
}

// beginning is that of the arguments of every call: a request, and its id.
func (e *encoder) beginning(id []byte) {
	e.enter()
	e.begin(1)
	e.field(1, kindString)
	e.bytes(id)
}

// partners writes the last argument of decide.
func (e *encoder) partners(names []string) {
	e.list(2, kindString, len(names))
	for _, p := range names {
		e.text(p)
	}
}

// appendArguments appends the arguments of decide as one struct.
func appendArguments(out []byte, d dialect, r *feature.Request, partners []string, tmaxMS int32) []byte {
	e := encoder{out: out, dialect: d}
	e.enter()
	e.begin(1)
	e.bidRequest(r, tmaxMS)
	e.partners(partners)
	e.end()
	return e.out
}

func oneIf(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// isAbsent is true for infinities too: no attribute of OpenRTB can be one.
func isAbsent(f float32) bool { return math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) }
