package watch

import (
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// Builds weighs how auctions fare on the tasks of a deployment that is under
// way, against those on the tasks that it replaces, while both get some. It can
// be lost: it begins anew.
type Builds struct {
	deployment string
	of         judge.Builds
	tasks      each[fared]
}

// Look takes in what the tasks say that get auctions. It is nil where there is no
// deployment, or one side has no tasks among them.
func (b *Builds) Look(d *rollout.Deployment, tasks []rollout.Task, p judge.Policy, now time.Time) *judge.BuildsVerdict {
	if d == nil {
		*b = Builds{}
		return nil
	}
	if d.ID != b.deployment {
		*b = Builds{deployment: d.ID}
	}
	var fares []judge.Fare
	var sides [2]bool
	tasks = b.tasks.meet(tasks)
	for i, was := range b.tasks.kept {
		t := &tasks[i]
		fare := judge.Fare{Task: t.ID, Arm: judge.Control}
		sides[0] = sides[0] || t.Stratum.Deployment == d.ID
		sides[1] = sides[1] || t.Stratum.Deployment != d.ID
		if t.Stratum.Deployment == d.ID {
			fare.Arm = judge.Candidate
		}
		if !t.Reachable || t.Health == nil {
			continue
		}
		is := fared{at: now, boot: t.Boot, answered: t.Health.Answered, health: t.Health}
		if c, sound := is.since(*was); sound {
			fare.Auctions, fare.Bad = c.known+c.failed, c.degraded+c.failed
			fares = append(fares, fare)
		}
		*was = is
	}
	if !sides[0] || !sides[1] {
		return nil
	}
	v := b.of.Look(fares, p, now)
	return &v
}
