package controller_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/controllertest"
)

const plainFleet = "fleet: ads\njobs: [\"adfilter-*\"]\necs: {cluster: prod, service: inference}\n"

// lint writes fleet files and reads what there is to say of them.
func lint(t *testing.T, files map[string]string) (remarks []controller.Remark) {
	t.Helper()
	folder := t.TempDir()
	for name, body := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	remarks, read, err := controller.LintFleets(t.Context(), controller.Disk(folder))
	if err != nil || read != len(files) {
		t.Fatalf("%d of %d files: %v", read, len(files), err)
	}
	return remarks
}

// TestLint says one thing of one line.
func TestLint(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		more    string // behind three plain lines
		line    int
		setting string // "" for an error that is about none
		warning bool
		says    string
	}{
		{"colour: red\n", 4, "", false, `unknown field "colour"`},
		{"look_every: soon\n", 4, "", false, `"soon" is no duration`},
		{"policy:\n  explore: 7\n", 5, "policy.explore", false, "want a share from 0 to 1"},
		{"policy:\n  judge:\n    margin: 7\n", 6, "policy.judge.margin", false, "want 0 to 1"},
		{"policy:\n  steps:\n    - {percent: 5}\n    - {percent: 70}\n", 7, "policy.steps[1]", false, "want tasks"},
		{"policies:\n  - name: x\n    jobs: [a]\n    hold_for: -1s\n", 7, "policies[0].hold_for", false, "want a positive duration"},
		{"admission:\n  min_golden: 8\n  max_filter_rate: 3\n", 6, "admission.max_filter_rate", false, "is 3, not between 0 and 1"},
		{"prices: {currency: EUR}\n", 4, "prices.cap", false, "want the price per mille"},
		{"policies:\n  - {name: x}\n", 5, "policies[0]", false, "want a name and the jobs"},
		{"admission: {manifest: nowhere.json}\n", 4, "admission.manifest", false, "no such file"},
		{"deployments: ignore\n", 4, "deployments", false, `is "ignore": want release, by which canaries go back`},

		{"deployments: pause\n", 4, "deployments", true, "release lets them go first"},
		{"jobs_every: 1s\n", 4, "jobs_every", true, "SageMaker slows down"},
		{"look_every: 5m\n", 4, "look_every", true, "harm is found 5m0s later"},
		{"prices: {cap: 5000}\n", 4, "prices.cap", true, "hardly any bid is above"},
		{"admission:\n  max_memory_bytes: 200\n", 5, "admission.max_memory_bytes", true, "it is in bytes"},
		{"admission:\n  min_golden: 8\n", 5, "admission.min_golden", true, "min_auctions"},
		{"policy:\n  shadow: {skip: true}\n", 5, "policy.shadow.skip", true, "live auctions"},
		{"policy:\n  shadow:\n    soak: 10s\n", 6, "policy.shadow.soak", true, "no past"},
		{"policy:\n  shadow: {sample: 0.9}\n", 5, "policy.shadow.sample", true, "0.9 of all requests"},
		{"policy: {explore: 0}\n", 4, "policy.explore", true, "cannot be judged"},
		{"policy: {explore: 0.5}\n", 4, "policy.explore", true, "0.5 of all auctions"},
		{"policy:\n\n  hold_for: 5m\n", 6, "policy.hold_for", true, "before a person"},
		{"policy: {artifact_wait: 5s}\n", 4, "policy.artifact_wait", true, "upload"},
		{"policy: {promote_wait: 5s}\n", 4, "policy.promote_wait", true, "large model"},
		{"policy: {preempt: true}\n", 4, "policy.preempt", true, "max_coalesced (5)"},
		{"policy: {losses: {off: true}}\n", 4, "policy.losses.off", true, "hang"},
		{"policy: {swap_guard: {off: true}}\n", 4, "policy.swap_guard.off", true, "slows auctions"},
		{"policy:\n  steps:\n    - {percent: 40, soak: 5m}\n    - {percent: 50, soak: 5m}\n", 6, "policy.steps[0].percent", true, "40 % of all"},
		{"policy:\n  steps:\n    - {percent: 5, soak: 5m}\n    - {percent: 25}\n", 7, "policy.steps[1].soak", true, "slow harm"},
		{"policy:\n  steps:\n    - {percent: 5, soak: 3h}\n", 6, "policy.steps[0].soak", true, "phase_wait (2h0m0s)"},
		{"policy:\n  steps:\n    - {percent: 20, soak: 5m}\n    - {percent: 5, soak: 5m}\n", 7, "policy.steps[1].percent", true, "fewer tasks"},
		{"policy:\n  steps:\n    - {percent: 5, soak: 5m, margin: 0.04}\n", 6, "policy.steps[0].margin", true, "within 0.04"},
		{"policy: {judge: {margin: 0.2, partner_margin: 0.2}}\n", 4, "policy.judge.margin", true, "filter 0.2 more or less"},
		{"policy: {judge: {partner_margin: 0.16}}\n", 4, "policy.judge.partner_margin", true, "filter 0.16 more or less"},
		{"policy: {judge: {tail_margin: 0.3}}\n", 4, "policy.judge.tail_margin", true, "filter 0.3 more or less"},
		{"policy: {judge: {partner_margin: 0.01}}\n", 4, "policy.judge.partner_margin", true, "less than all of them"},
		{"policy: {judge: {margin: 0.001}}\n", 4, "policy.judge.margin", true, "millions of requests"},
		{"policy: {judge: {error_ratio: 4}}\n", 4, "policy.judge.error_ratio", true, "4 times as often"},
		{"policy: {judge: {error_floor: 0.1}}\n", 4, "policy.judge.error_floor", true, "0.1 of all requests"},
		{"policy: {judge: {latency: \"off\"}}\n", 4, "policy.judge.latency", true, "slow model"},
		{"policy: {judge: {missed_bids: \"off\"}}\n", 4, "policy.judge.missed_bids", true, "who bid"},
		{"policy: {judge: {drift: \"off\"}}\n", 4, "policy.judge.drift", true, "unnoticed"},
		{"policy: {judge: {breaker: {crashes: -1}}}\n", 4, "policy.judge.breaker.crashes", true, "crashes tasks"},
		{"policy: {judge: {breaker: {error_share: 0.9}}}\n", 4, "policy.judge.breaker.error_share", true, "0.9 of all requests"},
		{"policies:\n  - name: hot\n    jobs: [\"adfilter-hot-*\"]\n    preempt: true\n", 7, "policies[0].preempt", true, "none goes live"},
		{"policies:\n  - name: hot\n    jobs: [\"other-*\"]\n", 6, "policies[0].jobs", true, "never governs"},
		{"policies:\n  - name: hot\n    jobs: [\"adfilter-{a,b}\"]\n", 6, "policies[0].jobs", true, "never governs"},
		{"policies:\n  - name: hot\n    jobs: [\"adfilter-*\"]\n    explore: 0.05\n", 7, "policies[0].explore", true, "the fleet's"},
	} {
		remarks := lint(t, map[string]string{"ads.yaml": plainFleet + tt.more})
		if len(remarks) != 1 && !(len(remarks) == 2 && strings.Contains(tt.more, "partner_margin: 0.2")) {
			t.Errorf("%s: %+v", tt.more, remarks)
			continue
		}
		if r := remarks[0]; filepath.Base(r.File) != "ads.yaml" || r.Line != tt.line || r.Setting != tt.setting || r.Warning != tt.warning || !strings.Contains(r.Says, tt.says) {
			t.Errorf("%s: %+v, want line %d: %s: %s", tt.more, r, tt.line, tt.setting, tt.says)
		}
	}
}

