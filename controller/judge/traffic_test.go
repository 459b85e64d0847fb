package judge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// A traffic invents what tasks count, from a seed.
type traffic struct {
	rng        *rand.Rand
	perArm     int // tasks
	buckets    int
	partners   int
	perLook    int     // requests per task and look
	asked      int     // partners scored per request
	sample     float64 // share of requests scored by both
	persistent float64 // standard deviation of a connection's lasting shift of the filter rate
	together   float64 // standard deviation of a request's shift, common to its partners
	active     int     // buckets that have connections, of buckets
	served     bool
	zipf       bool

	rate      func(partner int) float64             // stable's filter rate
	shift     func(partner int) float64             // candidate's minus stable's
	flip      float64                               // share of pairs that differ beside the shift, both ways
	errors    func(arm Arm, rng *rand.Rand) int     // per request: 1 for an error
	scoreless func(a Arm, rng *rand.Rand) int       // invalid pairs per request, by release
	drift     func(look int) (rate, canary float64) // added to all rates; share of requests of the candidate arm

	shifts  map[string][]float64 // by task: its buckets' lasting shifts
	reports []Report
	look    int

	generation int64
	columns    [][]Columns // by report and partner
}

func newTraffic(seed uint64) *traffic {
	return &traffic{
		rng: rand.New(rand.NewPCG(seed, 7)), perArm: 2, buckets: 64, active: 40, partners: 8, asked: 5,
		perLook: 250, served: true, flip: .01,
		rate:   func(k int) float64 { return .3 + .02*float64(k%8) },
		shift:  func(int) float64 { return 0 },
		shifts: map[string][]float64{},
	}
}

func partnerName(k int) string { return fmt.Sprintf("dsp-%02d", k) }

func blanks(n, buckets int) []Columns {
	all := make([]Columns, n)
	for k := range all {
		all[k] = blankColumns(buckets)
	}
	return all
}

func (w *traffic) begin() {
	w.reports, w.columns = nil, nil
	w.generation++
	for _, arm := range []Arm{Candidate, Control} {
		if arm == Candidate && !w.served {
			continue
		}
		for i := range w.perArm {
			r := blank(fmt.Sprintf("%s-%d", arm, i), arm, w.buckets)
			r.Generation = w.generation
			w.reports = append(w.reports, r)
			w.columns = append(w.columns, blanks(w.partners, w.buckets))
		}
	}
}

func blank(task string, arm Arm, buckets int) Report {
	list := func() []int64 { return make([]int64, buckets) }
	return Report{
		Task: task, Boot: "b1", Generation: 1, Arm: arm,
		Requests: list(), Errors: list(), Invalid: list(), ShadowRequests: list(), ShadowInvalid: list(),
		Partners: map[string]Columns{},
	}
}

func blankColumns(buckets int) Columns {
	list := func() []int64 { return make([]int64, buckets) }
	return Columns{Scored: list(), Filtered: list(), Pairs: list(), CandidateOnly: list(), StableOnly: list()}
}

// next counts one look's traffic on top, and returns the look.
func (w *traffic) next() Look {
	if w.reports == nil {
		w.begin()
	}
	w.look++
	drift, canary := 0.0, .5
	if w.drift != nil {
		drift, canary = w.drift(w.look)
	}
	for i := range w.reports {
		r := &w.reports[i]
		n := float64(w.perLook)
		if w.served && r.Arm == Candidate {
			n *= 2 * canary
		} else if w.served {
			n *= 2 * (1 - canary)
		}
		for range int(n) {
			w.request(r, w.columns[i], drift)
		}
		for k, c := range w.columns[i] {
			if sum(c.Scored) > 0 {
				r.Partners[partnerName(k)] = c
			}
		}
	}
	return w.see()
}

// see is the look as it is now.
func (w *traffic) see() Look {
	l := Look{
		At: time.Unix(1e9+int64(w.look), 0), Served: w.served, Expected: map[Arm]int{Control: w.perArm},
	}
	if w.served {
		l.Expected[Candidate] = w.perArm
	}
	l.Reports = w.reports
	return l
}

func (w *traffic) request(r *Report, columns []Columns, drift float64) {
	g := w.rng.IntN(w.active)
	lasting := w.shifts[r.Task]
	if lasting == nil {
		lasting = make([]float64, w.buckets)
		for i := range lasting {
			lasting[i] = w.persistent * w.rng.NormFloat64()
		}
		w.shifts[r.Task] = lasting
	}
	r.Requests[g]++
	if w.errors != nil && w.errors(r.Arm, w.rng) > 0 {
		r.Errors[g]++
		return
	}
	shift := drift + lasting[g]
	if w.together > 0 {
		shift += w.together * w.rng.NormFloat64()
	}
	both := w.sample > 0 && w.rng.Float64() < w.sample
	if both {
		r.ShadowRequests[g]++
	}
	if w.scoreless != nil {
		other := Candidate
		if r.Arm == Candidate {
			other = Control
		}
		r.Invalid[g] += int64(w.scoreless(r.Arm, w.rng))
		if both {
			r.ShadowInvalid[g] += int64(w.scoreless(other, w.rng))
		}
	}
	for range w.asked {
		k := w.pick()
		w.pair(&columns[k], r.Arm, g, k, shift, both)
	}
}

func (w *traffic) pick() int {
	if !w.zipf {
		return w.rng.IntN(w.partners)
	}
	return min(w.partners-1, int(math.Exp(w.rng.Float64()*math.Log(float64(w.partners+1))))-1)
}

// pair scores one partner by both releases: they agree but for the shift and
// for flips both ways.
func (w *traffic) pair(c *Columns, arm Arm, g, k int, shift float64, both bool) {
	u, noise := w.rng.Float64(), 0.0
	if w.flip > 0 {
		noise = w.flip * (w.rng.Float64()*2 - 1)
	}
	old := w.rate(k) + shift
	oldSays, newSays := u < old, u < old+w.shift(k)+noise
	says := oldSays
	if arm == Candidate {
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

// until looks until the outcome is neither unsure nor nothing, at most so
// often, and returns the verdict and the number of looks.
func (w *traffic) until(s *State, p Policy, looks int) (Verdict, int) {
	var v Verdict
	for i := range looks {
		v = s.Look(w.next(), p)
		if v.Outcome == Worse || v.Outcome == Acceptable {
			return v, i + 1
		}
	}
	return v, looks
}
