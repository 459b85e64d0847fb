package judge

import (
	"math"
	"testing"
)

func TestMissedBidsVector(t *testing.T) {
	p := PairSums{N: 60000, Ten: 4000, One: 2000, SS: 200000, SN: 3000000, NN: 90000000, FF: 2000. / 3, G: 40}
	m := weighBids(Stream{Bids: p, BidsSeen: 1200, BidsFlips: 120}, .005)
	near(t, "d", m.d, 1./30, 1e-12)
	near(t, "n", m.n, 1200, 1e-12)
	near(t, "flips", m.events, 120, 1e-12)
	near(t, "I", m.info, 11933.701657458563, 1e-9)
	near(t, "against", m.against, 2.356373592167678, 1e-9)
	near(t, "proof", m.proof, -1.1352996881491741, 1e-9)
	near(t, "lost", m.lost, 80, 1e-12)
}

// clusters are 40 clusters with so many bids each, of which so many flip.
func bidClusters(bids, ten, one, weight float64) (st Stream) {
	p := &st.Bids
	for i := range 40 {
		ten := math.Round(ten + float64(i%3-1)*math.Sqrt(ten))
		n, s, f := weight*bids, weight*(ten-one), weight*(ten+one)
		p.N, p.Ten, p.One = p.N+n, p.Ten+weight*ten, p.One+weight*one
		p.SS, p.SN, p.NN, p.FF = p.SS+s*s, p.SN+s*n, p.NN+n*n, p.FF+f*f/n
		p.G++
		st.BidsSeen, st.BidsFlips = st.BidsSeen+int64(bids), st.BidsFlips+int64(ten+one)
	}
	return st
}

func TestMissedBids(t *testing.T) {
	for _, tt := range []struct {
		name           string
		bids, ten, one float64
		worse, proven  bool
	}{
		{"the same both ways", 2000, 40, 40, false, true},
		{"three points more missed", 2000, 100, 40, true, false},
		{"on the margin", 2000, 50, 40, false, false},
		{"fewer missed", 2000, 40, 200, false, true},
		{"no difference at all", 2000, 0, 0, false, true},
		{"no difference in few bids", 10, 0, 0, false, false},
	} {
		for _, weight := range []float64{1, 50, 1000} {
			m := weighBids(bidClusters(tt.bids, tt.ten, tt.one, weight), .005)
			if worse := m.against >= math.Log(1/missedBidsAlpha); worse != tt.worse {
				t.Errorf("%s: worse %v at ln E = %v", tt.name, worse, m.against)
			}
			if proven := m.proof >= requiredLog; proven != tt.proven {
				t.Errorf("%s: proven %v at ln E = %v", tt.name, proven, m.proof)
			}
		}
	}
}

// A weight that is the same for all bids changes nothing.
func TestWeightsCancel(t *testing.T) {
	one, many := weighBids(bidClusters(200, 9, 4, 1), .005), weighBids(bidClusters(200, 9, 4, 50), .005)
	near(t, "d", many.d, one.d, 1e-12)
	near(t, "against", many.against, one.against, 1e-9)
	near(t, "proof", many.proof, one.proof, 1e-9)
	near(t, "I", many.info, one.info, 1e-9)
}

// One partner among a hundred is found, though all bids together show little.
func TestOnePartnerMissesBids(t *testing.T) {
	streams := make([]Stream, FirstPartner+100)
	for k := range 100 {
		streams[FirstPartner+k] = bidClusters(20, 1, 1, 50)
	}
	streams[FirstPartner+7] = bidClusters(20, 8, 0, 50)
	streams[Overall] = bidClusters(2000, 107, 100, 50)
	m := weighAllBids(streams, .005)
	if m.loudest != 7 || m.against < math.Log(1/missedBidsAlpha) {
		t.Errorf("loudest %d, ln E = %v of which all %v", m.loudest, m.against, m.all.against)
	}
	if m := weighAllBids(nil, .005); m.loudest != -1 || m.against != 0 {
		t.Errorf("nothing says %+v", m)
	}
}

