package judge

import (
	"math"
	"time"
)

// How the tolerated false-alarm probability of a rollout, 0.05, is shared out.
// Latency (0.005), score drift (0.005, of which an automatic rollback may use
// little) and missed bids (0.01) are not judged yet; theirs stays unspent.
const (
	overallPairedAlpha = .005
	overallServedAlpha = .005
	partnersAlpha      = .02
	errorsAlpha        = .0025
	invalidAlpha       = .00125 // for each of served and shadow
)

// gates is how many gates there are.
const gates = 7

// A ruling is a finding on its way to a verdict.
type ruling struct {
	Finding
	against  float64 // logarithm
	progress float64
	asked    bool
	named    []string
	text     string // for a person, once it is clear what the outcome is
}

// excess is how far the evidence is beyond its threshold.
func (r ruling) excess() float64 {
	if r.Threshold <= 0 {
		return math.Inf(-1)
	}
	return r.against - math.Log(r.Threshold)
}

// Look adds what a look shows and judges. Counters are cumulative, so the same
// look twice changes nothing. Once the outcome is Worse it stays so.
func (s *State) Look(l Look, p Policy) Verdict {
	p = p.sane()
	if len(s.streams) == 0 {
		s.learn(nil) // nothing may ever be counted
	}
	l.At = l.At.Round(0).UTC()
	again := s.looks > 0 && l.At.Equal(s.last)
	if !again {
		s.looks++
		s.last = l.At
	}
	bad, moved := s.ingest(l, p)
	if moved && again {
		s.looks++
	}
	if moved && s.since.IsZero() {
		s.since = l.At
	}
	s.setTiers(p)
	if l.Served {
		s.closeReady(p)
		s.checkSides(p, &bad)
	}
	rulings := s.rule(l, p, bad)
	s.latch(rulings, l.At)
	return s.verdict(rulings, l, bad)
}

// rule puts all questions.
func (s *State) rule(l Look, p Policy, bad problems) []ruling {
	t := s.sumUp()
	c := s.hearPartners(&t, p)
	paired := t.paired[overall].N > 0
	rulings := []ruling{
		s.ruleData(bad),
		s.ruleOverall(s.listen(&t, overall, true, p), GateFilterRatePaired, 2/overallPairedAlpha, paired || !l.Served),
		s.ruleOverall(s.listen(&t, overall, false, p), GateFilterRateServed, 2/overallServedAlpha, l.Served),
		s.rulePartners(c, byPairs, GatePartnersPaired, paired || !l.Served),
		s.rulePartners(c, byArms, GatePartnersServed, l.Served && len(s.asked(c, byArms)) > 0),
		s.ruleErrors(l, p),
		s.ruleInvalid(l, p),
	}
	for i := range rulings {
		r := &rulings[i]
		s.evidence[i] = math.Max(s.evidence[i], r.against)
		r.Evidence = expCapped(s.evidence[i])
		if r.asked {
			r.Required = required
		}
		if r.excess() >= 0 {
			r.Outcome = Worse
		}
	}
	return rulings
}

func (s *State) ruleData(bad problems) ruling {
	f := Finding{Gate: GateData, Outcome: Acceptable, Sentence: "the counts agree with each other"}
	if len(bad) > 0 {
		f.Outcome, f.Sentence = Invalid, sentenceOf(bad)
	} else if s.since.IsZero() {
		f.Outcome, f.Sentence = NoData, "nothing has been counted yet"
	}
	return ruling{Finding: f, text: f.Sentence}
}

// ruleOverall rules on the filter rate of all partners together.
func (s *State) ruleOverall(v voice, gate Gate, threshold float64, asked bool) ruling {
	f := s.describe(v)
	f.Gate, f.Threshold = gate, threshold
	r := ruling{Finding: f, asked: asked, progress: v.estimate.progress(v.band, v.proof)}
	r.against = math.Max(v.logs.tooHigh, v.logs.tooLow)
	r.text = v.text(f) + "; " + evidenceText(expCapped(r.against), threshold, "2/0.005")
	return r
}

