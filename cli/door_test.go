package cli

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/identity"
)

// Beyond loopback a controller starts with people, or where somebody has said
// what they give up.
func TestControllersAreNotOpenByMistake(t *testing.T) {
	people := filepath.Join(t.TempDir(), "people")
	for _, tt := range []struct {
		flags []string
		says  string // empty: it comes as far as AWS
	}{
		{[]string{"--listen", "0.0.0.0:0"}, "--without-sign-in"},
		{[]string{"--listen", ":0"}, "nobody would be asked who they are"},
		{[]string{"--listen", "sluice.internal:0"}, "--people"},
		{[]string{"--listen", "127.0.0.1:0"}, ""},
		{[]string{"--listen", "0.0.0.0:0", "--without-sign-in"}, ""},
		{[]string{"--listen", "0.0.0.0:0", "--people", people}, ""},
		{[]string{"--listen", "127.0.0.1:0", "--people", people, "--without-sign-in"}, "contradict"},
		{[]string{"--listen", "127.0.0.1:0", "--session-key-file", people}, "for sign-in"},
	} {
		_, err := run(t, append([]string{"controller", "--bucket", "b", "--fleets", "/nowhere"}, tt.flags...)...)
		if misused := exitCode(t.Context(), err) == exitUsage; err == nil || misused != (tt.says != "") || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%v: %v, want %q", tt.flags, err, tt.says)
		}
	}
}

// What sluice token prints lets in whom it is for, by a variable and by a file.
func TestTokensLetIn(t *testing.T) {
	out, err := run(t, "token", "otto", "--role", "operator:demo", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var made newcomer
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file, secret := filepath.Join(dir, "people"), filepath.Join(dir, "token")
	for name, body := range map[string]string{file: made.Line + "\n", secret: made.Token + "\n"} {
		if err := os.WriteFile(name, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	people, err := identity.OpenPeople(file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	seal, err := api.NewSeal()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(apitest.Handler(apitest.Scene("canary", time.Now()), api.Options{SignIn: &api.SignIn{People: people, Seal: seal, Session: time.Hour}}))
	defer server.Close()
	if _, err := run(t, "status", "--api", server.URL); err == nil || !strings.Contains(err.Error(), "SLUICE_TOKEN") {
		t.Errorf("without a token: %v", err)
	}
	if out, err := run(t, "pause", "--api", server.URL, "--token-file", secret, "--by", "the chief", "--why", "w", "--json"); err != nil || !strings.Contains(out, `"by": "otto"`) {
		t.Errorf("by a file: %v %s", err, out)
	}
	if _, err := run(t, "promote", "--api", server.URL, "--token-file", secret, "--why", "w"); err == nil || !strings.Contains(err.Error(), "otto is operator on fleet demo; this wants admin") {
		t.Errorf("promote: %v", err)
	}
	t.Setenv("SLUICE_TOKEN", made.Token)
	if _, err := run(t, "status", "--api", server.URL); err != nil {
		t.Errorf("by the variable: %v", err)
	}
	for _, wrong := range [][]string{{}, {"two words"}, {"a#b"}, {"ada", "--role", "root"}} {
		if _, err := run(t, append([]string{"token"}, wrong...)...); exitCode(t.Context(), err) != exitUsage {
			t.Errorf("token %v: %v", wrong, err)
		}
	}
}
