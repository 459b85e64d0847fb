package world

import "time"

// Audience is the part of a market that one zone's clients may be: those whose
// requests come from apps, or those from sites.
type Audience struct {
	World *World
	Apps  bool
}

// draws bounds how many requests are looked at for one of the audience: of ten,
// four come from apps.
const draws = 64

// apart keeps the numbers of the requests that are looked at from those of any
// other auction.
const apart = 1 << 40

// Auction returns an auction of the audience, for each number another, as
// [World.Auction] does for all.
func (a Audience) Auction(n uint64, at time.Time) Auction {
	for range draws - 1 {
		d := newDice(a.World.seed, n)
		if r := a.World.traffic.request(&d, n); (r.AppBundle != "") == a.Apps {
			break
		}
		n += apart
	}
	return a.World.Auction(n, at)
}
