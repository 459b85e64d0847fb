package judge

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// A ruling is a finding on its way to a verdict.
type ruling struct {
	Finding
	against  float64 // logarithm
	progress float64
	asked    bool
	named    []string
	text     string // for a person, once it is clear what the outcome is

	suspect string // the one task that fails
	broken  bool   // gross harm, beyond statistics
	spares  bool   // never ends a rollout
	holds   bool   // evidence is enough that a person must look

	basis   estimate // on which the required proof rests
	band    band
	least   float64 // effective clusters of either arm that decide anything; 0 for the usual ones
	over    bool    // only more is harm: the band has no lower edge
	late    bool    // the proof stands, but the present says otherwise
	waits   string  // partner for whose proof all wait
	setting string  // of the band's margin
	weight  float64 // logarithm, of the evidence in what is held against the threshold
}

// excess is how far the evidence is beyond its threshold.
func (r ruling) excess() float64 {
	if r.Threshold <= 0 {
		return math.Inf(-1)
	}
	return r.against - math.Log(r.Threshold)
}

// Judge judges the statistics of a look. They hold all that was counted so
// far, but for the ratios, which add. Once the outcome is Worse it stays so.
func (s *State) Judge(t Statistics, p Policy) Verdict {
	p = p.Sane()
	if text := t.damage(); text != "" {
		t = Statistics{At: t.At, Served: t.Served, Step: t.Step, Problems: []string{text}}
	}
	t.Problems = t.problems(p)
	s.fit(&t)
	s.see(&t, p)
	rulings := s.rule(&t, p)
	s.grow(rulings, &t)
	s.pairsInstead(rulings, &t, p)
	s.latch(&t, rulings)
	for i := range rulings {
		s.explain(&rulings[i], &t, p)
	}
	return s.verdict(rulings, &t, p)
}

// fit makes room for what the statistics know, and gives them at least the
// streams that there always are.
func (s *State) fit(t *Statistics) {
	if n := FirstPartner + len(t.Partners); len(t.Streams) < n {
		t.Streams = append(slices.Clone(t.Streams), make([]Stream, n-len(t.Streams))...)
	}
	if n := len(t.Streams); len(s.past.Proofs) < n {
		s.past.Proofs = append(s.past.Proofs, make([][proofs]proof, n-len(s.past.Proofs))...)
	}
	if n := len(t.Streams); len(s.past.Recent) < n {
		s.past.Recent = append(s.past.Recent, make([]recently, n-len(s.past.Recent))...)
	}
	if s.past.Evidence == nil {
		s.past.Evidence = map[Gate]float64{}
	}
	if s.past.Proved == nil {
		s.past.Proved = map[Gate]proof{}
	}
	if s.past.Eased == nil {
		s.past.Eased = map[Gate]proof{}
	}
	if s.past.Growth == nil {
		s.past.Growth = map[Gate][]float64{}
	}
	if s.past.Trails == nil {
		s.past.Trails = map[Gate]trail{}
	}
}

// see takes note of a look.
func (s *State) see(t *Statistics, p Policy) {
	if again := s.past.Looks > 0 && t.At.Equal(s.past.Last); !again || t.Counted {
		s.past.Looks++
		s.past.Last = t.At
	}
	if t.Counted && s.past.Since.IsZero() {
		s.past.Since = t.At
	}
	if t.Step != s.past.Step {
		s.past.Step, s.past.Stepped = t.Step, false
		clear(s.past.Trails)
	}
	for m := range s.past.Ratios {
		s.past.Ratios[m].add(t.Ratios[m].N, t.Ratios[m].X, p.ErrorRatio)
	}
}

