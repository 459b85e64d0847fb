package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/rollout"
)

// One key is one wish, in the header or in the body: the same body gets the
// first answer, another one is a conflict.
func TestIdempotencyKey(t *testing.T) {
	f := apitest.Scene("canary", noon)
	h := apitest.Handler(f, api.Options{})
	post := func(verb, body string, header ...string) *httptest.ResponseRecorder {
		return ask(h, "POST", "/v1/fleets/demo/"+verb, body, header...)
	}
	first := post("rollback", `{"by":"ada"}`, "Idempotency-Key", `"k-1"`)
	if first.Code != 202 || !strings.Contains(first.Body.String(), apitest.Digest("better")) || !strings.Contains(first.Body.String(), `"rollout":"partner-blind"`) {
		t.Fatalf("got %d %s: want the target in the answer", first.Code, first.Body)
	}
	f.Saved, _ = rollout.Decide(f.Saved, rollout.Observation{}, rollout.Policies{Default: rollout.Defaults()}, noon)
	for _, again := range []*httptest.ResponseRecorder{
		post("rollback", `{"by":"ada"}`, "Idempotency-Key", "k-1"),
		post("rollback", `{"by":"ada","id":"k-1"}`),
		post("rollback", `{"by":"ada","id":"k-1"}`, "Idempotency-Key", "k-1"),
		post("rollback", `{"by":"ada","id":"k-1","seen":{"revision":1}}`),
	} {
		if again.Code != 202 || again.Body.String() != first.Body.String() {
			t.Errorf("asked again: %d %s, want %s", again.Code, again.Body, first.Body)
		}
	}
	if len(f.Asked) != 1 || len(f.Saved.Requests) > 0 {
		t.Errorf("stored %+v", f.Asked)
	}
	for _, tt := range []struct {
		verb, body, key string
		code            int
		says            string
	}{
		{"rollback", `{"by":"bob"}`, "k-1", 409, "k-1 is the id of another wish already, rollback asked by ada"},
		{"pause", `{"by":"ada"}`, "k-1", 409, "choose a new id"},
		{"pause", `{"by":"ada","id":"k-2"}`, "k-3", 400, "send one of them"},
		{"pause", `{"by":"ada"}`, "a/b", 400, "want up to 128 letters"},
	} {
		if w := post(tt.verb, tt.body, "Idempotency-Key", tt.key); w.Code != tt.code || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s %s %s: %d %s, want %d %q", tt.verb, tt.body, tt.key, w.Code, w.Body, tt.code, tt.says)
		}
	}
}

// What changed since a person looked is told; danger does not wait for it.
func TestSeen(t *testing.T) {
	f := apitest.Scene("canary", noon)
	h := apitest.Handler(f, api.Options{})
	var before api.Fleet
	if err := json.Unmarshal(ask(h, "GET", "/v1/fleets/demo", "").Body.Bytes(), &before); err != nil {
		t.Fatal(err)
	}
	seen, err := json.Marshal(api.See(before))
	if err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`{"by":"ada","seen":%s}`, seen)
	if w := ask(h, "POST", "/v1/fleets/demo/promote", body); w.Code != 202 {
		t.Fatalf("nothing has changed: %d %s", w.Code, w.Body)
	}
	f.Saved.Requests = nil
	f.Tell(rollout.Event{At: noon, Rollout: "partner-blind", Reason: rollout.Extended, Sentence: "it takes longer"})
	for verb, code := range map[string]int{"promote": 409, "rollback": 202, "abort": 202, "pause": 202} {
		w := ask(h, "POST", "/v1/fleets/demo/"+verb, body)
		if w.Code != code || code == 409 && !strings.Contains(w.Body.String(), "it takes longer: look again") {
			t.Errorf("%s: %d %s, want %d", verb, w.Code, w.Body, code)
		}
	}
}

// Errors are problems, by RFC 9457, and old clients find their field.
func TestProblems(t *testing.T) {
	f := apitest.Scene("canary", noon)
	for range 8 {
		f.Saved.Queue = append(f.Saved.Queue, rollout.Rollout{ID: "x", By: "bob", Phase: rollout.Queued})
	}
	h := apitest.Handler(f, api.Options{})
	for _, tt := range []struct {
		method, path, body string
		status             int
		title, header      string
		value              string
	}{
		{"GET", "/v1/nothing", "", 404, "Not Found", "", ""},
		{"POST", "/v1/fleets/demo/resume", `{"by":"ada"}`, 409, "Conflict", "", ""},
		{"POST", "/v1/fleets/demo/try", `{"by":"ada","source":"s3://b/k"}`, 429, "Too Many Requests", "Retry-After", "60"},
		{"GET", "/v1/fleets/demo/pause", "", 405, "Method Not Allowed", "Allow", "POST"},
		{"DELETE", "/v1/fleets/demo", "", 405, "Method Not Allowed", "Allow", "GET, HEAD"},
		{"DELETE", "/v1/fleets/demo/rollouts/a%2Fb", "", 405, "Method Not Allowed", "Allow", "GET, HEAD"},
		{"POST", "/", "", 405, "Method Not Allowed", "Allow", "GET, HEAD"},
		{"BREW", "/v1/fleets", "", 405, "Method Not Allowed", "Allow", "GET, HEAD"},
		{"BREW", "/v1/nothing", "", 404, "Not Found", "Allow", ""},
		{"BREW", "/v1", "", 404, "Not Found", "Allow", ""},
	} {
		w := ask(h, tt.method, tt.path, tt.body)
		var p struct {
			Type, Title, Detail, Error string
			Status                     int
		}
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		if w.Code != tt.status || p.Status != tt.status || p.Title != tt.title || p.Type != "about:blank" || p.Detail == "" || p.Error != p.Detail {
			t.Errorf("%s %s: %d %s", tt.method, tt.path, w.Code, w.Body)
		}
		if kind := w.Header().Get("Content-Type"); kind != "application/problem+json" {
			t.Errorf("%s %s: Content-Type is %q", tt.method, tt.path, kind)
		}
		if tt.header != "" && w.Header().Get(tt.header) != tt.value {
			t.Errorf("%s %s: %s is %q, want %q", tt.method, tt.path, tt.header, w.Header().Get(tt.header), tt.value)
		}
	}
}

