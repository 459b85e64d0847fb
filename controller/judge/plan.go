package judge

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sluicehq/sluice/sorting"
)

// Traffic describes what a fleet gets, for a forecast. What is zero is not
// known and takes a usual value where there is one; shares are in [0, 1].
type Traffic struct {
	Requests    float64   `json:"requests"`     // per second and task
	Tasks       [Arms]int `json:"tasks"`        // of each arm
	PerRequest  float64   `json:"per_request"`  // partners scored, usually 1
	Connections float64   `json:"connections"`  // per task; 0: enough of them
	Buckets     int       `json:"buckets"`      // that a task counts by, usually 64
	Lasting     float64   `json:"lasting"`      // how alike the requests of a connection that never closes are (intraclass correlation); 0: connections come and go
	Effect      float64   `json:"effect"`       // variance against that of independent pairs, usually 3
	FilterRate  float64   `json:"filter_rate"`  // usually 0.4
	FlipRate    float64   `json:"flip_rate"`    // pairs on which the releases differ, usually 0.04
	ErrorRate   float64   `json:"error_rate"`   // of requests
	InvalidRate float64   `json:"invalid_rate"` // of pairs

	Sample  float64 `json:"sample"`   // share of requests scored by both
	Explore float64 `json:"explore"`  // share of requests filtered for nobody
	BidRate float64 `json:"bid_rate"` // bids per explored pair

	Partners []PartnerTraffic `json:"partners"`
	Wait     time.Duration    `json:"wait"` // for a verdict, usually 2h
}

// PartnerTraffic is one partner's part of it. Rates of zero are the fleet's.
type PartnerTraffic struct {
	Name       string  `json:"name"`
	Share      float64 `json:"share"` // of all pairs
	FilterRate float64 `json:"filter_rate"`
	FlipRate   float64 `json:"flip_rate"`
}

// Forecast is what can be told of a rollout before it begins.
type Forecast struct {
	Gates    []GateForecast `json:"gates"` // required ones first, slowest first
	Warnings []string       `json:"warnings,omitempty"`

	// Of the slowest gate whose proof is required; 0 where one will never stand.
	Gate    Gate          `json:"gate,omitempty"`
	Partner string        `json:"partner,omitempty"`
	Mean    time.Duration `json:"mean"`
	P80     time.Duration `json:"p80"`
	P90     time.Duration `json:"p90"`
}

// GateForecast is that of one gate, or of one partner by one gate.
type GateForecast struct {
	Gate     Gate    `json:"gate"`
	Partner  string  `json:"partner,omitempty"`
	Required bool    `json:"required"` // promotion waits for it
	Margin   float64 `json:"margin"`
	PerHour  float64 `json:"per_hour"` // requests, pairs or bids, of the smaller arm

	// How long until the proof stands, if the candidate does what was intended:
	// on average, and in 80 and 90 of 100 rollouts; 0 for never.
	Mean time.Duration `json:"mean"`
	P80  time.Duration `json:"p80"`
	P90  time.Duration `json:"p90"`

	// Beyond the margin: the harm that is found within the wait in 90 of 100
	// rollouts; 1 where nothing is.
	Detectable float64 `json:"detectable"`
	Never      string  `json:"never,omitempty"` // why it will never tell anything
}

// How much information, times the squared margin, a proof takes, and harm times
// its squared excess: simulated for two equal arms and for pairs.
const (
	proofMean = 12.
	proofP80  = 15.
	proofP90  = 17.5
	harmP90   = 19.
)

// usualBuckets is how many a task counts by, and at most.
const usualBuckets = 64

// maxForecast bounds a forecast time.
const maxForecast = 365 * 24 * time.Hour

// Plan forecasts how long each verdict takes at such traffic under a policy,
// and what harm would be seen. It reads no counts and promises nothing.
func Plan(t Traffic, p Policy) Forecast {
	p, t = p.Sane(), t.usual()
	var f Forecast
	f.Gates = append(f.Gates, t.overall(p)...)
	f.Gates = append(f.Gates, t.byPartner(p)...)
	f.Gates = append(f.Gates, t.rare(GateErrors, p), t.rare(GateInvalidScores, p), t.latency(p), t.missedBids(p))
	sorting.StableBy(f.Gates, func(a, b *GateForecast) int {
		return cmp.Or(order(b.Required, a.Required), cmp.Compare(b.slowness(), a.slowness()))
	})
	for _, g := range f.Gates {
		if g.Required {
			f.Gate, f.Partner, f.Mean, f.P80, f.P90 = g.Gate, g.Partner, g.Mean, g.P80, g.P90
			break
		}
	}
	f.Warnings = t.warnings(f.Gates)
	return f
}

