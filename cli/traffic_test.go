package cli

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/history"
	"github.com/sluicehq/sluice/controller/judge"
)

// What the controller sees now, and what the judge counted last.
func TestSeenTraffic(t *testing.T) {
	s := shifted(noon, 4, 0)
	s.Partners = []judge.Partner{{Name: "acme"}, {Name: "zeta"}}
	s.Streams = append(s.Streams, judge.Stream{Scored: [judge.Arms]int64{6000, 6000}, Filtered: [judge.Arms]int64{1, 3000}}, judge.Stream{Scored: [judge.Arms]int64{2000, 2000}})
	s.Streams[judge.FirstPartner].Pairs = judge.PairSums{N: 100, Ten: 1, One: 2}
	s.Streams[judge.Overall].Pairs = judge.PairSums{N: 200, Ten: 4, One: 6}
	s.Streams[judge.Overall].Bids = judge.PairSums{N: 20}
	for a := range judge.Arms {
		s.Ratios[judge.ServedErrors].ByCluster[a] = judge.ClusterSums{N: 800, X: 8}
		s.Ratios[judge.ServedInvalid].ByCluster[a] = judge.ClusterSums{N: 7200} // others were scored in the shadow phase
	}
	w, err := history.New(history.Header{Rollout: "better"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(history.Look{Number: 1, Statistics: s}); err != nil {
		t.Fatal(err)
	}
	chunk, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	f := apitest.Scene("idle", noon)
	f.Seen.Seen.Pace = 250
	c := apitest.Serve(t, f, api.Options{})
	bare, err := seenTraffic(t.Context(), c, "demo")
	if err != nil || bare.Tasks != 8 || bare.Requests != 250 || math.Abs(bare.FilterRate-.183) > .001 || bare.Connections != 53.5 || len(bare.Partners) > 0 {
		t.Errorf("without a log: %+v, %v", bare, err)
	}
	if s := bare.Strata; len(s) != 2 || s[0].Zone != "eu-central-1a" || s[0].Tasks != 4 || s[1].Zone != "eu-central-1b" || s[1].InstanceType != "fargate" {
		t.Errorf("strata: %+v", s)
	}
	f.Logs = map[string][][]byte{"better": {{1, 2, 3}, chunk}}
	got, err := seenTraffic(t.Context(), c, "demo")
	if err != nil {
		t.Fatal(err)
	}
	if got.PerRequest != 9 || got.FlipRate != .05 || got.BidRate != .1 || got.ErrorRate != .01 || len(got.Partners) != 2 {
		t.Errorf("%+v", got)
	}
	if want := (judge.PartnerTraffic{Name: "acme", Share: .75, FilterRate: .5, FlipRate: .03}); got.Partners[0] != want {
		t.Errorf("acme: %+v, want %+v", got.Partners[0], want)
	}
	f.Logs["better"] = [][]byte{{1, 2, 3}}
	if _, err := seenTraffic(t.Context(), c, "demo"); err == nil {
		t.Error("a damaged log is no error")
	}
}

// What people write is small; anything larger is not read to its end.
func TestSettingsAreBounded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(file, bytes.Repeat([]byte("#"), 1<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	_, traffic := readTraffic(file)
	_, policy := readJudgePolicy(file)
	for _, err := range []error{traffic, policy} {
		if err == nil || !strings.Contains(err.Error(), "large.yaml has more than 1048576 bytes") {
			t.Error(err)
		}
	}
}
