package checks

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of docs that are made by tests")

// metric is one that the code makes.
type metric struct {
	name, kind, help string
	labels           []string
}

func (m metric) row() string {
	labels := ""
	if len(m.labels) > 0 {
		labels = "{" + strings.Join(m.labels, ",") + "}"
	}
	return fmt.Sprintf("| `%s%s` | %s | %s |\n", m.name, labels, m.kind, m.help)
}

// makers are the methods by which metrics are made, and what they make.
func makers() map[string]string {
	return map[string]string{
		"counter": "counter", "counters": "counter", "total": "counter", "gauge": "gauge", "gauges": "gauge", "read": "gauge", "readOf": "gauge",
		"histogram": "histogram", "histograms": "histogram",
	}
}

// metricsOf reads which metrics the files of a folder make, in their order.
func metricsOf(t *testing.T, folder string) []metric {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var found []metric
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		watched := func(i *ast.ImportSpec) bool {
			return textOf(i.Path) == "github.com/prometheus/client_golang/prometheus"
		}
		if !slices.ContainsFunc(parsed.Imports, watched) {
			continue
		}
		named := map[ast.Expr]bool{}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if call, is := n.(*ast.CallExpr); is {
				if m, is := made(call); is {
					named[call.Args[0]] = true
					found = append(found, m)
				}
			}
			if l, is := n.(*ast.BasicLit); is && strings.HasPrefix(textOf(l), "sluice_") && !named[l] {
				t.Errorf("%s: %s is made in a way that this test cannot read", file, l.Value)
			}
			return true
		})
	}
	if len(found) == 0 {
		t.Fatal("no metrics in ", folder)
	}
	return unique(t, found)
}

// made is the metric that a call makes, if it does.
func made(call *ast.CallExpr) (metric, bool) {
	of, is := call.Fun.(*ast.SelectorExpr)
	if !is || len(call.Args) < 2 || !strings.HasPrefix(textOf(call.Args[0]), "sluice_") {
		return metric{}, false
	}
	m := metric{name: textOf(call.Args[0]), help: textOf(call.Args[1]), kind: makers()[of.Sel.Name]}
	rest := call.Args[2:]
	switch {
	case of.Sel.Name == "readOf":
		rest = rest[:1]
	case of.Sel.Name == "gauge" && len(rest) > 1: // a value, then names and values in turn
		var names []ast.Expr
		for i := 1; i < len(rest); i += 2 {
			names = append(names, rest[i])
		}
		rest = names
	}
	for _, label := range rest {
		if name := textOf(label); name != "" {
			m.labels = append(m.labels, name)
		}
	}
	return m, m.kind != "" && m.help != ""
}

func textOf(e ast.Expr) string {
	if l, is := e.(*ast.BasicLit); is && l.Kind == token.STRING {
		text, _ := strconv.Unquote(l.Value)
		return text
	}
	return ""
}

// unique sorts metrics by name. One that is made in two places is the same in
// both.
func unique(t *testing.T, found []metric) []metric {
	t.Helper()
	slices.SortStableFunc(found, func(a, b metric) int { return strings.Compare(a.name, b.name) })
	return slices.CompactFunc(found, func(a, b metric) bool {
		if a.name == b.name && a.row() != b.row() {
			t.Errorf("%s is told in two ways:\n%s%s", a.name, a.row(), b.row())
		}
		return a.name == b.name
	})
}

// sides are the processes that tell of themselves, and the folders of their
// metrics.
func sides() map[string]string {
	return map[string]string{"task": "inference", "controller": "controller"}
}

