package auction

import (
	"fmt"
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

// schedule gives the moments at which auctions begin. They depend on the seed
// alone: nothing that the fleet does can delay one.
type schedule struct {
	kind   Arrivals
	rate   float64
	chance *rand.Rand
	n      float64 // arrivals so far
	at     float64 // seconds from the start, of the latest Poisson arrival
}

func newSchedule(kind Arrivals, rate float64, seed uint64) *schedule {
	return &schedule{kind: kind, rate: rate, chance: chance(seed, arrivalStream)}
}

// next returns when the next auction begins, counted from the start.
func (s *schedule) next() time.Duration {
	s.n++
	s.at += s.chance.ExpFloat64() / s.rate
	seconds := s.at
	if s.kind == Uniform {
		seconds = s.n / s.rate
	}
	return time.Duration(seconds * float64(time.Second))
}

// Streams of chance; slots have theirs from slotStream on.
const (
	arrivalStream = 1
	slotStream    = 1 << 32
)
