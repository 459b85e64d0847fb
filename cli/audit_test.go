package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
)

func TestAudit(t *testing.T) {
	c := apitest.Serve(t, apitest.Scene("canary", noon), api.Options{})
	if out, err := run(t, "audit", "--api", c.Base); err != nil || !strings.Contains(out, "Nobody has asked") {
		t.Errorf("before: %v %s", err, out)
	}
	for range 3 {
		if _, err := run(t, "rollback", "--why", "revenue is down", "--by", "ada", "--api", c.Base); err != nil {
			t.Fatal(err)
		}
	}
	out, err := run(t, "audit", "--api", c.Base, "--limit", "2")
	if err != nil || strings.Count(out, "rollback to "+apitest.Digest("better")[:12]) != 2 || !strings.Contains(out, "revenue is down") || !strings.Contains(out, "ada ") || !strings.Contains(out, "and more") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = run(t, "audit", "--api", c.Base, "--export", "--fleet", "demo")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err != nil || len(lines) != 3 {
		t.Fatalf("%v: %d lines\n%s", err, len(lines), out)
	}
	var e api.AuditEntry
	if err := json.Unmarshal([]byte(lines[2]), &e); err != nil || e.Why != "revenue is down" {
		t.Errorf("%+v, %v", e, err)
	}
}
