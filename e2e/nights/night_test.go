package nights

import (
	"context"
	"flag"
	"os"
	"slices"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/rollout"
)

var (
	seed  = flag.Uint64("seed", 0, "play the night of this seed, and tell it")
	steps = flag.Int("steps", 2000, "calls that a night has before dawn")
	only  = flag.String("only", "", "kind of violation that ends a night; any, where it is left out")
	twice = flag.Int("twice", 3, "nights to play twice")
	long  = flag.Duration("for", 20*time.Second, "play the nights of one seed after another for so long")
)

// night is what one came to.
type night struct {
	seed   uint64
	steps  int
	digest string
	lasted time.Duration // in the world
	found  *violation
	story  *story
	truth  map[string]truth
	came   map[string]int // how rollouts ended
}

// play plays the night of a seed.
func play(t *testing.T, seed uint64, steps int) (n night) {
	cryptotest.SetGlobalRandom(t, seed)
	synctest.Test(t, func(t *testing.T) {
		life, end := context.WithCancel(context.Background())
		w := newWorld(t, life, seed)
		w.rise()
		for w.steps < steps && w.found == nil && time.Since(w.story.began) < longest {
			w.step()
			w.checkLate()
		}
		if w.found == nil {
			w.dawn()
		}
		n = night{seed: seed, steps: w.steps, digest: w.story.digest(), lasted: time.Since(w.story.began), found: w.found, story: w.story, truth: w.truth, came: w.came}
		w.schedule.end()
		end()
		w.eye.Close()
		for _, p := range w.procs {
			p.control.Close()
		}
		w.people.Wait()
	})
	return n
}

// longest bounds a night in which hardly anything happens.
const longest = 2 * time.Hour

// How long the world has at dawn to come to rest, and to do what is asked then.
const (
	rest     = 45 * time.Second
	restored = 30 * time.Second
)

// dawn ends all that goes wrong, and wants stable restored.
func (w *world) dawn() {
	w.quieten()
	w.pass(rest)
	s := w.state()
	possible := meant(s, "") != "" && (begun(s.Active) || s.Previous != s.Stable)
	if possible && w.found == nil {
		w.ask(rollout.VerbRollback, api.Ask{Why: "to see that it can be done"})
	}
	w.pass(restored)
	for range 2 * triesOfPerson { // somebody may ask still
		if time.Since(w.stirred) < soon {
			w.pass(soon)
		}
	}
	if w.found == nil {
		w.atDawn()
	}
}

// pass plays on for a while.
func (w *world) pass(d time.Duration) {
	for until := time.Now().Add(d); time.Now().Before(until) && w.found == nil; {
		w.step()
		w.checkLate()
	}
}

// checkLate looks for orders that were begun after the lease was over.
func (w *world) checkLate() {
	w.mu.Lock()
	o := w.tardy
	w.tardy = nil
	w.mu.Unlock()
	if o != nil {
		w.fail("late order", "%s begins to assign %v after its lease was over: sentence 6", o.by.name, o.Assign)
	}
}

// TestNights plays the nights of many seeds.
func TestNights(t *testing.T) {
	if *seed != 0 {
		n := one(t, *seed)
		n.story.tellTo(os.Stdout, n.truth)
		return
	}
	limit := *long
	if testing.Short() {
		limit = min(limit, 3*time.Second)
	}
	began, played, done, lasted := time.Now(), 0, 0, time.Duration(0)
	came, found := map[string]int{}, map[string][]night{}
	for s := uint64(1); time.Since(began) < limit; s++ {
		n := one(t, s)
		played, done, lasted = played+1, done+n.steps, lasted+n.lasted
		for how, times := range n.came {
			came[how] += times
		}
		if n.found != nil {
			found[n.found.kind] = append(found[n.found.kind], n)
		}
	}
	t.Logf("%d nights of %v in all, %d steps, %.0f a second", played, lasted.Round(time.Second), done, float64(done)/time.Since(began).Seconds())
	t.Logf("rollouts ended: %v", came)
	for _, kind := range sorted(found) {
		n := slices.MinFunc(found[kind], func(a, b night) int { return a.steps - b.steps })
		t.Logf("present in the code today, in %d nights: %s, soonest with SEED=%d after %d steps: %s", len(found[kind]), kind, n.seed, n.steps, n.found.text)
	}
}

// one plays one night, and fails with its story where something is wrong that
// is not known.
func one(t *testing.T, seed uint64) (n night) {
	t.Helper()
	n = play(t, seed, *steps)
	if n.found == nil {
		return n
	}
	if _, tolerated := known()[n.found.kind]; !tolerated {
		n.story.tellTo(os.Stdout, n.truth)
		t.Fatalf("seed %d, step %d: %s: %s\nagain: make nights SEED=%d STEPS=%d", seed, n.steps, n.found.kind, n.found.text, seed, *steps)
	}
	return n
}

// TestSameNightTwice plays nights twice: everything that happens is the seed's
// choice alone.
func TestSameNightTwice(t *testing.T) {
	for s := uint64(1000); s < 1000+uint64(*twice); s++ {
		first, second := play(t, s, 600), play(t, s, 600)
		if first.digest != second.digest {
			t.Errorf("seed %d: the night is %s, and when played again %s", s, first.digest, second.digest)
		}
	}
}
