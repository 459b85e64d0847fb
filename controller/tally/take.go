package tally

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/sluicehq/sluice/controller/judge"
)

// increments are what one look adds, by arm.
type increments struct {
	requests, errors, pairs, invalid [judge.Arms]int64
	both, shadow                     [judge.Arms]int64 // pairs and requests scored by both
	n, x                             [judge.Ratios][judge.Arms]float64
	moved                            bool
}

// take adds what the reports count. A report that contradicts itself or its
// place is left out whole.
func (s *State) take(l Look, p judge.Policy) (bad problems, day increments) {
	reports := make([]*Report, len(l.Reports))
	for i := range l.Reports {
		reports[i] = &l.Reports[i]
	}
	slices.SortStableFunc(reports, func(a, b *Report) int {
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Boot, b.Boot), cmp.Compare(a.Generation, b.Generation))
	})
	checkPresence(reports, l, p, &bad)
	for i, r := range reports {
		buckets, err := check(r, l.Served)
		if i > 0 && sameSource(r, reports[i-1]) {
			err = fmt.Errorf("reports twice for generation %d in one look", r.Generation)
		}
		if err == nil {
			err = s.admit(r, buckets, l.Served, &day)
		}
		if err != nil {
			bad.add("task %s: %v", r.Task, err)
		}
	}
	s.addIncrements(day, l.Served)
	return bad, day
}

func sameSource(a, b *Report) bool {
	return a.Task == b.Task && a.Boot == b.Boot && a.Generation == b.Generation
}

// admit adds a sound report to its row.
func (s *State) admit(r *Report, buckets int, served bool, day *increments) error {
	if err := s.makeRoom(r); err != nil {
		return err
	}
	i, known := s.find(key{r.Task, r.Boot})
	if !known {
		row := row{key: key{r.Task, r.Boot}, arm: armIndex(r.Arm), generation: r.Generation, slots: [tables]int{noSlot, noSlot, noSlot}}
		s.rows = slices.Insert(s.rows, i, row)
	}
	row := &s.rows[i]
	row.seen = s.looks
	switch {
	case r.Generation < row.generation:
		return nil // its successor has been seen; the tail end is lost on both arms alike
	case r.Generation > row.generation:
		s.renew(row, r)
	case row.arm != armIndex(r.Arm):
		return fmt.Errorf("changed its arm to %s within generation %d", r.Arm, r.Generation)
	case buckets != 0 && row.buckets != 0 && row.buckets != buckets:
		return fmt.Errorf("changed from %d to %d buckets within generation %d", row.buckets, buckets, r.Generation)
	}
	row.connections, row.skew = r.Connections, r.Skew
	switch {
	case r.Upto <= row.upto:
		return row.checkTold() // seen before
	case r.After < row.upto:
		return fmt.Errorf("counts from position %d, but is counted up to %d already", r.After, row.upto)
	case r.After > row.upto:
		s.lost++
	}
	row.upto = r.Upto
	if r.Explore > 0 {
		row.explore = r.Explore
	}
	if buckets > 0 {
		row.buckets = buckets
		s.count(i, r, served, day)
	}
	s.countWhole(i, r, served)
	return s.rows[i].checkTold()
}

// makeRoom learns the partners of a report, and forgets a process that is gone
// where there would be too many.
func (s *State) makeRoom(r *Report) error {
	var fresh []string
	for name := range r.Partners {
		if _, known := s.index[name]; !known {
			fresh = append(fresh, name)
		}
	}
	if partners := len(s.partners) + len(fresh); partners > judge.MaxPartners {
		return fmt.Errorf("brings the partners to %d, at most %d can be judged", partners, judge.MaxPartners)
	}
	if _, known := s.find(key{r.Task, r.Boot}); !known && len(s.rows) >= maxRows && !s.forgetOldest() {
		return fmt.Errorf("is one too many: at most %d tasks can be judged", maxRows)
	}
	if len(fresh) > 0 || s.index == nil {
		s.learn(fresh)
	}
	return nil
}

// forgetOldest drops the row of the process that has been silent for longest.
// Its clusters stay.
func (s *State) forgetOldest() bool {
	oldest := -1
	for i := range s.rows {
		if s.rows[i].seen < s.looks-1 && (oldest < 0 || s.rows[i].seen < s.rows[oldest].seen) {
			oldest = i
		}
	}
	if oldest >= 0 {
		s.rows = slices.Delete(s.rows, oldest, oldest+1)
	}
	return oldest >= 0
}

// renew begins a newer generation of a process: what it tells starts from
// nothing, the clusters stay what they are. A change of arm that nobody
// announced by a step closes the open windows, which hold one share between
// the arms.
func (s *State) renew(row *row, r *Report) {
	if row.arm != armIndex(r.Arm) {
		s.closeAtStep()
	}
	row.arm, row.generation, row.upto, row.buckets = armIndex(r.Arm), r.Generation, 0, 0
	row.told = [toldKinds]int64{}
}

