package preview

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

func open(t *testing.T, m release.Manifest, bias float32) *release.Release {
	t.Helper()
	r, err := release.Open(releasetest.Pack(m, releasetest.Booster(bias)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// auction is a line of a log in which p1 and p2 bid, at 1 and 3.
func auction(hour int, floor float64) string {
	return fmt.Sprintf(`{"ts":%d,"request":{"id":"1","imp":[{"bidfloor":%v}]},"partners":["p0","p1","p2"],"bidders":["p1","p2"],"prices":[1,3]}`, 1_700_000_000_000+int64(hour)*3_600_000, floor)
}

// naive decides as the manifest says, by the model alone.
func naive(t *testing.T, r *release.Release, line, partner string) bool {
	t.Helper()
	l, err := feature.ParseLine([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	q, err := l.Parse(r.Features)
	if err != nil {
		t.Fatal(err)
	}
	row := make([]float32, r.Features.Len())
	r.Features.Extract(row, &q, partner)
	return r.Model.Score(row) < r.Threshold(partner)
}

// TestCompare holds what is counted to what the models say one by one.
func TestCompare(t *testing.T) {
	changed := releasetest.Manifest(-1)
	changed.IntendedChange = &release.Change{FilterRate: 0.1, Partners: map[string]float64{"p2": 0.3}, Why: "a test"}
	candidate, stable := open(t, changed, -1), open(t, releasetest.Manifest(0), 0)
	var log strings.Builder
	filtered, bidsLost, newly, flipped := [2]int{}, [2]int{}, [2]int64{}, int64(0)
	worth, lost := 0.0, [2]float64{}
	for i := range 500 {
		line := auction(i%24, float64(i%7)/8)
		log.WriteString(line + "\n")
		flip := false
		for p, partner := range []string{"p0", "p1", "p2"} {
			by := [2]bool{naive(t, candidate, line, partner), naive(t, stable, line, partner)}
			price := []float64{0, 1, 2}[p] // 3 is above the cap
			worth += price
			for s := range by {
				if by[s] {
					filtered[s]++
					lost[s] += price
					bidsLost[s] += min(1, p)
				}
			}
			if by[0] != by[1] {
				flip = true
				newly[map[bool]int{true: 0, false: 1}[by[0]]]++
			}
		}
		if flip {
			flipped++
		}
	}
	log.WriteString("no auction\n\n{\"id\":\"2\",\"imp\":[{}],\"wseat\":[\"p9\"]}\n") // p9 is unknown to both, nobody knows who bid
	got, err := Compare(candidate, stable, strings.NewReader(log.String()), Options{Prices: Prices{Currency: "USD", Cap: 2}})
	if err != nil {
		t.Fatal(err)
	}
	last := strings.TrimSpace(log.String()[strings.LastIndex(log.String(), "{\"id"):])
	for s, r := range []*release.Release{candidate, stable} {
		if naive(t, r, last, "p9") {
			filtered[s]++
		}
	}
	o := got.Overall
	if got.Taken != 501 || got.Skipped != 1 || got.Unknown != 1 || got.Timeless != 1 || got.Flipped != flipped || newly[0] == 0 || o.NewlyFiltered != newly[0] || o.NewlyCalled != newly[1] || got.Currency != "USD" {
		t.Errorf("%+v, want %d flips, %v", got, flipped, newly)
	}
	for _, tt := range []struct {
		name string
		pair *Pair
		of   float64
		want [2]float64
	}{
		{"filtered", &o.Filtered, 1501, [2]float64{float64(filtered[0]), float64(filtered[1])}},
		{"bids", o.Bids, 1000, [2]float64{float64(bidsLost[0]), float64(bidsLost[1])}},
		{"value", o.Value, worth, lost},
	} {
		for i, e := range []Estimate{tt.pair.Candidate, tt.pair.Stable} {
			if tt.pair.Of != tt.of || math.Abs(e.Value-tt.want[i]/tt.of) > 1e-12 || e.Interval == nil || e.Interval.Low > e.Value || e.Interval.High < e.Value {
				t.Errorf("%s: %+v %+v, want %v of %v", tt.name, tt.pair, e, tt.want[i], tt.of)
			}
		}
	}
	if len(got.Partners) != 4 || got.Partners[0].Partner != "p0" || got.Partners[3].Partner != "p9" {
		t.Errorf("partners %+v", got.Partners)
	}
	for i, want := range []Interval{{-.03, .13}, {-.03, .13}, {.27, .33}, {-.05, .15}} { // the last is of the tail
		if a := got.Partners[i].Allowed; math.Abs(a.Low-want.Low)+math.Abs(a.High-want.High) > 1e-12 {
			t.Errorf("of %s %+v is allowed, want %+v", got.Partners[i].Partner, a, want)
		}
	}
	if a := o.Allowed; math.Abs(a.Low-.08)+math.Abs(a.High-.12) > 1e-12 {
		t.Errorf("overall %+v is allowed", a)
	}
	if _, err := json.Marshal(got); err != nil {
		t.Error(err)
	}
}

// A release beside itself is as before, of which a short log says nothing.
func TestCompareAlike(t *testing.T) {
	r := open(t, releasetest.Manifest(0), 0)
	for n, want := range map[int]Standing{5: Open, 300: Within} {
		var log strings.Builder
		for i := range n {
			log.WriteString(auction(i%24, 0.5) + "\n")
		}
		got, err := Compare(r, r, strings.NewReader(log.String()), Options{Policy: judge.Policy{}})
		if err != nil {
			t.Fatal(err)
		}
		if d := got.Overall.Filtered.Difference; got.Overall.Standing != want || d.Value != 0 || (d.Interval == nil) != (want == Open) {
			t.Errorf("%d auctions: %+v", n, got.Overall)
		} else if want == Within && !(d.Interval.Low < 0 && d.Interval.High > 0) {
			t.Errorf("%d auctions without a flip prove that there is none: %+v", n, d.Interval)
		}
	}
	if _, err := Compare(r, r, strings.NewReader(""), Options{}); err == nil || !strings.Contains(err.Error(), "the input is empty") {
		t.Errorf("no log: %v", err)
	}
}

// TestWorth is in money what a task makes of it.
func TestWorth(t *testing.T) {
	p := Prices{Currency: "USD", Cap: 100, Rates: map[string]float64{"EUR": 1.5}}
	for _, tt := range []struct {
		price    float64
		currency string
		want     float64
		known    bool
	}{
		{2, "", 2, true},
		{2, "USD", 2, true},
		{2, "EUR", 3, true},
		{2, "CHF", 0, false},
		{99, "EUR", 100, true},
		{-1, "", 0, false},
		{math.NaN(), "", 0, false},
		{math.Inf(1), "", 0, false},
		{2e6, "", 0, false},
		{0, "", 0, true},
	} {
		got, known := p.worth(&feature.Line{Prices: []float64{tt.price}, Currency: tt.currency}, 0)
		if got != tt.want || known != tt.known {
			t.Errorf("%v %s is worth %v, %v", tt.price, tt.currency, got, known)
		}
	}
	if _, known := p.worth(&feature.Line{}, 0); known {
		t.Error("a bid without a price has one")
	}
}

// TestIntervals plays logs whose auctions come in runs that are alike, of any
// length: the truth is in 95 % of the intervals, or nearly.
func TestIntervals(t *testing.T) {
	const played = 400
	for _, run := range []int{1, 50, 400} {
		rng := rand.New(rand.NewPCG(7, uint64(run)))
		held := 0
		for range played {
			s, b, p := &sums{}, blocks{size: 1}, 0.0
			for i := range 20_000 {
				if i%run == 0 {
					p = 0.2 * rng.Float64() // the mean is 0.1
				}
				at, fold := b.next()
				if fold {
					s.fold()
				}
				s.add(at, requests, 1, [2]bool{rng.Float64() < p, false})
			}
			if i := s.estimate(requests, difference, 0.05).Interval; i != nil && i.Low <= 0.1 && i.High >= 0.1 {
				held++
			}
		}
		if share := float64(held) / played; share < 0.92 || run == 1 && share > 0.985 {
			t.Errorf("in runs of %d the truth is in %.3f of the intervals", run, share)
		}
	}
}

// Folding loses nothing, and there are always enough blocks.
func TestFold(t *testing.T) {
	for _, n := range []int{1, 127, 128, 129, 256, 257, 1000, 12_345} {
		s, b := &sums{}, blocks{size: 1}
		for i := range n {
			at, fold := b.next()
			if fold {
				s.fold()
			}
			s.add(at, value, float64(i), [2]bool{i%2 == 0, i%3 == 0})
		}
		total, used := cell{}, 0
		for _, c := range s.cells[value] {
			total.of, total.candidate, total.stable = total.of+c.of, total.candidate+c.candidate, total.stable+c.stable
			if c.of > 0 {
				used++
			}
		}
		want := cell{}
		for i := range n {
			want.of += float64(i)
			if i%2 == 0 {
				want.candidate += float64(i)
			}
			if i%3 == 0 {
				want.stable += float64(i)
			}
		}
		if total != want || n > 200 && used < mostBlocks/2 {
			t.Errorf("%d auctions: %+v in %d blocks, want %+v", n, total, used, want)
		}
	}
}

// A long log of many partners fits into little memory.
func TestMostPartners(t *testing.T) {
	r := open(t, releasetest.Manifest(0), 0)
	var log strings.Builder
	for i := range judge.MaxPartners/1000 + 1 {
		names := make([]string, 1000)
		for j := range names {
			names[j] = fmt.Sprintf(`"q%d"`, 1000*i+j)
		}
		log.WriteString(`{"request":{"id":"1","imp":[{}]},"partners":[` + strings.Join(names, ",") + "]}\n")
	}
	got, err := Compare(r, r, strings.NewReader(log.String()), Options{})
	if want := int64(1000*(judge.MaxPartners/1000+1) - judge.MaxPartners); err != nil || len(got.Partners) != judge.MaxPartners || got.Rest != want {
		t.Errorf("%d partners, the rest %d, want %d: %v", len(got.Partners), got.Rest, want, err)
	}
}
