package model

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// way is one way to score.
type way struct {
	evaluator Evaluator
	vectors   Vectors
}

func (w way) String() string { return fmt.Sprintf("%s, vectors %s", w.evaluator, w.vectors) }

// ways returns those that take m in such auctions, by what they say, and of the
// vectors all that the processor has.
func ways(m *Model, of Auctions) []way {
	list := []way{{Walk, NoVectors}}
	if m.members != nil {
		list = append(list, way{m.Evaluator(), NoVectors})
		for _, v := range vectorsHere() {
			list = append(list, way{m.Evaluator(), v})
		}
		return list
	}
	if takenByFlat(&m.forest, m.features) {
		list = append(list, way{Flat, NoVectors})
	}
	if takenByMasks(&m.forest, m.features) {
		list = append(list, way{Masks, NoVectors}, way{Memo, NoVectors})
	}
	if of.Partners > 0 && takenByLanes(&m.forest, m.features, m.parts(of)) {
		for _, v := range vectorsHere() {
			list = append(list, way{Lanes, v})
		}
	}
	return list
}

// auction is a request and the rows of some partners, who are known beforehand
// up to a point.
type auction struct {
	request []float32
	rows    []float32
	keys    []uint32
	of      Auctions
	known   [][]float32
}

const unread = -12345.5

// newAuction draws what decides the features, and mixes rows that fit from
// the values of others. Columns that must not be read hold nonsense.
func newAuction(rng *rand.Rand, features, partners int, value func() float32) auction {
	a := auction{request: make([]float32, features), of: Auctions{Dependence: make([]Dependence, features)}}
	first := Dependence(rng.IntN(2)) // none on both, as lanes want it, or some
	for f := range features {
		a.of.Dependence[f] = first + Dependence(rng.IntN(int(OnPartner-first)+1))
		a.request[f] = value()
	}
	a.of.Partners = rng.IntN(partners + 1)
	for range a.of.Partners {
		row := make([]float32, features)
		for f := range row {
			row[f] = value()
		}
		a.known = append(a.known, row)
	}
	a.of.Partner = func(row []float32, key uint32) { copy(row, a.known[key]) }
	for range partners {
		a.add(rng, value)
	}
	return a
}

// add adds the row of a partner, known or not.
func (a *auction) add(rng *rand.Rand, value func() float32) {
	key, known := uint32(Stranger), a.request
	if n := len(a.known); n > 0 && rng.IntN(3) > 0 {
		i := rng.IntN(n)
		key, known = uint32(i), a.known[i]
	}
	row := make([]float32, len(a.request))
	for f := range row {
		switch a.of.Dependence[f] {
		case OnRequest:
			row[f] = a.request[f]
		case OnPartner:
			if row[f] = known[f]; key == Stranger {
				row[f] = value()
			}
		case OnBoth:
			row[f] = value()
		}
	}
	a.keys, a.rows = append(a.keys, key), append(a.rows, row...)
}

// hidden returns the request and the rows without what the scorer must not read.
func (a *auction) hidden(s *Scorer) (request, rows []float32) {
	request, rows = slices.Clone(a.request), slices.Clone(a.rows)
	for i := range rows {
		f := i % len(request)
		d, known := a.of.Dependence[f], int64(a.keys[i/len(request)]) < int64(s.Known())
		if d == OnRequest || d == OnPartner && known {
			rows[i] = unread
		}
	}
	for f, d := range a.of.Dependence {
		if d != OnRequest {
			request[f] = unread
		}
	}
	return request, rows
}

// agree scores the auction in all ways that take m and wants the bits of the
// naive walk.
func agree(t *testing.T, m *Model, a auction) {
	t.Helper()
	for _, w := range ways(m, a.of) {
		of := a.of
		if w.evaluator == Masks {
			of.Partners = 0
		}
		s := m.prepare(w.evaluator, w.vectors, of)
		request, rows := a.hidden(s)
		var scratch Scratch
		out := make([]float32, len(a.keys))
		scores := make([]float32, len(a.keys))
		for range 3 { // then in a scratch that was used, and about a list that is kept
			s.Begin(&scratch, request)
			s.Margins(&scratch, Batch{Keys: a.keys, Rows: rows, Out: out})
			s.Scores(&scratch, Batch{Keys: a.keys, Rows: rows, Out: scores})
		}
		for i, got := range out {
			row := a.rows[i*m.features : (i+1)*m.features]
			want := m.Margin(row)
			if m.members == nil {
				want = m.naive(row)
			}
			if !sameBits(got, want) || !sameBits(scores[i], m.Score(row)) {
				t.Fatalf("%s: row %d, key %d, %v: margin %v and score %v, a plain walk gives %v and %v",
					w, i, a.keys[i], row, got, scores[i], want, m.Score(row))
			}
		}
	}
}

