package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/local/localtest"
)

// asProgram is set where this test binary is to be sluice itself, as the demo
// starts it.
const asProgram = "SLUICE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// typed is a command line that people type, and how the world is then.
type typed struct {
	line  string               // behind sluice, at the top of the repository
	fleet func() *apitest.Fake // that the controller has at that moment; nil for none
	until string               // of a server: what it prints when it is up, the last that is kept
	most  int                  // lines that are kept; 0 for all
	loose bool                 // its numbers are other ones each time
}

// transcripts are what is typed of each command beside its help. folder is one
// of the test's own.
func transcripts(t *testing.T, folder string) map[string][]typed {
	keep(t, folder, "log.jsonl", []byte(`{"ts":1795350772846,"request":{"id":"1","imp":[{"bidfloor":0.5}]},"partners":["almera","boreal"],"bidders":["almera"],"prices":[1.5]}`+"\nnot a request\n"))
	keep(t, folder, "contract.json", []byte(`{"features": [{"name": "hour", "kind": "number", "source": ["hour"]}]}`))
	keep(t, folder, "rows.csv", []byte("0.61,0,3,1,4,12,0,,,,,\n"))
	keep(t, folder, "answers.csv", []byte("0.61,0,3,1,4,12,0,,,,,,0.91511786\n"))
	keep(t, folder, "other.yaml", []byte("margin: 0.1\n"))
	keep(t, folder, "ads.yaml", []byte(plainFleetFile+"policy:\n  judge:\n    margin: 0.2\n"))
	keep(t, folder, "bad.yaml", []byte(plainFleetFile+"policy:\n  explore: 7\n"))
	keep(t, folder, "sick.yaml", []byte("fleet: ads\njobs: [\"adfilter-*\"]\necs: {cluster: ads, service: inference}\n"))
	scene := func(name string) func() *apitest.Fake {
		return func() *apitest.Fake { return apitest.Scene(name, time.Now()) }
	}
	logs := func() *apitest.Fake { return withLogs(t) }
	const model = "local/demo/models/better.tar.gz"
	return map[string][]typed{
		"help":       {{line: "help"}},
		"demo":       {{line: "demo --listen 127.0.0.1:0", until: "--wait"}},
		"controller": {{line: "controller --bucket sluice --fleets local/demo/fleet.yaml --listen 127.0.0.1:0", until: "msg=serving"}},
		"task":       {{line: "task --fleet ads --bucket sluice --task t-1 --listen 127.0.0.1:0 --control-listen 127.0.0.1:0 --http-listen 127.0.0.1:0", until: "task listens"}},
		"status":     {{line: "status", fleet: scene("canary")}, {line: "status", fleet: scene("held")}},
		"rollouts":   {{line: "rollouts", fleet: scene("canary")}, {line: "rollouts partner-blind", fleet: scene("canary")}},
		"try":        {{line: "try s3://training/models/mine/output/model.tar.gz --why newer", fleet: scene("idle")}, {line: "try models/mine --why newer", fleet: scene("idle")}},
		"pause":      {{line: "pause --why maintenance", fleet: scene("canary")}},
		"resume":     {{line: "resume", fleet: scene("paused")}, {line: "resume", fleet: scene("canary")}},
		"abort":      {{line: "abort --why mistaken", fleet: scene("canary")}},
		"promote":    {{line: "promote --why known", fleet: scene("canary")}},
		"rollback":   {{line: "rollback --why revenue", fleet: scene("canary")}},
		"audit":      {{line: "audit", fleet: scene("canary")}},
		"freeze":     {{line: "freeze --why outage --for 2h", fleet: scene("canary"), loose: true}, {line: "freeze", fleet: scene("canary")}},
		"unfreeze":   {{line: "unfreeze --why over", fleet: scene("canary")}},
		"notify":     {{line: "notify --fleets local/demo/fleet.yaml"}},
		"doctor":     {{line: "doctor --fleet-file FOLDER/sick.yaml --bucket sluice"}},
		"token":      {{line: "token ada@example.com --role root"}},
		"explain":    {{line: "explain candidate_worse"}, {line: "explain judge.margin"}},
		"lint":       {{line: "lint FOLDER/ads.yaml"}, {line: "lint FOLDER/bad.yaml"}},
		"plan":       {{line: "plan --tasks 40 --requests 200 --partners 10"}},
		"judge":      {{line: "judge < docs/judge/rollback.jsonl", most: 4}},
		"replay":     {{line: "replay bad", fleet: logs}},
		"backtest":   {{line: "backtest --policy FOLDER/other.yaml", fleet: logs}},
		"inspect":    {{line: "inspect " + model + " --fleet-file local/demo/fleet.yaml"}, {line: "inspect local/demo/models/skewed.tar.gz"}},
		"manifest":   {{line: "manifest", fleet: scene("idle")}},
		"score":      {{line: "score --model " + model + " < FOLDER/rows.csv"}},
		"golden":     {{line: "golden --model " + model + " --from FOLDER/answers.csv", most: 6}},
		"log":        {{line: "log --values partner < FOLDER/log.jsonl"}},
		"features":   {{line: "features --contract FOLDER/contract.json --out FOLDER/rows < FOLDER/log.jsonl"}},
		"auction":    {{line: "auction --target TARGET --rate 20 --duration 1s --tmax 30s --connections 2", loose: true, most: 2}},
		"world":      {{line: "world --auctions 1"}},
		"local":      {{line: "local --dir FOLDER/aws --listen 127.0.0.1:0", until: "is up"}},
		"nlb":        {{line: "nlb --cluster ads --service inference --listen 127.0.0.1:0", until: "is up"}},
		"completion": {{line: "completion fish", most: 3}},
	}
}

