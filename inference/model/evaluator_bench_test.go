package model

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"
)

// The benchmarks play auctions in which 20 partners are asked: some requests by
// one evaluator, then some of them by the naive walk, in turns so short that
// the median turn of either is not interrupted. Compare the ratios, not the
// nanoseconds.
const (
	benchPartners = 20
	benchRequests = 32 // a turn
	naiveRequests = 4
	benchTurns    = 16
)

// auctions are many requests about the same partners.
type auctions struct {
	m    *Model
	of   Auctions
	rows []float32 // of all partners of all requests
}

// newAuctions draws requests; the last features are the partners'.
func newAuctions(m *Model, ofPartner int, value func(f int) float32) auctions {
	a := auctions{m: m, of: Auctions{Dependence: make([]Dependence, m.features), Partners: benchPartners}}
	known := make([][]float32, benchPartners)
	a.of.Partner = func(row []float32, key uint32) { copy(row, known[key]) }
	row := make([]float32, m.features)
	draw := func(from, to int) {
		for f := from; f < to; f++ {
			row[f] = value(f)
		}
	}
	split := m.features - ofPartner
	for f := range row {
		a.of.Dependence[f] = OnRequest
		if f >= split {
			a.of.Dependence[f] = OnPartner
		}
	}
	for p := range known {
		draw(split, m.features)
		known[p] = append([]float32{}, row...)
	}
	for range benchTurns * benchRequests {
		draw(0, split)
		for p := range benchPartners {
			a.rows = append(append(a.rows, row[:split]...), known[p][split:]...)
		}
	}
	return a
}

// against measures e and the naive walk in turn.
func (a auctions) against(b *testing.B, e Evaluator) {
	of := a.of
	if e == Masks {
		of.Partners = 0
	}
	s := a.m.prepare(e, HasVectors(), of)
	if s.Evaluator() != e {
		b.Fatalf("got %s", s.Evaluator())
	}
	var scratch Scratch
	keys, out := make([]uint32, benchPartners), make([]float32, benchPartners)
	for i := range keys {
		keys[i] = uint32(i)
	}
	size := benchPartners * a.m.features
	var ours, naive []time.Duration
	sum := float32(0)
	for b.Loop() {
		all := a.rows[len(ours)%benchTurns*benchRequests*size:][:benchRequests*size]
		start := time.Now()
		for rows := all; len(rows) > 0; rows = rows[size:] {
			s.Begin(&scratch, rows)
			s.Margins(&scratch, Batch{Keys: keys, Rows: rows[:size], Out: out})
			sum += out[0]
		}
		middle := time.Now()
		for rows := all[:naiveRequests*size]; len(rows) > 0; rows = rows[a.m.features:] {
			sum += a.m.naive(rows[:a.m.features])
		}
		ours, naive = append(ours, middle.Sub(start)), append(naive, time.Since(middle))
	}
	if sum == 0 {
		b.Fatal("all margins are 0")
	}
	perRow := func(turns []time.Duration, requests float64) float64 {
		slices.Sort(turns)
		return float64(turns[len(turns)/2]) / (requests * benchPartners)
	}
	b.ReportMetric(0, "ns/op") // which would be both together
	b.ReportMetric(perRow(ours, benchRequests), "ns/row")
	b.ReportMetric(perRow(naive, naiveRequests), "naive-ns/row")
	b.ReportMetric(perRow(naive, naiveRequests)/perRow(ours, benchRequests), "x-naive")
}

// BenchmarkEvaluators is the table of evaluators: 200 trees of depth 6 over 25
// features, five of them the partner's, complete and at random; and a model
// that was really trained.
func BenchmarkEvaluators(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	m := complete200x6()
	complete := newAuctions(m, 5, func(int) float32 {
		if rng.IntN(10) == 0 {
			return float32(math.NaN())
		}
		return float32(rng.NormFloat64())
	})
	m = trained(b)
	cuts := m.forest.thresholds(m.features)
	real := newAuctions(m, 4, func(f int) float32 {
		if len(cuts[f]) == 0 || rng.IntN(10) == 0 {
			return float32(math.NaN())
		}
		return cuts[f][rng.IntN(len(cuts[f]))]
	})
	for _, bench := range []struct {
		name string
		a    auctions
	}{{"complete", complete}, {"trained", real}} {
		for _, e := range []Evaluator{Walk, Flat, Masks, Memo, Lanes} {
			b.Run(bench.name+"/"+string(e), func(b *testing.B) { bench.a.against(b, e) })
		}
	}
}

// BenchmarkPrepare is what a swap adds to parsing, for the same models.
func BenchmarkPrepare(b *testing.B) {
	m := complete200x6()
	for _, e := range []Evaluator{Flat, Masks} {
		b.Run(string(e), func(b *testing.B) {
			for b.Loop() {
				m.prepare(e, NoVectors, Auctions{})
			}
			b.ReportMetric(float64(m.prepare(e, NoVectors, Auctions{}).MemoryBytes())/1024, "KiB")
		})
	}
}

// trained is the model of a release that the repository carries.
func trained(b *testing.B) *Model {
	f, err := os.Open("../../local/demo/models/better.tar.gz")
	if err != nil {
		b.Skip(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		b.Fatal(err)
	}
	for files := tar.NewReader(unzipped); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			b.Fatal("no model")
		}
		if err != nil {
			b.Fatal(err)
		}
		if h.Name != "xgboost-model" {
			continue
		}
		written, err := io.ReadAll(files)
		if err != nil {
			b.Fatal(err)
		}
		m, err := Parse(written)
		if err != nil {
			b.Fatal(err)
		}
		return m
	}
}

// complete200x6 is a model of random complete trees.
func complete200x6() *Model {
	rng := rand.New(rand.NewPCG(1, 2))
	const features = 25
	var b builder
	for range 200 {
		t := bushy(64)
		for i := range t.Left {
			t.Feature[i], t.Value[i], t.DefaultLeft[i] = int32(rng.IntN(features)), float32(rng.NormFloat64()), rng.IntN(2) == 0
		}
		if err := b.add(t); err != nil {
			panic(err)
		}
	}
	return &Model{features: features, forest: b.forest()}
}
