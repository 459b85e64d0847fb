package controllertest

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/rollout"
)

// Service is what keeps the tasks of a fleet running.
type Service struct {
	Scale func(t *testing.T, count int)
	Stop  func(t *testing.T, task string)
	Kill  func(t *testing.T, task string) // its process, by SIGKILL
	Quit  func(t *testing.T, task string) // its process, by SIGTERM, as a host that shuts down

	// Protect is by somebody else, for an odd time.
	Protect func(t *testing.T, task string, minutes int)
}

// Tasks checks the promises of controller.Tasks. open returns handles on the
// same service, which keeps no task running yet.
func Tasks(t *testing.T, open func() controller.Tasks, s Service) {
	tasks := open()
	steady(t, tasks, 0)
	s.Scale(t, 3)
	three := steady(t, tasks, 3)
	taskAddresses(t, three)
	taskTag(t, open, three)
	taskProtection(t, open, s, three)
	taskReplaced(t, tasks, s)
	taskStopped(t, open)
	taskCrashed(t, open, s)
}

// steady waits until so many tasks run and are meant to.
func steady(t *testing.T, tasks controller.Tasks, count int) (got []rollout.Task) {
	t.Helper()
	eventually(t, "the service is steady", func() bool {
		var desired int
		var err error
		if got, desired, err = tasks.List(t.Context()); err != nil {
			t.Fatal(err)
		}
		return len(got) == count && desired == count
	})
	return got
}

func find(t *testing.T, tasks controller.Tasks, id string) rollout.Task {
	t.Helper()
	all, _, err := tasks.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(all, func(task rollout.Task) bool { return task.ID == id })
	if at < 0 {
		t.Fatalf("task %s is not listed", id)
	}
	return all[at]
}

func taskAddresses(t *testing.T, all []rollout.Task) {
	seen := map[string]bool{}
	for _, task := range all {
		if _, err := netip.ParseAddrPort(task.Address); err != nil || task.Error != "" {
			t.Errorf("address: %v, %s", err, task.Error)
		}
		if seen[task.ID] || seen[task.Address] || task.ID == "" {
			t.Errorf("two tasks are %s at %s", task.ID, task.Address)
		}
		seen[task.ID], seen[task.Address] = true, true
		if task.Tag != "" || task.Protected || task.StartedAt.IsZero() || task.Reachable {
			t.Errorf("fresh task: %+v", task)
		}
	}
}

func taskTag(t *testing.T, open func() controller.Tasks, all []rollout.Task) {
	id := all[1].ID
	for _, release := range []string{"first", "second", "second"} {
		tasks := open() // which has listed nothing yet
		if err := tasks.Tag(t.Context(), id, release); err != nil {
			t.Fatal(err)
		}
		if got := find(t, tasks, id).Tag; got != release {
			t.Errorf("tagged %q, want %q", got, release)
		}
	}
	if got := find(t, open(), all[0].ID).Tag; got != "" {
		t.Errorf("another task is tagged %q", got)
	}
	if err := open().Tag(t.Context(), "0123456789abcdef0123456789abcdef", "x"); !errors.Is(err, controller.ErrNotFound) {
		t.Errorf("tag a task that is not there: %v, want ErrNotFound", err)
	}
}

// taskProtection leaves one task.
func taskProtection(t *testing.T, open func() controller.Tasks, s Service, all []rollout.Task) {
	spared := all[0].ID
	tasks := open()
	for range 2 {
		if err := tasks.Protect(t.Context(), []string{spared}, true); err != nil {
			t.Fatal(err)
		}
	}
	if !find(t, tasks, spared).Protected || !find(t, open(), spared).Protected || find(t, tasks, all[1].ID).Protected {
		t.Error("not protected, or more than the one")
	}
	if left := time.Until(find(t, tasks, spared).ProtectedUntil); left < rollout.GuardFor-time.Minute || left > rollout.GuardFor+time.Minute {
		t.Errorf("protected for %v, want %v", left, rollout.GuardFor)
	}
	s.Scale(t, 1)
	if left := steady(t, tasks, 1); left[0].ID != spared {
		t.Errorf("scale-in took the protected task %s", spared)
	}
	for range 2 {
		if err := tasks.Protect(t.Context(), []string{spared}, false); err != nil {
			t.Fatal(err)
		}
	}
	if task := find(t, tasks, spared); task.Protected || !task.ProtectedUntil.IsZero() {
		t.Error("still protected")
	}
	protectedElsewhere(t, open, s, spared)
	protectionBlocked(t, open, s)
	if err := tasks.Protect(t.Context(), []string{"0123456789abcdef0123456789abcdef"}, true); !errors.Is(err, controller.ErrNotFound) {
		t.Errorf("protect a task that is not there: %v, want ErrNotFound", err)
	}
}

