package judge

import (
	"fmt"
	"math"
	"time"
)

// A mark is how much was known for one proof at one look.
type mark struct {
	At    time.Time `json:"at"`
	Who   string    `json:"who,omitempty"` // partner for whose proof all waited
	Info  float64   `json:"info"`
	Units float64   `json:"units"` // requests, pairs or bids
}

// A trail is a few marks over the whole step, evenly spread: when it is full,
// every other one goes, and from then on half as many come.
type trail struct {
	Marks []mark `json:"marks"`
	Every int    `json:"every"` // looks between marks
	Skip  int    `json:"skip"`  // looks until the next one
}

// maxMarks bounds a trail.
const maxMarks = 32

func (t trail) add(m mark) trail {
	if t.Skip > 0 {
		t.Skip--
		return t
	}
	t.Every = max(1, t.Every)
	if len(t.Marks) >= maxMarks {
		kept := make([]mark, 0, maxMarks)
		for i := 0; i < len(t.Marks); i += 2 {
			kept = append(kept, t.Marks[i])
		}
		t.Marks, t.Every = kept, min(1<<20, 2*t.Every)
	}
	t.Marks = append(t.Marks[:len(t.Marks):len(t.Marks)], m)
	t.Skip = t.Every - 1
	return t
}

// A proof is given up for want of information only when it has been watched for
// so many looks and so long; longer where little is known of what it takes.
const (
	patience     = 16
	patienceTime = 10 * time.Minute
	longPatience = time.Hour
)

// watched reports whether that is so.
func (t trail) watched(now time.Time, after time.Duration) bool {
	n := len(t.Marks)
	return n > 0 && n*max(1, t.Every) >= patience && now.Sub(t.Marks[0].At) >= after
}

// An outlook is how what is known for a proof will grow.
type outlook struct {
	known   bool
	ceiling float64       // information that will never be reached
	wait    time.Duration // until there is enough, at the present pace
}

// ahead fits how information grew with units since about the middle of the
// trail. The clusters' own shifts stay however much each of them says, so
// 1/information = a/units + 1/ceiling. It is not known before it can be told,
// nor while other partners were waited for.
func (t trail) ahead(now mark, needed float64, after time.Duration) outlook {
	if !t.watched(now.At, after) {
		return outlook{}
	}
	half := t.Marks[len(t.Marks)/2]
	elapsed := now.At.Sub(half.At)
	o := outlook{known: half.Who == now.Who && elapsed > 0, ceiling: math.Inf(1), wait: math.MaxInt64}
	gained := now.Units - half.Units
	if !o.known || !(gained > 0) || !(now.Info > 0) {
		return o
	}
	slope, rest := now.Units/now.Info, 0.0
	if half.Units > 0 && half.Info > 0 {
		fitted := (1/half.Info - 1/now.Info) / (1/half.Units - 1/now.Units)
		if rest = 1/now.Info - fitted/now.Units; rest > 0 {
			slope = max(0, fitted)
			o.ceiling = 1 / rest
		}
	}
	if needed < o.ceiling {
		units := slope / (1/needed - max(0, rest))
		o.wait = time.Duration(min(float64(math.MaxInt64)/2, max(0, units-now.Units)/gained*float64(elapsed)))
	}
	return o
}

// A required proof is settled as inconclusive when so many times as much is
// known as would suffice in nearly all cases.
const plenty = 4

// classify says why more of the same will not bring a ruling's required proof;
// no class where it may still come.
func (r ruling) classify(t trail, now time.Time, p Policy) (Class, string) {
	e, m2 := r.basis, r.band.margin*r.band.margin
	switch {
	case !r.asked || r.late || r.Outcome == Acceptable || r.Outcome == Worse:
		return "", ""
	case !(m2 > 0):
		return r.classifyRare(t, now, p)
	case e.known && e.ready && e.info*m2 >= r.enough(p) && (r.near(p) || e.info*m2 >= plenty*p.MaxInformation):
		return Borderline, fmt.Sprintf("the difference of %s pt lies too near the edge of %s to be told from it (standard error %s pt)",
			points2(e.d), r.edges(), points2(1/math.Sqrt(e.info)))
	case e.known && !e.ready && e.least() < r.fewest() && e.info*e.phi*m2 >= p.MaxInformation && t.watched(now, patienceTime):
		return Floor, fmt.Sprintf("traffic comes over too few of them (%.1f effective clusters, %.0f are needed): %s", e.least(), r.fewest(), r.wayOut())
	}
	after := patienceTime
	if !e.known {
		after = longPatience
	}
	switch o := t.ahead(r.mark(now), r.atBest(), after); {
	case !o.known || o.wait <= p.MaxWait:
		return "", ""
	case !math.IsInf(o.ceiling, 1):
		if e.info*e.phi*m2 < p.MaxInformation {
			return "", "" // too early to tell a ceiling from chance
		}
		return Floor, "information grows no more though traffic does, since the same few say the same over and over: " + r.wayOut()
	}
	return Starved, r.starved()
}

