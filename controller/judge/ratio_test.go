package judge

import (
	"math"
	"strings"
	"testing"
)

// Events are as dispersed as Pearson's chi-square says, of both arms together.
func TestDispersion(t *testing.T) {
	for _, tt := range []struct{ n, x, ff, g, chi2, freedom float64 }{
		{1000, 10, .3, 5, 20, 4},
		{1000, 10, .05, 5, 0, 4},
		{1000, 10, .3, 2, 20, 1},
		{1000, 10, .3, 1, 0, 0},
		{1000, 0, .3, 5, 0, 0},
		{0, 10, .3, 5, 0, 0},
	} {
		chi2, freedom := dispersion(tt.n, tt.x, tt.ff, tt.g)
		near(t, "chi square", chi2, tt.chi2, 1e-12)
		near(t, "freedom", freedom, tt.freedom, 0)
	}
	arm := ClusterSums{N: 1000, X: 10, FF: .3, G: 5}
	near(t, "one arm", overdispersion([Arms]ClusterSums{arm, {}}), 5, 1e-12)
	near(t, "both", overdispersion([Arms]ClusterSums{arm, {N: 1000, X: 10, FF: .2, G: 3}}), 30/6., 1e-12)
	near(t, "less than chance", overdispersion([Arms]ClusterSums{{N: 1000, X: 10, FF: .11, G: 5}}), 1, 0)
	near(t, "unknown", overdispersion([Arms]ClusterSums{}), 1, 0)
	near(t, "episodes", ClusterSums{X: 12, XX: 48}.episodes(), 3, 1e-12)
	if !math.IsInf(ClusterSums{X: 12}.episodes(), 1) {
		t.Error("where nothing is known of moments there is one")
	}
}

// Rates without the worst half minute of either arm, where it is known and not
// all there is.
func TestSpare(t *testing.T) {
	r := Ratio{Requests: 400, Worst: [Arms]Moment{{N: 100, X: 8}, {N: 50, X: 2}}}
	r.ByMoment = [Arms]ClusterSums{{N: 1000, X: 18, FF: .94, G: 6}, {N: 850, X: 4, FF: .1, G: 6}}
	r.ByCluster[CandidateArm] = ClusterSums{N: 1000, X: 18}
	r.ByCluster[ControlArm] = ClusterSums{N: 850, X: 4}
	s, known := r.spare()
	if !known || s.n != [Arms]float64{900, 800} || s.x != [Arms]float64{10, 2} {
		t.Errorf("%+v, known %v", s, known)
	}
	rates := [Arms]float64{10. / 900, 2. / 800}
	chi2 := (.94-.64-rates[0]*10)/rates[0] + (.1-.08-rates[1]*2)/rates[1]
	near(t, "phi", s.phi, max(1000/400., chi2/8), 1e-12)
	r.Requests = 0
	s, _ = r.spare()
	near(t, "phi of events alone", s.phi, max(1, chi2/8), 1e-12)
	if r.tolerable(Policy{ErrorFloor: .001, ErrorRatio: 4}) || !r.tolerable(Policy{ErrorFloor: .001, ErrorRatio: 4.45}) || !r.tolerable(Policy{ErrorFloor: .012, ErrorRatio: 1}) {
		t.Errorf("%v against %v", rates[0], rates[1])
	}
	even := Ratio{ByCluster: [Arms]ClusterSums{{N: 1000, X: 4}, {N: 1000, X: 2}}}
	if !even.tolerable(Policy{ErrorFloor: .004, ErrorRatio: 1}) || !even.tolerable(Policy{ErrorFloor: .001, ErrorRatio: 2}) || even.tolerable(Policy{ErrorFloor: .0039, ErrorRatio: 1.9}) {
		t.Errorf("at the floor, or the ratio: %v", even.rates())
	}
	for what, change := range map[string]func(r *Ratio){
		"one moment":     func(r *Ratio) { r.ByMoment[1].G = 1 },
		"all there is":   func(r *Ratio) { r.ByMoment[0].N = 100 },
		"no moment":      func(r *Ratio) { r.Worst = [Arms]Moment{} },
		"nothing of one": func(r *Ratio) { r.ByMoment[1], r.Worst[1] = ClusterSums{}, Moment{} },
	} {
		r := r
		if change(&r); true {
			if s, known := r.spare(); known {
				t.Errorf("%s: %+v", what, s)
			}
		}
	}
	r.Worst[1], r.ByMoment[0].G = Moment{}, 2 // one arm without a fault, and one moment left of the other
	if s, known := r.spare(); !known || s.n != [Arms]float64{900, 850} || s.x != [Arms]float64{10, 4} {
		t.Errorf("%+v, known %v", s, known)
	}
	proof := spared{n: [Arms]float64{9000, 8000}, x: [Arms]float64{3, 5}, phi: 2}.proof(Policy{ErrorRatio: 1.5, ErrorFloor: .001})
	var logs [3]float64
	for i, a := range ratioProofs() {
		logs[i] = ratioLog(3, 9000, 5, 8000, 1.5, a)
	}
	near(t, "proof", proof, math.Log((math.Exp(temperedMean(logs[:], 2))+math.Exp(logBelow(3, 9000, .001, 2)))/2), 1e-12)
}

