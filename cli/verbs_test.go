package cli

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
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/rollout"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

var update = flag.Bool("update", false, "write the golden files")

// run carries out a command line.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := execute(t.Context(), args, strings.NewReader(""), &out, io.Discard)
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

// A release that nothing outside has confirmed is shown so, serving or tried.
func TestStatusShowsNotes(t *testing.T) {
	scene := apitest.Scene("canary", noon)
	for i := range scene.Passports {
		scene.Passports[i].Notes = []string{"Nothing outside has confirmed " + scene.Passports[i].Source.Job}
	}
	c := apitest.Serve(t, scene, api.Options{})
	said, err := run(t, "status", "--api", c.Base)
	if err != nil || strings.Count(said, "Nothing outside") != 2 || !strings.Contains(said, "confirmed better\n") || !strings.Contains(said, "confirmed partner-blind\n") {
		t.Errorf("%v:\n%s", err, said)
	}
	f, err := c.Fleet(t.Context(), "demo")
	if err != nil || f.Candidate == nil || f.Candidate.Digest != f.Active.Candidate || len(f.Candidate.Notes) != 1 {
		t.Errorf("%v: candidate %+v", err, f.Candidate)
	}
	p, err := c.Release(t.Context(), f.Stable.Digest)
	if err != nil || len(p.Notes) != 1 {
		t.Errorf("%v: passport %+v", err, p)
	}
}

func TestRollouts(t *testing.T) {
	c := apitest.Serve(t, apitest.Scene("canary", noon), api.Options{})
	list, err := run(t, "rollouts", "--api", c.Base)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "rollouts", list)

	c = apitest.Serve(t, apitest.Scene("rolled_back", noon), api.Options{})
	one, err := run(t, "rollouts", "partner-blind", "--api", c.Base)
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
	for _, name := range []string{"fresh", "canary", "held", "promoting", "rolled_back", "paused", "gathering", "unwell"} {
		h := apitest.Handler(apitest.Scene(name, noon), api.Options{Policy: policy})
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := httptest.NewRecorder()
			r.Header.Del("Accept-Encoding")
			h.ServeHTTP(answer, r)
			var f api.Fleet
			if r.URL.Path == "/v1/fleets/demo" && json.Unmarshal(answer.Body.Bytes(), &f) == nil {
				if f.At = noon; f.Loop != nil {
					f.Loop.AgeSeconds = noon.Sub(f.Loop.At).Seconds()
				}
				json.NewEncoder(w).Encode(f)
				return
			}
			w.Write(answer.Body.Bytes())
		}))
		got, err := run(t, "status", "--api", s.URL)
		s.Close()
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "status_"+name, got)
	}
}

func TestStatusCommand(t *testing.T) {
	f := apitest.Scene("canary", time.Now())
	c := apitest.Serve(t, f, api.Options{})
	got, err := run(t, "status", "--api", c.Base)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"demo, seen ", "serves     " + apitest.Digest("better")[:12] + "  better, since ", "canary, step 1 of 2 (accepted)",
		"[########------------]  41 %, about 1 min 35 s to a verdict", "verdict    unsure: partner dsp-07 +2.6 pt", "sluice rollback --fleet demo",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
	text, err := run(t, "status", "--json", "--api", c.Base)
	var back struct {
		api.Fleet
		List []api.Task `json:"task_list"`
	}
	if err != nil || json.Unmarshal([]byte(text), &back) != nil || back.Fleet.Fleet != "demo" || len(back.List) != 8 {
		t.Errorf("--json: %v\n%s", err, text)
	}
}

