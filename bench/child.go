package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/inference"
	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/release"
)

// The CPU of a server is measured on a process of its own: this program, run
// again to serve and nothing else. It says where it listens, then what it used
// whenever it is asked, until its input ends.

// kind is which server a child is.
type kind string

const (
	oursKind    kind = "ours"
	trainedKind kind = "trained" // ours, with the trained model
	stockKind   kind = "stock"
	echoKind    kind = "echo"
)

// hello is the first line of a child.
type hello struct {
	Data, Control string
	Releases      []string // that it can be assigned
}

// usage is what a child has used so far.
type usage struct {
	CPU      float64 // microseconds
	Mallocs  uint64
	Resident int64 // bytes
}

// serve is a child. trees is the size of its model; releases how many models
// it has to choose from; reply what an echo answers.
func serve(ctx context.Context, k kind, trees, releases, reply int) error {
	if k == s3Kind || k == s3SyncKind {
		return serveS3(ctx, k)
	}
	data, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	said := hello{Data: data.Addr().String()}
	switch k {
	case oursKind, trainedKind:
		err = serveOurs(ctx, data, k, trees, releases, &said)
	case stockKind:
		err = serveStock(data, trees, &said)
	case echoKind:
		go echo(data, reply)
	default:
		err = fmt.Errorf("there is no server %q", k)
	}
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(said); err != nil {
		return err
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if err := out.Encode(used()); err != nil {
			return err
		}
	}
	return nil
}

func used() usage {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{CPU: float64(cpuOf(process)) / 1000, Mallocs: m.Mallocs, Resident: resident()}
}

func resident() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if text, is := strings.CutPrefix(line, "VmRSS:"); is {
			kib, _ := strconv.ParseInt(strings.Fields(text)[0], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// shop is a bucket in memory.
type shop map[string][]byte

// Fetch implements inference.Fetcher.
func (s shop) Fetch(_ context.Context, key string, limit int64) ([]byte, error) {
	b, there := s[key]
	switch {
	case !there:
		return nil, inference.ErrNotFound
	case int64(len(b)) > limit:
		return nil, inference.ErrTooLarge
	}
	return b, nil
}

func serveOurs(ctx context.Context, data net.Listener, k kind, trees, releases int, said *hello) error {
	bucket := shop{}
	for seed := range releases {
		f, c := sized(uint64(seed), trees)
		if k == trainedKind {
			t, err := readTrained(trees)
			if err != nil {
				return err
			}
			f, c = t.forest, t.contract()
		}
		packed, err := archive(f, c)
		if err != nil {
			return err
		}
		digest := release.Digest(packed)
		bucket[release.ArchiveKey(digest)] = packed
		said.Releases = append(said.Releases, digest)
	}
	bucket[release.FleetKey("bench")] = fmt.Appendf(nil, `{"default":%q}`, said.Releases[0])
	o := inference.DefaultOptions()
	o.Name, o.Fleet, o.Fetch, o.Log = "bench", "bench", bucket, slog.New(slog.DiscardHandler)
	o.MaxConnections, o.Deadline = 12_000, time.Minute // we ask for all that a task can do, and want all of it scored
	inference.TuneCollector(0)
	task, err := inference.New(o)
	if err != nil {
		return err
	}
	l := inference.Listeners{Data: data}
	if l.Control, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	if l.HTTP, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	said.Control = l.Control.Addr().String()
	go func() {
		if err := task.Run(ctx, l); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}()
	return nil
}

// stock answers with generated code and the naive walk. It reads features as
// fast as we do, which flatters it, and counts nothing.
type stock struct {
	f        *forest
	features *feature.Extractor
}

func (h stock) Decide(_ context.Context, b *auctionRequest, partners []string) (*adfilter.Decision, error) {
	r := fromWire(b)
	width := h.features.Len()
	rows := make([]float32, width*len(partners))
	h.features.ExtractPartners(rows, &r, partners...)
	d := &adfilter.Decision{Release: strings.Repeat("0", 64), Receipt: []byte{}}
	for i, name := range partners {
		score := h.f.score(rows[i*width:][:width])
		d.Partners = append(d.Partners, &adfilter.PartnerDecision{Partner: name, Score: score, Filtered: score < 0.5})
	}
	return d, nil
}

func (stock) Filter(context.Context, *adfilter.BidRequest) (*adfilter.BidResponse, error) {
	return nil, errors.New("not measured")
}

func (stock) Report(context.Context, []*adfilter.Outcome) error { return nil }

func serveStock(data net.Listener, trees int, said *hello) error {
	f, c := sized(0, trees)
	features, err := c.Compile()
	if err != nil {
		return err
	}
	data.Close() // it wants to listen itself
	socket, err := thrift.NewTServerSocket(said.Data)
	if err != nil {
		return err
	}
	conf := &thrift.TConfiguration{}
	handler := stock{f, features}
	server := thrift.NewTSimpleServer4(adfilter.NewAdFilterProcessor(handler), socket,
		thrift.NewTFramedTransportFactoryConf(thrift.NewTBufferedTransportFactory(4096), conf), thrift.NewTBinaryProtocolFactoryConf(conf))
	if err := server.Listen(); err != nil {
		return err
	}
	go func() {
		if err := server.Serve(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}()
	return nil
}

// echo is the least that any server must do: as many bytes in and out.
func echo(l net.Listener, reply int) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			in, out := make([]byte, 64<<10), make([]byte, reply)
			binary.BigEndian.PutUint32(out, uint32(reply-4))
			for have := 0; ; {
				n, err := conn.Read(in[have:])
				if err != nil {
					return
				}
				if have += n; have < 4 || have < 4+int(binary.BigEndian.Uint32(in)) {
					continue
				}
				have = 0
				if _, err := conn.Write(out); err != nil {
					return
				}
			}
		}()
	}
}