// describe is a voice as a finding.
func (s *State) describe(v voice) Finding {
	e := v.estimate
	f := Finding{
		Outcome: NoData, BandLow: v.band.low, BandHigh: v.band.high, Low: -1, High: 1,
		Proof: expCapped(v.proof.worst()), Requests: int64(e.n), Windows: e.windows,
		Clusters: e.clusters[candidate] + e.clusters[control],
	}
	if v.paired {
		f.Clusters = e.clusters[candidate]
	}
	if v.stream >= firstPartner {
		f.Partner = s.partners[v.stream-firstPartner]
	}
	if !e.known {
		f.Proof = 0
		return f
	}
	f.Outcome = Unsure
	if v.proven() {
		f.Outcome = Acceptable
	}
	f.StableRate = s.stableRate(v.stream)
	f.CandidateRate = math.Max(0, math.Min(1, f.StableRate+e.d))
	f.Difference = e.d
	f.Low, f.High = confidence(e.d, e.info, e.nu, v.band.margin, .05)
	return f
}

// stableRate is what stable has filtered of what it scored, for display.
func (s *State) stableRate(stream int) float64 {
	var n, x int64
	for k := range s.partners {
		if stream == overall || stream == firstPartner+k || stream == tail && s.inTail[k] {
			n += s.streams[firstPartner+k].Scored[control]
			x += s.streams[firstPartner+k].Filtered[control]
		}
	}
	if n == 0 {
		return 0
	}
	return math.Min(1, float64(x)/float64(n))
}

// rulePartners rules on all partners by one method. What decides is the
// evidence of both methods together; it is laid at the door of the stronger.
func (s *State) rulePartners(c choir, method int, gate Gate, asked bool) ruling {
	r := ruling{Finding: Finding{Gate: gate, Outcome: NoData, Low: -1, High: 1}, asked: asked}
	loudest, found := c.loudest(method)
	if found {
		r.Finding = s.describe(loudest)
		r.Gate, r.Outcome = gate, Unsure
	}
	r.Threshold = 1 / partnersAlpha
	r.against = c.parts[method]
	if c.mean >= math.Log(r.Threshold) && c.parts[method] > c.parts[1-method] {
		r.against = c.mean
		for _, k := range c.named {
			r.named = append(r.named, s.partners[k])
		}
	}
	r.against = math.Max(r.against, -largestLog)
	needed := s.asked(c, method)
	proven := r.prove(needed)
	if found && proven > 0 && proven == len(needed) {
		r.Outcome = Acceptable
	}
	r.text = s.partnersText(r, loudest, needed, proven, found)
	return r
}

// prove takes the least proof of those needed, and counts those that stand.
func (r *ruling) prove(needed []voice) (proven int) {
	r.Proof, r.progress = 0, 0
	for i, v := range needed {
		proof, progress := expCapped(v.proof.worst()), v.estimate.progress(v.band, v.proof)
		if i == 0 || proof < r.Proof {
			r.Proof = proof
		}
		if i == 0 || progress < r.progress {
			r.progress = progress
		}
		if v.proven() {
			proven++
		}
	}
	return proven
}

func (s *State) ruleErrors(l Look, p Policy) ruling {
	return s.ruleRatio(servedErrors, GateErrors, 1/errorsAlpha, l.Served, p, "error_rate", "0.0025")
}

// ruleInvalid rules on pairs without a score, by who served them, and in the
// shadow phase by who shadowed them.
func (s *State) ruleInvalid(l Look, p Policy) ruling {
	served := s.ruleRatio(servedInvalid, GateInvalidScores, 1/invalidAlpha, l.Served, p, "invalid_scores", "0.00125")
	shadow := s.ruleRatio(shadowInvalid, GateInvalidScores, 1/invalidAlpha, !l.Served, p, "invalid_scores in shadow", "0.00125")
	if l.Served && shadow.excess() < 0 || served.excess() >= 0 {
		return served
	}
	return shadow
}

func (s *State) ruleRatio(m int, gate Gate, threshold float64, asked bool, p Policy, name, alpha string) ruling {
	f, against := s.findRatio(m, gate, threshold, asked, p)
	r := ruling{Finding: f, against: against, asked: asked}
	r.progress = math.Min(.99, math.Max(0, s.ratios[m].Proof.worst()/requiredLog))
	if s.ratios[m].Proof.worst() >= requiredLog {
		r.progress = 1
	}
	r.text = ratioText(name, f, s.ratios[m], p) + "; " + evidenceText(expCapped(against), threshold, "1/"+alpha)
	return r
}

