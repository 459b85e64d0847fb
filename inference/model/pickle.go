package model

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"
)

// A pickle is a program for a machine with a stack. readPickle is no such
// machine: it knows the few instructions by which Python writes an
// xgboost.core.Booster down, calls nothing, makes no objects but bytes, texts,
// numbers, lists and dicts, and refuses at the first other instruction. What
// it takes out are the bytes of the model itself, which are then read as any
// file.

// Bounds of a pickle. A Booster with all its feature names stays far below.
const (
	maxStack = 1 << 13
	maxMemo  = 1 << 18
)

// readPickle reads a pickle of protocol 2 to 5.
func readPickle(c *cursor, trees *builder) (header, error) {
	p := unpickler{cursor: c}
	p.skip(2) // PROTO and its number
	for p.err == nil && !p.done {
		p.step(p.byte())
	}
	if p.err != nil {
		return header{}, p.err
	}
	if rest := p.left(); rest > 0 {
		return header{}, refuse(Pickle, "%d bytes follow the pickled Booster; it was not opened further. Save it again", rest)
	}
	return p.state.model(trees, p.bounds)
}

// pickled is a value. Which fields matter is a matter of its kind.
type pickled struct {
	kind  pickledKind
	bytes []byte // of text, bytes and a global's name
	n     int64
	list  *[]pickled // shared with the memo, as in Python
}

type pickledKind uint8

const (
	pickledNone pickledKind = iota
	pickledMark
	pickledInt
	pickledFloat // its value is never needed
	pickledText
	pickledBytes
	pickledList
	pickledTuple
	pickledDict    // keys and values in turn
	pickledGlobal  // one of the three that a Booster needs
	pickledBooster // list holds its state once it is built
)

type unpickler struct {
	*cursor
	kept  int64 // bytes of texts and bytes
	stack []pickled
	memo  []pickled
	state boosterState
	done  bool
}

func (p *unpickler) refuse(format string, args ...any) {
	if p.err == nil {
		p.err = refuse(Pickle, "the model is a Python pickle that "+format+"; nothing in it was run. Save it with booster.save_model(\"xgboost-model\") instead", args...)
	}
}

// keep takes n bytes that stay good.
func (p *unpickler) keep(n uint64) []byte {
	p.begin()
	if p.kept += int64(min(n, math.MaxInt32)); p.bounds.Pickle > 0 && p.kept > p.bounds.Pickle {
		p.fail(refuse(TooLarge, "the model is a Python pickle that holds more than %d bytes; save it with booster.save_model(\"xgboost-model\") instead", p.bounds.Pickle))
	}
	if n > uint64(p.r.Size()) {
		return p.take(n)
	}
	return bytes.Clone(p.take(n))
}

// little reads a number of n bytes.
func (p *unpickler) little(n uint64) uint64 {
	var wide [8]byte
	copy(wide[:], p.take(n))
	return binary.LittleEndian.Uint64(wide[:])
}

// step carries out one instruction, named as in Python's pickletools.
func (p *unpickler) step(op byte) {
	switch op {
	case '.': // STOP
		p.stop()
	case 0x95: // FRAME
		p.skip(8)
	case '(': // MARK
		p.push(pickled{kind: pickledMark})
	case '0': // POP
		p.pop()
	case '}': // EMPTY_DICT
		p.push(pickled{kind: pickledDict, list: &[]pickled{}})
	case ']': // EMPTY_LIST
		p.push(pickled{kind: pickledList, list: &[]pickled{}})
	case ')': // EMPTY_TUPLE
		p.push(pickled{kind: pickledTuple, list: &[]pickled{}})
	case 's': // SETITEM
		p.extend(pickledDict, p.popN(2))
	case 'u': // SETITEMS
		p.extend(pickledDict, p.popMark())
	case 'a': // APPEND
		p.extend(pickledList, p.popN(1))
	case 'e': // APPENDS
		p.extend(pickledList, p.popMark())
	case 't': // TUPLE
		p.tuple(p.popMark())
	case 0x85, 0x86, 0x87: // TUPLE1 to TUPLE3
		p.tuple(p.popN(int(op) - 0x84))
	default:
		if !p.remember(op) && !p.scalar(op) && !p.call(op) && p.err == nil {
			p.refuse("holds instruction %#02x, which no Booster needs", op)
		}
	}
}

// remember carries out the instructions of the memo.
func (p *unpickler) remember(op byte) bool {
	switch op {
	case 'q': // BINPUT
		p.put(p.little(1))
	case 'r': // LONG_BINPUT
		p.put(p.little(4))
	case 0x94: // MEMOIZE
		p.put(uint64(len(p.memo)))
	case 'h': // BINGET
		p.get(p.little(1))
	case 'j': // LONG_BINGET
		p.get(p.little(4))
	default:
		return false
	}
	return true
}

