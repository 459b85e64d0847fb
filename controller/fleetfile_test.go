package controller

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

const goodFleet = `
fleet: ads
jobs: ["adfilter-*"]
ecs: {cluster: c, service: s}
policy: {settle: 10s, steps: [{tasks: 2}]}
policies:
  - name: urgent
    jobs: ["adfilter-urgent-*"]
    shadow: {skip: true}
`

func TestParseFleet(t *testing.T) {
	f, err := ParseFleet([]byte(goodFleet))
	if err != nil {
		t.Fatal(err)
	}
	normal, urgent := f.Policies.For("adfilter-1"), f.Policies.For("adfilter-urgent-1")
	if normal.Name != "default" || normal.Settle != 10*time.Second || normal.PhaseWait != 2*time.Hour {
		t.Errorf("the default policy is %+v", normal)
	}
	if urgent.Name != "urgent" || !urgent.Shadow.Skip || urgent.Settle != 10*time.Second || len(urgent.Steps) != 1 {
		t.Errorf("the special policy is not read on top of the default one: %+v", urgent)
	}
	if g := normal.SwapGuard; g.Off || g.Ratio != 3 || g.Floor != 20*time.Millisecond || g.Requests != 1000 {
		t.Errorf("swaps are guarded by %+v", g)
	}
	if f.Prices.Currency != "USD" || f.Prices.Cap != 100 {
		t.Errorf("prices are %+v", f.Prices)
	}
	if f.ECS.ControlPort != 9091 || f.LookEvery != 5*time.Second {
		t.Errorf("defaults are missing: %+v", f)
	}
}

