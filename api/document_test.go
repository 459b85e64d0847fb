package api

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

var update = flag.Bool("update", false, "write the document of the interface")

// The committed document is what the table of routes and the types say.
func TestDocument(t *testing.T) {
	doc, err := describeAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range doc.Components.Schemas.Map() {
		loosen(s)
	}
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	out.SetIndent("", " ")
	if err := out.Encode(doc); err != nil {
		t.Fatal(err)
	}
	packed, err := unpack(document)
	if err != nil && !*update {
		t.Fatal(err)
	}
	same := bytes.Equal(b.Bytes(), packed)
	if *update {
		if err := os.WriteFile("openapi.json", b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		if same { // as another version of Go may pack it
			return
		}
		again, err := pack(b.Bytes(), gzip.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("openapi.json.gz", again, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if plain, err := os.ReadFile("openapi.json"); err != nil || !same || !bytes.Equal(b.Bytes(), plain) {
		t.Errorf("api/openapi.json and api/openapi.json.gz are not what the code says: run go generate ./api ./web (%v)", err)
	}
}

// loosen lets a newer server say more than is written down; what people send
// is taken strictly.
func loosen(s *huma.Schema) {
	if s.Extensions["x-strict"] == nil && s.AdditionalProperties == false {
		s.AdditionalProperties = nil
	}
	delete(s.Extensions, "x-strict")
}

// describeAll makes the document.
func describeAll() (*huma.OpenAPI, error) {
	huma.DefaultArrayNullable = false
	all := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Sluice", Version: "1", License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			Description: "Digests are whole, lower-case hex; moments are RFC 3339 in UTC; rates and differences are shares, so that 0.02 is two percent or two points; " +
				"durations are in seconds, and say so. What is not known is left out or null. The interface may only grow: pass over fields that you do not know. " +
				"HEAD is answered wherever GET is. Every refusal is a problem by RFC 9457.",
		},
		Components: &huma.Components{Schemas: all},
	}
	problems := map[string]*huma.MediaType{"application/problem+json": {Schema: all.Schema(reflect.TypeFor[problem](), true, "")}}
	all.Schema(reflect.TypeFor[Ask](), true, "")
	all.Schema(reflect.TypeFor[StopAsk](), true, "")
	operations := operations()
	for _, row := range (&server{}).routes() {
		key := row.method + " " + row.path
		of, known := operations[key]
		if !known {
			return nil, fmt.Errorf("operations_test.go does not say what %s does", key)
		}
		delete(operations, key)
		op, err := of.shape(row, all, problems)
		if err != nil {
			return nil, err
		}
		doc.AddOperation(op)
	}
	for key := range operations {
		return nil, fmt.Errorf("operations_test.go has %s, and the table of routes does not", key)
	}
	for _, mend := range []func(huma.Registry) error{orNull, enumerate, bound, explain, share} {
		if err := mend(all); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

func (of operation) shape(row route, all huma.Registry, problems map[string]*huma.MediaType) (*huma.Operation, error) {
	op := &huma.Operation{
		Method: row.method, Path: "/v1" + row.path, Summary: of.summary, Description: of.about, Responses: map[string]*huma.Response{},
		OperationID: strings.ToLower(row.method) + strings.NewReplacer("/", "-", "{", "", "}", "", ".", "-").Replace(row.path),
	}
	for part := range strings.SplitSeq(row.path, "/") {
		if name, is := strings.CutPrefix(part, "{"); is {
			p := parameters()[strings.TrimSuffix(name, "}")]
			if p == nil {
				return nil, fmt.Errorf("operations_test.go has no parameter %s", part)
			}
			p.Name, p.In, p.Required = strings.TrimSuffix(name, "}"), "path", true
			op.Parameters = append(op.Parameters, p)
		}
	}
	op.Parameters = slices.Concat(op.Parameters, of.query, of.header)
	if of.body != "" {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Ref: "#/components/schemas/" + of.body}}}}
	}
	code := max(of.code, http.StatusOK)
	op.Responses[strconv.Itoa(code)] = of.success(code, all)
	for _, code := range of.refused {
		r := &huma.Response{Description: refusals[code], Content: problems}
		if code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable {
			r.Headers = map[string]*huma.Param{"Retry-After": {Description: "Seconds after which to ask again.", Schema: &huma.Schema{Type: huma.TypeInteger, Minimum: ptr(0.0)}}}
		}
		op.Responses[strconv.Itoa(code)] = r
	}
	return op, nil
}

