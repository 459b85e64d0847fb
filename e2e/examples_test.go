package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// servers are the commands that go on until they are told to end, and what
// they print when they are up.
func servers() map[string]string {
	return map[string]string{"controller": "serving", "task": "task listens", "local": "is up", "nlb": "load balancer is up"}
}

// TestExamples runs the example in every command's help while the demo plays,
// in a shell, as somebody would who reads it there. What makes no sense just
// then may be refused.
func TestExamples(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	demo, err := launch(dir, "demo", credentials(), "sluice", "demo", "--listen", "127.0.0.1:0", "--dir", filepath.Join(dir, "demo"), "--rate", "1000", "--connections", "200")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(demo.kill)
	elsewhere, err := demo.await(`export (.*)`)
	if err != nil {
		t.Fatal(err)
	}
	auctions, err := demo.await(`auctions go to (\S+),`)
	if err != nil {
		t.Fatal(err)
	}
	env := append(credentials(), strings.Fields(elsewhere)...)
	here := t.TempDir() // looks like the repository, as far as examples name files of it
	for _, folder := range []string{"local", "docs"} {
		path, err := filepath.Abs(filepath.Join("..", folder))
		if err == nil {
			err = os.Symlink(path, filepath.Join(here, folder))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	within(t, 5*time.Minute, "partner-blind to be taken back", func() (bool, string) {
		said := demo.printed()
		return strings.Contains(said, "partner-blind       rolled_back"), said
	})
	for _, name := range commandNames(t) {
		if name == "demo" { // it plays already
			continue
		}
		for i, line := range examples(t, name) {
			line = strings.ReplaceAll(line, "127.0.0.1:9090", auctions) // of a demo that found its usual ports free
			if up, is := servers()[name]; is {
				p, err := launch(here, name, env, "bash", "-c", "exec "+line)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := p.await(up); err != nil {
					t.Errorf("%s: %v", line, err)
				}
				if err := p.stop(); err != nil {
					t.Errorf("%s: %v", line, err)
				}
				continue
			}
			run := exec.CommandContext(t.Context(), "bash", "-c", line)
			run.Dir, run.Env = here, env
			said, err := run.CombinedOutput()
			ended := (*exec.ExitError)(nil)
			if refused := errors.As(err, &ended) && (ended.ExitCode() == 3 || name == "doctor" && strings.Contains(string(said), "wrong")); err != nil && !refused {
				t.Errorf("example %d of %s, %s: %v\n%s", i+1, name, line, err, said)
			}
		}
	}
	if err := demo.stop(); err != nil {
		t.Error(err)
	}
}

// help returns what the program says of a command, or of all.
func help(t *testing.T, args ...string) string {
	t.Helper()
	said, err := exec.CommandContext(t.Context(), "sluice", append([]string{"help"}, args...)...).Output()
	if err != nil {
		t.Fatalf("help %v: %v", args, err)
	}
	return string(said)
}

func commandNames(t *testing.T) (names []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z]+) +[A-Z][a-z]`).FindAllStringSubmatch(help(t), -1) {
		names = append(names, m[1])
	}
	if len(names) < 20 {
		t.Fatalf("help lists %q", names)
	}
	return names
}

// examples returns the command lines under Example in the help of a command.
func examples(t *testing.T, name string) (lines []string) {
	t.Helper()
	_, shown, found := strings.Cut(help(t, name), "\nExample:\n")
	shown, _, ended := strings.Cut(shown, "\n\nFlags:\n")
	if !found || !ended || shown == "" {
		t.Fatalf("the help of %s shows no example", name)
	}
	return strings.Split(strings.ReplaceAll(shown, "\\\n", " "), "\n")
}
