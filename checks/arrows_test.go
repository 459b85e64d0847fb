package checks

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLintCatches breaks each rule of .golangci.yml about arrows and purity
// once, in a small copy of the tree, and sees it caught.
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
	config, err := os.ReadFile(".golangci.yml")
	if err != nil {
		t.Fatal(err)
	}
	write(".golangci.yml", string(config))
	write("go.mod", "module github.com/sluicehq/sluice\n\ngo 1.26\n\nrequire github.com/aws/fake v0.0.0\n\nreplace github.com/aws/fake => ./fake\n")
	write("fake/go.mod", "module github.com/aws/fake\n")
	write("fake/fake.go", "package fake\n")
	for _, p := range []string{"api", "web", "idl/gen/control", "inference", "inference/auction", "controller", "controller/aws", "controller/fleet", "controller/notify", "controller/rollout", "local", "local/demo", "cli", "identity", "amazon"} {
		write(p+"/doc.go", "// Package "+filepath.Base(p)+" is a part.\npackage "+filepath.Base(p)+"\n")
	}
	broken := []struct{ file, body, by string }{
		{"controller/rollout/network.go", `import _ "net/http"`, "depguard"},
		{"controller/judge/files.go", `import _ "os"`, "depguard"},
		{"controller/history/files.go", `import _ "os"`, "depguard"},
		{"controller/simulation/files.go", `import _ "os"`, "depguard"},
		{"controller/watch/files.go", `import _ "os"`, "depguard"},
		{"controller/watch/clock.go", "import \"time\"\n\n// Now is now.\nfunc Now() time.Time { return time.Now() }", "forbidigo"},
		{"controller/tally/clock.go", "import \"time\"\n\n// Now is now.\nfunc Now() time.Time { return time.Now() }", "forbidigo"},
		{"controller/tally/decides.go", `import _ "github.com/sluicehq/sluice/controller/rollout"`, "depguard"},
		{"controller/admit/context.go", `import _ "context"`, "depguard"},
		{"controller/preview/files.go", `import _ "os"`, "depguard"},
		{"controller/doctor/files.go", `import _ "os"`, "depguard"},
		{"inference/model/network.go", `import _ "net"`, "depguard"},
		{"inference/feature/files.go", `import _ "os"`, "depguard"},
		{"inference/release/files.go", `import _ "os"`, "depguard"},
		{"inference/auction/world/files.go", `import _ "os"`, "depguard"},
		{"controller/rollout/clock.go", "import \"time\"\n\n// Now is now.\nfunc Now() time.Time { return time.Now() }", "forbidigo"},
		{"controller/judge/chance.go", "import \"math/rand/v2\"\n\n// Roll is chance.\nfunc Roll() int { return rand.IntN(6) }", "forbidigo"},
		{"inference/plane.go", `import _ "github.com/sluicehq/sluice/controller/rollout"`, "depguard"},
		{"inference/auction/plane.go", `import _ "github.com/sluicehq/sluice/api"`, "depguard"},
		{"controller/plane.go", `import _ "github.com/sluicehq/sluice/inference"`, "depguard"},
		{"controller/generated.go", `import _ "github.com/sluicehq/sluice/idl/gen/control"`, "depguard"},
		{"api/generated.go", `import _ "github.com/sluicehq/sluice/idl/gen/control"`, "depguard"},
		{"controller/sdk.go", `import _ "github.com/aws/fake"`, "depguard"},
		{"inference/sdk.go", `import _ "github.com/aws/fake"`, "depguard"},
		{"controller/fleet/sdk.go", `import _ "github.com/aws/fake"`, "depguard"},
		{"amazon/plane.go", `import _ "github.com/sluicehq/sluice/controller"`, "depguard"},
		{"controller/adapter.go", `import _ "github.com/sluicehq/sluice/controller/aws"`, "depguard"},
		{"controller/aws/adapter.go", `import _ "github.com/sluicehq/sluice/controller/fleet"`, "depguard"},
		{"controller/fleet/adapter.go", `import _ "github.com/sluicehq/sluice/web"`, "depguard"},
		{"controller/notify/adapter.go", `import _ "github.com/sluicehq/sluice/controller/aws"`, "depguard"},
		{"controller/tells.go", `import _ "github.com/sluicehq/sluice/controller/notify"`, "depguard"},
		{"local/adapter.go", `import _ "github.com/sluicehq/sluice/controller/aws"`, "depguard"},
		{"api/adapter.go", `import _ "github.com/sluicehq/sluice/controller/fleet"`, "depguard"},
		{"api/back.go", `import _ "github.com/sluicehq/sluice/cli"`, "depguard"},
		{"local/demo/back.go", `import _ "github.com/sluicehq/sluice/cli"`, "depguard"},
		{"api/local.go", `import _ "github.com/sluicehq/sluice/local"`, "depguard"},
		{"controller/local.go", `import _ "github.com/sluicehq/sluice/local"`, "depguard"},
		{"identity/local.go", `import _ "github.com/sluicehq/sluice/local"`, "depguard"},
		{"inference/local.go", `import _ "github.com/sluicehq/sluice/local"`, "depguard"},
		{"web/global.go", "var state = map[string]int{}\n\n// Count counts.\nfunc Count() int { state[\"n\"]++; return state[\"n\"] }", "gochecknoglobals"},
		{"web/init.go", "func init() {}", "gochecknoinits"},
		{"api/enum.go", "type phase string\n\nconst (\n\tone phase = \"one\"\n\ttwo phase = \"two\"\n)\n\n// Name names.\nfunc Name(p string) string {\n\tswitch phase(p) {\n\tcase one:\n\t\treturn \"1\"\n\tdefault:\n\t}\n\treturn string(two)\n}", "exhaustive"},
	}
	for _, b := range broken {
		write(b.file, "package "+filepath.Base(filepath.Dir(b.file))+"\n\n"+b.body+"\n")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, linter, "run", "--allow-parallel-runners", "--max-issues-per-linter=0", "--max-same-issues=0",
		"--output.text.print-issued-lines=false", "--output.text.colors=false", "./...")
	run.Dir = tree
	said, err := run.CombinedOutput()
	if err == nil {
		t.Fatalf("the linter finds nothing:\n%s", said)
	}
	for _, b := range broken {
		caught := false
		for line := range strings.Lines(string(said)) {
			caught = caught || strings.HasPrefix(line, b.file+":") && strings.Contains(line, "("+b.by+")")
		}
		if !caught {
			t.Errorf("%s breaks a rule of %s, and nobody notices", b.file, b.by)
		}
	}
	if t.Failed() {
		t.Logf("the linter said:\n%s", said)
	}
}
