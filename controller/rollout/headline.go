package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// Headline is what people read first of a rollout or an event, in plain words.
// The sentence beneath is the proof. It is made wherever something is shown,
// always here, and never stored: what an older controller wrote has one, too.
type Headline struct {
	Text   string // what happened, to whom, how much, against what is allowed, what was done: shorter than longest
	WayOut string // what to do, or that nothing needs doing, and until when
}

// longest is what a headline has fewer characters than.
const longest = 110

// soon is how long the counts of a new step may contradict each other without
// anybody having to look: connections are only coming.
const soon = time.Minute

// Headline is that of a rollout as it stands. Of a policy that is not known,
// and so is zero, no deadline is told.
func (r Rollout) Headline(p Policy, now time.Time) Headline {
	return teller{Rollout: r, policy: p, now: now}.tell()
}

// Headline is that of an event, whose rollout is r as far as it is known; nil
// otherwise. It is told as of then, so that it stays the same.
func (e Event) Headline(r *Rollout, p Policy) Headline {
	switch {
	case e.To != "":
		return teller{Rollout: e.asOf(r), policy: p, now: e.At, past: true}.tell()
	case e.Reason == Seconded || e.Reason == Overruled || e.Reason == TooLate:
		return e.unmet()
	}
	return e.ofFleet()
}

// Find returns the rollout of that name; nil where the state has none, or none
// any more.
func (s State) Find(id string) *Rollout {
	if s.Active != nil && s.Active.ID == id {
		return s.Active
	}
	for _, list := range [][]Rollout{s.Queue, s.Finished} {
		for i := range list {
			if list[i].ID == id {
				return &list[i]
			}
		}
	}
	return nil
}

// asOf is the rollout as it stood when the event happened.
func (e Event) asOf(r *Rollout) Rollout {
	was := Rollout{ID: e.Rollout}
	if r != nil && r.ID == e.Rollout {
		was = *r
	}
	before := slices.DeleteFunc(slices.Clone(was.History), func(o Event) bool { return o.Seq >= e.Seq })
	at := slices.IndexFunc(was.History, func(o Event) bool { return o.Seq == e.Seq && o.To == e.To })
	if at >= 0 { // as it was kept, with its verdict
		e = was.History[at]
	}
	was.History, was.Verdict = append(before, e), nil
	was.Candidate, was.Phase, was.Step, was.Reason, was.Sentence, was.By = e.Candidate, e.To, e.Step, e.Reason, e.Sentence, e.By
	was.Since, was.StepSince, was.InvalidSince, was.HeldUntil = e.At, time.Time{}, time.Time{}, time.Time{}
	if e.To == Held {
		was.HeldFrom = e.From
	}
	for _, o := range slices.Backward(was.History) {
		if was.Verdict == nil {
			was.Verdict = o.Verdict
		}
		if o.To != was.Phase || o.Step != was.Step {
			break
		}
		was.Since = o.At
	}
	if was.Verdict == nil && r != nil && (e.To == RollingBack || e.To.Final()) {
		was.Verdict = r.Verdict // the last one that mattered
	}
	return was
}

// teller makes the headline of a rollout.
type teller struct {
	Rollout
	policy Policy
	now    time.Time
	past   bool // it tells of an event
}

func (t teller) tell() Headline {
	switch t.Phase {
	case Queued:
		return t.queued()
	case Admitting:
		return t.admitting()
	case Shadow, Canary:
		return t.compared()
	case Held:
		return t.held()
	case Promoting:
		return t.promoting()
	case RollingBack, RolledBack, Superseded:
		return t.back()
	case Live:
		return t.live()
	case Refused:
		return t.refused()
	}
	return t.plainly()
}

// plainly is for what an older or newer controller wrote and nobody here knows.
func (t teller) plainly() Headline {
	return Headline{fit(fmt.Sprintf("%s is in the phase %s: %s.", t.name(), words(string(t.Phase)), words(string(t.Reason)))), "The sentence beneath says why."}
}

func (t teller) queued() Headline {
	n := t.name()
	switch t.Reason { //nolint:exhaustive // the reasons to wait; one that is unknown is told plainly
	case Found:
		return Headline{fit(n + " waits for its turn: its training job has ended."), "Nothing to do: it starts once nothing else is being tried, unless a newer model comes first."}
	case Asked:
		if t.goesBack() {
			return Headline{fit("The way back has been asked for, and begins at once."), "Nothing to do."}
		}
		return Headline{fit(n+" waits for its turn: "+t.who()+" asked to try it.", n+" waits for its turn, as somebody asked."), "Nothing to do: it starts once nothing else is being tried."}
	}
	return t.plainly()
}