// latch keeps the first ruling that is Worse; of several, the one with the
// most evidence beyond its threshold.
func (s *State) latch(rulings []ruling, at time.Time) {
	if s.worse != nil {
		return
	}
	worst := -1
	for i, r := range rulings {
		if r.Outcome == Worse && (worst < 0 || r.excess() > rulings[worst].excess()) {
			worst = i
		}
	}
	if worst < 0 {
		return
	}
	r := rulings[worst]
	s.worse = &Verdict{
		Outcome: Worse, Gate: r.Gate, Partner: r.Partner, Culprits: r.named,
		Sentence: s.rollbackText(r), Looks: s.looks, At: at,
	}
}

// verdict is the answer to all rulings together.
func (s *State) verdict(rulings []ruling, l Look, bad problems) Verdict {
	v := Verdict{Looks: s.looks, At: l.At, Findings: make([]Finding, len(rulings))}
	for i, r := range rulings {
		if s.worse != nil && s.worse.Gate == r.Gate {
			r.Outcome = Worse
		}
		v.Findings[i] = r.Finding
		v.Findings[i].Outcome = r.Outcome
		v.Findings[i].Sentence = r.text
	}
	var last *ruling
	v.Progress, last = leastAdvanced(rulings)
	v.ETA = s.forecast(l.At, v.Progress)
	switch {
	case s.worse != nil:
		w := *s.worse
		v.Outcome, v.Gate, v.Partner, v.Culprits, v.Sentence = w.Outcome, w.Gate, w.Partner, w.Culprits, w.Sentence
		v.ETA = 0
	case len(bad) > 0:
		v.Outcome, v.Gate, v.Sentence = Invalid, GateData, "INVALID data: "+sentenceOf(bad)
	case s.nothing(l.Served):
		v.Outcome, v.Sentence, v.ETA, v.Progress = NoData, noDataText(l.Served, s.answered), 0, 0
	case last == nil && s.isFresh(l.Served):
		v.Outcome, v.Progress, v.ETA = Acceptable, 1, 0
		v.Sentence = s.acceptText(rulings)
	default:
		v.Outcome = Unsure
		v.Sentence = s.unsureText(last, v)
		if last != nil {
			v.Gate, v.Partner = last.Gate, last.Partner
		}
	}
	return v
}

// leastAdvanced returns the progress of the required proof that is furthest
// from standing, and it; nil when all stand.
func leastAdvanced(rulings []ruling) (progress float64, last *ruling) {
	progress = 1
	for i := range rulings {
		r := &rulings[i]
		if !r.asked || r.Outcome == Acceptable {
			continue
		}
		if at := math.Min(.99, r.progress); last == nil || at < progress {
			progress, last = at, r
		}
	}
	return progress, last
}

// nothing says that there is nothing to compare since the last step.
func (s *State) nothing(served bool) bool {
	if served {
		return s.answered[candidate] == 0 || s.answered[control] == 0
	}
	return s.pairsStep == 0
}

// isFresh says that enough was counted since the last step to stand by proofs
// that may be older.
func (s *State) isFresh(served bool) bool {
	if served {
		return s.fresh > 0
	}
	return s.pairsStep >= int64(max(1, s.windowRequests))
}

// maxETA bounds a forecast; beyond it the pace says nothing.
const maxETA = 7 * 24 * time.Hour

// forecast is how long the least advanced proof will take at the pace since
// the last step; 0 when nobody knows.
func (s *State) forecast(now time.Time, progress float64) time.Duration {
	if !s.stepped {
		s.stepped, s.stepAt, s.stepProgress = true, now, progress
	}
	elapsed, gained := now.Sub(s.stepAt), progress-s.stepProgress
	if elapsed <= 0 || gained <= 0 || progress >= .99 {
		return 0
	}
	eta := (1 - progress) / gained * float64(elapsed)
	if !(eta < float64(maxETA)) {
		return 0
	}
	return time.Duration(eta).Round(time.Second)
}
