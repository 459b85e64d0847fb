package release_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/inference/model"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

// booster is a document of the features hour, floor and partner, with a part
// exchanged.
func booster(t *testing.T, old, new string) []byte {
	t.Helper()
	good := string(releasetest.Booster(0))
	if !strings.Contains(good, old) {
		t.Fatalf("no %s", old)
	}
	return []byte(strings.Replace(good, old, new, 1))
}

// answered is a release whose golden vectors hold what a reading comes to, as a
// training library would have answered.
func answered(t *testing.T, b []byte, by model.Reading, more string) []byte {
	t.Helper()
	m := releasetest.Manifest(0)
	taken := taken(t, b, by)
	for i := range m.Golden {
		row := rowOf(m.Golden[i])
		m.Golden[i].Margin, m.Golden[i].Score = taken.Margin(row), taken.Score(row)
	}
	manifest, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := release.Pack(map[string][]byte{release.ManifestName: []byte("{" + more + string(manifest[1:])), release.DefaultModel: b})
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

func taken(t *testing.T, b []byte, by model.Reading) *model.Model {
	t.Helper()
	m, err := model.Bounds{Reading: by}.Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func rowOf(g release.Golden) []float32 {
	row := make([]float32, len(g.Features))
	for i, v := range g.Features {
		if row[i] = float32(math.NaN()); v != nil {
			row[i] = *v
		}
	}
	return row
}

// manifestOf returns manifest.json of an archive.
func manifestOf(t *testing.T, archive []byte) string {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	in := tar.NewReader(zip)
	for {
		entry, err := in.Next()
		if err != nil {
			t.Fatal(err)
		}
		if entry.Name == release.ManifestName {
			b, err := io.ReadAll(in)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
	}
}

const (
	weighted  = `"name":"gbtree","weight_drop":[0.5,0.25,0.125]`
	stopped   = `{"learner":{"attributes":{"best_iteration":"0"},`
	plain     = `"name":"gbtree"`
	beginning = `{"learner":{`
)

// What tasks would take otherwise than admission did is written into the
// manifest, and nothing else is.
func TestRestate(t *testing.T) {
	dart, early := booster(t, plain, weighted), booster(t, beginning, stopped)
	old := bytes.Replace(early, []byte(`[3,2,0]`), []byte(`[1,7,6]`), 1)
	newest, all, best := model.Reading{}, model.Reading{Trees: model.All}, model.Reading{Trees: model.Best}
	for _, tt := range []struct {
		name    string
		archive []byte
		lacks   string
		trees   int
	}{
		{"nothing to say", releasetest.Archive(0), "", 3},
		{"weights of 3.3", answered(t, dart, newest, ""), `{"reading":2,"format"`, 3},
		{"all of 3.2", answered(t, early, newest, ""), `{"reading":2,"format"`, 3},
		{"the best of 3.2, as it was before", answered(t, early, best, ""), "", 1},
		{"the best of 1.7", answered(t, old, best, ""), "", 1},
		{"all of 1.7, as xgboost4j answers", answered(t, old, all, ""), `{"trees":"all","format"`, 3},
		{"all, as the manifest says", answered(t, early, all, `"trees":"all",`), "", 3},
		{"the best, as the manifest says", answered(t, early, best, `"trees":"best",`), "", 1},
		{"weights, and all as the manifest says", answered(t, dart, all, `"trees":"all",`), `{"reading":2,"trees":"all","format"`, 3},
		{"said already", answered(t, dart, newest, `"reading":2,`), "", 3},
	} {
		l := release.AdmissionLimits()
		r, err := l.Open(tt.archive)
		if err != nil || r.Prove() != nil {
			t.Errorf("%s: %v, %v", tt.name, err, r.Prove())
			continue
		}
		restated, err := l.Restate(r, tt.archive)
		if err != nil || (tt.lacks == "") != bytes.Equal(restated, tt.archive) {
			t.Errorf("%s: %v, as it was: %v", tt.name, err, bytes.Equal(restated, tt.archive))
			continue
		}
		served, err := release.Open(restated)
		if err != nil || served.Prove() != nil || served.Model.Trees() != tt.trees || r.Model.Trees() != tt.trees {
			t.Errorf("%s: %v, a task takes %d trees, want %d", tt.name, err, served.Model.Trees(), tt.trees)
		}
		if manifest := manifestOf(t, restated); !strings.HasPrefix(manifest, tt.lacks) {
			t.Errorf("%s: %.60s", tt.name, manifest)
		}
		if again, err := l.Open(restated); err != nil || again.Prove() != nil {
			t.Errorf("%s: admitted again: %v", tt.name, err)
		}
	}
}

// A pickled estimator answers by its own rule, unless answers of training say
// otherwise.
func TestRestatesEstimators(t *testing.T) {
	for _, name := range []string{"v1.7.6-earlyclassifier.pkl", "v3.4.1-earlyclassifier.pkl", "vlightgbm4.6.0-keptbooster.pkl"} {
		archive := real(t, name)
		l := release.AdmissionLimits()
		r, err := l.Open(archive)
		if err != nil || r.Prove() != nil || r.Model.Trees() >= r.Model.Trained() {
			t.Errorf("%s: %v, %v", name, err, r.Prove())
			continue
		}
		if restated, err := l.Restate(r, archive); err != nil || !bytes.Equal(restated, archive) {
			t.Errorf("%s: %v, or stated anew", name, err)
		}
		pickled, err := os.ReadFile("../model/testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		all := taken(t, pickled, model.Reading{Trees: model.All})
		for i := range r.Manifest.Golden {
			g := &r.Manifest.Golden[i]
			g.Margin, g.Score = all.Margin(rowOf(*g)), all.Score(rowOf(*g))
		}
		archive = releasetest.Pack(r.Manifest, pickled)
		if r, err = l.Open(archive); err != nil || r.Prove() != nil {
			t.Errorf("%s with all trees: %v, %v", name, err, r.Prove())
			continue
		}
		restated, err := l.Restate(r, archive)
		if err != nil || !strings.HasPrefix(manifestOf(t, restated), `{"trees":"all","format"`) {
			t.Errorf("%s with all trees: %v", name, err)
			continue
		}
		if served, err := release.Open(restated); err != nil || served.Prove() != nil || served.Model.Trees() != served.Model.Trained() {
			t.Errorf("%s with all trees, at a task: %v", name, err)
		}
	}
}

// What the contract calls missing is missing by whatever trees answer, and to
// whoever looks for causes.
func TestSettlesTreesOfWhatIsMissing(t *testing.T) {
	early := booster(t, beginning, stopped)
	m, l, zero := releasetest.Manifest(0), release.AdmissionLimits(), float32(0)
	m.Contract.Missing = &zero
	answer := func(b []byte, by model.Reading) []byte {
		of := taken(t, b, by).WithMissing(zero)
		for i := range m.Golden {
			row := rowOf(m.Golden[i])
			m.Golden[i].Margin, m.Golden[i].Score = of.Margin(row), of.Score(row)
		}
		return releasetest.Pack(m, b)
	}
	old := bytes.Replace(early, []byte(`[3,2,0]`), []byte(`[1,7,6]`), 1)
	r, err := l.Open(answer(old, model.Reading{Trees: model.All}))
	if err != nil || r.Prove() != nil || r.Model.Trees() != 3 {
		t.Fatalf("%v, %v", err, r.Prove())
	}
	row, told := []float32{12, 0, 0}, []float32{12, nan32(), nan32()}
	if got := r.Model.Margin(row); got != r.Model.Margin(told) {
		t.Errorf("settled on all trees, %v scores %v", row, got)
	}
	m.Trees = model.Best
	r, err = l.Open(answer(early, model.Reading{Trees: model.All}))
	if err != nil || r.Prove() == nil || !strings.Contains(r.Prove().Error(), "those of all its trees") {
		t.Errorf("%v, %v", err, r.Prove())
	}
}

// Who reads a model goes by its manifest, unless told otherwise.
func TestReadsByTheManifest(t *testing.T) {
	m := releasetest.Manifest(0)
	m.Trees = model.Best
	archive := releasetest.Pack(m, booster(t, beginning, stopped))
	for choice, want := range map[model.Choice]int{model.ByRules: 1, model.Best: 1, model.All: 3} {
		if got, err := release.ReadModelBy(archive, model.Reading{Trees: choice}); err != nil || got.Trees() != want {
			t.Errorf("%q: %v, %v, want %d trees", choice, got, err, want)
		}
	}
}

func nan32() float32 { return float32(math.NaN()) }

// Without the number, a task would serve what nobody proved.
func TestRestateMatters(t *testing.T) {
	archive := answered(t, booster(t, plain, weighted), model.Reading{}, "")
	r, err := release.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Prove(); err == nil {
		t.Error("a task proves a model by other rules than admission")
	}
}

func TestRefusesReadings(t *testing.T) {
	dart := booster(t, plain, weighted)
	for more, says := range map[string]string{
		`"reading":3,`:       "upgrade this one",
		`"reading":-1,`:      "knows 1 to 2",
		`"trees":"some",`:    `write "all", "best", or nothing`,
		`"reading":"first",`: "cannot be read",
	} {
		for _, l := range []release.Limits{release.AdmissionLimits(), release.DefaultLimits()} {
			if _, err := l.Open(answered(t, dart, model.Reading{}, more)); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v", more, err)
			}
		}
	}
	archive, l := answered(t, dart, model.Reading{}, `"reading":1,`), release.AdmissionLimits()
	r, err := l.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Restate(r, archive); err == nil || !strings.Contains(err.Error(), `remove "reading"`) {
		t.Errorf("an old number: %v", err)
	}
}

// A model alone is completed by the newest rules, and tasks take it by those.
func TestCompletesByTheNewestRules(t *testing.T) {
	manifest, err := json.Marshal(releasetest.Manifest(0))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		model   []byte
		reading model.Rules
		trees   int
	}{
		"as it was": {releasetest.Booster(0), 0, 3},
		"weights":   {booster(t, plain, weighted), 2, 3},
		"continued": {booster(t, beginning, stopped), 2, 3},
	} {
		archive, err := release.AdmissionLimits().Complete(tt.model, manifest)
		if err != nil {
			t.Fatal(err)
		}
		r, err := release.Open(archive)
		if err != nil || r.Prove() != nil || r.Manifest.Reading != tt.reading || r.Model.Trees() != tt.trees {
			t.Errorf("%s: %v, rules %d, %d trees", name, err, r.Manifest.Reading, r.Model.Trees())
		}
		newest, err := model.Parse(tt.model)
		if err != nil {
			t.Fatal(err)
		}
		if row := rowOf(r.Manifest.Golden[0]); r.Model.Margin(row) != newest.Margin(row) {
			t.Errorf("%s: a task says %v, the newest rules %v", name, r.Model.Margin(row), newest.Margin(row))
		}
	}
}

// The one model of an archive is taken as the fleet's manifest says, and what is
// none by the newest rules is none.
func TestTakesTheOnlyModelByRules(t *testing.T) {
	m := releasetest.Manifest(0)
	early, config := booster(t, beginning, stopped), booster(t, `"trees":[`, `"trees":[],"old":[`)
	for choice, trees := range map[model.Choice]int{model.ByRules: 3, model.Best: 1, model.All: 3} {
		m.Trees = choice
		packed := pack(t, map[string][]byte{"model.json": early, "config.json": config})
		archive, err := release.AdmissionLimits().Complete(packed, encoded(t, m))
		if err != nil {
			t.Fatal(err)
		}
		r, err := release.Open(archive)
		if err != nil || r.Prove() != nil || r.Manifest.Model != "model.json" || r.Model.Trees() != trees {
			t.Errorf("%q: %v, %d trees of %s", choice, err, r.Model.Trees(), r.Manifest.Model)
		}
	}
}
