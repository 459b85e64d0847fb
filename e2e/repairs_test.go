package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/fleet"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/identity"
)

const stateObject = "fleets/ads/state.json"

// TestStateMended damages the state under a leader and restores versions of it
// through S3, as docs/operating.md says: people are told what to do, the fleet
// goes on from there and obeys, and no auction fails.
func TestStateMended(t *testing.T) {
	t.Parallel()
	const tasks = 4
	_, endpoint := startAWS(t)
	s := newStack(t, endpoint, tasks)
	s.must(s.cloud.Version(t.Context(), "sluice"))
	s.startController()
	s.try("baseline")
	first := s.serves("baseline", tasks).Stable.Digest
	early, err := s.cloud.Newest(t.Context(), "sluice", stateObject)
	s.must(err)
	auctions := s.auctions()
	id := s.try("better")
	s.lost("look.json")
	s.lost("judge/")
	s.ask(rollout.VerbPromote, api.Ask{Rollout: id})
	better := s.serves("better", tasks).Stable.Digest
	sound, err := s.cloud.Newest(t.Context(), "sluice", stateObject)
	s.must(err)

	for what, mend := range map[string]func() error{
		"a copy of the earlier version": func() error { return s.cloud.Restore(t.Context(), "sluice", stateObject, sound) },
		"the damaged version removed": func() error {
			damaged, err := s.cloud.Newest(t.Context(), "sluice", stateObject)
			s.must(err)
			return s.cloud.Remove(t.Context(), "sluice", stateObject, damaged)
		},
	} {
		s.toldToRestore(func() {
			s.must(s.cloud.Upload(t.Context(), "sluice", stateObject, []byte(`{"fleet":"ads","ep`)))
		})
		s.must(mend())
		s.serves("better", tasks)
		sound, err = s.cloud.Newest(t.Context(), "sluice", stateObject)
		s.must(err)
		t.Logf("mended by %s", what)
	}

	before := s.serves("better", tasks)
	s.must(s.cloud.Restore(t.Context(), "sluice", stateObject, early))
	s.serves("baseline", tasks)
	if e := s.next(before.LastEvent); e.Reason != string(rollout.Restored) || e.Seq <= before.LastEvent {
		t.Errorf("after event %d comes %+v, want %s", before.LastEvent, e, rollout.Restored)
	}
	s.ask(rollout.VerbRollback, api.Ask{Release: better, Why: "the restored state has the wrong one"})
	s.serves("better", tasks)
	s.ask(rollout.VerbRollback, api.Ask{Release: first, Why: "it goes on"})
	s.serves("baseline", tasks)

	s.must(s.cloud.Remove(t.Context(), "sluice", "lease.json", ""))
	_, err = s.controller.await("lease.json was gone and is written anew")
	s.must(err)
	s.ask(rollout.VerbRollback, api.Ask{Release: better, Why: "somebody leads"})
	s.serves("better", tasks)
	s.lost("looks/" + id + "/")
	if _, err := s.api.Rollout(t.Context(), "ads", id); err != nil {
		t.Errorf("without its looks, a rollout cannot be shown: %v", err)
	}
	s.ask(rollout.VerbRollback, api.Ask{Release: first, Why: "it goes on without looks"})
	s.serves("baseline", tasks)
	s.failed(auctions, 0)
}

// lost removes documents of the fleet that can be lost without harm, once there
// are some.
func (s *stack) lost(name string) {
	s.Helper()
	until(s, name+" to be written", func() (bool, string) {
		n, err := s.cloud.RemoveAll(s.Context(), "sluice", "fleets/ads/"+name)
		s.must(err)
		return n > 0, "not there"
	})
}

// toldToRestore wants the way out of a damaged state wherever people look.
func (s *stack) toldToRestore(damage func()) {
	s.Helper()
	const want = "restore an earlier version of the object"
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	open, told := make(chan struct{}), make(chan error, 1)
	go func() { // as the dashboard does
		first := sync.OnceFunc(func() { close(open) })
		told <- s.api.Follow(ctx, "ads", -1, func(n api.News) bool { first(); return !strings.Contains(n.Trouble, want) })
	}()
	select {
	case <-open:
	case err := <-told:
		s.Fatal(err)
	}
	damage()
	if err := <-told; err != nil {
		s.Errorf("the dashboard is not told to %s: %v", want, err)
	}
	until(s, "status to say what to do", func() (bool, string) {
		_, err := s.api.Fleet(s.Context(), "ads")
		return err != nil && strings.Contains(err.Error(), want), fmt.Sprint(err)
	})
	if _, err := s.api.Ask(s.Context(), "ads", rollout.VerbRollback, api.Ask{By: "test"}); err == nil || !strings.Contains(err.Error(), want) {
		s.Errorf("who asks to go back is told %v, want %q", err, want)
	}
	_, err := s.controller.await(want)
	s.must(err)
}

