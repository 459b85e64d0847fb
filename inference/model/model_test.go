package model

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

// answer is a row and what the library that trained said about it.
type answer struct {
	row           []float32
	margin, score float32
}

// Every version of XGBoost and LightGBM, in every format that it can save, gives
// the same bits.
func TestScoresAsTheLibrary(t *testing.T) {
	forEachAnswered(t, ".rows", 40, func(t *testing.T, file string, answers []answer) {
		m, err := Parse(read(t, file))
		if err != nil {
			t.Fatal(err)
		}
		compare(t, m, answers)
	})
}

// From 2.0 on the trees up to the best iteration answer where somebody says so.
func TestScoresAsTheBest(t *testing.T) {
	forEachAnswered(t, ".best", 8, func(t *testing.T, file string, answers []answer) {
		m := readBy(t, file, Reading{Trees: Best})
		compare(t, m, answers)
		compare(t, readBy(t, file, Reading{Rules: FirstRules}), answers)
		all := readBy(t, file, Reading{})
		if m.Best() != m.Trees() || all.Best() != m.Trees() || all.Trees() != all.Trained() || all.Trees() <= m.Trees() {
			t.Errorf("%d trees up to the best, %d of %d answer", m.Best(), all.Trees(), all.Trained())
		}
		compareForest(t, all, readBy(t, file, Reading{Rules: FirstRules, Trees: All}))
	})
}

// XGBoost's JVM package names a best iteration without early stopping, and
// answers with all trees: up to 1.7 only where somebody says so.
func TestScoresAsTheJVM(t *testing.T) {
	forEachAnswered(t, ".all", 3, func(t *testing.T, file string, answers []answer) {
		compare(t, readBy(t, file, Reading{Trees: All}), answers)
		silent := readBy(t, file, Reading{})
		if old := !strings.Contains(file, "v2."); silent.Best() >= silent.Trained() || (silent.Trees() < silent.Trained()) != old {
			t.Errorf("nobody says which: %d of %d trees answer, %d up to the best", silent.Trees(), silent.Trained(), silent.Best())
		}
	})
}

// A model of 200,000 columns, one for each bucket of a hash, gives the same bits,
// and takes the memory of the trees that ask a few of them.
func TestScoresHashedColumns(t *testing.T) {
	const columns = 200_000
	forEachAnswered(t, ".cells", 2, func(t *testing.T, file string, answers []answer) {
		m, err := Parse(read(t, file))
		if err != nil {
			t.Fatal(err)
		}
		if m.NumFeature() != columns || m.MemoryBytes() > 30<<10 {
			t.Errorf("%d columns, %d bytes", m.NumFeature(), m.MemoryBytes())
		}
		compare(t, m, answers)
		s, out := m.Prepare(Auctions{}), make([]float32, 1)
		if s.Evaluator() != Walk || m.Evaluator() != Walk {
			t.Errorf("prepared for %s, said to be %s", s.Evaluator(), m.Evaluator())
		}
		var scratch Scratch
		for i, a := range answers {
			s.Begin(&scratch, a.row)
			s.Margins(&scratch, Batch{Keys: []uint32{Stranger}, Rows: a.row, Out: out})
			if math.Float32bits(out[0]) != math.Float32bits(a.margin) {
				t.Errorf("row %d: prepared margin %v, want %v", i, out[0], a.margin)
			}
		}
	})
}

// So does one of LightGBM, with names of its own or without.
func TestReadsWideLightGBM(t *testing.T) {
	const columns = 200_000
	good := string(read(t, "testdata/vlightgbm4.6.0-stump.txt"))
	small, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	list := make([]string, columns)
	for _, prefix := range []string{"Column_", "token_"} {
		for i := range list {
			list[i] = prefix + strconv.Itoa(i)
		}
		b := regexp.MustCompile(`(?m)^feature_names=.*$`).ReplaceAllString(good, "feature_names="+strings.Join(list, " "))
		b = strings.Replace(b, "max_feature_idx="+strconv.Itoa(small.NumFeature()-1), "max_feature_idx="+strconv.Itoa(columns-1), 1)
		m, err := Parse([]byte(b))
		if err != nil || m.NumFeature() != columns || (m.FeatureNames() == nil) != (prefix == "Column_") {
			t.Fatalf("%s: %v", prefix, err)
		}
		row := make([]float32, columns)
		if m.Margin(row) != small.Margin(row[:small.NumFeature()]) || m.Evaluator() != Walk {
			t.Errorf("%s: margin %v by %s", prefix, m.Margin(row), m.Evaluator())
		}
		if _, err := (Bounds{Piece: 4 << 20}).Read(strings.NewReader(b), int64(len(b))); (err == nil) != (prefix == "Column_") {
			t.Errorf("%s within bounds: %v", prefix, err)
		}
		if _, err := Parse([]byte(strings.Replace(b, " "+prefix+"7 ", " ", 1))); err == nil || !strings.Contains(err.Error(), "names 199999 features and reads 200000") {
			t.Errorf("%s: one name too few: %v", prefix, err)
		}
	}
}

// Names take memory that a few bytes of a file may claim.
func TestNamesAreBounded(t *testing.T) {
	good := string(read(t, "testdata/v3.4.1-named.json"))
	names := regexp.MustCompile(`"feature_names":\[[^]]*\]`)
	b := names.ReplaceAllString(good, `"feature_names":[`+strings.Repeat(`"",`, 99_999)+`""]`)
	for piece, want := range map[int64]string{1 << 20: "its names of features, or something else in it has more than 1048576 bytes", 0: "names 100000 features and reads 6"} {
		if _, err := (Bounds{Piece: piece}).Read(strings.NewReader(b), int64(len(b))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("in %d bytes: %v, want %s", piece, err, want)
		}
	}
}

// forEachAnswered checks every model that has answers in a file of that ending,
// of which there must be so many.
func forEachAnswered(t *testing.T, ending string, least int, check func(t *testing.T, file string, answers []answer)) {
	t.Helper()
	stems, err := filepath.Glob("testdata/v*" + ending)
	if err != nil || len(stems) < least {
		t.Fatalf("found %d models: %v", len(stems), err)
	}
	for _, path := range stems {
		answers := readAnswers(t, path)
		for _, file := range savedAs(t, strings.TrimSuffix(path, ending)) {
			t.Run(filepath.Base(file), func(t *testing.T) { check(t, file, answers) })
		}
	}
}

