package tally

import (
	"fmt"
	"maps"
	"slices"

	"github.com/sluicehq/sluice/controller/judge"
)

// maxProblems bounds how many contradictions one look tells of.
const maxProblems = 5

// problems collects what is wrong with the data.
type problems []string

func (p *problems) add(format string, args ...any) {
	if len(*p) < maxProblems {
		*p = append(*p, fmt.Sprintf(format, args...))
	}
}

// A task reads its counters while it counts on, parts before their wholes: of
// what came between two readings a few may be in the part and not in the
// whole, the more of them the more there is. And one kind of counter may have
// begun before another.
const (
	ahead = 8
	soon  = 200
)

// most is how much a part of a whole may be.
func most(whole int64) int64 { return whole + whole>>4 + ahead }

// maxStratum bounds the name of a stratum: ECS's names in it have at most 255
// bytes each.
const maxStratum = 1536

// check says whether what a report says beside its counts makes sense.
func check(r *Report, buckets int, served bool) error {
	switch {
	case r.Arm != judge.Candidate && r.Arm != judge.Control:
		return fmt.Errorf("counts for arm %q, which is neither candidate nor control", r.Arm)
	case !served && r.Arm == judge.Candidate:
		return fmt.Errorf("serves the candidate, but only stable may serve in the shadow phase")
	case r.Past && r.Arm != judge.Control:
		return fmt.Errorf("serves the candidate, and what it counts cannot be its past")
	case len(r.Stratum) > maxStratum:
		return fmt.Errorf("runs in a stratum whose name has %d bytes, at most %d are taken", len(r.Stratum), maxStratum)
	case r.After < 0 || r.Upto < r.After:
		return fmt.Errorf("counts from position %d to %d", r.After, r.Upto)
	case r.partners() > judge.MaxPartners:
		return fmt.Errorf("counts %d partners, at most %d can be judged", r.partners(), judge.MaxPartners)
	case buckets > MaxBuckets:
		return fmt.Errorf("counts %d buckets, at most %d can be judged", buckets, MaxBuckets)
	}
	return checkWhole(r)
}

// minExplore is the least share of traffic that can be explored: the weight of
// a bid is its inverse.
const minExplore = 1e-6

// checkWhole looks at what is not counted by bucket.
func checkWhole(r *Report) error {
	if err := checkBins("latency", r.Latency, judge.LatencyBins); err != nil {
		return err
	}
	if err := checkBins("scores", r.Scores, judge.ScoreBins); err != nil {
		return err
	}
	if r.Explore != 0 && !(r.Explore >= minExplore && r.Explore <= 1) { // true for NaN
		return fmt.Errorf("explores a share of %v", r.Explore)
	}
	if err := checkBins("prices", r.Prices, PriceBins); err != nil {
		return err
	}
	if err := r.Money.check(); err != nil {
		return err
	}
	if r.Connections < 0 || r.Connections > maxCount {
		return fmt.Errorf("has %d connections", r.Connections)
	}
	return nil
}

func checkBins(name string, list []int64, bins int) error {
	if len(list) > bins {
		return fmt.Errorf("counts %s in %d bins, more than %d", name, len(list), bins)
	}
	for i, v := range list {
		if v < 0 || v >= maxCount {
			return fmt.Errorf("count %d of %s in bin %d is outside 0 to %d", v, name, i, maxCount-1)
		}
	}
	return nil
}

func totals(r *Report) [10][]int64 {
	return [...][]int64{
		r.Requests, r.Errors, r.Invalid, r.ShadowRequests, r.ShadowInvalid,
		r.Outcomes, r.Calls, r.CallsCandidateOnly, r.CallsStableOnly, r.CallsBoth,
	}
}

// Those from firstValue on are value, the others are counts.
const firstValue = 8

func columns(c *Columns) [12][]int64 {
	return [...][]int64{
		c.Scored, c.Filtered, c.Pairs, c.CandidateOnly, c.StableOnly, c.Bids, c.BidsCandidateOnly, c.BidsStableOnly,
		c.Value, c.ValueCandidateOnly, c.ValueStableOnly, c.ValueBoth,
	}
}

// complain finds out what is wrong with a report. In the order of names, so
// that the same report gets the same complaint.
func complain(r *Report, buckets int) error {
	all := totals(r)
	if err := checkColumns(all[:], buckets, "", maxCount); err != nil {
		return err
	}
	if g := greater(r.Errors, nil, r.Requests); g >= 0 {
		return fmt.Errorf("more errors than requests in bucket %d", g)
	}
	if g := greater(both(r.CallsCandidateOnly, r.CallsStableOnly, buckets), r.CallsBoth, r.Calls); g >= 0 {
		return fmt.Errorf("more calls saved than made in bucket %d", g)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Partners)) {
		c := r.Partners[name]
		list := columns(&c)
		if err := checkColumns(list[:firstValue], buckets, name, maxCount); err != nil {
			return err
		}
		if err := complainValue(&c, buckets, name); err != nil {
			return err
		}
		if g := greater(c.Filtered, nil, c.Scored); g >= 0 {
			return fmt.Errorf("more filtered than scored pairs of partner %s in bucket %d", name, g)
		}
		if g := greater(c.CandidateOnly, c.StableOnly, c.Pairs); g >= 0 {
			return fmt.Errorf("more differing than compared pairs of partner %s in bucket %d", name, g)
		}
		if g := greater(c.BidsCandidateOnly, c.BidsStableOnly, c.Bids); g >= 0 {
			return fmt.Errorf("more differing than compared bids of partner %s in bucket %d", name, g)
		}
	}
	return nil
}

func checkColumns(columns [][]int64, buckets int, partner string, most int64) error {
	for _, column := range columns {
		if len(column) != 0 && len(column) != buckets {
			return fmt.Errorf("buckets differ%s: %d in one list, %d in another", of(partner), len(column), buckets)
		}
		for g, v := range column {
			if v < 0 || v >= most {
				return fmt.Errorf("count %d%s in bucket %d is outside 0 to %d", v, of(partner), g, most-1)
			}
		}
	}
	return nil
}

func of(partner string) string {
	if partner == "" {
		return ""
	}
	return " of partner " + partner
}

// greater returns the first bucket in which a + b is well above whole, or -1.
func greater(a, b, whole []int64) int {
	for g := range max(len(a), len(b)) {
		if at(a, g)+at(b, g) > most(at(whole, g)) {
			return g
		}
	}
	return -1
}

func at(column []int64, g int) int64 {
	if g < len(column) {
		return column[g]
	}
	return 0
}

func sum(column []int64) (total int64) {
	for _, v := range column {
		total += v
	}
	return total
}

// checkTold says whether what a task has told since its generation began fits
// together.
func (r *row) checkTold() error {
	switch answered, pairs := r.told[toldRequests], r.told[toldPairs]; {
	case r.told[toldOrphans] > soon:
		return fmt.Errorf("%d pairs are scored but no request is counted", r.told[toldOrphans])
	case answered-r.told[toldErrors] > soon && pairs == 0:
		return fmt.Errorf("%d requests are answered but no partner is scored", answered)
	case r.told[toldBoth] > soon:
		return fmt.Errorf("%d pairs are compared but no shadow request is counted", r.told[toldBoth])
	}
	return nil
}
