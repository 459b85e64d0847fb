package cli

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	gbdt "github.com/sluicehq/sluice/inference/model"
	"github.com/sluicehq/sluice/inference/release"
)

// Every model that the model package is tested with gives the margins that
// the library gave, through CSV and back.
func TestScoreEveryFixture(t *testing.T) {
	answered, err := filepath.Glob("../inference/model/testdata/*.rows")
	if err != nil || len(answered) < 80 {
		t.Fatalf("found %d models: %v", len(answered), err)
	}
	for _, rows := range answered {
		written, margins := csvOf(t, rows)
		files, err := filepath.Glob(strings.TrimSuffix(rows, "rows") + "*")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if file == rows || strings.HasSuffix(file, ".best") {
				continue
			}
			m, err := readModel(file)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := scoreRows(&out, strings.NewReader(written), m, m.Margin); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); got != margins {
				t.Errorf("%s: other margins than the library's", file)
			}
		}
	}
}

// csvOf writes the rows of a fixture as people do, and the margins as expected.
func csvOf(t *testing.T, file string) (rows, margins string) {
	t.Helper()
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(body)) {
		parts := strings.Fields(line)
		var cells []string
		for _, v := range floats(t, parts[0]) {
			cell := shortest(v)
			if v != v {
				cell = ""
			}
			cells = append(cells, cell)
		}
		rows += strings.Join(cells, ",") + "\n"
		margins += shortest(floats(t, parts[1])[0]) + "\n"
	}
	return rows, margins
}

func floats(t *testing.T, digits string) []float32 {
	t.Helper()
	b, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	var list []float32
	for ; len(b) > 0; b = b[4:] {
		list = append(list, math.Float32frombits(binary.BigEndian.Uint32(b)))
	}
	return list
}

// A first row of numbers is a row, whatever spaces stand behind them and however
// large they are; names are none.
func TestScoreFirstRows(t *testing.T) {
	m, err := readModel("../inference/model/testdata/v3.2.0-ties.ubj")
	if err != nil {
		t.Fatal(err)
	}
	for cell, rows := range map[string]int{"1 ": 2, "1e999": 2, "nan": 2, "": 2, "name": 1} {
		row := strings.Repeat(cell+",", m.NumFeature()-1) + cell + "\n"
		var out bytes.Buffer
		if err := scoreRows(&out, strings.NewReader(row+strings.Repeat(",", m.NumFeature()-1)+"\n"), m, m.Margin); err != nil {
			t.Errorf("%q: %v", cell, err)
		}
		if got := strings.Count(out.String(), "\n"); got != rows {
			t.Errorf("%q: %d answers, want %d", cell, got, rows)
		}
	}
}

// Columns that are named may stand in any order.
func TestScoreNamedColumns(t *testing.T) {
	m, err := readModel("../inference/model/testdata/v3.2.0-named.ubj")
	if err != nil {
		t.Fatal(err)
	}
	const straight, turned = "1,2,3,4,5,6\n4,,1,0,,2\n", "partner,a b,größe,geo|country,floor,hour\n6,5,4,3,2,1\n2,,0,1,,4\n"
	var want, got bytes.Buffer
	if err := errors.Join(scoreRows(&want, strings.NewReader(straight), m, m.Margin), scoreRows(&got, strings.NewReader(turned), m, m.Margin)); err != nil {
		t.Fatal(err)
	}
	if got.String() != want.String() || strings.Count(got.String(), "\n") != 2 || got.String() == strings.Repeat(strings.SplitAfter(got.String(), "\n")[0], 2) {
		t.Errorf("got %q, want %q", &got, &want)
	}
	for _, as := range [][2]string{{"my hour", "my_hour"}, {"my_hour", "my hour"}} {
		if order, err := release.Order([]string{"b", as[0]}, []string{as[1], "b"}); err != nil || !slices.Equal(order, []int{1, 0}) {
			t.Errorf("LightGBM's underscores: %v, %v", order, err)
		}
	}
}

// Columns are named by numbers where a table of pandas has no other names: they
// are told from a row, or nothing is scored.
func TestScoreNumberedColumns(t *testing.T) {
	for _, tt := range []struct{ names, rows, want, says string }{
		{"0 1", "0,1\n1,5\n", "", `the first row is "0,1", which may be a row or the names of the features; leave such names out`},
		{"0 1", "0.0,1\n2,5\n", "1\n2\n", ""},
		{"0 1", "1,0\n2,5\n", "1\n2\n", ""},
		{"0", "0\n", "", "which may be a row or the names"},
		{"0 x", "0,x\n1,5\n2,5\n", "1\n2\n", ""},
		{"0 x", "x,0\n5,1\n5,2\n", "1\n2\n", ""},
		{"nan x", "nan,x\n1,5\n", "1\n", ""},
		{"0 x", "3,x\n", "", `"x" is no number`},
	} {
		m := lightgbmOf(t, tt.names)
		var out bytes.Buffer
		err := scoreRows(&out, strings.NewReader(tt.rows), m, m.Score)
		if out.String() != tt.want || (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%q for %s: %q, %v", tt.rows, tt.names, out.String(), err)
		}
	}
}

