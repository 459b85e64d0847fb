package judge

import (
	"cmp"
	"math"
	"slices"
)

// setTiers puts the partners that cover most traffic into tier 1, once there
// is enough traffic to tell; until the next step the tiers stay.
func (s *State) setTiers(p Policy) {
	total := int64(0)
	for _, n := range s.traffic {
		total += n
	}
	if s.tiered || total == 0 {
		return
	}
	s.tiered = total >= 200*int64(len(s.partners))
	order := make([]int, len(s.partners))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.traffic[b], s.traffic[a]) })
	covered := int64(0)
	for _, k := range order {
		s.inTail[k] = s.traffic[k] == 0 || float64(covered) >= p.TierOneShare*float64(total)
		covered += s.traffic[k]
	}
}

// A voice is what one partner's pairs, or the tail's, say.
type voice struct {
	stream   int
	paired   bool
	band     band
	estimate estimate
	logs     logs
	against  float64 // logarithm; the mean of both sides
	proof    proof
}

func (v voice) proven() bool {
	return v.proof.worst() >= requiredLog && v.estimate.within(v.band)
}

// within says whether the difference as estimated is fine.
func (e estimate) within(b band) bool { return e.known && e.d >= b.low && e.d <= b.high }

// listen weighs one stream, by pairs or by arms.
func (s *State) listen(t *sums, i int, paired bool, p Policy) voice {
	st := &s.streams[i]
	v := voice{stream: i, paired: paired, band: s.band(i, p)}
	best := &st.Solo
	if paired {
		best = &st.Paired
		unit := t.paired[i].N / math.Max(1, float64(s.shadowed))
		v.estimate = t.paired[i].estimatePaired(unit)
	} else {
		v.estimate = st.estimateServed(t.u2[i], t.g[i])
	}
	v.logs = v.estimate.weigh(v.band)
	v.against = v.logs.against()
	if v.estimate.known {
		best.note(v.band.low, v.band.high, v.logs.above, v.logs.below)
	}
	v.proof = *best
	return v
}

// band is where a stream's difference may lie. The intended shift of the whole
// may or may not be meant for a partner of which nothing was said.
func (s *State) band(i int, p Policy) band {
	if i == overall {
		return band{p.Intended - p.Margin, p.Intended + p.Margin, p.Margin}
	}
	margin := p.TailMargin
	low, high := min(0, p.Intended), max(0, p.Intended)
	if i >= firstPartner {
		if !s.inTail[i-firstPartner] {
			margin = p.PartnerMargin
		}
		if shift, told := p.IntendedPartners[s.partners[i-firstPartner]]; told && !math.IsNaN(shift) && !math.IsInf(shift, 0) {
			low, high = shift, shift
		}
	}
	return band{low - margin, high + margin, margin}
}

// The two methods by which a voice may be heard.
const (
	byArms = iota
	byPairs
	methods
)

// choir is what all partners say together.
type choir struct {
	voices [methods][]voice // by partner; unknown where a method has nothing
	paired []bool           // whether the partner has pairs, whose proof then counts
	tails  *voice
	mean   float64          // logarithm of the weighted mean of the evidence
	parts  [methods]float64 // of it
	named  []int            // partners that e-BH names, loudest first
}

// hearPartners weighs every partner. The evidence against the candidate is the
// mean of what its pairs and the arms say, so that a thin sample of pairs hides
// no harm that the arms show; without pairs it is what the arms say. Every
// partner's weight is half its share of traffic and half an equal share, so
// that neither a great partner nor one among many is lost.
func (s *State) hearPartners(t *sums, p Policy) choir {
	n := len(s.partners)
	c := choir{paired: make([]bool, n)}
	var weights, logs [methods][]float64
	for m := range methods {
		c.voices[m] = make([]voice, n)
		weights[m], logs[m] = make([]float64, n), make([]float64, n)
	}
	total := math.Max(1, float64(sum(s.traffic)))
	combined := make([]float64, n)
	hasTail := false
	for k := range s.partners {
		share := [methods]float64{byArms: 1}
		if c.paired[k] = t.paired[firstPartner+k].N > 0; c.paired[k] {
			share = [methods]float64{byArms: .5, byPairs: .5}
		}
		weight := .5/float64(n) + .5*float64(s.traffic[k])/total
		for m := range methods {
			c.voices[m][k] = s.listen(t, firstPartner+k, m == byPairs, p)
			logs[m][k], weights[m][k] = c.voices[m][k].against, share[m]*weight
		}
		combined[k] = logSumExp([]float64{logs[byArms][k], logs[byPairs][k]}, share[:])
		hasTail = hasTail || s.inTail[k] && s.traffic[k] > 0
	}
	for m := range methods {
		c.parts[m] = logSumExp(logs[m], weights[m])
	}
	c.mean = logSumExp(c.parts[:], []float64{1, 1})
	c.named = named(combined, .05)
	if hasTail {
		v := s.listen(t, tail, t.paired[overall].N > 0, p)
		c.tails = &v
	}
	return c
}

// asked returns the voices by one method whose proof promotion needs: each
// tier-1 partner, by its pairs if it has any, and the tail as one.
func (s *State) asked(c choir, method int) (needed []voice) {
	for k, v := range c.voices[method] {
		if !s.inTail[k] && c.paired[k] == (method == byPairs) {
			needed = append(needed, v)
		}
	}
	if c.tails != nil && c.tails.paired == (method == byPairs) {
		needed = append(needed, *c.tails)
	}
	return needed
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

// Partners returns one finding per partner, in the order in which they were
// first seen: by its pairs if it has any, and else by the arms. It is for
// display, under the policy of the last look, and decides nothing.
func (s *State) Partners(p Policy) []Finding {
	p = p.sane()
	t := s.sumUp()
	c := s.hearPartners(&t, p)
	findings := make([]Finding, len(s.partners))
	for k := range findings {
		method, gate := byArms, GatePartnersServed
		if c.paired[k] {
			method, gate = byPairs, GatePartnersPaired
		}
		v := c.voices[method][k]
		f := s.describe(v)
		f.Gate, f.Evidence, f.Sentence = gate, expCapped(v.against), v.text(f)
		if !s.inTail[k] {
			f.Required = required
		}
		findings[k] = f
	}
	return findings
}
