package inference

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/identity"
	"github.com/sluicehq/sluice/identity/identitytest"
	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/idl/gen/openrtb"
	"github.com/sluicehq/sluice/inference/feature"
)

// Every dialect, by generated clients over real sockets.
func TestDialects(t *testing.T) {
	task := newToyTask(t, newToyShop(low))
	force(t, task, assignment{release: low.digest(), buckets: 16, explore: 0})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { task.data.accept(ctx, l); close(done) }()
	defer func() {
		l.Close()
		<-done
		gone, now := context.WithCancel(ctx)
		now()
		task.data.empty(gone, time.Now())
		stop()
	}()
	for _, d := range []Dialect{FramedBinary, FramedCompact, UnframedBinary, UnframedCompact} {
		t.Run(string(d), func(t *testing.T) {
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			speak(t, client(conn, d))
		})
	}
}

// speak uses everything the data port offers, on one connection.
func speak(t *testing.T, c *adfilter.AdFilterClient) {
	t.Helper()
	long := strings.Repeat("long ", 3000)
	request := &openrtb.AuctionRequest{ID: &long, Badv: []string{"a.example", "b.example"}}
	for range 3 {
		d, err := c.Decide(t.Context(), request, []string{"alpha", "beta", long})
		if err != nil {
			t.Fatal(err)
		}
		if d.Release != low.digest() || d.Degraded || d.Explored || len(d.Partners) != 3 || d.Reason != nil {
			t.Fatalf("decision %v", d)
		}
		for i, name := range []string{"alpha", "beta", long} {
			if p := d.Partners[i]; p.Partner != name || p.Score != 0.25 || !p.Filtered {
				t.Errorf("partner %d: %v", i, p)
			}
		}
		if err := c.Report(t.Context(), []*adfilter.Outcome{{Receipt: d.Receipt, Bidders: []string{"beta"}}}); err != nil {
			t.Fatal(err)
		}
		f, err := c.Filter(t.Context(), &adfilter.BidRequest{BidId: "1", AdvertiserId: "alpha", Hour: "12"})
		if err != nil {
			t.Fatal(err)
		}
		if f.LikelihoodToBid != 0.25 || f.GetRelease() != low.digest() || !f.GetFiltered() || f.GetDegraded() {
			t.Errorf("filter: %v", f)
		}
		_, err = c.Client_().Call(t.Context(), "shutdown", &adfilter.BidRequestFilterFilterArgs{}, &adfilter.BidRequestFilterFilterResult{})
		var refused thrift.TApplicationException
		if !errors.As(err, &refused) || refused.TypeId() != thrift.UNKNOWN_METHOD || refused.Error() != "unknown method" {
			t.Errorf("unknown method: %v", err)
		}
	}
}

// serveOn lets one connection in and returns the client's end of it.
func serveOn(t *testing.T, task *Task) net.Conn {
	t.Helper()
	near, far := net.Pipe()
	task.data.enter(t.Context(), far)
	t.Cleanup(func() { near.Close() })
	return near
}

