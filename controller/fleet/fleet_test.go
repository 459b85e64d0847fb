package fleet_test

import (
	"context"
	"errors"
	"math"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/fleet"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/idl/gen/control"
)

var (
	digestA = strings.Repeat("a", 64)
	digestB = strings.Repeat("b", 64)
	digestC = strings.Repeat("c", 64)
)

// task is a control port that answers as a test wants it to.
type task struct {
	status   *control.Status
	counted  *control.Counted
	refuse   *control.Refused
	hold     chan struct{} // closed to let calls go on
	mu       sync.Mutex
	assigned *control.Assignment
	asked    []*control.Position
}

func (f *task) Status(context.Context) (*control.Status, error) {
	if f.hold != nil {
		<-f.hold
	}
	return f.status, nil
}

func (f *task) Assign(_ context.Context, a *control.Assignment) (*control.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.assigned = a
	if f.refuse != nil {
		return nil, f.refuse
	}
	return f.status, nil
}

func (f *task) Counted(_ context.Context, since *control.Position) (*control.Counted, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, since)
	return f.counted, nil
}

func goodStatus() *control.Status {
	evaluator := "lanes\navx512"
	return &control.Status{
		Task: "arn:aws:ecs:eu-central-1:1:task/main/t1", Boot: "boot", Release: digestA, Shadow: digestB, Sample: 0.25,
		Epoch: 7, Generation: 9, Preparing: digestC, Ready: true, MemoryBytes: 1 << 20, StartedMs: 1_700_000_000_000,
		Connections: 5, Buckets: 64, Explore: 0.5, Requests: 100, Scored: 1000, Filtered: 300, Latency: aLatency(), Waits: aLatency(), Evaluator: &evaluator,
		Failure: &control.Failure{Release: digestC, Reason: "golden", Detail: "golden: row 3\nis off"},
	}
}

func aLatency() []int64 {
	bins := make([]int64, judge.LatencyBins)
	bins[20], bins[95] = 90, 10
	return bins
}

// serve answers one connection until it ends.
func serve(c net.Conn, handler control.Control) {
	defer func() { _ = c.Close() }()
	transport := thrift.NewTFramedTransportConf(thrift.NewStreamTransportRW(c), nil)
	protocol := thrift.NewTBinaryProtocolConf(transport, nil)
	processor := control.NewControlProcessor(handler)
	for {
		var refused *control.Refused
		if ok, err := processor.Process(context.Background(), protocol, protocol); err != nil && !errors.As(err, &refused) || !ok {
			return
		}
	}
}

// listen serves on loopback and counts connections.
func listen(t testing.TB, handler control.Control) (address string, connections func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var open []net.Conn
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			serving.Go(func() { serve(c, handler) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		serving.Wait()
	})
	return l.Addr().String(), func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(open)
	}
}

func newControl(t *testing.T, o fleet.Options) *fleet.Control {
	t.Helper()
	c := fleet.New(o)
	t.Cleanup(c.Close)
	return c
}

func check(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case err == nil && want != "":
		t.Errorf("it worked, want %q", want)
	case err != nil && (want == "" || !strings.Contains(err.Error(), want)):
		t.Errorf("%v, want %q", err, want)
	}
}

func TestStatus(t *testing.T) {
	address, connections := listen(t, &task{status: goodStatus()})
	c := newControl(t, fleet.Options{})
	started := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for range 3 {
		got, err := c.Status(t.Context(), rollout.Task{
			ID: "t1", Address: address, Tag: digestA, Protected: true, StartedAt: started, Error: "old", Failure: "old", FailureReason: "old",
		})
		want := rollout.Task{
			ID: "t1", Address: address, Boot: "boot", Reachable: true, Ready: true,
			Serving: digestA, Shadow: digestB, Sample: 0.25, Explore: 0.5, Evaluator: "lanes avx512", Buckets: 64, Epoch: 7, Generation: 9, Preparing: digestC,
			FailedRelease: digestC, FailureReason: "golden", Failure: "golden: row 3 is off", Tag: digestA, Protected: true,
			MemoryBytes: 1 << 20, Connections: 5, StartedAt: started, Requests: 100, Scored: 1000, Filtered: 300, Times: &rollout.Times{Took: aLatency(), Waited: aLatency()},
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%v\n%+v\n%+v", err, got, want)
		}
	}
	if n := connections(); n != 1 {
		t.Errorf("%d connections for three calls", n)
	}
}

