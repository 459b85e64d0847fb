package api_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
)

// TestOps asks what orchestrators and Prometheus ask, of a server that is well
// and of one that is not.
func TestOps(t *testing.T) {
	var sick, unready error
	ops := &api.Ops{
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "sluice_leader 1\n") }),
		Healthy: func() error { return sick },
		Ready:   func() (api.Leadership, error) { return api.Leadership{Leading: true, Epoch: 7}, unready },
		Version: api.Version{Version: "v1.2.3", Commit: "abc", Go: "go1.26"},
	}
	h := apitest.Handler(apitest.Scene("canary", noon), api.Options{Ops: ops})
	asks := func(method, path string, code int, says string) {
		t.Helper()
		w := ask(h, method, path, "")
		if w.Code != code || !strings.Contains(w.Body.String(), says) {
			t.Errorf("%s %s: got %d %s, want %d with %s", method, path, w.Code, w.Body, code, says)
		}
	}
	asks("GET", "/metrics", 200, "sluice_leader 1")
	asks("GET", "/healthz", 200, "ok\n")
	asks("HEAD", "/healthz", 200, "")
	asks("POST", "/healthz", 405, "want GET, HEAD")
	asks("GET", "/readyz", 200, `{"ready":true,"leading":true,"epoch":7}`)
	asks("GET", "/version", 200, `{"version":"v1.2.3","commit":"abc","changed":false,"go":"go1.26"}`)
	sick, unready = errors.New("a pass has taken 10m"), errors.New("the store does not answer")
	asks("GET", "/healthz", 503, "a pass has taken 10m")
	asks("GET", "/readyz", 503, `{"ready":false,"detail":"the store does not answer","leading":true,"epoch":7}`)
}
