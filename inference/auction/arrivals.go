package auction

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Arrivals says how the moments at which auctions begin are spread.
type Arrivals string

// The kinds of arrivals.
const (
	Poisson Arrivals = "poisson" // independent of each other, as real traffic is
	Uniform Arrivals = "uniform" // equally spaced
)

func (a Arrivals) check() error {
	switch a {
	case Poisson, Uniform:
		return nil
	}
	return fmt.Errorf("--arrivals is %q; it must be %s or %s", string(a), Poisson, Uniform)
}

// Step is a rate that is held for some time.
type Step struct {
	Rate float64       // auctions per second
	For  time.Duration // 0 for ever, of the last one
}

// schedule gives the moments at which auctions begin. They depend on the seed
// alone: nothing that the fleet does can delay one.
type schedule struct {
	kind   Arrivals
	chance *rand.Rand
	n      float64 // arrivals so far: of the Poisson process, with gaps drawn in its place
	pieces []piece // those that are still to come, from the one of the latest arrival on
	begun  float64 // seconds before the first of them
	past   float64 // arrivals expected before it
}

// piece is a time in which the rate changes evenly.
type piece struct {
	from, to float64 // auctions per second
	seconds  float64
}

func newSchedule(kind Arrivals, steps []Step, ramp time.Duration, seed uint64) *schedule {
	return &schedule{kind: kind, chance: chance(seed, arrivalStream), pieces: pieces(steps, ramp)}
}

// pieces lets the rate rise or fall to that of each step within ramp.
func pieces(steps []Step, ramp time.Duration) []piece {
	var all []piece
	before := 0.0
	for _, s := range steps {
		left := math.Inf(1)
		if s.For > 0 {
			left = s.For.Seconds()
		}
		if rise := min(ramp.Seconds(), left); rise > 0 && s.Rate != before {
			all = append(all, piece{before, s.Rate, rise})
			left -= rise
		}
		if left > 0 {
			all = append(all, piece{s.Rate, s.Rate, left})
		}
		before = s.Rate
	}
	return all
}

// next returns when the next auction begins, counted from the start; false at
// the end of the last step.
func (s *schedule) next() (time.Duration, bool) {
	if s.kind == Uniform {
		s.n++
	} else {
		s.n += s.chance.ExpFloat64()
	}
	for len(s.pieces) > 0 {
		p := s.pieces[0]
		if all := p.arrivals(); s.n-s.past >= all {
			s.past, s.begun, s.pieces = s.past+all, s.begun+p.seconds, s.pieces[1:]
			continue
		}
		return time.Duration((s.begun + p.when(s.n-s.past)) * float64(time.Second)), true
	}
	return 0, false
}

// arrivals is how many are expected in all.
func (p piece) arrivals() float64 { return (p.from + p.to) / 2 * p.seconds }

// when is after how many seconds n arrivals are expected.
func (p piece) when(n float64) float64 {
	if p.from == p.to {
		return n / p.from
	}
	slope := (p.to - p.from) / p.seconds
	return 2 * n / (p.from + math.Sqrt(max(0, p.from*p.from+2*slope*n)))
}

// stepAt is which step an auction belongs to that begins at some time after the
// start, given when each of them ends; the last one may have no end.
func stepAt(ends []time.Duration, at time.Duration) int {
	for i, end := range ends[:len(ends)-1] {
		if at < end {
			return i
		}
	}
	return len(ends) - 1
}

// Streams of chance; slots have theirs from slotStream on.
const (
	arrivalStream = 1
	slotStream    = 1 << 32
)
