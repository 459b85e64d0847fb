package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPlan(t *testing.T) {
	fleet := file(t, "ads.yaml", `
fleet: ads
jobs: ["*"]
ecs: {cluster: c, service: s}
policy:
  name: careful
  phase_wait: 1h
  steps: [{tasks: 1, soak: 1m, margin: 0.04}, {percent: 50, soak: 2m}]
policies: [{name: quick, jobs: ["fix-*"], steps: [{tasks: 2}]}]
`)
	traffic := file(t, "traffic.yaml", "tasks: 20\nrequests: 300\nper_request: 20\npartners: [{name: acme, share: 0.9}, {name: tiny, share: 0.00001}]\n")
	for _, tt := range []struct {
		args string
		want []string
		err  string
	}{
		{"--tasks 40 --requests 200 --partners 30", []string{
			"40 tasks, 200 auctions/s each, 30 partners known; policy default", "step 1 of 2: 2 canary and 2 control tasks, margin 5 pt, soak 5 min",
			"step 2 of 2: 10 canary and 10 control tasks, margin 2 pt, soak 10 min", "partners_paired partner 14    ", "and 17 more: --limit shows them",
		}, ""},
		{"--traffic " + traffic + " --fleet-file " + fleet, []string{
			"20.0 partners each, 2 partners known; policy careful", "step 1 of 2: 1 canary and 1 control tasks, margin 4 pt, soak 60 s (some 18 k auctions",
			"found within 60 min in 9 of 10", "WARNING", "small partners",
		}, ""},
		{"--traffic " + traffic + " --fleet-file " + fleet + " --job fix-1 --tasks 6", []string{"6 tasks, ", "policy quick", "step 1 of 1: 2 canary and 2 control tasks"}, ""},
		{"--traffic " + file(t, "t.yaml", "tasks: 6\nrequests: 300\nstrata: [{zone: z1, tasks: 5}, {zone: z2, tasks: 1}]"), []string{"step 1 of 2: 1 canary and 1 control tasks"}, ""},
		{"--traffic " + file(t, "t.yaml", "tasks: 3\nrequests: 300\nstrata: [{zone: z1, tasks: 1}, {zone: z2, tasks: 1}, {zone: z3, tasks: 1}]"), []string{
			"WARNING canary and control share no zone (canary in z1, control in z2): a difference between their clients",
		}, ""},
		{"--traffic " + file(t, "t.yaml", "tasks: 4\nrequests: 300\nstrata: [{zone: z1, tasks: 5}]"), nil, `strata: "z1" has 5 tasks of 4`},
		{"--traffic " + file(t, "t.yaml", "tasks: 4\nrequests: 300\nstrata: [{zone: z1, tasks: 3}]"), nil, "strata: they have 3 tasks, and the fleet has 4"},
		{"--tasks 1 --requests 5", nil, "has 1 task: comparing takes two at least"},
		{"--tasks 40 --traffic " + file(t, "t.yaml", "requests: 0"), nil, "say it with --requests"},
		{"--tasks 40 --traffic " + file(t, "t.yaml", "request: 5"), nil, `unknown field "request"`},
		{"--tasks 40 --traffic " + file(t, "t.yaml", "requests: [5"), nil, "read the traffic"},
		{"--traffic none.yaml", nil, "read the traffic"},
		{"--fleet-file none.yaml", nil, "none.yaml"},
		{"--fleet other --fleet-file " + fleet, nil, `declares no fleet "other"`},
		{"--tasks -1", nil, "--tasks is -1"},
		{"--requests NaN", nil, "--requests is NaN"},
		{"--partners 5000", nil, "--partners is 5000"},
		{"--limit 0", nil, "--limit is 0"},
		{"--api 127.0.0.1:1", nil, "reach the controller"},
	} {
		out, err := run(t, append([]string{"plan"}, strings.Fields(tt.args)...)...)
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %v, want %q", tt.args, err, tt.err)
		}
		for _, want := range tt.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: want %q in\n%s", tt.args, want, out)
			}
		}
	}
}

// TestPlanFollowsThePolicy forecasts what the judge will be asked, and less
// time for more traffic.
func TestPlanFollowsThePolicy(t *testing.T) {
	busy := traffic{Tasks: 40, Traffic: judge.Traffic{Requests: 100, PerRequest: 20, Partners: zipf(20)}}
	p := rollout.Defaults()
	slow := planSteps(busy, p)
	busy.Requests *= 10
	quick := planSteps(busy, p)
	for i := range slow.Steps {
		s, q := slow.Steps[i], quick.Steps[i]
		if s.Forecast.Mean < 5*q.Forecast.Mean || q.Forecast.Mean <= 0 || 10*s.Exposes != q.Exposes {
			t.Errorf("step %d: %v and %d auctions, with ten times the traffic %v and %d", i+1, s.Forecast.Mean, s.Exposes, q.Forecast.Mean, q.Exposes)
		}
	}
	if slow.Traffic.Wait != 2*time.Hour || slow.Traffic.Sample != p.Shadow.Sample || slow.Steps[0].margin != .05 || slow.Steps[1].margin != .02 {
		t.Errorf("%+v", slow.Traffic)
	}
	p.Shadow.Skip = true
	for _, g := range planSteps(busy, p).Steps[0].Forecast.Gates {
		if g.Gate == judge.GateFilterRatePaired {
			t.Error("pairs are forecast, and nobody scores any")
		}
	}
}

// TestDocumentedTraffic reads the traffic that docs/judge/reference.md shows.
func TestDocumentedTraffic(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "judge", "reference.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(text)
	if shown == nil {
		t.Fatal("docs/judge/reference.md shows no traffic")
	}
	out, err := run(t, "plan", "--json", "--traffic", file(t, "traffic.yaml", string(shown[1])))
	if err != nil {
		t.Fatal(err)
	}
	var p plan
	if err := json.Unmarshal([]byte(out), &p); err != nil || p.Traffic.Tasks != 40 || len(p.Traffic.Partners) != 3 || len(p.Steps) != 2 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestDocumentedSettings checks that the fleet file of the documentation shows
// every setting of the judge with its default, and that docs/judge/reference.md has all.
func TestDocumentedSettings(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "fleet.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(text)
	if shown == nil {
		t.Fatal("docs/fleet.md shows no fleet file")
	}
	f, err := controller.ParseFleet(shown[1])
	if err != nil {
		t.Fatal(err)
	}
	if got, want := f.Policies.Default.Judge, (judge.Policy{}).Sane(); !reflect.DeepEqual(got, want) {
		t.Errorf("docs/fleet.md shows\n%+v\nthe defaults are\n%+v", got, want)
	}
	explained, err := os.ReadFile(filepath.Join("..", "docs", "judge", "reference.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range reflect.VisibleFields(reflect.TypeFor[judge.Policy]()) {
		if name := s.Tag.Get("yaml"); name != "-" && !strings.Contains(string(explained), "`"+name+"`") {
			t.Errorf("docs/judge/reference.md does not explain %s", name)
		}
	}
}