// A byte order mark is no part of the first row.
func TestScoreByteOrderMark(t *testing.T) {
	m := lightgbmOf(t, "a")
	for rows, want := range map[string]string{"\ufeff1\n2\n": "1\n2\n", "\ufeffa\n2\n": "2\n", "\ufeff\n2\n": "2\n2\n", "\ufeff": ""} {
		var out bytes.Buffer
		if err := scoreRows(&out, strings.NewReader(rows), m, m.Score); err != nil || out.String() != want {
			t.Errorf("%q: %q, %v", rows, out.String(), err)
		}
	}
}

// lightgbmOf returns a model of features with those names, of which the first
// alone decides: 1 up to 1.5, else 2.
func lightgbmOf(t *testing.T, names string) *gbdt.Model {
	t.Helper()
	file := filepath.Join(t.TempDir(), "model.txt")
	text := "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=" + strconv.Itoa(strings.Count(names, " ")) + "\nfeature_names=" + names + "\nobjective=regression\n\n" +
		"Tree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nthreshold=1.5\ndecision_type=8\nleft_child=-1\nright_child=-2\nleaf_value=1 2\n\nend of trees\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := readModel(file)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// To a model of one feature an empty line is a row.
func TestScoreEmptyLines(t *testing.T) {
	m := lightgbmOf(t, "a")
	var out bytes.Buffer
	if err := scoreRows(&out, strings.NewReader("\n1\n\r\n2\n"), m, m.Score); err != nil || out.String() != "2\n1\n2\n2\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestScoreRows(t *testing.T) {
	m, err := readModel("../inference/model/testdata/v3.2.0-named.ubj")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, rows string
		lines      int
		says       string
	}{
		{"nothing", "", 0, ""},
		{"a head", "hour,floor,geo|country,größe,a b,partner\n1,2,,4,5,6\n", 1, ""},
		{"all missing", ",,,,,\n", 1, ""},
		{"spaces, infinities, what float32 cannot hold", "1, -inf,nan ,1e99,0,-0\n", 1, ""},
		{"too few cells", "1,2,3,4,5,6\n1,2\n", 1, "row 2 has 2 cells, the model reads 6 features"},
		{"a word", "1,2,3,4,5,6\n1,2,3,4,5,six\n", 1, `"six" is no number`},
		{"flags", "True,FALSE,,true,false,1\n", 1, ""},
		{"a head of other names", "hour,floor,country,größe,a b,partner\n1,2,,4,5,6\n", 0, `column "country" is no feature of the model, which reads hour, floor, geo|country, größe, a b, partner; name the columns so`},
		{"a head that names one twice", "hour,floor,hour,größe,a b,partner\n", 0, `column "hour" stands twice`},
		{"numbers of rows", "hour,floor,geo|country,größe,a b,partner\n0,1,2,,4,5,6\n", 0, "7 cells, the model reads 6 features; leave out the numbers of rows"},
		{"a column too many", "hour,label,floor,geo|country,größe,a b,partner\n", 0, `row 1 has 7 cells, the model reads 6 features; "label" is no feature of the model: leave that column out`},
		{"a column too few", "hour,floor,größe,a b,partner\n", 0, `row 1 has 5 cells, the model reads 6 features; the feature "geo|country" has no column: write one, with empty cells where it is missing`},
		{"numbers of rows, named", ",hour,floor,geo|country,größe,a b,partner\n", 0, "7 cells, the model reads 6 features; leave out the numbers of rows"},
		{"semicolons", "1;2;3;4;5;6\n", 0, "1 cells, the model reads 6 features; separate cells by commas"},
		{"lines of Windows", "1,2,3,4,5,6\r\n1,2,3,4,5,6\r\n", 2, ""},
		{"an empty line", "1,2,3,4,5,6\n\n1,2,3,4,5,6\n", 1, `row 2 is empty, and no row is passed over in silence; write one of which nothing is known as ",,,,,"`},
		{"an empty line of Windows", "1,2,3,4,5,6\r\n\r\n", 1, "row 2 is empty"},
		{"an empty line in front", "\n1,2,3,4,5,6\n", 0, "row 1 is empty"},
		{"a head in the middle", "1,2,3,4,5,6\na,b,c,d,e,f\n", 1, `"a" is no number`},
	} {
		var out bytes.Buffer
		err := scoreRows(&out, strings.NewReader(tt.rows), m, m.Score)
		if n := strings.Count(out.String(), "\n"); n != tt.lines || (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %d lines, %v", tt.name, n, err)
		}
		for line := range strings.Lines(out.String()) {
			if v, err := strconv.ParseFloat(strings.TrimSpace(line), 32); err != nil || v <= 0 || v >= 1 {
				t.Errorf("%s: printed %q", tt.name, line)
			}
		}
	}
}

