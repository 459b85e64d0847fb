package model

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// Whatever is no plain Booster is refused as a pickle, before anything of it
// is read as a model.
func TestRefusesPickles(t *testing.T) {
	booster := "\x80\x02cxgboost.core\nBooster\n)\x81"
	const array = "\x80\x04cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(\x8c\x05dtypecnumpy\ndtype\n\x8c\x02f8\x85R"
	objects := strings.Replace(array, "f8", "O8", 1) + "\x8c\x05shape)ub"
	for _, tt := range []struct {
		name, pickle, says string
	}{
		{"os.system by name", "\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.", `"os.system"`},
		{"os.system by texts", "\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.", `"posix.system"`},
		{"a thing of xgboost", "\x80\x02cxgboost.dask\nDaskXGBClassifier\n)\x81}b.", `"xgboost.dask.DaskXGBClassifier"`},
		{"builtins.eval", "\x80\x02c__builtin__\neval\nX\x02\x00\x00\x00id\x85R.", `"builtins.eval"`},
		{"Booster with arguments", "\x80\x02cxgboost.core\nBooster\nX\x01\x00\x00\x00a\x85\x81}b.", "with arguments"},
		{"Booster called", "\x80\x02cxgboost.core\nBooster\n)R.", "as no model does"},
		{"encode called oddly", "\x80\x02c_codecs\nencode\nX\x02\x00\x00\x00idX\x03\x00\x00\x00hex\x86R.", "as no model does"},
		{"bytearray of a number", "\x80\x02c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R.", "as no model does"},
		{"bytearray of a text by another code", "\x80\x02c__builtin__\nbytearray\nX\x02\x00\x00\x00idX\x05\x00\x00\x00utf-8\x86R.", "as no model does"},
		{"bytearray as an object", "\x80\x02c__builtin__\nbytearray\n)\x81}b.", `"builtins.bytearray"`},
		{"a persistent id", "\x80\x02X\x01\x00\x00\x00aQ.", "instruction 0x51"},
		{"an extension", "\x80\x02\x82\x01.", "instruction 0x82"},
		{"an old instance", "\x80\x02(ios\nsystem\n.", "instruction 0x69"},
		{"a number", "\x80\x02K\x01.", "without a Booster"},
		{"nothing", "\x80\x02.", "stack"},
		{"state of a list", "\x80\x02]}b.", "fills something"},
		{"state that is no dict", booster + "]b.", "other than a state"},
		{"no state", booster + ".", "never trained"},
		{"two values", booster + "}b" + booster[2:] + "}b.", "more than one"},
		{"no mark", booster + "u.", "stack"},
		{"half a pair", booster + "}(K\x01ub.", "no list"},
		{"a memo out of order", "\x80\x02]r\xff\xff\xff\x7f.", "numbers"},
		{"a memo that is empty", "\x80\x02h\x00.", "never kept"},
		{"a list in itself", "\x80\x04]\x94h\x00a.", "without a Booster"},
		{"bytes behind", booster + "}b..", "follow"},
		{"a tuple alone", "\x80\x02(K\x01t.", "without a Booster"},
		{"a module without a name", "\x80\x02c\nsystem\n)R.", `".system"`},
		{"nested without end", "\x80\x02" + strings.Repeat("(", 1<<20), "nested"},
		{"a name without end", "\x80\x02c" + strings.Repeat("a", 1000), "without end"},
		{"bytes spelled with runes", "\x80\x02c_codecs\nencode\nX\x03\x00\x00\x00\xe2\x82\xacX\x06\x00\x00\x00latin1\x86R.", "spells"},
		{"a random state", "\x80\x02cnumpy.random._pickle\n__randomstate_ctor\nX\x01\x00\x00\x00a\x85R.", "numpy.random._pickle.__randomstate_ctor"},
		{"an estimator that was never fitted", "\x80\x02cxgboost.sklearn\nXGBClassifier\n)\x81}b.", "a pickled XGBClassifier that was never fitted"},
		{"a pipeline", "\x80\x02csklearn.pipeline\nPipeline\n)\x81}b.", "a pickled Pipeline, whose first steps"},
		{"a scalar of nothing", "\x80\x02cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nX\x02\x00\x00\x00f8\x85R\x85R.", "without a Booster"},
		{"a dtype with a short state", "\x80\x02cnumpy\ndtype\nX\x02\x00\x00\x00f8\x85RK\x03\x85b.", "without a Booster"},
		{"a dict of numbers", "\x80\x02}X\x01\x00\x00\x00aK\x01s.", "dict without a model"},
		{"a dict with an encoder", "\x80\x02}X\x01\x00\x00\x00acsklearn.preprocessing._label\nLabelEncoder\n)\x81}bs.", "LabelEncoder"},
		{"a list of models", "\x80\x02](" + booster[2:] + "}be.", "without a Booster"},
		{"a Booster of LightGBM without text", "\x80\x02clightgbm.basic\nBooster\n)\x81}b.", "no text of a model"},
		{"numbers of another machine", "\x80\x02cnumpy\ndtype\nX\x02\x00\x00\x00f8\x85R(K\x03X\x01\x00\x00\x00>tb.", "order of bytes"},
		{"an array without shape", array + "ub.", "without its kind or shape"},
		{"an array of an impossible shape", array + "\x8c\x05shapeJ\xff\xff\xff\xff\x85ub.", "impossible shape"},
		{"an array in an array", objects + "\x80\x04" + objects[2:] + "\x80\x04N..", "nested"},
		{"an array of objects in text", objects + "I1\n..", "joblib has not"},
	} {
		_, err := Parse([]byte(tt.pickle))
		refusal, _ := err.(Refusal) //nolint:errorlint // every error of Parse is one
		if refusal.Reason != Pickle || !strings.Contains(refusal.Detail, tt.says) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// A Booster whose bytes are no model, or yet another pickle.
func TestRefusesWhatAPickleHolds(t *testing.T) {
	whole := read(t, "testdata/v1.2.1-pickled.pkl4")
	for n := range whole {
		if got := reason(t, whole[:n]); got != Torn && n >= 20 {
			t.Fatalf("its first %d of %d bytes are refused as %q", n, len(whole), got)
		}
	}
	holding := func(b string) []byte {
		return []byte("\x80\x04\x8c\x0cxgboost.core\x8c\x07Booster\x93)\x81}\x8c\x06handleC" + string(rune(len(b))) + b + "sb.")
	}
	for _, tt := range []struct {
		inner string
		want  Reason
	}{
		{"", Torn},
		{"CONFIG-offset:", Torn},
		{"CONFIG-offset:\xff\xff\xff\xff\xff\xff\xff\xff", Torn},
		{"CONFIG-offset:\x06\x00\x00\x00\x00\x00\x00\x00hello", Torn},
		{"CONFIG-offset:\x05\x00\x00\x00\x00\x00\x00\x00hello", Format},
		{"\x80\x04N.", Pickle},
		{"cos\nsystem\n(S'id'\ntR.", Pickle},
		{"hello, this is no model", Format},
		{`{"Model": {}}`, Format},
	} {
		if got := reason(t, bytes.ReplaceAll(holding(tt.inner), []byte("\xc3\xbf"), []byte{0xff})); got != tt.want {
			t.Errorf("%q: refused as %q, want %q", tt.inner, got, tt.want)
		}
	}
}

// What a pickle holds is recognised by its first bytes, as any file is, however
// long it is.
func TestRecognisesAPickledModelByItsHead(t *testing.T) {
	held := "{" + strings.Repeat(" a", 1<<20)
	b := []byte("\x80\x04\x8c\x0cxgboost.core\x8c\x07Booster\x93)\x81}\x8c\x06handleB" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(held)))) + held + "sb.")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Parse(b)
	runtime.ReadMemStats(&after)
	if refusal, _ := err.(Refusal); refusal.Reason != Format { //nolint:errorlint // every error of Parse is one
		t.Errorf("it is refused so: %v", err)
	}
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 2*uint64(len(b)) {
		t.Errorf("%d KiB allocated for %d", spent>>10, len(b)>>10)
	}
}

