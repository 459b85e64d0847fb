package cli

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/identity"
	"github.com/sluicehq/sluice/identity/identitytest"
	"github.com/sluicehq/sluice/inference"
	"github.com/sluicehq/sluice/inference/auction"
	"github.com/sluicehq/sluice/inference/release"
)

// store is a bucket of releases.
type store map[string][]byte

func (s store) Fetch(_ context.Context, key string, _ int64) ([]byte, error) {
	if body, is := s[key]; is {
		return body, nil
	}
	return nil, inference.ErrNotFound
}

// serving runs a task with a model of the demo's until the test is over, and
// returns where auctions may be sent.
func serving(t *testing.T) (address string) { return servingAs(t, func(*inference.Options) {}) }

func servingAs(t *testing.T, change func(o *inference.Options)) (address string) {
	t.Helper()
	archive, err := os.ReadFile("../local/demo/models/better.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	digest := release.Digest(archive)
	o := inference.DefaultOptions()
	o.Fleet, o.Name, o.Log = "f", "t", slog.New(slog.DiscardHandler)
	o.Fetch = store{release.ArchiveKey(digest): archive, release.FleetKey("f"): []byte(`{"default":"` + digest + `"}`)}
	o.MaxWait, o.Deadline, o.DrainDelay, o.DrainLinger = time.Minute, time.Minute, 0, 0
	change(&o)
	task, err := inference.New(o)
	if err != nil {
		t.Fatal(err)
	}
	var l inference.Listeners
	for _, port := range []*net.Listener{&l.Data, &l.Control, &l.HTTP} {
		if *port, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- task.Run(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	for {
		answer, err := http.Get("http://" + l.HTTP.Addr().String() + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return l.Data.Addr().String()
		}
	}
}

func TestAuction(t *testing.T) {
	addr := serving(t)
	args := []string{"auction", "--target", addr, "--rate", "2000", "--connections", "4", "--duration", "100ms", "--tmax", "30s", "--arrivals", "uniform"}

	out, err := run(t, append(args, "--json", "--partners", "10")...)
	if err != nil {
		t.Fatal(err)
	}
	var s auction.Summary
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	answered := s.Auctions.Answered + s.Auctions.Degraded
	if s.Auctions.Sent != 199 || answered != 199 || s.Worth.Pairs != 10*s.Auctions.Answered || s.Partners != 10 {
		t.Errorf("summary %s", out)
	}

	if out, err = run(t, append(args, "--explore-report")...); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sent 199", "failed 0", "p99.9", s.Releases[0].Release[:12], "calls saved", s.Releases[0].Partners[0].Partner} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	other := s.Releases[0]
	other.Release = "another release"
	s.Releases = append(s.Releases, other)
	if table := summaryTable(s, false, false); !strings.Contains(table, s.Releases[0].Release[:12]) || !strings.Contains(table, other.Release[:12]) {
		t.Errorf("not both releases in\n%s", table)
	}
}

func TestAuctionRefuses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close() // nobody listens there now
	for want, args := range map[string][]string{
		"--target must name":     {"--target", addr},
		"--target HOST:PORT":     {},
		"sluice auction --help":  {"--speed", "9"},
		`auction takes no "now"`: {"--target", addr, "now"},
		"--dialect is":           {"--target", addr, "--dialect", "spark"},
		"which it names":         {"--target", addr, "--dialect", "kit", "--partners", "2"},
		"--protocol is":          {"--target", addr, "--protocol", "json"},
	} {
		if _, err := run(t, append([]string{"auction"}, args...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("auction %v: err %v, want it to say %s", args, err, want)
		}
	}
	if help, err := run(t, "auction", "-h"); err != nil || !strings.Contains(help, "--connections") {
		t.Errorf("help: err %v\n%s", err, help)
	}
}

// A task with TLS is spoken to where the flags say so, and else the summary
// asks whether it wants it.
func TestAuctionOverTLS(t *testing.T) {
	pki := identitytest.New(t)
	known, err := identity.Open(identity.Files{Cert: pki.Server.Cert, Key: pki.Server.Key}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	addr := servingAs(t, func(o *inference.Options) { o.Data = known })
	args := []string{"auction", "--target", addr, "--rate", "1000", "--duration", "50ms", "--connections", "2"}
	out, err := run(t, append(args, "--tmax", "30s", "--ca", pki.Server.CA, "--server-name", "localhost", "--max-failed", "0")...)
	if err != nil || strings.Contains(out, "answered 0") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = run(t, append(args, "--tmax", "100ms", "--max-failed", "0.5")...)
	if err == nil || !strings.Contains(err.Error(), "--max-failed 0.5") || !strings.Contains(out, "does it want TLS (--tls, --ca)?") {
		t.Errorf("%v\n%s", err, out)
	}
	for want, more := range map[string][]string{
		"certificate":          {"--tls"},
		"--server-name":        {"--ca", pki.Server.CA},
		"read --ca":            {"--ca", "gone"},
		"holds no certificate": {"--ca", pki.Server.Key},
	} {
		if _, err := run(t, append(args, more...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want it to say %s", more, err, want)
		}
	}
	if _, err := run(t, "auction", "--target", serving(t), "--ca", pki.Server.CA); err == nil || !strings.Contains(err.Error(), "speaks TLS") {
		t.Errorf("a task without TLS: %v", err)
	}
}

func TestAuctionInSteps(t *testing.T) {
	addr := serving(t)
	args := []string{"auction", "--target", addr + "," + addr, "--tmax", "30s", "--arrivals", "uniform", "--steps", "500@100ms,1000@100ms", "--warm-up", "20ms"}
	out, err := run(t, append(args, "--ramp", "10ms", "--max-p99", "30s", "--max-failed", "1")...)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"auctions before that, which count for nothing", "rate  sent", "\n500 ", "\n1000 "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if out, err := run(t, append(args, "--max-p99", "1us")...); err == nil || !strings.Contains(err.Error(), "at 500 auctions/s p99 is") || !strings.Contains(out, "latency") {
		t.Errorf("too slow: %v\n%s", err, out)
	}
	for want, more := range map[string][]string{
		"leave --rate and":    {"--rate", "5"},
		"is no rate and time": {"--steps", "500"},
		"it must be above 0":  {"--steps", "0@1s"},
		"it must be longer":   {"--steps", "5@0s,6@1s"},
		"cannot be negative":  {"--ramp", "-1s"},
		"a share between 0":   {"--max-failed", "2"},
		"missing port":        {"--target", "here"},
		"each needs a conn":   {"--target", strings.Repeat(addr+",", 16) + addr, "--connections", "2"},
	} {
		if _, err := run(t, append(args, more...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want it to say %s", more, err, want)
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestAuctionCannotPrint(t *testing.T) {
	addr := serving(t)
	err := execute(t.Context(), []string{"auction", "--target", addr, "--duration", "10ms", "--live"}, strings.NewReader(""), fullDisk{}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("err %v, want the printer's", err)
	}
}

// A file is replayed, and the latencies go where the flags say.
func TestAuctionReplays(t *testing.T) {
	addr := serving(t)
	dir := t.TempDir()
	in := filepath.Join(dir, "requests.json.gz")
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	io.WriteString(z, `{"id":"1","wseat":["a"]}`+"\nx\n"+`{"id":"3","wseat":["a"]}`+"\n")
	if err := errors.Join(z.Close(), os.WriteFile(in, packed.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	hgrm, log := filepath.Join(dir, "a.hgrm"), filepath.Join(dir, "a.hlog")
	args := []string{"auction", "--target", addr, "--rate", "1000", "--tmax", "30s", "--depth", "4", "--requests", in, "--partner-names", "a,b", "--histogram", hgrm, "--histogram-log", log}
	out, err := run(t, append(args, "--once")...)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sent 2, answered 2", "taken 2 of 3 lines", `skipped line 2: "x" is no JSON object`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	for name, want := range map[string]string{hgrm: "1/(1-Percentile)", log: "HISTFAAA"} {
		if b, err := os.ReadFile(name); err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %v, %q", name, err, b)
		}
	}
	if out, err := run(t, append(args, "--duration", "50ms", "--arrivals", "uniform")...); err != nil || !strings.Contains(out, "answered 49") {
		t.Errorf("looped: %v\n%s", err, out)
	}
	for want, more := range map[string][]string{
		"line 2":               {"--strict"},
		"no such file":         {"--requests", filepath.Join(dir, "gone")},
		"create the histogram": {"--histogram", dir},
		"--partners is 2000":   {"--partners", "2000"},
		"--requests is empty":  {"--requests", ""},
	} {
		if _, err := run(t, append(args, more...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: err %v, want it to say %s", more, err, want)
		}
	}
	if _, err := run(t, "auction", "--target", addr, "--partner-names", "a,b"); err == nil || !strings.Contains(err.Error(), "are about --requests") {
		t.Errorf("names without requests: %v", err)
	}
}
