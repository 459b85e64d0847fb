package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/rollout"
)

var update = flag.Bool("update", false, "write the golden files")

type command func(ctx context.Context, args []string, out io.Writer) error

func run(t *testing.T, c command, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := c(t.Context(), args, &out)
	return out.String(), err
}

// golden compares a page with the one that is kept.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

func TestRollouts(t *testing.T) {
	c := server(t, scene("canary", noon), api.Options{})
	list, err := run(t, api.Rollouts, "--api", c.Base)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "rollouts", list)

	c = server(t, scene("rolled_back", noon), api.Options{})
	one, err := run(t, api.Rollouts, "partner-blind", "--api", c.Base)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "rollout", one)
}

// What the command shows of every scene, as of noon.
func TestStatusText(t *testing.T) {
	p := rollout.Defaults()
	p.Budget = rollout.Budget{Auctions: 200_000}
	policy := func(string, string) (rollout.Policy, bool) { return p, true }
	for _, name := range []string{"fresh", "canary", "held", "promoting", "rolled_back", "paused"} {
		h := handler(scene(name, noon), api.Options{Policy: policy})
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, r)
			var f api.Fleet
			if r.URL.Path == "/v1/fleets/demo" && json.Unmarshal(answer.Body.Bytes(), &f) == nil {
				f.At = noon
				json.NewEncoder(w).Encode(f)
				return
			}
			w.Write(answer.Body.Bytes())
		}))
		got, err := run(t, api.Status, "--api", s.URL)
		s.Close()
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "status_"+name, got)
	}
}

func TestStatusCommand(t *testing.T) {
	f := scene("canary", time.Now())
	c := server(t, f, api.Options{})
	got, err := run(t, api.Status, "--api", c.Base)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"demo, seen ", "serves     " + digest("better")[:12] + "  better, since ", "canary, step 1 of 2 (accepted)",
		"[########------------]  41 %, about 1 min 35 s to a verdict", "verdict    unsure: partner dsp-07 +2.6 pt", "sluice rollback --fleet demo",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
	text, err := run(t, api.Status, "--json", "--api", c.Base)
	var back struct {
		api.Fleet
		List []api.Task `json:"task_list"`
	}
	if err != nil || json.Unmarshal([]byte(text), &back) != nil || back.Fleet.Fleet != "demo" || len(back.List) != 8 {
		t.Errorf("--json: %v\n%s", err, text)
	}
}

func TestVerbs(t *testing.T) {
	t.Setenv("USER", "ada")
	for _, tt := range []struct {
		verb  rollout.Verb
		args  []string
		says  string
		asked func(q rollout.Request) bool
	}{
		{rollout.VerbPause, []string{"--why", "lunch"}, "Asked to pause demo", func(q rollout.Request) bool { return q.Why == "lunch" && strings.HasPrefix(q.By, "ada@") }},
		{rollout.VerbAbort, []string{"partner-blind", "--by", "bob"}, "Asked to abort partner-blind.", func(q rollout.Request) bool { return q.Rollout == "partner-blind" && q.By == "bob" }},
		{rollout.VerbPromote, nil, "Asked to promote partner-blind.", func(q rollout.Request) bool { return q.Rollout == "" }},
		{rollout.VerbRollback, []string{"--to", digest("basel")[:8]}, "back to " + digest("basel")[:12], func(q rollout.Request) bool { return q.Release == digest("basel") }},
		{rollout.VerbRollback, nil, "back to " + digest("better")[:12], func(q rollout.Request) bool { return q.Release == "" }},
		{rollout.VerbTry, []string{"s3://lab/model.tar.gz"}, "Asked to try s3://lab/model.tar.gz as try-", func(q rollout.Request) bool { return q.Source.Bucket == "lab" }},
		{rollout.VerbTry, []string{"s3://lab/model.tar.gz", "--intended", "+5", "--intended=a=b=-2.5", "--why", "stable was wrong"}, "Asked to try", func(q rollout.Request) bool {
			c := q.Intended
			return c != nil && c.FilterRate == .05 && len(c.Partners) == 1 && c.Partners["a=b"] == -.025 && c.Why == "stable was wrong"
		}},
	} {
		f := scene("canary", noon)
		c := server(t, f, api.Options{})
		got, err := run(t, api.Command(tt.verb), append(tt.args, "--api", c.Base)...)
		if err != nil || !strings.Contains(got, tt.says) {
			t.Errorf("%s %v: %q %v, want %q", tt.verb, tt.args, got, err, tt.says)
			continue
		}
		if len(f.asked) != 1 || f.asked[0].Verb != tt.verb || !tt.asked(f.asked[0]) {
			t.Errorf("%s %v: stored %+v", tt.verb, tt.args, f.asked)
		}
	}
}

