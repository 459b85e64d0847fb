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
	fleetSize   = 24
	buckets     = 64
	partners    = 100
	fewPartners = 12  // in small worlds
	asked       = 5   // partners per request
	perLook     = 600 // requests per task and look

	shortLength = 50  // mean requests of a short connection
	lasting     = 200 // connections of a task, where they last
	ageLooks    = 60  // looks of such a one, where tasks end them after ten minutes
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
	failRate    = .3    // of requests while a task of the candidate fails
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
	bidSpread  = 1.5 // of the logarithm of prices
)

// How the fleet changes, where it does.
const (
	firstTasks  = 8
	scaledTasks = 30
	scaleAfter  = 8 * time.Minute
	churnChance = .05 // that a task is replaced in a look
	tail        = 1.2 // Pareto's index of what connections bring
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
	rates    []float64
	gaps     []float64 // between the zones, by partner
	tasks    []place   // first those of the beginning, then those that come later
	first    int       // how many there are in the beginning
	arrivals []arrival
}

// An arrival is a task that comes later, in the place of another or in a new
// one.
type arrival struct{ look, slot, task int }

// A place is one task's end of the traffic.
type place struct {
	connections []connection // those that last
	exchange    []connection // those of the exchange
	weights     alias        // of those that last, where some bring more than others
	open        int          // connections at any time, as the task tells
	load        float64      // of perLook
	slow        float64      // added to the logarithm of latency
	zone        int          // 0 or 1
	habit       float64      // of all its clients
	noisy       bool
}

// A connection has a bucket, and habits.
type connection struct {
	bucket     int
	rate, flip float64
}

// lot is a number that the connection has drawn for itself.
func (c connection) lot() uint64 { return scramble(math.Float64bits(c.flip)) }

// newMarket opens the traffic of a seed.
func newMarket(seed uint64, kind Kind, scenario Scenario) *market {
	m := &market{seed: seed, kind: kind, scenario: scenario, perLook: perLook, first: fleetSize, rates: make([]float64, partners)}
	if scenario.Small {
		m.perLook, m.rates = perLook/2, m.rates[:fewPartners]
	}
	m.asks = newAlias(zipf(len(m.rates)))
	rng := chance(seed, 1)
	for k := range m.rates {
		m.rates[k] = .28 + .24*float64(scramble(uint64(k))%1000)/1000 // the market's own, not the seed's
	}
	if scenario.Scales {
		m.first = firstTasks
	}
	for i := range m.first {
		m.open(rng, scenario.Shunned && slices.Contains(canaries(), i))
	}
	m.tasks[canaries()[2+rng.IntN(6)]%m.first].noisy = scenario.Noisy
	if scenario.Exchange {
		for range heavy {
			c := connect(rng)
			c.rate += heavyBias
			t := &m.tasks[rng.IntN(m.first)]
			t.exchange = append(t.exchange, c)
		}
	}
	m.plan(chance(seed, 7))
	m.settle(chance(seed, 8))
	return m
}

// open adds a task with its connections.
func (m *market) open(rng *rand.Rand, shunned bool) {
	t := place{load: 1 + .1*(2*rng.Float64()-1), slow: taskSpread * rng.NormFloat64(), open: lasting}
	if m.scenario.Lasting > 0 {
		t.open = m.scenario.Lasting
	}
	all := t.open
	if shunned {
		t.open /= 2
		t.load /= 2
	}
	if m.kind == Persistent {
		for range all {
			t.connections = append(t.connections, connect(rng))
		}
		t.connections = t.connections[:t.open]
	}
	if m.scenario.Tailed {
		weights := make([]float64, t.open)
		for i := range weights {
			weights[i] = math.Pow(1-rng.Float64(), -1/tail)
		}
		t.weights = newAlias(weights)
	}
	m.tasks = append(m.tasks, t)
}

