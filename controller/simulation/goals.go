package simulation

import (
	"fmt"
	"math"
	"strconv"
)

// Goal is what a simulation must show, and what it has shown.
type Goal struct {
	Name     string
	Limit    string
	Measured string
	Met      bool   // as measured
	Refuted  bool   // beyond what chance explains, at one in a thousand
	Awaited  string // what was measured where it is known not to be met yet
	part     bool   // of a goal that is about all traffic
}

// doubt is how unlikely luck must be before a test complains.
const doubt = .001

// Goals holds what was played of a part against what the judge was built for.
func (r Report) Goals(of Part) []Goal {
	goals, waiting := r.goals(of), awaited()
	for i := range goals {
		goals[i].Awaited = waiting[goals[i].Name]
	}
	return goals
}

func (r Report) goals(of Part) (goals []Goal) {
	switch of {
	case Rollouts:
		for _, s := range Scenarios() {
			goals = append(goals, r.rights(s)...)
		}
		goals = append(goals, r.pace()...)
	case Uneven:
		for _, w := range r.Worlds {
			goals = append(goals, w.worldly()...)
		}
		for _, d := range r.Duels {
			goals = append(goals, d.goal())
		}
	case Speed:
		for _, f := range r.Races {
			goals = append(goals, speed(f)...)
		}
		for _, w := range r.Wholes {
			goals = append(goals, w.goals()...)
		}
		goals = append(goals, r.pairing())
	}
	return goals
}

// rights are the goals of one scenario: on each kind of traffic, and on all.
func (r Report) rights(s Scenario) (goals []Goal) {
	var wrong, back, all int
	what := "false promotions: "
	if s.Truth == Fine {
		what = "false rollbacks: "
	}
	for _, row := range r.Rows {
		if row.Scenario != s {
			continue
		}
		n := len(row.Results[Sluice])
		if n > 0 {
			one := atMostShare(what+s.Name+", "+string(row.Kind), row.wrong(Sluice), n, .05)
			one.part = true
			goals = append(goals, one)
		}
		wrong += row.wrong(Sluice)
		back += ended(row.Results[Sluice], RolledBack)
		all += n
	}
	if all == 0 {
		return goals
	}
	goals = append(goals, atMostShare(what+s.Name+", all traffic", wrong, all, .05))
	if s.Truth == OnEdge { // no decision is right there
		goals = append(goals,
			atMostShare("rollbacks: "+s.Name+", all traffic", back, all, .025),
			atMostShare("decisions: "+s.Name+", all traffic", wrong+back, all, .075))
	}
	return goals
}

func atMostShare(name string, x, n int, limit float64) Goal {
	return Goal{
		Name: name, Limit: fmt.Sprintf("≤ %g %%", 100*limit), Measured: atMost(x, n) + " of " + strconv.Itoa(n),
		Met: float64(x) <= limit*float64(n), Refuted: Unlikely(x, n, limit, doubt),
	}
}

// speed holds a race against the multiples of the oracle that it may take: of
// its units or, where the arms are compared over connections that last, of its
// information. There the next request says less than the last, down to nothing,
// so that a tenth more of information takes any multiple of requests; and what a
// seed's few connections have in common stays, however long one looks.
func speed(f Finish) []Goal {
	race := f.Race
	name := race.name + ", " + string(f.Kind)
	if math.IsInf(f.Oracle, 1) {
		return []Goal{{Name: name, Limit: "≤ 1.5× and 2.5×", Measured: "even the oracle knows too few connections", Met: true}}
	}
	goal := func(what string, got, limit, slack float64) Goal {
		return Goal{
			Name: name + ": " + what, Limit: fmt.Sprintf("≤ %g×", limit), Measured: times(got),
			Met: got <= limit, Refuted: !(got <= limit*slack),
		}
	}
	if 2*len(f.Spoke) < f.Runs {
		return []Goal{{Name: name, Limit: "≤ 2.6×", Measured: percent(len(f.Spoke), f.Runs) + " spoke in time", Met: false}}
	}
	average, at, unit := f.Mean(), f.Ratio, ""
	if f.Kind == Persistent && !race.paired {
		average, unit = mean(f.Known), ", in information"
		at = func(q float64) float64 { return ofAll(f.Known, q, f.Runs) }
	}
	noise := 1 + 3/math.Sqrt(float64(f.Runs)) // of a mean or quantile of times as widely spread as these
	switch {
	case race.partner > 0:
		return []Goal{goal("median"+unit, at(.5), 2.6, noise)}
	case race.distance < .02:
		return []Goal{goal("mean"+unit, average, 2, noise), goal("p90"+unit, at(.9), 3, noise)}
	}
	return []Goal{goal("mean"+unit, average, 1.5, noise), goal("p90"+unit, at(.9), 2.5, noise)}
}

// goals holds whole rollouts against their oracle; those that are not promoted
// count as infinitely slow.
func (w Whole) goals() []Goal {
	all := w.Ratios()
	n := len(w.Results)
	p90 := ofAll(all, .9, n)
	noise := 1 + 3/math.Sqrt(float64(n))
	goal := func(what string, got, limit float64) Goal {
		return Goal{
			Name: "whole rollouts, " + string(w.Kind) + ": " + what, Limit: fmt.Sprintf("≤ %g×", limit), Measured: times(got),
			Met: got <= limit, Refuted: !(got <= limit*noise),
		}
	}
	return []Goal{goal("mean", mean(all), 1.5), goal("p90", p90, 2.5)}
}

// pairing is what pairs save: to a proof, on short connections.
func (r Report) pairing() Goal {
	var served, paired float64
	for _, f := range r.Races {
		if f.Kind == Short && f.Race.name == races()[0].name {
			served = mean(f.Spoke) * asked // pairs of one arm
		}
		if f.Kind == Short && f.Race.name == races()[3].name {
			paired = mean(f.Spoke)
		}
	}
	got := paired / served
	return Goal{
		Name: "pairs to a proof, against pairs of one arm without pairing", Limit: "≤ 25 %", Measured: fmt.Sprintf("%.1f %%", 100*got),
		Met: got <= .25, Refuted: !(got <= .25),
	}
}

// goalTable leaves out what holds on one kind of traffic; the table of wrong
// decisions has it.
func goalTable(goals []Goal) string {
	var rows [][]string
	for _, g := range goals {
		if g.part && g.Met {
			continue
		}
		met := "yes"
		if !g.Met {
			met = "**no**"
		}
		if !g.Met && g.Awaited != "" {
			met = "**not yet**"
		}
		rows = append(rows, []string{g.Name, g.Limit, g.Measured, met})
	}
	return markdown([]string{"Goal", "Limit", "Measured", "Met"}, rows)
}
