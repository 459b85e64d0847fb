package api_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/api/browsertest"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/web"
)

var shots = flag.String("shots", "", "write pictures of the dashboard in every scene to this folder")

// browser opens one, for a minute.
func browser(t *testing.T) context.Context {
	t.Helper()
	return browsertest.Open(t, 3*time.Minute)
}

// text is what the page shows there.
func text(ctx context.Context, t *testing.T, where chromedp.CSS) string {
	t.Helper()
	return browsertest.Text(ctx, t, where)
}

// do carries out the steps, in order.
func do(ctx context.Context, t testing.TB, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	browsertest.Do(ctx, t, steps...)
}

func site(t *testing.T, f api.Fleets) *httptest.Server {
	t.Helper()
	p := rollout.Defaults()
	p.Budget = rollout.Budget{Auctions: 200_000}
	policy := func(string, string) (rollout.Policy, bool) { return p, true }
	s := newSite(f, api.Options{Every: 50 * time.Millisecond, Policy: policy, Calendar: planned})
	t.Cleanup(s.Close)
	return s
}

func newSite(f api.Fleets, o api.Options) *httptest.Server {
	return httptest.NewServer(api.New(f, web.Files(), slog.New(slog.DiscardHandler), o))
}

// Somebody who opens the page at night sees what serves, what is tried and
// what the judge says of it, and gets back with two clicks.
func TestDashboard(t *testing.T) {
	ctx := browser(t)
	f := apitest.Scene("canary", time.Now())
	f.Saved.Active.ID = "<img src=x onerror=alert(1)>" // names come from outside
	s := site(t, f)
	do(ctx, t,
		chromedp.Navigate(s.URL),
		chromedp.WaitVisible(chromedp.CSS(`.trial .sentence`)),
		chromedp.WaitVisible(chromedp.CSS(`.task.canary`)),
		chromedp.WaitVisible(chromedp.CSS(`.gates .bar`)))
	serving, trial := text(ctx, t, `.serving .digest`), text(ctx, t, `.trial`)
	images, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.querySelectorAll(".trial img").length`))
	if err != nil {
		t.Fatal(err)
	}
	do(ctx, t,
		chromedp.Click(chromedp.CSS(`.back button`)),
		chromedp.WaitVisible(chromedp.CSS(`dialog[open] #confirm`)))
	target := text(ctx, t, `#confirm`)
	do(ctx, t,
		chromedp.Click(chromedp.CSS(`#confirm`)), // without a name nothing is sent
		chromedp.SendKeys(chromedp.CSS(`#by`), "ada"),
		chromedp.SendKeys(chromedp.CSS(`#why`), "pager"),
		chromedp.Click(chromedp.CSS(`#confirm`)),
		chromedp.WaitNotPresent(chromedp.CSS(`dialog`)))
	told := text(ctx, t, `#toast`)
	stable := apitest.Digest("better")[:12]
	if !strings.Contains(serving, stable) {
		t.Errorf("it shows %q as serving, want %s", serving, stable)
	}
	for _, want := range []string{"anary 1 of 2", "partner dsp-07 +2.6 pt", "<img src=x", "41 %", "Canary step 2 of 2", "2,811 of about 6,900 pairs", "20,000 of 200,000 auctions spent; taken back once all are", "What if", "the step before: accepted", "the rest in about", "it has run for long enough", "Queue", "Tuning"} {
		if !strings.Contains(trial, want) {
			t.Errorf("want %q in what is being tried:\n%s", want, trial)
		}
	}
	if images > 0 {
		t.Error("a rollout's name became markup")
	}
	if !strings.Contains(target, stable) || !strings.Contains(told, "Asked") {
		t.Errorf("the button says %q, then %q", target, told)
	}
	f.Mu.Lock()
	defer f.Mu.Unlock()
	if len(f.Asked) != 1 || !strings.HasPrefix(f.Asked[0].ID, "page-") || f.Asked[0].Verb != rollout.VerbRollback || f.Asked[0].Release != apitest.Digest("better") || f.Asked[0].By != "ada" || f.Asked[0].Why != "pager" {
		t.Errorf("stored %+v", f.Asked)
	}
}

