package api

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
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

// text is a body as JSON, and packed once somebody takes it so.
type text struct {
	message []byte // of a stream
	body    int    // where the JSON begins within

	packed  sync.Once
	zipped  []byte // nil where that is no use
	blocked sync.Once
	block   []byte
}

// get returns what make makes, from its first time on.
func (e *encoded) get(kind, which string, make func() any) (*text, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if t := e.of[kind+which]; t != nil {
		return t, nil
	}
	t, err := encode(kind, 0, make())
	if err != nil {
		return nil, err
	}
	if len(e.of) < mostEncoded {
		e.of[kind+which] = t
	}
	return t, nil
}

func encode(kind string, id int64, body any) (*text, error) {
	plain, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", kind, err)
	}
	return newText(kind, id, plain), nil
}

// newText is a body as JSON; with an id above 0 its message has it.
func newText(kind string, id int64, body []byte) *text {
	head := "event: " + kind + "\ndata: "
	if id > 0 {
		head = "id: " + strconv.FormatInt(id, 10) + "\n" + head
	}
	t := &text{message: make([]byte, 0, len(head)+len(body)+2), body: len(head)}
	t.message = append(append(append(t.message, head...), body...), "\n\n"...) // JSON has no line breaks
	return t
}

// json is the body alone.
func (t *text) json() []byte { return t.message[t.body : len(t.message)-2] }

// pack returns the body packed, or nil.
func (t *text) pack() []byte {
	t.packed.Do(func() {
		if len(t.message) < worthZip {
			return
		}
		if zipped, err := pack(t.answer(), gzip.BestSpeed); err == nil {
			t.zipped = zipped
		}
	})
	return t.zipped
}

// answer is the body as an answer has it, with its line's end.
func (t *text) answer() []byte { return t.message[t.body : len(t.message)-1] }

// send answers with the text, packed where the caller takes that.
func (t *text) send(w http.ResponseWriter, r *http.Request) error {
	body := t.answer()
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

// blocks are the message as a packed stream has it.
func (t *text) blocks() []byte {
	t.blocked.Do(func() {
		if t.block = stored(t.message); len(t.message) < worthZip {
			return
		}
		if packed, err := deflated(t.message); err == nil {
			t.block = packed
		}
	})
	return t.block
}
