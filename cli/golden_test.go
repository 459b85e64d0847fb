package cli

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/inference/release"
)

// What the library answered becomes golden vectors with the very bits, or a
// sentence with a cause.
func TestGolden(t *testing.T) {
	const fixtures = "../inference/model/testdata/"
	file := func(rows string, margin bool) string {
		written, margins := csvOf(t, fixtures+rows)
		lines := []string{}
		answers := strings.Split(margins, "\n")
		for i, line := range strings.Split(strings.TrimSpace(written), "\n") {
			lines = append(lines, line+","+answers[i])
		}
		head := "a,b,c,d,e,f,margin\n"
		if !margin {
			head = ""
		}
		path := filepath.Join(t.TempDir(), "predictions.csv")
		if err := os.WriteFile(path, []byte(head+strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	said, err := run(t, "golden", "--model", fixtures+"v3.4.1-dart.ubj", "--from", file("v3.4.1-dart.rows", true))
	var vectors []release.Golden
	if err != nil || json.Unmarshal([]byte(said), &vectors) != nil {
		t.Fatalf("%v: %.300s", err, said)
	}
	if answers := strings.Count(read(t, fixtures+"v3.4.1-dart.rows"), "\n"); len(vectors) != answers {
		t.Errorf("%d vectors of %d answers", len(vectors), answers)
	}
	for _, tt := range []struct{ model, from, says string }{
		{"v3.4.1-dart.ubj", file("v3.4.1-dart.rows", false), "are margins, where scores should stand"},
		{"v3.4.1-continued.ubj", file("v3.4.1-continued.best", true), `write "trees": "best" in the manifest`},
		{"v1.7.6-during.bin", file("v1.7.6-during.rows", true), ""},
		{"v3.4.1-ties.ubj", file("v3.4.1-base.rows", true), "no usual cause"},
		{"v3.4.1-ties.ubj", "nowhere", "no such file"},
		{"v3.4.1-ties.ubj", os.DevNull, "holds no predictions"},
		{"v3.4.1-ties.ubj", fixtures + "v3.4.1-ties.ubj", "row 1 of " + fixtures + "v3.4.1-ties.ubj has"},
	} {
		said, err := run(t, "golden", "--model", fixtures+tt.model, "--from", tt.from)
		if (err != nil) == (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s from %s: %v, want %s: %.100s", tt.model, tt.from, err, tt.says, said)
		}
	}
}

// What is wrong is told of the file that was named.
func TestGoldenNamesStandardInput(t *testing.T) {
	for in, says := range map[string]string{
		"":              "standard input holds no predictions",
		"1,2\n":         "row 1 of standard input has 2 cells",
		"1,2,3,4,5,6,7": "does not answer as standard input says",
	} {
		var errOut strings.Builder
		code := Run(t.Context(), []string{"golden", "--model", "../inference/model/testdata/v3.4.1-ties.ubj", "--from", "-"}, strings.NewReader(in), io.Discard, &errOut)
		if code == 0 || !strings.Contains(errOut.String(), says) {
			t.Errorf("%q: %d, %s", in, code, errOut.String())
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A version that is newer than all that is proven scores, and is told of.
func TestScoreTellsOfNewerVersions(t *testing.T) {
	newer := strings.Replace(read(t, "../inference/model/testdata/v3.2.0-stump.json"), `"version":[3,2,`, `"version":[9,9,`, 1)
	path := filepath.Join(t.TempDir(), "model.json")
	if err := os.WriteFile(path, []byte(newer), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, errOut strings.Builder
	code := Run(t.Context(), []string{"score", "--model", path}, strings.NewReader("1,2,3,4,5,6\n"), &out, &errOut)
	if code != 0 || out.Len() == 0 || !strings.Contains(errOut.String(), "XGBoost 9.9 wrote it, and the newest that is proven here is 3.4") {
		t.Errorf("%d, %q, %q", code, out.String(), errOut.String())
	}
}
