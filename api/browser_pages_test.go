package api_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// estate is a control plane with a fleet in each of several scenes: in "ads-eu" a
// candidate was taken back whose looks are logged, in "ads-us" one is tried whose
// looks are, "native" is paused, "video" is held, "audio" is well.
func estate(now time.Time) apitest.Several {
	s := apitest.Several{Names: []string{"ads-eu", "ads-us", "native", "video", "audio"}, Of: map[string]*apitest.Fake{
		"ads-eu": apitest.Scene("rolled_back", now), "ads-us": apitest.Scene("canary", now), "native": apitest.Scene("paused", now),
		"video": apitest.Scene("held", now), "audio": apitest.Scene("idle", now),
	}}
	for name, f := range s.Of {
		f.Saved.Fleet = name
	}
	over := s.Of["ads-eu"]
	chunks, last := apitest.Log("partner-blind", apitest.PartnerBlind, now.Add(-25*time.Second))
	over.Logs = map[string][][]byte{"partner-blind": chunks}
	bad, r := last, &over.Saved.Finished[0]
	r.Verdict, r.Sentence = &bad, bad.Sentence
	for _, told := range [][]rollout.Event{r.History, over.Saved.Events} {
		for i := range told {
			if told[i].Reason == rollout.CandidateWorse {
				told[i].Sentence = bad.Sentence
			}
		}
	}
	running := apitest.PartnerBlind
	running.Shift, running.Gap = 0, 12
	chunks, last = apitest.Log("partner-blind", running, now.Add(-10*time.Second))
	f := s.Of["ads-us"]
	f.Logs = map[string][][]byte{"partner-blind": chunks}
	last.At = now
	f.Seen.Seen.Verdict = &last
	over.Saved.Unaudited = asks(now)
	return s
}

// asks is a trail with a bit of everything in it.
func asks(now time.Time) []rollout.Entry {
	before := &rollout.Standing{Revision: 41, Stable: apitest.Digest("better"), Rollout: "partner-blind", Phase: rollout.Canary, Step: 1}
	after := &rollout.Standing{Revision: 44, Stable: apitest.Digest("basel"), Frozen: true}
	return []rollout.Entry{
		{What: rollout.AuditAsked, At: now.Add(-26 * time.Hour), Fleet: "audio", Wish: "1", Verb: rollout.VerbTry, By: "a nightly script", From: "198.51.100.7", Source: "s3://models/nightly/model.tar.gz"},
		{What: rollout.AuditAsked, At: now.Add(-9 * time.Minute), Wish: "2", Verb: rollout.VerbFreeze, By: "olga@example.com", How: "session", From: "2001:db8::7", Why: "the exchange is down"},
		{What: rollout.AuditAsked, At: now.Add(-2 * time.Minute), Fleet: "ads-eu", Wish: "3", Verb: rollout.VerbRollback, By: "otto", How: "token", Claim: "the chief", From: "192.0.2.1", Why: "revenue is down", Release: apitest.Digest("basel"), Before: before, BreakGlass: true},
		{What: rollout.AuditAnswer, At: now.Add(-time.Minute), Fleet: "ads-eu", Wish: "3", Verb: rollout.VerbRollback, By: "otto", How: "token", Rollout: "partner-blind", Release: apitest.Digest("basel"), Reason: rollout.Asked, Sentence: "rolled back as otto asked: revenue is down", After: after},
	}
}

