package simulation

import (
	"math"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
)

// A race measures how soon a gate speaks: eight tasks against eight from the
// first request on, looked at often, with nobody to wait for.
type race struct {
	name     string
	scenario Scenario
	gate     judge.Gate
	proof    bool    // wait for the proof, else for the evidence
	partner  int     // index of the partner whose information counts, from 1; 0: overall
	paired   bool    // count pairs; else requests of one arm
	perLook  float64 // requests per task and look
	looks    int     // after which a run is given up
	distance float64 // from the edge to the truth, in points of a share
	alpha    float64 // of the gate: the oracle gets the same

	long bool // as are all over connections that last

	watch func(units float64, v judge.Verdict) // nil: nobody does
}

// races returns those that the goals speak of.
func races() []race {
	const m = .02
	fine, worse, half := Scenario{}, Scenario{Shift: 2 * m}, Scenario{Shift: 1.5 * m}
	served, paired := judge.GateFilterRateServed, judge.GateFilterRatePaired
	bad := Scenario{Shift: .06, Partner: 8}
	return []race{
		{name: "served: promote at 0", scenario: fine, gate: served, proof: true, perLook: 100, looks: 150, distance: m, alpha: .05},
		{name: "served: roll back at m beyond the edge", scenario: worse, gate: served, perLook: 100, looks: 150, distance: m, alpha: .005},
		{name: "served: roll back at m/2 beyond the edge", scenario: half, gate: served, perLook: 400, looks: 300, distance: m / 2, alpha: .005, long: true},
		{name: "paired: promote at 0", scenario: fine, gate: paired, proof: true, paired: true, perLook: 2, looks: 200, distance: m, alpha: .05},
		{name: "paired: roll back at m beyond the edge", scenario: worse, gate: paired, paired: true, perLook: 2, looks: 200, distance: m, alpha: .005},
		{name: "paired: roll back at m/2 beyond the edge", scenario: half, gate: paired, paired: true, perLook: 4, looks: 300, distance: m / 2, alpha: .005, long: true},
		{name: "a bad partner of 100, by its pairs", scenario: bad, gate: judge.GatePartnersPaired, partner: 8, paired: true, perLook: 20, looks: 200, distance: .03, alpha: .02},
		{name: "a bad partner of 100, by the arms", scenario: bad, gate: judge.GatePartnersServed, partner: 8, perLook: 100, looks: 400, distance: .03, alpha: .02, long: true},
	}
}

// Finish is how a race went on one kind of traffic.
type Finish struct {
	Race   race
	Kind   Kind
	Runs   int
	Spoke  []float64 // units at which the gate spoke, sorted
	Known  []float64 // information at that time, against the oracle's, sorted
	Oracle float64   // units that a fixed sample needs, which knows the variance and looks once
	Unit   string
}

// Ratio is what a quantile of the runs needed, against the oracle; runs in
// which the gate never spoke count as infinite.
func (f Finish) Ratio(q float64) float64 { return ofAll(f.Spoke, q, f.Runs) / f.Oracle }

// ofAll is a quantile of runs of which the sorted ones came to an end.
func ofAll(ended []float64, q float64, runs int) float64 {
	i := int(math.Ceil(q*float64(runs))) - 1
	if i >= len(ended) {
		return math.Inf(1)
	}
	return ended[max(0, i)]
}

// Mean is the same for the mean of those that spoke.
func (f Finish) Mean() float64 { return mean(f.Spoke) / f.Oracle }

// path is what a run came to, look by look.
type path struct {
	units    []float64
	variance []float64 // squared standard error of the difference; infinite where unknown
	spoke    int       // look, -1 for never
}

// Races runs all races that a size has time for.
func Races(size Size) (all []Finish) {
	for _, r := range races() {
		for _, k := range Kinds() {
			runs := size.Races
			if r.long || k == Persistent {
				runs = size.Slow
			}
			if runs > 0 {
				all = append(all, r.run(k, runs))
			}
		}
	}
	return all
}

// run plays a race on all processors.
func (r race) run(kind Kind, runs int) Finish {
	paths := make([]path, runs)
	parallel(runs, func(i int) { paths[i] = r.once(uint64(i)+1, kind) })
	f := Finish{Race: r, Kind: kind, Runs: runs, Unit: "requests per arm", Oracle: r.oracle(paths)}
	if r.paired {
		f.Unit = "pairs"
	}
	for _, p := range paths {
		if p.spoke >= 0 {
			f.Spoke = append(f.Spoke, p.units[p.spoke])
			f.Known = append(f.Known, 1/p.variance[p.spoke]/r.needed())
		}
	}
	slices.Sort(f.Spoke)
	slices.Sort(f.Known)
	return f
}

