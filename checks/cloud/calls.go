package cloud

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
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
	signs  map[string][]signature     // that a function makes by hand

	// Who calls a method of an interface may call that method of every type
	// that has all of the interface's, once the type is spoken of.
	wants    map[string]map[string][]string // by function, methods of interfaces, each with all that the interface has
	methods  map[string][]method            // of all types, by shape
	has      map[string]map[string]bool     // shapes of the methods of a type
	mentions map[string]map[string]bool     // types that a function speaks of
	holds    map[string]map[string]bool     // types of the fields of a type
}

// method is a function that is a type's.
type method struct{ of, function string }

// signature is what makes a request one of AWS's, for a service; empty where the
// code does not say which in so many words.
type signature struct{ service, at string }

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
	sets := func() map[string]map[string]bool { return map[string]map[string]bool{} }
	s := scan{
		Code: &Code{
			uses: sets(), calls: map[string][]Call{}, fields: map[string][]field{}, signs: map[string][]signature{},
			wants: map[string]map[string][]string{}, methods: map[string][]method{}, has: sets(), mentions: sets(), holds: sets(),
		},
		set: token.NewFileSet(),
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
}

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
	s.declared(checked)
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

// declared notes which methods the types of a package have, embedded ones too.
func (s *scan) declared(p *types.Package) {
	for _, name := range p.Scope().Names() {
		named, is := p.Scope().Lookup(name).(*types.TypeName)
		if !is || types.IsInterface(named.Type()) {
			continue
		}
		set := types.NewMethodSet(types.NewPointer(named.Type()))
		has := map[string]bool{}
		key := typeKey(named)
		if fields, is := named.Type().Underlying().(*types.Struct); is {
			for f := range fields.Fields() {
				s.hold(key, f.Type())
			}
		}
		for i := range set.Len() {
			m := set.At(i).Obj().(*types.Func)
			has[shape(m)] = true
			s.methods[shape(m)] = append(s.methods[shape(m)], method{key, full(m)})
		}
		s.has[key] = has
	}
}

// hold notes that values of a type have others in them.
func (s *scan) hold(key string, of types.Type) {
	switch of := of.(type) {
	case *types.Named:
		put(s.holds, key, typeKey(of.Obj()))
	case *types.Array:
		s.hold(key, of.Elem())
	case *types.Struct:
		for f := range of.Fields() {
			s.hold(key, f.Type())
		}
	}
}

func put(in map[string]map[string]bool, key, v string) {
	if in[key] == nil {
		in[key] = map[string]bool{}
	}
	in[key][v] = true
}

func typeKey(t *types.TypeName) string {
	if t.Pkg() == nil {
		return t.Name()
	}
	return t.Pkg().Path() + "." + t.Name()
}

// body notes what a declaration uses.
func (s *scan) body(name string, d ast.Node, info *types.Info) {
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			switch o := info.Uses[n].(type) {
			case *types.Func:
				s.use(name, o, n.Pos())
			case *types.TypeName:
				put(s.mentions, name, typeKey(o))
			}
		case *ast.CallExpr:
			s.sign(name, n, info)
		case *ast.CompositeLit:
			s.handmade(name, n, info)
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

// sign notes a request that is signed by hand.
func (s *scan) sign(by string, n *ast.CallExpr, info *types.Info) {
	sel, is := n.Fun.(*ast.SelectorExpr)
	if !is {
		return
	}
	fn, is := info.Uses[sel.Sel].(*types.Func)
	if !is || fn.Pkg() == nil || fn.Pkg().Path() != "github.com/aws/aws-sdk-go-v2/aws/signer/v4" || !strings.HasSuffix(fn.Name(), "HTTP") {
		return
	}
	made := signature{at: s.place(n.Pos())}
	for i, arg := range n.Args {
		if v := info.Types[arg].Value; v != nil && fn.Signature().Params().At(i).Name() == "service" {
			made.service = constant.StringVal(v)
		}
	}
	s.signs[by] = append(s.signs[by], made)
}

// handmade notes an operation that no SDK calls: its error says which.
func (s *scan) handmade(by string, n *ast.CompositeLit, info *types.Info) {
	if named, is := info.Types[n].Type.(*types.Named); !is || named.String() != "github.com/aws/smithy-go.OperationError" {
		return
	}
	said := map[string]string{}
	for _, e := range n.Elts {
		kv, is := e.(*ast.KeyValueExpr)
		if !is {
			continue
		}
		if key, is := kv.Key.(*ast.Ident); is && info.Types[kv.Value].Value != nil {
			said[key.Name] = constant.StringVal(info.Types[kv.Value].Value)
		}
	}
	if said["ServiceID"] != "" && said["OperationName"] != "" {
		s.calls[by] = append(s.calls[by], Call{Service: strings.ReplaceAll(strings.ToLower(said["ServiceID"]), " ", ""), Operation: said["OperationName"], At: s.place(n.Pos())})
	}
}

// place is a file of the module and a line.
func (s *scan) place(at token.Pos) string {
	p := s.set.Position(at)
	file, err := filepath.Rel(s.folder, p.Filename)
	if err != nil {
		file = p.Filename
	}
	return fmt.Sprintf("%s:%d", filepath.ToSlash(file), p.Line)
}

func (s *scan) use(by string, fn *types.Func, at token.Pos) {
	put(s.uses, by, full(fn))
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
			s.calls[by] = append(s.calls[by], Call{Service: service, Operation: operation, At: s.place(at)})
		}
	}
}

