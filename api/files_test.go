package api_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/web"
)

// firstLoad is what the page may weigh before it shows anything, packed.
const firstLoad = 150_000

// All that a browser fetches to show the page is light, and fetched once.
func TestFirstLoad(t *testing.T) {
	h := api.New(apitest.Scene("idle", noon), web.Files(), slog.New(slog.DiscardHandler), api.Options{})
	total := 0
	err := fs.WalkDir(web.Files(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name = strings.TrimSuffix(name, ".gz")
		plain := ask(h, "GET", "/"+name, "")
		packed := ask(h, "GET", "/"+name, "", "Accept-Encoding", "br, gzip;q=0.5")
		if packed.Header().Get("Content-Encoding") != "gzip" || packed.Header().Get("Vary") != "Accept-Encoding" || packed.Header().Get("Content-Type") != plain.Header().Get("Content-Type") {
			t.Errorf("%s: %v", name, packed.Header())
		}
		total += packed.Body.Len()
		z, err := gzip.NewReader(packed.Body)
		if err != nil {
			return err
		}
		if body, err := io.ReadAll(z); err != nil || string(body) != plain.Body.String() {
			t.Errorf("%s unpacks to something else: %v", name, err)
		}
		again := ask(h, "GET", "/"+name, "", "Accept-Encoding", "gzip", "If-None-Match", packed.Header().Get("ETag"))
		if again.Code != 304 || again.Body.Len() > 0 || packed.Header().Get("ETag") == plain.Header().Get("ETag") {
			t.Errorf("%s is sent again: %d", name, again.Code)
		}
		return nil
	})
	if err != nil || total > firstLoad || total < 10_000 {
		t.Errorf("%d bytes, want at most %d: %v", total, firstLoad, err)
	}
}

// What is not there is not there, and who does not unpack is given it plain.
func TestFiles(t *testing.T) {
	page := fstest.MapFS{"index.html": {Data: []byte("<p>hi</p>")}, "deep/a.js": {Data: []byte("1")}}
	h := api.New(apitest.Scene("idle", noon), page, slog.New(slog.DiscardHandler), api.Options{})
	for path, code := range map[string]int{"/": 200, "/index.html": 200, "/deep/a.js": 200, "/deep": 404, "/nothing": 404, "/..%2findex.html": 200} {
		if w := ask(h, "GET", path, ""); w.Code != code {
			t.Errorf("%s: %d, want %d", path, w.Code, code)
		}
	}
	for _, coding := range []string{"", "identity", "gzip;q=0", "gzip; q=0.0", "br"} {
		if w := ask(h, "GET", "/", "", "Accept-Encoding", coding); w.Header().Get("Content-Encoding") != "" || w.Body.String() != "<p>hi</p>" {
			t.Errorf("%q: %v", coding, w.Header())
		}
	}
	if w := ask(h, "HEAD", "/", "", "Accept-Encoding", "gzip"); w.Code != 200 || w.Body.Len() > 0 {
		t.Errorf("HEAD: %d, %d bytes", w.Code, w.Body.Len())
	}
}

// The document is what is committed, for those who unpack it and those who do not.
func TestDocumentIsPacked(t *testing.T) {
	h := apitest.Handler(apitest.Scene("idle", noon), api.Options{})
	want, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	plain := ask(h, "GET", "/v1/openapi.json", "")
	packed := ask(h, "GET", "/v1/openapi.json", "", "Accept-Encoding", "gzip")
	z, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(z); err != nil || string(body) != string(want) || plain.Body.String() != string(want) {
		t.Errorf("%d and %d bytes, want %d: %v", plain.Body.Len(), len(body), len(want), err)
	}
	for _, w := range []*httptest.ResponseRecorder{plain, packed, ask(h, "HEAD", "/v1/openapi.json", "")} {
		if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%d: %v", w.Code, w.Header())
		}
	}
	if plain.Header().Get("Content-Encoding") != "" || packed.Header().Get("Content-Encoding") != "gzip" || plain.Header().Get("ETag") == packed.Header().Get("ETag") {
		t.Errorf("plain: %v\npacked: %v", plain.Header(), packed.Header())
	}
}

// A series is packed for those who unpack it.
func TestSeriesIsPacked(t *testing.T) {
	f, _ := recorded(apitest.Course{Partners: 5, Shadow: 5, Canary: 5, Every: 1})
	h := apitest.Handler(f, api.Options{})
	const path = "/v1/fleets/demo/rollouts/partner-blind/series"
	w := ask(h, "GET", path, "", "Accept-Encoding", "gzip")
	z, err := gzip.NewReader(w.Body)
	if err != nil || w.Header().Get("Content-Encoding") != "gzip" {
		t.Fatal(err, w.Header())
	}
	var s api.Series
	if err := json.NewDecoder(z).Decode(&s); err != nil || s.Looks != 10 {
		t.Errorf("%d looks: %v", s.Looks, err)
	}
	if w := ask(h, "GET", path, ""); w.Header().Get("Content-Encoding") != "" || json.Unmarshal(w.Body.Bytes(), &s) != nil {
		t.Errorf("plain: %v", w.Header())
	}
}
