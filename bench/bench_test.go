package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/model"
	"github.com/sluicehq/sluice/inference/release"
)

// The reference must be right, or being faster than it means nothing.
func TestAllEvaluatorsAgree(t *testing.T) {
	for depth, want := range map[int]model.Evaluator{3: fastest(), 6: fastest(), 8: model.Flat} {
		r, err := newRivals(40, depth)
		if err != nil {
			t.Fatal(err)
		}
		ours, is := r.prepared(r.of)
		if is != want {
			t.Errorf("depth %d: the evaluator is %s, want %s", depth, is, want)
		}
		if _, _, n := r.race(ours, r.naive, 3); n != 0 {
			t.Errorf("depth %d: %d margins differ", depth, n)
		}
		for i, row := 0, r.auctions(1, 1); i < benchPartners; i, row = i+1, row[benchFeatures:] {
			if a, b := r.m.Margin(row[:benchFeatures]), r.f.margin(row[:benchFeatures]); a != b {
				t.Errorf("depth %d: margin %v, naively %v", depth, a, b)
			}
		}
	}
}

// So must the trained model be what it was saved as, and its auctions different.
func TestTrainedAgrees(t *testing.T) {
	r, err := trainedRivals(20)
	if err != nil {
		t.Fatal(err)
	}
	ours, is := r.prepared(r.of)
	if is != fastest() {
		t.Errorf("the evaluator is %s, want %s", is, fastest())
	}
	if _, _, n := r.race(ours, r.naive, 3); n != 0 {
		t.Errorf("%d margins differ", n)
	}
	o, err := openOthers(t.Context(), "../.tools/others/bin/python", r.f)
	if errors.Is(err, errNoOthers) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer o.close()
	if _, _, n := r.race(o.margins, r.naive, 3); n != 0 {
		t.Errorf("%d margins differ from XGBoost's", n)
	}
	size := benchPartners * benchFeatures
	rows, got, want := r.auctions(1, 1), make([]float32, benchPartners), make([]float32, benchPartners)
	o.compiled(rows[:size], got)
	r.naive(rows[:size], want)
	for i := range got {
		if math.Abs(float64(got[i]-want[i])) > 1e-4 {
			t.Errorf("compiled trees give %v, want %v", got[i], want[i])
		}
	}
}

// A scorer that is asked by turns draws the same auctions again for a seed, and
// others for another.
func TestTurns(t *testing.T) {
	var out bytes.Buffer
	in := strings.NewReader(`{"Seed":1,"Partners":3}
{"Seed":1,"Partners":3}
{"Seed":2,"Partners":3}
{"Seed":1,"Partners":3,"Others":true}
{"Prepare":true}
`)
	if err := answerTurns(in, &out, "20"); err != nil {
		t.Fatal(err)
	}
	var all [5]scored
	for answers, i := json.NewDecoder(&out), 0; i < len(all); i++ {
		if err := answers.Decode(&all[i]); err != nil {
			t.Fatal(err)
		}
		if all[i].CPU <= 0 || all[i].Bytes <= 0 || all[i].Evaluator != string(fastest()) {
			t.Errorf("turn %d: %+v", i, all[i])
		}
	}
	if all[0].Margins != all[1].Margins || all[0].Margins == all[2].Margins || all[0].Margins == all[3].Margins {
		t.Errorf("turns do not differ as they must: %+v", all)
	}
}

// A release that could not be proven would not serve.
func TestReleasesAreProven(t *testing.T) {
	for _, trees := range []int{0, 20} {
		packed, err := archive(sized(1, trees))
		if err != nil {
			t.Fatal(err)
		}
		r, err := release.Open(packed)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Prove(); err != nil || r.Auctions() == 0 {
			t.Errorf("%d trees: %v, %d auctions", trees, err, r.Auctions())
		}
	}
}

