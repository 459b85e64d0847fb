package checks

import (
	"os/exec"
	"testing"
)

// The training script reads logs as SageMaker and other writers leave them. Its
// own tests are in Python, and need nothing besides it.
func TestTrainingScript(t *testing.T) {
	atRoot()
	if err := exec.CommandContext(t.Context(), "python3", "-c", "import sys; sys.exit(sys.version_info < (3, 10))").Run(); err != nil {
		t.Skipf("needs Python 3.10 or newer: %v", err)
	}
	said, err := exec.CommandContext(t.Context(), "python3", "deploy/sagemaker/train_test.py").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}