// A row of many columns that is empty is told of in few words.
func TestScoreRowsOfManyColumns(t *testing.T) {
	m, err := readModel("../inference/model/testdata/v3.4.1-hashed.ubj")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = scoreRows(&out, strings.NewReader(strings.Repeat(",", 199_999)+"\n\n"), m, m.Score)
	if err == nil || strings.Count(out.String(), "\n") != 1 || !strings.HasSuffix(err.Error(), "write one of which nothing is known as 199999 commas") {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestInspect(t *testing.T) {
	const fixtures = "../inference/model/testdata/"
	for _, tt := range []struct{ file, says string }{
		{fixtures + "v3.2.0-named.ubj", "format     xgboost-ubjson\nversion    3.2\nobjective  binary:logistic\ntrees      4\nfeatures   6: hour, floor, "},
		{fixtures + "v1.2.1-pickledbest.pkl4", "xgboost-pickle\nversion    1.2\nobjective  binary:logistic\ntrees      2 of 6, up to the best iteration\nfeatures   6\n"},
		{fixtures + "v1.2.1-pickledbest.pkl4", "note       2 of 6 trees answer, up to the best iteration that the file names."},
		{fixtures + "v3.4.1-continued.json", "trees      8\n"},
		{fixtures + "v3.4.1-continued.json", "note       All 8 trees answer. The file names the first 1 as the best"},
		{fixtures + "vlightgbm4.6.0-cats.txt", "lightgbm-text\nversion    v4\nobjective  binary\n"},
		{fixtures + "vlightgbm4.6.0-cats.txt", "evaluator  masks\n"},
		{fixtures + "vlightgbm4.6.0-cats.txt", "features   6\ncategories 2: 0, 1\nmemory"},
		{fixtures + "v3.4.1-onehot.json", "features   6\ncategories 4: 0, 1, 2, 3\nmemory"},
		{fixtures + "v3.2.0-farmissing.pkl", "features   6\nmemory"}, // whose sets are none of categories
		{"../local/demo/models/baseline.tar.gz", "trees      60\n"},
		{"../inference/release/testdata/admitted/first-rules-dart-3.4.tar.gz", "A task that serves this very archive, admitted earlier, reads it by older rules"},
		{fixtures + "vlightgbm4.6.0-cats.txt", "note       Nothing outside has confirmed its scores"},
		{fixtures + "v3.2.0-farmissing.pkl", "note       It takes -999 for missing, as training did.\n"},
		{fixtures + "vlightgbm3.3.5-classifier.pkl", "format     lightgbm-pickle\n"},
		{fixtures + "v3.4.1-hashed.ubj", "features   200000\n"},
		{fixtures + "v3.4.1-hashed.ubj", "note       It reads 200000 columns, and a contract has at most 512 features, so that no task serves it.\n"},
		{"../inference/release/testdata/folds/v1.7.6-best.tar.gz", "trees      26 of 36, up to the best iteration, in 5 folds whose mean answers\n"},
		{"../inference/release/testdata/folds/v3.4.1-hinge.tar.gz", "trees      20, in 5 folds whose vote answers\n"},
		{fixtures + "refused-linear-v3.2.0.ubj", "refused-linear-v3.2.0.ubj: the booster is \"gblinear\", only gbtree and dart are scored here"},
		{"nowhere", "no such file"},
		{"testdata", "testdata is a folder; name the file in it"},
		{"s3://b/model.tar.gz", "is no S3 address"},
	} {
		said, err := run(t, "inspect", tt.file)
		if err != nil {
			said += err.Error()
		}
		if !strings.Contains(said, tt.says) {
			t.Errorf("%s: %s", tt.file, said)
		}
	}
	if said, err := run(t, "inspect", "../local/demo/models/baseline.tar.gz"); err != nil || strings.Contains(said, "note") {
		t.Errorf("a release of training: %v: %s", err, said)
	}
	if _, err := run(t, "inspect"); err == nil || !strings.Contains(err.Error(), "no file") {
		t.Errorf("without a file: %v", err)
	}
	if _, err := run(t, "score"); err == nil || !strings.Contains(err.Error(), "--model") {
		t.Errorf("without a model: %v", err)
	}
}

// Features stand in the order of the columns, and what is left out is told.
func TestColumns(t *testing.T) {
	var names []string
	for i := range 52 {
		names = append(names, fmt.Sprint("f", 51-i))
	}
	for n, want := range map[int]string{0: "0", 2: "2: f51, f50", 50: "f3, f2", 51: "f3, f2, and 1 more", 52: "f3, f2, and 2 more"} {
		if got := columns(n, names[:n]); !strings.HasSuffix(got, want) {
			t.Errorf("%d names: %s, want %s", n, got, want)
		}
	}
}

// Empty lines are quotes, however small the pieces in which they are read.
func TestEveryLine(t *testing.T) {
	const in, want = "a\n\n\r\nb\r\n\n", "a\n\"\"\n\"\"\r\nb\r\n\"\"\n"
	for size := 1; size < 9; size++ {
		e := &everyLine{in: bufio.NewReader(strings.NewReader(in)), begins: true}
		var got []byte
		for p := make([]byte, size); ; {
			n, err := e.Read(p)
			if got = append(got, p[:n]...); err != nil {
				break
			}
			if n == 0 {
				t.Fatalf("nothing was read, %d bytes at a time", size)
			}
		}
		if string(got) != want {
			t.Errorf("%d bytes at a time: %q", size, got)
		}
	}
}