func TestGarbageIsClosed(t *testing.T) {
	frame := func(size uint32, body ...byte) []byte {
		return append(binary.BigEndian.AppendUint32(nil, size), body...)
	}
	call := []byte{0x80, 1, 0, 1, 0, 0, 0, 6, 'f', 'i', 'l', 't', 'e', 'r', 0, 0, 0, 1}
	tests := []struct {
		name  string
		bytes []byte
		as    Dialect
	}{
		{"http", []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Garbage},
		{"tls hello", []byte{0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03}, Garbage},
		{"proxy protocol", []byte("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), Proxied},
		{"proxy protocol, version 2", []byte(proxySignature + "\x20\x00\x00\x00"), Proxied},
		{"empty frame", frame(0, 0, 0, 0, 0, 0, 0), Garbage},
		{"huge frame", frame(1<<24-1, 0x80, 1, 0, 1, 0x7f, 0xff, 0xff, 0xff), FramedBinary},
		{"huge frame without version", frame(1<<24-1, 0, 0, 0, 6), Garbage},
		{"negative frame", frame(math.MaxUint32, 0x80, 1, 0, 1), Garbage},
		{"frame of noise", frame(100, 'n', 'o', 'i', 's', 'e'), Garbage},
		{"frame of json", frame(100, '[', '1', ',', '"'), Garbage},
		{"a name without version, too long", frame(65, 'f', 'i', 'l', 't', 'e', 'r', 1, 0, 0, 0, 1), Garbage},
		{"a name without version, of noise", frame(6, 'f', 'i', 0xff, 't', 'e', 'r', 1, 0, 0, 0, 1), Garbage},
		{"header transport", frame(100, 0x0f, 0xff, 0, 0, 0, 0, 0, 1), Garbage},
		{"a reply", []byte{0x80, 1, 0, 2, 0, 0, 0, 6, 'f', 'i', 'l', 't', 'e', 'r'}, Garbage},
		{"compact of another version", []byte{0x82, 0x22, 1, 6, 'f', 'i', 'l', 't', 'e', 'r'}, Garbage},
		{"torn head", []byte{0x80, 1}, Garbage},
		{"negative name", []byte{0x80, 1, 0, 1, 0xff, 0xff, 0xff, 0xff, 'f'}, UnframedBinary},
		{"huge name", []byte{0x80, 1, 0, 1, 0x7f, 0xff, 0xff, 0xff, 'f'}, UnframedBinary},
		{"huge compact name", []byte{0x82, 0x21, 1, 0xff, 0xff, 0xff, 0xff, 0x07, 'f'}, UnframedCompact},
		{"frame ends in the message", frame(uint32(len(call)), call...), FramedBinary},
		{"frame longer than its message", frame(uint32(len(call)+3), append(bytes.Clone(call), 0, 0, 0)...), FramedBinary},
		{"nothing", nil, Silent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				task := newToyTask(t, newToyShop())
				conn := serveOn(t, task)
				go func() {
					conn.Write(tt.bytes)
					synctestClose(conn, tt.as == Silent || len(tt.bytes) < 4)
				}()
				began := time.Now()
				answer, _ := io.ReadAll(conn)
				if took := time.Since(began); took != 0 {
					t.Errorf("closed after %v", took)
				}
				if bytes.Contains(answer, []byte("limit")) || len(answer) > 100 {
					t.Errorf("answered %q", answer)
				}
				task.data.inside.Wait()
				if n := counterOf(t, task, "sluice_connections_total", string(tt.as)); n != 1 {
					t.Errorf("%v connections counted as %s", n, tt.as)
				}
				if task.data.count() != 0 {
					t.Error("the connection is open")
				}
			})
		})
	}
}

func synctestClose(conn net.Conn, now bool) {
	if now {
		conn.Close()
	}
}