// Nothing is said of what is as it should be: a file of three lines, and the
// one of the documentation.
func TestLintIsQuiet(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/fleet.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(text), "```yaml\n")
	shown, _, found := strings.Cut(shown, "```")
	if !found {
		t.Fatal("docs/fleet.md shows no fleet file")
	}
	shown, special, _ := strings.Cut(shown, "\npolicies:")
	for name, body := range map[string]string{"plain": plainFleet, "documented": shown} {
		if remarks := lint(t, map[string]string{"ads.yaml": body}); len(remarks) > 0 {
			t.Errorf("%s: %+v", name, remarks)
		}
	}
	if remarks := lint(t, map[string]string{"ads.yaml": shown + "\npolicies:" + special}); len(remarks) != 1 || remarks[0].Setting != "policies[0].shadow.skip" {
		t.Errorf("the documented special policy: %+v", remarks)
	}
}

// What several files say together is told of the later one.
func TestLintTogether(t *testing.T) {
	t.Parallel()
	other := strings.NewReplacer("fleet: ads", "fleet: b", "service: inference", "service: other", "adfilter", "bfilter").Replace(plainFleet)
	for _, tt := range []struct {
		second, says string
		line         int
		warning      bool
	}{
		{strings.Replace(other, "fleet: b", "fleet: ads", 1), `fleet "ads" is declared twice`, 1, false},
		{strings.Replace(other, "service: other", "service: inference", 1), "the ECS service prod/inference is that of a fleet", 3, false},
		{strings.Replace(other, "bfilter-*", "adfilter-*", 1), `"adfilter-*" is also among the jobs of fleet ads`, 2, true},
	} {
		remarks := lint(t, map[string]string{"a.yaml": plainFleet, "b.yaml": tt.second})
		if len(remarks) != 1 || filepath.Base(remarks[0].File) != "b.yaml" || remarks[0].Line != tt.line || remarks[0].Warning != tt.warning || !strings.Contains(remarks[0].Says, tt.says) {
			t.Errorf("%+v, want line %d: %s", remarks, tt.line, tt.says)
		}
	}
	if remarks := lint(t, map[string]string{"a.yaml": "fleet: [\n", "b.yaml": other + "colour: red\n", "c.yaml": plainFleet}); len(remarks) != 2 || remarks[0].Line == 0 || remarks[1].Line != 4 {
		t.Errorf("two broken files of three: %+v", remarks)
	}
	if _, _, err := controller.LintFleets(t.Context(), controller.Disk(t.TempDir())); err == nil || !strings.Contains(err.Error(), "has no *.yaml file") {
		t.Error(err)
	}
}

