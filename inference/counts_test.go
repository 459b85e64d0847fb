package inference

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/idl/gen/control"
)

// oracle counts again, from the answers alone, what a task must have counted.
type oracle struct {
	serving, shadow toy
	sample          float64

	requests, shadowRequests int64
	partners                 map[string]*[8]int64 // in the order of PartnerCounts
	scores                   [ScoreBins]int64
}

func (o *oracle) see(id string, d *adfilter.Decision, bidders []string) {
	o.requests++
	both := d.Explored || newLimit(o.sample).takes(mix(hashID(id), sampleSalt))
	if both {
		o.shadowRequests++
	}
	for _, p := range d.Partners {
		n := o.partners[p.Partner]
		if n == nil {
			n = new([8]int64)
			o.partners[p.Partner] = n
		}
		score := o.serving.rate(id, p.Partner)
		served, shadow := score < o.serving.Threshold, o.shadow.rate(id, p.Partner) < o.shadow.Threshold
		o.scores[int(score*ScoreBins)]++
		bid := d.Explored && slices.Contains(bidders, p.Partner)
		for i, yes := range []bool{
			true, served, both, both && served && !shadow, both && shadow && !served,
			bid, bid && served && !shadow, bid && shadow && !served,
		} {
			if yes {
				n[i]++
			}
		}
	}
}

func columns(p *control.PartnerCounts) [8]int64 {
	var sums [8]int64
	for i, list := range [][]int64{p.Scored, p.Filtered, p.Pairs, p.ServedOnly, p.ShadowOnly, p.Bids, p.BidsServedOnly, p.BidsShadowOnly} {
		sums[i] = sum(list)
	}
	return sums
}

func sum(list []int64) (n int64) {
	for _, v := range list {
		n += v
	}
	return n
}