// Where ECS tells no zone, the task does.
func TestZone(t *testing.T) {
	said := goodStatus()
	told := "eu-central-1b"
	said.Zone = &told
	address, _ := listen(t, &task{status: said})
	c := newControl(t, fleet.Options{})
	for ecs, want := range map[string]string{"": "eu-central-1b", "eu-central-1a": "eu-central-1a"} {
		got, err := c.Status(t.Context(), rollout.Task{ID: "t1", Address: address, Stratum: rollout.Stratum{Zone: ecs}})
		if err != nil || got.Stratum.Zone != want {
			t.Errorf("ECS says %q: %v, zone %q, want %q", ecs, err, got.Stratum.Zone, want)
		}
	}
}

// A task that does not tell what its requests took, or not in our bins, is as
// good as any other: it is only not judged by it.
func TestNoLatency(t *testing.T) {
	negative := aLatency()
	negative[3] = -1
	for name, bins := range map[string][]int64{"an older task": nil, "no bin": {}, "too few": make([]int64, 95), "too many": make([]int64, 97), "negative": negative} {
		t.Run(name, func(t *testing.T) {
			said := goodStatus()
			said.Latency, said.Waits = bins, bins
			address, _ := listen(t, &task{status: said})
			got, err := newControl(t, fleet.Options{}).Status(t.Context(), rollout.Task{ID: "t1", Address: address})
			if err != nil || !got.Reachable || got.Times != nil {
				t.Errorf("%v, %+v", err, got)
			}
			said.Latency = aLatency()
			got, err = newControl(t, fleet.Options{}).Status(t.Context(), rollout.Task{ID: "t1", Address: address})
			if err != nil || got.Times == nil || got.Times.Waited != nil {
				t.Errorf("without waits: %v, %+v", err, got)
			}
		})
	}
}

// What became of a task's auctions is believed where all of it can be, and
// else unknown.
func TestHealth(t *testing.T) {
	said := func(answered, degraded, failed, deadline int64) *control.Status {
		s := goodStatus()
		s.Answered, s.Degraded, s.Failed, s.DeadlineUs = &answered, &degraded, &failed, &deadline
		return s
	}
	partly := said(9, 1, 0, 50_000)
	partly.Failed = nil
	for name, tt := range map[string]struct {
		status *control.Status
		want   *rollout.Health
	}{
		"all of it":        {said(9, 1, 3, 50_000), &rollout.Health{Answered: 9, Degraded: 1, Failed: 3, Deadline: 50 * time.Millisecond}},
		"nothing yet":      {said(0, 0, 0, 50_000), &rollout.Health{Deadline: 50 * time.Millisecond}},
		"an older task":    {goodStatus(), nil},
		"a part":           {partly, nil},
		"more than all":    {said(9, 10, 0, 50_000), nil},
		"negative":         {said(9, 1, -1, 50_000), nil},
		"no deadline":      {said(9, 1, 0, 0), nil},
		"an endless one":   {said(9, 1, 0, math.MaxInt64), nil},
		"fewer than none":  {said(-9, -10, 0, 50_000), nil},
		"a negative share": {said(9, -1, 0, 50_000), nil},
	} {
		address, _ := listen(t, &task{status: tt.status})
		got, err := newControl(t, fleet.Options{}).Status(t.Context(), rollout.Task{ID: "t1", Address: address})
		if err != nil || !got.Reachable || !reflect.DeepEqual(got.Health, tt.want) {
			t.Errorf("%s: %v, %+v", name, err, got.Health)
		}
	}
}

