// Package admittest makes artifacts that admission refuses, for the tests of
// everything that must refuse them alike.
package admittest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/controller/admit"
	"github.com/sluicehq/sluice/inference/model"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

// Artifact is one that is not admitted, and why.
type Artifact struct {
	Name    string
	Bytes   []byte
	Policy  admit.Policy
	Outcome admit.Outcome
	Reason  model.Reason
	Says    string // is in the sentence
}

// Refusals are artifacts that are refused, or awaited as torn.
func Refusals() []Artifact {
	return append(append(broken(), implausible()...), beyond()...)
}

// broken are those that no policy admits.
func broken() []Artifact {
	good, m := releasetest.Booster(0), releasetest.Manifest(0)
	pickle := "cos\nsystem\n(S'touch /tmp/owned'\ntR."
	skewed := releasetest.Manifest(0)
	for i := range skewed.Golden {
		f := skewed.Golden[i].Features
		f[0], f[2] = f[2], f[0]
	}
	classes := bytes.Replace(good, []byte("binary:logistic"), []byte("multi:softmax"), 1)
	twice := bytes.Replace(manifest(m), []byte(`"default_threshold":0.125`), []byte(`"default_threshold":0.125,"Default_Threshold":0.9`), 1)
	invisible := releasetest.Manifest(0)
	invisible.Thresholds["p0\u200b"] = 0.5
	return []Artifact{
		{"a key twice", Files(map[string]string{"manifest.json": string(twice), "xgboost-model": string(good)}), admit.Policy{}, admit.Refuse, release.BadManifest, `where "default_threshold" is meant`},
		{"a name that cannot be told from another", releasetest.Pack(invisible, good), admit.Policy{}, admit.Refuse, release.BadManifest, "invisible"},
		{"two archives", append(releasetest.Archive(0), releasetest.Archive(1)...), admit.Policy{}, admit.Refuse, release.Format, "pack one archive"},
		{"pickle that would run code", []byte(pickle), admit.Policy{}, admit.Refuse, release.Pickle, "nothing in it was run"},
		{"the same in an archive", Packed("xgboost-model", pickle), admit.Policy{}, admit.Refuse, release.Pickle, "save_model"},
		{"the same beside a manifest", releasetest.Pack(m, []byte(pickle)), admit.Policy{}, admit.Refuse, release.Pickle, "save_model"},
		{"../ in a tar", Packed("../../etc/cron.d/x", "* * * * *"), admit.Policy{}, admit.Refuse, release.UnsafePath, "../../etc/cron.d/x"},
		{"10 GB in 1 kB", claim(10 << 30), admit.Policy{}, admit.Refuse, release.TooLarge, "10737418240"},
		{"skewed", releasetest.Pack(skewed, good), admit.Policy{}, admit.Refuse, release.BadGolden, "order"},
		{"no manifest", Packed("xgboost-model", string(good)), admit.Policy{}, admit.Refuse, release.BadManifest, "manifest.json"},
		{"a model alone", good, admit.Policy{}, admit.Refuse, release.BadManifest, "a model without a manifest"},
		{"another objective", releasetest.Pack(m, classes), admit.Policy{}, admit.Refuse, model.Objective, "multi:softmax"},
		{"nothing", nil, admit.Policy{}, admit.Wait, release.Torn, "wait"},
		{"half of it", releasetest.Archive(0)[:300], admit.Policy{}, admit.Wait, release.Torn, "wait"},
		{"half a model", releasetest.Pack(m, good[:100]), admit.Policy{}, admit.Wait, release.Torn, "wait"},
	}
}

// implausible are those whose predictions their golden auctions contradict.
func implausible() []Artifact {
	of := func(rate string) string {
		return `"predicted":{"filter_rate":{"estimate":` + rate + `,"low":` + rate + `,"high":` + rate + `}},`
	}
	const partner = `"predicted":{"filter_rate":{"estimate":1,"low":1,"high":1},"partners":{"p1":{"estimate":0,"low":0,"high":0.5}}},`
	return []Artifact{
		{"nothing of all", Predicting(12, 1, of("0.0")), admit.Policy{}, admit.Refuse, admit.FilterRate, "it filters 12 of its own 12 golden auctions and predicts a filter rate of 0.0 %"},
		{"all of nothing", Predicting(12, 0, of("1")), admit.Policy{}, admit.Refuse, admit.FilterRate, "it filters 0 of its own 12"},
		{"a partner", Predicting(200, 1, partner), admit.Policy{}, admit.Refuse, admit.FilterRate, `golden auctions of partner "p1" and predicts`},
	}
}