func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// slowness sorts what never ends behind all else.
func (g GateForecast) slowness() time.Duration {
	if g.P80 == 0 {
		return math.MaxInt64
	}
	return g.P80
}

func (t Traffic) usual() Traffic {
	t.Requests = positive(t.Requests, 0)
	t.PerRequest = positive(t.PerRequest, 1)
	t.Effect = max(1, positive(t.Effect, 3))
	t.FilterRate = share(t.FilterRate, .4)
	t.FlipRate = share(t.FlipRate, .04)
	t.Connections, t.Lasting = positive(t.Connections, 0), share(t.Lasting, 0)
	t.ErrorRate, t.InvalidRate = share(t.ErrorRate, 0), share(t.InvalidRate, 0)
	t.Sample, t.Explore, t.BidRate = share(t.Sample, 0), share(t.Explore, 0), share(t.BidRate, 0)
	t.Buckets = min(usualBuckets, whole(t.Buckets, usualBuckets))
	for a := range t.Tasks {
		t.Tasks[a] = max(0, t.Tasks[a])
	}
	if t.Wait <= 0 {
		t.Wait = 2 * time.Hour
	}
	return t
}

func positive(v, normal float64) float64 {
	if !(v > 0) || v > 1e12 {
		return normal
	}
	return v
}

// arms are units per second of each arm, when a task gets so many.
func (t Traffic) arms(perTask float64) (n [Arms]float64) {
	for a := range n {
		n[a] = perTask * float64(t.Tasks[a])
	}
	return n
}

// served fills a forecast of a difference between the arms: rate events of n
// units per second.
func (g GateForecast) served(t Traffic, n [Arms]float64, rate, effect float64) GateForecast {
	smaller := min(n[CandidateArm], n[ControlArm])
	g.PerHour = 3600 * smaller
	if !(smaller > 0) {
		g.Never, g.Detectable = "one arm gets no traffic", 1
		return g
	}
	rate = min(.999, max(1e-4, rate))
	variance := rate * (1 - rate) * (1/n[CandidateArm] + 1/n[ControlArm])
	return g.pace(t, 1/(variance*effect), t.ceiling(rate))
}

// ceiling is the most information there will ever be while connections last.
func (t Traffic) ceiling(rate float64) float64 {
	if !(t.Lasting > 0) || !(t.Connections > 0) {
		return math.Inf(1)
	}
	c := t.arms(t.Connections)
	return 1 / (t.Lasting * rate * (1 - rate) * (1/c[CandidateArm] + 1/c[ControlArm]))
}

// pace turns information per second into times.
func (g GateForecast) pace(t Traffic, perSecond, ceiling float64) GateForecast {
	within := func(needed float64) time.Duration {
		// Information approaches its ceiling: 1/I = 1/(pace t) + 1/ceiling.
		if needed >= ceiling {
			return 0
		}
		return seconds(needed / (1 - needed/ceiling) / perSecond)
	}
	m2 := g.Margin * g.Margin
	g.Mean, g.P80, g.P90 = within(proofMean/m2), within(proofP80/m2), within(proofP90/m2)
	info := 1 / (1/(perSecond*t.Wait.Seconds()) + 1/ceiling)
	g.Detectable = min(1, math.Sqrt(harmP90/info))
	if g.P90 == 0 && g.Never == "" {
		g.Never = "connections last too long and are too few: more of them, or pairs (shadow.sample)"
	}
	return g
}

func seconds(s float64) time.Duration {
	if !(s < maxForecast.Seconds()) {
		return maxForecast
	}
	return max(time.Second, time.Duration(s*float64(time.Second)).Round(time.Second))
}

// paired fills a forecast of a difference on pairs, n of which come per second.
func (g GateForecast) paired(t Traffic, n, flips float64) GateForecast {
	g.PerHour = 3600 * n
	if !(n > 0) {
		g.Never, g.Detectable = "no request is scored by both releases (shadow.sample)", 1
		return g
	}
	return g.pace(t, n/min(1, max(1e-3, flips)), math.Inf(1))
}

