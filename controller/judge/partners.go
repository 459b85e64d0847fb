package judge

import (
	"math"
	"slices"
)

// A voice is what one partner's pairs, or the tail's, say.
type voice struct {
	stream   int
	paired   bool
	band     band
	estimate estimate
	logs     logs
	loudest  estimate // of the pairs that speak loudest against the candidate
	whose    string   // which pairs those are
	against  float64  // logarithm; the mean of both sides
	proof    proof
	present  estimate // what pairs of the last minutes say
	outdated bool     // the present says otherwise than the proof
}

func (v voice) proven() bool {
	return v.proof.worst() >= requiredLog && v.estimate.within(v.band) && !v.outdated
}

// progress says how far on the way the proof is. One that the present speaks
// against is not there.
func (v voice) progress() float64 {
	if v.outdated {
		return .99
	}
	return v.estimate.progress(v.band, v.proof)
}

// within says whether the difference as estimated is fine.
func (e estimate) within(b band) bool { return e.known && e.d >= b.low && e.d <= b.high }

// listen weighs one stream, by pairs or by arms.
func (s *State) listen(t *Statistics, i int, paired bool, p Policy) voice {
	v := voice{stream: i, paired: paired, band: t.band(i, p)}
	best := &s.past.Proofs[i][byArms]
	if paired {
		best = s.hearPairs(t, &v, p)
	} else {
		v.estimate = t.Streams[i].Served.estimate()
		v.logs = v.estimate.weigh(v.band)
	}
	v.against = v.logs.against()
	if v.estimate.known {
		best.note(v.band.low, v.band.high, v.logs.above, v.logs.below)
	}
	v.proof = *best
	v.outdated = v.outdated && v.proof.worst() >= requiredLog && v.estimate.within(v.band)
	return v
}

// band is where a stream's difference may lie. The intended shift of the whole
// may or may not be meant for a partner of which nothing was said.
func (t *Statistics) band(i int, p Policy) band {
	if i == Overall {
		return band{p.Intended - p.Margin, p.Intended + p.Margin, p.Margin}
	}
	margin := p.TailMargin
	low, high := min(0, p.Intended), max(0, p.Intended)
	if i >= FirstPartner {
		if !t.Partners[i-FirstPartner].Tail {
			margin = p.PartnerMargin
		}
		if shift, told := p.IntendedPartners[t.Partners[i-FirstPartner].Name]; told && !math.IsNaN(shift) && !math.IsInf(shift, 0) {
			low, high = shift, shift
		}
	}
	return band{low - margin, high + margin, margin}
}

// The two methods by which a voice may be heard, and live pairs, whose proofs
// are their own.
const (
	byArms = iota
	byPairs
	methods
	byLive = iota - 1
	proofs
)

// choir is what all partners say together.
type choir struct {
	voices  [methods][]voice   // by partner; unknown where a method has nothing
	excused float64            // logarithm of the weighted mean of what the arms say, where live pairs know better
	weights [methods][]float64 // logarithms, by partner
	paired  []bool             // whether the partner has pairs, whose proof then counts
	tails   *voice
	mean    float64          // logarithm of the weighted mean of the evidence
	parts   [methods]float64 // of it
	named   []int            // partners that e-BH names, loudest first
}

