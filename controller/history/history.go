// Package history is the log of what the judge was shown: the statistics of
// every look of a rollout, and what the verdict was. Kept for ever, it tells
// later why a rollout ended as it did, and what another policy would have made
// of it. It stores and fetches nothing, and it judges only to compare.
//
// A log is a row of chunks, each of which can be read without the others: one
// line of JSON, which says what is in it, and one column for every field of
// the statistics, all under one gzip. A column holds differences to the look
// before, so that what did not change costs next to nothing, and every float
// keeps every bit. The JSON names the fields as well: a program whose
// statistics have other fields reads those that it knows.
package history

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// Format is the version of a chunk's layout.
const Format = 1

// ErrDamaged means that the bytes are no chunk, or one that was cut off or
// overwritten. Other chunks of the rollout are whole none the less.
var ErrDamaged = errors.New("the chunk is damaged: restore an earlier version of the object, or do without its looks")

// ErrFull means that the next look belongs into the next chunk.
var ErrFull = errors.New("the chunk is full")

// Key is where a chunk of a rollout's log lies; chunks count from 0.
func Key(fleet, rollout string, chunk int) string {
	return fmt.Sprintf("%s%06d", Prefix(fleet, rollout), chunk)
}

// Prefix is what the keys of a rollout's chunks begin with.
func Prefix(fleet, rollout string) string { return "fleets/" + fleet + "/looks/" + rollout + "/" }

// Header says whose looks a chunk holds, and what they were judged by.
type Header struct {
	Format  int          `json:"format"`
	Program string       `json:"program"` // version that judged
	Rollout string       `json:"rollout"`
	Chunk   int          `json:"chunk"`  // its place in the log, from 0
	Policy  judge.Policy `json:"policy"` // in force at every look of the chunk
	First   int          `json:"first"`  // number of its first look
	Count   int          `json:"looks"`  // how many it holds
}

// Look is one entry of the log.
type Look struct {
	Number     int              `json:"number"` // from 1; [judge.Verdict.Looks]
	Digest     Digest           `json:"digest"`
	Statistics judge.Statistics `json:"statistics"`
	Latency    Latency          `json:"latency,omitzero"` // of no concern to the judge
}

// Latency is how long auctions took over the minute up to a look, arm by arm.
type Latency struct {
	Canary  Percentiles `json:"canary,omitzero"` // of tasks that answer with the candidate
	Control Percentiles `json:"control,omitzero"`
	Stable  Percentiles `json:"stable,omitzero"` // of all others
}

// Percentiles of an arm are 0 where nothing was counted.
type Percentiles struct {
	P50 time.Duration `json:"p50"`
	P99 time.Duration `json:"p99"`
}

// Digest is by what a verdict is known again.
type Digest struct {
	Outcome judge.Outcome `json:"outcome"`
	Gate    judge.Gate    `json:"gate,omitempty"`
	Partner string        `json:"partner,omitempty"`
	SHA256  string        `json:"sha256"` // of the verdict as JSON; lower-case hex
}

// DigestOf fails where the verdict holds what JSON cannot: NaN or an infinity.
func DigestOf(v judge.Verdict) (Digest, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return Digest{}, fmt.Errorf("digest the verdict of look %d: %w", v.Looks, err)
	}
	sum := sha256.Sum256(body)
	return Digest{Outcome: v.Outcome, Gate: v.Gate, Partner: v.Partner, SHA256: hex.EncodeToString(sum[:])}, nil
}
