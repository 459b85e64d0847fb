package api_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// This file is laid into an earlier tree, too, and measured beside it: it uses
// nothing that was not there then.

// The world that people look at, and how many do.
const (
	crowdFleets   = 100
	crowdTasks    = 1000 // of the first fleet; the others have ten
	crowdPartners = 100
	crowdPast     = 100             // finished rollouts of each fleet
	crowdPages    = 200             // that watch the first fleet
	crowdLook     = 5 * time.Second // as is usual
)

// serveCrowd tells the test below to serve it: still, where only the moment of a
// look is new, or moving, where all that is counted and all that is judged is.
const serveCrowd = "SLUICE_SERVE_CROWD"

// TestServeCrowd is the server of BenchmarkWatch, in a process of its own. It
// says where it listens, and then, for each line that it reads, what it has
// used.
func TestServeCrowd(t *testing.T) {
	world := os.Getenv(serveCrowd)
	if world == "" {
		t.Skip("BenchmarkWatch runs it")
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w, err := newCrowd()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go w.look(ctx, world == "moving")
	h := api.New(w, fstest.MapFS{"index.html": {}}, slog.New(slog.DiscardHandler), api.Options{Streams: 1024})
	go func() { _ = api.Serve(ctx, l, h) }()
	fmt.Printf("crowd %s\n", l.Addr())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if in.Text() == "memory" {
			fmt.Printf("memory %d\n", crowdMemory())
		} else {
			fmt.Printf("cpu %d\n", crowdCPU())
		}
	}
}

func crowdCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// crowdMemory is what lives, and the stacks.
func crowdMemory() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// crowd is what a bucket holds.
type crowd struct {
	controller.Store

	mu     sync.Mutex
	bodies map[string][]byte
	marks  map[string]int
	newest []string // keys, those that were written first at the end
}

func crowdDigest(i int) string { return fmt.Sprintf("%064x", i+1) }

func crowdName(i int) string { return fmt.Sprintf("fleet-%02d", i) }

func crowdRollout(fleet, i int) string { return fmt.Sprintf("job-%02d-%03d", fleet, i) }

func newCrowd() (*crowd, error) {
	now := time.Now()
	w := &crowd{bodies: map[string][]byte{}, marks: map[string]int{}}
	w.Documents = w
	for i := range crowdPast {
		p := release.Passport{Digest: crowdDigest(i), Format: "xgboost-json", AdmittedAt: now, Source: release.Source{Job: "job"}}
		if err := w.keep(release.PassportKey(p.Digest), p); err != nil {
			return nil, err
		}
	}
	for i := range crowdFleets {
		w.Names = append(w.Names, crowdName(i))
		s := rollout.State{Fleet: crowdName(i), Epoch: 7, Stable: crowdDigest(0), Previous: crowdDigest(1), Default: crowdDigest(0), LastEvent: 40}
		v := crowdVerdict(now, 0)
		s.Active = &rollout.Rollout{
			ID: "active", Candidate: crowdDigest(2), Against: crowdDigest(0), Policy: "default", Phase: rollout.Canary,
			Since: now.Add(-time.Minute), StepSince: now.Add(-time.Minute), Steps: 2, Generation: 1,
			FoundAt: now, CanaryTasks: []string{"task-0000"}, ControlTasks: []string{"task-0001"}, Reason: rollout.Accepted,
		}
		for e := range 40 {
			s.Events = append(s.Events, rollout.Event{Seq: int64(e + 1), At: now, Rollout: "active", To: rollout.Canary, Reason: rollout.Accepted, Sentence: v.Sentence})
		}
		tasks := 10
		if i == 0 {
			tasks = crowdTasks
		}
		look := crowdSeen(now, tasks, 0)
		if err := errors.Join(w.keep("fleets/"+crowdName(i)+"/state.json", s), w.keep("fleets/"+crowdName(i)+"/look.json", look)); err != nil {
			return nil, err
		}
		for p := range crowdPast {
			r := *s.Active
			r.ID, r.Phase, r.Since, r.Verdict, r.History = crowdRollout(i, p), rollout.Live, now.Add(time.Duration(p-crowdPast)*time.Hour), v, s.Events[:8]
			if err := w.keep("fleets/"+crowdName(i)+"/rollouts/"+r.ID+".json", r); err != nil {
				return nil, err
			}
		}
	}
	return w, nil
}

func (w *crowd) keep(key string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.Replace(context.Background(), key, body)
}

// The documents of a bucket in memory.

func (w *crowd) Get(_ context.Context, key string) (body []byte, etag string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	body, is := w.bodies[key]
	if !is {
		return nil, "", fmt.Errorf("%s: %w", key, api.ErrNotFound)
	}
	return body, strconv.Itoa(w.marks[key]), nil
}

func (w *crowd) Put(ctx context.Context, key string, body []byte, _ string) (string, error) {
	return "", w.Replace(ctx, key, body)
}

func (w *crowd) Replace(_ context.Context, key string, body []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, is := w.bodies[key]; !is {
		w.newest = append(w.newest, key)
	}
	w.bodies[key] = body
	w.marks[key]++
	return nil
}

