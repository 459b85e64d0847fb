package fleet

import (
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/idl/gen/control"
	"github.com/sluicehq/sluice/idl/packed"
)

const (
	maxEntries = 64 // releases x shadows that a task may tell of under one generation
	maxCount   = packed.Max

	// As in idl/control.thrift.
	requestColumns = 5
	outcomeColumns = 5
	pairColumns    = 8
	valueColumns   = 4
	moneyKinds     = 8
)

// counted picks what a task counted as the arm that it is of, and names its
// columns by candidate and stable. What was counted under one release beside
// different shadows is one report; bids are told whichever of the two answered.
// The report is nil where the task does not count under the release at all. at
// is when it answered, by our clock.
func (r *reader) counted(c *control.Counted, of controller.Comparison, at time.Time) (*tally.Report, error) {
	if err := checkCounted(c, of); err != nil {
		return nil, err
	}
	r.begin()
	r.of, r.buckets, r.serves = of, int(c.Buckets), of.Stable
	if of.Arm == judge.Candidate {
		r.serves = of.Candidate
	}
	r.report = tally.Report{
		Task: lastPart(c.Task), Boot: c.Boot, Generation: c.Generation, Arm: of.Arm, After: c.After, Upto: c.Upto,
		Explore: c.Explore, Connections: int64(c.Connections), Partners: r.partners,
		Skew: time.UnixMilli(c.AtMs).Sub(at),
	}
	for _, e := range c.Releases {
		if e == nil || e.Release != of.Candidate && e.Release != of.Stable {
			continue
		}
		if err := r.read(e); err != nil {
			return nil, fmt.Errorf("counts of %s: %w", plain(e.Release), err)
		}
	}
	if r.report.Requests == nil {
		return nil, nil
	}
	report := r.report.Pack()
	if report.Partners != nil { // it could not be packed, or there are none
		r.partners = nil
	}
	return &report, nil
}

// begin forgets the report before.
func (r *reader) begin() {
	r.own, r.used = nil, 0
	if r.partners == nil {
		r.partners, r.slab = map[string]tally.Columns{}, nil
	}
	clear(r.partners)
}

func checkCounted(c *control.Counted, of controller.Comparison) error {
	if c == nil {
		return errors.New("it says nothing")
	}
	task := lastPart(c.Task)
	switch {
	case task == "" || len(task) > maxNameBytes || c.Boot == "" || len(c.Boot) > maxNameBytes:
		return fmt.Errorf("it calls itself %q, boot %q", plain(c.Task), plain(c.Boot))
	case c.Generation != of.Generation:
		return fmt.Errorf("it counts under generation %d, not %d", c.Generation, of.Generation)
	case c.After < 0 || c.Upto < c.After:
		return fmt.Errorf("it counts from position %d to %d", c.After, c.Upto)
	case c.Buckets < 1 || c.Buckets > maxBuckets:
		return fmt.Errorf("%d buckets: want 1 to %d", c.Buckets, maxBuckets)
	case !(c.Explore >= 0 && c.Explore <= 1):
		return fmt.Errorf("it explores a share of %v", c.Explore)
	case c.Connections < 0:
		return fmt.Errorf("it has %d connections", c.Connections)
	case len(c.Releases) > maxEntries:
		return fmt.Errorf("it counts under %d releases, more than %d", len(c.Releases), maxEntries)
	}
	return nil
}

// reader reads columns of so many buckets into a report. It can read one report
// after the other, and keeps the room that partners take until they are packed:
// to clear it costs more than to read.
type reader struct {
	of      controller.Comparison
	serves  string // the arm's release
	buckets int
	report  tally.Report
	numbers [pairColumns * maxBuckets]int64

	// Lists are cut of these: one by one they would cost as much as all else.
	own      []int64 // of the report
	slab     []int64 // of partners, of which so many are used
	used     int
	partners map[string]tally.Columns
}