// What needs a look stands on top, and leads to the fleet.
func TestPageFleets(t *testing.T) {
	ctx := browser(t)
	e := estate(time.Now())
	s := site(t, e)
	do(ctx, t, chromedp.Navigate(s.URL), contains(`self::h1`, "3 fleets need a look"), chromedp.WaitVisible(chromedp.CSS(`.fleets .need.warn`)))
	first := text(ctx, t, `.fleets li`)
	all := text(ctx, t, `.wanting`)
	for _, want := range []string{"ads-eu", "partner-blind was taken back ", "1 more in the queue", "Paused by ada@laptop 7 min", "release freeze"} {
		if !strings.Contains(all, want) {
			t.Errorf("want %q among those to look at:\n%s", want, all)
		}
	}
	e.Of["audio"].Mu.Lock()
	e.Of["audio"].Seen.Seen.Unwell = apitest.Scene("unwell", time.Now()).Seen.Seen.Unwell
	e.Of["audio"].Mu.Unlock()
	do(ctx, t, contains(`self::h1`, "4 fleets need a look"), contains(`self::p`, "Unwell: 21 % of 104,000 auctions"))
	if !strings.HasPrefix(first, "video") || !strings.Contains(first, "is held for 4 min") || !strings.Contains(first, "Goes on by itself") || strings.Contains(first, "person") {
		t.Errorf("on top is %q", first)
	}
	do(ctx, t, chromedp.Click(chromedp.CSS(`.fleets li a`)), chromedp.WaitVisible(chromedp.CSS(`.trial.calm`)))
	where, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.hash + " " + document.querySelector("h1").textContent`))
	if err != nil || where != "#audio audio" {
		t.Errorf("it leads to %q (%v)", where, err)
	}
	do(ctx, t, chromedp.Evaluate[chromedp.Void](`history.back()`), contains(`self::h1`, "4 fleets need a look"))
}

// A rollout that is over shows how it went: charts with words, what every partner
// did, and what the judge said at any look; the address keeps which.
func TestPageRollout(t *testing.T) {
	ctx := browser(t)
	s := site(t, estate(time.Now()))
	do(ctx, t, chromedp.Navigate(s.URL+"/#ads-eu/rollouts/partner-blind"),
		chromedp.WaitVisible(chromedp.CSS(`.plot canvas`)), chromedp.WaitVisible(chromedp.CSS(`.multiples svg`)), chromedp.WaitVisible(chromedp.CSS(`.gates tr.worse`)))
	charts, err := chromedp.Run(ctx, chromedp.Evaluate[string](`[...document.querySelectorAll(".chart")].map((c) =>
		c.querySelector("h3").textContent + (c.querySelector("canvas") && c.querySelector("[role=img]").ariaLabel.length > 40 && c.querySelectorAll("tbody tr").length > 5 ? "" : ": no words")).join("\n")`))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Difference: Partners, as served, dsp-07 at this look", "Canary, control and stable, dsp-07 at this look", "Evidence: ", "Share of the compared", "Latency: what 99 of 100", "Latency: what half", "Latency: requests slower", "Value of the bids", "Calls saved"} {
		if !strings.Contains(charts, want) {
			t.Errorf("want a chart %q in\n%s", want, charts)
		}
	}
	if strings.Contains(charts, "no words") {
		t.Errorf("charts without words:\n%s", charts)
	}
	for gate, title := range map[string]string{"partners_served": "Difference: Partners, as served, dsp-07 at this look", "partners_paired": "Difference: dsp-07"} {
		do(ctx, t, chromedp.Evaluate[chromedp.Void](`{ const e = document.querySelector("[data-set=gate]"); e.value = "`+gate+`"; e.dispatchEvent(new Event("input", { bubbles: true })) }`), contains(`self::h3`, title))
		drawn, err := chromedp.Run(ctx, chromedp.Evaluate[string](`{ const all = [...document.querySelectorAll(".gates tr")].find((tr) => tr.textContent.includes("`+
			map[string]string{"partners_served": "Partners, as served", "partners_paired": "Partners, same requests"}[gate]+`"));
			const told = /[+\u2212][\d.]+.pt/; told.exec(all.innerText)[0] + " drawn as " + told.exec(document.querySelector(".chart p").innerText)[0] }`))
		if row, chart, _ := strings.Cut(drawn, " drawn as "); err != nil || row != chart {
			t.Errorf("%s: the evidence is %s (%v)", gate, drawn, err)
		}
	}
	if first := text(ctx, t, `.multiples li`); !strings.HasPrefix(first, "dsp-07") {
		t.Errorf("the first partner is %q", first)
	}
	do(ctx, t,
		chromedp.Evaluate[chromedp.Void](`const set = (e, v) => { e.value = v; e.dispatchEvent(new Event("input", { bubbles: true })) };
			set(document.querySelector("[data-set=at]"), 40); set(document.querySelector("[data-set=partners]"), "name"); set(document.querySelector("[data-set=gate]"), "filter_rate_paired")`),
		contains(`self::p`, "Look 41"), contains(`self::h3`, "Candidate and stable, same requests"), chromedp.WaitNotPresent(chromedp.CSS(`.gates tr.worse`)))
	if first := text(ctx, t, `.multiples li`); !strings.HasPrefix(first, "dsp-00") {
		t.Errorf("by name the first partner is %q", first)
	}
	address, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href`))
	if err != nil {
		t.Fatal(err)
	}
	do(ctx, t, chromedp.Navigate("about:blank"), chromedp.Navigate(address), contains(`self::p`, "Look 41"), contains(`self::h3`, "Candidate and stable, same requests"),
		chromedp.Click(chromedp.CSS(`[data-page=latest]`)), chromedp.WaitVisible(chromedp.CSS(`.gates tr.worse`)))
}

// A rollout that runs is drawn on by what the page hears, and a stretch in which
// nobody looked is a gap.
func TestPageRolloutIsLive(t *testing.T) {
	ctx := browser(t)
	now := time.Now()
	e := estate(now)
	f := e.Of["ads-us"]
	s := site(t, e)
	do(ctx, t, chromedp.Navigate(s.URL+"/#ads-us/rollouts/partner-blind"), contains(`self::p`, "Look 120"), chromedp.WaitVisible(chromedp.CSS(`.plot canvas`)))
	f.Mu.Lock()
	v := *f.Seen.Seen.Verdict
	v.Looks, v.At, v.Outcome, v.Sentence = 121, now.Add(2*time.Second), judge.Invalid, "what was just heard"
	f.Seen.Seen.Verdict, f.Seen.At = &v, now.Add(2*time.Second)
	auctions, canary := *f.Seen.Seen.Auctions, *f.Seen.Seen.Auctions.Canary
	canary.P99 = 34500 * time.Microsecond
	auctions.Canary, f.Seen.Seen.Auctions = &canary, &auctions
	f.Mu.Unlock()
	do(ctx, t, contains(`self::p`, "Look 121"), contains(`self::p`, "what was just heard"), contains(`self::p`, "34.5\u00a0ms on canaries"))
}

// The link in a notice leads to the rollout that it is about, and without one to
// the fleet.
func TestLinksOfNotices(t *testing.T) {
	ctx := browser(t)
	s := site(t, estate(time.Now()))
	for _, tt := range []struct{ fleet, rollout, heading string }{
		{"ads-us", "partner-blind", "partner-blind"}, // under way
		{"ads-eu", "partner-blind", "partner-blind"}, // over
		{"video", "", "video"},
	} {
		do(ctx, t, chromedp.Navigate("about:blank"), chromedp.Navigate(controller.PageOf(s.URL, tt.fleet, tt.rollout)), contains(`self::h1`, tt.heading))
		if crumbs := tt.rollout != ""; crumbs {
			do(ctx, t, contains(`@class="crumbs"`, tt.rollout), contains(`self::h2`, "What happened"))
		}
	}
}

// A log of before latency was kept is drawn, and says so.
func TestPageRolloutWithoutLatency(t *testing.T) {
	ctx := browser(t)
	e := estate(time.Now())
	old, err := os.ReadFile("../controller/history/testdata/before_latency")
	if err != nil {
		t.Fatal(err)
	}
	e.Of["ads-eu"].Logs["partner-blind"] = [][]byte{old}
	s := site(t, e)
	do(ctx, t, chromedp.Navigate(s.URL+"/#ads-eu/rollouts/partner-blind"), contains(`self::p`, "Look 10"), chromedp.WaitVisible(chromedp.CSS(`.plot canvas`)),
		contains(`self::p`, "Not kept in this log"))
}

// A rollout that was never judged, one that there is not, and a log that cannot
// be read are told apart.
func TestPageRolloutWithout(t *testing.T) {
	ctx := browser(t)
	e := estate(time.Now())
	s := site(t, unlogged{e})
	for id, want := range map[string]string{"nightly-0412": "It was never judged", "nobody": "knows no rollout", "partner-blind": "Its looks cannot be shown"} {
		do(ctx, t, chromedp.Navigate("about:blank"), chromedp.Navigate(s.URL+"/#ads-eu/rollouts/"+id), contains(`self::p`, want))
	}
}

type unlogged struct{ apitest.Several }

func (u unlogged) Chunks(ctx context.Context, fleet, id string) ([]int, error) {
	if id == "partner-blind" {
		return nil, fmt.Errorf("list: %w", rollout.ErrUnavailable)
	}
	return u.Several.Chunks(ctx, fleet, id)
}

// The history is narrowed down by what one looks for, and the address keeps it.
func TestPageHistory(t *testing.T) {
	ctx := browser(t)
	s := site(t, estate(time.Now()))
	rows := func() string {
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`[...document.querySelectorAll(".rows tbody th a")].map((a) => a.textContent).join(" ")`))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	do(ctx, t, chromedp.Navigate(s.URL+"/#ads-eu/history"), contains(`self::span`, "5 of 5 rollouts"))
	if got := rows(); got != "partner-blind nightly-0412 nightly-0411 better baseline" {
		t.Errorf("it lists %q", got)
	}
	do(ctx, t, chromedp.Evaluate[chromedp.Void](`const p = document.querySelector("[data-set=phase]"); p.value = "live"; p.dispatchEvent(new Event("input", { bubbles: true }))`), contains(`self::span`, "2 of 5 rollouts"),
		chromedp.SendKeys(chromedp.CSS(`[data-set=q]`), "all 8 tasks"), contains(`self::span`, "1 of 5 rollouts"))
	if got := rows(); got != "better" {
		t.Errorf("it lists %q", got)
	}
	do(ctx, t, chromedp.Evaluate[chromedp.Void](`location.reload()`), contains(`self::span`, "1 of 5 rollouts"),
		chromedp.Click(chromedp.CSS(`.rows tbody th a`)), contains(`self::h1`, "better"))
}

// What is listed stays while it is asked for anew because something has happened,
// also where no answer comes.
func TestPageHistoryStays(t *testing.T) {
	ctx := browser(t)
	f := apitest.Scene("rolled_back", time.Now())
	b := passBy(t, f)
	do(ctx, t, chromedp.Navigate(b.to.URL+"/#"+f.Saved.Fleet+"/history"), contains(`self::span`, "5 of 5 rollouts"))
	b.set(func() { b.away = "/rollouts" })
	f.Tell(rollout.Event{At: time.Now(), Rollout: "next-one", To: rollout.Shadow, Reason: rollout.Admitted, Sentence: "a new one comes"})
	do(ctx, t, contains(`contains(@class,"note")`, "The history may be old"), chromedp.WaitVisible(chromedp.CSS(`.rows tbody th a`)))
}

// A release shows where it comes from, what became of it, and gives its manifest;
// beside another one what differs stands out.
func TestPageRelease(t *testing.T) {
	ctx := browser(t)
	s := site(t, estate(time.Now()))
	blind, better := apitest.Digest("blind"), apitest.Digest("better")
	do(ctx, t, chromedp.Navigate(s.URL+"/#ads-eu/releases"), contains(`self::h1`, "Releases"), chromedp.Click(chromedp.CSS(`.rows tbody th a`)), contains(`self::h1`, "partner-blind"),
		contains(`self::dd`, "as its manifest says"), contains(`self::dd`, "in partner-blind"), chromedp.WaitVisible(chromedp.CSS(`.fleets li`)))
	page := text(ctx, t, `main`)
	for _, want := range []string{blind, "xgboost-json", "18.2 % [17.9 %, 18.5 %]", "outside what was predicted", "ads-eu partner-blind", "ads-us partner-blind", "rolled back"} {
		if !strings.Contains(strings.Join(strings.Fields(page), " "), want) {
			t.Errorf("want %q in\n%s", want, page)
		}
	}
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`fetch(document.querySelector("a[download]").href).then((a) => a.text())`, chromedp.EvalAwaitPromise))
	if err != nil || got != "{ \"of\": \""+blind+"\" }\n" {
		t.Errorf("its manifest is %q (%v)", got, err)
	}
	do(ctx, t, chromedp.Click(`//a[.="Compare with stable"]`), chromedp.WaitVisible(chromedp.CSS(`.beside .differs`)))
	where, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.hash`))
	if differ := text(ctx, t, `.beside`); err != nil || where != "#ads-eu/compare/"+blind+"/"+better || !strings.Contains(differ, better[:12]) {
		t.Errorf("%s (%v):\n%s", where, err, differ)
	}
}

// Whoever switches the keys off has them off for good.
func TestPageKeys(t *testing.T) {
	ctx := browser(t)
	s := site(t, estate(time.Now()))
	do(ctx, t, chromedp.Navigate(s.URL+"/#audio"), chromedp.WaitVisible(chromedp.CSS(`.back button`)),
		chromedp.KeyEvent("h"), contains(`self::h1`, "History"), chromedp.KeyEvent("f"), contains(`self::h1`, "3 fleets need a look"),
		chromedp.Navigate(s.URL+"/#audio"), chromedp.Click(chromedp.CSS(`[data-page=keys]`)), contains(`self::p`, "Keys are off"),
		chromedp.Evaluate[chromedp.Void](`location.reload()`), contains(`self::p`, "Keys are off"), chromedp.KeyEvent("h"), chromedp.KeyEvent("r"),
		chromedp.Click(chromedp.CSS(`[data-page=keys]`)), chromedp.WaitVisible(chromedp.CSS(`.hints kbd`)))
	if got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.hash + document.querySelectorAll("dialog").length`)); err != nil || got != "#audio0" {
		t.Errorf("a key that is off led to %s (%v)", got, err)
	}
}