func (w *crowd) List(_ context.Context, prefix string, limit int) (keys []string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, key := range slices.Backward(w.newest) {
		if len(keys) < limit && strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// After lists nothing: nobody here asks for the audit trail.
func (w *crowd) After(context.Context, string, string, int) ([]string, error) { return nil, nil }

// crowdVerdict has two gates for each partner.
func crowdVerdict(at time.Time, n int) *judge.Verdict {
	v := &judge.Verdict{Outcome: judge.Unsure, Sentence: "5 of 7 proofs are there, partner dsp-17 is furthest away", Looks: 74 + n, At: at, Progress: .62}
	rng := rand.New(rand.NewPCG(uint64(n), 3))
	for p := range crowdPartners {
		for _, g := range []judge.Gate{judge.GatePartnersPaired, judge.GatePartnersServed} {
			one := func(about float64) float64 { return about * (.9 + .2*rng.Float64()) }
			v.Findings = append(v.Findings, judge.Finding{
				Gate: g, Partner: fmt.Sprintf("dsp-%02d", p), Outcome: judge.Unsure, CandidateRate: one(.2296318), StableRate: one(.2183113), Difference: one(.0113205),
				Low: one(-.0142213), High: one(.0368001), BandLow: -.03, BandHigh: .03, Evidence: one(1.8112), Threshold: 100, Proof: one(4.2117), Required: 20,
				Requests: int64(one(12048)), Clusters: 124, Windows: 31 + n, Sentence: fmt.Sprintf("candidate %.1f %%, stable %.1f %% (+1.1 pt, 95 %% [-1.4, +3.7])", one(23), one(21.8)),
			})
		}
	}
	return v
}

// crowdSeen is the n-th look at a fleet of so many tasks.
func crowdSeen(at time.Time, tasks, n int) rollout.Look {
	look := rollout.Look{At: at, Leader: "a", Epoch: 7, Every: crowdLook, Took: time.Millisecond}
	rng := rand.New(rand.NewPCG(uint64(n), 4))
	for t := range tasks {
		answered := int64(1_284_113 + 1250*n + rng.IntN(100))
		look.Seen.Tasks = append(look.Seen.Tasks, rollout.Task{
			ID: fmt.Sprintf("task-%04d", t), Address: fmt.Sprintf("10.0.%d.%d:9091", t/250, t%250), Reachable: true, Ready: true, Serving: crowdDigest(0), Tag: crowdDigest(0),
			MemoryBytes: 38<<20 + int64(rng.IntN(1<<20)), Connections: 45 + rng.IntN(10), StartedAt: at.Round(24 * time.Hour), Requests: answered, Scored: answered * 7, Filtered: answered + int64(rng.IntN(1000)), Epoch: 7,
		})
	}
	look.Seen.Desired, look.Seen.Verdict = tasks, crowdVerdict(at, n)
	return look
}

// crowdLooks is how many looks differ; then the first comes again.
const crowdLooks = 20

// look looks at the first fleet anew, again and again, as a leader elsewhere
// does.
func (w *crowd) look(ctx context.Context, moving bool) {
	var looks [][]byte
	for n := range crowdLooks {
		if !moving {
			n = 0
		}
		body, _ := json.Marshal(crowdSeen(time.Now(), crowdTasks, n))
		_, rest, _ := bytes.Cut(body, []byte(",")) // the moment comes first
		looks = append(looks, rest)
	}
	tick := time.NewTicker(crowdLook)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			at, _ := json.Marshal(time.Now())
			_ = w.Replace(ctx, "fleets/"+crowdName(0)+"/look.json", slices.Concat([]byte(`{"at":`), at, []byte(","), looks[n%crowdLooks]))
		}
	}
}

// served is the process that serves the crowd.
type served struct {
	b    *testing.B
	base string
	in   io.WriteCloser
	out  *bufio.Scanner
	stop func() error
}

func serveTheCrowd(b *testing.B, world string) *served {
	b.Helper()
	child := exec.CommandContext(b.Context(), os.Args[0], "-test.run", "^TestServeCrowd$", "-test.timeout", "10m")
	child.Env, child.Stderr = append(os.Environ(), serveCrowd+"="+world), os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	s := &served{b: b, in: in, out: bufio.NewScanner(out)}
	s.stop = func() error { in.Close(); return child.Wait() }
	s.base = "http://" + s.line("crowd")[0]
	return s
}

// line is the next line that begins so.
func (s *served) line(word string) []string {
	s.b.Helper()
	for s.out.Scan() {
		if fields := strings.Fields(s.out.Text()); len(fields) > 1 && fields[0] == word {
			return fields[1:]
		}
	}
	s.b.Fatalf("the server says no %s", word)
	return nil
}

// used is how much the server has used of what: cpu, in nanoseconds, or memory.
// To measure memory takes processor time.
func (s *served) used(what string) float64 {
	s.b.Helper()
	if _, err := io.WriteString(s.in, what+"\n"); err != nil {
		s.b.Fatal(err)
	}
	n, _ := strconv.ParseFloat(s.line(what)[0], 64)
	return n
}

