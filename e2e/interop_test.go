package e2e

import (
	"errors"
	"flag"
	"os/exec"
	"path/filepath"
	"testing"
)

var interop = flag.Bool("interop", false, "call a task from clients in other languages, which are installed from their registries")

// missing is the status of a client whose tools are missing.
const missing = 77

// TestInterop lets Apache Thrift's own clients in other languages call a task
// in their default settings, with code generated from the published IDL.
func TestInterop(t *testing.T) {
	if !*interop {
		t.Skip("installs packages: make interop, or go test -run TestInterop ./e2e -interop")
	}
	b := newBare(t, 1, "baseline")
	for _, script := range []string{"python.sh", "java.sh"} {
		t.Run(script, func(t *testing.T) {
			said, err := exec.CommandContext(t.Context(), filepath.Join("..", "deploy", "interop", script), b.tasks[0].data, b.digests[0]).CombinedOutput()
			var ended *exec.ExitError
			switch {
			case errors.As(err, &ended) && ended.ExitCode() == missing:
				t.Skipf("%s", said)
			case err != nil:
				t.Fatalf("%v\n%s", err, said)
			}
			t.Logf("%s", said)
		})
	}
	if err := b.tasks[0].process.stop(); err != nil {
		t.Error(err)
	}
}
