package judge

import (
	"math"
	"time"
)

// The shape of what tasks count beside requests and partners.
const (
	ScoreBins   = 64 // equal ones of [0, 1]
	LatencyBins = 96 // bin i holds [2^(i/4), 2^((i+1)/4)) microseconds
)

// MaxPartners is how many partners can be judged.
const MaxPartners = 4096

// Arms are both arms as indices of arrays.
const (
	CandidateArm = iota
	ControlArm
	Arms
)

// The two streams that come before one stream per partner.
const (
	Overall = iota // all partners
	Tail           // partners outside tier 1, as one stratum
	FirstPartner
)

// Statistics are what one look comes to: together with the policy and what
// earlier looks came to, all that a verdict is a function of. They hold sums
// over clusters, whatever the number of those. What is judged live is this,
// what is kept for ever is this, and so both come to the same verdicts.
type Statistics struct {
	At     time.Time `json:"at"`
	Served bool      `json:"served"` // arms are compared; false in the shadow phase
	Step   int       `json:"step"`   // grows whenever arms are formed anew

	// Stretch numbers what the present starts with: when it changes, so does
	// all that counts as present.
	Stretch int `json:"stretch"`

	Counted bool `json:"counted"` // this look added something

	Problems []string `json:"problems,omitempty"` // contradictions in the data, for a person

	Partners []Partner `json:"partners"` // in the order in which they were first seen
	Streams  []Stream  `json:"streams"`  // Overall, Tail, then one per partner

	// Since the arms were formed.
	Answered  [Arms]int64 `json:"answered"`   // requests
	PairsStep int64       `json:"pairs_step"` // scored by both
	Fresh     int         `json:"fresh"`      // closed windows of the overall stream

	// Over the whole rollout.
	Shadowed int64         `json:"shadowed"` // requests scored by both
	Ratios   [Ratios]Ratio `json:"ratios"`

	Values []ValueSums `json:"values,omitempty"` // as Streams; nil where no bid had a price

	LiveBids LiveBids `json:"live_bids,omitzero"` // of all bids those on tasks that served the candidate

	Worth Worth `json:"worth"`

	Latency   Exceedance             `json:"latency"`         // of stable's own p99, frozen
	SLO       Exceedance             `json:"slo"`             // of the latency that was promised, where one was
	Others    Exceedance             `json:"others,omitzero"` // of stable's p99 without the tasks that changed sides, since the last of them did
	BothSides []BothSides            `json:"both_sides,omitempty"`
	Scores    [Arms][ScoreBins]int64 `json:"scores"`
	Drift     []ClusterSums          `json:"drift,omitempty"` // candidate's scores below each reference quantile
	Load      [Arms]Load             `json:"load"`
	Recent    [Arms]Recent           `json:"recent"`
	Crashes   [Arms]int              `json:"crashes"` // tasks that ended by themselves
	Crashed   []string               `json:"crashed,omitempty"`
	Loudest   []Cluster              `json:"loudest,omitempty"` // clusters that moved the overall difference most
	MaxSkew   time.Duration          `json:"max_skew"`          // largest difference between two tasks' clocks
	LostRows  int                    `json:"lost_rows"`         // reports of which a part was lost on the way
}

// Partner is one demand partner as seen so far.
type Partner struct {
	Name    string `json:"name"`
	Tail    bool   `json:"tail"`    // not of those that cover most traffic
	Traffic int64  `json:"traffic"` // pairs seen
}

// Stream is what is known of one filter rate: overall, of the tail, or of one
// partner.
type Stream struct {
	Served Difference `json:"served"`
	Pairs  PairSums   `json:"pairs"` // scored by both releases
	Bids   PairSums   `json:"bids"`  // bids on explored pairs, each weighted by 1/share explored

	// Of the pairs: those on tasks that served the candidate, those on tasks
	// that served stable beside them, and those of the last few minutes (live
	// ones, once the candidate serves).
	Live    PairSums `json:"live"`
	Beside  PairSums `json:"beside"`
	Present PairSums `json:"present"`

	// All pairs, whether or not compared, for display.
	Scored   [Arms]int64 `json:"scored"`
	Filtered [Arms]int64 `json:"filtered"`

	// Bids as they were reported, without their weights: how many, and on how
	// many the releases differ. They tell how much is known.
	BidsSeen  int64 `json:"bids_seen,omitempty"`
	BidsFlips int64 `json:"bids_flips,omitempty"`
}