func (of operation) success(code int, all huma.Registry) *huma.Response {
	r := &huma.Response{Description: http.StatusText(code), Headers: of.told}
	if of.lines {
		lines := &huma.Schema{Type: huma.TypeString, Description: "x-lines names what stands on each line.", Extensions: map[string]any{"x-lines": all.Schema(reflect.TypeOf(of.answer), true, "")}}
		r.Content = map[string]*huma.MediaType{"application/jsonl": {Schema: lines}}
		return r
	}
	if of.news == nil {
		r.Content = map[string]*huma.MediaType{"application/json": {Schema: all.Schema(reflect.TypeOf(of.answer), true, "")}}
		return r
	}
	bodies := map[string]any{}
	for kind, body := range of.news {
		bodies[kind] = all.Schema(reflect.TypeOf(body), true, "")
	}
	stream := &huma.Schema{Type: huma.TypeString, Description: "x-events names the body of each type of event.", Extensions: map[string]any{"x-events": bodies}}
	r.Content = map[string]*huma.MediaType{"text/event-stream": {Schema: stream}}
	return r
}

// fields calls each for every field of every struct in the document.
func fields(all huma.Registry, each func(structure, field string, of reflect.StructField, s *huma.Schema) *huma.Schema) {
	for name, schema := range all.Map() {
		t := all.TypeFromRef("#/components/schemas/" + name)
		if t == nil || t.Kind() != reflect.Struct {
			continue
		}
		for _, f := range reflect.VisibleFields(t) {
			key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if s := schema.Properties[key]; s != nil {
				schema.Properties[key] = each(name, key, f, s)
			}
		}
	}
}

// orNull lets pointers to structs that are never left out be null.
func orNull(all huma.Registry) error {
	fields(all, func(_, _ string, f reflect.StructField, s *huma.Schema) *huma.Schema {
		if f.Type.Kind() != reflect.Pointer || s.Ref == "" || strings.Contains(f.Tag.Get("json"), ",omitempty") {
			return s
		}
		return &huma.Schema{AnyOf: []*huma.Schema{s, {Type: "null"}}}
	})
	return nil
}

func enumerate(all huma.Registry) error {
	for name, e := range enums {
		values, err := constants(e.file, e.of)
		if err != nil || len(values) == 0 {
			return fmt.Errorf("%s has no constants %s: %w", e.file, e.of, err)
		}
		all.Map()[name] = &huma.Schema{Type: huma.TypeString, Enum: values}
	}
	left := len(worded)
	fields(all, func(structure, field string, _ reflect.StructField, s *huma.Schema) *huma.Schema {
		name, is := worded[structure+"."+field]
		if !is {
			return s
		}
		left--
		one := &huma.Schema{Ref: "#/components/schemas/" + name}
		if s.Type == huma.TypeObject { // by name
			return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: one}
		}
		return one
	})
	if left != 0 {
		return fmt.Errorf("operations_test.go names %d fields that are not there", left)
	}
	return nil
}

// constants are the values of string constants in a file, by their type or the
// beginning of their name.
func constants(file, of string) (values []any, err error) {
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		return nil, err
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		v, is := n.(*ast.ValueSpec)
		if !is || len(v.Values) != 1 {
			return true
		}
		kind, _ := v.Type.(*ast.Ident)
		text, literal := v.Values[0].(*ast.BasicLit)
		if named := kind == nil && strings.HasPrefix(v.Names[0].Name, of); !literal || text.Kind != token.STRING || !named && (kind == nil || kind.Name != of) {
			return true
		}
		value, err := strconv.Unquote(text.Value)
		if err == nil {
			values = append(values, value)
		}
		return true
	})
	return values, nil
}

