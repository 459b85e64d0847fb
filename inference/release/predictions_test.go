package release_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/inference/model"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

// csvOf asks a model for rows whose columns tell the mistakes apart, and
// writes the answers down.
func csvOf(t *testing.T, head string, change func([]*float32), answer func([]float32) string) string {
	t.Helper()
	var lines []string
	for i := range 24 {
		hour, floor, partner := float32(i), float32(i%5)/4, float32(i%3)
		row := []*float32{&hour, &floor, &partner}
		if i%6 == 5 {
			row[1] = nil
		}
		asked := slices.Clone(row)
		if change != nil {
			change(asked)
		}
		var cells []string
		for _, v := range row {
			cell := ""
			if v != nil {
				cell = fmt.Sprint(*v)
			}
			cells = append(cells, cell)
		}
		lines = append(lines, strings.Join(append(cells, answer(rowOf(release.Golden{Features: asked}))), ","))
	}
	return head + strings.Join(lines, "\n") + "\n"
}

func exact(of func([]float32) float32) func([]float32) string {
	return func(row []float32) string { return fmt.Sprint(of(row)) }
}

func TestPredictions(t *testing.T) {
	m := taken(t, releasetest.Booster(0), model.Reading{})
	six := func(row []float32) string { return fmt.Sprintf("%.6f", m.Score(row)) }
	for name, file := range map[string]string{
		"scores":            csvOf(t, "", nil, exact(m.Score)),
		"scores, a head":    csvOf(t, "hour,floor,partner,score\n", nil, exact(m.Score)),
		"margins":           csvOf(t, "hour,floor,partner,Margin\n", nil, exact(m.Margin)),
		"six digits":        csvOf(t, "hour,floor,partner,prediction\n", nil, six),
		"other columns":     "partner,score,hour,floor\n1," + six([]float32{7, 0.5, 1}) + ",7,0.5\n",
		"a byte order mark": "\ufeffhour,floor,partner,score\n7,0.5,1," + six([]float32{7, 0.5, 1}) + "\r\n",
		"1e-3":              "7,0.5,1," + fmt.Sprintf("%.5e", m.Score([]float32{7, 0.5, 1})),
	} {
		list, err := release.Predictions(release.PredictionsName, []byte(file), m.FeatureNames(), 3)
		if err != nil || len(list) == 0 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := release.Differ(list, m, nil, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if g := list[0].Vector(m); g.Margin != m.Margin(rowOf(g)) || g.Score != m.Score(rowOf(g)) {
			t.Errorf("%s: %+v", name, g)
		}
	}
	for file, says := range map[string]string{
		"1,2,3\n":                                        "row 1 of predictions.csv has 3 cells, want 3 features and an answer",
		"1,2,3,4\n1,2,3,4\n1,2,3\n":                      "row 3 of predictions.csv has 3 cells",
		"hour,floor,partner\n":                           "row 1 of",
		"hour,floor,partner,score\n1,2,x,4\n":            "row 2 of predictions.csv: \"x\"",
		"1,2,x,4\n":                                      `"x" is no number`,
		"1,2,3,\n":                                       "the answer is",
		"1,2,3,inf\n":                                    "the answer is",
		"hour,floor,partner,label\n":                     `column "label"`,
		"hour,floor,label,partner,score\n":               `want 3 features and an answer; "label" is no feature of the model: leave that column out`,
		"hour,partner,score\n":                           `want 3 features and an answer; the feature "floor" has no column: write one, with empty cells where it is missing`,
		",hour,floor,partner,score\n":                    "leave out the numbers of rows, as to_csv(index=False) does",
		"hour,floor,score,margin\n":                      `column "margin"`,
		"hour,hour,partner,score\n":                      "twice",
		"hour,floor,partner,partner\n":                   "no column score",
		"1,\"2,3,4\n":                                    "cannot be read",
		strings.Repeat("1,2,3,4\n", 1+release.MaxGolden): "more than 1024 rows",
	} {
		if _, err := release.Predictions(release.PredictionsName, []byte(file), m.FeatureNames(), 3); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.40q: %v", file, err)
		}
	}
}

