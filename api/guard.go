package api

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
)

// headers keeps the dashboard's page to itself: it runs no script, and shows
// no picture, that is not ours, and nobody may frame it.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}

// knownHost refuses requests for names that are not ours. Without sign-in a page
// elsewhere whose name is made to point here (DNS rebinding) could else read and
// steer the fleet.
func knownHost(hosts []string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if zoned(r.Host) {
				refuse(w, http.StatusBadRequest, fmt.Sprintf(
					"the name %q has a zone, which means something on the machine that asks only: leave out the %% and what follows", r.Host))
				return
			}
			if !isKnown(r.Host, hosts) {
				refuse(w, http.StatusMisdirectedRequest, fmt.Sprintf(
					"this server does not answer to the name %q: add it to the names it is told to allow", r.Host))
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// zoned reports whether a Host is an IPv6 address with a zone (fe80::1%eth0).
func zoned(host string) bool {
	a, err := netip.ParseAddr(withoutPort(host))
	return err == nil && a.Zone() != ""
}

func withoutPort(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

func isKnown(host string, allowed []string) bool {
	name := withoutPort(host)
	if _, err := netip.ParseAddr(name); err == nil || name == "localhost" {
		return true // no name was looked up, so none can have been bent
	}
	return slices.ContainsFunc(allowed, func(a string) bool { return a == "*" || strings.EqualFold(a, name) })
}

// sameOrigin refuses what a browser sends on behalf of another site: wishes by
// their Origin and Sec-Fetch-Site headers, and streams, of which there are few.
func sameOrigin(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		foreign := guard.Check(r) != nil
		if strings.HasSuffix(r.URL.Path, "/events") && r.Header.Get("Sec-Fetch-Site") == "cross-site" {
			foreign = true
		}
		if foreign {
			refuse(w, http.StatusForbidden, "asked by a page of another site; use the dashboard of this server, or the sluice command")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// noRoute is what is said of a path that leads nowhere.
const noRoute = "there is no such route: see /v1/openapi.json for those that there are, or /api.html"

// notAllowed tells which methods a route knows.
func notAllowed(routes chi.Routes) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var known []string
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			if routes.Match(chi.NewRouteContext(), method, cmp.Or(r.URL.RawPath, r.URL.Path)) {
				known = append(known, method)
			}
		}
		if len(known) == 0 || strings.TrimSuffix(r.URL.Path, "/") == "/v1" { // of which chi says that it takes all
			refuse(w, http.StatusNotFound, noRoute)
			return
		}
		allow := strings.Join(known, ", ")
		w.Header().Set("Allow", allow)
		refuse(w, http.StatusMethodNotAllowed, fmt.Sprintf("%s is not for this route: want %s", r.Method, allow))
	}
}

// refuse answers before a route is reached. A caller that is gone by then has
// missed nothing.
func refuse(w http.ResponseWriter, code int, why string) {
	_ = write(w, code, problemOf(code, why))
}