// pairs are how many pairs both releases score per second.
func (t Traffic) pairs() float64 {
	n := t.arms(t.Requests * t.PerRequest)
	return t.Sample * (n[CandidateArm] + n[ControlArm])
}

func (t Traffic) overall(p Policy) []GateForecast {
	served := GateForecast{Gate: GateFilterRateServed, Margin: p.Margin, Required: true}
	all := []GateForecast{served.served(t, t.arms(t.Requests*t.PerRequest), t.FilterRate, t.Effect)}
	if t.Sample > 0 {
		paired := GateForecast{Gate: GateFilterRatePaired, Margin: p.Margin, Required: true}
		all = append(all, paired.paired(t, t.pairs(), t.FlipRate))
	}
	return all
}

// byPartner forecasts every partner, and the small ones as one.
func (t Traffic) byPartner(p Policy) (all []GateForecast) {
	partners := slices.Clone(t.Partners)
	sorting.StableBy(partners, func(a, b *PartnerTraffic) int { return cmp.Compare(b.Share, a.Share) })
	covered, rest := 0.0, 0.0
	for _, k := range partners {
		k.Share = share(k.Share, 0)
		if first := covered < p.TierOneShare && k.Share > 0; first {
			all = append(all, t.partner(k, p.PartnerMargin, true))
		} else {
			rest += k.Share
			all = append(all, t.partner(k, p.TailMargin, false))
		}
		covered += k.Share
	}
	if rest > 0 {
		all = append(all, t.partner(PartnerTraffic{Name: smallPartners, Share: min(1, rest)}, p.TailMargin, true))
	}
	return all
}

const smallPartners = "the small partners together"

func (t Traffic) partner(k PartnerTraffic, margin float64, required bool) GateForecast {
	g := GateForecast{Partner: k.Name, Margin: margin, Required: required}
	if t.Sample > 0 {
		g.Gate = GatePartnersPaired
		return g.paired(t, k.Share*t.pairs(), share(k.FlipRate, t.FlipRate))
	}
	g.Gate = GatePartnersServed
	// A partner's pairs come one per request, so they clump less than all do.
	effect := 1 + (t.Effect-1)*max(k.Share, 1/t.PerRequest)
	return g.served(t, t.arms(t.Requests*t.PerRequest*k.Share), share(k.FilterRate, t.FilterRate), effect)
}

// rare forecasts errors (of requests) and invalid scores (of pairs): the
// evidence that they are no more than tolerated grows with each.
func (t Traffic) rare(gate Gate, p Policy) GateForecast {
	g := GateForecast{Gate: gate, Required: true}
	n, rate, threshold := t.arms(t.Requests), t.ErrorRate, 1/errorsAlpha
	if gate == GateInvalidScores {
		n, rate, threshold = t.arms(t.Requests*t.PerRequest), t.InvalidRate, 1/invalidAlpha
	}
	floor := p.provable(p.ErrorFloor)
	g.Margin = max(floor, p.ErrorRatio*rate) - rate
	c, s := n[CandidateArm], n[ControlArm]
	g.PerHour = 3600 * min(c, s)
	if !(min(c, s) > 0) {
		g.Never, g.Detectable = "one arm gets no traffic", 1
		return g
	}
	growth := 0.0
	for _, a := range ratioProofs() {
		growth = max(growth, ratioLog(rate*c, c, rate*s, s, p.ErrorRatio, a))
	}
	for _, a := range [3]float64{.5, .2, .05} {
		growth = max(growth, bernoulliLog(rate*c, c, floor, a))
	}
	g.Detectable = t.rareHarm(c, s, rate, threshold, p)
	if !(growth > 0) {
		g.Never = "too many errors already to tell fewer from more (judge.error_ratio, judge.error_floor)"
		return g
	}
	mean := (requiredLog + math.Log(6)) * t.Effect / growth // half of a third is the right one's weight
	g.Mean, g.P80, g.P90 = seconds(mean), seconds(mean*proofP80/proofMean), seconds(mean*proofP90/proofMean)
	return g
}

