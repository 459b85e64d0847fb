package cli

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Whoever checks a container's health asks the process itself, on this machine,
// and gets a status to go by.
func TestHealth(t *testing.T) {
	well := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			t.Errorf("asked for %s", r.URL)
		}
		if !well {
			http.Error(w, "fleet ads: its loop stands still", http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	address := strings.TrimPrefix(server.URL, "http://")
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	commands := map[string]func() error{
		"controller": func() error {
			c := controllerCommand()
			c.SetArgs([]string{"--health", "--listen", "0.0.0.0:" + port})
			return c.ExecuteContext(context.Background())
		},
		"task": func() error {
			c := taskIn(func(name string) string {
				return map[string]string{"SLUICE_HTTP_LISTEN": ":" + port, "SLUICE_TASK_ADDRESS": "127.0.0.1"}[name]
			})
			c.SetArgs([]string{"--health"})
			return c.ExecuteContext(context.Background())
		},
	}
	for name, ask := range commands {
		if err := ask(); err != nil {
			t.Errorf("%s, well: %v", name, err)
		}
	}
	well = false
	for name, ask := range commands {
		if err := ask(); err == nil || !strings.Contains(err.Error(), "its loop stands still") {
			t.Errorf("%s, unwell: %v", name, err)
		}
	}
	server.Close()
	for name, ask := range commands {
		if err := ask(); err == nil || !strings.Contains(err.Error(), "ask for health") {
			t.Errorf("%s, gone: %v", name, err)
		}
	}
	for _, listen := range []string{":0", "localhost", ""} {
		err := askHealth(context.Background(), listen)
		if _, misused := errors.AsType[usageError](err); !misused {
			t.Errorf("%q: %v", listen, err)
		}
	}
}
