package judge

import (
	"math/bits"
	"slices"
)

// foldOldest makes room by folding the process that has been silent for the
// longest into sums. It reports whether there was one.
func (s *State) foldOldest() bool {
	oldest := -1
	for i := range s.rows {
		if s.rows[i].seen < s.looks-1 && (oldest < 0 || s.rows[i].seen < s.rows[oldest].seen) {
			oldest = i
		}
	}
	if oldest < 0 {
		return false
	}
	if slices.ContainsFunc(s.rows[oldest].n, func(n uint32) bool { return n > 0 }) {
		s.closeAtStep()
	}
	s.fold(oldest)
	s.gone = append(s.gone, s.rows[oldest].key)
	if len(s.gone) > maxRows {
		s.gone = slices.Delete(s.gone, 0, 1)
	}
	s.rows = slices.Delete(s.rows, oldest, oldest+1)
	return true
}

// fold adds a row's clusters to the sums that the estimates need of them.
// Nothing of an estimate is lost by it, but the row's clusters cannot grow any
// more.
func (s *State) fold(i int) {
	row := &s.rows[i]
	for a := range row.u {
		for k := range row.active[a] {
			st := &s.streams[k]
			st.FoldedG[a] += bits.OnesCount64(row.active[a][k])
			for _, u := range row.u[a][k*row.buckets : (k+1)*row.buckets] {
				st.FoldedU2[a] += u * u
			}
		}
	}
	row.addPairs(s.inTail, func(k int) *pairSums { return &s.streams[k].folded })
	for m := range row.ratio {
		for a := range row.ratio[m] {
			s.ratios[m].Folded[a].addExposure(row.ratio[m][a])
		}
	}
}

// addPairs adds the row's clusters to the paired sums of each partner, the
// tail and the whole.
func (r *row) addPairs(inTail []bool, to func(stream int) *pairSums) {
	var all, rest [3][MaxBuckets]int64
	for k := range len(r.pairs[0]) / r.buckets {
		sums := to(firstPartner + k)
		for g := range r.buckets {
			c := k*r.buckets + g
			n, ten, one := int64(r.pairs[0][c]), int64(r.pairs[1][c]), int64(r.pairs[2][c])
			if n == 0 {
				continue
			}
			sums.add(n, ten, one)
			all[0][g], all[1][g], all[2][g] = all[0][g]+n, all[1][g]+ten, all[2][g]+one
			if inTail[k] {
				rest[0][g], rest[1][g], rest[2][g] = rest[0][g]+n, rest[1][g]+ten, rest[2][g]+one
			}
		}
	}
	for g := range r.buckets {
		to(overall).add(all[0][g], all[1][g], all[2][g])
		to(tail).add(rest[0][g], rest[1][g], rest[2][g])
	}
}

// add counts one cluster.
func (p *pairSums) add(pairs, ten, one int64) {
	if pairs == 0 {
		return
	}
	n, s, f := float64(pairs), float64(ten-one), float64(ten+one)
	p.N += n
	p.Ten += float64(ten)
	p.One += float64(one)
	p.SS += s * s
	p.SN += s * n
	p.NN += n * n
	p.FF += f * f / n
	p.FN += f
	p.G++
}

// addExposure counts the clusters of a ratio.
func (p *pairSums) addExposure(e exposure) {
	for g, trials := range e.n {
		if trials == 0 {
			continue
		}
		n, f := float64(trials), float64(e.x[g])
		p.N += n
		p.FF += f * f / n
		p.FN += f
		p.G++
	}
}

// dispersion is Pearson's chi-square of the clusters' event counts around
// their common rate, over its degrees of freedom: 1 for independent events.
func (p pairSums) dispersion() (chi2, freedom float64) {
	if p.G < 2 || p.FN <= 0 || p.N <= 0 {
		return 0, 0
	}
	rate := p.FN / p.N
	// sum (f - rate n)^2 / (rate n) = (sum f^2/n - rate FN) / rate
	return max(0, (p.FF-rate*p.FN)/rate), p.G - 1
}