// rareHarm is the smallest rate beyond the tolerated one that is found in time.
func (t Traffic) rareHarm(c, s, rate, threshold float64, p Policy) float64 {
	tolerated := max(p.ErrorFloor, p.ErrorRatio*rate)
	found := func(harm float64) bool {
		ratio, floor := 0.0, 0.0
		for _, a := range ratioSteps() {
			ratio = max(ratio, ratioLog(harm*c, c, rate*s, s, p.ErrorRatio, a))
			floor = max(floor, bernoulliLog(harm*c, c, p.ErrorFloor, a))
		}
		needed := (math.Log(threshold) + math.Log(7)) * t.Effect * 1.5
		return min(ratio, floor)*t.Wait.Seconds() >= needed
	}
	low, high := tolerated, 1.0
	if !found(high) {
		return 1
	}
	for range 60 {
		if middle := (low + high) / 2; found(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high - tolerated
}

func (t Traffic) latency(p Policy) GateForecast {
	g := GateForecast{Gate: GateLatency, Margin: p.LatencyMargin, Required: p.Latency == Require}
	least := min(t.Tasks[CandidateArm], t.Tasks[ControlArm])
	if least < latencyTasks {
		g.Margin = min(1, 2*g.Margin)
	}
	switch {
	case p.Latency == Off:
		g.Never, g.Detectable = "it is switched off (judge.latency)", 1
	case least < fewTasks:
		g.Never, g.Detectable = fmt.Sprintf("fewer than %d tasks in an arm cannot be told from a noisy neighbour", fewTasks), 1
	}
	if g.Never != "" {
		g.Required = false
		return g
	}
	t.Lasting = 0 // how slow a connection's requests are is its task's doing
	return g.served(t, t.arms(t.Requests), .01, t.Effect)
}

func (t Traffic) missedBids(p Policy) GateForecast {
	g := GateForecast{Gate: GateMissedBids, Margin: p.provable(p.MissedBidsMargin), Required: p.MissedBids == Require && t.Explore*t.BidRate > 0}
	n := t.arms(t.Requests * t.PerRequest * t.Explore * t.BidRate)
	if t.Explore*t.BidRate == 0 || p.MissedBids == Off {
		g.Never, g.Detectable = "nothing is explored, or no bids are reported (explore)", 1
		return g
	}
	return g.paired(t, n[CandidateArm]+n[ControlArm], t.FlipRate)
}

// warnings tell what will not be judged in time, each with a way out.
func (t Traffic) warnings(gates []GateForecast) (all []string) {
	if few := t.clusters(); few < minClusters {
		all = append(all, fmt.Sprintf("connections reach only about %.0f clusters (task x bucket) of an arm, at least %d are needed: "+
			"let clients open more connections, or compare more tasks (steps)", few, minClusters))
	}
	hidden, worst := 0, 0.0
	for _, g := range gates {
		name := string(g.Gate)
		if g.Partner != "" {
			name += " of " + g.Partner
		}
		switch {
		case !g.Required && g.Partner != "":
			if g.Detectable+g.Margin > .1 {
				hidden, worst = hidden+1, max(worst, min(1, g.Detectable+g.Margin))
			}
		case !g.Required:
		case g.Never != "":
			all = append(all, fmt.Sprintf("%s will never be proven: %s", name, g.Never))
		case g.P80 > t.Wait:
			all = append(all, fmt.Sprintf("%s takes about %s to prove, and only %s are given: raise phase_wait, the margin (%.3g pt), "+
				"shadow.sample or the tasks compared", name, g.P80, t.Wait, 100*g.Margin))
		}
	}
	if hidden > 0 {
		all = append(all, fmt.Sprintf("%d small partners get so little traffic that harm to one of them alone shows within %s "+
			"only from 10 pt on, or more (up to %.0f pt); they are judged together", hidden, t.Wait, 100*worst))
	}
	return all
}

// clusters is about how many clusters the smaller arm reaches.
func (t Traffic) clusters() float64 {
	tasks := float64(min(t.Tasks[CandidateArm], t.Tasks[ControlArm]))
	if !(t.Connections > 0) {
		return max(minClusters, tasks*float64(t.Buckets))
	}
	b := float64(t.Buckets)
	return tasks * b * (1 - math.Pow(1-1/b, t.Connections))
}
