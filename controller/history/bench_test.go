package history

import (
	"math/rand/v2"
	"testing"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/controller/tally/tallytest"
)

// BenchmarkHour logs an hour of a canary step at a look every five seconds as
// the controller does: 8 canary and 8 control tasks with 64 buckets of
// connections answer 1,600 auctions a second, each offered to 20 of 100
// partners; traffic follows Zipf's law, and one request in fifty is scored by
// both releases. The chunk is packed after every sixth look.
func BenchmarkHour(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		w := tallytest.New(1)
		w.PerArm, w.Partners, w.Asked, w.PerLook, w.Sample, w.Persistent, w.Zipf = 8, 100, 20, 500, .02, .05, true
		w.Latency = func(_ judge.Arm, rng *rand.Rand) int { return 30 + int(3*rng.ExpFloat64()) }
		var counts tally.State
		var state judge.State
		var log *Writer
		stored, packed, policy := 0, []byte(nil), judge.Policy{}
		for i := range 720 {
			s := counts.Look(w.Next(), policy)
			d, err := DigestOf(state.Judge(s, policy))
			if err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			if log == nil || !log.Takes("v1", policy) {
				stored += len(packed)
				log = begin(b)
				policy = log.Header().Policy
			}
			if err := log.Append(Look{Number: i + 1, Digest: d, Statistics: s}); err != nil {
				b.Fatal(err)
			}
			if i%6 == 5 {
				packed = written(b, log)
			}
			b.StopTimer()
		}
		b.ReportMetric(float64(stored+len(packed)), "bytes/hour")
		b.StartTimer()
	}
}

// BenchmarkTrace judges an hour of a canary step anew, as BenchmarkHour has it
// but for its traffic, which comes without reports: 720 looks, 100 partners.
func BenchmarkTrace(b *testing.B) {
	parts := recorded(b, newTraffic(100, 1), new(judge.State).Judge, maxLooks, make([]float64, 720)...)
	for b.Loop() {
		var t Trace
		if err := t.Read(len(parts), of(parts)); err != nil || t.Looks != 720 {
			b.Fatal(t.Looks, err)
		}
	}
}
