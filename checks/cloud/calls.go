package cloud

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Call is an operation of AWS that the code can call somewhere.
type Call struct {
	Service, Operation string   // as the SDK's packages name them: s3, GetObject
	Fields             []string // of its input that the code sets, anywhere
	At                 string   // file:line of the first such place
}

// Code is what a scan has found of a module: which function uses which, and
// where operations of AWS are called. It goes by types and knows no values, so
// that it finds rather too much than too little.
type Code struct {
	uses   map[string]map[string]bool // by function, the functions that it may call
	calls  map[string][]Call          // by function
	fields map[string][]field         // that a function sets
}

// field is one of the input of an operation.
type field struct{ service, operation, name string }

// Scan reads the packages of the program at a folder as the compiler does,
// without their tests.
func Scan(folder string) (*Code, error) {
	list := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Export,Dir,GoFiles,Module", ".") //nolint:noctx // it ends by itself
	list.Dir = folder
	var said bytes.Buffer
	list.Stderr = &said
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("list packages: %w: %s", err, said.String())
	}
	var own []listed
	exports := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("list packages: %w", err)
		}
		exports[p.ImportPath] = p.Export
		if p.Module != nil && p.Module.Main {
			own = append(own, p)
		}
	}
	s := scan{
		Code:    &Code{uses: map[string]map[string]bool{}, calls: map[string][]Call{}, fields: map[string][]field{}},
		set:     token.NewFileSet(),
		methods: map[string][]method{}, has: map[string]map[string]bool{}, wants: map[string]map[string][]string{},
	}
	if s.folder, err = filepath.Abs(folder); err != nil {
		return nil, err
	}
	from := importer.ForCompiler(s.set, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	for _, p := range own {
		if err := s.read(p, from); err != nil {
			return nil, err
		}
	}
	s.dispatch()
	return s.Code, nil
}

// Operations are those of a service, as the SDK that this module asks for has
// them.
func Operations(folder, service string) (names []string, err error) {
	list := exec.Command("go", "list", "-f", `{{join .GoFiles " "}}`, "github.com/aws/aws-sdk-go-v2/service/"+service) //nolint:noctx // it ends by itself
	list.Dir = folder
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("list the operations of %s: %w", service, err)
	}
	for _, m := range regexp.MustCompile(`\bapi_op_(\w+)\.go\b`).FindAllStringSubmatch(string(out), -1) {
		names = append(names, m[1])
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("the SDK of %s has no files of operations", service)
	}
	return names, nil
}

type listed struct {
	ImportPath, Export, Dir string
	GoFiles                 []string
	Module                  *struct{ Main bool }
}

// scan is one under way.
type scan struct {
	*Code
	set    *token.FileSet
	folder string

	methods map[string][]method            // of all types, by name and shape
	has     map[string]map[string]bool     // methods of a type, by name and shape
	wants   map[string]map[string][]string // by function, the methods of interfaces that it calls, each with all that the interface has
}

// method is a function that is a type's.
type method struct{ of, function string }

func (s *scan) read(p listed, from types.Importer) error {
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(s.set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}, Selections: map[*ast.SelectorExpr]*types.Selection{}}
	checked, err := (&types.Config{Importer: from}).Check(p.ImportPath, s.set, files, info)
	if err != nil {
		return fmt.Errorf("read %s: %w", p.ImportPath, err)
	}
	s.types(checked)
	for _, f := range files {
		for _, d := range f.Decls {
			name := p.ImportPath + ".init" // what runs without being called
			if fn, is := d.(*ast.FuncDecl); is {
				name = full(info.Defs[fn.Name].(*types.Func))
			}
			s.body(name, d, info)
		}
	}
	return nil
}

// types notes which methods the types of a package have, embedded ones too.
func (s *scan) types(p *types.Package) {
	for _, name := range p.Scope().Names() {
		named, is := p.Scope().Lookup(name).(*types.TypeName)
		if !is || types.IsInterface(named.Type()) {
			continue
		}
		set := types.NewMethodSet(types.NewPointer(named.Type()))
		has := map[string]bool{}
		key := p.Path() + "." + name
		for i := range set.Len() {
			m := set.At(i).Obj().(*types.Func)
			has[shape(m)] = true
			s.methods[shape(m)] = append(s.methods[shape(m)], method{key, full(m)})
		}
		s.has[key] = has
	}
}

// body notes what a declaration uses.
func (s *scan) body(name string, d ast.Node, info *types.Info) {
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			if fn, is := info.Uses[n].(*types.Func); is {
				s.use(name, fn, n.Pos())
			}
		case *ast.CompositeLit:
			for _, e := range n.Elts {
				if kv, is := e.(*ast.KeyValueExpr); is {
					if key, is := kv.Key.(*ast.Ident); is {
						s.field(name, info.Types[n].Type, key.Name)
					}
				}
			}
		case *ast.AssignStmt:
			for _, l := range n.Lhs {
				if sel, is := l.(*ast.SelectorExpr); is {
					s.field(name, info.Types[sel.X].Type, sel.Sel.Name)
				}
			}
		}
		return true
	})
}

