package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/local/localtest"
)

// TestDemoAmongOthers plays the scenes of the demo in which others work on the
// service and tune models, and asks AWS and the controller what became of it: the
// deployment was over within two minutes, what somebody else protects stays so,
// and of ten training jobs the best alone was tried, against what served.
func TestDemoAmongOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	demo, err := launch(dir, "demo", credentials(), "sluice", "demo", "--scene", "deployment,tuning", "--listen", "127.0.0.1:0", "--dir", filepath.Join(dir, "demo"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(demo.kill)
	told := func(limit time.Duration, pattern string) string {
		t.Helper()
		for end := time.Now().Add(limit); ; {
			found, err := demo.await(pattern)
			if err == nil {
				return found
			}
			if time.Now().After(end) {
				t.Fatal(err)
			}
		}
	}
	cloud := localtest.Open(told(patience, `S3 is at (http://\S+):`))
	controller := api.Client{Base: told(patience, `The page is at (http://\S+),`)}

	theirs := told(4*time.Minute, `Somebody else protects canary task (\S+) from scale-in`)
	var expires time.Time
	until(t, "the task to be protected for ten hours", func() (bool, string) {
		all, err := cloud.Protected(t.Context())
		expires = all[theirs]
		return time.Until(expires) > 9*time.Hour, fmt.Sprint(all, err)
	})
	told(6*time.Minute, `All jobs have ended`)

	status, began, ended, err := cloud.LastDeployment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if took := ended.Sub(began); status != "SUCCESSFUL" || took <= 0 || took > 2*time.Minute {
		t.Errorf("the deployment is %s, from %v to %v", status, began, ended)
	}
	patient, err := controller.Rollout(t.Context(), "demo", "patient")
	if err != nil {
		t.Fatal(err)
	}
	if w := waited(patient); patient.Phase != string(rollout.Live) || w.Before(began) || w.After(ended) {
		t.Errorf("deployed from %v to %v; the rollout made way at %v, and is %s: %+v", began, ended, w, patient.Phase, patient.History)
	}
	until(t, "one task to be protected as it was, and no other", func() (bool, string) {
		all, err := cloud.Protected(t.Context())
		return err == nil && len(all) == 1 && all[theirs].Equal(expires), fmt.Sprintf("%v %v, and was %v %v", all, err, theirs, expires)
	})

	best, err := cloud.Best(t.Context(), "depths")
	if err != nil {
		t.Fatal(err)
	}
	list, err := controller.Rollouts(t.Context(), "demo", 100)
	if err != nil {
		t.Fatal(err)
	}
	list = slices.DeleteFunc(list, func(r api.Rollout) bool { return !strings.HasPrefix(r.ID, "depths-") })
	if len(list) != 10 {
		t.Errorf("of the tuning job there are %d rollouts: %+v", len(list), list)
	}
	for _, r := range list {
		if r.ID != best && (r.Phase != string(rollout.Superseded) || r.Reason != string(rollout.NotBest)) {
			t.Errorf("%s is not the best, %s, and is %s (%s)", r.ID, best, r.Phase, r.Reason)
		}
	}
	tried, err := controller.Rollout(t.Context(), "demo", best)
	if err != nil {
		t.Fatal(err)
	}
	judged := slices.ContainsFunc(tried.History, func(e api.Event) bool { return e.To == string(rollout.Canary) })
	if tried.Phase != string(rollout.Live) || tried.Reason != string(rollout.Accepted) || !judged || tried.Against != patient.Candidate || tried.Exposed == 0 {
		t.Errorf("the best, against %s, which was live before: %+v", patient.Candidate, tried)
	}
	f, err := controller.Fleet(t.Context(), "demo")
	if err != nil || f.Stable == nil || f.Stable.Digest != tried.Candidate || f.Tasks.OnStable != f.Tasks.Total {
		t.Errorf("the best is not live: %s %v", describe(f), err)
	}
	if err := demo.stop(); err != nil {
		t.Error(err)
	}
}

// waited is when a rollout made way for a deployment of the service.
func waited(r api.Rollout) (at time.Time) {
	for _, e := range r.History {
		if e.To == string(rollout.Held) && e.Reason == string(rollout.Deploying) {
			at = e.At
		}
	}
	return at
}
