package web_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"html/template"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what is made from the document of the interface")

// schema is as much of a schema as the document uses.
type schema struct {
	Type        any
	Ref         string `json:"$ref"`
	Description string
	Enum        []string
	AnyOf       []schema
	Items       *schema
	Properties  map[string]schema
	Required    []string
	More        *schema           `json:"additionalProperties"`
	Events      map[string]schema `json:"x-events"`
	Pattern     string
	Minimum     *float64
	Maximum     *float64
	Default     any
}

// strict is additionalProperties where it is false: no more is to be had.
func (s *schema) UnmarshalJSON(b []byte) error {
	type plain schema
	if string(b) == "false" || string(b) == "true" {
		return nil
	}
	return json.Unmarshal(b, (*plain)(s))
}

type parameter struct {
	Name, In, Description string
	Required              bool
	Schema                schema
}

type content map[string]struct{ Schema schema }

type answer struct {
	Description string
	Content     content
	Headers     map[string]parameter
}

type operation struct {
	Summary, Description string
	ID                   string `json:"operationId"`
	Parameters           []parameter
	RequestBody          struct{ Content content }
	Responses            map[string]answer

	Method, Path string `json:"-"`
}

type document struct {
	Info       struct{ Title, Version, Description string }
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]schema }
}

func (d document) Operations() (all []operation) {
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(d.Paths[path])) {
			op := d.Paths[path][method]
			op.Method, op.Path = strings.ToUpper(method), path
			all = append(all, op)
		}
	}
	return all
}

// What is made from the document is what it says now: the page's types, and the
// page that tells people of it.
func TestMadeFromTheDocument(t *testing.T) {
	text, err := os.ReadFile("../api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	page, err := d.page()
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string][]byte{"src/schema.ts": d.types(), "static/api.html": page} {
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("web/%s is not what api/openapi.json says: run go generate ./api ./web (%v)", file, err)
		}
	}
}

// types are the schemas as TypeScript.
func (d document) types() []byte {
	var b bytes.Buffer
	b.WriteString("// Made from api/openapi.json by go generate ./web. Do not edit.\n")
	for _, name := range slices.Sorted(maps.Keys(d.Components.Schemas)) {
		s := d.Components.Schemas[name]
		if s.Properties == nil {
			fmt.Fprintf(&b, "\nexport type %s = %s;\n", name, s.TypeScript())
			continue
		}
		fmt.Fprintf(&b, "\n%sexport interface %s {\n", remark("", s.Description), name)
		for _, field := range slices.Sorted(maps.Keys(s.Properties)) {
			p, may := s.Properties[field], "?"
			if slices.Contains(s.Required, field) {
				may = ""
			}
			fmt.Fprintf(&b, "%s  %s%s: %s;\n", remark("  ", p.Description), field, may, p.TypeScript())
		}
		b.WriteString("}\n")
	}
	return b.Bytes()
}

func remark(indent, text string) string {
	if text == "" {
		return ""
	}
	return indent + "/** " + strings.ReplaceAll(text, "*/", "* /") + " */\n"
}

// TypeScript is the type of what s allows.
func (s schema) TypeScript() string {
	switch {
	case s.Ref != "":
		return s.Name()
	case s.AnyOf != nil:
		return union(s.AnyOf, schema.TypeScript)
	case s.Enum != nil:
		return union(s.Enum, func(v string) string { return fmt.Sprintf("%q", v) })
	}
	if several, is := s.Type.([]any); is {
		return union(several, func(t any) string { return schema{Type: t, Items: s.Items, More: s.More}.TypeScript() })
	}
	switch s.Type {
	case "integer", "number":
		return "number"
	case "array":
		if of := s.Items.TypeScript(); strings.Contains(of, "|") {
			return "(" + of + ")[]"
		}
		return s.Items.TypeScript() + "[]"
	case "object":
		if s.More == nil {
			return "Record<string, unknown>"
		}
		return "Record<string, " + s.More.TypeScript() + ">"
	case "string", "boolean", "null":
		return fmt.Sprint(s.Type)
	}
	if s.Type == nil {
		return "unknown"
	}
	panic(fmt.Sprintf("no type in TypeScript for %+v", s)) // a test ends, and names it
}

func union[T any](of []T, each func(T) string) string {
	var all []string
	for _, one := range of {
		all = append(all, each(one))
	}
	return strings.Join(all, " | ")
}

// Name is of the schema that is referred to.
func (s schema) Name() string { return s.Ref[strings.LastIndex(s.Ref, "/")+1:] }

// page tells people of the document, without a script.
func (d document) page() ([]byte, error) {
	t, err := template.ParseFiles("src/api.html")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, d)
	return b.Bytes(), err
}