// hearPartners weighs every partner. The evidence against the candidate is the
// mean of what its pairs and the arms say, so that a thin sample of pairs hides
// no harm that the arms show; without pairs it is what the arms say. Every
// partner's weight is half its share of traffic and half an equal share, so
// that neither a great partner nor one among many is lost.
func (s *State) hearPartners(t *Statistics, p Policy) choir {
	n := len(t.Partners)
	c := choir{paired: make([]bool, n)}
	var weights, logs [methods][]float64
	for m := range methods {
		c.voices[m] = make([]voice, n)
		weights[m], logs[m] = make([]float64, n), make([]float64, n)
	}
	total := 0.0
	for _, partner := range t.Partners {
		total += float64(partner.Traffic)
	}
	total = math.Max(1, total)
	combined, excused := make([]float64, n), make([]float64, n)
	hasTail := false
	for k, partner := range t.Partners {
		share := [methods]float64{byArms: 1}
		if c.paired[k] = t.Streams[FirstPartner+k].Pairs.N > 0; c.paired[k] {
			share = [methods]float64{byArms: .5, byPairs: .5}
		}
		weight := .5/float64(n) + .5*float64(partner.Traffic)/total
		for m := range methods {
			c.voices[m][k] = s.listen(t, FirstPartner+k, m == byPairs, p)
			logs[m][k], weights[m][k] = c.voices[m][k].against, share[m]*weight
		}
		if arms := &c.voices[byArms][k]; t.live() && arms.excusedBy(c.voices[byPairs][k]) {
			excused[k], logs[byArms][k] = arms.against, math.Min(0, arms.against)
			arms.against = logs[byArms][k]
		}
		combined[k] = logSumExp([]float64{logs[byArms][k], logs[byPairs][k]}, share[:])
		hasTail = hasTail || partner.Tail && partner.Traffic > 0
	}
	for m := range methods {
		c.parts[m] = logSumExp(logs[m], weights[m])
		c.weights[m] = weights[m]
		for k, w := range weights[m] {
			c.weights[m][k] = math.Log(w) // -Inf where a method has no say
		}
	}
	c.mean = logSumExp(c.parts[:], []float64{1, 1})
	c.excused = logSumExp(excused, weights[byArms])
	c.named = named(combined, .05)
	if hasTail {
		v := s.listen(t, Tail, t.Streams[Overall].Pairs.N > 0, p)
		c.tails = &v
	}
	return c
}

// asked returns the voices by one method whose proof promotion needs: each
// tier-1 partner, by its pairs if it has any, and the tail as one.
func (c choir) asked(t *Statistics, method int) (needed []voice) {
	for k, v := range c.voices[method] {
		if !t.Partners[k].Tail && c.paired[k] == (method == byPairs) {
			needed = append(needed, v)
		}
	}
	if c.tails != nil && c.tails.paired == (method == byPairs) {
		needed = append(needed, *c.tails)
	}
	return needed
}

// drivers names the partners that make up most of the evidence by one method.
func (c choir) drivers(t *Statistics, method int) (all []Driver) {
	top := math.Inf(-1)
	for k, v := range c.voices[method] {
		top = math.Max(top, v.against+c.weights[method][k])
	}
	if math.IsInf(top, 0) {
		return nil
	}
	total := 0.0
	for k, v := range c.voices[method] {
		share := math.Exp(v.against + c.weights[method][k] - top)
		total += share
		if v.estimate.ready {
			all = append(all, Driver{Name: t.Partners[k].Name, Share: share})
		}
	}
	return greatest(all, total)
}

// loudest is the partner with the most evidence against the candidate, by one
// method.
func (c choir) loudest(method int) (best voice, found bool) {
	for _, v := range c.voices[method] {
		if v.estimate.known && (!found || v.against > best.against) {
			best, found = v, true
		}
	}
	return best, found
}

// Partners returns one finding per partner, in the order of the statistics: by
// its pairs if it has any, and else by the arms. It is for display, decides
// nothing and changes nothing.
func (s *State) Partners(t Statistics, p Policy) []Finding {
	p = p.Sane()
	look := State{past{Proofs: slices.Clone(s.past.Proofs), Recent: slices.Clone(s.past.Recent)}}
	look.fit(&t)
	c := look.hearPartners(&t, p)
	findings := make([]Finding, len(t.Partners))
	for k := range findings {
		method, gate := byArms, GatePartnersServed
		if c.paired[k] {
			method, gate = byPairs, GatePartnersPaired
		}
		v := c.voices[method][k]
		f := t.describe(v)
		f.Gate, f.Evidence, f.Sentence = gate, expCapped(v.against), v.text(f)
		r := ruling{basis: v.estimate, band: v.band}
		f.Detectable, f.Needed = r.detectable(), r.needed()
		if !t.Partners[k].Tail {
			f.Required = required
		}
		findings[k] = f
	}
	return findings
}
