package model

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A pickle is a program for a machine with a stack. readPickle is no such
// machine: it knows the few instructions by which Python writes down a Booster,
// an estimator around one, and the numbers beside them; it calls nothing and
// makes no objects but texts, numbers, lists, dicts and the states of a few
// known classes (estimator.go), and refuses at the first other thing. A name
// that nobody calls, such as that of a metric, is a word. What it takes out are
// the bytes of the model itself, which are then read as any file.

// Bounds of a pickle. A Booster with all its feature names stays far below.
const (
	maxStack  = 1 << 13
	maxMemo   = 1 << 18
	maxValues = 1 << 21
)

// readPickle reads a pickle of any protocol, 0 to 5.
func readPickle(c *cursor, trees *builder) (header, error) {
	p := unpickler{cursor: c}
	if string(p.head(1)) == "\x80" {
		p.skip(2) // PROTO and its number, from protocol 2 on
	}
	p.run()
	if p.err != nil {
		return header{}, p.err
	}
	if rest := p.left(); rest > 0 {
		return header{}, refuse(Pickle, "%d bytes follow the pickled model; it was not opened further. Save it again", rest)
	}
	e, err := estimatorOf(p.result)
	if err != nil {
		return header{}, err
	}
	return e.model(trees, p.bounds)
}

// pickled is a value. Which fields matter is a matter of its kind.
type pickled struct {
	kind  pickledKind
	bytes []byte     // of text, bytes, a global's name and an object's class; a dtype's letter
	n     int64      // of a number, of a float its bits; the bytes of an item of a dtype
	list  *[]pickled // shared with the memo, as in Python
}

// pickledSize is what a value takes.
const pickledSize = 48

type pickledKind uint8

const (
	pickledNone pickledKind = iota
	pickledMark
	pickledInt
	pickledFloat
	pickledText
	pickledBytes
	pickledList
	pickledTuple
	pickledDict   // keys and values in turn
	pickledGlobal // a name
	pickledObject // of a known class; list holds the keys and values of its state
	pickledDtype  // of NumPy
	pickledInert  // known, and of no use here
)

type unpickler struct {
	*cursor
	kept   int64 // bytes of texts, bytes and values
	values int
	stack  []pickled
	memo   []pickled
	result pickled
	done   bool
	inner  bool // it stands inside another
}

// run carries out instructions up to the end.
func (p *unpickler) run() {
	for p.err == nil && !p.done {
		p.step(p.byte())
	}
}

func (p *unpickler) refuse(format string, args ...any) {
	if p.err == nil {
		p.err = refuse(Pickle, "the model is a Python pickle that "+format+"; nothing in it was run. "+saveItself, args...)
	}
}

const saveItself = "Save the model itself instead: save_model(\"xgboost-model\") of XGBoost, booster_.save_model(\"model.txt\") of LightGBM"

// keep takes n bytes that stay good.
func (p *unpickler) keep(n uint64) []byte {
	p.begin()
	p.count(int64(min(n, math.MaxInt32)))
	if n > uint64(p.r.Size()) {
		return p.take(n)
	}
	return bytes.Clone(p.take(n))
}

