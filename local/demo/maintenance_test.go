package demo

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/sluicehq/sluice/inference/release"
)

// TestMaintenance plants what a demo must not end with.
func TestMaintenance(t *testing.T) {
	noon := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	after := func(d time.Duration) ecstypes.ServiceDeploymentBrief {
		return ecstypes.ServiceDeploymentBrief{StartedAt: &noon, FinishedAt: aws.Time(noon.Add(d)), Status: ecstypes.ServiceDeploymentStatusSuccessful}
	}
	good := maintenance{deployment: after(2 * time.Minute), task: "a", until: noon.Add(10 * time.Hour), found: noon.Add(10 * time.Hour)}
	for name, tt := range map[string]struct {
		change func(*maintenance)
		want   string
	}{
		"as it must be": {func(*maintenance) {}, ""},
		"never began":   {func(m *maintenance) { m.deployment = ecstypes.ServiceDeploymentBrief{} }, "nobody updated the service"},
		"never ended": {func(m *maintenance) {
			m.deployment.FinishedAt, m.deployment.Status = nil, ecstypes.ServiceDeploymentStatusInProgress
		}, "the deployment of the service is IN_PROGRESS"},
		"rolled back":       {func(m *maintenance) { m.deployment.Status = ecstypes.ServiceDeploymentStatusRollbackSuccessful }, "ROLLBACK_SUCCESSFUL"},
		"too slow":          {func(m *maintenance) { m.deployment = after(121 * time.Second) }, "took 121 s, and 120 are allowed"},
		"nobody protected":  {func(m *maintenance) { m.task = "" }, "nobody else protected a canary task"},
		"taken away":        {func(m *maintenance) { m.found = time.Time{} }, "task a was protected"},
		"protected by us":   {func(m *maintenance) { m.found = noon.Add(time.Hour) }, "task a was protected"},
		"protected further": {func(m *maintenance) { m.found = m.until.Add(time.Second) }, "task a was protected"},
	} {
		m := good
		tt.change(&m)
		if got := strings.Join(m.wrong(), "; "); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: it says %q, want %q", name, got, tt.want)
		}
	}
}

// TestScenes checks that scenes can be played alone: the first model comes before
// every one of them, and nobody is chosen without being named.
func TestScenes(t *testing.T) {
	if all := chosen(nil); len(all) != len(story()) {
		t.Errorf("%d scenes of %d are played where none is named", len(all), len(story()))
	}
	for _, name := range Scenes() {
		played := chosen([]string{name})
		if played[0].name != opening || len(played) < 2 {
			t.Errorf("--scene %s plays %+v", name, played)
		}
		for _, s := range played[1:] {
			if s.name != name {
				t.Errorf("--scene %s plays %s", name, s.name)
			}
		}
	}
}

// TestTuned checks that one child is the best, and neither the first nor the last.
func TestTuned(t *testing.T) {
	live := 0
	for i, j := range tuned().jobs {
		if j.check == nil {
			continue
		}
		live++
		for n, c := range children() {
			if n != i && c.auc >= children()[i].auc {
				t.Errorf("%s is to go live with %v, and there is %v", j.name, children()[i].auc, c.auc)
			}
		}
		if i == 0 || i == len(children())-1 {
			t.Errorf("%s would be tried by its place, too", j.name)
		}
	}
	if live != 1 {
		t.Errorf("%d children are to go live", live)
	}
}

// TestPackedAnew checks that a release is another one, and holds the same.
func TestPackedAnew(t *testing.T) {
	for _, name := range []string{"baseline", "burst-3"} {
		before, err := model(name)
		if err != nil {
			t.Fatal(err)
		}
		after, err := packedAnew(before)
		if err != nil {
			t.Fatal(err)
		}
		was, err := release.Open(before)
		if err != nil {
			t.Fatal(err)
		}
		is, err := release.Open(after)
		if err != nil || release.Digest(before) == release.Digest(after) || !reflect.DeepEqual(was.Manifest, is.Manifest) {
			t.Errorf("%s packed anew: %v", name, err)
		}
	}
}