// counterOf reads a metric by the value of its first label.
func counterOf(t *testing.T, task *Task, name, label string) float64 {
	t.Helper()
	families, err := task.m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if label == "" || len(m.GetLabel()) > 0 && m.GetLabel()[0].GetValue() == label {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// encode writes calls as a client would.
func encode(t testing.TB, d Dialect, write func(ctx context.Context, c *adfilter.AdFilterClient)) []byte {
	t.Helper()
	var out bytes.Buffer
	write(t.Context(), client(struct {
		io.Reader
		io.Writer
	}{strings.NewReader(""), &out}, d))
	return out.Bytes()
}

func TestPipelinedRepliesComeInOrder(t *testing.T) {
	for _, d := range []Dialect{FramedBinary, FramedCompact, UnframedBinary, UnframedCompact} {
		synctest.Test(t, func(t *testing.T) {
			task := newToyTask(t, newToyShop(hash))
			force(t, task, assignment{release: hash.digest(), buckets: 1})
			conn := serveOn(t, task)
			names := []string{"a", "b", "c", "d", "e"}
			sent := encode(t, d, func(ctx context.Context, c *adfilter.AdFilterClient) {
				for _, n := range names { // the client fails for want of an answer, but has written
					c.Decide(ctx, ask("same"), []string{n})
				}
			})
			go conn.Write(sent)
			// A client of its own sequence reads what the other one asked.
			replies := client(struct {
				io.Reader
				io.Writer
			}{conn, io.Discard}, d)
			for _, n := range names {
				got, err := replies.Decide(t.Context(), ask("same"), []string{n})
				if err != nil {
					t.Fatal(err)
				}
				if p := got.Partners[0]; p.Partner != n || p.Score != float64(hash.rate("same", n)) {
					t.Errorf("%s: reply to %s is %v", d, n, p)
				}
			}
		})
	}
}

// One write per reply: a second one would cost a packet.
func TestRepliesAreWrittenInOnePiece(t *testing.T) {
	for _, d := range []Dialect{FramedBinary, UnframedCompact} {
		synctest.Test(t, func(t *testing.T) {
			task := newToyTask(t, newToyShop(low))
			force(t, task, assignment{release: low.digest(), buckets: 1})
			conn := serveOn(t, task)
			partners := make([]string, 200)
			go conn.Write(encode(t, d, func(ctx context.Context, c *adfilter.AdFilterClient) { c.Decide(ctx, ask("x"), partners) }))
			n, err := conn.Read(make([]byte, 1<<16)) // a pipe hands over one write at a time
			if err != nil || n < 200 {
				t.Errorf("%s: first write has %d bytes, %v", d, n, err)
			}
			synctest.Wait()
			conn.SetReadDeadline(time.Now().Add(time.Second))
			if n, err := conn.Read(make([]byte, 1)); !isTimeout(err) {
				t.Errorf("%s: %d more bytes, %v", d, n, err)
			}
		})
	}
}

// A message that wants no reply gets none, whatever its method.
func TestOnewayGetsNoReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		task := newToyTask(t, newToyShop(hash))
		force(t, task, assignment{release: hash.digest(), buckets: 1})
		conn := serveOn(t, task)
		sent := encode(t, UnframedBinary, func(ctx context.Context, c *adfilter.AdFilterClient) { c.Decide(ctx, ask("x"), []string{"a"}) })
		sent[3] = byte(thrift.ONEWAY)
		go conn.Write(sent)
		synctest.Wait()
		d, err := client(conn, UnframedBinary).Decide(t.Context(), ask("y"), []string{"b"})
		if err != nil || d.Partners[0].Partner != "b" || task.serving.Load().counts.tally(1).requests[0] != 2 {
			t.Errorf("%v, %v", d, err)
		}
	})
}

func TestLaterFramesAreBounded(t *testing.T) {
	for _, size := range []uint32{0, 1 << 24, 1 << 30, math.MaxUint32} {
		synctest.Test(t, func(t *testing.T) {
			task := newToyTask(t, newToyShop())
			conn := serveOn(t, task)
			if _, err := client(conn, FramedBinary).Filter(t.Context(), &adfilter.BidRequest{}); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			go conn.Write(binary.BigEndian.AppendUint32(nil, size))
			if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) || time.Since(began) != 0 {
				t.Errorf("a frame of %d: %d bytes, %v", size, n, err)
			}
		})
	}
}

// A message over the limit is refused by its name, and its client gets to read
// that: it may still be sending, also far more than sockets hold.
func TestLongMessagesAreRefused(t *testing.T) {
	pki := identitytest.New(t)
	for _, secure := range []bool{false, true} {
		for _, d := range dialects() {
			task := newToyTask(t, newToyShop())
			if secure {
				task.data.known = keeper(t, identity.Files{Cert: pki.Server.Cert, Key: pki.Server.Key})
			}
			conn := dialDoor(t, task.data)
			if secure {
				conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
			}
			_, err := client(conn, d).Filter(t.Context(), &adfilter.BidRequest{UserAgent: strings.Repeat("x", 8<<20)})
			var refused thrift.TApplicationException
			if !errors.As(err, &refused) || refused.TypeId() != thrift.PROTOCOL_ERROR || !strings.HasSuffix(refused.Error(), "limit of 262144 bytes (max-message)") {
				t.Errorf("%s: %v", d, err)
			}
			if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("%s: then %d bytes, %v", d, n, err)
			}
			conn.Close()
			task.data.inside.Wait()
			if n := counterOf(t, task, "sluice_limit_hits_total", "max_message"); n != 1 {
				t.Errorf("%s: %v hits of max_message", d, n)
			}
		}
	}
}