// What the server cannot tell is not known, which is neither none nor well.
func TestStatusTellsWhatIsNotKnown(t *testing.T) {
	f := apitest.Scene("canary", time.Now())
	measured := f.Seen.Seen.Auctions
	h := apitest.Handler(f, api.Options{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/tasks") {
			http.Error(w, `{"error":"256 questions are in hand"}`, http.StatusServiceUnavailable)
			return
		}
		h.ServeHTTP(w, r)
	}))
	defer s.Close()
	got, err := run(t, "status", "--api", s.URL)
	if err == nil || !strings.Contains(err.Error(), "256 questions are in hand") || !strings.Contains(got, "8 of 8 ready") || strings.Contains(got, "TASK ") {
		t.Errorf("without tasks: %v\n%s", err, got)
	}
	if got, err := run(t, "status", "--json", "--api", s.URL); err == nil || got != "" {
		t.Errorf("half of an answer for a program: %v\n%s", err, got)
	}
	older := *measured.All
	older.Degraded, older.Failed, older.P50, older.P99 = nil, nil, 0, 0
	for _, tt := range []struct {
		told *rollout.Auctions
		want string
	}{
		{nil, "auctions   not known: the controller"},
		{&rollout.Auctions{}, "auctions   not known yet: no task has told twice"},
		{&rollout.Auctions{Over: time.Minute, All: &older}, "auctions   2,000/s, 18 % filtered, ? % degraded, ? % failed, p50 ?, p99 ?, over 1 min"},
	} {
		f.Seen.Seen.Auctions = tt.told
		if got, err := run(t, "status", "--api", apitest.Serve(t, f, api.Options{}).Base); err != nil || !strings.Contains(got, tt.want) {
			t.Errorf("%v: want %q in\n%s", err, tt.want, got)
		}
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
		{rollout.VerbPromote, nil, "Asked to promote partner-blind.", func(q rollout.Request) bool { return q.Rollout == "partner-blind" }},
		{rollout.VerbRollback, []string{"--to", apitest.Digest("basel")[:8]}, "back to " + apitest.Digest("basel")[:12], func(q rollout.Request) bool { return q.Release == apitest.Digest("basel") }},
		{rollout.VerbRollback, nil, "back to " + apitest.Digest("better")[:12], func(q rollout.Request) bool { return q.Release == apitest.Digest("better") }},
		{rollout.VerbTry, []string{"s3://lab/model.tar.gz"}, "Asked to try s3://lab/model.tar.gz as try-", func(q rollout.Request) bool { return q.Source.Bucket == "lab" }},
		{rollout.VerbTry, []string{"s3://lab/model.tar.gz", "--intended", "+5", "--intended=a=b=-2.5", "--why", "stable was wrong"}, "Asked to try", func(q rollout.Request) bool {
			c := q.Intended
			return c != nil && c.FilterRate == .05 && len(c.Partners) == 1 && c.Partners["a=b"] == -.025 && c.Why == "stable was wrong"
		}},
	} {
		f := apitest.Scene("canary", noon)
		c := apitest.Serve(t, f, api.Options{})
		got, err := run(t, append(append([]string{string(tt.verb), "--why", "w"}, tt.args...), "--api", c.Base)...)
		if err != nil || !strings.Contains(got, tt.says) {
			t.Errorf("%s %v: %q %v, want %q", tt.verb, tt.args, got, err, tt.says)
			continue
		}
		if len(f.Asked) != 1 || f.Asked[0].Verb != tt.verb || !tt.asked(f.Asked[0]) {
			t.Errorf("%s %v: stored %+v", tt.verb, tt.args, f.Asked)
		}
	}
}

// A beginning that fits two releases is not guessed at.
func TestAmbiguousRelease(t *testing.T) {
	f := apitest.Scene("canary", noon)
	f.Passports[1].Digest = f.Passports[0].Digest[:20] + f.Passports[1].Digest[20:]
	c := apitest.Serve(t, f, api.Options{})
	_, err := run(t, "rollback", "--why", "w", "--to", f.Passports[0].Digest[:12], "--api", c.Base)
	if err == nil || !strings.Contains(err.Error(), "2 releases begin with") || len(f.Asked) > 0 {
		t.Errorf("got %v and %+v", err, f.Asked)
	}
}

func TestVerbMistakes(t *testing.T) {
	c := apitest.Serve(t, apitest.Scene("canary", noon), api.Options{})
	for _, tt := range []struct {
		command string
		args    []string
		says    string
	}{
		{"try", nil, "say which artifact"},
		{"try", []string{"file.tar.gz", "--why", "w"}, "want s3://bucket/key"},
		{"pause", []string{"now"}, `takes no "now"`},
		{"rollback", []string{"--to", "ffff", "--why", "w"}, "no release begins"},
		{"resume", nil, "nothing is paused"},
		{"rollback", nil, "say why: sluice rollback --why"},
		{"promote", []string{"--why", " "}, "say why"},
		{"abort", nil, "say why"},
		{"try", []string{"s3://b/k"}, "say why"},
		{"pause", []string{"--loud"}, "see sluice pause --help"},
		{"status", []string{"--fleet", "nope"}, "there is no fleet"},
		{"rollouts", []string{"nope"}, "knows no rollout"},
		{"rollouts", []string{"a", "b"}, `takes no "b"`},
	} {
		if _, err := run(t, append(append([]string{tt.command}, tt.args...), "--api", c.Base)...); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%v: %v, want %q", tt.args, err, tt.says)
		}
	}
	if _, err := run(t, "status", "--api", "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "SLUICE_API") {
		t.Errorf("nobody there: %v", err)
	}
	if out, err := run(t, "rollback", "--help"); err != nil || !strings.Contains(out, "Usage:\n  sluice rollback") {
		t.Errorf("--help: %v %s", err, out)
	}
}

