package tally

import (
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/sorting"
)

// walk writes or reads the state, whichever the codec does.
func (s *State) walk(c *codec) {
	version := checkpointVersion
	integer(c, &version)
	if version != checkpointVersion {
		c.fail(damaged("it is of another version"))
		return
	}
	integer(c, &s.looks)
	c.time(&s.last)
	integer(c, &s.step)
	elements(c, &s.partners, c.string)
	elements(c, &s.inTail, c.bool)
	c.bool(&s.tiered)
	elements(c, &s.traffic, func(v *int64) { integer(c, v) })
	elements(c, &s.streams, func(st *stream) { st.walk(c) })
	integer(c, &s.shadowed)
	for m := range s.exposed {
		c.number(&s.exposed[m])
	}
	integer(c, &s.pairsStep)
	integer(c, &s.fresh)
	s.stretch.walk(c)
	elements(c, &s.strata, c.string)
	elements(c, &s.recent, func(r *recent) { r.walk(c) })
	integer(c, &s.windowRequests)
	integer(c, &s.windowBuckets)
	integer(c, &s.lost)
	elements(c, &s.crashed, c.string)
	integers(c, s.latency[:])
	for a := range judge.Arms {
		integer(c, &s.dry[a])
		integer(c, &s.answered[a])
		integer(c, &s.crashes[a])
		integers(c, s.scores[a][:])
	}
	for k := range s.slow {
		integer(c, &s.slow[k].Edge)
		integers(c, s.slowOpen[k][:])
		walkDifference(c, &s.slow[k].Of)
		integer(c, &s.slow[k].Shift)
		c.string(&s.slow[k].Loudest.Task)
		c.string((*string)(&s.slow[k].Loudest.Arm))
		c.number(&s.slow[k].Loudest.Influence)
		c.number(&s.slow[k].Past.D)
		c.number(&s.slow[k].Past.Variance)
		for a := range judge.Arms {
			c.number(&s.slow[k].Past.U2[a])
		}
	}
	elements(c, &s.sides, c.string)
	for _, v := range []*float64{&s.lately.n, &s.lately.x, &s.lately.usual} {
		c.number(v)
	}
	s.drift.walk(c)
	s.moments.walk(c)
	s.worth.walk(c)
	integer(c, &s.liveBids)
	integer(c, &s.liveFlips)
	s.walkTables(c)
}

func (s *State) walkTables(c *codec) {
	if c.err == nil && !s.consistent() {
		c.fail(damaged("its lists disagree"))
		return
	}
	for t := range s.tables {
		table := &s.tables[t]
		integer(c, &table.buckets)
		integer(c, &table.shift)
		if table.buckets < 0 || table.buckets > MaxBuckets || table.shift < 0 || table.shift > 6 {
			c.fail(damaged("a table has no shape"))
			return
		}
		elements(c, &table.blocks, func(b *block) { b.walk(c, s.lines(t), table.width(), t, len(s.strata)) })
	}
	elements(c, &s.rows, func(r *row) { r.walk(c) })
	for i := range s.rows {
		if at := s.rows[i].stratum; at < 0 || at >= max(1, len(s.strata)) {
			c.fail(damaged("a task has no stratum"))
		}
		for t, at := range s.rows[i].slots {
			if at != noSlot && (at < 0 || at >= len(s.tables[t].blocks)) {
				c.fail(damaged("a task has no place"))
			}
		}
	}
}

// consistent says whether every partner has its place in every list.
func (s *State) consistent() bool {
	n := len(s.partners)
	streams := len(s.streams) == n+judge.FirstPartner || n == 0 && len(s.streams) == 0
	edges := true
	for k := range s.slow {
		edges = edges && s.slow[k].Edge >= 0 && s.slow[k].Edge < judge.LatencyBins && max(s.slow[k].Shift, -s.slow[k].Shift) < judge.LatencyBins
	}
	for _, edge := range s.drift.edges {
		edges = edges && edge >= 0 && edge <= judge.ScoreBins
	}
	strata := len(s.strata) <= maxStrata && len(s.strata) >= min(1, len(s.streams))
	return strata && len(s.sides) <= maxSides && n <= judge.MaxPartners && len(s.inTail) == n && len(s.traffic) == n && streams && edges
}

// derive rebuilds what is not stored.
func (s *State) derive() {
	for i := range s.streams {
		s.streams[i].stale = true
	}
	if len(s.partners) > 0 {
		s.index = make(map[string]int, len(s.partners))
		for i, name := range s.partners {
			s.index[name] = i
		}
	}
	sorting.By(s.rows, func(a, b *row) int { return compareRows(*a, *b) })
}

func integers[T ~int | ~int64](c *codec, list []T) {
	for i := range list {
		integer(c, &list[i])
	}
}

func (st *stream) walk(c *codec) {
	walkDifference(c, &st.served)
	integers(c, st.open[:])
	for _, v := range []*float64{&st.usual.n, &st.usual.x} {
		c.number(v)
	}
	integers(c, st.scored[:])
	integers(c, st.filtered[:])
	integer(c, &st.bids)
	integer(c, &st.flips)
}

