package model

import "math/rand/v2"

// Which leaf of a tree has which bit is free. What costs time is how many
// quarters of a tree a request leaves anything of, so leaves that requests leave
// together share a quarter, as far as there is room. What requests will come
// nobody knows when a model is prepared: some are drawn, with each feature
// anywhere among its thresholds. The sums do not depend on any of this.

// arranger finds places for the leaves of one tree after the other.
type arranger struct {
	forest    *forest
	ofRequest []bool      // by feature
	requests  [][]float32 // that were drawn

	leaves   int
	number   [2 * maskBits]uint8         // of the leaf that is a node of the tree
	together [maskBits][maskBits]float32 // how often two leaves are left together
	quarter  [maskBits]uint8             // of each leaf, or of a place without one
	near     [maskBits][quarters]float32 // of each leaf to all that are in a quarter
}

const (
	drawnRequests = 128
	mostTogether  = 16  // leaves; where more are left, they are in several quarters anyhow
	mostSwaps     = 256 // of places, in one tree
	leastGain     = 1e-3
)

func newArranger(f *forest, features int, p parts) *arranger {
	a := &arranger{forest: f, ofRequest: make([]bool, features)}
	for _, i := range p.request {
		a.ofRequest[i] = true
	}
	rng := rand.New(rand.NewPCG(1, 2)) // so that a model is always arranged in the same way
	cuts := f.thresholds(features)
	for range drawnRequests {
		row := make([]float32, features)
		for _, i := range p.request {
			row[i] = cuts[i][rng.IntN(len(cuts[i]))]
		}
		a.requests = append(a.requests, row)
	}
	return a
}

// places returns the bits of a tree's leaves, from left to right.
func (a *arranger) places(root uint32) (bits [maskBits]uint8) {
	a.leaves = 0
	a.count(root, root)
	for i := range a.quarter {
		a.quarter[i] = uint8(i / quarterBits)
	}
	if a.leaves > quarterBits {
		clear(a.together[:])
		var left [mostTogether]uint8
		for _, row := range a.requests {
			if n := a.left(root, root, row, &left, 0); n > 1 && n <= len(left) {
				a.meet(left[:n])
			}
		}
		a.swap()
	}
	var taken [quarters]uint8
	for i, q := range a.quarter {
		bits[i] = q*quarterBits + taken[q]
		taken[q]++
	}
	return bits
}

// count numbers the leaves under a node.
func (a *arranger) count(root, at uint32) {
	if left := a.forest.nodes[at].left; left != at {
		a.count(root, left)
		a.count(root, left+1)
		return
	}
	a.number[at-root] = uint8(a.leaves)
	a.leaves++
}

// left lists the leaves under a node that a request leaves, behind n others, and
// returns how many there are then: no more are listed than there is room for.
func (a *arranger) left(root, at uint32, row []float32, list *[mostTogether]uint8, n int) int {
	node := &a.forest.nodes[at]
	switch {
	case node.left == at:
		if n < len(list) {
			list[n] = a.number[at-root]
		}
		return n + 1
	case n > len(list):
		return n
	case a.ofRequest[node.slot>>1]:
		return a.left(root, node.step(row), row, list, n)
	}
	return a.left(root, node.left+1, row, list, a.left(root, node.left, row, list, n))
}

// meet notes leaves that were left together, those of few more than of many.
func (a *arranger) meet(leaves []uint8) {
	weight := 1 / float32(len(leaves)-1)
	for _, i := range leaves {
		for _, j := range leaves {
			if i != j {
				a.together[i][j] += weight
			}
		}
	}
}

// swap changes the places of two leaves, of different quarters, as long as that
// brings more together.
func (a *arranger) swap() {
	clear(a.near[:])
	for i := range a.leaves {
		for j := range a.leaves {
			a.near[i][a.quarter[j]] += a.together[i][j]
		}
	}
	for swaps, before := 0, -1; swaps != before && swaps < mostSwaps; {
		before = swaps
		for i := range a.quarter {
			for j := range min(i, a.leaves) {
				if from, to := a.quarter[i], a.quarter[j]; from != to && a.gain(i, j) > leastGain {
					a.quarter[i], a.quarter[j] = to, from
					for k := range a.leaves {
						moved := a.together[k][i] - a.together[k][j]
						a.near[k][from] -= moved
						a.near[k][to] += moved
					}
					swaps++
				}
			}
		}
	}
}

// gain is what it would bring to swap two.
func (a *arranger) gain(i, j int) float32 {
	from, to := a.quarter[i]%quarters, a.quarter[j]%quarters
	return a.near[i][to] - a.near[i][from] + a.near[j][from] - a.near[j][to] - 2*a.together[i][j]
}
