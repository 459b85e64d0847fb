package api

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A view is made into text once, whoever asks for it and how often.
func TestViewIsEncodedOnce(t *testing.T) {
	e, made := newEncoded(), 0
	for range 100 {
		one, err := e.get("look", func() any { made++; return strings.Repeat("a look ", 1000) })
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(one.message), "event: look\ndata: \"a look ") || !strings.HasSuffix(string(one.message), "\"\n\n") {
			t.Fatalf("the message is %.40q", one.message)
		}
		for accept, packed := range map[string]bool{"gzip": true, "br, gzip;q=0.5": true, "": false, "gzip;q=0": false, "gzip; q=0.0": false, "identity": false} {
			w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Accept-Encoding", accept)
			if err := one.send(w, r); err != nil {
				t.Fatal(err)
			}
			body := io.Reader(w.Body)
			if is := w.Header().Get("Content-Encoding") == "gzip"; is != packed {
				t.Fatalf("to %q it is packed: %v", accept, is)
			}
			if packed {
				if body, err = gzip.NewReader(w.Body); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := io.ReadAll(body); err != nil || string(got) != string(one.plain) || w.Header().Get("Vary") == "" {
				t.Fatalf("to %q: %.40q, %v", accept, got, err)
			}
		}
	}
	if made != 1 {
		t.Errorf("it was made %d times", made)
	}
	for n := range 2 * mostEncoded {
		_, _ = e.get(strings.Repeat("x", n), func() any { return n })
	}
	if len(e.of) > mostEncoded {
		t.Errorf("%d texts are kept, want %d at most", len(e.of), mostEncoded)
	}
}