// LiveBids are bids on explored pairs of requests that the candidate answered,
// of all partners together, with what a [Stream] knows of bids.
type LiveBids struct {
	Told  bool      `json:"told"` // false in the shadow phase, and from a version that tells no bids apart
	Bids  PairSums  `json:"bids"`
	Value ValueSums `json:"value,omitzero"`
	Seen  int64     `json:"seen"`
	Flips int64     `json:"flips"`
}

// Difference is a difference of shares between the arms over closed windows:
// d = D/Q, with the sum of the clusters' squared influence on D, and the
// binomial variance of D beside it.
type Difference struct {
	D        float64       `json:"d"`
	Q        float64       `json:"q"`
	Binomial float64       `json:"binomial"`
	Windows  int           `json:"windows"`
	N        [Arms]float64 `json:"n"`  // units
	X        [Arms]float64 `json:"x"`  // events
	U2       [Arms]float64 `json:"u2"` // sum over clusters of squared influence
	NN       [Arms]float64 `json:"nn"` // sum over clusters of squared units
	G        [Arms]int     `json:"g"`  // active clusters

	// What the clusters' own past foretold of D, beyond what it says of whole
	// tasks, which is taken off: their influence v on it beside their influence
	// u on D. Between is the variance of D from what tasks have of their own and
	// their past does not tell.
	Foretold float64       `json:"foretold,omitempty"`
	UV       [Arms]float64 `json:"uv,omitzero"`
	VV       [Arms]float64 `json:"vv,omitzero"`
	Between  float64       `json:"between,omitempty"`
	U4       [Arms]float64 `json:"u4,omitzero"` // sum over clusters of the fourth power of what of u is not foretold
}

// Theta is how much of what the clusters' past foretold came true: the slope of
// the one on the other, as no past foretells too little or the contrary (CUPED:
// Deng, Xu, Kohavi, Walker 2013). It goes to nothing where connections turn over.
func (d Difference) Theta() float64 {
	if vv := d.VV[CandidateArm] + d.VV[ControlArm]; vv > 0 {
		return max(0, min(1, (d.UV[CandidateArm]+d.UV[ControlArm])/vv))
	}
	return 0
}

// Exceedance is the difference of the shares of requests that took at least
// so long; its clusters are tasks, of which every arm has two at least in a
// closed window.
type Exceedance struct {
	Edge int        `json:"edge"` // first latency bin that counts, for tasks without one of their own; 0 where none is set yet
	Of   Difference `json:"of"`
	Past Past       `json:"past"`

	// By how many bins all edges have been moved since, as stable's own requests
	// became slower or faster.
	Shift int `json:"shift,omitempty"`

	// The task that differs most from its arm, or from that and its own past. It
	// has no arm where it is compared in that no more.
	Loudest Cluster `json:"loudest"`
}

// BothSides is how slow a task was that served the candidate first and stable
// since: the requests of the last sixteen windows or so on each side, how many of
// them took longer than the p99 that the task had, and what share did before
// anything was compared.
type BothSides struct {
	Task     string        `json:"task"`
	Requests [Arms]float64 `json:"requests"`
	Slow     [Arms]float64 `json:"slow"`
	Usual    float64       `json:"usual"`
}

// Past is what the same tasks did before they were compared, all serving
// stable, in the units of [Difference].
type Past struct {
	D        float64       `json:"d"`        // what D would be if every task went on as before
	Variance float64       `json:"variance"` // of that D, as far as it is one of sampling; 0 where no task has a past
	U2       [Arms]float64 `json:"u2"`       // sum over clusters of their squared influence on D less this D
}

