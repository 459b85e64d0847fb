package model

import (
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
