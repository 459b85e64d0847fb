package auction

import (
	"bytes"
	"reflect"
	"strings"

	"github.com/sluicehq/sluice/idl/gen/openrtb"
	"github.com/sluicehq/sluice/inference/feature"
)

// maxListed bounds how many elements of a list of a request are sent on.
const maxListed = 4096

// sloppy reads JSON as exchanges write it into the generated types of
// OpenRTB, by the rules of feature.ParseJSON, which knows fewer attributes: a
// value of another kind than its attribute's is absent.
type sloppy struct {
	attributes map[reflect.Type]map[string]int // positions of a struct's fields by OpenRTB's names
	moved      map[reflect.Type][]string       // attributes that OpenRTB 2.5 has in the object's ext
}

func newSloppy() *sloppy {
	s := &sloppy{
		attributes: map[reflect.Type]map[string]int{},
		moved: map[reflect.Type][]string{
			reflect.TypeFor[openrtb.Regs](): {"gdpr", "us_privacy"},
			reflect.TypeFor[openrtb.User](): {"consent"},
		},
	}
	s.learn(reflect.TypeFor[openrtb.AuctionRequest]())
	return s
}

// learn notes the attributes of a struct and of those within.
func (s *sloppy) learn(t reflect.Type) {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		s.learn(t.Elem())
		return
	}
	if t.Kind() != reflect.Struct || s.attributes[t] != nil {
		return
	}
	names := map[string]int{}
	s.attributes[t] = names
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names[strings.TrimSuffix(name, "_")] = i // "native_" is "native", a reserved word of Thrift
		s.learn(t.Field(i).Type)
	}
}

// bidRequest reads a valid JSON object.
func (s *sloppy) bidRequest(doc []byte) *openrtb.AuctionRequest {
	r := &openrtb.AuctionRequest{}
	s.object(reflect.ValueOf(r).Elem(), doc)
	return r
}

func (s *sloppy) object(v reflect.Value, doc []byte) {
	names := s.attributes[v.Type()]
	var ext []byte
	for name, value := range members(doc) {
		if name == "ext" {
			ext = value
			continue
		}
		if i, known := attribute(names, name); known {
			s.set(v.Field(i), value)
		}
	}
	for _, name := range s.moved[v.Type()] {
		if f := v.Field(names[name]); f.IsZero() && len(ext) > 0 && ext[0] == '{' {
			for n, value := range members(ext) {
				if n == name {
					s.set(f, value)
				}
			}
		}
	}
}

// attribute finds a name as encoding/json does: the exact one, else one that
// differs in case.
func attribute(names map[string]int, name string) (int, bool) {
	if i, known := names[name]; known {
		return i, true
	}
	for n, i := range names {
		if strings.EqualFold(n, name) {
			return i, true
		}
	}
	return 0, false
}

// set sets a field to what a value says, or to absent.
func (s *sloppy) set(field reflect.Value, value []byte) {
	field.SetZero()
	if field.Kind() == reflect.Slice {
		s.list(field, value)
		return
	}
	of := field.Type().Elem()
	if of.Kind() == reflect.Struct && value[0] == '[' { // the first object of a list
		for e := range elements(value) {
			if e[0] == '{' {
				value = e
				break
			}
		}
	}
	one := reflect.New(of)
	if s.scalar(one.Elem(), value) {
		field.Set(one)
	}
}

// list reads a list, or one element that stands alone.
func (s *sloppy) list(field reflect.Value, value []byte) {
	of := field.Type().Elem()
	add := func(e []byte) {
		one := reflect.New(of)
		v := one.Elem()
		if of.Kind() == reflect.Pointer {
			v.Set(reflect.New(of.Elem()))
			v = v.Elem()
		}
		if field.Len() < maxListed && s.scalar(v, e) {
			field.Set(reflect.Append(field, one.Elem()))
		}
	}
	if value[0] != '[' {
		add(value)
		return
	}
	field.Set(reflect.MakeSlice(field.Type(), 0, 0))
	for e := range elements(value) {
		add(e)
	}
}

// scalar reads what is no list, and is false where it is of another kind.
func (s *sloppy) scalar(v reflect.Value, value []byte) bool {
	switch v.Kind() { //nolint:exhaustive // the generated types have no others
	case reflect.Struct:
		if value[0] == '{' {
			s.object(v, value)
			return true
		}
	case reflect.String:
		if t, ok := feature.Text(value); ok {
			v.SetString(t)
			return true
		}
	case reflect.Int32:
		if n, ok := feature.Whole(value); ok {
			v.SetInt(int64(n))
			return true
		}
	case reflect.Float64:
		if n, ok := feature.Amount(value); ok {
			v.SetFloat(n)
			return true
		}
	case reflect.Bool:
		if yes, ok := feature.Flag(value); ok {
			v.SetBool(yes)
			return true
		}
	}
	return false
}

// members walks over an object in a document that is known to be valid JSON.
func members(object []byte) func(yield func(name string, value []byte) bool) {
	return func(yield func(string, []byte) bool) {
		rest := gap(object[1:])
		for rest[0] != '}' {
			var name, value []byte
			name, rest = first(rest)
			value, rest = first(gap(gap(rest)[1:])) // behind the colon
			if !yield(feature.Unquote(name), value) {
				return
			}
			if rest = gap(rest); rest[0] == ',' {
				rest = gap(rest[1:])
			}
		}
	}
}

// elements walks over a list like members over an object.
func elements(list []byte) func(yield func(value []byte) bool) {
	return func(yield func([]byte) bool) {
		rest := gap(list[1:])
		for rest[0] != ']' {
			var value []byte
			value, rest = first(rest)
			if !yield(value) {
				return
			}
			if rest = gap(rest); rest[0] == ',' {
				rest = gap(rest[1:])
			}
		}
	}
}

// first cuts the value off with which valid JSON begins.
func first(b []byte) (value, rest []byte) {
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
