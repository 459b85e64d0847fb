package judge

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// crowd is a look over so many tasks, partners and buckets, and a function
// that lets them count on.
func crowd(tasks, partners, buckets int) (Look, func()) {
	rng := rand.New(rand.NewPCG(1, 1))
	l := Look{At: time.Unix(1e9, 0), Served: true}
	for i := range tasks {
		r := blank(fmt.Sprintf("task-%04d", i), []Arm{Candidate, Control}[i%2], buckets)
		for k := range partners {
			r.Partners[partnerName(k)] = blankColumns(buckets)
		}
		l.Reports = append(l.Reports, r)
	}
	return l, func() {
		l.At = l.At.Add(time.Second)
		for _, r := range l.Reports {
			for g := range buckets {
				r.Requests[g] += 20
				r.ShadowRequests[g] += 5
				for _, c := range r.Partners {
					c.Scored[g] += 10
					c.Filtered[g] += int64(rng.IntN(10))
					c.Pairs[g] += 2
					c.CandidateOnly[g] += int64(rng.IntN(64) / 63)
				}
			}
		}
	}
}

func BenchmarkLook(b *testing.B) {
	for _, size := range []struct{ tasks, partners, buckets int }{{4, 30, 64}, {16, 30, 64}, {16, 100, 64}, {100, 100, 64}} {
		b.Run(fmt.Sprintf("%dx%dx%d", size.tasks, size.partners, size.buckets), func(b *testing.B) {
			l, more := crowd(size.tasks, size.partners, size.buckets)
			var s State
			for range 3 {
				more()
				s.Look(l, Policy{})
			}
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				more()
				b.StartTimer()
				s.Look(l, Policy{})
			}
		})
	}
}

func BenchmarkCheckpoint(b *testing.B) {
	l, more := crowd(16, 30, 64)
	var s State
	for range 50 {
		more()
		s.Look(l, Policy{})
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
	var s State
	for range 50 {
		more()
		s.Look(l, Policy{})
	}
	data, err := json.Marshal(s)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var back State
		if err := json.Unmarshal(data, &back); err != nil {
			b.Fatal(err)
		}
	}
}
