package rollout

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// back tells why a rollout goes back or has gone back, and what came of it.
func (t teller) back() Headline {
	claims, cure := t.grounds()
	if claims == nil {
		return t.plainly()
	}
	return Headline{fit(t.together(claims)...), t.where() + cure}
}

// together joins claims and deeds, the best line first: figures of the harm
// before all of what was done, but fewer figures before less of that.
func (t teller) together(claims []string) (lines []string) {
	last := len(claims) - 1
	for i := range t.deeds(true) {
		for _, claim := range claims[:last] {
			lines = append(lines, claim+t.deeds(strings.Contains(claim, t.name()))[i])
		}
	}
	for _, deed := range t.deeds(strings.Contains(claims[last], t.name())) {
		lines = append(lines, claims[last]+deed)
	}
	return append(lines, claims[last])
}

// deeds say that it goes back, from the longest to the shortest, and what does
// where that is not named yet.
func (t teller) deeds(named bool) []string {
	switch {
	case t.goesBack(), t.Phase == Superseded && t.tried().IsZero():
		return []string{""}
	case t.Phase == RollingBack && t.byHand():
		return []string{" Tasks are going back."}
	case t.Phase == RollingBack && !named:
		return []string{" " + t.name() + " is being taken back.", " The model is being taken back."}
	case t.Phase == RollingBack:
		return []string{" It is being taken back.", " Taken back now."}
	}
	start, after, done := t.tried(), " Taken back at once", " Taken back."
	if t.byHand() {
		after, done = " That was at once", ""
	}
	if start.IsZero() {
		return []string{done}
	}
	if ran := t.left().Sub(start); ran >= time.Second {
		after = strings.ReplaceAll(after, "at once", "after "+lasting(ran))
	}
	told := []string{after + ".", done}
	switch served, promoted := t.been(Canary), t.been(Promoting); {
	case t.Exposed > 0 && !promoted: // nobody counts during a promotion
		told = append([]string{after + "; " + judge.Some(int(t.Exposed), "auction") + " saw it."}, told...)
	case !served && !promoted:
		told = append([]string{after + "; no auction saw it."}, told...)
	}
	return told
}

// byHand reports whether a person ended it.
func (t teller) byHand() bool { return t.Reason == Aborted || t.Reason == RollbackByHand }

// tried is when tasks began to answer with the candidate, or else to score
// with it beside what they serve; zero where none did.
func (t teller) tried() (at time.Time) {
	for _, e := range t.History {
		switch e.To {
		case Canary, Promoting:
			return e.At
		case Shadow:
			if at.IsZero() {
				at = e.At
			}
		case Queued, Admitting, Held, RollingBack, Live, RolledBack, Refused, Superseded:
		}
	}
	return at
}

// left is when the way back began.
func (t teller) left() time.Time {
	for _, e := range t.History {
		if e.To == RollingBack || e.To == Superseded {
			return e.At
		}
	}
	return t.Since
}

// been reports whether the rollout has been in a phase.
func (t teller) been(p Phase) bool {
	return slices.ContainsFunc(t.History, func(e Event) bool { return e.To == p })
}

// where says what serves now, before what helps.
func (t teller) where() string {
	switch t.Phase { //nolint:exhaustive // of those that go back
	case RollingBack:
		return "Nothing to do: tasks go back by themselves. "
	case Superseded:
		return "Nothing to do. "
	}
	if t.Reason == RollbackByHand {
		return "Every task has gone back. "
	}
	return "Every task serves as before. "
}

// grounds are why it goes back, from the fullest to the shortest, and what
// helps the cause; none for a reason that nobody knows here.
func (t teller) grounds() (claims []string, cure string) {
	n, again := t.name(), "`sluice try` starts it again."
	switch t.Reason { //nolint:exhaustive // the reasons to go back; one that is unknown is told plainly
	case CandidateWorse, Breaker:
		return t.harm(t.Verdict), t.cure(t.Verdict)
	case BudgetSpent:
		all := n + " has used up what it may spoil before a verdict"
		return []string{withWhat(all, spent(t.Sentence)), all + "."}, "Score more in the shadow of stable, which costs no budget; `sluice plan` says how much a verdict takes."
	case Inconclusive, HoldExpired:
		return t.inVain()
	case Aborted:
		return t.asked(t.who() + " gave " + n + " up"), again
	case RollbackByHand:
		if t.goesBack() {
			return t.asked(t.who() + " went back to release " + Short(t.Against)), "The next model is tried as usual; `sluice pause` keeps it waiting."
		}
		return t.asked(t.who() + " took " + n + " back"), again
	case Newer:
		return t.gaveWay(), "The newer model is tried in its place."
	case NotBest:
		return t.notBest(), "`sluice try` tries it all the same."
	case ArtifactLost:
		return []string{"The file of " + n + " was overwritten or removed before it was stored."}, "Let every training job write to a place of its own, and version that bucket; then " + again
	}
	return t.trouble()
}

