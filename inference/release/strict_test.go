package release_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/model"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

// refusedAdmission is refused under the limits of admission.
func refusedAdmission(t *testing.T, archive []byte) (reason model.Reason, detail string) {
	t.Helper()
	r, err := release.AdmissionLimits().Open(archive)
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

// Manifests that could be taken in two ways, or whose words do not look like
// what they are, are not admitted. Those of them that were are loaded.
func TestAdmissionIsStrict(t *testing.T) {
	written := encoded(t, releasetest.Manifest(0))
	const (
		rlo, zwsp, bell = "\u202e", "\u200b", `\u0007`
	)
	for _, tt := range []struct {
		name, old, new string
		want           model.Reason
		says           string
	}{
		{"a key twice", `"trained_on":"by hand"`, `"trained_on":"by hand","trained_on":"by hand"`, release.BadManifest, `the key "trained_on" twice in the outermost object`},
		{"a key twice in another case", `"default_threshold":0.125`, `"default_threshold":0.125,"Default_Threshold":0.25`, release.BadManifest, `"Default_Threshold"`},
		{"a key in another case", `"default_threshold"`, `"DEFAULT_THRESHOLD"`, release.BadManifest, `where "default_threshold" is meant`},
		{"a key in escapes", `"trained_on"`, `"\u0074rained\u005fon"`, "", ""},
		{"a key twice, once in escapes", `"trained_on":"by hand"`, `"trained_on":"by hand","trained\u005fon":"by foot"`, release.BadManifest, `"trained_on" twice`},
		{"a threshold twice", `"thresholds":{"p0":0.25`, `"thresholds":{"p0":0.75,"p0":0.25`, release.BadManifest, `"p0" twice in "thresholds"`},
		{"a threshold of another case", `"thresholds":{"p0":0.25`, `"thresholds":{"P0":0.75,"p0":0.25`, "", ""},
		{"a prediction twice", `"filter_rate":{"estimate":0.2`, `"filter_rate":{"estimate":0.1,"estimate":0.2`, release.BadManifest, `"predicted.filter_rate"`},
		{"within a golden vector", `"features":[0,0,0],`, `"features":[0,0,0],"features":[0,0,0],`, release.BadManifest, `"golden.0"`},
		{"within an auction", `"auction":{`, `"auction":{"at":1,"at":2,`, release.BadManifest, `"golden.0.auction"`},
		{"within the contract", `{"name":"hour",`, `{"name":"hour","NAME":"hour",`, release.BadManifest, `"contract.features.0"`},
		{"an unknown key", `"kind":"number"`, `"kind":"number","weight":2`, release.BadManifest, `"weight"`},

		{"a partner that reads backwards", `"p0":0.25`, `"p0` + rlo + `":0.25`, release.BadManifest, `the partner "p0\u202e"`},
		{"a partner with nothing in it", `"p0":0.25`, `"p0` + zwsp + `":0.25`, release.BadManifest, "invisible"},
		{"a partner with a filler", `"p0":0.25`, `"p0\u3164":0.25`, release.BadManifest, "invisible"},
		{"a partner with a variation", `"p0":0.25`, `"p0\ufe0f":0.25`, release.BadManifest, "invisible"},
		{"a partner with a space that breaks no line", `"p0":0.25`, `"p\u00a00":0.25`, release.BadManifest, "invisible"},
		{"a partner that is no text", `"p0":0.25`, `"p\ud8000":0.25`, release.BadManifest, "control or invisible"},
		{"a partner of many bytes", `"p0":0.25`, `"` + strings.Repeat("p", 129) + `":0.25`, release.BadManifest, "129 bytes"},
		{"a partner of a byte less", `"p1":0.5`, `"` + strings.Repeat("p", 128) + `":0.5`, "", ""},
		{"a predicted partner", `"partners":{"p0"`, `"partners":{"p0` + bell + `"`, release.BadManifest, "invisible"},
		{"a golden partner", `"partner":"stranger"`, `"partner":"stranger` + bell + `"`, release.BadManifest, "invisible"},
		{"a partner of the contract", `"vocabulary":["p0","p1","p2"]`, `"vocabulary":["p0","p1","p2","p0` + zwsp + `"]`, release.BadManifest, "invisible"},
		{"a partner of a table", `"kind":"index","source":["partner"],"vocabulary":["p0","p1","p2"]`, `"kind":"table","source":["hour","partner"],"table":{"1|p0` + zwsp + `":1}`, release.BadManifest, "invisible"},
		{"a key of a table without its partner", `"kind":"index","source":["partner"],"vocabulary":["p0","p1","p2"]`, `"kind":"table","source":["hour","partner"],"table":{"1":1}`, release.BadContract, "two sources"},
		{"a feature", `{"name":"hour"`, `{"name":"hour` + bell + `"`, release.BadContract, `the feature "hour\a"`},
		{"a text", `"by hand"`, `"by` + bell + `hand"`, release.BadManifest, "trained_on"},
		{"a text of two lines", `"by hand"`, `"by\nhand"`, release.BadManifest, "one line"},
		{"a text that reads backwards", `"by hand"`, `"by` + rlo + `hand"`, release.BadManifest, "trained_on"},
		{"a text of many bytes", `"by hand"`, `"` + strings.Repeat("x", 1001) + `"`, release.BadManifest, "1000 bytes"},
		{"a text of a byte less", `"by hand"`, `"` + strings.Repeat("x", 1000) + `"`, "", ""},
		{"a reason", `"trained_on"`, `"intended_change":{"filter_rate":0.1,"why":"a` + bell + `b"},"trained_on"`, release.BadManifest, "intended_change.why"},
		{"a partner of an intended change", `"trained_on"`, `"intended_change":{"filter_rate":0.1,"why":"a","partners":{"p` + zwsp + `":0.1}},"trained_on"`, release.BadManifest, "invisible"},
		{"people's words", `"by hand"`, `"größer, 5\u00a0% – 日本語 \u2764\ufe0f"`, "", ""},
		{"people's partners", `"p1":0.5`, `"Ünïted Mediå 日本 (EU)|x":0.5`, "", ""},
	} {
		changed := bytes.Replace(written, []byte(tt.old), []byte(tt.new), 1)
		if bytes.Equal(changed, written) {
			t.Fatalf("%s: %s does not occur", tt.name, tt.old)
		}
		archive := pack(t, map[string][]byte{"manifest.json": changed, "xgboost-model": releasetest.Booster(0)})
		reason, detail := refusedAdmission(t, archive)
		if reason != tt.want || !strings.Contains(detail, tt.says) {
			t.Errorf("%s: refused as %q, want %q with %q: %s", tt.name, reason, tt.want, tt.says, detail)
		}
		if err := release.CheckManifest(changed); (err == nil) != (tt.want == "") {
			t.Errorf("%s, of a fleet: %v", tt.name, err)
		}
		if _, err := release.Open(archive); err != nil && tt.name != "an unknown key" && tt.want != release.BadContract {
			t.Errorf("%s: no longer loads: %v", tt.name, err)
		}
	}
	invalid := bytes.Replace(written, []byte("by hand"), []byte("by \xff hand"), 1)
	if err := release.CheckManifest(invalid); err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("bytes that are no text: %v", err)
	}
}

