package judge

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
)

// maxProblems bounds how many contradictions one verdict tells of.
const maxProblems = 5

// problems collects what is wrong with the data.
type problems []string

func (p *problems) add(format string, args ...any) {
	if len(*p) < maxProblems {
		*p = append(*p, fmt.Sprintf(format, args...))
	}
}

// ingest adds what the reports count beyond what was seen before. A report
// that contradicts itself or an earlier one is left out whole.
func (s *State) ingest(l Look, p Policy) (bad problems, moved bool) {
	reports := slices.Clone(l.Reports)
	slices.SortStableFunc(reports, func(a, b Report) int {
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Boot, b.Boot), cmp.Compare(a.Generation, b.Generation))
	})
	checkPresence(reports, l, p, &bad)
	var day increments
	for i := range reports {
		r := &reports[i]
		buckets, err := check(r, l.Served)
		if i > 0 && sameSource(*r, reports[i-1]) {
			err = fmt.Errorf("reports twice for generation %d in one look", r.Generation)
		}
		if err == nil {
			err = s.admit(r, buckets, l.Served, &day)
		}
		if err != nil {
			bad.add("task %s: %v", r.Task, err)
		}
	}
	s.addIncrements(day, p, l.Served)
	return bad, day.moved
}

func sameSource(a, b Report) bool {
	return a.Task == b.Task && a.Boot == b.Boot && a.Generation == b.Generation
}

// increments are what one look adds, by arm.
type increments struct {
	requests, pairs [arms]int64
	shadow          [arms]int64 // requests scored by both
	n, x            [ratios][arms]float64
	moved           bool
}

// check says whether a report makes sense by itself, and how many buckets it
// has; none where nothing was counted yet.
func check(r *Report, served bool) (buckets int, err error) {
	if r.Arm != Candidate && r.Arm != Control {
		return 0, fmt.Errorf("counts for arm %q, which is neither candidate nor control", r.Arm)
	}
	if !served && r.Arm == Candidate {
		return 0, fmt.Errorf("serves the candidate, but only stable may serve in the shadow phase")
	}
	if len(r.Partners) > MaxPartners {
		return 0, fmt.Errorf("counts %d partners, at most %d can be judged", len(r.Partners), MaxPartners)
	}
	for _, column := range totals(r) {
		buckets = max(buckets, len(column))
	}
	for _, c := range r.Partners {
		for _, column := range columns(c) {
			buckets = max(buckets, len(column))
		}
	}
	if buckets > MaxBuckets {
		return 0, fmt.Errorf("counts %d buckets, at most %d can be judged", buckets, MaxBuckets)
	}
	if err := checkColumns(totals(r), buckets, ""); err != nil {
		return 0, err
	}
	// In the order of names, so that the same report gets the same complaint.
	for _, name := range slices.Sorted(maps.Keys(r.Partners)) {
		if err := checkColumns(columns(r.Partners[name]), buckets, name); err != nil {
			return 0, err
		}
	}
	return buckets, checkParts(r)
}

func totals(r *Report) [][]int64 {
	return [][]int64{r.Requests, r.Errors, r.Invalid, r.ShadowRequests, r.ShadowInvalid}
}

func columns(c Columns) [][]int64 {
	return [][]int64{c.Scored, c.Filtered, c.Pairs, c.CandidateOnly, c.StableOnly}
}