// protectedElsewhere lets somebody else protect a task that we protect: it stays
// so when we let it go, though we had not heard of it.
func protectedElsewhere(t *testing.T, open func() controller.Tasks, s Service, task string) {
	tasks := open()
	find(t, tasks, task)
	if err := tasks.Protect(t.Context(), []string{task}, true); err != nil {
		t.Fatal(err)
	}
	s.Protect(t, task, 611)
	if err := tasks.Protect(t.Context(), []string{task}, false); err != nil {
		t.Fatal(err)
	}
	for _, tasks := range []controller.Tasks{tasks, open()} {
		if left := time.Until(find(t, tasks, task).ProtectedUntil); left < 10*time.Hour {
			t.Errorf("somebody else protects it for 611 minutes, and it is protected for %v", left)
		}
	}
	s.Protect(t, task, 0)
}

// protectionBlocked protects more tasks than the service is to keep, which ECS
// refuses by a reason that is told, with the way out.
func protectionBlocked(t *testing.T, open func() controller.Tasks, s Service) {
	tasks := open()
	s.Scale(t, 3)
	three := steady(t, tasks, 3)
	two := []string{three[0].ID, three[1].ID}
	if err := tasks.Protect(t.Context(), two, true); err != nil {
		t.Fatal(err)
	}
	s.Scale(t, 1)
	eventually(t, "only the protected ones are left", func() bool {
		left, desired, err := tasks.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(left) == 2 && desired == 1
	})
	err := open().Protect(t.Context(), two, true)
	if err == nil || !strings.Contains(err.Error(), "DEPLOYMENT_BLOCKED") || !strings.Contains(err.Error(), "raise the desired count") {
		t.Errorf("two of one are protected: %v", err)
	}
	if err := tasks.Protect(t.Context(), two, false); err != nil {
		t.Fatal(err)
	}
	steady(t, tasks, 1)
}

func taskReplaced(t *testing.T, tasks controller.Tasks, s Service) {
	old := steady(t, tasks, 1)[0].ID
	isGone := func() bool {
		gone, err := tasks.Gone(t.Context(), []string{old})
		if err != nil {
			t.Fatal(err)
		}
		return slices.Contains(gone, old)
	}
	if isGone() {
		t.Errorf("task %s runs, and is said to be gone", old)
	}
	s.Stop(t, old)
	eventually(t, "the stopped task is said to be gone", isGone)
	eventually(t, "the stopped task is replaced", func() bool {
		got := steady(t, tasks, 1)
		return got[0].ID != old && got[0].Tag == "" && !got[0].Protected
	})
	eventually(t, "the stopped task is gone", func() bool {
		return errors.Is(tasks.Protect(t.Context(), []string{old}, true), controller.ErrNotFound)
	})
}

// taskStopped stops one, which another replaces, and which has not crashed.
func taskStopped(t *testing.T, open func() controller.Tasks) {
	tasks := open()
	old := steady(t, tasks, 1)[0].ID
	for range 2 {
		if err := tasks.Stop(t.Context(), old, strings.Repeat("it obeys nobody, ", 40)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the stopped task is replaced", func() bool { return steady(t, tasks, 1)[0].ID != old })
	if err := tasks.Stop(t.Context(), "0123456789abcdef0123456789abcdef", "it is not there"); !errors.Is(err, controller.ErrNotFound) {
		t.Errorf("stop a task that is not there: %v, want ErrNotFound", err)
	}
}

// crashes are the tasks that ended by themselves, or also those that ECS ended for
// a reason of its own.
func crashes(t *testing.T, tasks controller.Tasks, themselves bool) []rollout.Crash {
	t.Helper()
	crashed, err := tasks.Crashed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(crashed, func(c rollout.Crash) bool { return themselves && c.Ended != "" })
}

// taskCrashed finds one that crashed among those that ended otherwise: it was
// preceded by tasks that were stopped and scaled in.
func taskCrashed(t *testing.T, open func() controller.Tasks, s Service) {
	tasks := open()
	for _, c := range crashes(t, tasks, false) {
		if c.Ended != rollout.ScaledIn {
			t.Fatalf("crashed before any did: %+v", c)
		}
	}
	s.Scale(t, 3)
	three := steady(t, tasks, 3)
	killed, quit := three[0].ID, three[1].ID
	s.Quit(t, quit)
	s.Kill(t, killed)
	eventually(t, "both are replaced", func() bool {
		got := steady(t, tasks, 3)
		return !slices.ContainsFunc(got, func(task rollout.Task) bool { return task.ID == killed || task.ID == quit })
	})
	for _, tasks := range []controller.Tasks{tasks, tasks, open()} {
		var crashed []rollout.Crash
		eventually(t, "ECS says which task crashed", func() bool {
			crashed = crashes(t, tasks, true)
			return len(crashed) > 0
		})
		if len(crashed) != 1 || crashed[0].Task != killed || crashed[0].ExitCode != 137 || crashed[0].Why == "" || crashed[0].At.IsZero() {
			t.Errorf("crashed: %+v, want task %s with exit code 137", crashed, killed)
		}
	}
}