// auctions are asked of all tasks until failed is called.
func (s *stack) auctions() *process {
	s.Helper()
	nlb := s.launch("nlb", "nlb", "--cluster", "ads", "--service", "inference", "--listen", "127.0.0.1:0")
	target, err := nlb.await(`listen=(\S+)`)
	s.must(err)
	return s.launch("auction", "auction", "--target", target, "--rate", "200", "--connections", "20", "--tmax", "5s", "--json")
}

// failed ends the auctions, and wants so many of them to have failed.
func (s *stack) failed(auctions *process, want int) {
	s.Helper()
	s.must(auctions.stop())
	if said := strings.ReplaceAll(auctions.printed(), " ", ""); !strings.Contains(said, fmt.Sprintf(`"failed":%d,`, want)) {
		s.Errorf("not %d auctions failed:\n%s", want, said)
	}
}

// next is the first event after one.
func (s *stack) next(after int64) (e api.Event) {
	s.Helper()
	s.must(s.api.Follow(s.Context(), "ads", after, func(n api.News) bool {
		if n.Event != nil {
			e = *n.Event
		}
		return n.Event == nil
	}))
	return e
}

// TestHangingTaskStopped lets a task hang while a rollout goes back, which
// waits for its word. Once the task is stopped in ECS, the rollout ends.
func TestHangingTaskStopped(t *testing.T) {
	t.Parallel()
	const tasks = 3
	_, endpoint := startAWS(t)
	s := newStack(t, endpoint, tasks)
	s.startController()
	s.try("baseline")
	s.serves("baseline", tasks)
	id := s.try("better")
	processes, err := s.cloud.Processes(t.Context())
	s.must(err)
	s.must(syscall.Kill(processes[0], syscall.SIGSTOP))
	t.Cleanup(func() { _ = syscall.Kill(processes[0], syscall.SIGCONT) }) // it may have ended

	s.ask(rollout.VerbAbort, api.Ask{Rollout: id})
	waits := s.fleet("the rollout to wait for the task", func(f api.Fleet) bool {
		return f.Active != nil && f.Active.Phase == string(rollout.RollingBack)
	})
	hanging := ""
	until(s, "one task to be shown as unreachable", func() (bool, string) {
		all, err := s.api.Tasks(t.Context(), "ads", 10)
		for _, k := range all.Tasks {
			if k.State == "unreachable" {
				hanging = k.ID
			}
		}
		return hanging != "", fmt.Sprintf("%+v (%v)", all.Tasks, err)
	})
	s.fleet("some more looks", func(f api.Fleet) bool { return f.Active == nil || f.Loop.At.Sub(waits.Loop.At) > 5*time.Second })
	if f := s.fleet("an answer", func(api.Fleet) bool { return true }); f.Active == nil || f.Active.Phase != string(rollout.RollingBack) {
		t.Fatalf("nobody can say what task %s serves, and the rollout is %s", hanging, describe(f))
	}
	s.must(s.cloud.Stop(t.Context(), hanging))
	if f := s.serves("baseline", tasks); f.Last == nil || f.Last.ID != id || f.Last.Phase != string(rollout.RolledBack) {
		t.Errorf("the rollout ended as %s", describe(f))
	}
}