// rule puts all questions.
func (s *State) rule(t *Statistics, p Policy) []ruling {
	c := s.hearPartners(t, p)
	paired := t.Streams[Overall].Pairs.N > 0
	byPair, byArm := s.listen(t, Overall, true, p), s.listen(t, Overall, false, p)
	traffic := t.live() && byArm.excusedBy(byPair)
	rulings := []ruling{
		s.ruleData(t),
		t.ruleOverall(byPair, GateFilterRatePaired, 2/overallPairedAlpha, paired || !t.Served),
		t.ruleServed(byArm, byPair, p, t.Served && (p.Served == Require || !paired), traffic),
		t.rulePartners(c, byPairs, GatePartnersPaired, paired || !t.Served),
		t.rulePartners(c, byArms, GatePartnersServed, t.Served && len(c.asked(t, byArms)) > 0),
		s.ruleErrors(t, p),
		s.ruleInvalid(t, p),
		s.ruleLatency(t, p),
		s.ruleBids(t, p),
		s.ruleValue(t, p),
		t.ruleDrift(p, byArm.estimate),
		t.ruleSplit(p),
		t.rulePrediction(p, byArm.estimate),
		t.ruleLive(p),
		s.ruleBreaker(t, p),
	}
	for i := range rulings {
		r := &rulings[i]
		r.against = bounded(r.against)
		s.past.Evidence[r.Gate] = math.Max(s.past.Evidence[r.Gate], r.against)
		r.Evidence = expCapped(s.past.Evidence[r.Gate])
		if r.asked {
			r.Required = required
		}
		if !r.spares && r.excess() >= 0 {
			r.Outcome = Worse
		}
	}
	return rulings
}

func (s *State) ruleData(t *Statistics) ruling {
	f := Finding{Gate: GateData, Outcome: Acceptable, Sentence: "the counts agree with each other"}
	if len(t.Problems) > 0 {
		f.Outcome, f.Sentence = Invalid, sentenceOf(t.Problems)
	} else if s.past.Since.IsZero() {
		f.Outcome, f.Sentence = NoData, "nothing has been counted yet"
	}
	if t.LostRows > 0 {
		f.Sentence += fmt.Sprintf("; a part of %s was lost on the way and counts for neither side", Some(t.LostRows, "report"))
	}
	return ruling{Finding: f, text: f.Sentence}
}

// ruleOverall rules on the filter rate of all partners together.
func (t *Statistics) ruleOverall(v voice, gate Gate, threshold float64, asked bool) ruling {
	f := t.describe(v)
	f.Gate, f.Threshold = gate, threshold
	r := ruling{Finding: f, asked: asked, progress: v.progress()}
	r.against = math.Max(v.logs.tooHigh, v.logs.tooLow)
	r.basis, r.band, r.setting, r.late = v.estimate, v.band, "margin", v.outdated
	r.text = v.text(f) + "; " + evidenceText(expCapped(r.against), threshold, "2/0.005") + v.presently()
	return r
}

// describe is a voice as a finding.
func (t *Statistics) describe(v voice) Finding {
	e := v.shown()
	f := Finding{
		Outcome: NoData, BandLow: v.band.low, BandHigh: v.band.high, Low: -1, High: 1,
		Proof: expCapped(v.proof.worst()), Requests: int64(e.n), Windows: e.windows,
		Clusters: e.clusters[CandidateArm] + e.clusters[ControlArm],
	}
	if v.paired {
		f.Clusters = e.clusters[CandidateArm]
	}
	if v.stream >= FirstPartner {
		f.Partner = t.Partners[v.stream-FirstPartner].Name
	}
	if !e.known {
		f.Proof = 0
		return f
	}
	f.Outcome = Unsure
	if v.proven() {
		f.Outcome = Acceptable
	}
	f.StableRate = t.stableRate(v.stream)
	f.CandidateRate = math.Max(0, math.Min(1, f.StableRate+e.d))
	f.Difference = e.d
	f.Low, f.High = e.interval(v.band.margin)
	return f
}

// shown is what a voice is shown by: by the pairs that accuse the candidate,
// where any do.
func (v voice) shown() estimate {
	if v.accuses() {
		return v.loudest
	}
	return v.estimate
}

