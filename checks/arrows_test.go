package checks

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// pure are the folders that know no clock, chance, file or network.
func pure() []string {
	return []string{
		"controller/rollout", "controller/judge", "controller/tally", "controller/watch", "controller/history", "controller/admit",
		"controller/preview", "controller/doctor", "controller/simulation",
		"inference/model", "inference/feature", "inference/release", "inference/auction/world",
	}
}

// wrongArrows are imports that must not be: a folder, and what it may not
// reach. Of this module's that is a part of the package, so that no import runs
// in a circle, or with $ the package itself.
const wrongArrows = `
controller/rollout   net/http
controller/tally     controller/rollout
controller/admit     context
inference/model      net
inference            controller/rollout api web github.com/aws/fake local
inference/auction    api
controller           inference$ idl/gen/control github.com/aws/fake net controller/aws controller/fleet controller/notify api local
web                  inference/auction api
api                  controller$ inference/auction controller/aws controller/fleet controller/notify web idl/gen/control cli local
api/oidc             inference$ controller/aws
controller/aws       controller/fleet controller/notify api web
controller/fleet     controller/aws controller/notify api web github.com/aws/fake
controller/notify    controller/aws controller/fleet api web
local                controller/aws controller/fleet controller/notify api web
local/s3             controller/aws
local/demo           cli
amazon               controller
content              controller
identity             controller local
scrape               controller
sorting              controller
idl/packed           controller
`

const modulePath = "github.com/sluicehq/sluice/"

// breach is a file that breaks a rule of a linter, and what the linter says
// of it, besides its name.
type breach struct{ file, body, by, says string }

func breaches() (all []breach) {
	clock := "import \"time\"\n\n// Now is now.\nfunc Now() time.Time { return time.Now() }"
	for _, folder := range pure() {
		all = append(all, breach{folder + "/files.go", `import _ "os"`, "depguard", "'os'"}, breach{folder + "/clock.go", clock, "forbidigo", ""})
	}
	for line := range strings.Lines(wrongArrows) {
		words := strings.Fields(line)
		for i := 1; i < len(words); i++ {
			to, whole := strings.CutSuffix(words[i], "$")
			if _, err := os.Stat(to); err == nil {
				to = modulePath + to
				if !whole {
					to += "/part"
				}
			}
			all = append(all, breach{fmt.Sprintf("%s/arrow%d.go", words[0], i), fmt.Sprintf("import _ %q", to), "depguard", "'" + to + "'"})
		}
	}
	return append(all,
		breach{"controller/judge/chance.go", "import \"math/rand/v2\"\n\n// Roll is chance.\nfunc Roll() int { return rand.IntN(6) }", "forbidigo", ""},
		breach{"web/global.go", "var state = map[string]int{}\n\n// Count counts.\nfunc Count() int { state[\"n\"]++; return state[\"n\"] }", "gochecknoglobals", ""},
		breach{"web/init.go", "func init() {}", "gochecknoinits", ""},
		breach{"api/enum.go", "type phase string\n\nconst (\n\tone phase = \"one\"\n\ttwo phase = \"two\"\n)\n\n// Name names.\nfunc Name(p string) string {\n\tswitch phase(p) {\n\tcase one:\n\t\treturn \"1\"\n\tdefault:\n\t}\n\treturn string(two)\n}", "exhaustive", ""},
	)
}

