package history

import (
	"slices"
	"testing"
)

// A schema that was read may be as large as its bounds, and no larger.
func TestSchemaBounds(t *testing.T) {
	leaf := &node{Kind: integer}
	nested := func(depth int) *node {
		n := leaf
		for range depth {
			n = &node{Kind: list, Parts: []*node{n}}
		}
		return n
	}
	fields := func(n int) *node { return &node{Kind: record, Parts: slices.Repeat([]*node{leaf}, n)} }
	array := func(n int, parts ...*node) *node { return &node{Kind: array, Len: n, Parts: parts} }
	for _, tt := range []struct {
		what  string
		n     *node
		sound bool
	}{
		{"deep", nested(maxDepth), true},
		{"too deep", nested(maxDepth + 1), false},
		{"large", fields(maxNodes - 1), true},
		{"too large", fields(maxNodes), false},
		{"a record of nothing", fields(0), false},
		{"an array of one", array(1, leaf), true},
		{"an array of none", array(0, leaf), false},
		{"a long array", array(maxArray, leaf), true},
		{"too long an array", array(maxArray+1, leaf), false},
		{"an array of nothing", array(1), false},
		{"a list of two kinds", &node{Kind: list, Parts: []*node{leaf, leaf}}, false},
		{"a number with fields", &node{Kind: float, Parts: []*node{leaf}}, false},
		{"a field of nothing", &node{Kind: record, Parts: []*node{nil}}, false},
		{"an unknown kind", &node{Kind: "complex"}, false},
	} {
		columns, err := tt.n.number(0, 0)
		if (err == nil) != tt.sound || tt.sound && columns != tt.n.columns() {
			t.Errorf("%s: %d columns, %v", tt.what, columns, err)
		}
	}
}
