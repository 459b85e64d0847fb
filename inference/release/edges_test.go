package release_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/inference/model"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

// What a manifest may hold at most, or at least, is taken; more, or less, is
// not.
func TestManifestEdges(t *testing.T) {
	golden := func(n int) func(*release.Manifest) {
		return func(m *release.Manifest) {
			for i := len(m.Golden); i < n; i++ {
				m.Golden = append(m.Golden, m.Golden[i%12])
			}
			m.Golden = m.Golden[:n]
		}
	}
	partners := func(n int) func(*release.Manifest) {
		return func(m *release.Manifest) {
			m.Thresholds = map[string]float32{}
			for i := range n {
				m.Thresholds[fmt.Sprint(i)] = 1
			}
		}
	}
	bins := func(first float64) func(*release.Manifest) {
		return func(m *release.Manifest) {
			m.ReferenceScores = make([]float64, release.ScoreBins)
			m.ReferenceScores[0], m.ReferenceScores[63] = first, 0.5
		}
	}
	rate := func(low, estimate, high float64) func(*release.Manifest) {
		return func(m *release.Manifest) {
			m.Predicted.FilterRate = release.Interval{Low: low, Estimate: estimate, High: high}
		}
	}
	score := func(steps int) func(*release.Manifest) {
		return func(m *release.Manifest) {
			m.Golden[0].Score = math.Float32frombits(uint32(int(math.Float32bits(m.Golden[0].Score)) + steps))
		}
	}
	for _, tt := range []struct {
		name   string
		change func(*release.Manifest)
		want   model.Reason // empty where it is taken
	}{
		{"golden vectors", golden(release.MinGolden), ""},
		{"many golden vectors", golden(release.MaxGolden), ""},
		{"too many golden vectors", golden(release.MaxGolden + 1), release.BadGolden},
		{"partners", partners(release.MaxPartners), ""},
		{"too many partners", partners(release.MaxPartners + 1), release.TooLarge},
		{"scores that add up", bins(0.5), ""},
		{"scores that add up to more", bins(0.51), release.BadManifest},
		{"scores that add up to less", bins(0.49), release.BadManifest},
		{"a rate without an interval", rate(.2, .2, .2), ""},
		{"never filters", rate(0, 0, 0), ""},
		{"filters all", rate(1, 1, 1), ""},
		{"above its interval", rate(.1, .3, .2), release.BadManifest},
		{"a score one float above", score(1), ""},
		{"a score one float below", score(-1), ""},
		{"a score two floats above", score(2), ""},
		{"a score three floats above", score(3), release.BadGolden},
	} {
		m := releasetest.Manifest(0)
		tt.change(&m)
		if reason, detail := refused(t, releasetest.Pack(m, releasetest.Booster(0))); reason != tt.want {
			t.Errorf("%s: refused as %q, want %q: %s", tt.name, reason, tt.want, detail)
		}
	}
}

// A rate of zero is a claim; one that is not there is none.
func TestPredicts(t *testing.T) {
	m := releasetest.Manifest(0)
	m.Predicted.FilterRate = release.Interval{}
	zero := encoded(t, m)
	told := []byte(`"filter_rate":{"estimate":0,"low":0,"high":0}`)
	if !bytes.Contains(zero, told) {
		t.Fatalf("a rate of zero is not written: %s", zero)
	}
	for manifest, want := range map[string]bool{
		string(encoded(t, releasetest.Manifest(0))): true,
		string(zero): true,
		string(bytes.Replace(zero, told, []byte(`"filter_rate":null`), 1)): false,
		string(bytes.Replace(zero, append(told, ','), nil, 1)):             false,
	} {
		r, err := release.Open(pack(t, map[string][]byte{"manifest.json": []byte(manifest), "xgboost-model": releasetest.Booster(0)}))
		if err != nil || r.Predicts != want {
			t.Errorf("%v; want one that predicts %v: %s", err, want, manifest)
		}
	}
}