// ratioOf are statistics of errors in so many clusters, tasks and moments, of
// which each arm has as many.
func ratioOf(candidate, clusters float64) (s Statistics) {
	const n, stable = 10000., 20.
	r := &s.Ratios[ServedErrors]
	for a, x := range [Arms]float64{candidate, stable} {
		c := ClusterSums{N: n, X: x, XX: x * x / clusters, XN: x * n / clusters, NN: n * n / clusters, FF: x * x / n, G: clusters}
		r.N[a], r.X[a] = n, x
		r.ByCluster[a], r.ByTask[a], r.ByMoment[a] = c, c, c
	}
	return s
}

// A rate counts against the candidate when it is above the tolerated ratio and
// the floor, in two moments at least; for it, when it is below either.
func TestWeighRatio(t *testing.T) {
	p := Policy{}.Sane()
	weigh := func(s Statistics, m int) weighing {
		var state State
		state.past.Ratios[m].add(s.Ratios[m].N, s.Ratios[m].X, p.ErrorRatio)
		return state.weighRatio(&s, m, p)
	}
	logsOf := func(c, k, phi float64) (against, proof float64) {
		var r ratio
		r.add([Arms]float64{10000, 10000}, [Arms]float64{c, k}, 1.5)
		against = min(temperedMean(r.Logs[:], phi), logAbove(c, 10000, .001, phi))
		return against, logSumExp([]float64{temperedMean(r.Proofs[:], phi), logBelow(c, 10000, .001, phi)}, []float64{.5, .5})
	}
	check := func(what string, w weighing, phi, against, proof float64) {
		t.Helper()
		near(t, what+": phi", w.phi, phi, 1e-12)
		near(t, what+": against", w.against, against, 1e-12)
		near(t, what+": proof", w.proof, proof, 1e-12)
	}
	a, b := logsOf(60, 20, 1)
	check("three times as many", weigh(ratioOf(60, 16), ServedErrors), 1, a, b)
	check("few clusters", weigh(ratioOf(60, 15), ServedErrors), 1, 0, 0)
	for what, by := range map[string]func(r *Ratio) *[Arms]ClusterSums{
		"clumped by connection": func(r *Ratio) *[Arms]ClusterSums { return &r.ByCluster },
		"clumped by moment":     func(r *Ratio) *[Arms]ClusterSums { return &r.ByMoment },
		"clumped by task":       func(r *Ratio) *[Arms]ClusterSums { return &r.ByTask },
	} {
		s := ratioOf(60, 16)
		c := by(&s.Ratios[ServedErrors])
		c[CandidateArm].FF += 45 * .006 // chi-square of 45, over 15 and as many of stable's
		a, b := logsOf(60, 20, 1.5)
		check(what, weigh(s, ServedErrors), 1.5, a, b)
		if what == "clumped by task" {
			c[ControlArm].G = 8
			a, b := logsOf(60, 20, 45/22.)
			check("eight tasks", weigh(s, ServedErrors), 45/22., a, b)
			c[ControlArm].G = 7
			a, b = logsOf(60, 20, 1)
			check("seven tasks", weigh(s, ServedErrors), 1, a, b)
		}
	}
	together := ratioOf(60, 16)
	together.Ratios[ServedInvalid] = together.Ratios[ServedErrors]
	together.Ratios[ServedInvalid].Requests = 4000
	a, b = logsOf(60, 20, 2.5)
	check("pairs of a request", weigh(together, ServedInvalid), 2.5, a, b)
	once := ratioOf(60, 16)
	once.Ratios[ServedErrors].ByMoment[CandidateArm].XX = 3600 / 1.49
	_, b = logsOf(60, 20, 1)
	check("one moment", weigh(once, ServedErrors), 1, 0, b)
	once.Ratios[ServedErrors].ByMoment[CandidateArm].XX = 3600 / 1.5
	a, _ = logsOf(60, 20, 1)
	check("two moments", weigh(once, ServedErrors), 1, a, b)
	fewer := ratioOf(1, 16)
	fewer.Ratios[ServedErrors].ByMoment[CandidateArm].XX = 1
	a, b = logsOf(1, 20, 1)
	check("one moment speaks for it", weigh(fewer, ServedErrors), 1, a, b)
}

