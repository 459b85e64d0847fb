package api_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
)

// Who asks and does not take the answers holds so many of them and no more;
// others read on, and wishes are always taken.
func TestReadersAreBounded(t *testing.T) {
	f := waiting{apitest.Scene("canary", noon), make(chan struct{}), make(chan struct{})}
	h := apitest.Handler(f, api.Options{})
	from := func(client, method, path, body string) *httptest.ResponseRecorder {
		q := httptest.NewRequest(method, path, strings.NewReader(body))
		q.Host, q.RemoteAddr = "127.0.0.1", client
		q.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, q)
		return w
	}
	var asked sync.WaitGroup
	for range 64 {
		asked.Go(func() { from("10.0.0.1:1", "GET", "/v1/releases", "") })
	}
	for range 64 {
		<-f.entered
	}
	if w := from("10.0.0.1:2", "GET", "/v1/fleets", ""); w.Code != 429 || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), "64 questions of 10.0.0.1 are in hand") {
		t.Errorf("one more: %d %s", w.Code, w.Body)
	}
	if w := from("10.0.0.2:1", "GET", "/v1/fleets", ""); w.Code != 200 {
		t.Errorf("of another: %d %s", w.Code, w.Body)
	}
	if w := from("10.0.0.1:2", "POST", "/v1/fleets/demo/rollback", `{"by":"ada"}`); w.Code != 202 {
		t.Errorf("a rollback: %d %s", w.Code, w.Body)
	}
	close(f.leave)
	asked.Wait()
	if w := from("10.0.0.1:2", "GET", "/v1/fleets", ""); w.Code != 200 {
		t.Errorf("after that: %d %s", w.Code, w.Body)
	}
}

// waiting is a control plane that takes its time for releases.
type waiting struct {
	*apitest.Fake
	entered, leave chan struct{}
}

func (f waiting) Digests(ctx context.Context, from string, limit int) ([]string, error) {
	f.entered <- struct{}{}
	<-f.leave
	return f.Fake.Digests(ctx, from, limit)
}
