package api

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
)

const (
	mostEncoded = 4       // texts of one view that are kept
	worthZip    = 2 << 10 // bytes from which a text is packed
)

// encoded is what a view is sent as, made once for all who ask for it.
type encoded struct {
	mu sync.Mutex
	of map[string]*text
}

func newEncoded() *encoded { return &encoded{of: map[string]*text{}} }

// text is a body as JSON, and packed by gzip once somebody takes it so.
type text struct {
	message []byte // of a stream
	plain   []byte // the JSON within

	packed sync.Once
	zipped []byte // nil where that is no use
}

// get returns what make makes, from its first time on.
func (e *encoded) get(key string, make func() any) (*text, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if t := e.of[key]; t != nil {
		return t, nil
	}
	body, err := json.Marshal(make())
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", key, err)
	}
	t := newText(key, body)
	if len(e.of) < mostEncoded {
		e.of[key] = t
	}
	return t, nil
}

func newText(kind string, body []byte) *text {
	head := "event: " + kind + "\ndata: "
	whole := slices.Concat([]byte(head), body, []byte("\n\n")) // JSON has no line breaks
	return &text{message: whole, plain: whole[len(head) : len(whole)-1]}
}

// pack returns the text packed, or nil.
func (t *text) pack() []byte {
	t.packed.Do(func() {
		if len(t.plain) < worthZip {
			return
		}
		if zipped, err := pack(t.plain, gzip.BestSpeed); err == nil {
			t.zipped = zipped
		}
	})
	return t.zipped
}

// send answers with the text, packed where the caller takes that.
func (t *text) send(w http.ResponseWriter, r *http.Request) error {
	body := t.plain
	w.Header().Set("Vary", "Accept-Encoding")
	if takesZip(r) {
		if zipped := t.pack(); zipped != nil {
			body = zipped
			w.Header().Set("Content-Encoding", "gzip")
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, err := w.Write(body)
	return err
}
