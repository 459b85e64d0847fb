package api_test

import (
	"strings"
	"testing"

	"github.com/sluicehq/sluice/api"
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
