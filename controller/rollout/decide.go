package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// Decide returns the state that follows s and what must change in the world
// while in it. Once the world is as wanted, Decide asks for nothing.
func Decide(s State, seen Observation, p Policies, now time.Time) (State, []Action) {
	next := s.clone()
	seen.Tasks = ByID(seen.Tasks) // for all that follows
	next.catchUp(seen, now)
	next.takeUp(seen.Jobs, p, now)
	next.freeze(seen, p, now)
	next.watchDeployment(seen, now)
	next.hear(p, now)
	next.forget(seen.Archived, now)
	next.Indexed = next.Indexed || seen.Indexed
	next.coalesce(p, now)
	next.start(p, now)
	if next.Active != nil {
		next.carryOn(seen, p.For(next.Active.ID), p.Deployments, now)
	}
	guards := append(next.guard(seen.Tasks, now), next.answer(seen, p, now)...)
	next.auditEnds(s.LastEvent, seen.Audited, now)
	return next, append(corrections(next, seen, p), guards...)
}

// carryOn follows the active rollout's arrow, if one is due, and keeps its
// cohorts filled.
func (s *State) carryOn(seen Observation, p Policy, how Yield, now time.Time) {
	r := s.Active
	r.watchData(seen.Verdict, now)
	s.watchLosses(seen, now)
	r.watchDesired(seen, p, now)
	m, asked := transition(*s, seen, p, now), r.Asked
	wish, wished := s.wished()
	granted := wished && m == wish
	if !granted {
		r.Asked = nil
	}
	if m.why != "" && (granted || m.to != r.Phase || m.step != r.Step || m.say != r.Sentence) {
		s.enter(m, seen, p, now)
	}
	if asked != nil && !granted {
		s.tooLate(*asked, r.ID+" is "+r.Phase.words()+" ("+string(r.Reason)+")", now)
	}
	switch {
	case s.Active == nil:
	case s.waitsForDeployment(*s.Active):
		s.yield(how, seen.Tasks)
	default:
		s.formCohorts(seen, p, now)
	}
}

// move is where an arrow leads and why it is taken; without a reason, nothing
// happens.
type move struct {
	to   Phase
	step int
	why  Reason
	say  string // for a person
}

// transition holds every arrow of the state diagram and nothing else. Danger
// is tested before success.
func transition(s State, seen Observation, p Policy, now time.Time) move {
	r := *s.Active
	wish, wished := s.wished()
	if m, ok := s.broken(seen); ok && !(wished && wish.to == RollingBack) {
		return m
	}
	if _, spent := s.overspent(seen, p, now); wished && !(spent && wish.why == Resumed) {
		return wish
	}
	switch r.Phase {
	case Queued:
		return move{Admitting, 0, Turn, "looking at " + place(r.Source)}
	case Admitting:
		return s.afterAdmission(seen, p, now)
	case Shadow, Canary:
		if m, ok := s.harmed(seen, p); ok {
			return m
		}
		if m, ok := s.overspent(seen, p, now); ok {
			return m
		}
		if m, ok := r.tooFew(seen, p, now); ok {
			return m
		}
		if m, ok := s.halted(r, p, now); ok {
			return m
		}
		if accepted(r, seen, p, now) {
			return advance(r, seen.Verdict, p)
		}
		if m, ok := s.suspected(seen); ok {
			return m
		}
		return undecided(r, seen.Verdict, p, now)
	case Held:
		return s.whileHeld(seen, p, now)
	case Promoting:
		if seen.Lost != "" {
			return move{RollingBack, r.Step, ArtifactLost, seen.Lost}
		}
		if m, ok := s.hurting(seen, p); ok {
			return m
		}
		if why, say, stopped := s.stopped(r); stopped {
			return move{Held, r.Step, why, say}
		}
		return s.whilePromoting(seen, p, now)
	case RollingBack:
		if count(seen.Tasks, mightServe(s.Stable)) > 0 {
			break
		}
		if r.Reason == Newer {
			return move{Superseded, r.Step, r.Reason, r.Sentence}
		}
		return move{RolledBack, r.Step, r.Reason, r.Sentence}
	case Live, RolledBack, Refused, Superseded:
	default:
		panic(fmt.Sprintf("rollout: unknown phase %q", r.Phase)) // State is checked when it is loaded
	}
	return stay(r)
}

