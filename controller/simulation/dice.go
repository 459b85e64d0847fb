package simulation

import (
	"math"
	"math/rand/v2"

	"github.com/sluicehq/sluice/controller/judge"
)

// dice are one task's chances in one look.
type dice struct {
	*market
	order
	c         *counter
	rng, side *rand.Rand // side: what only some arms need
	drift     float64
	base      [partners]float64 // stable's filter rates here
	shift     [partners]float64
	whole     uint64 // below that lot, the candidate filters all of a connection; 0: of none
	fails     uint64 // of 2^24
	explored  uint64 // of 2^20
	sampled   uint64 // of 2^20
	slow      float64
	dear      float64    // price from which on the candidate filters
	scale     float64    // of the distance of scores from the threshold, as they are told
	blanks    *rand.Rand // which pairs get no score; nil where all do
	blank     [2]float64 // how often, by the release that serves and by the other
}

func (d *dice) prepare() {
	d.drift = drift(d.at)
	s := d.scenario
	active := s.active(d.tried)
	rate, slow := errorRate, d.slowness(d.task, active)+busier*d.drift/driftHeight
	d.scale = 1
	if d.bursting() {
		rate = s.Burst.Share
	}
	if d.broken {
		rate = failRate
	}
	if d.arm == judge.Candidate && active {
		if s.ErrorRatio > 0 {
			rate *= s.ErrorRatio
		}
		slow += math.Log1p(s.Slower)
		if s.Bound && d.tasks[d.task].noisy {
			slow += math.Log(noisyFactor)
		}
		d.scale -= s.Nearer
	}
	if s.InvalidRatio > 0 {
		d.prepareBlanks(active)
	}
	d.fails = uint64(rate * (1 << 24))
	d.slow = math.Log(latencyMedian) + slow + lookSpread*d.side.NormFloat64()
	d.explored, d.sampled = uint64(d.explore*(1<<20)), uint64(d.sample*(1<<20))
	d.prepareRates()
	if d.dear = math.Inf(1); s.Dearest > 0 && active {
		d.dear = math.Exp(bidSpread * normalQuantile(1-s.Dearest))
	}
}

// prepareRates says what stable filters of this task's clients, and what the
// candidate does otherwise.
func (d *dice) prepareRates() {
	s, t := d.scenario, &d.tasks[d.task]
	for k, rate := range d.rates {
		d.base[k] = rate + t.habit + d.gaps[k]*(float64(t.zone)-.5)
	}
	shift := s.shift(d.tried)
	switch {
	case s.LiveOnly && d.arm != judge.Candidate:
	case s.Whole:
		d.whole = uint64(shift * math.MaxUint64)
	default:
		for k := range d.rates {
			if s.Partner == 0 || s.Partner == k+1 {
				d.shift[k] = shift
			}
		}
	}
}

// prepareBlanks has both releases leave pairs without a score. In other
// scenarios neither does: a request with such a pair is degraded as a whole, so
// that five pairs at this rate would bring six times the errors that there are.
func (d *dice) prepareBlanks(active bool) {
	stable, candidate := invalidRate, invalidRate
	if active {
		candidate *= d.scenario.InvalidRatio
	}
	d.blanks, d.blank = chance(d.seed, 6, uint64(d.task), uint64(d.look)), [2]float64{stable, candidate}
	if d.arm == judge.Candidate {
		d.blank = [2]float64{candidate, stable}
	}
}

// unscored says how many pairs of a request get no score from the release that
// serves, and which get none from the other.
func (d *dice) unscored() (mine int64, other [asked]bool) {
	if d.blanks == nil {
		return 0, other
	}
	for i := range other {
		if d.blanks.Float64() < d.blank[0] {
			mine++
		}
		other[i] = d.blanks.Float64() < d.blank[1]
	}
	return mine, other
}

// bursting reports whether the task began a burst in this look or one of the
// last.
func (d *dice) bursting() bool {
	for back := range d.scenario.Burst.Looks {
		if chance(d.seed, 4, uint64(d.task), uint64(d.look-back)).Float64() < d.scenario.Burst.Chance {
			return true
		}
	}
	return false
}

// others are the requests that do not come from the exchange.
func (d *dice) others(t *place, n int) {
	switch d.kind {
	case Independent:
		for range n {
			d.request(connection{bucket: d.rng.IntN(buckets)})
		}
	case Short:
		for n > 0 {
			c := connect(d.rng)
			for range min(n, 1+int(shortLength*d.rng.ExpFloat64())) {
				d.request(c)
				n--
			}
		}
	case Persistent:
		for range n {
			which := 0
			if d.scenario.Tailed {
				which = t.weights.draw(d.rng.Uint64())
			} else {
				which = d.rng.IntN(len(t.connections))
			}
			d.request(d.successor(t, which))
		}
	}
}