// beyond are those that a policy does not admit.
func beyond() []Artifact {
	booster, body := releasetest.Booster(0), string(manifest(releasetest.Manifest(0)))
	newer := bytes.Replace(booster, []byte("[3,2,0]"), []byte("[9,9,0]"), 1)
	return []Artifact{
		{"too many bytes", releasetest.Archive(0), admit.Policy{MaxBytes: 500}, admit.Refuse, release.TooLarge, "500"},
		{"too much memory", releasetest.Archive(0), admit.Policy{MaxMemoryBytes: 500}, admit.Refuse, release.TooLarge, "max_memory_bytes"},
		{"few golden vectors", releasetest.Archive(0), admit.Policy{MinGolden: 13}, admit.Refuse, release.BadGolden, "min_golden"},
		{"few golden auctions", releasetest.Archive(0), admit.Policy{MinAuctions: 13}, admit.Refuse, release.BadGolden, "min_auctions"},
		{"few answers", releasetest.Archive(0), admit.Policy{MinAnswers: 13}, admit.Refuse, release.BadGolden, "12 of its golden vectors hold an answer of its library, min_answers is 13"},
		{"too low a rate", releasetest.Archive(0), admit.Policy{MinFilterRate: 0.21}, admit.Refuse, admit.FilterRate, "min_filter_rate"},
		{"too high a rate", releasetest.Archive(0), admit.Policy{MaxFilterRate: 0.19}, admit.Refuse, admit.FilterRate, "max_filter_rate"},
		{"no rate where one is wanted", Predicting(12, 0, ""), admit.Policy{MaxFilterRate: 0.9}, admit.Refuse, admit.FilterRate, "predicts no filter rate"},
		{"a model alone, where answers are asked for", booster, admit.Policy{ManifestBody: body, MinAnswers: 1}, admit.Refuse, release.BadGolden, "min_answers is 1; put a few rows"},
		{"a newer model alone", newer, admit.Policy{ManifestBody: body}, admit.Refuse, release.BadGolden, "XGBoost 9.9 wrote it, and the newest that is proven here is 3.4; put a few rows"},
	}
}

// Predicting is a good release whose golden auctions are n, all filtered where
// threshold is 1 and none where it is 0, with a prediction in JSON, or none.
func Predicting(n int, threshold float32, predicted string) []byte {
	m := releasetest.Manifest(0)
	m.Thresholds, m.DefaultThreshold = nil, threshold
	made := m.Golden
	m.Golden = nil
	for i := range n {
		g := made[i%len(made)]
		_, rest, _ := strings.Cut(string(g.Auction), "{")
		if rest != "}" {
			rest = "," + rest
		}
		g.Auction = fmt.Appendf(nil, `{"id":"%d"%s`, i, rest)
		m.Golden = append(m.Golden, g)
	}
	before, after, _ := strings.Cut(string(manifest(m)), `"predicted":{"filter_rate":{"estimate":0.2,"low":0.19,"high":0.21},"partners":{"p0":{"estimate":0.9,"low":0.8,"high":1}}},`)
	return Files(map[string]string{"manifest.json": before + predicted + after, "xgboost-model": string(releasetest.Booster(0))})
}

// Packed is an archive of one file.
func Packed(name, content string) []byte { return Files(map[string]string{name: content}) }

// Files is an archive of some files.
func Files(files map[string]string) []byte {
	list := map[string][]byte{}
	for name, content := range files {
		list[name] = []byte(content)
	}
	b, err := release.Pack(list)
	if err != nil {
		panic("admittest: " + err.Error())
	}
	return b
}

func manifest(m release.Manifest) []byte {
	b, err := json.Marshal(m)
	if err != nil {
		panic("admittest: " + err.Error())
	}
	return b
}

// claim is an archive of a few bytes with a model that says it has size bytes.
func claim(size int64) []byte {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if err := tar.NewWriter(zip).WriteHeader(&tar.Header{Name: "xgboost-model", Typeflag: tar.TypeReg, Size: size}); err != nil {
		panic("admittest: " + err.Error())
	}
	if err := zip.Close(); err != nil {
		panic("admittest: " + err.Error())
	}
	return packed.Bytes()
}