func (v voice) accuses() bool { return v.loudest.known && v.against >= shownLog }

// stableRate is what stable has filtered of what it scored, for display.
func (t *Statistics) stableRate(stream int) float64 {
	st := &t.Streams[stream]
	if st.Scored[ControlArm] == 0 {
		return 0
	}
	return math.Min(1, float64(st.Filtered[ControlArm])/float64(st.Scored[ControlArm]))
}

// rulePartners rules on all partners by one method. What decides is the
// evidence of both methods together; it is laid at the door of the stronger.
func (t *Statistics) rulePartners(c choir, method int, gate Gate, asked bool) ruling {
	r := ruling{Finding: Finding{Gate: gate, Outcome: NoData, Low: -1, High: 1}, asked: asked}
	loudest, found := c.loudest(method)
	if found {
		r.Finding = t.describe(loudest)
		r.Gate, r.Outcome = gate, Unsure
	}
	r.Threshold = 1 / partnersAlpha
	r.against = c.parts[method]
	if c.mean >= math.Log(r.Threshold) && c.parts[method] > c.parts[1-method] {
		r.against = c.mean
		for _, k := range c.named {
			r.named = append(r.named, t.Partners[k].Name)
		}
	}
	r.against = math.Max(r.against, -largestLog)
	needed := c.asked(t, method)
	proven := r.prove(t, needed)
	if found && proven > 0 && proven == len(needed) {
		r.Outcome = Acceptable
	}
	if found && (r.excess() >= 0 || len(needed) == 0) {
		r.rest(t, loudest)
		r.weight = c.weights[method][loudest.stream-FirstPartner]
	}
	r.Drivers = c.drivers(t, method)
	r.text = t.partnersText(r, loudest, needed, proven, found)
	return r
}

// prove takes the least proof of those needed, rests the ruling on the one that
// is least advanced, and counts those that stand.
func (r *ruling) prove(t *Statistics, needed []voice) (proven int) {
	r.Proof, r.progress = 0, 0
	for i, v := range needed {
		proof, progress := expCapped(v.proof.worst()), v.progress()
		if i == 0 || proof < r.Proof {
			r.Proof = proof
		}
		if i == 0 || progress < r.progress {
			r.progress = progress
			r.rest(t, v)
		}
		if v.proven() {
			proven++
		}
	}
	return proven
}

// rest makes the ruling rest on one voice.
func (r *ruling) rest(t *Statistics, v voice) {
	r.basis, r.band, r.waits, r.setting, r.late = v.estimate, v.band, t.streamName(v.stream), "partner_margin", v.outdated
	if v.stream == Tail || v.stream >= FirstPartner && t.Partners[v.stream-FirstPartner].Tail {
		r.setting = "tail_margin"
	}
}

func (s *State) ruleErrors(t *Statistics, p Policy) ruling {
	return s.ruleRatio(t, ServedErrors, GateErrors, 1/errorsAlpha, t.Served, p, "error_rate", "0.0025")
}

// ruleInvalid rules on pairs without a score, by who served them, and in the
// shadow phase by who shadowed them.
func (s *State) ruleInvalid(t *Statistics, p Policy) ruling {
	served := s.ruleRatio(t, ServedInvalid, GateInvalidScores, 1/invalidAlpha, t.Served, p, "invalid_scores", "0.00125")
	shadow := s.ruleRatio(t, ShadowInvalid, GateInvalidScores, 1/invalidAlpha, !t.Served, p, "invalid_scores in shadow", "0.00125")
	if t.Served && shadow.excess() < 0 || served.excess() >= 0 {
		return served
	}
	return shadow
}

func (s *State) ruleRatio(t *Statistics, m int, gate Gate, threshold float64, asked bool, p Policy, name, alpha string) ruling {
	f, against := s.findRatio(t, m, gate, threshold, asked, p)
	r := ruling{Finding: f, against: against, asked: asked}
	best := s.past.Ratios[m].best(p).worst()
	if r.progress = math.Min(.99, math.Max(0, best/requiredLog)); best >= requiredLog {
		r.progress = 1
	}
	r.text = ratioText(name, f, t.Ratios[m], p) + "; " + evidenceText(expCapped(against), threshold, "1/"+alpha)
	return r
}

