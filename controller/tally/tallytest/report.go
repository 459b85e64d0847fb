package tallytest

import (
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
)

// Uniform is a report whose buckets all count the same.
func Uniform(task string, arm judge.Arm, buckets int, requests, errors int64, partners map[string][2]int64) tally.Report {
	r := Blank(task, arm, buckets)
	for g := range buckets {
		r.Requests[g], r.Errors[g] = requests, errors
	}
	for name, c := range partners {
		columns := BlankColumns(buckets)
		for g := range buckets {
			columns.Scored[g], columns.Filtered[g] = c[0], c[1]
		}
		r.Partners[name] = columns
	}
	return r
}

// Served is look number i, in which every report holds what came since the one
// before.
func Served(i int, reports ...tally.Report) tally.Look {
	for at := range reports {
		reports[at].After, reports[at].Upto = int64(i), int64(i+1)
	}
	return tally.Look{At: time.Unix(1e9+int64(i), 0), Served: true, Reports: reports}
}