// What a variable that is not set leaves is no way to say what is meant: nothing
// is asked, and the exit code is that of a wrong command line.
func TestEmptyIsNotLeftOut(t *testing.T) {
	f := apitest.Scene("canary", noon)
	c := apitest.Serve(t, f, api.Options{})
	for _, args := range [][]string{
		{"abort", ""},
		{"promote", ""},
		{"resume", ""},
		{"try", ""},
		{"rollouts", ""},
		{"replay", ""},
		{"rollback", "--to", ""},
		{"rollback", "--to="},
		{"status", "--fleet", ""},
		{"plan", "--fleet-file", ""},
		{"replay", "better", "--policy="},
	} {
		_, err := run(t, append(args, "--api", c.Base)...)
		if exitCode(t.Context(), err) != exitUsage || !strings.Contains(err.Error(), "empty") {
			t.Errorf("%q: %v", args, err)
		}
	}
	if _, err := run(t, "controller", "--bucket", "b", "--control-token-file", ""); exitCode(t.Context(), err) != exitUsage {
		t.Errorf("controller without a token that it is told to have: %v", err)
	}
	for _, args := range [][]string{
		{"auction", "--target", ""}, {"auction", "--target", "a:1,"}, {"controller", "--bucket", "b", "--host", ""},
	} {
		if _, err := run(t, args...); exitCode(t.Context(), err) != exitUsage || !strings.Contains(err.Error(), "is empty") {
			t.Errorf("%q: %v", args, err)
		}
	}
	if _, err := run(t, "rollback", "--why", "", "--api", c.Base); exitCode(t.Context(), err) != exitUsage {
		t.Errorf("a rollback without a reason: %v", err)
	}
	if len(f.Asked) > 0 {
		t.Fatalf("asked %+v", f.Asked)
	}
	if _, err := run(t, "pause", "--why", "", "--by=", "--api", c.Base); err != nil || len(f.Asked) != 1 {
		t.Errorf("a pause without a reason: %v, %+v", err, f.Asked)
	}
}

