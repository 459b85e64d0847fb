package identity

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Role is what somebody may do to a fleet. Each may do what those before it may.
type Role string

// The roles; empty is none.
const (
	Viewer   Role = "viewer"   // sees everything, changes nothing
	Operator Role = "operator" // tries, pauses, resumes, aborts, rolls back, freezes
	Admin    Role = "admin"    // promotes without proof, breaks the glass of a freeze
)

func (r Role) rank() int { return slices.Index([]Role{"", Viewer, Operator, Admin}, r) }

// Covers reports whether r may do all that want may.
func (r Role) Covers(want Role) bool { return r.rank() >= want.rank() }

// everyFleet stands for all of them among grants.
const everyFleet = "*"

// Grants are the roles that somebody has, by fleet; "*" is every fleet.
type Grants map[string]Role

// On is the role on a fleet.
func (g Grants) On(fleet string) Role { return higher(g[everyFleet], g[fleet]) }

// OnAll is the role on every fleet alike.
func (g Grants) OnAll() Role { return g[everyFleet] }

// Best is the highest role on any fleet.
func (g Grants) Best() (best Role) {
	for _, r := range g {
		best = higher(best, r)
	}
	return best
}

// add gives all that others give as well.
func (g Grants) add(others Grants) {
	for fleet, r := range others {
		g[fleet] = higher(g[fleet], r)
	}
}

// String is how grants stand in a people file.
func (g Grants) String() string {
	var all []string
	for _, fleet := range slices.Sorted(maps.Keys(g)) {
		if fleet == everyFleet {
			all = append(all, string(g[fleet]))
		} else {
			all = append(all, string(g[fleet])+":"+fleet)
		}
	}
	return strings.Join(all, ",")
}

func higher(a, b Role) Role {
	if a.Covers(b) {
		return a
	}
	return b
}

// ParseGrants reads "viewer,operator:ads": a role on every fleet, or on one.
func ParseGrants(text string) (Grants, error) {
	g := Grants{}
	for one := range strings.SplitSeq(text, ",") {
		role, fleet, on := strings.Cut(one, ":")
		if !on {
			fleet = everyFleet
		}
		if Role(role).rank() < 1 || fleet == "" {
			return nil, fmt.Errorf("%.80q is no role: want viewer, operator or admin, on one fleet as in operator:ads, several of them with commas", one)
		}
		g[fleet] = higher(g[fleet], Role(role))
	}
	return g, nil
}

// Person is who asks, as far as that is proven.
type Person struct {
	Name   string
	How    string // it is proven: token, session or bearer
	Grants Grants
	Until  time.Time // when the proof ends; zero for when it is taken back
}
