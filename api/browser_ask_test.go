package api_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/api/browsertest"
	"github.com/sluicehq/sluice/controller/rollout"
)

const (
	confirm = chromedp.CSS(`dialog[open] #confirm`)
	failed  = chromedp.CSS(`dialog[open] .failed`)
)

// asker opens the page of a canary for somebody whose name is known. Calls go
// through window.through, which a test may replace.
func asker(ctx context.Context, t *testing.T) *apitest.Fake {
	t.Helper()
	f := apitest.Scene("canary", time.Now())
	s := site(t, f)
	do(ctx, t, chromedp.Navigate(s.URL), chromedp.WaitVisible(chromedp.CSS(`.back button`)),
		chromedp.Evaluate[chromedp.Void](`localStorage.setItem("sluice.name", "ada");
			window.through = window.real = window.fetch;
			window.fetch = (path, init) => window.through(path, init);`))
	return f
}

// asked is what was stored.
func asked(f *apitest.Fake) int {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	return len(f.Asked)
}

// contains waits until something that may be seen holds the words.
func contains(where, words string) chromedp.Action[chromedp.Void] {
	return browsertest.Contains(where, words)
}

func pressEnter(ctx context.Context, t *testing.T, held bool) {
	t.Helper()
	_, err := chromedp.Call(ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{
		Type: "keyDown", Key: "Enter", Code: "Enter", Text: "\r", WindowsVirtualKeyCode: 13, AutoRepeat: &held,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The dialog opens at once, whatever is still to be fetched for it, and once,
// however often its button is pressed; the key that opened it, still held,
// confirms nothing. What comes later leaves what is chosen.
func TestDashboardAsksOnce(t *testing.T) {
	ctx := browser(t)
	f := asker(ctx, t)
	do(ctx, t,
		chromedp.Evaluate[chromedp.Void](`window.posts = 0; window.held = [];
			window.through = (path, init) => {
				if (init?.method === "POST") window.posts++;
				return path.includes("releases") ? new Promise((go) => window.held.push(() => go(window.real(path, init)))) : window.real(path, init);
			}`),
		chromedp.Click(chromedp.CSS(`.back button`)), chromedp.WaitVisible(confirm), contains(`contains(@class,"lacking")`, "Fetching older releases…"),
		chromedp.Evaluate[chromedp.Void](`document.querySelector(".back button").click();
			document.querySelectorAll("dialog .target input")[1].click();
			window.chosen = document.querySelector("dialog input:checked").value;
			for (const go of window.held) go()`),
		chromedp.WaitNotPresent(`//*[contains(@class,"lacking")][contains(., "Fetching")]`))
	pressEnter(ctx, t, true)
	for what, want := range map[string]int{`window.held.length`: 1, `document.querySelectorAll("dialog").length`: 1, `window.posts`: 0, `+(document.querySelector("dialog input:checked").value === window.chosen)`: 1} {
		if got, err := chromedp.Run(ctx, chromedp.Evaluate[int](what)); err != nil || got != want {
			t.Errorf("%s is %d (%v), want %d", what, got, err, want)
		}
	}
	do(ctx, t, chromedp.SetValue(chromedp.CSS(`#why`), "pager"))
	pressEnter(ctx, t, false)
	do(ctx, t, chromedp.WaitNotPresent(chromedp.CSS(`dialog`)))
	if n := asked(f); n != 1 {
		t.Errorf("stored %d wishes, want 1", n)
	}
}

// Where no answer comes nobody knows whether the wish is stored: the page says
// that, and asks for the same again.
func TestDashboardUnanswered(t *testing.T) {
	ctx := browser(t)
	f := asker(ctx, t)
	do(ctx, t,
		chromedp.Evaluate[chromedp.Void](`window.through = async (path, init) => {
			const answer = await window.real(path, init);
			if (init?.method === "POST") throw new TypeError("Failed to fetch");
			return answer;
		}`),
		chromedp.Click(chromedp.CSS(`[data-do=pause]`)), chromedp.WaitVisible(confirm), chromedp.Click(confirm),
		contains(`@role="alert"`, "Unknown whether it is stored"))
	said := text(ctx, t, failed)
	frozen, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`[...document.querySelectorAll("dialog input")].every((i) => i.disabled)`))
	if err != nil || !frozen {
		t.Errorf("what may be stored can still be changed (%v)", err)
	}
	if strings.Contains(said, "Not stored") || !strings.Contains(said, "Asking again is safe") {
		t.Errorf("it says %q", said)
	}
	do(ctx, t, chromedp.Evaluate[chromedp.Void](`window.through = window.real`), chromedp.Click(confirm), chromedp.WaitNotPresent(chromedp.CSS(`dialog`)))
	if n := asked(f); n != 1 {
		t.Errorf("stored %d wishes, want 1", n)
	}
}

// Closing the dialog does not call back what is on its way, and whoever does it
// reads so, and then what became of it.
func TestDashboardClosedWhileAsking(t *testing.T) {
	ctx := browser(t)
	asker(ctx, t)
	do(ctx, t,
		chromedp.Evaluate[chromedp.Void](`window.through = (path, init) => init?.method !== "POST" ? window.real(path, init)
			: new Promise((go) => { window.answer = () => go(window.real(path, init)) })`),
		chromedp.Click(chromedp.CSS(`[data-do=pause]`)), chromedp.WaitVisible(confirm), chromedp.Click(confirm),
		chromedp.KeyEvent("\x1b"), chromedp.WaitNotPresent(chromedp.CSS(`dialog`)),
		contains(`@id="toast"`, "closing does not call it back"),
		chromedp.Evaluate[chromedp.Void](`window.answer()`),
		contains(`@id="toast"`, "Asked: Pause"))
}

// After a conflict the dialog shows how things stand now, and asks about that.
func TestDashboardConflict(t *testing.T) {
	ctx := browser(t)
	f := asker(ctx, t)
	do(ctx, t, chromedp.Click(chromedp.CSS(`[data-do=promote]`)), chromedp.WaitVisible(confirm), chromedp.SendKeys(chromedp.CSS(`#why`), "pager"))
	f.Tell(rollout.Event{At: time.Now(), Rollout: "partner-blind", From: rollout.Canary, To: rollout.Canary, Step: 2, Reason: rollout.Accepted, Sentence: "the next step"})
	do(ctx, t, chromedp.Click(confirm), contains(`@role="alert"`, "how things stand now"))
	if said := text(ctx, t, failed); !strings.Contains(said, "Not stored") {
		t.Errorf("it says %q", said)
	}
	do(ctx, t, chromedp.Click(confirm), chromedp.WaitNotPresent(chromedp.CSS(`dialog`)))
	if n := asked(f); n != 1 || f.Asked[0].Why != "pager" {
		t.Errorf("stored %+v", f.Asked)
	}
}

// What the server is sure of is taken at its word, but for what an earlier try
// may have done.
func TestDashboardSurelyNotStored(t *testing.T) {
	ctx := browser(t)
	f := asker(ctx, t)
	do(ctx, t,
		chromedp.Evaluate[chromedp.Void](`window.replies = [{}, {}, {}, {stored: false}];
			window.through = async (path, init) => init?.method !== "POST" ? window.real(path, init)
				: new Response(JSON.stringify({detail: "S3 is away", ...(window.replies.shift() ?? {stored: false})}), {status: 503})`),
		chromedp.Click(chromedp.CSS(`[data-do=pause]`)), chromedp.WaitVisible(confirm), chromedp.Click(confirm),
		contains(`@role="alert"`, "Unknown whether it is stored: S3 is away"),
		chromedp.Click(confirm), chromedp.WaitVisible(`//button[@id="confirm"][not(@disabled)]`),
		contains(`@role="alert"`, "Unknown whether it is stored: S3 is away"),
		chromedp.KeyEvent("\x1b"), chromedp.WaitNotPresent(chromedp.CSS(`dialog`)),
		chromedp.Click(chromedp.CSS(`[data-do=pause]`)), chromedp.WaitVisible(confirm), chromedp.Click(confirm),
		contains(`@role="alert"`, "Not stored: S3 is away"))
	if n := asked(f); n != 0 {
		t.Errorf("stored %d wishes, want none", n)
	}
}
