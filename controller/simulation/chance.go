package simulation

import (
	"math"
	"math/rand/v2"
)

// chance returns the source of one stream of random numbers. The same parts
// give the same stream on every machine, and neighbouring parts give streams
// that have nothing to do with each other.
func chance(parts ...uint64) *rand.Rand {
	a, b := uint64(0x9e3779b97f4a7c15), uint64(0xd1b54a32d192ed03)
	for _, p := range parts {
		a = scramble(a ^ p)
		b = scramble(b + a)
	}
	return rand.New(rand.NewPCG(a, b))
}

// scramble is the finaliser of SplitMix64: a bijection without structure.
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Poisson draws a count with that mean: exactly where it is small, and by the
// normal limit where nobody could tell the difference.
func poisson(rng *rand.Rand, mean float64) int {
	if mean > 500 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*rng.NormFloat64())))
	}
	n, left := 0, rng.ExpFloat64()
	for left < mean {
		n++
		left += rng.ExpFloat64()
	}
	return n
}

// An alias draws from a fixed distribution in constant time (Walker 1977).
type alias struct {
	keep  []uint32 // of 2^32: how often a column stands for itself
	other []uint16
}

func newAlias(weights []float64) alias {
	n := len(weights)
	a := alias{keep: make([]uint32, n), other: make([]uint16, n)}
	total := 0.0
	for _, w := range weights {
		total += w
	}
	scaled := make([]float64, n)
	var small, large []int
	for i, w := range weights {
		scaled[i] = w * float64(n) / total
		if scaled[i] < 1 {
			small = append(small, i)
		} else {
			large = append(large, i)
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		a.keep[s], a.other[s] = uint32(scaled[s]*math.MaxUint32), uint16(l)
		if scaled[l] -= 1 - scaled[s]; scaled[l] < 1 {
			large = large[:len(large)-1]
			small = append(small, l)
		}
	}
	for _, i := range append(small, large...) {
		a.keep[i], a.other[i] = math.MaxUint32, uint16(i)
	}
	return a
}

// draw picks a column by 64 random bits.
func (a alias) draw(bits uint64) int {
	i := int((bits >> 32) * uint64(len(a.keep)) >> 32)
	if uint32(bits) <= a.keep[i] {
		return i
	}
	return int(a.other[i])
}

// zipf returns the shares of n partners, the k-th of which has 1/k of the
// first one's traffic.
func zipf(n int) []float64 {
	shares, total := make([]float64, n), 0.0
	for k := range shares {
		shares[k] = 1 / float64(k+1)
		total += shares[k]
	}
	for k := range shares {
		shares[k] /= total
	}
	return shares
}
