package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/rollout"
)

// Every command has help that says what it is for and shows an example, and
// tells of a wrong flag in one line and nowhere else.
func TestCommands(t *testing.T) {
	t.Parallel()
	for _, c := range append(commands(), helpCommand()) {
		name := c.Name()
		said, err := run(t, name, "--help")
		asked, err2 := run(t, "help", name)
		if err != nil || err2 != nil || said != asked {
			t.Errorf("%s --help: %v, %v\n%s\nhelp %s:\n%s", name, err, err2, said, name, asked)
		}
		if !strings.Contains(said, "Usage:\n  sluice "+name) || !strings.Contains(c.Example, "sluice "+name) {
			t.Errorf("%s --help shows no usage or no example of it:\n%s", name, said)
		}
		out, err := run(t, name, "--nonsense")
		if want := "unknown flag: --nonsense: see sluice " + name + " --help"; err == nil || err.Error() != want || out != "" {
			t.Errorf("%s --nonsense prints %q: %v, want %s", name, out, err, want)
		}
	}
}

// A flag that takes something says what, by a noun of its own, and a line
// about a flag is no sentence.
func TestFlagsNameWhatTheyTake(t *testing.T) {
	t.Parallel()
	noun := regexp.MustCompile(`^[a-z:]+$`)
	for _, c := range commands() {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			name, usage := pflag.UnquoteUsage(f)
			if f.Value.Type() != "bool" && (!strings.Contains(f.Usage, "`") || !noun.MatchString(name)) {
				t.Errorf("%s --%s takes %q: want a noun in backquotes", c.Name(), f.Name, name)
			}
			if strings.HasSuffix(usage, ".") || usage == "" {
				t.Errorf("%s --%s says %q", c.Name(), f.Name, usage)
			}
		})
	}
}

func TestNearMisses(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"stauts":           `there is no command "stauts": did you mean status? sluice help lists them`,
		"frobnicate":       `there is no command "frobnicate": sluice help lists them`,
		"stauts --wait":    `there is no command "stauts": did you mean status?`,
		"help roll-back":   `there is no command "roll-back": did you mean rollback?`,
		"status --fleat x": "unknown flag: --fleat: did you mean --fleet? see sluice status --help",
		"status --limt 2":  "unknown flag: --limt: did you mean --limit? see sluice status --help",
		"status stray":     `status takes no "stray": see sluice status --help`,
		"score rows.csv":   `score takes no "rows.csv", it reads standard input: sluice score < FILE`,
		"help a b":         `help takes no "b"`,
		"completion":       "name the shell",
		"completion tcsh":  `there is no completion for "tcsh"`,
	} {
		out, err := run(t, strings.Fields(args)...)
		if err == nil || !strings.Contains(err.Error(), want) || out != "" || exitCode(t.Context(), err) != exitUsage {
			t.Errorf("sluice %s prints %q: %v, want %s", args, out, err, want)
		}
	}
}

// What earlier versions took goes on working, with a hint; what only looks
// like it is left alone.
func TestOneDash(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		command *cobra.Command
		args    string
		want    string
		hint    string
	}{
		{scoreCommand(), "-model x -raw", "--model x --raw", "--model, --raw"},
		{scoreCommand(), "-model=x", "--model=x", "--model"},
		{scoreCommand(), "--model -raw", "--model -raw", ""},
		{scoreCommand(), "-model -raw", "--model -raw", "--model"},
		{scoreCommand(), "-- -raw", "-- -raw", ""},
		{scoreCommand(), "-rwa -h", "-rwa -h", ""},
		{scoreCommand(), "-help", "--help", "--help"},
		{auctionCommand(), "--retries -1 -live", "--retries -1 --live", "--live"},
		{tryCommand(), "s3://b/k --intended -5 -wait", "s3://b/k --intended -5 --wait", "--wait"},
		{tryCommand(), "-wait s3://b/k", "--wait s3://b/k", "--wait"},
	} {
		var hint bytes.Buffer
		got := strings.Join(doubleDashes(tt.command, strings.Fields(tt.args), &hint), " ")
		if got != tt.want || (tt.hint != "") != strings.Contains(hint.String(), "write "+tt.hint+" with two dashes") {
			t.Errorf("%s becomes %s with the hint %q", tt.args, got, &hint)
		}
	}
	var hint bytes.Buffer
	if err := execute(t.Context(), []string{"world", "-auctions", "1"}, strings.NewReader(""), io.Discard, &hint); err != nil || !strings.Contains(hint.String(), "--auctions") {
		t.Errorf("%v, %q", err, &hint)
	}
}