// What the stock server reads of a request must be all that the model reads.
func TestStockReadsTheSameRows(t *testing.T) {
	made, err := contract().Contract.Compile()
	if err != nil {
		t.Fatal(err)
	}
	different := map[string]bool{}
	for _, r := range requests() {
		read := fromWire(onWire(&r))
		want, got := make([]float32, made.Len()), make([]float32, made.Len())
		made.Extract(want, &r, "partner-03")
		made.Extract(got, &read, "partner-03")
		for i := range want {
			if math.Float32bits(want[i]) != math.Float32bits(got[i]) || want[i] != want[i] {
				t.Fatalf("feature %d is %v, want %v", i, got[i], want[i])
			}
		}
		different[string(feature.MarshalOpenRTB(r))] = true
	}
	if len(different) != differentRequests {
		t.Errorf("%d different requests", len(different))
	}
}

func TestFloors(t *testing.T) {
	for _, tt := range []struct {
		row  row
		pass bool
	}{
		{row{value: 12, floor: 12}, true},
		{row{value: 11.9, floor: 12}, false},
		{row{value: 1.3, floor: 1.3, atMost: true}, true},
		{row{value: 1.4, floor: 1.3, atMost: true}, false},
		{row{value: math.NaN(), floor: 1}, false},
		{row{value: 0, floor: 1, unbound: true}, true},
		{row{floor: 1, skipped: "no library"}, true},
	} {
		if tt.row.passes() != tt.pass {
			t.Errorf("%+v passes: %v", tt.row, !tt.pass)
		}
		if got := strings.Contains(strings.Join(tt.row.cells(), " "), "MISSED"); got == tt.pass {
			t.Errorf("%+v is shown as missed: %v", tt.row, got)
		}
	}
}

func TestRatioIsOfTurns(t *testing.T) {
	ours, other := []float64{1, 2, 40}, []float64{10, 20, 400}
	if got := ratio(ours, other); got != 10 {
		t.Errorf("ratio %v", got)
	}
	if !math.IsNaN(median(nil)) {
		t.Error("the median of nothing is a number")
	}
}

func TestTableIsMarkdown(t *testing.T) {
	var b bytes.Buffer
	write(&b, [][]string{{"a", "long"}, {"wide", "x"}})
	if want := "| a    | long |\n|------|------|\n| wide | x    |\n"; b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

// Trees are drawn from nothing but their seed.
func TestForestsAreTheSameAgain(t *testing.T) {
	a, b := newForest(1, 3, 4, 5), newForest(1, 3, 4, 5)
	if !bytes.Equal(a.json(), b.json()) || bytes.Equal(a.json(), newForest(2, 3, 4, 5).json()) {
		t.Error("a seed does not decide a forest")
	}
	row := make([]float32, 5)
	for i := range row {
		row[i] = rand.Float32()
	}
	if s := a.score(row); s <= 0 || s >= 1 {
		t.Errorf("score %v", s)
	}
}

// The numbers of a benchmark are read from what package testing prints.
func TestMetrics(t *testing.T) {
	said := "goos: linux\n" +
		"BenchmarkPass/10000-tasks/pass-2    \t      40\t  79646008 ns/op\t        69.58 MiB-live\t  44359600 cpu-ns/op\t42081674 B/op\t    5555 allocs/op\n" +
		"BenchmarkPass/10000-tasks/world    \t      40\t  1 ns/op\nPASS\n"
	got := metrics(said, "pass")
	if len(got) != 5 || got["cpu-ns/op"] != 44359600 || got["MiB-live"] != 69.58 || got["allocs/op"] != 5555 {
		t.Errorf("read %v", got)
	}
	if got := metrics(said, "world"); len(got) != 1 || got["ns/op"] != 1 {
		t.Errorf("on one processor: %v", got)
	}
	if got := metrics(said, "another"); got != nil {
		t.Errorf("found %v", got)
	}
}

// What our programs are measured beside is built with this folder in it, and
// knows none of the names that came later.
func TestEarlierIsBuilt(t *testing.T) {
	switch _, err := buildEarlier(t.Context(), "..", t.TempDir()); {
	case errors.Is(err, errShallow):
		t.Skip(err)
	case err != nil:
		t.Error(err)
	}
}
