package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/rollout"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// follow collects the sequence numbers of n events after that one.
func follow(t *testing.T, c api.Client, after int64, n int) (seqs []int64, gaps int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	err := c.Follow(ctx, "demo", after, func(news api.News) bool {
		if news.Event != nil {
			seqs = append(seqs, news.Event.Seq)
		}
		if news.Gap {
			gaps++
		}
		return len(seqs) < n
	})
	if err != nil {
		t.Fatalf("after %v: %v", seqs, err)
	}
	return seqs, gaps
}

// A client that comes back, to whichever server, gets what it missed once.
func TestStreamResumes(t *testing.T) {
	f := &apitest.Fake{Saved: rollout.State{Fleet: "demo"}}
	for i := range 5 {
		f.Tell(rollout.Event{At: noon, Reason: rollout.Found, Sentence: fmt.Sprintf("event %d", i+1)})
	}
	a, b := apitest.Serve(t, f, api.Options{}), apitest.Serve(t, f, api.Options{})
	first, _ := follow(t, a, -1, 3)
	if want := []int64{1, 2, 3}; !slices.Equal(first, want) {
		t.Errorf("all that is remembered: %v, want %v", first, want)
	}
	f.Tell(rollout.Event{At: noon, Reason: rollout.Found, Sentence: "event 6"})
	rest, gaps := follow(t, b, 3, 3)
	if want := []int64{4, 5, 6}; !slices.Equal(rest, want) || gaps > 0 {
		t.Errorf("after 3, from another server: %v with %d gaps, want %v", rest, gaps, want)
	}
}

// What nobody remembers any more is announced, not passed over in silence.
func TestStreamSaysWhatItMissed(t *testing.T) {
	f := &apitest.Fake{Saved: rollout.State{Fleet: "demo", LastEvent: 40}}
	f.Tell(rollout.Event{At: noon, Reason: rollout.Found, Sentence: "event 41"})
	if seqs, gaps := follow(t, apitest.Serve(t, f, api.Options{}), 7, 1); gaps != 1 || !slices.Equal(seqs, []int64{41}) {
		t.Errorf("got %v and %d gaps, want [41] and one", seqs, gaps)
	}
	if seqs, gaps := follow(t, apitest.Serve(t, f, api.Options{}), 999, 1); gaps != 0 || !slices.Equal(seqs, []int64{41}) {
		t.Errorf("from a memory that began anew: got %v and %d gaps", seqs, gaps)
	}
}

// What happens while a client listens arrives, and so does a fresh look.
func TestStreamIsLive(t *testing.T) {
	f := apitest.Scene("canary", noon)
	c := apitest.Serve(t, f, api.Options{})
	last := f.Saved.LastEvent
	var event, look bool
	err := c.Follow(t.Context(), "demo", last, func(n api.News) bool {
		switch {
		case n.Look != nil && !look:
			look = n.Look.Fleet == "demo" && n.Look.Active.Verdict != nil
			f.Tell(rollout.Event{At: noon, Reason: rollout.Paused, Sentence: "paused by ada"})
		case n.Event != nil:
			event = n.Event.Seq == last+1 && n.Event.Reason == "paused"
		}
		return !event
	})
	if err != nil || !event || !look {
		t.Errorf("event %v, look %v, %v", event, look, err)
	}
}

// streamFrom opens a stream from a loopback address of its own, and leaves it
// open until the test is over; it returns what it is refused with.
func streamFrom(t *testing.T, base, from string) (status int, problem string) {
	t.Helper()
	local := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c := &http.Client{Transport: &http.Transport{DialContext: local.DialContext}}
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/v1/fleets/demo/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode == http.StatusOK {
		return answer.StatusCode, ""
	}
	body, _ := io.ReadAll(answer.Body)
	if answer.Header.Get("Retry-After") == "" {
		t.Errorf("refused with %d and no Retry-After", answer.StatusCode)
	}
	return answer.StatusCode, string(body)
}

// No client takes the streams of all: of eight it has two.
func TestStreamsAreShared(t *testing.T) {
	c := apitest.Serve(t, apitest.Scene("canary", noon), api.Options{Streams: 8})
	for _, tt := range []struct {
		from string
		code int
		says string
	}{
		{"127.0.0.1", 200, ""},
		{"127.0.0.1", 200, ""},
		{"127.0.0.1", 429, "127.0.0.1 has 2 streams of events open, as many as one client may have"},
		{"127.0.0.2", 200, ""},
		{"127.0.0.2", 200, ""},
		{"127.0.0.2", 429, "as many as one client may have"},
		{"127.0.0.3", 200, ""},
		{"127.0.0.3", 200, ""},
		{"127.0.0.4", 200, ""},
		{"127.0.0.4", 200, ""},
		{"127.0.0.5", 503, "8 streams of events are open, as many as there may be"},
	} {
		if code, says := streamFrom(t, c.Base, tt.from); code != tt.code || !strings.Contains(says, tt.says) {
			t.Errorf("from %s: %d %s, want %d %q", tt.from, code, says, tt.code, tt.says)
		}
	}
}

