package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/rollout"
)

// before is the version that the first entry of CHANGELOG.md leads from.
const before = "f4d4974"

// earlier builds the program as it was at a commit, out of this repository's
// own history.
func earlier(t *testing.T, commit string) (program string) {
	t.Helper()
	if err := exec.CommandContext(t.Context(), "git", "cat-file", "-e", commit+"^{commit}").Run(); err != nil {
		t.Skipf("this checkout does not know commit %s: git fetch --unshallow", commit)
	}
	dir := t.TempDir()
	for _, command := range []string{
		"git -C .. archive --format=tar " + commit + " | tar -x -C " + dir,
		"cd " + dir + " && go build -o earlier .",
	} {
		if said, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, said)
		}
	}
	return filepath.Join(dir, "earlier")
}

// TestUpgrade takes four models live while controller and tasks are exchanged
// under way, each for a newer or an older one: a rollout that waits for its
// approval in a canary step is carried on by whoever comes next. An older
// controller counts it anew, and its judge proves nothing where the first look
// knows very much; so there a person promotes it.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	const tasks = 4
	older := earlier(t, before)
	newer, err := exec.LookPath("sluice")
	if err != nil {
		t.Fatal(err)
	}
	_, endpoint := awsProcess(t, t.TempDir(), "127.0.0.1:0")
	versions := filepath.Join(t.TempDir(), "sluice") // a link: what ECS starts as a task
	s := newStackOf(t, endpoint, tasks, append([]string{versions}, taskCommand()[1:]...)...)
	s.must(os.Symlink(older, versions))
	s.must(os.WriteFile(filepath.Join(s.dir, "fleet.yaml"), []byte(strings.Replace(fleetFile, "margin: 0.1}]", "margin: 0.1, approval: true}]", 1)), 0o600))
	s.startControllerOf(older)
	s.try("baseline")
	s.serves("baseline", tasks)
	nlb := s.launch("nlb", "nlb", "--cluster", "ads", "--service", "inference", "--listen", "127.0.0.1:0")
	target, err := nlb.await(`listen=(\S+)`)
	s.must(err)
	s.launch("auction", "auction", "--target", target, "--rate", "800", "--connections", "100", "--tmax", "5s", "--connection-age", "5s")

	for _, step := range []struct {
		what, model string
		verb        rollout.Verb // by which a person lets it go on
		exchange    func()
	}{
		{"a newer controller takes over from an older one", "better", rollout.VerbResume, func() { s.exchangeController(newer) }},
		{"newer tasks take over, one by one, in a canary step", "burst-1", rollout.VerbResume, func() { s.exchangeTasks(versions, newer, tasks) }},
		{"an older controller takes over from a newer one", "burst-2", rollout.VerbPromote, func() { s.exchangeController(older) }},
		{"older tasks take over, and newer controllers", "burst-3", rollout.VerbResume, func() {
			s.exchangeTasks(versions, older, tasks)
			s.exchangeController(newer)
		}},
	} {
		id := s.ask(rollout.VerbTry, api.Ask{Source: "s3://training/" + step.model + ".tar.gz"}).Rollout
		s.fleet(step.model+" to wait for its approval", func(f api.Fleet) bool {
			return f.Active != nil && f.Active.ID == id && f.Active.Phase == string(rollout.Held) && f.Active.Reason == string(rollout.Approval)
		})
		step.exchange()
		s.fleet(step.model+" to wait still, while "+step.what, func(f api.Fleet) bool {
			return f.Active != nil && f.Active.ID == id && f.Active.Phase == string(rollout.Held) && f.Tasks.Ready == tasks
		})
		s.ask(step.verb, api.Ask{Why: step.what})
		if f := s.serves(step.model, tasks); f.Last == nil || f.Last.ID != id || f.Last.Phase != string(rollout.Live) {
			t.Errorf("%s: %s", step.what, describe(f))
		}
	}
	s.ask(rollout.VerbRollback, api.Ask{Why: "a newer controller and older tasks"})
	s.serves("burst-2", tasks)
}

// exchangeController ends the controller in good order and starts another.
func (s *stack) exchangeController(program string) {
	s.Helper()
	s.must(s.controller.stop())
	s.startControllerOf(program)
}

// exchangeTasks lets tasks of another program take the place of all there are,
// one at a time.
func (s *stack) exchangeTasks(link, program string, tasks int) {
	s.Helper()
	s.must(os.Remove(link))
	s.must(os.Symlink(program, link))
	old, err := s.cloud.Processes(s.Context())
	s.must(err)
	for i, id := range old {
		s.must(syscall.Kill(id, syscall.SIGTERM))
		until(s, "a task to take the place of another", func() (bool, string) {
			now, err := s.cloud.Processes(s.Context())
			left := slices.DeleteFunc(slices.Clone(old), func(id int) bool { return !slices.Contains(now, id) })
			return err == nil && len(now) == tasks && len(left) == len(old)-i-1, fmt.Sprint(now, err)
		})
		s.fleet("all tasks to be ready", func(f api.Fleet) bool { return f.Tasks.Ready == tasks })
	}
}
