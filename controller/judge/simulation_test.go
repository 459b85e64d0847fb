package judge

import (
	"flag"
	"math/rand/v2"
	"sync"
	"testing"
)

var runs = flag.Int("runs", 12, "rollouts per row of the simulations; more for figures worth quoting")

// A tally is how the rollouts of one kind of traffic ended.
type tally struct {
	worse, acceptable, open int
	looks                   []int // of decided ones
	gates                   map[Gate]int
}

// play runs rollouts of one kind, two at a time, from fixed seeds.
func play(kind func(seed uint64) *traffic, p Policy, looks int) (sum tally) {
	sum.gates = map[Gate]int{}
	var mu sync.Mutex
	var wait sync.WaitGroup
	for half := range 2 {
		wait.Go(func() {
			for seed := half; seed < *runs; seed += 2 {
				var s State
				w := kind(uint64(seed) + 100)
				v, n := w.until(&s, p, looks)
				mu.Lock()
				switch v.Outcome {
				case Worse:
					sum.worse++
					sum.gates[v.Gate]++
				case Acceptable:
					sum.acceptable++
				case Unsure, Inconclusive, Invalid, NoData:
					sum.open++
				}
				if v.Outcome == Worse || v.Outcome == Acceptable {
					sum.looks = append(sum.looks, n)
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	return sum
}

// clumps are the kinds of traffic: independent requests, requests whose
// partners are filtered together, and connections that last.
func clumps() map[string]func(w *traffic) {
	return map[string]func(w *traffic){
		"independent": func(*traffic) {},
		"together":    func(w *traffic) { w.together = .15 },
		"persistent":  func(w *traffic) { w.persistent, w.together = .10, .10 },
	}
}

// edge puts every rate of the candidate on the edge of what is tolerated.
func edge(w *traffic) {
	w.shift = func(int) float64 { return .03 }
	w.errors = oneIn(.03, .02, 1)
	w.scoreless = oneIn(.009, .006, w.asked)
}

// oneIn counts so many events at once, at a rate of either arm's own.
func oneIn(candidate, stable float64, events int) func(Arm, *rand.Rand) int {
	return func(a Arm, rng *rand.Rand) int {
		rate := stable
		if a == Candidate {
			rate = candidate
		}
		if rng.Float64() < rate {
			return events
		}
		return 0
	}
}

func TestSimulation(t *testing.T) {
	allThree := Policy{Margin: .03, PartnerMargin: .03, TailMargin: .03}
	for _, tt := range []struct {
		name          string
		set           func(w *traffic)
		policy        Policy
		worse, accept float64 // greatest tolerable shares
		least         float64 // smallest tolerable share of either
	}{
		{"no change", func(*traffic) {}, Policy{}, .05, 1, 0},
		{"no change but a dispersed error rate", func(w *traffic) {
			w.errors, w.scoreless = oneIn(.02, .02, 1), oneIn(.004, .004, w.asked)
		}, Policy{}, .05, 1, 0},
		{"on the edge of the overall filter rate", func(w *traffic) { w.shift = func(int) float64 { return .02 } }, Policy{}, .05, .05, 0},
		{"on all edges", edge, allThree, .05, .05, 0},
		{"ten points", func(w *traffic) { w.shift = func(int) float64 { return .10 } }, Policy{}, 1, 0, .8},
	} {
		for clump, set := range clumps() {
			t.Run(tt.name+"/"+clump, func(t *testing.T) {
				t.Parallel()
				got := play(func(seed uint64) *traffic {
					w := newTraffic(seed)
					set(w)
					tt.set(w)
					return w
				}, tt.policy, 40)
				t.Logf("%d worse %v, %d acceptable, %d open of %d; mean %.1f looks of 1,000 requests",
					got.worse, got.gates, got.acceptable, got.open, *runs, mean(got.looks))
				n := float64(*runs)
				if float64(got.worse) > tt.worse*n+1 || float64(got.acceptable) > tt.accept*n+1 || float64(got.worse+got.acceptable) < tt.least*n {
					t.Errorf("%d worse and %d acceptable of %d", got.worse, got.acceptable, *runs)
				}
			})
		}
	}
}

func mean(v []int) float64 {
	total := 0
	for _, n := range v {
		total += n
	}
	return float64(total) / float64(max(1, len(v)))
}
