package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/rollout"
)

// heardOut is an output that a test may read while it is written.
type heardOut struct {
	mu   sync.Mutex
	text bytes.Buffer
	told chan struct{} // after each write, at most one in store
}

func newHeard() *heardOut { return &heardOut{told: make(chan struct{}, 1)} }

func (h *heardOut) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case h.told <- struct{}{}:
	default:
	}
	return h.text.Write(b)
}

func (h *heardOut) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

// await waits until all of it is as wanted.
func (h *heardOut) await(t *testing.T, what string, is func(string) bool) {
	t.Helper()
	late := time.After(40 * time.Second)
	for !is(h.String()) {
		select {
		case <-h.told:
		case <-late:
			t.Fatalf("waited for %s; there is\n%s", what, h)
		}
	}
}

// TestWatchAppends tells where no terminal is what happens, a line each, and
// how the fleet stands where that is otherwise. Ctrl-C is the way to end it.
func TestWatchAppends(t *testing.T) {
	t.Parallel()
	f := apitest.Scene("canary", time.Now())
	c := apitest.Serve(t, f, api.Options{})
	ctx, interrupt := context.WithCancel(t.Context())
	out, ended := newHeard(), make(chan int)
	var said bytes.Buffer
	go func() {
		ended <- Run(ctx, []string{"status", "--watch", "--api", c.Base}, strings.NewReader(""), out, &said)
	}()
	out.await(t, "how it stands", func(s string) bool { return strings.Contains(s, "tries partner-blind: canary, step ") })
	f.Mu.Lock()
	going := *f.Saved.Active // another, as whoever has read it keeps that one
	going.Phase, going.Reason = rollout.RollingBack, rollout.CandidateWorse
	f.Saved.Active = &going
	f.Mu.Unlock()
	f.Tell(rollout.Event{At: time.Now(), Rollout: "partner-blind", From: rollout.Canary, To: rollout.RollingBack, Reason: rollout.CandidateWorse, Sentence: "it is worse"})
	f.Tell(rollout.Event{At: time.Now(), Rollout: "odd\x1b[2J", To: rollout.Queued, Reason: rollout.Found, Sentence: "found"})
	out.await(t, "what happens", func(s string) bool {
		return strings.Contains(s, "partner-blind  rolling_back (candidate_worse): ") && strings.Contains(s, "  odd?[2J  queued (found): ") && strings.Contains(s, "tries partner-blind: rolling back (candidate_worse)")
	})
	f.Mu.Lock()
	f.Fail = fmt.Errorf("S3 is gone")
	f.Mu.Unlock()
	out.await(t, "why nothing comes", func(s string) bool { return strings.Contains(s, "  no news: ") })
	interrupt()
	if code := <-ended; code != exitDone || said.Len() > 0 || strings.Contains(out.String(), "\x1b") {
		t.Errorf("it ends with %d: %s\n%s", code, &said, out)
	}
	if lines := strings.Count(out.String(), "\n"); lines > 8 {
		t.Errorf("%d lines for one event:\n%s", lines, out)
	}
}

// As data, every look is a line, or a document.
func TestWatchAsData(t *testing.T) {
	t.Parallel()
	c := apitest.Serve(t, apitest.Scene("canary", time.Now()), api.Options{})
	for _, tt := range []struct{ format, says string }{{"json", "\n"}, {"yaml", "---\n"}} {
		ctx, interrupt := context.WithCancel(t.Context())
		out, ended := newHeard(), make(chan int)
		go func() {
			ended <- Run(ctx, []string{"status", "-w", "-o", tt.format, "--api", c.Base}, strings.NewReader(""), out, out)
		}()
		out.await(t, "a look", func(s string) bool { return strings.Contains(s, tt.says) && strings.Contains(s, "task_list") })
		interrupt()
		if code := <-ended; code != exitDone {
			t.Errorf("%s ends with %d", tt.format, code)
		}
		if first, _, _ := strings.Cut(out.String(), "\n"); tt.format == "json" && !json.Valid([]byte(first)) {
			t.Errorf("no JSON: %s", first)
		}
	}
}

// What cannot be watched is told, and ends it.
func TestWatchNothing(t *testing.T) {
	t.Parallel()
	c := apitest.Serve(t, apitest.Scene("canary", time.Now()), api.Options{})
	for args, want := range map[string]int{"--fleet nowhere --api " + c.Base: exitFailed, "--api 127.0.0.1:1": exitUnreachable} {
		var said bytes.Buffer
		if code := Run(t.Context(), append([]string{"status", "--watch"}, strings.Fields(args)...), nil, &said, &said); code != want {
			t.Errorf("%s ends with %d: %s", args, code, &said)
		}
	}
}

// TestDraw cuts a page to what there is room for, and steers the terminal by
// nothing that others have written.
func TestDraw(t *testing.T) {
	t.Parallel()
	columns, rows := 24, 5
	var out bytes.Buffer
	s := &screen{out: &out, size: func() (int, int) { return columns, rows }}
	for _, tt := range []struct{ page, want string }{
		{"one\ntwo\x1b[2J\u202e\n", "one\x1b[K\r\ntwo?[2J?\x1b[K\r\n"},
		{strings.Repeat("x", 30), strings.Repeat("x", 23) + "…\x1b[K\r\n"},
		{"1\n2\n3\n4\n", "1\x1b[K\r\n2\x1b[K\r\n3\x1b[K\r\n4\x1b[K\r\n"},
		{"1\n2\n3\n4\n5\n6\n", "1\x1b[K\r\n2\x1b[K\r\n3\x1b[K\r\n… and 3 more lines: a l…\x1b[K\r\n"},
	} {
		out.Reset()
		if err := s.draw(tt.page); err != nil || out.String() != toTop+tt.want+clearBelow {
			t.Errorf("%q is drawn as %q, want %q", tt.page, &out, tt.want)
		}
	}
	columns, rows = 0, 0 // a terminal that does not know its size
	if err := s.draw("page"); err != nil {
		t.Error(err)
	}
}

// The page grows older with the clock, and says so where no news comes.
func TestWatchAges(t *testing.T) {
	t.Parallel()
	c := apitest.Serve(t, apitest.Scene("canary", noon), api.Options{})
	f, err := c.Fleet(t.Context(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	f.At, f.Loop.AgeSeconds = noon, 2
	w := &watching{seen: sight{fleet: f}, trouble: "reach the API: it is gone", events: []api.Event{{At: noon, Rollout: "x", To: "live", Reason: "accepted", Sentence: "fine"}}}
	page := w.page(90 * time.Second)
	for _, want := range []string{"NO NEWS for 1 min 30 s: reach the API: it is gone\n", ", seen 1 min 32 s ago by ", "WARNING    the controller has not looked for 1 min 32 s", "✓ admitting ─ ✓ shadow ─ ", "● canary 1 ─ ", "○ live\n", "x  live (accepted): fine\n"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in\n%s", want, page)
		}
	}
	if f.Loop.AgeSeconds != 2 {
		t.Error("the sight itself has aged")
	}
}
