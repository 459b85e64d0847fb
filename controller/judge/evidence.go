package judge

import (
	"cmp"
	"math"
	"slices"
)

// largest bounds every e-value that leaves the package, so that all numbers
// stay finite and fit JSON.
const (
	largest    = 1e300
	largestLog = 690.8
)

// required is the e-value at which a required proof stands, 1/0.05.
// Promotion needs every one of them, so none need be corrected for the others.
const (
	required    = 20
	requiredLog = 2.995732273553991 // ln 20
)

// expCapped turns a logarithm into an e-value of at most [largest].
func expCapped(log float64) float64 {
	if math.IsNaN(log) {
		return 0
	}
	return math.Min(largest, math.Exp(math.Min(log, largestLog)))
}

// logSumExp returns ln(sum(weight exp(log))) without overflow.
func logSumExp(logs, weights []float64) float64 {
	top := math.Inf(-1)
	for i, l := range logs {
		if weights[i] > 0 {
			top = math.Max(top, l)
		}
	}
	if math.IsInf(top, 0) || math.IsNaN(top) {
		return top
	}
	sum := 0.0
	for i, l := range logs {
		sum += weights[i] * math.Exp(l-top)
	}
	return top + math.Log(sum)
}

// logGrid is the logarithm of a finite mixture of Gaussian likelihood ratios
// at score y with information info: sum of w_j exp(h_j y - h_j^2 info / 2)
// with h_j = unit steps[j]. Because each member grows with y, it is an
// e-process for the whole composite null (Howard, Ramdas, McAuliffe, Sekhon
// 2021; asymptotically Waudby-Smith et al. 2024).
func logGrid(y, info, unit float64, steps, weights []float64) float64 {
	var logs [8]float64
	for j, step := range steps {
		h := unit * step
		logs[j] = h*y - h*h*info/2
	}
	return logSumExp(logs[:len(steps)], weights)
}

// logAgainst is the evidence that a difference lies beyond an edge which the
// score y measures (positive beyond it).
func logAgainst(y, info, margin float64) float64 {
	return logGrid(y, info, margin, []float64{.25, .5, 1, 2, 4}, []float64{.2, .2, .2, .2, .2})
}

// logProof is the evidence that a difference lies inside an edge which the
// score y measures (positive inside it). The small steps are for the largest
// fleets: where a first look already knows a hundred times more than a proof
// takes, few clusters let the score grow so much less than the information
// that the great steps overshoot it.
func logProof(y, info, margin float64) float64 {
	return logGrid(y, info, margin, []float64{1, .5, .25, 1. / 8, 1. / 16, 1. / 32, 1. / 64}, []float64{.58, .29, .1, .015, .005, .005, .005})
}

// score turns a distance from an edge into the Gaussian score that the grids
// take. The distance's standard error is estimated from nu degrees of freedom;
// Wallace's transformation of Student's t keeps the tails right for few
// clusters (t-mixtures: Lindon, Ham, Tingley, Bojinov 2022). nu = +Inf means a
// known standard error.
func score(distance, info, nu float64) float64 {
	if math.IsInf(nu, 1) {
		return distance * info
	}
	if !(nu > 0) || !(info > 0) {
		return 0
	}
	t := distance * math.Sqrt(info)
	z := math.Sqrt(nu*math.Log1p(t*t/nu)) * (8*nu + 1) / (8*nu + 3)
	return math.Copysign(z, t) * math.Sqrt(info)
}

// shownLog is the evidence at which a difference lies beyond an end of the
// interval that is shown: ln(2/0.05), for either end.
const shownLog = 3.6888794541139363

// confidence is the anytime-valid 95 % confidence sequence of a difference: the
// differences of which the same evidence that decides says no more than
// [shownLog], clipped to [-1, 1]. So a candidate that is worse never shows an
// interval that allows it to be fine.
func confidence(d, info, nu, margin float64) (low, high float64) {
	if !(info > 0) {
		return -1, 1
	}
	within, beyond := 0.0, 2.0
	for range 60 {
		if half := (within + beyond) / 2; logAgainst(score(half, info, nu), info, margin) < shownLog {
			within = half
		} else {
			beyond = half
		}
	}
	return math.Max(-1, d-beyond), math.Min(1, d+beyond)
}