func TestStatusThatMakesNoSense(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(*control.Status)
		says  string
	}{
		"another task":      {func(s *control.Status) { s.Task = "arn:aws:ecs:r:1:task/main/t2" }, "is another task now, t2"},
		"named by hand":     {func(s *control.Status) { s.Task = "mine" }, ""},
		"nothing yet":       {func(s *control.Status) { *s = control.Status{Boot: "b"} }, ""},
		"no boot":           {func(s *control.Status) { s.Boot = "" }, "its boot has 0 bytes"},
		"no digest":         {func(s *control.Status) { s.Release = "latest" }, `"latest", which is no SHA-256`},
		"capital digest":    {func(s *control.Status) { s.Shadow = strings.Repeat("A", 64) }, "no SHA-256"},
		"failure of what":   {func(s *control.Status) { s.Failure.Release = "x" }, "no SHA-256"},
		"NaN":               {func(s *control.Status) { s.Sample = math.NaN() }, "a share of NaN"},
		"more than all":     {func(s *control.Status) { s.Explore = 1.5 }, "a share of 1.5"},
		"negative memory":   {func(s *control.Status) { s.MemoryBytes = -1 }, "it counts -1"},
		"negative requests": {func(s *control.Status) { s.Requests = -5 }, "it counts -5"},
	} {
		t.Run(name, func(t *testing.T) {
			s := goodStatus()
			tt.spoil(s)
			address, _ := listen(t, &task{status: s})
			got, err := newControl(t, fleet.Options{}).Status(t.Context(), rollout.Task{ID: "t1", Address: address})
			check(t, err, tt.says)
			if got.Reachable != (tt.says == "") || (got.Error != "") != (tt.says != "") {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestStatusWithoutAddress(t *testing.T) {
	c := newControl(t, fleet.Options{})
	_, err := c.Status(t.Context(), rollout.Task{ID: "t1"})
	check(t, err, "ask task t1 how it stands: it has no address")
	_, err = c.Status(t.Context(), rollout.Task{ID: "t1", Error: "map the control port"})
	check(t, err, "how it stands: map the control port")
}

func TestAssign(t *testing.T) {
	f := &task{status: goodStatus()}
	address, _ := listen(t, f)
	c := newControl(t, fleet.Options{})
	a := rollout.Assign{Task: "t1", Release: digestA, Shadow: digestB, Sample: 0.1, Explore: 0.2, Buckets: 32, Generation: 5}
	check(t, c.Assign(t.Context(), address, a, 11), "")
	want := &control.Assignment{
		Release: digestA, Shadow: digestB, Sample: 0.1, Explore: 0.2, Buckets: 32, Generation: 5, Epoch: 11,
	}
	if !reflect.DeepEqual(f.assigned, want) {
		t.Errorf("%+v", f.assigned)
	}
	for _, tt := range []struct {
		refused control.Refused
		says    string
		stale   bool
	}{
		{control.Refused{Reason: "stale_epoch", Epoch: 12}, "our epoch 11, the task has seen 12", true},
		{control.Refused{Reason: "stale_generation", Detail: "6 is in force"}, "a newer generation than 5: 6 is in force", false},
		{control.Refused{Reason: "bad_assignment", Detail: "no such thing"}, "the task refuses (bad_assignment): no such thing", false},
	} {
		f.mu.Lock()
		f.refuse = &tt.refused
		f.mu.Unlock()
		err := c.Assign(t.Context(), address, a, 11)
		check(t, err, tt.says)
		if errors.Is(err, controller.ErrStaleEpoch) != tt.stale {
			t.Errorf("%v: ErrStaleEpoch is wrong", err)
		}
	}
}

func TestRefusedConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	c := newControl(t, fleet.Options{})
	_, err = c.Status(t.Context(), rollout.Task{ID: "t1", Address: address})
	check(t, err, "connection refused")
}

// A task that was replaced leaves a dead connection behind.
func TestBrokenConnectionIsReplaced(t *testing.T) {
	var dials int
	var server net.Conn
	c := newControl(t, fleet.Options{Dial: func(context.Context, string) (net.Conn, error) {
		dials++
		var client net.Conn
		client, server = net.Pipe()
		go serve(server, &task{status: goodStatus()})
		return client, nil
	}})
	for range 3 {
		if _, err := c.Status(t.Context(), rollout.Task{ID: "t1", Address: "a"}); err != nil {
			t.Fatal(err)
		}
		_ = server.Close()
	}
	if dials != 3 {
		t.Errorf("%d dials", dials)
	}
}

func TestParallelCallsOfOneTask(t *testing.T) {
	hold := make(chan struct{})
	address, connections := listen(t, &task{status: goodStatus(), hold: hold})
	c := newControl(t, fleet.Options{Timeout: time.Minute})
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			if _, err := c.Status(t.Context(), rollout.Task{ID: "t1", Address: address}); err != nil {
				t.Error(err)
			}
		})
	}
	close(hold)
	calls.Wait()
	before := connections()
	for range 8 {
		if _, err := c.Status(t.Context(), rollout.Task{ID: "t1", Address: address}); err != nil {
			t.Error(err)
		}
	}
	if connections() != before {
		t.Errorf("%d connections more for calls in turn", connections()-before)
	}
}

