package api_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/api/browsertest"
)

// watched measures what the page does for a message, a tick or a frame: its
// script, and the layout that follows.
const watched = `window.spent = [];
	const timed = (f) => function (...args) {
		const began = performance.now();
		f.apply(this, args);
		document.body?.offsetHeight;
		window.spent.push(performance.now() - began);
	};
	const listen = EventSource.prototype.addEventListener, every = window.setInterval, frame = window.requestAnimationFrame;
	EventSource.prototype.addEventListener = function (kind, f) { listen.call(this, kind, timed(f)) };
	window.setInterval = (f, ms) => every(timed(f), ms);
	window.requestAnimationFrame = (f) => frame.call(window, timed(f));`

// large is a fleet of 1,000 tasks that tries a candidate over 100 partners, among
// 100 fleets, with 500 finished rollouts.
func large(now time.Time) apitest.Several {
	s := apitest.Several{Of: map[string]*apitest.Fake{}}
	for i := range 100 {
		name := fmt.Sprintf("fleet-%03d", i)
		scene := "canary"
		if i == 0 {
			scene = "thousand"
		}
		f := apitest.Scene(scene, now)
		f.Saved.Fleet = name
		s.Names, s.Of[name] = append(s.Names, name), f
	}
	f := s.Of["fleet-000"]
	for i := range 500 {
		r := f.Over[i%4]
		r.ID = fmt.Sprint("older-", i)
		f.Over = append(f.Over, r)
	}
	chunks, last := apitest.Log("partner-blind", apitest.Course{Partners: 100, Shadow: 40, Canary: 400, Every: time.Second, Prices: true}, now)
	f.Logs = map[string][][]byte{"partner-blind": chunks}
	f.Seen.Seen.Verdict = &last
	return s
}

// BenchmarkFrames follows a large fleet on each page, a look every 200 ms, and
// tells what a frame takes by the clock: the median, the 99th of a hundred, and
// the longest; and by the processor all that a look costs the page, which says
// more on a busy machine.
func BenchmarkFrames(b *testing.B) {
	e := large(time.Now())
	s := newSite(e, api.Options{Every: 50 * time.Millisecond})
	b.Cleanup(s.Close)
	for _, p := range []struct{ name, address, there string }{
		{"fleet", "#fleet-000", `.dense .task`},
		{"rollout", "#fleet-000/rollouts/partner-blind", `.multiples svg`},
		{"history", "#fleet-000/history", `.rows tbody tr`},
		{"fleets", "#/", `.fleets .line`},
	} {
		b.Run(p.name, func(b *testing.B) {
			ctx := browsertest.Open(b, 10*time.Minute)
			_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watched})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := chromedp.Call(ctx, performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks}); err != nil {
				b.Fatal(err)
			}
			do(ctx, b, chromedp.Navigate(s.URL+"/"+p.address), chromedp.WaitVisible(chromedp.CSS(p.there)), chromedp.Evaluate[chromedp.Void](`window.spent.length = 0`))
			before := processor(ctx, b)
			for b.Loop() {
				nextLook(ctx, b, e.Of["fleet-000"])
			}
			b.ReportMetric(1000*(processor(ctx, b)-before)/float64(b.N), "cpu-ms/look")
			for unit, what := range map[string]string{"ms/frame": ".5", "p99-ms/frame": ".99", "most-ms/frame": "1"} {
				v, err := chromedp.Run(ctx, chromedp.Evaluate[float64](`window.spent.toSorted((a, b) => a - b)[Math.ceil(`+what+` * window.spent.length) - 1]`))
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(v, unit)
			}
		})
	}
}

// processor is what the page's thread has used of it so far, in seconds.
func processor(ctx context.Context, b *testing.B) float64 {
	b.Helper()
	got, err := chromedp.Call(ctx, performance.GetMetrics, cdp.Empty{})
	if err != nil {
		b.Fatal(err)
	}
	for _, m := range got.Metrics {
		if m.Name == "TaskDuration" {
			return m.Value
		}
	}
	b.Fatal("the browser does not tell what it used")
	return 0
}

// A frame in which nothing is new makes few elements, however large the fleet:
// that is what keeps it short, on any machine.
func TestFramesAreSmall(t *testing.T) {
	ctx := browser(t)
	f := apitest.Scene("thousand", time.Now())
	for i := range 60 {
		r := f.Over[i%4]
		r.ID = fmt.Sprint("older-", i)
		f.Over = append(f.Over, r)
	}
	s := site(t, f)
	do(ctx, t, chromedp.Navigate(s.URL), chromedp.WaitVisible(chromedp.CSS(`.dense .task`)), chromedp.WaitVisible(chromedp.CSS(`.history details`)))
	made, err := chromedp.Run(ctx, chromedp.Evaluate[int](`(async () => {
		const draw = async () => {
			window.dispatchEvent(new Event("hashchange"));
			for (const frame of [1, 2]) await new Promise(requestAnimationFrame);
		};
		await draw();
		let made = 0;
		const make = document.createElement;
		document.createElement = function (...args) { made++; return make.apply(this, args) };
		await draw();
		document.createElement = make;
		return made;
	})()`, chromedp.EvalAwaitPromise))
	if err != nil || made < 50 || made > 1200 {
		t.Errorf("a frame or two make %d elements (%v), want at most 1200", made, err)
	}
}

// nextLook lets the controller make a look, and waits until the page has it.
func nextLook(ctx context.Context, b *testing.B, f *apitest.Fake) {
	b.Helper()
	had, err := chromedp.Run(ctx, chromedp.Evaluate[int](`window.spent.length`))
	if err != nil {
		b.Fatal(err)
	}
	f.Mu.Lock()
	f.Seen.At = time.Now()
	for i := range f.Seen.Seen.Tasks {
		f.Seen.Seen.Tasks[i].Requests += 997
		f.Seen.Seen.Tasks[i].Filtered += 101
	}
	f.Mu.Unlock()
	do(ctx, b, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`new Promise((done) => { const look = () => window.spent.length > %d ? done() : setTimeout(look, 20); look() })`, had), chromedp.EvalAwaitPromise))
}
