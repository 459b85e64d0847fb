package inference

import (
	"encoding/hex"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The shape of what is counted; idl/control.thrift says what it means.
const (
	MaxBuckets  = 64
	ScoreBins   = 64
	LatencyBins = 96

	maxPartners     = 1024 // under one release; later ones are counted together
	maxPartnerBytes = 128  // of a partner's name; longer ones are counted together
	otherPartners   = "(other)"
	noPartner       = "(none)" // the request named none
	countShards     = 8
)

// countsKey is what numbers must share to be added up.
type countsKey struct {
	release, shadow string
	generation      int64
}

// counts is everything counted under one key. All of it only grows, and each
// number is added after the one that bounds it and read before it, so that a
// reader never sees more filtered than scored.
//
// It is always counted in MaxBuckets, and folded to as many as are asked for
// when it is read. So nothing is lost when an assignment changes the number,
// and receipts mean the same on every task.
type counts struct {
	requests [MaxBuckets]requestCell // first, so that cells fill whole cache lines
	shards   [countShards]countShard

	key             countsKey
	release, shadow [32]byte // of key, as a receipt has them

	used atomic.Int64 // unix nanoseconds of the newest outcome, for counts of other tasks' receipts

	outcomes [MaxBuckets]outcomeCell
	prices   [PriceBins]atomic.Int64
	money    [moneyKinds]atomic.Int64

	partners atomic.Pointer[map[string]*partnerCounts] // replaced, never changed
	adding   sync.Mutex
}

// requestCell and pairCell fill one cache line, so that buckets do not disturb
// one another.
type requestCell struct {
	requests, errors, invalid, shadowInvalid, shadowRequests atomic.Int64
	_                                                        [3]int64
}

type pairCell struct {
	scored, filtered, pairs, servedOnly, shadowOnly, bids, bidsServedOnly, bidsShadowOnly atomic.Int64
}

// countShard holds what is counted per task and not per bucket.
type countShard struct {
	scores  [ScoreBins]atomic.Int64
	latency [LatencyBins]atomic.Int64
}

type partnerCounts struct {
	cells [MaxBuckets]pairCell // first, so that they fill whole cache lines
	value atomic.Pointer[[MaxBuckets]valueCell]
	name  string
	index int // in the order in which partners were first seen
}

func newCounts(key countsKey) *counts {
	c := &counts{key: key, release: digestBytes(key.release), shadow: digestBytes(key.shadow)}
	c.partners.Store(&map[string]*partnerCounts{})
	return c
}

// digestBytes is a digest in hex as bytes; zeros for what is none.
func digestBytes(digest string) (raw [32]byte) {
	if b, err := hex.DecodeString(digest); err == nil {
		copy(raw[:], b)
	}
	return raw
}

// takes reports whether a receipt's outcome belongs here.
func (c *counts) takes(r *receipt) bool {
	return c.key.generation == r.generation && c.release == r.release && c.shadow == r.shadow && (c.key.shadow != "") == r.hasShadow
}

// bucketOf is the cluster of a connection.
func bucketOf(connection uint64) int { return int(connection % MaxBuckets) }

// cell is where the requests of a connection are counted.
func (c *counts) cell(connection uint64) *requestCell { return &c.requests[bucketOf(connection)] }

// partner returns the counts of a partner, new ones for a name not seen yet.
func (c *counts) partner(name string) *partnerCounts {
	if p := (*c.partners.Load())[name]; p != nil {
		return p
	}
	return c.addPartner(name)
}

func (c *counts) addPartner(name string) *partnerCounts {
	c.adding.Lock()
	defer c.adding.Unlock()
	known := *c.partners.Load()
	if name == "" {
		name = noPartner
	}
	if len(name) > maxPartnerBytes || len(known) >= maxPartners-1 && known[name] == nil {
		name = otherPartners
	}
	if p := known[name]; p != nil {
		return p
	}
	p := &partnerCounts{name: strings.Clone(name), index: len(known)}
	grown := make(map[string]*partnerCounts, len(known)+1)
	maps.Copy(grown, known)
	grown[p.name] = p
	c.partners.Store(&grown)
	return p
}

// scoreBin is the bin of a score in [0, 1]; what lies beyond, as the scores of
// some objectives do, is in the first or last bin.
func scoreBin(score float32) int {
	switch {
	case score >= 1:
		return ScoreBins - 1
	case score > 0:
		return int(score * ScoreBins)
	}
	return 0
}

// latencyBin is the bin of a duration: bin i holds [2^(i/4), 2^((i+1)/4)) us.
func latencyBin(d time.Duration) int {
	return quarterBin(float64(d) / float64(time.Microsecond))
}

// quarterBin is the bin of a number: bin i holds [2^(i/4), 2^((i+1)/4)).
func quarterBin(v float64) int {
	if !(v >= 1) {
		return 0
	}
	half, exponent := math.Frexp(v) // v = half * 2^exponent, half in [1/2, 1)
	bin := 4 * (exponent - 1)
	switch within := 2 * half; {
	case within >= math.Sqrt2*1.189207115002721:
		bin += 3
	case within >= math.Sqrt2:
		bin += 2
	case within >= 1.189207115002721: // 2^(1/4)
		bin++
	}
	return min(bin, LatencyBins-1)
}

// addScores adds the scores to bins.
func (c *counts) addScores(bins []int64) {
	for i := range c.shards {
		for j := range bins {
			bins[j] += c.shards[i].scores[j].Load()
		}
	}
}

// addLatency adds what requests took to bins.
func (c *counts) addLatency(bins []int64) {
	for i := range c.shards {
		for j := range bins {
			bins[j] += c.shards[i].latency[j].Load()
		}
	}
}

// sums adds up what was answered over partners and buckets, parts before their
// wholes.
func (c *counts) sums() (requests, scored, filtered int64) {
	for _, p := range *c.partners.Load() {
		for g := range p.cells {
			filtered += p.cells[g].filtered.Load()
			scored += p.cells[g].scored.Load()
		}
	}
	for g := range c.requests {
		requests += c.requests[g].requests.Load()
	}
	return requests, scored, filtered
}

const (
	keptCounts    = 4 // of releases that served here, the one in force included
	foreignCounts = 4 // of receipts from elsewhere
)

// ledger keeps the counts of the last few assignments, newest first, and those
// of receipts that other tasks wrote.
type ledger struct {
	mu      sync.Mutex
	own     []*counts
	foreign []*counts
	past    [LatencyBins]int64 // latency of own counts that are no longer kept
	told    teller
}

// open returns the counts of an assignment that comes into force: those that
// exist under the same key go on.
func (l *ledger) open(key countsKey) *counts {
	l.told.forget(key.generation)
	l.mu.Lock()
	defer l.mu.Unlock()
	at := slices.IndexFunc(l.own, func(c *counts) bool { return c.key == key })
	var c *counts
	if at >= 0 {
		c = l.own[at]
		l.own = slices.Delete(l.own, at, at+1)
	}
	if c == nil {
		c = newCounts(key)
	}
	l.own = slices.Insert(l.own, 0, c)
	for len(l.own) > keptCounts {
		last := len(l.own) - 1
		l.own[last].addLatency(l.past[:])
		l.own = slices.Delete(l.own, last, last+1)
	}
	return c
}

// latency adds up what every request since boot took, whatever release
// answered it: the bins only grow. A request that is still under way in counts
// that are no longer kept is missing.
func (l *ledger) latency() []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	bins := slices.Clone(l.past[:])
	for _, c := range l.own {
		c.addLatency(bins)
	}
	return bins
}

