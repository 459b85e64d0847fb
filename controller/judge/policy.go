package judge

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Policy holds what an operator may tune. Rates and margins are in points of a
// share: 0.02 is two percentage points. Zero values take the defaults.
type Policy struct {
	Margin         float64 `yaml:"margin" json:"margin"`                   // overall filter rate, default 0.02
	PartnerMargin  float64 `yaml:"partner_margin" json:"partner_margin"`   // tier-1 partners, default 0.03
	TailMargin     float64 `yaml:"tail_margin" json:"tail_margin"`         // other partners, default 0.05
	TierOneShare   float64 `yaml:"tier_one_share" json:"tier_one_share"`   // traffic that tier-1 partners cover, default 0.8
	ErrorRatio     float64 `yaml:"error_ratio" json:"error_ratio"`         // candidate's errors against stable's, default 1.5
	ErrorFloor     float64 `yaml:"error_floor" json:"error_floor"`         // an error rate below it is always fine, default 0.001
	MinTasks       int     `yaml:"min_tasks" json:"min_tasks"`             // per arm in a canary step, default 1
	WindowRequests int     `yaml:"window_requests" json:"window_requests"` // smallest arm of a window, default 400
	WindowBuckets  int     `yaml:"window_buckets" json:"window_buckets"`   // active buckets per arm of a window, default 20

	LatencyMargin     float64       `yaml:"latency_margin" json:"latency_margin"`           // more requests above stable's p99, default 0.005
	LatencySLO        time.Duration `yaml:"latency_slo" json:"latency_slo"`                 // what was promised; 0 for nothing
	MissedBidsMargin  float64       `yaml:"missed_bids_margin" json:"missed_bids_margin"`   // more bids filtered, of all bids, default 0.005
	Drift             string        `yaml:"drift" json:"drift"`                             // of scores: off, pause or roll_back; default pause
	DriftMargin       float64       `yaml:"drift_margin" json:"drift_margin"`               // of scores below any quantile, default 0.1
	Latency           string        `yaml:"latency" json:"latency"`                         // require, guard or off; default require
	Served            string        `yaml:"served" json:"served"`                           // filter rates of the arms, where pairs are proven: require or guard; default require
	Traffic           string        `yaml:"traffic" json:"traffic"`                         // where the arms differ but live pairs do not: hold or go_on; default hold
	MissedBids        string        `yaml:"missed_bids" json:"missed_bids"`                 // require, guard or off; default require
	MissedValue       string        `yaml:"missed_value" json:"missed_value"`               // the same of what bids are worth, where they come with prices; default as MissedBids
	MissedValueMargin float64       `yaml:"missed_value_margin" json:"missed_value_margin"` // more value filtered, of the value of all bids, default 0.01
	SampleRatio       float64       `yaml:"sample_ratio" json:"sample_ratio"`               // odds of the arms' traffic against their tasks', default 1.5
	MaxClockSkew      time.Duration `yaml:"max_clock_skew" json:"max_clock_skew"`           // between two tasks, default 10s
	Present           time.Duration `yaml:"present" json:"present"`                         // stretch of time that stands for the present, default 3m
	MaxWait           time.Duration `yaml:"max_wait" json:"max_wait"`                       // for a proof at the present pace; beyond it is inconclusive, default 24h
	Breaker           Breaker       `yaml:"breaker" json:"breaker"`
	MaxInformation    float64       `yaml:"max_information" json:"max_information"` // times 1/margin^2 at which to give up, default 20

	// Reference is the candidate's own distribution of scores, as its manifest
	// tells it: shares of equal bins of [0, 1]; all zero where it tells none.
	Reference [ScoreBins]float64 `yaml:"-" json:"reference,omitzero"`

	// Predicted is where admission expects the candidate's own filter rate;
	// both ends zero where it expects nothing.
	Predicted Interval `yaml:"-" json:"predicted,omitzero"`

	// Early is a step that is not the last: what partners must prove may rest on
	// pairs in the shadow of stable as well.
	Early bool `yaml:"-" json:"early,omitempty"`

	// Wider is how many times the last step's margin an early step's is, where it
	// is wider: so much further may errors and bids be proven there. What is harm
	// stays the same.
	Wider float64 `yaml:"-" json:"wider,omitempty"`

	// In which money bids are counted, and up to which price.
	Currency string  `yaml:"-" json:"currency,omitempty"`
	PriceCap float64 `yaml:"-" json:"price_cap,omitempty"`

	// Intended shift of the filter rate (JUDGE theta0): the bands move there.
	Intended         float64            `yaml:"-" json:"intended,omitempty"`
	IntendedPartners map[string]float64 `yaml:"-" json:"intended_partners,omitempty"`
}

// How a gate that can be done without is heard: promotion requires its proof,
// it may only end a rollout, or it is off.
const (
	Require = "require"
	Guard   = "guard"
	Off     = "off"
)

// provable is how far from what it may be something is proven to be fine in
// this step.
func (p Policy) provable(margin float64) float64 { return min(1, margin*max(1, p.Wider)) }

