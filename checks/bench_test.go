package checks

import (
	"os/exec"
	"testing"
)

// The benchmarks are a module of their own, which nothing else builds: neither
// they nor the earlier program that they measure beside may be left behind.
func TestBenchmarksAreBuilt(t *testing.T) {
	if testing.Short() {
		t.Skip("builds another module, and an earlier tree")
	}
	atRoot()
	for _, args := range [][]string{{"vet", "./..."}, {"test", "-run", "TestEarlierIsBuilt", "."}} {
		command := exec.CommandContext(t.Context(), "go", args...)
		command.Dir = "bench"
		if said, err := command.CombinedOutput(); err != nil {
			t.Errorf("go %s in bench: %v\n%s", args[0], err, said)
		}
	}
}
