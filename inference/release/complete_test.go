package release_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

// fleetManifest is a manifest as written before any model: auctions and no
// answers.
func fleetManifest(t *testing.T) []byte {
	t.Helper()
	m := releasetest.Manifest(0)
	for i := range m.Golden {
		m.Golden[i].Features, m.Golden[i].Margin, m.Golden[i].Score = nil, 0, 0
	}
	return encoded(t, m)
}

func encoded(t testing.TB, m release.Manifest) []byte {
	t.Helper()
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A model alone becomes a release that is proven like any other.
func TestComplete(t *testing.T) {
	booster, manifest := releasetest.Booster(0.5), fleetManifest(t)
	for name, artifact := range map[string][]byte{
		"the file alone": booster,
		"in an archive":  pack(t, map[string][]byte{"xgboost-model": booster}),
		"packed alone":   zip(booster),
		"a plain tar":    unzip(t, pack(t, map[string][]byte{"xgboost-model": booster})),
		"another name":   pack(t, map[string][]byte{"model/model.json": booster, "model/MLmodel": nil}),
		"folds":          pack(t, map[string][]byte{"xgboost-model-0": booster, "xgboost-model-1": releasetest.Booster(0)}),
	} {
		archive, err := release.DefaultLimits().Complete(artifact, manifest)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r, err := release.Open(archive)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := r.Prove(); err != nil || r.Auctions() != len(r.Manifest.Golden) {
			t.Errorf("%s: %d auctions, %v", name, r.Auctions(), err)
		}
		if g := r.Manifest.Golden[5]; g.Score == 0 || len(g.Features) != 3 || *g.Features[0] != 10 {
			t.Errorf("%s: golden vector %+v", name, g)
		}
		again, err := release.DefaultLimits().Complete(artifact, manifest)
		if err != nil || !bytes.Equal(again, archive) {
			t.Errorf("%s: other bytes the second time, %v", name, err)
		}
	}
}

func TestCompleteLeavesAlone(t *testing.T) {
	whole, manifest := releasetest.Archive(0), fleetManifest(t)
	for name, artifact := range map[string][]byte{
		"a whole release": whole, "half of it": whole[:100], "nothing": nil, "something": []byte("no model and no archive"),
	} {
		if got, err := release.DefaultLimits().Complete(artifact, manifest); err != nil || !bytes.Equal(got, artifact) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCompleteRefuses(t *testing.T) {
	booster := releasetest.Booster(0)
	another := releasetest.Manifest(0)
	another.Contract.Features = another.Contract.Features[:2]
	empty := releasetest.Manifest(0)
	empty.Golden[0] = release.Golden{Partner: "acme"}
	for name, tt := range map[string]struct {
		artifact, manifest []byte
	}{
		"no manifest":          {booster, []byte("{}")},
		"a contract too short": {booster, encoded(t, another)},
		"a golden of nothing":  {booster, encoded(t, empty)},
		"a broken model":       {pack(t, map[string][]byte{"xgboost-model": booster[:50]}), fleetManifest(t)},
		"a pickle that calls":  {[]byte("\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R."), fleetManifest(t)},
		"two models":           {pack(t, map[string][]byte{"a.json": booster, "b.json": booster}), fleetManifest(t)},
		"no model":             {pack(t, map[string][]byte{"notes": nil}), fleetManifest(t)},
	} {
		archive, err := release.DefaultLimits().Complete(tt.artifact, tt.manifest)
		if err == nil {
			_, err = release.Open(archive)
		}
		if !errors.As(err, &release.Refusal{}) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckManifest(t *testing.T) {
	if err := release.CheckManifest(fleetManifest(t)); err != nil {
		t.Error(err)
	}
	bad := releasetest.Manifest(0)
	bad.Contract.Features[0].Source = []string{"no.such.field"}
	for _, manifest := range [][]byte{nil, []byte("{}"), encoded(t, bad)} {
		if err := release.CheckManifest(manifest); !errors.As(err, &release.Refusal{}) {
			t.Errorf("%v", err)
		}
	}
}

// FuzzComplete holds what Complete promises for any bytes: what comes back is
// the artifact itself, or a release that is proven, or opens to a refusal.
func FuzzComplete(f *testing.F) {
	booster := releasetest.Booster(0)
	f.Add(booster, releasetest.Archive(0)[:40])
	f.Add(releasetest.Archive(0), []byte("{}"))
	manifest, err := json.Marshal(releasetest.Manifest(0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(booster, manifest)
	f.Add([]byte("\x80\x04\x8c\x0cxgboost.core\x8c\x07Booster\x93)\x81}b."), manifest)
	limits := release.Limits{ArchiveBytes: 1 << 20, UnpackedBytes: 1 << 20, Ratio: 200, Files: 8, ManifestBytes: 1 << 20}
	f.Fuzz(func(t *testing.T, artifact, manifest []byte) {
		archive, err := limits.Complete(artifact, manifest)
		if err != nil {
			if !errors.As(err, &release.Refusal{}) {
				t.Fatalf("not a refusal: %v", err)
			}
			return
		}
		if bytes.Equal(archive, artifact) {
			return
		}
		r, err := limits.Open(archive)
		if err == nil {
			err = r.Prove()
		}
		if err != nil && !errors.As(err, &release.Refusal{}) {
			t.Fatalf("not a refusal: %v", err)
		}
	})
}

// Where scores are no shares, thresholds are any numbers.
func TestThresholdsOnMargins(t *testing.T) {
	m := releasetest.Manifest(0)
	m.Thresholds, m.DefaultThreshold = map[string]float32{"p0": -3, "p1": 7.5}, -1
	for objective, want := range map[string]string{"rank:pairwise": "", "reg:squarederror": "", "survival:cox": "", "binary:logistic": "between 0 and 1", "reg:logistic": "between 0 and 1"} {
		booster := bytes.Replace(releasetest.Booster(0), []byte("binary:logistic"), []byte(objective), 1)
		archive, err := release.DefaultLimits().Complete(booster, encoded(t, m))
		if err != nil {
			t.Fatal(err)
		}
		r, err := release.Open(archive)
		switch {
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v", objective, err)
		case want == "" && (err != nil || r.Prove() != nil || r.Threshold("p0") != -3 || r.Threshold("p1") != 7.5 || r.Threshold("p2") != -1):
			t.Errorf("%s: %v", objective, err)
		}
	}
}

// An estimator says itself what is missing. A contract that says the same is
// right, and one that says otherwise is refused with both.
func TestContractAgreesWithTheEstimatorOnWhatIsMissing(t *testing.T) {
	estimator, err := os.ReadFile("../model/testdata/v3.2.0-farmissing.pkl")
	if err != nil {
		t.Fatal(err)
	}
	m := releasetest.Manifest(0)
	m.Contract.Features = nil
	for i := range 6 {
		m.Contract.Features = append(m.Contract.Features, feature.Feature{Name: fmt.Sprint("f", i), Kind: feature.Number, Source: []string{"hour"}})
	}
	row := []float32{-999, 2, -1, 0, -999, 0.5}
	own, err := release.ReadModel(estimator)
	if err != nil {
		t.Fatal(err)
	}
	for _, said := range []*float32{nil, new(float32(-999)), new(float32(0))} {
		m.Contract.Missing = said
		archive, err := release.DefaultLimits().Complete(estimator, encoded(t, m))
		if said != nil && *said == 0 {
			var refusal release.Refusal
			if !errors.As(err, &refusal) || refusal.Reason != release.BadContract || !strings.Contains(refusal.Detail, "says that 0 stands for missing, and the estimator was trained with missing=-999; leave \"missing\" out") {
				t.Errorf("another number: %v", err)
			}
			_, err = release.Open(releasetest.Pack(m, estimator))
			if !errors.As(err, &refusal) || refusal.Reason != release.BadContract {
				t.Errorf("another number in an archive: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		r, err := release.AdmissionLimits().Open(archive)
		if err != nil || r.Prove() != nil || r.Model.Margin(row) != own.Margin(row) {
			t.Errorf("the same number: %v", err)
		}
	}
}

// What the contract calls missing is missing to the model, and nowhere else.
func TestContractSaysWhatIsMissing(t *testing.T) {
	m := releasetest.Manifest(0)
	zero := float32(0)
	m.Contract.Missing = &zero
	archive, err := release.DefaultLimits().Complete(releasetest.Booster(0), encoded(t, m))
	if err != nil {
		t.Fatal(err)
	}
	r, err := release.AdmissionLimits().Open(archive)
	if err != nil || r.Prove() != nil {
		t.Fatal(err)
	}
	read, err := release.ReadModel(archive)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := release.ReadModel(releasetest.Booster(0))
	if err != nil {
		t.Fatal(err)
	}
	nan := float32(math.NaN())
	row, told := []float32{12, 0, 0}, []float32{12, nan, nan}
	if want := plain.Margin(told); plain.Margin(row) == want || r.Model.Margin(row) != want || read.Margin(row) != want {
		t.Errorf("%v scores %v and %v, without the word %v, told as missing %v", row, r.Model.Margin(row), read.Margin(row), plain.Margin(row), want)
	}
}
