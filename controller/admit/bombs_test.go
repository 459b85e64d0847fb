package admit_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/controller/admit"
	"github.com/sluicehq/sluice/inference/model"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

// entry is a file of an archive: pieces, one behind the other.
type entry struct {
	name   string
	pieces []piece
}

// piece is a text that is repeated.
type piece struct {
	text  string
	times int
}

func (e entry) size() (n int64) {
	for _, p := range e.pieces {
		n += int64(len(p.text)) * int64(p.times)
	}
	return n
}

// bomb packs files of any length without ever holding them, and beside them so
// many bytes of noise, which do not pack.
func bomb(t *testing.T, noise int, entries ...entry) []byte {
	t.Helper()
	random := make([]byte, noise)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	entries = append(entries, entry{"noise", []piece{{string(random), 1}}})
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	out := tar.NewWriter(zip)
	for _, e := range entries {
		if err := out.WriteHeader(&tar.Header{Name: e.name, Mode: 0o644, Size: e.size()}); err != nil {
			t.Fatal(err)
		}
		for _, p := range e.pieces {
			for range p.times {
				if _, err := io.WriteString(out, p.text); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// manifest is a good one, with a part exchanged.
func manifest(t *testing.T, old string, pieces ...piece) entry {
	t.Helper()
	b, err := json.Marshal(releasetest.Manifest(0))
	if err != nil {
		t.Fatal(err)
	}
	before, after, found := strings.Cut(string(b), old)
	if !found {
		t.Fatalf("%s does not occur", old)
	}
	return entry{"manifest.json", append(append([]piece{{before, 1}}, pieces...), piece{after, 1})}
}

// jsonOf is a model in JSON with one tree, so many times.
func jsonOf(tree string, times int) entry {
	before, after, _ := strings.Cut(string(releasetest.Booster(0)), `{"left_children"`)
	_, after, _ = strings.Cut(after, `]},"name"`)
	return entry{"xgboost-model", []piece{{before, 1}, {tree + ",", times - 1}, {tree, 1}, {`]},"name"` + after, 1}}}
}

// complete is a complete tree of zeros.
func complete(leaves int) string {
	var left, right, zeros []string
	for i := range 2*leaves - 1 {
		l, r := -1, -1
		if i < leaves-1 {
			l, r = 2*i+1, 2*i+2
		}
		left, right, zeros = append(left, fmt.Sprint(l)), append(right, fmt.Sprint(r)), append(zeros, "0")
	}
	join := func(list []string) string { return "[" + strings.Join(list, ",") + "]" }
	return `{"left_children":` + join(left) + `,"right_children":` + join(right) + `,"split_indices":` + join(zeros) +
		`,"split_conditions":` + join(zeros) + `,"default_left":` + join(zeros) + `}`
}

// Whatever an artifact of a megabyte or two holds, refusing it costs no more than
// 64 MiB beside it: what is unpacked is not kept, trees are counted while they
// are read, and a manifest is counted before it is.
func TestRefusingIsCheap(t *testing.T) {
	const noise = 1 << 20
	zeros := strings.Repeat("\x00", 1<<20)
	good := entry{"xgboost-model", []piece{{string(releasetest.Booster(0)), 1}}}
	keys := func(n int) string {
		var list strings.Builder
		for i := range n {
			fmt.Fprintf(&list, `"%x":1,`, i)
		}
		return list.String()
	}
	for _, tt := range []struct {
		name    string
		entries []entry
		want    model.Reason
		says    string
	}{
		{"zeros as the model", []entry{manifest(t, ""), {"xgboost-model", []piece{{zeros, 170}}}}, release.TooLarge, "far more than it holds"},
		{"zeros beside it", []entry{manifest(t, ""), good, {"log", []piece{{zeros, 170}}}}, release.TooLarge, "far more than it holds"},
		{"zeros as the manifest", []entry{{"manifest.json", []piece{{zeros, 60}}}, good}, release.TooLarge, "manifest.json"},
		{"space before the model", []entry{manifest(t, ""), {"xgboost-model", []piece{{"{", 1}, {strings.Repeat(" ", 1<<20), 50}}}}, release.TooLarge, "something else in it"},
		{"10,000 trees", []entry{manifest(t, ""), jsonOf(complete(256), 10_000)}, release.TooLarge, "which is all that an archive of"},
		{"10,001 trees", []entry{manifest(t, ""), jsonOf(complete(1), 10_001)}, release.TooLarge, "more than 10000 trees"},
		{"trees of a leaf with much in it", []entry{manifest(t, ""), jsonOf(strings.Replace(complete(1), "{", `{"x":"`+strings.Repeat("x", 5<<10)+`",`, 1), 10_001)}, release.TooLarge, "more than 10000 trees"},
		{"one long tree", []entry{manifest(t, ""), jsonOf(`{"left_children":[`+strings.Repeat("-1,", 1<<22)+`-1]}`, 1)}, release.TooLarge, "single tree"},
		{"a pickle of zeros", []entry{manifest(t, ""), {"xgboost-model", []piece{{"\x80\x04\x8e\x00\x00\x00\x08\x00\x00\x00\x00", 1}, {zeros, 129}}}}, release.TooLarge, "pickle"},
		{"a manifest of thresholds", []entry{manifest(t, `"p0":0.25,`, piece{keys(1 << 16), 1}), good}, release.TooLarge, "more than 10000 keys"},
		{"a manifest of one threshold", []entry{manifest(t, `"p0":0.25,`, piece{`"p0":0.25,`, 1 << 20}), good}, release.BadManifest, "twice"},
		{"a manifest of golden vectors", []entry{manifest(t, `"golden":[`, piece{`"golden":[`, 1}, piece{`{},`, 1 << 21}), good}, release.TooLarge, "more than 1024 values"},
		{"a manifest of lists", []entry{manifest(t, `"by hand"`, piece{"[", 9000}, piece{"]", 9000}), good}, release.BadManifest, ""},
		{"a vocabulary of millions", []entry{manifest(t, `"vocabulary":["p0",`, piece{`"vocabulary":[`, 1}, piece{`"p0",`, 1 << 21}), good}, release.TooLarge, "more than 1048576 values"},
	} {
		artifact := bomb(t, noise, tt.entries...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := admit.Check(artifact, source(), admit.Policy{}, "", at())
		runtime.ReadMemStats(&after)
		if r.Outcome != admit.Refuse || r.Reason != tt.want || !strings.Contains(r.Sentence, tt.says) {
			t.Errorf("%s: %s %s: %.300s", tt.name, r.Outcome, r.Reason, r.Sentence)
		}
		spent := int64(after.TotalAlloc - before.TotalAlloc)
		t.Logf("%s: %d KiB for %d KiB", tt.name, spent>>10, len(artifact)>>10)
		if most := int64(64<<20 + len(artifact)); spent > most {
			t.Errorf("%s: %d MiB allocated for %d KiB, want %d MiB at most", tt.name, spent>>20, len(artifact)>>10, most>>20)
		}
	}
}

// The setting for memory holds while trees are read, not after it.
func TestMemoryIsCountedWhileReading(t *testing.T) {
	artifact := bomb(t, 1<<20, manifest(t, ""), jsonOf(complete(256), 500))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := admit.Check(artifact, source(), admit.Policy{MaxMemoryBytes: 100_000}, "", at())
	runtime.ReadMemStats(&after)
	if want := "take more than 100000 bytes in memory, which is all that max_memory_bytes allows"; r.Reason != release.TooLarge || !strings.Contains(r.Sentence, want) {
		t.Errorf("%s: %s", r.Reason, r.Sentence)
	}
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 4<<20 {
		t.Errorf("%d KiB allocated", spent>>10)
	}
}
