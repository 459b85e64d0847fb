package simulation

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sluicehq/sluice/controller/rollout"
)

// A Size says how many rollouts and races are worth waiting for.
type Size struct {
	Name   string
	Fine   int // rollouts of a row whose candidate is fine or on the edge, the goals' own
	Others int // of any other row
	Races  int // runs of a race on one kind of traffic
	Slow   int // of one that takes long; 0: of those there is none
	Shifts int // rollouts of a point in the picture of times
	Wholes int // hurried rollouts on one kind of traffic
	Worlds int // rollouts in each world, and runs of each duel
}

// Sizes returns what there is to choose from: for every change of the code
// (half a minute on two quiet cores), for figures worth quoting (hours),
// and for figures worth publishing (days).
func Sizes() []Size {
	return []Size{
		{"short", 3, 1, 2, 0, 0, 0, 1},
		{"middle", 50, 12, 200, 40, 4, 24, 200},
		{"full", 2000, 500, 500, 500, 100, 500, 1000},
	}
}

// rollouts is how many of a scenario are played on a kind of traffic. Where
// there is no time for more than one, each scenario gets another kind, and what
// is played elsewhere too is left to that.
func (s Size) rollouts(of Scenario, on Kind) int {
	all := Scenarios()
	turn := Kinds()[slices.Index(all, of)%len(Kinds())]
	switch {
	case s.Others == 1 && of.Truth == OnEdge && of.Unpaired:
		return 1 // three in all, of forty minutes each; all wrong is beyond luck
	case of.Truth == OnEdge || of == all[0]:
		return s.Fine
	case s.Others == 1 && (on != turn || of.elsewhere()):
		return 0
	}
	return s.Others
}

// elsewhere reports whether a world, or a test of its own, plays much the same.
func (s Scenario) elsewhere() bool {
	held := s.Shunned || s.Nearer > 0
	return held || s.Exchange && !s.Guarded || s.Burst != Burst{} || s.Noisy && s.After > 0
}

// Row is one scenario on one kind of traffic, and how every judge's rollouts
// ended.
type Row struct {
	Kind     Kind
	Scenario Scenario
	Results  map[string][]Result // by method, one per seed
}

// Campaign plays rollouts of every row, each method's on the same streams, on
// all processors. count says how many of a row; the same seeds give the same
// results on every machine. Rows with fewer rollouts see the first seeds of
// those with more.
func Campaign(kinds []Kind, scenarios []Scenario, p rollout.Policies, count func(Scenario, Kind) int) []Row {
	rows, _ := campaign(nil, kinds, scenarios, p, count, func(Row) {}) // without a notebook nothing fails
	return rows
}

// campaign also keeps results in the notebook, and says which rows are done, one
// at a time. Rows are not waited for: one of a single rollout leaves all
// processors but one to the next.
func campaign(n Notebook, kinds []Kind, scenarios []Scenario, p rollout.Policies, count func(Scenario, Kind) int, done func(Row)) (rows []Row, err error) {
	type game struct{ row, seed int }
	var games []game
	for _, s := range scenarios {
		for _, k := range kinds {
			for seed := range count(s, k) {
				games = append(games, game{len(rows), seed})
			}
			rows = append(rows, newRow(s, k, count(s, k)))
		}
	}
	left := make([]atomic.Int64, len(rows))
	for _, g := range games {
		left[g.row].Add(1)
	}
	var saying sync.Mutex
	err = played(n, len(games), func(i int) (map[string]Result, error) {
		return rows[games[i].row].play(games[i].seed, p), nil
	}, func(i int, by map[string]Result) {
		g := games[i]
		for name, result := range by {
			rows[g.row].Results[name][g.seed] = result
		}
		if left[g.row].Add(-1) == 0 {
			saying.Lock()
			defer saying.Unlock()
			done(rows[g.row])
		}
	})
	return rows, err
}

func newRow(s Scenario, k Kind, seeds int) Row {
	r := Row{Kind: k, Scenario: s, Results: map[string][]Result{Sluice: make([]Result, seeds)}}
	for name := range rivals() {
		if !s.Crashes { // which is not in what they are shown
			r.Results[name] = make([]Result, seeds)
		}
	}
	return r
}

// play plays one seed of a row, by every method.
func (r Row) play(seed int, p rollout.Policies) map[string]Result {
	m := newMarket(uint64(seed)+1, r.Kind, r.Scenario)
	ours := play(m, p, nil)
	if r.Scenario.Crashes {
		return map[string]Result{Sluice: ours}
	}
	all := playRivals(m, nil)
	all[Sluice] = ours
	return all
}

// replay adds to rows how the judge of an earlier commit ends the same rollouts,
// where there is one.
func replay(n Notebook, rows []Row, by Earlier, say func(string)) error {
	if by == nil {
		return nil
	}
	var games []Game
	for _, r := range rows {
		for seed := range r.Results[Sluice] {
			games = append(games, Game{Scenario: r.Scenario, Kind: r.Kind, Seed: uint64(seed) + 1})
		}
	}
	results, err := by.playIn(n, games)
	if err != nil {
		return err
	}
	for _, r := range rows {
		n := len(r.Results[Sluice])
		r.Results[Before] = results[:n:n]
		results = results[n:]
	}
	say(fmt.Sprintf("the judge of %s has played %d rows", EarlierCommit, len(rows)))
	return nil
}

// ended is how many results end so.
func ended(results []Result, e Ending) (n int) {
	for _, r := range results {
		if r.Ending == e {
			n++
		}
	}
	return n
}

// requests are those that tasks under comparison had answered at the end of
// each decided rollout, sorted.
func requests(results []Result) []float64 {
	var all []float64
	for _, r := range results {
		if r.Ending != Undecided {
			all = append(all, float64(r.Requests))
		}
	}
	slices.Sort(all)
	return all
}