// latch keeps the first ruling that is Worse; gross harm before all, and of
// others the one with the most evidence beyond its threshold.
func (s *State) latch(t *Statistics, rulings []ruling) {
	if s.past.Worse != nil {
		return
	}
	worst := -1
	for i, r := range rulings {
		switch {
		case r.Outcome != Worse:
		case worst < 0 || r.broken || !rulings[worst].broken && r.excess() > rulings[worst].excess():
			worst = i
		}
	}
	if worst < 0 {
		return
	}
	r := rulings[worst]
	sentence := s.rollbackText(r)
	if hint := wrongAllAlong(r, rulings); hint != "" {
		sentence += "; " + hint
	}
	s.past.Worse = &Verdict{
		Outcome: Worse, Gate: r.Gate, Partner: r.Partner, Culprits: r.named, Breaker: r.broken,
		Sentence: sentence, Looks: s.past.Looks, At: t.At,
	}
}

// verdict is the answer to all rulings together.
func (s *State) verdict(rulings []ruling, t *Statistics, p Policy) Verdict {
	v := Verdict{Looks: s.past.Looks, At: t.At, Findings: s.findings(rulings)}
	v.Spent, v.Money = spent(v.Findings), t.money(p)
	for _, r := range rulings { // the breaker's comes last, and first
		v.Suspect = cmp.Or(r.suspect, v.Suspect)
	}
	var last *ruling
	v.Progress, last = leastAdvanced(rulings)
	v.ETA = s.forecast(t.At, v.Progress)
	if last != nil {
		v.Requests, v.Needed, v.Detectable = last.Requests, last.Needed, last.Detectable
		if last.basis.known {
			v.Requests = int64(last.basis.n)
		}
	}
	switch wrong := invalid(rulings); {
	case s.past.Worse != nil:
		w := *s.past.Worse
		v.Outcome, v.Gate, v.Partner, v.Culprits, v.Sentence = w.Outcome, w.Gate, w.Partner, w.Culprits, w.Sentence
		v.Breaker, v.ETA = w.Breaker, 0
	case wrong != nil:
		v.Outcome, v.Gate, v.Sentence = Invalid, wrong.Gate, fmt.Sprintf("INVALID %s: %s", wrong.Gate, wrong.text)
	case t.nothing():
		v.Outcome, v.Sentence, v.ETA, v.Progress = NoData, noDataText(t.Served, t.Answered), 0, 0
	case last == nil && held(rulings) == nil && failing(rulings) == nil && t.isFresh(p):
		v.Outcome, v.Progress, v.ETA = Acceptable, 1, 0
		v.Sentence = s.acceptText(rulings)
	default:
		s.undecided(&v, rulings, last, p)
	}
	return v
}

// findings are what all rulings found, in a form to be shown.
func (s *State) findings(rulings []ruling) []Finding {
	all := make([]Finding, len(rulings))
	for i, r := range rulings {
		if s.past.Worse != nil && s.past.Worse.Gate == r.Gate {
			r.Outcome = Worse
		}
		all[i] = r.Finding
		all[i].Outcome, all[i].Sentence = r.Outcome, r.text
	}
	return all
}

