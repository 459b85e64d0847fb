package feature

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// The types below read JSON as exchanges write it. None of them ever refuses
// what is valid JSON: a value of another kind is absent. Of an attribute that
// is given twice, the last one counts, whole.

// byteOrderMark begins files that some editors and exporters write.
const byteOrderMark = "\ufeff"

// text is a JSON string, or a number that stands for one.
type text string

// UnmarshalJSON reads a string, or a number as it is spelled.
func (t *text) UnmarshalJSON(b []byte) error {
	*t = ""
	switch {
	case b[0] == '"':
		return json.Unmarshal(b, (*string)(t))
	case isNumber(b):
		*t = text(b)
	}
	return nil
}

// textList is the first text of a list, or one alone: nobody asks for more.
type textList []text

// UnmarshalJSON keeps the first element that is a text.
func (l *textList) UnmarshalJSON(b []byte) error {
	*l = nil
	if b[0] == '"' || isNumber(b) {
		var one text
		err := one.UnmarshalJSON(b)
		*l = textList{one}
		return err
	}
	if b[0] != '[' {
		return nil
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(b, &elements); err != nil {
		return err
	}
	for _, e := range elements {
		if e[0] != '"' && !isNumber(e) {
			continue
		}
		var one text
		if err := one.UnmarshalJSON(e); err != nil {
			return err
		}
		*l = textList{one}
		return nil
	}
	return nil
}

// number is a JSON number, a text that holds one, or a flag.
type number struct {
	value float32
	known bool
}

// UnmarshalJSON reads a number, "1.5", true, "true", false or "false".
func (n *number) UnmarshalJSON(b []byte) error {
	*n = number{}
	s := string(b)
	if b[0] == '"' {
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		s = strings.ToLower(strings.TrimSpace(s))
	}
	switch s {
	case "true":
		*n = some(1)
	case "false":
		*n = some(0)
	default:
		if v, err := strconv.ParseFloat(s, 32); err == nil {
			*n = some(float32(v))
		}
	}
	return nil
}

// MarshalJSON writes the shortest decimals that give the same float32.
func (n number) MarshalJSON() ([]byte, error) {
	if !finite(n.value) {
		return nil, errors.New("an infinite number has no JSON")
	}
	return json.Marshal(n.value)
}

func (n number) float() float32 {
	if !n.known {
		return nan()
	}
	return n.value
}

// some is absent for NaN and for the infinities, which JSON cannot say.
func some(v float32) number {
	if !finite(v) {
		return number{}
	}
	return number{value: v, known: true}
}

// object is a JSON object, or the first object of a list.
type object[T any] struct{ value *T }

// UnmarshalJSON reads {…} or [{…}]. An empty list is absent: some languages
// write an empty object so.
func (o *object[T]) UnmarshalJSON(b []byte) error {
	o.value = nil
	var all objects[T]
	if err := all.read(b, 1); err != nil || len(all) == 0 {
		return err
	}
	o.value = &all[0]
	return nil
}

// MarshalJSON writes the object.
func (o object[T]) MarshalJSON() ([]byte, error) { return json.Marshal(o.value) }

// IsZero leaves what is absent out.
func (o object[T]) IsZero() bool { return o.value == nil }

func (o object[T]) orZero() T {
	if o.value == nil {
		var zero T
		return zero
	}
	return *o.value
}

func unlessZero[T comparable](v T) object[T] {
	var zero T
	if v == zero {
		return object[T]{}
	}
	return object[T]{value: &v}
}

// objects is a list of objects, or one alone. It is nil where there is none,
// and empty where the list is.
type objects[T any] []T

// UnmarshalJSON keeps the elements that are objects, and one more than MaxImps
// at most.
func (l *objects[T]) UnmarshalJSON(b []byte) error { return l.read(b, MaxImps+1) }

func (l *objects[T]) read(b []byte, limit int) error {
	*l = nil
	switch b[0] {
	case '{':
		*l = make([]T, 1)
		return json.Unmarshal(b, &(*l)[0])
	case '[':
		*l = []T{}
	default:
		return nil
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(b, &elements); err != nil {
		return err
	}
	for _, e := range elements {
		if e[0] != '{' || len(*l) == limit {
			continue
		}
		var one T
		if err := json.Unmarshal(e, &one); err != nil {
			return err
		}
		*l = append(*l, one)
	}
	return nil
}

func isNumber(b []byte) bool { return b[0] == '-' || b[0] >= '0' && b[0] <= '9' }

func first(list []text) text {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

func either(a, b text) string {
	if a != "" {
		return string(a)
	}
	return string(b)
}