func walkDifference(c *codec, d *judge.Difference) {
	c.number(&d.D)
	c.number(&d.Q)
	c.number(&d.Binomial)
	integer(c, &d.Windows)
	c.number(&d.Foretold)
	c.number(&d.Between)
	for a := range judge.Arms {
		c.number(&d.UV[a])
		c.number(&d.VV[a])
		c.number(&d.U4[a])
		c.number(&d.N[a])
		c.number(&d.X[a])
		c.number(&d.U2[a])
		c.number(&d.NN[a])
		integer(c, &d.G[a])
	}
}

func (r *recent) walk(c *codec) {
	c.time(&r.at)
	for a := range r.counts {
		walkRecent(c, &r.counts[a])
	}
	elements(c, &r.faults, func(f *fault) {
		c.string(&f.task)
		integer(c, &f.arm)
		walkRecent(c, &f.counts)
		if f.arm < 0 || f.arm >= judge.Arms {
			c.fail(damaged("a fault has no arm"))
		}
	})
}

func walkRecent(c *codec, r *judge.Recent) {
	for _, v := range []*int64{&r.Requests, &r.Errors, &r.Pairs, &r.Invalid} {
		integer(c, v)
	}
	integer(c, &r.Tasks)
}

func (d *drift) walk(c *codec) {
	c.bool(&d.known)
	integers(c, d.edges[:])
	c.time(&d.since)
	for q := range d.sums {
		walkSums(c, &d.sums[q])
	}
}

func (b *block) walk(c *codec, lines, width, t, strata int) {
	c.string(&b.task)
	integer(c, &b.stratum)
	for i := range b.columns {
		c.cells(&b.columns[i], lines*width)
	}
	for i := range b.rare {
		c.cells(&b.rare[i], width)
	}
	for i := range b.outcomes {
		c.cells(&b.outcomes[i], width)
	}
	for i := range b.liveBids {
		c.cells(&b.liveBids[i], width)
	}
	for k := range b.slow {
		e := &b.slow[k]
		for _, v := range []*float64{&e.n, &e.x, &e.closed, &e.u, &e.own, &e.weight, &e.lateN, &e.lateX} {
			c.number(v)
		}
	}
	c.cells(&b.scores, judge.ScoreBins)
	if c.reading && (b.stratum < 0 || b.stratum >= max(1, strata)) {
		c.fail(damaged("a task's clusters have no stratum"))
	}
	if c.reading && c.err == nil && !b.whole(t) {
		c.fail(damaged("a task's clusters are missing"))
	}
}

// whole says whether a block has the columns that one of its table has.
func (b *block) whole(t int) bool {
	needed := armColumns
	if t == pairsTable {
		needed = bids
	}
	for i, column := range b.columns {
		if i < needed && column == nil {
			return false
		}
	}
	for _, kind := range together(t) { // with the first of them come all
		for _, column := range b.columns[kind[0]:kind[1]] {
			if (column == nil) != (b.columns[kind[0]] == nil) {
				return false
			}
		}
	}
	for _, column := range b.outcomes {
		if (column == nil) != (b.outcomes[outcomes] == nil) {
			return false
		}
	}
	for _, column := range b.liveBids {
		if (column == nil) != (b.liveBids[liveBidsN] == nil) {
			return false
		}
	}
	for _, column := range b.rare {
		if column == nil {
			return false
		}
	}
	return true
}

// together are the columns of a table that come together, from the first to
// before the last.
func together(t int) [][2]int {
	if t == pairsTable {
		return [][2]int{{bids, live}, {live, beside}, {beside, present}, {present, coming}, {coming, value}, {value, blockColumns}}
	}
	return [][2]int{{pastN, pastX + 1}}
}

func (r *row) walk(c *codec) {
	c.string(&r.Task)
	c.string(&r.Boot)
	integer(c, &r.arm)
	integer(c, &r.generation)
	integer(c, &r.upto)
	integer(c, &r.buckets)
	integer(c, &r.seen)
	integers(c, r.slots[:])
	integers(c, r.told[:])
	for m := range r.moment {
		for a := range r.moment[m] {
			integer(c, &r.moment[m][a].n)
			integer(c, &r.moment[m][a].x)
		}
	}
	integer(c, &r.edge)
	for k := range r.before {
		integer(c, &r.before[k].n)
		integer(c, &r.before[k].x)
	}
	integer(c, &r.stratum)
	c.bool(&r.gathers)
	integer(c, &r.connections)
	integer(c, &r.skew)
	c.number(&r.explore)
	if r.edge < 0 || r.edge >= judge.LatencyBins {
		c.fail(damaged("a task has no edge of latency"))
	}
	if r.arm < 0 || r.arm >= judge.Arms || r.buckets < 0 || r.buckets > MaxBuckets {
		c.fail(damaged("a task has no arm or no buckets"))
	}
}