// undecided tells for what a verdict waits, or that waiting is in vain.
func (s *State) undecided(v *Verdict, rulings []ruling, last *ruling, p Policy) {
	h := held(rulings)
	v.Holds = h != nil
	for _, r := range rulings {
		if class, why := r.classify(s.past.Trails[r.Gate], v.At, p); class != "" {
			v.Outcome, v.Class, v.Gate, v.Partner, v.ETA = Inconclusive, class, r.Gate, r.partner(), 0
			v.Requests, v.Needed, v.Detectable = int64(r.basis.n), r.Needed, r.Detectable
			v.Sentence = fmt.Sprintf("INCONCLUSIVE (%s): %s: %s; %s", class, r.Gate, why, r.text)
			return
		}
	}
	v.Outcome = Unsure
	if h != nil {
		v.Gate, v.Partner, v.ETA, v.Requests, v.Needed, v.Detectable = h.Gate, h.Partner, 0, 0, 0, 0
		v.Sentence = fmt.Sprintf("HOLD %s: %s; a person should look, and promote or abort it", h.Gate, h.text)
		return
	}
	if last != nil {
		v.Gate, v.Partner = last.Gate, last.partner()
	}
	if f := failing(rulings); f != nil {
		v.Gate, v.Partner, v.ETA, v.Progress = f.Gate, "", 0, min(.99, v.Progress)
		v.Sentence = fmt.Sprintf("UNSURE: %s: %s", f.Gate, f.text)
		return
	}
	v.Sentence = s.unsureText(last, *v)
}

// partner is whose proof a ruling waits for, where that is one partner's.
func (r ruling) partner() string {
	if r.waits != "" && r.waits != smallPartners {
		return r.waits
	}
	return r.Partner
}

// invalid is the first ruling by which nothing can be trusted.
func invalid(rulings []ruling) *ruling {
	for i := range rulings {
		if rulings[i].Outcome == Invalid {
			return &rulings[i]
		}
	}
	return nil
}

// held is the first ruling that wants a person to look.
func held(rulings []ruling) *ruling {
	for i := range rulings {
		if rulings[i].holds {
			return &rulings[i]
		}
	}
	return nil
}

// failing is the breaker's ruling while one task alone does gross harm, or has
// done so a moment ago: whether that is the candidate's is not known yet,
// whatever was proven before.
func failing(rulings []ruling) *ruling {
	for i := range rulings {
		if r := &rulings[i]; r.Gate == GateBreaker && r.late {
			return r
		}
	}
	return nil
}

// wrongAllAlong is what the prediction says to a difference of filter rates.
func wrongAllAlong(worst ruling, rulings []ruling) string {
	switch worst.Gate {
	case GateFilterRatePaired, GateFilterRateServed, GatePartnersPaired, GatePartnersServed:
	case GateErrors, GateInvalidScores, GateData, GateLatency, GateDrift, GateMissedBids, GateMissedValue, GateSampleRatio, GatePrediction, GateLive, GateBreaker:
		return ""
	}
	for _, r := range rulings {
		if r.Gate == GatePrediction && (r.holds || r.Outcome == Acceptable) {
			return r.text
		}
	}
	return ""
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
func (t *Statistics) nothing() bool {
	if t.Served {
		return t.Answered[CandidateArm] == 0 || t.Answered[ControlArm] == 0
	}
	return t.PairsStep == 0
}

// isFresh says that enough was counted since the last step to stand by proofs
// that may be older.
func (t *Statistics) isFresh(p Policy) bool {
	if t.Served {
		return t.Fresh > 0
	}
	return t.PairsStep >= int64(p.WindowRequests)
}

// maxETA bounds a forecast; beyond it the pace says nothing.
const maxETA = 7 * 24 * time.Hour

// forecast is how long the least advanced proof will take at the pace since
// the last step; 0 when nobody knows.
func (s *State) forecast(now time.Time, progress float64) time.Duration {
	if !s.past.Stepped {
		s.past.Stepped, s.past.StepAt, s.past.StepProgress = true, now, progress
	}
	elapsed, gained := now.Sub(s.past.StepAt), progress-s.past.StepProgress
	if elapsed <= 0 || gained <= 0 || progress >= .99 {
		return 0
	}
	eta := (1 - progress) / gained * float64(elapsed)
	if !(eta < float64(maxETA)) {
		return 0
	}
	return time.Duration(eta).Round(time.Second)
}
