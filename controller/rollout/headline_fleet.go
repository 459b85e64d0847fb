package rollout

import "strings"

// ofFleet is for what happens to the fleet itself.
func (e Event) ofFleet() Headline {
	who := middle(e.By, maxPerson)
	if who == "" {
		who = "Somebody"
	}
	switch e.Reason { //nolint:exhaustive // what happens to a fleet; one that is unknown is told plainly
	case Paused:
		t := teller{Rollout: Rollout{Sentence: e.Sentence}}
		return Headline{t.because(who + " paused the fleet"), "Nothing starts or advances until `sluice resume`; harm is still taken back."}
	case Resumed:
		return Headline{fit(who + " ended the pause of the fleet."), "Nothing to do."}
	case FreezeBegins:
		t, what := teller{Rollout: Rollout{Sentence: e.Sentence}}, "The fleet is frozen by its calendar"
		if e.By != "" {
			what = who + " has frozen all fleets"
		}
		return Headline{t.because(what), "Nothing starts or advances until the freeze is over; harm is still taken back, and `sluice rollback` works."}
	case FreezeEnds:
		return Headline{"The freeze is over.", "Nothing to do: rollouts go on."}
	case TuningAwaited:
		return Headline{fit("Training jobs wait for "+tuningOf(e.Sentence)+" to end.", "Training jobs wait for their tuning job to end."), "Nothing to do: the best of them is tried then. The sentence beneath says how far it is."}
	case Tuned:
		of, best := tuningOf(e.Sentence), bestOf(e.Sentence)
		if best == "" {
			return Headline{fit("No model of "+of+" is tried.", "No model of a tuning job is tried."), "The sentence beneath says why; `sluice try` tries one of them all the same."}
		}
		return Headline{fit("Of "+of+" the best model is tried: "+best+".", "Of a tuning job the best model is tried: "+best+"."), "Nothing to do."}
	case Deploying:
		return Headline{teller{Rollout: Rollout{Sentence: e.Sentence}}.deploys("Rollouts wait"), "Nothing to do: canaries make room, and rollouts go on when the deployment is over. Harm is still taken back."}
	case Deployed:
		return Headline{"The deployment of the service is over.", "Nothing to do: rollouts go on."}
	case HookAnswered:
		what, _, _ := strings.Cut(e.Sentence, ": ")
		if strings.HasSuffix(what, " goes back") {
			return Headline{fit("The deployment of "+what+", as a new task cannot serve the fleet's model.", "The deployment goes back: a new task cannot serve the fleet's model."), "Look at the log of the task that is named beneath, and deploy again."}
		}
		return Headline{fit("The deployment of "+what+": its tasks serve, and auctions fare well.", "The deployment goes on: its tasks serve, and auctions fare well."), "Nothing to do."}
	case ScaledIn, Rebalanced:
		return e.scheduled()
	case ProtectedElse:
		who, _, _ := strings.Cut(e.Sentence, " until ")
		return Headline{fit(who+", as somebody else wants.", "A former canary task stays protected from scale-in, as somebody else wants."), "Nothing to do, unless a deployment waits for it: `aws ecs update-task-protection --no-protection-enabled` ends it."}
	case Restored:
		return Headline{"The memory of the fleet was put back to an earlier version, and it goes on from there.", "See that what serves is what you want; `sluice rollback --to DIGEST` goes elsewhere."}
	}
	return teller{Rollout: Rollout{ID: e.Rollout, Phase: e.To, Reason: e.Reason}}.plainly()
}

// scheduled is for compared tasks that ECS ended for reasons of its own.
func (e Event) scheduled() Headline {
	what, _, _ := strings.Cut(e.Sentence, " (")
	of := middle(e.Rollout, maxName) + ": "
	said := Headline{fit(of+what+"; others are compared instead.", of+"ECS ended compared tasks; others are compared instead."), "Nothing to do."}
	switch often := strings.Contains(e.Sentence, "so far"); {
	case often && e.Reason == Rebalanced:
		said.WayOut = "It happens often, and each time proof is lost: let the service have as many tasks in each zone, or turn its availabilityZoneRebalancing off."
	case often:
		said.WayOut = "It happens often, and each time proof is lost: raise the least capacity of the service's auto scaling, or let it scale in more slowly."
	}
	return said
}

// unmet is for a wish that has changed nothing.
func (e Event) unmet() Headline {
	who, of := middle(e.By, maxPerson), middle(e.Rollout, maxName)
	if who == "" {
		who = "Somebody"
	}
	if of == "" {
		of = "the fleet"
	}
	wish := who + " asked to " + asks(e.Sentence) + " " + of
	switch e.Reason { //nolint:exhaustive // the ends of a wish that changed nothing
	case Seconded:
		return Headline{fit(wish + "; that is under way already."), "Nothing to do."}
	case Overruled:
		first := between(e.Sentence, ", asked by ", ", goes first")
		if first == "" {
			first = "somebody else"
		}
		return Headline{fit(wish+"; it does not happen, as the wish of "+middle(first, maxPerson)+" goes first.", wish+"; it does not happen."), "Ask again if it is still wanted."}
	}
	return Headline{fit(wish + ", but too late."), "Nothing to do, or ask again for what is now: `sluice status` shows it."}
}

// asks are the words of a wish, by the sentence of its end.
func asks(sentence string) string {
	verb, _, _ := strings.Cut(sentence, " asked by ")
	switch Verb(verb) {
	case VerbPause, VerbResume, VerbPromote, VerbTry:
		return verb
	case VerbAbort:
		return "give up"
	case VerbRollback:
		return "roll back"
	}
	return "change"
}