// Check names the first setting that makes no sense. Zero is fine everywhere:
// it stands for the default.
func (p Policy) Check() error {
	for _, s := range []struct {
		name        string
		value       float64
		least, most float64
	}{
		{"margin", p.Margin, 0, 1},
		{"partner_margin", p.PartnerMargin, 0, 1},
		{"tail_margin", p.TailMargin, 0, 1},
		{"tier_one_share", p.TierOneShare, 0, 1},
		{"error_ratio", p.ErrorRatio, 1, 1000},
		{"error_floor", p.ErrorFloor, 0, 0.5},
		{"latency_margin", p.LatencyMargin, 0, 1},
		{"missed_bids_margin", p.MissedBidsMargin, 0, 1},
		{"missed_value_margin", p.MissedValueMargin, 0, 1},
		{"drift_margin", p.DriftMargin, 0, 1},
		{"sample_ratio", p.SampleRatio, 1, 1000},
		{"max_information", p.MaxInformation, 1, 1e6},
		{"breaker.error_ratio", p.Breaker.ErrorRatio, 1, 1e6},
		{"breaker.error_share", p.Breaker.ErrorShare, 0, 1},
		{"breaker.requests", float64(p.Breaker.Requests), 1, 1 << 30},
		{"min_tasks", float64(p.MinTasks), 1, 1 << 30},
		{"window_requests", float64(p.WindowRequests), 1, 1 << 30},
		{"window_buckets", float64(p.WindowBuckets), 1, 1 << 30},
	} {
		if s.value != 0 && !(s.value >= s.least && s.value <= s.most) { // true for NaN
			return fmt.Errorf("judge.%s is %v: want %v to %v", s.name, s.value, s.least, s.most)
		}
	}
	for _, s := range []struct {
		name, value string
		choices     []string
	}{
		{"latency", p.Latency, []string{Require, Guard, Off}},
		{"served", p.Served, []string{Require, Guard}},
		{"traffic", p.Traffic, []string{TrafficHolds, TrafficGoesOn}},
		{"missed_bids", p.MissedBids, []string{Require, Guard, Off}},
		{"missed_value", p.MissedValue, []string{Require, Guard, Off}},
		{"drift", p.Drift, []string{DriftPause, DriftRollBack, DriftOff}},
	} {
		if s.value != "" && !slices.Contains(s.choices, s.value) {
			return fmt.Errorf("judge.%s is %q: want %s", s.name, s.value, strings.Join(s.choices, ", "))
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"latency_slo", p.LatencySLO}, {"max_clock_skew", p.MaxClockSkew}, {"max_wait", p.MaxWait}, {"present", p.Present}} {
		if d.value < 0 {
			return fmt.Errorf("judge.%s is %v: want a positive duration such as 30s, or leave it out for the default", d.name, d.value)
		}
	}
	if p.Breaker.Crashes < -1 {
		return fmt.Errorf("judge.breaker.crashes is %d: want 1 or more, or -1 to let tasks crash", p.Breaker.Crashes)
	}
	return nil
}

// Sane returns the policy with defaults in place of what is zero or no
// sensible number.
func (p Policy) Sane() Policy {
	p.Margin = share(p.Margin, .02)
	p.PartnerMargin = share(p.PartnerMargin, .03)
	p.TailMargin = share(p.TailMargin, .05)
	p.TierOneShare = share(p.TierOneShare, .8)
	p.ErrorFloor = math.Min(.5, share(p.ErrorFloor, .001))
	if !(p.ErrorRatio >= 1) || p.ErrorRatio > 1000 {
		p.ErrorRatio = 1.5
	}
	p.MinTasks = whole(p.MinTasks, 1)
	p.WindowRequests = whole(p.WindowRequests, 400)
	p.WindowBuckets = whole(p.WindowBuckets, 20)
	p.LatencyMargin = share(p.LatencyMargin, .005)
	p.MissedBidsMargin = share(p.MissedBidsMargin, .005)
	p.MissedValueMargin = share(p.MissedValueMargin, .01)
	p.DriftMargin = share(p.DriftMargin, .1)
	p.Latency = oneOf(p.Latency, Require, Guard, Off)
	p.Served = oneOf(p.Served, Require, Guard)
	p.Traffic = oneOf(p.Traffic, TrafficHolds, TrafficGoesOn)
	p.MissedBids = oneOf(p.MissedBids, Require, Guard, Off)
	p.MissedValue = oneOf(p.MissedValue, p.MissedBids, Require, Guard, Off)
	p.Drift = oneOf(p.Drift, DriftPause, DriftRollBack, DriftOff)
	p.Breaker = p.Breaker.sane()
	if !(p.SampleRatio > 1) || p.SampleRatio > 1000 {
		p.SampleRatio = 1.5
	}
	if p.MaxClockSkew <= 0 {
		p.MaxClockSkew = 10 * time.Second
	}
	if !(p.MaxInformation > 0) || p.MaxInformation > 1e6 {
		p.MaxInformation = 20
	}
	if p.Present <= 0 {
		p.Present = 3 * time.Minute
	}
	if p.MaxWait <= 0 {
		p.MaxWait = 24 * time.Hour
	}
	if p.LatencySLO < 0 {
		p.LatencySLO = 0
	}
	if !(p.PriceCap > 0) || math.IsInf(p.PriceCap, 0) {
		p.PriceCap = 0
	}
	if !p.Predicted.sensible() {
		p.Predicted = Interval{}
	}
	if !(math.Abs(p.Intended) < 1) {
		p.Intended = 0
	}
	return p
}

func share(v, normal float64) float64 {
	if !(v > 0) || v > 1 {
		return normal
	}
	return v
}

func whole(v, normal int) int {
	if v <= 0 || v > 1<<30 {
		return normal
	}
	return v
}

func oneOf(v, normal string, others ...string) string {
	if slices.Contains(others, v) {
		return v
	}
	return normal
}

func (b Breaker) sane() Breaker {
	if !(b.ErrorRatio >= 1) || b.ErrorRatio > 1e6 {
		b.ErrorRatio = 5
	}
	b.ErrorShare = share(b.ErrorShare, .1)
	b.Requests = whole(b.Requests, 200)
	if b.Crashes == 0 {
		b.Crashes = 1
	}
	return b
}

// sensible is also true of nothing predicted.
func (i Interval) sensible() bool { return i.Low >= 0 && i.Low <= i.High && i.High <= 1 }