func readBy(t *testing.T, file string, by Reading) *Model {
	t.Helper()
	b := read(t, file)
	m, err := Bounds{Reading: by}.Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func compareForest(t *testing.T, a, b *Model) {
	t.Helper()
	if !slices.Equal(a.forest.roots, b.forest.roots) || a.Trees() != b.Trees() {
		t.Errorf("%d and %d trees", a.Trees(), b.Trees())
	}
}

// What a model of XGBoost's documents comes to by the first rules, which are
// those of releases of old, and by the newest.
func TestRules(t *testing.T) {
	const leaf = `"left_children":[-1],"right_children":[-1],"split_indices":[0],"split_conditions":[1],"default_left":[0]`
	good := string(document1(leaf + "},{" + leaf))
	row := []float32{0, 0}
	for _, tt := range []struct {
		name, old, new string
		first, second  float32 // margins; NaN: refused
		alike          bool
		says           string
	}{
		{"as it is", "", "", 2, 2, true, ""},
		{"weights beside the trees", `"name":"gbtree"`, `"name":"gbtree","weight_drop":[0.5,0.25]`, 2, 0.75, false, ""},
		{"weights among the trees", `"trees":[`, `"weight_drop":[0.5,0.25],"trees":[`, 2, 0.75, false, ""},
		{"weights of dart", `"name":"gbtree"`, `"name":"dart","weight_drop":[0.5,0.25]`, 0.75, 0.75, true, ""},
		{"weights among the trees of dart", `"model":{"trees"`, `"gbtree":{"name":"gbtree","model":{"weight_drop":[0.5,0.25],"trees"`, nan32(), 0.75, false, ""},
		{"no weights", `"trees":[`, `"weight_drop":[],"trees":[`, 2, 2, true, ""},
		{"weights twice", `"trees":[`, `"weight_drop":[0.5,0.25],"trees":[`, 2, nan32(), false, "in two places"},
		{"weights of one tree", `"trees":[`, `"weight_drop":[0.5],"trees":[`, 2, nan32(), false, "weights for 1"},
		{"best of 3.2", `"feature_names"`, `"attributes":{"best_iteration":"0"},"feature_names"`, 1, 2, false, ""},
		{"a key at the top", `"version":`, `"post":1,"version":`, 2, nan32(), false, `"post"`},
		{"a key of the learner", `"feature_names":`, `"calibration":{},"feature_names":`, 2, nan32(), false, `"learner.calibration"`},
		{"a key of the booster", `"name":"gbtree"`, `"name":"gbtree","scale":[1]`, 2, nan32(), false, `"gradient_booster.scale"`},
		{"a key beside the trees", `"trees":[`, `"tree_scale":[1],"trees":[`, 2, nan32(), false, `"model.tree_scale"`},
		{"a key of a tree", `"default_left"`, `"leaf_scale":2,"default_left"`, 2, nan32(), false, `"trees.leaf_scale"`},
		{"a key of the trees' parameters", `"trees":[`, `"gbtree_model_param":{"scale":"2"},"trees":[`, 2, nan32(), false, `"gbtree_model_param.scale"`},
		{"a key of a tree's parameters", `"default_left"`, `"tree_param":{"scale":"2"},"default_left"`, 2, nan32(), false, `"tree_param.scale"`},
		{"a key of the model's parameters", `"num_feature"`, `"scale":"2","num_feature"`, 2, nan32(), false, `"learner_model_param.scale"`},
		{"an attribute", `"feature_names"`, `"attributes":{"mine":"2"},"feature_names"`, 2, 2, true, ""},
		{"no trees", `{` + leaf + "},{" + leaf + "}", "", 0, nan32(), false, "no trees"},
		{"a configuration", `"trees":[{` + leaf + "},{" + leaf + "}]", `"trees_param":{}`, 0, nan32(), false, "save_config"},
	} {
		b := strings.Replace(good, tt.old, tt.new, 1)
		if tt.name == "weights twice" {
			b = strings.Replace(b, `"name":"gbtree"`, `"name":"gbtree","weight_drop":[0.5,0.25]`, 1)
		}
		if tt.name == "weights among the trees of dart" {
			b = strings.Replace(b, `]},"name":"gbtree"},"learner`, `]}},"name":"dart"},"learner`, 1)
		}
		for _, read := range []struct {
			rules Rules
			want  float32
		}{{FirstRules, tt.first}, {NewestRules, tt.second}} {
			m, err := Bounds{Reading: Reading{Rules: read.rules}}.Read(strings.NewReader(b), int64(len(b)))
			switch refused := read.want != read.want; {
			case (err != nil) != refused:
				t.Errorf("%s by rules %d: %v", tt.name, read.rules, err)
			case refused && read.rules == NewestRules && !strings.Contains(err.Error(), tt.says):
				t.Errorf("%s: %v does not say %s", tt.name, err, tt.says)
			case !refused && m.Margin(row) != read.want:
				t.Errorf("%s by rules %d: margin %v, want %v", tt.name, read.rules, m.Margin(row), read.want)
			case !refused && m.IsAlike(Reading{Rules: FirstRules + NewestRules - read.rules}) != tt.alike:
				t.Errorf("%s by rules %d: alike by the others: %v", tt.name, read.rules, !tt.alike)
			}
		}
	}
}

// UBJSON's keys are as JSON's.
func TestRefusesUnknownKeysOfUBJSON(t *testing.T) {
	good := string(read(t, "testdata/v3.4.1-ties.ubj"))
	for key, says := range map[string]string{
		"version": "versioN", "feature_types": "learner.feature_typeS", "tree_info": "model.tree_infO", "num_target": "learner_model_param.num_targeT",
		"num_parallel_tree": "gbtree_model_param.num_parallel_treE", "loss_changes": "trees.loss_changeS", "num_deleted": "tree_param.num_deleteD",
	} {
		b := strings.Replace(good, key, says[strings.LastIndex(says, ".")+1:], 1)
		_, err := Parse([]byte(b))
		if b == good || err == nil || !strings.Contains(err.Error(), strconv.Quote(says)) {
			t.Errorf("%s: %v", says, err)
		}
		if m, err := (Bounds{Reading: Reading{Rules: FirstRules}}).Read(strings.NewReader(b), int64(len(b))); err != nil || m.Trees() != 6 {
			t.Errorf("%s by the first rules: %v", says, err)
		}
	}
}

func nan32() float32 { return float32(math.NaN()) }

// Values are nested as deep as is said, and no deeper.
func TestNestingOfUBJSON(t *testing.T) {
	for lists, refused := range map[int]bool{maxNesting - 1: false, maxNesting: true} { // in an object
		_, err := Parse([]byte("{i\x01a" + strings.Repeat("[", lists) + strings.Repeat("]", lists) + "}"))
		if err == nil || strings.Contains(err.Error(), "nested deeper than 64") != refused {
			t.Errorf("%d lists: %v", lists, err)
		}
	}
}

// A version newer than all fixtures is read, and said to be.
func TestIsProven(t *testing.T) {
	for version, want := range map[string]bool{"0,90": true, "1,7": true, "3,4": true, "3,5": false, "4,0": false} {
		b := strings.Replace(string(read(t, "testdata/v3.2.0-stump.json")), `"version":[3,2,`, `"version":[`+version+`,`, 1)
		m, err := Parse([]byte(b))
		if err != nil || m.IsProven() != want || m.Version() != strings.Replace(version, ",", ".", 1) {
			t.Errorf("%s: %v, %v", version, m.IsProven(), err)
		}
	}
}

func compare(t *testing.T, m *Model, answers []answer) {
	t.Helper()
	wrong, apart := 0, 0
	for i, a := range answers {
		got := m.Margin(a.row)
		if math.Float32bits(got) != math.Float32bits(a.margin) {
			wrong++
			t.Logf("row %d %v: margin %v, the library says %v", i, a.row, got, a.margin)
		}
		if d := ulps(m.Score(a.row), a.score); d > 2 {
			t.Errorf("row %d %v: score %v, the library says %v", i, a.row, m.Score(a.row), a.score)
		} else {
			apart += d
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d margins differ", wrong, len(answers))
	}
	if apart > len(answers)/10 {
		t.Errorf("%d of %d scores differ in the last bit", apart, len(answers))
	}
}

func TestSaysWhatItIs(t *testing.T) {
	for _, tt := range []struct {
		file, format   string
		features, size int
		names          string
	}{
		{"v0.90-ties.bin", "xgboost-binary", 6, 6, ""},
		{"v1.7.6-forest.json", "xgboost-json", 6, 6, ""},
		{"v3.2.0-stump.ubj", "xgboost-ubjson", 6, 1, ""},
		{"v1.7.6-named.bin", "xgboost-binary", 6, 4, ""},
		{"v1.7.6-named.json", "xgboost-json", 6, 4, "hour floor geo|country größe a b partner"},
		{"v3.2.0-named.ubj", "xgboost-ubjson", 6, 4, "hour floor geo|country größe a b partner"},
	} {
		m, err := Parse(read(t, "testdata/"+tt.file))
		if err != nil {
			t.Fatalf("%s: %v", tt.file, err)
		}
		names := strings.Join(m.FeatureNames(), " ")
		if m.Format() != tt.format || m.NumFeature() != tt.features || m.Trees() != tt.size || names != tt.names || m.Objective() != "binary:logistic" {
			t.Errorf("%s: %s, %d features %q, %d trees, %s", tt.file, m.Format(), m.NumFeature(), names, m.Trees(), m.Objective())
		}
		if least := int64(m.Trees()) * 16; m.MemoryBytes() < least {
			t.Errorf("%s: %d bytes for %d trees", tt.file, m.MemoryBytes(), m.Trees())
		}
	}
}

// What cannot be scored rightly is refused, with the reason.
func TestRefuses(t *testing.T) {
	files, err := filepath.Glob("testdata/refused-*")
	if err != nil || len(files) < 19 {
		t.Fatalf("found %d models: %v", len(files), err)
	}
	for _, file := range files {
		want := map[string]Reason{
			"linear": Booster, "classes": Objective,
			"lightgbmclasses": Objective, "lightgbmlinear": Booster,
		}[strings.Split(filepath.Base(file), "-")[1]]
		if strings.HasSuffix(file, ".joblib") || strings.HasSuffix(file, ".pkl") {
			want = Pickle
		}
		if got := reason(t, read(t, file)); got != want {
			t.Errorf("%s: refused as %q, want %q", file, got, want)
		}
	}
}

func TestRefusesByContent(t *testing.T) {
	for _, tt := range []struct {
		name, bytes string
		want        Reason
	}{
		{"empty", "", Torn},
		{"one brace", "{", Torn},
		{"half a prefix", "bi", Torn},
		{"pickle that calls os.system", "cos\nsystem\n(S'touch /tmp/owned'\ntR.", Pickle},
		{"pickle, protocol 4, that calls os.system", "\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93)R", Pickle},
		{"gzip", "\x1f\x8b\x08\x00", Format},
		{"base64 text of old", "bs64\tAAAA", Format},
		{"LightGBM, the first line", "tree\n", Torn},
		{"LightGBM, two lines", "tree\nversion=v4\n", Torn},
		{"LightGBM without trees", "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nfeature_names=a\nobjective=binary sigmoid:1\n\nend of trees\n", Format},
		{"words", "hello, world, this is no model", Format},
		{"other JSON", `{"a": 1}`, Format},
		{"empty object", `{}`, Format},
		{"broken JSON", `{"learner": nil}`, Format},
		{"two documents", string(read(t, "testdata/v3.2.0-stump.json")) + "{}", Format},
		{"bytes after UBJSON", string(read(t, "testdata/v3.2.0-stump.ubj")) + "}", Format},
		{"bytes after binary", string(read(t, "testdata/v1.7.6-stump.bin")) + "\x00", Format},
		{"UBJSON list of nothing", "{i\x01a[$Z#L\x7f\xff\xff\xff\xff\xff\xff\xff}", Format},
		{"UBJSON that claims 2^63 floats", "{i\x01a[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff}", Torn},
		{"UBJSON nested too deep", "{i\x01a" + strings.Repeat("[", 1000), Format},
	} {
		if got := reason(t, []byte(tt.bytes)); got != tt.want {
			t.Errorf("%s: refused as %q, want %q", tt.name, got, tt.want)
		}
	}
}

// What people take for a model is named, with the way out.
func TestNamesOtherFormats(t *testing.T) {
	for _, tt := range []struct{ begin, name, way string }{
		{`{"name": "tree", "version": "v4", "num_class": 1, "tree_info": [`, "dump of LightGBM", "model.txt"},
		{"{\n  \"name\": \"tree\",\n  \"version\": \"v4\"", "dump of LightGBM", "model.txt"},
		{"[\n  { \"nodeid\": 0, \"depth\": 0, \"split\": \"f0\"", "dump of XGBoost", "model.json"},
		{"booster[0]:\n0:[f0<15] yes=1,no=2", "dump of XGBoost", "save_model"},
		{"\x08\x08\x12\x08skl2onnx\x1a\x061.16.0", "ONNX", "converted from"},
		{"\x08\x09\x12\x0bOnnxMLTools", "ONNX", "converted from"},
		{strings.Repeat("\x00", 257) + "ustar\x00", "tar archive packed once more, or not by gzip", "tar czf"},
		{"CBM1\x00\x00\x00\x00", "CatBoost", "XGBoost or LightGBM"},
		{`{"features_info":{"float_features":[`, "CatBoost", "XGBoost or LightGBM"},
		{"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a", "Git LFS", "git lfs pull"},
		{"<!DOCTYPE html><html>", "web page", "download"},
		{"\xfd7zXZ\x00\x00\x04", "xz", "compress=3"},
		{"PK\x03\x04\x14\x00", "zip", "upload"},
		{"nobody knows this", "unknown", "save_model"},
		{" onnx in words", "unknown", "save_model"},
	} {
		var refusal Refusal
		if _, err := Parse([]byte(tt.begin)); !errors.As(err, &refusal) || refusal.Reason != Format || !strings.Contains(refusal.Detail, tt.name) || !strings.Contains(refusal.Detail, tt.way) {
			t.Errorf("%q: %v", tt.begin, err)
		}
	}
}

// Editors put a mark in front of texts, and Windows ends lines in its own way.
func TestReadsEditedTexts(t *testing.T) {
	for _, file := range []string{"v3.2.0-ties.json", "v1.7.6-named.json", "vlightgbm4.6.0-cats.txt", "vlightgbm3.3.5-dart.txt"} {
		plain := string(read(t, "testdata/"+file))
		for _, edited := range []string{byteOrderMark + plain, strings.ReplaceAll(plain, "\n", "\r\n"), byteOrderMark + strings.ReplaceAll(plain, "\n", "\r\n")} {
			m, err := Parse([]byte(edited))
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			compare(t, m, readAnswers(t, "testdata/"+file[:strings.LastIndexByte(file, '.')]+".rows"))
		}
	}
}

// A binary model without a magic number begins with its base score, whatever
// the bytes of that look like.
func TestBaseScoreLooksLikeAnything(t *testing.T) {
	whole := read(t, "testdata/v0.90-base.bin")
	for _, begins := range []string{"{", "{i", "{\"", "\x80\x02", "\x80\x04", "(c", "bs", "x\x9c", byteOrderMark + "\x3e"} {
		b := append([]byte(begins), whole[len(begins):]...)
		m, err := Parse(b)
		if err != nil || m.Format() != "xgboost-binary" || m.Trees() != 7 {
			t.Errorf("%q: %v", begins, err)
		}
	}
}

// Every field of a binary model's head tells it from other bytes, up to its
// bounds, as far as the bytes go.
func TestIsBinary(t *testing.T) {
	head := func(word int, v uint32, name string) []byte {
		b := make([]byte, learnerBytes)
		for i, good := range []uint32{math.Float32bits(0.5), 6, 0, 0, 0} {
			if i == word {
				good = v
			}
			binary.LittleEndian.PutUint32(b[4*i:], good)
		}
		return append(binary.LittleEndian.AppendUint64(b, uint64(len(name))), name...)
	}
	const none = -1
	for _, tt := range []struct {
		what string
		b    []byte
		want bool
	}{
		{"five fields", head(none, 0, "a")[:20], true},
		{"less", head(none, 0, "a")[:19], false},
		{"a base score that is none", head(0, math.Float32bits(nan32()), "a"), false},
		{"no feature", head(1, 0, "a"), false},
		{"a feature", head(1, 1, "a"), true},
		{"2^28 features", head(1, 1<<28, "a"), true},
		{"more", head(1, 1<<28+1, "a"), false},
		{"2^20 classes", head(2, 1<<20, "a"), true},
		{"more", head(2, 1<<20+1, "a"), false},
		{"attributes", head(3, 1, "a"), true},
		{"neither with nor without", head(3, 2, "a"), false},
		{"metrics", head(4, 1, "a"), true},
		{"neither with nor without", head(4, 2, "a"), false},
		{"the length of a name", head(none, 0, "a")[:learnerBytes+8], true},
		{"half of it", head(none, 0, "a")[:learnerBytes+7], true},
		{"no name", head(none, 0, ""), false},
		{"64 letters", head(none, 0, strings.Repeat("a", 64)), true},
		{"65 letters", head(none, 0, strings.Repeat("a", 65)), false},
		{"all that names have", head(none, 0, "az09:_@"), true},
		{"below a", head(none, 0, "`"), false},
		{"above z", head(none, 0, "{"), false},
		{"below 0", head(none, 0, "/"), false},
		{"above 9", head(none, 0, ";"), false},
	} {
		if got := IsBinary(tt.b); got != tt.want {
			t.Errorf("%s: %v", tt.what, got)
		}
	}
}

// Pickles are known by their protocol, and those of old by the name that they
// begin with.
func TestIsPickle(t *testing.T) {
	for begins, want := range map[string]bool{
		"\x80\x00": false, "\x80\x01": true, "\x80\x05": true, "\x80\x06": false, "\x80": false,
		"cos\nsystem\n": true, "((cos\nsystem\n": true, "]cos\nsystem\n": true, "os\nsystem\n": false, "": false, "(": false,
		"cos\nsystem": false, "cos": false, "c\nsystem\n": false, "cos\n\n": false,
		"caz.AZ\n_09\n": true, "c`\na\n": false, "c{\na\n": false, "c@\na\n": false, "c[\na\n": false, "c/\na\n": false, "c:\na\n": false,
	} {
		if got := IsPickle([]byte(begins)); got != want {
			t.Errorf("%q: %v", begins, got)
		}
	}
}

// A prefix of a model is a torn model, wherever it ends, except where it is
// too short to be told from noise.
func TestTornEverywhere(t *testing.T) {
	for _, file := range []string{"v0.90-stump.bin", "v1.0.2-stump.bin", "v1.7.6-stump.bin", "v1.7.6-named.bin", "v1.7.6-stump.json", "v3.2.0-stump.ubj", "v3.2.0-named.ubj"} {
		whole := read(t, "testdata/"+file)
		for n := range whole {
			got := reason(t, whole[:n])
			if tooShort := n < 20; got != Torn && (got != Format || !tooShort) {
				t.Fatalf("%s: its first %d of %d bytes are refused as %q", file, n, len(whole), got)
			}
		}
	}
}

// Trees that are no trees.
func TestRefusesImpossibleTrees(t *testing.T) {
	const good = `"left_children":[1,-1,-1],"right_children":[2,-1,-1],"split_indices":[0,0,0],"split_conditions":[1,2,3],"default_left":[1,0,0]`
	if _, err := Parse(document1(good)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, old, new string
		want           Reason
	}{
		{"its own child", `"left_children":[1,`, `"left_children":[0,`, Format},
		{"twice the same child", `"right_children":[2,`, `"right_children":[1,`, Format},
		{"child beyond the end", `"left_children":[1,`, `"left_children":[3,`, Format},
		{"negative child", `"left_children":[1,`, `"left_children":[-7,`, Format},
		{"cycle", `"left_children":[1,-1,-1],"right_children":[2,-1,-1]`, `"left_children":[1,2,-1],"right_children":[2,1,-1]`, Format},
		{"half a leaf", `"right_children":[2,-1,`, `"right_children":[2,1,`, Format},
		{"feature it does not have", `"split_indices":[0,`, `"split_indices":[2,`, Format},
		{"negative feature", `"split_indices":[0,`, `"split_indices":[-1,`, Format},
		{"short list", `[1,2,3]`, `[1,2]`, Format},
		{"number beyond float32", `[1,2,3]`, `[1,2,1e99]`, Format},
		{"flag that is none", `"default_left":[1,`, `"default_left":[2,`, Format},
		{"splits of no known kind", `"default_left"`, `"split_type":[2,0,0],"default_left"`, Booster},
		{"too few kinds", `"default_left"`, `"split_type":[1],"default_left"`, Format},
		{"categories of no node", `"default_left"`, `"split_type":[1,0,0],"categories":[1],"categories_nodes":[7],"categories_segments":[0],"categories_sizes":[1],"default_left"`, Format},
		{"categories of the node behind the last", `"default_left"`, `"split_type":[1,0,0],"categories":[1],"categories_nodes":[3],"categories_segments":[0],"categories_sizes":[1],"default_left"`, Format},
		{"categories of a numeric split", `"default_left"`, `"split_type":[0,0,0],"categories":[1],"categories_nodes":[0],"categories_segments":[0],"categories_sizes":[1],"default_left"`, Format},
		{"more categories than there are", `"default_left"`, `"split_type":[1,0,0],"categories":[1],"categories_nodes":[0],"categories_segments":[0],"categories_sizes":[2],"default_left"`, Format},
		{"categories counted twice", `"default_left"`, `"split_type":[1,1,0],"categories":[1],"categories_nodes":[0,1],"categories_segments":[0,0],"categories_sizes":[1,1],"default_left"`, Format},
		{"category beyond all", `"default_left"`, `"split_type":[1,0,0],"categories":[16777216],"categories_nodes":[0],"categories_segments":[0],"categories_sizes":[1],"default_left"`, Format},
		{"the highest category", `"default_left"`, `"split_type":[1,0,0],"categories":[16777215],"categories_nodes":[0],"categories_segments":[0],"categories_sizes":[1],"default_left"`, ""},
		{"no category", `"default_left"`, `"split_type":[1,0,0],"categories":[],"categories_nodes":[0],"categories_segments":[0],"categories_sizes":[0],"default_left"`, ""},
		{"leaf vectors", `"default_left"`, `"tree_param":{"size_leaf_vector":"3"},"default_left"`, Booster},
		{"no nodes", good, `"left_children":[],"right_children":[],"split_indices":[],"split_conditions":[],"default_left":[]`, Format},
	} {
		if got := reason(t, document1(strings.Replace(good, tt.old, tt.new, 1))); got != tt.want {
			t.Errorf("%s: refused as %q, want %q", tt.name, got, tt.want)
		}
	}
}

// The same holds for what stands around the trees.
func TestRefusesImpossibleHeaders(t *testing.T) {
	good := string(document1(`"left_children":[-1],"right_children":[-1],"split_indices":[0],"split_conditions":[1],"default_left":[0]`))
	for _, tt := range []struct {
		old, new string
		want     Reason
	}{
		{`"base_score":"[5E-1]"`, `"base_score":"[5E-1,1E-1]"`, Format},
		{`"base_score":"[5E-1]"`, `"base_score":"0"`, Format},
		{`"base_score":"[5E-1]"`, `"base_score":"1"`, Format},
		{`"base_score":"[5E-1]"`, `"base_score":"nan"`, Format},
		{`"num_feature":"2"`, `"num_feature":"0"`, TooLarge},
		{`"num_feature":"2"`, `"num_feature":"1"`, ""},
		{`"num_feature":"2"`, `"num_feature":"65536"`, ""},
		{`"num_feature":"2"`, `"num_feature":"16777217"`, TooLarge},
		{`"num_feature":"2"`, `"num_feature":"99999999999"`, TooLarge},
		{`"num_feature":"2"`, `"num_feature":"two"`, Format},
		{`"num_target":"1"`, `"num_target":"2"`, Objective},
		{`"feature_names":[]`, `"feature_names":["only one"]`, Format},
		{`"binary:logistic"`, `"multi:softmax"`, Objective},
		{`"0","num_feature":"2","num_target":"1"},"objective":{"name":"binary:logistic"}`, `"0","num_feature":"2"},"objective":{"name":"count:poisson"}`, ""},
		{`"[5E-1]","num_class":"0","num_feature":"2","num_target":"1"},"objective":{"name":"binary:logistic"}`, `"0","num_feature":"2"},"objective":{"name":"count:poisson"}`, Format},
		{`"gbtree"`, `"gblinear"`, Booster},
		{`"gbtree"`, `"dart"`, Format}, // without weights
		{`"gbtree"`, `"dart","weight_drop":[1,2]`, Format},
		{`"gbtree"`, `"dart","weight_drop":[1e39]`, Format},
		{`"trees":[`, `"trees":[{},`, Format},
		{`"trees":[`, `"trees":[7,`, Format},
	} {
		if got := reason(t, []byte(strings.Replace(good, tt.old, tt.new, 1))); got != tt.want {
			t.Errorf("%s: refused as %q, want %q", tt.new, got, tt.want)
		}
	}
	several := strings.Replace(good, `"num_target":"1"`, `"num_target":"2"`, 1)
	for objective, way := range map[string]string{"binary:logistic": "train it for one target", "reg:quantileerror": "train a model for each quantile_alpha", "reg:expectileerror": "train a model for each expectile_alpha"} {
		if _, err := Parse([]byte(strings.Replace(several, "binary:logistic", objective, 1))); err == nil || !strings.Contains(err.Error(), way) {
			t.Errorf("several numbers of %s: %v, want %s", objective, err, way)
		}
	}
}

func TestBounds(t *testing.T) {
	for _, tt := range []struct {
		name string
		tree *tree
		want Reason
	}{
		{"4096 leaves", bushy(MaxLeaves), ""},
		{"4097 leaves", bushy(MaxLeaves + 1), TooLarge},
		{"256 steps deep", vine(MaxDepth), ""},
		{"257 steps deep", vine(MaxDepth + 1), TooLarge},
	} {
		var refusal Refusal
		errors.As((&builder{}).add(tt.tree), &refusal)
		if refusal.Reason != tt.want {
			t.Errorf("%s: refused as %q, want %q", tt.name, refusal.Reason, tt.want)
		}
	}
	var b builder
	for range MaxTrees {
		if err := b.add(vine(0)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.add(vine(0)); err == nil {
		t.Errorf("took one tree more than %d", MaxTrees)
	}
}

// Trees are counted as they come, so that too many are refused at the first that
// is one too many.
func TestTreesAreCounted(t *testing.T) {
	plain, set, double := bushy(2), bushy(2), bushy(2)
	set.setCuts(0, []float32{1, 2, 3})
	double.wide = []float64{0, 1, 2}
	for name, tt := range map[string]struct {
		tree  *tree
		bytes int64
	}{"three nodes": {plain, 3 * 16}, "a set of three numbers": {set, 3*16 + 8 + 3*4}, "two leaves of double precision": {double, 3*16 + 2*8}} {
		for most, want := range map[int64]int{3 * tt.bytes: 3, 3*tt.bytes - 1: 2} {
			b, taken := builder{most: most}, 0
			for b.add(tt.tree) == nil {
				taken++
			}
			if taken != want {
				t.Errorf("%s: %d trees in %d bytes, want %d", name, taken, most, want)
			}
		}
	}
}

// As many names as features are read, and of what is too high it is said what
// may be the highest.
func TestHighestNumbers(t *testing.T) {
	const leaf = `"left_children":[-1],"right_children":[-1],"split_indices":[0],"split_conditions":[1],"default_left":[0]`
	const many = 1 << 16
	names := `"feature_names":["a"` + strings.Repeat(`,"b"`, many-1) + `]`
	b := strings.NewReplacer(`"feature_names":[]`, names, `"num_feature":"2"`, `"num_feature":"65536"`).Replace(string(document1(leaf)))
	if m, err := Parse([]byte(b)); err != nil || len(m.FeatureNames()) != many {
		t.Error(err)
	}
	const stump = `"left_children":[1,-1,-1],"right_children":[2,-1,-1],"split_conditions":[1,2,3],"default_left":[1,0,0],`
	for tree, says := range map[string]string{
		`"split_indices":[5,0,0]`: "reads feature 5, but the model says it has 2",
		`"split_indices":[0,0,0],"split_type":[1,0,0],"categories":[16777216],"categories_nodes":[0],"categories_segments":[0],"categories_sizes":[1]`: "beyond 0 to 16777215 at node 0",
	} {
		if _, err := Parse(document1(stump + tree)); err == nil || !strings.Contains(err.Error(), says) {
			t.Error(err)
		}
	}
}

// What claims are believed, to the number.
func TestClaimsOfBinary(t *testing.T) {
	named := func(n int) []byte { // after "binf", so that it is recognised whatever its name
		whole := read(t, "testdata/v1.7.6-stump.bin")
		at := len(binf) + learnerBytes
		b := binary.LittleEndian.AppendUint64(slices.Clone(whole[:at]), uint64(n))
		return append(append(b, strings.Repeat("a", n)...), whole[at+8+len("binary:logistic"):]...)
	}
	for _, tt := range []struct {
		name string
		b    []byte
		want Reason
		says string
	}{
		{"2^20 nodes", claimNodes(t, maxNodes), Torn, ""},
		{"more", claimNodes(t, maxNodes+1), TooLarge, "1048577 nodes"},
		{"an objective of 64 letters", named(maxNameBytes), Objective, "aaa"},
		{"of 65", named(maxNameBytes + 1), Format, "claims 65 bytes"},
	} {
		_, err := Parse(tt.b)
		if refusal := (Refusal{}); !errors.As(err, &refusal) || refusal.Reason != tt.want || !strings.Contains(refusal.Detail, tt.says) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// The largest tree of a file, as it stands there and as it is held, is what a
// piece must have room for; what all trees take is what they must.
func TestBoundsAreExact(t *testing.T) {
	const nodes = 47 // of its largest tree
	const piece = treeBytes + nodes*(nodeBytes+statBytes+treeNodeBytes)
	b := read(t, "testdata/v0.90-deep.bin")
	m, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	trees := int64(len(m.forest.nodes)) * nodeSize
	for _, tt := range []struct {
		bounds Bounds
		want   bool
	}{{Bounds{Piece: piece}, true}, {Bounds{Piece: piece - 1}, false}, {Bounds{Trees: trees}, true}, {Bounds{Trees: trees - 1}, false}} {
		_, err := tt.bounds.Read(bytes.NewReader(b), int64(len(b)))
		if refusal := (Refusal{}); (err == nil) != tt.want || err != nil && (!errors.As(err, &refusal) || refusal.Reason != TooLarge) {
			t.Errorf("%+v: %v", tt.bounds, err)
		}
	}
}

// A file that claims much and holds little costs what it holds.
func TestMemoryInProportion(t *testing.T) {
	empties := `"trees":[` + strings.Repeat("{},", 1<<16)
	for name, b := range map[string][]byte{
		"binary nodes":   claimNodes(t, 1<<20),
		"more than fit":  append(claimNodes(t, 1<<17), make([]byte, 1<<12)...),
		"binary trees":   claimTrees(t, math.MaxUint32),
		"UBJSON floats":  []byte("{i\x01a[$d#L\x00\x00\x00\x02\x00\x00\x00\x00"),
		"empty trees":    []byte(strings.Replace(string(document1("")), `"trees":[`, empties, 1)),
		"pickle":         []byte("\x80\x04" + strings.Repeat("]\x94", maxMemo/2) + strings.Repeat("0", 1<<16)),
		"pickled array":  []byte("\x80\x04cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(\x8c\x05dtypecnumpy\ndtype\n\x8c\x02f8\x85R\x8c\x05shapeJ\xff\xff\xff\x7f\x85ub"),
		"pickled bytes":  []byte("\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f"),
		"LightGBM":       []byte("tree\nversion=v4\n\nTree=0\nnum_leaves=2147483647\nleaf_value=" + strings.Repeat("1 ", 1<<16) + "\n\n"),
		"UBJSON no tree": []byte("{i\x07learner{i\x10gradient_booster{i\x05model{i\x05trees[" + strings.Repeat("{}", 1<<16)),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := Parse(b); err == nil {
			t.Errorf("%s: parsed", name)
		}
		runtime.ReadMemStats(&after)
		if per := after.TotalAlloc - before.TotalAlloc; per > uint64(40*len(b)+1<<16) {
			t.Errorf("%s: %d bytes in, %d bytes allocated", name, len(b), per)
		}
	}
}

func TestScoreDoesNotAllocate(t *testing.T) {
	for _, file := range []string{"v0.90-ties.bin", "v3.2.0-deep.ubj"} {
		m, err := Parse(read(t, "testdata/"+file))
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() {
			row := [6]float32{1, 2, 3}
			if m.Score(row[:]) == 0 {
				t.Error("score 0")
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations a score", file, n)
		}
	}
}

// A row of another length is no row.
func TestWrongLengthIsNaN(t *testing.T) {
	m, err := Parse(read(t, "testdata/v3.2.0-ties.ubj"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 2, 5, 7} {
		if s := m.Score(make([]float32, n)); s == s {
			t.Errorf("%d features score %v", n, s)
		}
	}
}

func TestWithBaseMargin(t *testing.T) {
	m, err := Parse(read(t, "testdata/v3.2.0-stump.ubj"))
	if err != nil {
		t.Fatal(err)
	}
	row := make([]float32, 6)
	before := m.Margin(row)
	other := m.WithBaseMargin(m.BaseMargin() + 1)
	if d := other.Margin(row) - before; math.Abs(float64(d)-1) > 1e-6 || m.Margin(row) != before {
		t.Errorf("margin moved by %v, the original is at %v instead of %v", d, m.Margin(row), before)
	}
}

// FuzzParse holds what Parse promises for any bytes: a refusal or a model
// whose score is what a plain walk gives.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && !info.IsDir() && info.Size() < 6000 && !strings.HasSuffix(file, ".rows") && !strings.HasSuffix(file, ".best") && !strings.HasSuffix(file, ".all") {
			f.Add(read(f, file), uint32(0x3f800000), uint32(0x7fc00000))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, x0, x1 uint32) {
		m, err := Parse(b)
		if again, other := (Bounds{}).Read(iotest.OneByteReader(bytes.NewReader(b)), int64(len(b))); (err == nil) != (other == nil) || err == nil && !sameModel(m, again) {
			t.Fatalf("%v, byte by byte %v", err, other)
		}
		if err != nil {
			if refusal := (Refusal{}); !errors.As(err, &refusal) || refusal.Reason == "" || refusal.Detail == "" {
				t.Fatalf("not a refusal: %v", err)
			}
			return
		}
		if most := int64(100*len(b) + 1<<16); m.MemoryBytes() > most {
			t.Fatalf("%d bytes make a model of %d", len(b), m.MemoryBytes())
		}
		row := make([]float32, m.NumFeature())
		for i := range row {
			row[i] = math.Float32frombits([]uint32{x0, x1}[i%2])
		}
		first, other := Bounds{Reading: Reading{Rules: FirstRules}}.Read(bytes.NewReader(b), int64(len(b)))
		if m.IsAlike(Reading{Rules: FirstRules}) && (other != nil || !sameBits(first.Margin(row), m.Margin(row))) {
			t.Fatalf("by the first rules, said to be alike: %v", other)
		}
		got, want := m.Margin(row), m.naive(row)
		if math.Float32bits(got) != math.Float32bits(want) && (got == got || want == want) {
			t.Fatalf("margin %v, a plain walk gives %v", got, want)
		}
	})
}

// naive walks one tree after the other the way one would write it down first.
// It is what faster walks are measured against.
func (m *Model) naive(x []float32) float32 {
	if m.isWide() {
		return m.naiveWide(x)
	}
	s := m.base
	if m.baseLast {
		s = 0
	}
	for _, root := range m.forest.roots {
		s += m.forest.nodes[m.naiveLeaf(root, x)].value
	}
	if m.baseLast {
		s += m.base
	}
	return s
}

func (m *Model) naiveWide(x []float32) float32 {
	s := 0.0
	for _, root := range m.forest.roots {
		s += m.forest.wide[math.Float32bits(m.forest.nodes[m.naiveLeaf(root, x)].value)]
	}
	return float32(s)
}

func (m *Model) naiveLeaf(at uint32, x []float32) uint32 {
	for m.forest.nodes[at].left != at {
		n := m.forest.nodes[at]
		v := x[n.slot/2]
		switch {
		case v != v && n.slot%2 == 0, v < n.threshold, n.isSet() && v == v && !m.forest.goesRight(n, v):
			at = n.left
		default:
			at = n.left + 1
		}
	}
	return at
}

// goesRight asks a set in the plainest way.
func (f *forest) goesRight(n node, v float32) bool {
	right := false
	set := f.sets[math.Float32bits(n.value)]
	for _, border := range f.borders[set.from:set.to] {
		if border <= v {
			right = !right
		}
	}
	return right
}

// document1 is a model of two features with one tree.
func document1(tree string) []byte {
	return []byte(`{"learner":{"feature_names":[],"gradient_booster":{"model":{"trees":[{` + tree + `}]},"name":"gbtree"},` +
		`"learner_model_param":{"base_score":"[5E-1]","num_class":"0","num_feature":"2","num_target":"1"},` +
		`"objective":{"name":"binary:logistic"}},"version":[3,2,0]}`)
}

// bushy is a tree with so many leaves, as shallow as can be.
func bushy(leaves int) *tree {
	t := &tree{}
	for i := range 2*leaves - 1 {
		if i < leaves-1 {
			t.node(int32(2*i+1), int32(2*i+2))
		} else {
			t.node(leaf, leaf)
		}
	}
	return t
}

// vine is a tree whose every right child is a split, to that depth.
func vine(depth int) *tree {
	t := &tree{}
	for i := range depth {
		t.node(int32(2*i+1), int32(2*i+2))
		t.node(leaf, leaf)
	}
	t.node(leaf, leaf)
	return t
}

func (t *tree) node(left, right int32) {
	t.Left, t.Right = append(t.Left, left), append(t.Right, right)
	t.Feature, t.Value, t.DefaultLeft = append(t.Feature, 0), append(t.Value, 0), append(t.DefaultLeft, false)
}

// claimNodes is a binary model whose first tree claims to have n nodes.
func claimNodes(t *testing.T, n uint32) []byte {
	b := read(t, "testdata/v0.90-stump.bin")
	binary.LittleEndian.PutUint32(b[learnerBytes+8+len("binary:logistic")+8+len("gbtree")+forestBytes+4:], n)
	return b
}

// claimTrees is a binary model that claims to have n trees.
func claimTrees(t *testing.T, n uint32) []byte {
	b := read(t, "testdata/v0.90-stump.bin")
	binary.LittleEndian.PutUint32(b[learnerBytes+8+len("binary:logistic")+8+len("gbtree"):], n)
	return b
}

func reason(t *testing.T, b []byte) Reason {
	t.Helper()
	_, err := Parse(b)
	if err == nil {
		return ""
	}
	var refusal Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("not a refusal: %v", err)
	}
	return refusal.Reason
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func savedAs(t *testing.T, stem string) []string {
	t.Helper()
	var files []string
	for _, ending := range []string{".bin", ".json", ".ubj", ".pkl0", ".pkl1", ".pkl2", ".pkl3", ".pkl4", ".pkl5", ".pkl", ".joblib", ".txt"} {
		if _, err := os.Stat(stem + ending); err == nil {
			files = append(files, stem+ending)
		}
	}
	if len(files) == 0 {
		t.Fatalf("no model beside %s.rows", stem)
	}
	return files
}

func readAnswers(t *testing.T, path string) []answer {
	t.Helper()
	var answers []answer
	for line := range strings.Lines(string(read(t, path))) {
		parts := strings.Fields(line)
		if len(parts) != 3 {
			t.Fatalf("%s: %q", path, line)
		}
		answers = append(answers, answer{cells(t, parts[0]), floats(t, parts[1])[0], floats(t, parts[2])[0]})
	}
	return answers
}

func floats(t *testing.T, digits string) []float32 {
	t.Helper()
	b, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	list := make([]float32, len(b)/4)
	for i := range list {
		list[i] = math.Float32frombits(binary.BigEndian.Uint32(b[4*i:]))
	}
	return list
}

func ulps(a, b float32) int {
	d := int(int32(math.Float32bits(a))) - int(int32(math.Float32bits(b)))
	if d < 0 {
		return -d
	}
	return d
}

// A split at infinity sends every number to one side, and what nobody reads may
// be infinite, too.
func TestInfinity(t *testing.T) {
	m, err := Parse(document1(`"left_children":[1,-1,3,-1,-1],"right_children":[2,-1,4,-1,-1],"split_indices":[0,0,1,0,0],` +
		`"split_conditions":[-Infinity,1,Infinity,2,3],"default_left":[1,0,0,0,0],"loss_changes":[Infinity,0,0,0,0]`))
	if err != nil {
		t.Fatal(err)
	}
	inf, none := float32(math.Inf(1)), nan32()
	for row, want := range map[[2]float32]float32{{0, 0}: 2, {none, 0}: 1, {-inf, 5}: 2, {0, inf}: 3, {0, none}: 3} {
		if got := m.Margin(row[:]); got != want {
			t.Errorf("%v: margin %v, want %v", row, got, want)
		}
	}
	if got := reason(t, document1(`"left_children":[-1],"right_children":[-1],"split_indices":[0],"split_conditions":[Infinity],"default_left":[0]`)); got != Format {
		t.Errorf("a leaf of infinity: %s", got)
	}
}

// XGBoost writes NaN where a category decides, and people name features so.
func TestWithoutNaN(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{`{"a":[1,2]}`, `{"a":[1,2]}`},
		{`{"a":[NaN,1,NaN]}`, `{"a":[null,1,null]}`},
		{`{"NaN":["is NaN \"NaN\\",NaN,"\\"]}`, `{"NaN":["is NaN \"NaN\\",null,"\\"]}`},
		{`{"a":NaN}"NaN\`, `{"a":null}"NaN\`},
		{`{"a":[Infinity,-Infinity,1]}`, `{"a":[1e999,-1e999,1]}`},
		{`{"Infinity":"Infinity",I,N}`, `{"Infinity":"Infinity",I,N}`},
	} {
		plain, err := io.ReadAll(&plainJSON{cursor: newCursor(iotest.OneByteReader(strings.NewReader(tt.in)), int64(len(tt.in)), Bounds{})})
		if got := string(plain); err != nil || got != tt.want {
			t.Errorf("%s becomes %s, want %s", tt.in, got, tt.want)
		}
	}
}

// A weighed leaf is never -0: added to a base margin of -0 it would stay.
func TestWeighLosesTheSignOfZero(t *testing.T) {
	tree := vine(0)
	tree.Value[0] = float32(math.Copysign(0, -1))
	var b builder
	if err := errors.Join(b.add(tree), b.weigh([]float32{0.5})); err != nil {
		t.Fatal(err)
	}
	if math.Signbit(float64(b.nodes[0].value)) {
		t.Error("the leaf is -0")
	}
}

// cells are those of a row: all of them, or COLUMN:VALUE for those of 200,000
// that are not missing.
func cells(t *testing.T, text string) []float32 {
	t.Helper()
	if !strings.Contains(text, ":") {
		return floats(t, text)
	}
	row := slices.Repeat([]float32{nan32()}, 200_000)
	for cell := range strings.SplitSeq(text, ",") {
		column, value, _ := strings.Cut(cell, ":")
		at, err := strconv.Atoi(column)
		if err != nil {
			t.Fatal(err)
		}
		row[at] = floats(t, value)[0]
	}
	return row
}