// Scores may be two units in the last place off, as the exponentials of two C
// libraries are, and margins one, as their bases are.
func TestAgreesAsFarAsLibrariesDo(t *testing.T) {
	m := taken(t, releasetest.Booster(0.3), model.Reading{})
	row := []float32{7, 0.5, 1}
	for margin, most := range map[bool]int{false: 2, true: 1} {
		v := m.Score(row)
		if margin {
			v = m.Margin(row)
		}
		for off := range 5 {
			p := release.Prediction{Features: []*float32{&row[0], &row[1], &row[2]}, Margin: margin, Answer: fmt.Sprintf("%.12g", v)}
			if got := p.Agrees(m); got != (off <= most) {
				t.Errorf("margin %v, %d units off: %v", margin, off, got)
			}
			v = math.Nextafter32(v, 9)
		}
	}
}

// Few digits prove little, and those of another number nothing.
func TestAgrees(t *testing.T) {
	m := taken(t, releasetest.Booster(0), model.Reading{})
	row := []float32{7, 0.5, 1}
	list, err := release.Predictions(release.PredictionsName, []byte("7,0.5,1,0\n"), nil, 3)
	if err != nil {
		t.Fatal(err)
	}
	p := list[0]
	score := float64(m.Score(row))
	for answer, want := range map[string]bool{
		fmt.Sprintf("%.5f", score): true, fmt.Sprintf("%.8f", score): true, fmt.Sprintf("%.3f", score): false,
		fmt.Sprintf("%.5f", score+2e-5): false, fmt.Sprintf("%.8f", score+2e-7): false, fmt.Sprint(float32(score)): true,
	} {
		if p.Answer = answer; p.Agrees(m) != want {
			t.Errorf("%s of %v: %v", answer, score, !want)
		}
	}
}