// What two releases, many connections and exploration come to is counted
// exactly, whichever task the outcomes are reported to.
func TestCountsAreExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shop := newToyShop(hash, rash)
		r, other := start(t, newToyTask(t, shop)), start(t, newToyTask(t, shop))
		defer r.end()
		defer other.end()
		a := assigned(hash, 5)
		a.Shadow, a.Sample, a.Explore, a.Buckets = rash.digest(), 0.5, 0.25, 8
		r.assign(a)
		b := assigned(rash, 5)
		b.Buckets = a.Buckets
		other.assign(b)
		want := &oracle{serving: hash, shadow: rash, sample: a.Sample, partners: map[string]*[8]int64{}}
		var mu sync.Mutex
		var wait sync.WaitGroup
		for i := range 12 {
			c, conn := r.dial([]Dialect{FramedBinary, FramedCompact, UnframedBinary, UnframedCompact}[i%4])
			elsewhere, conn2 := other.dial(FramedBinary)
			wait.Go(func() {
				defer conn.Close()
				defer conn2.Close()
				chance := rand.New(rand.NewPCG(1, uint64(i)))
				for n := range 60 {
					id := fmt.Sprintf("%d-%d", i, n)
					partners, bidders := draw(chance), draw(chance)
					d, err := c.Decide(t.Context(), ask(id), partners)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					want.see(id, d, bidders)
					mu.Unlock()
					to := []*adfilter.AdFilterClient{c, elsewhere}[n%2]
					if err := to.Report(t.Context(), []*adfilter.Outcome{{Receipt: d.Receipt, Bidders: bidders}}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wait.Wait()
		synctest.Wait()
		compare(t, want, r, other)
		scored, filtered := int64(0), int64(0)
		for _, n := range want.partners {
			scored += n[0]
			filtered += n[1]
		}
		if s := r.status(); s.Requests != want.requests || s.Scored != scored || s.Filtered != filtered {
			t.Errorf("status says %d, %d, %d", s.Requests, s.Scored, s.Filtered)
		}
	})
}

func draw(chance *rand.Rand) []string {
	var names []string
	for _, p := range chance.Perm(9)[:chance.IntN(6)] {
		names = append(names, fmt.Sprintf("partner-%d", p))
	}
	return names
}

// compare adds up what both tasks say and holds it against the oracle; totals
// must be the sums of the buckets.
func compare(t *testing.T, want *oracle, tasks ...*running) {
	t.Helper()
	got := &oracle{partners: map[string]*[8]int64{}}
	for _, r := range tasks {
		full, totals := r.counts(&control.CountsQuery{Release: hash.digest()}), r.counts(&control.CountsQuery{Release: hash.digest(), Totals: true})
		if len(full.Releases) != 1 || len(totals.Releases) != 1 {
			t.Fatalf("%d releases", len(full.Releases))
		}
		f, s := full.Releases[0], totals.Releases[0]
		if f.Buckets != 8 || len(f.Requests) != 8 || s.Buckets != 1 || len(s.Requests) != 1 || s.Requests[0] != sum(f.Requests) {
			t.Errorf("buckets %d and %d, requests %v and %v", f.Buckets, s.Buckets, f.Requests, s.Requests)
		}
		if n := sum(f.Requests); n > 0 && slices.Max(f.Requests) == n {
			t.Error("all connections are in one bucket")
		}
		if f.Shadow != rash.digest() || f.Generation != 5 || sum(f.Errors)+sum(f.Invalid)+sum(f.ShadowInvalid) != 0 {
			t.Errorf("counts of %v", f)
		}
		if sum(f.Latency) != sum(f.Requests) {
			t.Errorf("%d latencies of %d requests", sum(f.Latency), sum(f.Requests))
		}
		got.requests += sum(f.Requests)
		got.shadowRequests += sum(f.ShadowRequests)
		for i, n := range f.Scores {
			got.scores[i] += n
		}
		for i, p := range f.Partners {
			if columns(p) != columns(s.Partners[i]) {
				t.Errorf("%s: totals are not the sums", p.Partner)
			}
			n := got.partners[p.Partner]
			if n == nil {
				n = new([8]int64)
				got.partners[p.Partner] = n
			}
			for j, v := range columns(p) {
				n[j] += v
			}
		}
	}
	if got.requests != want.requests || got.shadowRequests != want.shadowRequests || got.scores != want.scores {
		t.Errorf("requests %d, want %d; shadow %d, want %d", got.requests, want.requests, got.shadowRequests, want.shadowRequests)
	}
	if want.shadowRequests < 100 || len(want.partners) != 9 {
		t.Errorf("the test tests little: %d shadow requests", want.shadowRequests)
	}
	for name, n := range want.partners {
		if g := got.partners[name]; g == nil || *g != *n || n[5] == 0 {
			t.Errorf("%s: counted %v, want %v", name, g, n)
		}
	}
}

func TestExplorationFiltersNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		task := newToyTask(t, newToyShop(low, high))
		force(t, task, assignment{release: low.digest(), shadow: high.digest(), explore: 0.25, buckets: 4})
		s := &session{t: task, id: 3}
		explored := 0
		const requests = 4000
		for i := range requests {
			s.d.request.ID, s.d.partners = fmt.Sprint(i), []string{"a", "b"}
			s.decide(t.Context(), true, time.Now())
			d := s.decisionReply()
			if d.Explored {
				explored++
			}
			for _, p := range d.Partners {
				if p.Filtered == d.Explored {
					t.Fatalf("explored %v, %v", d.Explored, p)
				}
			}
			s.afterReply(t.Context(), time.Now())
		}
		if share := float64(explored) / requests; math.Abs(share-0.25) > 0.03 {
			t.Errorf("share of explored requests: %v", share)
		}
		n := task.serving.Load().counts.tally(1)
		if n.partners[0].filtered[0] != requests || n.shadowRequests[0] != int64(explored) || n.partners[0].servedOnly[0] != int64(explored) {
			t.Errorf("counted %+v", n.partners[0])
		}
		s.d.partners = []string{"a"}
		if s.decide(t.Context(), false, time.Now()); s.d.explored {
			t.Error("explored where it was not asked for")
		}
	})
}

func TestInvalidShadowIsCountedAndHarmsNobody(t *testing.T) {
	for _, breaks := range []string{"nan", "panic"} {
		broken := toy{Breaks: breaks}
		task := newToyTask(t, newToyShop(low, broken))
		force(t, task, assignment{release: low.digest(), shadow: broken.digest(), sample: 1, buckets: 1})
		s := &session{t: task}
		s.d.request.ID, s.d.partners = "x", []string{"a", "b"}
		s.decide(t.Context(), true, time.Now())
		s.afterReply(t.Context(), time.Now())
		n := task.serving.Load().counts.tally(1)
		if s.d.degraded != "" || n.shadowInvalid[0] != 2 || n.shadowRequests[0] != 1 || n.partners[0].pairs[0] != 0 || n.errors[0] != 0 {
			t.Errorf("%s: degraded %q, %+v", breaks, s.d.degraded, n)
		}
	}
}

