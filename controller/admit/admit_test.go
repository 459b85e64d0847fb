package admit_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/sluicehq/sluice/controller/admit"
	"github.com/sluicehq/sluice/controller/admit/admittest"
	"github.com/sluicehq/sluice/inference/model"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

func source() release.Source {
	return release.Source{Job: "better-7", Bucket: "models", Key: "better-7/output/model.tar.gz", ETag: `"e"`, Metrics: map[string]float64{"auc": 0.9}}
}

func at() time.Time { return time.Date(2026, 11, 2, 3, 4, 5, 0, time.UTC) }

func TestAdmits(t *testing.T) {
	archive := releasetest.Archive(0)
	r := admit.Check(archive, source(), admit.Policy{}, release.Digest([]byte("stable")), at())
	if r.Outcome != admit.Admit || r.Reason != admit.Proven || r.Digest != release.Digest(archive) {
		t.Fatalf("%+v", r)
	}
	if want := "12 golden vectors reproduced, 12 of them from the auction on; predicted filter rate 20.0 % (19.0 to 21.0 %)"; r.Sentence != want {
		t.Errorf("sentence %q", r.Sentence)
	}
	p := r.Passport
	if p.Digest != r.Digest || p.Bytes != int64(len(archive)) || p.Source.Job != "better-7" || p.Format != "xgboost-json" || p.Objective != "binary:logistic" {
		t.Errorf("passport %+v", p)
	}
	if p.Trees != 3 || p.Features != 3 || p.MemoryBytes < 1000 || p.Evaluator != "memo" || p.Golden != 12 || p.Predicted.FilterRate.Estimate != 0.2 || !p.AdmittedAt.Equal(at()) {
		t.Errorf("passport %+v", p)
	}
	written, err := json.Marshal(r)
	var back admit.Report
	if err != nil || json.Unmarshal(written, &back) != nil || back.Passport.Digest != r.Digest || back.Outcome != r.Outcome {
		t.Errorf("as JSON: %s (%v)", written, err)
	}
}

func TestAlreadyLive(t *testing.T) {
	archive := releasetest.Archive(0)
	r := admit.Check(archive, source(), admit.Policy{MaxBytes: 1}, release.Digest(archive), at())
	if r.Outcome != admit.AlreadyLive || r.Reason != admit.Live || !strings.Contains(r.Sentence, "better-7") {
		t.Errorf("%+v", r)
	}
}

func TestRefuses(t *testing.T) {
	for _, a := range admittest.Refusals() {
		r := admit.Check(a.Bytes, source(), a.Policy, "", at())
		if r.Outcome != a.Outcome || r.Reason != a.Reason || !strings.Contains(r.Sentence, a.Says) || !strings.HasPrefix(r.Sentence, "training job better-7: ") {
			t.Errorf("%s: %s %s: %s", a.Name, r.Outcome, r.Reason, r.Sentence)
		}
		if r.Passport.Source.Key != source().Key || !r.Passport.AdmittedAt.IsZero() || a.Policy.ManifestBody == "" && r.Digest != release.Digest(a.Bytes) {
			t.Errorf("%s: passport %+v", a.Name, r.Passport)
		}
	}
}