// scripted is a task that answers every request with the same bytes, or not
// at all.
func scripted(answer string, hangUp bool) func(context.Context, string) (net.Conn, error) {
	return func(context.Context, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer func() { _ = server.Close() }()
			request := make([]byte, 1<<16)
			for {
				if _, err := server.Read(request); err != nil {
					return
				}
				if _, err := server.Write([]byte(answer)); err != nil || hangUp {
					return
				}
			}
		}()
		return client, nil
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		hangUp       bool
		says         string
	}{
		{"silence", "", false, "no answer from a in time"},
		{"hang up", "", true, "EOF"},
		{"half a length", "\x00\x00", true, "unexpected EOF"},
		{"half a reply", "\x00\x00\x00\x10abc", true, "3 of 16 bytes: unexpected EOF"},
		{"half a reply and silence", "\x00\x00\x00\x10abc", false, "in time"},
		{"empty frame", "\x00\x00\x00\x00", false, "understand the answer to status"},
		{"web server", "HTTP/1.1 400 Bad Request\r\n\r\n", true, "is this the control port?"},
		{"garbage", "\x00\x00\x00\x04\xff\xff\xff\xff", false, "understand the answer"},
		{"too long", "\x7f\xff\xff\xff", false, "it would have 2147483647 bytes"},
		{"negative length", "\xff\xff\xff\xff", false, "it would have 4294967295 bytes"},
		{"other method", frame("\x80\x01\x00\x02\x00\x00\x00\x04ping\x00\x00\x00\x01\x00"), false, "wrong method name"},
		{"other call", frame("\x80\x01\x00\x02\x00\x00\x00\x06status\x00\x00\x00\x63\x00"), false, "out of order"},
		{"nothing in it", frame("\x80\x01\x00\x02\x00\x00\x00\x06status\x00\x00\x00\x01\x00"), false, "unknown result"},
		{"long string claimed", frame("\x80\x01\x00\x02\x00\x00\x00\x06status\x00\x00\x00\x01\x0c\x00\x00\x0b\x00\x01\x00\xff\xff\xff"), false, "understand"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newControl(t, fleet.Options{Dial: scripted(tt.answer, tt.hangUp)})
				begin := time.Now()
				for range 3 {
					got, err := c.Status(t.Context(), rollout.Task{ID: "t1", Address: "a"})
					check(t, err, tt.says)
					if got.Reachable || got.Error == "" {
						t.Errorf("%+v", got)
					}
				}
				if took := time.Since(begin); took > 3*2*time.Second {
					t.Errorf("three calls took %v", took)
				}
				c.Close()
			})
		})
	}
}

// A task that knows us and has no seat says so, and is not taken for one that
// does not know us. What it says is made fit to be shown.
func TestNoSeat(t *testing.T) {
	said := "all 64 seats of its control port\x1b are taken"
	exception := "\x80\x01\x00\x03\x00\x00\x00\x06status\x00\x00\x00\x01" +
		"\x0b\x00\x01\x00\x00\x00" + string(rune(len(said))) + said + "\x08\x00\x02\x00\x00\x00\x06\x00"
	synctest.Test(t, func(t *testing.T) {
		c := newControl(t, fleet.Options{Dial: scripted(frame(exception), true)})
		_, err := c.Status(t.Context(), rollout.Task{ID: "t1", Address: "a"})
		check(t, err, "ask task t1 how it stands: the task says: all 64 seats of its control port  are taken")
		if err != nil && strings.Contains(err.Error(), "token") {
			t.Errorf("it blames credentials: %v", err)
		}
	})
}

// A task that hangs up may not know us, or have too many others before it.
func TestHangsUp(t *testing.T) {
	for _, answer := range []string{"", "\x00\x00"} {
		synctest.Test(t, func(t *testing.T) {
			c := newControl(t, fleet.Options{Dial: scripted(answer, true)})
			_, err := c.Status(t.Context(), rollout.Task{ID: "t1", Address: "a"})
			check(t, err, "--control-token-file")
			check(t, err, "closed to all but controllers")
		})
	}
}

func frame(s string) string { return string([]byte{0, 0, byte(len(s) >> 8), byte(len(s))}) + s }