func TestInvalidScoresAreErrors(t *testing.T) {
	broken := toy{Breaks: "nan"}
	task := newToyTask(t, newToyShop(broken))
	force(t, task, assignment{release: broken.digest(), buckets: 1})
	s := &session{t: task}
	s.d.partners = []string{"a", "b"}
	s.decide(t.Context(), true, time.Now())
	n := task.serving.Load().counts.tally(1)
	if n.requests[0] != 1 || n.errors[0] != 1 || n.invalid[0] != 2 || n.partners[0].scored[0]+n.partners[1].scored[0] != 0 {
		t.Errorf("%+v", n)
	}
}

func TestPartnersAreBounded(t *testing.T) {
	c := newCounts(countsKey{}, time.Now())
	for i := range 3 * maxPartners {
		c.partner(fmt.Sprint("partner ", i)).cells[0].scored.Add(1)
	}
	c.partner(string(make([]byte, maxPartnerBytes+1))).cells[0].scored.Add(1)
	n := c.tally(1)
	total := int64(0)
	for _, p := range n.partners {
		total += p.scored[0]
	}
	if len(n.partners) != maxPartners || total != 3*maxPartners+1 {
		t.Errorf("%d partners, %d pairs", len(n.partners), total)
	}
	if newCounts(countsKey{}, time.Now()).partner("").name != noPartner {
		t.Error("a partner without a name must be told of by some name")
	}
	if c.partner("partner 5").name != "partner 5" || c.partner("another").name != otherPartners {
		t.Error("a known partner was pooled, or an unknown one not")
	}
}

func TestLatencyBins(t *testing.T) {
	for _, us := range []float64{0, 0.3, 1, 1.18, 1.19, 1.41, 1.42, 1.68, 1.69, 2, 3, 100, 999, 1e6, 1e12, math.Pi} {
		got := latencyBin(time.Duration(us * 1000))
		want := min(max(0, int(math.Floor(4*math.Log2(float64(time.Duration(us*1000))/1000)))), LatencyBins-1)
		if us < 1 {
			want = 0
		}
		if got != want {
			t.Errorf("%v us: bin %d, want %d", us, got, want)
		}
	}
	if latencyBin(-time.Second) != 0 {
		t.Error("a clock that went back")
	}
}

// A reader in the middle of everything never sees more of the part than of the
// whole.
func TestTallyIsNeverImpossible(t *testing.T) {
	task := newToyTask(t, newToyShop(low, high))
	force(t, task, assignment{release: low.digest(), shadow: high.digest(), sample: 1, buckets: 2})
	var wait sync.WaitGroup
	for i := range 2 {
		wait.Go(func() {
			s := &session{t: task, id: uint64(i)}
			for n := range 3000 {
				s.d.request.ID, s.d.partners = fmt.Sprint(n), []string{"a"}
				s.decide(t.Context(), true, time.Now())
				s.afterReply(t.Context(), time.Now())
			}
		})
	}
	c := task.serving.Load().counts
	for range 3000 {
		for _, p := range c.tally(MaxBuckets).partners {
			for g := range p.scored {
				if p.filtered[g] > p.scored[g] || p.servedOnly[g] > p.pairs[g] {
					t.Fatalf("%+v", p)
				}
			}
		}
	}
	wait.Wait()
}

func TestScoringDoesNotAllocate(t *testing.T) {
	task := newToyTask(t, newToyShop(hash, rash))
	force(t, task, assignment{release: hash.digest(), shadow: rash.digest(), sample: 0.5, explore: 0.5, buckets: 16})
	s := &session{t: task, id: 9}
	partners := make([]string, 20)
	for i := range partners {
		partners[i] = fmt.Sprint("partner ", i)
	}
	ids := []string{"a", "b", "c", "d", "e", "f", "g"}
	i := 0
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() {
		i++
		s.d.request.ID, s.d.partners = ids[i%len(ids)], partners
		s.decide(ctx, true, time.Now())
		s.decisionReply()
		s.afterReply(ctx, time.Now())
	}); n != 0 {
		t.Errorf("%v allocations per request", n)
	}
}
