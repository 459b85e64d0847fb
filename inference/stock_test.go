package inference

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/idl/gen/openrtb"
)

// These tests show what Apache's own server does wrong, and that ours does not.
// Should one fail on its first half, that server has become better.

// stockPipes is the server transport of a stock server over pipes.
type stockPipes struct{ *pipes }

func (stockPipes) Listen() error { return nil }

func (p stockPipes) Accept() (thrift.TTransport, error) {
	conn, err := p.pipes.Accept()
	if err != nil {
		return nil, err
	}
	return thrift.NewTSocketFromConnConf(conn, &thrift.TConfiguration{}), nil
}

// Interrupt leaves Accept be: woken, it would wait for the mutex that Stop
// holds, and a bubble's time stands still while anybody waits for one.
func (stockPipes) Interrupt() error { return nil }

// newStock is Apache's server with its default limits.
func newStock(handler adfilter.AdFilter, over thrift.TServerTransport, framed bool) *thrift.TSimpleServer {
	conf := &thrift.TConfiguration{}
	var transports thrift.TTransportFactory = thrift.NewTBufferedTransportFactory(4096)
	if framed {
		transports = thrift.NewTFramedTransportFactoryConf(transports, conf)
	}
	return thrift.NewTSimpleServer4(adfilter.NewAdFilterProcessor(handler), over, transports, thrift.NewTBinaryProtocolFactoryConf(conf))
}

// startStock serves over pipes; end stops it once its clients are gone.
func startStock(t *testing.T, handler adfilter.AdFilter, framed bool) (ports *pipes, end func()) {
	t.Helper()
	ports = newPipes()
	server := newStock(handler, stockPipes{ports}, framed)
	done := make(chan struct{})
	go func() { server.Serve(); close(done) }()
	return ports, func() { server.Stop(); ports.Close(); <-done }
}

// said is what came back before the connection ended, and when that was; open
// when it had not ended within an hour.
func said(conn net.Conn, sent []byte) (answer []byte, after time.Duration, open bool) {
	began := time.Now()
	go conn.Write(sent)
	conn.SetReadDeadline(began.Add(time.Hour))
	answer, err := io.ReadAll(conn)
	conn.Close()
	return answer, time.Since(began), isTimeout(err)
}

func TestStockAndNoise(t *testing.T) {
	negativeList := append([]byte{0x80, 1, 0, 1, 0, 0, 0, 6}, "decide\x00\x00\x00\x01\x0f\x00\x02\x0b\xff\xff\xff\xff"...)
	oldNoise := append([]byte{0, 0, 0xff, 0xff}, "some noise"...)
	tests := []struct {
		name  string
		bytes []byte
		stock string // what the stock server does, framed and unframed
		limit string // that ours hits
	}{
		{"http", []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "logs, tells nobody", ""},
		{"tls", []byte{0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03}, "logs, tells nobody", ""},
		{"header transport", []byte{0, 0, 0, 100, 0x0f, 0xff, 0, 0, 0, 0, 0, 1, 0, 0}, "waits, waits", ""},
		{"a long name without version", oldNoise, "waits, waits", ""},
		{"a frame of nothing", make([]byte, 12), "waits, answers", ""},
		{"a frame of less than nothing", []byte{0xff, 0xff, 0xff, 0xff, 0x80, 1, 0, 1, 0, 0, 0, 6}, "logs, tells nobody", ""},
		{"a frame of 16 MB", []byte{0, 0xf0, 0, 0, 0x80, 1, 0, 1, 0, 0, 0, 6, 'd', 'e', 'c', 'i', 'd', 'e', 0, 0, 0, 1}, "waits, waits", "max_message"},
		{"a name of less than nothing", []byte{0x80, 1, 0, 1, 0xff, 0xff, 0xff, 0xff, 'f', 'i', 'l', 't'}, "logs, tells nobody", ""},
		{"a list of less than nothing", negativeList, "logs, tells internals", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := stockHears(t, tt.bytes, true) + ", " + stockHears(t, tt.bytes, false)
			if got != tt.stock {
				t.Errorf("the stock server %s", got)
			}
			synctest.Test(t, func(t *testing.T) {
				task := newToyTask(t, newToyShop())
				var log bytes.Buffer
				task.log = slog.New(slog.NewTextHandler(&log, nil))
				answer, after, _ := said(serveOn(t, task), tt.bytes)
				if after != 0 || log.Len() != 0 || len(answer) > 0 && !bytes.Contains(answer, []byte("malformed arguments")) && !bytes.Contains(answer, []byte("limit of")) || bytes.Contains(answer, []byte("size")) {
					t.Errorf("ours answers %q, closes after %v and logs %q", answer, after, &log)
				}
				task.data.inside.Wait()
				if n := counterOf(t, task, "sluice_connections_total", "garbage") + counterOf(t, task, "sluice_connections_closed_total", "malformed") +
					counterOf(t, task, "sluice_connections_closed_total", "limit"); n != 1 {
					t.Errorf("ours counts %v", n)
				}
				if n := counterOf(t, task, "sluice_limit_hits_total", tt.limit); tt.limit != "" && n != 1 {
					t.Errorf("ours counts %v hits of %s", n, tt.limit)
				}
			})
		})
	}
}