// plan says which tasks come later, and opens them.
func (m *market) plan(rng *rand.Rand) {
	slots := m.first
	come := func(look, slot int) {
		m.arrivals = append(m.arrivals, arrival{look, slot, len(m.tasks)})
		m.open(rng, false)
	}
	for look := 1; look <= mostLooks; look++ {
		if m.scenario.Scales && look == int(scaleAfter/lookEvery) {
			for ; slots < scaledTasks; slots++ {
				come(look, slots)
			}
		}
		if m.scenario.Churns && rng.Float64() < churnChance {
			come(look, rng.IntN(slots))
		}
	}
}

// settle gives every task its zone, half of those of the beginning to each, and
// its clients their habits.
func (m *market) settle(rng *rand.Rand) {
	zones := m.scenario.Zones
	m.gaps = make([]float64, len(m.rates))
	if zones != (Zones{}) {
		for k := range m.gaps {
			m.gaps[k] = zones.Gap + zones.Partner*rng.NormFloat64()
		}
	}
	for at, i := range rng.Perm(m.first) {
		m.tasks[i].zone = at % 2
	}
	for i := range m.tasks {
		if i >= m.first {
			m.tasks[i].zone = rng.IntN(2)
		}
		m.tasks[i].habit = m.scenario.Unlike * rng.NormFloat64()
	}
}

// occupant is the task in a slot of the fleet during a look; ok is false where
// there is none yet.
func (m *market) occupant(slot, look int) (task int, ok bool) {
	task, ok = slot, slot < m.first
	for _, a := range m.arrivals {
		if a.slot == slot && a.look <= look {
			task, ok = a.task, true
		}
	}
	return task, ok
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
	if active && m.tasks[task].noisy && !m.scenario.Bound {
		slow += math.Log(noisyFactor)
	}
	if active && m.scenario.Peak {
		slow += math.Log(peakFactor)
	}
	return slow
}

// past is what a task's requests took in the hour before the candidate came.
// What independent counts add up to is drawn at once.
func (m *market) past(task int) []int64 {
	var means [judge.LatencyBins]float64
	rng, t := chance(m.seed, 5, uint64(task)), &m.tasks[task]
	for range pastLooks {
		mean := math.Log(latencyMedian) + m.slowness(task, m.scenario.After == 0) + lookSpread*rng.NormFloat64()
		below := 0.0
		for bin := latencyBin(mean - 4*latencySpread); below < 1-1e-6; bin++ {
			upto := normalBelow((float64(bin+1)*math.Ln2/4 - mean) / latencySpread)
			means[bin] += m.perLook * t.load * (upto - below)
			below = upto
		}
	}
	bins := make([]int64, judge.LatencyBins)
	for bin, mean := range means {
		if mean > 0 {
			bins[bin] = int64(poisson(rng, mean))
		}
	}
	return bins
}

// reference is what the candidate's manifest tells of its scores: shares of
// the judge's bins, without drift, and without what befalls it later.
func (m *market) reference() []float64 {
	shares := make([]float64, judge.ScoreBins)
	shift, spread, steps := m.scenario.Shift, 0.0, 20
	if s := m.scenario; s.Partner > 0 || s.After > 0 || s.LiveOnly || s.Whole {
		shift = 0
	}
	if m.kind != Independent {
		spread = math.Hypot(connectionSpread, requestSpread)
	}
	traffic := zipf(len(m.rates))
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
	task   int
	look   int           // since the beginning
	at     time.Duration // since the beginning
	tried  time.Duration // since the candidate was first tried
	arm    judge.Arm
	broken bool // as the scenario says of one task of the candidate

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
	return c
}

// touch returns the columns of a partner, who is told from then on.
func (c *counter) touch(k int) *tally.Columns {
	of := &c.columns[k]
	if c.touched[k] {
		return of
	}
	if c.touched[k] = true; of.Scored == nil {
		list := func() []int64 { return make([]int64, buckets) }
		*of = tally.Columns{
			Scored: list(), Filtered: list(), Pairs: list(), CandidateOnly: list(), StableOnly: list(),
			Bids: list(), BidsCandidateOnly: list(), BidsStableOnly: list(),
		}
	}
	return of
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
		forget(of)
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
