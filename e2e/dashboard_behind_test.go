package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/browsertest"
	"github.com/sluicehq/sluice/controller/fleet/fleettest"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/local"
)

// crowdFile is of a fleet of 1,000 tasks that nobody judges.
const crowdFile = `
fleet: ads
jobs: ["*"]
ecs: {cluster: ads, service: inference}
look_every: 500ms
jobs_every: 500ms
admission: {min_golden: 8, min_auctions: 8}
policy:
  shadow: {tasks: 4, sample: 1, soak: 1h}
  steps: [{percent: 1, soak: 1h}]
  settle: 100ms
  promote_batch: 1000
  swap_guard: {off: true}
`

// crowdAWS starts AWS whose tasks get addresses at which stand-ins listen, so that
// what a task runs may be anything that goes on.
func crowdAWS(t testing.TB) (endpoint string) {
	t.Helper()
	aws, err := local.Start(t.Context(), local.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0", TaskNetwork: fleettest.Crowd(t), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := aws.Close(); err != nil {
			t.Error(err)
		}
	})
	return aws.URL()
}

// trouble is what a network does to a page; none is fine.
type trouble struct {
	late  time.Duration // of all that a stream tells
	plain bool          // streams are as an earlier controller has them: they tell of no tasks
	away  string        // what a path ends with that is answered 503
	cut   bool          // every connection
}

// network is what lies between a browser and a controller.
type network struct {
	proxy httputil.ReverseProxy
	to    *httptest.Server
	now   atomic.Pointer[trouble]
	late  atomic.Int64 // looks that came late
}

func networkTo(t *testing.T, controller string) *network {
	t.Helper()
	at, err := url.Parse(controller)
	if err != nil {
		t.Fatal(err)
	}
	n := &network{proxy: httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(at); r.Out.Host = r.In.Host },
		ErrorLog: log.New(io.Discard, "", 0), // streams that were cut
	}}
	n.proxy.ModifyResponse = n.delay
	n.now.Store(&trouble{})
	n.to = httptest.NewServer(n)
	t.Cleanup(n.to.Close)
	return n
}

// meets changes what lies there; connections that are open end.
func (n *network) meets(x trouble) {
	n.now.Store(&x)
	n.to.CloseClientConnections()
}

func (n *network) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := n.now.Load()
	switch {
	case x.cut:
		panic(http.ErrAbortHandler)
	case x.away != "" && strings.HasSuffix(r.URL.Path, x.away):
		http.Error(w, "", http.StatusServiceUnavailable)
		return
	case strings.HasSuffix(r.URL.Path, "/events"):
		r.Header.Del("Accept-Encoding") // or its moments could not be read
		if x.plain {
			r.URL.RawQuery = ""
		}
	}
	n.proxy.ServeHTTP(w, r)
}

// delay lets a stream tell of moments that are as much earlier as it is late: what
// it would have told then, had all been as it is now.
func (n *network) delay(a *http.Response) error {
	if late := n.now.Load().late; late > 0 && strings.HasPrefix(a.Header.Get("Content-Type"), "text/event-stream") {
		a.Body = &delayed{ReadCloser: a.Body, lines: bufio.NewReader(a.Body), late: late, looks: &n.late}
	}
	return nil
}

type delayed struct {
	io.ReadCloser
	lines *bufio.Reader
	late  time.Duration
	looks *atomic.Int64
	next  []byte
}

var moments = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"`)

func (d *delayed) Read(p []byte) (int, error) {
	if len(d.next) == 0 {
		line, err := d.lines.ReadBytes('\n')
		if err != nil {
			return 0, err
		}
		if bytes.HasPrefix(line, []byte("event: look")) {
			d.looks.Add(1)
		}
		d.next = moments.ReplaceAllFunc(line, func(quoted []byte) []byte {
			at, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(quoted))
			if err != nil {
				return quoted
			}
			return at.Add(-d.late).AppendFormat(nil, `"`+time.RFC3339Nano+`"`)
		})
	}
	n := copy(p, d.next)
	d.next = d.next[n:]
	return n, nil
}