// TestParseFleetErrors checks that every mistake is named with its setting.
func TestParseFleetErrors(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"unknown setting", "settle: 10s", "setle: 10s", "setle"},
		{"unknown setting of a special policy", "name: urgent", "nane: urgent", "nane"},
		{"wrong type", "settle: 10s", "settle: soon", "soon"},
		{"number for a list", `jobs: ["adfilter-*"]`, "jobs: 7", "jobs"},
		{"a pattern that is none", `jobs: ["adfilter-*"]`, `jobs: ["[a"]`, `jobs: pattern "[a": syntax error`},
		{"a second fleet in one file", "policies:\n", "---\nfleet: other\n---\npolicies:\n", "more than one document (---)"},
		{"number without a unit", "settle: 10s", "settle: 10", `[5:18] "10" is no duration`},
		{"place in a special policy", "    shadow: {skip: true}", "    settle: soon", `[9:13] "soon" is no duration`},
		{"line of an unknown setting in a special policy", "    shadow: {skip: true}", "    colour: red", `[9:5] unknown field "colour"`},
		{"text for a number", "settle: 10s", "promote_batch: many", `[5:25] "many" is not what is wanted here: a whole number`},
		{"no cap in another currency", "policy:", "prices: {currency: EUR}\npolicy:", "prices.cap is missing"},
		{"a rate that is none", "policy:", "prices: {rates: {EUR: 0}}\npolicy:", "prices.rates.EUR is 0"},
		{"empty special policy", "policies:\n", "policies:\n  - ~\n", "policies[0]"},
		{"no text", "fleet: ads", "fleet: \xff", "UTF-8"},
		{"judge's margin beyond one", "settle: 10s", "judge: {margin: 7}", "judge.margin"},
		{"no YAML", "fleet: ads", "fleet: [ads", "["},
		{"bad name", "fleet: ads", "fleet: ../ads", "lower-case"},
		{"no service", "service: s", "service: ''", "ecs"},
		{"no jobs", `jobs: ["adfilter-*"]`, "jobs: []", "jobs"},
		{"bad pattern", `jobs: ["adfilter-urgent-*"]`, `jobs: ["["]`, "pattern"},
		{"no steps", "steps: [{tasks: 2}]", "steps: []", "steps"},
		{"tasks and percent", "steps: [{tasks: 2}]", "steps: [{tasks: 2, percent: 5}]", "steps[0]"},
		{"share beyond one", "settle: 10s", "explore: 5", "explore"},
		{"shadow without sample", "settle: 10s", "shadow: {sample: 0}", "shadow.skip"},
		{"too few buckets", "settle: 10s", "buckets: 16", "buckets"},
		{"swap guard that forbids all swaps", "settle: 10s", "swap_guard: {ratio: 0.5}", "swap_guard.ratio is 0.5: want 1 or more; say swap_guard: {off: true}"},
		{"swap guard on no evidence", "settle: 10s", "swap_guard: {requests: 0}", "swap_guard.requests"},
		{"swap guard below zero", "settle: 10s", "swap_guard: {floor: -1ms}", "swap_guard.floor"},
		{"swap guard's floor without a unit", "settle: 10s", "swap_guard: {floor: 20}", `"20" is no duration`},
		{"bad admission", "policy:", "admission: {max_filter_rate: 70}\npolicy:", "max_filter_rate"},
		{"nameless receiver", "policy:", "notify: [{slack: {url_file: s}}]\npolicy:", "notify[0]: name"},
		{"a receiver twice", "policy:", "notify: [{name: a, slack: {url_file: s}}, {name: a, slack: {url_file: s}}]\npolicy:", "a stands twice"},
		{"no way to a receiver", "policy:", "notify: [{name: a}]\npolicy:", "notify, a: want one of webhook, slack and email"},
		{"two ways to a receiver", "policy:", "notify: [{name: a, slack: {url_file: s}, email: {server: 'h:25', from: a@b, to: [c@d]}}]\npolicy:", "want one of webhook"},
		{"an event that is none", "policy:", "notify: [{name: a, events: [promoted], slack: {url_file: s}}]\npolicy:", `there is no event "promoted": want some of [held`},
		{"a webhook that is not signed", "policy:", "notify: [{name: a, webhook: {url: 'https://h'}}]\npolicy:", "openssl rand"},
		{"a webhook to nowhere", "policy:", "notify: [{name: a, webhook: {secret_file: s}}]\npolicy:", "url_file"},
		{"a secret in the fleet file", "policy:", "notify: [{name: a, slack: {url: 'https://hooks'}}]\npolicy:", `unknown field "url"`},
		{"a password without a user", "policy:", "notify: [{name: a, email: {server: 'h:25', from: a@b, to: [c@d], password_file: p}}]\npolicy:", "belong together"},
		{"nameless special policy", "name: urgent", "name: ''", "policies[0]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(goodFleet, tt.old, tt.new, 1)
			if text == goodFleet {
				t.Fatal("the mistake was not made")
			}
			_, err := ParseFleet([]byte(text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want it to say %q", err, tt.want)
			}
		})
	}
}

func TestReadFleets(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadFleets(t.Context(), Disk(filepath.Join(dir, "none.yaml"))); err == nil || !strings.Contains(err.Error(), "--fleets") {
		t.Errorf("a missing file gives %v", err)
	}
	if _, err := ReadFleets(t.Context(), Disk(dir)); err == nil || !strings.Contains(err.Error(), "*.yaml") {
		t.Errorf("an empty folder gives %v", err)
	}
	for _, name := range []string{"a.yaml", "b.yaml"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(goodFleet), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ReadFleets(t.Context(), Disk(dir)); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("a fleet declared twice gives %v", err)
	}
	if fleets, err := ReadFleets(t.Context(), Disk(filepath.Join(dir, "a.yaml"))); err != nil || len(fleets) != 1 {
		t.Errorf("one file gives %v, %v", fleets, err)
	}
}