// stockHears is what a stock server makes of some bytes, in a word.
func stockHears(t *testing.T, sent []byte, framed bool) (does string) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		before := slog.Default()
		defer slog.SetDefault(before)
		slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
		ports, end := startStock(t, stock{}, framed)
		conn, err := ports.dial()
		if err != nil {
			t.Fatal(err)
		}
		answer, _, open := said(conn, sent)
		end()
		switch {
		case bytes.Contains(answer, []byte("size")):
			does = "tells internals"
		case len(answer) > 0:
			does = "answers"
		case open:
			does = "waits"
		case log.Len() > 0:
			does = "logs"
		default:
			does = "tells nobody"
		}
	})
	return does
}

func TestStockAndSlowSenders(t *testing.T) {
	for _, sent := range [][]byte{{}, {0}, {0, 0, 1, 0, 0x80, 1, 0, 1, 0, 0}} {
		synctest.Test(t, func(t *testing.T) {
			ports, end := startStock(t, stock{}, true)
			conn, err := ports.dial()
			if err != nil {
				t.Fatal(err)
			}
			if _, after, open := said(conn, sent); !open {
				t.Errorf("the stock server closes after %v", after)
			}
			end()
			task := newToyTask(t, newToyShop())
			limit, hit := task.o.ReadTimeout, "read_timeout"
			if len(sent) == 0 {
				limit, hit = task.o.IdleTimeout, "idle_timeout"
			}
			if _, after, _ := said(serveOn(t, task), sent); after != limit {
				t.Errorf("ours closes after %v", after)
			}
			task.data.inside.Wait()
			if n := counterOf(t, task, "sluice_limit_hits_total", hit); n != 1 {
				t.Errorf("%v hits of %s", n, hit)
			}
		})
	}
}

func TestStockAndIdleConnectionsAtStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ports, end := startStock(t, stock{newToyTask(t, newToyShop(low))}, true)
		idle, err := ports.dial()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client(idle, FramedBinary).Filter(t.Context(), &adfilter.BidRequest{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // until it waits for the next request: only then is it idle
		stopped := make(chan struct{})
		go func() { end(); close(stopped) }()
		select {
		case <-stopped:
			t.Error("the stock server stops")
		case <-time.After(time.Hour): // and for ever
		}
		idle.Close()
		<-stopped
	})
	synctest.Test(t, func(t *testing.T) {
		r := start(t, newToyTask(t, newToyShop()))
		conn, err := r.data.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		began := time.Now()
		r.end()
		if took := time.Since(began); took != r.task.o.DrainDelay+r.task.o.DrainLinger {
			t.Errorf("ours stops after %v", took)
		}
	})
}

// failsOnce is a server transport whose first accept fails.
type failsOnce struct {
	stockPipes
	failed *bool
}

func (f failsOnce) Accept() (thrift.TTransport, error) {
	if !*f.failed {
		*f.failed = true
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return f.stockPipes.Accept()
}

func TestStockAndTooManyOpenFiles(t *testing.T) {
	ports := newPipes()
	if err := newStock(stock{}, failsOnce{stockPipes{ports}, new(bool)}, true).Serve(); err != nil {
		t.Errorf("the stock server says why it ends: %v", err)
	}
	TestAcceptIsTriedAgain(t)
}

// leaky is a handler whose errors tell what no client should know.
type leaky struct{ stock }

func (leaky) Filter(context.Context, *adfilter.BidRequest) (*adfilter.BidResponse, error) {
	return nil, errors.New("get s3://secret-bucket/model: key AKIA123 is refused")
}

func TestStockAndSecretsInErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ports, end := startStock(t, leaky{}, true)
		conn, err := ports.dial()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client(conn, FramedBinary).Filter(t.Context(), &adfilter.BidRequest{}); !strings.Contains(err.Error(), "AKIA123") {
			t.Errorf("the stock server tells %v", err)
		}
		conn.Close()
		end()

		breaks := toy{Breaks: "panic"} // with a text of its own
		task := newToyTask(t, newToyShop(breaks))
		force(t, task, assignment{release: breaks.digest(), buckets: 1})
		heard := &taped{bytesConn: bytesConn{in: bytes.NewReader(usualCall(t, FramedBinary))}}
		task.serveData(t.Context(), newWire(heard, task.data.sizes))
		if b := heard.heard.Bytes(); !bytes.Contains(b, []byte(Panicked)) || bytes.Contains(b, []byte("toy")) {
			t.Errorf("ours tells %q", b)
		}
	})
}