// TestMetricsAreDocumented checks that docs/metrics.md has exactly the metrics
// that the code makes, with their labels and what they are.
func TestMetricsAreDocumented(t *testing.T) {
	atRoot()
	const file, head = "docs/metrics.md", "| metric | kind | what it is |\n|---|---|---|\n"
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(body)
	for _, side := range slices.Sorted(maps.Keys(sides())) {
		want := head
		for _, m := range metricsOf(t, sides()[side]) {
			want += m.row()
		}
		before, rest, found := strings.Cut(text, "## Of a "+side+"\n")
		start := strings.Index(rest, head)
		if !found || start < 0 {
			t.Fatalf("%s has no table of the metrics of a %s", file, side)
		}
		table, after, _ := strings.Cut(rest[start:], "\n\n")
		if table += "\n"; table != want && !*update {
			t.Errorf("the metrics of a %s are others than %s says: go test ./checks -run Metrics -update\n%s", side, file, differing(table, want))
		}
		text = before + "## Of a " + side + "\n" + rest[:start] + want + "\n" + after
	}
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// differing are the lines that only one of two texts has.
func differing(documented, made string) string {
	var out strings.Builder
	for sign, pair := range map[string][2]string{"- ": {documented, made}, "+ ": {made, documented}} {
		for line := range strings.Lines(pair[0]) {
			if !strings.Contains(pair[1], line) {
				out.WriteString(sign + line)
			}
		}
	}
	return out.String()
}

// known are all metrics by the names under which Prometheus keeps them.
func known(t *testing.T) map[string]metric {
	t.Helper()
	all := map[string]metric{}
	for _, folder := range sides() {
		for _, m := range metricsOf(t, folder) {
			if m.kind != "histogram" {
				all[m.name] = m
				continue
			}
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				all[m.name+suffix] = m
			}
		}
	}
	return all
}

// TestMetricsThatAreNamedExist checks every document, and what is read beside
// the code by those who watch: what they name is made, with the labels that
// they ask for.
func TestMetricsThatAreNamedExist(t *testing.T) {
	atRoot()
	all := known(t)
	var files []string
	for _, pattern := range []string{"*.md", "docs/*.md", "deploy/monitoring/*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	name := regexp.MustCompile(`\bsluice_[a-z0-9_]+`)
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range name.FindAllString(string(body), -1) {
			_, is := all[found]
			_, histogram := all[found+"_bucket"]
			if !is && !(histogram && strings.HasSuffix(file, ".md")) {
				t.Errorf("%s names %s, which nothing makes", file, found)
			}
		}
	}
	for where, query := range queries(t) {
		for _, err := range strangers(query, all) {
			t.Errorf("%s: %s: %s", where, query, err)
		}
	}
}

// queries are all that is asked of Prometheus, by where that is written.
func queries(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	rules, err := os.ReadFile("deploy/monitoring/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)- alert: (\S+)\n\s+expr: (.*)$`).FindAllStringSubmatch(string(rules), -1) {
		found["alert "+m[1]] = m[2]
	}
	if n := strings.Count(string(rules), "- alert:"); n != len(found) || n == 0 {
		t.Fatalf("%d alerts, of which this test reads %d: want expr as the first line of each, in one line", n, len(found))
	}
	board, err := os.ReadFile("deploy/monitoring/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var any any
	if err := json.Unmarshal(board, &any); err != nil {
		t.Fatal(err)
	}
	collect(any, "dashboard", found)
	return found
}

// collect finds what panels and variables of a dashboard ask.
func collect(node any, where string, found map[string]string) {
	switch n := node.(type) {
	case map[string]any:
		if title, is := n["title"].(string); is {
			where = "panel " + title
		}
		for key, value := range n {
			if text, is := value.(string); is && (key == "expr" || key == "query") && strings.Contains(text, "sluice_") {
				found[where+fmt.Sprint(" ", n["refId"])] = text
			}
			collect(value, where, found)
		}
	case []any:
		for _, one := range n {
			collect(one, where, found)
		}
	}
}

// strangers are the labels that a query asks for and no metric of it has.
func strangers(query string, all map[string]metric) (errs []string) {
	allowed := []string{"le", "instance", "job"}
	for _, m := range regexp.MustCompile(`(sluice_[a-z0-9_]+)(\{[^}]*\})?`).FindAllStringSubmatch(query, -1) {
		labels := all[m[1]].labels
		allowed = append(allowed, labels...)
		for _, l := range regexp.MustCompile(`(\w+)\s*(=~|!~|!=|=)`).FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(labels, l[1]) && l[1] != "instance" && l[1] != "job" {
				errs = append(errs, fmt.Sprintf("%s has no label %s", m[1], l[1]))
			}
		}
	}
	for _, by := range regexp.MustCompile(`\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)`).FindAllStringSubmatch(query, -1) {
		for _, l := range strings.FieldsFunc(by[1], func(r rune) bool { return r == ',' || r == ' ' }) {
			if !slices.Contains(allowed, l) {
				errs = append(errs, "nothing in it has a label "+l)
			}
		}
	}
	return errs
}
