package nights

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	faults = flag.Bool("faults", false, "see that the nights find every fault of the table")
	within = flag.Int("within", 0, "steps, over all nights, within which TestFinds must find the kind of -only")
)

// seeded is a bug that the nights must find: one that is put into the code, or
// one that is in it today and so is found as it is.
type seeded struct {
	bug      string
	kind     string // of violation
	within   int    // steps, over the nights of one seed after another
	file     string // empty: it is in the code today
	old, new string // text; old occurs once in the file
}

func seededFaults() []seeded {
	return []seeded{
		{
			"a retried write takes a wish anew", "wish retried", 1_000_000, "controller/store.go",
			"\tfor tries := range maxTries {\n\t\tstate, etag, err := s.load(ctx, fleet)\n",
			"\tfor tries := range maxTries {\n\t\tstate, etag, err := s.load(ctx, fleet)\n" +
				"\t\tstate.Wishes = slices.DeleteFunc(state.Wishes, func(w rollout.Wish) bool { return tries > 0 && w.ID == q.ID })\n",
		},
		{
			"a wish is forgotten once it took effect", "wish repeated", 60_000, "controller/rollout/wish.go",
			"\t\ts.Aged = time.Time{}\n\t\treturn\n", "\t\ts.Aged = time.Time{}\n\t\treturn\n\tcase true:\n\t\ts.Wishes = slices.DeleteFunc(s.Wishes, ended)\n",
		},
		{
			"a wish that was overruled is not told of", "wish unsaid", 100_000, "controller/rollout/hear.go",
			"s.end(q, Overruled, fmt.Sprintf(\"%s asked by %s does not happen: %s, asked by %s, goes first\", q.Verb, q.By, aim(by), by.By), now)",
			"s.became(Event{Wish: q.ID, Reason: Overruled})",
		},
		{
			"the last wish wins", "danger overruled", 200_000, "controller/rollout/hear.go",
			"case r.Asked == nil:", "case true:",
		},
		{
			"a new leader leaves alone the tasks that do what they should", "deposed", 3_000_000, "controller/rollout/takeover.go",
			"slices.Concat(back, fences, forward)", "slices.Concat(back, forward)",
		},
		{
			"orders are sent after the lease", "late order", 50_000, "controller/fence.go",
			"return c.fence.send(ctx, func(ctx context.Context) error { return c.Control.Assign(ctx, address, a, epoch) })",
			"return c.Control.Assign(ctx, address, a, epoch)",
		},
		{
			"generations are counted on from a restored state", "not restored", 1_700_000, "controller/rollout/counters.go",
			"if seen.Known == (Counters{}) && top == s.Generation {", "if top >= s.Generation {",
		},
		{
			"any jump of an epoch is believed", "poisoned", 50_000, "inference/orders.go",
			"case epoch-o.epoch > maxStep:", "case epoch-o.epoch > math.MaxInt64:",
		},
		{
			"archives are written over", "archive", 200_000, "controller/apply.go",
			"_, err = f.Documents.Put(ctx, key, body, \"\")", "err = f.Documents.Replace(ctx, key, body)",
		},
		{
			"a try gives way while its artifact is awaited", "gave way", 150_000, "controller/rollout/decide.go",
			"a.Outcome == AdmissionWait && r.By == \"\" && len", "a.Outcome == AdmissionWait && len",
		},
		{
			"canaries that health checks end do not count", "eaten", 100_000, "controller/rollout/losses.go",
			"if one.Unhealthy && one.Arm == arm && !one.Shadow {", "if one.Unhealthy && one.Arm == arm && !one.Shadow && arm == judge.Control {",
		},
		{
			"epochs begin anew where the lease was removed", "leaderless", 50_000, "controller/lease.go",
			"if anew || next.Epoch <= e.used {\n\t\tnext.Epoch = max(next.Epoch, e.held.Epoch, e.used) + 1", "if anew {\n\t\tnext.Epoch = next.Epoch%unseen + 1",
		},
		{
			"a step may take a task more", "unpromoted", 50_000, "controller/rollout/corrections.go",
			"return max(0, min(k, n-1))", "return max(0, min(k+1, n))",
		},
		{
			"a task forgets the newest epoch", "deposed", 600_000, "inference/orders.go",
			"\to.epoch = epoch\n", "\to.epoch = min(epoch, 1)\n",
		},
		{
			"a new leader keeps the epoch of the old", "leaderless", 50_000, "controller/lease.go",
			"if anew || next.Epoch <= e.used {", "if anew && next.Epoch == 0 || next.Epoch < e.used {",
		},
		{
			"the state is written, whoever wrote it before", "state", 100_000, "controller/store.go",
			"return s.Documents.Put(ctx, release.FleetKey(state.Fleet), body, etag)", "return etag, s.Documents.Replace(ctx, release.FleetKey(state.Fleet), body)",
		},
		{
			"a wish that was not noted is answered with yes", "wish lost", 400_000, "controller/store.go",
			"return q, fmt.Errorf(\"note the request: %w: %w\", rollout.ErrUnavailable, err)", "return q, nil",
		},
		{
			"a rollback leads to the release before, whatever is tried", "wish elsewhere", 10_000, "controller/rollout/accept.go",
			"\t\treturn s.Stable\n\t}\n\treturn s.Previous", "\t\treturn s.Previous\n\t}\n\treturn s.Previous",
		},
		{
			"what is beyond doubt worse is acceptable", "worse", 100_000, "controller/judge/verdict.go",
			"\t\t\tr.Outcome = Worse\n\t\t}\n\t}\n\treturn rulings", "\t\t\tr.Outcome = Acceptable\n\t\t}\n\t}\n\treturn rulings",
		},
	}
}

