package cli

import (
	"strings"
	"testing"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
)

func TestFreeze(t *testing.T) {
	f := apitest.Scene("canary", noon)
	c := apitest.Serve(t, f, api.Options{})
	for _, verb := range []string{"freeze", "unfreeze"} {
		if _, err := run(t, verb, "--api", c.Base); exitCode(t.Context(), err) != exitUsage || !strings.Contains(err.Error(), "say why") {
			t.Errorf("%s without a reason: %v", verb, err)
		}
	}
	if out, err := run(t, "freeze", "--api", c.Base, "--why", "an outage", "--by", "eve", "--for", "2h"); err != nil || !strings.Contains(out, "all fleets are frozen by eve until ") {
		t.Errorf("freeze: %v %s", err, out)
	}
	key := []string{"--api", c.Base, "--why", "another outage", "--by", "eve", "--key", "k1", "--until", "2099-12-01T08:00:00.5Z"}
	for range 2 {
		if out, err := run(t, append([]string{"freeze"}, key...)...); err != nil || !strings.Contains(out, "until 2099-12-01 08:00:00 UTC") {
			t.Errorf("freeze by a key: %v %s", err, out)
		}
	}
	if n := len(f.Saved.Unaudited); n != 2 {
		t.Errorf("the trail has %d entries", n)
	}
	if _, err := run(t, "freeze", "--api", c.Base, "--why", "w", "--until", "tomorrow"); exitCode(t.Context(), err) != exitUsage {
		t.Errorf("until tomorrow: %v", err)
	}
	if out, err := run(t, "status", "--api", c.Base); err != nil || !strings.Contains(out, "WARNING    all fleets are frozen by eve") {
		t.Errorf("status: %v %s", err, out)
	}
	if out, err := run(t, "promote", "--api", c.Base, "--why", "w"); exitCode(t.Context(), err) != exitRefused {
		t.Errorf("promote: %v %s", err, out)
	}
	if out, err := run(t, "promote", "--api", c.Base, "--why", "it cannot wait", "--break-glass"); err != nil {
		t.Errorf("promote with the glass broken: %v %s", err, out)
	}
	if out, err := run(t, "unfreeze", "--api", c.Base, "--why", "it is over"); err != nil || !strings.Contains(out, "Asked to unfreeze") {
		t.Errorf("unfreeze: %v %s", err, out)
	}
}
