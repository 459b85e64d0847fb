package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
)

// TestManifest prints that of the release that serves, or of the one named.
func TestManifest(t *testing.T) {
	t.Parallel()
	f := apitest.Scene("canary", noon)
	others := apitest.Handler(f, api.Options{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if digest, is := strings.CutPrefix(strings.TrimSuffix(r.URL.Path, "/manifest"), "/v1/releases/"); is && strings.HasSuffix(r.URL.Path, "/manifest") {
			fmt.Fprintf(w, "{ \"of\":\n \"%s\" }", digest)
			return
		}
		others.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	c := api.Client{Base: server.URL}
	shown, err := c.Fleet(t.Context(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"": shown.Stable.Digest, shown.Candidate.Digest: shown.Candidate.Digest, strings.ToUpper(shown.Candidate.Digest[:10]): shown.Candidate.Digest,
	} {
		said, err := run(t, append([]string{"manifest", "--api", c.Base}, strings.Fields(args)...)...)
		if err != nil || said != "{ \"of\":\n \""+want+"\" }\n" {
			t.Errorf("manifest %s: %v: %s", args, err, said)
		}
	}
	if _, err := run(t, "manifest", "--api", c.Base, "00000000"); err == nil || !strings.Contains(err.Error(), "no release begins with") {
		t.Errorf("an unknown one: %v", err)
	}
	empty := apitest.Serve(t, apitest.Scene("fresh", noon), api.Options{})
	if _, err := run(t, "manifest", "--api", empty.Base); err == nil || !strings.Contains(err.Error(), "nothing serves yet") {
		t.Errorf("where nothing serves: %v", err)
	}
}
