package api_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
)

// HEAD is answered wherever GET is, as GET is; every other method is told which
// there are, over the whole table of routes and under / too.
func TestMethods(t *testing.T) {
	f := apitest.Scene("canary", noon)
	f.Logs = map[string][][]byte{"better": {{0}}}
	c := apitest.Serve(t, f, api.Options{})
	filled := strings.NewReplacer("{fleet}", "demo", "{id}", "better", "{chunk}", "0", "{digest}", apitest.Digest("better"))
	known := map[string][]string{"/": {"GET"}, "/index.html": {"GET"}, "/no/file": {"GET"}}
	for path, methods := range contract().Paths() {
		known[filled.Replace(path)] = methods
	}
	for path, methods := range known {
		if slices.Contains(methods, "GET") {
			methods = append(methods, "HEAD")
			get, head := send(t, c, "GET", path), send(t, c, "HEAD", path)
			if get.status != head.status || get.kind != head.kind || head.body != "" {
				t.Errorf("HEAD %s: %+v, want the head of %+v", path, head, get)
			}
		}
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "FOO"} {
			if slices.Contains(methods, method) {
				continue
			}
			got := send(t, c, method, path)
			allowed := strings.Split(got.allow, ", ")
			slices.Sort(allowed)
			if slices.Sort(methods); got.status != http.StatusMethodNotAllowed || !slices.Equal(allowed, methods) {
				t.Errorf("%s %s: %d with Allow %q, want 405 with %q", method, path, got.status, got.allow, methods)
			}
			if method != "HEAD" && (got.kind != "application/problem+json" || !strings.Contains(got.body, "want "+got.allow)) {
				t.Errorf("%s %s: %s %s, want a problem that says what is allowed", method, path, got.kind, got.body)
			}
		}
	}
	for _, path := range []string{"/v1", "/v1/", "/v1/fleets/", "/v1/fleets/demo/", "/v1/nothing"} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST"} {
			if got := send(t, c, method, path); got.status != http.StatusNotFound || got.allow != "" {
				t.Errorf("%s %s: %+v, want 404 without Allow", method, path, got)
			}
		}
	}
}

type told struct {
	status            int
	kind, allow, body string
}

// send returns what is told at once: of a stream only the head.
func send(t *testing.T, c api.Client, method, path string) told {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, c.Base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := c.HTTP.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	of := told{status: a.StatusCode, kind: a.Header.Get("Content-Type"), allow: a.Header.Get("Allow")}
	if of.kind != "text/event-stream" {
		body, err := io.ReadAll(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		of.body = string(body)
	}
	return of
}
