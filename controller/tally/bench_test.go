package tally_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/controller/tally/tallytest"
)

// crowd is a look over so many tasks, partners and buckets, in which every
// bucket of every partner counts, and a function that lets it go on. Tasks
// share their lists, since a benchmark's memory is its own affair.
func crowd(tasks, partners, buckets int) (tally.Look, func()) {
	rng := rand.New(rand.NewPCG(1, 1))
	l := tally.Look{At: time.Unix(1e9, 0), Served: true}
	for i := range tasks {
		r := tallytest.Blank(fmt.Sprintf("task-%04d", i), []judge.Arm{judge.Candidate, judge.Control}[i%2], buckets)
		r.Upto = 0
		for g := range buckets {
			r.Requests[g] += 20
			r.ShadowRequests[g] += 5
		}
		for k := range partners {
			c := tallytest.BlankColumns(buckets)
			for g := range buckets {
				c.Scored[g] += 10
				c.Filtered[g] += int64(rng.IntN(10))
				c.Pairs[g] += 2
				c.CandidateOnly[g] += int64(rng.IntN(64) / 63)
			}
			r.Partners[tallytest.PartnerName(k)] = c
		}
		l.Reports = append(l.Reports, r)
	}
	return l, func() {
		l.At = l.At.Add(time.Second)
		for i := range l.Reports {
			r := &l.Reports[i]
			r.After, r.Upto = r.Upto, r.Upto+1
		}
	}
}

// BenchmarkLook tallies one look and judges it.
func BenchmarkLook(b *testing.B) {
	for _, size := range []struct{ tasks, partners, buckets int }{{4, 30, 64}, {16, 100, 64}, {100, 100, 64}, {1000, 100, 64}} {
		b.Run(fmt.Sprintf("%dx%dx%d", size.tasks, size.partners, size.buckets), func(b *testing.B) {
			l, more := crowd(size.tasks, size.partners, size.buckets)
			before := alive()
			var s tallytest.Case
			for range 3 {
				more()
				s.Look(l, judge.Policy{})
			}
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				more()
				b.StartTimer()
				s.Look(l, judge.Policy{})
			}
			b.ReportMetric(float64(alive()-before)/(1<<20), "MiB-alive")
			runtime.KeepAlive(&s)
			runtime.KeepAlive(l)
		})
	}
}

// BenchmarkTally is the part of it that is not the judge's.
func BenchmarkTally(b *testing.B) {
	l, more := crowd(1000, 100, 64)
	var s tally.State
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		more()
		b.StartTimer()
		s.Look(l, judge.Policy{})
	}
}

func alive() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkCheckpoint(b *testing.B) {
	l, more := crowd(16, 30, 64)
	var s tally.State
	for range 50 {
		more()
		s.Look(l, judge.Policy{})
	}
	var data []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if data, err = json.Marshal(s); err != nil {
			b.Fatal(err)
		}
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(data); err != nil {
		b.Fatal(err)
	}
	if err := z.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(len(data)), "json-bytes")
	b.ReportMetric(float64(zipped.Len()), "gzip-bytes")
}

func BenchmarkRestore(b *testing.B) {
	l, more := crowd(16, 30, 64)
	var s tally.State
	for range 50 {
		more()
		s.Look(l, judge.Policy{})
	}
	data, err := json.Marshal(s)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var back tally.State
		if err := json.Unmarshal(data, &back); err != nil {
			b.Fatal(err)
		}
	}
}