// ratioSteps are the multiples of the tolerated ratio at which the error rate
// is tried, and ratioProofs those below it.
func ratioSteps() [7]float64  { return [7]float64{1.25, 1.5, 2, 3, 5, 10, 30} }
func ratioProofs() [3]float64 { return [3]float64{2. / 3, .5, .25} }

// ratioLog is the logarithm of the likelihood ratio of "candidate errs at a r0
// times stable's rate" against "at r0 times", for xc errors in nc requests
// against xs in ns. Given their sum, xc is binomial, so nothing else need be
// known of the rates (counts: Lindon & Malek 2022).
func ratioLog(xc, nc, xs, ns, r0, a float64) float64 {
	if nc <= 0 || ns <= 0 {
		return 0
	}
	// ln(th1/th0) and ln((1-th1)/(1-th0)) with th = r nc/(r nc + ns).
	both := math.Log((r0*nc + ns) / (r0*a*nc + ns))
	return xc*(math.Log(a)+both) + xs*both
}

// bernoulliLog is the logarithm of the likelihood ratio of "the rate is
// a floor" against "it is floor" after x events in n.
func bernoulliLog(x, n, floor, a float64) float64 {
	other := math.Min(a*floor, 1-1e-9)
	return x*math.Log(other/floor) + (n-x)*(math.Log1p(-other)-math.Log1p(-floor))
}

// temperedMean is the logarithm of the mean of likelihood ratios, each raised
// to 1/phi to allow for counts phi times as dispersed as independent ones.
func temperedMean(logs []float64, phi float64) float64 {
	var scaled, weights [8]float64
	for i, l := range logs {
		scaled[i], weights[i] = l/phi, 1/float64(len(logs))
	}
	return logSumExp(scaled[:len(logs)], weights[:len(logs)])
}

// logAbove is the evidence that the rate behind x of n lies above floor.
func logAbove(x, n, floor, phi float64) float64 {
	var logs [7]float64
	for i, a := range ratioSteps() {
		logs[i] = bernoulliLog(x, n, floor, a)
	}
	return temperedMean(logs[:], phi)
}

// logBelow is the evidence that the rate behind x of n lies below floor. It is
// an e-process by itself, so that no events in enough requests are a proof,
// and no requests are none.
func logBelow(x, n, floor, phi float64) float64 {
	logs := [3]float64{}
	for i, a := range [3]float64{.5, .2, .05} {
		logs[i] = bernoulliLog(x, n, floor, a)
	}
	return temperedMean(logs[:], phi)
}

// named returns the indices of the hypotheses which e-BH rejects at a false
// discovery rate of alpha, strongest first, from logarithms of e-values
// (Wang & Ramdas 2022). It holds under any dependence.
func named(logs []float64, alpha float64) []int {
	order := make([]int, len(logs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(logs[b], logs[a]) })
	k := float64(len(logs))
	for i := len(order); i > 0; i-- {
		if logs[order[i-1]] >= math.Log(k/(alpha*float64(i))) {
			return order[:i]
		}
	}
	return nil
}

// SampleRatio is the p-value of a against b when share of the whole was meant
// for a, by Pearson's chi-square. It knows nothing of clumps: for display.
func SampleRatio(a, b int64, share float64) float64 {
	n := float64(a) + float64(b)
	if n <= 0 || share <= 0 || share >= 1 {
		return 1
	}
	off := float64(a) - n*share
	chi2 := off * off / (n * share * (1 - share))
	return math.Erfc(math.Sqrt(chi2 / 2))
}

// Newcombe is the 95 % interval of x1/n1 - x2/n2 by Newcombe's hybrid of two
// Wilson intervals: good at small counts, but for one look only, so for
// display, never for a verdict. Events that are a few ahead of their trials, as
// counters may be, are taken for all of them.
func Newcombe(x1, n1, x2, n2 int64) (low, high float64) {
	if n1 <= 0 || n2 <= 0 {
		return -1, 1
	}
	p1, l1, u1 := wilson(float64(x1), float64(n1))
	p2, l2, u2 := wilson(float64(x2), float64(n2))
	d := p1 - p2
	return d - math.Hypot(p1-l1, u2-p2), d + math.Hypot(u1-p1, p2-l2)
}

func wilson(x, n float64) (p, low, high float64) {
	const z = 1.959963984540054
	x = min(x, n)
	p = x / n
	centre := (x + z*z/2) / (n + z*z)
	half := z / (n + z*z) * math.Sqrt(n*p*(1-p)+z*z/4)
	return p, centre - half, centre + half
}
