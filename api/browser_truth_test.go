package api_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/web"
)

// between is what may stand between a page and its server: it holds the stream
// back, refuses paths, or cuts every connection.
type between struct {
	server http.Handler
	to     *httptest.Server

	mu    sync.Mutex
	late  time.Duration // of the stream
	away  string        // what a path ends with that is answered 503
	cut   bool
	burst []api.Fleet // looks of the stream, all at once
	asked []string    // paths
}

func passBy(t *testing.T, f api.Fleets) *between {
	t.Helper()
	b := &between{server: api.New(f, web.Files(), slog.New(slog.DiscardHandler), api.Options{Every: 50 * time.Millisecond})}
	b.to = httptest.NewServer(b)
	t.Cleanup(b.to.Close)
	return b
}

// set changes what stands there; streams that are open end.
func (b *between) set(change func()) {
	b.mu.Lock()
	change()
	b.mu.Unlock()
	b.to.CloseClientConnections()
}

func (b *between) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	late, away, cut, burst := b.late, b.away, b.cut, b.burst
	b.asked = append(b.asked, r.URL.RequestURI())
	b.mu.Unlock()
	streams := strings.HasSuffix(r.URL.Path, "/events")
	switch {
	case cut:
		panic(http.ErrAbortHandler)
	case away != "" && strings.HasSuffix(r.URL.Path, away):
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, `{"detail":"256 questions are in hand"}`)
	case streams && len(burst) > 0:
		stream(w, burst...)
		<-r.Context().Done()
	case streams && late > 0:
		for r.Context().Err() == nil {
			stream(w, b.look(late))
			select {
			case <-time.After(100 * time.Millisecond):
			case <-r.Context().Done():
			}
		}
	default:
		if away == "/tasks" { // as a server of before, whose streams tell of no tasks
			q := r.URL.Query()
			q.Del("patch")
			r.URL.RawQuery = q.Encode()
		}
		b.server.ServeHTTP(w, r)
	}
}

// look is what the server said so long ago, had all been as it is now.
func (b *between) look(late time.Duration) (f api.Fleet) {
	answer := httptest.NewRecorder()
	q := httptest.NewRequest(http.MethodGet, "/v1/fleets/demo", nil)
	q.Host = "localhost"
	b.server.ServeHTTP(answer, q)
	if err := json.Unmarshal(answer.Body.Bytes(), &f); err != nil {
		panic(err)
	}
	f.At = f.At.Add(-late)
	f.Loop.At, f.Loop.AgeSeconds = f.Loop.At.Add(-late), 1
	return f
}

func stream(w http.ResponseWriter, looks ...api.Fleet) {
	w.Header().Set("Content-Type", "text/event-stream")
	var all strings.Builder
	for _, f := range looks {
		body, err := json.Marshal(f)
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&all, "event: look\ndata: %s\n\n", body)
	}
	_, _ = w.Write([]byte(all.String())) // a client that is gone reads nothing
	_ = http.NewResponseController(w).Flush()
}

