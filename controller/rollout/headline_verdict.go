package rollout

import (
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/controller/judge"
)

// judged tells what the judge says of a phase that is under way.
func (t teller) judged(v judge.Verdict) Headline {
	n := t.name()
	switch {
	case v.Outcome == judge.Worse:
		return Headline{fit(t.harm(&v)...), "Nothing to do: it is taken back at once. " + t.cure(&v)}
	case v.Outcome == judge.Inconclusive:
		way := t.clearer(&v) + t.until("it is held", t.policy.PhaseWait, "that does not come")
		if t.Extended() {
			way = t.clearer(&v) + t.until("it is taken back", t.end(), "that does not come")
		}
		return Headline{t.unclear(&v), way}
	case v.Outcome == judge.Invalid && t.settling():
		return Headline{t.gathering(&v), "Nothing to do; what lasts longer than a minute is a matter for the load balancer."}
	case v.Outcome == judge.Invalid:
		return Headline{t.distrust(&v), "Nothing to do yet: it is held if this lasts."}
	case v.Outcome == judge.NoData:
		return Headline{t.begins(), t.waits()}
	case v.Holds:
		return Headline{t.doubt(&v), "Look at it: `sluice promote` if it is meant so, `sluice abort` if not" + t.until("it is held", t.policy.PhaseWait, "nobody comes")}
	case v.Suspect != "":
		return Headline{fit("Task "+Short(v.Suspect)+" alone does badly with "+n+"; whether "+n+" is at fault is being found out.", "One task alone does badly with "+n+"."), t.waits()}
	case v.Outcome == judge.Acceptable:
		good := n + " is as good as stable within the limits on every count."
		return Headline{fit(good+" Next: "+t.ahead()+".", good, n+" is as good as stable."), "Nothing to do: it goes on by itself once it has run for long enough."}
	}
	return Headline{t.unsure(&v), t.waits()}
}

// settling reports whether the step is so new that its connections are only
// coming.
func (t teller) settling() bool {
	return t.StepSince.IsZero() || t.now.Sub(t.StepSince) < soon
}

// gathering tells that the counts of a new step are not even yet, as is normal.
func (t teller) gathering(v *judge.Verdict) string {
	n := t.name()
	if f := found(v); v.Gate == judge.GateSampleRatio && f != nil {
		few := "few"
		if f.CandidateRate > f.StableRate {
			few = "most"
		}
		return fit(fmt.Sprintf("Gathering: the new canary of %s still gets %s connections (%s of the requests).", n, few, rate(f.CandidateRate)),
			"Gathering: the new canary of "+n+" still gets "+few+" connections.")
	}
	return fit("Gathering: not every task has reported on "+n+" yet.", n+" has just begun.")
}

// distrust tells of counts that contradict each other.
func (t teller) distrust(v *judge.Verdict) string {
	so := t.name() + " cannot be judged just now: "
	if t.Phase == Held {
		so = t.name() + " stands still: "
	}
	if f := found(v); v != nil && v.Gate == judge.GateSampleRatio && f != nil {
		return fit(fmt.Sprintf("%sits tasks get %s of the requests where they should get %s.", so, rate(f.CandidateRate), rate(f.StableRate)), so+"traffic is not shared out evenly.")
	}
	return fit(so + "what its tasks count cannot be trusted.")
}

// ahead is where a rollout goes from here when all is well.
func (t teller) ahead() string {
	steps := t.policy.Steps
	next := t.Step + 1
	if t.Phase == Shadow {
		next = 0
	}
	switch {
	case t.Phase == Canary && t.Step < len(steps) && steps[t.Step].Approval && t.Approved <= t.Step:
		return "your approval"
	case next < len(steps) && steps[next].Percent > 0:
		return fmt.Sprintf("%v %% of the tasks", steps[next].Percent)
	case next < len(steps):
		return judge.Some(steps[next].Tasks, "task")
	case next < t.Steps:
		return fmt.Sprintf("step %d of %d", next+1, t.Steps)
	}
	return "all tasks"
}

