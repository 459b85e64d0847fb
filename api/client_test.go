package api_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/rollout"
)

// overheard holds what a client asks, and what it is answered, against the
// document.
type overheard struct {
	t    *testing.T
	base http.RoundTripper
	ids  []string
}

func (o *overheard) RoundTrip(q *http.Request) (*http.Response, error) {
	var asked []byte
	if q.Body != nil {
		asked, _ = io.ReadAll(q.Body)
		q.Body = io.NopCloser(bytes.NewReader(asked))
	}
	id, err := contract().Request(q.Method, q.URL.RequestURI(), asked)
	if err != nil {
		o.t.Errorf("asks %s: %v", asked, err)
	}
	o.ids = append(o.ids, id)
	a, err := o.base.RoundTrip(q)
	if err != nil || strings.HasSuffix(q.URL.Path, "/events") {
		return a, err
	}
	said, err := io.ReadAll(a.Body)
	a.Body.Close()
	a.Body = io.NopCloser(bytes.NewReader(said))
	if off := contract().Answer(q.Method, q.URL.RequestURI(), a.StatusCode, a.Header, said); off != nil {
		o.t.Errorf("is answered %.200s: %v", said, off)
	}
	return a, err
}

// The Go client asks for everything that the document has, in its words.
func TestClientAsksByTheDocument(t *testing.T) {
	f := apitest.Scene("canary", noon)
	f.Logs = map[string][][]byte{"better": {{0}}}
	c := apitest.Serve(t, f, api.Options{})
	o := &overheard{t: t, base: c.HTTP.Transport}
	c.HTTP = &http.Client{Transport: o}
	ctx, seen := t.Context(), api.Fleet{}
	for name, call := range map[string]func() error{
		"Fleets":   func() error { _, err := c.Fleets(ctx); return err },
		"Fleet":    func() (err error) { seen, err = c.Fleet(ctx, "demo"); return err },
		"Tasks":    func() error { _, err := c.Tasks(ctx, "demo", 3); return err },
		"Rollouts": func() error { _, err := c.Rollouts(ctx, "demo", 3); return err },
		"EachRollout": func() error {
			w := api.Which{Phases: []string{"live", "canary"}, Outcome: "acceptable", By: "ada", Release: apitest.Digest("better")[:8], Since: noon, Until: noon}
			return c.EachRollout(ctx, "demo", w, func(api.Rollout) bool { return true })
		},
		"Rollout":  func() error { _, err := c.Rollout(ctx, "demo", "better"); return err },
		"Looks":    func() error { _, err := c.Looks(ctx, "demo", "better"); return err },
		"Chunk":    func() error { _, err := c.Chunk(ctx, "demo", "better", 0); return err },
		"Releases": func() error { _, err := c.Releases(ctx, 3); return err },
		"Release":  func() error { _, err := c.Release(ctx, apitest.Digest("better")); return err },
		"Stop":     func() error { _, err := c.Stop(ctx); return err },
		"Freezes":  func() error { _, err := c.Freezes(ctx); return err },
		"Freeze":   func() error { _, err := c.Freeze(ctx, api.StopAsk{By: "ada", Why: "a fair"}); return err },
		"Unfreeze": func() error { _, err := c.Unfreeze(ctx, api.StopAsk{By: "ada", Why: "over"}); return err },
		"Audit":    func() error { _, err := c.Audit(ctx, "demo", "", 3); return err },
		"Series":   func() error { _, _ = c.Series(ctx, "demo", "better"); return nil }, // whose log here is none
		"Follow":   func() error { return c.Follow(ctx, "demo", -1, func(n api.News) bool { return n.Look == nil }) },
	} {
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for verb, a := range map[rollout.Verb]api.Ask{
		rollout.VerbPause: {}, rollout.VerbResume: {}, rollout.VerbAbort: {Rollout: "greedy"}, rollout.VerbPromote: {},
		rollout.VerbRollback: {Release: apitest.Digest("basel")},
		rollout.VerbTry:      {Source: "s3://b/k", Intended: &api.Change{FilterRate: .05, Why: "a hunch", Partners: map[string]float64{"dsp-07": .1}}},
	} {
		a.By, a.Why, a.Seen = "ada", "to see", api.See(seen)
		_, _ = c.Ask(ctx, "demo", verb, a) // some make no sense as things stand, which is in the document too
	}
	pages := []string{"get-openapi-json", "get-me", "get-overview", "get-releases-digest-manifest", "get-audit-export"} // ask for those
	for _, id := range contract().Operations() {
		if !slices.Contains(o.ids, id) && !slices.Contains(pages, id) {
			t.Errorf("the client never asks for %s", id)
		}
	}
}

// Every message of a stream is in the document.
func TestStreamIsByTheDocument(t *testing.T) {
	f := apitest.Scene("canary", noon)
	f.Tell(rollout.Event{At: noon, Reason: rollout.Paused, Sentence: "paused by ada"})
	f.Saved.Events = f.Saved.Events[1:]
	c := apitest.Serve(t, f, api.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Base+"/v1/fleets/demo/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Last-Event-ID", "0")
	a, err := c.HTTP.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	seen := map[string]bool{}
	err = api.ReadStream(a.Body, func(kind string, data []byte) error {
		if err := contract().News("/v1/fleets/demo/events", kind, data); err != nil {
			t.Errorf("%s %.300s: %v", kind, data, err)
		}
		if seen[kind] = true; kind == "look" {
			f.Mu.Lock()
			f.Fail = io.ErrClosedPipe
			f.Mu.Unlock()
		}
		if kind == "trouble" {
			return io.EOF
		}
		return nil
	})
	if len(seen) != 4 {
		t.Errorf("%v, and then %v: want an event, a look, a gap and trouble", seen, err)
	}
}
