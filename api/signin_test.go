package api_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/identity"
)

// house is a server that wants to know who asks.
type house struct {
	*apitest.Fake
	http.Handler
	door                    *api.SignIn
	file                    string
	viewer, operator, admin string // tokens
}

func newHouse(t *testing.T, o api.Options) *house {
	t.Helper()
	h := &house{Fake: apitest.Scene("canary", noon), file: filepath.Join(t.TempDir(), "people")}
	h.viewer, h.operator, h.admin = identity.NewToken(), identity.NewToken(), identity.NewToken()
	h.people(t, "vera viewer "+identity.HashToken(h.viewer), "otto operator:demo "+identity.HashToken(h.operator), "ada admin "+identity.HashToken(h.admin))
	people, err := identity.OpenPeople(h.file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	seal, err := api.NewSeal()
	if err != nil {
		t.Fatal(err)
	}
	o.SignIn = &api.SignIn{People: people, Seal: seal, Session: time.Hour}
	h.door = o.SignIn
	h.Handler = apitest.Handler(h.Fake, o)
	return h
}

func (h *house) people(t *testing.T, lines ...string) {
	t.Helper()
	if err := os.WriteFile(h.file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Every route of the table asks who it is, and what they may.
func TestRolesAreHeldOnEveryRoute(t *testing.T) {
	const nobody, viewer, operator, admin = 0, 1, 2, 3
	for path, least := range map[string]int{
		"GET /v1/me": nobody, "GET /v1/fleets": viewer, "GET /v1/fleets/demo": viewer, "GET /v1/fleets/demo/tasks": viewer,
		"GET /v1/fleets/demo/rollouts": viewer, "GET /v1/fleets/demo/rollouts/better": viewer,
		"GET /v1/fleets/demo/rollouts/better/looks": viewer, "GET /v1/fleets/demo/rollouts/better/looks/0": viewer,
		"GET /v1/releases": viewer, "GET /v1/audit": viewer, "GET /v1/freezes": viewer, "GET /v1/audit/export": viewer, "GET /v1/releases/" + apitest.Digest("better"): viewer, "HEAD /v1/fleets/demo/events": viewer,
		"POST /v1/fleets/demo/pause": operator, "POST /v1/fleets/demo/resume": operator, "POST /v1/fleets/demo/abort": operator,
		"POST /v1/fleets/demo/rollback": operator, "POST /v1/fleets/demo/try": operator, "POST /v1/fleets/demo/promote": admin,
	} {
		h := newHouse(t, api.Options{})
		method, path, _ := strings.Cut(path, " ")
		for rank, token := range []string{"", h.viewer, h.operator, h.admin} {
			var header []string
			if token != "" {
				header = []string{"Authorization", "Bearer " + token}
			}
			w := ask(h, method, path, "{}", header...)
			turned := w.Code == http.StatusUnauthorized || w.Code == http.StatusForbidden
			if turned == (rank >= least) {
				t.Errorf("%s %s as %d: %d %s", method, path, rank, w.Code, w.Body)
			}
			if want := w.Code == http.StatusUnauthorized; want != (w.Header().Get("WWW-Authenticate") != "") || want && rank != nobody {
				t.Errorf("%s %s as %d: %d, WWW-Authenticate %q", method, path, rank, w.Code, w.Header().Get("WWW-Authenticate"))
			}
		}
	}
}

// A role on one fleet is none on another, and shows none of it.
func TestRolesAreOfAFleet(t *testing.T) {
	h := newHouse(t, api.Options{})
	other := identity.NewToken()
	h.people(t, "olga admin:video "+identity.HashToken(other))
	h.Handler = newDoor(t, h)
	as := []string{"Authorization", "Bearer " + other}
	for _, path := range []string{"/v1/fleets", "/v1/overview"} {
		if w := ask(h, "GET", path, "", as...); w.Code != 200 || strings.TrimSpace(w.Body.String()) != "[]" {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := ask(h, "GET", "/v1/fleets/demo", "", as...); w.Code != 403 || !strings.Contains(w.Body.String(), "olga has no role on fleet demo; this wants viewer") {
		t.Errorf("the fleet: %d %s", w.Code, w.Body)
	}
}

// newDoor reads the people file anew.
func newDoor(t *testing.T, h *house) http.Handler {
	t.Helper()
	people, err := identity.OpenPeople(h.file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	seal, err := api.NewSeal()
	if err != nil {
		t.Fatal(err)
	}
	return apitest.Handler(h.Fake, api.Options{SignIn: &api.SignIn{People: people, Seal: seal, Session: time.Hour}})
}

// Whoever is turned away stands in the log, and no token does.
func TestRefusalsAreLogged(t *testing.T) {
	h, wrong := newHouse(t, api.Options{}), identity.NewToken()
	var said bytes.Buffer
	door := api.New(h.Fake, fstest.MapFS{"index.html": {}}, slog.New(slog.NewTextHandler(&said, nil)), api.Options{SignIn: h.door})
	for _, tt := range []struct{ method, path, body, authorization, want string }{
		{"GET", "/v1/fleets", "", "Bearer " + wrong, "path=/v1/fleets "},
		{"POST", "/v1/fleets/demo/promote", `{"why":"w"}`, "Bearer " + h.viewer, "who=vera path=/v1/fleets/demo/promote "},
		{"POST", "/v1/fleets/demo/pause", "{}", "", "path=/v1/fleets/demo/pause "},
		{"POST", "/signin/token", wrong, "", "an unknown token"},
		{"GET", "/v1/fleets", "", "", ""},
	} {
		said.Reset()
		var headers []string
		if tt.authorization != "" {
			headers = []string{"Authorization", tt.authorization}
		}
		if w := ask(door, tt.method, tt.path, tt.body, headers...); w.Code != 401 && w.Code != 403 {
			t.Errorf("%s %s is %d", tt.method, tt.path, w.Code)
		}
		if line := said.String(); !strings.Contains(line, tt.want) || strings.Contains(line, wrong) || (tt.want == "") != (line == "") {
			t.Errorf("%s %s: the log says %q, want %q", tt.method, tt.path, line, tt.want)
		}
	}
}

// Who asks is who is proven to ask, whatever the body says.
func TestTheProvenNameIsStored(t *testing.T) {
	h := newHouse(t, api.Options{})
	for _, body := range []string{`{"by":"the chief","why":"w"}`, `{"why":"w"}`} {
		w := ask(h, "POST", "/v1/fleets/demo/rollback", body, "Authorization", "Bearer "+h.operator)
		if w.Code != 202 || !strings.Contains(w.Body.String(), `"by":"otto"`) {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

// enter signs a browser in with a token and returns its cookie.
func (h *house) enter(t *testing.T, token string) *http.Cookie {
	t.Helper()
	w := ask(h, "POST", "/signin/token", token)
	cookies := w.Result().Cookies()
	if w.Code != 204 || len(cookies) != 1 {
		t.Fatalf("sign in: %d %s", w.Code, w.Body)
	}
	return cookies[0]
}

func TestSessions(t *testing.T) {
	h := newHouse(t, api.Options{})
	c := h.enter(t, h.operator)
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || !c.Secure || c.MaxAge != 3600 || strings.Contains(c.Value, h.operator) {
		t.Errorf("the cookie is %+v", c)
	}
	as := []string{"Cookie", c.Name + "=" + c.Value}
	w := ask(h, "GET", "/v1/me", "", as...)
	if !strings.Contains(w.Body.String(), `"name":"otto","how":"session","roles":{"demo":"operator"}`) {
		t.Errorf("me: %s", w.Body)
	}
	if w := ask(h, "POST", "/v1/fleets/demo/pause", `{"why":"w"}`, as...); w.Code != 202 || !strings.Contains(w.Body.String(), `"by":"otto"`) {
		t.Errorf("pause: %d %s", w.Code, w.Body)
	}
	if w := ask(h, "POST", "/v1/fleets/demo/resume", `{}`, append(as, "Sec-Fetch-Site", "cross-site")...); w.Code != 403 {
		t.Errorf("for a page of another site: %d %s", w.Code, w.Body)
	}
	for _, forged := range []string{"", "x", c.Value[:len(c.Value)-2] + "AA", strings.Repeat("A", 80)} {
		if w := ask(h, "GET", "/v1/fleets", "", "Cookie", c.Name+"="+forged); w.Code != 401 {
			t.Errorf("a session %q: %d %s", forged, w.Code, w.Body)
		}
	}
	if w := ask(h, "POST", "/signin/token", identity.NewToken()); w.Code != 401 || len(w.Result().Cookies()) != 0 {
		t.Errorf("another's token: %d", w.Code)
	}
	if w := ask(h, "POST", "/signin/out", "", as...); w.Code != 204 || w.Result().Cookies()[0].MaxAge >= 0 {
		t.Errorf("sign out: %d %+v", w.Code, w.Result().Cookies())
	}
}

// A cookie that stands for one thing does not pass for another, keys rotate, and
// nothing opens under a key that is gone.
func TestSeal(t *testing.T) {
	older, newer := bytes.Repeat([]byte("o"), 32), bytes.Repeat([]byte("n"), 32)
	seal := func(keys ...[]byte) *api.Seal {
		s, err := api.NewSeal(keys...)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	sealed, err := seal(older).Close("session", "ada")
	if err != nil {
		t.Fatal(err)
	}
	var who string
	if err := seal(newer, older).Open("session", sealed, &who); err != nil || who != "ada" {
		t.Errorf("after a rotation: %q, %v", who, err)
	}
	if seal(newer, older).Open("trip", sealed, &who) == nil || seal(newer).Open("session", sealed, &who) == nil {
		t.Error("opened under another name, or another key")
	}
	if _, err := api.NewSeal([]byte("short")); err == nil {
		t.Error("a short key is taken")
	}
}

// A stream ends when what proves who watches is taken back.
func TestStreamsEndWithTheToken(t *testing.T) {
	h := newHouse(t, api.Options{Every: 10 * time.Millisecond})
	server := httptest.NewServer(h)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := api.Client{Base: server.URL, Token: h.viewer}
	first := true
	err := c.Follow(ctx, "demo", -1, func(api.News) bool {
		if first {
			h.people(t, "ada admin "+identity.HashToken(h.admin))
		}
		first = false
		return true
	})
	if first || err == nil || ctx.Err() != nil {
		t.Fatalf("followed to %v", err)
	}
	if err := c.Follow(ctx, "demo", -1, func(api.News) bool { return true }); !errors.Is(err, api.ErrUnauthorized) {
		t.Errorf("asked again: %v", err)
	}
	if _, err := (api.Client{Base: server.URL}).Ask(ctx, "demo", rollout.VerbPause, api.Ask{}); !errors.Is(err, api.ErrUnauthorized) {
		t.Errorf("without a token: %v", err)
	}
}

// A session ends by itself, and with the token that began it.
func TestSessionsEnd(t *testing.T) {
	h := newHouse(t, api.Options{})
	c := h.enter(t, h.operator)
	h.people(t, "otto operator "+identity.HashToken(identity.NewToken()))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for { // the file is looked at once a second
		if ctx.Err() != nil {
			t.Fatal("the session has outlived its token")
		}
		if w := ask(h, "GET", "/v1/fleets", "", "Cookie", c.Name+"="+c.Value); w.Code == 401 {
			if !strings.Contains(w.Body.String(), "was taken back") {
				t.Errorf("after that: %s", w.Body)
			}
			return
		}
	}
}

// A session whose time is over is none, however whole its seal is.
func TestSessionsAreShort(t *testing.T) {
	h := newHouse(t, api.Options{})
	people, err := identity.OpenPeople(h.file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	seal, err := api.NewSeal()
	if err != nil {
		t.Fatal(err)
	}
	h.Handler = apitest.Handler(h.Fake, api.Options{SignIn: &api.SignIn{People: people, Seal: seal, Session: time.Nanosecond}})
	c := h.enter(t, h.operator)
	if w := ask(h, "GET", "/v1/fleets", "", "Cookie", c.Name+"="+c.Value); w.Code != 401 || !strings.Contains(w.Body.String(), "the session is over") {
		t.Errorf("after its time: %d %s", w.Code, w.Body)
	}
}

func TestOpenServersSaySo(t *testing.T) {
	h := apitest.Handler(apitest.Scene("canary", noon), api.Options{})
	if w := ask(h, "GET", "/v1/me", ""); w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"open":true}` {
		t.Errorf("me: %d %s", w.Code, w.Body)
	}
	if w := ask(h, "POST", "/signin/token", "x"); w.Code == 204 {
		t.Errorf("a token where nobody is asked: %d", w.Code)
	}
}

// elsewhere is a provider that proves everybody to be ada, if the trip is theirs.
type elsewhere struct{ codes int }

func (*elsewhere) Name() string { return "accounts.example.com" }

func (*elsewhere) Start(_ context.Context, trip api.Trip) (string, error) {
	return "https://accounts.example.com/auth?state=" + trip.State, nil
}

func (e *elsewhere) Finish(context.Context, api.Trip, string) (api.Proven, error) {
	e.codes++
	return api.Proven{Name: "ada", Groups: []string{"sre", "unheard-of"}}, nil
}

func (*elsewhere) Bearer(_ context.Context, token string) (api.Proven, error) {
	if token != "signed" {
		return api.Proven{}, errors.New("it is not signed")
	}
	return api.Proven{Name: "sub:ci", Groups: []string{"sre"}, How: "bearer"}, nil
}

// A browser that comes back is let in with its own trip, once, and by what the
// people file grants its groups at each moment.
func TestTrips(t *testing.T) {
	h := newHouse(t, api.Options{})
	h.people(t, "group:sre operator", "vera viewer "+identity.HashToken(h.viewer))
	people, err := identity.OpenPeople(h.file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	there := &elsewhere{}
	in := *h.door
	in.People, in.Provider = people, there
	h.Handler = apitest.Handler(h.Fake, api.Options{SignIn: &in})

	w := ask(h, "GET", "/signin/start", "")
	trip := w.Result().Cookies()[0]
	_, state, _ := strings.Cut(w.Header().Get("Location"), "state=")
	if w.Code != 303 || !trip.HttpOnly || trip.SameSite != http.SameSiteLaxMode || strings.Contains(trip.Value, state) {
		t.Fatalf("start: %d %+v", w.Code, trip)
	}
	mine := []string{"Cookie", trip.Name + "=" + trip.Value}
	for _, wrong := range []struct {
		query  string
		cookie []string
	}{{"?code=c&state=" + state, nil}, {"?code=c&state=other", mine}, {"?code=c", mine}, {"?error=access_denied&state=" + state, mine}, {"?code=c&state=" + state, []string{"Cookie", "sluice_trip=" + h.enter(t, h.viewer).Value}}} {
		if w := ask(h, "GET", "/signin/callback"+wrong.query, "", wrong.cookie...); w.Code < 400 || there.codes > 0 {
			t.Errorf("%v: %d", wrong, w.Code)
		}
	}
	w = ask(h, "GET", "/signin/callback?code=c&state="+state, "", mine...)
	cookies := w.Result().Cookies()
	if w.Code != 303 || w.Header().Get("Location") != "/" || len(cookies) != 2 || cookies[0].MaxAge >= 0 {
		t.Fatalf("back: %d %+v", w.Code, cookies)
	}
	as := []string{"Cookie", cookies[1].Name + "=" + cookies[1].Value}
	if w := ask(h, "POST", "/v1/fleets/demo/pause", `{"why":"w"}`, as...); w.Code != 202 || !strings.Contains(w.Body.String(), `"by":"ada"`) {
		t.Errorf("pause: %d %s", w.Code, w.Body)
	}
	if w := ask(h, "POST", "/v1/fleets/demo/promote", `{"why":"w"}`, as...); w.Code != 403 {
		t.Errorf("promote: %d", w.Code)
	}
	if w := ask(h, "GET", "/v1/me", "", "Authorization", "Bearer signed"); !strings.Contains(w.Body.String(), `"name":"sub:ci","how":"bearer"`) {
		t.Errorf("a machine: %s", w.Body)
	}
	if w := ask(h, "GET", "/v1/fleets", "", "Authorization", "Bearer forged"); w.Code != 401 || !strings.Contains(w.Body.String(), "it is not signed") {
		t.Errorf("a forger: %d %s", w.Code, w.Body)
	}
}
