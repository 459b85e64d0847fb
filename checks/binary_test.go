package checks

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDeadCodeIsLeftOut checks that the linker may leave out what nobody
// calls. Where a method is looked up by a name that the linker cannot know, as
// text/template does, it keeps every exported method, and those of the AWS
// SDKs make the program two thirds larger.
func TestDeadCodeIsLeftOut(t *testing.T) {
	atRoot()
	link := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-dumpdep", "-o", filepath.Join(t.TempDir(), "sluice"), ".")
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
}