// unsure tells what is still to come before a verdict.
func (t teller) unsure(v *judge.Verdict) string {
	of, calm := proofOf(v), "No harm seen so far from "+t.name()+"."
	if of == "" {
		of = "everything"
	}
	if seen, needed := v.Units(); needed > seen {
		left := needed - seen
		more := calm + " About " + about(left, unit(v.Gate)) + " until " + of + " is proven"
		if v.ETA > 0 {
			return fit(more+", some "+lasting(v.ETA)+".", more+".", calm+" Some "+lasting(v.ETA)+" until "+of+" is proven.", calm)
		}
		return fit(more+".", calm)
	}
	if v.ETA > 0 {
		return fit(calm+" Some "+lasting(v.ETA)+" until "+of+" is proven.", calm)
	}
	if proofOf(v) == "" {
		return fit(calm+" Not everything is proven yet.", calm)
	}
	return fit(calm+" Not proven yet: "+of+".", calm)
}

// proofOf is what a verdict waits for; empty where that is not one thing.
func proofOf(v *judge.Verdict) string {
	whose := ""
	if v.Partner != "" {
		whose = " for " + middle(v.Partner, maxName)
	}
	switch v.Gate {
	case judge.GateFilterRatePaired, judge.GateFilterRateServed:
		return "its filter rate"
	case judge.GatePartnersPaired, judge.GatePartnersServed:
		return "its filter rate" + whose
	case judge.GateErrors:
		return "its rate of errors"
	case judge.GateInvalidScores:
		return "its share without a score"
	case judge.GateLatency:
		return "its latency"
	case judge.GateMissedBids:
		return "its share of lost bids"
	case judge.GateMissedValue:
		return "its value of lost bids"
	case judge.GateData, judge.GateDrift, judge.GateSampleRatio, judge.GatePrediction, judge.GateLive, judge.GateBreaker:
	}
	return ""
}

// unit is what a gate counts.
func unit(g judge.Gate) string {
	switch g { //nolint:exhaustive // all others count requests
	case judge.GateMissedBids, judge.GateMissedValue:
		return "more bid"
	case judge.GateFilterRatePaired, judge.GatePartnersPaired, judge.GatePartnersServed, judge.GateInvalidScores:
		return "more answer"
	}
	return "more request"
}

// unclear tells why no verdict comes. It is no harm.
func (t teller) unclear(v *judge.Verdict) string {
	n := t.name()
	switch {
	case v == nil || v.Outcome == judge.NoData:
		return fit("Nothing could be compared of "+n+" yet: no requests were counted.", "Nothing could be compared of "+n+" yet.")
	case v.Outcome != judge.Inconclusive:
		short := "No harm from " + n + " was seen, but not everything was proven in time."
		if of := proofOf(v); of != "" {
			return fit("No harm from "+n+" was seen, but "+of+" was not proven in time.", short)
		}
		return fit(short)
	}
	of := ""
	if gate := proofOf(v); gate != "" {
		of = " (" + gate + ")"
	}
	switch v.Class {
	case judge.Floor:
		same := "the same few connections repeat"
		if v.Gate == judge.GateLatency {
			same = "its tasks differ for good"
		}
		more := "More traffic like this does not prove " + n
		return fit(more+of+": "+same+".", more+of+".", more+".")
	case judge.Borderline:
		return fit(n+" lies at the very edge of what is allowed"+of+".", n+" lies at the very edge of what is allowed.")
	case judge.Starved:
		return fit("Too little traffic to prove "+n+of+".", "Too little traffic to prove "+n+".")
	}
	return fit("It cannot be told whether " + n + " is as good as stable.")
}

// clearer is what would bring a verdict, without its full stop: more to see,
// and no wider a limit.
func (t teller) clearer(v *judge.Verdict) string {
	switch {
	case v == nil || v.Outcome == judge.NoData:
		return "See that auctions reach its tasks"
	case v.Outcome != judge.Inconclusive:
		return "More traffic, or more tasks that are compared, would prove it"
	}
	switch v.Class {
	case judge.Floor:
		if v.Gate == judge.GateLatency {
			return "Compare more tasks, or stop the one that is slow for reasons of its own"
		}
		return "Open more connections, or compare more tasks"
	case judge.Borderline:
		return "A person must weigh it: `sluice promote` or `sluice abort`"
	case judge.Starved:
		return "Send it more traffic, or compare more tasks"
	}
	return "`sluice promote` or `sluice abort`"
}

