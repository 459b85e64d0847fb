package model

import "math/bits"

// cuts are ascending numbers, each once, in buckets of equal width, so that few
// of them are looked at to place a number among them.
type cuts struct {
	at     []float32
	starts []uint32 // of each bucket, and the end of the last
	low    float32
	scale  float32 // buckets per unit
}

func newCuts(at []float32) cuts {
	c := cuts{at: at, starts: make([]uint32, 2)}
	if len(at) > 1 {
		buckets := 1 << bits.Len(uint(len(at)))
		c.starts = make([]uint32, buckets+1)
		c.low = at[0]
		c.scale = float32(buckets) / (at[len(at)-1] - at[0]) // where a border is infinite, all are in the first bucket
	}
	for _, v := range at {
		c.starts[c.bucket(v)+1]++
	}
	for i := 1; i < len(c.starts); i++ {
		c.starts[i] += c.starts[i-1]
	}
	return c
}

// bucket never falls where v grows: that alone makes reached exact, however
// the arithmetic is rounded.
func (c *cuts) bucket(v float32) int {
	last := len(c.starts) - 2
	b := (v - c.low) * c.scale
	switch {
	case b >= float32(last):
		return last
	case b > 0: // not where it is NaN
		return int(b)
	}
	return 0
}

// reached returns how many of the cuts are at most v, which is not NaN.
func (c *cuts) reached(v float32) int {
	b := c.bucket(v)
	from, to := c.starts[b], c.starts[b+1]
	return int(from) + reached(c.at[from:to], v)
}

// reached returns how many of the ascending cuts are at most v. The processor
// could not guess the comparisons, so none of them is a branch.
func reached(cuts []float32, v float32) int {
	at, n := 0, len(cuts)
	for n > 0 {
		half := (n + 1) / 2
		var step int
		if cuts[at+half-1] <= v {
			step = 1
		}
		at += half & -step
		n -= half
	}
	return at
}

const cutsSize = 64

func (c *cuts) bytes() int { return (len(c.at)+len(c.starts))*4 + cutsSize }
