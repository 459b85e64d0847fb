package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/rollout"
)

// TestNotify tries the ways to two receivers, of which one is closed.
func TestNotify(t *testing.T) {
	t.Parallel()
	told := make(chan string, 4)
	open := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		told <- r.Header.Get("webhook-id")
	}))
	defer open.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	defer closed.Close()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("slack", closed.URL+"/T0/hunter2")
	write("hook", "whsec_"+strings.Repeat("QUFB", 11)+"\n")
	write("ads.yaml", fmt.Sprintf(`
fleet: ads
jobs: ["*"]
ecs: {cluster: c, service: s}
notify:
  - {name: oncall, webhook: {url: %q, secret_file: hook}}
  - {name: channel, slack: {url_file: slack}}
`, open.URL))
	out, err := run(t, "notify", "--fleets", dir)
	if err == nil || err.Error() != "1 of 2 receivers were not told" || !strings.Contains(out, "ads  oncall  told\n") ||
		!strings.Contains(out, "answers 404 Not Found") || strings.Contains(out, "hunter2") {
		t.Errorf("it prints %s: %v", out, err)
	}
	if out, err = run(t, "notify", "--fleets", dir, "--to", "oncall"); err != nil || out != "ads  oncall  told\n" {
		t.Errorf("it prints %s: %v", out, err)
	}
	if a, b := <-told, <-told; a == b || !strings.HasPrefix(a, "test.ads.") {
		t.Errorf("the IDs are %q and %q", a, b)
	}
	if _, err = run(t, "notify", "--fleets", dir, "--to", "nobody"); err == nil || exitCode(t.Context(), err) != exitUsage {
		t.Errorf("a receiver that is none gives %v", err)
	}
	out, err = run(t, "notify", "--fleets", filepath.Join("..", "local", "demo", "fleet.yaml"))
	if err != nil || !strings.Contains(out, "demo  nobody is told anything") {
		t.Errorf("it prints %s: %v", out, err)
	}
}

// Whoever asks for the status is told who is told nothing any more.
func TestStatusOfAReceiverThatIsGone(t *testing.T) {
	f := apitest.Scene("idle", noon)
	f.Seen.Seen.Unheard = []rollout.Unheard{{Receiver: "oncall", Since: noon}}
	c := apitest.Serve(t, f, api.Options{})
	if out, err := run(t, "status", "--api", c.Base); err != nil || !strings.Contains(out, "WARNING    oncall is told nothing any more") || !strings.Contains(out, "fleet file") {
		t.Errorf("%v: %s", err, out)
	}
}
