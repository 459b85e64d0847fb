package simulation

import (
	"math"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/controller/tally"
)

// What tasks tell today, and could not at [EarlierCommit]: there, a file of this
// name in testdata/earlier takes its place.

// locate says in which zone a task runs.
func (t *task) locate(zone int) { t.Stratum = rollout.Stratum{Zone: "zone-" + string(rune('a'+zone))} }

// told completes a report with where it was counted.
func (t *task) told(r *tally.Report) { r.Stratum = t.Stratum.String() }

// gathers says that a task counts what it filters before it is compared.
func gathers(r *rollout.Rollout, task string) bool { return r.Gathers()[task] }

// asPast is a report of such a task.
func asPast(r tally.Report) tally.Report {
	r.Past = true
	return r
}

// before says that the report is of a task that is not compared yet.
func before(r *tally.Report) bool { return r.Past }

// worth counts what a bid would have brought, and whose alone the loss is: the
// candidate's (1), stable's (-1), or neither's.
func worth(of *tally.Columns, g int, price float64, only int) {
	if of.Value == nil {
		of.Value, of.ValueCandidateOnly, of.ValueStableOnly = make([]int64, buckets), make([]int64, buckets), make([]int64, buckets)
	}
	value := int64(math.Round(price * 1e6))
	of.Value[g] += value
	switch only {
	case 1:
		of.ValueCandidateOnly[g] += value
	case -1:
		of.ValueStableOnly[g] += value
	}
}

// forget clears what worth counted.
func forget(of *tally.Columns) {
	clear(of.Value)
	clear(of.ValueCandidateOnly)
	clear(of.ValueStableOnly)
}
