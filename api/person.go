package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/sluicehq/sluice/identity"
)

var (
	// ErrUnauthorized means that it is not proven who asks.
	ErrUnauthorized = errors.New("not signed in")
	// ErrForbidden means that who asks may not.
	ErrForbidden = errors.New("not allowed")
)

// Me is who asks, as far as the server knows, and how one signs in.
type Me struct {
	Open bool `json:"open"` // there is no sign-in: whoever reaches the server may do everything

	Name  string                   `json:"name,omitempty"`  // empty: not signed in
	How   string                   `json:"how,omitempty"`   // it is proven: token, session or bearer
	Roles map[string]identity.Role `json:"roles,omitempty"` // by fleet; "*" is every one
	Until *time.Time               `json:"until,omitempty"` // when that ends by itself

	Tokens   bool   `json:"tokens,omitempty"`   // a token signs in
	Provider string `json:"provider,omitempty"` // whose accounts sign in, as people call it
}

func (s *server) me(r *http.Request) (any, error) {
	in := s.options.SignIn
	if in == nil {
		return Me{Open: true}, nil
	}
	m := Me{Tokens: true}
	if in.Provider != nil {
		m.Provider = in.Provider.Name()
	}
	p, err := in.who(r)
	if err != nil {
		return m, nil //nolint:nilerr // who is not signed in asks how to
	}
	m.Name, m.How, m.Roles = p.Name, p.How, p.Grants
	if !p.Until.IsZero() {
		m.Until = moment(p.Until)
	}
	return m, nil
}

// person is the key of who asks, in the context of a request.
type person struct{}

// personOf returns who asks; false where there is no sign-in.
func personOf(r *http.Request) (identity.Person, bool) {
	p, ok := r.Context().Value(person{}).(identity.Person)
	return p, ok
}

// only lets in who has a role on the fleet that a route is about, or where it is
// about none, on any.
func (s *server) only(needs identity.Role, next http.HandlerFunc) http.HandlerFunc {
	if s.options.SignIn == nil || needs == "" {
		return next
	}
	return func(w http.ResponseWriter, r *http.Request) {
		p, err := s.options.SignIn.allowed(r, needs)
		if err != nil {
			if errors.Is(err, ErrUnauthorized) {
				w.Header().Set("WWW-Authenticate", `Bearer realm="sluice"`)
			}
			if r.Method == http.MethodPost || r.Header.Get("Authorization") != "" { // a page without a session only shows the door
				s.log.WarnContext(r.Context(), "refused", "who", p.Name, "path", r.URL.Path, "from", s.clientOf(r), "err", err)
			}
			refuse(w, status(err), err.Error())
			return
		}
		next(w, r.WithContext(context.WithValue(r.Context(), person{}, p)))
	}
}

// allowed returns who asks, if they may.
func (in *SignIn) allowed(r *http.Request, needs identity.Role) (identity.Person, error) {
	p, err := in.who(r)
	if err != nil {
		return p, err
	}
	fleet, on := chi.URLParam(r, "fleet"), ""
	has := p.Grants.Best()
	if fleet != "" {
		has, on = p.Grants.On(fleet), " on fleet "+fleet
	}
	if !has.Covers(needs) {
		is := "has no role"
		if has != "" {
			is = "is " + string(has)
		}
		return p, sentence(ErrForbidden, "%s %s%s; this wants %s: whoever keeps the people file can grant it", p.Name, is, on, needs)
	}
	return p, nil
}

// still reports whether who asked may go on to see.
func (s *server) still(r *http.Request) bool {
	if s.options.SignIn == nil {
		return true
	}
	_, err := s.options.SignIn.allowed(r, identity.Viewer)
	return err == nil
}

// who returns who asks: by a token of their own, a provider's for a machine, or
// a session.
func (in *SignIn) who(r *http.Request) (identity.Person, error) {
	header := r.Header.Get("Authorization")
	scheme, token, _ := strings.Cut(header, " ")
	switch {
	case header == "":
		return in.bySession(r)
	case !strings.EqualFold(scheme, "Bearer"):
		return identity.Person{}, sentence(ErrUnauthorized, "send Authorization: Bearer TOKEN, and no other scheme")
	case identity.IsToken(token):
		if p, ok := in.People.ByToken(token); ok {
			return p, nil
		}
		return identity.Person{}, sentence(ErrUnauthorized, "this token is not known, or was taken back: ask whoever keeps the people file")
	case in.Provider == nil:
		return identity.Person{}, sentence(ErrUnauthorized, "this is no token of sluice: sluice token makes one")
	}
	p, err := in.Provider.Bearer(r.Context(), token)
	if err != nil {
		return identity.Person{}, sentence(ErrUnauthorized, "the bearer token is not taken: %s: send a new one", err)
	}
	return in.granted(p), nil
}

// granted is somebody whom a provider has proven, with what the people file
// grants now.
func (in *SignIn) granted(p Proven) identity.Person {
	return identity.Person{Name: p.Name, How: p.How, Until: p.Until, Grants: in.People.Granted(p.Name, p.Groups)}
}
