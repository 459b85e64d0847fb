package inference

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
)

// side is one of the two releases of an assignment.
type side uint8

const (
	serves  side = iota // answers
	shadows             // scores beside it
	sides
)

// terms are how one release knows a partner.
type terms struct {
	key       uint32
	threshold float32
}

// seat is all that an assignment in force knows of one partner, so that a
// request looks it up once, or not at all where its connection asked about the
// same partner before. It keeps no release in memory.
type seat struct {
	of     *seats
	name   string
	terms  [sides]terms
	counts *partnerCounts
}

// seats are those of one assignment in force.
type seats struct {
	known  atomic.Pointer[map[string]*seat] // replaced, never changed; nil for none
	adding sync.Mutex
}

// seat returns that of a partner, a new one for a name not seen yet.
func (s *serving) seat(name string) *seat {
	if known := s.seats.known.Load(); known != nil {
		if found := (*known)[name]; found != nil {
			return found
		}
	}
	return s.addSeat(name)
}

// addSeat keeps as many seats as there are counts; the others are made anew
// each time.
func (s *serving) addSeat(name string) *seat {
	s.seats.adding.Lock()
	defer s.seats.adding.Unlock()
	var known map[string]*seat
	if now := s.seats.known.Load(); now != nil {
		known = *now
	}
	if found := known[name]; found != nil {
		return found
	}
	name = strings.Clone(name)
	made := &seat{of: s.seats, name: name, counts: s.counts.partner(name)}
	for w, a := range s.arms() {
		if a != nil {
			made.terms[w] = terms{a.scorer.Partner(name), a.threshold(name)}
		}
	}
	if made.counts.name != otherPartners {
		grown := make(map[string]*seat, len(known)+1)
		maps.Copy(grown, known)
		grown[name] = made
		s.seats.known.Store(&grown)
	}
	return made
}

// arms are the releases of the assignment, nil for one that it has not.
func (s *serving) arms() [sides]*arm { return [sides]*arm{serves: s.active, shadows: s.beside} }
