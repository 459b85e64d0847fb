package api_test

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/identity"
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
