package simulation

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
)

// Sizes of the world that is played.
const (
	fleetSize = 24
	buckets   = 64
	partners  = 100
	asked     = 5   // partners per request
	perLook   = 600 // requests per task and look

	shortLength = 50  // mean requests of a short connection
	lasting     = 200 // connections of a task, where they last
	heavy       = 64  // connections of the exchange, over the whole fleet
	heavyShare  = .4  // of all requests, where there is such an exchange
)

// What requests have in common, in points of a share, unless they are
// independent: a connection's is a correlation of .05 within connections at a
// filter rate of 40 %.
const (
	connectionSpread = .11 // standard deviation of a connection's filter rate
	requestSpread    = .10 // of a request's, over its partners
	flipSpread       = .01 // of what the candidate does differently, by connection
	heavyBias        = .10 // the exchange's filter rate above the others'
	flip             = .07 // a decision this near the threshold may fall either way
)

// Events that befall requests.
const (
	errorRate   = .0005
	invalidRate = .0005 // of pairs that stable leaves without a score, where any are
	burstRate   = .03   // errors during a burst
	burstLooks  = 3
	burstChance = .01 // that a task begins one in a look
)

// What a request takes: a lognormal about 300 microseconds.
const (
	latencyMedian = 300.
	latencySpread = .35
	taskSpread    = .015 // between tasks, lasting
	lookSpread    = .02  // of one task between looks
	noisyFactor   = 1.5
	peakFactor    = 2.
	busier        = .05 // everywhere when traffic has drifted farthest
	pastLooks     = 360 // looks before the candidate came, of which tasks can tell
)

// Bids on pairs that both releases would forward, and on the others: two points
// more of pairs filtered cost 0.3 of a hundred bids.
const (
	bidRate    = .08
	missedBids = .008
)

// driftHeight is how far all filter rates drift and back within driftPeriod,
// the more so as the candidate's share grows.
const (
	driftHeight = .04
	driftPeriod = time.Hour
)

// lookEvery is the pace of the controller's loop.
const lookEvery = 10 * time.Second

// market is the traffic of one seed. The same task sees the same requests in
// the same look whatever is asked of it, so that different judges can be held
// against each other on the same streams. What is counted depends on the arm.
type market struct {
	seed     uint64
	kind     Kind
	scenario Scenario
	perLook  float64 // mean requests per task and look
	asks     alias
	rates    [partners]float64
	tasks    [fleetSize]place
}

// A place is one task's end of the traffic.
type place struct {
	connections []connection // those that last
	exchange    []connection // those of the exchange
	open        int          // connections at any time, as the task tells
	load        float64      // of perLook
	slow        float64      // added to the logarithm of latency
	noisy       bool
}

// A connection has a bucket, and habits.
type connection struct {
	bucket     int
	rate, flip float64
}

// newMarket opens the traffic of a seed.
func newMarket(seed uint64, kind Kind, scenario Scenario) *market {
	m := &market{seed: seed, kind: kind, scenario: scenario, perLook: perLook, asks: newAlias(zipf())}
	rng := chance(seed, 1)
	for k := range m.rates {
		m.rates[k] = .28 + .24*float64(scramble(uint64(k))%1000)/1000 // the market's own, not the seed's
	}
	for i := range m.tasks {
		t := &m.tasks[i]
		t.load = 1 + .1*(2*rng.Float64()-1)
		t.slow = taskSpread * rng.NormFloat64()
		t.open = lasting
		if scenario.Shunned && slices.Contains(canaries(), i) {
			t.open /= 2
			t.load /= 2
		}
		if kind == Persistent {
			for range lasting {
				t.connections = append(t.connections, connect(rng))
			}
			t.connections = t.connections[:t.open]
		}
	}
	m.tasks[canaries()[2+rng.IntN(6)]].noisy = scenario.Noisy
	if scenario.Exchange {
		for range heavy {
			c := connect(rng)
			c.rate += heavyBias
			t := &m.tasks[rng.IntN(fleetSize)]
			t.exchange = append(t.exchange, c)
		}
	}
	return m
}

func connect(rng *rand.Rand) connection {
	return connection{rng.IntN(buckets), connectionSpread * rng.NormFloat64(), flipSpread * rng.NormFloat64()}
}