// A stream that is held back for a minute is shown as a minute old, however
// steadily it comes, and as live once it is again.
func TestDashboardLateStream(t *testing.T) {
	ctx := browser(t)
	f := apitest.Scene("idle", time.Now())
	b := passBy(t, f)
	do(ctx, t, chromedp.Navigate(b.to.URL), chromedp.WaitVisible(chromedp.CSS(`.link.live`)))
	b.set(func() { b.late = time.Minute })
	do(ctx, t, chromedp.Navigate("about:blank"), chromedp.Navigate(b.to.URL),
		contains(`@role="alert"`, "The news comes late"), contains(`@role="alert"`, "(1 min"), chromedp.WaitVisible(chromedp.CSS(`.stale .link.lost`)))
	if link := text(ctx, t, `.link`); !strings.HasPrefix(link, "late, controller looked 1 min") {
		t.Errorf("the link is %q", link)
	}
	if title, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.title`)); err != nil || !strings.HasPrefix(title, "? ") {
		t.Errorf("the title is %q (%v)", title, err)
	}
	f.Mu.Lock()
	f.Seen.At = time.Now()
	f.Mu.Unlock()
	b.set(func() { b.late = 0 })
	do(ctx, t, chromedp.WaitNotPresent(chromedp.CSS(`.stale`)), contains(`contains(@class,"link")`, "live, controller looked"))
	// What is older than what is shown is not shown any more.
	b.set(func() { b.late = time.Minute })
	do(ctx, t, contains(`@role="alert"`, "The news comes late"))
	if link := text(ctx, t, `.link`); strings.Contains(link, "min") {
		t.Errorf("it went back to an older look: %q", link)
	}
}

// However many looks come at once, the page draws the newest of them, with the
// next frame.
func TestDashboardDrawsTheNewest(t *testing.T) {
	ctx := browser(t)
	f := apitest.Scene("canary", time.Now())
	b := passBy(t, f)
	const many = 400
	for i := range many {
		one := b.look(time.Duration(many-i) * time.Millisecond)
		one.Auctions.All.Rate = float64(1000 + i)
		b.burst = append(b.burst, one)
	}
	old := b.look(time.Minute)
	old.Auctions.All.Rate = 7
	b.burst = append(b.burst, old)
	do(ctx, t, chromedp.Navigate(b.to.URL+"/#nobody"), chromedp.WaitVisible(chromedp.CSS(`.figure b`)),
		contains(`contains(@class,"figure")`, fmt.Sprintf("1,%d", many-1)),
		chromedp.Evaluate[chromedp.Void](`window.drawn = new Set(); new MutationObserver(() => window.drawn.add(document.querySelector(".figure b").textContent)).observe(document.querySelector("#app"), { subtree: true, characterData: true, childList: true })`))
	b.set(func() { // the same again, later: a page that listens counts what it draws
		var again []api.Fleet
		for _, f := range b.burst {
			a, all := *f.Auctions, *f.Auctions.All
			all.Rate += 1000
			a.All, f.Auctions, f.At = &all, &a, f.At.Add(time.Second)
			again = append(again, f)
		}
		b.burst = again
	})
	do(ctx, t, contains(`contains(@class,"figure")`, fmt.Sprintf("2,%d", many-1)))
	drawn, err := chromedp.Run(ctx, chromedp.Evaluate[int](`window.drawn.size`))
	if err != nil || drawn > many/4 {
		t.Errorf("it drew %d of %d looks (%v)", drawn, many, err)
	}
	if rate := text(ctx, t, `.figure b`); rate != fmt.Sprintf("2,%d", many-1) {
		t.Errorf("it shows %s", rate)
	}
}

// Not fetched, not to be had and none are told apart, of tasks, of what was
// tried, and of the releases to go back to.
func TestDashboardTellsWhatIsMissing(t *testing.T) {
	ctx := browser(t)
	f := apitest.Scene("idle", time.Now())
	b := passBy(t, f)
	b.away = "/tasks"
	tasks := `contains(@class,"tasks")`
	do(ctx, t, chromedp.Navigate(b.to.URL), contains(tasks, "The list of tasks could not be fetched: 256 questions are in hand. It is tried again. 8 of 8 tasks were running at the last look."),
		chromedp.WaitVisible(chromedp.CSS(`.history details`)))
	if all := text(ctx, t, `#app`); strings.Contains(all, "o task is running") {
		t.Errorf("eight run:\n%s", all)
	}
	b.set(func() { b.away = "" })
	do(ctx, t, chromedp.WaitVisible(chromedp.CSS(`.task`)), chromedp.WaitNotPresent(chromedp.CSS(`.tasks .note`)))
	b.set(func() { b.away = "/tasks" })
	do(ctx, t, contains(tasks, "could not be fetched anew, and may be old"), chromedp.WaitVisible(chromedp.CSS(`.task`)))

	b.set(func() { b.away = "/rollouts" })
	do(ctx, t, chromedp.Navigate("about:blank"), chromedp.Navigate(b.to.URL), contains(`contains(@class,"history")`, "Past rollouts could not be fetched"))
	if past := text(ctx, t, `.history`); strings.Contains(past, "No rollout has ended") {
		t.Errorf("there were some:\n%s", past)
	}
	b.set(func() { b.away = "/releases" })
	do(ctx, t, chromedp.WaitVisible(chromedp.CSS(`.history details`)), chromedp.WaitNotPresent(chromedp.CSS(`.history .note`)),
		chromedp.Click(chromedp.CSS(`.back button`)), contains(`contains(@class,"lacking")`, "Older releases could not be fetched: 256 questions are in hand."),
		chromedp.WaitVisible(chromedp.CSS(`dialog .target`)), chromedp.KeyEvent("\x1b"), chromedp.WaitNotPresent(chromedp.CSS(`dialog`)))

	f.Mu.Lock()
	f.Seen.Seen.Tasks, f.Seen.Seen.Desired, f.Seen.Seen.Auctions.All = nil, 0, nil
	f.Mu.Unlock()
	do(ctx, t, contains(tasks, "No task is running."), contains(`contains(@class,"auctions")`, "No task is running that could answer any."))
}

