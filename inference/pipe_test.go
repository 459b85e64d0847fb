package inference

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/identity"
	"github.com/sluicehq/sluice/identity/identitytest"
	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/idl/gen/control"
	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/release"
)

var pipeDialects = []Dialect{FramedBinary, FramedCompact, UnframedBinary, UnframedCompact, FramedOld, UnframedOld}

// answers reads what a task says in a dialect.
func answers(conn io.Reader, d Dialect) thrift.TProtocol {
	var transport thrift.TTransport = thrift.NewStreamTransportR(conn)
	if d.framed() {
		transport = thrift.NewTFramedTransportConf(transport, nil)
	}
	if d.compact() {
		return thrift.NewTCompactProtocolConf(transport, nil)
	}
	return thrift.NewTBinaryProtocolConf(transport, nil)
}

// nextAnswer reads an answer, which must be to that call.
func nextAnswer(ctx context.Context, in thrift.TProtocol, name string, seq int32, into message) error {
	got, kind, id, err := in.ReadMessageBegin(ctx)
	if err != nil {
		return err
	}
	if got != name || kind != thrift.REPLY || id != seq {
		return fmt.Errorf("answer %d is %v %q %d, want %q", seq, kind, got, id, name)
	}
	if err := into.Read(ctx, in); err != nil {
		return err
	}
	return in.ReadMessageEnd(ctx)
}

// piped sends calls of all methods in a pipe, over and over, and checks every
// answer.
type piped struct {
	t       *testing.T
	task    *Task
	d       Dialect
	depth   int
	by      map[string]toy           // by digest
	served  map[string]*atomic.Int64 // answers of decide and filter
	receipt []byte
	sent    struct{ decide, filter, report int }
}

// what the i-th call of a batch is.
func (p *piped) method(i int) string { return [...]string{"decide", "filter", "decide", "report"}[i%4] }

func (p *piped) batch(conn net.Conn, n int) error {
	partners := []string{"a", "b", "c"}
	id := func(i int) string { return fmt.Sprint(p.d, n, ".", i) }
	calls := encodeEach(p.t, p.d, p.depth, func(ctx context.Context, c *adfilter.AdFilterClient, i int) {
		switch p.method(i) {
		case "decide":
			p.sent.decide++
			c.Decide(ctx, ask(id(i)), partners)
		case "filter":
			p.sent.filter++
			c.Filter(ctx, &adfilter.BidRequest{BidId: id(i), AdvertiserId: "a"})
		case "report":
			p.sent.report++
			c.Report(ctx, []*adfilter.Outcome{{Receipt: p.receipt, Bidders: []string{"a"}}})
		}
	})
	wrote := make(chan error, 1)
	go func() { // in pieces, as networks do
		for len(calls) > 0 {
			piece := min(len(calls), 700)
			if _, err := conn.Write(calls[:piece]); err != nil {
				wrote <- err
				return
			}
			calls = calls[piece:]
		}
		wrote <- nil
	}()
	in := answers(conn, p.d)
	for i := range p.depth {
		seq := int32(i + 1)
		switch p.method(i) {
		case "decide":
			var r adfilter.AdFilterDecideResult
			if err := nextAnswer(p.t.Context(), in, "decide", seq, &r); err != nil {
				return err
			}
			p.decided(id(i), partners, r.Success)
		case "filter":
			var r adfilter.BidRequestFilterFilterResult
			if err := nextAnswer(p.t.Context(), in, "filter", seq, &r); err != nil {
				return err
			}
			by := p.by[r.Success.GetRelease()]
			if r.Success.LikelihoodToBid != float64(by.rate(id(i), "a")) || r.Success.GetDegraded() {
				p.t.Errorf("%s: filter %s: %v", p.d, id(i), r.Success)
			}
			p.served[r.Success.GetRelease()].Add(1)
		}
	}
	return <-wrote
}

// decided checks that one release made an answer, and wrote its receipt.
func (p *piped) decided(id string, partners []string, d *adfilter.Decision) {
	by, known := p.by[d.Release]
	var r receipt
	err := p.task.receipts.read(d.Receipt, &r, time.Now())
	if !known || d.Degraded || err != nil || hex.EncodeToString(r.release[:]) != d.Release || len(d.Partners) != len(partners) {
		p.t.Errorf("%s: decide %s: %v, receipt %v of %x", p.d, id, d, err, r.release)
		return
	}
	beside := p.by[hex.EncodeToString(r.shadow[:])]
	for i, name := range partners {
		bits := uint8(pairBoth)
		if by.rate(id, name) < by.Threshold {
			bits |= pairServing
		}
		if beside.rate(id, name) < beside.Threshold {
			bits |= pairShadow
		}
		if got := d.Partners[i]; got.Partner != name || got.Score != float64(by.rate(id, name)) || got.Filtered || r.pair(name).bits != bits {
			p.t.Errorf("%s: decide %s by %.8s: %v, receipt %b want %b", p.d, id, d.Release, got, r.pair(name).bits, bits)
		}
	}
	p.served[d.Release].Add(1)
	p.receipt = bytes.Clone(d.Receipt)
}