func sameBits(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

// Every model that was really trained, in every way that takes it.
func TestEvaluatorsOnFixtures(t *testing.T) {
	stems, err := filepath.Glob("testdata/v*.rows")
	if err != nil || len(stems) < 40 {
		t.Fatalf("found %d models: %v", len(stems), err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for _, path := range stems {
		var values []float32
		for _, a := range readAnswers(t, path) {
			values = append(values, a.row...)
		}
		m, err := Parse(read(t, savedAs(t, strings.TrimSuffix(path, ".rows"))[0]))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(ways(m, Auctions{})); n < 3 {
			t.Errorf("%s: %d evaluators", path, n)
		}
		for range 10 {
			agree(t, m, newAuction(rng, m.features, 9, func() float32 { return values[rng.IntN(len(values))] }))
		}
	}
}

// randomModel has trees of any shape, with few thresholds and thus many ties.
func randomModel(rng *rand.Rand, trees, leaves, features int) (*Model, func() float32) {
	special := []float32{0, float32(math.Copysign(0, -1)), 1, math.SmallestNonzeroFloat32, math.MaxFloat32, float32(math.Inf(1)), float32(math.Inf(-1))}
	threshold := func() float32 {
		if rng.IntN(8) == 0 {
			return special[rng.IntN(len(special))]
		}
		return float32(rng.IntN(40)-20) / 4
	}
	var b builder
	sets, wide := rng.IntN(3) == 0, rng.IntN(3) == 0
	for range trees {
		t := randomTree(rng, 1+rng.IntN(leaves), features, threshold)
		if sets {
			t.addSets(rng, threshold)
		}
		if wide {
			for range t.Left {
				t.wide = append(t.wide, rng.NormFloat64())
			}
		}
		if err := b.add(t); err != nil {
			panic(err)
		}
	}
	m := &Model{features: features, link: link(rng.IntN(int(step) + 1)), forest: b.forest(), slope: rng.Float64(), divisor: float64(1 + rng.IntN(9))}
	if !wide {
		m.base, m.baseLast = float32(rng.NormFloat64()), rng.IntN(2) == 0
	}
	return m, func() float32 {
		switch rng.IntN(6) {
		case 0:
			return float32(math.NaN())
		case 1:
			return float32(rng.NormFloat64())
		}
		return threshold()
	}
}

// addSets makes some splits ask for sets, empty ones included.
func (t *tree) addSets(rng *rand.Rand, border func() float32) {
	for i := range t.Left {
		if t.Left[i] == leaf || rng.IntN(3) > 0 {
			continue
		}
		borders := make([]float32, rng.IntN(7))
		for j := range borders {
			borders[j] = border()
		}
		slices.Sort(borders)
		t.setCuts(int32(i), borders)
	}
}

// randomTree splits random leaves until there are enough.
func randomTree(rng *rand.Rand, leaves, features int, threshold func() float32) *tree {
	t := &tree{}
	t.node(leaf, leaf)
	tips := []int{0}
	for len(tips) < leaves {
		i := rng.IntN(len(tips))
		if rng.IntN(4) == 0 {
			i = len(tips) - 1 // deep trees, too
		}
		at := tips[i]
		t.Left[at], t.Right[at] = int32(len(t.Left)), int32(len(t.Left)+1)
		t.node(leaf, leaf)
		t.node(leaf, leaf)
		tips[i] = len(t.Left) - 2
		tips = append(tips, len(t.Left)-1)
	}
	for i := range t.Left {
		t.Feature[i], t.Value[i], t.DefaultLeft[i] = int32(rng.IntN(features)), float32(rng.NormFloat64()), rng.IntN(2) == 0
		if t.Left[i] != leaf {
			t.Value[i] = threshold()
		}
	}
	return t
}

// Whatever the model, whatever decides its features and whatever the numbers:
// all evaluators give the bits of the naive walk.
func FuzzEvaluators(f *testing.F) {
	f.Add(uint64(1), uint8(20), uint16(64), uint8(6))
	f.Add(uint64(2), uint8(9), uint16(63), uint8(1))
	f.Add(uint64(3), uint8(33), uint16(1), uint8(3))
	f.Add(uint64(4), uint8(1), uint16(65), uint8(2))
	f.Add(uint64(5), uint8(17), uint16(1000), uint8(25))
	f.Add(uint64(6), uint8(255), uint16(64), uint8(200))
	f.Fuzz(func(t *testing.T, seed uint64, trees uint8, leaves uint16, features uint8) {
		rng := rand.New(rand.NewPCG(seed, 0))
		m, value := randomModel(rng, int(trees), 1+int(leaves%2048), 1+int(features))
		if seed%4 == 0 {
			second, _ := randomModel(rng, int(trees)/2, 64, m.features)
			var err error
			if m, err = Ensemble([]*Model{m, second, m}); err != nil {
				t.Fatal(err)
			}
		}
		agree(t, m, newAuction(rng, m.features, 11, value))
	})
}

func TestChoosesEvaluator(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	model := func(features int, trees ...*tree) *Model {
		var b builder
		for _, t := range trees {
			if err := b.add(t); err != nil {
				panic(err)
			}
		}
		return &Model{features: features, forest: b.forest()}
	}
	many := func(n int) *tree { // of one feature
		cut := float32(0)
		return randomTree(rng, n, 1, func() float32 { cut++; return cut })
	}
	var cuts []*tree
	for range 16 {
		cuts = append(cuts, many(MaxLeaves))
	}
	cuts = append(cuts, many(15), many(2))
	for i, t := range cuts {
		for j := range t.Value {
			t.Value[j] += float32(i * MaxLeaves)
		}
	}
	for _, tt := range []struct {
		name string
		m    *Model
		want Evaluator
	}{
		{"64 leaves", model(1, bushy(64), vine(63)), Masks},
		{"a tree of 65 leaves", model(1, bushy(64), bushy(65)), Flat},
		{"no tree", model(1), Masks},
		{"512 features", model(512, bushy(65)), Flat},
		{"513 features", model(513, bushy(65)), Walk},
		{"513 features, 64 leaves", model(513, bushy(64)), Masks},
		{"65,535 cuts of one feature", model(1, cuts...), Walk},
		{"65,534 cuts of one feature", model(1, cuts[:17]...), Flat},
		{"sets that need 8 MiB", model(1, bySets(1024, 1024)...), Masks},
		{"sets that need more", model(1, bySets(1024, 1025)...), Walk},
	} {
		if got := tt.m.Evaluator(); got != tt.want || tt.m.Prepare(Auctions{}).Evaluator() != got {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	m := model(2, bushy(64)) // splits feature 0 only
	for _, tt := range []struct {
		of    Dependence
		known int
		want  Evaluator
	}{{OnPartner, 2, Memo}, {OnRequest, 0, Masks}, {OnBoth, 0, Masks}} {
		s := m.Prepare(Auctions{Dependence: []Dependence{tt.of, OnPartner}, Partners: 2, Partner: func([]float32, uint32) {}})
		if s.Evaluator() != tt.want || s.Known() != tt.known {
			t.Errorf("%d: %s, %d known", tt.of, s.Evaluator(), s.Known())
		}
	}
}

// bySets are trees of one split by a set, which together have so many borders.
func bySets(trees, borders int) (list []*tree) {
	for i := range trees {
		one := bushy(2)
		one.setCuts(0, []float32{float32(i)})
		if i == 0 {
			for extra := range borders - trees {
				one.cuts[0] = append(one.cuts[0], float32(trees+extra))
			}
		}
		list = append(list, one)
	}
	return list
}

// What a model and a scorer say that they occupy is what the heap grows by, for
// which the runtime rounds up.
func TestMemoryIsKnown(t *testing.T) {
	rng := rand.New(rand.NewPCG(20, 21))
	alike := slices.Repeat([]*tree{bushy(2), bushy(2)}, 2000) // so that there are few rows
	alike[1].Feature[0] = 24
	for name, trees := range map[string][]*tree{
		"alike": alike, "complete": slices.Repeat([]*tree{bushy(64)}, 500), "leaves": slices.Repeat([]*tree{vine(0)}, 9900),
		"sets": bySets(1023, 1023), "large sets": bySets(100, 50_000), "wide": wide(rng, slices.Repeat([]*tree{bushy(64)}, 500)),
	} {
		t.Run(name, func(t *testing.T) {
			var b builder
			for _, one := range trees {
				for i := 0; name != "alike" && i < len(one.Feature); i++ {
					one.Feature[i], one.Value[i] = int32(rng.IntN(25)), float32(rng.NormFloat64())
				}
				if err := b.add(one); err != nil {
					t.Fatal(err)
				}
			}
			m := &Model{features: 25}
			grows(t, "the model", func() (any, int64) { m.forest = b.forest(); return m, m.MemoryBytes() })
			runtime.KeepAlive(b)
			a := newAuctions(m, 5, func(f int) float32 { return float32(f) })
			for _, w := range ways(m, a.of)[1:] { // the first shares the model's own memory
				grows(t, w.String(), func() (any, int64) { s := m.prepare(w.evaluator, w.vectors, a.of); return s, s.MemoryBytes() })
			}
		})
	}
}

func grows(t *testing.T, name string, make func() (made any, said int64)) {
	t.Helper()
	before := heap()
	made, said := make()
	if grown := heap() - before; grown > said*110/100+16<<10 || said > grown*101/100 {
		t.Errorf("%s: says %d bytes, the heap grew by %d", name, said, grown)
	}
	runtime.KeepAlive(made)
}

func wide(rng *rand.Rand, trees []*tree) []*tree {
	for _, one := range trees {
		for len(one.wide) < len(one.Left) {
			one.wide = append(one.wide, rng.NormFloat64())
		}
	}
	return trees
}

func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC() // of what pools held until the first
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func TestScorersDoNotAllocate(t *testing.T) {
	m := complete200x6()
	a := newAuctions(m, 5, func(f int) float32 { return float32(f) })
	keys, out := []uint32{0, 3, Stranger, 1, 2}, make([]float32, 5)
	for _, w := range ways(m, a.of) {
		s := m.prepare(w.evaluator, w.vectors, a.of)
		var scratch Scratch
		if n := testing.AllocsPerRun(100, func() {
			s.Begin(&scratch, a.rows)
			s.Scores(&scratch, Batch{Keys: keys, Rows: a.rows, Out: out})
		}); n != 0 {
			t.Errorf("%s: %v allocations", w, n)
		}
	}
}

// A tree is as deep as its deepest leaf, on whichever side.
func TestDepth(t *testing.T) {
	var b builder
	if err := errors.Join(b.add(vine(0)), b.add(vine(63)), b.add(bushy(64)), b.add(mirrored(vine(63)))); err != nil {
		t.Fatal(err)
	}
	f := b.forest()
	for i, want := range []uint16{0, 63, 6, 63} {
		if got := f.depth(i); got != want {
			t.Errorf("tree %d: depth %d, want %d", i, got, want)
		}
	}
}

// mirrored swaps left and right.
func mirrored(t *tree) *tree {
	t.Left, t.Right = t.Right, t.Left
	return t
}

// Rows take no more than their budget, and most of what it allows.
func TestRowsFillTheirBudget(t *testing.T) {
	const trees, leaves, features = 5000, 32, 10
	rng := rand.New(rand.NewPCG(22, 23))
	var b builder
	for range trees {
		if err := b.add(randomTree(rng, leaves, features, rng.Float32)); err != nil {
			t.Fatal(err)
		}
	}
	const budget = trees * (leaves - 1) * splitRowBytes // which is more than the least that rows may always take
	f, p := b.forest(), parts{request: []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}
	masks := newMasks(&f, features, p, ending{})
	if n := masks.rowBytes; n > budget || n < budget*4/10 {
		t.Errorf("masks have %d bytes of rows, %d are allowed", n, budget)
	}
	for _, v := range vectorsHere() {
		if n := 8 * len(newLanes(&f, features, p, ending{}, v).rows); n > budget || n < budget*4/10 {
			t.Errorf("lanes have %d bytes of rows, %d are allowed", n, budget)
		}
	}
}

// What is kept of partners is bounded; the others are made as they come.
func TestMemoIsBounded(t *testing.T) {
	var b builder
	for range 4096 {
		if err := b.add(bushy(2)); err != nil {
			t.Fatal(err)
		}
	}
	m := &Model{features: 1, forest: b.forest()}
	a := Auctions{Dependence: []Dependence{OnPartner}, Partners: 1000, Partner: func(row []float32, key uint32) { row[0] = -1 }}
	for _, v := range []Vectors{NoVectors, HasVectors()} {
		if s := m.PrepareFor(v, a); s.Known() != 512 || s.MemoryBytes() > maxMemoBytes+4<<20 {
			t.Errorf("%d known in %d bytes", s.Known(), s.MemoryBytes())
		}
	}
	agree(t, m, auction{request: []float32{0}, rows: []float32{-1, -1, 1}, keys: []uint32{511, 512, Stranger}, of: a})
}

func TestPreparePanicsOnWrongLengths(t *testing.T) {
	m := &Model{features: 2, forest: (&builder{}).forest()}
	defer func() {
		if recover() == nil {
			t.Error("took three dependences for two features")
		}
	}()
	m.Prepare(Auctions{Dependence: make([]Dependence, 3)})
}