// A connection that drops is told, and the page goes on with what is then.
func TestDashboardDropped(t *testing.T) {
	ctx := browser(t)
	f := apitest.Scene("canary", time.Now())
	b := passBy(t, f)
	do(ctx, t, chromedp.Navigate(b.to.URL), chromedp.WaitVisible(chromedp.CSS(`.link.live`)), chromedp.WaitVisible(chromedp.CSS(`.task`)))
	b.set(func() { b.cut = true })
	do(ctx, t, contains(`@role="alert"`, "Connection lost"), chromedp.WaitVisible(chromedp.CSS(`.stale .task`)))
	f.Mu.Lock()
	f.Saved.Active, f.Seen.At = nil, time.Now()
	f.Mu.Unlock()
	b.set(func() { b.cut = false })
	do(ctx, t, chromedp.WaitVisible(chromedp.CSS(`.trial.calm`)), chromedp.WaitNotPresent(chromedp.CSS(`.stale`)), chromedp.WaitNotPresent(chromedp.CSS(`.alarm`)))
}

// A step that has just begun shows no verdict but its own, also where the data
// of its first seconds do not fit together.
func TestDashboardGathers(t *testing.T) {
	ctx := browser(t)
	f := apitest.Scene("canary", time.Now())
	f.Seen.Seen.Verdict.Outcome = judge.Acceptable
	s := site(t, f)
	do(ctx, t, chromedp.Navigate(s.URL), contains(`contains(@class,"trial")`, "as good as stable"), chromedp.WaitVisible(chromedp.CSS(`.gates`)))
	next := apitest.Scene("gathering", time.Now())
	f.Mu.Lock()
	f.Saved, f.Seen = next.Saved, next.Seen
	f.Mu.Unlock()
	gathers := func(why, want string) {
		t.Helper()
		do(ctx, t, contains(`contains(@class,"sentence")`, want))
		trial := text(ctx, t, `.trial`)
		for _, wrong := range []string{"as good as stable", "of the proof", "nvalid"} {
			if strings.Contains(trial, wrong) {
				t.Errorf("%s: it says %q:\n%s", why, wrong, trial)
			}
		}
		if !strings.Contains(trial, "It came to this step by: ACCEPTABLE") {
			t.Errorf("%s: why is not told:\n%s", why, trial)
		}
	}
	gathers("no verdict", "Gathering: partner-blind has begun step 2 of 2")
	do(ctx, t, chromedp.WaitNotPresent(chromedp.CSS(`.gates`)))

	r, v := f.Saved.Active, *apitest.Scene("canary", time.Now()).Seen.Seen.Verdict
	v.At, v.Outcome, v.Gate, v.Sentence = time.Now(), judge.Invalid, judge.GateSampleRatio, "INVALID sample_ratio: the candidate gets 8.7 %"
	v.Findings = append(v.Findings, judge.Finding{Gate: judge.GateSampleRatio, Outcome: judge.Invalid, CandidateRate: .087, StableRate: .5})
	f.Mu.Lock()
	began := *r
	began.StepSince = v.At.Add(-2 * time.Second)
	f.Saved.Active, f.Seen.Seen.Verdict = &began, &v
	f.Mu.Unlock()
	gathers("few connections yet", "Gathering: the new canary of partner-blind still gets few connections (9 % of the requests).")
	if evidence := text(ctx, t, `[aria-label=Evidence] header`); !strings.Contains(evidence, "verdict gathering") {
		t.Errorf("the evidence says %q", evidence)
	}
}

