package fleet

import (
	"fmt"
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
// and stable, and pack. The reports are let go one after the other.
func BenchmarkCounts(b *testing.B) {
	of := controller.Comparison{Candidate: strings.Repeat("a", 64), Stable: strings.Repeat("b", 64), Generation: 7, Arm: judge.Candidate}
	for _, partners := range []int{30, 100} {
		b.Run(fmt.Sprint("partners=", partners), func(b *testing.B) {
			wire := thrift.NewTMemoryBuffer()
			if err := answer(of, partners).Write(b.Context(), thrift.NewTBinaryProtocolConf(wire, nil)); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(wire.Len())/1024, "KiB/task")
			b.ReportAllocs()
			var r *tally.Report
			for b.Loop() {
				for range 1000 {
					in := thrift.NewTMemoryBuffer()
					if _, err := in.Write(wire.Bytes()); err != nil {
						b.Fatal(err)
					}
					c := control.NewCounted()
					if err := c.Read(b.Context(), thrift.NewTBinaryProtocolConf(in, nil)); err != nil {
						b.Fatal(err)
					}
					var err error
					if r, err = counted(c, of, time.Now()); err != nil {
						b.Fatal(err)
					}
				}
			}
			if n := len(r.Unpack().Partners); n != partners {
				b.Fatal(n, "partners")
			}
			b.ReportMetric(b.Elapsed().Seconds()*1000/float64(b.N), "us/task")
		})
	}
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
	for i := range partners {
		e.Partners = append(e.Partners, &control.CountedPartner{
			Partner: fmt.Sprint("partner-", i), Columns: pack(n, n*2/5, n/10, n/100, n/100, n/200),
		})
	}
	return &control.Counted{Task: "t", Boot: "b", Generation: of.Generation, Upto: 1, Buckets: maxBuckets, Releases: []*control.CountedRelease{e}}
}
