package model

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Cuts at even distances have a bucket each, so that one comparison places a
// number; of those that crowd together, a few.
func TestCutsAreSpread(t *testing.T) {
	even, crowded := make([]float32, 1000), make([]float32, 1000)
	for i := range even {
		even[i] = 5000 + float32(i)
		crowded[i] = float32(i * i)
	}
	if a, b := newCuts(even).half, newCuts(crowded).half; a != 1 || b != 32 {
		t.Errorf("the first steps are %d and %d", a, b)
	}
}

// A number is placed as by counting, whatever the cuts.
func TestCutsReached(t *testing.T) {
	inf := float32(math.Inf(1))
	zero := float32(math.Copysign(0, -1))
	tiny := float32(math.SmallestNonzeroFloat32)
	lists := [][]float32{
		{},
		{1},
		{-inf, inf},
		{-inf, 0, 1},
		{0, 1, inf},
		{0, tiny},
		{-tiny, zero, tiny, 2 * tiny},
		{-math.MaxFloat32, 0, math.MaxFloat32},
		{1, math.Nextafter32(1, 2), 2},
		{0, tiny, 1, 2, 3, math.MaxFloat32},
	}
	rng := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		list := make([]float32, rng.IntN(300))
		for i := range list {
			if list[i] = math.Float32frombits(rng.Uint32()); rng.IntN(2) == 0 || list[i] != list[i] {
				list[i] = float32(rng.NormFloat64())
			}
		}
		slices.Sort(list)
		lists = append(lists, slices.Compact(list))
	}
	for _, list := range lists {
		c := newCuts(list)
		for range 100 {
			v := math.Float32frombits(rng.Uint32())
			if n := len(list); n > 0 && rng.IntN(2) == 0 {
				v = list[rng.IntN(n)]
			}
			for _, v := range []float32{v, math.Nextafter32(v, inf), math.Nextafter32(v, -inf), -v, inf, -inf, 0, zero} {
				want := 0
				for _, cut := range list {
					if cut <= v {
						want++
					}
				}
				if got := c.reached(v); v == v && got != want {
					t.Fatalf("%v reaches %d of %v, want %d", v, got, list, want)
				}
			}
		}
	}
}
