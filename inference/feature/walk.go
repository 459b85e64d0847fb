package feature

import (
	"bytes"
	"strings"
)

// Walking over documents that are known to be valid JSON, one level at a time.

// Members walks over an object in a document that is known to be valid JSON.
func Members(object []byte) func(yield func(name string, value []byte) bool) {
	return func(yield func(string, []byte) bool) {
		rest := gap(object[1:])
		for rest[0] != '}' {
			var name, value []byte
			name, rest = cutFirst(rest)
			value, rest = cutFirst(gap(gap(rest)[1:])) // behind the colon
			if !yield(Unquote(name), value) {
				return
			}
			if rest = gap(rest); rest[0] == ',' {
				rest = gap(rest[1:])
			}
		}
	}
}

// Elements walks over a list like Members over an object.
func Elements(list []byte) func(yield func(value []byte) bool) {
	return func(yield func([]byte) bool) {
		rest := gap(list[1:])
		for rest[0] != ']' {
			var value []byte
			value, rest = cutFirst(rest)
			if !yield(value) {
				return
			}
			if rest = gap(rest); rest[0] == ',' {
				rest = gap(rest[1:])
			}
		}
	}
}

// objectsIn walks over the objects of a list, or over one that stands alone;
// over none where the value is neither, or nil.
func objectsIn(value []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		if len(value) > 0 && value[0] == '{' {
			yield(value)
			return
		}
		if len(value) == 0 || value[0] != '[' {
			return
		}
		for e := range Elements(value) {
			if e[0] == '{' && !yield(e) {
				return
			}
		}
	}
}

// member returns the last value of that name, whatever the case of its letters;
// nil for none.
func member(object []byte, name string) (last []byte) {
	for n, value := range Members(object) {
		if strings.EqualFold(n, name) {
			last = value
		}
	}
	return last
}

// memberExactly returns the last value of that very name; nil for none.
func memberExactly(object []byte, name string) (last []byte) {
	for n, value := range Members(object) {
		if n == name {
			last = value
		}
	}
	return last
}

// cutFirst cuts the value off with which valid JSON begins.
func cutFirst(b []byte) (value, rest []byte) {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i += quotedLength(b[i:]) - 1
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		default:
			i += bareLength(b[i:]) - 1
		}
		if depth == 0 {
			return b[:i+1], b[i+1:]
		}
	}
	return b, nil
}

// quotedLength returns the length of a string with its quotes.
func quotedLength(b []byte) int {
	for i := 1; ; i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// bareLength returns the length of a number, a word or what stands between
// values.
func bareLength(b []byte) int {
	if n := bytes.IndexAny(b, `,:]}[{" `+"\t\r\n"); n > 0 {
		return n
	} else if n < 0 {
		return len(b)
	}
	return 1
}

// gap skips white space.
func gap(b []byte) []byte { return bytes.TrimLeft(b, " \t\r\n") }
