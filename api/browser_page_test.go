package api_test

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/sluicehq/sluice/api/apitest"
)

// two is a server of two fleets that do the same.
type two struct{ *apitest.Fake }

func (two) Fleets(context.Context) []string { return []string{"demo", "other"} }

// The address names the fleet, whatever else it holds, and the skip link leaves it alone.
func TestDashboardFleets(t *testing.T) {
	ctx := browser(t)
	s := site(t, two{apitest.Scene("canary", time.Now())})
	shows := func(fleet string) chromedp.Action[chromedp.Void] {
		return chromedp.WaitVisible(`//nav/a[@aria-current="page"][.="` + fleet + `"]`)
	}
	skip := chromedp.Evaluate[string](`document.querySelector(".skip").click(), document.activeElement.id + " " + document.querySelector("h1").textContent`)
	do(ctx, t, chromedp.Navigate(s.URL+"/#other"), shows("other"), chromedp.WaitVisible(chromedp.CSS(`#trial .sentence`)))
	if got, err := chromedp.Run(ctx, skip); err != nil || got != "trial other" {
		t.Errorf("the skip link leads to %q (%v)", got, err)
	}
	do(ctx, t,
		chromedp.Evaluate[chromedp.Void](`location.hash = "#%"`), contains(`@role="alert"`, "no fleet %"), shows("other"),
		chromedp.Evaluate[chromedp.Void](`location.hash = "#demo"`), shows("demo"), chromedp.WaitNotPresent(chromedp.CSS(`.alarm.warn`)),
		chromedp.Navigate("about:blank"),
		chromedp.Navigate(s.URL+"/#gone"), contains(`@role="alert"`, "There is no fleet gone"), shows("demo"))
}

// The keys work under Caps Lock, and who follows a button to the evidence has
// the focus there, without a ride for those who want none.
func TestDashboardKeys(t *testing.T) {
	ctx := browser(t)
	s := site(t, apitest.Scene("rolled_back", time.Now()))
	do(ctx, t, chromedp.Navigate(s.URL), chromedp.WaitVisible(chromedp.CSS(`.history details`)))
	for key, title := range map[string]string{"R": "Roll demo back?", "P": "Pause demo?"} {
		do(ctx, t, chromedp.KeyEvent(key), contains(`@id="ask-title"`, title), chromedp.KeyEvent("\x1b"), chromedp.WaitNotPresent(chromedp.CSS(`dialog`)))
	}
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	do(ctx, t, chromedp.Evaluate[chromedp.Void](`Element.prototype.scrollIntoView = function (how) { window.how = how.behavior }`),
		chromedp.Click(chromedp.CSS(`[data-do=evidence]`)), chromedp.WaitVisible(chromedp.CSS(`.history details[open]`)))
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`window.how + " " + document.activeElement.matches("details[open] > summary")`))
	if err != nil || got != "auto true" {
		t.Errorf("it goes to the evidence so: %q (%v)", got, err)
	}
}
