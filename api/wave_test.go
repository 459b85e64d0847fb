package api_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/rollout"
)

// watcher is a client that knows a fleet by what it is streamed.
type watcher struct {
	t       *testing.T
	lines   *bufio.Scanner
	docs    map[string]any // look and tasks, as they are by now
	patches int            // that they were made of
}

// watch opens a stream that asks for that; packed or not.
func watch(t *testing.T, base, query string, packed bool) *watcher {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/v1/fleets/demo/events?after=0"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	coding := map[bool]string{true: "gzip", false: ""}[packed]
	q.Header.Set("Accept-Encoding", coding)
	answer, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if got := answer.Header.Get("Content-Encoding"); got != coding || answer.Header.Get("Vary") != "Accept-Encoding" {
		t.Fatalf("it comes as %q, want %q", got, coding)
	}
	body := io.Reader(answer.Body)
	if packed {
		if body, err = gzip.NewReader(body); err != nil {
			t.Fatal(err)
		}
	}
	w := &watcher{t: t, lines: bufio.NewScanner(body), docs: map[string]any{}}
	w.lines.Buffer(nil, 8<<20)
	return w
}

// until reads on until a look tells of that event.
func (w *watcher) until(event int64) {
	w.t.Helper()
	for kind := ""; w.lines.Scan(); {
		name, value, _ := strings.Cut(w.lines.Text(), ": ")
		switch name {
		case "event":
			kind = value
		case "data":
			w.take(kind, []byte(value))
			look, _ := w.docs["look"].(map[string]any)
			if n, _ := look["last_event"].(json.Number); strings.HasPrefix(kind, "look") && n.String() == mustJSON(w.t, event) {
				return
			}
		}
	}
	w.t.Fatalf("the stream ends before event %d: %v", event, w.lines.Err())
}

func (w *watcher) take(kind string, data []byte) {
	w.t.Helper()
	of, patch := strings.CutSuffix(kind, "-patch")
	if of != "look" && of != "tasks" {
		return
	}
	if !patch {
		w.docs[of] = numbered(w.t, data)
		return
	}
	w.patches++
	doc, err := api.Patched(w.docs[of], data)
	if err != nil {
		w.t.Fatalf("%s by %s: %v", kind, data, err)
	}
	w.docs[of] = doc
}

func numbered(t *testing.T, text []byte) (doc any) {
	t.Helper()
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	if err := in.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Who takes patches knows, after every one of them, what others are sent whole:
// through all moments of a fleet's life, packed or not.
func TestPatchedIsWhole(t *testing.T) {
	f := apitest.Scene("idle", noon)
	c := apitest.Serve(t, f, api.Options{})
	whole := watch(t, c.Base, "", true)
	all := map[string]*watcher{
		"patched, packed": watch(t, c.Base, "&patch=look,tasks", true),
		"patched":         watch(t, c.Base, "&patch=look,tasks", false),
		"tasks alone":     watch(t, c.Base, "&patch=tasks", false),
	}
	scenes := []string{"idle", "shadow", "canary", "held", "rolled_back", "unwell", "paused", "thousand", "canary", "crowd", "fresh", "idle", "idle"}
	for i, scene := range scenes {
		next := apitest.Scene(scene, noon.Add(time.Duration(i)*time.Second))
		event := f.Saved.LastEvent + 1
		f.Mu.Lock()
		next.Saved.Events = []rollout.Event{{Seq: event, At: noon, Reason: rollout.Found, Sentence: scene}}
		next.Saved.LastEvent = event
		f.Saved, f.Seen, f.Over, f.Passports = next.Saved, next.Seen, next.Over, next.Passports
		f.Mu.Unlock()
		whole.until(event)
		for name, w := range all {
			w.until(event)
			if !reflect.DeepEqual(w.docs["look"], whole.docs["look"]) {
				t.Fatalf("%s: in %s the look is\n%s\nwant\n%s", name, scene, mustJSON(t, w.docs["look"]), mustJSON(t, whole.docs["look"]))
			}
			tasks, err := c.Tasks(t.Context(), "demo", 1000)
			if err != nil {
				t.Fatal(err)
			}
			if want := numbered(t, []byte(mustJSON(t, tasks))); !reflect.DeepEqual(w.docs["tasks"], want) {
				t.Fatalf("%s: in %s the tasks are\n%s\nwant\n%s", name, scene, mustJSON(t, w.docs["tasks"]), mustJSON(t, want))
			}
		}
	}
	for name, w := range all {
		if w.patches < len(scenes)/2 {
			t.Errorf("%s: there were %d patches", name, w.patches)
		}
	}
	if whole.patches > 0 || whole.docs["tasks"] != nil {
		t.Errorf("who asked for neither has %d patches, and tasks: %v", whole.patches, whole.docs["tasks"] != nil)
	}
}

// What patches may be asked for is said.
func TestPatchBadAsk(t *testing.T) {
	h := apitest.Handler(apitest.Scene("canary", noon), api.Options{})
	for _, patch := range []string{"all", "look,look", "look,rollouts", "Look"} {
		w := ask(h, "GET", "/v1/fleets/demo/events?patch="+patch, "")
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "want look, tasks, or both") {
			t.Errorf("%s: got %d %s", patch, w.Code, w.Body)
		}
	}
}
