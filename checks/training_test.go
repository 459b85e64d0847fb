package checks

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The training script reads logs as SageMaker and other writers leave them. Its
// own tests are in Python, and need nothing besides it and sluice.
func TestTrainingScript(t *testing.T) {
	atRoot()
	if err := exec.CommandContext(t.Context(), "python3", "-c", "import sys; sys.exit(sys.version_info < (3, 10))").Run(); err != nil {
		t.Skipf("needs Python 3.10 or newer: %v", err)
	}
	sluice := filepath.Join(t.TempDir(), "sluice")
	if said, err := exec.CommandContext(t.Context(), "go", "build", "-o", sluice, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, said)
	}
	test := exec.CommandContext(t.Context(), "python3", "deploy/sagemaker/train_test.py")
	test.Env = append(os.Environ(), "SLUICE="+sluice)
	if said, err := test.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}