// What a ratio's finding shows, and from which floor on it would be fine.
func TestRatioFinding(t *testing.T) {
	p := Policy{}.Sane()
	var s State
	seen := ratioOf(200, 16)
	s.past.Ratios[ServedErrors].add(seen.Ratios[ServedErrors].N, seen.Ratios[ServedErrors].X, p.ErrorRatio)
	f, against := s.findRatio(&seen, ServedErrors, GateErrors, 400, true, p)
	near(t, "difference", f.Difference, .018, 1e-12)
	near(t, "band", f.BandHigh, .001, 1e-12)
	low, high := Newcombe(200, 10000, 20, 10000)
	if f.Low != low || f.High != high || f.BandLow != -1 || f.Requests != 10000 || f.Clusters != 32 || f.Required != required || f.Outcome != Unsure {
		t.Errorf("%+v", f)
	}
	if against < math.Log(400) || f.Otherwise == "" {
		t.Errorf("evidence %v: %q", against, f.Otherwise)
	}
	least := .001
	for logAbove(200, 10000, least, 1) >= math.Log(400) {
		least *= 1.0001
	}
	if text := worseFloor(200, 10000, 1, .001, 400); !strings.Contains(text, "error_floor been "+percent(least)+" or more") {
		t.Errorf("%q, want %s", text, percent(least))
	}
	if text := worseFloor(9999, 10000, 1, .001, 400); text != "" {
		t.Errorf("no floor lets nearly all pass: %q", text)
	}
	fine := ratioOf(5, 16)
	fine.Ratios[ServedErrors].ByCluster[ControlArm].N = 9000
	var state State
	state.past.Ratios[ServedErrors].add(fine.Ratios[ServedErrors].N, fine.Ratios[ServedErrors].X, p.ErrorRatio)
	for _, tt := range []struct {
		change func()
		want   Outcome
	}{
		{func() {}, Acceptable},
		{func() {
			state.past.Ratios[ServedErrors].Proof = proof{Up: 99, Down: 99, Low: p.ErrorFloor, High: p.ErrorRatio}
		}, Acceptable},
		{func() { fine.Ratios[ServedErrors].ByCluster[CandidateArm].X = 90 }, Unsure}, // proven once, and not so now
		{func() { fine = Statistics{} }, NoData},
	} {
		tt.change()
		f, _ := state.findRatio(&fine, ServedErrors, GateErrors, 400, false, p)
		if f.Outcome != tt.want || f.Required != 0 || tt.want == Acceptable && f.Requests != 9000 {
			t.Errorf("%s, want %s: %+v", f.Outcome, tt.want, f)
		}
	}
	r := Ratio{ByCluster: [Arms]ClusterSums{{N: 5, X: 6}, {}}}
	if rate := r.rates(); rate != [Arms]float64{1, 0} {
		t.Errorf("rates %v", rate)
	}
}