// once plays one run: until the gate has spoken and the oracle would have, as
// far as this run can tell.
func (r race) once(seed uint64, kind Kind) (p path) {
	m := newMarket(seed, kind, r.scenario)
	if m.perLook = r.perLook; kind == Independent && !r.paired && r.partner == 0 {
		m.perLook /= 4 // decides so much sooner
	}
	var j panel
	counters := map[int]*counter{}
	upto := map[int]int64{}
	p.spoke = -1
	for look := 1; look <= r.looks; look++ {
		l := tally.Look{At: start().Add(time.Duration(look) * time.Second), Served: true}
		for arm, tasks := range [][]int{canaries(), controls()} {
			for _, i := range tasks {
				o := order{task: i, look: look, arm: []judge.Arm{judge.Candidate, judge.Control}[arm], explore: .2, sample: .1}
				if counters[i] == nil {
					counters[i] = newCounter(partnerName(i))
				}
				m.play(o, counters[i])
				l.Reports = append(l.Reports, identified(counters[i], o, upto, i))
			}
		}
		stats, verdict := j.look(l, judge.Policy{}, 1)
		units, variance := r.measure(stats)
		p.units, p.variance = append(p.units, units), append(p.variance, variance)
		if r.watch != nil {
			r.watch(units, verdict)
			continue
		}
		if p.spoke < 0 && r.spoken(verdict) {
			p.spoke = look - 1
		}
		if p.spoke >= 0 && 1/variance > 1.5*r.needed() {
			break
		}
	}
	return p
}

func identified(c *counter, o order, upto map[int]int64, i int) tally.Report {
	r := &c.report
	r.Generation, r.Arm, r.Explore, r.Connections, r.After = 1, o.arm, o.explore, lasting, upto[i]
	for _, n := range r.Requests {
		upto[i] += n
	}
	r.Upto = upto[i]
	return *r
}

func (r race) spoken(v judge.Verdict) bool {
	for _, f := range v.Findings {
		if f.Gate != r.gate {
			continue
		}
		if r.proof {
			return f.Required > 0 && f.Proof >= f.Required
		}
		return f.Threshold > 0 && f.Evidence >= f.Threshold
	}
	return false
}

// measure is how much a look has seen so far, and how well it knows the
// difference in question.
func (r race) measure(s judge.Statistics) (units, variance float64) {
	stream := judge.Overall
	if r.partner > 0 {
		stream = -1
		for k, p := range s.Partners {
			if p.Name == partnerName(r.partner-1) {
				stream = judge.FirstPartner + k
			}
		}
	}
	if stream < 0 || stream >= len(s.Streams) {
		return 0, math.Inf(1)
	}
	if r.paired {
		p := s.Streams[stream].Pairs
		return p.N, pairsVariance(p)
	}
	d := s.Streams[stream].Served
	if r.partner > 0 {
		return math.Min(d.N[0], d.N[1]), servedVariance(d)
	}
	return float64(min(s.Answered[0], s.Answered[1])), servedVariance(d)
}

// servedVariance is the cluster-robust variance of a difference of arms.
func servedVariance(d judge.Difference) float64 {
	v := 0.0
	for a := range d.U2 {
		if d.G[a] < 2 {
			return math.Inf(1)
		}
		g := float64(d.G[a])
		v += g / (g - 1) * d.U2[a]
	}
	return math.Max(v, .7*d.Binomial) / (d.Q * d.Q)
}

// pairsVariance is the same of a paired difference.
func pairsVariance(p judge.PairSums) float64 {
	if p.G < 2 || p.N <= 0 || p.Ten+p.One == 0 {
		return math.Inf(1)
	}
	d := (p.Ten - p.One) / p.N
	return p.G / (p.G - 1) * (p.SS - 2*d*p.SN + d*d*p.NN) / (p.N * p.N)
}

// needed is the information at which a test of fixed size has a power of
// 80 %: of two one-sided tests for a proof (8.56/m^2 at .05), of a two-sided
// one for harm (7.85/h^2 at .05).
func (r race) needed() float64 {
	z := normalQuantile(1-r.alpha/2) + normalQuantile(.8)
	if r.proof {
		z = normalQuantile(1-r.alpha) + normalQuantile(.9)
	}
	return z * z / (r.distance * r.distance)
}

// oracle is how many units a fixed sample needs: where the information reaches
// what is needed, with the variance of all runs taken together.
func (r race) oracle(paths []path) float64 {
	needed := r.needed()
	for look := 0; ; look++ {
		var units, variance []float64
		for _, p := range paths {
			if look < len(p.units) {
				units, variance = append(units, p.units[look]), append(variance, p.variance[look])
			}
		}
		if 2*len(units) < len(paths) || len(units) == 0 {
			return math.Inf(1)
		}
		if v := mean(variance); 1/v >= needed {
			return mean(units) * needed * v // within the look
		}
	}
}