// TestLintCatches breaks each rule of .golangci.yml about arrows and purity
// in a small copy of the tree, once for each package that it denies and for
// each folder that it is about, and sees it caught.
func TestLintCatches(t *testing.T) {
	atRoot()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	linter := filepath.Join(here, ".tools", "golangci-lint")
	if _, err := os.Stat(linter); err != nil {
		t.Skip("there is no .tools/golangci-lint: make lint installs it")
	}
	config, err := os.ReadFile(".golangci.yml")
	if err != nil {
		t.Fatal(err)
	}
	broken := breaches()
	said := lint(t, linter, string(config), broken)
	for _, b := range broken {
		caught := false
		for line := range strings.Lines(said) {
			caught = caught || strings.HasPrefix(line, b.file+":") && strings.Contains(line, b.says) && strings.Contains(line, "("+b.by+")")
		}
		if !caught {
			t.Errorf("%s breaks a rule of %s, and nobody notices: %s", b.file, b.by, b.body)
		}
	}
	everyRuleIsBroken(t, config, said)
	if t.Failed() {
		t.Logf("the linter said:\n%s", said)
	}
}

// lint returns what the linter says of a tree of these files.
func lint(t *testing.T, linter, config string, broken []breach) string {
	tree := t.TempDir()
	write := func(file, body string) {
		t.Helper()
		path := filepath.Join(tree, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(".golangci.yml", config)
	write("go.mod", "module github.com/sluicehq/sluice\n\ngo 1.26\n\nrequire github.com/aws/fake v0.0.0\n\nreplace github.com/aws/fake => ./fake\n")
	write("fake/go.mod", "module github.com/aws/fake\n")
	write("fake/fake.go", "package fake\n")
	add := func(folder string) {
		write(folder+"/doc.go", "// Package "+path.Base(folder)+" is a part.\npackage "+path.Base(folder)+"\n")
	}
	for _, b := range broken {
		folder := path.Dir(b.file)
		add(folder)
		write(b.file, "package "+path.Base(folder)+"\n\n"+b.body+"\n")
	}
	for line := range strings.Lines(wrongArrows) {
		for _, to := range strings.Fields(line) {
			if _, err := os.Stat(to); err == nil {
				add(to + "/part")
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, linter, "run", "--allow-parallel-runners", "--max-issues-per-linter=0", "--max-same-issues=0", "--uniq-by-line=false",
		"--output.text.print-issued-lines=false", "--output.text.colors=false", "./...")
	run.Dir = tree
	said, err := run.CombinedOutput()
	if err == nil {
		t.Fatalf("the linter finds nothing:\n%s", said)
	}
	return string(said)
}

// everyRuleIsBroken checks that the linter's words have each package that a
// rule denies, and a file of each folder that a rule is about.
func everyRuleIsBroken(t *testing.T, config []byte, said string) {
	var c struct {
		Linters struct {
			Settings struct {
				Depguard struct {
					Rules map[string]struct {
						Files []string
						Deny  []struct{ Pkg string }
					}
				}
			}
		}
	}
	if err := yaml.Unmarshal(config, &c); err != nil {
		t.Fatal(err)
	}
	type found struct{ folder, pkg, rule string }
	var all []found
	for _, m := range regexp.MustCompile(`(?m)^(\S+)/[^/]+\.go:\S+ import '(\S+)' is not allowed from list '(\S+?)'`).FindAllStringSubmatch(said, -1) {
		all = append(all, found{m[1], m[2], m[3]})
	}
	for name, rule := range c.Linters.Settings.Depguard.Rules {
		for _, d := range rule.Deny {
			pkg, whole := strings.CutSuffix(d.Pkg, "$")
			if !slices.ContainsFunc(all, func(f found) bool {
				return f.rule == name && strings.HasPrefix(f.pkg, pkg) && (!whole || f.pkg == pkg)
			}) {
				t.Errorf("nothing here breaks rule %s by an import of %s", name, d.Pkg)
			}
		}
		for _, glob := range rule.Files {
			folder := strings.TrimPrefix(strings.TrimSuffix(glob, "/*.go"), "**/")
			if strings.ContainsAny(folder, "!$*") { // what is excepted, or all
				continue
			}
			if !slices.ContainsFunc(all, func(f found) bool { return f.rule == name && f.folder == folder }) {
				t.Errorf("nothing here breaks rule %s in %s", name, folder)
			}
		}
	}
}