// encodeEach writes calls one behind the other, numbered from 1.
func encodeEach(t *testing.T, d Dialect, n int, write func(ctx context.Context, c *adfilter.AdFilterClient, i int)) (calls []byte) {
	t.Helper()
	if !d.old() {
		return encode(t, d, func(ctx context.Context, c *adfilter.AdFilterClient) {
			for i := range n {
				write(ctx, c, i)
			}
		})
	}
	for i := range n { // a client's first call has the number 1
		call := encodeAs(t, d, func(ctx context.Context, c *adfilter.AdFilterClient) { write(ctx, c, i) })
		name := 4
		if d.framed() {
			name = 8
		}
		seq := name + int(call[name-1]) + 1
		copy(call[seq:], []byte{0, 0, byte((i + 1) >> 8), byte(i + 1)})
		calls = append(calls, call...)
	}
	return calls
}

// A controller swaps releases while deep pipes of calls are under way, in every
// dialect: each answer is one release's, with its receipt, in order, and none
// is lost.
func TestSwapsInMidPipe(t *testing.T) {
	other := toy{Seed: 11, Threshold: 0.25}
	task := newToyTask(t, newToyShop(hash, other))
	task.o.DrainDelay, task.o.MaxWait, task.o.Deadline = 0, time.Minute, time.Minute
	force(t, task, assignment{release: hash.digest(), shadow: other.digest(), sample: 1, explore: 1, buckets: 4, generation: 1})
	l := onPorts(t, task)
	by := map[string]toy{hash.digest(): hash, other.digest(): other}
	served := map[string]*atomic.Int64{hash.digest(): {}, other.digest(): {}, "": {}}
	stop := make(chan struct{})
	var all sync.WaitGroup
	var pipes []*piped
	for i, d := range pipeDialects {
		p := &piped{t: t, task: task, d: d, depth: []int{16, 64, 200}[i%3], by: by, served: served}
		pipes = append(pipes, p)
		all.Go(func() {
			conn, err := net.Dial("tcp", l.data)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			for n := 0; ; n++ {
				if err := p.batch(conn, n); err != nil {
					t.Errorf("%s: %v", d, err)
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	conn, err := net.Dial("tcp", l.control)
	if err != nil {
		t.Fatal(err)
	}
	c := control.NewControlClient(thriftClient(conn, FramedBinary))
	for g := int64(2); g < 40 && !t.Failed(); g++ {
		now, beside := []toy{hash, other}[g%2], []toy{other, hash}[g%2]
		a := assigned(now, g)
		a.Shadow, a.Sample, a.Explore = beside.digest(), 1, 1
		before := served[now.digest()].Load()
		if _, err := c.Assign(t.Context(), a); err != nil {
			t.Error(err)
		}
		until(t, "the release to answer", func() bool { return served[now.digest()].Load() > before || t.Failed() })
	}
	close(stop)
	all.Wait()
	conn.Close()
	want := map[string]int{}
	for _, p := range pipes {
		want["decide"] += p.sent.decide
		want["filter"] += p.sent.filter
		want["report"] += p.sent.report
	}
	until(t, "every call to be counted", func() bool {
		return int(counterOf(t, task, "sluice_requests_total", "report")) == want["report"] || t.Failed()
	})
	for method, n := range want {
		if got := int(counterOf(t, task, "sluice_requests_total", method)); got != n {
			t.Errorf("%d calls of %s are counted of %d", got, method, n)
		}
	}
	taken, dropped := counterOf(t, task, "sluice_explored_bids_total", ""), 0.0
	for _, reason := range []string{"damaged", "unknown_release"} { // the first batches have no receipt yet; old generations find no room
		dropped += counterOf(t, task, "sluice_outcomes_dropped_total", reason)
	}
	if int(taken+dropped) != want["report"] {
		t.Errorf("%v bids taken and %v dropped, of %d reports", taken, dropped, want["report"])
	}
	l.stop()
	if err := <-l.done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// gated is a toy whose first request waits.
type gated struct {
	toyModel
	entered, open chan struct{}
	once          *sync.Once
}

func (m gated) Score(s *release.Scratch, r *feature.Request, partners []uint32, scores []float32) {
	m.once.Do(func() {
		close(m.entered)
		<-m.open
	})
	m.toyModel.Score(s, r, partners, scores)
}

// heldUp is a task whose first request waits until open is called.
func heldUp(t *testing.T, options func(*Options)) (l *onLoopback, entered chan struct{}, open func()) {
	t.Helper()
	o := toyOptions(newToyShop(hash))
	o.DrainDelay, o.DrainLinger, o.DrainTimeout, o.MaxWait, o.Deadline = 0, time.Minute, 2*time.Minute, time.Minute, time.Minute
	options(&o)
	task, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	task.loader.open = o.Fetch.(*toyShop).open
	force(t, task, assignment{release: hash.digest(), buckets: 1})
	gate := gated{toyModel{hash}, make(chan struct{}), make(chan struct{}), new(sync.Once)}
	serves := *task.serving.Load()
	serves.active = newArm(hash.digest(), gate, func(string) float32 { return hash.Threshold })
	task.serving.Store(&serves)
	return onPorts(t, task), gate.entered, func() { close(gate.open) }
}

// ending is from when on idle connections of the data port end; zero while they
// do not.
func (l *onLoopback) ending() time.Time {
	l.task.data.mu.Lock()
	defer l.task.data.mu.Unlock()
	return l.task.data.ending
}

// What has been sent when a task is told to end is answered, however deep the
// pipe, and then the connection ends in good order.
func TestDrainAnswersThePipe(t *testing.T) {
	pki := identitytest.New(t)
	data := keeper(t, identity.Files{Cert: pki.Server.Cert, Key: pki.Server.Key})
	for _, secure := range []bool{false, true} {
		for _, d := range pipeDialects {
			t.Run(fmt.Sprintf("%s, TLS %v", d, secure), func(t *testing.T) {
				l, entered, open := heldUp(t, func(o *Options) {
					if secure {
						o.Data = data
					}
				})
				dial := net.Dial
				if secure {
					dial = (&tls.Dialer{Config: anyHost}).Dial
				}
				conn, err := dial("tcp", l.data)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				const depth = 200
				send := func(from, n int) {
					calls := encodeEach(t, d, n, func(ctx context.Context, c *adfilter.AdFilterClient, i int) {
						c.Filter(ctx, &adfilter.BidRequest{BidId: fmt.Sprint(from + i), AdvertiserId: "a"})
					})
					if _, err := conn.Write(calls); err != nil {
						t.Fatal(err)
					}
				}
				send(0, 1)
				<-entered
				send(1, depth-1)
				l.stop()
				until(t, "the door to close", func() bool { return !l.ending().IsZero() })
				if late, err := net.Dial("tcp", l.data); err == nil {
					late.Close()
					t.Error("a connection is let in")
				}
				if ready := l.page(t, "/readyz"); !strings.Contains(ready, `"reason":"draining"`) || l.page(t, "/healthz") != "ok\n" {
					t.Errorf("readyz says %s", ready)
				}
				open()
				in := answers(conn, d)
				for i := range depth {
					var r adfilter.BidRequestFilterFilterResult
					if err := nextAnswer(t.Context(), in, "filter", int32(max(i, 1)), &r); err != nil {
						t.Fatalf("answer %d of %d: %v", i+1, depth, err)
					}
					if r.Success.LikelihoodToBid != float64(hash.rate(fmt.Sprint(i), "a")) {
						t.Fatalf("answer %d is another's: %v", i+1, r.Success)
					}
				}
				if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
					t.Errorf("after the last answer: %d bytes, %v", n, err)
				}
				conn.Close()
				if err := <-l.done; err != nil {
					t.Errorf("Run: %v", err)
				}
			})
		}
	}
}

// A pipe that has not run empty in time is cut: its client reads all answers
// that were given, in order, and then the end of the connection.
func TestDrainCutsTheRestOfAPipe(t *testing.T) {
	l, entered, open := heldUp(t, func(o *Options) { o.DrainLinger = time.Millisecond })
	conn, err := net.Dial("tcp", l.data)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	call := encode(t, FramedBinary, func(ctx context.Context, c *adfilter.AdFilterClient) {
		c.Filter(ctx, &adfilter.BidRequest{BidId: "x", AdvertiserId: "a"})
	})
	write := func(b []byte) {
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	write(call)
	<-entered
	write(bytes.Repeat(call, 500))
	l.stop()
	until(t, "the time to be over", func() bool { end := l.ending(); return !end.IsZero() && time.Now().After(end) })
	open()
	in, answered := answers(conn, FramedBinary), 0
	for err == nil {
		var r adfilter.BidRequestFilterFilterResult
		if err = nextAnswer(t.Context(), in, "filter", 1, &r); err == nil {
			answered++
		}
	}
	var broken thrift.TTransportException
	if !errors.As(err, &broken) || broken.TypeId() != thrift.END_OF_FILE {
		t.Errorf("after %d answers: %v, want the end of the connection", answered, err)
	}
	if n := int(counterOf(t, l.task, "sluice_requests_total", "filter")); n != answered || n == 0 {
		t.Errorf("%d answers came, of %d", answered, n)
	}
	conn.Close()
	if err := <-l.done; err != nil {
		t.Errorf("Run: %v", err)
	}
}
