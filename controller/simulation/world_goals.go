package simulation

import (
	"fmt"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// sure is from how many rollouts on a share must lie below its limit with
// confidence, and not only as measured.
const sure = 200

// worldly are the goals of a world: few wrong decisions and, of a candidate
// that is fine, few that are missing.
func (r Row) worldly() (goals []Goal) {
	all, s := r.Results[Sluice], r.Scenario
	n := len(all)
	if n == 0 {
		return nil
	}
	if s.Truth == Fine {
		goals = append(goals, seldom("false rollbacks: "+s.Name, ended(all, RolledBack), n), mostly("promotions: "+s.Name, ended(all, Promoted), n))
	} else {
		goals = append(goals, seldom("false promotions: "+s.Name, ended(all, Promoted), n))
	}
	if s.Whole {
		goals = append(goals, seldom("false proofs by pairs: "+s.Name, proven(all), n))
	}
	if s.Grows > 0 {
		goals = append(goals, mostly("rolled back within 3 min of 1 pt beyond the margin: "+s.Name, r.prompt(), n))
	}
	return goals
}

// seldom is the goal that something happens in at most one of twenty.
func seldom(name string, x, n int) Goal {
	g := atMostShare(name, x, n, .05)
	if _, high := Binomial(x, n, .10); n >= sure {
		g.Met = high <= .05
	}
	return g
}

// mostly is the goal that it happens in at least nine of ten, within the forty
// minutes after which a rollout is given up.
func mostly(name string, x, n int) Goal {
	return Goal{
		Name: name, Limit: "≥ 90 %", Measured: percent(x, n) + " of " + strconv.Itoa(n),
		Met: float64(x) >= .9*float64(n), Refuted: Unlikely(n-x, n, .10, doubt),
	}
}

func proven(results []Result) (n int) {
	for _, r := range results {
		if r.Proven {
			n++
		}
	}
	return n
}

// prompt is how many rollouts of a growing harm ended within three minutes of
// its being a point beyond the margin of the overall filter rate.
func (r Row) prompt() (n int) {
	s := r.Scenario
	clear := s.After + time.Duration((judge.Policy{}.Sane().Margin+.01-s.Shift)/s.Grows*float64(time.Minute))
	for _, res := range r.Results[Sluice] {
		tried := time.Duration(res.Looks-res.Began+1) * lookEvery
		if res.Ending == RolledBack && tried <= clear+3*time.Minute {
			n++
		}
	}
	return n
}

// worldTable has a line for every judge in every world.
func (r Report) worldTable() string {
	var rows [][]string
	for _, row := range r.Worlds {
		for _, m := range append([]string{Sluice, Before}, methods()[1:]...) {
			all := row.Results[m]
			if len(all) == 0 {
				continue
			}
			n, minutes := requests(all), minutes(all)
			cells := []string{row.Scenario.Name, string(row.Scenario.Truth), m, strconv.Itoa(len(all))}
			for _, e := range []Ending{Promoted, RolledBack, Undecided} {
				cells = append(cells, between(ended(all, e), len(all)))
			}
			cells = append(cells, thousands(quantile(n, .5)), thousands(quantile(n, .9)), number(quantile(minutes, .5)), number(quantile(minutes, .9)), loudest(all))
			rows = append(rows, cells)
		}
	}
	return markdown([]string{
		"World", "The candidate is", "Judge", "Rollouts", "Promoted", "Rolled back", "Undecided", "Requests", "p90", "Minutes", "p90", "Mostly decided or held up by",
	}, rows)
}

// between writes x of n in percent, with its two-sided interval.
func between(x, n int) string {
	low, high := Binomial(x, n, .05)
	return fmt.Sprintf("%.0f %% [%.0f, %.0f]", 100*float64(x)/float64(n), 100*low, 100*high)
}

// awaited are the goals that are known not to be met, and what was measured of
// each. They are in the tables, and fail no test; who meets one takes it out.
func awaited() map[string]string {
	return map[string]string{
		"promotions: every connection repeats one request":              "3 of 20",
		"promotions: any task fails 3 % for half a minute now and then": "15 of 20",
		"duel: an exchange, outside: +4 pt: requests":                   "13k, of 24",
	}
}
