package nlb

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestRankSpreadsEvenlyAndMovesLittle(t *testing.T) {
	var targets []Target
	for i := range 8 {
		targets = append(targets, Target{ID: fmt.Sprintf("task-%d", i)})
	}
	const flows = 16000
	got, moved := map[string]int{}, 0
	for i := range flows {
		flow := fmt.Sprintf("127.0.0.1:%d>127.0.0.1:9090", 1024+i)
		first := rank(flow, targets)[0].ID
		got[first]++
		if rank(flow, targets[1:])[0].ID != first && first != targets[0].ID {
			moved++
		}
	}
	for id, n := range got {
		if n < flows/8*9/10 || n > flows/8*11/10 {
			t.Errorf("%s got %d of %d flows", id, n, flows)
		}
	}
	if moved != 0 {
		t.Errorf("%d flows moved between targets that stayed", moved)
	}
}

// world is some echo servers behind a balancer.
type world struct {
	t        *testing.T
	b        *Balancer
	address  string
	mu       sync.Mutex
	targets  []Target
	sick     map[string]bool
	unlisted error
}

func newWorld(t *testing.T, c Config) *world {
	w := &world{t: t, sick: map[string]bool{}}
	c.Targets = func(context.Context) ([]Target, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return append([]Target{}, w.targets...), w.unlisted
	}
	c.Healthy = func(_ context.Context, target Target) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return !w.sick[target.ID]
	}
	c.Interval = time.Hour // tests look by themselves
	w.b = New(c)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.address = l.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.b.Run(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return w
}

// serve adds a target that answers every line with its own name.
func (w *world) serve(id string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				lines := bufio.NewScanner(c)
				for lines.Scan() {
					fmt.Fprintln(c, id)
				}
			}()
		}
	}()
	w.change(func() { w.targets = append(w.targets, Target{ID: id, Address: l.Addr().String()}) })
}

func (w *world) change(f func()) {
	w.mu.Lock()
	f()
	w.mu.Unlock()
	w.b.Look(w.t.Context())
}

// flow opens a connection and says who answers on it.
func (w *world) flow() (net.Conn, string) {
	w.t.Helper()
	c, err := net.Dial("tcp", w.address)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	who, err := ask(c)
	if err != nil {
		w.t.Fatal(err)
	}
	return c, who
}

func ask(c net.Conn) (string, error) {
	if _, err := fmt.Fprintln(c, "who"); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(line), err
}

func TestFlowsStayAndNewOnesAvoidTheSick(t *testing.T) {
	w := newWorld(t, Config{})
	w.serve("a")
	w.serve("b")
	old := map[string]net.Conn{}
	for len(old) < 2 {
		c, who := w.flow()
		old[who] = c
	}
	w.change(func() { w.sick["a"] = true })
	for range 20 {
		if _, who := w.flow(); who != "b" {
			t.Fatalf("a new flow went to %s", who)
		}
	}
	if who, err := ask(old["a"]); who != "a" || err != nil {
		t.Errorf("the old flow: %q %v", who, err)
	}
	// With nobody healthy, everybody is tried.
	w.change(func() { w.sick["b"] = true })
	w.flow()
}

func TestRefusedDialTriesTheNext(t *testing.T) {
	w := newWorld(t, Config{})
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead.Close()
	w.change(func() { w.targets = []Target{{ID: "dead", Address: dead.Addr().String()}} })
	w.serve("alive")
	for range 20 {
		if _, who := w.flow(); who != "alive" {
			t.Fatalf("a flow went to %s", who)
		}
	}
	counts, refused := w.b.Counts()
	if refused != 0 || len(counts) != 2 || counts[0].TotalFlows != 20 || counts[1].DialFailures == 0 {
		t.Errorf("%+v, refused %d", counts, refused)
	}
}

func TestDeregisteredFlowsGoOnUntilTheDrainEnds(t *testing.T) {
	for _, tt := range []struct {
		drain time.Duration
		want  error
	}{{time.Hour, nil}, {time.Nanosecond, io.EOF}} {
		w := newWorld(t, Config{Drain: tt.drain})
		w.serve("a")
		c, _ := w.flow()
		w.change(func() { w.targets = nil })
		w.b.Look(t.Context())
		if _, err := ask(c); !errors.Is(err, tt.want) && (tt.want == nil || err == nil) {
			t.Errorf("drain %s: %v", tt.drain, err)
		}
	}
}

func TestUnknownTargetsChangeNothing(t *testing.T) {
	w := newWorld(t, Config{})
	w.serve("a")
	w.change(func() { w.targets, w.unlisted = nil, errors.New("throttled") })
	if _, who := w.flow(); who != "a" {
		t.Errorf("flow went to %s", who)
	}
}

func TestFlowsAreBounded(t *testing.T) {
	w := newWorld(t, Config{MaxFlows: 1})
	w.serve("a")
	w.flow()
	c, err := net.Dial("tcp", w.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := ask(c); err == nil {
		t.Error("the second flow should be closed")
	}
}

func TestReady(t *testing.T) {
	status := http.StatusServiceUnavailable
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			w.WriteHeader(status)
		}
	}))
	defer s.Close()
	target := Target{Health: strings.TrimPrefix(s.URL, "http://")}
	ready := Ready(s.Client())
	if ready(t.Context(), target) {
		t.Error("503 is not ready")
	}
	status = http.StatusOK
	if !ready(t.Context(), target) {
		t.Error("200 is ready")
	}
	if ready(t.Context(), Target{Health: "127.0.0.1:1"}) {
		t.Error("a closed port is not ready")
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := Options{Service: "s", Region: "r", Listen: l.Addr().String(), Interval: time.Second, Drain: time.Second, Log: slog.New(slog.DiscardHandler)}
	if err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("%v does not name --listen", err)
	}
}

// What several nodes count of one task is told as one.
func TestNodesCountTogether(t *testing.T) {
	all, zone := newWorld(t, Config{}), newWorld(t, Config{})
	all.serve("a")
	zone.serve("b")
	zone.change(func() { zone.targets = append(zone.targets, all.targets[0]) })
	for range 20 {
		all.flow()
		zone.flow()
	}
	w := httptest.NewRecorder()
	counters([]node{{Balancer: all.b}, {Balancer: zone.b}})(w, nil)
	var got struct{ Targets []Count }
	if err := json.NewDecoder(w.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if n := got.Targets; len(n) != 2 || n[0].Task != "a" || n[0].TotalFlows <= 20 || n[0].TotalFlows+n[1].TotalFlows != 40 {
		t.Errorf("%+v", n)
	}
}