// Weights of partners are half their share of bids and half an equal one, and
// how the bids were seen tells how much is known.
func TestBidsByHand(t *testing.T) {
	const margin = .005
	streams := make([]Stream, FirstPartner+3)
	streams[Overall] = bidClusters(2000, 107, 100, 1)
	streams[FirstPartner], streams[FirstPartner+2] = bidClusters(100, 6, 1, 3), bidClusters(60, 6, 0, 1)
	m := weighAllBids(streams, margin)
	first, last := weighBids(streams[FirstPartner], margin).against, weighBids(streams[FirstPartner+2], margin).against
	total := streams[FirstPartner].Bids.N + streams[FirstPartner+2].Bids.N
	partners := logSumExp([]float64{first, last}, []float64{.25 + .5*streams[FirstPartner].Bids.N/total, .25 + .5*streams[FirstPartner+2].Bids.N/total})
	near(t, "evidence", m.against, logSumExp([]float64{m.all.against, partners}, []float64{.5, .5}), 1e-12)
	if want := map[bool]int{true: 0, false: 2}[first >= last]; m.loudest != want || len(m.by) != 3 {
		t.Errorf("loudest %d of %v and %v", m.loudest, first, last)
	}
	alone := weighAllBids(streams[:FirstPartner], margin)
	if !alone.all.known || alone.against != alone.all.against || alone.loudest != -1 {
		t.Errorf("without partners: %+v", alone)
	}
	st := Stream{Bids: PairSums{N: 60000, Ten: 4000, One: 2000, SS: 200000, SN: 3000000, NN: 90000000, F2: 1.2e6, G: 40, M: 61}, BidsSeen: 1200, BidsFlips: 120}
	e := st.bids()
	near(t, "nu", e.nu, 39, 1e-12)
	near(t, "flipping", e.flipping, 30, 1e-12) // 6000^2/1.2e6 clusters flip
	st.Bids.F2 = 4e6
	near(t, "surety", st.bids().surety(), 18, 1e-12)
	st.Bids.F2 = 1.2e6
	near(t, "phi", e.phi, 1200/(60/(61*9e7/3.6e9-1)), 1e-9)
	near(t, "gained", weighBids(st, margin).gained, 40, 1e-12)
	for _, tt := range []struct {
		what         string
		change       func(*Stream)
		known, ready bool
	}{
		{"20 flips", func(st *Stream) { st.BidsFlips = 20 }, true, true},
		{"19 flips", func(st *Stream) { st.BidsFlips = 19 }, true, false},
		{"flips of 16 clusters", func(st *Stream) { st.Bids.F2 = 36e6 / 16 }, true, true},
		{"of fewer", func(st *Stream) { st.Bids.F2 = 36e6 / 15.9 }, true, false},
		{"one cluster", func(st *Stream) { st.Bids.G = 1 }, true, false},
		{"no bid", func(st *Stream) { st.BidsSeen = 0 }, false, false},
		{"none", func(st *Stream) { st.Bids.N = 0 }, false, false},
		{"no cluster", func(st *Stream) { st.Bids.G = 0 }, false, false},
	} {
		st := st
		tt.change(&st)
		if e := st.bids(); e.known != tt.known || e.ready != tt.ready {
			t.Errorf("%s: %+v", tt.what, e)
		}
	}
	rare := st
	rare.BidsFlips, rare.Bids.M = 9, 1
	e = rare.bids()
	near(t, "hardly any", weighBids(rare, margin).proof, logBelow(9*2/3., 1200, margin, e.phi)-math.Ln2, 1e-12)
	rare.Bids.G = 15
	near(t, "in few clusters", weighBids(rare, margin).proof, 0, 0)
}

// A partner is named that is louder than all together, from the threshold on.
func TestMissedBidsOfWhom(t *testing.T) {
	for _, tt := range []struct {
		what          string
		first, second Stream
		all           Stream
		partner       string
		worse         bool
	}{
		{"the first", bidClusters(2000, 100, 0, 1), bidClusters(2000, 60, 20, 1), bidClusters(4000, 160, 120, 1), "a", true},
		{"the second", bidClusters(2000, 60, 20, 1), bidClusters(2000, 100, 0, 1), bidClusters(4000, 160, 120, 1), "b", true},
		{"all", bidClusters(2000, 45, 40, 1), bidClusters(2000, 46, 40, 1), bidClusters(4000, 400, 0, 1), "", true},
		{"nobody", bidClusters(2000, 45, 40, 1), bidClusters(2000, 40, 40, 1), bidClusters(4000, 80, 80, 1), "", false},
	} {
		s := Statistics{Served: true, Partners: []Partner{{Name: "a"}, {Name: "b"}}, Streams: []Stream{tt.all, {}, tt.first, tt.second}}
		r := new(State).withRoom(&s).ruleBids(&s, Policy{}.Sane())
		if r.Partner != tt.partner || (r.excess() >= 0) != tt.worse || r.Threshold != 1/.0075 || r.Low > r.Difference || r.High < r.Difference || !r.asked {
			t.Errorf("%s: %+v", tt.what, r)
		}
		if len(r.named) > 0 != (tt.partner != "") {
			t.Errorf("%s: named are %q", tt.what, r.named)
		}
	}
	s := Statistics{Served: true}
	if r := new(State).withRoom(&s).ruleBids(&s, Policy{}.Sane()); r.asked || r.Outcome != NoData || r.Low != -1 {
		t.Errorf("no bids: %+v", r)
	}
}