func checkColumns(columns [][]int64, buckets int, partner string) error {
	for _, column := range columns {
		if len(column) != 0 && len(column) != buckets {
			return fmt.Errorf("buckets differ%s: %d in one list, %d in another", of(partner), len(column), buckets)
		}
		for g, v := range column {
			if v < 0 || v >= maxCount {
				return fmt.Errorf("count %d%s in bucket %d is outside 0 to %d", v, of(partner), g, maxCount-1)
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

// checkParts says whether no part is greater than its whole.
func checkParts(r *Report) error {
	if g := greater(r.Errors, nil, r.Requests); g >= 0 {
		return fmt.Errorf("more errors than requests in bucket %d", g)
	}
	pairs, shadow := sum(r.Invalid), sum(r.ShadowInvalid)
	for _, name := range slices.Sorted(maps.Keys(r.Partners)) {
		c := r.Partners[name]
		if g := greater(c.Filtered, nil, c.Scored); g >= 0 {
			return fmt.Errorf("more filtered than scored pairs of partner %s in bucket %d", name, g)
		}
		if g := greater(c.CandidateOnly, c.StableOnly, c.Pairs); g >= 0 {
			return fmt.Errorf("more differing than compared pairs of partner %s in bucket %d", name, g)
		}
		pairs += sum(c.Scored)
		shadow += sum(c.Pairs)
	}
	switch answered := sum(r.Requests); {
	case pairs > soon && answered == 0:
		return fmt.Errorf("%d pairs are scored but no request is counted", pairs)
	case answered-sum(r.Errors) > soon && pairs == 0:
		return fmt.Errorf("%d requests are answered but no partner is scored", answered)
	case shadow > soon && sum(r.ShadowRequests) == 0:
		return fmt.Errorf("%d pairs are compared but no shadow request is counted", shadow)
	}
	return nil
}

// A task reads its counters while it counts on: a part may be a few ahead of
// its whole in one bucket, and one kind of counter may have begun before
// another.
const (
	ahead = 8
	soon  = 200
)

// greater returns the first bucket in which a + b is well above whole, or -1.
func greater(a, b, whole []int64) int {
	for g := range max(len(a), len(b)) {
		if at(a, g)+at(b, g) > at(whole, g)+ahead {
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

// admit adds a sound report's increments to its row.
func (s *State) admit(r *Report, buckets int, served bool, day *increments) error {
	if buckets == 0 {
		return s.admitEmpty(r)
	}
	if err := s.makeRoom(r, buckets); err != nil {
		return err
	}
	i, known := s.find(key{r.Task, r.Boot})
	if !known {
		s.insert(i, r, buckets)
	}
	row := &s.rows[i]
	row.seen = s.looks
	switch {
	case r.Generation < row.generation:
		return nil // its successor has been seen; the tail end is lost on both arms alike
	case r.Generation > row.generation:
		s.renew(i, r, buckets)
		row = &s.rows[i]
	case row.arm != armIndex(r.Arm):
		return fmt.Errorf("changed its arm to %s within generation %d", r.Arm, r.Generation)
	case row.buckets != buckets:
		return fmt.Errorf("changed from %d to %d buckets within generation %d", row.buckets, buckets, r.Generation)
	}
	if err := s.checkGrowth(row, r); err != nil {
		return err
	}
	s.count(row, r, served, day)
	return nil
}

// admitEmpty takes a report of a task that has answered nothing yet.
func (s *State) admitEmpty(r *Report) error {
	i, known := s.find(key{r.Task, r.Boot})
	if known && s.rows[i].generation == r.Generation {
		return fmt.Errorf("counts nothing any more within generation %d", r.Generation)
	}
	return nil
}

// makeRoom learns the partners of a report, and refuses what would go beyond
// the bounds.
func (s *State) makeRoom(r *Report, buckets int) error {
	var fresh []string
	for name := range r.Partners {
		if _, known := s.index[name]; !known {
			fresh = append(fresh, name)
		}
	}
	partners := len(s.partners) + len(fresh)
	if partners > MaxPartners {
		return fmt.Errorf("brings the partners to %d, at most %d can be judged", partners, MaxPartners)
	}
	if _, known := s.find(key{r.Task, r.Boot}); !known {
		for len(s.rows) > 0 && s.crowded(partners, buckets) {
			if !s.foldOldest() {
				return fmt.Errorf("is one too many: %d tasks x %d partners x %d buckets cannot be judged, count fewer buckets",
					len(s.rows)+1, partners, buckets)
			}
		}
	}
	if len(fresh) > 0 || s.index == nil {
		s.learn(fresh)
	}
	return nil
}

func (s *State) crowded(partners, buckets int) bool {
	cells := buckets
	for i := range s.rows {
		cells += s.rows[i].buckets
	}
	return len(s.rows) >= maxRows || cells*partners > maxCells
}

// insert makes the row of a process that was not known. One that had been
// folded away counts only what it counts from now on.
func (s *State) insert(i int, r *Report, buckets int) {
	k := key{r.Task, r.Boot}
	row := newRow(k, buckets)
	row.arm, row.generation = armIndex(r.Arm), r.Generation
	row.fit(len(s.partners))
	if g := slices.Index(s.gone, k); g >= 0 {
		s.gone = slices.Delete(s.gone, g, g+1)
		s.remember(&row, r)
	}
	s.rows = slices.Insert(s.rows, i, row)
}

// renew begins a newer generation of a process: counters start from zero, the
// clusters stay what they are. A change of arm that nobody announced by a step
// closes the open windows, which hold one arm per row.
func (s *State) renew(i int, r *Report, buckets int) {
	if s.rows[i].arm != armIndex(r.Arm) || s.rows[i].buckets != buckets {
		s.closeAtStep()
	}
	if s.rows[i].buckets != buckets {
		k, seen := s.rows[i].key, s.rows[i].seen
		s.fold(i)
		s.rows[i] = newRow(k, buckets)
		s.rows[i].seen = seen
		s.rows[i].fit(len(s.partners))
	}
	row := &s.rows[i]
	row.arm, row.generation = armIndex(r.Arm), r.Generation
	for c := range row.totals {
		clear(row.totals[c])
	}
	for c := range row.last {
		clear(row.last[c])
	}
}

// checkGrowth says whether every counter has at least its last value.
func (s *State) checkGrowth(row *row, r *Report) error {
	for c, column := range totals(r) {
		if g := shrunk(row.totals[c], column); g >= 0 {
			return fmt.Errorf("counters went backwards in bucket %d (%d after %d) though it did not restart",
				g, at(column, g), row.totals[c][g])
		}
	}
	for k, name := range s.partners {
		columns := columns(r.Partners[name])
		for c, column := range columns {
			last := row.last[c][k*row.buckets : (k+1)*row.buckets]
			if g := shrunk(last, column); g >= 0 {
				return fmt.Errorf("counters%s went backwards in bucket %d (%d after %d) though it did not restart",
					of(name), g, at(column, g), last[g])
			}
		}
	}
	return nil
}

// shrunk returns the first bucket whose counter went backwards, or -1.
func shrunk(last []uint32, column []int64) int {
	for g, was := range last {
		if at(column, g) < int64(was) {
			return g
		}
	}
	return -1
}

// remember takes a report as seen without counting it.
func (s *State) remember(row *row, r *Report) {
	for c, column := range totals(r) {
		for g, v := range column {
			row.totals[c][g] = uint32(v)
		}
	}
	for name, cols := range r.Partners {
		base := s.partner(name) * row.buckets
		for c, column := range columns(cols) {
			for g, v := range column {
				row.last[c][base+g] = uint32(v)
			}
		}
	}
}

// count adds a sound report's increments to the streams.
func (s *State) count(row *row, r *Report, served bool, day *increments) {
	var delta [totalColumns][MaxBuckets]int64
	for c, column := range totals(r) {
		for g, v := range column {
			delta[c][g] = v - int64(row.totals[c][g])
		}
	}
	var pairs, shadow [MaxBuckets]int64 // scored pairs, pairs scored by both
	for name, cols := range r.Partners {
		s.countPartner(row, s.partner(name), cols, served, &pairs, &shadow)
	}
	a := row.arm
	for g := range row.buckets {
		day.requests[a] += delta[requests][g]
		day.pairs[a] += shadow[g]
		day.shadow[a] += delta[shadowRequests][g]
		day.moved = day.moved || delta[requests][g]+pairs[g]+shadow[g] > 0
		bothInvalid := delta[invalid][g]
		if served {
			day.expose(row, servedErrors, a, g, delta[requests][g], delta[failures][g])
			day.expose(row, servedInvalid, a, g, pairs[g]+bothInvalid, bothInvalid)
		}
		if a == control {
			day.expose(row, shadowInvalid, candidate, g, shadow[g]+delta[shadowFailures][g], delta[shadowFailures][g])
			day.expose(row, shadowInvalid, control, g, pairs[g]+bothInvalid, bothInvalid)
		}
	}
	if served {
		s.streams[overall].Open[a] += sum(delta[requests][:row.buckets])
	}
	s.remember(row, r)
}

// countPartner adds one partner's increments to its own stream, the overall
// and the tail's, and to the caller's sums by bucket.
func (s *State) countPartner(row *row, k int, cols Columns, served bool, pairs, shadow *[MaxBuckets]int64) {
	b := row.buckets
	base := k * b
	own := &s.streams[firstPartner+k]
	for g := range b {
		n := at(cols.Scored, g) - int64(row.last[scored][base+g])
		x := at(cols.Filtered, g) - int64(row.last[filtered][base+g])
		both := at(cols.Pairs, g) - int64(row.last[paired][base+g])
		ten := at(cols.CandidateOnly, g) - int64(row.last[candidateOnly][base+g])
		one := at(cols.StableOnly, g) - int64(row.last[stableOnly][base+g])
		pairs[g] += n
		shadow[g] += both
		own.Scored[row.arm] += n
		own.Filtered[row.arm] += x
		s.traffic[k] += n + both
		for i, v := range [3]int64{both, ten, one} {
			row.pairs[i][base+g] = saturate(row.pairs[i][base+g], v)
		}
		if !served || n == 0 {
			continue
		}
		own.Open[row.arm] += n
		row.open(firstPartner+k, g, n, x)
		row.open(overall, g, n, x)
		if s.inTail[k] {
			s.streams[tail].Open[row.arm] += n
			row.open(tail, g, n, x)
		}
	}
}

// open adds to a stream's open window.
func (r *row) open(stream, g int, n, x int64) {
	i := stream*r.buckets + g
	r.n[i] = saturate(r.n[i], n)
	r.x[i] = saturate(r.x[i], x)
}

func saturate(v uint32, more int64) uint32 {
	return uint32(min(int64(v)+more, math.MaxUint32))
}

// expose adds trials and events of a ratio to a row's cell.
func (d *increments) expose(row *row, metric, arm, g int, n, x int64) {
	d.n[metric][arm] += float64(n)
	d.x[metric][arm] += float64(x)
	row.ratio[metric][arm].n[g] += uint64(n)
	row.ratio[metric][arm].x[g] += uint64(x)
}

// addIncrements adds one look's increments to what is counted over all rows.
// A look is an interval with one share between the arms, which makes the
// conditional test of the ratios exact within it.
func (s *State) addIncrements(day increments, p Policy, served bool) {
	for m := range s.ratios {
		s.ratios[m].add(day.n[m], day.x[m], p.ErrorRatio)
	}
	s.pairsStep += day.pairs[candidate] + day.pairs[control]
	s.shadowed += day.shadow[candidate] + day.shadow[control]
	s.ratios[shadowInvalid].Requests += float64(day.shadow[control])
	if !served {
		return
	}
	s.ratios[servedErrors].Requests += float64(day.requests[candidate])
	s.ratios[servedInvalid].Requests += float64(day.requests[candidate])
	for a := range s.answered {
		s.answered[a] += day.requests[a]
		if day.requests[a] > 0 {
			s.dry[a] = 0
		} else {
			s.dry[a] += day.requests[1-a]
		}
	}
}

// add counts xc of nc against xs of ns.
func (r *ratio) add(n, x [arms]float64, r0 float64) {
	for i, a := range ratioSteps() {
		r.Logs[i] += ratioLog(x[candidate], n[candidate], x[control], n[control], r0, a)
	}
	for i, a := range ratioProofs() {
		r.Proofs[i] += ratioLog(x[candidate], n[candidate], x[control], n[control], r0, a)
	}
	for a := range n {
		r.N[a] += n[a]
		r.X[a] += x[a]
	}
}