// A frame of a megabyte may hold a million empty structs.
func TestStockAndGreedyFrames(t *testing.T) {
	const million = 1 << 20
	call := append([]byte{0x80, 1, 0, 1, 0, 0, 0, 6}, "decide\x00\x00\x00\x01\x0c\x00\x01\x0f\x00\x02\x0c\x00\x10\x00\x00"...)
	call = append(call, make([]byte, million+3)...)
	call = append([]byte{0, byte(len(call) >> 16), byte(len(call) >> 8), byte(len(call))}, call...)
	synctest.Test(t, func(t *testing.T) {
		ports, end := startStock(t, stock{newToyTask(t, newToyShop())}, true)
		conn, err := ports.dial()
		if err != nil {
			t.Fatal(err)
		}
		if mib := allocated(func() { said(conn, call) }) >> 20; mib < 100 {
			t.Errorf("the stock server allocates %d MiB", mib)
		}
		end()
		for _, limit := range []int{messageLimit, 2 << 20} {
			task := newToyTask(t, newToyShop())
			task.data.sizes.message = limit
			conn := serveOn(t, task)
			if mib := allocated(func() { said(conn, call) }) >> 20; mib > 8 {
				t.Errorf("ours allocates %d MiB of at most %d", mib, limit>>20)
			}
			task.data.inside.Wait()
			hit := "max_message"
			if limit > million {
				hit = "max_elements"
			}
			if n := counterOf(t, task, "sluice_limit_hits_total", hit); n != 1 {
				t.Errorf("%v hits of %s", n, hit)
			}
		}
	})
}

func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestStockAndLongTexts(t *testing.T) {
	long := &adfilter.BidRequest{UserAgent: strings.Repeat("x", 1<<20)}
	synctest.Test(t, func(t *testing.T) {
		ports, end := startStock(t, stock{}, true)
		conn, err := ports.dial()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client(conn, FramedBinary).Filter(t.Context(), long); err != nil {
			t.Errorf("the stock server does not take it: %v", err)
		}
		conn.Close()
		end()
		task := newToyTask(t, newToyShop())
		for _, d := range dialects() {
			said(serveOn(t, task), encodeAs(t, d, func(ctx context.Context, c *adfilter.AdFilterClient) { c.Filter(ctx, long) }))
		}
		task.data.inside.Wait()
		if n := counterOf(t, task, "sluice_limit_hits_total", "max_message"); n != 6 {
			t.Errorf("%v hits of max_message", n)
		}
	})
}

// breaking panics in the handler.
type breaking struct{ stock }

func (breaking) Filter(context.Context, *adfilter.BidRequest) (*adfilter.BidResponse, error) {
	panic("a bug")
}

// TestStockAndPanics lets a handler panic in a process of its own.
func TestStockAndPanics(t *testing.T) {
	if os.Getenv(serverKind) == "breaking" {
		l, err := thrift.NewTServerSocket("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := newStock(breaking{}, l, true)
		if err := server.Listen(); err != nil {
			t.Fatal(err)
		}
		go server.AcceptLoop()
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		client(conn, FramedBinary).Filter(t.Context(), &adfilter.BidRequest{})
		<-time.After(10 * time.Second) // the process is ending
		return
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStockAndPanics$")
	child.Env = append(os.Environ(), serverKind+"=breaking")
	if out, err := child.CombinedOutput(); err == nil || !bytes.Contains(out, []byte("panic: a bug")) {
		t.Errorf("the stock server lives: %v, %s", err, out)
	}

	// Ours, even where the bug is in the server itself.
	task := newToyTask(t, newToyShop(low))
	force(t, task, assignment{release: low.digest(), buckets: 1})
	serve := task.data.serve
	broke := false
	task.data.serve = func(ctx context.Context, w *wire) {
		if !broke {
			broke = true
			panic("a bug")
		}
		serve(ctx, w)
	}
	if _, err := serveOn(t, task).Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the connection that broke: %v", err)
	}
	if _, err := client(serveOn(t, task), FramedBinary).Decide(t.Context(), &openrtb.AuctionRequest{}, nil); err != nil {
		t.Errorf("the next one: %v", err)
	}
}
