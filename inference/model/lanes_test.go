package model

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// TestVectors says which vectors the other tests force, in turn.
func TestVectors(t *testing.T) {
	if all := append(vectorsHere(), NoVectors); HasVectors() != all[0] {
		t.Errorf("%s is chosen of %s", HasVectors(), all)
	}
	for _, v := range []Vectors{AVX512, AVX2} {
		t.Run(string(v), func(t *testing.T) {
			if !slices.Contains(vectorsHere(), v) {
				t.Skipf("SKIPPED: this processor has no %s; nothing here tests it", v)
			}
			for _, bit := range []int{0, 1, 7, 8, 15} {
				if v.place(bit) < 0 || v.place(bit) >= quarterBits {
					t.Errorf("bit %d is looked up at %d", bit, v.place(bit))
				}
			}
		})
	}
}

// forLanes draws a model that lanes take, and auctions about partners of whom
// all are known beforehand.
func forLanes(rng *rand.Rand, trees, leaves, features, partners int) (*Model, auction, func() float32) {
	threshold := func() float32 { return float32(rng.IntN(40)-20) / 4 }
	var b builder
	for range trees {
		one := randomTree(rng, 1+rng.IntN(leaves), features, threshold)
		if err := b.add(one); err != nil {
			panic(err)
		}
	}
	m := &Model{features: features, forest: b.forest(), base: float32(rng.NormFloat64()), baseLast: rng.IntN(2) == 0}
	value := func() float32 {
		if rng.IntN(6) == 0 {
			return float32(math.NaN())
		}
		return threshold()
	}
	a := auction{request: make([]float32, features), of: Auctions{Dependence: make([]Dependence, features), Partners: partners}}
	for f := range features {
		a.of.Dependence[f] = OnRequest
		if f%3 == 0 {
			a.of.Dependence[f] = OnPartner
		}
		a.request[f] = value()
	}
	for range partners {
		row := make([]float32, features)
		for f := range row {
			row[f] = value()
		}
		a.known = append(a.known, row)
	}
	a.of.Partner = func(row []float32, key uint32) { copy(row, a.known[key]) }
	return m, a, value
}

// list asks about n of the partners, in any order.
func (a *auction) list(rng *rand.Rand, n int) {
	a.keys, a.rows = nil, nil
	for range n {
		key := rng.IntN(len(a.known))
		row := slices.Clone(a.request)
		for f, d := range a.of.Dependence {
			if d == OnPartner {
				row[f] = a.known[key][f]
			}
		}
		a.keys, a.rows = append(a.keys, uint32(key)), append(a.rows, row...)
	}
}

// However many partners, and whether their list is kept or not: the bits of the
// naive walk.
func TestLanesOfAnyNumber(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, trees := range []int{1, 8, 9, 65, treesAtOnce + 9} {
		m, a, _ := forLanes(rng, trees, maskBits, 9, 200)
		for _, n := range []int{1, 2, 3, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 40, 47, 48, 49, 63, 64, 65, 130} {
			a.list(rng, n)
			agree(t, m, a)
		}
	}
}

// Leaves of -0 leave a sum of -0 as it is, and so do lanes that have no leaf in
// a quarter.
func TestLanesKeepMinusZero(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	m, a, _ := forLanes(rng, 40, maskBits, 6, 64)
	minus := float32(math.Copysign(0, -1))
	for i := range m.forest.nodes {
		if n := &m.forest.nodes[i]; n.left == uint32(i) {
			n.value = minus
		}
	}
	m.base, m.baseLast = minus, false
	for _, n := range []int{1, 20, 64} {
		a.list(rng, n)
		agree(t, m, a)
	}
	if v := m.Margin(a.rows[:m.features]); v != 0 || !math.Signbit(float64(v)) {
		t.Error("the walk itself loses the sign")
	}
}

