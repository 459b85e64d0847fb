package watch

import (
	"math"

	"github.com/sluicehq/sluice/controller/judge"
)

// bins is what was counted in some time, in the bins of judge.LatencyBins.
type bins [judge.LatencyBins]uint32

// add adds what was counted from one moment to another. It reports false where
// that cannot have been.
func (b *bins) add(from, to []int64) bool {
	if len(from) != len(b) || len(to) != len(b) {
		return true // not told
	}
	for i := range b {
		n := to[i] - from[i]
		if n < 0 || n > math.MaxUint32-int64(b[i]) {
			return false
		}
		b[i] += uint32(n)
	}
	return true
}
