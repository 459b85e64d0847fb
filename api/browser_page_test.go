package api_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
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

// While nothing is tried, the page shows what is asked and what waits.
func TestDashboardWaiting(t *testing.T) {
	ctx := browser(t)
	f := apitest.Scene("canary", time.Now())
	f.Saved.Active = nil // between two
	f.Saved.Requests = []rollout.Request{{ID: "w-1", Verb: rollout.VerbPause, By: "ada", At: time.Now()}}
	s := site(t, f)
	do(ctx, t, chromedp.Navigate(s.URL), chromedp.WaitVisible(chromedp.CSS(`.trial.calm .next`)))
	trial := text(ctx, t, `.trial`)
	for _, want := range []string{"pause by ada", "greedy"} {
		if !strings.Contains(trial, want) {
			t.Errorf("want %q in\n%s", want, trial)
		}
	}
}

// What is wrong with a task stands on its tile, also where it is ready.
func TestDashboardTaskDoubt(t *testing.T) {
	ctx := browser(t)
	for _, scene := range []string{"idle", "crowd"} {
		f := apitest.Scene(scene, time.Now())
		f.Seen.Seen.Tasks[5].Epoch = 9
		s := site(t, f)
		do(ctx, t, chromedp.Navigate(s.URL), chromedp.WaitVisible(chromedp.CSS(`.task .state`)))
		if tiles := text(ctx, t, `.tasks`); !strings.Contains(tiles, "obeys a newer controller") {
			t.Errorf("%s: nobody sees it:\n%s", scene, tiles)
		}
	}
}

// A list that ends before the past does says where the rest is.
func TestDashboardOlder(t *testing.T) {
	ctx := browser(t)
	f := apitest.Scene("idle", time.Now())
	for i := range 60 {
		r := f.Over[0]
		r.ID = fmt.Sprint("older-", i)
		f.Over = append(f.Over, r)
	}
	s := site(t, f)
	do(ctx, t, chromedp.Navigate(s.URL), chromedp.WaitVisible(chromedp.CSS(`.history details`)))
	if past := text(ctx, t, `.history`); !strings.Contains(past, "sluice rollouts --fleet demo --limit 500") {
		t.Errorf("it ends with %q", past[max(0, len(past)-200):])
	}
}

// On a phone nothing is wider than the page, and no badge is cut.
func TestDashboardPhone(t *testing.T) {
	ctx := browser(t)
	f := apitest.Scene("rolled_back", time.Now())
	for i := range f.Seen.Seen.Tasks {
		f.Seen.Seen.Tasks[i].Stratum.Zone = "ap-southeast-2-wl1"
	}
	r := f.Saved.Finished[0]
	f.Saved.Finished, r.Phase = nil, rollout.RollingBack
	for i := range 30 {
		r.Verdict.Culprits = append(r.Verdict.Culprits, fmt.Sprint("partner-", i))
	}
	e := judge.Earnings{Value: judge.Amount{Value: 1234.5, Low: 1200, High: 1300}}
	r.Verdict.Money = &judge.Money{Currency: "USD", Priced: 1000, Candidate: e, Stable: e}
	f.Saved.Active = &r
	s := site(t, f)
	do(ctx, t, chromedp.EmulateViewport(390, 844), chromedp.Navigate(s.URL),
		chromedp.WaitVisible(chromedp.CSS(`.task .cohort`)), chromedp.WaitVisible(chromedp.CSS(`.money td`)))
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`[
		document.documentElement.scrollWidth > innerWidth ? "the page is wider than the phone" : "",
		...[...document.querySelectorAll(".task .line, .badge, .card > header")].filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => "cut: " + e.textContent.slice(0, 60)),
		parseFloat(getComputedStyle(document.querySelector(".money td")).paddingRight) < 4 ? "the figures of money touch" : "",
	].filter((s) => s).join("\n")`))
	if err != nil || got != "" {
		t.Errorf("%s (%v)", got, err)
	}
	do(ctx, t, chromedp.Navigate("about:blank"), chromedp.Navigate(site(t, apitest.Scene("canary", time.Now())).URL), chromedp.WaitVisible(chromedp.CSS(`.arms`)))
	wider, err := chromedp.Run(ctx, chromedp.Evaluate[int](`(([e]) => e.scrollWidth - e.clientWidth)(document.querySelectorAll(".scroll:has(.arms)"))`))
	if err != nil || wider > 1 {
		t.Errorf("the table of the arms is cut by %d (%v)", wider, err)
	}
}