// classifyRare does so for rates of rare events, whose proof itself is what is
// known.
func (r ruling) classifyRare(t trail, now time.Time, p Policy) (Class, string) {
	o := t.ahead(r.mark(now), 1, longPatience)
	switch {
	case !o.known || o.wait <= p.MaxWait:
		return "", ""
	case r.CandidateRate*float64(r.Requests) >= minEvents:
		return Borderline, "the candidate's rate lies too near what is tolerated to be told from it"
	}
	return Starved, r.starved()
}

// mark is where a ruling stands.
func (r ruling) mark(at time.Time) mark {
	switch m := (mark{At: at, Who: r.waits}); {
	case !(r.band.margin > 0):
		m.Info, m.Units = r.progress, float64(r.Requests)
		return m
	case r.basis.known:
		m.Info, m.Units = r.basis.info, r.basis.n
		return m
	default:
		return m
	}
}

// fewest is how many effective clusters of either arm decide anything.
func (r ruling) fewest() float64 {
	if r.least > 0 {
		return r.least
	}
	return minClusters
}

// wayOut says what would bring more information.
func (r ruling) wayOut() string {
	switch r.Gate {
	case GateLatency:
		if len(r.Drivers) > 0 {
			return fmt.Sprintf("task %s alone brings %s of what tasks differ by, as if it had a noisy neighbour since; look at it, and promote "+
				"if the others do well, or stop it in ECS and try again", r.Drivers[0].Name, percent(r.Drivers[0].Share))
		}
		known := ""
		if !r.SincePast {
			known = ", and what they did before the rollout is not known well enough to tell it from the candidate"
		}
		return "tasks differ for good" + known + "; compare more of them (steps), widen judge.latency_margin, or let latency only end rollouts (judge.latency: guard)"
	case GateMissedBids:
		return "explore more, open more connections, or let missed bids only end rollouts (judge.missed_bids: guard)"
	case GateMissedValue:
		return "explore more, let dear bids count for less (prices.cap), or let missed value only end rollouts (judge.missed_value: guard)"
	case GateFilterRatePaired, GatePartnersPaired:
		return "open more connections, or compare more tasks (shadow.tasks, steps)"
	case GateFilterRateServed, GatePartnersServed:
		return "open more connections, compare more tasks (steps), or score more by both releases (shadow.sample) " +
			"and let served counts only end rollouts (judge.served: guard)"
	case GateErrors, GateInvalidScores, GateData, GateDrift, GateSampleRatio, GatePrediction, GateLive, GateBreaker:
	}
	return "compare more tasks (steps), or wait"
}

func (r ruling) starved() string {
	text := "traffic is too little"
	if r.waits != "" {
		text += " for " + r.waits
	}
	if r.Detectable > 0 {
		text += fmt.Sprintf(": at present a difference of %s pt could be told", points2(r.Detectable))
	}
	return text + "; send it more, or widen the margin"
}

// enough is the information, times the squared margin, at which a difference
// near an edge is settled as that. Where many partners must be proven, chance
// brings one of them near an edge for a while, so it takes twice as much.
func (r ruling) enough(p Policy) float64 {
	if r.waits != "" {
		return 2 * p.MaxInformation
	}
	return p.MaxInformation
}

// near says that even if the difference were one standard error further from
// the edge than it seems, far more would have to be known to prove anything.
func (r ruling) near(p Policy) bool {
	return r.atBest()*r.band.margin*r.band.margin >= plenty*p.MaxInformation
}

// atBest is the information at which a proof, or harm, would stand if the
// difference were one standard error further from the edge than it seems.
func (r ruling) atBest() float64 {
	e, least := r.basis, proofMean/(r.band.margin*r.band.margin)
	if !e.known || !e.ready {
		return least
	}
	distance := math.Abs(r.band.high - e.d)
	if !r.over {
		distance = min(distance, math.Abs(e.d-r.band.low))
	}
	return max(least, informationFor(distance+1/math.Sqrt(e.info), r.band.margin))
}

func (r ruling) edges() string {
	if r.over {
		return points2(r.band.high) + " pt"
	}
	return fmt.Sprintf("%s..%s pt", points2(r.band.low), points2(r.band.high))
}

// sufficient is the information at which the required proof should stand.
func (r ruling) sufficient() float64 {
	needed := 15 / (r.band.margin * r.band.margin)
	if r.basis.known && r.basis.ready && r.basis.info >= needed {
		needed = max(needed, r.basis.needed(r.band))
	}
	return needed
}