// trouble is what tasks have with a candidate, or a candidate with tasks.
func (t teller) trouble() (claims []string, cure string) {
	n := t.name()
	switch t.Reason { //nolint:exhaustive // the others are grounds
	case LoadFailed:
		cure = "The sentence beneath has the task's own words."
		if task := between(t.Sentence, "task ", " cannot serve it: "); task != "" {
			cure = "Task " + Short(task) + " says: " + cut(between(t.Sentence, " cannot serve it: ", ""), 200) + "."
		}
		return []string{"A task cannot load " + n + "."}, cure
	case SwapHurts:
		long := "far longer"
		if times, err := strconv.ParseFloat(between(t.Sentence, ", ", " times as long"), 64); err == nil {
			long = figure(times) + " times as long"
		}
		return []string{"Auctions took " + long + " while tasks loaded " + n + "."}, "Give tasks more processors or memory, or the model fewer trees."
	case CanariesLost:
		return []string{fmt.Sprintf("%s costs tasks: %d that served it have ended, and %d that served stable.", n, t.Losses.Canary, t.Losses.Control), n + " costs tasks."},
			"Look at the log of one of them, and at what ECS says of why it stopped."
	case TooFewTasks:
		left := ""
		if desired := between(t.Sentence, "desired count in ECS is ", ","); desired != "" {
			left = "it is to run " + desired
		}
		return []string{withWhat("The service runs too few tasks to compare "+n+" with stable", left)}, "Raise its desired count, then `sluice try` it again."
	case TimedOut:
		behind, all := between(" "+t.Sentence, " ", " of "), between(t.Sentence, " of ", " tasks did not")
		if all == "" {
			return []string{"Not every task could load " + n + " in time."}, "`sluice status` shows what each task says."
		}
		text := fmt.Sprintf("%s of %s tasks did not load %s", behind, all, n)
		if wait, err := time.ParseDuration(between(t.Sentence, "within ", " ")); err == nil {
			return []string{text + " within " + lasting(wait) + ".", text + " in time."}, "`sluice status` shows what each task says."
		}
		return []string{text + " in time."}, "`sluice status` shows what each task says."
	}
	return nil, ""
}

// spent is what a budget was spent on.
func spent(sentence string) string {
	told, what := between(sentence, "has spent ", " of "), "auction"
	if strings.Contains(sentence, "missed bids") {
		told, what = strings.TrimPrefix(told, "about "), "lost bid"
	}
	n, err := strconv.Atoi(told)
	if err != nil {
		return ""
	}
	return judge.Some(n, what)
}

func withWhat(text, what string) string {
	if what == "" {
		return text + "."
	}
	return text + ": " + what + "."
}

// asked are claims that a person's wish is the ground of, with and without why.
func (t teller) asked(did string) []string {
	if why := strings.TrimRight(whyOf(t.Sentence), ".!?"); why != "" {
		return []string{did + ": " + why + ".", did + "."}
	}
	return []string{did + "."}
}

func (t teller) gaveWay() []string {
	n, newer := t.name(), heir(t.Sentence)
	switch {
	case newer == "" && t.tried().IsZero():
		return []string{n + " was skipped: a newer model came first."}
	case newer == "":
		return []string{n + " gave way to a newer model."}
	case t.tried().IsZero():
		return []string{n + " was skipped: a newer model (" + newer + ") came first.", n + " was skipped: a newer model came first."}
	}
	return []string{n + " gave way to a newer model (" + newer + ").", n + " gave way to a newer model."}
}

// notBest tells of a training job that another of its tuning job was better
// than, or of which nobody knows.
func (t teller) notBest() []string {
	n, of, best := t.name(), tuningOf(t.Sentence), bestOf(t.Sentence)
	if best == "" {
		return []string{n + " was skipped: no model of " + of + " is tried.", n + " was skipped: no model of its tuning job is tried."}
	}
	return []string{n + " was skipped: " + best + " is the best of " + of + ".", n + " was skipped: another of its tuning job is the best."}
}

// inVain tells of a rollout that no verdict, or nobody, came for. Nothing is
// made out to be harm that is none.
func (t teller) inVain() (claims []string, cure string) {
	n, waited := t.name(), "a while"
	hold, held := t.lastHold()
	if held {
		waited = lasting(t.left().Sub(hold.At))
	}
	switch {
	case t.Reason == HoldExpired && hold.Reason == DataInvalid:
		return []string{n + " waited " + waited + " for counts that can be trusted; they did not come."}, "Look at the tasks and the load balancer that are named beneath; then `sluice try` it again."
	case t.Reason == HoldExpired && hold.Reason == Deploying:
		return []string{n + " waited " + waited + " for a deployment of the service, which does not end. Nothing was wrong with it.", n + " waited for a deployment that does not end."},
			"ECS's events of the service say why; `sluice try` starts it again, and `--break-glass` does not wait."
	case t.Reason == HoldExpired && hold.Reason == Doubtful:
		return []string{n + " waited " + waited + " for a person to look at a doubt, and nobody came.", n + " waited for a person, and nobody came."},
			"Compare with what training saw; `sluice try` starts it again, `hold_for` sets how long it waits."
	case t.Reason == HoldExpired:
		return []string{n + " waited " + waited + " for a person and nobody came. Nothing was wrong with it.", n + " waited for a person and nobody came."},
			"`sluice try` starts it again; `hold_for` sets how long it waits."
	case strings.Contains(t.Sentence, "with nothing to compare"):
		return []string{"Nothing could be compared of " + n + ", and nobody came."}, "See that auctions reach its tasks; then `sluice try` it again."
	}
	claims = []string{"No harm from " + n + " was seen, but it was not proven as good as stable in time.", n + " was not proven as good as stable in time."}
	if v := t.Verdict; v != nil && v.Class == judge.Borderline {
		return claims, "Train it nearer to what serves; if the difference is meant, say so with `sluice try --intended`."
	}
	return claims, t.clearer(t.Verdict) + "; then `sluice try` it again."
}

// lastHold is the event in which the rollout was held last.
func (t teller) lastHold() (e Event, held bool) {
	for _, e := range slices.Backward(t.History) {
		if e.To == Held {
			return e, true
		}
	}
	return Event{}, false
}
