package controller

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// BenchmarkPass measures one pass of the loop in the middle of a canary step:
// every task's status, the counts of 2 x 16 compared tasks of 64 buckets and
// 30 partners, the judge's look and its checkpoint. The world is in memory, so
// that this is the controller's own share.
func BenchmarkPass(b *testing.B) {
	for _, tasks := range []int{1000, 10000} {
		b.Run(fmt.Sprint(tasks, "-tasks"), func(b *testing.B) {
			w := newWorld()
			w.partners = nil
			for i := range 30 {
				w.partners = append(w.partners, fmt.Sprintf("partner-%02d", i))
			}
			clear(w.tasks)
			for i := range tasks {
				id := fmt.Sprintf("task-%05d", i)
				w.start(id)
				w.tasks[id].Times = &rollout.Times{Took: make([]int64, judge.LatencyBins), Waited: make([]int64, judge.LatencyBins)}
			}
			r := w.reconciler(1)
			r.Fleet.Policies.Default.Steps = []rollout.Step{{Tasks: 16, Soak: time.Hour}}
			r.Fleet.Policies.Default.Buckets = 64
			r.Fleet.Policies.Default.PromoteBatch = tasks
			r.Fleet.Policies.Default.Settle = 0
			r.Fleet.Policies.Special = []rollout.Policy{r.Fleet.Policies.Default}
			r.Fleet.Policies.Special[0].Jobs, r.Fleet.Policies.Special[0].Shadow.Skip = []string{"second"}, true
			r.Fleet.JobsEvery, r.Fleet.LookEvery = 0, 0 // every pass is to look
			store := Store{Documents: w, Names: []string{"ads"}}
			for i, name := range []string{"one", "second"} {
				w.complete(name, testArtifact(name), 0)
				for {
					if _, err := r.Pass(b.Context()); err != nil {
						b.Fatal(err)
					}
					s, err := store.State(b.Context(), "ads")
					if err != nil {
						b.Fatal(err)
					}
					if i == 0 && s.Stable != "" {
						break
					}
					if s.Active != nil && s.Active.Phase == rollout.Canary {
						break
					}
				}
			}
			b.ResetTimer()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Pass(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "MiB-live")
			b.ReportMetric(float64(len(w.documents["fleets/ads/state.json"].body))/1024, "KiB-state")
		})
	}
}
