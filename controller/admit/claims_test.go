package admit

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/sluicehq/sluice/inference/release"
)

// The tails are those of the binomial distribution, and the limits that they
// make those of Clopper and Pearson.
func TestAtLeast(t *testing.T) {
	for _, tt := range []struct {
		k, n    int
		p, want float64
	}{
		{0, 5, 0.3, 1},
		{6, 5, 0.3, 0},
		{5, 5, 0.5, 1. / 32},
		{4, 5, 0.5, 6. / 32},
		{1, 5, 0.5, 31. / 32},
		{3, 4, 0.1, 0.0037},
		{1, 10, 0, 0},
		{1, 10, 1, 1},
		{0, 0, 0.5, 1},
		{1, 10, 1.05, 1},
		{1, 10, -0.1, 0},
		{1, 10, 1 - math.Pow(0.975, 0.1), 0.025}, // the lower limit for 1 of 10 is 0.0025
		{10, 10, math.Pow(0.025, 0.1), 0.025},    // that for 10 of 10 is 0.6915
		{500, 1000, 0.5, 0.512613},
	} {
		if got := atLeast(tt.k, tt.n, tt.p); math.Abs(got-tt.want) > 1e-6 {
			t.Errorf("%d or more of %d at %v: %v, want %v", tt.k, tt.n, tt.p, got, tt.want)
		}
	}
}

// An honest manifest is not refused by chance: summed over all samples that its
// rate may bring about, those that are refused are less than one in 20,000,
// wherever the rate lies in its interval.
func TestHonestPredictionsAreBelieved(t *testing.T) {
	for _, n := range []int{1, 2, 8, 12, 24, 100, 400} {
		for percent := 0; percent <= 100; percent += 1 + n/100 {
			p := float64(percent) / 100
			refused := 0.0
			for k := range n + 1 {
				if !(sample{k, n}).fits(release.Interval{Estimate: p, Low: p, High: p}, predictionLevel/2) {
					refused += atLeast(k, n, p) - atLeast(k+1, n, p)
				}
			}
			if refused > 1./20_000 {
				t.Errorf("%d auctions at %d %%: %v of honest ones are refused", n, percent, refused)
			}
		}
	}
}

// What cannot be true is not believed, and what may be is.
func TestFits(t *testing.T) {
	at := func(low, high float64) release.Interval {
		return release.Interval{Estimate: low, Low: low, High: high}
	}
	for _, tt := range []struct {
		s         sample
		predicted release.Interval
		want      bool
	}{
		{sample{8, 12}, at(0, 0), false},
		{sample{7, 12}, at(0, 0), false},
		{sample{6, 12}, at(0, 0), false},
		{sample{2, 12}, at(0, 0), true},
		{sample{2, 24}, at(0.9, 0.9), false},
		{sample{0, 12}, at(1, 1), false},
		{sample{12, 12}, at(0.5, 0.55), true},
		{sample{24, 24}, at(0.5, 0.55), false},
		{sample{500, 1000}, at(0.45, 0.45), true},
		{sample{520, 1000}, at(0.4, 0.4), false},
		{sample{380, 1000}, at(0.5, 0.5), false},
		{sample{12, 12}, at(0, 1), true},
		{sample{0, 0}, at(0, 0), true},
	} {
		if got := tt.s.fits(tt.predicted, predictionLevel/2); got != tt.want {
			t.Errorf("%+v of %+v: %v", tt.s, tt.predicted, got)
		}
	}
}

// Every model that the demo trains is believed, by what its own training script
// predicted and drew.
func TestTrainedModelsAreBelieved(t *testing.T) {
	paths, err := filepath.Glob("../../local/demo/models/*.tar.gz")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no models: %v", err)
	}
	for _, path := range paths {
		archive, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := release.AdmissionLimits().Open(archive)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if all, partners := samples(r); all.drawn != 12 || len(partners) < 6 {
			t.Errorf("%s: %+v of all, of %d partners", path, all, len(partners))
		}
		if err := believable(r, r.Predicts); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// rateOf is the rate at which k or more of n come about with a chance.
func rateOf(k, n int, chance float64) float64 {
	low, high := 0., 1.
	for range 60 {
		if mid := (low + high) / 2; atLeast(k, n, mid) < chance {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// The level is for both sides together, and halved once more where partners are
// asked, who share their half.
func TestLevelsOfClaims(t *testing.T) {
	golden := func(partners ...string) (g []release.Golden) {
		for _, p := range partners {
			for i := range 12 {
				g = append(g, release.Golden{Auction: []byte{byte(i), p[0]}, Partner: p, Score: float32(i) / 8}) // four are below a half, one is a half
			}
		}
		return g
	}
	at := func(filtered, drawn int, chance float64) release.Interval {
		rate := rateOf(filtered, drawn, chance) - predictionMargin
		return release.Interval{Estimate: rate, Low: rate, High: rate}
	}
	for _, tt := range []struct {
		name     string
		chance   float64
		partners []string // predicted for each; for all, where there are none
		believed bool
	}{
		{"a quarter of the level, for all", predictionLevel / 4 * 1.01, nil, true},
		{"less, for all", predictionLevel / 4 * .99, nil, false},
		{"an eighth, for one of two partners", predictionLevel / 8 * 1.01, []string{"a", "b"}, true},
		{"less, for one of two partners", predictionLevel / 8 * .99, []string{"a", "b"}, false},
	} {
		r := &release.Release{Manifest: release.Manifest{DefaultThreshold: .5, Golden: golden("a", "b")}}
		r.Manifest.Predicted.FilterRate = at(8, 24, tt.chance)
		r.Manifest.Predicted.Partners = map[string]release.Interval{}
		for _, p := range tt.partners {
			r.Manifest.Predicted.Partners[p] = at(4, 12, tt.chance)
		}
		if err := believable(r, tt.partners == nil); (err == nil) != tt.believed {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
