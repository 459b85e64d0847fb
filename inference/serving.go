package inference

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/release"
)

// scorer is a release: a request and partners in, the likelihoods to bid out.
// It may panic or answer nonsense; both are counted and forward the auction.
type scorer interface {
	// Partner returns the key by which Score knows a partner.
	Partner(name string) uint32
	Score(scratch *release.Scratch, r *feature.Request, partners []uint32, scores []float32)
}

// arm is a proven release in memory. What it scores with never changes.
type arm struct {
	digest    string
	raw       [32]byte // the digest's bytes
	scorer    scorer
	plan      *feature.Plan // what it reads beyond feature.Request; nil for nothing
	threshold func(partner string) float32
	bytes     int64     // that it takes in memory, about; 0 where unknown
	evaluator string    // how it scores, in a few words
	broke     sync.Once // the first panic was logged

	// scratches go with the release, whose size is theirs; slots bound how many
	// are in use.
	scratches sync.Pool
}

func newArm(digest string, s scorer, threshold func(string) float32) *arm {
	a := &arm{digest: digest, scorer: s, plan: planOf(s), threshold: threshold}
	a.scratches.New = func() any { return new(release.Scratch) }
	if b, err := hex.DecodeString(digest); err == nil {
		copy(a.raw[:], b)
	}
	return a
}

// score fills scores, one per partner, and returns how many are no number in
// [0, 1].
func (a *arm) score(q *feature.Request, partners []uint32, scores []float32) (invalid int) {
	scratch := a.scratches.Get().(*release.Scratch)
	a.scorer.Score(scratch, q, partners, scores)
	a.scratches.Put(scratch) // after a panic it is not missed
	for _, s := range scores {
		if !valid(s) {
			invalid++
		}
	}
	return invalid
}

// valid is false for NaN, too.
func valid(score float32) bool { return score >= 0 && score <= 1 }

// assignment is an end state that was asked for; the zero value is none.
type assignment struct {
	release, shadow string
	sample, explore float64
	buckets         int
	generation      int64
}

// serving is an assignment in force. It never changes: a request loads it once
// and sees one release, one threshold list and one set of counts throughout.
type serving struct {
	assignment
	since        time.Time
	active       *arm
	beside       *arm // nil for none
	sampleBelow  limit
	exploreBelow limit
	counts       *counts
	m            *servingMetrics
	seats        *seats
}

// servingMetrics are looked up once per swap, not once per request.
type servingMetrics struct {
	filtered, forwarded, explored prometheus.Counter
}

// limit is a share of all 64-bit hashes.
type limit struct {
	below uint64
	all   bool
}

func newLimit(share float64) limit {
	if share >= 1 {
		return limit{all: true}
	}
	return limit{below: uint64(math.Ldexp(share, 64))}
}

func (l limit) takes(hash uint64) bool { return l.all || hash < l.below }

// hashID hashes a request's id, alike on every task: eight bytes at a time, the
// last ones with how many there are in all.
func hashID(id string) uint64 {
	h, rest := uint64(0), []byte(id)
	for ; len(rest) >= 8; rest = rest[8:] {
		h = mix(h, binary.LittleEndian.Uint64(rest))
	}
	last := uint64(len(id)) << 56
	for i, c := range rest {
		last |= uint64(c) << (8 * i)
	}
	return mix(h, last)
}

// mix spreads h over all 64 bits (the finaliser of splitmix64). Different salts
// make independent hashes of the same thing.
func mix(h, salt uint64) uint64 {
	h += salt + 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