// A taking is a report on its way into its row's clusters.
type taking struct {
	report     *Report
	row        *row
	arm, pairs *block
	width      int // of a line of the arm's table
	shift      int
	pairsWidth int
	pairsShift int
	served     bool
	weight     float64 // of a bid

	scored, filtered, tail, tailFiltered, both [MaxBuckets]int64 // over partners
}

// count adds a sound report to the clusters and streams.
func (s *State) count(i int, r *Report, served bool, day *increments) {
	s.widen(len(longest(r)))
	a, p := s.place(i, s.rows[i].arm), s.place(i, pairsTable)
	row := &s.rows[i]
	arms, both := &s.tables[row.arm], &s.tables[pairsTable]
	t := taking{
		report: r, row: row, served: served,
		arm: &arms.blocks[a], width: arms.width(), shift: arms.shift,
		pairs: &both.blocks[p], pairsWidth: both.width(), pairsShift: both.shift,
	}
	if row.explore > 0 {
		t.weight = 1 / row.explore
	}
	for name, c := range r.Partners {
		s.countPartner(&t, s.index[name], &c)
	}
	if served {
		t.open(judge.Overall, &t.scored, &t.filtered)
		t.open(judge.Tail, &t.tail, &t.tailFiltered)
		s.streams[judge.Overall].open[row.arm] += sum(r.Requests)
		s.streams[judge.Tail].open[row.arm] += sum(t.tail[:])
	}
	t.total(day)
}

// longest returns a list that has one number for each bucket.
func longest(r *Report) (best []int64) {
	for _, column := range totals(r) {
		if len(column) > len(best) {
			best = column
		}
	}
	for _, c := range r.Partners {
		for _, column := range columns(&c) {
			if len(column) > len(best) {
				best = column
			}
		}
	}
	return best
}

// countPartner adds what one partner counts to its own stream, and to the
// sums over partners.
func (s *State) countPartner(t *taking, k int, c *Columns) {
	own := &s.streams[judge.FirstPartner+k]
	a := t.row.arm
	var n, x [MaxBuckets]int64
	some := fold(c.Scored, t.shift, &n)
	other := fold(c.Filtered, t.shift, &x)
	own.scored[a] += some
	own.filtered[a] += other
	addTo(&t.scored, &n, t.width)
	addTo(&t.filtered, &x, t.width)
	if t.served && some+other > 0 {
		own.open[a] += some
		t.open(judge.FirstPartner+k, &n, &x)
		if s.inTail[k] {
			addTo(&t.tail, &n, t.width)
			addTo(&t.tailFiltered, &x, t.width)
		}
	}
	both := t.pair(k, c)
	s.traffic[k] += some + both
	if len(c.Bids) > 0 && t.weight > 0 {
		n, flips := t.bid(k, c, len(s.partners))
		own.bids += n
		own.flips += flips
	}
}

// fold adds up the neighbours that are one cluster, and returns their sum.
func fold(column []int64, shift int, to *[MaxBuckets]int64) (total int64) {
	if shift == 0 {
		for g, v := range column {
			to[g&(MaxBuckets-1)] = v
			total += v
		}
		return total
	}
	step := 1 << shift
	for g := 0; g < len(column); g += step {
		one := sum(column[g:min(g+step, len(column))])
		to[g>>shift&(MaxBuckets-1)] = one
		total += one
	}
	return total
}

func addTo(to, from *[MaxBuckets]int64, width int) {
	for g, v := range from[:width] {
		to[g] += v
	}
}

// open adds to a stream's open window.
func (t *taking) open(stream int, n, x *[MaxBuckets]int64) {
	base := stream * t.width
	to := t.arm.columns[openN][base : base+t.width]
	for g := range to {
		to[g] += float64(n[g])
	}
	to = t.arm.columns[openX][base : base+t.width]
	for g := range to {
		to[g] += float64(x[g])
	}
}

// pair adds what both releases scored of one partner, and returns how many
// pairs that are.
func (t *taking) pair(k int, c *Columns) (both int64) {
	for i, column := range [...][]int64{c.Pairs, c.CandidateOnly, c.StableOnly} {
		if len(column) == 0 {
			continue
		}
		var v [MaxBuckets]int64
		total := fold(column, t.pairsShift, &v)
		if i == 0 {
			both = total
			addTo(&t.both, &v, t.pairsWidth)
		}
		if total == 0 {
			continue
		}
		to := t.pairs.columns[pairs+i][k*t.pairsWidth : (k+1)*t.pairsWidth]
		for g := range to {
			to[g] += float64(v[g])
		}
	}
	return both
}