// Whoever goes on sending what nobody wants is let go at a bound.
func TestRefusedClientsAreReadWithinABound(t *testing.T) {
	task := newToyTask(t, newToyShop())
	task.data.sizes.read = 50 * time.Millisecond
	conn := dialDoor(t, task.data)
	if _, err := conn.Write([]byte{0, 0xf0, 0, 0, 0x80, 1, 0, 1, 0, 0, 0, 6, 'd', 'e', 'c', 'i', 'd', 'e', 0, 0, 0, 1}); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); err != nil || !bytes.Contains(answer, []byte("max-message")) {
		t.Errorf("answered %q, %v", answer, err)
	}
	task.data.inside.Wait() // the client has not gone
}

// Whoever sends all the time, too.
func TestRefusedClientsSendWithinABound(t *testing.T) {
	task := newToyTask(t, newToyShop())
	task.data.sizes.read = time.Hour
	conn := dialDoor(t, task.data)
	conn.SetDeadline(time.Time{})
	_, err := conn.Write([]byte{0, 0xf0, 0, 0, 0x80, 1, 0, 1, 0, 0, 0, 6, 'd', 'e', 'c', 'i', 'd', 'e', 0, 0, 0, 1})
	sent, more := 0, make([]byte, 64<<10)
	for ; err == nil && sent < 8*maxFrameLimit; sent += len(more) {
		_, err = conn.Write(more)
	}
	if err == nil || sent < maxFrameLimit {
		t.Errorf("%d bytes were taken, then %v", sent, err)
	}
	conn.Close()
	task.data.inside.Wait()
}

// A name may be as long as the message, so that nothing is left behind it.
func TestNameAsLongAsTheMessage(t *testing.T) {
	task := newToyTask(t, newToyShop())
	task.data.sizes.message = readBufferBytes
	conn := serveOn(t, task)
	call := binary.BigEndian.AppendUint32([]byte{0x80, 1, 0, 1}, readBufferBytes-8)
	if _, err := conn.Write(append(call, bytes.Repeat([]byte{'x'}, readBufferBytes-8)...)); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); err != nil || len(answer) > 0 {
		t.Errorf("answered %q, %v", answer, err)
	}
	task.data.inside.Wait()
	for name, label := range map[string]string{"sluice_limit_hits_total": "max_message", "sluice_connections_closed_total": "limit"} {
		if n := counterOf(t, task, name, label); n != 1 {
			t.Errorf("%s counts %v of %s", name, n, label)
		}
	}
	if n := counterOf(t, task, "sluice_panics_total", "data"); n != 0 {
		t.Errorf("%v connections broke", n)
	}
}

func TestNestedContainersAreBounded(t *testing.T) {
	many := &openrtb.AuctionRequest{}
	for range 130 {
		many.Imp = append(many.Imp, &openrtb.Imp{Pmp: &openrtb.Pmp{Deals: slicesOf[openrtb.Deal](130)}})
	}
	for _, d := range []Dialect{FramedBinary, UnframedCompact} {
		synctest.Test(t, func(t *testing.T) {
			task := newToyTask(t, newToyShop(low))
			conn := serveOn(t, task)
			_, err := client(conn, d).Decide(t.Context(), many, nil)
			var refused thrift.TApplicationException
			if !errors.As(err, &refused) || refused.TypeId() != thrift.PROTOCOL_ERROR || !strings.HasSuffix(refused.Error(), "limit of 16384 (max-elements)") {
				t.Errorf("%s: %v", d, err)
			}
		})
	}
}