// drift is what is added to all filter rates at a moment.
func drift(at time.Duration) float64 {
	return driftHeight * (1 - math.Cos(2*math.Pi*float64(at)/float64(driftPeriod))) / 2
}

// slowness is what is added to the logarithm of a task's latency, whatever it
// serves: always, and while the scenario is active.
func (m *market) slowness(task int, active bool) float64 {
	slow := m.tasks[task].slow
	if active && m.tasks[task].noisy {
		slow += math.Log(noisyFactor)
	}
	if active && m.scenario.Peak {
		slow += math.Log(peakFactor)
	}
	return slow
}

// past is what a task's requests took in the hour before the candidate came.
func (m *market) past(task int) []int64 {
	bins := make([]int64, judge.LatencyBins)
	rng, t := chance(m.seed, 5, uint64(task)), &m.tasks[task]
	for range pastLooks {
		mean := math.Log(latencyMedian) + m.slowness(task, m.scenario.After == 0) + lookSpread*rng.NormFloat64()
		below := 0.0
		for bin := latencyBin(mean - 4*latencySpread); below < 1-1e-6; bin++ {
			upto := normalBelow((float64(bin+1)*math.Ln2/4 - mean) / latencySpread)
			bins[bin] += int64(poisson(rng, m.perLook*t.load*(upto-below)))
			below = upto
		}
	}
	return bins
}

// reference is what the candidate's manifest tells of its scores: shares of
// the judge's bins, without drift, and without what befalls it later.
func (m *market) reference() []float64 {
	shares := make([]float64, judge.ScoreBins)
	shift, spread, steps := m.scenario.Shift, 0.0, 20
	if m.scenario.Partner > 0 || m.scenario.After > 0 {
		shift = 0
	}
	if m.kind != Independent {
		spread = math.Hypot(connectionSpread, requestSpread)
	}
	traffic := zipf()
	for k, rate := range m.rates {
		for i := range steps {
			habit := spread * normalQuantile((float64(i)+.5)/float64(steps))
			for j := range steps {
				u := (float64(j) + .5) / float64(steps)
				shares[scoreBin(u-rate-habit-shift)] += traffic[k] / float64(steps*steps)
			}
		}
	}
	return shares
}

// An order is what a task is asked to do in a look.
type order struct {
	task  int
	look  int           // since the beginning
	at    time.Duration // since the beginning
	tried time.Duration // since the candidate was first tried
	arm   judge.Arm

	// Shares of requests scored by both releases: explored ones, of which it is
	// told who bid, and others.
	explore, sample float64
}

// counter is where a task counts; its report is of one look.
type counter struct {
	report  tally.Report
	columns [partners]tally.Columns
	touched [partners]bool
}

func newCounter(task string) *counter {
	c := &counter{}
	list := func() []int64 { return make([]int64, buckets) }
	c.report = tally.Report{
		Task: task, Boot: "b1", Requests: list(), Errors: list(), Invalid: list(), ShadowRequests: list(), ShadowInvalid: list(),
		Partners: map[string]tally.Columns{}, Latency: make([]int64, judge.LatencyBins), Scores: make([]int64, judge.ScoreBins),
	}
	for k := range c.columns {
		c.columns[k] = tally.Columns{
			Scored: list(), Filtered: list(), Pairs: list(), CandidateOnly: list(), StableOnly: list(),
			Bids: list(), BidsCandidateOnly: list(), BidsStableOnly: list(),
		}
	}
	return c
}

func (c *counter) clear() {
	for _, column := range [][]int64{
		c.report.Requests, c.report.Errors, c.report.Invalid, c.report.ShadowRequests, c.report.ShadowInvalid, c.report.Latency, c.report.Scores,
	} {
		clear(column)
	}
	clear(c.report.Partners)
	for k := range c.columns {
		if !c.touched[k] {
			continue
		}
		c.touched[k] = false
		of := &c.columns[k]
		for _, column := range [][]int64{
			of.Scored, of.Filtered, of.Pairs, of.CandidateOnly, of.StableOnly, of.Bids, of.BidsCandidateOnly, of.BidsStableOnly,
		} {
			clear(column)
		}
	}
}

// partnerName is what partner k, from 0, is called.
func partnerName(k int) string { return "dsp-" + strconv.Itoa(k+1) }

