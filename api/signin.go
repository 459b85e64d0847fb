package api

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/sluicehq/sluice/identity"
)

// SignIn is how people and machines prove who they are.
type SignIn struct {
	People   *identity.People
	Provider Provider      // nil: tokens of the people file alone
	Seal     *Seal         // of cookies
	Session  time.Duration // for how long one sign-in of a browser lasts
}

// Provider proves who somebody is by accounts kept elsewhere.
type Provider interface {
	// Name is what people call it.
	Name() string

	// Start returns the address that a browser signs in at.
	Start(ctx context.Context, trip Trip) (string, error)

	// Finish returns whom the code proves that came back from there.
	Finish(ctx context.Context, trip Trip, code string) (Proven, error)

	// Bearer returns whom a machine's token proves. Its errors are shown.
	Bearer(ctx context.Context, token string) (Proven, error)
}

// Proven is whom a provider has proven somebody to be.
type Proven struct {
	Name   string    `json:"name"`
	Groups []string  `json:"groups,omitempty"`
	How    string    `json:"how"`
	Until  time.Time `json:"until"`
	Token  string    `json:"token,omitempty"` // hash, of who signed in with a token
}

// Trip is what is remembered of a browser on its way to a provider and back. The
// provider hands State back, signs Nonce, and has seen a digest of Verifier.
type Trip struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	Until    time.Time `json:"until"`
}

const (
	tripTime   = 10 * time.Minute
	tripCookie = "sluice_trip"
	maxSecret  = 4 << 10 // bytes of a form, and of a cookie as browsers take it
)

// mount adds the routes by which a browser signs in and out.
func (s *server) mount(r chi.Router) {
	r.Post("/signin/token", s.handleCookie(s.enter))
	r.Post("/signin/out", s.handleCookie(s.leave))
	if s.options.SignIn.Provider != nil {
		r.Get("/signin/start", s.start)
		r.Get("/signin/callback", s.callback)
	}
}

// handleCookie answers with who one is then.
func (s *server) handleCookie(h func(*http.Request) (*http.Cookie, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		cookie, err := h(r)
		if err != nil {
			refuse(w, status(err), err.Error())
			return
		}
		http.SetCookie(w, cookie)
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNoContent)
	}
}

// enter turns a token into a session: a page cannot keep a token as well as a
// browser keeps a cookie that no script reads.
func (s *server) enter(r *http.Request) (*http.Cookie, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxSecret))
	if err != nil {
		return nil, sentence(ErrBadRequest, "the body broke off: send it again")
	}
	token := strings.TrimSpace(string(body))
	p, ok := s.options.SignIn.People.ByToken(token)
	if !ok {
		s.log.WarnContext(r.Context(), "sign-in failed", "err", "an unknown token", "from", s.clientOf(r))
		return nil, sentence(ErrUnauthorized, "this token is not known, or was taken back: ask whoever keeps the people file")
	}
	s.log.InfoContext(r.Context(), "signed in", "who", p.Name, "by", "token", "from", s.clientOf(r))
	return s.session(r, Proven{Name: p.Name, Token: identity.HashToken(token)})
}

func (s *server) leave(r *http.Request) (*http.Cookie, error) {
	c := s.cookie(r, sessionCookie, "", 0)
	c.MaxAge = -1
	return c, nil
}

// sessionCookie holds a session, sealed.
const sessionCookie = "sluice_session"

func (s *server) session(r *http.Request, p Proven) (*http.Cookie, error) {
	in := s.options.SignIn
	p.How, p.Until = "session", time.Now().Add(in.Session)
	p.Groups = in.People.Named(p.Groups) // others grant nothing, and a cookie is short
	sealed, err := in.Seal.Close(sessionCookie, p)
	if err != nil {
		return nil, err
	}
	if len(sealed) > maxSecret-256 {
		return nil, sentence(ErrForbidden, "%s is in too many groups that the people file names: name fewer", p.Name)
	}
	return s.cookie(r, sessionCookie, sealed, in.Session), nil
}

// bySession returns who asks by a session that is neither over nor taken back.
func (in *SignIn) bySession(r *http.Request) (identity.Person, error) {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return identity.Person{}, sentence(ErrUnauthorized, "sign in: with a token (SLUICE_TOKEN or --token-file), or on the page")
	}
	var p Proven
	if err := in.Seal.Open(sessionCookie, c.Value, &p); err != nil || !time.Now().Before(p.Until) {
		return identity.Person{}, sentence(ErrUnauthorized, "the session is over: sign in again")
	}
	if p.Token == "" {
		return in.granted(p), nil
	}
	now, ok := in.People.ByHash(p.Token)
	if !ok {
		return now, sentence(ErrUnauthorized, "the token of this session was taken back: sign in again")
	}
	now.How, now.Until = p.How, p.Until
	return now, nil
}