// A prediction that a release's own golden auctions contradict is not believed,
// and one that is not made is none.
func TestPredictions(t *testing.T) {
	of := func(low, high string) string {
		return `"predicted":{"filter_rate":{"estimate":` + low + `,"low":` + low + `,"high":` + high + `}},`
	}
	for _, tt := range []struct {
		name      string
		n         int
		threshold float32
		predicted string
		says      string // begins the refusal, or ends the sentence of one that is admitted
		refused   bool
	}{
		{"nothing of all", 12, 1, of("0.0", "0.0"), "it filters 12 of its own 12 golden auctions and predicts a filter rate of 0.0 % (0.0 to 0.0 %)", true},
		{"little of all", 12, 1, of("0.1", "0.2"), "it filters 12 of its own 12", true},
		{"half of all, by few", 8, 1, of("0.5", "0.5"), "predicted filter rate 50.0 % (50.0 to 50.0 %)", false},
		{"half of all, by many", 40, 1, of("0.5", "0.5"), "it filters 40 of its own 40", true},
		{"all of all", 40, 1, of("1", "1"), "predicted filter rate 100.0 % (100.0 to 100.0 %)", false},
		{"all of nothing", 12, 0, of("1", "1"), "it filters 0 of its own 12", true},
		{"nothing of nothing", 12, 0, of("0", "0"), "predicted filter rate 0.0 % (0.0 to 0.0 %)", false},
		{"no prediction", 12, 1, "", "no filter rate is predicted", false},
		{"an empty prediction", 12, 1, `"predicted":{"partners":{}},`, "no filter rate is predicted", false},
		{"a partner", 200, 1, `"predicted":{"filter_rate":{"estimate":1,"low":1,"high":1},"partners":{"p1":{"estimate":0,"low":0,"high":0.5}}},`, `golden auctions of partner "p1" and predicts`, true},
		{"a partner of few", 12, 1, `"predicted":{"filter_rate":{"estimate":1,"low":1,"high":1},"partners":{"p1":{"estimate":0,"low":0,"high":0.5},"none":{"estimate":0,"low":0,"high":0}}},`, "to 100.0 %)", false},
	} {
		r := admit.Check(admittest.Predicting(tt.n, tt.threshold, tt.predicted), source(), admit.Policy{}, "", at())
		if refused := r.Outcome == admit.Refuse && r.Reason == admit.FilterRate; refused != tt.refused || !refused && r.Outcome != admit.Admit || !strings.Contains(r.Sentence, tt.says) {
			t.Errorf("%s: %s %s: %s", tt.name, r.Outcome, r.Reason, r.Sentence)
		}
	}
	// The same auction many times is one draw.
	m := releasetest.Manifest(0)
	m.Thresholds, m.DefaultThreshold, m.Predicted = nil, 1, release.Predicted{FilterRate: release.Interval{Estimate: 0.5, Low: 0.5, High: 0.5}}
	for len(m.Golden) < 1000 {
		m.Golden = append(m.Golden, m.Golden[0])
	}
	if r := admit.Check(releasetest.Pack(m, releasetest.Booster(0)), source(), admit.Policy{}, "", at()); r.Outcome != admit.Admit {
		t.Errorf("one auction a thousand times: %s", r.Sentence)
	}
	for _, p := range []admit.Policy{{MinFilterRate: 0.1}, {MaxFilterRate: 0.9}} {
		if r := admit.Check(admittest.Predicting(12, 0, ""), source(), p, "", at()); r.Reason != admit.FilterRate || !strings.Contains(r.Sentence, "predicts no filter rate") {
			t.Errorf("no prediction where one is wanted: %s", r.Sentence)
		}
	}
}

// What a key of S3 may hold does not garble what people read.
func TestPlaceIsPrintable(t *testing.T) {
	r := admit.Check(nil, release.Source{Bucket: "b", Key: "a\x1b[2J\u202eb"}, admit.Policy{}, "", at())
	if !strings.HasPrefix(r.Sentence, `"s3://b/a\x1b[2J\u202eb": `) {
		t.Errorf("%q", r.Sentence)
	}
}

// A model alone is admitted where the fleet has a manifest for it, and the
// digest is that of both.
func TestAdmitsModelAlone(t *testing.T) {
	manifest, err := json.Marshal(releasetest.Manifest(0))
	if err != nil {
		t.Fatal(err)
	}
	booster := releasetest.Booster(0)
	if r := admit.Check(booster, source(), admit.Policy{}, "", at()); r.Outcome != admit.Refuse || r.Reason != release.BadManifest {
		t.Errorf("without a manifest: %s %s: %s", r.Outcome, r.Reason, r.Sentence)
	}
	r := admit.Check(booster, source(), admit.Policy{ManifestBody: string(manifest)}, "", at())
	if r.Outcome != admit.Admit || r.Digest != release.Digest(r.Archive) || r.Digest == release.Digest(booster) {
		t.Errorf("%s %s: %s, digest %s", r.Outcome, r.Reason, r.Sentence, r.Digest)
	}
	if _, err := release.Open(r.Archive); err != nil {
		t.Error(err)
	}
	if again := admit.Check(booster, source(), admit.Policy{ManifestBody: string(manifest)}, r.Digest, at()); again.Outcome != admit.AlreadyLive {
		t.Errorf("again: %s %s", again.Outcome, again.Sentence)
	}
	for _, tt := range []struct {
		rate float64
		says string
	}{{0, "no filter rate is predicted"}, {1, "it filters 0 of its own 10 golden auctions"}} { // a fleet's manifest may leave zeros
		m := releasetest.Manifest(0)
		m.Thresholds, m.DefaultThreshold = nil, 0 // nothing is filtered
		m.Predicted = release.Predicted{FilterRate: release.Interval{Estimate: tt.rate, Low: tt.rate, High: tt.rate}}
		body, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if r := admit.Check(booster, source(), admit.Policy{ManifestBody: string(body)}, "", at()); !strings.Contains(r.Sentence, tt.says) {
			t.Errorf("a manifest of the fleet that predicts %v: %s", tt.rate, r.Sentence)
		}
	}
	if bad := admit.Check(booster, source(), admit.Policy{ManifestBody: "{}"}, "", at()); bad.Outcome != admit.Refuse || bad.Reason != release.BadManifest {
		t.Errorf("with a broken one: %s %s", bad.Outcome, bad.Sentence)
	}
}

