package api

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// patchOf is the JSON Patch (RFC 6902) that makes one text into the other. Both
// are of objects, as encoding/json writes them. It begins with a test of the
// moment that both tell, so that no other text can be taken for the first; and
// of a value of which much is new, it holds the whole, where that is shorter.
//
// A JSON Merge Patch (RFC 7396) would be shorter by its paths. But to it null
// means that a field is gone, and here it is a value; and it holds a list of a
// thousand tasks whole, where one of them has answered an auction.
func patchOf(before, after []byte) []byte {
	p := patch{ops: []byte{'['}}
	for _, m := range members(before) {
		if string(m.name) == `"at"` {
			p.in(`at`, func() { p.op("test", m.value) })
		}
	}
	p.change(before, after)
	return append(p.ops, ']')
}

// patch is one that is being written.
type patch struct {
	ops  []byte
	path []byte // of what is looked at, as it stands within quotes
}

// change makes a of b.
func (p *patch) change(a, b []byte) {
	if bytes.Equal(a, b) {
		return
	}
	mark := len(p.ops)
	switch both := [2]byte{a[0], b[0]}; both {
	case [2]byte{'{', '{'}:
		p.object(members(a), members(b))
	case [2]byte{'[', '['}:
		p.list(members(a), members(b))
	default:
		p.op("replace", b)
		return
	}
	if len(p.ops)-mark > len(p.path)+len(b) {
		p.ops = p.ops[:mark]
		p.op("replace", b)
	}
}

func (p *patch) object(a, b []member) {
	for i, m := range a {
		if find(b, m.name, i) < 0 {
			p.in(step(m.name), func() { p.op("remove", nil) })
		}
	}
	for i, m := range b {
		p.in(step(m.name), func() {
			if was := find(a, m.name, i); was < 0 {
				p.op("add", m.value)
			} else {
				p.change(a[was].value, m.value)
			}
		})
	}
}

func (p *patch) list(a, b []member) {
	for i := len(a) - 1; i >= len(b); i-- {
		p.in(strconv.Itoa(i), func() { p.op("remove", nil) })
	}
	for i, m := range b {
		if i < len(a) {
			p.in(strconv.Itoa(i), func() { p.change(a[i].value, m.value) })
		} else {
			p.in("-", func() { p.op("add", m.value) })
		}
	}
}

// in does something one step further down.
func (p *patch) in(step string, do func()) {
	n := len(p.path)
	p.path = append(append(p.path, '/'), step...)
	do()
	p.path = p.path[:n]
}

// op writes an operation on what is looked at.
func (p *patch) op(name string, value []byte) {
	if len(p.ops) > 1 {
		p.ops = append(p.ops, ',')
	}
	p.ops = append(append(p.ops, `{"op":"`...), name...)
	p.ops = append(append(p.ops, `","path":"`...), p.path...)
	if p.ops = append(p.ops, '"'); value != nil {
		p.ops = append(append(p.ops, `,"value":`...), value...)
	}
	p.ops = append(p.ops, '}')
}

// member is one of an object, or an element of a list.
type member struct {
	name  []byte // in quotes; nil in a list
	value []byte
}

// step is the name of a member within a path.
func step(name []byte) string {
	s := string(name[1 : len(name)-1])
	if strings.ContainsAny(s, "~/") {
		s = strings.NewReplacer("~", "~0", "/", "~1").Replace(s)
	}
	return s
}

// find is where a member of that name stands, most likely from there on; -1
// where there is none.
func find(in []member, name []byte, likely int) int {
	is := func(m member) bool { return bytes.Equal(m.name, name) }
	likely = min(likely, len(in))
	if i := slices.IndexFunc(in[likely:], is); i >= 0 {
		return likely + i
	}
	return slices.IndexFunc(in[:likely], is)
}

// members are those of an object or a list that has no space between them.
func members(of []byte) (all []member) {
	named := of[0] == '{'
	for i := 1; i < len(of)-1; i++ { // over the comma
		var m member
		if named {
			end := value(of, i)
			m.name, i = of[i:end], end+1 // over the colon
		}
		end := value(of, i)
		m.value, i = of[i:end], end
		all = append(all, m)
	}
	return all
}

// value is where the value ends that begins at i.
func value(in []byte, i int) int {
	for depth := 0; ; i++ {
		switch in[i] {
		case '"':
			i = quoted(in, i)
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		case ',', ':':
			continue
		default: // a number or a word
			for i+1 < len(in) && in[i+1] != ',' && in[i+1] != '}' && in[i+1] != ']' {
				i++
			}
		}
		if depth == 0 {
			return i + 1
		}
	}
}

// quoted is where the text ends that begins at i.
func quoted(in []byte, i int) int {
	for i++; in[i] != '"'; i++ {
		if in[i] == '\\' {
			i++
		}
	}
	return i
}