// TestFinds plays nights until one comes to the kind of -only.
func TestFinds(t *testing.T) {
	if *within == 0 {
		t.Skip("TestFaults runs it")
	}
	for s, done := uint64(1), 0; done < *within; s++ {
		n := play(t, s, *steps)
		if done += n.steps; n.found != nil {
			t.Logf("found after %d steps: SEED=%d, at its step %d: %s", done, s, n.steps, n.found.text)
			return
		}
	}
	t.Fatalf("%d steps did not come to %q", *within, *only)
}

// TestFaults puts every fault of the table into the code, as only the compiler
// sees it, and wants the nights to find it.
func TestFaults(t *testing.T) {
	if !*faults {
		t.Skip("takes many minutes: make faults")
	}
	for _, f := range seededFaults() {
		t.Run(strings.ReplaceAll(f.bug, " ", "_"), func(t *testing.T) {
			said := f.find(t, f.overlay(t)...)
			_, what, ok := strings.Cut(said, "found after ")
			if !ok {
				t.Fatalf("not found:\n%s", said)
			}
			what, _, _ = strings.Cut(what, "\n")
			t.Logf("found after %s", what)
		})
	}
}

// TestFaultsFit checks that every fault can still be made, and that what is in
// the code today is known.
func TestFaultsFit(t *testing.T) {
	todays := known()
	for _, f := range seededFaults() {
		f.overlay(t)
		if f.file == "" {
			delete(todays, f.kind)
		}
		if _, tolerated := known()[f.kind]; f.file == "" && !tolerated {
			t.Errorf("%s: it is not in the code any more; say how to put it back", f.bug)
		}
	}
	delete(todays, "shared epoch") // of the same fault as leaderless
	for kind := range todays {
		t.Errorf("nobody looks for %q", kind)
	}
}

// overlay are the flags by which the compiler sees the fault.
func (f seeded) overlay(t *testing.T) []string {
	t.Helper()
	if f.file == "" {
		return nil
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, f.file)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), f.old); n != 1 {
		t.Fatalf("the table of faults is stale: %s has %d times, want once:\n%s", f.file, n, f.old)
	}
	copied, overlay := filepath.Join(t.TempDir(), filepath.Base(f.file)), filepath.Join(t.TempDir(), "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{path: copied}})
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{copied: strings.Replace(string(text), f.old, f.new, 1), overlay: string(replace)} {
		if err := os.WriteFile(name, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"-overlay=" + overlay}
}

// find runs TestFinds.
func (f seeded) find(t *testing.T, flags ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	args := append([]string{"test", "-count=1", "-vet=off", "-timeout=29m", "-v", "-run=^TestFinds$"}, flags...)
	args = append(args, ".", "-only", f.kind, "-within", fmt.Sprint(f.within))
	said, _ := exec.CommandContext(ctx, "go", args...).CombinedOutput() // what it says tells more than its error
	return string(said)
}
