package judge

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// sums are such as somebody might count: as many units in each of ten clusters.
func sums() ClusterSums {
	const n, x = 100., 9.
	return ClusterSums{N: n, X: x, XX: x * x / 10, XN: x * n / 10, NN: n * n / 10, FF: x * x / n, G: 10}
}

func pairSums(n, ten, one float64) PairSums {
	return PairSums{N: n, Ten: ten, One: one, SS: 9, SN: -9, NN: n * n / 10, FF: 1, F2: 1, G: 10, M: 20}
}

func soundStatistics() Statistics {
	d := Difference{
		D: -9, Q: 50, Binomial: 3, Windows: 3, N: [Arms]float64{100, 100}, X: [Arms]float64{10, 20}, U2: [Arms]float64{1, 1},
		NN: [Arms]float64{1000, 1000}, G: [Arms]int{10, 10}, Foretold: -1, UV: [Arms]float64{-1, 1}, VV: [Arms]float64{1, 1}, U4: [Arms]float64{1, 1}, Between: 1,
	}
	x := Exceedance{Edge: 40, Of: d, Past: Past{D: -3, Variance: 1, U2: [Arms]float64{1, 1}}, Shift: -2, Loudest: Cluster{Influence: -1}}
	p := pairSums(100, 3, 2)
	st := Stream{Served: d, Pairs: p, Bids: p, Live: p, Beside: p, Present: p, Scored: [Arms]int64{9, 9}, Filtered: [Arms]int64{1, 1}, BidsSeen: 5, BidsFlips: 5}
	r := Ratio{N: [Arms]float64{9, 9}, X: [Arms]float64{1, 1}, Requests: 9, Worst: [Arms]Moment{{N: 3, X: 1}, {N: 3, X: 1}}}
	for a := range Arms {
		r.ByCluster[a], r.ByTask[a], r.ByMoment[a] = sums(), sums(), sums()
	}
	s := Statistics{
		Partners: []Partner{{Name: "acme", Traffic: 9}}, Streams: []Stream{st, st, st}, Answered: [Arms]int64{9, 9}, PairsStep: 9, Shadowed: 9,
		Ratios: [Ratios]Ratio{r, r, r}, Latency: x, SLO: x, Drift: []ClusterSums{sums()}, Loudest: []Cluster{{Influence: -1}},
		Values: []ValueSums{{N: 9, SN: -1}, {N: 9}, {N: 9}},
	}
	for a := range Arms {
		s.Load[a] = Load{Tasks: 2, Connections: 9, Squares: 50, Requests: 9}
		s.Recent[a] = Recent{Requests: 9, Errors: 1, Pairs: 9, Invalid: 1}
		s.Scores[a][7], s.Crashes[a] = 9, 1
	}
	s.Worth = Worth{Unpriced: 1, Foreign: 1, Bad: 1, Capped: 1, Wins: 1, Cleared: 1, ClearedTen: 1, ClearedOne: 1, Prices: make([]int64, PriceBins)}
	for a := range Arms {
		s.Worth.Earned[a] = Earned{Kept: RatioSums{X: 9, Y: -1, XX: 9, XY: -1, YY: 9, G: 3}, Saved: RatioSums{X: 9, G: 3}, Lost: RatioSums{X: 9, G: 3}}
	}
	return s
}

