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
	tasks                            [judge.Arms]int   // that answered any request
	faults                           []fault
	n, x                             [judge.Ratios][judge.Arms]float64
	moved                            bool
}

// take adds what the reports count. A report that contradicts itself or its
// place is left out whole.
func (s *State) take(l Look, p judge.Policy, bad *problems) (day increments) {
	reports := make([]*Report, len(l.Reports))
	for i := range l.Reports {
		reports[i] = &l.Reports[i]
	}
	slices.SortStableFunc(reports, func(a, b *Report) int {
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Boot, b.Boot), cmp.Compare(a.Generation, b.Generation))
	})
	checkPresence(reports, l, p, bad)
	s.changeArms(reports, l.Served)
	var d reading
	for i, r := range reports {
		var err error
		if i > 0 && sameSource(r, reports[i-1]) {
			err = fmt.Errorf("reports twice for generation %d in one look", r.Generation)
		} else {
			d.open(r)
			err = s.admit(&d, l, &day)
		}
		if err != nil {
			bad.add("task %s: %v", r.Task, err)
		}
	}
	s.addIncrements(day, l.Served)
	return day
}

func sameSource(a, b *Report) bool {
	return a.Task == b.Task && a.Boot == b.Boot && a.Generation == b.Generation
}

// admit adds a report to its row, if it is sound and new.
func (s *State) admit(d *reading, l Look, day *increments) error {
	r, buckets := d.report, d.buckets
	if err := check(r, buckets, l.Served); err != nil {
		return err
	}
	i, err := s.rowOf(r)
	if err != nil {
		return err
	}
	row := &s.rows[i]
	row.seen = s.looks
	row.recall(l.Past[r.Task], s.edges())
	switch {
	case r.Generation < row.generation:
		return nil // its successor has been seen; the tail end is lost on both arms alike
	case r.Generation > row.generation:
		row.renew(r)
	case row.gathers != r.Past || row.arm != armIndex(r.Arm): // what it counted is partly of before, partly of now, and is left out
		row.placeAnew(r)
		row.upto = max(row.upto, r.Upto)
		return nil
	case buckets != 0 && row.buckets != 0 && row.buckets != buckets:
		return fmt.Errorf("changed from %d to %d buckets within generation %d", row.buckets, buckets, r.Generation)
	}
	row.connections, row.skew = r.Connections, r.Skew
	switch {
	case r.Upto <= row.upto:
		return row.checkTold() // seen before
	case r.After < row.upto:
		return fmt.Errorf("counts from position %d, but is counted up to %d already", r.After, row.upto)
	}
	if buckets > 0 {
		if err := s.count(i, d, l.Served && !r.Past, day); err != nil {
			return err
		}
	}
	row = &s.rows[i]
	if r.Past {
		row.upto = r.Upto
		return nil // it is compared with nobody
	}
	if r.After > row.upto {
		s.lost++
	}
	row.upto = r.Upto
	s.countWhole(i, r, l.Served)
	return row.checkTold()
}

// rowOf returns the row of a report's process, a new one where it has none.
func (s *State) rowOf(r *Report) (int, error) {
	i, known := s.find(key{r.Task, r.Boot})
	if known {
		return i, nil
	}
	if len(s.rows) >= maxRows {
		if !s.forgetOldest() {
			return 0, fmt.Errorf("is one too many: at most %d tasks can be judged", maxRows)
		}
		i, _ = s.find(key{r.Task, r.Boot})
	}
	s.rows = slices.Insert(s.rows, i, row{
		key: key{r.Task, r.Boot}, stratum: s.stratumOf(r.Stratum), gathers: r.Past, arm: armIndex(r.Arm), generation: r.Generation, slots: [tables]int{noSlot, noSlot, noSlot},
	})
	return i, nil
}

// stratumOf is the place of a stratum among those known.
func (s *State) stratumOf(name string) int {
	at := slices.Index(s.strata, name)
	switch {
	case at >= 0:
		return at
	case len(s.strata) >= maxStrata:
		return maxStrata - 1
	}
	s.strata = append(s.strata, name)
	return len(s.strata) - 1
}

