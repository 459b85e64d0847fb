package rollout

import "time"

// Health is what became of a task's auctions since its boot; all of it but the
// deadline only grows.
type Health struct {
	Answered int64
	Degraded int64         // of those, answered without a score
	Failed   int64         // calls that got no answer, and connections that found no seat
	Deadline time.Duration // by which an auction is answered
}

// Auctions is how the auctions of a fleet fare, by what its tasks count: over
// the last minute, and slot by slot over those before it.
type Auctions struct {
	Over     time.Duration `json:"over"`     // what All and the arms are of, a minute at most
	Deadline time.Duration `json:"deadline"` // the shortest that a task tells; 0: none does
	Before   float64       `json:"before"`   // auctions a second, on average, in the slots before

	All     *Traffic `json:"all"`     // nil while no task has told twice
	Canary  *Traffic `json:"canary"`  // of tasks that answer with the candidate; nil where none does
	Control *Traffic `json:"control"` // of those that are compared with them
	Rest    *Traffic `json:"rest"`    // of all others

	Slots Slots `json:"slots"`

	ShortSince time.Time `json:"short_since,omitzero"` // fewer tasks than ECS is to keep are ready since then
}

// Traffic is what some tasks answered in some time. What nothing was counted of
// is nil.
type Traffic struct {
	Tasks    int           `json:"tasks"` // that told
	Rate     float64       `json:"rate"`  // auctions a second, all of these tasks together
	Answered int64         `json:"answered"`
	Filtered *float64      `json:"filtered,omitempty"` // share of (auction, partner) pairs, by one release each
	Degraded *float64      `json:"degraded,omitempty"` // share of auctions answered without a score
	Failed   *float64      `json:"failed,omitempty"`   // share of auctions without an answer
	P50      time.Duration `json:"p50,omitempty"`      // of an answer, with the wait for a processor
	P99      time.Duration `json:"p99,omitempty"`

	DegradedCount int64 `json:"degraded_count,omitempty"`
	FailedCount   int64 `json:"failed_count,omitempty"`
}

// Slots is how the auctions fared over the last minutes, one number per slot in
// each column, oldest first; nil where nothing was counted.
type Slots struct {
	Begin time.Time     `json:"begin"` // of the first slot
	Every time.Duration `json:"every"`

	All     *Columns `json:"all,omitempty"` // nil, as any arm, where it counted nothing
	Canary  *Columns `json:"canary,omitempty"`
	Control *Columns `json:"control,omitempty"`
	Rest    *Columns `json:"rest,omitempty"`
}

// Columns are those of one arm, as in Traffic; latency in seconds.
type Columns struct {
	Rate     []*float64 `json:"rate"`
	Filtered []*float64 `json:"filtered"`
	Degraded []*float64 `json:"degraded"`
	Failed   []*float64 `json:"failed"`
	P50      []*float64 `json:"p50"`
	P99      []*float64 `json:"p99"`
}