func stay(r Rollout) move { return move{to: r.Phase, step: r.Step} }

// wished is what a person asked of the rollout, if anything.
func (s State) wished() (move, bool) {
	r := *s.Active
	if r.Asked == nil {
		return move{}, false
	}
	say := r.Asked.told()
	switch r.Asked.Verb {
	case VerbRollback:
		return move{RollingBack, r.Step, RollbackByHand, say}, r.Phase != RollingBack || r.Asked.Release != s.Stable
	case VerbAbort:
		if r.Phase == Queued || r.Phase == Admitting {
			return move{Refused, r.Step, Aborted, say}, true
		}
		return move{RollingBack, r.Step, Aborted, say}, r.Phase != RollingBack
	case VerbPromote:
		return move{Promoting, r.Step, PromotedByHand, say}, r.promotable() && s.mayAdvance(*r.Asked) && r.secondPerson(*r.Asked) == nil
	case VerbResume:
		if r.Phase == Admitting {
			return move{Admitting, 0, Resumed, say}, r.Asked.BreakGlass
		}
		return move{r.HeldFrom, r.Step, Resumed, say}, r.Phase == Held && r.Reason != Paused && s.mayAdvance(*r.Asked) && r.secondPerson(*r.Asked) == nil
	case VerbPause, VerbTry: // wishes about the fleet, heard before
	}
	return move{}, false
}

// mayAdvance reports whether a freeze or a deployment lets a wish about the
// active rollout do so.
func (s State) mayAdvance(q Request) bool {
	return s.hindrance() == "" || s.Active.BrokeGlass || q.BreakGlass
}

// secondPerson returns why who asks may not let the rollout go further by
// themself, where the policy wants another than who asked for the try.
func (r Rollout) secondPerson(q Request) error {
	approves := q.Verb == VerbPromote || q.Verb == VerbResume && r.Phase == Held && r.Reason == Approval
	switch {
	case !r.SecondPerson || !approves:
		return nil
	case q.How == "":
		return fmt.Errorf("%w: %s takes the word of a second person (second_person), who must be signed in", ErrConflict, r.ID)
	case r.Tried != "" && r.TriedHow == "":
		return fmt.Errorf("%w: %s takes the word of a second person (second_person), and nobody has proven who asked to try it: sluice abort, and try it again signed in", ErrConflict, r.ID)
	case r.Tried == q.By:
		return fmt.Errorf("%w: %s asked to try %s, so that it takes the word of somebody else (second_person)", ErrConflict, q.By, r.ID)
	}
	return nil
}

func (s State) afterAdmission(seen Observation, p Policy, now time.Time) move {
	r, a := *s.Active, seen.Admission
	if a == nil || a.Rollout != r.ID {
		return stay(r)
	}
	switch a.Outcome {
	case AdmissionRefused:
		return move{Refused, 0, a.Reason, a.Sentence}
	case AdmissionWait, AdmissionLooking:
		return s.awaiting(*a, p, now)
	case AdmissionOK:
	}
	why, say, stopped := s.stopped(r)
	switch {
	case a.Digest == s.Stable:
		return move{Live, 0, AlreadyLive, "its bytes are those of the live release " + Short(s.Stable)}
	case stopped && r.Reason == why && r.Sentence == say:
		return stay(r)
	case stopped:
		return move{Admitting, 0, why, say}
	case s.Stable == "":
		return move{Promoting, 0, FirstRelease, "nothing serves yet, so there is nothing to compare it with: live without a rollout"}
	case p.Shadow.Skip:
		return move{Canary, 0, Admitted, a.Sentence}
	}
	return move{Shadow, 0, Admitted, a.Sentence}
}

