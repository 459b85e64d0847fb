package feature

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// The types below read JSON as exchanges write it. None of them ever refuses
// what is valid JSON: a value of another kind is absent. Of an attribute that
// is given twice, the last one counts, whole.

// byteOrderMark begins files that some editors and exporters write.
const byteOrderMark = "\ufeff"

// trimmed takes off what editors and exporters write around a line.
func trimmed(doc []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(doc), []byte(byteOrderMark)))
}

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

// reading says by which rules a request becomes numbers.
type reading bool

const (
	served  reading = false // as what comes over the wire: see values.go
	loosely reading = true  // any number, wherever a number or a flag belongs
)

// number is what a value says by either reading.
type number struct{ served, loose maybe }

// maybe is a number that may be absent; comparable, unlike NaN.
type maybe struct {
	value float32
	known bool
}

// The kinds of numbers that OpenRTB knows.
type (
	integer struct{ number }
	amount  struct{ number }
	flag    struct{ number }
)

// UnmarshalJSON reads 300, "300", 300.5 or true.
func (w *integer) UnmarshalJSON(b []byte) error {
	n, ok := Whole(b)
	w.number = number{maybe{float32(n), ok}, readLoosely(b)}
	return nil
}

// UnmarshalJSON reads 1.5, "1.5" or true.
func (a *amount) UnmarshalJSON(b []byte) error {
	n, ok := Amount(b)
	a.number = number{maybe{float32(n), ok}, readLoosely(b)}
	return nil
}

// UnmarshalJSON reads 0, 1, true, "true", and 2 as true.
func (f *flag) UnmarshalJSON(b []byte) error {
	yes, ok := Flag(b)
	n := maybe{known: ok}
	if yes {
		n.value = 1
	}
	f.number = number{n, readLoosely(b)}
	return nil
}

// readLoosely reads a number as a float32 at once.
func readLoosely(b []byte) maybe {
	n, ok := spelled(b)
	if !ok {
		return maybe{}
	}
	text := string(b)
	if b[0] == '"' {
		text = strings.TrimSpace(Unquote(b))
	}
	if v, err := strconv.ParseFloat(text, 32); err == nil {
		return maybe{float32(v), true}
	}
	return maybe{float32(n), true} // a flag
}

// MarshalJSON writes the shortest decimals that give the same float32.
func (n number) MarshalJSON() ([]byte, error) { return json.Marshal(n.loose.value) }

func (n number) by(r reading) float32 {
	is := n.served
	if r == loosely {
		is = n.loose
	}
	if !is.known {
		return nan()
	}
	return is.value
}

// some is absent for NaN and for the infinities, which JSON cannot say.
func some(v float32) number {
	if !finite(v) {
		return number{}
	}
	is := maybe{value: v, known: true}
	return number{is, is}
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
