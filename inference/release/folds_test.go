package release_test

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

// withManifest adds a manifest for a model of that name.
func withManifest(t *testing.T, files map[string][]byte, name string) map[string][]byte {
	t.Helper()
	m := releasetest.Manifest(0)
	m.Model = name
	files = maps.Clone(files)
	files[release.ManifestName] = encoded(t, m)
	return files
}

// Whichever files of an archive could be meant: those that answer are told by
// the margin of one row, to which each adds its own bias, and the others are
// refused by name. The same holds for what completes a model without a manifest.
func TestWhichFilesAnswer(t *testing.T) {
	one, two, four := releasetest.Booster(1), releasetest.Booster(2), releasetest.Booster(4)
	torn, garbage := two[:len(two)-20], []byte("no model at all")
	classes := []byte(strings.Replace(string(two), `"num_class":"0"`, `"num_class":"3"`, 1))
	otherwise := []byte(strings.Replace(string(two), `"hour","floor"`, `"floor","hour"`, 1))
	const several = "several files that look like a model"
	for _, tt := range []struct {
		name   string
		files  map[string][]byte
		bias   float32 // of what answers, the mean of folds
		refuse []string
	}{
		{"one", map[string][]byte{"xgboost-model": one}, 1, nil},
		{"folds", map[string][]byte{"xgboost-model-0": one, "xgboost-model-1": two, "xgboost-model-2": four}, 7. / 3, nil},
		{"folds beside notes", map[string][]byte{"xgboost-model-0": one, "xgboost-model-1": two, "xgboost-model-1.log": garbage, "xgboost-model-2.json": []byte(`{"auc":0.9}`), "empty": nil}, 1.5, nil},
		{"one fold", map[string][]byte{"xgboost-model-0": one}, 1, nil},
		{"one beside folds", map[string][]byte{"xgboost-model": one, "xgboost-model-0": two, "xgboost-model-1": four}, 0, []string{several, `"xgboost-model", "xgboost-model-0", "xgboost-model-1"`, "all folds of one training as"}},
		{"one beside a fold that is none", map[string][]byte{"xgboost-model": one, "xgboost-model-1": garbage}, 0, []string{several, `"xgboost-model", "xgboost-model-1"`}},
		{"a fold that is numbered otherwise", map[string][]byte{"xgboost-model-0": one, "xgboost-model-01": two}, 0, []string{several, `"xgboost-model-0", "xgboost-model-01"`}},
		{"a fold with an ending", map[string][]byte{"xgboost-model-0": one, "xgboost-model-1.json": two}, 0, []string{several, `"xgboost-model-0", "xgboost-model-1.json"`}},
		{"a fold with an ending beside one", map[string][]byte{"xgboost-model": one, "xgboost-model-1.json": two}, 0, []string{several, `"xgboost-model", "xgboost-model-1.json"`}},
		{"a torn one beside it", map[string][]byte{"xgboost-model": one, "xgboost-model-01": torn}, 0, []string{several, `"xgboost-model", "xgboost-model-01"`}},
		{"one that is not taken beside it", map[string][]byte{"xgboost-model": one, "xgboost-model-01": classes}, 0, []string{several, `"xgboost-model", "xgboost-model-01"`}},
		{"one is missing", map[string][]byte{"xgboost-model-0": one, "xgboost-model-2": two}, 0, []string{"holds xgboost-model-2 and no xgboost-model-1"}},
		{"counted from 1", map[string][]byte{"xgboost-model-1": one, "xgboost-model-2": two}, 0, []string{"holds xgboost-model-1 and no xgboost-model-0"}},
		{"a torn fold", map[string][]byte{"xgboost-model-0": one, "xgboost-model-1": torn}, 0, []string{`torn: "xgboost-model-1" in the archive`}},
		{"a fold that is none", map[string][]byte{"xgboost-model-0": one, "xgboost-model-1": garbage}, 0, []string{`"xgboost-model-1" in the archive: the model is something unknown`}},
		{"folds of two trainings", map[string][]byte{"xgboost-model-0": one, "xgboost-model-1": otherwise}, 0, []string{`"xgboost-model-1" calls its features "floor", "hour", "partner" and "xgboost-model-0" "hour", "floor", "partner"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			alone, named := pack(t, tt.files), pack(t, withManifest(t, tt.files, release.DefaultModel))
			for way, err := range map[string]error{
				"alone": answersWith(alone, tt.bias), "completed": completesWith(t, alone, tt.bias),
				"named": opensWith(named, tt.bias), "named and scored": answersWith(named, tt.bias),
			} {
				says(t, way, err, tt.refuse)
			}
		})
	}
}

// Where nobody names a model, every file counts, in folders, too; where a manifest
// does, another one may lie beside it.
func TestOneModelWhereNobodyNamesIt(t *testing.T) {
	one, two := releasetest.Booster(1), releasetest.Booster(2)
	classes := []byte(strings.Replace(string(two), `"num_class":"0"`, `"num_class":"3"`, 1))
	for name, tt := range map[string]struct {
		files  map[string][]byte
		named  string // in a manifest, where that is taken
		advice string
	}{
		"beside the usual one":      {map[string][]byte{"model.json": two, "xgboost-model": one}, "xgboost-model", "or name it in manifest.json"},
		"three":                     {map[string][]byte{"a.json": two, "b.json": one, "c.json": two}, "b.json", "or name it in manifest.json"},
		"beside folds":              {map[string][]byte{"old.json": two, "xgboost-model-0": one, "xgboost-model-1": one}, "xgboost-model", "or name it in manifest.json"},
		"one that is not taken":     {map[string][]byte{"a.json": classes, "b.json": one}, "b.json", "or name it in manifest.json"},
		"in a folder":               {map[string][]byte{"checkpoints/model.json": two, "xgboost-model": one}, "xgboost-model", "or name it in manifest.json"},
		"folds in a folder":         {map[string][]byte{"folds/xgboost-model-0": one, "folds/xgboost-model-1": one}, "folds/xgboost-model", "all folds of one training as xgboost-model-0, xgboost-model-1"},
		"folds with other endings":  {map[string][]byte{"model-0.json": one, "model-1.json": one}, "model-0.json", "all folds of one training as xgboost-model-0, xgboost-model-1"},
		"folds with wrong numbers":  {map[string][]byte{"xgboost-model-01": one, "xgboost-model-02": one}, "xgboost-model-01", "all folds of one training as xgboost-model-0, xgboost-model-1"},
		"one and its own numbering": {map[string][]byte{"model": one, "model-1": two}, "", "pack the one that is meant"},
	} {
		t.Run(name, func(t *testing.T) {
			archive, want := pack(t, tt.files), []string{"several files that look like a model", tt.advice}
			for file := range tt.files {
				want = append(want, `"`+file+`"`)
			}
			says(t, "alone", answersWith(archive, 0), want)
			says(t, "completed", completesWith(t, archive, 0), want)
			if tt.named != "" {
				named := pack(t, withManifest(t, tt.files, tt.named))
				says(t, "named", opensWith(named, 1), nil)
				says(t, "named and scored", answersWith(named, 1), nil)
			}
		})
	}
}

// Pickles beside a model may be what changed its rows in training: nothing of
// them is used, and that is said. The model may be one itself.
func TestPicklesBesideAModel(t *testing.T) {
	one, scaler := releasetest.Booster(1), []byte("\x80\x04}q\x00.")
	pickled, err := os.ReadFile("../model/testdata/v3.2.0-classifier.pkl")
	if err != nil {
		t.Fatal(err)
	}
	deflated, err := os.ReadFile("testdata/packed/v3.2.0-classifier.zlib")
	if err != nil {
		t.Fatal(err)
	}
	const lie = "Beside the model lie pickles of which nothing is used: "
	for name, tt := range map[string]struct {
		files map[string][]byte
		says  string
	}{
		"a scaler":                    {map[string][]byte{"xgboost-model": one, "scaler.pkl": scaler}, lie + `"scaler.pkl".`},
		"two, one of them packed":     {map[string][]byte{"xgboost-model": one, "z.pkl": scaler, "encoder.z": zip(scaler)}, lie + `"encoder.z", "z.pkl".`},
		"beside folds":                {map[string][]byte{"xgboost-model-0": one, "xgboost-model-1": one, "scaler.pkl": scaler}, lie + `"scaler.pkl".`},
		"a name of its own":           {map[string][]byte{"model.json": one, "scaler.pkl": scaler}, lie + `"scaler.pkl".`},
		"a pickled model and another": {map[string][]byte{"model.pkl": pickled, "scaler.pkl": scaler}, lie + `"scaler.pkl".`},
		"a pickled model":             {map[string][]byte{"model.pkl": pickled}, ""},
		"a packed model":              {map[string][]byte{"model.joblib": deflated}, ""},
		"hidden":                      {map[string][]byte{"xgboost-model": one, "._scaler.pkl": scaler}, ""},
		"notes":                       {map[string][]byte{"xgboost-model": one, "notes.txt": []byte("none")}, ""},
	} {
		archive := pack(t, tt.files)
		m, err := release.ReadModel(archive)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if said := strings.Join(release.NotesOn(archive, m), " "); !strings.Contains(said, tt.says) || tt.says == "" && strings.Contains(said, lie) {
			t.Errorf("%s: %s", name, said)
		}
		if m.NumFeature() != 3 {
			continue // of another contract
		}
		completed, err := release.AdmissionLimits().Complete(archive, fleetManifest(t))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r, err := release.AdmissionLimits().Open(completed)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if said := strings.Join(r.Beside, " "); !strings.Contains(said, tt.says) || tt.says == "" && said != "" {
			t.Errorf("%s, admitted: %s", name, said)
		}
	}
}

// The same archives go on to load where they were admitted before.
func TestLoadingTakesTheOneOfTheName(t *testing.T) {
	one, two := releasetest.Booster(1), releasetest.Booster(2)
	for _, files := range []map[string][]byte{
		{"xgboost-model": one, "xgboost-model-0": two},
		{"xgboost-model-0": one, "xgboost-model-01": two},
	} {
		r, err := release.Open(pack(t, withManifest(t, files, release.DefaultModel)))
		if err != nil {
			t.Fatal(err)
		}
		if got := bias(r.Model.Margin(row())); got != 1 {
			t.Errorf("%q answer with the bias %v", slices.Sorted(maps.Keys(files)), got)
		}
	}
}

func row() []float32 { return []float32{0, 0, 0} }

// bias tells that of a booster, or the mean of several, by its margin of the row.
func bias(margin float32) float32 { return margin - releaseMargin }

// releaseMargin is what a booster without bias says of the row.
const releaseMargin = -1.375

// answersWith says why a file is refused, or that it answers otherwise.
func answersWith(b []byte, want float32) error {
	m, err := release.ReadModel(b)
	if err != nil {
		return err
	}
	return biased(m.Margin(row()), want)
}

// opensWith is answersWith of a release that is admitted.
func opensWith(archive []byte, want float32) error {
	r, err := release.AdmissionLimits().Open(archive)
	if err != nil {
		return err
	}
	return biased(r.Model.Margin(row()), want)
}

// completesWith is opensWith of a model without a manifest, beside which admission
// packs the fleet's.
func completesWith(t *testing.T, artifact []byte, want float32) error {
	t.Helper()
	archive, err := release.AdmissionLimits().Complete(artifact, fleetManifest(t))
	if err != nil {
		return err
	}
	return opensWith(archive, want)
}

var errAnswers = errors.New("it answers with another bias")

func biased(margin, want float32) error {
	if got := bias(margin); got < want-1e-5 || got > want+1e-5 {
		return errAnswers
	}
	return nil
}

// says compares an error with what it must say, or with none.
func says(t *testing.T, way string, err error, want []string) {
	t.Helper()
	if (err == nil) != (want == nil) {
		t.Errorf("%s: %v, want %q", way, err, want)
		return
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v, want %q", way, err, part)
		}
	}
}

// The folds of real trainings, packed as SageMaker's container packs them,
// answer as its server does: the mean of the scores of all, or their vote.
func TestFoldsAnswerAsSageMaker(t *testing.T) {
	archives, err := filepath.Glob("testdata/folds/*.tar.gz")
	if err != nil || len(archives) != 8 {
		t.Fatalf("found %d archives: %v", len(archives), err)
	}
	for _, path := range archives {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m, err := release.ReadModel(b)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		off := uint32(0) // in the last place
		if strings.Contains(path, "logistic") {
			off = 2 // see model.Score
		}
		for i, a := range saidOf(t, strings.TrimSuffix(path, ".tar.gz")+".rows") {
			if got := m.Score(a.row); math.Float32bits(max(got, a.said))-math.Float32bits(min(got, a.said)) > off {
				t.Fatalf("%s: row %d scores %v, the server says %v", path, i, got, a.said)
			}
		}
	}
}

type answer struct {
	row  []float32
	said float32
}

// saidOf reads rows and what a library said of them.
func saidOf(t *testing.T, path string) (list []answer) {
	t.Helper()
	lines, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(lines)) {
		var numbers []float32
		b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(line), " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		for ; len(b) > 0; b = b[4:] {
			numbers = append(numbers, math.Float32frombits(binary.BigEndian.Uint32(b)))
		}
		last := len(numbers) - 1
		list = append(list, answer{numbers[:last], numbers[last]})
	}
	return list
}