// An estimator, and what LightGBM pickles, stop at the best iteration by all
// rules; whoever wants all trees gets them.
func TestPickledGoByTheirOwn(t *testing.T) {
	files, err := filepath.Glob("testdata/v[0-9]*-earlyclassifier.pkl")
	kept, _ := filepath.Glob("testdata/vlightgbm*-keptbooster.pkl") // the pattern is a good one
	if files = append(files, kept...); err != nil || len(kept) < 2 || len(files) < 9 {
		t.Fatalf("found %d models: %v", len(files), err)
	}
	for _, file := range files {
		m, all := readBy(t, file, Reading{}), readBy(t, file, Reading{Trees: All})
		first := readBy(t, file, Reading{Rules: FirstRules})
		if m.Trees() != m.Best() || first.Trees() != m.Best() || all.Best() != m.Best() || all.Trees() != m.Trained() || m.Best() == 0 || m.Best() >= m.Trained() {
			t.Errorf("%s: %d, by the first rules %d, all %d of %d trees, best %d", file, m.Trees(), first.Trees(), all.Trees(), m.Trained(), m.Best())
		}
		if !m.IsAlike(Reading{Rules: FirstRules}) || !m.IsAlike(Reading{Trees: Best}) || m.IsAlike(Reading{Trees: All}) || all.IsAlike(Reading{}) || !all.IsAlike(Reading{Rules: FirstRules, Trees: All}) {
			t.Errorf("%s does not know by which readings it is the same", file)
		}
	}
}

