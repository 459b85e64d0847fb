package simulation

import (
	"fmt"
	"slices"
	"strings"
)

// A Part of the simulation is played, and written down, by itself.
type Part string

// The parts.
const (
	Rollouts Part = "rollouts" // every scenario on every kind of traffic, and the pictures
	Uneven   Part = "worlds"   // worlds that are uneven, live, changing, clumped; duels with the earlier judge
	Speed    Part = "speed"    // single gates and whole rollouts against an oracle
)

// Parts are all of them.
func Parts() []Part { return []Part{Rollouts, Uneven, Speed} }

// PartsOf reads the names of parts, with commas between them; none means all.
func PartsOf(names string) (parts []Part, err error) {
	if names == "" {
		return Parts(), nil
	}
	for name := range strings.SplitSeq(names, ",") {
		if !slices.Contains(Parts(), Part(name)) {
			return nil, fmt.Errorf("there is no part %q: want some of %v, with commas", name, Parts())
		}
		parts = append(parts, Part(name))
	}
	return parts, nil
}