func slicesOf[T any](n int) []*T {
	all := make([]*T, n)
	for i := range all {
		all[i] = new(T)
	}
	return all
}

func TestSlowClientsAreCutOff(t *testing.T) {
	tests := []struct {
		name  string
		bytes []byte
		after time.Duration
	}{
		{"silent from the start", nil, 10 * time.Minute},
		{"a first byte", []byte{0x80}, 5 * time.Second},
		{"half a message", []byte{0x80, 1, 0, 1, 0, 0, 0, 6, 'f', 'i'}, 5 * time.Second},
		{"half a frame", []byte{0, 0, 1, 0, 0x80, 1, 0, 1, 0, 0}, 5 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				task := newToyTask(t, newToyShop())
				conn := serveOn(t, task)
				began := time.Now()
				conn.Write(tt.bytes)
				io.ReadAll(conn)
				if took := time.Since(began); took != tt.after {
					t.Errorf("cut off after %v, want %v", took, tt.after)
				}
			})
		})
	}
}

// A client that pipelines for ever is never cut off, as each message has its
// own time, and one that does not read its replies is.
func TestDeadlinesAreForOneMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		task := newToyTask(t, newToyShop(low))
		force(t, task, assignment{release: low.digest(), buckets: 1})
		conn := serveOn(t, task)
		one := encode(t, UnframedBinary, func(ctx context.Context, c *adfilter.AdFilterClient) {
			c.Filter(ctx, &adfilter.BidRequest{BidId: "x"})
		})
		go io.Copy(io.Discard, conn)
		for i := range 20 { // every message begins with the last one's end and takes 4 s
			time.Sleep(4 * time.Second)
			head := 0
			if i > 0 {
				head = 9
			}
			if _, err := conn.Write(append(bytes.Clone(one[head:]), one[:9]...)); err != nil {
				t.Fatalf("after %d messages: %v", i, err)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		task := newToyTask(t, newToyShop(low))
		conn := serveOn(t, task)
		began := time.Now()
		conn.Write(encode(t, FramedBinary, func(ctx context.Context, c *adfilter.AdFilterClient) {
			c.Filter(ctx, &adfilter.BidRequest{BidId: "x"})
		}))
		task.data.inside.Wait()
		if took := time.Since(began); took != task.o.WriteTimeout {
			t.Errorf("a client that reads nothing is kept for %v", took)
		}
	})
}

func TestFailsOpen(t *testing.T) {
	panics := toy{Breaks: "panic"}
	nan := toy{Breaks: "nan"}
	above := toy{Score: 1.5}
	tests := []struct {
		name   string
		a      *toy
		reason Degraded
		ask    func(c *adfilter.AdFilterClient) (*adfilter.Decision, error)
	}{
		{"no release", nil, NotReady, nil},
		{"panic", &panics, Panicked, nil},
		{"nan", &nan, Invalid, nil},
		{"above one", &above, Invalid, nil},
		{"no request", &low, BadRequest, func(c *adfilter.AdFilterClient) (*adfilter.Decision, error) {
			return nil, nil
		}},
		{"too many partners", &low, BadRequest, func(c *adfilter.AdFilterClient) (*adfilter.Decision, error) {
			return c.Decide(t.Context(), ask("x"), make([]string, MaxPartnersPerRequest+1))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				task := newToyTask(t, newToyShop(low, panics, nan, above))
				if tt.a != nil {
					force(t, task, assignment{release: tt.a.digest(), buckets: 1, explore: 1})
				}
				conn := serveOn(t, task)
				c := client(conn, FramedBinary)
				switch tt.name {
				case "no request":
					forwarded(t, answerTo(t, c, &adfilter.AdFilterDecideArgs{Partners: []string{"a", "b"}}), tt.reason, 2)
				case "too many partners":
					d, err := tt.ask(c)
					if err != nil {
						t.Fatal(err)
					}
					forwarded(t, d, tt.reason, MaxPartnersPerRequest+1)
				default:
					d, err := c.Decide(t.Context(), ask("x"), []string{"a", "b"})
					if err != nil {
						t.Fatal(err)
					}
					forwarded(t, d, tt.reason, 2)
					f, err := c.Filter(t.Context(), &adfilter.BidRequest{BidId: "x"})
					if err != nil || f.LikelihoodToBid != 1 || !f.GetDegraded() || f.GetFiltered() {
						t.Errorf("filter: %v, %v", f, err)
					}
				}
				if now := task.serving.Load(); now != nil { // what the client did wrong is no error of the release
					n := now.counts.tally(1)
					if bad := tt.reason == BadRequest; bad != (n.requests[0] == 0) || n.errors[0] != n.requests[0] {
						t.Errorf("%v requests, %v errors", n.requests, n.errors)
					}
				}
				if counterOf(t, task, "sluice_degraded_total", string(tt.reason)) == 0 {
					t.Error("not counted")
				}
			})
		})
	}
}