// A beginning that fits two releases is not guessed at.
func TestAmbiguousRelease(t *testing.T) {
	f := scene("canary", noon)
	f.releases[1].Digest = f.releases[0].Digest[:20] + f.releases[1].Digest[20:]
	c := server(t, f, api.Options{})
	_, err := run(t, api.Command(rollout.VerbRollback), "--to", f.releases[0].Digest[:12], "--api", c.Base)
	if err == nil || !strings.Contains(err.Error(), "2 releases begin with") || len(f.asked) > 0 {
		t.Errorf("got %v and %+v", err, f.asked)
	}
}

func TestVerbMistakes(t *testing.T) {
	c := server(t, scene("canary", noon), api.Options{})
	for _, tt := range []struct {
		c    command
		args []string
		says string
	}{
		{api.Command(rollout.VerbTry), nil, "say which artifact"},
		{api.Command(rollout.VerbTry), []string{"file.tar.gz"}, "want s3://bucket/key"},
		{api.Command(rollout.VerbPause), []string{"now"}, `takes no "now"`},
		{api.Command(rollout.VerbRollback), []string{"--to", "ffff"}, "no release begins"},
		{api.Command(rollout.VerbResume), nil, "nothing is paused"},
		{api.Command(rollout.VerbPause), []string{"--loud"}, "see sluice pause --help"},
		{api.Status, []string{"--fleet", "nope"}, "there is no fleet"},
		{api.Rollouts, []string{"nope"}, "knows no rollout"},
		{api.Rollouts, []string{"a", "b"}, "takes one ID"},
	} {
		if _, err := run(t, tt.c, append(tt.args, "--api", c.Base)...); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%v: %v, want %q", tt.args, err, tt.says)
		}
	}
	if _, err := run(t, api.Status, "--api", "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "SLUICE_API") {
		t.Errorf("nobody there: %v", err)
	}
	if out, err := run(t, api.Command(rollout.VerbRollback), "--help"); err != nil || !strings.Contains(out, "usage: sluice rollback") {
		t.Errorf("--help: %v %s", err, out)
	}
}

// --wait tells what happens and ends when it is done, well or not.
func TestWait(t *testing.T) {
	end := func(id string, to rollout.Phase) func(*fake) {
		return func(f *fake) {
			f.tell(rollout.Event{At: noon, Rollout: id, From: rollout.RollingBack, To: to, Reason: rollout.Aborted, Sentence: "abort asked by ada"})
		}
	}
	for _, tt := range []struct {
		name string
		verb rollout.Verb
		then func(*fake)
		fail string
	}{
		{"aborted", rollout.VerbAbort, end("partner-blind", rollout.RolledBack), ""},
		{"promoted", rollout.VerbPromote, end("partner-blind", rollout.Live), ""},
		{"promotion failed", rollout.VerbPromote, end("partner-blind", rollout.RolledBack), "partner-blind ended rolled_back"},
		{"rolled back", rollout.VerbRollback, end("partner-blind", rollout.RolledBack), ""},
		{"paused", rollout.VerbPause, func(f *fake) { f.state.Pause = &rollout.Pause{By: "ada", At: noon} }, ""},
		{"timeout", rollout.VerbAbort, nil, "is not done after"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := scene("canary", noon)
			c := server(t, acting{f, tt.then}, api.Options{})
			args := []string{"--wait", "--api", c.Base}
			if tt.then == nil {
				args = append(args, "--timeout", "50ms")
			}
			out, err := run(t, api.Command(tt.verb), args...)
			switch {
			case tt.fail == "" && err != nil:
				t.Errorf("%v\n%s", err, out)
			case tt.fail != "" && (err == nil || !strings.Contains(err.Error(), tt.fail)):
				t.Errorf("got %v, want %q\n%s", err, tt.fail, out)
			}
		})
	}
}

// acting is a control plane that acts on a wish at once.
type acting struct {
	*fake
	then func(*fake)
}

func (a acting) Request(ctx context.Context, fleet string, q rollout.Request) (rollout.Request, error) {
	q, err := a.fake.Request(ctx, fleet, q)
	if err == nil && a.then != nil {
		a.mu.Lock()
		a.state.Requests = nil
		a.mu.Unlock()
		a.then(a.fake)
	}
	return q, err
}