// awaiting is what becomes of a rollout whose artifact is not there, or cannot
// be read. Only one that is being looked at, or that a person asked for, does
// not give way.
func (s State) awaiting(a Admission, p Policy, now time.Time) move {
	r := *s.Active
	switch {
	case a.Outcome == AdmissionWait && r.By == "" && len(s.Queue) > 0 && s.Queue[0].By == "":
		return move{Superseded, 0, Newer, "gave way to " + s.Queue[0].ID + " while its artifact was awaited"}
	case now.Sub(r.Since) >= p.ArtifactWait:
		return move{Refused, 0, ArtifactTimeout, fmt.Sprintf("after %v (artifact_wait): %s", p.ArtifactWait, a.Sentence)}
	case r.Reason == AwaitArtifact && now.Sub(r.History[len(r.History)-1].At) < sayAgain:
		return stay(r)
	}
	return move{Admitting, 0, AwaitArtifact, a.Sentence}
}

// sayAgain is how long one word for why an artifact is awaited stands: errors
// may take turns.
const sayAgain = time.Minute

// broken reports that the candidate does harm so gross that nothing else
// matters in any phase in which tasks serve it. The first release is none that
// one could go back from.
func (s State) broken(seen Observation) (move, bool) {
	r, v := *s.Active, seen.Verdict
	if v == nil || !v.Breaker || s.Stable == "" {
		return move{}, false
	}
	switch r.Phase {
	case Shadow, Canary, Held, Promoting:
		return move{RollingBack, r.Step, Breaker, v.Sentence}, true
	case Queued, Admitting, RollingBack, Live, RolledBack, Refused, Superseded:
	}
	return move{}, false
}

// harmed reports what ends a rollout in shadow, canary or hold at once.
func (s State) harmed(seen Observation, p Policy) (move, bool) {
	r := *s.Active
	if seen.Lost != "" {
		return move{RollingBack, r.Step, ArtifactLost, seen.Lost}, true
	}
	if v := seen.Verdict; v != nil && v.Outcome == judge.Worse {
		return move{RollingBack, r.Step, CandidateWorse, v.Sentence}, true
	}
	for _, t := range seen.Tasks {
		if t.FailedRelease == r.Candidate && t.Failure != "" && !transient(t) {
			return move{RollingBack, r.Step, LoadFailed, "task " + t.ID + " cannot serve it: " + t.Failure}, true
		}
	}
	if m, ok := r.losing(p.Losses); ok {
		return m, true
	}
	return s.hurting(seen, p)
}

// halted reports what stops a rollout in shadow or canary for now, or makes it
// give way.
func (s State) halted(r Rollout, p Policy, now time.Time) (move, bool) {
	why, say, stopped := s.stopped(r)
	switch {
	case stopped:
		return move{Held, r.Step, why, say}, true
	case !r.InvalidSince.IsZero() && now.Sub(r.InvalidSince) >= p.DataGrace:
		return move{Held, r.Step, DataInvalid, r.InvalidWhy}, true
	case p.Preempt && len(s.Queue) > 0 && r.By == "" && r.Coalesced < p.MaxCoalesced:
		say := "gave way to " + s.Queue[0].ID
		if r.Phase == Shadow {
			return move{Superseded, r.Step, Newer, say}, true
		}
		return move{RollingBack, r.Step, Newer, say}, true
	}
	return move{}, false
}

// accepted reports whether the verdict of this very phase lets the rollout go
// on: cohorts in place, soaked, and every proof there.
func accepted(r Rollout, seen Observation, p Policy, now time.Time) bool {
	soak := p.Shadow.Soak
	if r.Comparing() == Canary {
		soak = p.Steps[min(r.Step, len(p.Steps)-1)].Soak
	}
	v := seen.Verdict
	return v != nil && v.Outcome == judge.Acceptable && !r.StepSince.IsZero() &&
		v.At.After(r.StepSince) && now.Sub(r.StepSince) >= soak
}