// Which rows differ, and how many of them.
func TestDiffer(t *testing.T) {
	m := taken(t, releasetest.Booster(0), model.Reading{})
	list, err := release.Predictions(release.PredictionsName, []byte(csvOf(t, "", nil, exact(m.Score))), nil, 3)
	if err != nil {
		t.Fatal(err)
	}
	list[0].Answer, list[4].Answer = "0.25", "0.75"
	if err := release.Differ(list, m, nil, nil); err == nil || !strings.Contains(err.Error(), ": 2 of 24 answers of its library differ: for row 1 it gave the score 0.25, here it is") {
		t.Error(err)
	}
	headed, err := release.Predictions(release.PredictionsName, []byte("hour,floor,partner,score\n7,0.5,1,0.25\n"), m.FeatureNames(), 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := release.Differ(headed, m, nil, nil); err == nil || !strings.Contains(err.Error(), "for row 2 it gave the score 0.25") { // of the file, as in all other sentences
		t.Error(err)
	}
}

// The usual mistakes are told by name, wherever answers come from.
func TestLikely(t *testing.T) {
	dart, early := booster(t, plain, weighted), booster(t, beginning, stopped)
	two := taken(t, releasetest.Booster(0), model.Reading{}).First(2)
	exchanged := func(row []*float32) { row[0], row[2] = row[2], row[0] }
	sorted := func(row []*float32) { row[0], row[1] = row[1], row[0] }
	zeros := func(row []*float32) {
		for i, v := range row {
			if v != nil && *v == 0 {
				row[i] = nil
			}
		}
	}
	filled := func(row []*float32) {
		for i, v := range row {
			if v == nil {
				row[i] = new(float32)
			}
		}
	}
	for _, tt := range []struct {
		name   string
		model  []byte
		by     model.Reading // in which the library took it
		of     *model.Model
		change func([]*float32)
		says   string
	}{
		{"another number of trees", releasetest.Booster(0), model.Reading{}, two, nil, "those of its first 2 of 3 trees"},
		{"weights ignored", dart, model.Reading{Rules: model.FirstRules}, nil, nil, "without their weights"},
		{"columns exchanged", releasetest.Booster(0), model.Reading{}, nil, exchanged, `the columns in reverse order`},
		{"two columns exchanged", releasetest.Booster(0), model.Reading{}, nil, sorted, `the columns sorted by name`},
		{"zeros missing", releasetest.Booster(0), model.Reading{}, nil, zeros, `those of rows in which 0 is missing: training took it for a missing value (missing=0); write "missing": 0 into the contract`},
		{"missing filled", releasetest.Booster(0), model.Reading{}, nil, filled, "training filled them in"},
	} {
		of := tt.of
		if of == nil {
			of = taken(t, tt.model, tt.by)
		}
		file := csvOf(t, "", tt.change, exact(of.Score))
		m := taken(t, tt.model, model.Reading{})
		list, err := release.Predictions(release.PredictionsName, []byte(file), nil, 3)
		if err != nil {
			t.Fatal(err)
		}
		read := func(by model.Reading) (*model.Model, error) { return taken(t, tt.model, by), nil }
		if err := release.Differ(list, m, m.FeatureNames(), read); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.says)
		}
	}
	m := taken(t, releasetest.Booster(0), model.Reading{})
	for says, file := range map[string]string{
		"scores, where margins": csvOf(t, "hour,floor,partner,margin\n", nil, exact(m.Score)),
		"margins, where scores": csvOf(t, "", nil, exact(m.Margin)),
		"off by the same":       csvOf(t, "hour,floor,partner,margin\n", nil, func(row []float32) string { return fmt.Sprint(m.Margin(row) + 0.3) }),
		"by the same: another":  csvOf(t, "hour,floor,partner,margin\n", nil, func(row []float32) string { return fmt.Sprint(m.Margin(row) - 1000.3) }),
		"same: another base":    csvOf(t, "hour,floor,partner,margin\n", nil, func(row []float32) string { return fmt.Sprint(m.Margin(row) + 1000.3) }),
		"classes, where scores": csvOf(t, "", nil, func(row []float32) string { return fmt.Sprint(math.Round(float64(m.Score(row)))) }),
		"of the other class":    csvOf(t, "", nil, func(row []float32) string { return fmt.Sprint(1 - m.Score(row)) }),
		"in percent":            csvOf(t, "", nil, func(row []float32) string { return fmt.Sprint(100 * m.Score(row)) }),
		"rounded to 3 decimals": csvOf(t, "", nil, func(row []float32) string { return fmt.Sprintf("%.3f", m.Score(row)) }),
		"rounded to 2 decimals": csvOf(t, "", nil, func(row []float32) string {
			return fmt.Sprintf("%.9g", float32(math.Round(float64(m.Score(row))*100)/100))
		}),
		"no usual cause explains":  csvOf(t, "", nil, func(row []float32) string { return fmt.Sprint(row[0] / 7) }),
		"no usual cause":           csvOf(t, "hour,floor,partner,margin\n", nil, func(row []float32) string { return fmt.Sprint(m.Margin(row) + 0.3 + row[0]/1e5) }),
		"explains all":             "hour,floor,partner,margin\n7,0.5,1,0.3\n", // one row alone proves no shift
		`"partner" exchanged; wri`: csvOf(t, "", func(row []*float32) { row[1], row[2] = row[2], row[1] }, exact(m.Score)),
	} {
		list, err := release.Predictions(release.PredictionsName, []byte(file), m.FeatureNames(), 3)
		if err != nil {
			t.Fatal(err)
		}
		if err := release.Differ(list, m, m.FeatureNames(), nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %s", err, says)
		}
	}
	rare := taken(t, releasetest.Booster(-9.123457), model.Reading{}) // of whose scores six decimals are three digits
	for says, file := range map[string]string{
		"rounded to 6 decimals": csvOf(t, "", nil, func(row []float32) string { return fmt.Sprintf("%.6f", rare.Score(row)) }),
		"rounded, to 4 digits":  csvOf(t, "hour,floor,partner,margin\n", nil, func(row []float32) string { return fmt.Sprintf("%.4g", rare.Margin(row)) }),
	} {
		list, err := release.Predictions(release.PredictionsName, []byte(file), rare.FeatureNames(), 3)
		if err != nil {
			t.Fatal(err)
		}
		if err := release.Differ(list, rare, rare.FeatureNames(), nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %s", err, says)
		}
	}
	// All trees, where the manifest insists on the best.
	r, err := release.AdmissionLimits().Open(answered(t, early, model.Reading{Trees: model.All}, `"trees":"best",`))
	if err != nil || r.Prove() == nil || !strings.Contains(r.Prove().Error(), `those of all its trees; write "trees": "all"`) {
		t.Errorf("%v, %v", err, r.Prove())
	}
}