// A number that stands for missing goes where missing ones go, in every kind of
// split, and nothing else moves.
func TestWithMissing(t *testing.T) {
	for _, file := range []string{"v3.2.0-ties.ubj", "v3.2.0-onehot.ubj", "v3.2.0-partition.json", "v0.90-deep.bin", "vlightgbm4.6.0-zero.txt"} {
		m, err := Parse(read(t, "testdata/"+file))
		if err != nil {
			t.Fatal(err)
		}
		answers := readAnswers(t, "testdata/"+file[:strings.LastIndexByte(file, '.')]+".rows")
		inf := float32(math.Inf(1))
		for _, missing := range []float32{0, -999, 3, 0.5, inf, -inf, math.SmallestNonzeroFloat32, math.MaxFloat32} {
			other := m.WithMissing(missing)
			scorer, scratch := other.Prepare(Auctions{}), Scratch{}
			for _, a := range answers {
				row := slices.Clone(a.row)
				for i := range row {
					if i%2 == 0 {
						row[i] = missing
					}
				}
				told := slices.Clone(row)
				for i, v := range told {
					if v == missing {
						told[i] = float32(math.NaN())
					}
				}
				out := []float32{0}
				scorer.Begin(&scratch, row)
				scorer.Margins(&scratch, Batch{Keys: []uint32{Stranger}, Rows: row, Out: out})
				if got, want := other.Margin(row), m.Margin(told); got != want || out[0] != want || other.naive(row) != want {
					t.Fatalf("%s with %v missing: %v scores %v, by tables %v, want %v", file, missing, row, got, out[0], want)
				}
			}
		}
	}
}

// pickledEstimator is an estimator around a model of two features, with a
// further field of its own, whose value is what some instructions push.
func pickledEstimator(field, value string) []byte {
	text := func(s string) string {
		return string(binary.LittleEndian.AppendUint32([]byte("X"), uint32(len(s)))) + s
	}
	model := string(document1(`"left_children":[1,-1,-1],"right_children":[2,-1,-1],"split_indices":[0,0,0],"split_conditions":[0,2,3],"default_left":[1,0,0]`))
	held := string(binary.LittleEndian.AppendUint32([]byte("B"), uint32(len(model)))) + model
	booster := "cxgboost.core\nBooster\n)\x81}(" + text("handle") + held + text("feature_names") + "](" + text("hour") + text("geo") + "eub"
	return []byte("\x80\x04cxgboost.sklearn\nXGBClassifier\n)\x81}(" + text("_Booster") + booster + text(field) + value + "ub.")
}

