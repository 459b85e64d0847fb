package preview

import "math"

// Auctions that stand one after the other in a log are alike: of the same
// minute, often of the same person or connection. So what counts as one draw
// is not an auction but a block of them, and the error is that between blocks.
// There are always mostBlocks/2 to mostBlocks of them, however long the log:
// when there would be more, each two neighbours become one. Since what is alike
// may be longer than a block, the error is also taken between two of them, and
// between four, and the largest counts.
const (
	mostBlocks  = 128
	leastBlocks = 8 // that hold something, effectively; below, nothing is said
	levels      = 3
)

// blocks says in which one the next auction is.
type blocks struct {
	size int64 // auctions of a block
	seen int64
}

// next returns the block of the next auction, and whether all that was counted
// must be folded first.
func (b *blocks) next() (at int, fold bool) {
	if fold = b.seen == mostBlocks*b.size; fold {
		b.size *= 2
	}
	at = int(b.seen / b.size)
	b.seen++
	return at, fold
}

// kind is what a share is of.
type kind int

const (
	requests kind = iota
	bids
	value
	kinds
)

// cell is what one block says: how much there is, and what each release
// filters of it.
type cell struct{ of, candidate, stable float64 }

// sums are those of a partner, or of all.
type sums struct {
	cells [kinds][mostBlocks]cell
	n     [kinds]int64 // things, whatever they weigh

	newlyFiltered, newlyCalled int64
}

// add counts something, and which releases filter it.
func (s *sums) add(at int, k kind, of float64, by [2]bool) {
	s.n[k]++
	c := &s.cells[k][at]
	c.of += of
	if by[0] {
		c.candidate += of
	}
	if by[1] {
		c.stable += of
	}
	switch {
	case k != requests || by[0] == by[1]:
	case by[0]:
		s.newlyFiltered++
	default:
		s.newlyCalled++
	}
}

// fold makes one block of each two.
func (s *sums) fold() {
	for k := range s.cells {
		fold(&s.cells[k])
	}
}

func fold(cells *[mostBlocks]cell) {
	for i := range mostBlocks / 2 {
		x, y := cells[2*i], cells[2*i+1]
		cells[i] = cell{x.of + y.of, x.candidate + y.candidate, x.stable + y.stable}
	}
	clear(cells[mostBlocks/2:])
}

// comparison tells what was counted of one of so many comparisons.
func (s *sums) comparison(partner string, allowed Interval, all int) Comparison {
	c := Comparison{
		Partner: partner, Filtered: *s.pair(requests), Bids: s.pair(bids), Value: s.pair(value),
		NewlyFiltered: s.newlyFiltered, NewlyCalled: s.newlyCalled, Allowed: allowed, Standing: Open,
	}
	all95 := 0.05 / float64(all) // Bonferroni
	if i := s.estimate(requests, difference, all95).Interval; i != nil {
		c.Standing = standing(*i, allowed)
	}
	return c
}

// standing holds a difference against what is allowed.
func standing(difference, allowed Interval) Standing {
	switch {
	case difference.Low > allowed.High || difference.High < allowed.Low:
		return Beyond
	case difference.Low >= allowed.Low && difference.High <= allowed.High:
		return Within
	}
	return Open
}

// pair is nil where there is nothing to have a share of.
func (s *sums) pair(k kind) *Pair {
	p := &Pair{Candidate: s.estimate(k, ofCandidate, 0.05), Stable: s.estimate(k, ofStable, 0.05), Difference: s.estimate(k, difference, 0.05)}
	for _, share := range []Estimate{p.Candidate, p.Stable} {
		if i := share.Interval; i != nil {
			i.Low = max(0, i.Low)
		}
	}
	for _, c := range s.cells[k] {
		p.Of += c.of
	}
	if p.Of == 0 && k != requests {
		return nil
	}
	return p
}

func ofCandidate(c cell) float64 { return c.candidate }
func ofStable(c cell) float64    { return c.stable }
func difference(c cell) float64  { return c.candidate - c.stable }

// estimate is a ratio of sums with the interval that misses with the
// probability alpha. Where hardly anything was seen there is no spread: then
// the interval is at least what n draws without one hit leave possible.
func (s *sums) estimate(k kind, part func(cell) float64, alpha float64) Estimate {
	cells := s.cells[k]
	ratio, half, known := spread(&cells, part, alpha)
	if !known {
		return Estimate{Value: ratio}
	}
	for range levels - 1 {
		fold(&cells)
		if _, wider, known := spread(&cells, part, alpha); known {
			half = max(half, wider)
		}
	}
	half = max(half, -math.Log(alpha/2)/float64(s.n[k]))
	return Estimate{Value: ratio, Interval: &Interval{Low: max(-1, ratio-half), High: min(1, ratio+half)}}
}

// spread is a ratio of sums and half of its interval, by the error between
// blocks and Student's t.
func spread(cells *[mostBlocks]cell, part func(cell) float64, alpha float64) (ratio, half float64, known bool) {
	var x, xx, y float64
	for _, c := range cells {
		x, xx, y = x+c.of, xx+c.of*c.of, y+part(c)
	}
	if x == 0 {
		return 0, 0, false
	}
	rest := 0.0
	ratio = y / x
	for _, c := range cells {
		d := part(c) - ratio*c.of
		rest += d * d
	}
	g := x * x / xx // blocks, by how evenly they are filled
	if g < leastBlocks {
		return ratio, 0, false
	}
	return ratio, student(alpha, g-1) * math.Sqrt(rest*g/(g-1)) / x, true
}

// student is about the quantile of Student's t that both tails exceed with the
// probability alpha (Wallace).
func student(alpha, nu float64) float64 {
	z := math.Sqrt2 * math.Erfinv(1-alpha) * (8*nu + 3) / (8*nu + 1)
	return math.Sqrt(nu * math.Expm1(z*z/nu))
}
