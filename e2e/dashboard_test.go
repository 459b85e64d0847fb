package e2e

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/sluicehq/sluice/api/browsertest"
	"github.com/sluicehq/sluice/identity"
)

const confirm = chromedp.CSS(`dialog[open] #confirm`)

// shows waits until the page shows what matches.
func shows(ctx context.Context, t *testing.T, limit time.Duration, pattern string) {
	t.Helper()
	wanted := regexp.MustCompile(pattern)
	within(t, limit, "the page to show "+pattern, func() (bool, string) {
		page := browsertest.Text(ctx, t, `body`)
		return wanted.MatchString(strings.Join(strings.Fields(page), " ")), page
	})
}

// evaluate returns what a script comes to.
func evaluate(ctx context.Context, t *testing.T, script string) string {
	t.Helper()
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestDashboardOfADay follows the demo on its page: a model goes live, another is
// taken back, and somebody goes back by hand and is found in the trail.
func TestDashboardOfADay(t *testing.T) {
	ctx := browsertest.Open(t, 10*time.Minute)
	dir := t.TempDir()
	demo, err := launch(dir, "demo", credentials(), "sluice", "demo", "--listen", "127.0.0.1:0", "--dir", filepath.Join(dir, "demo"), "--rate", "1000", "--connections", "200")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(demo.kill)
	page, err := demo.await(`(?s)The page is at (http://\S+),.* queued `) // by then somebody answers there
	if err != nil {
		t.Fatal(err)
	}
	browsertest.Do(ctx, t, chromedp.Navigate(page))
	// History keeps what was said, whatever comes next.
	browsertest.Do(ctx, t, chromedp.Click(`//nav[@aria-label="Pages"]/a[.="History"]`))
	shows(ctx, t, 5*time.Minute, `better is live: as good as the model before it`)
	// 5 points, or 8 where the first step with its wider margin takes it back
	shows(ctx, t, 5*time.Minute, `solvane is filtered \d+ points more than today; (5|8) are allowed\. Taken back (after [\d a-z]+|at once); (no|[\d,]+) auctions? saw it\.`)

	browsertest.Do(ctx, t, chromedp.Click(`//nav[@aria-label="Pages"]/a[.="Now"]`), chromedp.Click(chromedp.CSS(`.back button`)), chromedp.WaitVisible(confirm),
		chromedp.SendKeys(chromedp.CSS(`#by`), "ada"), chromedp.SendKeys(chromedp.CSS(`#why`), "revenue is down"))
	within(t, patience, "the wish to be taken", func() (bool, string) { // the day goes on, and who asked is shown how things stand now
		still := evaluate(ctx, t, `{ const b = document.querySelector("dialog[open] #confirm"); b?.click(); document.querySelector("dialog[open]")?.innerText ?? "" }`)
		return still == "", still
	})
	shows(ctx, t, patience, `ada went back to release [0-9a-f]{12}: revenue is down`)
	browsertest.Do(ctx, t, chromedp.Click(`//nav[@aria-label="Pages"]/a[.="Audit"]`),
		chromedp.WaitVisible(`//table[contains(@class, "audit")]//tr[contains(., "ada") and contains(., "claimed") and contains(., "rollback") and contains(., "revenue is down") and contains(., "before: ")]`),
		chromedp.WaitVisible(`//table[contains(@class, "audit")]//tr[contains(., "ada") and contains(., "rollback_by_hand") and contains(., "after: ")]`))
	if err := demo.stop(); err != nil {
		t.Error(err)
	}
}

// TestDashboardOfAViewer opens the page of a controller with two fleets and
// sign-in: a viewer looks and can do no more, the page goes on with the controller
// that follows one that died, and asks again when the session is over.
func TestDashboardOfAViewer(t *testing.T) {
	ctx := browsertest.Open(t, 10*time.Minute)
	_, endpoint := startAWS(t)
	s := newStack(t, endpoint, 0)
	token := identity.NewToken()
	s.must(os.Mkdir(filepath.Join(s.dir, "fleets"), 0o755))
	for name, text := range map[string]string{
		"people": "vera viewer " + identity.HashToken(token), "keys": strings.Repeat("5a", 32),
		"fleets/ads.yaml": fleetFile, "fleets/video.yaml": strings.NewReplacer("fleet: ads", "fleet: video", "service: inference", "service: video").Replace(fleetFile),
	} {
		s.must(os.WriteFile(filepath.Join(s.dir, name), []byte(text+"\n"), 0o600))
	}
	start := func(name, listen, session string) (*process, string) {
		p := s.launch(name, "controller", "--fleets", "fleets", "--bucket", "sluice", "--listen", listen, "--lease", s.lease, "--people", "people", "--session-key-file", "keys", "--session", session)
		at, err := p.await(`dashboard=(http://\S+)`)
		s.must(err)
		return p, at
	}
	enter := func() {
		browsertest.Do(ctx, t, chromedp.WaitVisible(chromedp.CSS(`#signin #token`)), chromedp.SetValue(chromedp.CSS(`#token`), token),
			chromedp.Click(chromedp.CSS(`#signin button`)), browsertest.Contains(`@class="who"`, "vera"))
	}
	first, at := start("first", "127.0.0.1:0", "1h")
	browsertest.Do(ctx, t, chromedp.Navigate(at))
	enter()
	browsertest.Do(ctx, t, chromedp.WaitVisible(`//*[contains(@class, "fleets")]//a[.="ads"]`), chromedp.Click(`//*[contains(@class, "fleets")]//a[.="video"]`),
		browsertest.Contains(`self::h1`, "video"), chromedp.WaitVisible(chromedp.CSS(`.link.live`)))
	got := evaluate(ctx, t, `Promise.all(["fleets/video/rollback", "fleets/ads/pause", "freeze"].map((path) =>
		fetch("v1/" + path, { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"why":"w"}' }).then((a) => a.status)))
		.then((all) => all.join(" ") + "; steers: " + [...document.querySelectorAll("[data-do]:not([data-do=evidence])")].filter((b) => b.checkVisibility()).length)`)
	if got != "403 403 403; steers: 0" {
		t.Errorf("a viewer: %s", got)
	}

	first.kill()
	browsertest.Do(ctx, t, browsertest.Contains(`@role="alert"`, "Connection lost"), chromedp.WaitVisible(chromedp.CSS(`.stale`)))
	start("second", strings.TrimPrefix(at, "http://"), "1m") // what was sealed before lasts for its hour
	browsertest.Do(ctx, t, chromedp.WaitVisible(chromedp.CSS(`.link.live`)), chromedp.WaitNotPresent(chromedp.CSS(`.stale`)), browsertest.Contains(`@class="who"`, "vera"), chromedp.Click(chromedp.CSS(`[data-sign=out]`)))
	enter()
	within(t, 2*time.Minute, "the session to be over", func() (bool, string) {
		page := browsertest.Text(ctx, t, `body`)
		return strings.Contains(page, "Sign in") && !strings.Contains(page, "vera"), page
	})
}
