package inference

import "sync/atomic"

// health counts since boot what becomes of auctions that a release cannot
// answer for: its counts are of what it was asked.
type health struct {
	degraded atomic.Int64 // answered without a score
	unserved atomic.Int64 // of those, without a release, which no latency tells of
	failed   atomic.Int64 // calls without an answer, and connections without a seat
}

// degrade counts an auction that is answered without a score, by a release or
// by none.
func (h *health) degrade(served bool) {
	if !served {
		h.unserved.Add(1)
	}
	h.degraded.Add(1)
}

// answered is how many auctions were answered since boot, given what those took
// that a release answered for. One that is under way may be counted degraded
// before it is counted at all.
func (h *health) answered(latency []int64) int64 {
	all := h.unserved.Load()
	for _, n := range latency {
		all += n
	}
	return all
}

// ended counts the call that a connection may have ended with. Whoever breaks
// off in the middle of one wants no answer.
func (h *health) ended(w *wire, why string) {
	if w.broken != nil || why == "limit" || why == "late" || why == "malformed" {
		h.failed.Add(1)
	}
}
