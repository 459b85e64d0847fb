package auction

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/sluicehq/sluice/idl/gen/openrtb"
	"github.com/sluicehq/sluice/inference/feature"
)

// maxListed bounds how many elements a list of a request may have.
const maxListed = 4096

// sloppy reads JSON as exchanges write it into the generated types of
// OpenRTB, by the rules of feature.ParseJSON, which knows fewer attributes: a
// value of another kind than its attribute's is absent.
type sloppy struct {
	tooLong    string                          // the name of a list that was longer than maxListed
	attributes map[reflect.Type]map[string]int // positions of a struct's fields by OpenRTB's names
	moved      map[reflect.Type][]string       // attributes that OpenRTB 2.5 has in the object's ext
}

func newSloppy() *sloppy {
	s := &sloppy{attributes: map[reflect.Type]map[string]int{}, moved: map[reflect.Type][]string{}}
	s.learn(reflect.TypeFor[openrtb.AuctionRequest]())
	for _, a := range feature.Attributes() {
		if a.InExt {
			of := s.holder(a.Path)
			s.moved[of] = append(s.moved[of], a.Name())
		}
	}
	return s
}

// holder is the struct that has the attribute of that path.
func (s *sloppy) holder(path string) reflect.Type {
	t := reflect.TypeFor[openrtb.AuctionRequest]()
	steps := strings.Split(strings.ReplaceAll(path, "[]", ""), ".")
	for _, step := range steps[:len(steps)-1] {
		for t = t.Field(s.attributes[t][step]).Type; t.Kind() != reflect.Struct; {
			t = t.Elem()
		}
	}
	return t
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
func (s *sloppy) bidRequest(doc []byte) (*openrtb.AuctionRequest, error) {
	r := &openrtb.AuctionRequest{}
	s.tooLong = ""
	s.object(reflect.ValueOf(r).Elem(), doc)
	if s.tooLong != "" {
		return nil, fmt.Errorf("its list %q holds more than %d values; shorten it", s.tooLong, maxListed)
	}
	return r, nil
}

func (s *sloppy) object(v reflect.Value, doc []byte) {
	names := s.attributes[v.Type()]
	var ext []byte
	for name, value := range feature.Members(doc) {
		if name == "ext" {
			ext = value
			continue
		}
		if i, known := attribute(names, name); known {
			s.set(v.Field(i), name, value)
		}
	}
	for _, name := range s.moved[v.Type()] {
		if f := v.Field(names[name]); f.IsZero() && len(ext) > 0 && ext[0] == '{' {
			for n, value := range feature.Members(ext) {
				if n == name {
					s.set(f, name, value)
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
func (s *sloppy) set(field reflect.Value, name string, value []byte) {
	field.SetZero()
	if field.Kind() == reflect.Slice {
		s.list(field, name, value)
		return
	}
	of := field.Type().Elem()
	if of.Kind() == reflect.Struct && value[0] == '[' { // the first object of a list
		for e := range feature.Elements(value) {
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
func (s *sloppy) list(field reflect.Value, name string, value []byte) {
	of := field.Type().Elem()
	add := func(e []byte) {
		one := reflect.New(of)
		v := one.Elem()
		if of.Kind() == reflect.Pointer {
			v.Set(reflect.New(of.Elem()))
			v = v.Elem()
		}
		switch {
		case !s.scalar(v, e):
		case field.Len() == maxListed:
			s.tooLong = name
		default:
			field.Set(reflect.Append(field, one.Elem()))
		}
	}
	if value[0] != '[' {
		add(value)
		return
	}
	field.Set(reflect.MakeSlice(field.Type(), 0, 0))
	for e := range feature.Elements(value) {
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
