package model

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// spelled carries out the instructions of protocols 0 and 1, which spell values
// on lines, and those by which Python 2 writes its texts.
func (p *unpickler) spelled(op byte) bool {
	switch op {
	case 'p': // PUT
		p.put(p.decimal())
	case 'g': // GET
		p.get(p.decimal())
	case 'd': // DICT
		p.gather(pickledDict)
	case 'l': // LIST
		p.gather(pickledList)
	case 'I', 'L': // INT, LONG
		p.integer(p.line())
	case 'F': // FLOAT
		v, err := strconv.ParseFloat(p.line(), 64)
		if err != nil {
			p.refuse("spells a number as Python does not")
		}
		p.push(pickled{kind: pickledFloat, n: int64(math.Float64bits(v))})
	case 'V': // UNICODE
		p.text(p.unescaped(p.spelling()))
	case 'S': // STRING
		p.text(p.unquoted(p.spelling()))
	case 'U': // SHORT_BINSTRING
		p.push(pickled{kind: pickledText, bytes: p.keep(p.little(1))})
	case 'T': // BINSTRING
		p.push(pickled{kind: pickledText, bytes: p.keep(p.little(4))})
	default:
		return false
	}
	return true
}

// decimal reads the number of a value in the memo; what is none is beyond all.
func (p *unpickler) decimal() uint64 {
	n, err := strconv.ParseUint(p.line(), 10, 32)
	if err != nil {
		return math.MaxUint64
	}
	return n
}

// gather makes a list or dict of what lies above the uppermost mark.
func (p *unpickler) gather(kind pickledKind) {
	items := slices.Clone(p.popMark()) // before the list takes their place
	p.push(pickled{kind: kind, list: &[]pickled{}})
	p.extend(kind, items)
}

// integer pushes a number, or a flag, which is spelled 00 or 01.
func (p *unpickler) integer(line string) {
	n, err := strconv.ParseInt(strings.TrimSuffix(line, "L"), 10, 64)
	if err != nil { // one of more bits, which no model needs
		p.push(pickled{kind: pickledInert})
		return
	}
	p.push(pickled{kind: pickledInt, n: n})
}

// text pushes a text that was spelled on a line.
func (p *unpickler) text(b []byte) {
	p.count(int64(len(b)))
	p.push(pickled{kind: pickledText, bytes: b})
}

// spelling reads up to the next end of line, however far that is.
func (p *unpickler) spelling() (line []byte) {
	for p.left() > 0 && p.err == nil {
		p.begin()
		part := p.some(windowBytes)
		end := bytes.IndexByte(part, '\n')
		if end >= 0 {
			part = part[:end+1]
		}
		p.count(int64(len(part)))
		line = append(line, part...)
		p.skip(uint64(len(part)))
		if end >= 0 {
			return line[:len(line)-1]
		}
	}
	p.fail(torn(p.size))
	return nil
}

// unescaped returns the text of a line whose bytes are characters, but for those
// spelled \uXXXX or \UXXXXXXXX.
func (p *unpickler) unescaped(line []byte) []byte {
	text := make([]byte, 0, len(line))
	for len(line) > 0 {
		digits := 0
		if len(line) > 1 && line[0] == '\\' {
			digits = map[byte]int{'u': 4, 'U': 8}[line[1]]
		}
		if digits == 0 {
			text, line = utf8.AppendRune(text, rune(line[0])), line[1:]
			continue
		}
		code, ok := hexadecimal(line[2:], digits)
		if !ok {
			p.refuse("spells a text as Python does not")
			return nil
		}
		text, line = utf8.AppendRune(text, rune(code)), line[2+digits:]
	}
	return text
}

// unquoted returns the bytes of a text as Python 2 prints it.
func (p *unpickler) unquoted(line []byte) []byte {
	n := len(line)
	if n < 2 || line[0] != line[n-1] || line[0] != '\'' && line[0] != '"' {
		p.refuse("spells a text as Python does not")
		return nil
	}
	text := make([]byte, 0, n)
	for line = line[1 : n-1]; len(line) > 0; {
		if line[0] != '\\' {
			text, line = append(text, line[0]), line[1:]
			continue
		}
		c, length := escape(line)
		if length == 0 {
			p.refuse("spells a text as Python does not")
			return nil
		}
		text, line = append(text, c), line[length:]
	}
	return text
}

// escape reads what follows a backslash: the byte that it stands for, and how
// many bytes that takes, 0 where Python writes no such thing.
func escape(b []byte) (c byte, length int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch b[1] {
	case '\\', '\'', '"':
		return b[1], 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'x':
		if code, ok := hexadecimal(b[2:], 2); ok {
			return byte(code), 4
		}
	}
	return 0, 0
}

// hexadecimal reads so many digits.
func hexadecimal(b []byte, digits int) (uint32, bool) {
	if len(b) < digits {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[:digits]), 16, 32)
	return uint32(n), err == nil
}
