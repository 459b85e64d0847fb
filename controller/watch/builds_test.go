package watch

import (
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// New tasks are held against the others while both get auctions, each deployment
// by itself, and not by what a task counted before it was looked at first.
func TestBuilds(t *testing.T) {
	m := newMarket(t, "a", "b", "c", "d")
	m.tasks[3].Stratum.Deployment = "ecs-svc/2"
	m.answers(3, 1000, 1000, 0, time.Millisecond) // before anybody looked
	var b Builds
	now := m.at
	look := func(d *rollout.Deployment, tasks []rollout.Task, degraded, failed int64) *judge.BuildsVerdict {
		for i := range m.tasks {
			if m.tasks[i].Stratum.Deployment == "ecs-svc/2" {
				m.answers(i, 1000-failed, degraded, failed, time.Millisecond)
			} else {
				m.answers(i, 1000, 0, 0, time.Millisecond)
			}
		}
		now = now.Add(5 * time.Second)
		return b.Look(d, tasks, judge.Policy{}, now)
	}
	second := &rollout.Deployment{ID: "ecs-svc/2"}
	if v := look(nil, m.tasks, 0, 0); v != nil {
		t.Errorf("without a deployment: %+v", v)
	}
	if v := look(second, m.tasks[:3], 0, 0); v != nil {
		t.Errorf("where the new tasks get no auctions: %+v", v)
	}
	if v := look(second, m.tasks[3:], 0, 0); v != nil { // the others begin anew after it
		t.Errorf("where only they do: %+v", v)
	}
	var v *judge.BuildsVerdict
	looks := 0
	for ; looks < 40 && (v == nil || v.Outcome != judge.Worse); looks++ {
		v = look(second, m.tasks, 60, 40)
	}
	if v.Outcome != judge.Worse || looks < 16 || v.Sentence != "of the auctions on its tasks 10.0 % went wrong (1,600 of 16,000), on the others 0.0 % (0 of 45,000)" {
		t.Errorf("after %d looks: %+v", looks, v)
	}
	for i := range m.tasks {
		m.tasks[i].Stratum.Deployment = "ecs-svc/2"
	}
	m.tasks[0].Stratum.Deployment = "ecs-svc/3"
	for looks = 0; looks < 40 && v.Outcome != judge.Acceptable; looks++ {
		if v = look(&rollout.Deployment{ID: "ecs-svc/3"}, m.tasks, 0, 0); v.Outcome == judge.Worse {
			t.Fatalf("another deployment: %+v", v)
		}
	}
	if v.Outcome != judge.Acceptable {
		t.Errorf("after %d looks: %+v", looks, v)
	}
}
