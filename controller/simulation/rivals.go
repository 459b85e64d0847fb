package simulation

import (
	"math"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// The three metrics that the rivals are given, as they would be in practice:
// one filter rate for all partners, errors, and slow requests.
const (
	filtering = iota
	failing
	dawdling
	metrics
)

// An interval is what both arms counted in one look: events x in n trials.
type interval struct {
	n, x [judge.Arms][metrics]float64
}

func (v *interval) add(w interval) {
	for a := range v.n {
		for m := range v.n[a] {
			v.n[a][m] += w.n[a][m]
			v.x[a][m] += w.x[a][m]
		}
	}
}

func (v interval) rate(arm, metric int) float64 {
	return v.x[arm][metric] / math.Max(1, v.n[arm][metric])
}

// count adds what a task reports to its arm.
func (v *interval) count(arm int, c *counter) {
	n, x := &v.n[arm], &v.x[arm]
	for g := range buckets {
		n[failing] += float64(c.report.Requests[g])
		x[failing] += float64(c.report.Errors[g])
	}
	n[dawdling] = n[failing]
	for _, slow := range c.report.Latency[slowBin():] {
		x[dawdling] += float64(slow)
	}
	for _, of := range c.report.Partners {
		for g := range buckets {
			n[filtering] += float64(of.Scored[g])
			x[filtering] += float64(of.Filtered[g])
		}
	}
}

// A rival is another way to judge a canary. It is shown every look, and says
// Undecided until it has made up its mind.
type rival interface {
	look(v interval) Ending
}

// rivalLooks is how long the rivals watch a canary that gives no offence
// before they promote it: a quarter of an hour. perMinute is how many looks
// make one of the points they are used to.
const (
	rivalLooks = 90
	perMinute  = 6
)

// zTest is the textbook's test of two shares, repeated at every look: what
// people do who watch a p-value on a dashboard.
type zTest struct {
	sum   interval
	looks int
}

func (z *zTest) look(v interval) Ending {
	z.sum.add(v)
	z.looks++
	for m := range metrics {
		stat := twoShares(z.sum, m)
		if stat > 1.959964 || m == filtering && stat < -1.959964 {
			return RolledBack
		}
	}
	if z.looks >= rivalLooks {
		return Promoted
	}
	return Undecided
}

// twoShares is the pooled z statistic of the candidate's share against
// stable's; 0 where nothing is known.
func twoShares(v interval, m int) float64 {
	nc, ns := v.n[judge.CandidateArm][m], v.n[judge.ControlArm][m]
	p := (v.x[judge.CandidateArm][m] + v.x[judge.ControlArm][m]) / (nc + ns)
	se := math.Sqrt(p * (1 - p) * (1/nc + 1/ns))
	if !(se > 0) {
		return 0
	}
	return (v.rate(judge.CandidateArm, m) - v.rate(judge.ControlArm, m)) / se
}

// kayenta is the rule of Kayenta's NetflixACAJudge: of one point per minute
// and arm, without outliers, the 98 % Mann-Whitney confidence interval of the
// shift must not lie beyond a quarter of its estimate. It judges every five
// minutes all there is so far; one failed metric of three is a score of 67,
// which is below its usual 75.
type kayenta struct {
	minute interval
	looks  int
	points [judge.Arms][metrics][]float64
}

func (k *kayenta) look(v interval) Ending {
	k.minute.add(v)
	k.looks++
	if k.looks%perMinute == 0 {
		for a := range k.points {
			for m := range k.points[a] {
				k.points[a][m] = append(k.points[a][m], k.minute.rate(a, m))
			}
		}
		k.minute = interval{}
	}
	if k.looks%(5*perMinute) == 0 {
		for m := range metrics {
			low, high, estimate := shift(inliers(k.points[judge.CandidateArm][m]), inliers(k.points[judge.ControlArm][m]), .02)
			bound := .25 * math.Abs(estimate)
			if low > bound || m == filtering && high < -bound {
				return RolledBack
			}
		}
	}
	if k.looks >= rivalLooks {
		return Promoted
	}
	return Undecided
}

// inliers drops points further than three interquartile ranges from the
// quartiles.
func inliers(points []float64) []float64 {
	sorted := slices.Sorted(slices.Values(points))
	low, high := quantile(sorted, .25), quantile(sorted, .75)
	far := 3 * (high - low)
	return slices.DeleteFunc(sorted, func(v float64) bool { return v < low-far || v > high+far })
}

// shift is the Hodges-Lehmann estimate of how far a lies above b, with its
// exact confidence interval by Mann and Whitney's U at level 1-alpha.
func shift(a, b []float64, alpha float64) (low, high, estimate float64) {
	differences := make([]float64, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			differences = append(differences, x-y)
		}
	}
	if len(differences) == 0 {
		return math.Inf(-1), math.Inf(1), 0
	}
	slices.Sort(differences)
	k := max(1, rankSumQuantile(alpha/2, len(a), len(b)))
	return differences[k-1], differences[len(differences)-k], quantile(differences, .5)
}

