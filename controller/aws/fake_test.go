package aws_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

type object = map[string]any

// call is one that a fake service was asked.
type call struct {
	op string
	in object
}

// fake answers AWS JSON calls with what a test wrote down.
type fake struct {
	mu    sync.Mutex
	calls []call
	reply func(op string, in object) any // an apiError, or what to answer
}

type apiError struct{ code, message string }

func serveFake(t *testing.T, reply func(op string, in object) any) (*fake, string) {
	t.Helper()
	f := &fake{reply: reply}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, server.URL
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Amz-Target") == "" {
		f.serveForm(w, r)
		return
	}
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	var in object
	body, err := io.ReadAll(r.Body) // to its end, so that the connection can be used again
	if err == nil {
		err = json.Unmarshal(body, &in)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	f.calls = append(f.calls, call{op, in})
	out := f.reply(op, in)
	f.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if e, ok := out.(apiError); ok {
		w.WriteHeader(http.StatusBadRequest)
		out = object{"__type": e.code, "message": e.message}
	}
	_ = json.NewEncoder(w).Encode(out)
}

// serveForm answers a form as EC2 does, with the XML that a test wrote down.
func (f *fake) serveForm(w http.ResponseWriter, r *http.Request) {
	in := object{"authorization": r.Header.Get("Authorization")}
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for name := range r.PostForm {
		in[name] = r.PostForm.Get(name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call{r.PostForm.Get("Action"), in})
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	out := f.reply(r.PostForm.Get("Action"), in)
	if e, ok := out.(apiError); ok {
		w.WriteHeader(http.StatusForbidden)
		out = "<?xml version=\"1.0\"?><Response><Errors><Error><Code>" + e.code + "</Code><Message>" + e.message + "</Message></Error></Errors><RequestID>1</RequestID></Response>"
	}
	_, _ = fmt.Fprint(w, out)
}

// count is how often an operation was called.
func (f *fake) count(op string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.calls {
		if c.op == op {
			n++
		}
	}
	return n
}

// last is what an operation was last asked.
func (f *fake) last(op string) object {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := len(f.calls) - 1; i >= 0; i-- {
		if f.calls[i].op == op {
			return f.calls[i].in
		}
	}
	return nil
}
