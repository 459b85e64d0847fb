package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/history"
	"github.com/sluicehq/sluice/controller/judge"
)

// shifted is what is known after so many windows of 2,000 requests a side, of
// which the candidate filters more by shift.
func shifted(at time.Time, windows int, shift float64) judge.Statistics {
	n := 2000 * float64(windows)
	d := judge.Difference{D: shift * n / 2, Q: n / 2, Binomial: n / 2 * .24, Windows: windows, N: [judge.Arms]float64{n, n}}
	d.X = [judge.Arms]float64{n * (.4 + shift), n * .4}
	for a := range d.U2 {
		d.U2[a], d.NN[a], d.G[a] = n/4*.24, n*n/64, 64
	}
	s := judge.Statistics{At: at, Served: true, Step: 1, Streams: make([]judge.Stream, judge.FirstPartner), Fresh: windows}
	s.Streams[judge.Overall].Served = d
	for a := range s.Answered {
		s.Answered[a] = int64(n)
		s.Streams[judge.Overall].Scored[a], s.Streams[judge.Overall].Filtered[a] = int64(n), int64(d.X[a])
	}
	return s
}

// logged is the log of a rollout of so many looks, in chunks of ten.
func logged(t *testing.T, id string, looks int, shift float64) (chunks [][]byte) {
	t.Helper()
	var state judge.State
	var w *history.Writer
	for i := range looks {
		var err error
		if i%10 == 0 {
			if w, err = history.New(history.Header{Program: "v0.9", Rollout: id, Chunk: i / 10}); err != nil {
				t.Fatal(err)
			}
			chunks = append(chunks, nil)
		}
		s := shifted(noon.Add(time.Duration(i)*5*time.Second), i+1, shift)
		digest, err := history.DigestOf(state.Judge(s, judge.Policy{}))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Append(history.Look{Number: i + 1, Digest: digest, Statistics: s}); err != nil {
			t.Fatal(err)
		}
		if chunks[i/10], err = w.Bytes(); err != nil {
			t.Fatal(err)
		}
	}
	return chunks
}

func policyFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "other.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func withLogs(t *testing.T) *apitest.Fake {
	f := apitest.Scene("idle", noon)
	f.Logs = map[string][][]byte{"better": logged(t, "better", 35, 0), "bad": logged(t, "bad", 35, .05)}
	return f
}

func TestReplay(t *testing.T) {
	f := withLogs(t)
	c := apitest.Serve(t, f, api.Options{})
	for _, tt := range []struct {
		args []string
		want []string
		err  string
	}{
		{[]string{"better"}, []string{"better: looks 1 to 35, from 2026-05-04 12:00:00Z to 2026-05-04 12:02:50Z, judged by sluice v0.9", "35 looks, all verdicts the same\n"}, ""},
		{[]string{"bad", "--policy", policyFile(t, "margin: 0.1")}, []string{"all verdicts the same", "looks would have gone otherwise", "then       worse: filter_rate_served at look ", "now        never worse and never acceptable"}, ""},
		{[]string{"bad", "--policy", policyFile(t, "judge: {margin: 0.02, window_requests: 900}")}, []string{"window_requests stays as it was", "all 35 outcomes would have been the same"}, ""},
		{[]string{"bad", "--policy", policyFile(t, "margins: 0.1")}, nil, `unknown field "margins"`},
		{[]string{"bad", "--policy", policyFile(t, "margin: 3")}, nil, "judge.margin is 3"},
		{[]string{"bad", "--policy", "nowhere.yaml"}, nil, "read the policy"},
		{[]string{"nobody"}, nil, `rollout "nobody" of fleet demo has no log of looks`},
		{nil, nil, "say which rollout"},
		{[]string{"bad", "better"}, nil, `takes no "better"`},
	} {
		got, err := run(t, append(append([]string{"replay"}, tt.args...), "--api", c.Base)...)
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q: %v, want %q", tt.args, err, tt.err)
		}
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%q: want %q in\n%s", tt.args, want, got)
			}
		}
	}
}

// A log that was damaged, or judged otherwise, is told and is a failure.
func TestReplayOfAFolder(t *testing.T) {
	chunks := withLogs(t).Logs["bad"]
	folder := t.TempDir()
	put := func(name string, body []byte) {
		if err := os.WriteFile(filepath.Join(folder, name), body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range chunks {
		put("00000"+string(rune('0'+i)), c)
	}
	put("README", nil)
	if got, err := run(t, "replay", "--from", folder); err != nil || !strings.Contains(got, "35 looks, all verdicts the same") {
		t.Errorf("%v\n%s", err, got)
	}
	put("000002", chunks[2][:300])
	got, err := run(t, "replay", "--from", folder, "--json")
	var r replayed
	if err == nil || !strings.Contains(err.Error(), "000002") || json.Unmarshal([]byte(got), &r) != nil || r.Looks != 20 || r.Same != 20 || r.Unread == "" {
		t.Errorf("%v\n%s", err, got)
	}
	other, err := history.New(history.Header{Program: "v0.8", Rollout: "bad"})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Append(history.Look{Number: 1, Digest: history.Digest{Outcome: judge.Worse, SHA256: "00"}, Statistics: shifted(noon, 1, 0)}); err != nil {
		t.Fatal(err)
	}
	body, err := other.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	put("000000", body)
	got, err = run(t, "replay", "--from", folder)
	if err == nil || !strings.Contains(err.Error(), "1 of 1 verdicts are not those of then") || !strings.Contains(got, "worse") {
		t.Errorf("%v\n%s", err, got)
	}
	if _, err := run(t, "replay", "--from", t.TempDir()); err == nil || !strings.Contains(err.Error(), "has no chunks") {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestBacktest(t *testing.T) {
	f := withLogs(t)
	bad := f.Over[2]
	bad.ID = "bad"
	f.Over = append(f.Over, bad)
	quiet := bad
	quiet.ID = "before-logs"
	f.Over = append(f.Over, quiet)
	c := apitest.Serve(t, f, api.Options{})
	got, err := run(t, "backtest", "--policy", policyFile(t, "margin: 0.1\nmin_tasks: 3"), "--api", c.Base)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"not back; at the last look ", "it has no log of looks", "1 of 2 rollouts would have gone otherwise", "min_tasks stays as it was",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
	for _, args := range [][]string{{}, {"--policy", policyFile(t, "margin: 0.1"), "--last", "0"}, {"--policy", policyFile(t, "margin: 0.1"), "x"}} {
		if _, err := run(t, append(append([]string{"backtest"}, args...), "--api", c.Base)...); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