// A model that nothing outside has confirmed says so at every glance, and a few
// answers of its library change that.
func TestConfirmed(t *testing.T) {
	manifest, err := json.Marshal(releasetest.Manifest(0))
	if err != nil {
		t.Fatal(err)
	}
	booster := releasetest.Booster(0)
	newer := bytes.Replace(booster, []byte("[3,2,0]"), []byte("[9,9,0]"), 1)
	answers := "hour,floor,partner,margin\n2,0.125,1,0.375\n"
	with := func(b []byte) []byte {
		return admittest.Files(map[string]string{"xgboost-model": string(b), "predictions.csv": answers})
	}
	const nothing, newest = "Nothing outside has confirmed its scores", "XGBoost 9.9 wrote it"
	for _, tt := range []struct {
		name     string
		artifact []byte
		least    int
		answers  int
		want     admit.Outcome
		says     string
		notes    int
	}{
		{"a release of training", releasetest.Archive(0), 12, 12, admit.Admit, "20.0 % (19.0 to 21.0 %)", 0},
		{"one with too few", releasetest.Archive(0), 13, 0, admit.Refuse, "12 of its golden vectors hold an answer of its library, min_answers is 13", 0},
		{"a model alone", booster, 0, 0, admit.Admit, nothing, 1},
		{"a model alone, where answers are asked for", booster, 1, 0, admit.Refuse, "min_answers is 1; put a few rows", 0},
		{"a model beside a scaler", admittest.Files(map[string]string{"xgboost-model": string(booster), "predictions.csv": answers, "scaler.pkl": "\x80\x04}q\x00."}), 1, 1, admit.Admit, "Beside the model lie pickles of which nothing is used: \"scaler.pkl\".", 1},
		{"a model alone beside a scaler", admittest.Files(map[string]string{"xgboost-model": string(booster), "scaler.pkl": "\x80\x04}q\x00."}), 0, 0, admit.Admit, "as predictions.csv, would. Beside the model", 2},
		{"a model with an answer", with(booster), 1, 1, admit.Admit, "13 golden vectors reproduced", 0},
		{"a newer model alone", newer, 0, 0, admit.Refuse, newest + ", and the newest that is proven here is 3.4; put a few rows", 0},
		{"a newer model with an answer", with(newer), 0, 1, admit.Admit, newest + ", and the newest that is proven", 1},
		{"a newer release of training", releasetest.Pack(releasetest.Manifest(0), newer), 0, 12, admit.Admit, newest + ", and the newest that is proven", 1},
	} {
		r := admit.Check(tt.artifact, source(), admit.Policy{ManifestBody: string(manifest), MinAnswers: tt.least}, "", at())
		if r.Outcome != tt.want || !strings.Contains(r.Sentence, tt.says) || len(r.Passport.Notes) != tt.notes {
			t.Errorf("%s: %s %s: %s, %q", tt.name, r.Outcome, r.Reason, r.Sentence, r.Passport.Notes)
		}
		if r.Outcome == admit.Admit && (r.Passport.Answers == nil || *r.Passport.Answers != tt.answers) {
			t.Errorf("%s: answers %v", tt.name, r.Passport.Answers)
		}
	}
}