// doubt tells what a person should look at. It is no harm.
func (t teller) doubt(v *judge.Verdict) string {
	n, f := t.name(), found(v)
	short := n + " waits for a person to look at it; no harm is seen."
	if f == nil {
		return fit(short)
	}
	switch f.Gate { //nolint:exhaustive // the gates that only hold
	case judge.GateDrift:
		return fit(fmt.Sprintf("The scores of %s are not those of training: %s lie where %s should. A person should look.", n, rate(f.CandidateRate), rate(f.StableRate)),
			"The scores of "+n+" are not those of training.")
	case judge.GatePrediction:
		low, high := t.Predicted.FilterRate.Low, t.Predicted.FilterRate.High
		if high == 0 {
			return fit(fmt.Sprintf("%s filters %s, and training predicted something else. A person should look.", n, rate(f.CandidateRate)), short)
		}
		from, to := figure(100*low), figure(100*high)
		if high-low < .02 {
			from, to = fmt.Sprintf("%.1f", 100*low), fmt.Sprintf("%.1f", 100*high)
		}
		return fit(fmt.Sprintf("%s filters %s, and training predicted %s to %s %%. A person should look.", n, rate(f.CandidateRate), from, to),
			fmt.Sprintf("%s does not filter as training predicted.", n))
	case judge.GateLive:
		return fit(n+" filters otherwise where it answers than beside stable. A person should look.", short)
	case judge.GateFilterRateServed:
		return fit("The tasks with "+n+" get other traffic than those with stable. A person should look.", short)
	}
	return fit(short)
}

// found is the finding that a verdict rests on; nil where it is not kept.
func found(v *judge.Verdict) *judge.Finding {
	if v == nil {
		return nil
	}
	var f *judge.Finding
	for i := range v.Findings {
		if one := &v.Findings[i]; one.Gate == v.Gate && (f == nil || one.Partner == v.Partner) {
			f = one
		}
	}
	return f
}

// harm tells what a candidate does worse, from the fullest to the shortest.
func (t teller) harm(v *judge.Verdict) []string {
	n, f := t.name(), found(v)
	if f == nil {
		return t.harmful(v)
	}
	switch f.Gate {
	case judge.GateFilterRatePaired, judge.GateFilterRateServed:
		much, allowed := filtered(*f)
		return []string{
			fmt.Sprintf("%s filters %s of the requests, %s than today; %s.", n, rate(f.CandidateRate), much, allowed),
			fmt.Sprintf("%s filters %s than today; %s.", n, much, allowed), fmt.Sprintf("%s filters %s than today.", n, much),
		}
	case judge.GatePartnersPaired, judge.GatePartnersServed:
		return t.harmsPartner(v, *f)
	case judge.GateErrors:
		return []string{fmt.Sprintf("%s of %s's requests fail, %s of stable's.", rate(f.CandidateRate), n, rate(f.StableRate)), n + " fails more requests than stable."}
	case judge.GateInvalidScores:
		return []string{fmt.Sprintf("%s gives no score to %s of what it is asked, stable to %s.", n, rate(f.CandidateRate), rate(f.StableRate)), n + " gives no score to many requests."}
	case judge.GateLatency:
		return t.more(*f, "%s is slower: %s points more of its requests take long; %s allowed.", n+" is slower than stable.")
	case judge.GateMissedBids:
		return t.more(*f, "%s would lose %s points more of the bids than stable; %s allowed.", n+" would lose more bids than stable.")
	case judge.GateMissedValue:
		return t.more(*f, "%s would lose %s points more of what bids are worth; %s allowed.", n+" would lose more of what bids are worth.")
	case judge.GateDrift:
		return []string{fmt.Sprintf("The scores of %s are not those of training: %s lie where %s should.", n, rate(f.CandidateRate), rate(f.StableRate)), "The scores of " + n + " are not those of training."}
	case judge.GateBreaker:
		return t.gross(*f)
	case judge.GateData, judge.GateSampleRatio, judge.GatePrediction, judge.GateLive:
	}
	return t.harmful(v)
}

// harmful is all that can be told where the finding is not kept.
func (t teller) harmful(v *judge.Verdict) []string {
	n := t.name()
	if v != nil && v.Partner != "" {
		return []string{n + " filters " + middle(v.Partner, maxName) + " otherwise than stable, beyond what is allowed.", n + " filters a partner otherwise than allowed."}
	}
	if t.Reason == Breaker {
		return []string{n + " does gross harm."}
	}
	return []string{n + " does worse than stable, beyond what is allowed."}
}

