package auction

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCommand(t *testing.T) {
	f := &fleet{decide: mixed}
	addr, _ := f.listen(t)
	args := []string{"--target", addr, "--rate", "2000", "--connections", "4", "--duration", "100ms", "--tmax", "30s", "--arrivals", "uniform"}

	var out bytes.Buffer
	if err := Command(t.Context(), append(args, "--json", "--partners", "10"), &out); err != nil {
		t.Fatal(err)
	}
	var s Summary
	if err := json.Unmarshal(out.Bytes(), &s); err != nil {
		t.Fatalf("%v in %s", err, out.Bytes())
	}
	answered := s.Auctions.Answered + s.Auctions.Degraded
	if s.Auctions.Sent != 199 || answered != 199 || s.Worth.Pairs != 10*s.Auctions.Answered || s.Partners != 10 {
		t.Errorf("summary %s", out.Bytes())
	}

	out.Reset()
	if err := Command(t.Context(), append(args, "--explore-report"), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sent 199", "failed 0", "p99.9", "even", "odd", "calls saved", s.Releases[0].Partners[0].Partner} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestCommandRefuses(t *testing.T) {
	f := &fleet{}
	addr, kill := f.listen(t)
	kill() // nobody listens there now
	for want, args := range map[string][]string{
		"--target must name":    {"--target", addr},
		"--target HOST:PORT":    {},
		"sluice auction --help": {"--speed", "9"},
		`"now" is not a flag`:   {"--target", addr, "now"},
		"--protocol is":         {"--target", addr, "--protocol", "json"},
	} {
		if err := Command(t.Context(), args, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("auction %v: err %v, want it to say %s", args, err, want)
		}
	}
	var help bytes.Buffer
	if err := Command(t.Context(), []string{"-h"}, &help); err != nil || !strings.Contains(help.String(), "-connections") {
		t.Errorf("help: err %v\n%s", err, help.String())
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestCommandCannotPrint(t *testing.T) {
	f := &fleet{decide: mixed}
	addr, _ := f.listen(t)
	err := Command(t.Context(), []string{"--target", addr, "--duration", "10ms", "--live"}, fullDisk{})
	if err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("err %v, want the printer's", err)
	}
}

// A file is replayed, and the latencies go where the flags say.
func TestCommandReplays(t *testing.T) {
	f := &fleet{decide: forwardAll}
	addr, _ := f.listen(t)
	dir := t.TempDir()
	in := filepath.Join(dir, "requests.json.gz")
	packedLines, err := io.ReadAll(zipped(bare("1") + "\nx\n" + bare("3") + "\n"))
	if err != nil || os.WriteFile(in, packedLines, 0o600) != nil {
		t.Fatal(err)
	}
	hgrm, log := filepath.Join(dir, "a.hgrm"), filepath.Join(dir, "a.hlog")
	args := []string{"--target", addr, "--rate", "1000", "--tmax", "30s", "--depth", "4", "--requests", in, "--partner-names", "a,b", "--histogram", hgrm, "--histogram-log", log}
	var out bytes.Buffer
	if err := Command(t.Context(), append(args, "--once"), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sent 2, answered 2", "taken 2 of 3 lines", `skipped line 2: "x" is no JSON object`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	for name, want := range map[string]string{hgrm: "1/(1-Percentile)", log: "HISTFAAA"} {
		if b, err := os.ReadFile(name); err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %v, %q", name, err, b)
		}
	}
	out.Reset()
	if err := Command(t.Context(), append(args, "--duration", "50ms", "--arrivals", "uniform"), &out); err != nil || !strings.Contains(out.String(), "answered 49") {
		t.Errorf("looped: %v\n%s", err, out.String())
	}
	for want, more := range map[string][]string{
		"line 2":               {"--strict"},
		"no such file":         {"--requests", filepath.Join(dir, "gone")},
		"create the histogram": {"--histogram", dir},
		"--partners is 2000":   {"--partners", "2000"},
		"are about --requests": {"--requests", ""},
	} {
		if err := Command(t.Context(), append(args, more...), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: err %v, want it to say %s", more, err, want)
		}
	}
}