// The trail tells who asked, proven or not, from where and why, and how things
// stood; of one fleet or of all, page by page, and as a file.
func TestPageAudit(t *testing.T) {
	ctx := browser(t)
	now := time.Now()
	e := estate(now)
	for i := range 100 {
		e.Of["ads-eu"].Saved.Unaudited = append(e.Of["ads-eu"].Saved.Unaudited,
			rollout.Entry{What: rollout.AuditAsked, At: now.Add(-time.Duration(100+i) * time.Hour), Fleet: "ads-eu", Wish: fmt.Sprint("old", i), Verb: rollout.VerbPause, By: fmt.Sprint("person ", i)})
	}
	s := site(t, e)
	do(ctx, t, chromedp.Navigate(s.URL+"/#ads-eu"), chromedp.Click(`//nav[@aria-label="Pages"]/a[.="Audit"]`), contains(`self::h1`, "Audit"), chromedp.WaitVisible(chromedp.CSS(`.audit tbody tr`)))
	page := strings.Join(strings.Fields(text(ctx, t, `.audit`)), " ")
	for _, want := range []string{
		"otto proven, token as “the chief”", "192.0.2.1", "revenue is down", "person 0 claimed", "glass broken", "no reason given",
		"before: " + apitest.Digest("better")[:12] + " serves, partner-blind canary step 2", "after: " + apitest.Digest("basel")[:12] + " serves, frozen",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("want %q in\n%s", want, page)
		}
	}
	if strings.Contains(page, "nightly") || strings.Contains(page, "olga") {
		t.Errorf("it tells of other fleets:\n%s", page)
	}
	do(ctx, t, chromedp.Click(chromedp.CSS(`.pager [rel=next]`)), contains(`self::span`, "the oldest page"), contains(`self::th`, "person 99"), chromedp.WaitNotPresent(`//th[contains(., "otto")]`),
		chromedp.Evaluate[chromedp.Void](`const of = document.querySelector("[data-set=of]"); of.value = "*"; of.dispatchEvent(new Event("input", { bubbles: true }))`),
		contains(`self::th`, "olga@example.com proven, session"), contains(`self::td`, "freeze on all fleets"), contains(`self::code`, "s3://models/nightly/model.tar.gz"),
		chromedp.Evaluate[chromedp.Void](`history.back()`), contains(`self::th`, "otto"), chromedp.WaitNotPresent(`//th[contains(., "olga")]`))
	lines, err := chromedp.Run(ctx, chromedp.Evaluate[int](`fetch(document.querySelector("a[download]").href).then((a) => a.text()).then((t) => t.trim().split("\n").map((l) => JSON.parse(l)).filter((e) => e.fleet === "ads-eu").length)`, chromedp.EvalAwaitPromise))
	if err != nil || lines != 102 {
		t.Errorf("the file has %d entries of the fleet (%v)", lines, err)
	}
}

