package api

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// wayOut is what a problem ends with: what is wanted, or what to do.
var wayOut = regexp.MustCompile(`(^|[:;] |[?] |, unless )(an admin breaks|want|send|say|see|ask|choose|wait|keep|give|leave|use|add|name|look|close|restore|resume ends|there is nothing to do|sign in|open the page|copy|let the controllers|tokens are taken|whoever keeps|sluice token makes|is a controller|the server's log)\b`)

// Every problem says what to do: all the sentences that reach a caller are
// written in this package and where wishes are turned away.
func TestProblemsSayWhatToDo(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range append(files, "../controller/rollout/accept.go", "../controller/rollout/wish.go") {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for at, text := range problemTexts(tree) {
			if seen++; text != "%v" && !wayOut.MatchString(strings.TrimPrefix(text, "%w: ")) {
				t.Errorf("%s: %q does not say what to do", fset.Position(at), text)
			}
		}
	}
	if seen < 60 {
		t.Errorf("found %d problems only: are they written in another way now?", seen)
	}
}

// problemTexts are the texts of problems in a file, by where they stand.
func problemTexts(tree *ast.File) map[token.Pos]string {
	texts := map[token.Pos]string{}
	ast.Inspect(tree, func(n ast.Node) bool {
		var from []ast.Expr
		switch n := n.(type) {
		case *ast.CallExpr:
			switch name := called(n); {
			case name == "sentence", name == "refuse":
				from = n.Args[1:]
			case name == "Errorf" && len(n.Args) > 1 && refusing(n.Args[1]):
				from = n.Args[:1]
			}
		case *ast.CompositeLit:
			if kind, is := n.Type.(*ast.Ident); is && kind.Name == "Full" && len(n.Elts) == 2 {
				from = n.Elts[1:]
			}
		}
		for _, arg := range from {
			if text, is := firstText(arg); is {
				texts[n.Pos()] = text
				break
			}
		}
		return true
	})
	return texts
}

func called(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// refusing reports whether an error is the asker's.
func refusing(e ast.Expr) bool {
	name, is := e.(*ast.Ident)
	return is && (name.Name == "ErrConflict" || name.Name == "ErrBadRequest")
}

// firstText is the first text within an expression.
func firstText(e ast.Expr) (text string, is bool) {
	ast.Inspect(e, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && !is {
			text, _ = strconv.Unquote(lit.Value)
			is = true
		}
		return !is
	})
	return text, is
}
