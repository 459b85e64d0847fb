package controller

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// The pace of a real loop: so much is counted from look to look, and so many
// looks are stored together.
const (
	lookEvery = 5 * time.Second
	looksKept = 6
)

// BenchmarkPass measures one pass of the loop in the middle of a canary step:
// every task's status, the counts of 2 x 16 compared tasks of 64 buckets and
// 30 partners, the judge's look and its checkpoint. The world is in memory;
// what it costs by itself is measured beside it, to be taken off.
func BenchmarkPass(b *testing.B) {
	for _, tasks := range []int{1000, 10000} {
		b.Run(fmt.Sprint(tasks, "-tasks"), func(b *testing.B) {
			w := newWorld()
			r := canary(b, w, tasks)
			passes := 0
			b.Run("pass", func(b *testing.B) {
				measure(b, func(ctx context.Context) error {
					w.serve(lookEvery)
					if _, err := r.Pass(ctx); err != nil {
						return err
					}
					if passes++; passes%looksKept > 0 {
						return nil
					}
					return r.keepLooks(ctx)
				})
			})
			if !w.stands(b, "second") {
				b.Fatal("there is no canary step any more")
			}
			r = nil // what lives now is the world's
			b.Run("world", func(b *testing.B) { measure(b, w.pass) })
		})
	}
}

func measure(b *testing.B, pass func(context.Context) error) {
	b.ReportAllocs()
	runtime.GC()
	began := processorTime(b)
	for b.Loop() {
		if err := pass(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((processorTime(b)-began).Nanoseconds())/float64(b.N), "cpu-ns/op")
	runtime.GC()
	runtime.GC() // also what pools hold
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "MiB-live")
}

// canary brings a fleet of so many tasks into the canary step of its second
// release.
func canary(b *testing.B, w *world, tasks int) *Reconciler {
	w.partners = nil
	for i := range 30 {
		w.partners = append(w.partners, fmt.Sprintf("partner-%02d", i))
	}
	clear(w.tasks)
	for i := range tasks {
		id := fmt.Sprintf("task-%05d", i)
		w.start(id)
		t := &w.tasks[id].Task
		t.MemoryBytes, t.Connections, t.StartedAt = 123<<20, 250, time.Now().UTC()
		t.Requests, t.Filtered, t.Scored = 1_234_567, 12_345_678, 34_567_890
		t.Times = &rollout.Times{Took: make([]int64, judge.LatencyBins), Waited: make([]int64, judge.LatencyBins)}
	}
	r := w.reconciler(1)
	policies := &r.Fleet.Policies
	policies.Default.Steps = []rollout.Step{{Tasks: 16, Soak: time.Hour}}
	policies.Default.Buckets = 64
	policies.Default.PromoteBatch = tasks
	policies.Default.Settle = 0
	policies.Special = []rollout.Policy{policies.Default}
	policies.Special[0].Jobs, policies.Special[0].Shadow.Skip = []string{"second"}, true
	r.Fleet.JobsEvery, r.Fleet.LookEvery = 0, 0 // every pass is to look
	for _, name := range []string{"one", "second"} {
		w.complete(name, testArtifact(name), 0)
		for !w.stands(b, name) {
			if _, err := r.Pass(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	for _, t := range w.tasks {
		t.Tag = t.Serving // which takes many passes
	}
	return r
}

// serve lets the tasks that are compared have served for so much longer.
func (w *world) serve(more time.Duration) {
	for _, t := range w.tasks {
		if t.Generation == w.wrote.Generation {
			t.since = t.since.Add(-more)
		}
	}
}

// stands reports whether a release is where a benchmark wants it: the first
// live, another in its canary step.
func (w *world) stands(b *testing.B, name string) bool {
	s, err := Store{Documents: w, Names: []string{"ads"}}.State(b.Context(), "ads")
	if err != nil {
		b.Fatal(err)
	}
	if name == "one" {
		return s.Stable != "" && s.Active == nil
	}
	return s.Active != nil && s.Active.Phase == rollout.Canary
}

// pass asks of the world what a pass of the loop does, and nothing else.
func (w *world) pass(ctx context.Context) error {
	w.serve(lookEvery)
	s, err := Store{Documents: w, Names: []string{"ads"}}.State(ctx, "ads")
	if err != nil {
		return err
	}
	listed, _, err := fakeTasks{w}.List(ctx)
	if err != nil {
		return err
	}
	var g errgroup.Group
	var next atomic.Int64
	for range atOnce {
		g.Go(func() error {
			for i := int(next.Add(1)) - 1; i < len(listed); i = int(next.Add(1)) - 1 {
				if _, err := (fakeControl{w}).Status(ctx, listed[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for arm, tasks := range map[judge.Arm][]string{judge.Candidate: s.Active.CanaryTasks, judge.Control: s.Active.ControlTasks} {
		c := Comparison{Candidate: s.Active.Candidate, Stable: s.Stable, Generation: s.Active.Generation, Arm: arm}
		for _, task := range tasks {
			if _, err := (fakeControl{w}).Counts(ctx, task, c); err != nil {
				return err
			}
		}
	}
	for _, key := range []string{checkpointKey("ads", s.Active.ID), lookKey("ads")} {
		w.write(key, w.documents[key].body)
	}
	return nil
}

// processorTime is what this process has had of the processors so far.
func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