// Marks that only choose a letter's shape are seen by nobody, from the first of
// each block to the last.
func TestVariationSelectors(t *testing.T) {
	for _, mark := range []rune{0x180b, 0x180f, 0xfe00, 0xfe0f, 0xe0100, 0xe01ef} {
		m := releasetest.Manifest(0)
		m.Thresholds["acme"+string(mark)] = 0.5
		if reason, detail := refusedAdmission(t, releasetest.Pack(m, releasetest.Booster(0))); reason != release.BadManifest {
			t.Errorf("a partner with %U: %q %s", mark, reason, detail)
		}
	}
}

// Beyond what a manifest may hold, nobody counts on.
func TestAdmissionCountsBeforeItReads(t *testing.T) {
	many := func(open, one, end string, n int) string {
		return open + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + end
	}
	var thresholds []string
	for _, letter := range "abcdefghijklmnopqrstuvwxy" {
		for _, more := range "abcdefghijklmnopqrst" {
			for _, last := range "abcdefghijklmnopqrstu" {
				thresholds = append(thresholds, `"`+string(letter)+string(more)+string(last)+`":1`)
			}
		}
	}
	for _, tt := range []struct{ name, manifest, says string }{
		{"thresholds", `{"format":1,"thresholds":{` + strings.Join(thresholds, ",") + `}}`, `"thresholds" in manifest.json holds more than 10000 keys`},
		{"features", many(`{"format":1,"contract":{"features":[`, "{}", `]}}`, feature.MaxFeatures+1), "more than 512 values"},
		{"golden vectors", many(`{"format":1,"golden":[`, "{}", `]}`, release.MaxGolden+1), "more than 1024 values"},
		{"a vocabulary", many(`{"format":1,"contract":{"features":[{"vocabulary":[`, `""`, `]}]}}`, feature.MaxEntries+1), "more than 1048576 values"},
	} {
		var refusal release.Refusal
		if err := release.CheckManifest([]byte(tt.manifest)); !errors.As(err, &refusal) || refusal.Reason != release.TooLarge || !strings.Contains(refusal.Detail, tt.says) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// What a strict reader knows of a manifest is what Manifest holds: one of which
// every field is filled is admitted, and no key of it is known in another case.
func TestStrictKnowsEveryField(t *testing.T) {
	var full release.Manifest
	fill(reflect.ValueOf(&full).Elem())
	for i := range full.Golden {
		full.Golden[i].Auction = json.RawMessage(`{}`)
	}
	full.Format = release.ManifestFormat
	b := encoded(t, full)
	var refusal release.Refusal
	if err := release.CheckManifest(b); !errors.As(err, &refusal) || strings.Contains(refusal.Detail, "key") {
		t.Fatalf("a field is missing in the shape: %v", err)
	}
	for _, field := range slices.Sorted(maps.Keys(fieldsOf(reflect.TypeFor[release.Manifest](), map[string]bool{}))) {
		upper := bytes.Replace(b, []byte(`"`+field+`":`), []byte(`"`+strings.ToUpper(field)+`":`), 1)
		if bytes.Equal(upper, b) {
			t.Fatalf("%s is not written", field)
		}
		if err := release.CheckManifest(upper); !errors.As(err, &refusal) || !strings.Contains(refusal.Detail, strings.ToUpper(field)) && field != "format" {
			t.Errorf("%s in capitals: %v", field, err)
		}
	}
}

// fill gives every field a value.
func fill(v reflect.Value) {
	switch v.Kind() { //nolint:exhaustive // of no other kind is a manifest
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		one := reflect.New(v.Type().Elem()).Elem()
		fill(one)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("x"), one)
	case reflect.String:
		v.SetString("x")
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1)
	}
}

