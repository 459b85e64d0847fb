package inference

import (
	"encoding/hex"
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicehq/sluice/inference/feature"
)

// scorer is a model: a row of features in, the likelihood to bid out. It may
// panic or answer nonsense; both are counted and forward the auction.
type scorer interface {
	Score(row []float32) float32
}

// rows makes the rows that a model was trained on.
type rows interface {
	Len() int
	ExtractPartners(dst []float32, r *feature.Request, partners ...string)
}

// arm is a proven release in memory. What it scores with never changes.
type arm struct {
	digest    string
	raw       [32]byte // the digest's bytes
	rows      rows
	model     scorer
	threshold func(partner string) float32
	bytes     int64     // that it takes in memory, about; 0 where unknown
	broke     sync.Once // the first panic was logged
}

func newArm(digest string, r rows, m scorer, threshold func(string) float32) *arm {
	a := &arm{digest: digest, rows: r, model: m, threshold: threshold}
	if b, err := hex.DecodeString(digest); err == nil {
		copy(a.raw[:], b)
	}
	return a
}

// rowsAtOnce bounds the scratch of a session: a batch, not a request, is held.
const rowsAtOnce = 32

// score fills scores, one per partner, and returns how many are no number in
// [0, 1]. scratch grows to the rows of one batch.
func (a *arm) score(scratch []float32, q *feature.Request, partners []string, scores []float32) ([]float32, int) {
	width := a.rows.Len()
	if n := width * min(rowsAtOnce, len(partners)); cap(scratch) < n {
		scratch = make([]float32, n)
	}
	invalid := 0
	for len(partners) > 0 {
		n := min(rowsAtOnce, len(partners))
		batch := scratch[:n*width]
		a.rows.ExtractPartners(batch, q, partners[:n]...)
		for i := range n {
			s := a.model.Score(batch[i*width : (i+1)*width])
			if !valid(s) {
				invalid++
			}
			scores[i] = s
		}
		partners, scores = partners[n:], scores[n:]
	}
	return scratch, invalid
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

// hashID is FNV-1a of a request's id, equal on every task.
func hashID(id string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	return h
}

// mix spreads h over all 64 bits (the finaliser of splitmix64). Different salts
// make independent hashes of the same thing.
func mix(h, salt uint64) uint64 {
	h += salt + 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