// rankSumQuantile is the least u of which Mann and Whitney's U is at most that
// with probability q or more, when both samples come from one distribution
// without ties.
func rankSumQuantile(q float64, m, n int) int {
	// ways[j][u]: choices of j of the first i values with so many inversions.
	ways := make([][]float64, m+1)
	for j := range ways {
		ways[j] = make([]float64, m*n+1)
	}
	ways[0][0] = 1
	for i := 1; i <= m+n; i++ {
		for j := min(i, m); j >= 1; j-- {
			for u := m * n; u >= i-j; u-- { // the j-th of a exceeds i-j of b
				ways[j][u] += ways[j-1][u-(i-j)]
			}
		}
	}
	total, sum := 0.0, 0.0
	for _, w := range ways[m] {
		total += w
	}
	for u, w := range ways[m] {
		if sum += w / total; sum >= q {
			return u
		}
	}
	return m * n
}

// threshold is what progressive-delivery controllers do out of the box
// (Flagger, Argo Rollouts): a check a minute of that minute's rates against
// limits, and back after three failures in a row.
type threshold struct {
	minute interval
	looks  int
	failed int
}

func (t *threshold) look(v interval) Ending {
	t.minute.add(v)
	t.looks++
	if t.looks%perMinute == 0 {
		if t.passes() {
			t.failed = 0
		} else {
			t.failed++
		}
		t.minute = interval{}
	}
	switch {
	case t.failed >= 3:
		return RolledBack
	case t.looks >= rivalLooks:
		return Promoted
	}
	return Undecided
}

// passes holds a minute against the limits that the judge is given as margins.
func (t *threshold) passes() bool {
	c, s := judge.CandidateArm, judge.ControlArm
	return math.Abs(t.minute.rate(c, filtering)-t.minute.rate(s, filtering)) <= .02 &&
		t.minute.rate(c, failing) <= math.Max(.001, 1.5*t.minute.rate(s, failing)) &&
		t.minute.rate(c, dawdling) <= t.minute.rate(s, dawdling)+.005
}

// The methods that are held against each other.
const (
	Sluice    = "Sluice"
	Before    = "Sluice at " + EarlierCommit
	ZTest     = "z-test, peeking"
	Kayenta   = "Mann-Whitney (Kayenta)"
	Threshold = "thresholds, 3 failures"
)

// rivals returns a fresh rival of every kind, by name.
func rivals() map[string]func() rival {
	return map[string]func() rival{
		ZTest:     func() rival { return &zTest{} },
		Kayenta:   func() rival { return &kayenta{} },
		Threshold: func() rival { return &threshold{} },
	}
}

// playRivals shows the rivals a canary of the same tasks on the same streams,
// from the first look on, and returns how each ended it.
func playRivals(m *market, watch func(look int, requests int64, v interval)) map[string]Result {
	fresh, judges, results := rivals(), map[string]rival{}, map[string]Result{}
	for name, make := range fresh {
		judges[name] = make()
	}
	c := newCounter("")
	res := Result{Ending: Undecided, Phase: rollout.Canary}
	for look := 1; len(judges) > 0 && look <= mostLooks; look++ {
		var v interval
		for arm, tasks := range [][]int{judge.CandidateArm: canaries(), judge.ControlArm: controls()} {
			for _, slot := range tasks {
				i, runs := m.occupant(slot, look)
				if !runs {
					continue
				}
				o := order{task: i, look: look, at: time.Duration(look) * lookEvery, tried: time.Duration(look) * lookEvery, arm: judge.Control}
				if arm == judge.CandidateArm {
					o.arm, o.broken = judge.Candidate, slot == canaries()[0] && m.scenario.failing(o.tried)
				}
				m.play(o, c)
				v.count(arm, c)
			}
		}
		res.Looks = look
		res.Requests += int64(v.n[judge.CandidateArm][failing] + v.n[judge.ControlArm][failing])
		res.Exposed += int64(v.n[judge.CandidateArm][failing])
		if watch != nil {
			watch(look, res.Requests, v)
		}
		for name, r := range judges {
			if res.Ending = r.look(v); res.Ending != Undecided {
				results[name] = res
				delete(judges, name)
			}
		}
	}
	return results
}