// --wait tells what happens and ends when it is done, well or not.
func TestWait(t *testing.T) {
	end := func(id string, to rollout.Phase) func(*apitest.Fake) {
		return func(f *apitest.Fake) {
			f.Tell(rollout.Event{At: noon, Rollout: id, From: rollout.RollingBack, To: to, Reason: rollout.Aborted, Sentence: "abort asked by ada"})
		}
	}
	ends := func(how rollout.Reason, say string) func(*apitest.Fake) { // the wish itself
		return func(f *apitest.Fake) {
			f.Tell(rollout.Event{At: noon, Reason: how, Sentence: say, Wish: f.Asked[0].ID})
		}
	}
	for _, tt := range []struct {
		name string
		verb rollout.Verb
		then func(*apitest.Fake)
		fail string
	}{
		{"aborted", rollout.VerbAbort, end("partner-blind", rollout.RolledBack), ""},
		{"promoted", rollout.VerbPromote, end("partner-blind", rollout.Live), ""},
		{"promotion failed", rollout.VerbPromote, end("partner-blind", rollout.RolledBack), "partner-blind ended rolled_back"},
		{"rolled back", rollout.VerbRollback, end("partner-blind", rollout.RolledBack), ""},
		{"promotion overruled", rollout.VerbPromote, ends(rollout.Overruled, "bob goes first"), "bob goes first"},
		{"abort too late", rollout.VerbAbort, ends(rollout.TooLate, "it is over"), "it is over"},
		{"paused, as it is told", rollout.VerbPause, ends(rollout.Paused, "paused by ada"), ""},
		{"another asked the same", rollout.VerbRollback, func(f *apitest.Fake) {
			f.Tell(rollout.Event{At: noon, Rollout: "rollback-of-bob", Reason: rollout.Seconded, Sentence: "with bob's", Wish: f.Asked[0].ID})
			end("rollback-of-bob", rollout.RolledBack)(f)
		}, ""},
		{"paused", rollout.VerbPause, func(f *apitest.Fake) { f.Saved.Pause = &rollout.Pause{By: "ada", At: noon} }, ""},
		{"timeout", rollout.VerbAbort, nil, "is not done after"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := apitest.Scene("canary", noon)
			c := apitest.Serve(t, acting{f, tt.then}, api.Options{})
			args := []string{"--why", "w", "--wait", "--api", c.Base}
			if tt.then == nil {
				args = append(args, "--timeout", "50ms")
			}
			out, err := run(t, append([]string{string(tt.verb)}, args...)...)
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
	*apitest.Fake
	then func(*apitest.Fake)
}

func (a acting) Request(ctx context.Context, fleet string, q rollout.Request) (rollout.Request, error) {
	q, err := a.Fake.Request(ctx, fleet, q)
	if err == nil && a.then != nil {
		a.Mu.Lock()
		a.Saved.Requests = nil
		a.Mu.Unlock()
		a.then(a.Fake)
	}
	return q, err
}

// A command asks with one key and with what it saw, and goes back where the
// fleet led back then, whatever happens until the wish is taken.
func TestVerbsSayWhatTheySaw(t *testing.T) {
	f := apitest.Scene("canary", noon)
	late := &ended{Fake: f}
	c := apitest.Serve(t, late, api.Options{})
	if got, err := run(t, "promote", "--why", "w", "--api", c.Base); err == nil || !strings.Contains(err.Error(), "partner-blind was being tried when you looked; now nothing is being tried") {
		t.Errorf("promote: %q %v", got, err)
	}
	f.Saved.Active = late.was
	if got, err := run(t, "rollback", "--why", "w", "--api", c.Base); err == nil || !strings.Contains(err.Error(), apitest.Digest("better")[:12]+" is what serves") {
		t.Errorf("rollback: %q %v", got, err)
	}
	if len(f.Asked) > 0 {
		t.Errorf("stored %+v", f.Asked)
	}
	if id := late.asked[0].ID; id == "" || id == late.asked[1].ID {
		t.Errorf("asked as %q and as %q", id, late.asked[1].ID)
	}
}

// Who goes back after somebody else has is asked where to: the one before may be
// what that one has fled from. While a candidate is tried there is no doubt.
func TestSecondRollbackNamesItsRelease(t *testing.T) {
	f := apitest.Scene("idle", noon)
	f.Saved.WentBack = "rollback-7"
	c := apitest.Serve(t, f, api.Options{})
	before := apitest.Digest("basel")
	_, err := run(t, "rollback", "--why", "w", "--api", c.Base)
	if exitCode(t.Context(), err) != exitRefused || !strings.Contains(err.Error(), "rollback-7 went back by hand") || !strings.HasSuffix(err.Error(), "say where to go, as --to "+before[:12]) || len(f.Asked) > 0 {
		t.Errorf("%v; stored %+v", err, f.Asked)
	}
	if said, err := run(t, "status", "--api", c.Base); err != nil || !strings.Contains(said, "sluice rollback --fleet demo --to "+before[:12]+" --why") {
		t.Errorf("%v\n%s", err, said)
	}
	if said, err := run(t, "rollback", "--to", before[:12], "--why", "w", "--api", c.Base); err != nil || len(f.Asked) != 1 || f.Asked[0].Release != before {
		t.Errorf("named: %q %v; stored %+v", said, err, f.Asked)
	}
	tried := apitest.Scene("canary", noon)
	tried.Saved.WentBack = "rollback-7"
	if said, err := run(t, "rollback", "--why", "w", "--api", apitest.Serve(t, tried, api.Options{}).Base); err != nil || len(tried.Asked) != 1 {
		t.Errorf("from a canary: %q %v", said, err)
	}
}

// Who goes back to what was taken back is told so, once it is on its way.
func TestRollbackToWhatWasTakenBack(t *testing.T) {
	f := apitest.Scene("rolled_back", time.Now())
	base := apitest.Serve(t, f, api.Options{}).Base
	said, err := run(t, "rollback", "--to", apitest.Digest("blind"), "--why", "w", "--api", base)
	if err != nil || len(f.Asked) != 1 || !strings.Contains(said, "\nWARNING    taken back in demo ") || !strings.Contains(said, "dsp-07 is filtered") {
		t.Errorf("%q %v; stored %+v", said, err, f.Asked)
	}
	if said, err := run(t, "rollback", "--to", apitest.Digest("basel"), "--why", "w", "--api", base); err != nil || strings.Contains(said, "WARNING") {
		t.Errorf("to what was live: %q %v", said, err)
	}
}

// A try is taken whatever goes live right before it, as where a workflow asks at
// such a moment.
func TestTryWaitsForItsTurn(t *testing.T) {
	f := apitest.Scene("canary", noon)
	c := apitest.Serve(t, &succeeded{f}, api.Options{})
	if got, err := run(t, "try", "s3://b/k", "--why", "w", "--api", c.Base); err != nil || len(f.Asked) != 1 || f.Asked[0].Verb != rollout.VerbTry {
		t.Errorf("%q %v; stored %+v", got, err, f.Asked)
	}
}

// succeeded is a control plane whose candidate goes live just before a wish
// arrives.
type succeeded struct{ *apitest.Fake }

func (s *succeeded) Request(ctx context.Context, fleet string, q rollout.Request) (rollout.Request, error) {
	s.Tell(rollout.Event{Rollout: s.Saved.Active.ID, Reason: rollout.Accepted, Sentence: "it is live"})
	s.Tell(rollout.Event{Reason: rollout.Resumed, Sentence: "resumed by somebody"})
	s.Mu.Lock()
	s.Saved.Stable, s.Saved.Active = s.Saved.Active.Candidate, nil
	s.Mu.Unlock()
	return s.Fake.Request(ctx, fleet, q)
}

// ended is a control plane whose rollout ends just before a wish arrives.
type ended struct {
	*apitest.Fake
	was   *rollout.Rollout
	asked []rollout.Request
}

func (e *ended) Request(ctx context.Context, fleet string, q rollout.Request) (rollout.Request, error) {
	e.Mu.Lock()
	if e.Saved.Active != nil {
		e.was, e.Saved.Active = e.Saved.Active, nil
	}
	e.asked = append(e.asked, q)
	e.Mu.Unlock()
	return e.Fake.Request(ctx, fleet, q)
}

// Where nobody knows whether a wish is stored, the command says so and how to
// ask for the same, and that has one effect.
func TestUnknownIsAskedAgain(t *testing.T) {
	f := apitest.Scene("canary", noon)
	h, down := apitest.Handler(f, api.Options{}), true
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && down {
			h.ServeHTTP(httptest.NewRecorder(), r) // it is stored
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		h.ServeHTTP(w, r)
	}))
	defer s.Close()
	active := f.Saved.Active
	for _, verb := range []string{"rollback", "promote", "pause"} {
		f.Saved.Active, f.Saved.Requests, f.Asked, down = active, nil, nil, true
		h = apitest.Handler(f, api.Options{}) // which has seen nothing of before
		_, err := run(t, verb, "--api", s.URL, "--why", "x")
		if exitCode(t.Context(), err) != exitUnknown {
			t.Fatalf("%s: %v, want exit code %d", verb, err, exitUnknown)
		}
		_, rest, _ := strings.Cut(err.Error(), "by the same command with ")
		flags, _, found := strings.Cut(rest, ",")
		if !found || !strings.Contains(err.Error(), "unknown whether it is stored") {
			t.Errorf("%s: %v", verb, err)
		}
		down, f.Saved.Active = false, nil // it has taken effect meanwhile
		again := append([]string{verb, "--api", s.URL, "--why", "x"}, strings.Fields(flags)...)
		if said, err := run(t, again...); err != nil || len(f.Asked) != 1 || !slices.Contains(again, f.Asked[0].ID) {
			t.Errorf("%s again with %s: %q, %v; stored %+v", verb, flags, said, err, f.Asked)
		}
	}
}

