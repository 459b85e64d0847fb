package model

import (
	"bytes"
	"encoding/binary"
	"math"
)

// reader reads one format: it adds the trees and returns the rest.
type reader func(c *cursor, trees *builder) (header, error)

// maxTold bounds the features of what may be a binary model; one of more than
// MaxFeatures is told as such.
const maxTold = 1 << 28

// Recognisable is how much of a file is looked at to recognise it.
const Recognisable = 512

// recognise returns what reads a file that begins with b, all of it where it
// has less than Recognisable bytes. No more than those are looked at.
func recognise(b []byte) (reader, error) {
	b = b[:min(len(b), Recognisable)]
	switch {
	case len(b) == 0 || len(b) < len(binf) && bytes.HasPrefix([]byte(binf), b):
		return nil, torn(int64(len(b)))
	case bytes.HasPrefix(b, []byte(binf)), IsBinary(b): // before all else, as its base score may begin with any bytes
		return readBinary, nil
	case b[0] == '{' && len(b) == 1:
		return nil, torn(int64(len(b)))
	case b[0] == '{' && bytes.IndexByte([]byte("iUIlL$#N"), b[1]) >= 0: // of a key's length
		return readUBJSON, nil
	case bytes.HasPrefix(bytes.TrimLeft(b[:min(len(b), 64)], " \t\r\n"), []byte("{")):
		if other := foreign(b); other.name != "" {
			return nil, other.refused()
		}
		return readJSON, nil
	case IsPickle(b):
		return readPickle, nil
	}
	return nil, foreign(b).refused()
}

const byteOrderMark = "\xef\xbb\xbf"

// isLightGBM tells whether b begins as LightGBM's text.
func isLightGBM(b []byte) bool {
	b = bytes.ReplaceAll(b[:min(len(b), 64)], []byte("\r\n"), []byte("\n"))
	return len(b) >= len("tree\n") && bytes.HasPrefix(b, []byte(lightgbmMagic)[:min(len(b), len(lightgbmMagic))])
}

// IsBinary tells whether b begins as XGBoost's binary format without the
// leading "binf", which 0.90 to 1.1 leave out. There is no magic number, so
// every field is looked at, as far as the bytes go.
func IsBinary(b []byte) bool {
	const fields = 20
	if len(b) < fields {
		return false
	}
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(b[4*i:]) }
	base := math.Float32frombits(word(0))
	if !finite(base) || word(1) == 0 || word(1) > maxTold || word(2) > 1<<20 || word(3) > 1 || word(4) > 1 {
		return false
	}
	const name = learnerBytes + 8
	if len(b) < name {
		return true
	}
	length := binary.LittleEndian.Uint64(b[learnerBytes:])
	return length > 0 && length <= maxNameBytes && isName(b[name:min(uint64(len(b)), name+length)])
}

// isName tells whether b could be the name of an objective.
func isName(b []byte) bool {
	for _, c := range b {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != ':' && c != '_' && c != '@' {
			return false
		}
	}
	return true
}

// IsPickle tells whether b begins like a Python pickle of any protocol. It
// looks at the first bytes only.
func IsPickle(b []byte) bool {
	if len(b) >= 2 && b[0] == 0x80 { // PROTO, from protocol 2 on
		return b[1] >= 1 && b[1] <= 5
	}
	// Protocols 0 and 1: a dict, or marks and pushes, then GLOBAL with module and
	// name on lines of their own.
	if bytes.HasPrefix(b, []byte("(dp")) || bytes.HasPrefix(b, []byte("}q\x00")) || bytes.HasPrefix(b, []byte("}q\x01")) {
		return true
	}
	head := b[:min(len(b), 256)]
	head = bytes.TrimLeft(head, "(]})")
	if len(head) == 0 || head[0] != 'c' {
		return false
	}
	module, rest, found := bytes.Cut(head[1:], []byte("\n"))
	name, _, ended := bytes.Cut(rest, []byte("\n"))
	return found && ended && isIdentifier(module) && isIdentifier(name)
}

func isIdentifier(b []byte) bool {
	for _, c := range b {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '.' {
			return false
		}
	}
	return len(b) > 0
}