// The page follows what happens, keeps what is open, and says when it is blind.
func TestDashboardIsLive(t *testing.T) {
	ctx := browser(t)
	f := apitest.Scene("rolled_back", time.Now())
	s := site(t, f)
	open := chromedp.CSS(`.history details[open] tr.worse`)
	do(ctx, t,
		chromedp.Navigate(s.URL),
		chromedp.WaitVisible(chromedp.CSS(`.last.bad .sentence`)),
		chromedp.Click(chromedp.CSS(`.history details[data-rollout="partner-blind"] summary`)),
		chromedp.WaitVisible(open))
	evidence := text(ctx, t, open)
	back, serves, was := text(ctx, t, `.back`), text(ctx, t, `.history [data-rollout=better] .badge`), text(ctx, t, `.history [data-rollout=baseline] summary`)
	alarm, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.querySelector(".back button").matches(".danger")`))
	if err != nil || alarm || !strings.HasPrefix(back, "Roll back to baseline…") || !strings.Contains(back, "giving up better") {
		t.Errorf("nothing is tried, and the way back reads %q; in alarm: %v (%v)", back, alarm, err)
	}
	if serves != "serves" || !strings.HasPrefix(was, "was live") || !strings.Contains(was, "until ") {
		t.Errorf("what serves is called %q, what did %q", serves, was)
	}
	if !strings.Contains(evidence, "5,200, enough") {
		t.Errorf("the evidence reads %q", evidence)
	}
	f.Tell(rollout.Event{At: time.Now(), Rollout: "next-one", To: rollout.Shadow, Reason: rollout.Admitted, Sentence: "a new one comes"})
	do(ctx, t,
		chromedp.WaitVisible(`//section[contains(@class,"log")]//b[contains(., "next-one")]`),
		chromedp.WaitVisible(open)) // still
	s.CloseClientConnections()
	if err := s.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	do(ctx, t,
		chromedp.WaitVisible(chromedp.CSS(`.alarm.bad`)),
		chromedp.WaitVisible(chromedp.CSS(`.stale`)))
	if !strings.Contains(evidence, "dsp-07") || !strings.Contains(evidence, "+25.3 pt") {
		t.Errorf("the evidence reads %q", evidence)
	}
}

// A stream that ends and comes back at once, as each does once an hour, is no
// reason to alarm anybody.
func TestDashboardBlink(t *testing.T) {
	ctx := browser(t)
	f := apitest.Scene("idle", time.Now())
	s := site(t, f)
	do(ctx, t,
		chromedp.Navigate(s.URL),
		chromedp.WaitVisible(chromedp.CSS(`.link.live`)),
		chromedp.Evaluate[chromedp.Void](`window.alarms = 0;
			new MutationObserver(() => { window.alarms += document.querySelectorAll(".alarm.bad, .stale").length })
				.observe(document.body, { subtree: true, childList: true, attributes: true })`))
	s.CloseClientConnections()
	f.Mu.Lock()
	f.Seen.At = time.Now() // or the controller would be away, on a slow machine
	f.Mu.Unlock()
	f.Tell(rollout.Event{At: time.Now(), Rollout: "next-one", To: rollout.Shadow, Reason: rollout.Admitted, Sentence: "a new one comes"})
	do(ctx, t, chromedp.WaitVisible(`//section[contains(@class,"log")]//b[contains(., "next-one")]`))
	alarms, err := chromedp.Run(ctx, chromedp.Evaluate[int](`window.alarms`))
	if err != nil || alarms > 0 {
		t.Errorf("it alarmed %d times (%v)", alarms, err)
	}
}

