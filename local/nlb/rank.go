package nlb

import (
	"cmp"
	"hash/fnv"

	"github.com/sluicehq/sluice/sorting"
)

// rank is the order in which a flow tries the targets: by rendezvous hashing,
// so that every flow has an order of its own, and a target that comes or goes
// moves only the flows that it gets or had.
func rank(flow string, targets []Target) []Target {
	type scored struct {
		score uint64
		t     Target
	}
	list := make([]scored, len(targets))
	for i, t := range targets {
		list[i] = scored{score(flow, t.ID), t}
	}
	sorting.By(list, func(a, b *scored) int { return cmp.Or(cmp.Compare(b.score, a.score), compare(a.t.ID, b.t.ID)) })
	ranked := make([]Target, len(list))
	for i := range list {
		ranked[i] = list[i].t
	}
	return ranked
}

func compare(a, b string) int { return cmp.Compare(a, b) }

func score(flow, target string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(flow + "|" + target)) // never fails
	// FNV's high bits hardly move with the last letters: stir (splitmix64).
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
