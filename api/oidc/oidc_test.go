package oidc_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/oidc"
)

// accounts is a provider that gives out whatever a test wants, and holds clients
// to PKCE.
type accounts struct {
	*httptest.Server
	key       *rsa.PrivateKey
	challenge string         // of the last sign-in
	id, info  map[string]any // what the ID token says, and what it tells when asked
	asked     int            // how often it was
}

func newAccounts(t *testing.T) *accounts {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	a := &accounts{key: key}
	known := &oidctest.Server{PublicKeys: []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: "k", Algorithm: "RS256"}}}
	mux := http.NewServeMux()
	mux.Handle("/", known)
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":"%[1]s/auth","token_endpoint":"%[1]s/token","jwks_uri":"%[1]s/keys","userinfo_endpoint":"%[1]s/userinfo"}`, a.URL)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if base64.RawURLEncoding.EncodeToString(sum[:]) != a.challenge || r.FormValue("code") != "code" {
			http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "access", "token_type": "Bearer", "id_token": a.sign(a.id)})
	})
	mux.HandleFunc("/userinfo", func(w http.ResponseWriter, _ *http.Request) {
		a.asked++
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(a.info)
	})
	a.Server = httptest.NewServer(mux)
	t.Cleanup(a.Close)
	known.SetIssuer(a.URL)
	return a
}

func (a *accounts) sign(claims map[string]any) string {
	body, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return oidctest.SignIDToken(crypto.PrivateKey(a.key), "k", "RS256", string(body))
}

// says is an ID token that is as it should be, changed.
func (a *accounts) says(change map[string]any) map[string]any {
	all := map[string]any{
		"iss": a.URL, "aud": "sluice", "sub": "17", "exp": time.Now().Add(time.Hour).Unix(), "nonce": "nonce",
		"email": "ada@example.com", "email_verified": true, "groups": []string{"sre"},
	}
	maps.Copy(all, change)
	for name, value := range all {
		if value == nil {
			delete(all, name)
		}
	}
	return all
}

func (a *accounts) provider(t *testing.T, o oidc.Options) *oidc.Provider {
	t.Helper()
	o.Issuer, o.Client, o.Redirect = a.URL, "sluice", "http://127.0.0.1/signin/callback"
	if o.NameClaim == "" {
		o.NameClaim, o.GroupsClaim = "email", "groups"
	}
	p, err := oidc.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var trip = api.Trip{State: "state", Nonce: "nonce", Verifier: strings.Repeat("v", 43)}

// begin is a browser on its way: the provider has seen the challenge.
func (a *accounts) begin(t *testing.T, p *oidc.Provider) url.Values {
	t.Helper()
	there, err := p.Start(t.Context(), trip)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(there)
	if err != nil {
		t.Fatal(err)
	}
	a.challenge = u.Query().Get("code_challenge")
	return u.Query()
}

func TestSignIn(t *testing.T) {
	a := newAccounts(t)
	p := a.provider(t, oidc.Options{})
	q := a.begin(t, p)
	if q.Get("code_challenge_method") != "S256" || q.Get("nonce") != "nonce" || q.Get("state") != "state" || q.Get("response_type") != "code" || strings.Contains(q.Encode(), trip.Verifier) {
		t.Errorf("asked for %v", q)
	}
	a.id = a.says(nil)
	who, err := p.Finish(t.Context(), trip, "code")
	if err != nil || who.Name != "ada@example.com" || len(who.Groups) != 1 || who.Groups[0] != "sre" || a.asked != 0 {
		t.Errorf("%+v, %v, asked %d times", who, err, a.asked)
	}
}

// What the ID token leaves out is asked for; what it says stands.
func TestUserinfoCompletes(t *testing.T) {
	a := newAccounts(t)
	p := a.provider(t, oidc.Options{NameClaim: "email", GroupsClaim: "realm_access.roles"})
	a.begin(t, p)
	a.id = a.says(map[string]any{"groups": nil})
	a.info = map[string]any{"sub": "17", "email": "eve@example.com", "realm_access": map[string]any{"roles": []string{"sre", "dev"}}}
	who, err := p.Finish(t.Context(), trip, "code")
	if err != nil || who.Name != "ada@example.com" || len(who.Groups) != 2 {
		t.Errorf("%+v, %v", who, err)
	}
	a.info["sub"] = "18"
	if who, err := p.Finish(t.Context(), trip, "code"); err == nil {
		t.Errorf("of somebody else: %+v", who)
	}
}

func TestSignInsThatProveNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		change map[string]any
		says   string
	}{
		"another nonce":       {map[string]any{"nonce": "other"}, "nonce"},
		"no nonce":            {map[string]any{"nonce": nil}, "nonce"},
		"another audience":    {map[string]any{"aud": "other"}, "audience"},
		"another issuer":      {map[string]any{"iss": "https://evil.example.com"}, "issue"},
		"over":                {map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}, "expired"},
		"an unverified email": {map[string]any{"email_verified": false}, "not verified"},
		"nobody":              {map[string]any{"email": nil}, "says no email"},
	} {
		a := newAccounts(t)
		p := a.provider(t, oidc.Options{})
		a.begin(t, p)
		a.id, a.info = a.says(tt.change), map[string]any{"sub": "17"}
		if who, err := p.Finish(t.Context(), trip, "code"); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %+v, %v, want %q", name, who, err, tt.says)
		}
	}
	a := newAccounts(t)
	p := a.provider(t, oidc.Options{})
	a.begin(t, p)
	a.id = a.says(nil)
	stolen := trip
	stolen.Verifier = strings.Repeat("x", 43)
	if who, err := p.Finish(t.Context(), stolen, "code"); err == nil {
		t.Errorf("a stolen code: %+v", who)
	}
	other := newAccounts(t)
	a.key = other.key
	if who, err := p.Finish(t.Context(), trip, "code"); err == nil {
		t.Errorf("signed by another: %+v", who)
	}
}

