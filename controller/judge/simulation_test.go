package judge_test

import (
	"flag"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally/tallytest"
)

var runs = flag.Int("runs", 12, "rollouts per row of the simulations; more for figures worth quoting")

// An ending is how the rollouts of one kind of traffic ended.
type ending struct {
	worse, acceptable, open int
	looks                   []int // of decided ones
	gates                   map[judge.Gate]int
}

// play runs rollouts of one kind, two at a time, from fixed seeds.
func play(kind func(seed uint64) *tallytest.Traffic, p judge.Policy, looks int) (sum ending) {
	sum.gates = map[judge.Gate]int{}
	var mu sync.Mutex
	var wait sync.WaitGroup
	for half := range 2 {
		wait.Go(func() {
			for seed := half; seed < *runs; seed += 2 {
				var s tallytest.Case
				w := kind(uint64(seed) + 100)
				v, n := w.Until(&s, p, looks)
				mu.Lock()
				switch v.Outcome {
				case judge.Worse:
					sum.worse++
					sum.gates[v.Gate]++
				case judge.Acceptable:
					sum.acceptable++
				case judge.Unsure, judge.Inconclusive, judge.Invalid, judge.NoData:
					sum.open++
				}
				if v.Outcome == judge.Worse || v.Outcome == judge.Acceptable {
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
func clumps() map[string]func(w *tallytest.Traffic) {
	return map[string]func(w *tallytest.Traffic){
		"independent": func(*tallytest.Traffic) {},
		"together":    func(w *tallytest.Traffic) { w.Together = .15 },
		"persistent":  func(w *tallytest.Traffic) { w.Persistent, w.Together = .10, .10 },
	}
}

// edge puts every rate of the candidate on the edge of what is tolerated.
func edge(w *tallytest.Traffic) {
	w.Shift = func(int) float64 { return .03 }
	w.Errors = oneIn(.03, .02, 1)
	w.Scoreless = oneIn(.009, .006, w.Asked)
}

// oneIn counts so many events at once, at a rate of either arm's own.
func oneIn(candidate, stable float64, events int) func(judge.Arm, *rand.Rand) int {
	return func(a judge.Arm, rng *rand.Rand) int {
		rate := stable
		if a == judge.Candidate {
			rate = candidate
		}
		if rng.Float64() < rate {
			return events
		}
		return 0
	}
}

func TestSimulation(t *testing.T) {
	allThree := judge.Policy{Margin: .03, PartnerMargin: .03, TailMargin: .03}
	for _, tt := range []struct {
		name          string
		set           func(w *tallytest.Traffic)
		policy        judge.Policy
		worse, accept float64 // greatest tolerable shares
		least         float64 // smallest tolerable share of either
	}{
		{"no change", func(*tallytest.Traffic) {}, judge.Policy{}, .05, 1, 0},
		{"no change but a dispersed error rate", func(w *tallytest.Traffic) {
			w.Errors, w.Scoreless = oneIn(.02, .02, 1), oneIn(.004, .004, w.Asked)
		}, judge.Policy{}, .05, 1, 0},
		{"on the edge of the overall filter rate", func(w *tallytest.Traffic) { w.Shift = func(int) float64 { return .02 } }, judge.Policy{}, .05, .05, 0},
		{"on all edges", edge, allThree, .05, .05, 0},
		{"ten points", func(w *tallytest.Traffic) { w.Shift = func(int) float64 { return .10 } }, judge.Policy{}, 1, 0, .8},
	} {
		for clump, set := range clumps() {
			t.Run(tt.name+"/"+clump, func(t *testing.T) {
				t.Parallel()
				got := play(func(seed uint64) *tallytest.Traffic {
					w := tallytest.New(seed)
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
