package release_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/inference/auction/world"
	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/model"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

// trained opens the releases that the repository carries: their contracts have
// features of the request, of the partner and of both.
func trained(t testing.TB) []*release.Release {
	t.Helper()
	paths, err := filepath.Glob("../../local/demo/models/*.tar.gz")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no models: %v", err)
	}
	var all []*release.Release
	for _, path := range paths {
		archive, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := release.Open(archive)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, r)
	}
	return all
}

// wide is a release whose trees have too many leaves for masks.
func wide(t testing.TB) *release.Release {
	t.Helper()
	r, err := release.Open(packWide(t, wideBooster(9, 128)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// packWide packs a booster of six features with a contract that has all kinds.
func packWide(t testing.TB, booster []byte) []byte {
	t.Helper()
	m := releasetest.Manifest(0)
	country := map[string]float32{"USA": 1, "DEU": -2, "": 3}
	m.Contract.Features = []feature.Feature{
		{Name: "a", Kind: feature.Number, Source: []string{"imp.bidfloor"}},
		{Name: "b", Kind: feature.Index, Source: []string{"partner"}, Vocabulary: []string{"arbora", "solvane"}},
		{Name: "c", Kind: feature.Table, Source: []string{"device.geo.country"}, Table: country},
		{Name: "d", Kind: feature.Table, Source: []string{"partner", "imp.format"}, Table: map[string]float32{"solvane|banner": 1, "|": 2, "arbora|video": -1}},
		{Name: "e", Kind: feature.Number, Source: []string{"hour"}},
		{Name: "f", Kind: feature.Table, Source: []string{"imp.format", "partner"}, Table: map[string]float32{"banner|solvane": 0.5}},
	}
	made, err := m.Contract.Compile()
	if err != nil {
		t.Fatal(err)
	}
	trees, err := model.Parse(booster)
	if err != nil {
		t.Fatal(err)
	}
	for i := range m.Golden {
		g := &m.Golden[i]
		r, err := feature.ParseJSON(g.Auction)
		if err != nil {
			t.Fatal(err)
		}
		r.SetTime(time.UnixMilli(g.TS))
		row := make([]float32, made.Len())
		made.Extract(row, &r, g.Partner)
		g.Features, g.Margin, g.Score = nil, trees.Margin(row), trees.Score(row)
		for _, v := range row {
			g.Features = append(g.Features, &v)
			if v != v {
				g.Features[len(g.Features)-1] = nil
			}
		}
	}
	return releasetest.Pack(m, booster)
}

// wideBooster has complete trees over six features.
func wideBooster(trees, leaves int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	var list []string
	for range trees {
		var left, right, of, value, missing []string
		for i := range 2*leaves - 1 {
			l, r := -1, -1
			if i < leaves-1 {
				l, r = 2*i+1, 2*i+2
			}
			left, right = append(left, fmt.Sprint(l)), append(right, fmt.Sprint(r))
			of, missing = append(of, fmt.Sprint(rng.IntN(6))), append(missing, fmt.Sprint(rng.IntN(2)))
			value = append(value, fmt.Sprint(float32(rng.IntN(25)-8)/4))
		}
		join := func(list []string) string { return "[" + strings.Join(list, ",") + "]" }
		list = append(list, `{"left_children":`+join(left)+`,"right_children":`+join(right)+`,"split_indices":`+join(of)+
			`,"split_conditions":`+join(value)+`,"default_left":`+join(missing)+`}`)
	}
	return []byte(`{"learner":{"feature_names":[],"gradient_booster":{"model":{"trees":[` + strings.Join(list, ",") +
		`]},"name":"gbtree"},"learner_model_param":{"base_score":"[5E-1]","num_class":"0","num_feature":"6","num_target":"1"},` +
		`"objective":{"name":"binary:logistic"}},"version":[3,2,0]}`)
}

// All partners of an auction at once score what each scores alone, known to
// the contract or not.
func TestScorerScoresAsTheModel(t *testing.T) {
	w := world.New(1)
	releases := append(trained(t), wide(t)) // one of the former cannot be proven, and is meant to
	if err := releases[len(releases)-1].Prove(); err != nil {
		t.Fatal(err)
	}
	for i, r := range releases {
		want := model.Memo
		if model.HasVectors() != model.NoVectors {
			want = model.Lanes
		}
		if i == len(releases)-1 {
			want = model.Flat
		}
		if r.Scorer.Evaluator() != want {
			t.Errorf("release %d: %s, want %s", i, r.Scorer.Evaluator(), want)
		}
		var scratch release.Scratch
		row := make([]float32, r.Features.Len())
		for n := range uint64(100) {
			a := w.Auction(n, world.Moment(n))
			partners := slices.Concat(a.Partners, []string{"", "stranger"}, a.Partners, a.Partners[:n%20])
			scores := make([]float32, len(partners))
			r.Scorer.Score(&scratch, &a.Request, keys(r, partners), scores)
			for j, p := range partners {
				r.Features.Extract(row, &a.Request, p)
				if want := r.Model.Score(row); math.Float32bits(scores[j]) != math.Float32bits(want) {
					t.Fatalf("release %d, auction %d, partner %q: %v, alone %v", i, n, p, scores[j], want)
				}
			}
		}
	}
}

func keys(r *release.Release, partners []string) []uint32 {
	var of []uint32
	for _, name := range partners {
		of = append(of, r.Scorer.Partner(name))
	}
	return of
}

func TestScorerDoesNotAllocate(t *testing.T) {
	w := world.New(1)
	for _, r := range append(trained(t)[:1], wide(t)) {
		a := w.Auction(1, world.Moment(1))
		scores := make([]float32, len(a.Partners))
		var scratch release.Scratch
		partners := keys(r, a.Partners)
		if n := testing.AllocsPerRun(100, func() { r.Scorer.Score(&scratch, &a.Request, partners, scores) }); n != 0 {
			t.Errorf("%s: %v allocations", r.Scorer.Evaluator(), n)
		}
	}
}

// BenchmarkScorer is an auction of 20 partners by a trained release, rows
// included, against one row after the other through the model, in turn.
func BenchmarkScorer(b *testing.B) {
	w := world.New(1)
	auctions := make([]world.Auction, 64)
	for n := range auctions {
		auctions[n] = w.Auction(uint64(n), world.Moment(uint64(n)))
	}
	r := trained(b)[0]
	var scratch release.Scratch
	scores, rows := make([]float32, world.PartnersPerAuction), make([]float32, world.PartnersPerAuction*r.Features.Len())
	partners := make([]uint32, world.PartnersPerAuction)
	var together, alone []time.Duration
	for b.Loop() {
		start := time.Now()
		for i := range auctions {
			for j, name := range auctions[i].Partners {
				partners[j] = r.Scorer.Partner(name)
			}
			r.Scorer.Score(&scratch, &auctions[i].Request, partners, scores)
		}
		middle := time.Now()
		for i := range auctions {
			r.Features.ExtractPartners(rows, &auctions[i].Request, auctions[i].Partners...)
			for j := range scores {
				scores[j] = r.Model.Score(rows[j*r.Features.Len():][:r.Features.Len()])
			}
		}
		together, alone = append(together, middle.Sub(start)), append(alone, time.Since(middle))
	}
	perAuction := func(turns []time.Duration) float64 { // the median turn is not interrupted
		slices.Sort(turns)
		return float64(turns[len(turns)/2]) / float64(len(auctions))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(perAuction(together), "ns/auction")
	b.ReportMetric(perAuction(alone), "walk-ns/auction")
	b.ReportMetric(perAuction(alone)/perAuction(together), "x-walk")
}

// BenchmarkOpen is what it takes to have a release of 200 trees of depth 6
// ready: unpacked, read, prepared and proven.
func BenchmarkOpen(b *testing.B) {
	archive := packWide(b, wideBooster(200, 64))
	b.ReportMetric(float64(len(archive))/1024, "KiB")
	for b.Loop() {
		r, err := release.Open(archive)
		if err == nil {
			err = r.Prove()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