// answerTo sends arguments that no client would.
func answerTo(t *testing.T, c *adfilter.AdFilterClient, args *adfilter.AdFilterDecideArgs) *adfilter.Decision {
	t.Helper()
	var result adfilter.AdFilterDecideResult
	if _, err := c.Client_().Call(t.Context(), "decide", noRequest{args}, &result); err != nil {
		t.Fatal(err)
	}
	return result.Success
}

// noRequest leaves the request out of the arguments.
type noRequest struct{ *adfilter.AdFilterDecideArgs }

func (n noRequest) Write(ctx context.Context, out thrift.TProtocol) error {
	return errors.Join(
		out.WriteStructBegin(ctx, "args"), out.WriteFieldBegin(ctx, "partners", thrift.LIST, 2),
		out.WriteListBegin(ctx, thrift.STRING, len(n.Partners)), out.WriteString(ctx, n.Partners[0]), out.WriteString(ctx, n.Partners[1]),
		out.WriteListEnd(ctx), out.WriteFieldEnd(ctx), out.WriteFieldStop(ctx), out.WriteStructEnd(ctx),
	)
}

func forwarded(t *testing.T, d *adfilter.Decision, reason Degraded, partners int) {
	t.Helper()
	if !d.Degraded || d.GetReason() != string(reason) || d.Release != "" || d.Explored || len(d.Partners) != partners {
		t.Errorf("decision %v", d)
	}
	for _, p := range d.Partners {
		if p.Score != 1 || p.Filtered {
			t.Errorf("not forwarded: %v", p)
		}
	}
}

func TestBusyForwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		task := newToyTask(t, newToyShop(low))
		task.slots = newSlots(1)
		force(t, task, assignment{release: low.digest(), buckets: 1})
		task.slots.take(t.Context(), time.Second)
		conn := serveOn(t, task)
		began := time.Now()
		d, err := client(conn, FramedBinary).Decide(t.Context(), ask("x"), []string{"a"})
		if err != nil {
			t.Fatal(err)
		}
		forwarded(t, d, Busy, 1)
		if took := time.Since(began); took != task.o.MaxWait {
			t.Errorf("waited %v", took)
		}
		if n := task.serving.Load().counts.tally(1); n.errors[0] != 1 || n.requests[0] != 1 {
			t.Errorf("requests %v errors %v", n.requests, n.errors)
		}
	})
}

// flaky fails to accept, as with too many open files, before it works.
type flaky struct {
	*pipes
	fails int
}

func (f *flaky) Accept() (net.Conn, error) {
	if f.fails > 0 {
		f.fails--
		return nil, errors.New("accept4: too many open files")
	}
	return f.pipes.Accept()
}

func TestAcceptIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		task := newToyTask(t, newToyShop(low))
		force(t, task, assignment{release: low.digest(), buckets: 1})
		l := &flaky{newPipes(), 20}
		done := make(chan struct{})
		go func() { task.data.accept(t.Context(), l); close(done) }()
		conn, err := l.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := client(conn, FramedBinary).Filter(t.Context(), &adfilter.BidRequest{}); err != nil {
			t.Error(err)
		}
		if n := counterOf(t, task, "sluice_accept_errors_total", "data"); n != 20 {
			t.Errorf("%v accept errors counted", n)
		}
		l.Close()
		<-done
	})
}

func TestOldConnectionsEndBetweenRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		task := newToyTask(t, newToyShop(low))
		task.o.ConnectionAge = time.Minute
		force(t, task, assignment{release: low.digest(), buckets: 1})
		conn := serveOn(t, task)
		c := client(conn, FramedBinary)
		began := time.Now()
		for range 100 {
			if _, err := c.Filter(t.Context(), &adfilter.BidRequest{}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if task.data.count() == 0 {
				break
			}
			time.Sleep(time.Second)
		}
		if age := time.Since(began); age < 45*time.Second || age > 76*time.Second {
			t.Errorf("the connection lived for %v", age)
		}
	})
}

// bytesConn is a client that says this and hangs up.
type bytesConn struct {
	net.Conn
	in *bytes.Reader
}

func (c bytesConn) Read(p []byte) (int, error)     { return c.in.Read(p) }
func (bytesConn) Write(p []byte) (int, error)      { return len(p), nil }
func (bytesConn) Close() error                     { return nil }
func (bytesConn) SetReadDeadline(time.Time) error  { return nil }
func (bytesConn) SetWriteDeadline(time.Time) error { return nil }

// Whatever a client sends, its connection ends in an orderly way.
func FuzzDataPort(f *testing.F) {
	for _, d := range []Dialect{FramedBinary, FramedCompact, UnframedBinary, UnframedCompact} {
		f.Add(encode(f, d, func(ctx context.Context, c *adfilter.AdFilterClient) {
			c.Decide(ctx, &openrtb.AuctionRequest{Imp: []*openrtb.Imp{{Banner: &openrtb.Banner{}}}, Badv: []string{"a"}}, []string{"a", "b"})
			c.Report(ctx, []*adfilter.Outcome{{Receipt: []byte("r"), Bidders: []string{"a"}}})
			c.Filter(ctx, &adfilter.BidRequest{Hour: "1"})
		}))
	}
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	task := newToyTask(f, newToyShop(low))
	force(f, task, assignment{release: low.digest(), buckets: 1, explore: 0.5})
	f.Fuzz(func(t *testing.T, sent []byte) {
		task.serveData(t.Context(), newWire(bytesConn{in: bytes.NewReader(sent)}, task.data.sizes)) // must not panic, must end
		if task.serving.Load().counts.tally(1).errors[0] != 0 {
			t.Fatal("a request was not scored")
		}
	})
}

func TestIdleSessionsHoldNoRelease(t *testing.T) {
	task := newToyTask(t, newToyShop(low))
	force(t, task, assignment{release: low.digest(), buckets: 1})
	s := &session{t: task}
	s.d.request.ID, s.d.partners = "x", []string{"a"}
	s.decide(t.Context(), true, time.Now())
	s.decisionReply()
	s.afterReply(t.Context(), time.Now())
	if s.d.serving != nil || s.d.partners != nil || s.d.request.ID != "" || s.reply.decision.Receipt != nil {
		t.Error("a session keeps what it needs no more")
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		task := newToyTask(t, newToyShop())
		task.data.limit = 2
		kept := []net.Conn{serveOn(t, task), serveOn(t, task)}
		if _, err := serveOn(t, task).Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the third one: %v", err)
		}
		kept[0].Close()
		synctest.Wait()
		if serveOn(t, task); task.data.count() != 2 {
			t.Errorf("%d inside", task.data.count())
		}
	})
}

