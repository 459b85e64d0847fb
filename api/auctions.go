package api

import (
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// Auctions is how a fleet's auctions fare, by what its tasks count, up to the
// last look.
type Auctions struct {
	OverSeconds     float64 `json:"over_seconds"`     // that the arms are of, a minute at most
	DeadlineSeconds float64 `json:"deadline_seconds"` // by which an auction is answered; 0 unknown

	All     *Traffic `json:"all"`     // null while no task has told twice
	Canary  *Traffic `json:"canary"`  // of tasks that answer with the candidate; null where none does
	Control *Traffic `json:"control"` // of those that they are compared with
	Rest    *Traffic `json:"rest"`    // of all others

	Slots Slots `json:"slots"` // the last ten minutes
}

// Traffic is what some tasks answered. What nothing was counted of is null.
type Traffic struct {
	Tasks    int      `json:"tasks"`
	Rate     float64  `json:"rate"`        // auctions a second, all of these tasks together
	Answered int64    `json:"answered"`    // auctions that the shares are of
	Filtered *float64 `json:"filtered"`    // share of (auction, partner) pairs
	Degraded *float64 `json:"degraded"`    // share of auctions that were forwarded without a score
	Failed   *float64 `json:"failed"`      // share of auctions that got no answer
	P50      *float64 `json:"p50_seconds"` // of an answer, with the wait for a processor
	P99      *float64 `json:"p99_seconds"`
}

// Slots are columns with one number for each slot of time, oldest first; null
// where nothing was counted. An arm that counted nothing is left out.
type Slots struct {
	Begin        time.Time `json:"begin"`
	EverySeconds float64   `json:"every_seconds"`

	All     *Columns `json:"all,omitempty"`
	Canary  *Columns `json:"canary,omitempty"`
	Control *Columns `json:"control,omitempty"`
	Rest    *Columns `json:"rest,omitempty"`
}

// Columns are an arm's, as in Traffic.
type Columns struct {
	Rate     []*float64 `json:"rate"`
	Filtered []*float64 `json:"filtered"`
	Degraded []*float64 `json:"degraded"`
	Failed   []*float64 `json:"failed"`
	P50      []*float64 `json:"p50_seconds"`
	P99      []*float64 `json:"p99_seconds"`
}

// Unwell is something that is wrong with a fleet, whatever is being tried.
type Unwell struct {
	Reason   string `json:"reason"` // missing, silent, failed, degraded or late
	Sentence string `json:"sentence"`
	WayOut   string `json:"way_out"` // what to do first
}

// shapeAuctions is nil where the controller does not measure them.
func shapeAuctions(a *rollout.Auctions) *Auctions {
	if a == nil {
		return nil
	}
	s := a.Slots
	return &Auctions{
		OverSeconds: a.Over.Seconds(), DeadlineSeconds: a.Deadline.Seconds(),
		All: shapeTraffic(a.All), Canary: shapeTraffic(a.Canary), Control: shapeTraffic(a.Control), Rest: shapeTraffic(a.Rest),
		Slots: Slots{
			Begin: s.Begin.UTC(), EverySeconds: s.Every.Seconds(),
			All: (*Columns)(s.All), Canary: (*Columns)(s.Canary), Control: (*Columns)(s.Control), Rest: (*Columns)(s.Rest),
		},
	}
}

func shapeTraffic(t *rollout.Traffic) *Traffic {
	if t == nil {
		return nil
	}
	return &Traffic{
		Tasks: t.Tasks, Rate: finite(t.Rate), Answered: t.Answered, Filtered: t.Filtered, Degraded: t.Degraded, Failed: t.Failed,
		P50: known(t.P50), P99: known(t.P99),
	}
}

// known is nil for no time at all.
func known(d time.Duration) *float64 {
	if d <= 0 {
		return nil
	}
	s := d.Seconds()
	return &s
}

func shapeUnwell(s rollout.State, seen rollout.Observation, now time.Time) []Unwell {
	out := make([]Unwell, 0, len(seen.Unwell))
	for _, u := range seen.Unwell {
		out = append(out, Unwell{u.Reason, u.Sentence, u.WayOut(s, seen, now)})
	}
	return out
}