// TestTranscripts holds every command to what is kept of its help and of an
// ordinary run: go test ./cli -run Transcripts -update writes it anew.
func TestTranscripts(t *testing.T) {
	folder := t.TempDir()
	t.Chdir("..")
	all := transcripts(t, folder)
	w := newTypist(t, folder)
	for _, c := range append(commands(), helpCommand()) {
		list := all[c.Name()]
		if len(list) == 0 {
			t.Errorf("there is no transcript of %s: say in transcripts what people type", c.Name())
			continue
		}
		delete(all, c.Name())
		text := w.typed(t, typed{line: c.Name() + " --help"})
		for _, one := range list {
			text += "\n" + w.typed(t, one)
		}
		file := filepath.Join("cli", "testdata", "transcripts", c.Name()+".txt")
		if *update {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(file); err != nil || text != string(want) {
			t.Errorf("%s: %v: got\n%s\nwant\n%s", file, err, text, want)
		}
	}
	for name := range all {
		t.Errorf("there is a transcript of %s, and no such command", name)
	}
	files, err := os.ReadDir("cli/testdata/transcripts")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), ".txt")
		if !slices.ContainsFunc(append(commands(), helpCommand()), func(c *cobra.Command) bool { return c.Name() == name }) {
			t.Errorf("%s is of no command", f.Name())
		}
	}
}

const plainFleetFile = "fleet: ads\njobs: [\"adfilter-*\"]\necs: {cluster: prod, service: inference}\n"

// typist types command lines into this program, in a world that has AWS and a
// task.
type typist struct {
	folder, target string
}

func newTypist(t *testing.T, folder string) *typist {
	w := &typist{folder: folder}
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testtest", "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
		"SLUICE_API": "", "USER": "ada", asProgram: "1", "TMPDIR": folder,
	} {
		t.Setenv(name, value)
	}
	aws := w.start(t, `url=(http://\S+)`, "local", "--dir", filepath.Join(folder, "cloud"), "--listen", "127.0.0.1:0")
	t.Setenv("AWS_ENDPOINT_URL", aws)
	if err := errors.Join(localtest.Open(aws).Buckets(t.Context(), "sluice"), localtest.Open(aws).Service(t.Context(), 0, "true")); err != nil {
		t.Fatal(err)
	}
	w.target = w.start(t, `"data":"([^"]+)"`, "task", "--fleet", "ads", "--bucket", "sluice", "--task", "t-0", "--listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--drain-delay", "0s")
	return w
}

