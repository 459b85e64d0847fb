package simulation

import (
	"math"

	"github.com/sluicehq/sluice/controller/judge"
)

// Whole is how whole rollouts of a candidate without any change, hurried
// through their phases as evidence allows, compare with an oracle that goes
// the same way: one that knows all variances beforehand, and looks once at the
// end of each phase, at a sample with which all proofs asked for stand
// together with 80 % power. It is asked for the same proofs: in the last phase
// those of pairs by live ones alone, of every partner.
type Whole struct {
	Kind    Kind
	Results []Result
	Oracle  float64   // requests answered by the tasks compared
	Looks   []float64 // of those, in each phase
}

// phaseTasks is how many tasks are compared in shadow and in the canary steps.
func phaseTasks() [3]float64 { return [3]float64{8, 4, 16} }

// lastPhase is the one in which pairs prove something only where the candidate
// serves.
const lastPhase = 2

// A ledger adds up what patient rollouts knew of every proof, by phase and by
// look since the phase began.
type ledger struct {
	looks [3][]map[string]known
	last  map[string]float64 // information at the last look
	base  map[string]float64 // at the last look of the phase before
	phase int
}

// known is what runs knew of one proof, added up.
type known struct {
	info, runs float64
	margin     float64
	oneSided   bool
}

// Wholes plays hurried rollouts and asks their oracle.
func Wholes(n Notebook, runs int) (all []Whole, err error) {
	for _, k := range Kinds() {
		if runs == 0 {
			break
		}
		rows, err := campaign(n, []Kind{k}, []Scenario{{Name: "no change", Truth: Fine}}, hasty(), func(Scenario, Kind) int { return runs }, func(Row) {})
		if err != nil {
			return nil, err
		}
		w := Whole{Kind: k, Results: rows[0].Results[Sluice]}
		w.Looks = wholeOracle(k, max(4, runs/4))
		for phase, looks := range w.Looks {
			w.Oracle += looks * phaseTasks()[phase] * perLook
		}
		all = append(all, w)
	}
	return all, nil
}

// Ratios are requests to a promotion against the oracle's, sorted.
func (w Whole) Ratios() (all []float64) {
	for _, n := range requests(only(w.Results, Promoted)) {
		all = append(all, n/w.Oracle)
	}
	return all
}

// wholeOracle is how many looks each phase needs.
func wholeOracle(kind Kind, runs int) (looks []float64) {
	ledgers := make([]ledger, runs)
	parallel(runs, func(i int) {
		play(newMarket(uint64(i)+1001, kind, Scenario{}), policies(), ledgers[i].note)
	})
	answered, carried := 0.0, map[string]float64{} // by the candidate; information
	for phase, tasks := range phaseTasks() {
		if phase == 0 {
			tasks = 0 // the candidate answers nobody
		}
		n := together(ledgers, phase, answered, tasks/2*perLook, carried)
		looks = append(looks, n)
		answered += n * tasks / 2 * perLook
	}
	return looks
}

// note adds what one look of a rollout knows.
func (l *ledger) note(s step) {
	phase := 0
	if s.stats.Served {
		phase = 1 + min(1, s.canary)
	}
	if phase != l.phase || l.last == nil {
		l.phase, l.base, l.last = phase, l.last, map[string]float64{}
	}
	at := map[string]known{}
	for name, k := range proofs(phase, s.stats, s.verdict) {
		l.last[name] = k.info
		k.info -= l.base[name]
		at[name] = k
	}
	l.looks[phase] = append(l.looks[phase], at)
}

// proofs is what a look knows of every proof that is asked for and takes
// information; errors are counted apart.
func proofs(phase int, t judge.Statistics, v judge.Verdict) map[string]known {
	all := map[string]known{}
	add := func(name string, variance, margin float64, oneSided bool) {
		if variance > 0 && !math.IsInf(variance, 1) {
			all[name] = known{info: 1 / variance, runs: 1, margin: margin, oneSided: oneSided}
		}
	}
	for _, f := range v.Findings {
		if f.Required == 0 {
			continue
		}
		switch f.Gate { //nolint:exhaustive // those whose proof takes information
		case judge.GateFilterRatePaired:
			if phase < lastPhase {
				add("pairs", pairsVariance(t.Streams[judge.Overall].Pairs), f.BandHigh, false)
			}
		case judge.GateFilterRateServed:
			add("served", servedVariance(t.Streams[judge.Overall].Served), f.BandHigh, false)
		case judge.GateMissedBids:
			add("bids", pairsVariance(t.Streams[judge.Overall].Bids), f.BandHigh, true)
		case judge.GateLatency:
			change := t.Latency.Of
			change.U2 = t.Latency.Past.U2
			add("latency", servedVariance(change), f.BandHigh, true)
		}
	}
	p := judge.Policy{}.Sane()
	pairs := func(name string, stream int, margin float64) {
		switch live := pairsVariance(t.Streams[stream].Live); phase {
		case 0:
			add(name, pairsVariance(t.Streams[stream].Pairs), margin, false)
		case lastPhase:
			add("live "+name, live, margin, false)
		default:
			add("live "+name, live, math.Inf(1), false) // counts, and nobody asks for it yet
		}
	}
	for k, partner := range t.Partners {
		if !partner.Tail {
			pairs(partner.Name, judge.FirstPartner+k, p.PartnerMargin)
		}
	}
	pairs("tail", judge.Tail, p.TailMargin)
	if phase > 0 { // before, by its finding
		pairs("pairs", judge.Overall, p.Margin)
	}
	return all
}

// together is the number of looks after which all proofs stand together; a
// phase has its share of the power of 80 %. What is known by then is carried.
func together(ledgers []ledger, phase int, answered, perLook float64, carried map[string]float64) float64 {
	share := math.Pow(.8, 1./3)
	for look := 0; ; look++ {
		at, runs := map[string]known{}, 0
		for i := range ledgers {
			if look >= len(ledgers[i].looks[phase]) {
				continue
			}
			runs++
			for name, k := range ledgers[i].looks[phase][look] {
				sum := at[name]
				at[name] = known{sum.info + k.info, sum.runs + 1, k.margin, k.oneSided}
			}
		}
		if 2*runs < len(ledgers) || runs == 0 {
			return math.Inf(1)
		}
		power := 1.0
		if phase > 0 {
			power = errorPower(answered+float64(look+1)*perLook, errorFloor(phase))
		}
		for name, k := range at {
			k.info = k.info/k.runs + carried[name]
			power *= k.power()
			at[name] = k
		}
		if power >= share && len(at) > 0 {
			for name, k := range at {
				carried[name] = k.info
			}
			return float64(look + 1)
		}
	}
}

// power is how likely a test of fixed size at .05 proves that a difference of
// zero lies inside the margin.
func (k known) power() float64 {
	p := normalBelow(k.margin*math.Sqrt(k.info) - 1.6448536)
	if k.oneSided {
		return p
	}
	return math.Max(0, 2*p-1)
}

// errorFloor is the error rate that is always fine, as much wider in the first
// canary step as its margin is.
func errorFloor(phase int) float64 {
	p := judge.Policy{}.Sane()
	if phase == lastPhase {
		return p.ErrorFloor
	}
	return p.ErrorFloor * hasty().Default.Steps[0].Margin / p.Margin
}

// errorPower is how likely a test of fixed size proves, from n requests, that
// errors are rarer than the floor below which they are always fine.
func errorPower(n, floor float64) float64 {
	return normalBelow(((floor-errorRate)*math.Sqrt(n) - 1.6448536*math.Sqrt(floor)) / math.Sqrt(errorRate))
}