// count counts what is held.
func (p *unpickler) count(n int64) {
	if p.kept += n; p.bounds.Pickle > 0 && p.kept > p.bounds.Pickle {
		p.fail(refuse(TooLarge, "the model is a Python pickle that holds more than %d bytes. %s", p.bounds.Pickle, saveItself))
	}
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
	case ']', 0x8f: // EMPTY_LIST, EMPTY_SET
		p.push(pickled{kind: pickledList, list: &[]pickled{}})
	case ')': // EMPTY_TUPLE
		p.push(pickled{kind: pickledTuple, list: &[]pickled{}})
	case 's': // SETITEM
		p.extend(pickledDict, p.popN(2))
	case 'u': // SETITEMS
		p.extend(pickledDict, p.popMark())
	case 'a': // APPEND
		p.extend(pickledList, p.popN(1))
	case 'e', 0x90: // APPENDS, ADDITEMS
		p.extend(pickledList, p.popMark())
	case 't', 0x91: // TUPLE, FROZENSET
		p.tuple(p.popMark())
	case 0x85, 0x86, 0x87: // TUPLE1 to TUPLE3
		p.tuple(p.popN(int(op) - 0x84))
	default:
		if !p.remember(op) && !p.scalar(op) && !p.call(op) && !p.spelled(op) && p.err == nil {
			p.refuse("holds instruction %#02x, which no model needs", op)
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
	case 0x8a: // LONG1
		p.long(p.little(1))
	case 'G': // BINFLOAT
		var wide [8]byte
		copy(wide[:], p.take(8))
		p.push(pickled{kind: pickledFloat, n: int64(binary.BigEndian.Uint64(wide[:]))})
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

// long pushes an integer of n bytes.
func (p *unpickler) long(n uint64) {
	if n > 8 {
		p.skip(n)
		p.push(pickled{kind: pickledInert})
		return
	}
	b := p.take(n)
	v := int64(0)
	for i := len(b) - 1; i >= 0; i-- {
		if i == len(b)-1 {
			v = int64(int8(b[i]))
			continue
		}
		v = v<<8 | int64(b[i])
	}
	p.push(pickled{kind: pickledInt, n: v})
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
		if p.err == nil {
			p.make(made[0], made[1])
		}
	case 'R': // REDUCE
		called := p.popN(2)
		if p.err == nil {
			p.reduce(called[0], called[1])
		}
	case 'b': // BUILD
		built := p.popN(2)
		if p.err == nil {
			p.build(built[0], built[1])
		}
	default:
		return false
	}
	return true
}

// make makes an object of a known class, without a state.
func (p *unpickler) make(class, arguments pickled) {
	if class.kind != pickledGlobal {
		p.refuse("makes an object of what is no class")
		return
	}
	if why := notTaken(string(class.bytes)); why != "" {
		p.fail(refuse(Pickle, "%s; nothing in it was run. %s", why, instead(string(class.bytes))))
		return
	}
	if arguments.kind != pickledTuple || len(*arguments.list) > 0 {
		p.refuse("makes a %.80q with arguments, as nobody does", class.bytes)
	}
	p.push(pickled{kind: pickledObject, bytes: class.bytes, list: &[]pickled{}})
}

// build gives an object its state.
func (p *unpickler) build(object, state pickled) {
	if object.kind == pickledObject {
		p.fill(object, state)
		if object.isOf(arrayWrapper) {
			p.array(object)
			object = pickled{kind: pickledInert}
		}
	} else if object.kind != pickledInert && object.kind != pickledDtype {
		p.refuse("fills something other than an object")
	}
	if object.kind == pickledDtype && state.kind == pickledTuple && len(*state.list) > 1 && string((*state.list)[1].bytes) == ">" {
		p.refuse("comes from a machine with another order of bytes")
	}
	p.push(object)
}

// fill fills an object, once.
func (p *unpickler) fill(object, state pickled) {
	if state.kind != pickledDict || len(*object.list) > 0 {
		p.refuse("fills a %.80q with something other than a state", object.bytes)
		return
	}
	*object.list = *state.list
}

const arrayWrapper = "joblib.numpy_pickle.NumpyArrayWrapper"

// array passes over the numbers that joblib writes behind their description.
func (p *unpickler) array(described pickled) {
	dtype, count := described.field("dtype"), int64(1)
	shape := described.field("shape")
	if dtype.kind != pickledDtype || shape.kind != pickledTuple {
		p.refuse("holds an array without its kind or shape")
		return
	}
	if dtype.n < 0 {
		p.nested()
		return
	}
	for _, n := range *shape.list {
		if n.kind != pickledInt || n.n < 0 || n.n > math.MaxInt32 || count > math.MaxInt32 {
			p.refuse("holds an array of an impossible shape")
			return
		}
		count *= n.n
	}
	if described.field("numpy_array_alignment_bytes").kind == pickledInt {
		p.skip(p.little(1))
	}
	p.begin()
	p.skip(uint64(count) * uint64(dtype.n))
	p.begin()
}

// nested passes over an array of objects, which joblib pickles by itself.
func (p *unpickler) nested() {
	if p.inner {
		p.refuse("is nested beyond reason")
		return
	}
	of := unpickler{cursor: p.cursor, kept: p.kept, inner: true}
	if version := p.take(2); len(version) == 2 && (version[0] != 0x80 || version[1] < 2) {
		p.refuse("holds an array of objects in a way that joblib has not")
	}
	of.run()
	p.kept = of.kept
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

// global pushes a name. Versions spell a few modules otherwise.
func (p *unpickler) global(module, name string) {
	switch {
	case module == "__builtin__": // as protocol 2 spells it
		module = "builtins"
	case strings.HasPrefix(module, "numpy._core"): // from NumPy 2 on
		module = "numpy.core" + strings.TrimPrefix(module, "numpy._core")
	}
	p.push(pickled{kind: pickledGlobal, bytes: []byte(module + "." + name)})
}

// reduce knows the functions by which bytes, NumPy's values and dicts are
// spelled.
func (p *unpickler) reduce(function, arguments pickled) {
	var given []pickled
	if arguments.kind == pickledTuple {
		given = *arguments.list
	}
	at := func(i int) pickled {
		if i < len(given) {
			return given[i]
		}
		return pickled{}
	}
	if function.kind != pickledGlobal {
		p.refuse("calls what is no function")
		return
	}
	switch name := string(function.bytes); name {
	case "builtins.bytearray":
		switch {
		case len(given) == 1 && at(0).kind == pickledBytes:
			p.push(at(0))
			return
		case len(given) == 2 && at(0).kind == pickledText && string(at(1).bytes) == "latin-1":
			p.push(pickled{kind: pickledBytes, bytes: p.latin1(at(0).bytes)})
			return
		}
	case "_codecs.encode":
		if len(given) == 2 && at(0).kind == pickledText && string(at(1).bytes) == "latin1" {
			p.push(pickled{kind: pickledBytes, bytes: p.latin1(at(0).bytes)})
			return
		}
	case "copy_reg._reconstructor", "copyreg._reconstructor": // NEWOBJ of protocols 0 and 1
		if len(given) == 3 && at(0).kind == pickledGlobal && string(at(1).bytes) == "builtins.object" {
			p.make(at(0), pickled{kind: pickledTuple, list: &[]pickled{}})
			return
		}
	case "numpy.dtype":
		if letter, size, ok := dtype(at(0)); ok {
			p.push(pickled{kind: pickledDtype, bytes: letter, n: size})
			return
		}
	case "numpy.core.multiarray.scalar":
		if at(0).kind == pickledDtype {
			of := at(0)
			p.push(of.scalar(at(1).bytes))
			return
		}
	case "numpy.core.multiarray._reconstruct", "numpy.core.numeric._frombuffer", "builtins.set", "builtins.frozenset",
		"datetime.datetime", "datetime.date", "datetime.time", "datetime.timedelta", "datetime.timezone",
		"decimal.Decimal", "pathlib.PosixPath", "pathlib._local.PosixPath":
		p.push(pickled{kind: pickledInert})
		return
	case "collections.OrderedDict", "collections.defaultdict", "builtins.dict":
		if len(given) == 0 || len(given) == 1 && at(0).kind == pickledGlobal {
			p.push(pickled{kind: pickledDict, list: &[]pickled{}})
			return
		}
	default:
		if why := notTaken(name); why != "" {
			p.fail(refuse(Pickle, "%s; nothing in it was run. %s", why, instead(name)))
			return
		}
	}
	p.refuse("calls %.80q as no model does", function.bytes)
}

// dtype reads the name of a kind of numbers: its letter and the bytes of one,
// or -1 where they are objects.
func dtype(name pickled) (letter []byte, size int64, ok bool) {
	if name.kind != pickledText || len(name.bytes) < 2 {
		return nil, 0, false
	}
	letter = name.bytes[:1]
	size, err := strconv.ParseInt(string(name.bytes[1:]), 10, 32)
	if err != nil || size < 0 || strings.IndexByte("biufcSUOMm", letter[0]) < 0 {
		return nil, 0, false
	}
	switch letter[0] {
	case 'U':
		size *= 4
	case 'O':
		size = -1
	}
	return letter, size, true
}

// scalar returns the number in b.
func (v *pickled) scalar(b []byte) pickled {
	wide := make([]byte, 8)
	copy(wide, b)
	bits := binary.LittleEndian.Uint64(wide)
	switch kind := string(v.bytes); {
	case kind == "f" && len(b) == 8:
		return pickled{kind: pickledFloat, n: int64(bits)}
	case kind == "f" && len(b) == 4:
		return pickled{kind: pickledFloat, n: int64(math.Float64bits(float64(math.Float32frombits(uint32(bits)))))}
	case kind == "i" && len(b) <= 8 && len(b) > 0:
		shift := 64 - 8*len(b)
		return pickled{kind: pickledInt, n: int64(bits<<shift) >> shift}
	case (kind == "u" || kind == "b") && len(b) < 8:
		return pickled{kind: pickledInt, n: int64(bits)}
	}
	return pickled{kind: pickledInert}
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
	if p.values++; len(p.stack) >= maxStack || p.values > maxValues {
		p.refuse("is nested beyond reason")
		return
	}
	p.count(pickledSize)
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
	if len(p.memo) == 0 && number == 1 { // with which Python 2 begins
		p.memo = append(p.memo, pickled{kind: pickledInert})
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
	p.result = p.pop()
	if p.err == nil && len(p.stack) > 0 {
		p.refuse("ends with more than one value")
	}
	p.done = true
}

func (v *pickled) isOf(class string) bool {
	return v.kind == pickledObject && string(v.bytes) == class
}

// field returns what the state of an object has under a key.
func (v *pickled) field(key string) pickled {
	for list := *v.list; len(list) >= 2; list = list[2:] {
		if list[0].kind == pickledText && string(list[0].bytes) == key {
			return list[1]
		}
	}
	return pickled{}
}

// number returns an integer as text, or nothing.
func (v *pickled) number() string {
	if v.kind != pickledInt {
		return ""
	}
	return strconv.FormatInt(v.n, 10)
}