// TestDashboardBehindABadNetwork opens the page of a real controller whose fleet has
// 1,000 tasks: its stream is a minute late, its list of tasks is not to be had, its
// connections drop and come back; and somebody goes back by it.
func TestDashboardBehindABadNetwork(t *testing.T) {
	ctx := browsertest.Open(t, 5*time.Minute)
	const tasks = 1000
	s := newStackOf(t, crowdAWS(t), tasks, "sleep", "3600")
	s.must(os.WriteFile(filepath.Join(s.dir, "fleet.yaml"), []byte(crowdFile), 0o600))
	s.must(s.cloud.Train(t.Context(), "first", absolute(t, "baseline"), "training"))
	s.lease = "10s" // there are no others
	s.startController()
	first := s.fleet("first to be live", func(f api.Fleet) bool {
		return f.Last != nil && f.Last.Phase == "live" && f.Tasks.Ready == tasks && f.Tasks.OnStable == tasks
	}).Stable.Digest
	s.ask(rollout.VerbPromote, api.Ask{Rollout: s.try("better"), Why: "nobody is judged here"})
	better := s.serves("better", tasks).Stable.Digest
	n := networkTo(t, s.api.Base)
	live, stale := chromedp.WaitVisible(chromedp.CSS(`.link.live`)), chromedp.CSS(`.stale`)
	open := func(t *testing.T, x trouble, steps ...chromedp.Action[chromedp.Void]) {
		n.meets(x)
		browsertest.Do(ctx, t, append([]chromedp.Action[chromedp.Void]{chromedp.Navigate("about:blank"), chromedp.Navigate(n.to.URL)}, steps...)...)
	}
	listed := func(t *testing.T, digest string) {
		dots := `[...document.querySelectorAll(".tasks .task.on-stable.is-ready")].map((e) => e.title)`
		within(t, patience, "1,000 tasks to be shown", func() (bool, string) {
			got := evaluate(ctx, t, `{ const all = `+dots+`; [new Set(all).size, all.filter((e) => e.endsWith("serves stable `+digest[:12]+`")).length].join() }`)
			return got == "1000,1000", got
		})
	}

	t.Run("its stream is late", func(t *testing.T) {
		open(t, trouble{late: time.Minute}, browsertest.Contains(`@role="alert"`, "The news comes late"), browsertest.Contains(`@role="alert"`, "(1 min"), chromedp.WaitVisible(chromedp.CSS(`.stale .link.lost`)))
		if link := browsertest.Text(ctx, t, `.link`); !strings.HasPrefix(link, "late, controller looked 1 min") {
			t.Errorf("a minute late, the link is %q", link)
		}
		listed(t, better)
		browsertest.Do(ctx, t, chromedp.Evaluate[chromedp.Void](`window.believed = false; new MutationObserver(() => { window.believed ||= !document.querySelector(".stale") }).observe(document.querySelector("#app"), { attributes: true })`))
		come := n.late.Load()
		until(t, "more looks that are late", func() (bool, string) { more := n.late.Load() - come; return more > 4, fmt.Sprint(more) })
		if evaluate(ctx, t, `String(window.believed)`) != "false" {
			t.Error("it took one of the late looks for news")
		}
		n.meets(trouble{})
		browsertest.Do(ctx, t, live, chromedp.WaitNotPresent(stale))
	})
	t.Run("its tasks are not listed", func(t *testing.T) {
		open(t, trouble{away: "/tasks"}, live) // streams list them, too
		listed(t, better)
		open(t, trouble{plain: true, away: "/tasks"}, live, browsertest.Contains(`contains(@class,"tasks")`,
			"The list of tasks could not be fetched: the server answered 503. It is tried again. 1000 of 1000 tasks were running at the last look."))
		if page := browsertest.Text(ctx, t, `#app`); strings.Contains(page, "o task is running") {
			t.Errorf("1,000 tasks run:\n%s", page)
		}
		n.meets(trouble{plain: true})
		browsertest.Do(ctx, t, chromedp.WaitNotPresent(chromedp.CSS(`.tasks .note`)))
		listed(t, better)
	})
	t.Run("its connections drop", func(t *testing.T) {
		open(t, trouble{}, live)
		listed(t, better)
		n.meets(trouble{cut: true})
		browsertest.Do(ctx, t, browsertest.Contains(`@role="alert"`, "Connection lost"), chromedp.WaitVisible(chromedp.CSS(`.stale .task`)))
		paused := s.ask(rollout.VerbPause, api.Ask{Why: "nobody sees it"})
		n.meets(trouble{})
		browsertest.Do(ctx, t, browsertest.Contains(`contains(@class,"alarm")`, "Paused by "+paused.By), live, chromedp.WaitNotPresent(stale))
	})
	t.Run("it goes back", func(t *testing.T) {
		open(t, trouble{}, live, chromedp.Click(chromedp.CSS(`.back button`)), chromedp.WaitVisible(confirm),
			chromedp.WaitVisible(chromedp.CSS(`dialog .target input:checked[value="`+first+`"]`)), browsertest.Contains(`@id="effect"`, "All 1000 tasks go to "+first[:12]),
			chromedp.SendKeys(chromedp.CSS(`#by`), "ada"), chromedp.SendKeys(chromedp.CSS(`#why`), "revenue is down"), chromedp.Click(confirm), chromedp.WaitNotPresent(chromedp.CSS(`dialog`)))
		browsertest.Do(ctx, t, chromedp.WaitVisible(chromedp.CSS(`.serving .digest[title="`+first+`"]`)), browsertest.Contains(`contains(@class,"share")`, "1000 of 1000 tasks ready"))
		listed(t, first)
	})
	if err := s.controller.stop(); err != nil {
		t.Error(err)
	}
}