// scalar pushes a value without parts.
func (p *unpickler) scalar(op byte) bool {
	switch op {
	case 'N': // NONE
		p.push(pickled{})
	case 0x88, 0x89: // NEWTRUE, NEWFALSE
		p.push(pickled{kind: pickledInt, n: int64(0x89 - op)})
	case 'K': // BININT1
		p.push(pickled{kind: pickledInt, n: int64(p.little(1))})
	case 'M': // BININT2
		p.push(pickled{kind: pickledInt, n: int64(p.little(2))})
	case 'J': // BININT
		p.push(pickled{kind: pickledInt, n: int64(int32(p.little(4)))})
	case 'G': // BINFLOAT
		p.skip(8)
		p.push(pickled{kind: pickledFloat})
	case 0x8c: // SHORT_BINUNICODE
		p.push(pickled{kind: pickledText, bytes: p.keep(p.little(1))})
	case 'X': // BINUNICODE
		p.push(pickled{kind: pickledText, bytes: p.keep(p.little(4))})
	case 0x8d: // BINUNICODE8
		p.push(pickled{kind: pickledText, bytes: p.keep(p.little(8))})
	case 'C': // SHORT_BINBYTES
		p.push(pickled{kind: pickledBytes, bytes: p.keep(p.little(1))})
	case 'B': // BINBYTES
		p.push(pickled{kind: pickledBytes, bytes: p.keep(p.little(4))})
	case 0x8e, 0x96: // BINBYTES8, BYTEARRAY8
		p.push(pickled{kind: pickledBytes, bytes: p.keep(p.little(8))})
	default:
		return false
	}
	return true
}

// call carries out what would run something in Python, for the few things
// that are known to be harmless.
func (p *unpickler) call(op byte) bool {
	switch op {
	case 'c': // GLOBAL
		module, name := p.line(), p.line()
		p.global(module, name)
	case 0x93: // STACK_GLOBAL
		names := p.popN(2)
		if p.err == nil {
			p.global(string(names[0].bytes), string(names[1].bytes))
		}
	case 0x81: // NEWOBJ
		made := p.popN(2)
		if p.err == nil && (!made[0].isGlobal("xgboost.core.Booster") || made[1].kind != pickledTuple || len(*made[1].list) > 0) {
			p.refuse("makes something other than a Booster")
		}
		p.push(pickled{kind: pickledBooster})
	case 'R': // REDUCE
		called := p.popN(2)
		if p.err == nil {
			p.reduce(called[0], called[1])
		}
	case 'b': // BUILD
		built := p.popN(2)
		if p.err == nil && (built[0].kind != pickledBooster || built[0].list != nil || built[1].kind != pickledDict) {
			p.refuse("fills something other than a Booster")
		}
		if p.err == nil {
			p.push(pickled{kind: pickledBooster, list: built[1].list})
		}
	default:
		return false
	}
	return true
}

// line reads up to the next end of line.
func (p *unpickler) line() string {
	const most = 128
	ahead := p.head(most)
	if n := bytes.IndexByte(ahead, '\n'); n >= 0 {
		text := string(p.take(uint64(n)))
		p.skip(1)
		return text
	}
	if len(ahead) == most {
		p.refuse("holds a name without end")
	}
	p.skip(most)
	return ""
}

// global takes the three names that a Booster needs.
func (p *unpickler) global(module, name string) {
	if module == "__builtin__" { // as protocol 2 spells it
		module = "builtins"
	}
	switch full := module + "." + name; full {
	case "xgboost.core.Booster", "builtins.bytearray", "_codecs.encode":
		p.push(pickled{kind: pickledGlobal, bytes: []byte(full)})
	default:
		p.refuse("calls for %.80q, which no Booster needs", full)
	}
}

// reduce knows bytearray(bytes) and encode(text, "latin1"), by which older
// protocols spell bytes.
func (p *unpickler) reduce(function, arguments pickled) {
	var given []pickled
	if arguments.kind == pickledTuple {
		given = *arguments.list
	}
	switch {
	case function.isGlobal("builtins.bytearray") && len(given) == 1 && given[0].kind == pickledBytes:
		p.push(given[0])
	case function.isGlobal("_codecs.encode") && len(given) == 2 && given[0].kind == pickledText && string(given[1].bytes) == "latin1":
		p.push(pickled{kind: pickledBytes, bytes: p.latin1(given[0].bytes)})
	default:
		p.refuse("calls a function as no Booster does")
	}
}

// latin1 returns a byte per character.
func (p *unpickler) latin1(text []byte) []byte {
	b := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r > 0xff {
			p.refuse("spells bytes with %q", r)
			return nil
		}
		b, text = append(b, byte(r)), text[n:]
	}
	return b
}

func (p *unpickler) push(v pickled) {
	if len(p.stack) >= maxStack {
		p.refuse("is nested beyond reason")
		return
	}
	p.stack = append(p.stack, v)
}

