package judge

import (
	"math/rand/v2"
	"testing"
	"time"
)

// playBuilds lets two new tasks and eight others answer auctions, a look every five
// seconds, for so long, and says what the builds came to and when. new says how
// many of a new task's auctions go wrong at a look, other the same of the others.
func playBuilds(looks int, fresh, other func(look, task, n int) int) (v BuildsVerdict, at int) {
	var b Builds
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for look := range looks {
		var fares []Fare
		for task := range 10 {
			const n = 500
			f := Fare{Task: string(rune('a' + task)), Arm: Control, Auctions: n}
			if task < 2 {
				f.Arm, f.Bad = Candidate, int64(fresh(look, task, n))
			} else {
				f.Bad = int64(other(look, task, n))
			}
			fares = append(fares, f)
		}
		v, at = b.Look(fares, Policy{}, now), look
		if v.Outcome == Worse || v.Outcome == Acceptable {
			return v, at
		}
		now = now.Add(5 * time.Second)
	}
	return v, at
}

// binomial is how many of n go wrong at a rate.
func binomial(r *rand.Rand, rate float64) func(int, int, int) int {
	return func(_, _, n int) (x int) {
		for range n {
			if r.Float64() < rate {
				x++
			}
		}
		return x
	}
}

// A build that fares worse is found, one that fares alike is proven, and one
// misfortune of one task is neither.
func TestBuilds(t *testing.T) {
	none := func(int, int, int) int { return 0 }
	r := rand.New(rand.NewPCG(1, 2))
	for _, tt := range []struct {
		name         string
		fresh, other func(look, task, n int) int
		want         Outcome
		within       int // looks
	}{
		{"no auction goes wrong", none, none, Acceptable, 20},
		{"a few on both", binomial(r, .002), binomial(r, .002), Acceptable, 400},
		{"one in ten on the new tasks", binomial(r, .1), none, Worse, 12},
		{"five times as many", binomial(r, .01), binomial(r, .002), Worse, 120},
		{"all of them", func(_, _, n int) int { return n }, none, Worse, 12},
		{"fewer than before", binomial(r, .001), binomial(r, .01), Acceptable, 60},
	} {
		if v, at := playBuilds(500, tt.fresh, tt.other); v.Outcome != tt.want || at > tt.within {
			t.Errorf("%s: %s after %d looks, want %s within %d: %s", tt.name, v.Outcome, at, tt.want, tt.within, v.Sentence)
		}
	}
	once := func(look, task, n int) int {
		if task == 0 && look < 4 {
			return n / 3
		}
		return 0
	}
	if v, at := playBuilds(7, once, none); v.Outcome == Worse {
		t.Errorf("one misfortune of one task: %s after %d looks: %s", v.Outcome, at, v.Sentence)
	}
}

// Of builds that fare alike hardly any is found worse.
func TestBuildsAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	worse := 0
	for range 200 {
		if v, _ := playBuilds(60, binomial(r, .01), binomial(r, .01)); v.Outcome == Worse {
			worse++
		}
	}
	if worse > 3 {
		t.Errorf("%d of 200 alike were found worse, of 0.25 %% each", worse)
	}
}

// What contradicts itself is left out, and where one side has no auctions
// nothing is known.
func TestBuildsWithoutData(t *testing.T) {
	var b Builds
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, fares := range [][]Fare{nil, {{Task: "a", Arm: Candidate, Auctions: 10, Bad: 11}}, {{Task: "a", Arm: Candidate, Auctions: -1}}, {{Task: "a", Arm: Candidate, Auctions: 100}}, {{Task: "b", Arm: Control}}} {
		if v := b.Look(fares, Policy{}, now); v.Outcome != NoData {
			t.Errorf("%+v: %s: %s", fares, v.Outcome, v.Sentence)
		}
	}
}
