package checks

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller"
)

// explained are the words of docs/words.md, with the line of each, by heading.
func explained(t *testing.T) map[string]map[string]string {
	t.Helper()
	atRoot()
	text, err := os.ReadFile("docs/words.md")
	if err != nil {
		t.Fatal(err)
	}
	found, heading := map[string]map[string]string{}, ""
	for line := range strings.Lines(string(text)) {
		if h, is := strings.CutPrefix(strings.TrimSpace(line), "## "); is {
			heading = h
			found[heading] = map[string]string{}
		}
		if m := regexp.MustCompile("^\\| `([^`]+)` \\|").FindStringSubmatch(line); m != nil {
			if found[heading][m[1]] != "" {
				t.Errorf("%s: %s is explained twice", heading, m[1])
			}
			found[heading][m[1]] = line
		}
	}
	return found
}

// compareWords names words that only the code, or only the list, has.
func compareWords(t *testing.T, heading string, list map[string]string, code []string) {
	t.Helper()
	if len(code) == 0 {
		t.Errorf("%s: the code has none", heading)
	}
	for _, word := range code {
		if list[word] == "" {
			t.Errorf("docs/words.md does not explain %q under %q", word, heading)
		}
	}
	for word := range list {
		if !slices.Contains(code, word) {
			t.Errorf("docs/words.md explains %q under %q, and the code has no such word", word, heading)
		}
	}
}

// constants are the values of a type's constants in the files of some folders.
func constants(t *testing.T, typed string, folders ...string) (values []string) {
	t.Helper()
	eachFile(t, folders, func(n ast.Node) {
		spec, is := n.(*ast.ValueSpec)
		if !is || len(spec.Values) != 1 {
			return
		}
		value := spec.Values[0]
		call, converted := value.(*ast.CallExpr)
		switch {
		case converted && len(call.Args) == 1 && exprText(call.Fun) == typed:
			value = call.Args[0]
		case spec.Type == nil || exprText(spec.Type) != typed:
			return
		}
		if text, is := literal(value); is && text != "" && !slices.Contains(values, text) {
			values = append(values, text)
		}
	})
	return values
}

func exprText(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return exprText(e.X) + "." + e.Sel.Name
	}
	return ""
}

func literal(n ast.Node) (string, bool) {
	l, is := n.(*ast.BasicLit)
	if !is || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

// eachFile shows every node of the Go files in some folders, but for tests.
func eachFile(t *testing.T, folders []string, each func(ast.Node)) {
	t.Helper()
	for _, folder := range folders {
		files, err := filepath.Glob(folder + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has no Go files", folder)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool { each(n); return true })
		}
	}
}

// TestWordsAreExplained holds docs/words.md to the words that the code says.
func TestWordsAreExplained(t *testing.T) {
	list := explained(t)
	compareWords(t, "Phases", list["Phases"], constants(t, "Phase", "controller/rollout"))
	compareWords(t, "Reasons", list["Reasons"], constants(t, "Reason", "controller/rollout"))
	compareWords(t, "Verdicts", list["Verdicts"], append(constants(t, "Outcome", "controller/judge"), constants(t, "Class", "controller/judge")...))
	compareWords(t, "Gates", list["Gates"], constants(t, "Gate", "controller/judge"))
	refusals := append(constants(t, "Reason", "inference/model"), constants(t, "model.Reason", "inference/release", "controller/admit")...)
	refusals = slices.DeleteFunc(refusals, func(word string) bool { return word == "admitted" || word == "already_live" }) // which are none
	compareWords(t, "Reasons of a refusal", list["Reasons of a refusal"], refusals)
}

// TestMetricsAreExplained holds it to the metrics of every process.
func TestMetricsAreExplained(t *testing.T) {
	list, folders := explained(t), []string{}
	known := map[string]string{}
	for heading, words := range list {
		if strings.HasPrefix(heading, "Metrics") {
			for word, line := range words {
				known[word] = line
			}
		}
	}
	for _, top := range []string{"inference", "controller", "api", "identity", "cli"} {
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if files, _ := filepath.Glob(path + "/*.go"); err == nil && d.IsDir() && len(files) > 0 { // the pattern is fine
				folders = append(folders, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var code []string
	others := []string{"sluice_artifact", "sluice_session", "sluice_trip"} // a shell's variable, cookies
	eachFile(t, folders, func(n ast.Node) {
		if text, is := literal(n); is && regexp.MustCompile(`^sluice_[a-z_]+[a-z]$`).MatchString(text) && !slices.Contains(append(others, code...), text) {
			code = append(code, text)
		}
	})
	compareWords(t, "Metrics", known, code)
}

// TestSettingsAreExplained holds it, and docs/fleet.md, to what a fleet file may
// say, and the defaults that it tells to those of the code.
func TestSettingsAreExplained(t *testing.T) {
	list := explained(t)["Settings of the fleet file"]
	shown, err := os.ReadFile("docs/fleet.md")
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := controller.ParseFleet([]byte("fleet: ads\njobs: [\"*\"]\necs: {cluster: c, service: s}\n"))
	if err != nil {
		t.Fatal(err)
	}
	fleet.Policies.Default.Judge = fleet.Policies.Default.Judge.Sane()
	code := []string{"policies.name", "policies.jobs"}
	settings(reflect.ValueOf(fleet), "", func(path string, value any) {
		if path == "policy.name" || path == "policy.jobs" { // of other policies only
			return
		}
		code = append(code, path)
		cells := strings.Split(list[path], "|")
		if len(cells) != 6 {
			return // it is missing, which is told below
		}
		if told := strings.Trim(cells[2], " `"); told != "" && told != asWritten(value) {
			t.Errorf("docs/words.md says that the default of %s is %s: it is %s", path, told, asWritten(value))
		}
		if last := path[strings.LastIndex(path, ".")+1:]; !strings.Contains(string(shown), last) {
			t.Errorf("docs/fleet.md does not show %s", path)
		}
	})
	compareWords(t, "Settings of the fleet file", list, code)
}

// settings walks over what a fleet file may say.
func settings(v reflect.Value, prefix string, each func(path string, value any)) {
	for i := range v.NumField() {
		name, how, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		field, of := v.Field(i), v.Field(i).Type()
		switch {
		case name == "-" || name == "policies" || name == "" && how != "inline":
		case how == "inline":
			settings(field, prefix, each)
		case of.Kind() == reflect.Struct:
			settings(field, prefix+name+".", each)
		case of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Struct:
			settings(reflect.New(of.Elem()).Elem(), prefix+name+".", each)
		default:
			each(prefix+name, field.Interface())
		}
	}
}

// asWritten is a value as a fleet file has it.
func asWritten(v any) string {
	text := fmt.Sprint(v)
	if _, is := v.(time.Duration); !is {
		return text
	}
	for _, nothing := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, nothing) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// TestWhatOneSeesIsExplained checks that the words that docs/operating.md tells
// people to look for are words.
func TestWhatOneSeesIsExplained(t *testing.T) {
	words := map[string]bool{"poisoned": true} // of a task
	for _, list := range explained(t) {
		for word := range list {
			words[word] = true
		}
	}
	text, err := os.ReadFile("docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| you see |")
	if !found {
		t.Fatal("docs/operating.md does not say what one sees")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.Lines(table) {
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
		for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(first, -1) {
			if !words[m[1]] && m[1] != "lease" {
				t.Errorf("docs/operating.md tells what to do when one sees %q, which docs/words.md does not explain", m[1])
			}
		}
	}
}
