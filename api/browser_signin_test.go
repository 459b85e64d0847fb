package api_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/identity"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/web"
)

// Nothing is shown before somebody signs in; then the wish carries their name,
// and when the token is taken back the page asks again.
func TestDashboardSignIn(t *testing.T) {
	ctx := browser(t)
	h := newHouse(t, api.Options{})
	s := houseSite(t, h)
	do(ctx, t,
		chromedp.Navigate(s.URL),
		chromedp.WaitVisible(chromedp.CSS(`#signin #token`)),
		chromedp.SendKeys(chromedp.CSS(`#token`), identity.NewToken()),
		chromedp.Click(chromedp.CSS(`#signin button`)),
		chromedp.WaitVisible(chromedp.CSS(`#signin .failed:not(:empty)`)),
	)
	if got := text(ctx, t, `#signin .failed`); !strings.Contains(got, "is not known") {
		t.Errorf("a token of nobody: %q", got)
	}
	do(ctx, t,
		chromedp.SetValue(chromedp.CSS(`#token`), h.operator),
		chromedp.Click(chromedp.CSS(`#signin button`)),
		chromedp.WaitVisible(chromedp.CSS(`.trial .sentence`)),
		chromedp.Click(chromedp.CSS(`header [data-do=pause]`)),
		chromedp.WaitVisible(chromedp.CSS(`dialog #by[readonly]`)),
		chromedp.SendKeys(chromedp.CSS(`#why`), "to see who asks"),
		chromedp.Click(chromedp.CSS(`#confirm`)),
		chromedp.WaitNotPresent(chromedp.CSS(`dialog`)),
	)
	if got := text(ctx, t, `.who`); !strings.Contains(got, "otto") {
		t.Errorf("the bar says %q", got)
	}
	h.Mu.Lock()
	if len(h.Asked) != 1 || h.Asked[0].By != "otto" {
		t.Errorf("asked %+v", h.Asked)
	}
	h.Mu.Unlock()
	h.people(t, "vera viewer "+identity.HashToken(h.viewer))
	do(ctx, t,
		chromedp.WaitVisible(chromedp.CSS(`#signin #token`)),
		chromedp.SetValue(chromedp.CSS(`#token`), h.viewer),
		chromedp.Click(chromedp.CSS(`#signin button`)),
		chromedp.WaitVisible(chromedp.CSS(`.trial .sentence`)),
		chromedp.WaitVisible(chromedp.CSS(`[data-sign=out]`)),
	)
	if seen, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`[...document.querySelectorAll("[data-do]:not([data-do=evidence])")].some((b) => b.checkVisibility())`)); err != nil || seen {
		t.Errorf("a viewer sees how to steer: %v, %v", seen, err)
	}
	do(ctx, t,
		chromedp.Click(chromedp.CSS(`[data-sign=out]`)),
		chromedp.WaitVisible(chromedp.CSS(`#signin #token`)),
	)
}

// enter signs in with a token at the door that the page shows.
func enter(ctx context.Context, t *testing.T, token string) {
	t.Helper()
	do(ctx, t, chromedp.WaitVisible(chromedp.CSS(`#signin #token`)), chromedp.SetValue(chromedp.CSS(`#token`), token), chromedp.Click(chromedp.CSS(`#signin button`)))
}

// Who rolls back by hand says why, and stands in the trail by the proven name; a
// viewer reads it there, and can do nothing of the kind.
func TestDashboardRolledBackByHand(t *testing.T) {
	ctx := browser(t)
	h := newHouse(t, api.Options{})
	s := houseSite(t, h)
	do(ctx, t, chromedp.Navigate(s.URL))
	enter(ctx, t, h.operator)
	do(ctx, t, chromedp.Click(chromedp.CSS(`.back button`)), chromedp.WaitVisible(confirm),
		chromedp.SendKeys(chromedp.CSS(`#why`), "revenue is down"), chromedp.Click(confirm), chromedp.WaitNotPresent(chromedp.CSS(`dialog`)))
	const row = `//table[contains(@class, "audit")]//tr[contains(., "otto") and contains(., "proven, session") and contains(., "rollback") and contains(., "revenue is down") and contains(., "before: ")]`
	audit := chromedp.Click(`//nav[@aria-label="Pages"]/a[.="Audit"]`)
	do(ctx, t, audit, chromedp.WaitVisible(row), chromedp.Click(chromedp.CSS(`[data-sign=out]`)))
	enter(ctx, t, h.viewer)
	do(ctx, t, contains(`@class="who"`, "vera"), audit, chromedp.WaitVisible(row),
		chromedp.Click(`//nav[@aria-label="Pages"]/a[.="Freezes"]`), contains(`self::p`, "takes an operator of every fleet"), chromedp.WaitNotPresent(chromedp.CSS(`[data-page=freeze]`)),
		chromedp.Click(`//nav[@aria-label="Pages"]/a[.="Now"]`), chromedp.WaitVisible(chromedp.CSS(`.trial .sentence`)), chromedp.KeyEvent("r"), chromedp.KeyEvent("p"))
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`Promise.all(["fleets/demo/rollback", "fleets/demo/pause", "freeze", "unfreeze"].map((path) =>
		fetch("v1/" + path, { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"why":"w"}' }).then((a) => a.status)))
		.then((all) => all.join(" ") + "; steers: " + [...document.querySelectorAll("dialog, [data-do]:not([data-do=evidence])")].filter((b) => b.checkVisibility()).length)`, chromedp.EvalAwaitPromise))
	if err != nil || got != "403 403 403 403; steers: 0" {
		t.Errorf("a viewer: %s (%v)", got, err)
	}
	h.Mu.Lock()
	defer h.Mu.Unlock()
	if len(h.Asked) != 1 || h.Asked[0].By != "otto" || h.Stopped != nil {
		t.Errorf("asked %+v, stopped %+v", h.Asked, h.Stopped)
	}
}