// meet learns the partners of a sound report; it reports whether all were
// known already.
func (s *State) meet(partners []partnerReading) (known bool, err error) {
	var fresh []string
	for i := range partners {
		p := &partners[i]
		if p.index, known = s.index[p.name]; !known {
			fresh = append(fresh, p.name)
		}
	}
	if n := len(s.partners) + len(fresh); n > judge.MaxPartners {
		return false, fmt.Errorf("brings the partners to %d, at most %d can be judged", n, judge.MaxPartners)
	}
	if len(fresh) > 0 {
		s.learn(fresh)
	}
	return len(fresh) == 0, nil
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
// nothing, the clusters stay what they are.
func (row *row) renew(r *Report) {
	row.placeAnew(r)
	row.generation, row.upto = r.Generation, 0
}

// placeAnew puts a process where a report says that it is compared, or that it
// gathers its past: members come and go within a generation as well, as a fleet
// shrinks and grows.
func (row *row) placeAnew(r *Report) {
	row.arm, row.gathers, row.buckets, row.told = armIndex(r.Arm), r.Past, 0, [toldKinds]int64{}
}

// changeArms looks for processes that have changed their arm, before anything is
// counted. Where nobody announced it by a step it closes the open windows, which
// hold one share between the arms.
func (s *State) changeArms(reports []*Report, served bool) {
	closed := false
	for at, r := range reports {
		i, known := s.find(key{r.Task, r.Boot})
		if !known || r.Generation < s.rows[i].generation || s.rows[i].arm == armIndex(r.Arm) || at > 0 && sameSource(r, reports[at-1]) {
			continue
		}
		var d reading
		if d.open(r); check(r, d.buckets, served) != nil {
			continue
		}
		if !closed {
			s.closeAtStep()
			closed = true
		}
		if r.Arm == judge.Control && !r.Past {
			s.changeSides(r.Task)
		}
	}
}

// A taking is a sound report on its way into its row's clusters.
type taking struct {
	*reading
	row       *row
	arm, both *block
	served    bool
	weight    float64 // of a bid

	// Over partners: pairs scored and filtered by the arm's clusters, and of
	// those the tail's; pairs scored by both by the clusters of pairs.
	all, tail        [2][MaxBuckets]float64
	pairs            [MaxBuckets]float64
	scored, compared int64
}

// count adds a report to the clusters and streams, if it is sound.
func (s *State) count(i int, d *reading, served bool, day *increments) error {
	s.widen(d.buckets)
	a := s.rows[i].arm
	s.place(i, a)
	s.place(i, pairsTable)
	for met := false; !met; {
		if err := d.fold(s.partners, s.tables[a].shape(), s.tables[pairsTable].shape()); err != nil {
			return err
		}
		var err error
		if met, err = s.meet(d.partners); err != nil {
			return err
		}
	}
	row := &s.rows[i]
	slot, both := row.slots[a], row.slots[pairsTable]
	row.buckets = d.buckets
	if d.report.Explore > 0 {
		row.explore = d.report.Explore
	}
	t := taking{reading: d, row: row, served: served, arm: &s.tables[a].blocks[slot], both: &s.tables[pairsTable].blocks[both]}
	if row.explore > 0 {
		t.weight = 1 / row.explore
	}
	for k := range d.partners {
		s.countPartner(&t, &d.partners[k])
	}
	s.countOutcomes(&t)
	if served {
		t.open(judge.Overall, t.all[0][:d.arm.width], t.all[1][:d.arm.width])
		t.open(judge.Tail, t.tail[0][:d.arm.width], t.tail[1][:d.arm.width])
		s.streams[judge.Overall].open[a] += d.requests[0].sum
	}
	s.countStable(&t, judge.Overall, t.all[0][:d.arm.width], t.all[1][:d.arm.width])
	s.countStable(&t, judge.Tail, t.tail[0][:d.arm.width], t.tail[1][:d.arm.width])
	if row.gathers {
		return nil
	}
	t.total(day)
	return nil
}

// countPartner adds what one partner counts to its own stream, and to the
// sums over partners.
func (s *State) countPartner(t *taking, p *partnerReading) {
	k := p.index
	own := &s.streams[judge.FirstPartner+k]
	a, n := t.row.arm, p.served[0].sum
	if t.row.gathers {
		s.gather(t, p)
		return
	}
	own.scored[a] += n
	own.filtered[a] += p.served[1].sum
	s.traffic[k] += n + p.pairs[0].sum
	t.scored += n
	t.compared += p.pairs[0].sum
	if n+p.served[1].sum > 0 {
		for i := range p.served {
			p.served[i].addTo(t.all[i][:])
		}
		if t.served {
			own.open[a] += n
			t.open(judge.FirstPartner+k, p.served[0].cells, p.served[1].cells)
		}
		s.countStable(t, judge.FirstPartner+k, p.served[0].cells, p.served[1].cells)
		if s.inTail[k] {
			if t.served {
				s.streams[judge.Tail].open[a] += n
			}
			for i := range p.served {
				p.served[i].addTo(t.tail[i][:])
			}
		}
	}
	base := k * t.pair.width
	if p.pairs[0].sum > 0 || p.pairs[1].sum+p.pairs[2].sum > 0 {
		p.pairs[0].addTo(t.pairs[:])
		for _, kind := range t.kinds() {
			for i := range p.pairs {
				t.both.add(kind+i, base, len(s.partners)*t.pair.width, p.pairs[i].cells, 1)
			}
		}
	}
	if p.bids[0].sum > 0 && t.weight > 0 {
		own.bids += p.bids[0].sum
		own.flips += p.bids[1].sum + p.bids[2].sum
		for i := range p.bids {
			t.both.add(bids+i, base, len(s.partners)*t.pair.width, p.bids[i].cells, t.weight)
		}
	}
	s.countValue(t, p, base)
	s.countLiveBids(t, p)
}

// open adds to a stream's open window.
func (t *taking) open(stream int, n, x []float64) {
	base := stream * t.reading.arm.width
	to := t.arm.columns[openN][base : base+len(n)]
	for g, v := range n {
		to[g] += v
	}
	to = t.arm.columns[openX][base : base+len(x)]
	for g, v := range x {
		to[g] += v
	}
}

// kinds are the pairs that a report's belong to. Once the candidate serves, the
// present is what it does there.
func (t *taking) kinds() []int {
	switch {
	case !t.served:
		return []int{pairs, present, coming}
	case t.row.arm == judge.CandidateArm:
		return []int{pairs, live, present, coming}
	}
	return []int{pairs, beside}
}

// add adds cells to a column, which has so many in all.
func (b *block) add(column, base, size int, cells []float64, weight float64) {
	if b.columns[column] == nil {
		b.columns[column] = make([]float64, size)
	}
	to := b.columns[column][base : base+len(cells)]
	for g, v := range cells {
		to[g] += weight * v
	}
}

// total adds what is not by partner.
func (t *taking) total(day *increments) {
	a := t.row.arm
	requests, failures, invalid := t.requests[0].sum, t.requests[1].sum, t.unscored[0].sum
	shadow, shadowless := t.shadowed[0].sum, sum(t.report.ShadowInvalid)
	t.row.tell(requests, failures, t.scored+invalid, shadow, t.compared+shadowless)
	day.requests[a] += requests
	day.errors[a] += failures
	day.pairs[a] += t.scored
	day.invalid[a] += invalid
	day.both[a] += t.compared
	day.shadow[a] += shadow
	if requests > 0 {
		day.tasks[a]++
	}
	if failures+invalid > 0 && len(day.faults) < maxFaults {
		day.faults = append(day.faults, fault{t.row.Task, a, judge.Recent{Requests: requests, Errors: failures, Pairs: t.scored + invalid, Invalid: invalid}})
	}
	day.moved = day.moved || requests+t.scored+t.compared > 0
	if t.served {
		t.expose(day, judge.ServedErrors, a, requests, failures)
		t.expose(day, judge.ServedInvalid, a, t.scored+invalid, invalid)
		for g := range t.reading.arm.width {
			t.arm.rare[errorTrials][g] += t.requests[0].cells[g]
			t.arm.rare[errorEvents][g] += t.requests[1].cells[g]
			t.arm.rare[invalidTrials][g] += t.all[0][g] + t.unscored[0].cells[g]
			t.arm.rare[invalidEvents][g] += t.unscored[0].cells[g]
		}
	}
	if a == judge.ControlArm {
		t.expose(day, judge.ShadowInvalid, judge.CandidateArm, t.compared+shadowless, shadowless)
		t.expose(day, judge.ShadowInvalid, judge.ControlArm, t.scored+invalid, invalid)
		t.exposeShadow()
	}
}

// exposeShadow counts pairs without a score on a task of stable: those of the
// candidate in its shadow, and its own.
func (t *taking) exposeShadow() {
	rare := &t.both.rare
	for g := range t.reading.arm.width { // the arm's table may be folded otherwise
		c := min(g<<t.reading.arm.shift>>t.pair.shift, t.pair.width-1)
		rare[stableTrials][c] += t.all[0][g] + t.unscored[0].cells[g]
		rare[stableEvents][c] += t.unscored[0].cells[g]
	}
	for g := range t.pair.width {
		rare[shadowTrials][g] += t.pairs[g]
	}
	for g, v := range t.report.ShadowInvalid {
		rare[shadowTrials][g>>t.pair.shift] += float64(v)
		rare[shadowEvents][g>>t.pair.shift] += float64(v)
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

// expose adds trials and events of a ratio.
func (t *taking) expose(day *increments, metric, arm int, n, x int64) {
	day.n[metric][arm] += float64(n)
	day.x[metric][arm] += float64(x)
	t.row.moment[metric][arm].n += n
	t.row.moment[metric][arm].x += x
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