// A fleet whose auctions are not well says so on top, though nothing is tried,
// and no longer once they are.
func TestDashboardUnwell(t *testing.T) {
	ctx := browser(t)
	f := apitest.Scene("unwell", time.Now())
	s := site(t, f)
	do(ctx, t, chromedp.Navigate(s.URL),
		contains(`contains(@class,"unwell")`, "21 % of 104,000 auctions in the last 52 s were forwarded without a score"),
		contains(`contains(@class,"unwell")`, "they are to be answered within 50 ms"),
		contains(`contains(@class,"unwell")]/*[contains(@class,"way")`, "See which reason grows in the tasks' sluice_degraded_total"), chromedp.WaitVisible(chromedp.CSS(`.unwell .way code`)),
		contains(`@id="said"`, "The fleet is unwell."), chromedp.WaitVisible(chromedp.CSS(`.trial.calm`)))
	if got := text(ctx, t, `.auctions`); !strings.Contains(got, "2,000") || !strings.Contains(got, "21 %") || !strings.Contains(got, "87 ms") {
		t.Errorf("the auctions are\n%s", got)
	}
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.title.slice(0, 2) + [...document.querySelectorAll(".figure.low dt")].map((e) => e.textContent).join() +
		(document.querySelector(".auctions").getBoundingClientRect().top < document.querySelector(".trial").getBoundingClientRect().top ? " first" : " below")`))
	if err != nil || got != "! Degraded,p99 first" {
		t.Errorf("title, what is low and where: %q (%v)", got, err)
	}
	allWell := chromedp.CSS(`.auctions .badge.good`)
	do(ctx, t, chromedp.WaitNotPresent(allWell))
	well := apitest.Scene("idle", time.Now())
	f.Mu.Lock()
	f.Seen = well.Seen
	f.Mu.Unlock()
	do(ctx, t, chromedp.WaitNotPresent(chromedp.CSS(`.unwell`)), chromedp.WaitNotPresent(chromedp.CSS(`.figure.low`)), chromedp.WaitVisible(allWell))
	f.Mu.Lock()
	f.Seen.Seen.Auctions = nil // what is not known is not well
	f.Mu.Unlock()
	do(ctx, t, chromedp.WaitNotPresent(allWell))
}

// What is not known of auctions is no zero, and each arm that there is has its
// figures.
func TestDashboardAuctions(t *testing.T) {
	ctx := browser(t)
	f := apitest.Scene("canary", time.Now())
	s := site(t, f)
	do(ctx, t, chromedp.Navigate(s.URL), chromedp.WaitVisible(chromedp.CSS(`.arms`)), chromedp.WaitVisible(chromedp.CSS(`.spark .all`)))
	if arms := strings.Join(strings.Fields(text(ctx, t, `.arms tbody`)), " "); !strings.HasPrefix(arms, "canary 1 250 18 % 0.023 % 0 % 0.41 ms 12.7 ms control 1 250") || !strings.Contains(arms, "rest 6 1,500") {
		t.Errorf("the arms are %q", arms)
	}
	older := *f.Seen.Seen.Auctions.All
	older.Degraded, older.Failed, older.P50, older.P99 = nil, nil, 0, 0
	for _, tt := range []struct {
		told *rollout.Auctions
		want string
	}{
		{&rollout.Auctions{Over: time.Minute, All: &older}, "?\u00a0%forwarded unscored"},
		{&rollout.Auctions{}, "Not known yet: no task has told twice"},
		{nil, "Not known: the controller that looked last does not measure them."},
	} {
		f.Mu.Lock()
		f.Seen.Seen.Auctions = tt.told
		f.Mu.Unlock()
		do(ctx, t, contains(`contains(@class,"auctions")`, tt.want))
	}
}

// A page that was patched all along shows what one shows that is loaded now:
// what came, what went, and what is null by now. It asks for no tasks besides.
func TestPatchedPageIsTheLoadedOne(t *testing.T) {
	ctx := browser(t)
	f := apitest.Scene("idle", time.Now())
	b := passBy(t, f)
	shown := func() string {
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`[...document.querySelectorAll("main > :not(.past), .history, .task")].map((e) => e.innerText + e.title).join("\n").replace(/[\d.]+.(ms|s|min|h)\b/g, "a while")`))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	do(ctx, t, chromedp.Navigate(b.to.URL), chromedp.WaitVisible(chromedp.CSS(`.task`)))
	become := func(what string, change func()) {
		f.Mu.Lock()
		event := f.Saved.LastEvent + 1
		change()
		f.Saved.Events, f.Saved.LastEvent = []rollout.Event{{Seq: event, At: time.Now(), Reason: rollout.Found, Sentence: "this is " + what}}, event
		f.Mu.Unlock()
		do(ctx, t, chromedp.WaitVisible(chromedp.CSS(`.log [title="this is `+what+`"]`)))
	}
	for _, scene := range []string{"shadow", "canary", "crowd", "held", "unwell", "paused", "canary", "rolled_back"} {
		become(scene, func() {
			next := apitest.Scene(scene, time.Now())
			f.Saved, f.Seen, f.Over, f.Passports = next.Saved, next.Seen, next.Over, next.Passports
		})
	}
	tasks := slices.Clone(f.Seen.Seen.Tasks)
	become("a task that errs", func() {
		f.Seen.Seen.Tasks = slices.Clone(tasks)
		f.Seen.Seen.Tasks[0].Error = "it obeys nobody"
	})
	become("one task less", func() { f.Seen.Seen.Tasks = tasks[:len(tasks)-1] })
	over := chromedp.WaitVisible(chromedp.CSS(`.history [data-rollout="partner-blind"]`)) // fetched, as the last of all
	do(ctx, t, over)
	b.mu.Lock()
	patched := shown()
	asked := slices.Clone(b.asked)
	b.mu.Unlock()
	do(ctx, t, chromedp.Navigate("about:blank"), chromedp.Navigate(b.to.URL), chromedp.WaitVisible(chromedp.CSS(`.log [title="this is one task less"]`)), over)
	loaded := shown()
	for deadline := time.Now().Add(20 * time.Second); loaded != patched && time.Now().Before(deadline); loaded = shown() {
		time.Sleep(50 * time.Millisecond)
	}
	if loaded != patched {
		t.Errorf("patched:\n%s\n\nloaded:\n%s", patched, loaded)
	}
	if !slices.Contains(asked, "/v1/fleets/demo/events?patch=look,tasks") || slices.ContainsFunc(asked, func(s string) bool { return strings.Contains(s, "/tasks") }) {
		t.Errorf("it asked for %v", asked)
	}
}

// Whoever looks at a fleet reads that a receiver of its notices is told nothing
// any more, and what to do about it, on its page and among all fleets.
func TestDashboardUnheard(t *testing.T) {
	ctx := browser(t)
	f := apitest.Scene("idle", time.Now())
	since := time.Date(2026, 11, 28, 9, 30, 0, 0, time.UTC)
	f.Seen.Seen.Unheard = []rollout.Unheard{{Receiver: "oncall", Since: since}}
	s := site(t, f)
	words := "oncall is told nothing any more: it has said since "
	do(ctx, t, chromedp.Navigate(s.URL), contains(`contains(@class,"alarm")`, words), contains(`contains(@class,"alarm")`, "under notify in the fleet file"),
		chromedp.Navigate(s.URL+"/#/"), contains(`self::h1`, "1 fleet needs a look"), contains(`self::li`, words))
}

// Of a fleet at which nobody has looked the page knows no tasks, and says so; a
// rollout that stands still is at no verdict soon, and tasks that load are no alarm.
func TestDashboardSaysNoMoreThanIsKnown(t *testing.T) {
	ctx := browser(t)
	fresh, held, moving := apitest.Scene("fresh", time.Now()), apitest.Scene("held", time.Now()), apitest.Scene("promoting", time.Now())
	do(ctx, t, chromedp.Navigate(site(t, fresh).URL), contains(`contains(@class,"tasks")`, "Not known: no controller has looked yet."))
	if all := text(ctx, t, `#app`); strings.Contains(all, "tasks ready") || strings.Contains(all, "No task is running") {
		t.Errorf("nobody has looked:\n%s", all)
	}
	do(ctx, t, chromedp.Navigate(site(t, held).URL), contains(`contains(@class,"progress")`, "of the proof"))
	if trial := text(ctx, t, `.trial`); strings.Contains(trial, "the rest in about") {
		t.Errorf("it stands still:\n%s", trial)
	}
	do(ctx, t, chromedp.Navigate(site(t, moving).URL), contains(`contains(@class,"share")`, "1 loading"), chromedp.WaitVisible(`//*[contains(@class,"share")]//*[contains(@class,"low")][contains(., "1 failed to load")]`))
	if low := text(ctx, t, `.share .low`); strings.Contains(low, "loading") {
		t.Errorf("an alarm about %q", low)
	}
	trial, evidence, arms, tasks := text(ctx, t, `.trial`), text(ctx, t, `[aria-label="Evidence"]`), text(ctx, t, `.arms`), text(ctx, t, `.tasks`)
	if !strings.Contains(trial, "5 of 8 tasks serve it alone") || !strings.Contains(trial, "could not load it: not enough memory") || !strings.Contains(trial, "Nothing to do unless a task cannot load it") {
		t.Errorf("one task of eight could not load it:\n%s", trial)
	}
	if !strings.Contains(evidence, "acceptable after 74 looks, as it was when") || strings.Contains(evidence, "unsure") || !strings.Contains(arms, "candidate\t5") || strings.Contains(tasks, "shadow") {
		t.Errorf("while tasks move over it reads\n%s\n%s\n%s", evidence, arms, tasks)
	}
}
