package inference

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/idl/gen/openrtb"
)

// A server is measured on a process of its own: this test binary, run again to
// serve and nothing else.
const serverKind = "SLUICE_BENCHMARK_SERVER"

// usual is an auction of 20 partners as exchanges send them, some 660 bytes.
func usual() *openrtb.AuctionRequest {
	s, i := thrift.StringPtr, thrift.Int32Ptr
	return &openrtb.AuctionRequest{
		ID: s("b7d3f2a0-9c1e-4f0a-8a77-1d2e3f405162"), At: i(1), Tmax: i(120), Cur: []string{"USD"}, Badv: []string{"ford.com"},
		Imp:    []*openrtb.Imp{{ID: s("1"), Tagid: s("/1234/home/top"), Bidfloor: new(0.35), Banner: &openrtb.Banner{W: i(300), H: i(250)}}},
		Site:   &openrtb.Site{Domain: s("news.example"), Cat: []string{"IAB12"}, Publisher: &openrtb.Publisher{ID: s("pub-1234567")}},
		Device: &openrtb.Device{Ua: s("Mozilla/5.0 (Linux; Android 14)"), Os: s("android"), Devicetype: i(4), Geo: &openrtb.Geo{Country: s("DEU"), Region: s("BE")}},
		User:   &openrtb.User{ID: s("u-9f8e7d6c")},
	}
}

func usualCall(t testing.TB, d Dialect) []byte {
	return encode(t, d, func(ctx context.Context, c *adfilter.AdFilterClient) { c.Decide(ctx, usual(), twenty()) })
}

// stock answers as one would with generated code and nothing else.
type stock struct{ t *Task }

func (h stock) Decide(ctx context.Context, request *openrtb.AuctionRequest, partners []string) (*adfilter.Decision, error) {
	s := &session{t: h.t, id: h.t.lastConnection.Add(1)}
	openRTB(request, &s.d.request)
	s.d.partners = partners
	s.decide(ctx, true, time.Now())
	return s.decisionReply(), nil
}

func (h stock) Filter(context.Context, *adfilter.BidRequest) (*adfilter.BidResponse, error) {
	return &adfilter.BidResponse{}, nil
}

func (h stock) Report(context.Context, []*adfilter.Outcome) error { return nil }

// TestServer is no test: it is the server that benchmarks start.
func TestServer(t *testing.T) {
	if os.Getenv(serverKind) != "busy" {
		t.Skip("only benchmarks start this")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serves := hash
	serves.Spin = 5000 // some 10 us for each partner
	task := newToyTask(t, newToyShop(serves))
	force(t, task, assignment{release: serves.digest(), buckets: 64})
	go task.lag.watch(t.Context())
	runtime.GOMAXPROCS(1) // the other core is the client's
	go task.data.accept(t.Context(), l)
	fmt.Printf("listening %s\n", l.Addr())
	io.Copy(io.Discard, os.Stdin) // until the benchmark is done
}

func startServer(b *testing.B) (address string) {
	b.Helper()
	server := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestServer$")
	server.Env = append(os.Environ(), serverKind+"=busy")
	in, err := server.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := server.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); server.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "listening "))
}

// load sends n calls over some connections, one at a time on each.
func load(b *testing.B, address string, connections int, call []byte, n int) {
	left := atomic.Int64{}
	left.Store(int64(n))
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			in := bufio.NewReaderSize(conn, 64<<10)
			for left.Add(-1) >= 0 {
				if _, err := conn.Write(call); err != nil {
					b.Error(err)
					return
				}
				if err := discardFrame(in); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

func discardFrame(in *bufio.Reader) error {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return err
	}
	_, err := in.Discard(int(binary.BigEndian.Uint32(head[:])))
	return err
}

// BenchmarkGoodput measures how many scored answers come in time at the
// capacity of a server on one core, and when two and three times as many are
// asked for.
func BenchmarkGoodput(b *testing.B) {
	address := startServer(b)
	call := usualCall(b, FramedBinary)
	const seconds = 3
	for b.Loop() {
		began := time.Now()
		const calls = 6000
		load(b, address, 4, call, calls)
		capacity := calls / time.Since(began).Seconds()
		b.ReportMetric(capacity, "capacity/s")
		for _, times := range []float64{0.8, 2, 3} {
			good, degraded, late := offer(b, address, call, 128, times*capacity, seconds*time.Second)
			b.Logf("at %.1fx of %.0f/s: %d good, %d forwarded, %d late", times, capacity, good, degraded, late)
			b.ReportMetric(float64(good)/seconds/capacity, fmt.Sprintf("goodput-at-%.1fx", times))
			b.ReportMetric(float64(degraded)/seconds/capacity, fmt.Sprintf("forwarded-at-%.1fx", times))
			b.ReportMetric(float64(late)/seconds/capacity, fmt.Sprintf("late-at-%.1fx", times))
		}
	}
}

// offer asks at a rate, whatever comes back, and counts answers by whether they
// came within 100 ms of when they were due to be asked for.
func offer(b *testing.B, address string, call []byte, connections int, rate float64, during time.Duration) (good, degraded, late int64) {
	var goods, degradeds, lates atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	every := time.Duration(float64(connections) / rate * float64(time.Second))
	n := int(during / every)
	for i := range connections {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			b.Fatal(err)
		}
		first := start.Add(every * time.Duration(i) / time.Duration(connections))
		all.Go(func() { // asks
			for k := range n {
				time.Sleep(time.Until(first.Add(every * time.Duration(k))))
				if _, err := conn.Write(call); err != nil {
					b.Error(err)
					return
				}
			}
		})
		all.Go(func() { // hears
			defer conn.Close()
			in := bufio.NewReaderSize(conn, 64<<10)
			for k := range n {
				head, err := in.Peek(32)
				if err != nil {
					b.Error(err)
					return
				}
				switch scored := binary.BigEndian.Uint32(head[28:]) > 0; {
				case time.Since(first.Add(every*time.Duration(k))) > 100*time.Millisecond:
					lates.Add(1)
				case scored:
					goods.Add(1)
				default:
					degradeds.Add(1)
				}
				if err := discardFrame(in); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	return goods.Load(), degradeds.Load(), lates.Load()
}