func TestMachines(t *testing.T) {
	a := newAccounts(t)
	p := a.provider(t, oidc.Options{Audience: "sluice-api"})
	person := a.sign(a.says(map[string]any{"aud": "sluice-api"}))
	if who, err := p.Bearer(t.Context(), person); err != nil || who.Name != "ada@example.com" || who.How != "bearer" || time.Until(who.Until) > time.Hour {
		t.Errorf("a person's: %+v, %v", who, err)
	}
	machine := a.sign(a.says(map[string]any{"aud": "sluice-api", "email": nil, "email_verified": nil, "sub": "ci"}))
	if who, err := p.Bearer(t.Context(), machine); err != nil || who.Name != "sub:ci" {
		t.Errorf("a machine's: %+v, %v", who, err)
	}
	for name, change := range map[string]map[string]any{
		"an ID token":      nil,
		"another service":  {"aud": "billing"},
		"one that is over": {"aud": "sluice-api", "exp": time.Now().Add(-time.Minute).Unix()},
	} {
		if who, err := p.Bearer(t.Context(), a.sign(a.says(change))); err == nil {
			t.Errorf("%s is taken: %+v", name, who)
		}
	}
	if who, err := p.Bearer(t.Context(), unsigned(person)); err == nil {
		t.Errorf("an unsigned one is taken: %+v", who)
	}
	if who, err := a.provider(t, oidc.Options{}).Bearer(t.Context(), person); err == nil {
		t.Errorf("taken without an audience: %+v", who)
	}
	if _, err := oidc.New(oidc.Options{Issuer: a.URL, Client: "sluice", Audience: "sluice"}); err == nil {
		t.Error("the client's own id is taken for an audience")
	}
}

// unsigned is a token that says alg none.
func unsigned(token string) string {
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	return head + "." + strings.Split(token, ".")[1] + "."
}

// A provider that is away lets nobody in, and is named.
func TestProvidersMayBeAway(t *testing.T) {
	a := newAccounts(t)
	p := a.provider(t, oidc.Options{})
	a.Config.Handler = http.NotFoundHandler()
	if there, err := p.Start(t.Context(), trip); err == nil || !strings.Contains(err.Error(), a.URL) {
		t.Errorf("sent to %s, %v", there, err)
	}
}
