package api_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/identity"
)

// What is asked is in the trail by the proven name, with what they called
// themselves, from where and why; and shown to those alone who may see the fleet.
func TestAudit(t *testing.T) {
	h := newHouse(t, api.Options{})
	as := func(token string) []string { return []string{"Authorization", "Bearer " + token} }
	for _, body := range []string{`{"by":"the chief","why":"revenue is down"}`} {
		if w := ask(h, "POST", "/v1/fleets/demo/rollback", body, as(h.operator)...); w.Code != 202 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	w := ask(h, "GET", "/v1/audit", "", as(h.viewer)...)
	var got api.Audit
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Entries) != 1 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	e := got.Entries[0]
	if e.By != "otto" || e.How != "token" || e.Claim != "the chief" || e.From != "192.0.2.1" || e.Why != "revenue is down" || e.Before == nil || e.Before.Phase != "canary" || e.Before.Step == 0 {
		t.Errorf("told %+v, before %+v", e, e.Before)
	}
	other := identity.NewToken()
	h.people(t, "olga admin:video "+identity.HashToken(other))
	h.Handler = newDoor(t, h)
	if w := ask(h, "GET", "/v1/audit", "", as(other)...); w.Code != 200 || strings.Contains(w.Body.String(), "otto") {
		t.Errorf("who may not see the fleet is told %d %s", w.Code, w.Body)
	}
}

func TestOverridesWantAReason(t *testing.T) {
	for verb, wants := range map[rollout.Verb]bool{
		rollout.VerbRollback: true, rollout.VerbAbort: true, rollout.VerbPromote: true, rollout.VerbTry: true, rollout.VerbPause: false, rollout.VerbResume: false,
	} {
		h := newHouse(t, api.Options{})
		body := `{}`
		if verb == rollout.VerbTry {
			body = `{"source":"s3://b/k"}`
		}
		w := ask(h, "POST", "/v1/fleets/demo/"+string(verb), body, "Authorization", "Bearer "+h.admin)
		if turned := w.Code == 400 && strings.Contains(w.Body.String(), "say why"); turned != wants {
			t.Errorf("%s without a reason: %d %s", verb, w.Code, w.Body)
		}
		open := apitest.Handler(h.Fake, api.Options{})
		if w := ask(open, "POST", "/v1/fleets/demo/"+string(verb), strings.Replace(body, "{", `{"by":"an old command",`, 1)); strings.Contains(w.Body.String(), "say why") {
			t.Errorf("%s of a command of before: %d %s", verb, w.Code, w.Body)
		}
	}
}

func TestAuditPagesOverHTTP(t *testing.T) {
	h := apitest.Handler(apitest.Scene("canary", noon), api.Options{})
	for range 3 {
		if w := ask(h, "POST", "/v1/fleets/demo/rollback", `{"by":"ada","why":"w"}`); w.Code != 202 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	seen := map[string]bool{}
	for after := ""; ; {
		var page api.Audit
		w := ask(h, "GET", "/v1/audit?limit=1"+after, "")
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || len(page.Entries) != 1 || seen[page.Entries[0].Wish] {
			t.Fatalf("%d %s, %v", w.Code, w.Body, seen)
		}
		seen[page.Entries[0].Wish] = true
		if page.Next == "" {
			break
		}
		after = "&after=" + page.Next
	}
	if len(seen) != 3 {
		t.Errorf("told of %d", len(seen))
	}
	for query, says := range map[string]string{"?after=x": "want next", "?limit=0": "want 1 to", "?fleet=": "is empty", "?nope=1": "no parameter", "?limit=1&limit=2": "twice"} {
		if w := ask(h, "GET", "/v1/audit"+query, ""); w.Code != 400 || !strings.Contains(w.Body.String(), says) {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}

// The whole trail comes in one file, however many pages it has; a file that
// cannot be finished does not look whole.
func TestAuditExport(t *testing.T) {
	h := newHouse(t, api.Options{})
	const entries = api.MostListed + 3
	for i := range entries {
		h.Saved.Unaudited = append(h.Saved.Unaudited, rollout.Entry{What: rollout.AuditAsked, At: noon.Add(time.Duration(i) * time.Second), Fleet: []string{"demo", "video"}[i%2], Wish: strconv.Itoa(i), Why: "w"})
	}
	all := apitest.Handler(h.Fake, api.Options{})
	lines := strings.Split(strings.TrimSpace(ask(all, "GET", "/v1/audit/export", "").Body.String()), "\n")
	var oldest api.AuditEntry
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &oldest); err != nil || len(lines) != entries || oldest.Wish != "0" {
		t.Errorf("%d lines, the last %+v (%v)", len(lines), oldest, err)
	}
	for path, want := range map[string]int{"?fleet=demo": 252, "": 503, "?fleet=nobody": 0} {
		if got := strings.Count(ask(all, "GET", "/v1/audit/export"+path, "").Body.String(), "\n"); got != want {
			t.Errorf("%q: %d lines, want %d", path, got, want)
		}
	}
	other := identity.NewToken()
	h.people(t, "olga viewer:video "+identity.HashToken(other))
	if w := ask(newDoor(t, h), "GET", "/v1/audit/export", "", "Authorization", "Bearer "+other); w.Code != 200 || strings.Count(w.Body.String(), "\n") != 251 || strings.Contains(w.Body.String(), `"demo"`) {
		t.Errorf("who sees one fleet is told %d, %d lines", w.Code, strings.Count(w.Body.String(), "\n"))
	}
	s := httptest.NewServer(apitest.Handler(torn{h.Fake}, api.Options{}))
	t.Cleanup(s.Close)
	answer, err := http.Get(s.URL + "/v1/audit/export")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if body, err := io.ReadAll(answer.Body); err == nil {
		t.Errorf("half of the trail looks whole: %d bytes", len(body))
	}
}

// torn cannot read the trail beyond its first page.
type torn struct{ *apitest.Fake }

func (f torn) Audit(ctx context.Context, after string, limit int, wanted func(string) bool) ([]rollout.Entry, string, error) {
	if after != "" {
		return nil, "", rollout.ErrUnavailable
	}
	return f.Fake.Audit(ctx, after, limit, wanted)
}