// A page that nobody sees holds no connection, of which a browser has few, but
// its title follows; once it is seen, it goes on where it was.
func TestDashboardHidden(t *testing.T) {
	ctx := browser(t)
	f := apitest.Scene("canary", time.Now())
	s := site(t, f)
	hide := func(hidden string) chromedp.Action[chromedp.Void] {
		return chromedp.Evaluate[chromedp.Void](`Object.defineProperty(document, "hidden", { value: ` + hidden + `, configurable: true });
			document.dispatchEvent(new Event("visibilitychange"))`)
	}
	do(ctx, t, chromedp.Navigate(s.URL), chromedp.WaitVisible(chromedp.CSS(`.link.live`)),
		chromedp.Evaluate[chromedp.Void](`window.shut = 0; const close = EventSource.prototype.close;
			EventSource.prototype.close = function () { window.shut++; close.call(this) }`),
		hide("true"))
	if n, err := chromedp.Run(ctx, chromedp.Evaluate[int](`window.shut`)); err != nil || n != 1 {
		t.Fatalf("it closed %d streams (%v), want 1", n, err)
	}
	f.Mu.Lock()
	f.Saved.Active = nil
	f.Mu.Unlock()
	f.Tell(rollout.Event{At: time.Now(), Rollout: "unseen", To: rollout.Shadow, Reason: rollout.Admitted, Sentence: "a new one comes"})
	do(ctx, t, chromedp.WaitVisible(chromedp.CSS(`.trial.calm`)))
	log := `//section[contains(@class,"log")]//b[contains(., "unseen")]`
	do(ctx, t, chromedp.WaitNotPresent(log), hide("false"), chromedp.WaitVisible(log))
}

// Plain English comes first, the judge's own words after it.
func TestDashboardHeadline(t *testing.T) {
	ctx := browser(t)
	back := apitest.Scene("rolled_back", time.Now())
	r := back.Saved.Finished[0]
	r.Phase = rollout.RollingBack
	back.Saved.Finished, back.Saved.Active = nil, &r
	good := apitest.Scene("canary", time.Now())
	v := good.Seen.Seen.Verdict
	v.Outcome, v.Sentence = judge.Acceptable, "ACCEPTABLE: filter_rate_paired +0.1 pt, anytime 95 % CS [-0.9, +1.1]; each proven at E >= 20 (= 1/0.05)"
	for _, c := range []struct {
		f     *apitest.Fake
		first string
		proof string
	}{
		{back, "dsp-07 is filtered 25 points more than today; 3 are allowed. partner-blind is being taken back.", r.Verdict.Sentence},
		{apitest.Scene("rolled_back", time.Now()), "dsp-07 is filtered 25 points more than today; 3 are allowed. Taken back after 55 s; 13,750 auctions saw it.", r.Verdict.Sentence},
		{good, "partner-blind is as good as stable within the limits on every count. Next: 25 % of the tasks.", v.Sentence},
		{apitest.Scene("shadow", time.Now()), "No harm seen so far from partner-blind. Some 48 s until everything is proven.", "filter rate +0.1 pt"},
		{apitest.Scene("canary", time.Now()), "No harm seen so far from partner-blind. About 4,100 more answers until its filter rate for dsp-07 is proven.", "partner dsp-07 +2.6 pt"},
	} {
		do(ctx, t, chromedp.Navigate(site(t, c.f).URL), chromedp.WaitVisible(chromedp.CSS(`.trial .proof`)))
		first, way, proof := text(ctx, t, `.trial .sentence:has(+ .way)`), text(ctx, t, `.trial .sentence + .way`), text(ctx, t, `.trial .way + .proof`)
		if first != c.first || way == "" || !strings.HasPrefix(proof, c.proof) {
			t.Errorf("it says %q, then %q, then %q; want %q, a way out, then %q", first, way, proof, c.first, c.proof)
		}
	}
}