// Where no answer comes the page asks for the same freeze again: it has one
// effect and one line in the trail.
func TestPageFreezeUnanswered(t *testing.T) {
	ctx := browser(t)
	e := estate(time.Now())
	s := site(t, e)
	do(ctx, t, chromedp.Navigate(s.URL+"/#ads-eu/freezes"), chromedp.Click(chromedp.CSS(`[data-page=freeze]`)), chromedp.WaitVisible(confirm),
		chromedp.SendKeys(chromedp.CSS(`#by`), "ada"), chromedp.SendKeys(chromedp.CSS(`#why`), "an outage"), chromedp.SetValue(chromedp.CSS(`#hours`), "4"),
		chromedp.Evaluate[chromedp.Void](`window.real = window.fetch; window.fetch = async (path, init) => {
			const answer = await window.real(path, init);
			if (init?.method === "POST") throw new TypeError("Failed to fetch");
			return answer;
		}`), chromedp.Click(confirm), contains(`@role="alert"`, "Unknown whether it is done"))
	still, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`[...document.querySelectorAll("dialog input, dialog select")].every((i) => i.disabled)`))
	if err != nil || !still {
		t.Errorf("what may be done can still be changed (%v)", err)
	}
	do(ctx, t, chromedp.Evaluate[chromedp.Void](`window.fetch = window.real`), chromedp.Click(confirm), chromedp.WaitNotPresent(chromedp.CSS(`dialog`)), contains(`contains(@class, "alarm")`, "All fleets are frozen by ada"))
	first := e.Of["ads-eu"]
	first.Mu.Lock()
	defer first.Mu.Unlock()
	lines := slices.DeleteFunc(slices.Clone(first.Saved.Unaudited), func(e rollout.Entry) bool { return e.Why != "an outage" })
	if len(lines) != 1 {
		t.Errorf("the trail has %d lines of it, want 1", len(lines))
	}
}