// A stream that ended leaves its seat to the next.
func TestStreamLeavesItsSeat(t *testing.T) {
	h := apitest.Handler(apitest.Scene("canary", noon), api.Options{Streams: 1, Every: time.Millisecond})
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		w := httptest.NewRecorder()
		q := httptest.NewRequestWithContext(ctx, "GET", "/v1/fleets/demo/events", nil)
		q.Host = "127.0.0.1"
		cancel()
		h.ServeHTTP(w, q)
		if w.Code != http.StatusOK {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
	}
}

func TestStreamBadAsk(t *testing.T) {
	h := apitest.Handler(apitest.Scene("canary", noon), api.Options{})
	if w := ask(h, "GET", "/v1/fleets/demo/events", "", "Last-Event-ID", "seven"); w.Code != http.StatusBadRequest {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if w := ask(h, "GET", "/v1/fleets/nope/events", ""); w.Code != http.StatusNotFound {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// A stream says that the fleet cannot be read, and goes on when it can.
func TestStreamTrouble(t *testing.T) {
	f := apitest.Scene("canary", noon)
	c := apitest.Serve(t, f, api.Options{})
	set := func(err error) {
		f.Mu.Lock()
		defer f.Mu.Unlock()
		f.Fail = err
	}
	var told, back bool
	err := c.Follow(t.Context(), "demo", 0, func(n api.News) bool {
		switch {
		case n.Trouble != "":
			told = true
			set(nil)
		case n.Look != nil && !told:
			set(io.ErrClosedPipe)
		case n.Look != nil:
			back = true
		}
		return !back
	})
	if err != nil || !told || strings.Contains(fmt.Sprint(told), "pipe") {
		t.Errorf("told %v, back %v, %v", told, back, err)
	}
}

// A client that does not read is dropped: its connection has a deadline.
func TestSlowClientIsDropped(t *testing.T) {
	w := &slow{ResponseRecorder: httptest.NewRecorder()}
	q := httptest.NewRequest("GET", "/v1/fleets/demo/events", nil)
	q.Host = "127.0.0.1"
	apitest.Handler(apitest.Scene("canary", noon), api.Options{Every: time.Millisecond}).ServeHTTP(w, q) // returns, or the test hangs
	if w.deadlines == 0 {
		t.Error("a write had no deadline")
	}
}

// slow takes a little, then lets every write run into its deadline.
type slow struct {
	*httptest.ResponseRecorder
	deadlines int
}

func (s *slow) SetWriteDeadline(time.Time) error { s.deadlines++; return nil }

func (s *slow) FlushError() error {
	if s.deadlines > 3 {
		return context.DeadlineExceeded
	}
	return nil
}

// What a client does not read waits in no great buffer: news is new, or the
// client is dropped.
func TestLittleWaitsForWhoDoesNotRead(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	taken, served := make(chan int, 1), make(chan error, 1)
	go func() {
		served <- api.Serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			sum, control := 0, http.NewResponseController(w)
			for {
				_ = control.SetWriteDeadline(time.Now().Add(time.Second))
				n, err := w.Write(make([]byte, 16<<10))
				if sum += n; err != nil || sum > 64<<20 {
					taken <- sum
					return
				}
			}
		}))
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.(*net.TCPConn).SetReadBuffer(16 << 10); err != nil { //nolint:forcetypeassert // as it was dialled
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if sum := <-taken; sum > 1<<20 {
		t.Errorf("%d bytes wait for a client that does not read", sum)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// fewer has all of its fleets but the last, once that is gone.
type fewer struct {
	apitest.Several
	gone *atomic.Bool
}

func (f fewer) Fleets(ctx context.Context) []string {
	names := f.Several.Fleets(ctx)
	if f.gone.Load() {
		return names[:len(names)-1]
	}
	return names
}

// A fleet that is declared no more ends its streams, and nobody else's.
func TestStreamOfAFleetThatGoes(t *testing.T) {
	t.Parallel()
	several := fewer{apitest.Several{Names: []string{"ads", "native"}, Of: map[string]*apitest.Fake{
		"ads": {Saved: rollout.State{Fleet: "ads"}}, "native": {Saved: rollout.State{Fleet: "native"}},
	}}, &atomic.Bool{}}
	c := apitest.Serve(t, several, api.Options{Every: 10 * time.Millisecond})
	stream := func(fleet string) io.Reader {
		t.Helper()
		r, err := http.Get(c.Base + "/v1/fleets/" + fleet + "/events")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Body.Close() })
		if r.StatusCode != http.StatusOK {
			t.Fatalf("a stream of %s: %s", fleet, r.Status)
		}
		return r.Body
	}
	stays, goes := stream("ads"), stream("native")
	several.gone.Store(true)
	if said, _ := io.ReadAll(goes); strings.Contains(string(said), "event: trouble") { // it ends, be it with an error
		t.Errorf("the stream of a fleet that goes:\n%s", said)
	}
	if _, err := c.Fleet(t.Context(), "native"); !errors.Is(err, api.ErrNotFound) {
		t.Errorf("asked again: %v", err)
	}
	if _, err := io.ReadFull(stays, make([]byte, len("retry: 2000"))); err != nil {
		t.Errorf("the stream of the other: %v", err)
	}
}
