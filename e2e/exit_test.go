package e2e

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
)

// TestExitCodes ends a process in every way of which docs/operating.md tells
// the code, and in no other.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	told, err := os.ReadFile("../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(told), "\n## Exit codes of commands\n")
	table, _, _ = strings.Cut(table, "\n## ")
	documented := map[int]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| (\d+) \|`).FindAllStringSubmatch(table, -1) {
		code, _ := strconv.Atoi(row[1])
		documented[code] = true
	}

	c := apitest.Serve(t, apitest.Scene("canary", time.Now()), api.Options{})
	trouble := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	t.Cleanup(trouble.Close)
	asked := make(chan struct{}, 1)
	pass := apitest.Handler(apitest.Scene("canary", time.Now()), api.Options{})
	waited := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pass.ServeHTTP(w, r)
		if r.Method == http.MethodPost {
			asked <- struct{}{}
		}
	}))
	t.Cleanup(waited.Close)

	dir := t.TempDir()
	for args, want := range map[string]int{
		"status --api " + c.Base:                               0,
		"score --model none":                                   1,
		"status --nonsense":                                    2,
		"resume --api " + c.Base:                               3, // nothing is paused
		"status --api 127.0.0.1:1":                             4,
		"promote --why w --wait --timeout 1ms --api " + c.Base: 5,
		"pause --fleet demo --api " + trouble.URL:              6,
		"promote --why w --wait --api " + waited.URL:           130,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		run := exec.CommandContext(ctx, "sluice", strings.Fields(args)...)
		run.Dir, run.Env = dir, credentials()
		var said strings.Builder
		run.Stderr = &said
		if err := run.Start(); err != nil {
			t.Fatal(err)
		}
		if want == 130 {
			select {
			case <-asked:
			case <-ctx.Done():
			}
			_ = run.Process.Signal(os.Interrupt) // it may have ended
		}
		err := run.Wait()
		cancel()
		if ended := (*exec.ExitError)(nil); err != nil && !errors.As(err, &ended) {
			t.Fatal(err)
		}
		if got := run.ProcessState.ExitCode(); got != want || !documented[want] {
			t.Errorf("sluice %s ends with %d, want %d (documented: %v): %s", args, got, want, documented[want], &said)
		}
		delete(documented, want)
	}
	if len(documented) > 0 {
		t.Errorf("nothing here ends with %v", documented)
	}
}