func (p *unpickler) pop() pickled {
	list := p.popN(1)
	if p.err != nil {
		return pickled{}
	}
	return list[0]
}

// popN takes the n uppermost values, or fewer where there is an error.
func (p *unpickler) popN(n int) []pickled {
	if p.err == nil && len(p.stack) < n {
		p.refuse("takes more from its stack than it holds")
	}
	if p.err != nil {
		return nil
	}
	list := p.stack[len(p.stack)-n:]
	p.stack = p.stack[:len(p.stack)-n]
	return list
}

// popMark takes what lies above the uppermost mark, and the mark.
func (p *unpickler) popMark() []pickled {
	for n := len(p.stack) - 1; n >= 0 && p.err == nil; n-- {
		if p.stack[n].kind == pickledMark {
			list := p.popN(len(p.stack) - n)
			return list[1:]
		}
	}
	p.refuse("takes more from its stack than it holds")
	return nil
}

// extend adds to the list or dict on top.
func (p *unpickler) extend(kind pickledKind, items []pickled) {
	if p.err != nil {
		return
	}
	if len(p.stack) == 0 || p.stack[len(p.stack)-1].kind != kind || kind == pickledDict && len(items)%2 != 0 {
		p.refuse("adds to something that is no list")
		return
	}
	to := p.stack[len(p.stack)-1].list
	*to = append(*to, items...)
}

func (p *unpickler) tuple(items []pickled) {
	if p.err == nil {
		list := append([]pickled{}, items...)
		p.push(pickled{kind: pickledTuple, list: &list})
	}
}

// put keeps the uppermost value. Python numbers them one after the other.
func (p *unpickler) put(number uint64) {
	if p.err != nil {
		return
	}
	if len(p.stack) == 0 || number != uint64(len(p.memo)) || len(p.memo) >= maxMemo {
		p.refuse("numbers its values as Python does not")
		return
	}
	p.memo = append(p.memo, p.stack[len(p.stack)-1])
}

func (p *unpickler) get(number uint64) {
	switch {
	case p.err != nil:
	case number >= uint64(len(p.memo)):
		p.refuse("asks for a value that it never kept")
	default:
		p.push(p.memo[number])
	}
}

func (p *unpickler) stop() {
	last := p.pop()
	if p.err == nil && (last.kind != pickledBooster || last.list == nil || len(p.stack) > 0) {
		p.refuse("ends without a Booster")
	}
	if p.err == nil {
		p.state.read(*last.list)
		p.done = true
	}
}

func (v *pickled) isGlobal(name string) bool {
	return v.kind == pickledGlobal && string(v.bytes) == name
}

// boosterState is what a Booster's dict says of scoring.
type boosterState struct {
	handle []byte
	names  []string
	early  early
}

func (s *boosterState) read(dict []pickled) {
	for ; len(dict) >= 2; dict = dict[2:] {
		switch value := dict[1]; string(dict[0].bytes) {
		case "handle":
			s.handle = value.bytes
		case "best_iteration":
			s.early.BestIteration = value.number()
		case "best_ntree_limit":
			s.early.BestTrees = value.number()
		case "feature_names":
			if value.kind == pickledList {
				for _, name := range *value.list {
					s.names = append(s.names, string(name.bytes))
				}
			}
		}
	}
}

// number returns an integer as text, or nothing.
func (v *pickled) number() string {
	if v.kind != pickledInt {
		return ""
	}
	return strconv.FormatInt(v.n, 10)
}

// model reads the bytes that the Booster held.
func (s *boosterState) model(trees *builder, bounds Bounds) (header, error) {
	raw, err := snapshot(s.handle)
	if err != nil {
		return header{}, err
	}
	if IsPickle(raw) {
		return header{}, refuse(Pickle, "the model is a Python pickle of another pickle; nothing in it was run. Save it with booster.save_model instead")
	}
	read, err := recognise(raw)
	if err != nil {
		return header{}, err
	}
	h, err := read(newCursor(bytes.NewReader(raw), int64(len(raw)), bounds), trees)
	h.format, h.pickled = "xgboost-pickle", true
	if len(h.names) == 0 {
		h.names = s.names
	}
	if s.early != (early{}) || h.before(2, 0) { // since then it is the model that knows
		h.early = s.early
	}
	return h, err
}

// snapshot returns the model in a snapshot of XGBoost's memory: a binary model
// whose length is told, before a configuration. Newer snapshots are documents
// (see readJSON), and need nothing.
func snapshot(b []byte) ([]byte, error) {
	rest, is := bytes.CutPrefix(b, []byte("CONFIG-offset:"))
	if !is {
		return b, nil
	}
	if len(rest) < 8 || binary.LittleEndian.Uint64(rest) > uint64(len(rest)-8) {
		return nil, torn(int64(len(b)))
	}
	return rest[8:][:binary.LittleEndian.Uint64(rest)], nil
}
