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
		one, err := e.get("look", "", func() any { made++; return strings.Repeat("a look ", 1000) })
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
			if got, err := io.ReadAll(body); err != nil || string(got) != string(one.answer()) || w.Header().Get("Vary") == "" {
				t.Fatalf("to %q: %.40q, %v", accept, got, err)
			}
		}
	}
	if made != 1 {
		t.Errorf("it was made %d times", made)
	}
	for n := range 2 * mostEncoded {
		_, _ = e.get("x", strings.Repeat("x", n), func() any { return n })
	}
	if len(e.of) > mostEncoded {
		t.Errorf("%d texts are kept, want %d at most", len(e.of), mostEncoded)
	}
}

// Who has the view before is sent a patch; who has not, the whole. Each is made
// once, however many there are.
func TestPatchIsOfTheViewBefore(t *testing.T) {
	waves := []*wave{{}}
	for n := range 4 {
		v := view{sent: newEncoded(), fleet: Fleet{Fleet: "demo", LastEvent: int64(n), Next: Next{Sentence: strings.Repeat("as before ", 100)}}}
		waves = append(waves, waves[n].next(v, nil, []string{streamLook}))
	}
	away := waves[2].next(view{}, io.ErrClosedPipe, []string{streamLook})
	back := away.next(waves[3].view, nil, []string{streamLook})
	for _, tt := range []struct {
		what  string
		sees  []*wave
		kinds string
	}{
		{"each view", waves[1:], "look look-patch look-patch look-patch"},
		{"one that missed the second", []*wave{waves[1], waves[3], waves[4]}, "look look look-patch"},
		{"one that comes later", waves[3:], "look look-patch"},
		{"one that heard of trouble", []*wave{waves[1], waves[2], back}, "look look-patch look-patch"},
	} {
		w := &patient{httptest.NewRecorder()}
		s := &stream{out: w, control: http.NewResponseController(w), policy: newViews(nil, Options{}).governs, kinds: []string{streamLook}, patches: []string{streamLook}}
		for _, one := range tt.sees {
			if err := s.news(one); err != nil {
				t.Fatal(err)
			}
		}
		var kinds []string
		for line := range strings.Lines(w.Body.String()) {
			if kind, is := strings.CutPrefix(strings.TrimSpace(line), "event: "); is {
				kinds = append(kinds, kind)
			}
		}
		if got := strings.Join(kinds, " "); got != tt.kinds {
			t.Errorf("%s: got %s, want %s", tt.what, got, tt.kinds)
		}
	}
}

// A packed stream is one gzip file, of messages of every size, each of which
// can be read when it has come.
func TestBlocksAreOneFile(t *testing.T) {
	in, out := io.Pipe()
	defer in.Close()
	next := make(chan []byte, 64)
	go func() {
		_, _ = out.Write([]byte(fileHead))
		for block := range next {
			_, _ = out.Write(block)
		}
		out.Close()
	}()
	var unpacked io.Reader
	for n := range 20 {
		message := newText("look", int64(n), []byte(strings.Repeat("x", 1<<n-1)))
		for _, block := range [][]byte{message.blocks(), stored(message.message)} {
			next <- block
			if unpacked == nil {
				var err error
				if unpacked, err = gzip.NewReader(in); err != nil {
					t.Fatal(err)
				}
			}
			got := make([]byte, len(message.message))
			if _, err := io.ReadFull(unpacked, got); err != nil || string(got) != string(message.message) {
				t.Fatalf("a message of %d bytes comes as %.80q, %v", len(got), got, err)
			}
		}
	}
	close(next)
}
