package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/identity"
)

// All fleets are frozen by who may operate all of them, and says why; the glass
// is broken by admins.
func TestFreezeAllFleets(t *testing.T) {
	h := newHouse(t, api.Options{})
	everywhere := identity.NewToken()
	h.people(t, "otto operator:demo "+identity.HashToken(h.operator), "olga operator "+identity.HashToken(everywhere), "ada admin "+identity.HashToken(h.admin))
	h.Handler = newDoor(t, h)
	as := func(token string) []string { return []string{"Authorization", "Bearer " + token} }
	for _, tt := range []struct {
		token, path, body string
		code              int
		says              string
	}{
		{h.operator, "freeze", `{"why":"outage"}`, 403, "no operator of every fleet"},
		{everywhere, "freeze", `{}`, 400, "say why"},
		{everywhere, "freeze", `{"why":"outage","until":"2020-01-01T00:00:00Z"}`, 400, "which is over"},
		{everywhere, "freeze", `{"by":"the chief","why":"outage"}`, 202, `"by":"olga","why":"outage"`},
		{everywhere, "fleets/demo/promote", `{"why":"w"}`, 403, "wants admin"},
		{everywhere, "fleets/demo/resume", `{"why":"w","break_glass":true}`, 403, "no admin of fleet demo"},
		{h.admin, "fleets/demo/promote", `{"why":"w"}`, 409, "cannot be promoted until then, unless an admin breaks the glass"},
		{h.admin, "fleets/demo/promote", `{"break_glass":true}`, 400, "say why"},
		{h.operator, "fleets/demo/rollback", `{"why":"w"}`, 202, `"verb":"rollback"`},
		{h.admin, "fleets/demo/promote", `{"why":"it cannot wait","break_glass":true}`, 202, `"verb":"promote"`},
		{everywhere, "unfreeze", `{"why":"it is over"}`, 202, `{"freeze":null}`},
	} {
		if w := ask(h, "POST", "/v1/"+tt.path, tt.body, as(tt.token)...); w.Code != tt.code || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s %s: %d %s, want %d %q", tt.path, tt.body, w.Code, w.Body, tt.code, tt.says)
		}
		if tt.path == "freeze" && tt.code == 202 {
			w := ask(h, "GET", "/v1/fleets/demo", "", as(h.operator)...)
			if !strings.Contains(w.Body.String(), `all fleets are frozen by olga`) {
				t.Errorf("the fleet does not say so: %s", w.Body)
			}
		}
	}
	w := ask(h, "GET", "/v1/audit", "", as(h.operator)...)
	for _, want := range []string{`"verb":"freeze"`, `"claim":"the chief"`, `"break_glass":true`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the trail lacks %s: %s", want, w.Body)
		}
	}
}

// A freeze is a wish as all others: by its key it has one effect and one line in
// the trail, however often a client asks that hears no answer.
func TestFreezeByAKey(t *testing.T) {
	f := apitest.Scene("idle", noon)
	h := apitest.Handler(f, api.Options{})
	for _, tt := range []struct {
		body   string
		header []string
		code   int
		says   string
	}{
		{`{"by":"eve","why":"outage"}`, []string{"Idempotency-Key", ""}, 400, "Idempotency-Key is empty"},
		{`{"by":"eve","why":"outage"}`, []string{"Idempotency-Key", "a b"}, 400, "id is"},
		{`{"by":"eve","why":"outage","id":"other"}`, []string{"Idempotency-Key", "k1"}, 400, "send one of them"},
		{`{"by":"eve","why":"outage"}`, []string{"Idempotency-Key", "k1"}, 202, `"why":"outage"`},
		{`{"by":"eve","why":"outage","id":"k1"}`, nil, 202, `"why":"outage"`},
	} {
		if w := ask(h, "POST", "/v1/freeze", tt.body, tt.header...); w.Code != tt.code || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s %q: %d %s, want %d %q", tt.body, tt.header, w.Code, w.Body, tt.code, tt.says)
		}
	}
	if n := len(f.Saved.Unaudited); n != 1 {
		t.Errorf("the trail has %d lines, want 1", n)
	}
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked < 3 {
			h.ServeHTTP(httptest.NewRecorder(), r) // done, and the reply is lost
			panic(http.ErrAbortHandler)
		}
		h.ServeHTTP(w, r)
	}))
	defer s.Close()
	stop, err := api.Client{Base: s.URL}.Freeze(t.Context(), api.StopAsk{By: "eve", Why: "another"})
	if err != nil || asked != 3 || stop.Freeze == nil || stop.Freeze.Why != "another" || len(f.Saved.Unaudited) != 2 {
		t.Errorf("asked %d times, %d lines in the trail, %+v: %v", asked, len(f.Saved.Unaudited), stop.Freeze, err)
	}
}

// planned is the calendar of an estate: "ads-eu" is frozen now, and every weekend;
// of "audio" there is none.
func planned(fleet string, from, until time.Time) ([]rollout.Frozen, bool) {
	var p rollout.Policies
	if fleet == "ads-eu" {
		p.Freezes = []rollout.Freeze{
			{Name: "audit of the books", Why: "nothing may move", From: from.Add(-2 * time.Hour), Until: from.Add(26 * time.Hour)},
			{Name: "weekends", Days: []time.Weekday{time.Friday}, At: 16 * time.Hour, For: 62 * time.Hour, Zone: time.UTC},
		}
	}
	return p.Calendar(from, until), fleet != "audio"
}

// The calendar is told of the fleets that one may see: none planned, and not
// known, are two.
func TestFreezesAhead(t *testing.T) {
	estate := apitest.Several{Names: []string{"ads-eu", "video", "audio"}, Of: map[string]*apitest.Fake{"ads-eu": apitest.Scene("idle", noon)}}
	var got api.Calendar
	w := ask(apitest.Handler(estate, api.Options{Calendar: planned}), "GET", "/v1/freezes", "")
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Fleets) != 3 {
		t.Fatalf("%d %s (%v)", w.Code, w.Body, err)
	}
	eu, video, audio := got.Fleets[0], got.Fleets[1], got.Fleets[2]
	if n := len(eu.Freezes); n < 5 || n > 6 || !eu.Known || !video.Known || len(video.Freezes) != 0 || audio.Known {
		t.Errorf("told %s", w.Body)
	}
	for _, f := range eu.Freezes {
		if f.Until == nil || !f.Until.After(got.From) || !f.Since.Before(got.Until) {
			t.Errorf("%+v lies outside of %s to %s", f, got.From, got.Until)
		}
	}
	daily := func(_ string, from, until time.Time) (all []rollout.Frozen, known bool) {
		for i := range 130 {
			all = append(all, rollout.Frozen{Name: fmt.Sprint(i), Since: from, Until: until})
		}
		return all, true
	}
	h := newHouse(t, api.Options{Calendar: daily})
	w = ask(h, "GET", "/v1/freezes", "", "Authorization", "Bearer "+h.operator)
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Fleets) != 1 || len(got.Fleets[0].Freezes) != 100 || got.Fleets[0].More != 30 {
		t.Errorf("of many: %d %.300s", w.Code, w.Body)
	}
	other := identity.NewToken()
	h.people(t, "olga viewer:video "+identity.HashToken(other))
	if w := ask(newDoor(t, h), "GET", "/v1/freezes", "", "Authorization", "Bearer "+other); !strings.Contains(w.Body.String(), `"fleets":[]`) {
		t.Errorf("who may not see the fleet is told %s", w.Body)
	}
}