// play counts one task's requests of one look. Every pair is drawn for itself:
// with half a pair per partner, task, bucket and look there is nothing to be had from
// drawing them together, and adding the reports up costs more than this.
func (m *market) play(o order, c *counter) {
	c.clear()
	d := dice{market: m, order: o, c: c, rng: chance(m.seed, 2, uint64(o.task), uint64(o.look)), side: chance(m.seed, 3, uint64(o.task), uint64(o.look))}
	d.prepare()
	t := &m.tasks[o.task]
	exchange := 0
	if m.scenario.Exchange {
		all := m.perLook * fleetSize * heavyShare
		exchange = poisson(d.rng, all*float64(len(t.exchange))/heavy)
	}
	load := t.load
	if m.scenario.Exchange {
		load *= 1 - heavyShare
	}
	d.others(t, poisson(d.rng, m.perLook*load))
	for range exchange {
		d.request(t.exchange[d.rng.IntN(len(t.exchange))])
	}
	for k, some := range c.touched {
		if some {
			c.report.Partners[partnerName(k)] = c.columns[k]
		}
	}
}

// dice are one task's chances in one look.
type dice struct {
	*market
	order
	c         *counter
	rng, side *rand.Rand // side: what only some arms need
	drift     float64
	shift     [partners]float64
	fails     uint64 // of 2^24
	explored  uint64 // of 2^20
	sampled   uint64 // of 2^20
	slow      float64
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
	if s.Bursts && d.bursting() {
		rate = burstRate
	}
	if d.arm == judge.Candidate && active {
		if s.ErrorRatio > 0 {
			rate *= s.ErrorRatio
		}
		slow += math.Log1p(s.Slower)
		d.scale -= s.Nearer
	}
	if s.InvalidRatio > 0 {
		d.prepareBlanks(active)
	}
	d.fails = uint64(rate * (1 << 24))
	d.slow = math.Log(latencyMedian) + slow + lookSpread*d.side.NormFloat64()
	d.explored, d.sampled = uint64(d.explore*(1<<20)), uint64(d.sample*(1<<20))
	for k := range d.shift {
		if active && (s.Partner == 0 || s.Partner == k+1) {
			d.shift[k] = s.Shift
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
	for back := range burstLooks {
		if chance(d.seed, 4, uint64(d.task), uint64(d.look-back)).Float64() < burstChance {
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
			d.request(t.connections[d.rng.IntN(len(t.connections))])
		}
	}
}

func (d *dice) request(from connection) {
	g := from.bucket
	c := d.c
	c.report.Requests[g]++
	c.report.Latency[latencyBin(d.slow+latencySpread*d.rng.NormFloat64())]++
	bits := d.rng.Uint64()
	habit := d.drift + from.rate
	if d.kind != Independent {
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
		k, chance := d.asks.draw(d.rng.Uint64()), d.rng.Uint64()
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
	u := float64(chance>>32) / (1 << 32)
	noise := flip*(float64(uint32(chance))/(1<<31)-1) + from.flip
	stable := u - d.rates[k] - habit
	candidate := stable - d.shift[k] - noise
	mine := stable
	if d.arm == judge.Candidate {
		mine = candidate
	}
	d.c.touched[k] = true
	of, g := &d.c.columns[k], from.bucket
	of.Scored[g]++
	if mine < 0 {
		of.Filtered[g]++
	}
	d.c.report.Scores[scoreBin(mine*d.scale)]++
	if !both {
		return
	}
	of.Pairs[g]++
	only := 0 // filtered by both or by neither
	switch {
	case candidate < 0 && stable >= 0:
		only = 1
		of.CandidateOnly[g]++
	case stable < 0 && candidate >= 0:
		only = -1
		of.StableOnly[g]++
	}
	if explored {
		d.bid(of, g, only, stable < 0 && candidate < 0)
	}
}

// bid counts what the partner does when nothing is filtered.
func (d *dice) bid(of *tally.Columns, g, only int, neither bool) {
	rate := bidRate
	if neither || only != 0 {
		rate = missedBids
	}
	if d.side.Float64() >= rate {
		return
	}
	of.Bids[g]++
	switch only {
	case 1:
		of.BidsCandidateOnly[g]++
	case -1:
		of.BidsStableOnly[g]++
	}
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