func (t teller) admitting() Headline {
	n := t.name()
	switch t.Reason { //nolint:exhaustive // the reasons to be looked at; one that is unknown is told plainly
	case Turn:
		return Headline{fit(n + " is being checked; no task has loaded it yet."), "Nothing to do."}
	case Paused:
		return Headline{t.because(n + " is checked and waits: " + pauser(t.Sentence) + " paused the fleet"), "`sluice resume` lets it go on."}
	case FreezeBegins:
		return Headline{t.because(n + " is checked and waits: the fleet is frozen"), "It starts when the freeze is over; `sluice resume --break-glass` does not wait for that, and takes an admin."}
	case Deploying:
		return Headline{t.deploys(n + " is checked and waits"), "It starts when the deployment is over; `sluice resume --break-glass` does not wait for that, and takes an admin."}
	case Resumed:
		return Headline{t.because(n + " starts in the freeze, as " + t.who() + " asked"), "Nothing to do."}
	case AwaitArtifact:
		file := awaited(t.Sentence)
		return Headline{fit(n + " is awaited: " + file.now + "."), file.way + t.until("it is refused", t.policy.ArtifactWait, "it has not come")}
	}
	return t.plainly()
}

// compared is for the phases in which the judge has the word. A verdict that is
// no newer than the last thing that happened is what led here.
func (t teller) compared() Headline {
	if v := t.Verdict; v != nil && !t.past && v.At.After(t.happened()) {
		return t.judged(*v)
	}
	n, begins := t.name(), t.begins()
	goesOn := func(why string) Headline { return Headline{fit(n + " goes on: " + why + "."), t.waits()} }
	switch t.Reason { //nolint:exhaustive // the reasons to be compared; one that is unknown is told plainly
	case Admitted:
		return Headline{begins, t.waits()}
	case Accepted:
		if t.lately().From == Held {
			return goesOn("its proof has come")
		}
		return Headline{begins, t.waits()}
	case Resumed:
		if strings.HasPrefix(t.Sentence, "no longer paused") {
			return goesOn("the pause is over")
		}
		return Headline{t.because(n + " goes on, as " + t.who() + " asked"), t.waits()}
	case FreezeEnds:
		return goesOn("the freeze is over")
	case Deployed:
		return goesOn("the deployment of the service is over")
	case DataBack:
		return goesOn("its counts can be trusted again")
	case Extended:
		return Headline{fit(t.unclear(t.Verdict)+" It gets more time.", t.unclear(t.Verdict)), t.clearer(t.Verdict) + t.until("it is taken back", t.end(), "that does not come")}
	case ChangeSides:
		badly := " alone does badly with " + n + "; it changes sides with another"
		return Headline{fit("Task "+Short(between(t.Sentence, "task ", " alone"))+badly+", to see whose fault that is.", "One task"+badly+"."), "Nothing to do: the same harm on another task is " + n + "'s own, and takes it back."}
	}
	return t.plainly()
}

// begins tells that a phase is new, which is as it should be.
func (t teller) begins() string {
	if t.Phase == Shadow {
		return fit("Gathering: "+t.name()+" scores a sample out of sight; no auction gets its answers yet.", t.name()+" scores a sample out of sight.")
	}
	return fit(fmt.Sprintf("Gathering: %s has begun step %s, and its first requests are being counted.", t.name(), t.step()), t.name()+" answers on a few tasks now.")
}

// step is the canary step, counted as people do.
func (t teller) step() string {
	if t.Steps == 0 {
		return fmt.Sprint(t.Step + 1)
	}
	return fmt.Sprintf("%d of %d", t.Step+1, max(t.Steps, t.Step+1))
}

// waits is the way out of a phase that goes on by itself.
func (t teller) waits() string {
	if t.Extended() {
		return "Nothing to do" + t.until("it is taken back", t.end(), "the proof does not come")
	}
	return "Nothing to do" + t.until("it is held", t.policy.PhaseWait, "the proof does not come")
}

// end is how long a phase may take, however often it was extended.
func (t teller) end() time.Duration { return t.policy.end(t.Since).Sub(t.Since) }

func (t teller) promoting() Headline {
	n, way := t.name(), "Nothing to do unless a task cannot load it; it is live once every task serves it"+t.until("it is taken back", t.policy.PromoteWait, "some do not")
	switch t.Reason { //nolint:exhaustive // the reasons to promote; one that is unknown is told plainly
	case Accepted:
		return Headline{fit(n+" is as good as stable within the limits on every count, and goes to all tasks.", n+" is as good as stable, and goes to all tasks."), way}
	case FirstRelease:
		return Headline{fit(n+" is the first model and goes to all tasks: there is nothing to compare it with.", n+" is the first model and goes to all tasks."), way}
	case PromotedByHand:
		return Headline{t.because(n + " goes to all tasks, as " + t.who() + " asked"), way + " Crashes and errors still take it back."}
	case Resumed:
		if t.lately().By != "" {
			return Headline{t.because(n + " goes on to all tasks, as " + t.who() + " asked"), way}
		}
		return Headline{fit(n + " goes on to all tasks: the pause is over."), way}
	case FreezeEnds:
		return Headline{fit(n + " goes on to all tasks: the freeze is over."), way}
	case Deployed:
		return Headline{fit(n + " goes on to all tasks: the deployment of the service is over."), way}
	}
	return t.plainly()
}