// successor is who has the place of a connection by now. Each place falls vacant
// at a moment of its own.
func (d *dice) successor(t *place, which int) connection {
	if !d.scenario.Renewed {
		return t.connections[which]
	}
	since := d.look + int(scramble(t.connections[which].lot())%ageLooks)
	if since < ageLooks {
		return t.connections[which]
	}
	return connect(chance(d.seed, 9, uint64(d.task), uint64(which), uint64(since/ageLooks)))
}

func (d *dice) request(from connection) {
	g := from.bucket
	c := d.c
	c.report.Requests[g]++
	c.report.Latency[latencyBin(d.slow+latencySpread*d.rng.NormFloat64())]++
	bits := d.rng.Uint64()
	habit := d.drift + from.rate
	again := d.scenario.Repeats && d.kind != Independent
	if d.kind != Independent && !again {
		habit += requestSpread * d.rng.NormFloat64()
	}
	explored := bits>>44 < d.explored
	both := explored || bits>>24&0xfffff < d.sampled
	failed := bits&0xffffff < d.fails
	mine, other := d.unscored()
	if mine > 0 && !failed { // then nobody is filtered, and nothing is scored by both
		c.report.Invalid[g] += mine
		failed = true
	}
	if failed {
		c.report.Errors[g]++
	} else if both {
		c.report.ShadowRequests[g]++
	}
	for i := range asked {
		ask, chance := d.rng.Uint64(), d.rng.Uint64()
		if again {
			ask = scramble(from.lot() + uint64(i))
			chance = scramble(ask)
		}
		k := d.asks.draw(ask)
		if failed {
			continue
		}
		if both && other[i] {
			c.report.ShadowInvalid[g]++
		}
		d.pair(from, k, chance, habit, both && !other[i], explored)
	}
}

// pair scores one partner by both releases. A score is the distance from the
// threshold, which lies at one half; noise is what training again changes.
func (d *dice) pair(from connection, k int, chance uint64, habit float64, both, explored bool) {
	stable, candidate := d.scores(from, k, chance, habit)
	offer := 0.0 // price of a bid, above 0 where there is one
	if both && explored {
		if offer = d.offer(stable, candidate); offer >= d.dear {
			candidate = -math.Abs(candidate)
		}
	}
	mine := stable
	if d.arm == judge.Candidate {
		mine = candidate
	}
	of, g := d.c.touch(k), from.bucket
	of.Scored[g]++
	if mine < 0 {
		of.Filtered[g]++
	}
	d.c.report.Scores[scoreBin(mine*d.scale)]++
	if !both {
		return
	}
	of.Pairs[g]++
	switch {
	case candidate < 0 && stable >= 0:
		of.CandidateOnly[g]++
	case stable < 0 && candidate >= 0:
		of.StableOnly[g]++
	}
	if offer == 0 {
		return
	}
	of.Bids[g]++
	only := 0
	switch {
	case candidate < 0 && stable >= 0:
		only = 1
		of.BidsCandidateOnly[g]++
	case stable < 0 && candidate >= 0:
		only = -1
		of.BidsStableOnly[g]++
	}
	if d.scenario.Dearest > 0 {
		worth(of, g, offer, only)
	}
}

func (d *dice) scores(from connection, k int, chance uint64, habit float64) (stable, candidate float64) {
	u := float64(chance>>32) / (1 << 32)
	stable = u - d.base[k] - habit
	if d.scenario.Whole {
		if from.lot() < d.whole {
			stable = math.Abs(stable)
			return stable, -stable
		}
		return stable, stable
	}
	noise := flip*(float64(uint32(chance))/(1<<31)-1) + from.flip
	return stable, stable - d.shift[k] - noise
}

// offer is the price of what the partner bids when nothing is filtered: 0 where
// it bids nothing, 1 where prices are nobody's concern.
func (d *dice) offer(stable, candidate float64) float64 {
	rate := bidRate
	if stable < 0 || candidate < 0 {
		rate = missedBids
	}
	if on := d.scenario.BidsOn; on > 0 && d.arm == judge.Candidate && candidate < 0 && stable >= 0 {
		rate = on
	}
	switch {
	case d.side.Float64() >= rate:
		return 0
	case d.scenario.Dearest == 0:
		return 1
	}
	return math.Exp(bidSpread * d.side.NormFloat64())
}

// latencyBin is the bin of a latency whose natural logarithm in microseconds
// is given.
func latencyBin(log float64) int {
	return max(0, min(judge.LatencyBins-1, int(math.Floor(4/math.Ln2*log))))
}

// slowBin is the first bin that stable's p99 lies below.
func slowBin() int {
	const z99 = 2.3263478740408408
	return latencyBin(math.Log(latencyMedian)+latencySpread*z99) + 1
}

func scoreBin(distance float64) int {
	return max(0, min(judge.ScoreBins-1, int((1+distance)/2*judge.ScoreBins)))
}
