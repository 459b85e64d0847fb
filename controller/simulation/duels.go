package simulation

import (
	"math"
	"slices"
	"strconv"
)

// Duel is how a race went on the same streams today and at [EarlierCommit].
type Duel struct {
	Name      string
	Now, Then []Result
}

// Duels runs them.
func Duels(n Notebook, runs int, by Earlier) (all []Duel, err error) {
	for _, r := range duels() {
		var games []Game
		for i := range runs {
			games = append(games, Game{Kind: Persistent, Seed: uint64(i) + 1, Duel: r.name})
		}
		d := Duel{Name: r.name, Now: make([]Result, runs)}
		now := func(i int) (Result, error) { return games[i].play(), nil }
		if err = played(n, runs, now, func(i int, result Result) { d.Now[i] = result }); err != nil {
			return all, err
		}
		if d.Then, err = by.playIn(n, games); err != nil {
			return all, err
		}
		all = append(all, d)
	}
	return all, nil
}

// few games are given to an earlier judge at once.
const few = 50

// playIn plays games a few at a time, but for those whose results the notebook
// has.
func (by Earlier) playIn(n Notebook, games []Game) (results []Result, err error) {
	results = make([]Result, len(games))
	err = played(n, (len(games)+few-1)/few, func(i int) ([]Result, error) {
		return by(games[i*few : min(len(games), (i+1)*few)])
	}, func(i int, batch []Result) { copy(results[i*few:], batch) })
	return results, err
}

// median is that of all runs' requests; those that were not decided count as
// infinitely many.
func median(results []Result) float64 { return ofAll(requests(results), .5, len(results)) }

// ratio is the median of what today takes of what was taken then, over the
// seeds that both decided alike; n is how many.
func ratio(now, then []Result, of func(Result) float64) (middle float64, n int) {
	var all []float64
	for i := range min(len(now), len(then)) {
		if now[i].Ending == then[i].Ending && now[i].Ending != Undecided {
			all = append(all, of(now[i])/of(then[i]))
		}
	}
	slices.Sort(all)
	return quantile(all, .5), len(all)
}

func spent(r Result) float64  { return float64(r.Requests) }
func lasted(r Result) float64 { return float64(r.Looks) }

func besideTable(duels []Duel, played []Row) string {
	var rows [][]string
	line := func(name, kind string, now, then []Result) {
		share, both := ratio(now, then, spent)
		time, _ := ratio(now, then, lasted)
		rows = append(rows, []string{
			name, kind, strconv.Itoa(len(now)), percent(len(requests(then)), len(then)), percent(len(requests(now)), len(now)),
			thousands(quantile(requests(then), .5)), thousands(quantile(requests(now), .5)), strconv.Itoa(both), times(share), times(time),
		})
	}
	for _, d := range duels {
		line("duel: "+d.Name, string(Persistent), d.Now, d.Then)
	}
	for _, row := range played {
		line(row.Scenario.Name, string(row.Kind), row.Results[Sluice], row.Results[Before])
	}
	return markdown([]string{
		"Scenario", "Traffic", "Rollouts", "Decided then", "now", "Requests then", "now", "Decided alike", "Requests, now to then", "Time, now to then",
	}, rows)
}

// goal is what the duel must come to: a part of the requests where the earlier
// judge decides, or few at all where it never does.
func (d Duel) goal() Goal {
	now, then := median(d.Now), median(d.Then)
	noise := 1 + 3/math.Sqrt(float64(len(d.Now)))
	g := Goal{Name: "duel: " + d.Name + ": requests", Limit: "≤ 0.45×", Measured: times(now / then), Met: now <= .45*then, Refuted: !(now <= .45*then*noise)}
	if math.IsInf(then, 1) {
		g.Limit, g.Measured, g.Met, g.Refuted = "< 12k", thousands(now), now < 12e3, !(now < 12e3*noise)
	}
	return g
}

// pace holds today's requests and time against the earlier judge's.
func (r Report) pace() (goals []Goal) {
	worst, of := 0.0, ""
	for _, row := range r.Rows {
		name := row.Scenario.Name + ", " + string(row.Kind)
		share, n := ratio(row.Results[Sluice], row.Results[Before], spent)
		if n == 0 {
			continue
		}
		if share > worst {
			worst, of = share, name
		}
		if row.Scenario == Scenarios()[0] {
			time, n := ratio(row.Results[Sluice], row.Results[Before], lasted)
			noise := 1 + 1/math.Sqrt(float64(n))
			goals = append(goals, Goal{Name: "time to promote, against " + EarlierCommit + ": " + name, Limit: "≤ 1×", Measured: times(time), Met: time <= 1, Refuted: time > noise})
		}
	}
	if of == "" {
		return nil
	}
	return append(goals, Goal{
		Name: "most requests, against " + EarlierCommit, Limit: "≤ 1.1×", Measured: times(worst) + " (" + of + ")", Met: worst <= 1.1, Refuted: worst > 1.1*1.3,
	})
}
