package model

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// A model is the same however its bytes arrive.
func TestReadsFromFrontToBack(t *testing.T) {
	files, err := filepath.Glob("testdata/*")
	if err != nil || len(files) < 100 {
		t.Fatalf("found %d files: %v", len(files), err)
	}
	for _, file := range files {
		b := read(t, file)
		want, wantErr := Parse(b)
		for name, r := range map[string]io.Reader{
			"one by one": iotest.OneByteReader(bytes.NewReader(b)), "with the end": iotest.DataErrReader(bytes.NewReader(b)),
			"and more behind": io.MultiReader(bytes.NewReader(b), strings.NewReader("more")),
		} {
			got, err := Bounds{}.Read(r, int64(len(b)))
			if !reflect.DeepEqual(err, wantErr) || wantErr == nil && !sameModel(got, want) {
				t.Errorf("%s, %s: %v, all at once %v", file, name, err, wantErr)
			}
		}
	}
}

// sameModel compares bits, of which some are NaN.
func sameModel(a, b *Model) bool {
	return fmt.Sprintf("%+v", *a) == fmt.Sprintf("%+v", *b)
}

// What breaks off a file is told as it is, not taken for the file's fault.
func TestErrorOfTheReader(t *testing.T) {
	broken := errors.New("the line is cut")
	for _, file := range []string{"v1.7.6-deep.bin", "v1.7.6-deep.json", "v3.2.0-deep.ubj", "v1.7.6-pickled.pkl4", "vlightgbm4.6.0-cats.txt"} {
		b := read(t, "testdata/"+file)
		needed := len(b)
		if at := bytes.Index(b, []byte("end of trees")); at >= 0 { // what follows is not read
			needed = at
		}
		for n := 0; n < needed; n += 97 {
			_, err := Bounds{}.Read(io.MultiReader(bytes.NewReader(b[:n]), iotest.ErrReader(broken)), int64(len(b)))
			if !errors.Is(err, broken) {
				t.Fatalf("%s after %d bytes: %v", file, n, err)
			}
		}
		if _, err := (Bounds{}).Read(bytes.NewReader(b[:len(b)/2]), int64(len(b))); !errors.As(err, &Refusal{}) {
			t.Errorf("%s, less than promised: %v", file, err)
		}
	}
}

