package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/inference/release"
)

var newcomer = flag.String("newcomer", "", "train as deploy/sagemaker/README.md tells, by this Python, and have the demo try it")

// visit starts a demo in a folder that looks like the repository, as far as a
// newcomer sees it, and returns the lines that it prints for one.
func visit(t *testing.T) (here string, env, lines []string, demo *process) {
	t.Helper()
	dir := t.TempDir()
	demo, err := launch(dir, "demo", credentials(), "sluice", "demo", "--listen", "127.0.0.1:0", "--dir", filepath.Join(dir, "demo"), "--rate", "1000", "--connections", "200")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(demo.kill)
	printed, err := demo.await(`(?s)Try a model of your own[^\n]*:\n((?:    [^\n]+\n){3})`)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(printed) {
		lines = append(lines, strings.TrimSpace(line))
	}
	here = t.TempDir()
	program, err := exec.LookPath("sluice")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(here, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, place := range map[string]string{"bin/sluice": program, "deploy": "../deploy", "local": "../local"} {
		place, err := filepath.Abs(place)
		if err == nil {
			err = os.Symlink(place, filepath.Join(here, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return here, credentials()[:2], lines, demo
}

// shell runs a line, or some of them, as somebody would who copies it.
func shell(ctx context.Context, here string, env []string, line string) *exec.Cmd {
	c := exec.CommandContext(ctx, "bash", "-c", line)
	c.Dir, c.Env = here, env
	return c
}

// TestDemoTellsHowToTryAModel types the three lines that the demo prints, with a
// good model at hand: it is uploaded, and admitted.
func TestDemoTellsHowToTryAModel(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl")
	}
	here, env, lines, demo := visit(t)
	body, err := model("better")
	if err == nil {
		err = os.WriteFile(filepath.Join(here, "model.tar.gz"), body, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, enough := context.WithCancel(t.Context())
	trying := shell(ctx, here, env, strings.Join(lines, " && "))
	said, err := os.Create(filepath.Join(here, "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	trying.Stdout, trying.Stderr, trying.WaitDelay = said, said, time.Second
	if err := trying.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = trying.Wait() }() // how it ends is for the judge
	within(t, 5*time.Minute, "the model to be admitted", func() (bool, string) {
		list, err := shell(t.Context(), here, env, lines[0]+" && bin/sluice rollouts -o json").CombinedOutput()
		var rollouts []struct{ Source, Candidate, Phase string }
		if err != nil || json.Unmarshal(list, &rollouts) != nil {
			return false, string(list)
		}
		for _, r := range rollouts {
			if r.Source == "s3://training/models/mine/output/model.tar.gz" && r.Candidate == release.Digest(body) {
				return true, r.Phase
			}
		}
		so, _ := os.ReadFile(said.Name()) // for whoever reads why
		return false, string(list) + "\nand the three lines said\n" + string(so)
	})
	enough()
	<-ended
	demo.kill()
}

// TestNewcomer follows deploy/sagemaker/README.md, word for word.
func TestNewcomer(t *testing.T) {
	if *newcomer == "" {
		t.Skip("make newcomer trains a model")
	}
	python, err := exec.LookPath(*newcomer)
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../deploy/sagemaker/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, told, found := strings.Cut(string(readme), "**Anywhere else**")
	if !found {
		t.Fatal("the README does not say how to train anywhere else")
	}
	here, env, lines, demo := visit(t)
	names := t.TempDir() // python3 is the one that was named
	if err := os.Symlink(python, filepath.Join(names, "python3")); err != nil {
		t.Fatal(err)
	}
	env[0] = "PATH=" + names + ":" + os.Getenv("PATH")
	commands := []string{lines[0]}
	for line := range strings.Lines(told) {
		if strings.HasPrefix(line, "    ") {
			commands = append(commands, strings.TrimSpace(line))
		} else if len(commands) > 1 && line != "\n" {
			break
		}
	}
	within(t, 5*time.Minute, "all jobs of the demo to end", func() (bool, string) {
		said := demo.printed()
		return strings.Contains(said, "All jobs have ended"), said
	})
	commands = append(commands, lines[1:]...)
	script := "set -e\n" + strings.Join(commands, "\n")
	said, err := shell(t.Context(), here, env, script).CombinedOutput()
	t.Logf("%s\n%s", script, said)
	if err != nil || !strings.Contains(string(said), " live (accepted): ") {
		t.Fatalf("the model does not end live: %v", err)
	}
	if err := demo.stop(); err != nil {
		t.Error(err)
	}
}
