package cli

import (
	"encoding/json"
	"strings"
	"testing"
)

// Every word is explained, by itself and in the list.
func TestExplain(t *testing.T) {
	t.Parallel()
	all, err := run(t, "explain")
	if err != nil || len(words()) < 150 {
		t.Fatalf("%d words: %v", len(words()), err)
	}
	for _, w := range words() {
		if !strings.HasSuffix(strings.TrimRight(w.Means, "?"), ".") && !strings.HasSuffix(w.Means, "?") && !strings.HasSuffix(w.Means, ",") || w.Do != "" && !strings.HasSuffix(w.Do, ".") && !strings.HasSuffix(w.Do, "?") {
			t.Errorf("%s is no sentence: %+v", w.Word, w)
		}
		said, err := run(t, "explain", w.Word)
		if err != nil || !strings.Contains(said, w.Word+" (") || !strings.Contains(all, "  "+w.Word+" ") {
			t.Errorf("%s: %v: %s", w.Word, err, said)
		}
	}
	for args, want := range map[string][]string{
		"explain candidate_worse":    {"candidate_worse (reasons)\nmeans      Beyond doubt ", "\nwhat to do Look at that partner in the training data."},
		"explain judge.margin":       {"policy.judge.margin (settings of the fleet file)\ndefault    0.02\n"},
		"explain margin":             {"policy.steps.margin (", "policy.judge.margin ("},
		"explain latency":            {"latency (gates)", "policy.judge.latency (settings"},
		"explain Canary":             {"canary (phases)"},
		"explain requests_total":     {"sluice_requests_total (metrics of a task)"},
		"explain hold-for -o yaml":   {"- word: \"policy.hold_for\"\n", "  default: \"24h\"\n"},
		"explain data --json":        {`"kind": "Reasons"`, `"kind": "Gates"`},
		"__complete explain ":        {"candidate_worse\tReasons\n"},
		"explain borderline -o json": {`"word": "borderline"`},
	} {
		said, err := run(t, strings.Split(args, " ")...)
		for _, w := range want {
			if err != nil || !strings.Contains(said, w) {
				t.Errorf("%s: %v, want %q in\n%s", args, err, w, said)
			}
		}
	}
	var list []word
	if said, err := run(t, "explain", "-o", "json"); err != nil || json.Unmarshal([]byte(said), &list) != nil || len(list) != len(words()) {
		t.Errorf("as JSON: %v, %d words", err, len(list))
	}
	for text, want := range map[string]string{"margn": "did you mean margin?", "xyzzy": `nothing is called "xyzzy": sluice explain lists all words`} {
		if _, err := run(t, "explain", text); err == nil || !strings.Contains(err.Error(), want) || exitCode(t.Context(), err) != exitUsage {
			t.Errorf("explain %s: %v", text, err)
		}
	}
}