// Numbers that people write for what is missing are tried, too.
func TestLikelyNumbersForMissing(t *testing.T) {
	m := taken(t, releasetest.Booster(0), model.Reading{})
	for _, number := range []float32{-1, -99, -999} {
		var file strings.Builder
		for i := range 12 {
			row, told := []float32{float32(i), float32(i) / 8, float32(i % 3)}, number
			if row[1] = float32(math.NaN()); i%2 == 0 {
				row[1], told = 0.125, 0.125
			}
			fmt.Fprintf(&file, "%v,%v,%v,%v\n", row[0], told, row[2], m.Score(row))
		}
		list, err := release.Predictions(release.PredictionsName, []byte(file.String()), nil, 3)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf(`write "missing": %v into the contract`, number)
		if err := release.Differ(list, m, nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// Answers beside a bare model become golden vectors, and decide which trees
// answer; wrong ones are refused.
func TestCompletesWithPredictions(t *testing.T) {
	manifest, err := json.Marshal(releasetest.Manifest(0))
	if err != nil {
		t.Fatal(err)
	}
	early := booster(t, beginning, stopped)
	best := taken(t, early, model.Reading{Trees: model.Best})
	many := func(n int) string { // of the rows, again and again
		rows := csvOf(t, "", nil, exact(best.Score))
		return strings.Join(strings.SplitAfter(strings.Repeat(rows, n/24+1), "\n")[:n], "")
	}
	for name, tt := range map[string]struct {
		predictions string
		golden      int
		trees       int
		says        string
	}{
		"all":    {csvOf(t, "hour,floor,partner,score\n", nil, exact(taken(t, early, model.Reading{}).Score)), 36, 3, ""},
		"best":   {csvOf(t, "", nil, exact(best.Score)), 36, 1, ""},
		"most":   {many(release.MaxGolden - 12), release.MaxGolden, 1, ""},
		"more":   {many(release.MaxGolden - 11), 0, 0, "has 1013 rows and the manifest 12 golden vectors, at most 1024 are read"},
		"wrong":  {csvOf(t, "", nil, func([]float32) string { return "0.123456" }), 0, 0, "24 of 24 answers of its library differ"},
		"broken": {"1,2\n", 0, 0, "2 cells"},
	} {
		packed, err := release.Pack(map[string][]byte{release.DefaultModel: early, release.PredictionsName: []byte(tt.predictions)})
		if err != nil {
			t.Fatal(err)
		}
		archive, err := release.AdmissionLimits().Complete(packed, manifest)
		if tt.says != "" {
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		r, failed := release.Open(archive)
		if err != nil || failed != nil || r.Prove() != nil || len(r.Manifest.Golden) != tt.golden || r.Model.Trees() != tt.trees {
			t.Errorf("%s: %v, %v, %v", name, err, failed, r)
		}
	}
}

// FuzzPredictions holds that any bytes are predictions or a refusal.
func FuzzPredictions(f *testing.F) {
	f.Add([]byte("hour,floor,partner,score\n1,,nan,0.5\n"))
	f.Add([]byte("1,2,3,1e-5\n\n,,,1e99999\n"))
	m, err := model.Parse(releasetest.Booster(0))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := release.Predictions(release.PredictionsName, b, m.FeatureNames(), 3)
		if err != nil {
			return
		}
		for _, p := range list {
			if len(p.Features) != 3 {
				t.Fatalf("%+v", p)
			}
		}
		if err := release.Differ(list, m, m.FeatureNames(), nil); err != nil && len(list) == 0 {
			t.Fatal("nothing differs")
		}
	})
}

// Names are looked up, not searched for: a first row of many columns is read in
// no time. Spaces around names are lost in CSV.
func TestOrderOfManyColumns(t *testing.T) {
	const many = 1 << 18
	names, cells := make([]string, many), make([]string, many)
	for i := range names {
		names[i], cells[many-1-i] = fmt.Sprintf(" a_feature %07d", i), fmt.Sprintf("a feature_%07d", i)
	}
	order, err := release.Order(cells, names)
	if err != nil || order[0] != many-1 || order[many-1] != 0 {
		t.Fatalf("%d columns: %v", len(order), err)
	}
}

// Names of features may be numbers beside the name of the answer.
func TestPredictionsOfNumberedColumns(t *testing.T) {
	list, err := release.Predictions(release.PredictionsName, []byte("0,1,score\n5,6,0.5\n"), []string{"0", "1"}, 2)
	if err != nil || len(list) != 1 || *list[0].Features[0] != 5 || *list[0].Features[1] != 6 || list[0].Answer != "0.5" {
		t.Errorf("%v, %v", list, err)
	}
	if list, err := release.Predictions(release.PredictionsName, []byte("0,1,0.5\n"), []string{"0", "1"}, 2); err != nil || len(list) != 1 {
		t.Errorf("a row: %v, %v", list, err)
	}
}
