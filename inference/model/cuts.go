package model

import (
	"math"
	"math/bits"
)

// cuts are ascending numbers, each once, in buckets of equal width, so that few
// of them are looked at to place a number among them.
type cuts struct {
	at     []float32
	padded []float32 // the same, and missing numbers, which nothing reaches
	starts []uint32  // of each bucket, and the end of the last
	low    float32
	scale  float32 // buckets per unit
	half   int     // the first step of a search through the fullest bucket
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
	fullest := uint32(0)
	for i := 1; i < len(c.starts); i++ {
		fullest = max(fullest, c.starts[i])
		c.starts[i] += c.starts[i-1]
	}
	c.half = 1 << bits.Len32(fullest) / 2
	c.padded = make([]float32, len(at)+2*c.half)
	for i := range c.padded[copy(c.padded, at):] {
		c.padded[len(at)+i] = float32(math.NaN())
	}
	c.at = c.padded[:len(at):len(at)]
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

// reached returns how many of the cuts are at most v, which is not NaN. A search
// goes beyond its bucket, where v reaches nothing, so that it always has as many
// steps: the processor can foretell them, and none of them is a branch.
func (c *cuts) reached(v float32) int {
	at := int(c.starts[c.bucket(v)])
	for half := c.half; half > 0; half /= 2 {
		var step int
		if c.padded[at+half-1] <= v {
			step = 1
		}
		at += half & -step
	}
	return at
}

const cutsSize = 96

func (c *cuts) bytes() int { return (len(c.padded)+len(c.starts))*4 + cutsSize }