// last reports whether no canary step comes after the rollout's own.
func (r Rollout) last(p Policy) bool { return r.Step+1 >= len(p.Steps) }

// advance is the arrow out of an accepted shadow phase or canary step.
func advance(r Rollout, v *judge.Verdict, p Policy) move {
	if r.Phase == Shadow {
		return move{Canary, 0, Accepted, v.Sentence}
	}
	if p.Steps[min(r.Step, len(p.Steps)-1)].Approval && r.Approved <= r.Step {
		return move{Held, r.Step, Approval, fmt.Sprintf("step %d is accepted and waits for a person: sluice resume. %s", r.Step+1, v.Sentence)}
	}
	if !r.last(p) {
		return move{Canary, r.Step + 1, Accepted, v.Sentence}
	}
	return move{Promoting, r.Step, Accepted, v.Sentence}
}

func (s State) whileHeld(seen Observation, p Policy, now time.Time) move {
	r, v := *s.Active, seen.Verdict
	if m, ok := s.harmed(seen, p); ok && r.HeldFrom != Promoting {
		return m
	}
	if m, ok := s.overspent(seen, p, now); ok {
		return m
	}
	back := func(why Reason, say string) move { return move{r.HeldFrom, r.Step, why, say} }
	if _, _, stopped := s.stopped(r); !stopped {
		switch r.Reason { //nolint:exhaustive // the reasons for which enter holds a rollout
		case Paused:
			return back(Resumed, "no longer paused")
		case FreezeBegins:
			return back(FreezeEnds, "no longer frozen")
		case Deploying:
			return back(Deployed, "the deployment is over")
		case DataInvalid:
			if v != nil && v.Outcome != judge.Invalid && v.Outcome != judge.NoData {
				return back(DataBack, "the data can be trusted again")
			}
		case Inconclusive:
			if v != nil && v.Outcome == judge.Acceptable {
				return back(Accepted, v.Sentence)
			}
		}
	}
	if !now.Before(r.HeldUntil) {
		return expired(r, v, p)
	}
	return stay(r)
}

func (s State) whilePromoting(seen Observation, p Policy, now time.Time) move {
	r := *s.Active
	on := count(seen.Tasks, func(t Task) bool { return t.Serving == r.Candidate && t.Shadow == "" })
	left := len(seen.Tasks) - on
	why, say := r.promotedFor()
	if left == 0 && (on > 0 || seen.Desired == 0) {
		return move{Live, r.Step, why, say}
	}
	if now.Sub(r.Since) < p.PromoteWait {
		return stay(r)
	}
	if silent := count(seen.Tasks, func(t Task) bool { return t.Serving == "" }); silent == left && on > 0 {
		return move{Live, r.Step, why, fmt.Sprintf("%s; %s cannot be reached or may be starting, and will be asked again", say, judge.Some(silent, "task"))}
	}
	return move{RollingBack, r.Step, TimedOut, fmt.Sprintf("%d of %d tasks did not take it within %v (promote_wait)", left, len(seen.Tasks), p.PromoteWait)}
}

// promotedFor is why the promotion began, whatever held it up since.
func (r Rollout) promotedFor() (Reason, string) {
	for _, e := range slices.Backward(r.History) {
		if e.To == Promoting && e.From != Held {
			return e.Reason, e.Sentence
		}
	}
	return r.Reason, r.Sentence
}

// mightServe reports whether a task answers with something else than stable,
// or might: one that cannot be reached. A task that has not begun to answer
// will begin with the fleet's default.
func mightServe(stable string) func(Task) bool {
	return func(t Task) bool {
		return !t.Reachable || stable != "" && t.Serving != "" && (t.Serving != stable || t.Shadow != "")
	}
}

func count(tasks []Task, is func(Task) bool) (n int) {
	for _, t := range tasks {
		if is(t) {
			n++
		}
	}
	return n
}

// transient reports whether a task's failure may go away by itself.
func transient(t Task) bool { return t.FailureReason == "download" }

func pausedBy(p *Pause) string {
	return because("paused by "+p.By, p.Why)
}
