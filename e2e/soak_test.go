package e2e

import (
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/auction"
)

var (
	soak      = flag.Duration("soak", 0, "hold auctions for this long while releases change, and see that none fails and memory stays level")
	soakTasks = flag.Int("soak-tasks", 1, "tasks of the soak")
	soakShare = flag.Float64("soak-share", 0.8, "share of the measured capacity that the soak asks for")
)

const (
	swapEvery    = 5 * time.Second
	measureFor   = 5 * time.Second // twice
	settleFor    = time.Minute     // after which memory must not grow much
	memoryGrowth = 1.25
	soakTmax     = 5 * time.Second // the machine may be busy with other things
	soakFlood    = 100_000         // auctions per second, more than any machine of tests answers
)

// auctions starts an auction client against each task.
func (b *bare) auctions(rate float64, d time.Duration, flags ...string) (clients []*process) {
	b.Helper()
	for _, t := range b.tasks {
		b.launched++
		args := append([]string{
			"auction", "--target", t.data, "--rate", fmt.Sprintf("%.0f", rate/float64(len(b.tasks))),
			"--connections", "64", "--tmax", soakTmax.String(), "--duration", d.String(), "--json",
		}, flags...)
		clients = append(clients, b.launch(fmt.Sprintf("auction-%d", b.launched), args...))
	}
	return clients
}

// sum waits for auction clients and adds up what they say.
func (b *bare) sum(clients []*process) (all auction.Summary) {
	b.Helper()
	for _, c := range clients {
		<-c.done
		var one auction.Summary
		if err := json.Unmarshal([]byte(c.printed()), &one); err != nil || c.err != nil {
			b.Fatalf("%s ended badly: %v, %v\n%s", c.name, c.err, err, c.printed())
		}
		all.Seconds = max(all.Seconds, one.Seconds)
		all.Auctions.Sent += one.Auctions.Sent
		all.Auctions.Answered += one.Auctions.Answered
		all.Auctions.Degraded += one.Auctions.Degraded
		all.Auctions.Failed += one.Auctions.Failed
		all.Auctions.Retried += one.Auctions.Retried
		all.FailedBy.Timeout += one.FailedBy.Timeout
		all.FailedBy.QueueFull += one.FailedBy.QueueFull
		all.FailedBy.Connection += one.FailedBy.Connection
		all.FailedBy.BadAnswer += one.FailedBy.BadAnswer
		all.Latency.P50 = max(all.Latency.P50, one.Latency.P50)
		all.Latency.P99 = max(all.Latency.P99, one.Latency.P99)
		all.Latency.Max = max(all.Latency.Max, one.Latency.Max)
	}
	return all
}

// capacity is how many auctions per second are answered when far more are
// held, and the share of it that may be asked for: less where two turns differ
// much, since somebody else uses the machine.
func (b *bare) capacity() (perSecond, share float64) {
	b.Helper()
	var turns [2]float64
	for i := range turns {
		s := b.sum(b.auctions(soakFlood, measureFor, "--queue", "1000"))
		turns[i] = float64(s.Auctions.Answered) / s.Seconds
	}
	perSecond, share = min(turns[0], turns[1]), *soakShare
	if perSecond < 0.8*max(turns[0], turns[1]) {
		share = min(share, 0.5)
	}
	b.Logf("capacity: %.0f and %.0f auctions per second; %.0f %% of the smaller is asked for", turns[0], turns[1], 100*share)
	return perSecond, share
}

// swapper gives tasks one release after the other, and notes their memory.
type swapper struct {
	*bare
	generation []int64   // asked of each task
	memory     [][]int64 // of each task: resident bytes, before every swap
	done, late int       // swaps asked for, and put off since the one before was not in force
}

