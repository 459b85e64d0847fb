package simulation

import (
	"math"
	"slices"

	"github.com/sluicehq/sluice/controller/judge"
)

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
	if i = max(0, i); i >= len(ended) {
		return math.Inf(1)
	}
	return ended[i]
}

// Mean is the same for the mean of those that spoke.
func (f Finish) Mean() float64 { return mean(f.Spoke) / f.Oracle }

// path is what a run came to, look by look.
type path struct {
	Units    []float64
	Variance []float64 // squared standard error of the difference; infinite where unknown
	Spoke    int       // look, -1 for never
}

// Races runs all races that a size has time for.
func Races(n Notebook, size Size) (all []Finish, err error) {
	for _, r := range races() {
		for _, k := range Kinds() {
			runs := size.Races
			if r.long || k == Persistent {
				runs = size.Slow
			}
			if runs > 0 {
				f, err := r.run(n, k, runs)
				if err != nil {
					return nil, err
				}
				all = append(all, f)
			}
		}
	}
	return all, nil
}

// run plays a race on all processors.
func (r race) run(n Notebook, kind Kind, runs int) (Finish, error) {
	paths := make([]path, runs)
	err := played(n, runs, func(i int) (path, error) { return r.once(uint64(i)+1, kind), nil }, func(i int, p path) { paths[i] = p })
	if err != nil {
		return Finish{}, err
	}
	f := Finish{Race: r, Kind: kind, Runs: runs, Unit: "requests per arm", Oracle: r.oracle(paths)}
	if r.paired {
		f.Unit = "pairs"
	}
	for _, p := range paths {
		if p.Spoke >= 0 {
			f.Spoke = append(f.Spoke, p.Units[p.Spoke])
			f.Known = append(f.Known, 1/p.Variance[p.Spoke]/r.needed())
		}
	}
	slices.Sort(f.Spoke)
	slices.Sort(f.Known)
	return f, nil
}

// once plays one run: until the gate has spoken and the oracle would have, as
// far as this run can tell.
func (r race) once(seed uint64, kind Kind) (p path) {
	c := r.start(seed, kind)
	p.Spoke = -1
	for look := 1; look <= r.looks; look++ {
		stats, verdict := c.look(look)
		units, variance := r.measure(stats)
		p.Units, p.Variance = append(p.Units, units), append(p.Variance, variance)
		if r.watch != nil {
			r.watch(units, verdict)
			continue
		}
		if p.Spoke < 0 && r.spoken(verdict) {
			p.Spoke = look - 1
		}
		if p.Spoke >= 0 && 1/variance > 1.5*r.needed() {
			break
		}
	}
	return p
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
		if r.proof { // which only those can bring that are live
			p = s.Streams[stream].Live
		}
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
			if look < len(p.Units) {
				units, variance = append(units, p.Units[look]), append(variance, p.Variance[look])
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