// The bounds of an archive take what they name.
func TestArchiveEdges(t *testing.T) {
	manifest, booster := encoded(t, releasetest.Manifest(0)), releasetest.Booster(0)
	files := map[string][]byte{"manifest.json": manifest, "xgboost-model": booster}
	whole := pack(t, files)
	for i := len(files); i < release.DefaultLimits().Files; i++ {
		files[fmt.Sprint(i)] = nil
	}
	many := pack(t, files)
	files["one more"] = nil
	for _, tt := range []struct {
		name    string
		archive []byte
		bound   func(*release.Limits, int64)
		most    int
	}{
		{"files", many, func(l *release.Limits, n int64) { l.Files = int(n) }, 64},
		{"bytes of a manifest", whole, func(l *release.Limits, n int64) { l.ManifestBytes = n }, len(manifest)},
		{"unpacked bytes", whole, func(l *release.Limits, n int64) { l.UnpackedBytes = n }, len(unzip(t, whole))},
		{"bytes in memory, six for each of the manifest", whole, func(l *release.Limits, n int64) { l.MemoryBytes = n }, 6 * len(manifest)},
	} {
		limits := release.DefaultLimits()
		tt.bound(&limits, int64(tt.most))
		if _, err := limits.Open(tt.archive); err != nil {
			t.Errorf("%d %s: %v", tt.most, tt.name, err)
		}
		tt.bound(&limits, int64(tt.most)-1)
		var refusal release.Refusal
		if _, err := limits.Open(tt.archive); !errors.As(err, &refusal) || refusal.Reason != release.TooLarge {
			t.Errorf("more than %d %s: %v", tt.most-1, tt.name, err)
		}
	}
}

// A release takes what its model takes, twice, and six bytes for each of its
// manifest.
func TestMemoryOfARelease(t *testing.T) {
	m := releasetest.Manifest(0)
	small, err := release.Open(releasetest.Pack(m, releasetest.Booster(0)))
	if err != nil {
		t.Fatal(err)
	}
	m.TrainedOn += strings.Repeat("x", 1000)
	large, err := release.Open(releasetest.Pack(m, releasetest.Booster(0)))
	if err != nil {
		t.Fatal(err)
	}
	if more := large.MemoryBytes() - small.MemoryBytes(); more != 6000 {
		t.Errorf("1,000 bytes of manifest take %d", more)
	}
	if got, least := small.MemoryBytes(), small.Model.MemoryBytes()+6*int64(len(encoded(t, releasetest.Manifest(0)))); got <= least {
		t.Errorf("%d bytes, want more than the %d of model and manifest", got, least)
	}
}

// The folds of a training are bounded together.
func TestFoldsShareTheirMemory(t *testing.T) {
	booster := releasetest.Booster(0)
	one, err := model.Parse(booster)
	if err != nil {
		t.Fatal(err)
	}
	folds := pack(t, map[string][]byte{"xgboost-model-0": booster, "xgboost-model-1": booster})
	limits := release.DefaultLimits()
	limits.MemoryBytes = 2 * one.MemoryBytes()
	if _, err := limits.Complete(folds, fleetManifest(t)); err != nil {
		t.Errorf("folds of %d bytes: %v", limits.MemoryBytes, err)
	}
	limits.MemoryBytes = one.MemoryBytes() + 1
	var refusal release.Refusal
	if _, err := limits.Complete(folds, fleetManifest(t)); !errors.As(err, &refusal) || refusal.Reason != release.TooLarge {
		t.Errorf("folds of %d bytes each, where there is room for one: %v", one.MemoryBytes(), err)
	}
}

// What is missing is told with what there is.
func TestSaysWhatThereIs(t *testing.T) {
	for n, want := range map[int]string{
		1: `"f0" in the archive`, 5: `but "f0", "f1", "f2", "f3", "f4", of`, 7: `"f4" and 2 more, of`,
	} {
		files := map[string][]byte{}
		for i := range n {
			files[fmt.Sprint("f", i)] = nil
		}
		if _, err := release.ReadModel(pack(t, files)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d files: %v, want %s", n, err, want)
		}
	}
	m := releasetest.Manifest(0)
	m.Golden[1].Features[1] = nil
	if _, detail := refused(t, releasetest.Pack(m, releasetest.Booster(0))); !strings.Contains(detail, `"floor" of its auction is 0.125 here and was missing in training`) {
		t.Error(detail)
	}
}

// A golden vector of the fleet's manifest may be a row, with no auction.
func TestCompleteTakesRows(t *testing.T) {
	m := releasetest.Manifest(0)
	for i := range m.Golden {
		m.Golden[i].Auction, m.Golden[i].Partner, m.Golden[i].TS = nil, "", 0
	}
	booster := releasetest.Booster(0.5)
	limits := release.DefaultLimits()
	limits.ArchiveBytes = int64(len(booster))
	archive, err := limits.Complete(booster, encoded(t, m))
	if err != nil {
		t.Fatal(err)
	}
	r, err := release.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(r.Manifest.Golden[1].Features)
	if err != nil || string(got) != "[2,0.125,1]" || r.Auctions() != 0 {
		t.Errorf("the row is %s, %d are auctions, %v", got, r.Auctions(), err)
	}
}
