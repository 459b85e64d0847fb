package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
)

// showing are the commands that print data where it is asked for. The others
// serve, or write rows, scores, manifests and auctions, whose form is given.
func showing() []string {
	return []string{
		"demo", "status", "rollouts", "explain", "lint", "try", "pause", "resume", "abort", "promote", "rollback", "plan", "judge", "replay", "backtest",
		"inspect", "log", "auction", "audit", "freeze", "unfreeze", "token", "doctor",
	}
}

// TestOutputFlags checks that what is shown is shown in every form.
func TestOutputFlags(t *testing.T) {
	t.Parallel()
	other := map[string]bool{
		"controller": true, "task": true, "local": true, "nlb": true, "notify": true, "completion": true, "score": true, "golden": true, "manifest": true, "features": true, "world": true,
	}
	for _, name := range showing() {
		c, _, err := root().Find([]string{name})
		if err != nil || c.Flags().ShorthandLookup("o") == nil || c.Flags().Lookup("json") == nil {
			t.Errorf("%s has no -o or no --json", name)
		}
		other[name] = true
	}
	for _, c := range commands() {
		if !other[c.Name()] {
			t.Errorf("%s: say here whether it shows something", c.Name())
		}
	}
	for args, want := range map[string]string{
		"status -o xml":         `invalid argument "xml" for "-o, --output" flag: want text, json or yaml`,
		"status --json -o yaml": "json is asked for already",
		"status -o":             "flag needs an argument",
	} {
		if _, err := run(t, strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) || exitCode(t.Context(), err) != exitUsage {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
}

// The same page in three forms: --json is -o json, and YAML says the same.
func TestOutputsAgree(t *testing.T) {
	t.Parallel()
	c := apitest.Serve(t, apitest.Scene("canary", time.Now()), api.Options{})
	for _, args := range []string{"rollouts", "rollouts partner-blind", "plan --tasks 4 --requests 100"} {
		say := func(more ...string) string {
			said, err := run(t, append(append(strings.Fields(args), "--api", c.Base), more...)...)
			if err != nil {
				t.Fatalf("%s %v: %v", args, more, err)
			}
			return said
		}
		asJSON, asYAML := say("-o", "json"), say("-o", "yaml")
		if again := say("--json"); again != asJSON || say("-o", "text") != say() || say("--json=false") != say() {
			t.Errorf("%s: --json is not -o json, or text is not text", args)
		}
		if json.Valid([]byte(asYAML)) {
			t.Errorf("%s -o yaml is JSON", args)
		}
		same(t, []byte(asJSON), []byte(asYAML))
	}
}

// same compares JSON and YAML as a reader of YAML takes both.
func same(t *testing.T, asJSON, asYAML []byte) {
	t.Helper()
	var want, read, got any
	if err := json.Unmarshal(asJSON, &want); err != nil {
		t.Fatal(err)
	}
	err := yaml.Unmarshal(asYAML, &read)
	again, err2 := json.Marshal(read) // numbers are of one kind then
	if err = errors.Join(err, err2, json.Unmarshal(again, &got)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v: %.2000s\nis read from\n%.2000s\nwant\n%.2000s", err, again, asYAML, asJSON)
	}
}

// TestYAML writes what is easily taken for something else.
func TestYAML(t *testing.T) {
	t.Parallel()
	written := `{"b":1,"a":[1.5,-2,2e-7,1e+21,true,false,null,"12e45678","0x1f","yes","No","null","~","","a: b","- x","#c"," lead","tail ",
		"two\nlines\n","uni\u2028x \u003c","1_000","2026-11-29",".inf","1:30","@x","!t","&a","*a","%a","|","\u0000\u0007\u0085\ufeff","é \ud83d\ude00","plain","a-b/c"],
		"e":{},"l":[],"n":{"x":[{"y":1,"z":[[1,{"q":[]}],[]]},{}]},"":"empty","on":"off","two words":"'"}`
	var out bytes.Buffer
	if err := printYAML(&out, json.RawMessage(written)); err != nil {
		t.Fatal(err)
	}
	same(t, []byte(written), out.Bytes())
	for _, want := range []string{"b: 1\na:\n  - 1.5\n", "  - 2.0e-7\n", "\n  - \"12e45678\"\n", "\n  - plain\n", "\"on\": \"off\"\n", "\ne: {}\nl: []\n\"n\":\n  x:\n    - \"y\": 1\n      z:\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
}

// FuzzYAML reads back whatever was written.
func FuzzYAML(f *testing.F) {
	f.Add("key", "12e4", 1e-7)
	f.Fuzz(func(t *testing.T, key, text string, number float64) {
		written, err := json.Marshal(map[string]any{key: []any{text, map[string]any{text: number}}})
		if err != nil {
			t.Skip() // no number of JSON
		}
		var out bytes.Buffer
		if err := printYAML(&out, json.RawMessage(written)); err != nil {
			t.Fatal(err)
		}
		same(t, written, out.Bytes())
	})
}

// What a command may say in every form, a shell completes.
func TestOutputCompletion(t *testing.T) {
	t.Parallel()
	said, err := run(t, cobra.ShellCompRequestCmd, "status", "-o", "")
	if err != nil || !strings.Contains(said, "json\n") || !strings.Contains(said, "yaml\n") {
		t.Errorf("%v: %s", err, said)
	}
}