// TestTokenRotates rotates the token between a controller and a task in the
// order that docs/operating.md gives, from a task that wants none on: at no
// moment is the controller locked out, and the old token is worth nothing then.
func TestTokenRotates(t *testing.T) {
	t.Parallel()
	const older, newer = "the older token of the two", "the newer token of the two"
	b := newBare(t, 0, "baseline")
	dir := t.TempDir()
	file := func(name string) (path string, write func(lines ...string)) {
		path = filepath.Join(dir, name)
		return path, func(lines ...string) {
			t.Helper()
			b.must(os.WriteFile(path+".new", []byte(strings.Join(lines, "\n")+"\n"), 0o600))
			b.must(os.Rename(path+".new", path))
		}
	}
	ours, controllers := file("controllers")
	theirs, tasks := file("tasks")
	controllers(older)
	tasks(older)
	known, err := identity.Open(identity.Files{Token: ours}, slog.New(slog.DiscardHandler))
	b.must(err)
	ask := func(k *identity.Keeper, task bareTask) error { // over a connection of its own, as after any break
		c := fleet.New(fleet.Options{Credentials: k})
		defer c.Close()
		_, err := c.Status(t.Context(), rollout.Task{ID: task.name, Address: task.control})
		return err
	}
	lets := func(token string, task bareTask) error {
		path, write := file("probe")
		write(token)
		k, err := identity.Open(identity.Files{Token: path}, slog.New(slog.DiscardHandler))
		b.must(err)
		return ask(k, task)
	}
	b.control = fleet.New(fleet.Options{Credentials: known}) // for startTask
	t.Cleanup(b.control.Close)
	if err := ask(known, b.startTask("trusting")); err != nil {
		t.Errorf("a task that wants no token: %v", err)
	}
	task := b.startTask("wary", "--control-token-file", theirs)
	reach := func(what string, done func() bool) {
		t.Helper()
		until(t, what, func() (bool, string) {
			if err := ask(known, task); err != nil {
				t.Fatalf("the controller is locked out while waiting for %s: %v", what, err)
			}
			return done(), "not yet so"
		})
	}
	tasks(older, newer)
	reach("the task to accept both", func() bool { return lets(newer, task) == nil && lets(older, task) == nil })
	controllers(newer, older)
	reach("the controller to send the newer", func() bool { return known.Token() == newer })
	tasks(newer)
	reach("the task to refuse the older", func() bool { return lets(older, task) != nil })
	if lines := b.metrics(task, "sluice_control_refused_total"); len(lines) == 0 {
		t.Error("refusals are not counted")
	}
}

// TestPoisonedTaskStopped tells one task an epoch that no controller can have
// come to. People are told to stop it in ECS, which starts another, and then
// all obey.
func TestPoisonedTaskStopped(t *testing.T) {
	t.Parallel()
	const tasks = 3
	_, endpoint := startAWS(t)
	s := newStack(t, endpoint, tasks)
	s.startController()
	s.try("baseline")
	digest := s.serves("baseline", tasks).Stable.Digest
	all, err := s.api.Tasks(t.Context(), "ads", 10)
	s.must(err)
	stranger := fleet.New(fleet.Options{})
	defer stranger.Close()
	poisoned := all.Tasks[0]
	nonsense := rollout.Assign{Task: poisoned.ID, Release: digest, Buckets: 64, Generation: 1 << 30}
	epoch := int64(0)
	until(t, "the task to be named", func() (bool, string) {
		for range 8 { // steps that the task takes, and faster than the leader follows
			epoch += 1 << 32
			s.must(stranger.Assign(t.Context(), poisoned.Address, nonsense, epoch))
		}
		f, err := s.api.Fleet(t.Context(), "ads")
		s.must(err)
		said := strings.Join(f.Loop.Errors, " ")
		return strings.Contains(said, "task "+poisoned.ID+": poisoned") && strings.Contains(said, "Stop it in ECS, which starts another"), said
	})
	s.must(s.cloud.Stop(t.Context(), poisoned.ID))
	s.fleet("nobody to be poisoned", func(f api.Fleet) bool { return len(f.Loop.Errors) == 0 && f.Tasks.Ready == tasks })
	s.ask(rollout.VerbPromote, api.Ask{Rollout: s.try("better")})
	s.serves("better", tasks)
}

// TestTwoSetsOfControllers lets two that know nothing of each other run on the
// same tasks: each finds them with a newer controller, over and over. Where one
// is ended, the other leads them within seconds.
func TestTwoSetsOfControllers(t *testing.T) {
	t.Parallel()
	const tasks = 2
	_, endpoint := startAWS(t)
	s := newStack(t, endpoint, tasks)
	s.startController()
	ours := s.api
	s.try("baseline")
	s.serves("baseline", tasks)
	s.must(s.cloud.Buckets(t.Context(), "other"))
	other := s.launch("other", "controller", "--fleets", "fleet.yaml", "--bucket", "other", "--listen", "127.0.0.1:0", "--lease", s.lease)
	at, err := other.await(`dashboard=(http://\S+)`)
	s.must(err)
	s.api = api.Client{Base: at}
	s.ask(rollout.VerbTry, api.Ask{Source: "s3://training/better.tar.gz"})
	s.fleet("the other to act", func(f api.Fleet) bool { return f.Loop != nil && f.Active != nil && f.Tasks.Total == tasks })
	s.api = ours
	s.fleet("a newer controller to be seen", func(f api.Fleet) bool {
		return strings.Contains(strings.Join(f.Loop.Errors, " "), "it obeys a newer controller")
	})
	s.must(other.stop())
	s.fleet("peace", func(f api.Fleet) bool { return len(f.Loop.Errors) == 0 })
	s.serves("baseline", tasks)
	s.ask(rollout.VerbPromote, api.Ask{Rollout: s.try("better")})
	s.serves("better", tasks)
}