// Whatever the trees, the partners and the numbers, lists kept or not, with
// strangers among them or not: the bits of the naive walk.
func FuzzLanes(f *testing.F) {
	f.Add(uint64(1), uint16(200), uint8(64), uint8(25), uint8(20))
	f.Add(uint64(2), uint16(1), uint8(1), uint8(1), uint8(1))
	f.Add(uint64(3), uint16(treesAtOnce+20), uint8(33), uint8(70), uint8(255))
	f.Add(uint64(4), uint16(60), uint8(63), uint8(250), uint8(30)) // more rows than are narrowed at once
	f.Fuzz(func(t *testing.T, seed uint64, trees uint16, leaves, features, partners uint8) {
		rng := rand.New(rand.NewPCG(seed, 1))
		m, a, value := forLanes(rng, 1+int(trees%(treesAtOnce+40)), 1+int(leaves%maskBits), 1+int(features), 1+int(partners))
		a.list(rng, 1+rng.IntN(mostLanes+10))
		agree(t, m, a)
		for range rng.IntN(5) {
			a.add(rng, value)
		}
		agree(t, m, a)
	})
}

// A list is laid out when it is asked for twice, gives way to none that is asked
// for less, and the memory of all is bounded.
func TestKeptLists(t *testing.T) {
	k := newKept(0)
	k.spots = k.spots[:2] // any list may be in either
	of := func(key uint32) []uint32 { return []uint32{key, key + 1} }
	ask := func(key uint32, there, wanted bool) {
		t.Helper()
		found, free := k.find(of(key))
		if (found != nil) != there || (free != nil) != wanted {
			t.Fatalf("list %d: there %v, wanted %v", key, found != nil, free != nil)
		}
	}
	other := uint32(1)
	for at := func(key uint32) uint64 { return hashKeys(of(key)) >> 56 }; at(other) != at(0); other++ {
	}
	ask(0, false, false)
	ask(other, false, false)
	ask(0, false, false) // another was between
	ask(0, false, true)
	for i := range k.spots {
		k.spots[i].list.Store(&list{keys: of(uint32(100 + i))})
	}
	for range 3 {
		ask(100, true, false)
		ask(101, true, false)
		ask(0, false, false) // both are asked for, as often
	}
	ask(0, false, true)
	ask(100, true, false)
	ask(101, true, false)
	for key := range uint32(20) { // wherever it is, it is found
		for i := range k.spots {
			k.spots[i].list.Store(&list{keys: of(key)})
			k.spots[1-i].list.Store(nil)
			ask(key, true, false)
		}
	}
	before := k.bytes()
	if k.spots[0].list.Store(&list{keys: of(0), lanes: make([]uint16, 1000)}); k.bytes() < before+2000 || k.bytes() > before+2100 {
		t.Errorf("1,000 lanes take %d bytes", k.bytes()-before)
	}
	for _, trees := range []int{1, 200, 10_000} {
		laid := trees * quarters * 24 * 2
		if n := len(newKept(laid).spots); n < fewestKept || n > mostKept || n > fewestKept && n*laid > maxKeptBytes {
			t.Errorf("%d trees: %d lists", trees, n)
		}
	}
}

// Lists have hashes of their own, in whichever place and order their keys are.
func TestHashKeys(t *testing.T) {
	seen := map[uint64][]uint32{}
	for i := range uint32(20) {
		for j := range uint32(20) {
			for _, keys := range [][]uint32{{i, j}, {i, j, 7}, {7, i, j}, {i, 7, 7, j}} {
				if other, is := seen[hashKeys(keys)]; is && !slices.Equal(other, keys) {
					t.Fatalf("%v and %v have one hash", other, keys)
				}
				seen[hashKeys(keys)] = keys
			}
		}
	}
}

// Of lists of 20 partners, which take 24 lanes of two bytes for each quarter,
// as many are kept as fit a MiB.
func TestKeptFitTheirBudget(t *testing.T) {
	m := complete200x6()
	for _, v := range vectorsHere() {
		if n, want := len(newLanes(&m.forest, m.features, parts{partner: []int{0}}, ending{}, v).kept.spots), 1<<20/(200*4*24*2); n != want {
			t.Errorf("%d lists of 200 trees, want %d", n, want)
		}
	}
}

