// Package judge says whether a candidate may go on, from statistics of what it
// and stable did, under continuous looking and clumped traffic. It gives
// verdicts; what is done about them is not its business. It counts nothing
// itself, and knows no clock, no network, no phase and no deadline.
//
// Requests arrive in clumps: by connection, and twenty partners at a time. So
// the unit of chance is a cluster, one bucket of connections of one task (for
// latency: a task), the variance is that between clusters, and its degrees of
// freedom are those of as many clusters of equal size as would tell as much
// (Kish 1965); fewer than sixteen decide nothing. Differences are taken within
// windows of time, so that drift cannot feign one, and better still on pairs
// which both releases scored.
//
// Evidence is an e-value: a mixture of likelihood ratios whose mean is at most
// 1 while the candidate is fine, however often one looks (Howard, Ramdas,
// McAuliffe, Sekhon 2021, "Time-uniform, nonparametric, nonasymptotic
// confidence sequences"; Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2024,
// "Time-uniform central limit theory and asymptotic confidence sequences"; as
// practised in Lindon, Sanden, Shirikian 2022, "Rapid regression detection in
// software deployments through sequential testing"). Rates of rare events are
// compared by their conditional binomial and the arms' shares of traffic by a
// Dirichlet-multinomial (Lindon, Malek 2022, "Anytime-valid inference for
// multinomial count data"); partners are named by e-BH (Wang, Ramdas 2022,
// "False discovery rate control with e-values").
//
// The tolerated false alarms of a rollout, 5 %, are shared out between the
// gates that may end it; promotion needs every required proof, each at 5 %. A
// breaker ends gross harm without statistics. Gates at which a person must look
// only hold. Where more of the same will not bring a proof, the verdict is
// inconclusive and says why. Evidence of differences is asymptotic: the
// simulations are what vouches for it.
package judge

import "time"

// Outcome is the answer to "may the candidate go on?". Having seen nothing is
// an answer of its own, never a good one.
type Outcome string

// The outcomes, from worst to best.
const (
	Worse      Outcome = "worse"      // outside a band or margin beyond doubt: latched
	Invalid    Outcome = "invalid"    // the data contradict themselves; say how
	NoData     Outcome = "no_data"    // nothing to compare yet
	Unsure     Outcome = "unsure"     // not enough yet
	Acceptable Outcome = "acceptable" // every required proof is there

	// Enough was seen to know that more of the same will not tell; see
	// [Verdict.Class] for why.
	Inconclusive Outcome = "inconclusive"
)

// Class says why a verdict is Inconclusive.
type Class string

// The classes.
const (
	Floor      Class = "floor"      // more traffic brings no information: connections persist
	Borderline Class = "borderline" // the difference lies on the edge of the band: a matter for a person
	Starved    Class = "starved"    // too little traffic to tell a shift that matters
)

// Arm says which release answered the requests that a report counts.
type Arm string

// The arms.
const (
	Candidate Arm = "candidate"
	Control   Arm = "control" // stable
)

// What is done where canary tasks get other traffic than control tasks, while
// live pairs prove the releases to be alike: a person looks, or it goes on.
const (
	TrafficHolds  = "hold"
	TrafficGoesOn = "go_on"
)

// What drift of scores does: nothing, hold the rollout for a person, or roll it
// back when it is beyond all doubt.
const (
	DriftOff      = Off
	DriftPause    = "pause"
	DriftRollBack = "roll_back"
)

// Interval is of a share; both ends belong to it.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Breaker is when harm is so gross that no statistics are asked. Zero values
// take the defaults.
type Breaker struct {
	ErrorRatio float64 `yaml:"error_ratio" json:"error_ratio"` // candidate's errors against stable's, default 5
	ErrorShare float64 `yaml:"error_share" json:"error_share"` // and of its own requests, default 0.1
	Requests   int     `yaml:"requests" json:"requests"`       // in at least so many recent ones, default 200
	Crashes    int     `yaml:"crashes" json:"crashes"`         // candidate tasks that end by themselves, default 1
}

// Gate is one question put to the judge.
type Gate string