// Danger is asked while the fleet cannot be read, and soon where it is slow: who
// takes it knows what it is about.
func TestDangerDoesNotWaitForAReading(t *testing.T) {
	const long = 12 * time.Second // a call's own bound is 15
	for _, slow := range []bool{false, true} {
		f := apitest.Scene("canary", noon)
		h := apitest.Handler(f, api.Options{})
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodPost:
				h.ServeHTTP(w, r)
			case slow:
				<-r.Context().Done()
			default:
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}))
		defer s.Close()
		for _, verb := range []string{"rollback", "abort", "pause"} {
			f.Saved.Requests, f.Asked = nil, nil
			began := time.Now()
			said, err := run(t, verb, "--why", "w", "--fleet", "demo", "--api", s.URL)
			if took := time.Since(began); err != nil || len(f.Asked) != 1 || took > long {
				t.Errorf("slow %v, %s: %q %v after %v, stored %+v", slow, verb, said, err, took, f.Asked)
			}
		}
		if slow {
			continue // whatever needs a list waits for it
		}
		f.Saved.Requests, f.Asked = nil, nil
		basel := apitest.Digest("basel")
		if _, err := run(t, "rollback", "--why", "w", "--to", basel[:12], "--fleet", "demo", "--api", s.URL); err == nil || !strings.Contains(err.Error(), "a whole digest needs no list") {
			t.Errorf("to the beginning of a digest: %v", err)
		}
		if said, err := run(t, "rollback", "--why", "w", "--to", basel, "--fleet", "demo", "--api", s.URL); err != nil || len(f.Asked) != 1 || f.Asked[0].Release != basel {
			t.Errorf("to a whole digest: %q %v, stored %+v", said, err, f.Asked)
		}
	}
}