// Whose session ends while they type signs in again, and finds what they typed
// and chose.
func TestDashboardSessionEndsWhileTyping(t *testing.T) {
	ctx := browser(t)
	h := newHouse(t, api.Options{})
	h.Passports = append(h.Passports, release.Passport{Digest: apitest.Digest("never"), Source: release.Source{Job: "never live"}}) // nobody would go back to it first
	s := houseSite(t, h)
	known, gone := "otto operator "+identity.HashToken(h.operator), "vera viewer "+identity.HashToken(h.viewer)
	value := func(what string) string {
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string](what))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	// lapse lets the session end under an open dialog, and brings it back.
	lapse := func() {
		h.people(t, gone)
		do(ctx, t, chromedp.WaitVisible(chromedp.CSS(`#signin`)), chromedp.Click(confirm), chromedp.WaitNotPresent(chromedp.CSS(`dialog`)), contains(`self::p`, "What you typed is kept"))
		h.people(t, known)
		do(ctx, t, chromedp.SetValue(chromedp.CSS(`#token`), h.operator), chromedp.Click(chromedp.CSS(`#signin button`)))
		for deadline := time.Now().Add(20 * time.Second); value(`document.querySelector("dialog[open] #confirm") ? "open" : "closed"`) == "closed"; {
			if time.Now().After(deadline) {
				t.Fatalf("the dialog does not come back: %s", value(`document.body.innerHTML`))
			}
			do(ctx, t, chromedp.Evaluate[chromedp.Void](`document.querySelector("#signin")?.requestSubmit()`)) // the file is looked at once a second
		}
	}
	h.people(t, known)
	do(ctx, t, chromedp.Navigate(s.URL))
	enter(ctx, t, h.operator)
	do(ctx, t, chromedp.Click(chromedp.CSS(`.back button`)), chromedp.WaitVisible(confirm), chromedp.WaitVisible(`//fieldset//label[3]`),
		chromedp.Click(`//fieldset//label[3]`), chromedp.SendKeys(chromedp.CSS(`#why`), "revenue is <down> & out"))
	chosen := value(`document.querySelector("dialog input:checked").value`)
	lapse()
	if got := value(`document.querySelector("dialog input:checked").value + document.querySelector("#why").value`); got != chosen+"revenue is <down> & out" {
		t.Errorf("after signing in again it holds %q, want %q", got, chosen)
	}
	do(ctx, t, chromedp.Click(confirm), chromedp.WaitNotPresent(chromedp.CSS(`dialog`)),
		chromedp.Click(`//nav[@aria-label="Pages"]/a[.="Freezes"]`), chromedp.Click(chromedp.CSS(`[data-page=freeze]`)), chromedp.WaitVisible(confirm),
		chromedp.SendKeys(chromedp.CSS(`#why`), "outage"), chromedp.SetValue(chromedp.CSS(`#hours`), "24"))
	lapse()
	if got := value(`location.hash + document.querySelector("#why").value + document.querySelector("#hours").value`); got != "#demo/freezesoutage24" {
		t.Errorf("after signing in again it holds %q", got)
	}
	do(ctx, t, chromedp.Click(confirm), chromedp.WaitNotPresent(chromedp.CSS(`dialog`)), contains(`contains(@class, "alarm")`, "All fleets are frozen by otto"))
	h.Mu.Lock()
	defer h.Mu.Unlock()
	if len(h.Asked) != 1 || h.Asked[0].Release != chosen || h.Asked[0].Why != "revenue is <down> & out" || h.Stopped.Why != "outage" {
		t.Errorf("asked %+v, stopped %+v", h.Asked, h.Stopped)
	}
}

// A page of a server without sign-in says so.
func TestDashboardOpen(t *testing.T) {
	ctx := browser(t)
	s := site(t, newHouse(t, api.Options{}).Fake)
	do(ctx, t, chromedp.Navigate(s.URL), chromedp.WaitVisible(chromedp.CSS(`.who`)))
	if got := text(ctx, t, `.who`); got != "open to all" {
		t.Errorf("the bar says %q", got)
	}
}

func houseSite(t *testing.T, h *house) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(api.New(h.Fake, web.Files(), slog.New(slog.DiscardHandler), api.Options{Every: 50 * time.Millisecond, SignIn: h.door}))
	t.Cleanup(s.Close)
	return s
}
