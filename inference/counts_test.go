package inference

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
)

// oracle counts again, from the answers alone, what a task must have counted.
type oracle struct {
	serving, shadow toy
	sample          float64

	requests, shadowRequests int64
	partners                 map[string]*[8]int64 // in the order of CountedPartner
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

// compare adds up what both tasks say and holds it against the oracle.
func compare(t *testing.T, want *oracle, tasks ...*running) {
	t.Helper()
	got := &oracle{partners: map[string]*[8]int64{}}
	for _, r := range tasks {
		told, err := r.counted(5, 0, false)
		if err != nil {
			t.Fatal(err)
		}
		all := countedBy{}
		all.add(t, told)
		n := all[countsKey{hash.digest(), rash.digest(), 5}]
		if n == nil || told.Buckets != 8 || sum(n.requests[requestsColumn][8:]) != 0 {
			t.Fatalf("told %v", told)
		}
		requests := n.requests[requestsColumn]
		if all := sum(requests[:]); all > 0 && slices.Max(requests[:]) == all {
			t.Error("all connections are in one bucket")
		}
		for _, i := range []int{errorsColumn, invalidColumn, shadowInvalidColumn} {
			if sum(n.requests[i][:]) != 0 {
				t.Errorf("column %d: %v", i, n.requests[i])
			}
		}
		if sum(n.latency[:]) != sum(requests[:]) {
			t.Errorf("%d latencies of %d requests", sum(n.latency[:]), sum(requests[:]))
		}
		got.requests += sum(requests[:])
		got.shadowRequests += sum(n.requests[shadowRequestsColumn][:])
		for i := range got.scores {
			got.scores[i] += n.scores[i]
		}
		for name, p := range n.partners {
			if got.partners[name] == nil {
				got.partners[name] = new([8]int64)
			}
			for i := range p {
				got.partners[name][i] += sum(p[i][:])
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

// tally is a copy of counts at one moment, folded to some number of buckets.
type tally struct {
	key     countsKey
	buckets int

	requests, errors, invalid, shadowInvalid, shadowRequests []int64
	partners                                                 []partnerTally
	scores, latency                                          []int64
}

type partnerTally struct {
	name                                            string
	scored, filtered, pairs, servedOnly, shadowOnly []int64
	bids, bidsServedOnly, bidsShadowOnly            []int64
}

func (c *counts) tally(width int) tally {
	t := tally{
		key: c.key, buckets: width,
		requests: make([]int64, width), errors: make([]int64, width), invalid: make([]int64, width),
		shadowInvalid: make([]int64, width), shadowRequests: make([]int64, width),
		scores: make([]int64, ScoreBins), latency: make([]int64, LatencyBins),
	}
	partners := *c.partners.Load()
	for _, name := range slices.Sorted(maps.Keys(partners)) {
		t.partners = append(t.partners, partners[name].tally(width))
	}
	c.addScores(t.scores)
	c.addLatency(t.latency)
	for g := range c.requests {
		cell, at := &c.requests[g], g%width
		t.errors[at] += cell.errors.Load()
		t.invalid[at] += cell.invalid.Load()
		t.shadowInvalid[at] += cell.shadowInvalid.Load()
		t.shadowRequests[at] += cell.shadowRequests.Load()
		t.requests[at] += cell.requests.Load()
	}
	return t
}

// tally reads each number before the one that bounds it.
func (p *partnerCounts) tally(width int) partnerTally {
	lists := make([]int64, 8*width)
	list := func(i int) []int64 { return lists[i*width : (i+1)*width : (i+1)*width] }
	t := partnerTally{
		name: p.name, scored: list(0), filtered: list(1), pairs: list(2), servedOnly: list(3), shadowOnly: list(4),
		bids: list(5), bidsServedOnly: list(6), bidsShadowOnly: list(7),
	}
	for g := range p.cells {
		cell, at := &p.cells[g], g%width
		t.bidsShadowOnly[at] += cell.bidsShadowOnly.Load()
		t.bidsServedOnly[at] += cell.bidsServedOnly.Load()
		t.bids[at] += cell.bids.Load()
		t.shadowOnly[at] += cell.shadowOnly.Load()
		t.servedOnly[at] += cell.servedOnly.Load()
		t.pairs[at] += cell.pairs.Load()
		t.filtered[at] += cell.filtered.Load()
		t.scored[at] += cell.scored.Load()
	}
	return t
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
	c := newCounts(countsKey{})
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
	if newCounts(countsKey{}).partner("").name != noPartner {
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
