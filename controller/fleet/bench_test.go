package fleet

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/idl/gen/control"
	"github.com/sluicehq/sluice/idl/packed"
)

// BenchmarkCounts is what the controller does with the bytes of 1,000 tasks'
// answers, of so many partners in 64 buckets: decode, check, name by candidate
// and stable, pack, and once all are there, tally. What is alive then are the
// reports and the tally.
func BenchmarkCounts(b *testing.B) {
	for _, partners := range []int{30, 100} {
		b.Run(fmt.Sprint("partners=", partners), func(b *testing.B) {
			var of [2]controller.Comparison
			var wire [2][]byte
			for i, arm := range []judge.Arm{judge.Candidate, judge.Control} {
				of[i] = controller.Comparison{Candidate: strings.Repeat("a", 64), Stable: strings.Repeat("b", 64), Generation: 7, Arm: arm}
				wire[i] = encode(b, answer(of[i], partners))
			}
			var state tally.State
			var read reader
			var decoding, tallying time.Duration
			look := tally.Look{At: time.Unix(1e9, 0), Served: true, Reports: make([]tally.Report, 1000)}
			before := alive()
			n := int64(0)
			b.ReportAllocs()
			for b.Loop() {
				clear(look.Reports)
				begin := time.Now()
				for i := range look.Reports {
					c := decode(b, wire[i%2])
					c.Task, c.After, c.Upto = fmt.Sprint("task-", i), n, n+1
					r, err := read.counted(c, of[i%2], time.Now())
					if err != nil {
						b.Fatal(err)
					}
					look.Reports[i] = *r
				}
				decoded := time.Now()
				seen := state.Look(look, judge.Policy{})
				if len(seen.Partners) != partners || len(seen.Problems) > 0 {
					b.Fatal(len(seen.Partners), seen.Problems)
				}
				decoding, tallying = decoding+decoded.Sub(begin), tallying+time.Since(decoded)
				look.At = look.At.Add(time.Second)
				n++
			}
			b.ReportMetric(float64(len(wire[0]))/1024, "KiB/task")
			b.ReportMetric(decoding.Seconds()*1000/float64(n), "decode-us/task")
			b.ReportMetric(tallying.Seconds()*1000/float64(n), "tally-ms")
			b.ReportMetric(float64(alive()-before)/(1<<20), "MiB-alive")
			runtime.KeepAlive(look)
			runtime.KeepAlive(&state)
		})
	}
}

func encode(b *testing.B, c *control.Counted) []byte {
	b.Helper()
	wire := thrift.NewTMemoryBuffer()
	if err := c.Write(b.Context(), thrift.NewTBinaryProtocolConf(wire, nil)); err != nil {
		b.Fatal(err)
	}
	return wire.Bytes()
}

func decode(b *testing.B, wire []byte) *control.Counted {
	b.Helper()
	in := thrift.NewTMemoryBuffer()
	if _, err := in.Write(wire); err != nil {
		b.Fatal(err)
	}
	c := control.NewCounted()
	if err := c.Read(b.Context(), thrift.NewTBinaryProtocolConf(in, nil)); err != nil {
		b.Fatal(err)
	}
	return c
}

func alive() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// answer is what a task tells of ten seconds of 2,000 requests a second for 20
// partners each, a tenth scored by both releases.
func answer(of controller.Comparison, partners int) *control.Counted {
	pack := func(columns ...int) []byte {
		var w packed.Writer
		for _, n := range columns {
			for g := range maxBuckets {
				w.Write(int64(n * (50 + g) / 80))
			}
		}
		return w.Bytes
	}
	n := 400_000 / partners / maxBuckets
	e := &control.CountedRelease{Release: of.Candidate, Shadow: of.Stable, Columns: pack(312, 0, 0, 0, 31)}
	if of.Arm == judge.Control {
		e.Release, e.Shadow = of.Stable, of.Candidate
	}
	for i := range partners {
		e.Partners = append(e.Partners, &control.CountedPartner{
			Partner: fmt.Sprint("partner-", i), Columns: pack(n, n*2/5, n/10, n/100, n/100, n/200),
		})
	}
	return &control.Counted{Task: "t", Boot: "b", Generation: of.Generation, Upto: 1, Buckets: maxBuckets, Releases: []*control.CountedRelease{e}}
}
