// Package tallytest invents what tasks count, from a seed: traffic with
// connections that last, partners that are filtered together, drift, and
// whatever difference between two releases a test wants. It tallies and judges
// it as the controller does. It is for tests only.
package tallytest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
)

// A Traffic invents what tasks count. Its fields may change between looks.
type Traffic struct {
	PerArm     int // tasks
	Buckets    int
	Partners   int
	PerLook    int     // requests per task and look
	Asked      int     // partners scored per request
	Sample     float64 // share of requests scored by both
	Persistent float64 // standard deviation of a connection's lasting shift of the filter rate
	Together   float64 // standard deviation of a request's shift, common to its partners
	Active     int     // buckets that have connections, of Buckets
	Served     bool
	Zipf       bool

	Rate      func(partner int) float64                   // stable's filter rate
	Shift     func(partner int) float64                   // candidate's minus stable's
	Flip      float64                                     // share of pairs that differ beside the shift, both ways
	Errors    func(a judge.Arm, rng *rand.Rand) int       // per request: 1 for an error
	Scoreless func(a judge.Arm, rng *rand.Rand) int       // invalid pairs per request, by release
	Drift     func(look int) (rate, canary float64)       // added to all rates; share of requests of the candidate arm
	Latency   func(a judge.Arm, rng *rand.Rand) (bin int) // of a request

	// Reports are those of the last look. A test may change who counts: a new
	// boot, or a greater generation and another arm, begins at position 0.
	Reports []tally.Report

	rng        *rand.Rand
	shifts     map[string][]float64 // by task: its buckets' lasting shifts
	look       int
	generation int64
}

// New returns traffic of two tasks per arm and eight partners, without any
// difference between the releases.
func New(seed uint64) *Traffic {
	return &Traffic{
		rng: rand.New(rand.NewPCG(seed, 7)), PerArm: 2, Buckets: 64, Active: 40, Partners: 8, Asked: 5,
		PerLook: 250, Served: true, Flip: .01,
		Rate:   func(k int) float64 { return .3 + .02*float64(k%8) },
		Shift:  func(int) float64 { return 0 },
		shifts: map[string][]float64{},
	}
}

// PartnerName is what partner k is called.
func PartnerName(k int) string { return fmt.Sprintf("dsp-%02d", k) }

// Begin forms the arms anew, under a new generation.
func (w *Traffic) Begin() {
	w.Reports = nil
	w.generation++
	for _, arm := range []judge.Arm{judge.Candidate, judge.Control} {
		if arm == judge.Candidate && !w.Served {
			continue
		}
		for i := range w.PerArm {
			r := Blank(fmt.Sprintf("%s-%d", arm, i), arm, w.Buckets)
			r.Generation, r.Upto = w.generation, 0
			w.Reports = append(w.Reports, r)
		}
	}
}

// Blank is a report from position 0 to 1 that has room to count in.
func Blank(task string, arm judge.Arm, buckets int) tally.Report {
	list := func() []int64 { return make([]int64, buckets) }
	return tally.Report{
		Task: task, Boot: "b1", Generation: 1, Arm: arm, Upto: 1,
		Requests: list(), Errors: list(), Invalid: list(), ShadowRequests: list(), ShadowInvalid: list(),
		Partners: map[string]tally.Columns{},
	}
}

// After is a blank report of the same process that goes on where r ends.
func After(r tally.Report, buckets int) tally.Report {
	next := Blank(r.Task, r.Arm, buckets)
	next.Boot, next.Generation, next.After, next.Upto = r.Boot, r.Generation, r.Upto, r.Upto+1
	return next
}

// BlankColumns has room for what one partner counts, but for bids.
func BlankColumns(buckets int) tally.Columns {
	list := func() []int64 { return make([]int64, buckets) }
	return tally.Columns{Scored: list(), Filtered: list(), Pairs: list(), CandidateOnly: list(), StableOnly: list()}
}

