package judge

import (
	"fmt"
	"math"
	"slices"
)

// ruleServed rules on what the arms filtered. Where live pairs say that the
// releases agree and the arms differ all the same, it is the traffic that
// differs: that sends nobody back, and a person looks at it, or the rollout goes
// on, as the policy says.
func (t *Statistics) ruleServed(arms, live voice, p Policy, asked, traffic bool) ruling {
	r := t.ruleOverall(arms, GateFilterRateServed, 2/overallServedAlpha, asked)
	if !traffic || r.excess() < 0 {
		return r
	}
	r.spares = true
	r.text = fmt.Sprintf("canary tasks get other traffic than control tasks: look at their zones and kinds of machine; %s; "+
		"live pairs, which both releases scored, say %s pt [%s, %s]", r.text, points(live.estimate.d), points(t.describe(live).Low), points(t.describe(live).High))
	if p.Traffic == TrafficGoesOn && live.proven() {
		r.asked = false
	} else {
		r.holds = live.proven()
	}
	return r
}

// pairsInstead lets pairs prove what served counts cannot tell: in an early
// step, whose few tasks know little, and in the last one where the same few
// connections say the same over and over. In the last one only live pairs do,
// which compare the releases on the very requests that canary tasks answer.
// What served counts say against the candidate is heard as before.
func (s *State) pairsInstead(rulings []ruling, t *Statistics, p Policy) {
	of := func(gate Gate) *ruling {
		return &rulings[slices.IndexFunc(rulings, func(r ruling) bool { return r.Gate == gate })]
	}
	served := of(GateFilterRateServed)
	if !t.live() || of(GateFilterRatePaired).Outcome != Acceptable || !served.asked || served.Outcome == Acceptable || served.against >= math.Ln2 {
		return
	}
	if class, _ := served.classify(s.past.Trails[served.Gate], t.At, p); p.Early || class == Floor {
		served.asked, served.Required = false, 0
		served.text = "served counts cannot tell, but pairs, which both releases scored, do; " + served.text
	}
}

// ruleLive asks whether the candidate does the same on the requests that it
// answers as in the shadow of stable. A difference by itself is no harm, but
// nobody expected it: a person looks.
func (t *Statistics) ruleLive(p Policy) ruling {
	r := ruling{Finding: Finding{Gate: GateLive, Outcome: NoData, Low: -1, High: 1, Threshold: holdsAt}, spares: true, text: "nothing to compare yet"}
	if !t.live() {
		return r
	}
	all := t.homogeneity(Overall, p)
	logs, weights := []float64{all.against}, []float64{.5}
	loudest, name := all, "all partners"
	for k := range t.Partners {
		v := t.homogeneity(FirstPartner+k, p)
		logs, weights = append(logs, v.against), append(weights, .5/float64(len(t.Partners)))
		if v.against > loudest.against {
			loudest, name = v, t.Partners[k].Name
		}
	}
	r.against = logSumExp(logs, weights)
	e := loudest.estimate
	if !e.known {
		return r
	}
	r.Outcome, r.Difference, r.CandidateRate, r.StableRate = Unsure, e.d, e.rates[CandidateArm], e.rates[ControlArm]
	r.Low, r.High = confidence(e.d, e.info, e.nu, loudest.band.margin)
	r.BandLow, r.BandHigh, r.Requests, r.Clusters = loudest.band.low, loudest.band.high, int64(e.n), e.clusters[CandidateArm]+e.clusters[ControlArm]
	if loudest.stream >= FirstPartner {
		r.Partner = name
	}
	r.holds = r.against >= holdLog
	if r.text = fmt.Sprintf("against stable the candidate filters %s pt on the requests that it answers and %s pt in the shadow of stable (%s)",
		points(e.rates[CandidateArm]), points(e.rates[ControlArm]), name); r.holds {
		r.text += ": it behaves otherwise live"
	}
	return r
}

// homogeneity compares live pairs with those beside them. Their rates are the
// differences between the releases.
func (t *Statistics) homogeneity(stream int, p Policy) voice {
	st := &t.Streams[stream]
	margin := t.band(stream, p).margin
	v := voice{stream: stream, band: band{-margin, margin, margin}}
	unit := st.Pairs.N / math.Max(1, float64(t.Shadowed))
	sides := [Arms]estimate{CandidateArm: st.Live.estimate(unit), ControlArm: st.Beside.estimate(unit)}
	for _, e := range sides {
		if !e.ready {
			return v
		}
	}
	var parts, g [Arms]float64
	for a, e := range sides {
		parts[a], g[a] = 1/e.info, e.surety()+1
		v.estimate.rates[a], v.estimate.clusters[a], v.estimate.effective[a] = e.d, e.clusters[a], e.effective[a]
	}
	v.estimate.known, v.estimate.ready, v.estimate.paired, v.estimate.phi = true, true, true, 1
	v.estimate.d = sides[CandidateArm].d - sides[ControlArm].d
	v.estimate.info = inverse(parts[CandidateArm] + parts[ControlArm])
	v.estimate.nu = satterthwaite(parts, g)
	v.estimate.n = min(sides[CandidateArm].n, sides[ControlArm].n)
	v.logs = v.estimate.weigh(v.band)
	v.against = v.logs.against()
	return v
}

// presently says where the present is otherwise than the proof.
func (v voice) presently() string {
	if !v.outdated {
		return ""
	}
	return fmt.Sprintf("; of late %s pt: what was proven before holds no more", points(v.present.d))
}