// A request over Thrift and the same in JSON are one to the model.
func TestOpenRTBEqualsJSON(t *testing.T) {
	const body = `{"id":"r1","at":2,"imp":[{"id":"1","tagid":"top","instl":1,"secure":0,"rwdd":1,"bidfloor":0.75,
		"banner":{"format":[{"w":300,"h":250}],"pos":3}},{"id":"2"}],
		"site":{"id":"s","domain":"d.example","cat":["IAB1","IAB2"],"publisher":{"id":"p"}},
		"app":{"id":"a","bundle":"b","cat":["IAB9"],"publisher":{"id":"q"}},
		"device":{"ua":"UA","geo":{"country":"DEU","region":"DE-BE","city":"BER"},"lmt":1,"devicetype":4,"make":"m","model":"n",
		"os":"o","osv":"1","language":"de","carrier":"c","connectiontype":2},"user":{"id":"u","yob":1980,"gender":"F"}}`
	want, err := feature.ParseJSON([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	s, i, yes, no, f := thrift.StringPtr, thrift.Int32Ptr, new(true), new(false), thrift.Float64Ptr
	in := &openrtb.AuctionRequest{
		ID: s("r1"), At: i(2),
		Imp: []*openrtb.Imp{{
			ID: s("1"), Tagid: s("top"), Instl: yes, Secure: no, Rwdd: yes, Bidfloor: f(0.75),
			Banner: &openrtb.Banner{Format: []*openrtb.Format{{W: i(300), H: i(250)}}, Pos: i(3)},
		}, {ID: s("2")}},
		Site: &openrtb.Site{ID: s("s"), Domain: s("d.example"), Cat: []string{"IAB1", "IAB2"}, Publisher: &openrtb.Publisher{ID: s("p")}},
		App:  &openrtb.App{ID: s("a"), Bundle: s("b"), Cat: []string{"IAB9"}, Publisher: &openrtb.Publisher{ID: s("q")}},
		Device: &openrtb.Device{
			Ua: s("UA"), Geo: &openrtb.Geo{Country: s("DEU"), Region: s("DE-BE"), City: s("BER")}, Lmt: yes, Devicetype: i(4),
			Make: s("m"), Model: s("n"), Os: s("o"), Osv: s("1"), Language: s("de"), Carrier: s("c"), Connectiontype: i(2),
		},
		User: &openrtb.User{ID: s("u"), Yob: i(1980), Gender: s("F")},
	}
	var got feature.Request
	openRTB(in, &got)
	got.Hour, got.Minute, got.DayOfWeek, want.Hour, want.Minute, want.DayOfWeek = 1, 1, 1, 1, 1, 1 // NaN is not equal to itself
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	*in = openrtb.AuctionRequest{Imp: []*openrtb.Imp{{Video: &openrtb.Video{W: i(640), H: i(360), Pos: i(1)}}}, App: in.App}
	openRTB(in, &got)
	if got.Format != "video" || got.Width != 640 || got.Height != 360 || got.SiteCat != "IAB9" || got.PublisherID != "q" || got.UserYob == got.UserYob {
		t.Errorf("got %+v", got)
	}
}

func TestPublishedContract(t *testing.T) {
	var got feature.Request
	published(&adfilter.BidRequest{
		BidId: "1", DayOfWeek: 3, Hour: "17", RegionId: "r", CityId: "c", DomainId: "d", BiddingPrice: 12, UserAgent: "ua", DeviceTypeId: 3,
	}, 0, &got)
	if got.ID != "1" || got.DayOfWeek != 3 || got.Hour != 17 || got.GeoRegion != "r" || got.GeoCity != "c" || got.SiteDomain != "d" ||
		got.ImpBidfloor != 12 || got.DeviceUA != "ua" || got.DeviceType != 3 {
		t.Errorf("got %+v", got)
	}
	for _, hour := range []string{"", "noon", "24", "-1", "NaN"} {
		if published(&adfilter.BidRequest{Hour: hour}, 0, &got); got.Hour == got.Hour {
			t.Errorf("hour %q is %v", hour, got.Hour)
		}
	}
}