// PairSums are a paired difference's sufficient statistics over clusters:
// s = n10 - n01 and n = pairs of one cluster, f = n10 + n01 its flips, where
// n10 are the pairs that only the candidate filters.
type PairSums struct {
	N   float64 `json:"n"`
	Ten float64 `json:"ten"`
	One float64 `json:"one"`
	SS  float64 `json:"ss"`
	SN  float64 `json:"sn"`
	NN  float64 `json:"nn"`
	FF  float64 `json:"ff"` // sum of f^2/n
	F2  float64 `json:"f2"` // sum of f^2
	G   float64 `json:"g"`
	M   float64 `json:"m"` // clusters that the tasks with any pair have, those without one included
}

// ClusterSums are those of a share: x events in n trials of one cluster.
type ClusterSums struct {
	N  float64 `json:"n"`
	X  float64 `json:"x"`
	XX float64 `json:"xx"`
	XN float64 `json:"xn"`
	NN float64 `json:"nn"`
	FF float64 `json:"ff"` // sum of x^2/n
	G  float64 `json:"g"`
}

// The metrics of which only a ratio of rates is judged.
const (
	ServedErrors  = iota // degraded requests
	ServedInvalid        // pairs without a score, by who served them
	ShadowInvalid        // the candidate's in the shadow of stable, against stable's of the same tasks
	Ratios
)

// Ratio is what one look adds to two rates of rare events, and what they come
// to so far: over clusters, and over tasks.
type Ratio struct {
	N         [Arms]float64     `json:"n"`        // of this look
	X         [Arms]float64     `json:"x"`        // of this look
	Requests  float64           `json:"requests"` // in which the candidate's trials were counted so far
	ByCluster [Arms]ClusterSums `json:"by_cluster"`
	ByTask    [Arms]ClusterSums `json:"by_task"`
	ByMoment  [Arms]ClusterSums `json:"by_moment"` // by task and half a minute
	Worst     [Arms]Moment      `json:"worst,omitzero"`
}

// Moment is what a task counted in the half minute in which an arm's tasks had
// most events: of those, and of all.
type Moment struct {
	N float64 `json:"n"`
	X float64 `json:"x"`
}

// Load is how much an arm had to do, for telling whether traffic is shared out
// as it should be.
type Load struct {
	Tasks       int     `json:"tasks"`
	Connections float64 `json:"connections"` // open now, of all tasks
	Squares     float64 `json:"squares"`     // sum over tasks of squared connections
	Requests    int64   `json:"requests"`    // since the arms were formed
}

// Recent is what an arm counted in the last ten seconds or so.
type Recent struct {
	Requests int64 `json:"requests"`
	Errors   int64 `json:"errors"`
	Pairs    int64 `json:"pairs"`
	Invalid  int64 `json:"invalid"`

	Tasks   int      `json:"tasks,omitempty"`   // that answered any
	Failing []string `json:"failing,omitempty"` // tasks of which a share as large as the breaker's was degraded, or had no score; a few
}

// Cluster is one bucket of connections of one task.
type Cluster struct {
	Task      string  `json:"task"`
	Bucket    int     `json:"bucket"`
	Arm       Arm     `json:"arm"`
	Influence float64 `json:"influence"` // on the overall difference
}

// Quantiles is how many edges a reference is cut at: 0.05, 0.1, ... 0.95.
const Quantiles = 19

// DriftEdges returns for each quantile of a reference the first bin that lies
// above it: the candidate's scores in the bins before it are those that the
// statistics count as below. known is false where there is no reference.
func DriftEdges(reference [ScoreBins]float64) (edges [Quantiles]int, known bool) {
	total := 0.0
	for _, share := range reference {
		if !(share >= 0) || math.IsInf(share, 0) {
			return edges, false
		}
		total += share
	}
	if !(total > 0) || math.IsInf(total, 0) {
		return edges, false
	}
	below, bin := 0.0, 0
	for q := range edges {
		want := total * float64(q+1) / (Quantiles + 1)
		for bin < ScoreBins-1 && below+reference[bin]/2 < want {
			below += reference[bin]
			bin++
		}
		edges[q] = bin
	}
	return edges, true
}
