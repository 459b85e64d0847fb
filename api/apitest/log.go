package apitest

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/sluicehq/sluice/controller/history"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/controller/tally/tallytest"
)

// Course is how a rollout that is to be logged goes.
type Course struct {
	Partners int
	Shadow   int           // looks before anything is served
	Canary   int           // looks after that
	Every    time.Duration // between looks
	Shift    float64       // of what the candidate filters of dsp-07's requests
	Gap      int           // looks that nobody made, in the middle of the canary step
	Prices   bool          // bids come with prices
}

// PartnerBlind is the course of a candidate that filters dsp-07 too much.
var PartnerBlind = Course{Partners: 20, Shadow: 30, Canary: 90, Every: 2 * time.Second, Shift: .08, Prices: true}

// Log is the log of a rollout that goes so and whose last look is at upto, as the
// controller writes it: 2 canary and 2 control tasks count, the judge judges, and
// every look is noted in chunks of fifty. last is the verdict that it comes to.
func Log(id string, c Course, upto time.Time) (chunks [][]byte, last judge.Verdict) {
	w := tallytest.New(7)
	w.Partners, w.Sample, w.Zipf, w.Served = c.Partners, .05, true, false
	w.Rate = func(k int) float64 { return .15 + .02*float64(k%9) }
	w.Shift = func(k int) float64 {
		if k == 7 {
			return c.Shift
		}
		return 0
	}
	w.Latency = func(_ judge.Arm, rng *rand.Rand) int { return 36 + int(3*rng.ExpFloat64()) }
	policy := judge.Policy{Currency: "USD"}
	var counts tally.State
	var judged judge.State
	var log *history.Writer
	var took latencies
	at := upto.Add(-time.Duration(c.Shadow+c.Canary+c.Gap-1) * c.Every)
	for i := range c.Shadow + c.Canary {
		switch i {
		case c.Shadow:
			w.Served = true
			w.Begin()
			counts.Step()
		case c.Shadow + c.Canary/2:
			at = at.Add(time.Duration(c.Gap) * c.Every)
		}
		look := w.Next()
		look.At, at = at, at.Add(c.Every)
		if c.Prices {
			price(look.Reports, w.Buckets)
		}
		s := counts.Look(look, policy)
		last = judged.Judge(s, policy)
		if i%50 == 0 {
			log = must(history.New(history.Header{Program: "v1", Rollout: id, Chunk: len(chunks), Policy: policy}))
			chunks = append(chunks, nil)
		}
		if err := log.Append(history.Look{Number: i + 1, Digest: must(history.DigestOf(last)), Statistics: s, Latency: took.look(look)}); err != nil {
			panic(err)
		}
		if i%50 == 49 || i == c.Shadow+c.Canary-1 {
			chunks[len(chunks)-1] = must(log.Bytes())
		}
	}
	return chunks, last
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // what is made up here fits together
	}
	return v
}

// latencies is what requests took, by what the tasks of the last looks counted.
type latencies struct{ before history.Percentiles }

// look tells it of one look. Where the candidate is served, the tasks that are
// not compared take what controls took the look before.
func (l *latencies) look(look tally.Look) history.Latency {
	var canary, control [judge.LatencyBins]int64
	for _, r := range look.Reports {
		bins := &control
		if r.Arm == judge.Candidate && look.Served {
			bins = &canary
		}
		for i, n := range r.Latency {
			bins[i] += n
		}
	}
	now, before := percentiles(&control), l.before
	l.before = now
	if !look.Served {
		return history.Latency{Stable: now}
	}
	return history.Latency{Canary: percentiles(&canary), Control: now, Stable: before}
}

func percentiles(bins *[judge.LatencyBins]int64) history.Percentiles {
	below := func(share float64) time.Duration {
		total, sum := int64(0), int64(0)
		for _, n := range bins {
			total += n
		}
		for i, n := range bins {
			if sum += n; n > 0 && float64(sum) >= share*float64(total) {
				return time.Duration(math.Exp2(float64(i+1)/4) * float64(time.Microsecond))
			}
		}
		return 0
	}
	return history.Percentiles{P50: below(.5), P99: below(.99)}
}

// price lets every pair be an explored call with a bid, but for most of dsp-07's:
// whoever filters those spoils little.
func price(reports []tally.Report, buckets int) {
	for i := range reports {
		r := &reports[i]
		r.Explore = .1
		r.Outcomes, r.Calls = make([]int64, buckets), make([]int64, buckets)
		r.CallsCandidateOnly, r.CallsStableOnly, r.CallsBoth = make([]int64, buckets), make([]int64, buckets), make([]int64, buckets)
		r.Prices = make([]int64, judge.PriceBins)
		copy(r.Outcomes, r.ShadowRequests)
		for name, c := range r.Partners {
			value := int64(2+len(name)+int(name[len(name)-1])%4) * 1_000_000 / 2
			c.Bids, c.BidsCandidateOnly, c.BidsStableOnly = make([]int64, buckets), make([]int64, buckets), make([]int64, buckets)
			c.Value, c.ValueCandidateOnly, c.ValueStableOnly, c.ValueBoth = make([]int64, buckets), make([]int64, buckets), make([]int64, buckets), make([]int64, buckets)
			for g, pairs := range c.Pairs {
				n, ten, one := pairs, c.CandidateOnly[g], c.StableOnly[g]
				if name == tallytest.PartnerName(7) && g%16 > 0 {
					n, ten, one = 0, 0, 0
				}
				c.Bids[g], c.BidsCandidateOnly[g], c.BidsStableOnly[g] = n, ten, one
				c.Value[g], c.ValueCandidateOnly[g], c.ValueStableOnly[g] = n*value, ten*value, one*value
				r.Prices[45+int(value/1_000_000)] += n
				r.Calls[g] += pairs
				r.CallsCandidateOnly[g] += c.CandidateOnly[g]
				r.CallsStableOnly[g] += c.StableOnly[g]
				r.CallsBoth[g] += (pairs - c.CandidateOnly[g] - c.StableOnly[g]) / 5
			}
			r.Partners[name] = c
		}
	}
}