// A drip of bytes must not stretch a call beyond its time.
func TestDrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newControl(t, fleet.Options{Dial: func(context.Context, string) (net.Conn, error) {
			client, server := net.Pipe()
			go func() {
				defer func() { _ = server.Close() }()
				_, _ = server.Read(make([]byte, 1<<16))
				for _, b := range []byte("\x00\x01\x00\x00" + strings.Repeat("x", 1<<16)) {
					time.Sleep(time.Second / 2)
					if _, err := server.Write([]byte{b}); err != nil {
						return
					}
				}
			}()
			return client, nil
		}})
		begin := time.Now()
		_, err := c.Status(t.Context(), rollout.Task{ID: "t1", Address: "a"})
		check(t, err, "in time")
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
		time.Sleep(time.Second) // until the other end notices
	})
}

// darkness is a network that swallows what is sent, until it is lit.
type darkness struct {
	mu    sync.Mutex
	dials int
	lit   bool
}

func (d *darkness) dial(ctx context.Context, _ string) (net.Conn, error) {
	d.mu.Lock()
	d.dials++
	lit := d.lit
	d.mu.Unlock()
	if !lit {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	client, server := net.Pipe()
	go serve(server, &task{status: goodStatus()})
	return client, nil
}

// pass asks a thousand tasks, 64 at once, and returns how many answered.
func pass(ctx context.Context, c *fleet.Control) (answered int, took time.Duration) {
	begin := time.Now()
	var mu sync.Mutex
	var all sync.WaitGroup
	slots := make(chan struct{}, 64)
	for i := range 1000 {
		slots <- struct{}{}
		all.Go(func() {
			if _, err := c.Status(ctx, rollout.Task{ID: "t1", Address: string(rune(0x4e00 + i))}); err == nil {
				mu.Lock()
				answered++
				mu.Unlock()
			}
			<-slots
		})
	}
	all.Wait()
	return answered, time.Since(begin)
}

// A thousand tasks that let us wait cost the loop a long pass once, and later
// a few waits; when the way is open again, all are back at once.
func TestThousandSilentTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &darkness{}
		c := newControl(t, fleet.Options{Dial: d.dial})
		if _, took := pass(t.Context(), c); took != 16*time.Second {
			t.Errorf("the first pass took %v", took)
		}
		for range 60 {
			answered, took := pass(t.Context(), c)
			if took > 4*time.Second || answered > 0 {
				t.Errorf("a later pass took %v, %d answered", took, answered)
			}
			time.Sleep(time.Second)
		}
		d.lit = true
		begin := time.Now()
		for time.Since(begin) < 3*time.Second {
			_, _ = pass(t.Context(), c)
			time.Sleep(time.Second)
		}
		if answered, _ := pass(t.Context(), c); answered != 1000 {
			t.Errorf("%d tasks answer after three seconds of light", answered)
		}
		c.Close()
	})
}

func TestCancelledCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newControl(t, fleet.Options{Dial: scripted("", false)})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(time.Second)
			cancel()
		}()
		begin := time.Now()
		_, err := c.Status(ctx, rollout.Task{ID: "t1", Address: "a"})
		if took := time.Since(begin); !errors.Is(err, context.Canceled) || took != time.Second {
			t.Errorf("%v after %v, want context.Canceled at once", err, took)
		}
	})
}

// Connections that nobody uses are closed, and never more are kept than
// allowed.
func TestIdleConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		open, most := 0, 0
		count := func(by int) {
			mu.Lock()
			defer mu.Unlock()
			open += by
			most = max(most, open)
		}
		c := newControl(t, fleet.Options{MaxIdle: 10, Dial: func(context.Context, string) (net.Conn, error) {
			client, server := net.Pipe()
			count(1)
			go func() {
				serve(server, &task{status: goodStatus()})
				count(-1)
			}()
			return client, nil
		}})
		ask := func(address string) {
			if _, err := c.Status(t.Context(), rollout.Task{ID: "t1", Address: address}); err != nil {
				t.Error(err)
			}
			synctest.Wait()
		}
		for i := range 30 {
			ask(string(rune('a' + i)))
		}
		if most > 11 || open != 10 {
			t.Errorf("%d connections open, %d at most", open, most)
		}
		time.Sleep(2 * time.Minute)
		ask("a")
		if open != 1 {
			t.Errorf("%d connections open after two minutes", open)
		}
		c.Close()
		ask("a")
		if open != 0 {
			t.Errorf("%d connections open after the end", open)
		}
	})
}