// next gives the task its next release, other than the one it serves and the
// one it served before: it is fetched, read and proven anew.
func (s *swapper) next(task int) {
	s.Helper()
	is, err := s.status(s.tasks[task])
	switch {
	case err != nil:
		s.Fatalf("task %d does not tell its status: %v", task, err)
	case is.Failure != "":
		s.Fatalf("a swap of task %d failed: %s", task, is.Failure)
	case !is.Ready:
		s.Fatalf("task %d is not ready", task)
	}
	s.memory[task] = append(s.memory[task], is.MemoryBytes)
	if is.Generation != s.generation[task] {
		s.late++
		return
	}
	s.generation[task]++
	s.must(s.control.Assign(s.Context(), s.tasks[task].control, rollout.Assign{
		Release: s.digests[s.generation[task]%int64(len(s.digests))], Buckets: 64, Generation: s.generation[task],
	}, 1))
	s.done++
}

// run swaps, every task in its turn, until the clients have ended.
func (s *swapper) run(clients []*process) {
	tick := time.NewTicker(swapEvery / time.Duration(len(s.tasks)))
	defer tick.Stop()
	for turn := 0; ; turn++ {
		select {
		case <-clients[0].done:
			return
		case <-tick.C:
			s.next(turn % len(s.tasks))
		}
	}
}

// level is the median of the last few of some bytes, in MiB.
func level(of []int64) float64 {
	last := slices.Sorted(slices.Values(of[max(0, len(of)-7):]))
	return float64(last[len(last)/2]) / (1 << 20)
}

// TestSoak holds auctions at most of what the machine can do, while each task
// changes its release every few seconds: no auction fails or goes unscored, and
// memory stays level.
func TestSoak(t *testing.T) {
	if *soak == 0 {
		t.Skip("takes minutes: make soak, or go test -timeout 1h -run TestSoak . -soak 10m")
	}
	b := newBare(t, *soakTasks, "baseline", "better", "burst-1", "burst-2", "burst-3", "greedy", "partner-blind")
	capacity, share := b.capacity()
	s := &swapper{bare: b, generation: make([]int64, len(b.tasks)), memory: make([][]int64, len(b.tasks))}
	clients := b.auctions(share*capacity, *soak)
	s.run(clients)
	sum := b.sum(clients)
	t.Logf("auctions: sent %d in %.0f s, answered %d, degraded %d, failed %d (%+v), retried %d; p50 %d us, p99 %d us, max %d us",
		sum.Auctions.Sent, sum.Seconds, sum.Auctions.Answered, sum.Auctions.Degraded, sum.Auctions.Failed, sum.FailedBy, sum.Auctions.Retried,
		sum.Latency.P50, sum.Latency.P99, sum.Latency.Max)
	if sum.Auctions.Answered != sum.Auctions.Sent || sum.Auctions.Sent == 0 {
		t.Error("some auctions went without a score")
		for _, task := range b.tasks {
			t.Log(b.metrics(task, "sluice_degraded_total"), b.metrics(task, "sluice_limit_hits_total"))
		}
	}
	t.Logf("swaps: %d, and %d put off since the one before took long", s.done, s.late)
	if wanted := int(*soak/swapEvery) * len(b.tasks); s.done < wanted/2 {
		t.Errorf("%d swaps came about, want about %d", s.done, wanted)
	}
	s.levels()
	for _, task := range b.tasks {
		if err := task.process.stop(); err != nil {
			t.Error(err)
		}
		if said := task.process.printed(); strings.Contains(said, `"level":"ERROR"`) || strings.Contains(said, `"level":"WARN"`) {
			t.Errorf("%s complains:\n%s", task.name, said[max(0, len(said)-4000):])
		}
	}
}

// levels compares the memory of each task at the end with that once it had
// settled.
func (s *swapper) levels() {
	s.Helper()
	for i, of := range s.memory {
		settled := int(min(settleFor, *soak/3) / swapEvery)
		if settled < 1 || len(of) <= settled {
			s.Logf("memory: too short a soak to tell")
			continue
		}
		before, after := level(of[:settled]), level(of)
		s.Logf("memory of task %d: %.1f MiB once settled, %.1f MiB at the end (x %.2f), %.1f MiB at most",
			i, before, after, after/before, float64(slices.Max(of))/(1<<20))
		if after > memoryGrowth*before {
			s.Errorf("memory of task %d grows: %.1f MiB, then %.1f MiB\nall, in bytes: %v", i, before, after, of)
		}
	}
}