// The page tells what is frozen and will be; all fleets are frozen with a reason,
// which every fleet's page says, and thawed again.
func TestPageFreezes(t *testing.T) {
	ctx := browser(t)
	e := estate(time.Now())
	s := site(t, e)
	do(ctx, t, chromedp.Navigate(s.URL+"/#ads-eu"), chromedp.Click(`//nav[@aria-label="Pages"]/a[.="Freezes"]`), contains(`self::h1`, "Freezes"), chromedp.WaitVisible(chromedp.CSS(`.calendar .strip`)))
	page := strings.Join(strings.Fields(text(ctx, t, `main`)), " ")
	for _, want := range []string{"No stop of all fleets is in force", "ads-eu frozen now", "audit of the books: nothing may move", "weekends", "native No freeze is planned", "audio This server has no fleet file of it"} {
		if !strings.Contains(page, want) {
			t.Errorf("want %q in\n%s", want, page)
		}
	}
	do(ctx, t, chromedp.Click(chromedp.CSS(`[data-page=freeze]`)), chromedp.WaitVisible(confirm),
		chromedp.SendKeys(chromedp.CSS(`#by`), "ada"), chromedp.SendKeys(chromedp.CSS(`#why`), "the exchange is down"),
		chromedp.SetValue(chromedp.CSS(`#hours`), "4"), chromedp.Click(confirm), chromedp.WaitNotPresent(chromedp.CSS(`dialog`)),
		contains(`contains(@class, "alarm")`, "All fleets are frozen by ada"), contains(`contains(@class, "sentence")`, "Frozen by ada"), contains(`contains(@class, "sentence")`, "the exchange is down. It ends"))
	first := e.Of["ads-eu"]
	first.Mu.Lock()
	if until := time.Until(first.Stopped.Until); first.Stopped.Why != "the exchange is down" || until < 3*time.Hour || until > 4*time.Hour {
		t.Errorf("stored %+v", first.Stopped)
	}
	first.Mu.Unlock()
	do(ctx, t, chromedp.Click(`//nav[@aria-label="Pages"]/a[.="Now"]`), chromedp.WaitVisible(chromedp.CSS(`.trial .sentence`)), contains(`contains(@class, "alarm")`, "All fleets are frozen by ada"),
		chromedp.Click(`//nav[@aria-label="Pages"]/a[.="Freezes"]`), chromedp.Click(chromedp.CSS(`[data-page=unfreeze]`)), chromedp.WaitVisible(confirm), chromedp.SendKeys(chromedp.CSS(`#why`), "it is back"),
		chromedp.Click(confirm), chromedp.WaitNotPresent(chromedp.CSS(`dialog`)), contains(`self::p`, "No stop of all fleets is in force"), chromedp.WaitNotPresent(chromedp.CSS(`.alarm[data-key=freeze]`)))
	first.Mu.Lock()
	defer first.Mu.Unlock()
	if first.Stopped != nil {
		t.Errorf("stored %+v", first.Stopped)
	}
}