// Why nothing is to be seen stands on the page, and since when what is seen is old.
func TestDashboardBlind(t *testing.T) {
	ctx := browser(t)
	alarm := chromedp.CSS(`.alarm.bad`)
	damaged := apitest.Scene("idle", time.Now())
	damaged.Fail = fmt.Errorf("fleets/demo.json %w: it is torn", api.ErrDamaged)
	away := apitest.Scene("idle", time.Now())
	away.Seen.At = time.Now().Add(-6*time.Minute - 20*time.Second)
	for _, c := range []struct {
		name string
		f    *apitest.Fake
		want []string
	}{
		{"damaged", damaged, []string{"cannot show this fleet", "it is torn"}},
		{"no leader", away, []string{"No controller looks", "(6 min ", "start one"}},
	} {
		do(ctx, t, chromedp.Navigate(site(t, c.f).URL), chromedp.WaitVisible(alarm))
		got, link := text(ctx, t, alarm), text(ctx, t, `.link`)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: want %q in %q", c.name, want, got)
			}
		}
		if strings.Contains(link, "live") {
			t.Errorf("%s: it calls itself %q", c.name, link)
		}
		// What changes every second is not read out every second.
		ticking, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`/ ago/.test([...document.querySelectorAll("[role=alert]")]
			.flatMap((e) => [...e.childNodes]).filter((n) => !(n instanceof Element && n.ariaHidden)).map((n) => n.textContent).join(""))`))
		if err != nil || ticking {
			t.Errorf("%s: the alert is read out again and again (%v)", c.name, err)
		}
	}
}

// Who is asked to look reads why, and what there is to do.
func TestDashboardDoubt(t *testing.T) {
	ctx := browser(t)
	s := site(t, apitest.Scene("doubtful", time.Now()))
	do(ctx, t, chromedp.Navigate(s.URL), chromedp.WaitVisible(chromedp.CSS(`.trial .badge.warn`)))
	trial := text(ctx, t, `.trial`)
	for _, want := range []string{"needs a look", "doubtful", "HOLD score_drift", "Needs a person: promote or abort it"} {
		if !strings.Contains(trial, want) {
			t.Errorf("want %q in what is being tried:\n%s", want, trial)
		}
	}
}

// Whoever looks at a release that nothing outside has confirmed reads so, where
// it serves and where it is tried.
func TestDashboardNotes(t *testing.T) {
	ctx := browser(t)
	scene := apitest.Scene("canary", time.Now())
	for i := range scene.Passports {
		scene.Passports[i].Notes = []string{"Nothing outside has confirmed " + scene.Passports[i].Source.Job}
	}
	s := site(t, scene)
	do(ctx, t, chromedp.Navigate(s.URL), chromedp.WaitVisible(chromedp.CSS(`.trial .note`)), chromedp.WaitVisible(chromedp.CSS(`.serving .note`)))
	for panel, want := range map[chromedp.CSS]string{".trial": "confirmed partner-blind", ".serving": "confirmed better"} {
		if got := text(ctx, t, panel); !strings.Contains(got, want) {
			t.Errorf("want %q in %s:\n%s", want, panel, got)
		}
	}
}