func fieldsOf(t reflect.Type, to map[string]bool) map[string]bool {
	switch t.Kind() { //nolint:exhaustive // nor are its parts
	case reflect.Struct:
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			to[name] = true
			fieldsOf(t.Field(i).Type, to)
		}
	case reflect.Pointer, reflect.Slice, reflect.Map:
		fieldsOf(t.Elem(), to)
	}
	return to
}

// Nothing may follow the end of an archive but what fills it up. What nobody
// reads harms nobody who loads it.
func TestAdmissionReadsToTheEnd(t *testing.T) {
	one, two := releasetest.Archive(0), releasetest.Archive(1)
	plain := unzip(t, one)
	cut := len(plain) / 2 / 512 * 512
	for _, tt := range []struct {
		name    string
		archive []byte
		want    model.Reason
	}{
		{"one archive", one, ""},
		{"filled up", zip(append(bytes.Clone(plain), make([]byte, 20<<10)...)), ""},
		{"in two parts", append(zip(plain[:cut]), zip(plain[cut:])...), ""},
		{"and an empty part", append(bytes.Clone(one), zip(nil)...), ""},
		{"two archives", append(bytes.Clone(one), two...), release.Format},
		{"the same twice", append(bytes.Clone(one), one...), release.Format},
		{"two in one stream", zip(append(bytes.Clone(plain), unzip(t, two)...)), release.Format},
		{"a word behind the end", zip(append(bytes.Clone(plain), "word"...)), release.Format},
		{"far behind the end", zip(append(append(bytes.Clone(plain), make([]byte, 1<<20)...), 1)), release.Format},
	} {
		reason, detail := refusedAdmission(t, tt.archive)
		if reason != tt.want || reason != "" && !strings.Contains(detail, "pack one archive") {
			t.Errorf("%s: refused as %q: %s", tt.name, reason, detail)
		}
		if reason, detail := refused(t, tt.archive); reason != "" {
			t.Errorf("%s: no longer loads, %s: %s", tt.name, reason, detail)
		}
	}
}

// FuzzStrict holds what a strict reader promises for any manifest: it takes
// nothing that the other does not, and it breaks on none.
func FuzzStrict(f *testing.F) {
	f.Add(encoded(f, releasetest.Manifest(0)))
	f.Add([]byte(`{"format":1,"golden":[{"auction":{"a":[[],{}, {"b":"\\\""}],"c":-1e5,"d":null}}]}`))
	f.Fuzz(func(t *testing.T, manifest []byte) {
		strictly := release.CheckManifest(manifest)
		if strictly != nil && !errors.As(strictly, &release.Refusal{}) {
			t.Fatalf("not a refusal: %v", strictly)
		}
		archive := pack(t, map[string][]byte{"manifest.json": manifest, "xgboost-model": releasetest.Booster(0)})
		_, loads := release.Open(archive)
		if _, admitted := release.AdmissionLimits().Open(archive); admitted == nil && loads != nil {
			t.Fatalf("admitted, and does not load: %v", loads)
		}
	})
}