// What nobody can have counted is told, and what somebody might have is not:
// each number for itself, on both sides of its bound.
func TestDamagedStatistics(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	const edge = 1e-6 // of slack
	for _, tt := range []struct {
		what   string
		change func(s *Statistics)
		says   string
	}{
		{"sound", func(*Statistics) {}, ""},
		{"nothing", func(s *Statistics) { *s = Statistics{} }, ""},
		{"a difference of everything", func(s *Statistics) { s.Streams[0].Served.D = 2 * 50 * slack }, ""},
		{"more", func(s *Statistics) { s.Streams[0].Served.D = -2*50*slack - 2*edge }, "all partners"},
		{"all of it foretold", func(s *Statistics) { s.Streams[1].Served.Foretold = -2 * 50 * slack }, ""},
		{"more foretold", func(s *Statistics) { s.Streams[1].Served.Foretold = 2*50*slack + 2*edge }, "damaged"},
		{"windows below none", func(s *Statistics) { s.Streams[2].Served.Windows = -1 }, "acme"},
		{"no window", func(s *Statistics) { s.Streams[2].Served.Windows = 0 }, ""},
		{"clusters below none", func(s *Statistics) { s.Streams[2].Served.G[1] = -1 }, "acme"},
		{"no clusters", func(s *Statistics) { s.Streams[2].Served.G[1] = 0 }, ""},
		{"a stream of nobody", func(s *Statistics) { s.Streams = append(s.Streams, Stream{BidsSeen: -1}) }, "stream 3"},
		{"squares without a sum", func(s *Statistics) { s.Streams[2].Served.NN[1] = 100*100*slack + 2*edge }, "acme"},
		{"all in one cluster", func(s *Statistics) { s.Streams[2].Served.NN[1] = 100 * 100 * slack }, ""},
		{"influence that is no number", func(s *Statistics) { s.Streams[2].Served.U2[0] = nan }, "acme"},
		{"slope", func(s *Statistics) { s.Streams[2].Served.UV[0] = -sensible }, "acme"},
		{"slope without end", func(s *Statistics) { s.Streams[2].Served.UV[1] = nan }, "acme"},
		{"squares foretold", func(s *Statistics) { s.Streams[2].Served.VV[1] = -1 }, "acme"},
		{"fourth powers", func(s *Statistics) { s.Streams[2].Served.U4[1] = -1e-9 }, "acme"},
		{"fourth powers without end", func(s *Statistics) { s.Streams[2].Served.U4[1] = sensible * sensible }, "acme"},
		{"no fourth powers", func(s *Statistics) { s.Streams[2].Served.U4[1] = 0 }, ""},
		{"a variance below zero", func(s *Statistics) { s.Streams[2].Served.Between = -1 }, "acme"},
		{"pairs", func(s *Statistics) { s.Streams[2].Pairs.SN = -sensible }, "acme"},
		{"live pairs", func(s *Statistics) { s.Streams[2].Live.N = -1 }, "acme"},
		{"pairs beside", func(s *Statistics) { s.Streams[2].Beside.SS = inf }, "acme"},
		{"present pairs", func(s *Statistics) { s.Streams[2].Present.G = -1 }, "acme"},
		{"absurdly many clusters", func(s *Statistics) { s.Streams[2].Present.G = 2 * mostUnits }, "acme"},
		{"as many as there may be", func(s *Statistics) { s.Streams[2].Present.G, s.Drift[0].G = mostUnits, mostUnits }, ""},
		{"no cluster of pairs", func(s *Statistics) { s.Streams[2].Present.G, s.Drift[0].G = 0, 0 }, ""},
		{"squares of pairs", func(s *Statistics) { s.Streams[2].Pairs.NN = 2e4 }, "acme"},
		{"bids", func(s *Statistics) { s.Streams[2].Bids.F2 = nan }, "acme"},
		{"flips of nothing", func(s *Statistics) { s.Streams[2].BidsFlips = 6 }, "acme"},
		{"flips below none", func(s *Statistics) { s.Streams[2].BidsFlips = -1 }, "acme"},
		{"bids below none", func(s *Statistics) { s.Streams[2].BidsSeen, s.Streams[2].BidsFlips = -1, -2 }, "acme"},
		{"no bids", func(s *Statistics) { s.Streams[2].BidsSeen, s.Streams[2].BidsFlips = 0, 0 }, ""},
		{"live bids", func(s *Statistics) { s.LiveBids = LiveBids{Seen: 3, Flips: 3} }, ""},
		{"more flips than live bids", func(s *Statistics) { s.LiveBids = LiveBids{Seen: 3, Flips: 4} }, "requests that the candidate answers"},
		{"live bids' sums", func(s *Statistics) { s.LiveBids = LiveBids{Bids: PairSums{N: nan}} }, "requests that the candidate answers"},
		{"live bids' value", func(s *Statistics) { s.LiveBids = LiveBids{Value: ValueSums{NN: -1}} }, "what bids are worth"},
		{"scored", func(s *Statistics) { s.Streams[2].Scored[1] = -1 }, "the counts of acme"},
		{"filtered", func(s *Statistics) { s.Streams[2].Filtered[0] = -1 }, "the counts of acme"},
		{"latency", func(s *Statistics) { s.Latency.Of.Q = nan }, "of latency"},
		{"the last edge", func(s *Statistics) { s.Latency.Edge, s.SLO.Edge = LatencyBins-1, 0 }, ""},
		{"an edge beyond", func(s *Statistics) { s.Latency.Edge = LatencyBins }, "of latency"},
		{"a promise below", func(s *Statistics) { s.SLO.Edge = -1 }, "of latency"},
		{"a promise", func(s *Statistics) { s.SLO.Past.Variance = -1 }, "of latency"},
		{"a shift", func(s *Statistics) { s.Latency.Shift = 1 - LatencyBins }, ""},
		{"another", func(s *Statistics) { s.Latency.Shift = LatencyBins - 1 }, ""},
		{"too far down", func(s *Statistics) { s.Latency.Shift = -LatencyBins }, "of latency"},
		{"too far up", func(s *Statistics) { s.Latency.Shift = LatencyBins }, "of latency"},
		{"a loud task", func(s *Statistics) { s.Latency.Loudest.Influence = -sensible }, "of latency"},
		{"a past of everything", func(s *Statistics) { s.Latency.Past.D = -50 * slack }, ""},
		{"a past of more", func(s *Statistics) { s.Latency.Past.D = 50*slack + 2*edge }, "of latency"},
		{"a past's influence", func(s *Statistics) { s.Latency.Past.U2[1] = nan }, "of latency"},
		{"both sides", func(s *Statistics) { s.BothSides = []BothSides{{Usual: 1}, {}} }, ""},
		{"more than usual", func(s *Statistics) { s.BothSides = []BothSides{{Usual: 1.01}} }, "damaged"},
		{"less", func(s *Statistics) { s.BothSides = []BothSides{{Usual: -.01}} }, "damaged"},
		{"value", func(s *Statistics) { s.Values[2].N = -1 }, "what bids are worth"},
		{"scores", func(s *Statistics) { s.Drift[0].XN = -1 }, "of scores"},
		{"clusters of scores", func(s *Statistics) { s.Drift[0].G = -1 }, "of scores"},
		{"errors", func(s *Statistics) { s.Ratios[2].ByMoment[1].NN = 2e4 }, "of errors"},
		{"errors of tasks", func(s *Statistics) { s.Ratios[2].ByTask[0].N = nan }, "of errors"},
		{"errors of clusters", func(s *Statistics) { s.Ratios[1].ByCluster[0].FF = -1 }, "of errors"},
		{"errors of a look", func(s *Statistics) { s.Ratios[0].X[1] = 9*slack + ahead + 1 }, "of errors"},
		{"errors ahead of requests", func(s *Statistics) { s.Ratios[0].X[1] = 9*slack + ahead }, ""},
		{"a worst moment", func(s *Statistics) { s.Ratios[0].Worst[1].X = -1 }, "of errors"},
		{"exposure", func(s *Statistics) { s.Ratios[0].Requests = -1 }, "of errors"},
		{"requests beyond all sense", func(s *Statistics) { s.Ratios[0].N[0] = 2 * mostUnits }, "of errors"},
		{"as many as there may be", func(s *Statistics) { s.Ratios[0].N[0] = mostUnits }, ""},
		{"next to none", func(s *Statistics) { s.Ratios[0].N[0] = 1e-10 }, "of errors"},
		{"a thousandth", func(s *Statistics) { s.Ratios[0].N[0] = 1e-3 }, ""},
		{"tasks", func(s *Statistics) { s.Load[1].Tasks = -1 }, "of load"},
		{"requests of load", func(s *Statistics) { s.Load[1].Requests = -1 }, "of load"},
		{"connections", func(s *Statistics) { s.Load[0].Connections = 2 * mostUnits }, "of load"},
		{"many connections", func(s *Statistics) { s.Load[0].Connections = mostUnits }, ""},
		{"squares", func(s *Statistics) { s.Load[0].Squares = -1 }, "of load"},
		{"idle", func(s *Statistics) { s.Load[0], s.Recent[0], s.Crashes = Load{}, Recent{}, [Arms]int{} }, ""},
		{"crashes", func(s *Statistics) { s.Crashes[1] = -1 }, "of load"},
		{"a score", func(s *Statistics) { s.Scores[1][3] = -1 }, "of load"},
		{"of late", func(s *Statistics) { s.Recent[1].Invalid = -1 }, "of load"},
		{"a cluster", func(s *Statistics) { s.Loudest[0].Influence = inf }, "of clusters"},
		{"no number", func(s *Statistics) { s.Loudest[0].Influence = nan }, "of clusters"},
		{"answered", func(s *Statistics) { s.Answered[1] = -1 }, "counts of requests"},
		{"pairs of the step", func(s *Statistics) { s.PairsStep = -1 }, "counts of requests"},
		{"shadowed", func(s *Statistics) { s.Shadowed = -1 }, "counts of requests"},
		{"none of it", func(s *Statistics) { s.PairsStep, s.Shadowed, s.Partners[0].Traffic = 0, 0, 0 }, ""},
		{"traffic", func(s *Statistics) { s.Partners[0].Traffic = -1 }, "the traffic of acme"},
		{"a product of value", func(s *Statistics) { s.Values[1].SN = inf }, "worth"},
		{"no product", func(s *Statistics) { s.Values[1].SN = nan }, "worth"},
		{"values of nobody", func(s *Statistics) { s.Values = make([]ValueSums, 4) }, "worth"},
		{"too many prices", func(s *Statistics) { s.Worth.Prices = make([]int64, PriceBins+1) }, "worth"},
		{"a price", func(s *Statistics) { s.Worth.Prices[3] = -1 }, "worth"},
		{"money", func(s *Statistics) { s.Worth.ClearedOne = -1 }, "worth"},
		{"earnings", func(s *Statistics) { s.Worth.Earned[1].Lost.YY = -1 }, "worth"},
		{"earnings without end", func(s *Statistics) { s.Worth.Earned[1].Kept.XY = -inf }, "worth"},
		{"no earnings", func(s *Statistics) { s.Worth.Earned[1].Saved.Y = nan }, "worth"},
	} {
		s := soundStatistics()
		tt.change(&s)
		if got := s.damage(); (got == "") != (tt.says == "") || !strings.Contains(got, tt.says) {
			t.Errorf("%s: %q, want %q", tt.what, got, tt.says)
		}
	}
	for i, v := range []float64{nan, inf, -inf, -1e-300, sensible} {
		if numbers(1, v) {
			t.Errorf("%v (%d) is a number that somebody counted", v, i)
		}
	}
	if !numbers(0, math.Nextafter(sensible, 0)) {
		t.Error("nothing, or very much, is no number")
	}
}

// Clocks may differ by as much as is allowed.
func TestClocksMayDiffer(t *testing.T) {
	for gap, want := range map[time.Duration]int{10 * time.Second: 1, 10*time.Second + 1: 2} {
		s := Statistics{MaxSkew: gap, Problems: []string{"other"}}
		if got := s.problems(Policy{}.Sane()); len(got) != want || want == 2 && !strings.Contains(got[1], fmt.Sprint(gap)) {
			t.Errorf("%v apart: %q", gap, got)
		}
	}
}
