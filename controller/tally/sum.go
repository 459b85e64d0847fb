package tally

import (
	"maps"
	"math"
	"slices"

	"github.com/sluicehq/sluice/controller/judge"
)

// statistics is what all looks so far come to.
func (s *State) statistics(l Look, p judge.Policy, bad problems, day increments) judge.Statistics {
	s.refresh()
	t := judge.Statistics{
		At: s.last, Served: l.Served, Step: s.step, Stretch: s.stretch.present, Counted: day.moved, Problems: bad,
		Partners: make([]judge.Partner, len(s.partners)), Streams: make([]judge.Stream, len(s.streams)),
		Answered: s.answered, PairsStep: s.pairsStep, Fresh: s.fresh, Shadowed: s.shadowed, Ratios: s.sumRatios(day),
		Latency: s.slow[ofStable], SLO: s.slow[ofPromise], Scores: s.scores, Load: s.load(), Recent: s.sumRecent(p.Breaker.ErrorShare),
		Crashes: s.crashes, Crashed: slices.Clone(s.crashed), Loudest: s.loudest(), LostRows: s.lost,
	}
	if len(s.sides) > 0 {
		t.Others, t.BothSides = s.slow[ofOthers], s.bothSides()
		t.Others.Shift = s.slow[ofStable].Shift // all edges move together
	}
	if s.drift.known {
		t.Drift = slices.Clone(s.drift.sums[:])
	}
	for k, name := range s.partners {
		t.Partners[k] = judge.Partner{Name: name, Tail: s.inTail[k], Traffic: s.traffic[k]}
	}
	for i := range s.streams {
		t.Streams[i].Served = s.streams[i].served
	}
	s.sumPairs(t.Streams)
	for k := range s.partners {
		own := &t.Streams[judge.FirstPartner+k]
		st := &s.streams[judge.FirstPartner+k]
		own.Scored, own.Filtered, own.BidsSeen, own.BidsFlips = st.scored, st.filtered, st.bids, st.flips
		addShown(&t.Streams[judge.Overall], own)
		if s.inTail[k] {
			addShown(&t.Streams[judge.Tail], own)
		}
	}
	s.sumValue(&t)
	if l.Served {
		t.LiveBids = s.sumLiveBids()
	}
	t.MaxSkew = s.maxSkew()
	return t
}

func addShown(to, from *judge.Stream) {
	for a := range judge.Arms {
		to.Scored[a] += from.Scored[a]
		to.Filtered[a] += from.Filtered[a]
	}
	to.BidsSeen += from.BidsSeen
	to.BidsFlips += from.BidsFlips
}

// sumPairs adds the clusters of pairs and bids to the sums of each partner,
// the tail and the whole.
func (s *State) sumPairs(streams []judge.Stream) {
	width := s.tables[pairsTable].width()
	var all, rest [3][MaxBuckets]float64
	for i := range s.tables[pairsTable].blocks {
		b := &s.tables[pairsTable].blocks[i]
		for _, kind := range [...]struct {
			first int
			of    func(*judge.Stream) *judge.PairSums
		}{
			{pairs, func(st *judge.Stream) *judge.PairSums { return &st.Pairs }},
			{bids, func(st *judge.Stream) *judge.PairSums { return &st.Bids }},
			{live, func(st *judge.Stream) *judge.PairSums { return &st.Live }},
			{beside, func(st *judge.Stream) *judge.PairSums { return &st.Beside }},
			{present, func(st *judge.Stream) *judge.PairSums { return &st.Present }},
		} {
			if b.columns[kind.first] == nil {
				continue
			}
			all, rest = [3][MaxBuckets]float64{}, [3][MaxBuckets]float64{}
			for k := range s.partners {
				sums := kind.of(&streams[judge.FirstPartner+k])
				pairedOf(b, kind.first, k*width, width).addTo(sums, &all, s.inTail[k], &rest)
			}
			addLine(kind.of(&streams[judge.Overall]), &all, width)
			addLine(kind.of(&streams[judge.Tail]), &rest, width)
		}
	}
}

// A paired is one partner's clusters of one block.
type paired struct{ n, ten, one []float64 }

func pairedOf(b *block, first, base, width int) paired {
	return paired{
		b.columns[first][base : base+width],
		b.columns[first+1][base : base+width],
		b.columns[first+2][base : base+width],
	}
}

// addTo adds clusters to their partner's sums, and cell by cell to those of all,
// and of the rest where it belongs there.
func (l paired) addTo(sums *judge.PairSums, all *[3][MaxBuckets]float64, inRest bool, rest *[3][MaxBuckets]float64) {
	before := sums.G
	for g, n := range l.n {
		if n == 0 {
			continue
		}
		ten, one := l.ten[g], l.one[g]
		addPairs(sums, n, ten, one)
		all[0][g] += n
		all[1][g] += ten
		all[2][g] += one
		if inRest {
			rest[0][g] += n
			rest[1][g] += ten
			rest[2][g] += one
		}
	}
	if sums.G > before {
		sums.M += float64(len(l.n))
	}
}

