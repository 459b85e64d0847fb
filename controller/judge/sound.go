package judge

import (
	"fmt"
	"math"
)

// problems are the contradictions in the data that make it worthless.
func (t *Statistics) problems(p Policy) []string {
	bad := t.Problems
	if t.MaxSkew > p.MaxClockSkew {
		bad = append(bad[:len(bad):len(bad)], fmt.Sprintf("tasks' clocks differ by up to %s, judge.max_clock_skew allows %s: synchronise them",
			t.MaxSkew, p.MaxClockSkew))
	}
	return bad
}

// The most that units, and their squares and products, may sensibly be.
const (
	mostUnits = 1e15
	sensible  = 1e31
)

// damage says which of the statistics cannot be what anybody counted.
func (t *Statistics) damage() string {
	for i := range t.Streams {
		st := &t.Streams[i]
		if !st.Served.sound() || !st.Pairs.sound() || !st.Live.sound() || !st.Beside.sound() || !st.Present.sound() || !st.soundBids() {
			return fmt.Sprintf("the statistics of %s are damaged", t.streamAt(i))
		}
		if !natural(st.Scored[:]) || !natural(st.Filtered[:]) {
			return fmt.Sprintf("the counts of %s are damaged", t.streamAt(i))
		}
	}
	if !t.Latency.sound() || !t.SLO.sound() || !t.Others.sound() || outside(t.Latency.Edge, LatencyBins) || outside(t.SLO.Edge, LatencyBins) {
		return "the statistics of latency are damaged"
	}
	if live := t.LiveBids.stream(); !live.soundBids() {
		return "the statistics of bids on requests that the candidate answers are damaged"
	}
	if !t.soundValue() {
		return "the statistics of what bids are worth are damaged"
	}
	for _, b := range t.BothSides {
		if !share01(b.Slow[CandidateArm], b.Requests[CandidateArm]) || !share01(b.Slow[ControlArm], b.Requests[ControlArm]) || !(b.Usual >= 0 && b.Usual <= 1) {
			return "the statistics of tasks that changed sides are damaged"
		}
	}
	for _, c := range t.Drift {
		if !c.sound() {
			return "the statistics of scores are damaged"
		}
	}
	for _, r := range t.Ratios {
		if !r.sound() {
			return "the statistics of errors are damaged"
		}
	}
	for a, l := range t.Load {
		if !natural(t.Scores[a][:]) || l.Tasks < 0 || l.Requests < 0 || !numbers(l.Connections, l.Squares) || l.Connections > mostUnits || t.Crashes[a] < 0 || !t.Recent[a].sound() {
			return "the statistics of load are damaged"
		}
	}
	for _, c := range t.Loudest {
		if math.IsNaN(c.Influence) || math.IsInf(c.Influence, 0) {
			return "the statistics of clusters are damaged"
		}
	}
	if !natural(t.Answered[:]) || t.PairsStep < 0 || t.Shadowed < 0 {
		return "the counts of requests are damaged"
	}
	for _, k := range t.Partners {
		if k.Traffic < 0 {
			return fmt.Sprintf("the traffic of %s is damaged", k.Name)
		}
	}
	return ""
}

func (st *Stream) soundBids() bool {
	return st.Bids.sound() && st.BidsSeen >= 0 && st.BidsFlips >= 0 && st.BidsFlips <= st.BidsSeen
}

func (t *Statistics) streamAt(i int) string {
	if i < FirstPartner+len(t.Partners) {
		return t.streamName(i)
	}
	return fmt.Sprintf("stream %d", i)
}

func outside(edge, bins int) bool { return edge < 0 || edge >= bins }

func (d Difference) sound() bool {
	for a := range d.N {
		if !share01(d.X[a], d.N[a]) || !numbers(d.U2[a], d.NN[a]) || d.G[a] < 0 || !square(d.NN[a], d.N[a]) {
			return false
		}
	}
	for a := range d.UV {
		if !(math.Abs(d.UV[a]) < sensible) || !numbers(d.VV[a]) || !(d.U4[a] >= 0 && d.U4[a] < sensible*sensible) {
			return false
		}
	}
	return numbers(d.Q, d.Binomial, d.Between) && math.Abs(d.D) <= 2*d.Q*slack+1e-6 && math.Abs(d.Foretold) <= 2*d.Q*slack+1e-6 && d.Windows >= 0
}

func (x Exceedance) sound() bool {
	return x.Of.sound() && x.Shift > -LatencyBins && x.Shift < LatencyBins && math.Abs(x.Loudest.Influence) < sensible && numbers(x.Past.Variance) && numbers(x.Past.U2[:]...) && math.Abs(x.Past.D) <= x.Of.Q*slack+1e-6
}

func (p PairSums) sound() bool {
	return share01(p.Ten+p.One, p.N) && numbers(p.Ten, p.One, p.SS, p.NN, p.FF, p.F2, p.M) && p.G >= 0 && p.G <= mostUnits && math.Abs(p.SN) < sensible && square(p.NN, p.N)
}

func (c ClusterSums) sound() bool {
	return share01(c.X, c.N) && numbers(c.XX, c.XN, c.NN, c.FF) && c.G >= 0 && c.G <= mostUnits && square(c.NN, c.N)
}

func (r Ratio) sound() bool {
	for a := range r.N {
		if !share01(r.X[a], r.N[a]) || !r.ByCluster[a].sound() || !r.ByTask[a].sound() || !r.ByMoment[a].sound() || !share01(r.Worst[a].X, r.Worst[a].N) {
			return false
		}
	}
	return numbers(r.Requests)
}

func (r Recent) sound() bool { return natural([]int64{r.Requests, r.Errors, r.Pairs, r.Invalid}) }

// slack allows for rounding, and ahead for counters that were read while they
// grew: a part may be a few ahead of its whole.
const (
	slack = 1 + 1e-6
	ahead = 1e6
)

func share01(x, n float64) bool {
	return numbers(x, n) && n <= mostUnits && x <= n*slack+ahead && (n == 0 || n > 1e-9)
}

// square says that a sum of squares belongs to a sum.
func square(nn, n float64) bool { return nn <= n*n*slack+1e-6 }

// numbers says that all are finite, not negative and not absurd.
func numbers(all ...float64) bool {
	for _, v := range all {
		if !(v >= 0 && v < sensible) {
			return false
		}
	}
	return true
}

func natural(all []int64) bool {
	for _, v := range all {
		if v < 0 {
			return false
		}
	}
	return true
}
