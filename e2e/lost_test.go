package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/local"
)

// TestBucketLost loses the bucket for good in the middle of a canary step, with
// all that was in it. Tasks serve on, people are told, and a new bucket is taken
// into use as docs/operating.md says, by the command that stands there. No auction
// fails.
func TestBucketLost(t *testing.T) {
	t.Parallel()
	const tasks = 4
	_, endpoint := startAWS(t)
	command := taskCommand()
	command[slices.Index(command, "100ms")] = "4s" // the load balancer looks every second
	command[slices.Index(command, "2s")] = "8s"
	s := newStackOf(t, endpoint, tasks, command...)
	s.lease = "10s" // there are no others, and a busy machine renews late
	slow := strings.Replace(fleetFile, "steps: [{percent: 50, soak: 200ms,", "steps: [{percent: 50, soak: 1h,", 1)
	s.must(os.WriteFile(s.dir+"/fleet.yaml", []byte(slow), 0o600))
	s.startController()
	s.try("baseline")
	first := s.serves("baseline", tasks).Stable.Digest
	auctions := s.auctions()
	s.canary("better")
	var protected map[string]time.Time
	until(t, "the canaries to be protected", func() (bool, string) {
		var err error
		protected, err = s.cloud.Protected(t.Context())
		return len(protected) == tasks/2, fmt.Sprint(protected, err)
	})

	s.must(s.cloud.LoseBucket(t.Context(), "sluice"))
	const says = "does not exist: create it or set --bucket"
	_, err := s.controller.await(says)
	s.must(err)
	until(t, "people to be told", func() (bool, string) {
		_, err := s.api.Fleet(t.Context(), "ads")
		return err != nil && strings.Contains(err.Error(), says), fmt.Sprint(err)
	})
	if _, err := s.api.Ask(t.Context(), "ads", rollout.VerbRollback, api.Ask{By: "test"}); err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("who asks to go back is told %v, want %q", err, says)
	}
	_ = s.controller.stop() // it ends badly, as it cannot give the lease back
	before, err := s.cloud.Processes(t.Context())
	s.must(err)
	if len(before) != tasks {
		t.Errorf("%d tasks run without the bucket", len(before))
	}

	// As told.
	s.bucket = "sluice-2"
	s.must(s.cloud.Buckets(t.Context(), s.bucket))
	s.must(s.cloud.Version(t.Context(), s.bucket))
	s.startController()
	s.fleet("the leader to say so", func(f api.Fleet) bool { return f.LastEvent > 0 })
	if e := s.next(0); e.Reason != string(rollout.Restored) {
		t.Errorf("the first event is %+v, want %s", e, rollout.Restored)
	}
	s.asTold("sluice try", "s3://TRAINING/MODEL.tar.gz", "s3://training/baseline.tar.gz")
	if got := s.serves("baseline", tasks); got.Stable.Digest != first {
		t.Errorf("%s serves, and %s did before", got.Stable.Digest, first)
	}
	for task := range protected {
		s.must(s.cloud.Protect(t.Context(), task, 0))
	}
	command[slices.Index(command, "sluice")] = s.bucket // after --bucket: the program has a path
	s.must(s.cloud.Redeploy(t.Context(), command...))
	within(t, 2*time.Minute, "all tasks to be others", func() (bool, string) {
		now, err := s.cloud.Processes(t.Context())
		is, bad := s.cloud.Deploying(t.Context())
		return err == nil && bad == nil && is == "" && len(now) == tasks && !slices.ContainsFunc(now, func(id int) bool { return slices.Contains(before, id) }), fmt.Sprint(now, before, is, err, bad)
	})
	s.serves("baseline", tasks)

	id := s.try("better")
	s.ask(rollout.VerbPromote, api.Ask{Rollout: id})
	s.serves("better", tasks)
	s.failed(auctions, 0)
}

// TestRegionLost loses a region: its AWS, its controller and its tasks. In another
// one a service that has never served goes on from the copy of the bucket, with
// what served, what was tried and who asked for it.
func TestRegionLost(t *testing.T) {
	t.Parallel()
	const tasks = 2
	weather, endpoint := startAWS(t)
	here := newStack(t, endpoint, tasks)
	here.startController()
	here.try("baseline")
	here.serves("baseline", tasks)
	here.ask(rollout.VerbPromote, api.Ask{Rollout: here.try("better"), Why: "nobody is judged here"})
	served := here.serves("better", tasks)

	_, elsewhere := startAWS(t)
	there := newStack(t, elsewhere, tasks)
	there.must(here.cloud.Replicate(t.Context(), "sluice", there.cloud))
	weather.set(func(*http.Request) local.Fault { return local.Fault{Refuse: true} })
	here.controller.kill()

	there.startController()
	if got := there.serves("better", tasks); got.Stable.Digest != served.Stable.Digest || got.Previous == nil || got.Previous.Digest != served.Previous.Digest || got.LastEvent < served.LastEvent {
		t.Errorf("it goes on with %s after event %d; %s served before, up to event %d", describe(got), got.LastEvent, describe(served), served.LastEvent)
	}
	there.ask(rollout.VerbRollback, api.Ask{Why: "the region was lost, and the history was not"})
	there.serves("baseline", tasks)
}

// asTold runs the command that docs/operating.md has for a lost bucket, with what
// it leaves open filled in.
func (s *stack) asTold(command, open, with string) {
	s.Helper()
	text, err := os.ReadFile("../docs/operating.md")
	s.must(err)
	_, section, _ := strings.Cut(string(text), "## When a bucket or a region is lost")
	told := regexp.MustCompile("`(" + command + " [^`]*)`").FindStringSubmatch(section)
	if told == nil || !strings.Contains(told[1], open) {
		s.Fatalf("docs/operating.md does not say %s %s", command, open)
	}
	c := exec.CommandContext(s.Context(), "sh", "-ec", strings.Replace(told[1], open, with, 1))
	c.Env = append(os.Environ(), "SLUICE_API="+s.api.Base)
	if said, err := c.CombinedOutput(); err != nil {
		s.Fatalf("%s: %v\n%s", told[1], err, said)
	}
}
