package checks

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// promtool runs Prometheus's own checker.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	tool := filepath.Join(".tools", "promtool")
	if _, err := os.Stat(tool); err != nil {
		if tool, err = exec.LookPath("promtool"); err != nil {
			t.Skip("NOT CHECKED: there is no promtool: .ci/run puts Debian's into .tools; Debian's package prometheus has it")
		}
	}
	if said, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, said)
	}
}

// TestAlerts plays what alert rules are for.
func TestAlerts(t *testing.T) {
	atRoot()
	promtool(t, "check", "rules", "deploy/monitoring/alerts.yaml")
	promtool(t, "test", "rules", "deploy/monitoring/alerts_test.yaml")
}

// TestAlertsAreTried checks that every alert is seen to fire, and that it says
// what to do.
func TestAlertsAreTried(t *testing.T) {
	atRoot()
	rules, err := os.ReadFile("deploy/monitoring/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	tried, err := os.ReadFile("deploy/monitoring/alerts_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range strings.Split(string(rules), "- alert: ")[1:] {
		name, _, _ := strings.Cut(rule, "\n")
		if !strings.Contains(string(tried), "alertname: "+name+"\n        exp_alerts:") {
			t.Errorf("no test sees %s fire", name)
		}
		for _, want := range []string{"severity: ", "summary: ", "do: "} {
			if !strings.Contains(rule, want) {
				t.Errorf("%s has no %q", name, want)
			}
		}
	}
}

// TestFaultsHaveAlerts checks that somebody is called for every metric that
// counts what went wrong, or that there is a reason why not.
func TestFaultsHaveAlerts(t *testing.T) {
	atRoot()
	rules, err := os.ReadFile("deploy/monitoring/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	nobody := map[string]string{
		"sluice_filter_out_of_range_total": "such numbers are missing to the model, as others are",
		"sluice_limit_hits_total":          "clients that ask for too much are told so; the load shows in degraded and failed auctions",
		"sluice_outcomes_dropped_total":    "outcomes come late or twice; what is known too little of, the judge says",
		"sluice_shadow_dropped_total":      "a busy task scores fewer by both releases, as it should",
		"sluice_rollout_missed_bids":       "the judge's",
		"sluice_missed_bids_total":         "the judge's",
	}
	faults := regexp.MustCompile("(?m)^\\| `(sluice_\\w*(?:fail|error|refused|rejected|dropped|degraded|panic|bad|unwell|out_of_range|limit_hits|lag|waiting|missed)\\w*)")
	docs, err := os.ReadFile("docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	found := faults.FindAllStringSubmatch(string(docs), -1)
	if len(found) < 15 {
		t.Fatalf("docs/metrics.md tells %d such metrics", len(found))
	}
	for _, f := range found {
		if name := f[1]; !strings.Contains(string(rules), name) && nobody[name] == "" {
			t.Errorf("no rule looks at %s", name)
		}
	}
}

// TestDashboard reads the dashboard as Grafana declares it, in which no key may
// be unknown or missing, and lets Prometheus read all that it asks.
func TestDashboard(t *testing.T) {
	atRoot()
	body, err := os.ReadFile("deploy/monitoring/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	plugins.RegisterDefaultPlugins()
	var board dashboard.Dashboard //nolint:staticcheck // the newer form is not what every Grafana imports
	var faults cog.BuildErrors    // of the library, which may return none as an error
	if err := board.UnmarshalJSONStrict(body); err != nil && (!errors.As(err, &faults) || len(faults) > 0) {
		t.Fatal("the dashboard is none of Grafana's:\n", err)
	}
	var rules bytes.Buffer
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	variables := strings.NewReplacer("$__rate_interval", "1m", "$fleet", ".*", "$tasks", ".*")
	for where, query := range queries(t) {
		if strings.HasPrefix(query, "label_values(") || strings.HasPrefix(where, "alert ") {
			continue
		}
		fmt.Fprintf(&rules, "  - record: q\n    labels: {where: %q}\n    expr: %q\n", where, variables.Replace(query))
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, rules.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", file)
}