func (t teller) live() Headline {
	n, way := t.name(), "Nothing to do. `sluice rollback` goes back to the model before it."
	switch t.Reason { //nolint:exhaustive // the reasons to be live; one that is unknown is told plainly
	case Accepted:
		return Headline{fit(n+" is live: as good as the model before it within the limits, on every count.", n+" is live: as good as the model before it."), way}
	case FirstRelease:
		return Headline{fit(n+" is live: the first model, with nothing to compare it with.", n+" is live: the first model."), "Nothing to do: the next model is compared with it."}
	case AlreadyLive:
		return Headline{fit(n+" is live already: it is byte for byte the model that serves.", n+" is live already."), "Nothing to do."}
	case PromotedByHand:
		return Headline{t.because(n + " is live on all tasks, as " + t.who() + " asked"), way}
	case Resumed:
		return Headline{fit(n + " is live on all tasks."), way}
	}
	return t.plainly()
}

// held tells what a rollout waits for.
func (t teller) held() Headline {
	n, back := t.name(), t.expires()
	switch t.Reason { //nolint:exhaustive // the reasons to hold; one that is unknown is told plainly
	case Paused:
		return Headline{t.because(n + " stands still: " + pauser(t.Sentence) + " paused the fleet"), "`sluice resume` lets it go on" + back + " Harm still takes it back."}
	case FreezeBegins:
		return Headline{t.because(n + " stands still: the fleet is frozen"), "It goes on when the freeze is over; `sluice resume --break-glass` does not wait for that, and takes an admin" + back + " Harm still takes it back."}
	case Deploying:
		return Headline{t.deploys(n + " makes way"), "Nothing to do: it goes on when the deployment is over; `sluice resume --break-glass` does not wait for that, and takes an admin" + back + " Harm still takes it back."}
	case Approval:
		return Headline{fit(fmt.Sprintf("%s has passed step %s and waits for your approval.", n, t.step())), "`sluice resume` approves it, `sluice abort` gives it up" + back}
	case Doubtful:
		return Headline{t.doubt(t.Verdict), "Look at it: `sluice promote` if it is meant so, `sluice abort` if not, `sluice resume` to go on comparing" + back}
	case DataInvalid:
		return Headline{t.distrust(t.Verdict), "Look at the tasks and the load balancer that are named beneath; it goes on by itself once the counts agree" + back}
	case Inconclusive:
		if v := t.Verdict; v != nil && v.Outcome == judge.Acceptable {
			return Headline{fit(n + " is proven as good as stable now, and goes on."), "Nothing to do."}
		}
		return Headline{t.unclear(t.Verdict), t.clearer(t.Verdict) + "; `sluice resume` gives it more time" + back}
	}
	return t.plainly()
}

// deploys says what waits for a deployment, and of what that is.
func (t teller) deploys(what string) string {
	plain := what + " for a deployment of the service."
	if revision := between(t.Sentence, "ECS deploys ", " ("); revision != "" {
		return fit(what+": ECS deploys "+revision+".", plain)
	}
	return fit(plain)
}

// expires tells when a hold ends by itself.
func (t teller) expires() string {
	nobody := "nobody comes"
	switch t.Reason { //nolint:exhaustive // the others wait for a person
	case DataInvalid:
		nobody = "they do not"
	case Deploying:
		nobody = "it is not"
	}
	if t.HeldUntil.IsZero() {
		return t.until("it is taken back", t.policy.HoldFor, nobody)
	}
	return t.at("it is taken back", t.HeldUntil, nobody)
}

// until ends a sentence: what happens once the phase has taken so long, where
// that is known, and unless what.
func (t teller) until(then string, wait time.Duration, unless string) string {
	if wait <= 0 {
		return "."
	}
	return t.at(then, t.Since.Add(wait), unless)
}

func (t teller) at(then string, at time.Time, unless string) string {
	return fmt.Sprintf("; %s at %s if %s.", then, minute(at, t.now), unless)
}

// because adds why a person asked for something, where it still fits.
func (t teller) because(text string) string {
	if why := whyOf(t.Sentence); why != "" {
		return fit(text+": "+strings.TrimRight(why, ".!?")+".", text+".")
	}
	return fit(text + ".")
}

// lately is the last thing that happened to the rollout, and happened when that was.
func (t teller) lately() Event {
	if n := len(t.History); n > 0 {
		return t.History[n-1]
	}
	return Event{At: t.Since}
}

func (t teller) happened() time.Time {
	if at := t.lately().At; at.After(t.Since) {
		return at
	}
	return t.Since
}

// goesBack reports whether this is no try of a model, but a person's way back.
func (t teller) goesBack() bool { return strings.HasPrefix(t.ID, "rollback-") }