// What is pressed is what is asked, about the rollout that was on the page.
func TestDashboardVerbs(t *testing.T) {
	ctx := browser(t)
	f := apitest.Scene("held", time.Now())
	w := &witness{Fake: f}
	s := site(t, w)
	do(ctx, t, chromedp.Navigate(s.URL), chromedp.WaitVisible(chromedp.CSS(`.trial .verbs button`)),
		chromedp.Evaluate[chromedp.Void](`localStorage.setItem("sluice.name", "ada")`))
	for _, press := range []chromedp.CSS{`[data-do=promote]`, `[data-do=resume]`, `[data-do=abort]`, `[data-do=pause]`} {
		do(ctx, t,
			chromedp.Click(press), chromedp.WaitVisible(chromedp.CSS(`dialog[open] #confirm`)),
			chromedp.SetValue(chromedp.CSS(`#why`), "pager"),
			chromedp.KeyEvent("\r"), // the name is known: the reason has the focus, Enter confirms
			chromedp.WaitNotPresent(chromedp.CSS(`dialog`)))
	}
	do(ctx, t, chromedp.Click(chromedp.CSS(`[data-do=resume]:not(.primary)`)), contains(`@id="effect"`, "instead of by itself"), // which needs nobody
		chromedp.KeyEvent("\x1b"), chromedp.WaitNotPresent(chromedp.CSS(`dialog`)))
	do(ctx, t, chromedp.Click(chromedp.CSS(`[data-do=abort]`)), chromedp.WaitVisible(chromedp.CSS(`dialog[open] #cancel`)),
		chromedp.KeyEvent("\x1b"), chromedp.WaitNotPresent(chromedp.CSS(`dialog`)))
	f.Mu.Lock()
	var got []string
	for _, q := range f.Asked {
		got = append(got, fmt.Sprint(q.Verb, " ", q.Rollout, " ", q.By))
	}
	f.Mu.Unlock()
	want := []string{"promote partner-blind ada", "resume partner-blind ada", "abort partner-blind ada", "pause  ada"}
	if !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
	for _, saw := range w.seen {
		if saw == nil || *saw.Revision != f.Saved.LastEvent || *saw.Rollout != "partner-blind" || *saw.Release != apitest.Digest("better") {
			t.Errorf("asked by who saw %+v", saw)
		}
	}
	f.Mu.Lock()
	f.Saved.Active = nil // it ends while the page looks away
	f.Mu.Unlock()
	do(ctx, t, chromedp.WaitVisible(chromedp.CSS(`.trial.calm`)))
}

// witness notes what people were looking at when they asked.
type witness struct {
	*apitest.Fake
	seen []*rollout.Seen
}

func (w *witness) Request(ctx context.Context, fleet string, q rollout.Request) (rollout.Request, error) {
	w.Mu.Lock()
	w.seen = append(w.seen, q.Seen)
	w.Mu.Unlock()
	return w.Fake.Request(ctx, fleet, q)
}

// TestShots takes pictures for people to look at; it checks nothing.
func TestShots(t *testing.T) {
	if *shots == "" {
		t.Skip("say -shots FOLDER for pictures")
	}
	ctx := browser(t)
	for _, name := range []string{"idle", "unwell", "gathering", "shadow", "canary", "held", "doubtful", "unclear", "promoting", "rolled_back", "paused", "fresh", "crowd"} {
		s := site(t, apitest.Scene(name, time.Now()))
		for _, size := range []struct {
			what          string
			width, height int64
			dark          string
			open          string
		}{
			{"wide", 1280, 900, "light", ""}, {"dark", 1280, 900, "dark", ""}, {"phone", 390, 844, "light", ""}, {"dialog", 1280, 900, "light", ".back button"},
		} {
			do(ctx, t, chromedp.EmulateViewport(size.width, size.height))
			_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: size.dark}},
			})
			if err != nil {
				t.Fatal(err)
			}
			do(ctx, t, chromedp.Navigate(s.URL), chromedp.WaitVisible(chromedp.CSS(`.log`)))
			if name == "fresh" && size.open != "" {
				continue
			}
			if name != "fresh" {
				do(ctx, t, chromedp.WaitVisible(chromedp.CSS(`.task`)), chromedp.WaitVisible(chromedp.CSS(`.history details`)))
			}
			shot := chromedp.CaptureScreenshot()
			switch {
			case size.open != "":
				do(ctx, t, chromedp.Click(chromedp.CSS(size.open)), chromedp.WaitVisible(chromedp.CSS(`dialog[open]`)))
			case size.what != "wide":
				shot = chromedp.FullScreenshot(100)
			}
			png, err := chromedp.Run(ctx, shot)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(*shots, fmt.Sprintf("%s_%s.png", name, size.what)), png, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