// Numbers are what Python and NumPy mean, in all ways to write them down; here
// the one that an estimator takes for missing.
func TestPickledNumbers(t *testing.T) {
	scalar := func(kind, b string) string {
		return "cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nX\x02\x00\x00\x00" + kind + "\x85RC" + string(rune(len(b))) + b + "\x86R"
	}
	for value, want := range map[string]float32{
		"K\x05": 5, "K\xc8": 200, "M\x01\x02": 513, "J\x19\xfc\xff\xff": -999, "\x88": 1, "\x89": 0,
		"\x8a\x00": 0, "\x8a\x01\xff": -1, "\x8a\x02\xff\x00": 255, "\x8a\x02\x19\xfc": -999, "\x8a\x08\x00\x00\x00\x00\x01\x00\x00\x00": 1 << 32,
		"G\xc0\x8f\x38\x00\x00\x00\x00\x00": -999, "N": nan32(), "\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01": nan32(),
		scalar("f8", "\x00\x00\x00\x00\x00\x38\x8f\xc0"): -999, scalar("f4", "\x00\xc0\x79\xc4"): -999,
		scalar("i2", "\x19\xfc"): -999, scalar("i8", "\xff\xff\xff\xff\xff\xff\xff\xff"): -1, scalar("u2", "\x19\xfc"): 64537, scalar("b1", "\x01"): 1,
		scalar("f2", "\xce\xe3"): nan32(), scalar("i8", ""): nan32(), // of no use here
	} {
		m, err := Parse(pickledEstimator("missing", value))
		if err != nil {
			t.Errorf("%q: %v", value, err)
			continue
		}
		if got, told := m.Missing(); told != (want == want) || told && got != want {
			t.Errorf("%q: %v is missing (%v), want %v", value, got, told, want)
		}
		if names := strings.Join(m.FeatureNames(), " "); names != "hour geo" {
			t.Errorf("%q: the features are named %s", value, names)
		}
	}
}

