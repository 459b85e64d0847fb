package inference

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/idl/gen/openrtb"
)

// The CPU of a server is measured on a process of its own: this test binary,
// run again to serve and nothing else.
const serverKind = "SLUICE_BENCHMARK_SERVER"

// usual is an auction of 20 partners as exchanges send them, some 660 bytes.
func usual() *openrtb.BidRequest {
	s, i := thrift.StringPtr, thrift.Int32Ptr
	return &openrtb.BidRequest{
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

func (h stock) Decide(ctx context.Context, request *openrtb.BidRequest, partners []string) (*adfilter.Decision, error) {
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
	kind := os.Getenv(serverKind)
	if kind == "" {
		t.Skip("only benchmarks start this")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	task := newToyTask(t, newToyShop(hash))
	force(t, task, assignment{release: hash.digest(), buckets: 64})
	switch kind {
	case "ours":
		go task.data.accept(t.Context(), l)
	case "echo":
		go echo(l, len(usualCall(t, FramedBinary)), 1100)
	case "stock":
		conf := &thrift.TConfiguration{}
		l.Close()
		socket, err := thrift.NewTServerSocket(l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		server := thrift.NewTSimpleServer4(adfilter.NewAdFilterProcessor(stock{task}), socket,
			thrift.NewTFramedTransportFactoryConf(thrift.NewTBufferedTransportFactory(4096), conf), thrift.NewTBinaryProtocolFactoryConf(conf))
		if err := server.Listen(); err != nil {
			t.Fatal(err)
		}
		go server.Serve()
	}
	fmt.Printf("listening %s\n", l.Addr())
	io.Copy(io.Discard, os.Stdin) // until the benchmark is done
}

// echo is the least that any server must do: as many bytes in and out.
func echo(l net.Listener, in, out int) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			request, reply := make([]byte, in), make([]byte, out)
			binary.BigEndian.PutUint32(reply, uint32(out-4))
			for {
				if _, err := io.ReadFull(conn, request); err != nil {
					return
				}
				conn.Write(reply)
			}
		}()
	}
}

// cpuOf is the CPU time that a process took.
func cpuOf(b *testing.B, pid int) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Skip("this system does not tell the CPU of a process")
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	ticks := 0
	for _, f := range fields[11:13] {
		n, _ := strconv.Atoi(string(f))
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

func startServer(b *testing.B, kind string) (address string, pid int) {
	b.Helper()
	server := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestServer$")
	server.Env = append(os.Environ(), serverKind+"="+kind)
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
	return strings.TrimSpace(strings.TrimPrefix(line, "listening ")), server.Process.Pid
}

// BenchmarkServerCPU is what a decide of 20 partners costs the server, the
// model aside, over 16 connections: ours, the stock one's and an echo's.
func BenchmarkServerCPU(b *testing.B) {
	for _, depth := range []int{1, 16} {
		for _, kind := range []string{"ours", "stock", "echo"} {
			b.Run(fmt.Sprintf("%s/depth=%d", kind, depth), func(b *testing.B) {
				if kind == "echo" && depth > 1 {
					b.Skip("an echo does not pipeline")
				}
				address, pid := startServer(b, kind)
				call := bytes.Repeat(usualCall(b, FramedBinary), depth)
				before := cpuOf(b, pid)
				b.ResetTimer()
				load(b, address, 16, depth, call, b.N)
				b.StopTimer()
				b.ReportMetric(float64((cpuOf(b, pid)-before).Microseconds())/float64(b.N), "server-us/op")
				b.ReportMetric(float64(len(call)/depth), "bytes-in/op")
			})
		}
	}
}

// load sends n calls over some connections, depth of them at once on each.
func load(b *testing.B, address string, connections, depth int, calls []byte, n int) {
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
			for left.Add(-int64(depth)) > int64(-depth) {
				if _, err := conn.Write(calls); err != nil {
					b.Error(err)
					return
				}
				for range depth {
					if err := discardFrame(in); err != nil {
						b.Error(err)
						return
					}
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
