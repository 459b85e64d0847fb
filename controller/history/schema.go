package history

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// kind is what a node of a schema holds. Its values are part of the format.
type kind string

const (
	boolean kind = "bool"
	integer kind = "int"
	float   kind = "float"
	text    kind = "text"
	moment  kind = "time"
	list    kind = "list"  // of any length, or nil
	array   kind = "array" // of a fixed length
	record  kind = "record"
)

// Bounds of a schema that was read.
const (
	maxNodes = 4096
	maxArray = 1 << 12
	maxDepth = 16
)

// node is one field of what a look holds. Each has a column of its own.
type node struct {
	Name  string  `json:"name,omitempty"`
	Kind  kind    `json:"kind"`
	Len   int     `json:"len,omitempty"`   // of an array
	Parts []*node `json:"parts,omitempty"` // a record's fields; a list's or an array's element

	field  int // of a record's Go type; -1 where this program has no such field
	column int
}

// schemaOf describes a Go type; the names are those of its JSON.
func schemaOf(t reflect.Type) (*node, error) {
	n, err := describe(t, "look")
	if err != nil {
		return nil, err
	}
	_, err = n.number(0, 0)
	return n, err
}

func describe(t reflect.Type, name string) (n *node, err error) {
	n = &node{Name: name}
	if t == reflect.TypeFor[time.Time]() {
		n.Kind = moment
		return n, nil
	}
	switch t.Kind() { //nolint:exhaustive // the kinds that a look has; a test checks that there is no other
	case reflect.Bool:
		n.Kind = boolean
	case reflect.Int, reflect.Int64:
		n.Kind = integer
	case reflect.Float64:
		n.Kind = float
	case reflect.String:
		n.Kind = text
	case reflect.Slice:
		n.Kind = list
		err = n.add(t.Elem(), "")
	case reflect.Array:
		n.Kind, n.Len = array, t.Len()
		err = n.add(t.Elem(), "")
	case reflect.Struct:
		n.Kind = record
		for i := range t.NumField() {
			err = errors.Join(err, n.addField(t.Field(i), i))
		}
	default:
		err = fmt.Errorf("%s is a %v, which a log cannot hold", name, t)
	}
	return n, err
}

func (n *node) add(t reflect.Type, name string) error {
	part, err := describe(t, name)
	n.Parts = append(n.Parts, part)
	return err
}

func (n *node) addField(f reflect.StructField, index int) error {
	if !f.IsExported() {
		return fmt.Errorf("%s is not exported, so a log cannot hold it", f.Name)
	}
	if err := n.add(f.Type, fieldName(f)); err != nil {
		return err
	}
	n.Parts[len(n.Parts)-1].field = index
	return nil
}

func fieldName(f reflect.StructField) string {
	if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
		return name
	}
	return f.Name
}

// number gives every node its column, and checks a schema that was read.
func (n *node) number(next, depth int) (int, error) {
	if n == nil || depth > maxDepth || next >= maxNodes {
		return 0, errors.New("its schema is too large or incomplete")
	}
	n.column = next
	next++
	parts := len(n.Parts) == 0
	switch n.Kind {
	case boolean, integer, float, text, moment:
	case list:
		parts = len(n.Parts) == 1
	case array:
		parts = len(n.Parts) == 1 && n.Len > 0 && n.Len <= maxArray
	case record:
		parts = len(n.Parts) > 0
	default:
		return 0, fmt.Errorf("its schema has the unknown kind %q", n.Kind)
	}
	if !parts {
		return 0, fmt.Errorf("its schema has a %s %q of no sensible size", n.Kind, n.Name)
	}
	var err error
	for _, p := range n.Parts {
		if next, err = p.number(next, depth+1); err != nil {
			return 0, err
		}
	}
	return next, nil
}

// columns is how many there are: the number of nodes.
func (n *node) columns() int {
	count := 1
	for _, p := range n.Parts {
		count += p.columns()
	}
	return count
}

// bind finds the Go fields of a schema that was read, and returns the names of
// those that this program does not have.
func (n *node) bind(t reflect.Type, path string) (strange []string) {
	own, err := describe(t, n.Name)
	if err != nil {
		return []string{path}
	}
	return n.match(own, path)
}

func (n *node) match(own *node, path string) (strange []string) {
	if n.Kind != record {
		for i, p := range n.Parts {
			strange = append(strange, p.match(own.Parts[i], path)...)
		}
		return strange
	}
	for _, p := range n.Parts {
		name := strings.TrimPrefix(path+"."+p.Name, ".")
		if twin := own.part(p); twin != nil {
			p.field = twin.field
			strange = append(strange, p.match(twin, name)...)
		} else {
			p.field = -1
			strange = append(strange, name)
		}
	}
	return strange
}

// part is the field of a record that has the same name and shape.
func (n *node) part(like *node) *node {
	for _, p := range n.Parts {
		if p.Name == like.Name && p.alike(like) {
			return p
		}
	}
	return nil
}

// alike says that two nodes can hold the same, fields of records apart.
func (n *node) alike(other *node) bool {
	if n.Kind != other.Kind || n.Len != other.Len {
		return false
	}
	return n.Kind == record || len(n.Parts) == 0 || n.Parts[0].alike(other.Parts[0])
}