// bid adds one partner's bids, each with the weight of the share that was
// explored when they were counted, and returns how many came and differed.
func (t *taking) bid(k int, c *Columns, partners int) (n, flips int64) {
	for i, column := range [...][]int64{c.Bids, c.BidsCandidateOnly, c.BidsStableOnly} {
		if t.pairs.columns[bids+i] == nil {
			t.pairs.columns[bids+i] = make([]float64, partners*t.pairsWidth)
		}
		var v [MaxBuckets]int64
		total := fold(column, t.pairsShift, &v)
		if i == 0 {
			n = total
		} else {
			flips += total
		}
		to := t.pairs.columns[bids+i][k*t.pairsWidth : (k+1)*t.pairsWidth]
		for g := range to {
			to[g] += t.weight * float64(v[g])
		}
	}
	return n, flips
}

// total adds what is not by partner.
func (t *taking) total(day *increments) {
	var folded [5][MaxBuckets]int64
	var all [5]int64
	for c, column := range totals(t.report) {
		all[c] = fold(column, t.shift, &folded[c])
	}
	a, pairs, both := t.row.arm, sum(t.scored[:]), sum(t.both[:])
	requests, failures, invalid, shadow, shadowInvalid := all[0], all[1], all[2], all[3], all[4]
	t.row.tell(requests, failures, pairs+invalid, shadow, both+shadowInvalid)
	day.requests[a] += requests
	day.errors[a] += failures
	day.pairs[a] += pairs
	day.invalid[a] += invalid
	day.both[a] += both
	day.shadow[a] += shadow
	day.moved = day.moved || requests+pairs+both > 0
	if t.served {
		day.expose(judge.ServedErrors, a, requests, failures)
		day.expose(judge.ServedInvalid, a, pairs+invalid, invalid)
		for g := range t.width {
			t.arm.rare[errorTrials][g] += float64(folded[0][g])
			t.arm.rare[errorEvents][g] += float64(folded[1][g])
			t.arm.rare[invalidTrials][g] += float64(t.scored[g] + folded[2][g])
			t.arm.rare[invalidEvents][g] += float64(folded[2][g])
		}
	}
	if a == judge.ControlArm {
		day.expose(judge.ShadowInvalid, judge.CandidateArm, both+shadowInvalid, shadowInvalid)
		day.expose(judge.ShadowInvalid, judge.ControlArm, pairs+invalid, invalid)
		t.exposeShadow()
	}
}

// tell keeps what a process has told.
func (r *row) tell(requests, failures, pairs, shadow, both int64) {
	r.told[toldRequests] += requests
	r.told[toldErrors] += failures
	r.told[toldPairs] += pairs
	r.told[toldOrphans] += pairs
	r.told[toldBoth] += both
	if requests > 0 {
		r.told[toldOrphans] = 0
	}
	if shadow > 0 {
		r.told[toldBoth] = 0
	}
}

// exposeShadow counts pairs without a score on a task of stable: those of the
// candidate in its shadow, and its own.
func (t *taking) exposeShadow() {
	var scored, shadowless, scoreless [MaxBuckets]int64
	fold(t.report.ShadowInvalid, t.pairsShift, &shadowless)
	fold(t.report.Invalid, t.pairsShift, &scoreless)
	for g, v := range t.scored[:t.width] { // the arm's table may be folded otherwise
		scored[min(g<<t.shift>>t.pairsShift, t.pairsWidth-1)] += v
	}
	for g := range t.pairsWidth {
		t.pairs.rare[shadowTrials][g] += float64(t.both[g] + shadowless[g])
		t.pairs.rare[shadowEvents][g] += float64(shadowless[g])
		t.pairs.rare[stableTrials][g] += float64(scored[g] + scoreless[g])
		t.pairs.rare[stableEvents][g] += float64(scoreless[g])
	}
}

// expose adds trials and events of a ratio.
func (d *increments) expose(metric, arm int, n, x int64) {
	d.n[metric][arm] += float64(n)
	d.x[metric][arm] += float64(x)
}

// addIncrements adds one look's increments to what is counted over all rows.
func (s *State) addIncrements(day increments, served bool) {
	s.pairsStep += day.both[judge.CandidateArm] + day.both[judge.ControlArm]
	s.shadowed += day.shadow[judge.CandidateArm] + day.shadow[judge.ControlArm]
	s.exposed[judge.ShadowInvalid] += float64(day.shadow[judge.ControlArm])
	if !served {
		return
	}
	s.exposed[judge.ServedErrors] += float64(day.requests[judge.CandidateArm])
	s.exposed[judge.ServedInvalid] += float64(day.requests[judge.CandidateArm])
	for a := range s.answered {
		s.answered[a] += day.requests[a]
		if day.requests[a] > 0 {
			s.dry[a] = 0
		} else {
			s.dry[a] += day.requests[1-a]
		}
	}
}
