package api_test

import (
	"strings"
	"testing"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
)

// What can be read in two ways is read in none: a wish is taken as its asker
// meant it, or not at all.
func TestAmbiguousWish(t *testing.T) {
	const good, path = `{"by":"ada"}`, "/v1/fleets/demo/rollback"
	for _, tt := range []struct {
		body   string
		header []string
		code   int
		says   string
	}{
		{good, nil, 202, `"verb":"rollback"`},
		{`{"by":"ada","by":"bob"}`, nil, 400, `the key \"by\" twice`},
		{`{"by":"ada","BY":"bob"}`, nil, 400, `the key \"BY\" twice`},
		{`{"by":"ada","seen":{"revision":1,"Revision":2}}`, nil, 400, `the key \"Revision\" twice`},
		{`{"by":"ada","intended_change":{"filter_rate":0.1,"partners":{"acme":0.1,"acme":0.2}}}`, nil, 400, `the key \"acme\" twice`},
		{`{"by":"ada","intended_change":{"filter_rate":0.1,"partners":{"acme":0.1,"Acme":0.2}}}`, nil, 400, "goes with try only"},
		{"{\"by\":\"a\xff\"}", nil, 400, "it is no UTF-8"},
		{good, []string{"Idempotency-Key", ""}, 400, "Idempotency-Key is empty"},
		{good, []string{"Idempotency-Key", `""`}, 400, "Idempotency-Key is empty"},
		{good, []string{"Idempotency-Key", "a", "Idempotency-Key", "b"}, 400, "Idempotency-Key stands twice"},
		{good, []string{"Content-Encoding", "gzip"}, 415, "send it as it is"},
		{good, []string{"Content-Encoding", "identity"}, 202, `"verb":"rollback"`},
	} {
		f := apitest.Scene("canary", noon)
		w := ask(apitest.Handler(f, api.Options{}), "POST", path, tt.body, tt.header...)
		if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.says) || (len(f.Asked) == 1) != (tt.code == 202) {
			t.Errorf("%s %q: got %d %s and %d wishes, want %d with %q", tt.body, tt.header, w.Code, w.Body, len(f.Asked), tt.code, tt.says)
		}
	}
}

// A parameter that is misspelt, empty or given twice is no parameter left out.
func TestAmbiguousQuery(t *testing.T) {
	h := apitest.Handler(apitest.Scene("canary", noon), api.Options{})
	for query, says := range map[string]string{
		"limit=1&limit=500": "limit stands twice", "limit=": "limit is empty", "limt=3": `no parameter \"limt\"`,
		"limit=%zz": "invalid URL escape", "limit=1;limit=2": "invalid semicolon", "limit=1&after=2": `no parameter \"after\"`,
	} {
		for _, path := range []string{"/v1/fleets/demo/rollouts", "/v1/fleets/demo/tasks", "/v1/releases"} {
			if w := ask(h, "GET", path+"?"+query, ""); w.Code != 400 || !strings.Contains(w.Body.String(), says) {
				t.Errorf("%s?%s: got %d %s, want 400 with %q", path, query, w.Code, w.Body, says)
			}
		}
	}
	for _, query := range []string{"after=1&after=2", "after=", "last=3"} {
		if w := ask(h, "GET", "/v1/fleets/demo/events?"+query, ""); w.Code != 400 {
			t.Errorf("events?%s: got %d", query, w.Code)
		}
	}
	if w := ask(h, "GET", "/v1/fleets/demo/rollouts?limit=1", ""); w.Code != 200 {
		t.Errorf("a good one: %d %s", w.Code, w.Body)
	}
}
