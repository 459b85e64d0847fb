package controller

import (
	"bytes"
	"context"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// mostWrong bounds how many errors of one file are told.
const mostWrong = 20

// everythingWrong are the errors of a file. A reader ends at the first one: so
// what is told is taken out of what is read, line by line, and the rest is read
// again, in which the defaults stand in its place.
func everythingWrong(ctx context.Context, place FleetFiles, file string, body []byte) (remarks []Remark) {
	original, told := linesOf(body), map[string]bool{}
	for more := true; more; {
		more = false
		for _, err := range errorsOf(ctx, place, file, body) {
			r := original.wrong(file, err)
			about := r.Setting
			if about == "" {
				about = r.Says
			}
			_, own, special := strings.Cut(r.Setting, "].")
			inherited := special && strings.HasPrefix(r.Setting, "policies[") && told["policy."+own] && original.at(r.Setting) == 0
			taken := about == "ecs" && (told["ecs.cluster"] || told["ecs.service"]) // it is missing by now
			if told[about] || inherited || taken || len(remarks) == mostWrong {
				continue
			}
			told[about], remarks = true, append(remarks, r)
			if from, to := original.extent(r); to > 0 {
				body, more = blank(body, from, to), true
			}
		}
	}
	return remarks
}

// errorsOf are those that show at once.
func errorsOf(ctx context.Context, place FleetFiles, file string, body []byte) []error {
	f, err := parseFleet(body)
	if err != nil {
		return []error{err}
	}
	all := f.wrongs()
	if err := f.locate(file); err != nil {
		all = append(all, err)
	}
	if f.Admission.Manifest != "" {
		if _, err := readManifest(ctx, place, file, f.Admission.Manifest); err != nil {
			all = append(all, err)
		}
	}
	return all
}

// extent is where a setting that is wrong stands: from a place to a line. What
// shares a line with others, or is all that its mapping has, goes with that. To
// is 0 where nothing can be taken out.
func (l lines) extent(r Remark) (from token.Position, to int) {
	if l.file == nil || strings.HasPrefix(r.Setting, "policies[") && strings.HasSuffix(r.Setting, "]") {
		return from, 0 // the others would have another place
	}
	defer func() { _ = recover() }() // as decode's
	line := r.Line
	if r.Setting != "" {
		setting := r.Setting
		for strings.HasSuffix(setting, "]") {
			setting = parent(setting)
		}
		if line = l.at(setting); line == 0 || setting == "" {
			return from, 0
		}
	}
	search := entries{line: line}
	for _, d := range l.file.Docs {
		ast.Walk(&search, d)
	}
	return search.from, search.to
}

// entries looks for the smallest entry of a mapping that holds a line and shares
// none with others.
type entries struct {
	line int
	from token.Position
	to   int
}

// Visit implements ast.Visitor.
func (e *entries) Visit(n ast.Node) ast.Visitor {
	m, ok := n.(*ast.MappingNode)
	if !ok || m.IsFlowStyle {
		return e
	}
	for i, v := range m.Values {
		begin, end := v.Key.GetToken().Position, lastLine(v)
		if i+1 < len(m.Values) {
			end = m.Values[i+1].Key.GetToken().Position.Line - 1
		}
		if whole := len(m.Values) == 1 && e.to > 0; begin.Line <= e.line && e.line <= end && !whole {
			e.from, e.to = *begin, end
		}
	}
	return e
}

// lastLine is that of the last token of a node.
func lastLine(n ast.Node) int {
	last := tokens{}
	ast.Walk(&last, n)
	return last.line
}

type tokens struct{ line int }

// Visit implements ast.Visitor.
func (t *tokens) Visit(n ast.Node) ast.Visitor {
	if at := n.GetToken(); at != nil {
		t.line = max(t.line, at.Position.Line+strings.Count(strings.TrimRight(at.Origin, "\n "), "\n"))
	}
	return t
}

// blank takes out what stands from a place to the end of a line. All else keeps
// its place.
func blank(body []byte, from token.Position, to int) []byte {
	rows := bytes.SplitAfter(body, []byte("\n"))
	for i := from.Line - 1; i < min(to, len(rows)); i++ {
		keep := 0
		if i == from.Line-1 {
			keep = min(from.Column-1, len(rows[i]))
		}
		end := ""
		if bytes.HasSuffix(rows[i], []byte("\n")) {
			end = "\n"
		}
		rows[i] = append(append([]byte{}, rows[i][:keep]...), end...)
	}
	return bytes.Join(rows, nil)
}