func (s *scan) field(by string, t types.Type, name string) {
	if service, operation, is := input(t); is {
		s.fields[by] = append(s.fields[by], field{service, operation, name})
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

// Unnamed returns the places where such functions sign a request by hand, and
// none of them says in an error of smithy which operation that is. Who signs for
// whatever service it is handed leaves that to each of its callers.
func (c *Code) Unnamed(pattern string) (places []string, err error) {
	seen, err := c.reached(pattern)
	if err != nil {
		return nil, err
	}
	named := map[string]bool{}
	for name := range seen {
		for _, call := range c.calls[name] {
			named[call.Service] = true
		}
	}
	for name := range seen {
		for _, s := range c.signs[name] {
			if s.service == "" {
				places = append(places, c.silent(seen, name)...)
			} else if !named[s.service] {
				places = append(places, s.at)
			}
		}
	}
	slices.Sort(places)
	return places, nil
}

// silent are the functions that call another, and name no operation.
func (c *Code) silent(seen map[string]bool, function string) (callers []string) {
	for name := range seen {
		if c.uses[name][function] && len(c.calls[name]) == 0 {
			callers = append(callers, name)
		}
	}
	return callers
}

// reached are the functions that those can come to call.
func (c *Code) reached(pattern string) (map[string]bool, error) {
	r, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	w := walk{Code: c, seen: map[string]bool{}, alive: map[string]bool{}}
	began := false
	for name := range c.uses {
		if m := r.MatchString(name); m || strings.HasSuffix(name, ".init") {
			began = began || m
			w.reach(name)
		}
	}
	if !began {
		return nil, fmt.Errorf("no function is called %s", pattern)
	}
	for w.step() {
	}
	return w.seen, nil
}

// walk follows calls until there is nothing new.
type walk struct {
	*Code
	seen, alive map[string]bool // functions that are reached, types that are spoken of
	todo        []string
	wanted      []want
}

type want struct {
	method string
	all    []string
}

func (w *walk) reach(function string) {
	if !w.seen[function] {
		w.seen[function] = true
		w.todo = append(w.todo, function)
	}
}

func (w *walk) live(t string) {
	if !w.alive[t] {
		w.alive[t] = true
		for inner := range w.holds[t] {
			w.live(inner)
		}
	}
}

// step follows what is known, and reports whether that led anywhere.
func (w *walk) step() bool {
	for len(w.todo) > 0 {
		name := w.todo[0]
		w.todo = w.todo[1:]
		for next := range w.uses[name] {
			w.reach(next)
		}
		for t := range w.mentions[name] {
			w.live(t)
		}
		for method, all := range w.wants[name] {
			w.wanted = append(w.wanted, want{method, all})
		}
	}
	for _, one := range w.wanted {
		for _, m := range w.methods[one.method] {
			if w.alive[m.of] && !slices.ContainsFunc(one.all, func(shape string) bool { return !w.has[m.of][shape] }) {
				w.reach(m.function)
			}
		}
	}
	return len(w.todo) > 0
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