// What is wrong with a part of ecs is told alone, though nothing can stand in its
// place when the rest is read.
func TestLintECS(t *testing.T) {
	t.Parallel()
	for _, ecs := range []string{
		"{cluster: \"arn:aws-cn:ecs:cn-north-1:1:cluster/c\", service: \"arn:aws:ecs:eu-west-1:1:service/c/s\"}",
		"\n  cluster: c\n  service: a service",
	} {
		remarks := lint(t, map[string]string{"ads.yaml": "fleet: ads\njobs: [\"*\"]\necs: " + ecs + "\n"})
		if len(remarks) != 1 || remarks[0].Setting != "ecs.service" {
			t.Errorf("%s: %+v", ecs, remarks)
		}
	}
}

// FuzzLint survives whatever stands in a file.
func FuzzLint(f *testing.F) {
	f.Add(plainFleet + "policy: {judge: {margin: 0.2}}\n")
	f.Add("fleet: &a ads\njobs: *a\n")
	f.Add("? [a]\n: b\n")
	f.Fuzz(func(t *testing.T, body string) { lint(t, map[string]string{"a.yaml": body}) })
}

// A pattern that no job's name matches would keep a fleet without models: no
// controller starts with it.
func TestLintJobPatterns(t *testing.T) {
	t.Parallel()
	for pattern, says := range map[string]string{"ad_filter*": `pattern "ad_filter*" has "_"`, "adfilter-{a,b}-*": `pattern "adfilter-{a,b}-*" has "{"`} {
		remarks := lint(t, map[string]string{"ads.yaml": strings.Replace(plainFleet, "adfilter-*", pattern, 1)})
		if len(remarks) != 1 || remarks[0].Warning || remarks[0].Line != 2 || remarks[0].Setting != "jobs" || !strings.Contains(remarks[0].Says, says) {
			t.Errorf("%s: %+v", pattern, remarks)
		}
	}
}

// TestLintTellsEverything tells all that is wrong in a file, each once, with the
// place that it has in the file as it is written.
func TestLintTellsEverything(t *testing.T) {
	t.Parallel()
	body := `fleet: Ads!
jobs: ["adfilter-*", "[x"]
ecs: {cluster: prod, service: inference}
colour: red
look_every: soon
jobs_every: later
policy:
  hold_for: -1s
  explore: 7
  shadow:
    soke: 3
  judge:
    margin: 7
  steps:
    - {percent: 5}
    - {percent: 70}
policies:
  - name: x
    jobs: [a]
    hold_for: -1s
    phase_wait: 0s
  - name: "y"
    jobs: [b]
    explore: -1
admission:
  max_filter_rate: 3
  manifest: nowhere.json
`
	want := []string{
		"1: fleet is \"Ads!\"", "2: ", "4:1: unknown field \"colour\"", "5:13: \"soon\" is no duration", "6:13: \"later\" is no duration", "8: policy: hold_for", "9: policy: explore",
		"11:5: unknown field \"soke\"", "13: policy: judge.margin", "16: policy: steps[1]", "20: policies[0] (x): hold_for", "21: policies[0] (x): phase_wait",
		"24: policies[1] (y): explore", "26: check admission policy: max_filter_rate", "27: admission.manifest",
	}
	var got []string
	for _, r := range lint(t, map[string]string{"ads.yaml": body}) {
		at := strconv.Itoa(r.Line)
		if r.Column > 0 {
			at += ":" + strconv.Itoa(r.Column)
		}
		if !r.Warning {
			got = append(got, at+": "+r.Says)
		}
	}
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("it does not say %q", want[i])
		case i >= len(want):
			t.Errorf("it says %q, too", got[i])
		case !strings.HasPrefix(got[i], want[i]):
			t.Errorf("it says %q, want %q", got[i], want[i])
		}
	}
	var many strings.Builder
	many.WriteString(plainFleet)
	for i := range 100 {
		many.WriteString("colour" + strconv.Itoa(i) + ": red\n")
	}
	if n := len(lint(t, map[string]string{"ads.yaml": many.String()})); n != 20 {
		t.Errorf("of a hundred errors it tells %d", n)
	}
}

func TestDiskIsAPlaceOfFleetFiles(t *testing.T) {
	folder := t.TempDir()
	controllertest.FleetFiles(t, func() controller.FleetFiles { return controller.Disk(folder) },
		func(name, body string) {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(body), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		func(name string) {
			if err := os.Remove(filepath.Join(folder, name)); err != nil {
				t.Fatal(err)
			}
		})
}
