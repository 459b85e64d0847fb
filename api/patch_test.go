package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// Patched is what a patch makes of a document, by RFC 6902 and nothing of the
// code that wrote it.
func Patched(doc any, patch []byte) (any, error) {
	var ops []Patch
	if err := decodeNumbers(patch, &ops); err != nil {
		return nil, err
	}
	for _, op := range ops {
		var err error
		if doc, err = operated(doc, op, strings.Split(op.Path, "/")[1:]); err != nil {
			return nil, fmt.Errorf("%s %s: %w", op.Op, op.Path, err)
		}
	}
	return doc, nil
}

func operated(doc any, op Patch, path []string) (any, error) {
	if len(path) == 0 {
		if op.Op != "replace" {
			return nil, fmt.Errorf("of the whole")
		}
		return op.Value, nil
	}
	name := strings.NewReplacer("~1", "/", "~0", "~").Replace(path[0])
	switch in := doc.(type) {
	case map[string]any:
		old, is := in[name]
		if !is && (op.Op != "add" || len(path) > 1) {
			return nil, fmt.Errorf("there is no %q", name)
		}
		switch {
		case len(path) > 1:
			changed, err := operated(old, op, path[1:])
			in[name] = changed
			return in, err
		case op.Op == "test" && old != op.Value:
			return nil, fmt.Errorf("it is %v, want %v", old, op.Value)
		case op.Op == "remove":
			delete(in, name)
		case op.Op != "test":
			in[name] = op.Value
		}
		return in, nil
	case []any:
		if name == "-" && op.Op == "add" && len(path) == 1 {
			return append(in, op.Value), nil
		}
		i, err := strconv.Atoi(name)
		switch {
		case err != nil || i >= len(in):
			return nil, fmt.Errorf("there is no %q of %d", name, len(in))
		case len(path) > 1:
			in[i], err = operated(in[i], op, path[1:])
			return in, err
		case op.Op == "remove":
			return append(in[:i:i], in[i+1:]...), nil
		case op.Op == "replace":
			in[i] = op.Value
			return in, nil
		}
	}
	return nil, fmt.Errorf("it is a %T", doc)
}

func decodeNumbers(text []byte, into any) error {
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	return in.Decode(into)
}

// patches follows a document by nothing but its patches.
type patches struct {
	text []byte
	doc  any
}

func (p *patches) follow(t *testing.T, next any) (patch []byte) {
	t.Helper()
	text, err := json.Marshal(next)
	if err != nil {
		t.Fatal(err)
	}
	if p.text == nil {
		p.text = text
		if err := decodeNumbers(text, &p.doc); err != nil {
			t.Fatal(err)
		}
		return nil
	}
	patch = patchOf(p.text, text)
	if p.doc, err = Patched(p.doc, patch); err != nil {
		t.Fatalf("from\n%s\nto\n%s\nby\n%s\n%v", p.text, text, patch, err)
	}
	var whole any
	if err := decodeNumbers(text, &whole); err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(p.doc)
	if want, _ := json.Marshal(whole); !bytes.Equal(got, want) {
		t.Fatalf("from\n%s\nby\n%s\ncomes\n%s\nwant\n%s", p.text, patch, got, want)
	}
	if len(patch) > len(text)+len(p.text[:min(64, len(p.text))])+128 {
		t.Errorf("a patch of %d bytes to a text of %d", len(patch), len(text))
	}
	p.text = text
	return patch
}

// anything is a value of a few kinds, of names and texts that need care.
func anything(rng *rand.Rand, depth int) any {
	texts := []string{"", "a", "b", "a/b", "~", "~1", `"`, `\`, "{", "]", ",", "ä", "\u2028", "<&>", "\n", "-", "0", "01", "at"}
	kinds := 9
	if depth == 0 {
		kinds = 6
	}
	switch rng.IntN(kinds) {
	case 0:
		return nil
	case 1:
		return rng.IntN(2) == 0
	case 2:
		return rng.IntN(3)
	case 3:
		return rng.NormFloat64() * 1e9
	case 4:
		return json.Number("12345678901234567890.10")
	case 5:
		return texts[rng.IntN(len(texts))]
	case 6:
		list := make([]any, rng.IntN(4))
		for i := range list {
			list[i] = anything(rng, depth-1)
		}
		return list
	}
	of := map[string]any{}
	for range rng.IntN(5) {
		of[texts[rng.IntN(len(texts))]] = anything(rng, depth-1)
	}
	return of
}

// touched is a value of which some is new.
func touched(rng *rand.Rand, v any, depth int) any {
	if rng.IntN(6) == 0 {
		return anything(rng, depth)
	}
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, one := range v {
			if rng.IntN(8) > 0 {
				out[name] = touched(rng, one, depth-1)
			}
		}
		return out
	case []any:
		out := []any{}
		for _, one := range v {
			if rng.IntN(8) > 0 {
				out = append(out, touched(rng, one, depth-1))
			}
		}
		if rng.IntN(4) == 0 {
			out = append(out, anything(rng, max(depth-1, 0)))
		}
		return out
	}
	return v
}

// What is patched is the same as the whole, whatever comes, goes, or is null.
func FuzzPatch(f *testing.F) {
	for seed := range uint64(50) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var p patches
		doc := map[string]any{"at": 0}
		for i := range 30 {
			next, _ := touched(rng, doc, 4).(map[string]any)
			if next == nil {
				next = map[string]any{}
			}
			next["at"], doc = i, next
			p.follow(t, doc)
		}
	})
}

// A patch says what is new and nothing else, and begins with what it is of.
func TestPatchIsShort(t *testing.T) {
	const long = "a text that is so long that nobody wants to be told of it again, as there is nothing new in it whatsoever"
	for _, tt := range []struct{ before, after, want string }{
		{`"a":{"b":[1,null,3]}`, `"a":{"b":[1,2,3]}`, `{"op":"replace","path":"/a","value":{"b":[1,2,3]}}`},
		{`"list":[{"id":"LONG","n":1},{"id":"LONG","n":1}]`, `"list":[{"id":"LONG","n":1},{"id":"LONG","n":2}]`, `{"op":"replace","path":"/list/1/n","value":2}`},
		{`"a":{},"gone":3`, `"a":null,"new":[]`, `{"op":"remove","path":"/gone"},{"op":"replace","path":"/a","value":null},{"op":"add","path":"/new","value":[]}`},
		{`"a/b~":"x"`, `"a/b~":null`, `{"op":"replace","path":"/a~1b~0","value":null}`},
		{`"a":["LONG",1,2],"b":["LONG"]`, `"a":["LONG"],"b":["LONG",{}]`, `{"op":"remove","path":"/a/2"},{"op":"remove","path":"/a/1"},{"op":"add","path":"/b/-","value":{}}`},
		{`"a":[{}]`, `"a":[{}]`, ``},
	} {
		whole := func(s string) []byte {
			return []byte(strings.ReplaceAll(`{"at":1,`+s+`,"kept":"LONG"}`, "LONG", long))
		}
		want := strings.TrimSuffix(`[{"op":"test","path":"/at","value":1},`+tt.want, ",") + "]"
		if got := string(patchOf(whole(tt.before), whole(tt.after))); got != want {
			t.Errorf("from %s to %s\ngot  %s\nwant %s", tt.before, tt.after, got, want)
		}
	}
}
