package controller

import (
	"maps"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// begin forgets what tasks had when the state went back: that was of a rollout
// which is over, though one of its name is tried again.
func (j *judging) begin(restored time.Time) {
	if !j.Restored.Equal(restored) {
		clear(j.Arms)
		clear(j.Served)
		clear(j.Shadowed)
		j.Restored = restored
	}
}

// join remembers on whose account each task would crash, by what it said that
// it does: to be asked for something is not to have it. Whoever has the
// candidate in memory, or takes it up, crashes on the candidate's account, but
// control tasks of a canary step: both of their arms score with both. One that
// cannot be reached does what it did; one that is seen to be well elsewhere is
// forgotten.
func (j *judging) join(r *rollout.Rollout, taken map[string]rollout.Assign, tasks []rollout.Task) {
	arms := r.Arms()
	if r.Comparing() == rollout.Canary {
		maps.DeleteFunc(j.Shadowed, func(task string, _ bool) bool { return arms[task] != "" })
	}
	for task, a := range taken {
		if a.Release == r.Candidate || a.Shadow == r.Candidate {
			j.enter(r, task, account(r, arms[task], a.Generation))
		}
	}
	for _, t := range tasks {
		if !t.Reachable {
			continue
		}
		delete(j.Arms, t.ID)
		delete(j.Served, t.ID)
		delete(j.Shadowed, t.ID)
		has := t.Serving == r.Candidate || t.Shadow == r.Candidate || t.Preparing == r.Candidate
		if arm := account(r, arms[t.ID], t.Generation); has || arm == judge.Control {
			j.enter(r, t.ID, arm)
		}
		if t.Serving == r.Candidate {
			j.Served[t.ID] = true
		}
	}
}

// enter notes on whose account a task would crash.
func (j *judging) enter(r *rollout.Rollout, task string, arm judge.Arm) {
	if j.Arms[task] = arm; r.Comparing() == rollout.Shadow {
		j.Shadowed[task] = true
	} else {
		delete(j.Shadowed, task)
	}
}

// left reports whether a task that crashed had been asked before to leave the
// candidate alone, as those of the shadow phase are that no canary step takes.
// Whether it had done so nobody knows.
func (j *judging) left(r *rollout.Rollout, c rollout.Crash) bool {
	return r.Comparing() == rollout.Canary && j.Shadowed[c.Task] && !c.At.Before(r.CanarySince())
}

// account is on whose account a task of that arm crashes that has the
// candidate.
func account(r *rollout.Rollout, arm judge.Arm, generation int64) judge.Arm {
	if arm == judge.Control && r.Comparing() == rollout.Canary && generation == r.Generation {
		return judge.Control
	}
	return judge.Candidate
}

// What is lost with a host is lost at one moment, of which ECS may tell some
// time later.
const (
	sameMoment = 2 * time.Second
	toldLate   = 5 * time.Second
)

// maxCrashed bounds the crashes that are known to be ruled on.
const maxCrashed = 1024

// open are the crashes that can be ruled on now: of tasks on whose account
// something is, not ruled on yet. For the others that were killed with a task
// it is waited a little.
func (j *judging) open(crashed []rollout.Crash, now time.Time) []rollout.Crash {
	return slices.DeleteFunc(slices.Clone(crashed), func(c rollout.Crash) bool {
		_, involved := j.Arms[c.Task]
		age := now.Sub(c.At)
		waits := !c.Own() && age >= 0 && age < toldLate
		return !involved || waits || c.Beside || c.Unhealthy || c.Ended != "" || slices.Contains(j.Crashed, c.Task)
	})
}

// crashes rules on those that can be: they are on the account of an arm, on that
// of a host that was lost, or on nobody's.
func (j *judging) crashes(r *rollout.Rollout, crashed []rollout.Crash, now time.Time) map[judge.Arm][]string {
	fresh := map[judge.Arm][]string{}
	for _, c := range j.open(crashed, now) {
		if len(j.Crashed) >= maxCrashed {
			break
		}
		j.Crashed = append(j.Crashed, c.Task)
		if !j.left(r, c) && !j.hostLost(c, crashed) {
			fresh[j.Arms[c.Task]] = append(fresh[j.Arms[c.Task]], c.Task)
		}
	}
	return fresh
}

// hostLost reports whether a task was killed, without a word of its own, in the
// same moment as others that do not have the candidate; or once as others, not
// all of which answered with it. A candidate that kills whoever scores it does
// so again.
func (j *judging) hostLost(c rollout.Crash, crashed []rollout.Crash) bool {
	if c.Own() {
		return false
	}
	alone, served := true, j.Served[c.Task]
	for _, o := range crashed {
		if o.Task == c.Task || o.Own() || o.At.Sub(c.At).Abs() > sameMoment {
			continue
		}
		if j.Arms[o.Task] != j.Arms[c.Task] {
			return true
		}
		alone, served = false, served && j.Served[o.Task]
	}
	if alone || served || !j.HostLost.IsZero() && c.At.Sub(j.HostLost).Abs() > sameMoment {
		return false
	}
	j.HostLost = c.At
	return true
}