// start runs a server until the end of the test, and returns what it says of
// itself.
func (w *typist) start(t *testing.T, says string, args ...string) string {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	out, ended := newHeard(), make(chan struct{})
	go func() {
		defer close(ended)
		Run(ctx, args, strings.NewReader(""), out, out)
	}()
	t.Cleanup(func() { end(); <-ended })
	found := regexp.MustCompile(says)
	out.await(t, says, func(s string) bool { return found.MatchString(s) })
	return found.FindStringSubmatch(out.String())[1]
}

// typed is what a terminal shows of a command line, without what is another
// each time.
func (w *typist) typed(t *testing.T, one typed) string {
	t.Helper()
	t.Setenv("SLUICE_API", "")
	if one.fleet != nil {
		t.Setenv("SLUICE_API", serveAll(t, one.fleet()))
	}
	line, in := strings.NewReplacer("FOLDER", w.folder, "TARGET", w.target).Replace(one.line), io.Reader(strings.NewReader(""))
	args, file, reads := strings.Cut(line, " < ")
	if reads {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		in = bytes.NewReader(body)
	}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	out, ended := newHeard(), make(chan int, 1)
	go func() { ended <- Run(ctx, strings.Fields(args), in, out, out) }()
	said := ""
	if one.until != "" {
		out.await(t, one.until, func(s string) bool { return strings.Contains(s, one.until) })
		before, rest, _ := strings.Cut(out.String(), one.until)
		rest, _, _ = strings.Cut(rest, "\n")
		said = before + one.until + rest + "\n"
		end()
		<-ended
	} else {
		code := <-ended
		if said = out.String(); code != exitDone {
			said += fmt.Sprintf("(%d)\n", code)
		}
	}
	if lines := strings.SplitAfter(said, "\n"); one.most > 0 && len(lines) > one.most {
		said = strings.Join(lines[:one.most], "") + "…\n"
	}
	return "$ sluice " + one.line + "\n" + w.constant(said, one)
}

// constant replaces what is another each time.
func (w *typist) constant(said string, one typed) string {
	host, _ := os.Hostname() // empty where there is none
	said = strings.ReplaceAll(said, w.folder, "FOLDER")
	if one.fleet != nil { // where its lines break depends on what time it is
		said = regexp.MustCompile(`\n {11}(\S)`).ReplaceAllString(said, " $1")
	}
	for _, r := range [][2]string{
		{regexp.QuoteMeta(host) + `-\d+`, "HOST-PID"},
		{`@` + regexp.QuoteMeta(host), "@HOST"},
		{`\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z| UTC|[+-]\d\d:\d\d)?|\d\d:\d\d(:\d\d)? UTC`, "TIME"},
		{`127\.\d+\.\d+\.\d+:\d+`, "ADDRESS"},
		{`try-\d{8}-\d{6}-[a-z0-9]+`, "try-NAME"},
		{`sluice-demo-\d+`, "sluice-demo-NUMBER"},
		{`(?m)^ *\d+\.\ds  `, "SPAN  "},
		{`[^ ]*cli\.test`, "sluice"},
		{`(--max-in-hand number .*default) \d+`, "$1 NUMBER"},
	} {
		said = regexp.MustCompile(r[0]).ReplaceAllString(said, r[1])
	}
	if one.fleet != nil {
		said = regexp.MustCompile(`\b\d+ (s|min|h|days)\b( \d+ (s|min|h)\b)?`).ReplaceAllString(said, "SPAN")
	}
	if one.loose {
		said = regexp.MustCompile(`\d+(\.\d+)?`).ReplaceAllString(said, "NUMBER")
	}
	return said
}

// serveAll serves a fleet, and manifests of its releases.
func serveAll(t *testing.T, f *apitest.Fake) string {
	t.Helper()
	others := apitest.Handler(f, api.Options{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/manifest") {
			fmt.Fprint(w, `{ "format": 1 }`)
			return
		}
		others.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}
