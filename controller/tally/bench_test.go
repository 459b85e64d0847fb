package tally_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/controller/tally/tallytest"
)

// crowd is a look over so many tasks, partners and buckets, and a function
// that lets it go on. Every task counts what it does in a second: 1,000
// requests of 20 partners, some of which answer most of them, and 4 % scored by
// both releases, which differ on one pair in thirty. Where nothing is counted
// there is no list. A full crowd has a number in every list instead.
//
// As the controller has them, reports are packed.
func crowd(tasks, partners, buckets int, full, plain bool) (tally.Look, func()) {
	rng := rand.New(rand.NewPCG(1, 1))
	l := tally.Look{At: time.Unix(1e9, 0), Served: true}
	zipf := rand.NewZipf(rng, 1.05, 10, uint64(partners-1))
	for i := range tasks {
		r := tallytest.Blank(fmt.Sprintf("task-%04d", i), []judge.Arm{judge.Candidate, judge.Control}[i%2], buckets)
		r.Upto = 0
		columns := make([]tally.Columns, partners)
		for n := range 1000 {
			g := rng.IntN(buckets)
			r.Requests[g]++
			if n%25 == 0 {
				r.ShadowRequests[g]++
			}
			for range 20 {
				c := &columns[zipf.Uint64()]
				u := rng.Float64()
				count(&c.Scored, g, buckets, true)
				count(&c.Filtered, g, buckets, u < .4)
				count(&c.Pairs, g, buckets, n%25 == 0)
				count(&c.CandidateOnly, g, buckets, n%25 == 0 && u < .02)
				count(&c.StableOnly, g, buckets, n%25 == 0 && u > .98)
			}
		}
		for k, c := range columns {
			if full {
				for _, list := range []*[]int64{&c.Pairs, &c.CandidateOnly, &c.StableOnly, &c.Filtered} {
					count(list, 0, buckets, *list == nil)
				}
			}
			for _, list := range []*[]int64{&c.Scored, &c.Filtered, &c.Pairs, &c.CandidateOnly, &c.StableOnly} {
				*list = slices.Clone(*list) // one behind the other, as they are decoded
			}
			if c.Scored != nil {
				r.Partners[tallytest.PartnerName(k)] = c
			}
		}
		if !plain {
			r = r.Pack()
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

func count(list *[]int64, g, buckets int, so bool) {
	if !so {
		return
	}
	if *list == nil {
		*list = make([]int64, buckets)
	}
	(*list)[g]++
}

// BenchmarkLook tallies one look and judges it. What is alive are the reports
// and the tally. Reports that are not packed take some 130 MB for 1,000 tasks,
// and 256 MB where every list is full.
func BenchmarkLook(b *testing.B) {
	for _, size := range []struct {
		tasks, partners, buckets int
		full, plain              bool
	}{
		{4, 30, 64, false, false},
		{16, 100, 64, false, false},
		{100, 100, 64, false, false},
		{1000, 100, 64, false, false},
		{1000, 100, 64, true, false},
		{1000, 100, 64, false, true},
		{1000, 100, 64, true, true},
	} {
		name := fmt.Sprintf("%dx%dx%d", size.tasks, size.partners, size.buckets)
		if size.full {
			name += "-full"
		}
		if size.plain {
			name += "-plain"
		}
		b.Run(name, func(b *testing.B) {
			before := alive()
			l, more := crowd(size.tasks, size.partners, size.buckets, size.full, size.plain)
			var s tallytest.Case
			for range 3 {
				more()
				s.Look(l, judge.Policy{})
			}
			b.ReportAllocs()
			b.ResetTimer()
			busy := processor()
			for b.Loop() {
				more()
				s.Look(l, judge.Policy{})
			}
			b.ReportMetric(float64((processor()-busy).Microseconds())/1000/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(alive()-before)/(1<<20), "MiB-alive")
			runtime.KeepAlive(&s)
			runtime.KeepAlive(l)
		})
	}
}

// processor is the time that this process has had of the processors, which on
// a machine that others use too tells more than the clock.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func alive() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkCheckpoint(b *testing.B) {
	l, more := crowd(16, 30, 64, false, false)
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
	l, more := crowd(16, 30, 64, false, false)
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