// Next counts one look's traffic, and returns the look.
func (w *Traffic) Next() tally.Look {
	if w.Reports == nil {
		w.Begin()
	}
	w.look++
	drift, canary := 0.0, .5
	if w.Drift != nil {
		drift, canary = w.Drift(w.look)
	}
	next := make([]tally.Report, len(w.Reports))
	for i, was := range w.Reports {
		r := After(was, w.Buckets)
		n := float64(w.PerLook)
		if w.Served && r.Arm == judge.Candidate {
			n *= 2 * canary
		} else if w.Served {
			n *= 2 * (1 - canary)
		}
		columns := make([]tally.Columns, w.Partners)
		for k := range columns {
			columns[k] = BlankColumns(w.Buckets)
		}
		for range int(n) {
			w.request(&r, columns, drift)
		}
		for k, c := range columns {
			if some(c.Scored) {
				r.Partners[PartnerName(k)] = c
			}
		}
		next[i] = r
	}
	w.Reports = next
	return w.See()
}

func some(column []int64) bool {
	for _, v := range column {
		if v > 0 {
			return true
		}
	}
	return false
}

// See is the last look once more.
func (w *Traffic) See() tally.Look {
	l := tally.Look{
		At: time.Unix(1e9+int64(w.look), 0), Served: w.Served, Expected: map[judge.Arm]int{judge.Control: w.PerArm},
	}
	if w.Served {
		l.Expected[judge.Candidate] = w.PerArm
	}
	l.Reports = w.Reports
	return l
}

func (w *Traffic) request(r *tally.Report, columns []tally.Columns, drift float64) {
	g := w.rng.IntN(w.Active)
	lasting := w.shifts[r.Task]
	if lasting == nil {
		lasting = make([]float64, w.Buckets)
		for i := range lasting {
			lasting[i] = w.Persistent * w.rng.NormFloat64()
		}
		w.shifts[r.Task] = lasting
	}
	r.Requests[g]++
	if w.Latency != nil {
		if r.Latency == nil {
			r.Latency = make([]int64, judge.LatencyBins)
		}
		r.Latency[w.Latency(r.Arm, w.rng)]++
	}
	if w.Errors != nil && w.Errors(r.Arm, w.rng) > 0 {
		r.Errors[g]++
		return
	}
	shift := drift + lasting[g]
	if w.Together > 0 {
		shift += w.Together * w.rng.NormFloat64()
	}
	both := w.Sample > 0 && w.rng.Float64() < w.Sample
	if both {
		r.ShadowRequests[g]++
	}
	if w.Scoreless != nil {
		other := judge.Candidate
		if r.Arm == judge.Candidate {
			other = judge.Control
		}
		r.Invalid[g] += int64(w.Scoreless(r.Arm, w.rng))
		if both {
			r.ShadowInvalid[g] += int64(w.Scoreless(other, w.rng))
		}
	}
	for range w.Asked {
		k := w.pick()
		w.pair(&columns[k], r.Arm, g, k, shift, both)
	}
}

func (w *Traffic) pick() int {
	if !w.Zipf {
		return w.rng.IntN(w.Partners)
	}
	return min(w.Partners-1, int(math.Exp(w.rng.Float64()*math.Log(float64(w.Partners+1))))-1)
}

// pair scores one partner by both releases: they agree but for the shift and
// for flips both ways.
func (w *Traffic) pair(c *tally.Columns, arm judge.Arm, g, k int, shift float64, both bool) {
	u, noise := w.rng.Float64(), 0.0
	if w.Flip > 0 {
		noise = w.Flip * (w.rng.Float64()*2 - 1)
	}
	old := w.Rate(k) + shift
	oldSays, newSays := u < old, u < old+w.Shift(k)+noise
	says := oldSays
	if arm == judge.Candidate {
		says = newSays
	}
	c.Scored[g]++
	if says {
		c.Filtered[g]++
	}
	if !both {
		return
	}
	c.Pairs[g]++
	if newSays && !oldSays {
		c.CandidateOnly[g]++
	}
	if oldSays && !newSays {
		c.StableOnly[g]++
	}
}