// cookie is one that no script reads and that no other site sends. It travels in
// the clear on loopback alone.
func (s *server) cookie(r *http.Request, name, value string, age time.Duration) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(age.Seconds()), HttpOnly: true,
		Secure: !onLoopback(r), SameSite: http.SameSiteStrictMode,
	}
}

// onLoopback reports whether a browser of this machine asks, with no proxy
// between.
func onLoopback(r *http.Request) bool {
	host := withoutPort(r.Host)
	a, err := netip.ParseAddr(host)
	asked := host == "localhost" || err == nil && a.IsLoopback()
	remote, _, _ := net.SplitHostPort(r.RemoteAddr)
	from, err := netip.ParseAddr(remote)
	return asked && err == nil && from.IsLoopback() && cmp.Or(r.Header.Get("Forwarded"), r.Header.Get("X-Forwarded-For"), r.Header.Get("X-Forwarded-Proto")) == ""
}

// start sends a browser to the provider.
func (s *server) start(w http.ResponseWriter, r *http.Request) {
	in := s.options.SignIn
	trip := Trip{State: rand.Text(), Nonce: rand.Text(), Verifier: rand.Text() + rand.Text(), Until: time.Now().Add(tripTime)}
	ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
	defer cancel()
	there, err := in.Provider.Start(ctx, trip)
	if err != nil {
		s.log.WarnContext(r.Context(), "sign-in cannot begin", "err", err)
		refuse(w, http.StatusBadGateway, in.Provider.Name()+" does not answer, so that nobody can sign in there now; tokens are taken: "+err.Error())
		return
	}
	sealed, err := in.Seal.Close(tripCookie, trip)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	c := s.cookie(r, tripCookie, sealed, tripTime)
	c.SameSite, c.Path = http.SameSiteLaxMode, "/signin" // the way back comes from another site
	http.SetCookie(w, c)
	http.Redirect(w, r, there, http.StatusSeeOther)
}

// callback is where the provider sends a browser back to.
func (s *server) callback(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
	defer cancel()
	cookie, err := s.returned(r.WithContext(ctx))
	over := s.cookie(r, tripCookie, "", 0)
	over.MaxAge, over.Path = -1, "/signin"
	http.SetCookie(w, over) // a trip ends once
	if err != nil {
		s.log.WarnContext(r.Context(), "sign-in failed", "err", err, "from", s.clientOf(r))
		refuse(w, status(err), err.Error())
		return
	}
	http.SetCookie(w, cookie)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *server) returned(r *http.Request) (*http.Cookie, error) {
	in, query := s.options.SignIn, r.URL.Query()
	var trip Trip
	c, err := r.Cookie(tripCookie)
	if err == nil {
		err = in.Seal.Open(tripCookie, c.Value, &trip)
	}
	switch {
	case err != nil || !time.Now().Before(trip.Until):
		return nil, sentence(ErrBadRequest, "this sign-in was begun elsewhere, or more than %v ago: open the page and sign in again", tripTime)
	case query.Get("state") != trip.State:
		return nil, sentence(ErrBadRequest, "this sign-in answers another one: open the page and sign in again")
	case query.Get("error") != "":
		return nil, sentence(ErrUnauthorized, "%s did not sign you in: %.100q %.200q: open the page and sign in again", in.Provider.Name(), query.Get("error"), query.Get("error_description"))
	}
	p, err := in.Provider.Finish(r.Context(), trip, query.Get("code"))
	if err != nil {
		return nil, sentence(ErrUnauthorized, "%s did not prove who you are: %s: open the page and sign in again", in.Provider.Name(), err)
	}
	if len(in.granted(p).Grants) == 0 {
		return nil, sentence(ErrForbidden, "%s has no role here: whoever keeps the people file can grant it (user:%s, or a group)", p.Name, p.Name)
	}
	s.log.InfoContext(r.Context(), "signed in", "who", p.Name, "by", in.Provider.Name(), "from", s.clientOf(r))
	return s.session(r, p)
}

// Check returns what is missing.
func (in *SignIn) Check() error {
	switch {
	case in.People == nil || in.Seal == nil:
		return errors.New("sign-in needs people and a seal")
	case in.Session < time.Minute || in.Session > 24*time.Hour:
		return fmt.Errorf("a session lasts %v: want a minute to a day", in.Session)
	}
	return nil
}