func bound(all huma.Registry) error {
	left := len(bounds)
	fields(all, func(structure, field string, _ reflect.StructField, s *huma.Schema) *huma.Schema {
		if set, is := bounds[structure+"."+field]; is {
			set(s)
			left--
		}
		return s
	})
	if left != 0 {
		return fmt.Errorf("operations_test.go bounds %d fields that are not there", left)
	}
	all.Map()["Ask"].Extensions = map[string]any{"x-strict": true}
	return nil
}

// share gives each verb what of an Ask goes with it. What may be left out may be
// null as well.
func share(all huma.Registry) error {
	for name, of := range asks() {
		whole := all.Map()[of.whole]
		s := &huma.Schema{
			Type: huma.TypeObject, Description: whole.Description, Properties: map[string]*huma.Schema{}, Required: of.required,
			AdditionalProperties: false, Extensions: map[string]any{"x-strict": true},
		}
		for _, field := range of.fields {
			p := whole.Properties[field]
			if p == nil {
				return fmt.Errorf("a %s has no %s", of.whole, field)
			}
			s.Properties[field] = p
			if as := of.as[field]; as != "" {
				p = &huma.Schema{Ref: "#/components/schemas/" + as, Description: p.Description}
			}
			if !slices.Contains(of.required, field) {
				s.Properties[field] = &huma.Schema{AnyOf: []*huma.Schema{p, {Type: "null"}}, Description: p.Description}
			}
		}
		all.Map()[name] = s
	}
	return nil
}

// explain takes the comments of the types into the document.
func explain(all huma.Registry) error {
	comments, err := commented()
	if err != nil {
		return err
	}
	for name, s := range all.Map() {
		t := all.TypeFromRef("#/components/schemas/" + name)
		if t != nil && t.Kind() == reflect.Struct {
			s.Description = comments[t.Name()]
		}
	}
	fields(all, func(structure, _ string, f reflect.StructField, s *huma.Schema) *huma.Schema {
		t := all.TypeFromRef("#/components/schemas/" + structure)
		for len(f.Index) > 1 { // of a struct within it
			t = t.Field(f.Index[0]).Type
			f.Index = f.Index[1:]
		}
		s.Description = comments[t.Name()+"."+f.Name]
		return s
	})
	return nil
}

// commented are the comments of this package's types, by name, and of their
// fields, by type and name.
func commented() (map[string]string, error) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		return nil, err
	}
	of := map[string]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if d, is := n.(*ast.GenDecl); is && d.Tok == token.TYPE && len(d.Specs) == 1 {
				t, _ := d.Specs[0].(*ast.TypeSpec)
				s, is := t.Type.(*ast.StructType)
				if !is {
					return true
				}
				of[t.Name.Name] = sentences(d.Doc)
				for _, f := range s.Fields.List {
					if len(f.Names) == 1 {
						of[t.Name.Name+"."+f.Names[0].Name] = strings.TrimSpace(sentences(f.Doc) + " " + sentences(f.Comment))
					}
				}
			}
			return true
		})
	}
	return of, nil
}

// sentences is a comment in one line.
func sentences(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }

// What a list may be asked for by name is all that there is of it.
func TestFiltersKnowAllWords(t *testing.T) {
	for of, got := range map[string][]string{"Phase": texts(phases()), "Outcome": texts(outcomes())} {
		want, err := constants(enums[of].file, enums[of].of)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		if all := texts(want); !slices.Equal(slices.Sorted(slices.Values(all)), got) {
			t.Errorf("a list may be asked for %v, and there are %v", got, all)
		}
	}
}

func texts[T any](list []T) (all []string) {
	for _, one := range list {
		all = append(all, fmt.Sprint(one))
	}
	return all
}