func (s *scan) use(by string, fn *types.Func, at token.Pos) {
	if s.uses[by] == nil {
		s.uses[by] = map[string]bool{}
	}
	s.uses[by][full(fn)] = true
	signature := fn.Signature()
	if r := signature.Recv(); r != nil && types.IsInterface(r.Type()) {
		if s.wants[by] == nil {
			s.wants[by] = map[string][]string{}
		}
		set := types.NewMethodSet(r.Type())
		for i := range set.Len() {
			s.wants[by][shape(fn)] = append(s.wants[by][shape(fn)], shape(set.At(i).Obj().(*types.Func)))
		}
	}
	// Methods of a client, paginators and waiters take the input of their
	// operation, whoever declares them.
	for v := range signature.Params().Variables() {
		if service, operation, is := input(v.Type()); is {
			p := s.set.Position(at)
			file, err := filepath.Rel(s.folder, p.Filename)
			if err != nil {
				file = p.Filename
			}
			s.calls[by] = append(s.calls[by], Call{Service: service, Operation: operation, At: fmt.Sprintf("%s:%d", filepath.ToSlash(file), p.Line)})
		}
	}
}

func (s *scan) field(by string, t types.Type, name string) {
	if service, operation, is := input(t); is {
		s.fields[by] = append(s.fields[by], field{service, operation, name})
	}
}

// dispatch lets whoever calls a method of an interface call that method of
// every type that has all methods of the interface.
func (s *scan) dispatch() {
	for by, wanted := range s.wants {
		for method, all := range wanted {
			for _, one := range s.methods[method] {
				if !slices.ContainsFunc(all, func(m string) bool { return !s.has[one.of][m] }) {
					s.uses[by][one.function] = true
				}
			}
		}
	}
}

// input reports whether a type is the input of an operation of AWS.
func input(t types.Type) (service, operation string, is bool) {
	if p, pointer := t.(*types.Pointer); pointer {
		t = p.Elem()
	}
	named, is := t.(*types.Named)
	if !is || named.Obj().Pkg() == nil {
		return "", "", false
	}
	m := regexp.MustCompile(`^github\.com/aws/aws-sdk-go-v2/service/([a-z0-9]+)$`).FindStringSubmatch(named.Obj().Pkg().Path())
	operation, ends := strings.CutSuffix(named.Obj().Name(), "Input")
	if m == nil || !ends {
		return "", "", false
	}
	return m[1], operation, true
}

// shape is a method's name with what it takes and returns, the same in the
// interface and in the types that have it.
func shape(fn *types.Func) string {
	var b strings.Builder
	b.WriteString(fn.Name())
	for _, list := range []*types.Tuple{fn.Signature().Params(), fn.Signature().Results()} {
		b.WriteString("(")
		for v := range list.Variables() {
			b.WriteString(types.TypeString(v.Type(), nil) + ",")
		}
		b.WriteString(")")
	}
	return b.String()
}

// full names a function the same wherever it is seen from.
func full(fn *types.Func) string { return fn.Origin().FullName() }

// Reach returns the operations that functions can come to call, by service and
// operation. The functions are those whose full names the pattern matches.
func (c *Code) Reach(pattern string) ([]Call, error) {
	seen, err := c.reached(pattern)
	if err != nil {
		return nil, err
	}
	found, fields := map[string]Call{}, map[string][]string{}
	for name := range seen {
		for _, call := range c.calls[name] {
			key := call.Service + " " + call.Operation
			if was, is := found[key]; !is || call.At < was.At {
				found[key] = call
			}
		}
		for _, f := range c.fields[name] {
			key := f.service + " " + f.operation
			fields[key] = append(fields[key], f.name)
		}
	}
	for key, call := range found {
		slices.Sort(fields[key])
		call.Fields = slices.Compact(fields[key])
		found[key] = call
	}
	return slices.SortedFunc(maps.Values(found), func(a, b Call) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Operation, b.Operation))
	}), nil
}

// reached are the functions that those can come to call.
func (c *Code) reached(pattern string) (map[string]bool, error) {
	r, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	seen, todo := map[string]bool{}, []string{}
	for name := range c.uses {
		if r.MatchString(name) || strings.HasSuffix(name, ".init") {
			seen[name], todo = true, append(todo, name)
		}
	}
	if !slices.ContainsFunc(todo, r.MatchString) {
		return nil, fmt.Errorf("no function is called %s", pattern)
	}
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		for next := range c.uses[name] {
			if !seen[next] {
				seen[next], todo = true, append(todo, next)
			}
		}
	}
	return seen, nil
}

// Lost returns the places that call AWS and that no function whose full name
// matches the pattern can come to: calls that a scan would overlook.
func (c *Code) Lost(pattern string) (places []string, err error) {
	seen, err := c.reached(pattern)
	if err != nil {
		return nil, err
	}
	for name, calls := range c.calls {
		if !seen[name] {
			places = append(places, calls[0].At+" in "+name)
		}
	}
	slices.Sort(places)
	return places, nil
}
