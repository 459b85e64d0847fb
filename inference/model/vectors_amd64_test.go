package model

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"unsafe"
)

// guarded returns memory for n numbers whose end is the end of what the process
// may touch: whoever reads or writes beyond dies.
func guarded[T any](t *testing.T, n int) []T {
	t.Helper()
	page, size := syscall.Getpagesize(), n*int(unsafe.Sizeof(*new(T)))
	whole := (size + page - 1) / page * page
	b, err := syscall.Mmap(-1, 0, whole+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(b) })
	if err := syscall.Mprotect(b[whole:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&b[whole-size])), n)
}

// What the assembly is given ends at forbidden memory, each piece as short as
// its caller may make it; what it comes to is what plain Go comes to.
func TestVectorsTouchNothingElse(t *testing.T) {
	for _, v := range vectorsHere() {
		t.Run(string(v), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 1))
			for _, trees := range []int{8, 16, 32, 40, treesInCache, treesAtOnce} {
				for _, n := range []int{1, 3, 8, 9, 16, 17, 24, 25, 32, 33, 48, 49, 64} {
					if n <= v.lanes() {
						touch(t, v, rng, trees, n)
					}
				}
			}
		})
	}
}

func touch(t *testing.T, v Vectors, rng *rand.Rand, trees, n int) {
	t.Helper()
	draw := func(words []uint64) []uint64 {
		for i := range words {
			words[i] = rng.Uint64() & rng.Uint64()
			if rng.IntN(4) == 0 {
				words[i] = 0
			}
		}
		return words
	}
	rows, want := [][]uint64{}, ones(trees)
	for i := range 3 {
		rows = append(rows, draw(guarded[uint64](t, trees)))
		for j := range want {
			want[j] &= rows[i][j]
		}
	}
	words := guarded[uint64](t, trees)
	if v.and(words, rows, 0, trees); !slices.Equal(words, want) {
		t.Fatalf("%d trees: the rows come to other words", trees)
	}

	request := draw(guarded[uint64](t, trees+wordPad))
	list, wanted := guarded[uint16](t, trees*quarters), make([]uint16, trees*quarters)
	live := v.live(list, request[:trees])
	if live != liveWords(wanted, request[:trees]) || !slices.Equal(list[:live], wanted[:live]) {
		t.Fatalf("%d trees: other quarters are live", trees)
	}

	// What request and partner leave together is one leaf of a tree.
	partners := make([][]uint64, n)
	for i := range partners {
		partners[i] = guarded[uint64](t, trees)
		for j := range partners[i] {
			partners[i][j] = rng.Uint64()&^request[j] | oneOf(rng, request[j])
		}
	}
	if trees > wordsPerVector {
		spreadFrom(t, v, partners, wordsPerVector)
	}
	lanes := spreadFrom(t, v, partners, 0)
	leaves := guarded[float32](t, trees*maskBits)
	for i := range leaves {
		leaves[i] = float32(rng.NormFloat64())
	}
	sums := (*[mostLanes]float32)(guarded[float32](t, mostLanes))
	v.add(sums, n, list[:live:live], request, lanes, trees*quarters*groupLanes, leaves)
	for i := range partners {
		sum := float32(0)
		for j, w := range partners[i] {
			if w &= request[j]; w != 0 {
				bit := bits.TrailingZeros64(w)
				sum += leaves[j*maskBits+bit&^(quarterBits-1)+v.place(bit%quarterBits)]
			}
		}
		if !sameBits(sums[i], sum) {
			t.Fatalf("%d trees, %d partners: partner %d has %v, want %v", trees, n, i, sums[i], sum)
		}
	}
}

// spreadFrom lays out the trees from one on.
func spreadFrom(t *testing.T, v Vectors, partners [][]uint64, from int) []uint16 {
	t.Helper()
	n, trees := len(partners), len(partners[0])
	all := (trees - from) * quarters
	lanes := guarded[uint16](t, all*laneWidth(n))
	v.spread(lanes, all, from, partners, from, trees)
	for i, words := range partners {
		at := i / groupLanes * groupLanes
		for quarter := range all {
			want := uint16(words[from+quarter/quarters] >> (quarter % quarters * quarterBits))
			if lanes[at*all+quarter*groupWidth(n, at)+i-at] != want {
				t.Fatalf("%d trees from %d on, %d partners: the lane of partner %d is other in quarter %d", trees, from, n, i, quarter)
			}
		}
	}
	return lanes
}

// oneOf returns any one bit of w, none of 0.
func oneOf(rng *rand.Rand, w uint64) uint64 {
	for range rng.IntN(max(bits.OnesCount64(w), 1)) {
		w &= w - 1
	}
	return w & -w
}