// Arrays beside a model are passed over: numbers by their size, with and
// without joblib's padding, and objects as the pickle that they are.
func TestPickledArrays(t *testing.T) {
	array := func(kind, shape, more string) string {
		return "cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(\x8c\x05dtypecnumpy\ndtype\nX" + string(rune(len(kind))) + "\x00\x00\x00" + kind + "\x85R\x8c\x05shape" + shape + more + "ub"
	}
	for name, value := range map[string]string{
		"six of eight bytes": array("f8", "K\x02K\x03\x86", "") + strings.Repeat(".", 48),
		"two of three runes": array("U3", "K\x02\x85", "") + strings.Repeat(".", 24),
		"none":               array("i4", "K\x00\x85", ""),
		"one alone":          array("i4", ")", "") + "....",
		"of no bytes":        array("S0", "K\x02\x85", ""),
		"padded":             array("u1", "K\x02\x85", "\x8c\x1bnumpy_array_alignment_bytesK\x10") + "\x03...12",
		"objects":            array("O8", "K\x02\x85", "") + "\x80\x02](K\x01K\x02e.",
		"objects, newer":     array("O8", "K\x02\x85", "") + "\x80\x05](K\x01K\x02e.",
	} {
		if m, err := Parse(pickledEstimator("classes_", value)); err != nil || m.Margin([]float32{1, 0}) != 3 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Two bytes can push a value of many, so that values count, too.
func TestPickledValuesAreBounded(t *testing.T) {
	words := "\x80\x04K\x01\x94]" + strings.Repeat("("+strings.Repeat("h\x00", 4000)+"e", 600)
	for _, tt := range []struct {
		bounds Bounds
		want   Reason
	}{{Bounds{Pickle: 1 << 20}, TooLarge}, {Bounds{}, Pickle}} {
		_, err := tt.bounds.Read(strings.NewReader(words), int64(len(words)))
		if refusal := (Refusal{}); !errors.As(err, &refusal) || refusal.Reason != tt.want {
			t.Errorf("%+v: %v", tt.bounds, err)
		}
	}
}

// A dict may hold notes of many kinds beside its model.
func TestNotesBesideAModel(t *testing.T) {
	handle := read(t, "testdata/v3.4.1-stump.ubj")
	size := binary.LittleEndian.AppendUint32(nil, uint32(len(handle)))
	booster := "\x8c\x05model\x8c\x0cxgboost.core\x8c\x07Booster\x93)\x81}\x8c\x06handleB" + string(size) + string(handle) + "sb"
	for name, note := range map[string]string{
		"a set":              "\x8f(K\x01\x8c\x01a\x90",
		"a frozen set":       "(K\x01\x8c\x01a\x91",
		"a date":             "\x8c\x08datetime\x8c\x04date\x93C\x04\x07\xea\x0b\x1d\x85R",
		"a moment in a zone": "\x8c\x08datetime\x8c\x08datetime\x93C\x0a\x07\xea\x0b\x1d\x02\x35\x35\x01\xfc\x74\x8c\x08datetime\x8c\x08timezone\x93\x8c\x08datetime\x8c\x09timedelta\x93K\x00K\x00K\x00\x87R\x85R\x86R",
		"a path":             "\x8c\x07pathlib\x8c\x09PosixPath\x93\x8c\x01x\x85R",
		"a decimal":          "\x8c\x07decimal\x8c\x07Decimal\x93\x8c\x011\x85R",
	} {
		for _, b := range []string{"\x8c\x04note" + note + booster, booster + "\x8c\x04note" + note} {
			m, err := Parse([]byte("\x80\x04}(" + b + "u."))
			if err != nil || m.Trees() != 1 {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for note, says := range map[string]string{
		"\x8c\x0cpandas.a.b.c\x8c\x09_new_Item\x93)R":                       "holds data of pandas beside",
		"\x8c\x18sklearn.ensemble._voting\x8c\x10VotingClassifier\x93)\x81": "a pickled VotingClassifier, which asks several models",
		"\x8f(K\x01\x91\x90": "adds to something",
	} {
		if _, err := Parse([]byte("\x80\x04}(\x8c\x04note" + note + booster + "u.")); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %s", err, says)
		}
	}
}

// Protocols 0 and 1 spell values on lines, which are read as data, too.
func TestSpelledPickles(t *testing.T) {
	const begins = "ccopy_reg\n_reconstructor\np0\n(cxgboost.core\nBooster\np1\nc__builtin__\nobject\np2\nNtp3\nRp4\n"
	for name, tt := range map[string]struct{ in, says string }{
		"a call":                        {"cos\nsystem\n(S'id'\ntR.", `calls for "os.system"`},
		"a call in a dict":              {"(dp0\nVmodel\np1\ncos\nsystem\np2\n(Vid\ntR.", `calls for "os.system"`},
		"an instance":                   {begins + "(dp5\nVhandle\np6\n(ios\nsystem\n", "instruction 0x69"},
		"an object of another class":    {"ccopy_reg\n_reconstructor\n(csklearn.pipeline\nPipeline\nc__builtin__\nobject\nNtR(dVsteps\nNsb.", "a pickled Pipeline, whose first steps"},
		"a class of another kind":       {"ccopy_reg\n_reconstructor\n(cxgboost.core\nBooster\nc__builtin__\ndict\nNtR.", "as no model does"},
		"a text without an end":         {begins + "(dp5\nVhandle", "in the middle"},
		"a text without quotes":         {begins + "(dp5\nShandle\n", "spells a text"},
		"half a quote":                  {begins + "(dp5\nS'handle\n", "spells a text"},
		"an escape that Python has not": {begins + "(dp5\nS'\\q'\n", "spells a text"},
		"half an escape":                {begins + "(dp5\nV\\u00\n", "spells a text"},
		"no number":                     {begins + "(dp5\nF1.x\n", "spells a number"},
		"a value never kept":            {begins + "(dp5\ng77\n", "never kept"},
		"values out of turn":            {begins + "(dp7\n", "numbers its values"},
		"a number that is none":         {begins + "(dpx\n", "numbers its values"},
		"half a dict":                   {begins + "(Vhandle\nd", "adds to something"},
		"nothing but a dict":            {"(dp0\n.", "a dict without a model"},
	} {
		_, err := Parse([]byte(tt.in))
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %s", name, err, tt.says)
		}
	}
	whole := read(t, "testdata/v0.82-cpickled.pkl0")
	for n := len("ccopy_reg\n_reconstructor\n"); n < len(whole); n++ {
		if got := reason(t, whole[:n]); got != Torn {
			t.Fatalf("its first %d of %d bytes are refused as %q", n, len(whole), got)
		}
	}
	p := unpickler{cursor: newCursor(strings.NewReader(""), 0, Bounds{})}
	if got := string(p.unescaped([]byte("a\\u000a\\u20ac\xe9\\U0001f600\\n"))); got != "a\n€é😀\\n" {
		t.Errorf("unescaped to %q", got)
	}
	if got := string(p.unquoted([]byte(`'a\\\n\x00\'"\t\r'`))); got != "a\\\n\x00'\"\t\r" || p.err != nil {
		t.Errorf("unquoted to %q, %v", got, p.err)
	}
}