// Two fleets never steer the same tasks.
func TestServiceOfTwoFleets(t *testing.T) {
	dir := t.TempDir()
	for name, change := range map[string][2]string{
		"a.yaml": {"", ""},
		"b.yaml": {"cluster: c", "cluster: arn:aws:ecs:us-east-1:1:cluster/c"},
	} {
		body := strings.Replace(goodFleet, change[0], change[1], 1)
		if name == "b.yaml" {
			body = strings.Replace(body, "fleet: ", "fleet: other-", 1)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ReadFleets(t.Context(), Disk(dir)); err == nil || !strings.Contains(err.Error(), "give each a service of its own") {
		t.Errorf("two fleets with one service give %v", err)
	}
}

// Marks of a document's beginning and end make no second one.
func TestOneDocument(t *testing.T) {
	for _, body := range []string{"---\n" + goodFleet, "# fleet\n---\n" + goodFleet, goodFleet + "\n---\n", goodFleet + "\n...\n"} {
		if f, err := ParseFleet([]byte(body)); err != nil || f.Name != "ads" {
			t.Errorf("%s gives %q, %v", body, f.Name, err)
		}
	}
}

// FuzzParseFleet checks that no file brings the parser down or gets a fleet
// past its checks without a name.
func FuzzParseFleet(f *testing.F) {
	f.Add([]byte(goodFleet))
	f.Add([]byte("policies: [~]"))
	f.Add([]byte("policies: [&a {name: x, soak: [1]}, *a]"))
	f.Fuzz(func(t *testing.T, body []byte) {
		fleet, err := ParseFleet(body)
		if err == nil && (fleet.Name == "" || len(fleet.Policies.Default.Steps) == 0) {
			t.Errorf("accepted %+v", fleet)
		}
	})
}

// TestReadManifest checks that a manifest for models that come without one
// lies beside the fleet file, and is looked at when that is read.
func TestReadManifest(t *testing.T) {
	folder := t.TempDir()
	manifest, err := json.Marshal(releasetest.Manifest(0))
	if err != nil {
		t.Fatal(err)
	}
	keep := func(name, body string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	keep("fleet.yaml", goodFleet+"\nadmission: {manifest: contract.json}\n")
	if _, err := ReadFleets(t.Context(), Disk(folder)); err == nil || !strings.Contains(err.Error(), "admission.manifest: open ") {
		t.Errorf("without it: %v", err)
	}
	keep("contract.json", "{}")
	if _, err := ReadFleets(t.Context(), Disk(folder)); err == nil || !strings.Contains(err.Error(), "admission.manifest: manifest: ") {
		t.Errorf("with a broken one: %v", err)
	}
	keep("contract.json", string(manifest))
	if fleets, err := ReadFleets(t.Context(), Disk(folder)); err != nil || fleets[0].Admission.ManifestBody != string(manifest) {
		t.Errorf("with a good one: %v", err)
	}
}

// TestFleetDocument checks that the fleet file shown in the documentation is
// one, and that it shows the defaults.
func TestFleetDocument(t *testing.T) {
	text, err := os.ReadFile("../docs/fleet.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(text)
	if shown == nil {
		t.Fatal("docs/fleet.md shows no fleet file")
	}
	f, err := ParseFleet(shown[1])
	if err != nil {
		t.Fatal(err)
	}
	got, want := f.Policies.Default, rollout.Defaults()
	got.Judge, want.Judge = judge.Policy{}, judge.Policy{}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("docs/fleet.md shows\n%+v\nthe defaults are\n%+v", got, want)
	}
}

// TestSecretsLieBesideTheFleetFile reads relative paths from its folder.
func TestSecretsLieBesideTheFleetFile(t *testing.T) {
	dir := t.TempDir()
	text := strings.Replace(goodFleet, "policy:", "notify: [{name: a, events: [held, live], webhook: {url: 'https://h', secret_file: keys/hook}}, {name: b, slack: {url_file: /run/slack}}]\npolicy:", 1)
	if err := os.WriteFile(filepath.Join(dir, "ads.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	fleets, err := ReadFleets(t.Context(), Disk(dir))
	if err != nil {
		t.Fatal(err)
	}
	n := fleets[0].Notify
	if len(n) != 2 || n[0].Webhook.SecretFile != filepath.Join(dir, "keys", "hook") || n[0].Webhook.URLFile != "" || n[1].Slack.URLFile != "/run/slack" {
		t.Errorf("read %+v", n)
	}
	if !slices.Equal(n[0].Events, []Kind{KindHeld, KindLive}) {
		t.Errorf("events are %v", n[0].Events)
	}
}

// Clusters and services are named as ECS names them, in every partition.
func TestECSNames(t *testing.T) {
	const east, china = "arn:aws:ecs:us-east-1:123456789012:", "arn:aws-cn:ecs:cn-north-1:123456789012:"
	for _, tt := range []struct{ cluster, service, region, says string }{
		{"prod", "inference", "", ""},
		{"Prod_1", "in-ference", "", ""},
		{east + "cluster/prod", "inference", "us-east-1", ""},
		{east + "cluster/prod", east + "service/prod/inference", "us-east-1", ""},
		{china + "cluster/prod", china + "service/prod/inference", "cn-north-1", ""},
		{"prod", "arn:aws-us-gov:ecs:us-gov-west-1:1:service/prod/inference", "us-gov-west-1", ""},
		{"prod", "arn:aws-eusc:ecs:eusc-de-east-1:1:service/inference", "eusc-de-east-1", ""},
		{"prod", east + "service/other/inference", "", `ecs.service is of cluster "other", and ecs.cluster is "prod": name the service's`},
		{east + "cluster/prod", china + "service/prod/inference", "", "ecs.service is in aws-cn cn-north-1 123456789012, and ecs.cluster in aws us-east-1 123456789012"},
		{east + "service/prod/inference", "inference", "", "ecs.cluster is"},
		{"prod", east + "cluster/prod", "", "want an ARN such as arn:aws:ecs:eu-west-1:123456789012:service/prod/inference, or a name"},
		{"arn:aws:eks:us-east-1:1:cluster/prod", "inference", "", "ecs.cluster is"},
		{"arn:aws:ecs", "inference", "", "ecs.cluster is"},
		{"prod/east", "inference", "", `ecs.cluster is "prod/east": want a name of letters, digits, dashes and underscores, or an ARN`},
		{"prod", "in.ference", "", `ecs.service is "in.ference"`},
	} {
		e := ECS{Cluster: tt.cluster, Service: tt.service, ControlPort: 9091}
		err := e.check()
		if (err != nil) != (tt.says != "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s %s: %v, want %q", tt.cluster, tt.service, err, tt.says)
		}
		if err == nil && e.Region() != tt.region {
			t.Errorf("%s %s is in %q, want %q", tt.cluster, tt.service, e.Region(), tt.region)
		}
	}
}

// TestWhatLiesBeside finds what fleet files name, wherever they lie.
func TestWhatLiesBeside(t *testing.T) {
	for _, tt := range []struct{ file, name, want, says string }{
		{"fleets/ads.yaml", "keys/hook", "fleets/keys/hook", ""},
		{"fleets/ads.yaml", "/run/hook", "/run/hook", ""},
		{"fleets/ads.yaml", "env:HOOK:secret", "env:HOOK:secret", ""},
		{"s3://bucket/fleets/ads.yaml", "env:HOOK", "env:HOOK", ""},
		{"s3://bucket/fleets/ads.yaml", "/run/hook", "/run/hook", ""},
		{"s3://bucket/fleets/ads.yaml", "hook", "", "from where no secret is read: name a variable"},
		{"env:FLEET", "hook", "", "lies beside nothing"},
	} {
		got, err := secretBeside(tt.file, tt.name)
		if tt.says == "" && (err != nil || got != tt.want) || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s in %s: %q, %v", tt.name, tt.file, got, err)
		}
	}
	if got, err := beside("s3://bucket/fleets/ads.yaml", "manifest.json"); err != nil || got != "s3://bucket/fleets/manifest.json" {
		t.Errorf("a manifest in S3: %q, %v", got, err)
	}
	t.Setenv("SLUICE_TEST_FLEET", strings.Replace(goodFleet, "policy:", "notify: [{name: a, slack: {url_file: slack.url}}]\npolicy:", 1))
	if _, err := ReadFleets(t.Context(), Disk("env:SLUICE_TEST_FLEET")); err == nil || !strings.Contains(err.Error(), "env:SLUICE_TEST_FLEET: notify, a: slack.url lies beside nothing") {
		t.Errorf("a secret beside a variable: %v", err)
	}
	t.Setenv("SLUICE_TEST_FLEET", goodFleet)
	if fleets, err := ReadFleets(t.Context(), Disk("env:SLUICE_TEST_FLEET")); err != nil || len(fleets) != 1 {
		t.Errorf("a fleet file in a variable: %v, %v", fleets, err)
	}
}
