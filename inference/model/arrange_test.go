package model

import (
	"errors"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// Places are different ones for all leaves, and requests that were not drawn for
// it reach fewer quarters than with leaves from left to right.
func TestArrangedForRequests(t *testing.T) {
	rng := rand.New(rand.NewPCG(16, 17))
	m := complete200x6()
	p := parts{}
	for f := range m.features {
		if f%4 == 0 {
			p.partner = append(p.partner, f)
		} else {
			p.request = append(p.request, f)
		}
	}
	a := newArranger(&m.forest, m.features, p)
	ordered, arranged := 0, 0
	row := make([]float32, m.features)
	for _, root := range m.forest.roots {
		places := a.places(root)
		taken := map[uint8]bool{}
		for _, bit := range places {
			taken[bit] = true
		}
		if len(taken) != maskBits {
			t.Fatalf("%d places for %d", len(taken), maskBits)
		}
		for range 20 {
			for f := range row {
				row[f] = float32(rng.NormFloat64())
			}
			var list [mostTogether]uint8
			n := a.left(root, root, row, &list, 0)
			first, then := map[uint8]bool{}, map[uint8]bool{}
			for _, leaf := range list[:min(n, len(list))] {
				first[leaf/quarterBits], then[places[leaf]/quarterBits] = true, true
			}
			ordered, arranged = ordered+len(first), arranged+len(then)
		}
	}
	if arranged > ordered*9/10 {
		t.Errorf("requests reach %d quarters, from left to right %d", arranged, ordered)
	}
}

// Of 32 leaves each request leaves two, one for either kind of partner. With
// four quarters for 16 pairs, every pair has one to itself.
func TestPairsShareAQuarter(t *testing.T) {
	pairs, zeros := bushy(32), bushy(16) // the second tree has the other threshold of each feature
	for i := range pairs.Feature {
		depth := int32(bits.Len(uint(i+1))) - 1
		pairs.Feature[i], pairs.Value[i] = depth, 1 // the partner's is the first
		if i < len(zeros.Feature) {
			zeros.Feature[i] = depth + 1
		}
	}
	var b builder
	if err := errors.Join(b.add(pairs), b.add(zeros)); err != nil {
		t.Fatal(err)
	}
	f := b.forest()
	places := newArranger(&f, 6, parts{request: []int{1, 2, 3, 4}, partner: []int{0}}).places(0)
	for i := range 16 {
		if one, other := places[i]/quarterBits, places[16+i]/quarterBits; one != other {
			t.Errorf("the two leaves of request %d are in the quarters %d and %d", i, one, other)
		}
	}
}

// A model is arranged in the same way each time.
func TestArrangedTheSameAgain(t *testing.T) {
	rng := rand.New(rand.NewPCG(18, 19))
	m, a, _ := forLanes(rng, 30, maskBits, 9, 20)
	p := m.parts(a.of)
	one, other := newArranger(&m.forest, m.features, p), newArranger(&m.forest, m.features, p)
	for _, root := range m.forest.roots {
		if one.places(root) != other.places(root) {
			t.Fatal("it is arranged in two ways")
		}
	}
}