// Requests of many goroutines, about lists that push each other out, all see
// the right lanes.
func TestKeptListsAreShared(t *testing.T) {
	for _, v := range vectorsHere() {
		rng := rand.New(rand.NewPCG(11, 12))
		m, a, _ := forLanes(rng, 30, maskBits, 6, 100)
		s := m.prepare(Lanes, v, a.of)
		var all sync.WaitGroup
		for g := range 4 {
			rng := rand.New(rand.NewPCG(13, uint64(g)))
			lists := make([]auction, 40)
			for i := range lists {
				lists[i] = a
				lists[i].list(rng, 1+rng.IntN(64))
			}
			all.Go(func() {
				var scratch Scratch
				out := make([]float32, mostLanes)
				for range 400 {
					one := lists[min(rng.IntN(len(lists)), rng.IntN(len(lists)))]
					for range 1 + rng.IntN(3) {
						s.Begin(&scratch, one.request)
						s.Margins(&scratch, Batch{Keys: one.keys, Rows: one.rows, Out: out[:len(one.keys)]})
						for i := range one.keys {
							if want := m.Margin(one.rows[i*m.features : (i+1)*m.features]); !sameBits(out[i], want) {
								t.Errorf("%s: %v, want %v", v, out[i], want)
								return
							}
						}
					}
				}
			})
		}
		all.Wait()
		if kept := s.tables.(*lanes).kept; kept.bytes() > maxKeptBytes*2+len(kept.spots)*512 {
			t.Errorf("%d bytes are kept", kept.bytes())
		}
	}
}

// Lanes are chosen where the trees allow them and the processor has vectors. What
// the trees allow is told the same everywhere.
func TestLanesAreChosen(t *testing.T) {
	rng := rand.New(rand.NewPCG(14, 15))
	big, a, _ := forLanes(rng, fewestTrees, maskBits, 6, 20)
	small, _, _ := forLanes(rng, fewestTrees-1, maskBits, 6, 20)
	deep, _, _ := forLanes(rng, fewestTrees, 30*maskBits, 6, 20)
	asked := a.of
	asked.Dependence = slices.Repeat([]Dependence{OnRequest}, 6)
	crossed := a.of
	crossed.Dependence = make([]Dependence, 6) // of request and partner together
	two, err := Ensemble([]*Model{big, big})
	if err != nil {
		t.Fatal(err)
	}
	mixed, err := Ensemble([]*Model{big, small})
	if err != nil {
		t.Fatal(err)
	}
	turned, err := Ensemble([]*Model{small, big})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		m       *Model
		of      Auctions
		without Evaluator // vectors
		with    Evaluator
	}{
		{"as many trees as are worth it", big, a.of, Memo, Lanes},
		{"fewer", small, a.of, Memo, Memo},
		{"trees of more leaves", deep, a.of, Flat, Flat},
		{"features of both", big, crossed, Masks, Lanes},
		{"features of the request alone", big, asked, Masks, Masks},
		{"nobody known", big, Auctions{Dependence: a.of.Dependence}, Masks, Masks},
		{"an ensemble", two, a.of, Memo, Lanes},
		{"of which one has few", mixed, a.of, Memo, Memo},
		{"of which the first has few", turned, a.of, Memo, Memo},
	} {
		for _, v := range append(vectorsHere(), NoVectors) {
			s, want, vectors := tt.m.PrepareFor(v, tt.of), tt.with, v
			if v == NoVectors {
				want = tt.without
			}
			if want != Lanes {
				vectors = NoVectors
			}
			if s.Evaluator() != want || s.Allowed() != tt.with || s.Vectors() != vectors {
				t.Errorf("%s, %s: %s in %s, allowed %s, want %s", tt.name, v, s.Evaluator(), s.Vectors(), s.Allowed(), want)
			}
		}
	}
}
