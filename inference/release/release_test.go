package release_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/model"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

func TestOpensAndProves(t *testing.T) {
	archive := releasetest.Archive(0.5)
	r, err := release.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Prove(); err != nil {
		t.Fatal(err)
	}
	r.Warm()
	if r.Digest != release.Digest(archive) || len(r.Digest) != 64 {
		t.Errorf("digest %s", r.Digest)
	}
	if r.Auctions() != 12 || r.MemoryBytes() < 1000 {
		t.Errorf("%d auctions, %d bytes", r.Auctions(), r.MemoryBytes())
	}
	for partner, want := range map[string]float32{"p0": 0.25, "p1": 0.5, "p2": 0.125, "": 0.125} {
		if got := r.Threshold(partner); got != want {
			t.Errorf("threshold of %q is %v, want %v", partner, got, want)
		}
	}
}

// A manifest as XGBoost's own answers fill it.
func TestProvesRealBoosters(t *testing.T) {
	for _, file := range []string{"v3.2.0-named.ubj", "v1.7.6-named.json", "v1.7.6-named.bin"} {
		r, err := release.Open(real(t, file))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if err := r.Prove(); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestPackIsDeterministic(t *testing.T) {
	files := map[string][]byte{"b": []byte("2"), "a": []byte("1"), "c/d": []byte("3")}
	one, err := release.Pack(files)
	two, err2 := release.Pack(files)
	if err != nil || err2 != nil || !bytes.Equal(one, two) {
		t.Errorf("two archives of the same files: %x and %x (%v, %v)", one, two, err, err2)
	}
	if _, err := release.Pack(map[string][]byte{strings.Repeat("x", 300): nil}); err == nil {
		t.Error("packed a name that no tar of this kind can hold")
	}
}

// Manifests that promise what cannot be.
func TestRefusesManifests(t *testing.T) {
	half, above := float32(0.5), float32(1.5)
	for _, tt := range []struct {
		name   string
		change func(*release.Manifest)
		want   model.Reason
		says   string
	}{
		{"next format", func(m *release.Manifest) { m.Format = 2 }, release.BadManifest, "format 2"},
		{"no model", func(m *release.Manifest) { m.Model = "" }, release.BadManifest, "xgboost-model"},
		{"another model", func(m *release.Manifest) { m.Model = "../xgboost-model" }, release.BadManifest, "../xgboost-model"},
		{"the manifest as model", func(m *release.Manifest) { m.Model = "manifest.json" }, release.Format, ""},
		{"too few golden vectors", func(m *release.Manifest) { m.Golden = m.Golden[:7] }, release.BadGolden, "7 golden"},
		{"short golden vector", func(m *release.Manifest) { m.Golden[3].Features = m.Golden[3].Features[1:] }, release.BadGolden, "vector 3"},
		{"threshold", func(m *release.Manifest) { m.Thresholds["p1"] = above }, release.BadManifest, `"p1"`},
		{"default threshold", func(m *release.Manifest) { m.DefaultThreshold = -1 }, release.BadManifest, "-1"},
		{"bins", func(m *release.Manifest) { m.ReferenceScores = []float64{0.5, 0.5} }, release.BadManifest, "64"},
		{"share", func(m *release.Manifest) { m.ReferenceScores = []float64{-0.5, 1.5} }, release.BadManifest, "-0.5"},
		{"interval", func(m *release.Manifest) { m.Predicted.FilterRate.Low = 0.3 }, release.BadManifest, "interval"},
		{"partner's interval", func(m *release.Manifest) { m.Predicted.Partners["p9"] = release.Interval{High: 2} }, release.BadManifest, `"p9"`},
		{"intended change", func(m *release.Manifest) { m.IntendedChange = &release.Change{FilterRate: 5, Why: "more"} }, release.BadManifest, "0.05"},
		{"no features", func(m *release.Manifest) { m.Contract.Features = nil }, release.BadContract, "features"},
		{"unknown source", func(m *release.Manifest) { m.Contract.Features[0].Source[0] = "moon" }, release.BadContract, "moon"},
		{"fewer features", func(m *release.Manifest) { m.Contract.Features = m.Contract.Features[:2] }, release.BadContract, "2 features"},
		{"another order", func(m *release.Manifest) {
			f := m.Contract.Features
			f[0], f[1] = f[1], f[0]
		}, release.BadContract, `"hour"`},
		{"another margin", func(m *release.Manifest) { m.Golden[11].Margin += 1e-6 }, release.BadGolden, "vector 11"},
		{"another score", func(m *release.Manifest) { m.Golden[0].Score = half }, release.BadGolden, "vector 0"},
		{"another auction", func(m *release.Manifest) { m.Golden[2].TS += 3600 * 1000 }, release.BadGolden, `"hour"`},
		{"another partner", func(m *release.Manifest) { m.Golden[2].Partner = "p0" }, release.BadGolden, `"partner"`},
		{"a missing floor", func(m *release.Manifest) { m.Golden[1].Features[1] = nil }, release.BadGolden, "missing"},
		{"broken auction", func(m *release.Manifest) { m.Golden[2].Auction = json.RawMessage(`{"imp":7}`) }, release.BadGolden, "vector 2"},
	} {
		m := releasetest.Manifest(0)
		tt.change(&m)
		reason, detail := refused(t, releasetest.Pack(m, releasetest.Booster(0)))
		if reason != tt.want || !strings.Contains(detail, tt.says) {
			t.Errorf("%s: refused as %q, want %q with %q: %s", tt.name, reason, tt.want, tt.says, detail)
		}
	}
}

// The features of a booster without names stand in another order than its
// manifest says: only golden vectors can tell.
func TestRefusesSkewed(t *testing.T) {
	nameless := bytes.Replace(releasetest.Booster(0), []byte(`["hour","floor","partner"]`), []byte(`[]`), 1)
	for _, tt := range []struct {
		name   string
		change func(*release.Manifest)
	}{
		{"contract and rows alike", func(m *release.Manifest) {
			swap(m.Contract.Features)
			for i := range m.Golden {
				swap(m.Golden[i].Features)
			}
		}},
		// The rows agree with the booster, so that only their auctions can tell.
		{"contract alone", func(m *release.Manifest) { swap(m.Contract.Features) }},
	} {
		m := releasetest.Manifest(0)
		tt.change(&m)
		if reason, detail := refused(t, releasetest.Pack(m, nameless)); reason != release.BadGolden || !strings.Contains(detail, "order") {
			t.Errorf("%s: refused as %q: %s", tt.name, reason, detail)
		}
	}
}

// The logarithm of the trainer's C library may be one float beside ours.
func TestSettlesTheBaseMargin(t *testing.T) {
	for _, tt := range []struct {
		off  int
		want model.Reason
	}{{-1, ""}, {1, ""}, {2, release.BadGolden}} {
		booster := bytes.Replace(releasetest.Booster(0), []byte(`[5E-1]`), []byte(`[2E-1]`), 1)
		parsed, err := model.Parse(booster)
		if err != nil {
			t.Fatal(err)
		}
		base := math.Float32frombits(uint32(int(math.Float32bits(parsed.BaseMargin())) + tt.off))
		trainers := parsed.WithBaseMargin(base)
		m := releasetest.Manifest(0)
		for i, g := range m.Golden {
			row := unpointed(g.Features)
			m.Golden[i].Margin, m.Golden[i].Score = trainers.Margin(row), trainers.Score(row)
		}
		if reason, detail := refused(t, releasetest.Pack(m, booster)); reason != tt.want {
			t.Errorf("%d floats away: refused as %q: %s", tt.off, reason, detail)
		}
	}
}

func TestRefusesUnknownFields(t *testing.T) {
	written, err := json.Marshal(releasetest.Manifest(0))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, old, new, says string }{
		{"field", `{"format":1`, `{"format":1,"surprise":1`, "surprise"},
		{"type", `"model":"xgboost-model"`, `"model":7`, "model"},
		{"NaN", `"default_threshold":0.125`, `"default_threshold":NaN`, "N"},
		{"second value", `{"format":1`, `{"format":1} {"format":1`, "cannot be read"},
	} {
		b := bytes.Replace(written, []byte(tt.old), []byte(tt.new), 1)
		archive := pack(t, map[string][]byte{"manifest.json": b, "xgboost-model": releasetest.Booster(0)})
		if tt.name == "second value" {
			archive = pack(t, map[string][]byte{"manifest.json": append(written, "{}"...), "xgboost-model": releasetest.Booster(0)})
			tt.says = "more than one"
		}
		if reason, detail := refused(t, archive); reason != release.BadManifest || !strings.Contains(detail, tt.says) {
			t.Errorf("%s: refused as %q: %s", tt.name, reason, detail)
		}
	}
}

func TestRefusesArchives(t *testing.T) {
	good := releasetest.Booster(0)
	pickle := []byte("\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94.")
	for _, tt := range []struct {
		name    string
		archive []byte
		want    model.Reason
	}{
		{"empty", nil, release.Torn},
		{"one byte", []byte{0x1f}, release.Torn},
		{"no archive", []byte("hello"), release.Format},
		{"plain tar without a manifest", tarOf(tar.Header{Name: "a", Typeflag: tar.TypeReg}), release.BadManifest},
		{"half a plain tar", tarOf(file("a", 2000)), release.Torn},
		{"the booster itself", good, release.BadManifest},
		{"the booster itself, packed", zip(good), release.BadManifest},
		{"pickle", pickle, release.Pickle},
		{"pickle of protocol 0", []byte("cos\nsystem\n(S'id'\ntR."), release.Pickle},
		{"pickle in an archive", pack(t, map[string][]byte{"xgboost-model": pickle}), release.Pickle},
		{"pickle with a manifest", releasetest.Pack(releasetest.Manifest(0), pickle), release.Pickle},
		{"no manifest", pack(t, map[string][]byte{"xgboost-model": good}), release.BadManifest},
		{"nothing inside", pack(t, nil), release.BadManifest},
		{"half a model", releasetest.Pack(releasetest.Manifest(0), good[:len(good)/2]), release.Torn},
		{"bytes behind", append(releasetest.Archive(0), "more than a header has"...), release.Format},
		{"wrong checksum", flip(releasetest.Archive(0), 5), release.Format},
		{"no tar inside", zip([]byte(strings.Repeat("no tar ", 200))), release.Format},
		{"two of one name", zip(tarOf(file("a", 0), file("./a", 0))), release.Format},
		{"out by two dots", zip(tarOf(file("../a", 0))), release.UnsafePath},
		{"out by two dots inside", zip(tarOf(file("a/../../b", 0))), release.UnsafePath},
		{"absolute", zip(tarOf(file("/etc/passwd", 0))), release.UnsafePath},
		{"backslash", zip(tarOf(file(`..\a`, 0))), release.UnsafePath},
		{"symbolic link", zip(tarOf(tar.Header{Name: "a", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink})), release.UnsafePath},
		{"hard link", zip(tarOf(tar.Header{Name: "a", Linkname: "b", Typeflag: tar.TypeLink})), release.UnsafePath},
		{"device", zip(tarOf(tar.Header{Name: "a", Typeflag: tar.TypeBlock})), release.UnsafePath},
		{"pipe", zip(tarOf(tar.Header{Name: "a", Typeflag: tar.TypeFifo})), release.UnsafePath},
		{"folder out", zip(tarOf(tar.Header{Name: "../", Typeflag: tar.TypeDir})), release.UnsafePath},
		{"10 GB in 1 kB", zip(tarOf(file("xgboost-model", 10<<30))), release.TooLarge},
		{"large manifest", zip(tarOf(file("manifest.json", 65<<20))), release.TooLarge},
		{"many files", zip(tarOf(files(65)...)), release.TooLarge},
		{"sparse file of a gigabyte", zip(sparse()), release.TooLarge},
		{"zeros without end", zip(append(tarOf(file("a", 32<<20)), make([]byte, 32<<20)...)), release.TooLarge},
		{"zeros after the end", zip(append(tarOf(file("a", 0)), make([]byte, 32<<20)...)), release.TooLarge},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		reason, detail := refused(t, tt.archive)
		runtime.ReadMemStats(&after)
		if reason != tt.want || detail == "" {
			t.Errorf("%s: refused as %q, want %q: %s", tt.name, reason, tt.want, detail)
		}
		if spent := after.TotalAlloc - before.TotalAlloc; spent > 200<<20 {
			t.Errorf("%s: %d bytes allocated for %d", tt.name, spent, len(tt.archive))
		}
	}
}

// Folders, extra files and "./" in front are what tar makes of a folder.
func TestTakesWhatTarWrites(t *testing.T) {
	manifest, err := json.Marshal(releasetest.Manifest(0))
	if err != nil {
		t.Fatal(err)
	}
	var plain bytes.Buffer
	out := tar.NewWriter(&plain)
	put(out, tar.Header{Name: "./", Typeflag: tar.TypeDir}, nil)
	put(out, file("./code/train.py", 5), []byte("print"))
	put(out, file("./manifest.json", int64(len(manifest))), manifest)
	put(out, file("./xgboost-model", int64(len(releasetest.Booster(0)))), releasetest.Booster(0))
	out.Close()
	if reason, detail := refused(t, zip(plain.Bytes())); reason != "" {
		t.Errorf("refused as %q: %s", reason, detail)
	}
}

// The archive's own bound.
func TestLimits(t *testing.T) {
	archive := releasetest.Archive(0)
	limits := release.DefaultLimits()
	limits.ArchiveBytes = int64(len(archive))
	if _, err := limits.Open(archive); err != nil {
		t.Error(err)
	}
	limits.ArchiveBytes--
	var refusal release.Refusal
	if _, err := limits.Open(archive); !errors.As(err, &refusal) || refusal.Reason != release.TooLarge {
		t.Errorf("an archive above the bound: %v", err)
	}
}

// Cut anywhere, an archive is torn.
func TestTornEverywhere(t *testing.T) {
	archive := releasetest.Archive(0)
	for n := range archive {
		if reason, detail := refused(t, archive[:n]); reason != release.Torn {
			t.Fatalf("its first %d of %d bytes are refused as %q: %s", n, len(archive), reason, detail)
		}
	}
}

// FuzzOpen holds what Open promises for any bytes.
func FuzzOpen(f *testing.F) {
	f.Add(releasetest.Archive(0), true)
	f.Add(zip(tarOf(file("../a", 0))), true)
	manifest, err := json.Marshal(releasetest.Manifest(0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(manifest, false)
	f.Fuzz(func(t *testing.T, b []byte, whole bool) {
		archive := b
		if !whole { // so that manifests are reached in spite of the checksum
			archive = pack(t, map[string][]byte{"manifest.json": b, "xgboost-model": releasetest.Booster(0)})
		}
		r, err := release.Open(archive)
		if err == nil {
			err = r.Prove()
		}
		if refusal := (release.Refusal{}); err != nil && (!errors.As(err, &refusal) || refusal.Reason == "" || refusal.Detail == "") {
			t.Fatalf("not a refusal: %v", err)
		}
		if err == nil && (len(r.Manifest.Golden) < release.MinGolden || r.Model.NumFeature() != r.Features.Len()) {
			t.Fatal("a release that nobody could prove")
		}
	})
}

// refused opens and proves an archive and returns why it is not taken.
func refused(t *testing.T, archive []byte) (reason model.Reason, detail string) {
	t.Helper()
	r, err := release.Open(archive)
	if err == nil {
		err = r.Prove()
	}
	if err == nil {
		return "", ""
	}
	var refusal release.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("not a refusal: %v", err)
	}
	return refusal.Reason, refusal.Detail
}

// real packs a booster that XGBoost wrote with XGBoost's answers.
func real(t *testing.T, name string) []byte {
	t.Helper()
	booster, err := os.ReadFile("../model/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := os.ReadFile("../model/testdata/" + strings.TrimSuffix(name, name[strings.LastIndex(name, "."):]) + ".rows")
	if err != nil {
		t.Fatal(err)
	}
	m := releasetest.Manifest(0)
	m.Golden, m.Contract = nil, feature.Contract{}
	for _, f := range []string{"hour", "floor", "geo|country", "größe", "a b", "partner"} {
		m.Contract.Features = append(m.Contract.Features, feature.Feature{Name: f, Kind: feature.Number, Source: []string{"hour"}})
	}
	for line := range strings.Lines(string(rows)) {
		row, margin, score := numbers(t, strings.Fields(line)[0]), numbers(t, strings.Fields(line)[1])[0], numbers(t, strings.Fields(line)[2])[0]
		g := release.Golden{Margin: margin, Score: score}
		for _, v := range row {
			if v-v == 0 { // infinities have no JSON
				g.Features = append(g.Features, &v)
			} else if v != v {
				g.Features = append(g.Features, nil)
			}
		}
		if len(g.Features) == len(row) {
			m.Golden = append(m.Golden, g)
		}
	}
	return releasetest.Pack(m, booster)
}

func numbers(t *testing.T, digits string) []float32 {
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

func swap[T any](list []T) { list[0], list[1] = list[1], list[0] }

func unpointed(row []*float32) []float32 {
	list := make([]float32, len(row))
	for i, v := range row {
		list[i] = float32(math.NaN())
		if v != nil {
			list[i] = *v
		}
	}
	return list
}

func pack(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	b, err := release.Pack(files)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func file(name string, size int64) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeReg, Size: size}
}

func files(n int) []tar.Header {
	list := make([]tar.Header, n)
	for i := range list {
		list[i] = file("f"+string(rune('a'+i)), 0)
	}
	return list
}

// tarOf writes headers without what they promise.
func tarOf(headers ...tar.Header) []byte {
	var plain bytes.Buffer
	for _, h := range headers {
		put(tar.NewWriter(&plain), h, nil)
	}
	return plain.Bytes()
}

func put(out *tar.Writer, h tar.Header, content []byte) {
	if err := out.WriteHeader(&h); err != nil {
		panic(err)
	}
	out.Write(content)
}

// sparse is a tar with a file that is one hole of a gigabyte. The tar writer
// writes none, so that the records get their names afterwards.
func sparse() []byte {
	var plain bytes.Buffer
	body := make([]byte, 512)
	copy(body, "0\n")
	put(tar.NewWriter(&plain), tar.Header{Name: "xgboost-model", Typeflag: tar.TypeReg, Size: 512, PAXRecords: map[string]string{
		"GNX.sparse.major": "1", "GNX.sparse.minor": "0", "GNX.sparse.name": "xgboost-model", "GNX.sparse.realsize": "1073741824",
	}}, body)
	return bytes.ReplaceAll(plain.Bytes(), []byte("GNX."), []byte("GNU."))
}

func zip(b []byte) []byte {
	var packed bytes.Buffer
	out := gzip.NewWriter(&packed)
	out.Write(b)
	out.Close()
	return packed.Bytes()
}

func unzip(t *testing.T, b []byte) []byte {
	t.Helper()
	in, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// flip changes the byte that is n before the end.
func flip(b []byte, n int) []byte {
	b[len(b)-n] ^= 1
	return b
}

// A model is read from whatever holds it.
func TestReadModel(t *testing.T) {
	booster, other := releasetest.Booster(0), releasetest.Booster(1)
	lightgbm, err := os.ReadFile("../model/testdata/vlightgbm4.6.0-nan.txt")
	if err != nil {
		t.Fatal(err)
	}
	named := releasetest.Manifest(0)
	named.Model = "model/here"
	manifest, err := json.Marshal(named)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		b     []byte
		trees int
	}{
		{"a file", booster, 3},
		{"a release", releasetest.Archive(0), 3},
		{"an archive without a manifest", pack(t, map[string][]byte{"xgboost-model": booster}), 3},
		{"folds", pack(t, map[string][]byte{"xgboost-model-0": booster, "xgboost-model-1": other, "notes": nil}), 6},
		{"another name", pack(t, map[string][]byte{"model/here": booster, "manifest.json": manifest}), 3},
		{"LightGBM", pack(t, map[string][]byte{"model.txt": lightgbm}), 5},
		{"model.json beside what macOS packs", pack(t, map[string][]byte{"model.json": booster, "._model.json": booster, ".cache/model.json": other}), 3},
		{"as MLflow packs it", pack(t, map[string][]byte{"model/MLmodel": []byte("flavors:\n"), "model/model.json": booster, "model/conda.yaml": []byte("name: env\n"), "model/requirements.txt": []byte("xgboost\n")}), 3},
		{"as BentoML packs it", pack(t, map[string][]byte{"saved_model.ubj": booster, "model.yaml": []byte("name: a\n"), "custom_objects.pkl": []byte("\x80\x04}.")}), 3},
		{"a name that it has not", pack(t, map[string][]byte{"model.bst": booster, "manifest.json": manifest}), 3},
		{"a plain tar", unzip(t, pack(t, map[string][]byte{"xgboost-model": booster})), 3},
		{"model.json.gz", zip(booster), 3},
		{"model.json.gz in an archive", pack(t, map[string][]byte{"model.json.gz": zip(booster)}), 3},
		{"a tiny file, packed", zip([]byte("tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nfeature_names=a\nobjective=regression\n\nTree=0\nnum_leaves=1\nleaf_value=1\n\nend of trees\n")), 1},
	} {
		m, err := release.ReadModel(tt.b)
		if err != nil || m.Trees() != tt.trees {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	for name, b := range map[string][]byte{
		"a fold is missing": pack(t, map[string][]byte{"xgboost-model-0": booster, "xgboost-model-2": other}),
		"nothing":           pack(t, nil),
		"nothing but notes": pack(t, map[string][]byte{"notes": []byte("no model at all"), "MLmodel": nil}),
		"two models":        pack(t, map[string][]byte{"a.json": booster, "b.json": other}),
		"only a hidden one": pack(t, map[string][]byte{".model.json": booster}),
		"a bad fold":        pack(t, map[string][]byte{"xgboost-model-0": booster, "xgboost-model-1": []byte("no model at all")}),
	} {
		if _, err := release.ReadModel(b); !errors.As(err, &release.Refusal{}) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A release of folds answers with their mean, and is proven by it.
func TestFolds(t *testing.T) {
	low, high := releasetest.Booster(0), releasetest.Booster(1)
	files := map[string][]byte{"xgboost-model-0": low, "xgboost-model-1": high}
	mean, err := release.ReadModel(pack(t, files))
	if err != nil {
		t.Fatal(err)
	}
	m := releasetest.Manifest(0)
	for i, g := range m.Golden {
		row := make([]float32, len(g.Features))
		for f, v := range g.Features {
			row[f] = float32(math.NaN())
			if v != nil {
				row[f] = *v
			}
		}
		m.Golden[i].Margin, m.Golden[i].Score = mean.Margin(row), mean.Score(row)
	}
	if files["manifest.json"], err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	r, err := release.Open(pack(t, files))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Prove(); err != nil {
		t.Error(err)
	}
	r.Warm()
}

// What joblib writes with compress scores as the library does, alone and in an
// archive; torn, it is torn.
func TestReadsPackedModels(t *testing.T) {
	files, err := filepath.Glob("testdata/packed/*")
	if err != nil || len(files) < 17 {
		t.Fatalf("found %d models: %v", len(files), err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		for _, artifact := range [][]byte{b, pack(t, map[string][]byte{"model.joblib": b})} {
			m, err := release.ReadModel(artifact)
			if strings.HasSuffix(name, "xz") || strings.HasSuffix(name, "lzma") {
				if refusal := (release.Refusal{}); !errors.As(err, &refusal) || refusal.Reason != release.Format || !strings.Contains(refusal.Detail, "compress=3") {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			sameAsLibrary(t, m, "../model/testdata/"+strings.TrimSuffix(name, filepath.Ext(name))+".rows")
		}
		for _, n := range []int{len(b) / 2, len(b) - 9} {
			var refusal release.Refusal
			if _, err := release.ReadModel(b[:n]); !errors.As(err, &refusal) || refusal.Reason != release.Torn && filepath.Ext(name) != ".xz" && filepath.Ext(name) != ".lzma" {
				t.Errorf("%s, its first %d of %d bytes: %v", name, n, len(b), err)
			}
		}
	}
}

// A model of XGBoost's oldest format begins with its base score, and is neither
// packed nor an archive, whatever the bytes of that look like.
func TestBaseScoreLooksPacked(t *testing.T) {
	whole, err := os.ReadFile("../model/testdata/v0.90-base.bin")
	if err != nil {
		t.Fatal(err)
	}
	for _, begins := range []string{"x\x9c", "x\xda", "BZh", "\x1f\x8b", "\x1f\x8b\x08"} {
		m, err := release.ReadModel(append([]byte(begins), whole[len(begins):]...))
		if err != nil || m.Format() != "xgboost-binary" || m.Trees() != 7 {
			t.Errorf("%q: %v", begins, err)
		}
	}
}

// sameAsLibrary holds the margins of a model against those of its library.
func sameAsLibrary(t *testing.T, m *model.Model, path string) {
	t.Helper()
	rows, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(rows)) {
		var row, margin []float32
		for i, to := range []*[]float32{&row, &margin} {
			b, err := hex.DecodeString(strings.Fields(line)[i])
			if err != nil {
				t.Fatal(err)
			}
			for ; len(b) > 0; b = b[4:] {
				*to = append(*to, math.Float32frombits(binary.BigEndian.Uint32(b)))
			}
		}
		if got := m.Margin(row); got != margin[0] {
			t.Errorf("%s: row %v scores %v, the library says %v", path, row, got, margin[0])
		}
	}
}

// Packed models are held to the bounds of archives.
func TestRefusesPackedBombs(t *testing.T) {
	zeros := bytes.Repeat([]byte("{\"a\":[0,0,0,0,0]}   "), 4<<20)
	for name, b := range map[string][]byte{"alone": zip(zeros), "in an archive": pack(t, map[string][]byte{"model.json.gz": zip(zeros)})} {
		var refusal release.Refusal
		if _, err := release.AdmissionLimits().Open(b); !errors.As(err, &refusal) || refusal.Reason != release.TooLarge && refusal.Reason != release.BadManifest {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := release.ReadModel(b); !errors.As(err, &refusal) || refusal.Reason != release.TooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What models packed by themselves unpack to is bounded by the artifact around
// them, and for all of them together: neither a layer of packing nor another
// file brings more.
func TestPackedModelsShareABound(t *testing.T) {
	booster := releasetest.Booster(0)
	spaced := func(mib int) []byte { return slices.Concat(booster, bytes.Repeat([]byte(" "), mib<<20)) }
	stored := func(mib int) []byte { // a gzip as long as what it holds
		var b bytes.Buffer
		out, err := gzip.NewWriterLevel(&b, gzip.NoCompression)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(bytes.Repeat([]byte(" "), mib<<20))
		out.Close()
		return b.Bytes()
	}
	for what, tt := range map[string]struct {
		files map[string][]byte
		taken bool
	}{
		"one within it":             {map[string][]byte{"xgboost-model": zip(spaced(14))}, true},
		"two beyond it":             {map[string][]byte{"xgboost-model-0": zip(spaced(14)), "xgboost-model-1": zip(spaced(14))}, false},
		"one that packs well again": {map[string][]byte{"xgboost-model": slices.Concat(zip(spaced(30)), stored(10))}, false},
	} {
		_, err := release.ReadModel(pack(t, tt.files))
		var refusal release.Refusal
		if tt.taken != (err == nil) || err != nil && (!errors.As(err, &refusal) || refusal.Reason != release.TooLarge) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A booster of a column for each bucket of a hash is told what a contract is.
func TestRefusesAWideBooster(t *testing.T) {
	wide := strings.NewReplacer(`"feature_names":["hour","floor","partner"],`, "", `"num_feature":"3"`, `"num_feature":"200000"`).Replace(string(releasetest.Booster(0)))
	_, err := release.Open(releasetest.Pack(releasetest.Manifest(0), []byte(wide)))
	var refusal release.Refusal
	if !errors.As(err, &refusal) || refusal.Reason != release.BadContract || !strings.Contains(refusal.Detail, "reads 200000 columns, and a contract has at most 512 features: train on the bucket") {
		t.Error(err)
	}
}

// LightGBM writes underscores for the spaces in names.
func TestTakesNamesAsLightGBMWritesThem(t *testing.T) {
	for inFile, want := range map[string]bool{"floor_in_euros": true, "floor in euros": true, "floor_euros": false} {
		m := releasetest.Manifest(0)
		m.Contract.Features[1].Name = "floor in euros"
		b := strings.Replace(string(releasetest.Booster(0)), `"floor"`, `"`+inFile+`"`, 1)
		if _, err := release.Open(releasetest.Pack(m, []byte(b))); (err == nil) != want {
			t.Errorf("%s: %v", inFile, err)
		}
	}
}

// An archive of nothing but folders is told as that.
func TestRefusesAnArchiveWithoutFiles(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := errors.Join(w.WriteHeader(&tar.Header{Name: "model/", Typeflag: tar.TypeDir, Mode: 0o755}), w.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := release.ReadModel(b.Bytes()); err == nil || !strings.Contains(err.Error(), "the archive holds no file; pack the model into it") {
		t.Error(err)
	}
}