// TestExitCodes checks what scripts go by.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	fleet := apitest.Scene("canary", noon)
	c := apitest.Serve(t, fleet, api.Options{})
	for args, want := range map[string]int{
		"help":                            exitDone,
		"--version":                       exitDone,
		"status --help":                   exitDone,
		"status --api " + c.Base:          exitDone,
		"frobnicate":                      exitUsage,
		"status --nonsense":               exitUsage,
		"score":                           exitUsage,
		"controller --lease soon":         exitUsage,
		"auction --target nowhere":        exitUsage,
		"score --model none":              exitFailed,
		"rollouts nobody --api " + c.Base: exitFailed,
		"resume --api " + c.Base:          exitRefused, // nothing is paused
		"status --api 127.0.0.1:1":        exitUnreachable,
		"auction --target 127.0.0.1:1":    exitUnreachable,
		"promote --why w --wait --timeout 1ms --api " + c.Base: exitWaitOver,
	} {
		var said bytes.Buffer
		if got := Run(t.Context(), strings.Fields(args), strings.NewReader(""), io.Discard, &said); got != want || (got != 0) != strings.HasPrefix(said.String(), "sluice: ") {
			t.Errorf("sluice %s ends with %d, want %d: %s", args, got, want, &said)
		}
	}
	end := func(f *apitest.Fake) {
		f.Tell(rollout.Event{At: noon, Rollout: "partner-blind", From: rollout.Promoting, To: rollout.RolledBack, Reason: rollout.CandidateWorse, Sentence: "it crashed"})
	}
	c = apitest.Serve(t, acting{apitest.Scene("canary", noon), end}, api.Options{})
	if got := Run(t.Context(), []string{"promote", "--why", "w", "--wait", "--api", c.Base}, nil, io.Discard, io.Discard); got != exitFailed {
		t.Errorf("a promotion that was rolled back ends with %d", got)
	}
}

// Ctrl-C while a command waits is neither success nor failure.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	c := apitest.Serve(t, acting{apitest.Scene("canary", noon), func(*apitest.Fake) { interrupt() }}, api.Options{})
	var said bytes.Buffer
	if got := Run(ctx, []string{"promote", "--why", "w", "--wait", "--api", c.Base}, nil, io.Discard, &said); got != exitInterrupted || strings.Contains(said.String(), "--timeout") {
		t.Errorf("ends with %d: %s", got, &said)
	}
	if got := exitCode(ctx, nil); got != exitDone {
		t.Errorf("a server that Ctrl-C has ended well ends with %d", got)
	}
	if got := exitCode(t.Context(), fmt.Errorf("pass: %w", errors.New("no"))); got != exitFailed {
		t.Errorf("a failure ends with %d", got)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	said, err := run(t, "--version")
	if err != nil || !strings.HasPrefix(said, "sluice version ") || !strings.Contains(said, "commit ") || !strings.Contains(said, runtime.Version()) {
		t.Errorf("%v: %s", err, said)
	}
}

// Shells complete commands, and what the controller knows.
func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if said, err := run(t, "completion", shell); err != nil || !strings.Contains(said, "__complete") {
			t.Errorf("%s: %v", shell, err)
		}
	}
	c := apitest.Serve(t, apitest.Scene("canary", time.Now()), api.Options{})
	for want, args := range map[string][]string{
		"rollback\t":            {"roll"},
		"--timeout\ttime that":  {"rollback", "--ti"},
		"demo\n":                {"status", "--api", c.Base, "--fleet", ""},
		"partner-blind\tcanary": {"abort", "--api", c.Base, ""},
		"fish\n":                {"completion", ""},
		"nlb\t":                 {"help", ""},
		":4\n":                  {"abort", "--api", "127.0.0.1:1", ""}, // nobody to ask, and no files

		"nightly-0412\trefused":                {"rollouts", "--api", c.Base, ""},
		apitest.Digest("basel")[:12] + "\tbas": {"rollback", "--api", c.Base, "--to", ""},
		apitest.Digest("blind")[:12] + "\tpar": {"manifest", "--api", c.Base, ""},
	} {
		if said, err := run(t, append([]string{"__complete"}, args...)...); err != nil || !strings.Contains(said, want) {
			t.Errorf("%q: %v, want %q in\n%s", args, err, want, said)
		}
	}
	if said, err := run(t, "__complete", "promote", "--api", c.Base, ""); err != nil || strings.Contains(said, "nightly-0412") {
		t.Errorf("what is over is offered to be promoted: %v\n%s", err, said)
	}
}
