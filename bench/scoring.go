package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"

	"github.com/sluicehq/sluice/inference/model"
)

// The model and the auctions of every row that scores.
const (
	benchTrees      = 200
	benchDepth      = 6
	requestFeatures = 20
	partnerFeatures = 5
	benchFeatures   = requestFeatures + partnerFeatures
	benchPartners   = 20

	auctionsPerTurn = 128 // so that caches are warm for most of them
	scoringTurns    = 25
)

// errNoOthers is why nothing else is compared with.
var errNoOthers = errors.New("skipped: no Python with xgboost and tl2cgen, which make bench installs (PYTHON=), or no gcc")

// rivals are two ways to score the same auctions.
type rivals struct {
	f      *forest
	m      *model.Model
	of     model.Auctions
	known  [][]float32 // rows of partners
	values []float32   // the model's thresholds, some of which auctions hit exactly

	request func(rng *rand.Rand) []float32 // draws what all rows of an auction share
}

func newRivals(trees, depth int) (*rivals, error) {
	r := &rivals{f: newForest(1, trees, depth, benchFeatures)}
	var err error
	if r.m, err = model.Parse(r.f.json()); err != nil {
		return nil, err
	}
	for _, n := range r.f.trees[0] {
		if n.feature >= 0 {
			r.values = append(r.values, n.value)
		}
	}
	rng := rand.New(rand.NewPCG(2, 2))
	r.of = model.Auctions{Dependence: make([]model.Dependence, benchFeatures), Partners: benchPartners}
	for i := range r.of.Dependence {
		r.of.Dependence[i] = model.OnRequest
		if i >= requestFeatures {
			r.of.Dependence[i] = model.OnPartner
		}
	}
	for range benchPartners {
		r.known = append(r.known, r.draw(rng, benchFeatures))
	}
	r.request = func(rng *rand.Rand) []float32 { return r.draw(rng, requestFeatures) }
	r.of.Partner = func(row []float32, key uint32) { copy(row[requestFeatures:], r.known[key][requestFeatures:]) }
	return r, nil
}

// draw returns a row: a tenth is missing, and a tenth ties with a threshold.
func (r *rivals) draw(rng *rand.Rand, n int) []float32 {
	row := make([]float32, n)
	for i := range row {
		switch rng.IntN(10) {
		case 0:
			row[i] = float32(math.NaN())
		case 1:
			row[i] = r.values[rng.IntN(len(r.values))]
		default:
			row[i] = float32(rng.NormFloat64())
		}
	}
	return row
}

// auctions returns whole rows, those of one auction after those of the other.
func (r *rivals) auctions(seed uint64, n int) []float32 {
	rng := rand.New(rand.NewPCG(3, seed))
	var rows []float32
	for range n {
		request := r.request(rng)
		for _, partner := range r.known {
			rows = append(append(rows, request...), partner[requestFeatures:]...)
		}
	}
	return rows
}

// scorer fills out with the margins of the rows of one auction.
type scorer func(rows, out []float32)

func (r *rivals) naive(rows, out []float32) {
	for i := range out {
		out[i] = r.f.margin(rows[i*benchFeatures:][:benchFeatures])
	}
}

// prepared is what serves: the fastest evaluator that takes the model.
func (r *rivals) prepared(of model.Auctions) (scorer, model.Evaluator) {
	s := r.m.Prepare(of)
	var scratch model.Scratch
	keys := make([]uint32, benchPartners)
	for i := range keys {
		keys[i] = uint32(i)
	}
	return func(rows, out []float32) {
		s.Begin(&scratch, rows)
		s.Margins(&scratch, model.Batch{Keys: keys, Rows: rows, Out: out})
	}, s.Evaluator()
}

// race has both score the same auctions in turn. It returns nanoseconds per
// (request, partner) row and how many rows differed.
func (r *rivals) race(ours, other scorer, turns int) (a, b []float64, different int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const size = benchPartners * benchFeatures
	got, want := make([]float32, auctionsPerTurn*benchPartners), make([]float32, auctionsPerTurn*benchPartners)
	turn := func(score scorer, rows, out []float32) float64 {
		start := cpuOf(thread)
		for i := range auctionsPerTurn {
			score(rows[i*size:][:size], out[i*benchPartners:][:benchPartners])
		}
		return float64(cpuOf(thread)-start) / float64(len(out))
	}
	for n := range turns {
		rows := r.auctions(uint64(n), auctionsPerTurn)
		a = append(a, turn(ours, rows, got))
		b = append(b, turn(other, rows, want))
		for i := range got {
			if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
				different++
			}
		}
	}
	return a, b, different
}

// scoring measures evaluators against the naive walk and what else scores trees.
func scoring(ctx context.Context, python string) ([]row, error) {
	bench, err := newRivals(benchTrees, benchDepth)
	if err != nil {
		return nil, err
	}
	deep, err := newRivals(benchTrees, benchDepth+1) // too many leaves for masks
	if err != nil {
		return nil, err
	}
	fast, is := bench.prepared(bench.of)
	if is != fastest() {
		return nil, fmt.Errorf("the evaluator of 200 trees of depth 6 is %s", is)
	}
	flat, is := deep.prepared(deep.of)
	if is != model.Flat {
		return nil, fmt.Errorf("the evaluator of trees of depth 7 is %s", is)
	}
	a, b, wrongFlat := deep.race(flat, deep.naive, scoringTurns)
	rows := []row{faster("general walk (flat, depth 7), to the naive walk", "ns/row", a, b, "3.7x", 2.5)}
	a, b, wrong := bench.race(fast, bench.naive, scoringTurns)
	rows = append(rows, faster("20 partners of one request, to the naive walk", "ns/row", a, b, "24x", 12))
	against, wrongOthers, err := others(ctx, python)
	if err != nil {
		return nil, err
	}
	equal := row{
		name: "margins of ties and missing values that differ from the naive walk, and from XGBoost where it is there", unit: "rows", attainable: "0", atMost: true,
		ours: math.NaN(), other: math.NaN(), value: float64(wrong + wrongFlat + wrongOthers),
	}
	return append(append([]row{equal}, rows...), against...), nil
}

// others measures trained trees against what one could pick today. Compiled
// trees add in another order, so that their margins are not compared.
func others(ctx context.Context, python string) (rows []row, wrong int, err error) {
	bench, err := trainedRivals(benchTrees)
	if err != nil {
		return nil, 0, err
	}
	fast, _ := bench.prepared(bench.of)
	names := [...]string{"trained trees, 20 partners, to XGBoost's C API in batches of 20", "the same, to C that tl2cgen makes, by gcc -O2"}
	rows = []row{{name: names[0], attainable: "23x"}, {name: names[1], attainable: "20x"}}
	found, err := openOthers(ctx, python, bench.f)
	if errors.Is(err, errNoOthers) {
		rows[0].skipped, rows[1].skipped = err.Error(), err.Error()
		return rows, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer found.close()
	a, b, wrong := bench.race(fast, found.margins, scoringTurns)
	rows[0] = faster(names[0]+" ("+found.xgboost+")", "ns/row", a, b, "23x", 10)
	a, b, _ = bench.race(fast, found.compiled, scoringTurns)
	rows[1] = faster(names[1]+" ("+found.tl2cgen+")", "ns/row", a, b, "20x", 15)
	return rows, wrong, nil
}