func (r *reader) read(e *control.CountedRelease) error {
	other := r.of.Stable
	if e.Release == r.of.Stable {
		other = r.of.Candidate
	}
	paired, own := e.Shadow == other, e.Release == r.serves
	if own {
		if err := r.requests(e, paired); err != nil {
			return err
		}
	}
	if paired {
		if err := r.money(e); err != nil {
			return err
		}
	}
	seen := make(map[string]bool, len(e.Partners))
	for _, p := range e.Partners {
		if p == nil || p.Partner == "" || len(p.Partner) > maxNameBytes || seen[p.Partner] {
			return fmt.Errorf("partner %q: nameless, too long or there twice", plain(p.GetPartner()))
		}
		seen[p.Partner] = true
		if err := r.partner(p, e.Release == r.of.Candidate, paired, own); err != nil {
			return fmt.Errorf("partner %q: %w", plain(p.Partner), err)
		}
	}
	return nil
}

// requests reads what is not counted by partner.
func (r *reader) requests(e *control.CountedRelease, paired bool) error {
	columns, err := r.columns(e.Columns, requestColumns)
	if err != nil {
		return err
	}
	to := &r.report
	if to.Requests == nil { // a task that has answered nothing yet says so
		to.Requests = r.keep(r.buckets)
	}
	into := []*[]int64{&to.Requests, &to.Errors, &to.Invalid, &to.ShadowInvalid, &to.ShadowRequests}
	if !paired {
		into = into[:3]
	}
	for i, list := range into {
		err = errors.Join(err, add(list, columns(i), r.keep))
	}
	for _, bins := range []struct {
		name string
		to   *[]int64
		b    []byte
		n    int
	}{{"scores", &to.Scores, e.Scores, judge.ScoreBins}, {"latency", &to.Latency, e.Latency, judge.LatencyBins}} {
		read := r.numbers[:bins.n]
		if wrong := packed.Read(bins.b, read); wrong != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", bins.name, wrong))
		}
		err = errors.Join(err, add(bins.to, read, r.keep))
	}
	return err
}

// partner turns "served" and "shadow" into candidate and stable. Of what
// others answered, the task knows the bids only.
func (r *reader) partner(p *control.CountedPartner, byCandidate, paired, own bool) error {
	columns, err := r.columns(p.Columns, pairColumns)
	if err != nil {
		return err
	}
	to, known := r.report.Partners[p.Partner]
	into := []*[]int64{
		&to.Scored, &to.Filtered, &to.Pairs, &to.CandidateOnly, &to.StableOnly, &to.Bids, &to.BidsCandidateOnly, &to.BidsStableOnly,
	}
	if !byCandidate {
		into[3], into[4], into[6], into[7] = into[4], into[3], into[7], into[6]
	}
	some := false
	for i, list := range into {
		if i < 2 && own || i >= 2 && i < 5 && own && paired || i >= 5 && paired {
			err = errors.Join(err, add(list, columns(i), r.list))
			some = some || *list != nil
		}
	}
	if paired && len(p.Value) > 0 {
		some = true
		err = errors.Join(err, r.value(p.Value, &to, byCandidate))
	}
	if some || known {
		r.report.Partners[p.Partner] = to
	}
	return err
}

// columns unpacks columns. They are good until the next call.
func (r *reader) columns(b []byte, n int) (func(int) []int64, error) {
	if err := packed.Read(b, r.numbers[:n*r.buckets]); err != nil {
		return nil, err
	}
	return func(i int) []int64 { return r.numbers[i*r.buckets : (i+1)*r.buckets] }, nil
}

// add adds numbers to a list, which stays nil where there is nothing to add.
func add(to *[]int64, numbers []int64, room func(int) []int64) error {
	if *to == nil {
		all := int64(0)
		for _, n := range numbers {
			all |= n
		}
		if all != 0 {
			*to = room(len(numbers))
			copy(*to, numbers)
		}
		return nil
	}
	for i, n := range numbers {
		if (*to)[i] += n; (*to)[i] > maxCount {
			return fmt.Errorf("%d is no count", (*to)[i])
		}
	}
	return nil
}

// keep returns n zeros for the report.
func (r *reader) keep(n int) []int64 {
	if len(r.own) < n {
		r.own = make([]int64, max(n, requestColumns*r.buckets+judge.ScoreBins+judge.LatencyBins))
	}
	list := r.own[:n:n]
	r.own = r.own[n:]
	return list
}

// list returns n numbers for a partner, whatever they were.
func (r *reader) list(n int) []int64 {
	if len(r.slab)-r.used < n {
		r.slab, r.used = make([]int64, max(16*maxBuckets, 2*len(r.slab))), 0
	}
	r.used += n
	return r.slab[r.used-n : r.used : r.used]
}