// In the first seconds of a step its tasks get few requests, which is as it
// should be, and nothing to be red about.
func TestDashboardTellsGathering(t *testing.T) {
	ctx, f := browser(t), apitest.Scene("canary", time.Now())
	f.Saved.Active.StepSince = time.Now().Add(-2 * time.Second)
	v := f.Seen.Seen.Verdict
	v.Outcome, v.Gate, v.Partner, v.Sentence = judge.Invalid, judge.GateSampleRatio, "", "INVALID sample_ratio: the candidate gets 8.7 % of the requests with 50.0 % of the tasks (E = 2.8e+26)"
	v.Findings = []judge.Finding{{Gate: judge.GateSampleRatio, Outcome: judge.Invalid, CandidateRate: .087, StableRate: .5}}
	do(ctx, t, chromedp.Navigate(site(t, f).URL), chromedp.WaitVisible(chromedp.CSS(`.trial .proof`)))
	const normal = "Gathering: the new canary of partner-blind still gets few connections (9 % of the requests)."
	if said := text(ctx, t, `.trial .sentence`); said != normal {
		t.Errorf("it says %q, want %q", said, normal)
	}
	if alarmed, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.querySelector(".trial .stand .badge") !== null`)); err != nil || alarmed {
		t.Errorf("there is a badge (%v)", err)
	}
}

// Times are the reader's own, with their day where that is another one there.
func TestDashboardTellsLocalTimes(t *testing.T) {
	const zone = "Pacific/Kiritimati" // 14 hours ahead
	ctx, held := browser(t), apitest.Scene("doubtful", time.Now())
	till := held.Saved.Active.HeldUntil.Add(time.Hour).In(time.FixedZone(zone, 14*60*60)) // always another day than now
	held.Saved.Active.HeldUntil = till
	do(ctx, t, chromedp.Navigate(site(t, held).URL))
	if _, err := chromedp.Call(ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: zone}); err != nil {
		t.Fatal(err)
	}
	do(ctx, t, chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS(`.trial .way`)))
	if way := text(ctx, t, `.trial .way`); !strings.Contains(way, till.Format(" at 15:04 on 2 Jan if nobody comes.")) {
		t.Errorf("where it is held till %v, the page says %q", till, way)
	}
}

// At twice the size nothing sticks out, and the button of a dialog is in sight.
func TestDashboardZoom(t *testing.T) {
	ctx := browser(t)
	s := site(t, apitest.Scene("canary", time.Now()))
	do(ctx, t, chromedp.EmulateViewport(640, 450), chromedp.Navigate(s.URL), chromedp.WaitVisible(chromedp.CSS(`.task`)),
		chromedp.Click(chromedp.CSS(`.back button`)), chromedp.WaitVisible(confirm))
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`[
		document.documentElement.scrollWidth > innerWidth ? "sticks out: " + [...document.querySelectorAll("main *")].filter((e) => !e.closest(".scroll") && e.getBoundingClientRect().right > innerWidth).map((e) => e.className).join() : "",
		document.querySelector("#confirm").getBoundingClientRect().bottom > document.querySelector("dialog").getBoundingClientRect().bottom ? "the button is out of sight" : "",
	].filter((s) => s).join("\n")`))
	if err != nil || got != "" {
		t.Errorf("%s (%v)", got, err)
	}
}
