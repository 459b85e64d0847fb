package release_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/release"
)

var update = flag.Bool("update", false, "write the answers of releases that have none yet")

// kept is what a release of testdata/admitted has answered since it was
// admitted. It never changes.
type kept struct {
	Digest     string             `json:"digest"`
	Thresholds map[string]float32 `json:"thresholds"`
	Scores     []string           `json:"scores"`  // of each auction, of all partners at once, as bits
	Margins    []string           `json:"margins"` // of the same, row by row
}

// asked is a line of auctions.jsonl.
type asked struct {
	TS       int64           `json:"ts"`
	Request  json.RawMessage `json:"request"`
	Partners []string        `json:"partners"`
}

func auctions(t *testing.T) []asked {
	t.Helper()
	b, err := os.ReadFile("testdata/admitted/auctions.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var all []asked
	for line := range bytes.Lines(b) {
		var one asked
		if err := json.Unmarshal(line, &one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

// answers scores the auctions as serving does, all partners at once, and one
// row after the other.
func answers(t *testing.T, r *release.Release, all []asked) kept {
	t.Helper()
	k := kept{Digest: r.Digest, Thresholds: map[string]float32{}}
	var scratch release.Scratch
	row := make([]float32, r.Features.Len())
	for _, a := range all {
		q, err := feature.ParseJSON(a.Request)
		if err != nil {
			t.Fatal(err)
		}
		q.SetTime(time.UnixMilli(a.TS))
		scores, margins := make([]float32, len(a.Partners)), make([]float32, len(a.Partners))
		r.Scorer.Score(&scratch, &q, keys(r, a.Partners), scores)
		for i, p := range a.Partners {
			r.Features.Extract(row, &q, p)
			margins[i] = r.Model.Margin(row)
			k.Thresholds[p] = r.Threshold(p)
		}
		k.Scores, k.Margins = append(k.Scores, bitsOf(scores)), append(k.Margins, bitsOf(margins))
	}
	return k
}

func bitsOf(list []float32) string {
	var words []string
	for _, v := range list {
		words = append(words, fmt.Sprintf("%08x", math.Float32bits(v)))
	}
	return strings.Join(words, " ")
}

// A release that was admitted once loads for ever, and what it answers never
// changes: digest, scores, margins and thresholds are as they were, to the bit.
// Some of these would not be admitted any more. Those of the first rules were
// admitted as bare models when there were no others, so that their golden
// vectors hold what Sluice answered then.
func TestAdmittedLoadForEver(t *testing.T) {
	paths, err := filepath.Glob("testdata/admitted/*.tar.gz")
	if err != nil || len(paths) < 15 {
		t.Fatalf("%d releases: %v", len(paths), err)
	}
	all := auctions(t)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".tar.gz"), func(t *testing.T) {
			archive, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			r, err := release.Open(archive)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Prove(); err != nil {
				t.Fatal(err)
			}
			name := strings.TrimSuffix(filepath.Base(path), ".tar.gz")
			refused := strings.HasPrefix(name, "sloppy-") && name != "sloppy-claim" || // which is not refused here
				slices.Contains([]string{"first-rules-no-trees", "first-rules-unknown-key", "folds-nearly", "whole-beside-folds"}, name)
			if _, err := release.AdmissionLimits().Open(archive); (err != nil) != refused {
				t.Errorf("admitted today: %v", err)
			}
			got, err := json.MarshalIndent(answers(t, r, all), "", " ")
			if err != nil {
				t.Fatal(err)
			}
			file := strings.TrimSuffix(path, ".tar.gz") + ".json"
			want, err := os.ReadFile(file)
			if os.IsNotExist(err) && *update {
				want, err = got, os.WriteFile(file, got, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("it answers otherwise than when it was admitted:\n%s", differences(string(got), string(want)))
			}
		})
	}
}

// differences shows the first lines that differ.
func differences(got, want string) string {
	var list []string
	wanted := strings.Split(want, "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(wanted) || wanted[i] != line {
			list = append(list, fmt.Sprintf("line %d: %s, was %s", i+1, line, wanted[min(i, len(wanted)-1)]))
		}
	}
	return strings.Join(slices.Concat(list[:min(len(list), 10)], []string{fmt.Sprint(len(list), " lines differ")}), "\n")
}