// HEAD is there wherever GET is, with the same header and no body; that of a
// stream takes no seat.
func TestHead(t *testing.T) {
	c := apitest.Serve(t, apitest.Scene("canary", noon), api.Options{Streams: 1})
	for range 3 {
		for _, path := range []string{"/", "/v1/fleets", "/v1/fleets/demo", "/v1/fleets/demo/tasks", "/v1/fleets/demo/events", "/v1/releases"} {
			q, err := http.NewRequestWithContext(t.Context(), http.MethodHead, c.Base+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := c.HTTP.Do(q)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			if err != nil || answer.StatusCode != 200 || len(body) > 0 || answer.Header.Get("Content-Type") == "" {
				t.Errorf("HEAD %s: %d with %d bytes, %v, %v", path, answer.StatusCode, len(body), answer.Header, err)
			}
		}
	}
}

// losing loses the first answers to a wish, after it was stored or before.
type losing struct {
	http.RoundTripper
	lose   int
	stored bool
	keys   []string
}

func (l *losing) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPost {
		return l.RoundTripper.RoundTrip(r)
	}
	l.keys = append(l.keys, r.Header.Get("Idempotency-Key"))
	l.lose--
	if l.lose >= 0 && !l.stored {
		return nil, errors.New("connection reset")
	}
	answer, err := l.RoundTripper.RoundTrip(r)
	if err == nil && l.lose >= 0 {
		answer.Body.Close()
		return nil, errors.New("connection reset")
	}
	return answer, err
}

// A client whose answer is lost asks again, as the same wish, and not for ever.
func TestClientAsksAgain(t *testing.T) {
	for _, tt := range []struct {
		lose   int
		stored bool
		ok     bool
	}{{0, true, true}, {1, true, true}, {2, false, true}, {3, true, false}} {
		f := apitest.Scene("canary", noon)
		c := apitest.Serve(t, f, api.Options{})
		l := &losing{RoundTripper: c.HTTP.Transport, lose: tt.lose, stored: tt.stored}
		c.HTTP = &http.Client{Transport: l}
		stored, err := c.Ask(t.Context(), "demo", rollout.VerbRollback, api.Ask{By: "ada"})
		if (err == nil) != tt.ok || tt.ok && stored.Release != apitest.Digest("better") {
			t.Errorf("%+v: %+v, %v", tt, stored, err)
		}
		for _, key := range l.keys {
			if key == "" || key != l.keys[0] {
				t.Errorf("%+v: asked as %q", tt, l.keys)
			}
		}
		if len(f.Asked) != 1 || len(l.keys) != min(3, tt.lose+1) {
			t.Errorf("%+v: asked %d times, and %d are stored", tt, len(l.keys), len(f.Asked))
		}
	}
	f := apitest.Scene("canary", noon)
	l := &losing{}
	c := apitest.Serve(t, f, api.Options{})
	l.RoundTripper, c.HTTP = c.HTTP.Transport, &http.Client{Transport: l}
	if _, err := c.Ask(t.Context(), "demo", rollout.VerbResume, api.Ask{By: "ada"}); !errors.Is(err, api.ErrConflict) || len(l.keys) != 1 {
		t.Errorf("a refusal is an answer: %v, asked %d times", err, len(l.keys))
	}
}

