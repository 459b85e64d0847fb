// Package tally adds up what tasks count into the statistics that package
// judge judges: by cluster, by window of time, by partner. It checks that
// counts make sense, and decides nothing; it knows no clock and no network.
package tally

import (
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// Report is what one task has counted since the report before it. Parts must
// be read before their wholes (filtered before scored, errors before
// requests), so that none is ahead of it. Slices hold one number per bucket;
// all slices of a report have the same length, or are nil where nothing was
// counted.
type Report struct {
	Task       string    `json:"task"`
	Boot       string    `json:"boot"`
	Generation int64     `json:"generation"`
	Arm        judge.Arm `json:"arm"`

	// Stratum names where and as what the task runs. Tasks of one stratum get
	// the same clients; what is not known is a stratum of its own.
	Stratum string `json:"stratum,omitempty"`

	// Past says that the task serves stable and is compared with nobody yet: its
	// counts are its own past. Its arm is the control's.
	Past bool `json:"past,omitempty"`

	// After and Upto are positions in what the task counts in this generation:
	// the report holds what came after the one (0: everything) up to the
	// other. A report that begins where the last one taken ended is added; one
	// that ends there or before it has been added already.
	After int64 `json:"after"`
	Upto  int64 `json:"upto"`

	Requests []int64 `json:"requests,omitempty"` // answered
	Errors   []int64 `json:"errors,omitempty"`   // of those, answered degraded because scoring failed
	Invalid  []int64 `json:"invalid,omitempty"`  // (request, partner) pairs without a score in [0, 1]

	// Of the other release, where one is scored in the shadow of the answer.
	ShadowRequests []int64 `json:"shadow_requests,omitempty"`
	ShadowInvalid  []int64 `json:"shadow_invalid,omitempty"`

	// Of explored requests that both releases scored: outcomes that were
	// reported, the calls of those, and the calls that the candidate only, stable
	// only, and both would have saved.
	Outcomes           []int64 `json:"outcomes,omitempty"`
	Calls              []int64 `json:"calls,omitempty"`
	CallsCandidateOnly []int64 `json:"calls_candidate_only,omitempty"`
	CallsStableOnly    []int64 `json:"calls_stable_only,omitempty"`
	CallsBoth          []int64 `json:"calls_both,omitempty"`

	Partners map[string]Columns `json:"partners,omitempty"`
	packed   packed             // other partners than those, see [Report.Pack]

	// Not by bucket but in all: what requests took on the server, and the
	// serving release's scores; see idl/control.thrift for the bins.
	Latency []int64 `json:"latency,omitempty"`
	Scores  []int64 `json:"scores,omitempty"`
	Prices  []int64 `json:"prices,omitempty"` // of bids, before the cap
	Money   Money   `json:"money,omitzero"`

	Explore     float64       `json:"explore,omitempty"`     // share of requests explored while this was counted
	Connections int64         `json:"connections,omitempty"` // open now; not a count of what came since
	Skew        time.Duration `json:"skew,omitempty"`        // the task's clock less the asker's
}

// Columns are the counts of one partner. CandidateOnly and StableOnly speak of
// the two releases, whichever of them answered.
type Columns struct {
	Scored   []int64 `json:"scored,omitempty"`   // served (request, partner) pairs
	Filtered []int64 `json:"filtered,omitempty"` // of those

	Pairs         []int64 `json:"pairs,omitempty"`          // scored by both releases
	CandidateOnly []int64 `json:"candidate_only,omitempty"` // of those, filtered by the candidate only
	StableOnly    []int64 `json:"stable_only,omitempty"`    // of those, filtered by stable only

	Bids              []int64 `json:"bids,omitempty"`                // reported bids on explored pairs that both scored
	BidsCandidateOnly []int64 `json:"bids_candidate_only,omitempty"` // of those, only the candidate would have filtered
	BidsStableOnly    []int64 `json:"bids_stable_only,omitempty"`

	Value              []int64 `json:"value,omitempty"`                // of those of the bids that had a price
	ValueCandidateOnly []int64 `json:"value_candidate_only,omitempty"` // of that, lost by the candidate only
	ValueStableOnly    []int64 `json:"value_stable_only,omitempty"`
	ValueBoth          []int64 `json:"value_both,omitempty"`
}

// Look is everything there was to see at one moment.
type Look struct {
	At      time.Time `json:"at"`
	Reports []Report  `json:"reports"`

	// Served says whether arms are being compared: true in a canary step,
	// false in the shadow phase, where only pairs count.
	Served bool `json:"served"`

	// Expected is how many tasks of each arm should report; an arm that is
	// missing here is not checked.
	Expected map[judge.Arm]int `json:"expected,omitempty"`

	// Past is what the requests of tasks took before they were compared, while
	// they served stable and scored nothing else: bins as in [Report.Latency],
	// by task. Tasks that are missing have no past.
	Past map[string][]int64 `json:"past,omitempty"`

	// Silent names tasks that should have reported and did not.
	Silent []string `json:"silent,omitempty"`

	// Crashed names tasks of each arm that ended by themselves since the last
	// look, by their cause as ECS tells it.
	Crashed map[judge.Arm][]string `json:"crashed,omitempty"`
}