func (t teller) harmsPartner(v *judge.Verdict, f judge.Finding) []string {
	partner := f.Partner
	if partner == "" {
		partner = v.Partner
	}
	partner = middle(partner, maxName)
	much, allowed := filtered(f)
	short := fmt.Sprintf("%s is filtered %s than today; %s.", partner, much, allowed)
	if others := len(v.Culprits) - 1; others > 0 {
		return []string{fmt.Sprintf("%s is filtered %s than today, and so are %s; %s.", partner, much, judge.Some(others, "more partner"), allowed), short}
	}
	return []string{short}
}

func (t teller) more(f judge.Finding, format, short string) []string {
	much, allowed := beyond(f.Difference, f.BandHigh)
	return []string{fmt.Sprintf(format, t.name(), much, are(allowed)), short}
}

// gross tells of harm that needs no statistics.
func (t teller) gross(f judge.Finding) []string {
	n := t.name()
	switch s := f.Sentence; {
	case strings.Contains(s, "crashed"):
		crashed := "A task"
		if many := between(" "+s, " ", " tasks crashed"); strings.Contains(s, " tasks crashed") {
			crashed = many + " tasks"
		}
		did := " crashed while serving "
		if !t.been(Canary) && !t.been(Promoting) {
			did = " crashed while scoring with "
		}
		return []string{crashed + did + n + "."}
	case strings.Contains(s, "have no score"):
		return []string{n + " gave no score to " + rate(f.CandidateRate) + " of its latest requests.", n + " gave no score to its latest requests."}
	case strings.Contains(s, "scores of the candidate lie"):
		return []string{n + " gives every request the same score."}
	case f.CandidateRate > 0:
		return []string{fmt.Sprintf("%s of %s's latest requests failed, %s of stable's.", rate(f.CandidateRate), n, rate(f.StableRate)), n + " failed its latest requests."}
	}
	return []string{n + " does gross harm."}
}

// filtered tells by how much more or less is filtered, and what is allowed.
func filtered(f judge.Finding) (much, allowed string) {
	bound, way := f.BandHigh, " points more"
	if f.Difference < f.BandLow {
		bound = f.BandLow
	}
	if f.Difference < 0 {
		way = " points less"
	}
	points, edge := beyond(f.Difference, bound)
	much = points + way
	low, high := f.BandLow, f.BandHigh
	switch {
	case low+high < 1e-9 && low+high > -1e-9:
		return much, are(edge) + " allowed"
	case low >= 0:
		return much, figure(100*low) + " to " + figure(100*high) + " more are meant"
	case high <= 0:
		return much, figure(100*high) + " to " + figure(100*low) + " less are meant"
	}
	return much, figure(100*low) + " less to " + figure(100*high) + " more are meant"
}

// cure is what helps the cause of harm: never a wider limit.
func (t teller) cure(v *judge.Verdict) string {
	f := found(v)
	if f == nil {
		return "The sentence beneath has the figures."
	}
	const keep = "train with `--filter-rates` and the manifest.json that serves, which keeps every partner's share"
	switch f.Gate {
	case judge.GateFilterRatePaired, judge.GateFilterRateServed:
		if t.Intended != nil {
			return "It does not do what was meant: train it again, or say what is meant with `sluice try --intended " + signed(f.Difference) + "`."
		}
		return "To keep the filter rate, " + keep + "; if the change is meant, say so with `sluice try --intended " + signed(f.Difference) + "`."
	case judge.GatePartnersPaired, judge.GatePartnersServed:
		partner := f.Partner
		if partner == "" {
			partner = v.Partner
		}
		return "Look at " + partner + " in the training data, or " + keep + "; if the change is meant, say so with `sluice try --intended " + partner + "=" + signed(f.Difference) + "`."
	case judge.GateErrors, judge.GateInvalidScores:
		return "Look at the log of a canary task, and at which requests its features cannot be made of."
	case judge.GateLatency:
		return "Train fewer or shallower trees, or give tasks more processors."
	case judge.GateMissedBids, judge.GateMissedValue:
		return "Look in the training data at who bids on what it filters: its label, or its threshold, has changed."
	case judge.GateDrift:
		return "Compare the features that training saw with those of live requests."
	case judge.GateBreaker:
		return "Look at the log of the task that is named beneath."
	case judge.GateData, judge.GateSampleRatio, judge.GatePrediction, judge.GateLive:
	}
	return "The sentence beneath has the figures."
}

// signed is a difference as `sluice try` takes it, in points.
func signed(difference float64) string {
	sign := "+"
	if difference < 0 {
		sign = "-"
	}
	return sign + figure(100*difference)
}