// A wish needs the state and nothing else: whatever cannot be read of what is
// only good to know keeps nobody from going back.
func TestWishNeedsTheStateAlone(t *testing.T) {
	for _, doubt := range []error{
		fmt.Errorf("look.json %w: it is damaged", api.ErrDamaged),
		fmt.Errorf("read: %w", api.ErrUnavailable),
	} {
		f := apitest.Scene("idle", noon)
		f.Doubt = doubt
		h := apitest.Handler(f, api.Options{})
		if w := ask(h, "POST", "/v1/fleets/demo/rollback", `{"by":"ada"}`); w.Code != 202 || !strings.Contains(w.Body.String(), apitest.Digest("basel")) {
			t.Errorf("%v: %d %s, want 202", doubt, w.Code, w.Body)
		}
	}
	f := apitest.Scene("idle", noon)
	f.Doubt, f.Over = fmt.Errorf("it %w: it is damaged", api.ErrDamaged), nil
	var shown api.Fleet
	w := ask(apitest.Handler(damagedLists{f}, api.Options{}), "GET", "/v1/fleets/demo", "")
	if err := json.Unmarshal(w.Body.Bytes(), &shown); err != nil || w.Code != 200 || shown.Back == nil || shown.Back.Digest != apitest.Digest("basel") {
		t.Fatalf("shown: %d %s %v, want the way back", w.Code, w.Body, err)
	}
	if notes := shown.Stable.Notes; len(notes) != 1 || !strings.Contains(notes[0], "it is damaged") || shown.Loop != nil {
		t.Errorf("notes %q of stable, look %+v", notes, shown.Loop)
	}
}

// damagedLists leaves out of lists what is damaged, as the controller's store.
type damagedLists struct{ *apitest.Fake }

func (damagedLists) Finished(context.Context, string, int) ([]rollout.Rollout, error) {
	return nil, nil
}

// Trouble of the server, or on the way, leaves open whether a wish is stored,
// unless the server's own problem says that it is not, or nobody was sent the
// wish. Nothing that a later try comes to settles what an earlier one did.
func TestClientKnowsWhatIsUnknown(t *testing.T) {
	const surely = `{"detail":"S3 is away","stored":false}`
	const breaks = 0
	type reply struct {
		code int
		body string
	}
	for _, tt := range []struct {
		name    string
		replies []reply
		unknown bool
	}{
		{"a panic of a proxy", []reply{{500, "<html>"}}, true},
		{"a problem that does not say", []reply{{500, `{"detail":"internal error"}`}}, true},
		{"a status that nobody has heard of", []reply{{599, ""}}, true},
		{"no gateway", []reply{{502, ""}}, true},
		{"a connection that breaks", []reply{{breaks, ""}}, true},
		{"an answer that is none", []reply{{202, "<html>"}}, true},
		{"an answer about another wish", []reply{{202, `{}`}}, true},
		{"a problem that says so", []reply{{503, surely}}, false},
		{"says so of a later try", []reply{{500, ""}, {503, surely}}, true},
		{"a conflict", []reply{{409, `{"detail":"no"}`}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // each waits before it asks again
			asked := 0
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				r := tt.replies[min(asked, len(tt.replies)-1)]
				asked++
				if r.code == breaks {
					panic(http.ErrAbortHandler)
				}
				w.WriteHeader(r.code)
				io.WriteString(w, r.body)
			}))
			_, err := api.Client{Base: s.URL}.Ask(t.Context(), "demo", rollout.VerbPause, api.Ask{By: "ada", ID: "k-1"})
			s.Close()
			unknown, is := errors.AsType[*api.UnknownError](err)
			if err == nil || is != tt.unknown || is && unknown.ID != "k-1" {
				t.Errorf("%v, want unknown %v", err, tt.unknown)
			}
		})
	}
	_, err := api.Client{Base: "127.0.0.1:1"}.Ask(t.Context(), "demo", rollout.VerbPause, api.Ask{By: "ada"})
	if _, unknown := errors.AsType[*api.UnknownError](err); unknown || !errors.Is(err, api.ErrUnreachable) || !errors.Is(err, api.ErrNotStored) {
		t.Errorf("nobody there: %v", err)
	}
}

// A server says that a wish is not stored where it can know, and nowhere else.
func TestProblemsSayWhatIsStored(t *testing.T) {
	for _, tt := range []struct {
		err    error
		code   int
		stored string
	}{
		{fmt.Errorf("%w: load: %w", api.ErrNotStored, api.ErrUnavailable), 503, `"stored":false`},
		{fmt.Errorf("%w: %w", api.ErrNotStored, api.ErrDamaged), 500, `"stored":false`},
		{fmt.Errorf("note the request: %w", api.ErrUnavailable), 503, ""},
		{errors.New("a bug"), 500, ""},
		{context.DeadlineExceeded, 504, ""},
		{fmt.Errorf("%w: over", api.ErrConflict), 409, ""},
	} {
		h := apitest.Handler(failing{apitest.Scene("canary", noon), tt.err}, api.Options{})
		w := ask(h, "POST", "/v1/fleets/demo/pause", `{"by":"ada"}`)
		said := strings.Contains(w.Body.String(), `"stored"`)
		if w.Code != tt.code || said != (tt.stored != "") || !strings.Contains(w.Body.String(), tt.stored) {
			t.Errorf("%v: %d %s, want %d %s", tt.err, w.Code, w.Body, tt.code, tt.stored)
		}
	}
}

// failing is a control plane that takes no wish.
type failing struct {
	*apitest.Fake
	err error
}

func (f failing) Request(_ context.Context, _ string, q rollout.Request) (rollout.Request, error) {
	return q, f.err
}
