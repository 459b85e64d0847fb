package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/rollout"
)

// hook is a receiver of webhooks that is in trouble at first.
type hook struct {
	mu    sync.Mutex
	tries int
	told  []string // what arrived, in order, each once
	ids   map[string]bool
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Type string
		Data struct{ Rollout, Link string }
	}
	err := json.NewDecoder(r.Body).Decode(&m)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tries++
	if id := r.Header.Get("webhook-id"); err != nil || h.tries == 1 {
		w.WriteHeader(http.StatusServiceUnavailable)
	} else if !h.ids[id] {
		h.ids[id] = true
		h.told = append(h.told, strings.TrimSpace(m.Data.Rollout+" "+m.Type+" "+m.Data.Link))
	}
}

func (h *hook) has(what string) (bool, string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.told, func(s string) bool { return strings.Contains(s, what) }), fmt.Sprint(h.told)
}

// TestNotices calls people from real processes: one receiver is in trouble at
// first, another hangs and holds up nothing. The leader is killed; the next one
// says so, and goes on where the first one was.
func TestNotices(t *testing.T) {
	t.Parallel()
	h := &hook{ids: map[string]bool{}}
	receiver := httptest.NewServer(h)
	defer receiver.Close()
	over := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	defer hangs.Close()
	defer close(over)
	_, endpoint := startAWS(t)
	s := newStack(t, endpoint, 4)
	s.lease = "5s"
	notify := fmt.Sprintf("notify:\n- {name: oncall, webhook: {url: %q, secret_file: hook}}\n- {name: mute, slack: {url_file: slack}}\n", receiver.URL)
	for name, text := range map[string]string{
		"fleet.yaml": fleetFile + notify, "hook": "whsec_" + strings.Repeat("QUFB", 11), "slack": hangs.URL,
	} {
		s.must(os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600))
	}
	s.startController()
	first := s.controller
	s.try("baseline")
	s.serves("baseline", 4)
	within(t, time.Minute, "to be told that it is live", func() (bool, string) { return h.has("rollout.live") })
	s.startController()
	first.kill()
	within(t, time.Minute, "to be told of the dead leader", func() (bool, string) { return h.has("controller.silent") })
	id := s.try("better")
	s.ask(rollout.VerbRollback, api.Ask{Why: "somebody was called"})
	within(t, time.Minute, "to be told that it is back", func() (bool, string) { return h.has(id + " rollout.rolled_back") })
	h.mu.Lock()
	defer h.mu.Unlock()
	back := slices.IndexFunc(h.told, func(s string) bool { return strings.Contains(s, "rolling_back") })
	if len(h.told) != 4 || back != 2 || !strings.Contains(h.told[0], "rollout.live") || !strings.Contains(h.told[1], "controller.silent") {
		t.Errorf("told %q", h.told)
	}
}