// endless is a tree after the other, each with as many nodes.
func endless(format string, trees, leaves int) []byte {
	one := bushy(leaves)
	var b strings.Builder
	switch format {
	case "json":
		list := func(v any) string { return strings.ReplaceAll(fmt.Sprint(v), " ", ",") }
		flags := strings.NewReplacer("true", "1", "false", "0").Replace(list(one.DefaultLeft))
		tree := `"left_children":` + list(one.Left) + `,"right_children":` + list(one.Right) + `,"split_indices":` + list(one.Feature) +
			`,"split_conditions":` + list(one.Value) + `,"default_left":` + flags
		whole := string(document1(tree))
		at := strings.Index(whole, "{"+tree)
		b.WriteString(whole[:at] + strings.Repeat("{"+tree+"},", trees-1) + whole[at:])
	case "ubjson":
		ints := func(name string, list []int32) {
			b.WriteString("i" + string(rune(len(name))) + name + "[$l#I")
			b.Write([]byte{byte(len(list) >> 8), byte(len(list))})
			for _, v := range list {
				b.Write([]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
			}
		}
		b.WriteString("{i\x07learner{i\x10gradient_booster{i\x05model{i\x05trees[")
		for range trees {
			b.WriteString("{")
			ints("left_children", one.Left)
			ints("right_children", one.Right)
			ints("split_indices", one.Feature)
			ints("split_conditions", make([]int32, len(one.Left)))
			ints("default_left", make([]int32, len(one.Left)))
			b.WriteString("}")
		}
	}
	return []byte(b.String())
}

// A model that is beyond its bounds is refused where it passes them, and has
// cost no more until then.
func TestReadStaysWithinBounds(t *testing.T) {
	const most = 1 << 20
	bounds := Bounds{Trees: most, TreesOf: "the test", Piece: most, Pickle: most}
	for _, tt := range []struct {
		name, says string
		b          []byte
		cost       uint64
	}{
		{"many trees in JSON", "which is all that the test allows", endless("json", 400, 1024), 8 * most},
		{"many trees in UBJSON", "which is all that the test allows", endless("ubjson", 400, 1024), 8 * most},
		{"one long tree in UBJSON", "single tree", []byte("{i\x07learner{i\x10gradient_booster{i\x05model{i\x05trees[{i\x0dleft_children[$i#l\x00\x80\x00\x00" + strings.Repeat("\x01", 1<<23)), 8 * most},
		{"one long tree in JSON", "single tree", []byte(`{"learner":{"gradient_booster":{"model":{"trees":[{"left_children":[` + strings.Repeat("1,", 1<<23)), 8 * most},
		{"one long text in JSON", "something else", []byte(`{"learner":{"x":"` + strings.Repeat("1", 1<<24)), 8 * most},
		{"much that is no tree in JSON", "something else", []byte(`{"learner":{` + strings.Repeat(`"x":1,`, 1<<20)), 64 * most},
		{"nothing but space", "something else", []byte("{" + strings.Repeat(" ", 1<<24)), 8 * most},
		{"one long text in UBJSON", "something else", []byte("{i\x07learner{i\x01xSl\x01\x00\x00\x00" + strings.Repeat("1", 1<<24)), most},
		{"many names in UBJSON", "its names of features", []byte("{i\x07learner{i\x0dfeature_names[" + strings.Repeat("Si\x01x", 1<<17)), 16 * most},
		{"many names in JSON", "its names of features", []byte(`{"learner":{"feature_names":[` + strings.Repeat(`"",`, 1<<17)), 16 * most},
		{"a long line", "single tree", []byte("tree\nversion=v4\n\nTree=0\nleaf_value=" + strings.Repeat("1 ", 1<<23)), 8 * most},
		{"a pickle that holds much", "pickle that holds more", []byte("\x80\x04\x8e\x00\x00\x00\x01\x00\x00\x00\x00" + strings.Repeat("1", 1<<24)), most},
		{"a pickle that holds it in parts", "pickle that holds more", []byte("\x80\x04" + strings.Repeat("C\xff"+strings.Repeat("1", 255)+"0", 1<<16)), 4 * most},
		{"a text of protocol 0 that is long", "pickle that holds more", []byte("(dp0\nV" + strings.Repeat("1", 1<<24)), 8 * most},
		{"many numbers of protocol 0", "pickle that holds more", []byte("(dp0\n(l" + strings.Repeat("I1\na", 1<<20)), 8 * most},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := bounds.Read(bytes.NewReader(tt.b), int64(len(tt.b)))
		runtime.ReadMemStats(&after)
		var refusal Refusal
		if !errors.As(err, &refusal) || refusal.Reason != TooLarge || !strings.Contains(refusal.Detail, tt.says) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if spent := after.TotalAlloc - before.TotalAlloc; spent > tt.cost {
			t.Errorf("%s: %d KiB allocated for %d", tt.name, spent>>10, len(tt.b)>>10)
		}
	}
	for _, b := range [][]byte{read(t, "testdata/v1.7.6-deep.json"), read(t, "testdata/v1.7.6-pickled.pkl2"), read(t, "testdata/vlightgbm4.6.0-cats.txt"), endless("json", 3, 64)} {
		if _, err := bounds.Read(bytes.NewReader(b), int64(len(b))); err != nil {
			t.Errorf("within its bounds: %v", err)
		}
	}
	if _, err := (Bounds{}).Read(bytes.NewReader(endless("json", 100, 1024)), int64(len(endless("json", 100, 1024)))); err != nil {
		t.Errorf("without bounds: %v", err)
	}
}
