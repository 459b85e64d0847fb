package checks

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// What make builds tells its commit wherever git knows one, whatever GOFLAGS says,
// and is built elsewhere all the same.
func TestMakeNotesTheCommit(t *testing.T) {
	atRoot()
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("there is no make")
	}
	for git, noted := range map[string]bool{"": true, "GIT_DIR=/nowhere": false} {
		build := exec.CommandContext(t.Context(), "make", "--no-print-directory", "-n", "build")
		build.Env = append(build.Environ(), git)
		said, err := build.CombinedOutput()
		if err != nil || strings.Contains(string(said), " -buildvcs=true ") != noted {
			t.Errorf("with %q make would run (%v)\n%s", git, err, said)
		}
	}
}

// mostBytes is 1.2 times the stripped program of f4d4974, for Linux on amd64.
// Every task fetches it before it serves its first auction, and a library that
// is linked for little costs more than anything written here.
const mostBytes = 30_376_254

// TestWhatIsLinked checks that the program is small, and that the linker may
// leave out what nobody calls. Where a method is looked up by a name that the
// linker cannot know, as text/template does, it keeps every exported method, and
// those of the AWS SDKs make the program two thirds larger.
func TestWhatIsLinked(t *testing.T) {
	atRoot()
	program := filepath.Join(t.TempDir(), "sluice")
	// As the image has it but for -trimpath, by which all would be compiled
	// anew; the names of folders are 0.1 % of it.
	link := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w -dumpdep", "-o", program, ".")
	said, err := link.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%.2000s", err, said)
	}
	if len(said) == 0 {
		t.Fatal("the linker tells no dependencies")
	}
	for line := range strings.Lines(string(said)) {
		if strings.Contains(line, "<ReflectMethod>") {
			t.Errorf("it keeps every exported method because of %s", strings.TrimSpace(line))
		}
	}
	linked, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	if size := linked.Size(); size > mostBytes && runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		t.Errorf("the program has %d bytes, %d more than it may have: docs/performance.md says what has made it smaller, and what would", size, size-mostBytes)
	}
}