// page is one that watches: its stream, and the tasks that it fetches with each
// look where the stream does not bring them.
func (s *served) page(ctx context.Context, i int, tasks bool, looks *atomic.Int64) error {
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%50))}}
	c := &http.Client{Transport: &http.Transport{DialContext: from.DialContext, DisableCompression: true}}
	what := "look"
	if tasks {
		what = "look,tasks"
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/v1/fleets/fleet-00/events?patch="+what, nil)
	if err != nil {
		return err
	}
	q.Header.Set("Accept-Encoding", "gzip")
	a, err := c.Do(q)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		return fmt.Errorf("a stream: %s", a.Status)
	}
	body := io.Reader(a.Body)
	if a.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(a.Body); err != nil {
			return err
		}
	}
	lines := bufio.NewReaderSize(body, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		kind, is := strings.CutPrefix(string(line[:min(len(line), 18)]), "event: ")
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = lines.ReadSlice('\n')
		}
		if err != nil {
			return err
		}
		if is && strings.HasPrefix(kind, "tasks") {
			tasks = false // they come by themselves
		}
		if !is || !strings.HasPrefix(kind, "look") {
			continue
		}
		looks.Add(1)
		if tasks {
			if err := s.get(ctx, c, "/v1/fleets/fleet-00/tasks?limit=1000", nil); err != nil {
				return err
			}
		}
	}
}

// get asks as a browser does.
func (s *served) get(ctx context.Context, c *http.Client, path string, into io.Writer) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+path, nil)
	if err != nil {
		return err
	}
	q.Header.Set("Accept-Encoding", "gzip")
	a, err := c.Do(q)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, a.Status)
	}
	body := io.Reader(a.Body)
	if into == nil {
		into = io.Discard
	} else if a.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(a.Body); err != nil {
			return err
		}
	}
	_, err = io.Copy(into, body)
	return err
}

// BenchmarkWatch measures what 200 pages that watch a fleet of 1,000 tasks cost
// a server with 100 fleets and 10,000 past rollouts, per second that a page watches:
// the stream alone, and with the tasks that a page shows; what a watcher holds in
// memory; and how long reads take meanwhile. The fleet is still but for its looks,
// or everything moves.
func BenchmarkWatch(b *testing.B) {
	for _, name := range []string{"stream/still", "stream/moving", "page/still", "page/moving"} {
		what, world, _ := strings.Cut(name, "/")
		tasks := what == "page"
		b.Run(name, func(b *testing.B) {
			s := serveTheCrowd(b, world)
			_ = s.reads(b.Context(), crowdFleets) // what one who looks needs is there
			before := s.used("memory")
			ctx, cancel := context.WithCancel(b.Context())
			var looks atomic.Int64
			g, ctx := errgroup.WithContext(ctx)
			for i := range crowdPages {
				g.Go(func() error { return s.page(ctx, i, tasks, &looks) })
			}
			for looks.Load() < crowdPages && ctx.Err() == nil { // all are there
				time.Sleep(10 * time.Millisecond)
			}
			memory := s.used("memory") // before what is read is kept
			var spent float64
			var watched time.Duration
			var slowest []time.Duration
			for b.Loop() {
				from := s.used("cpu")
				time.Sleep(crowdWatch)
				spent, watched = spent+s.used("cpu")-from, watched+crowdWatch
				slowest = append(slowest, s.reads(ctx, crowdReads)...)
			}
			cancel()
			if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
				b.Error(err)
			}
			slices.Sort(slowest)
			b.ReportMetric(spent/1000/watched.Seconds()/crowdPages, "cpu-us/watcher-s")
			b.ReportMetric((memory-before)/1024/crowdPages, "KiB/watcher")
			b.ReportMetric(float64(slowest[len(slowest)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(0, "ns/op")
			if err := s.stop(); err != nil {
				b.Error(err)
			}
		})
	}
}

// How long pages are watched by themselves, and how much is read then and how
// many times a second.
const (
	crowdWatch = 20 * time.Second
	crowdReads = 400
	crowdPace  = 20
)

// reads asks n times for all kinds of things at a steady pace, and returns how
// long each took from when it was due.
func (s *served) reads(ctx context.Context, n int) (took []time.Duration) {
	var mu sync.Mutex
	g, rng, began := errgroup.Group{}, rand.New(rand.NewPCG(1, 2)), time.Now()
	for n := range n {
		due := began.Add(time.Duration(n) * time.Second / crowdPace)
		time.Sleep(time.Until(due))
		fleet := rng.IntN(crowdFleets)
		path := []string{
			"/v1/fleets", "/v1/fleets/" + crowdName(fleet), "/v1/fleets/" + crowdName(fleet) + "/tasks", "/v1/fleets/" + crowdName(0),
			"/v1/fleets/" + crowdName(fleet) + "/rollouts?limit=50", "/v1/fleets/" + crowdName(fleet) + "/rollouts/" + crowdRollout(fleet, n%crowdPast), "/v1/releases",
		}[n%7]
		g.Go(func() error {
			err := s.get(ctx, http.DefaultClient, path, nil)
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(due))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		s.b.Error(err)
	}
	return took
}