// The gates.
const (
	GateData             Gate = "data"
	GateFilterRatePaired Gate = "filter_rate_paired"
	GateFilterRateServed Gate = "filter_rate_served"
	GatePartnersPaired   Gate = "partners_paired"
	GatePartnersServed   Gate = "partners_served"
	GateErrors           Gate = "errors"
	GateInvalidScores    Gate = "invalid_scores"
	GateLatency          Gate = "latency"
	GateDrift            Gate = "score_drift"
	GateMissedBids       Gate = "missed_bids"
	GateMissedValue      Gate = "missed_value"
	GateSampleRatio      Gate = "sample_ratio"
	GatePrediction       Gate = "prediction"
	GateLive             Gate = "live"
	GateBreaker          Gate = "breaker"
)

// Finding is the state of one gate. Rates are shares in [0, 1]; NaN never
// appears: what is not known is nil or zero with Requests zero.
type Finding struct {
	Gate    Gate    `json:"gate"`
	Partner string  `json:"partner,omitempty"` // the one that speaks loudest, for partner gates
	Outcome Outcome `json:"outcome"`

	CandidateRate float64 `json:"candidate_rate"`
	StableRate    float64 `json:"stable_rate"`
	Difference    float64 `json:"difference"`
	SincePast     bool    `json:"since_past,omitempty"` // Difference is that of what has changed since before the rollout
	Low           float64 `json:"low"`                  // anytime-valid 95 % confidence sequence of Difference
	High          float64 `json:"high"`
	BandLow       float64 `json:"band_low"` // differences that are fine
	BandHigh      float64 `json:"band_high"`

	Evidence  float64 `json:"evidence"`  // e-value against the candidate, largest so far
	Threshold float64 `json:"threshold"` // at which it is Worse
	Proof     float64 `json:"proof"`     // e-value for the candidate, smaller side
	Required  float64 `json:"required"`  // at which it is Acceptable; 0 where no proof is asked

	Requests int64  `json:"requests"` // pairs or requests behind it, smaller arm
	Clusters int    `json:"clusters"` // active task x bucket clusters, both arms
	Windows  int    `json:"windows"`  // closed
	Sentence string `json:"sentence"`

	Alpha      float64   `json:"alpha,omitempty"`      // false alarms that it may give, of the rollout's 0.05
	Needed     int64     `json:"needed,omitempty"`     // requests or pairs at which the proof should stand
	Detectable float64   `json:"detectable,omitempty"` // smallest difference that could be told at present
	Growth     []float64 `json:"growth,omitempty"`     // ln evidence at the last few looks, at most 32
	Drivers    []Driver  `json:"drivers,omitempty"`    // who brought it about, at most 5
	Otherwise  string    `json:"otherwise,omitempty"`  // what would have changed the outcome
}

// Driver is a partner or cluster that brought a finding about.
type Driver struct {
	Name  string  `json:"name"`
	Share float64 `json:"share"` // of what all of them brought
}

// Verdict is the judge's answer after a look.
type Verdict struct {
	Outcome  Outcome   `json:"outcome"`
	Gate     Gate      `json:"gate,omitempty"`     // that decided
	Partner  string    `json:"partner,omitempty"`  // named by a partner gate
	Culprits []string  `json:"culprits,omitempty"` // partners named by e-BH
	Sentence string    `json:"sentence"`           // for a person
	Looks    int       `json:"looks"`
	At       time.Time `json:"at"`
	Findings []Finding `json:"findings"`
	// Progress in [0, 1] towards the least advanced required proof, and how
	// long it will still take at the present pace; 0 when unknown.
	Progress float64       `json:"progress"`
	ETA      time.Duration `json:"eta"`

	Class   Class  `json:"class,omitempty"`   // of an inconclusive outcome
	Breaker bool   `json:"breaker,omitempty"` // worse by gross harm, without statistics
	Suspect string `json:"suspect,omitempty"` // the one task that fails grossly, or is slow, while it serves the candidate: the harm may be its own
	Holds   bool   `json:"holds,omitempty"`   // a person should look before the candidate goes on

	// Of the least advanced required proof: requests or pairs behind it, how
	// many it needs, and the smallest difference that could be told at present.
	Requests   int64   `json:"requests,omitempty"`
	Needed     int64   `json:"needed,omitempty"`
	Detectable float64 `json:"detectable,omitempty"`

	Spent []Spent `json:"spent,omitempty"` // alpha, by gate
	Money *Money  `json:"money,omitempty"` // where bids come with prices
}

// Spent is a gate's share of the false alarms that a rollout may give, and how
// near it is to giving one.
type Spent struct {
	Gate      Gate    `json:"gate"`
	Alpha     float64 `json:"alpha"`
	Evidence  float64 `json:"evidence"`
	Threshold float64 `json:"threshold"`
}
