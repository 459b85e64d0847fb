package sorting_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sluicehq/sluice/sorting"
)

type entry struct{ key, place int }

// Lists of every length come out as package slices leaves them: sorted, and
// with a stable sort those of one key as they stood.
func TestBy(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	for n := range 200 {
		list := make([]entry, n)
		for i := range list {
			list[i] = entry{chance.IntN(1 + n/3), i}
		}
		unstable, stable, want := slices.Clone(list), slices.Clone(list), slices.Clone(list)
		sorting.By(unstable, func(a, b *entry) int { return cmp.Or(a.key-b.key, b.place-a.place) })
		sorting.StableBy(stable, func(a, b *entry) int { return a.key - b.key })
		slices.SortStableFunc(want, func(a, b entry) int { return a.key - b.key })
		if !slices.Equal(stable, want) {
			t.Fatalf("stable: got %v, want %v", stable, want)
		}
		slices.SortFunc(want, func(a, b entry) int { return cmp.Or(a.key-b.key, b.place-a.place) })
		if !slices.Equal(unstable, want) {
			t.Fatalf("got %v, want %v", unstable, want)
		}
	}
}