// sums adds up what a release answered under a generation, whatever was its
// shadow.
func (l *ledger) sums(release string, generation int64) (requests, scored, filtered int64) {
	for _, c := range l.under(generation) {
		if c.key.release == release {
			r, s, f := c.sums()
			requests, scored, filtered = requests+r, scored+s, filtered+f
		}
	}
	return requests, scored, filtered
}

// forReceipt returns the counts that an outcome belongs to, or nil when there
// is no room for those of yet another release from elsewhere.
func (l *ledger) forReceipt(r *receipt, now time.Time, maxAge time.Duration) *counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.own {
		if c.takes(r) {
			return c
		}
	}
	for _, c := range l.foreign {
		if c.takes(r) {
			c.used.Store(now.UnixNano())
			return c
		}
	}
	if len(l.foreign) >= foreignCounts {
		oldest := slices.MinFunc(l.foreign, func(a, b *counts) int { return int(a.used.Load() - b.used.Load()) })
		if now.UnixNano()-oldest.used.Load() < int64(maxAge) {
			return nil
		}
		l.foreign = slices.DeleteFunc(l.foreign, func(c *counts) bool { return c == oldest })
	}
	c := newCounts(r.key())
	c.used.Store(now.UnixNano())
	l.foreign = append(l.foreign, c)
	return c
}

// since tells what was counted under a generation after a position; see
// teller.since.
func (l *ledger) since(generation, after int64, width, room int) answer {
	return l.told.since(generation, after, l.under(generation), width, room)
}

// under returns the counts of one generation, those in force first.
func (l *ledger) under(generation int64) []*counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []*counts
	for _, c := range slices.Concat(l.own, l.foreign) {
		if c.key.generation == generation {
			found = append(found, c)
		}
	}
	return found
}
