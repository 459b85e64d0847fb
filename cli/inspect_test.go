package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/admit"
	"github.com/sluicehq/sluice/controller/admit/admittest"
	"github.com/sluicehq/sluice/controller/preview"
	"github.com/sluicehq/sluice/inference/auction/world"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

// keep puts a file of a test into a folder.
func keep(t *testing.T, folder, name string, body []byte) string {
	t.Helper()
	file := filepath.Join(folder, name)
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// fleetFileOf is a fleet file with such an admission.
func fleetFileOf(t *testing.T, folder string, p admit.Policy) string {
	t.Helper()
	manifest := ""
	if p.ManifestBody != "" {
		keep(t, folder, "given.json", []byte(p.ManifestBody))
		manifest = ", manifest: given.json"
	}
	return keep(t, folder, "fleet.yaml", fmt.Appendf(nil, "fleet: ads\njobs: [\"*\"]\necs: {cluster: c, service: s}\nadmission: {max_bytes: %d, max_memory_bytes: %d, min_golden: %d, min_auctions: %d, min_answers: %d, min_filter_rate: %v, max_filter_rate: %v%s}\n",
		p.MaxBytes, p.MaxMemoryBytes, p.MinGolden, p.MinAuctions, p.MinAnswers, p.MinFilterRate, p.MaxFilterRate, manifest))
}

// TestInspectRefuses holds inspect to the controller's admission: what is
// refused there is refused here, with the same sentence about another place.
func TestInspectRefuses(t *testing.T) {
	t.Parallel()
	for _, a := range admittest.Refusals() {
		folder := t.TempDir()
		file := keep(t, folder, "model.tar.gz", a.Bytes)
		there := admit.Check(a.Bytes, release.Source{Job: "job"}, a.Policy, "", time.Now())
		want := file + strings.TrimPrefix(there.Sentence, "training job job")
		said, err := run(t, "inspect", file, "--fleet-file", fleetFileOf(t, folder, a.Policy))
		if err == nil || err.Error() != want || strings.Contains(said, "admission ") {
			t.Errorf("%s: %v, want %s\n%s", a.Name, err, want, said)
		}
		said, err = run(t, "inspect", file, "--fleet-file", filepath.Join(folder, "fleet.yaml"), "--json")
		var told struct{ Admission admit.Report }
		if err2 := json.Unmarshal([]byte(said), &told); err == nil || err2 != nil || told.Admission.Outcome != a.Outcome || told.Admission.Reason != a.Reason || told.Admission.Sentence != want {
			t.Errorf("%s as JSON: %v, %v: %s", a.Name, err, err2, said)
		}
	}
}

// What the controller admits passes, a model with the fleet's manifest, too.
func TestInspectAdmits(t *testing.T) {
	t.Parallel()
	manifest, err := json.Marshal(releasetest.Manifest(0))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		bytes []byte
		p     admit.Policy
	}{
		{"a release", releasetest.Archive(0), admit.Policy{MinGolden: 12, MinAuctions: 12, MinAnswers: 12, MinFilterRate: 0.2, MaxFilterRate: 0.2}},
		{"a model alone", releasetest.Booster(0), admit.Policy{ManifestBody: string(manifest)}},
	} {
		folder := t.TempDir()
		want := admit.Check(tt.bytes, release.Source{Job: "job"}, tt.p, "", time.Now())
		said, err := run(t, "inspect", keep(t, folder, "m", tt.bytes), "--fleet-file", fleetFileOf(t, folder, tt.p), "-o", "json")
		var told struct{ Admission admit.Report }
		if err != nil || want.Outcome != admit.Admit || json.Unmarshal([]byte(said), &told) != nil || told.Admission.Digest != want.Digest || told.Admission.Sentence != want.Sentence {
			t.Errorf("%s: %v: %s", tt.name, err, said)
		}
	}
}

// TestInspectForetells the demo's models by a log of its market: what the
// judge finds live is seen offline, and nothing else.
func TestInspectForetells(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	log, err := os.Create(filepath.Join(folder, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(world.New(1).WriteLog(log, 70_000_000, 2500), log.Close()); err != nil {
		t.Fatal(err)
	}
	const models = "../local/demo/models/"
	ask := func(candidate string) preview.Report {
		said, err := run(t, "inspect", models+candidate+".tar.gz", "--fleet-file", "../local/demo/fleet.yaml", "--stable", models+"baseline.tar.gz", "--log", log.Name(), "--json")
		var told struct{ Compared preview.Report }
		if err != nil || json.Unmarshal([]byte(said), &told) != nil {
			t.Fatalf("%s: %v: %s", candidate, err, said)
		}
		return told.Compared
	}
	for candidate, want := range map[string]string{"better": "", "partner-blind": "solvane", "greedy": "all"} {
		r := ask(candidate)
		beyond := []string{}
		for _, p := range r.Partners {
			if p.Standing == preview.Beyond {
				beyond = append(beyond, p.Partner)
			}
		}
		if named := strings.Join(beyond, " "); named != want && (want != "all" || len(beyond) < len(r.Partners)/2 || r.Overall.Standing != preview.Beyond) || want != "all" && r.Overall.Standing != preview.Within {
			t.Errorf("%s: beyond are %q, overall %+v", candidate, named, r.Overall)
		}
		if o := r.Overall; o.Bids == nil || o.Value == nil || r.Currency != "USD" || o.NewlyFiltered+o.NewlyCalled == 0 || r.Taken != 2500 {
			t.Errorf("%s: %+v", candidate, r.Overall)
		}
	}
	said, err := run(t, "inspect", models+"partner-blind.tar.gz", "--stable", models+"baseline.tar.gz", "--log", log.Name(), "--limit", "1")
	if err != nil || !strings.Contains(said, "\nsolvane ") || !strings.Contains(said, "This is a forecast and no verdict") || !strings.Contains(said, "and 29 more: --limit shows them") {
		t.Errorf("%v: %s", err, said)
	}
	for args, want := range map[string]string{
		"inspect x --log y": "--stable and --log go together",
		"inspect " + models + "better.tar.gz --stable " + models + "better.tar.gz --log -":    "holds the very bytes of the candidate",
		"inspect " + models + "better.tar.gz --stable " + models + "skewed.tar.gz --log -":    "open the stable release " + models + "skewed.tar.gz: golden: golden vector 0",
		"inspect " + models + "better.tar.gz --stable " + models + "baseline.tar.gz --log -":  "read the log: there are no requests: the input is empty",
		"inspect " + models + "better.tar.gz --stable " + models + "baseline.tar.gz --log ./": "is a directory",
		"inspect " + models + "better.tar.gz --fleet-file ../local/demo/fleet.yaml --fleet x": `declares no fleet "x": name one with --fleet`,
	} {
		if _, err := run(t, strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
}
