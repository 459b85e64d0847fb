package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/rollout"
)

// TestDeploymentInMidCanary deploys the service in the middle of a canary step,
// whose tasks are protected from scale-in. It waits for a task that somebody else
// protects, and is over within two minutes once that is not so; the rollout goes on
// to its end on the new tasks. Then somebody else protects the canary of another
// rollout, which is given up: the task stays protected, and people are told.
func TestDeploymentInMidCanary(t *testing.T) {
	t.Parallel()
	const tasks = 4
	_, endpoint := startAWS(t)
	s := newStack(t, endpoint, tasks)
	slow := strings.NewReplacer("soak: 200ms, margin: 0.1}", "soak: 8s, margin: 0.1}",
		"error_floor: 0.01", "error_floor: 0.1") // a busy machine has errors of its own
	s.must(os.WriteFile(filepath.Join(s.dir, "fleet.yaml"), []byte(slow.Replace(fleetFile)), 0o600))
	s.startController()
	s.try("baseline")
	s.serves("baseline", tasks)
	nlb := s.launch("nlb", "nlb", "--cluster", "ads", "--service", "inference", "--listen", "127.0.0.1:0")
	target, err := nlb.await(`listen=(\S+)`)
	s.must(err)
	s.launch("auction", "auction", "--target", target, "--rate", "800", "--connections", "100", "--tmax", "5s", "--connection-age", "5s")

	id := s.canary("better")
	before, err := s.cloud.Processes(t.Context())
	s.must(err)
	theirs := s.protectAnother(600)
	s.must(s.cloud.Deploy(t.Context()))
	deployment, err := s.cloud.Deploying(t.Context())
	s.must(err)
	waited := s.fleet("the rollout to make way", func(f api.Fleet) bool {
		return f.Deployment != nil && f.Active != nil && f.Active.ID == id && f.Active.Phase == string(rollout.Held) && f.Active.Reason == string(rollout.Deploying)
	})
	if waited.Deployment.ID != deployment || waited.Tasks.Canary != 0 {
		t.Errorf("ECS deploys %s; told is %+v, with %d canaries", deployment, waited.Deployment, waited.Tasks.Canary)
	}
	until(t, "the canaries to be let go, and nobody else", func() (bool, string) {
		who, err := s.cloud.Protected(t.Context())
		return err == nil && len(who) == 1 && time.Until(who[theirs]) > 9*time.Hour, fmt.Sprint(who, err)
	})
	s.must(s.cloud.Protect(t.Context(), theirs, 0))
	within(t, 2*time.Minute, "the deployment to be over", func() (bool, string) {
		is, err := s.cloud.Deploying(t.Context())
		until, _ := s.cloud.Protected(t.Context())
		return err == nil && is == "", fmt.Sprint(is, err, " protected ", until)
	})
	after, err := s.cloud.Processes(t.Context())
	s.must(err)
	if slices.ContainsFunc(after, func(p int) bool { return slices.Contains(before, p) }) {
		t.Errorf("the deployment is over, and not all of %v are replaced: %v", before, after)
	}
	if f := s.serves("better", tasks); f.Last == nil || f.Last.ID != id || f.Last.Phase != string(rollout.Live) || f.Deployment != nil {
		t.Errorf("after the deployment: %s", describe(f))
	}

	s.canary("burst-1")
	ours, err := s.cloud.Protected(t.Context())
	s.must(err)
	for task := range ours {
		s.must(s.cloud.Protect(t.Context(), task, 600))
	}
	f := s.fleet("the foreign protection to be seen", func(f api.Fleet) bool { return f.Tasks.Canary > 0 })
	s.ask(rollout.VerbAbort, api.Ask{Why: "somebody else protects it"})
	s.serves("better", tasks)
	for e := s.next(f.LastEvent); e.Reason != string(rollout.ProtectedElse); e = s.next(e.Seq) {
		t.Logf("event %+v", e)
	}
	still, err := s.cloud.Protected(t.Context())
	s.must(err)
	for task := range ours {
		if left := time.Until(still[task]); left < 9*time.Hour {
			t.Errorf("task %s was protected for 600 minutes, and %v are left", task, left)
		}
	}
}

// protectAnother is somebody else, who protects a task that is no canary.
func (s *stack) protectAnother(minutes int) (task string) {
	s.Helper()
	tasks, err := s.api.Tasks(s.Context(), "ads", 100)
	s.must(err)
	at := slices.IndexFunc(tasks.Tasks, func(t api.Task) bool { return t.Cohort != "canary" })
	task = tasks.Tasks[at].ID
	s.must(s.cloud.Protect(s.Context(), task, minutes))
	return task
}

// canary tries an artifact, and waits until its canaries are protected.
func (s *stack) canary(name string) string {
	s.Helper()
	id := s.try(name)
	s.fleet(name+" to be a canary", func(f api.Fleet) bool {
		return f.Active != nil && f.Active.ID == id && f.Active.Phase == string(rollout.Canary) && f.Tasks.Canary > 0
	})
	until(s, "its canaries to be protected", func() (bool, string) {
		who, err := s.cloud.Protected(s.Context())
		return err == nil && len(who) > 0, fmt.Sprint(who, err)
	})
	return id
}