// What a task would take otherwise is written into what is stored.
func TestChecksWhatTasksLoad(t *testing.T) {
	weighted := bytes.Replace(releasetest.Booster(0), []byte(`"name":"gbtree"`), []byte(`"name":"gbtree","weight_drop":[1,1,1]`), 1)
	artifact := releasetest.Pack(releasetest.Manifest(0), weighted) // weights of 1 change no golden vector
	r := admit.Check(artifact, source(), admit.Policy{}, "", at())
	opened, err := release.Open(r.Archive)
	if r.Outcome != admit.Admit || err != nil || opened.Manifest.Reading != model.SecondRules || r.Digest != release.Digest(r.Archive) || r.Digest != r.Passport.Digest || r.Passport.Bytes != int64(len(r.Archive)) {
		t.Fatalf("%s %s, %v", r.Outcome, r.Sentence, err)
	}
	if r.Digest == release.Digest(artifact) {
		t.Error("the artifact is stored as it came")
	}
	if again := admit.Check(artifact, source(), admit.Policy{}, r.Digest, at()); again.Outcome != admit.AlreadyLive {
		t.Errorf("again: %s %s", again.Outcome, again.Sentence)
	}
}

func TestPolicy(t *testing.T) {
	for _, tt := range []struct {
		policy admit.Policy
		want   model.Reason
		says   string
	}{
		{admit.Policy{MaxBytes: 1 << 20, MaxMemoryBytes: 1 << 20, MinGolden: 12, MinAuctions: 12, MinFilterRate: 0.2, MaxFilterRate: 0.2}, admit.Proven, ""},
		{admit.Policy{MaxBytes: 500}, release.TooLarge, "500"},
		{admit.Policy{MaxMemoryBytes: 500}, release.TooLarge, "max_memory_bytes"},
		{admit.Policy{MinGolden: 13}, release.BadGolden, "min_golden"},
		{admit.Policy{MinAuctions: 13}, release.BadGolden, "min_auctions"},
		{admit.Policy{MinFilterRate: 0.21}, admit.FilterRate, "min_filter_rate"},
		{admit.Policy{MaxFilterRate: 0.19}, admit.FilterRate, "max_filter_rate"},
	} {
		r := admit.Check(releasetest.Archive(0), release.Source{Bucket: "b", Key: "k"}, tt.policy, "", at())
		if r.Reason != tt.want || !strings.Contains(r.Sentence, tt.says) || (r.Outcome == admit.Admit) != (tt.want == admit.Proven) {
			t.Errorf("%+v: %s %s: %s", tt.policy, r.Outcome, r.Reason, r.Sentence)
		}
	}
}

func TestPolicyInAFile(t *testing.T) {
	var p admit.Policy
	if err := yaml.UnmarshalWithOptions([]byte("max_bytes: 1000\nmin_auctions: 4\nmax_filter_rate: 0.4\n"), &p, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	if want := (admit.Policy{MaxBytes: 1000, MinAuctions: 4, MaxFilterRate: 0.4}); p != want || p.Limit() != 1000 || p.Validate() != nil {
		t.Errorf("%+v, limit %d, %v", p, p.Limit(), p.Validate())
	}
	if got := (admit.Policy{}).Limit(); got != 1<<30 {
		t.Errorf("the limit of no policy is %d", got)
	}
	for name, bad := range map[string]admit.Policy{
		"max_bytes":        {MaxBytes: -1},
		"max_memory_bytes": {MaxMemoryBytes: -1},
		"min_golden":       {MinGolden: 9999},
		"min_auctions":     {MinAuctions: -2},
		"max_filter_rate":  {MaxFilterRate: math.NaN()},
		"min_filter_rate":  {MinFilterRate: 0.5, MaxFilterRate: 0.4},
	} {
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An upload that stops anywhere waits. Whatever happens to its bytes, it is
// never admitted.
func FuzzNeverAdmitsHalf(f *testing.F) {
	whole := releasetest.Archive(0)
	for n := range whole {
		if r := admit.Check(whole[:n], source(), admit.Policy{}, "", at()); r.Outcome != admit.Wait {
			f.Fatalf("its first %d of %d bytes: %s %s: %s", n, len(whole), r.Outcome, r.Reason, r.Sentence)
		}
	}
	f.Add(uint16(0), uint16(0), byte(0))
	f.Add(uint16(100), uint16(7), byte(1))
	f.Fuzz(func(t *testing.T, cut, where uint16, flip byte) {
		b := bytes.Clone(whole[:len(whole)-1-int(cut)%len(whole)])
		if len(b) > 0 {
			b[int(where)%len(b)] ^= flip
		}
		if r := admit.Check(b, source(), admit.Policy{}, "", at()); r.Outcome != admit.Wait && r.Outcome != admit.Refuse || r.Sentence == "" || r.Reason == "" {
			t.Fatalf("%d bytes: %+v", len(b), r)
		}
	})
}
