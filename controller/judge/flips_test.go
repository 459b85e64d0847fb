package judge

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A habit is how pairs of one seed flip: each for itself, or all of a
// connection.
type habit struct {
	name        string
	ten, one    float64 // shares of pairs, or of connections
	connections int     // that repeat one request each; 0: none does
}

// played returns the greatest evidence of too high, and the greatest proof of
// not too high, over a rollout of 120 looks, both as logarithms.
func (h habit) played(rng *rand.Rand, b band) (high, below float64) {
	const clusters, looks, perLook = 512, 120, 60
	var n, flips, net [clusters]float64
	flip := func() float64 {
		switch u := rng.Float64(); {
		case u < h.ten:
			return 1
		case u < h.ten+h.one:
			return -1
		}
		return 0
	}
	type connection struct {
		cluster int
		flip    float64
	}
	all := make([]connection, h.connections)
	for i := range all {
		all[i] = connection{rng.IntN(clusters), flip()}
	}
	for range looks {
		for range perLook {
			one := connection{rng.IntN(clusters), 0}
			if h.connections > 0 {
				one = all[rng.IntN(len(all))]
			} else {
				one.flip = flip()
			}
			n[one.cluster]++
			flips[one.cluster] += math.Abs(one.flip)
			net[one.cluster] += one.flip
		}
		l := sumOf(n[:], flips[:], net[:]).estimate(1).weigh(b)
		high, below = math.Max(high, l.tooHigh), math.Max(below, l.below)
	}
	return high, below
}

func sumOf(n, flips, net []float64) PairSums {
	p := PairSums{M: float64(len(n))}
	for g := range n {
		if n[g] == 0 {
			continue
		}
		p.N += n[g]
		p.Ten += (flips[g] + net[g]) / 2
		p.One += (flips[g] - net[g]) / 2
		p.SS += net[g] * net[g]
		p.SN += net[g] * n[g]
		p.NN += n[g] * n[g]
		p.FF += flips[g] * flips[g] / n[g]
		p.F2 += flips[g] * flips[g]
		p.G++
	}
	return p
}

// On the very edge pairs prove nothing, and are no harm, in more rollouts than
// the error allows, however few flips there are and whatever they belong to: a
// proof at 20 stands in one of twenty at most, and so does evidence of 20.
func TestFlipsOnTheEdge(t *testing.T) {
	if testing.Short() {
		t.Skip("plays thousands of rollouts")
	}
	b := band{-.02, .02, .02}
	for _, h := range []habit{
		{"all flips one way", .02, 0, 0},
		{"most of them", .03, .01, 0},
		{"many both ways", .11, .09, 0},
		{"of 1,000 connections", .03, .01, 1000},
		{"of 3,000 connections, all one way", .02, 0, 3000},
	} {
		const rollouts = 500
		proven, harmful := 0, 0
		for seed := range uint64(rollouts) {
			high, below := h.played(rand.New(rand.NewPCG(seed, 77)), b)
			if below >= requiredLog {
				proven++
			}
			if high >= requiredLog {
				harmful++
			}
		}
		t.Logf("%s: %d proven, %d harmful of %d", h.name, proven, harmful, rollouts)
		if most := rollouts / 20; proven > most || harmful > most {
			t.Errorf("%s: %d of %d proven, %d harmful; at most %d", h.name, proven, rollouts, harmful, most)
		}
	}
}
