package auction

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
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