func addLine(sums *judge.PairSums, cells *[3][MaxBuckets]float64, width int) {
	before := sums.G
	for g := range width {
		if cells[0][g] > 0 {
			addPairs(sums, cells[0][g], cells[1][g], cells[2][g])
		}
	}
	if sums.G > before {
		sums.M += float64(width)
	}
}

// addPairs counts one cluster.
func addPairs(p *judge.PairSums, n, ten, one float64) {
	s, f := ten-one, ten+one
	p.N += n
	p.Ten += ten
	p.One += one
	p.SS += s * s
	p.SN += s * n
	p.NN += n * n
	p.G++
	if f > 0 {
		p.FF += f * f / n
		p.F2 += f * f
	}
}

// sumRatios is what this look adds to the ratios, and their clusters.
func (s *State) sumRatios(day increments) (r [judge.Ratios]judge.Ratio) {
	moments, worst := s.sumMoments()
	for m := range r {
		r[m].N, r[m].X, r[m].Requests, r[m].ByMoment, r[m].Worst = day.n[m], day.x[m], s.exposed[m], moments[m], worst[m]
	}
	for a := range judge.Arms {
		t := &s.tables[a]
		for i := range t.blocks {
			rare := &t.blocks[i].rare
			addRare(&r[judge.ServedErrors], a, rare[errorTrials], rare[errorEvents])
			addRare(&r[judge.ServedInvalid], a, rare[invalidTrials], rare[invalidEvents])
		}
	}
	for i := range s.tables[pairsTable].blocks {
		rare := &s.tables[pairsTable].blocks[i].rare
		addRare(&r[judge.ShadowInvalid], judge.CandidateArm, rare[shadowTrials], rare[shadowEvents])
		addRare(&r[judge.ShadowInvalid], judge.ControlArm, rare[stableTrials], rare[stableEvents])
	}
	return r
}

// addRare counts the clusters of a block, and all of them as one.
func addRare(r *judge.Ratio, a int, trials, events []float64) {
	var n, x float64
	for g, v := range trials {
		addCluster(&r.ByCluster[a], v, events[g])
		n += v
		x += events[g]
	}
	addCluster(&r.ByTask[a], n, x)
}

// load is what the tasks that reported in this look have to do.
func (s *State) load() (loads [judge.Arms]judge.Load) {
	for i := range s.rows {
		if r := &s.rows[i]; r.seen == s.looks && !r.gathers {
			c := float64(r.connections)
			loads[r.arm].Tasks++
			loads[r.arm].Connections += c
			loads[r.arm].Squares += c * c
		}
	}
	for a := range loads {
		loads[a].Requests = s.answered[a]
	}
	return loads
}

// sumRecent is what the last few looks counted, and which tasks failed in them
// by so large a share.
func (s *State) sumRecent(share float64) (all [judge.Arms]judge.Recent) {
	byTask := map[string]*fault{}
	for _, r := range s.recent {
		for a, c := range r.counts {
			addRecent(&all[a], c)
			all[a].Tasks = max(all[a].Tasks, c.Tasks)
		}
		for _, f := range r.faults {
			if byTask[f.task] == nil {
				byTask[f.task] = &fault{arm: f.arm}
			}
			addRecent(&byTask[f.task].counts, f.counts)
		}
	}
	for _, task := range slices.Sorted(maps.Keys(byTask)) {
		f := byTask[task]
		c, to := f.counts, &all[f.arm]
		if failed := float64(c.Errors) >= share*float64(c.Requests) && c.Errors > 0 || float64(c.Invalid) >= share*float64(c.Pairs) && c.Invalid > 0; failed && len(to.Failing) < maxCrashed {
			to.Failing = append(to.Failing, task)
		}
	}
	return all
}

func addRecent(to *judge.Recent, c judge.Recent) {
	to.Requests += c.Requests
	to.Errors += c.Errors
	to.Pairs += c.Pairs
	to.Invalid += c.Invalid
}

// maxLoudest bounds how many clusters are named.
const maxLoudest = 5

// loudest names the clusters that moved the overall difference most.
func (s *State) loudest() (top []judge.Cluster) {
	q := s.streams[judge.Overall].served.Q
	if q <= 0 {
		return nil
	}
	for a := range judge.Arms {
		t := &s.tables[a]
		for i := range t.blocks {
			b := &t.blocks[i]
			for c, u := range b.columns[influence][:t.width()] {
				if u == 0 || len(top) == maxLoudest && math.Abs(u/q) <= math.Abs(top[maxLoudest-1].Influence) {
					continue
				}
				one := judge.Cluster{Task: b.task, Bucket: c << t.shift, Arm: armName(a), Influence: u / q}
				if a == judge.ControlArm {
					one.Influence = -one.Influence
				}
				at := len(top)
				for at > 0 && math.Abs(top[at-1].Influence) < math.Abs(one.Influence) {
					at--
				}
				top = slices.Insert(top, at, one)
				top = top[:min(maxLoudest, len(top))]
			}
		}
	}
	return top
}
