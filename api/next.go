package api

import (
	"fmt"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// next foretells what happens to the fleet, as far as the state says. The loop
// decides by itself and may decide otherwise; known says whether p is the
// policy that governs the active rollout (or, when there is none, the oldest
// one waiting).
func next(s rollout.State, tasks []rollout.Task, p rollout.Policy, known bool) Next {
	r := s.Active
	switch {
	case r == nil && s.Pause != nil:
		return Next{Sentence: "Nothing starts until somebody resumes."}
	case r == nil && s.Frozen != nil:
		return Next{Sentence: "Nothing starts while it is frozen.", At: moment(s.Frozen.Until)}
	case r == nil && s.Deployment != nil && s.Stable != "":
		return Next{Sentence: "Nothing starts while the service is deployed."}
	case r == nil && len(s.Queue) == 0:
		return Next{Sentence: "Waits for the next training job."}
	case r == nil:
		n := Next{Sentence: fmt.Sprintf("%s takes its turn.", s.Queue[0].ID), Phase: string(rollout.Admitting)}
		if known {
			n.At = moment(s.Queue[len(s.Queue)-1].FoundAt.Add(p.Settle))
		}
		return n
	}
	switch r.Phase {
	case rollout.Queued:
		return Next{Sentence: "Its artifact is looked at.", Phase: string(rollout.Admitting)}
	case rollout.Admitting:
		return nextAdmitting(s, p, known)
	case rollout.Shadow, rollout.Canary:
		return nextJudged(*r, p, known)
	case rollout.Held:
		return nextHeld(*r)
	case rollout.Promoting:
		n := Next{
			Sentence: fmt.Sprintf("%d of %d tasks serve it alone; live when all do.%s", serveAlone(tasks, r.Candidate), len(tasks), unloaded(tasks, r.Candidate)),
			Phase:    string(rollout.Live),
		}
		if known {
			n.Deadline, n.Otherwise = moment(r.Since.Add(p.PromoteWait)), string(rollout.RollingBack)
		}
		return n
	case rollout.RollingBack:
		return Next{
			Sentence: fmt.Sprintf("%d of %d tasks serve stable alone; ends when all do.", serveAlone(tasks, s.Stable), len(tasks)),
			Phase:    string(rollout.RolledBack),
		}
	case rollout.Live, rollout.RolledBack, rollout.Refused, rollout.Superseded:
	}
	return Next{Sentence: "It is over; the next one takes its turn."}
}

// serveAlone counts the tasks that have arrived: those that answer with a release
// and score with no other beside it.
func serveAlone(tasks []rollout.Task, digest string) (n int) {
	for _, t := range tasks {
		if t.Reachable && t.Serving == digest && t.Shadow == "" {
			n++
		}
	}
	return n
}

// unloaded names a task that could not load what it was asked to, and says why.
func unloaded(tasks []rollout.Task, digest string) string {
	var first *rollout.Task
	n := 0
	for i := range tasks {
		if t := &tasks[i]; t.Reachable && t.Failure != "" && t.Serving != digest {
			if n++; first == nil {
				first = t
			}
		}
	}
	switch n {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf(" Task %s could not load it: %s.", rollout.Short(first.ID), first.Failure)
	}
	return fmt.Sprintf(" %d tasks could not load it; task %s says: %s.", n, rollout.Short(first.ID), first.Failure)
}

func nextAdmitting(s rollout.State, p rollout.Policy, known bool) Next {
	n := Next{Sentence: "Its artifact is checked; then it is tried.", Phase: string(rollout.Shadow)}
	if known && p.Shadow.Skip {
		n.Phase = string(rollout.Canary)
	}
	switch {
	case s.Stable == "":
		n.Sentence, n.Phase = "Its artifact is checked; then it goes live, as there is nothing to compare it with.", string(rollout.Promoting)
	case s.Active.Reason == rollout.Paused:
		n.Sentence = "Starts when somebody resumes."
	case s.Active.Reason == rollout.FreezeBegins:
		n.Sentence = "Starts when it is no longer frozen."
	case s.Active.Reason == rollout.Deploying:
		n.Sentence = "Starts when the deployment of the service is over."
	case s.Active.Reason == rollout.AwaitArtifact:
		n.Sentence = "Waits for its artifact to be there, and whole."
		if known {
			n.Deadline, n.Otherwise = moment(s.Active.Since.Add(p.ArtifactWait)), string(rollout.Refused)
		}
	}
	return n
}

// nextJudged foretells the end of a phase in which the judge has the word.
func nextJudged(r rollout.Rollout, p rollout.Policy, known bool) Next {
	var n Next
	steps := r.Steps
	if known {
		steps = len(p.Steps)
		n.Deadline, n.Otherwise = moment(r.Since.Add(p.PhaseWait)), string(rollout.Held)
		if r.Extended() {
			longest := time.Duration(p.Inconclusive.PhaseWaits * float64(p.PhaseWait))
			n.Deadline, n.Otherwise = moment(r.Since.Add(longest)), string(rollout.RollingBack)
		}
	}
	proof := "once every proof is there" + soaks(r, p, known)
	switch {
	case r.Phase == rollout.Shadow:
		n.Phase, n.Step, n.Sentence = string(rollout.Canary), 1, fmt.Sprintf("Canary step 1 of %d, %s.", steps, proof)
	case known && r.Step < len(p.Steps) && p.Steps[r.Step].Approval && r.Approved <= r.Step:
		n.Phase, n.Sentence = string(rollout.Held), "Held for a person's approval, "+proof+"."
	case r.Step+1 < steps:
		n.Phase, n.Step, n.Sentence = string(rollout.Canary), r.Step+2, fmt.Sprintf("Canary step %d of %d, %s.", r.Step+2, steps, proof)
	default:
		n.Phase, n.Sentence = string(rollout.Promoting), "Promotion to all tasks, "+proof+"."
	}
	n.At = expected(r, p, known)
	return n
}

// expected is about when the judge lets a rollout go on: not before the soak
// is over, nor before its forecast of the proof; nil when it has none.
func expected(r rollout.Rollout, p rollout.Policy, known bool) *time.Time {
	if r.Verdict == nil || r.StepSince.IsZero() || (r.Verdict.ETA == 0 && r.Verdict.Progress < 1) {
		return nil
	}
	at := r.Verdict.At.Add(r.Verdict.ETA)
	if end := r.StepSince.Add(soak(r, p)); known && end.After(at) {
		at = end
	}
	return moment(at)
}

// soak is how long the phase takes at least.
func soak(r rollout.Rollout, p rollout.Policy) time.Duration {
	if r.Phase == rollout.Canary && r.Step < len(p.Steps) {
		return p.Steps[r.Step].Soak
	}
	return p.Shadow.Soak
}

// soaks tells so where it is what the phase takes longest for.
func soaks(r rollout.Rollout, p rollout.Policy, known bool) string {
	at := expected(r, p, known)
	if at == nil || !known || !at.After(r.Verdict.At.Add(r.Verdict.ETA)) {
		return ""
	}
	return " and it has run for long enough"
}

func nextHeld(r rollout.Rollout) Next {
	n := Next{Deadline: moment(r.HeldUntil), Otherwise: string(rollout.RollingBack), Phase: string(r.HeldFrom)}
	switch r.Reason { //nolint:exhaustive // the reasons to hold; every other one reads as the last
	case rollout.Approval:
		n.Sentence = "Needs a person: resume to approve the step, or abort."
		if r.SecondPerson {
			n.Sentence = "Needs a second person, who is signed in: resume to approve the step, or abort."
		}
	case rollout.Doubtful:
		n.Sentence = "Needs a person: promote or abort it, or resume to go on comparing."
	case rollout.DataInvalid:
		n.Sentence = "Goes on by itself when the data can be trusted again; nobody has to resume it."
	case rollout.Paused:
		n.Sentence = "Goes on when somebody resumes."
	case rollout.FreezeBegins:
		n.Sentence = "Goes on when it is no longer frozen."
	case rollout.Deploying:
		n.Sentence = "Goes on when the deployment of the service is over."
	default:
		n.Sentence = "Needs a person: resume, promote or abort. Goes on by itself if the proof arrives."
	}
	return n
}
