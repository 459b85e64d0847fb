// Package simulation plays whole rollouts in virtual time, from seeds, by the
// very functions that carry out real ones: rollout.Decide, the tally, and the
// judge with all its gates. A small fleet meets traffic as it comes through a
// network load balancer, and candidates that are fine, on the edge or harmful;
// what becomes of them is held against the judge's goals, against a sample of
// fixed size that knows everything beforehand, and, on the same streams, against
// three usual ways to judge a canary and the judge of an earlier commit.
//
// But for a task that crashes by itself, it plays no failures of controllers,
// tasks, stores or networks: those are played where they can be broken at every
// step. Nor does it start a task: requests are drawn, not scored. A look of a
// task with 600 requests for five of 100 partners takes 0.1 ms to draw and as
// long to add up, a rollout of 20 minutes most of a second of one processor; in
// a small world, of 300 requests and 12 partners, a quarter of a second.
package simulation

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// Report is everything that a simulation has shown.
type Report struct {
	Size   Size
	Rows   []Row
	Races  []Finish
	Wholes []Whole
	Hasty  []Row // by shift, on short connections, without soaking
	Traces []Trace
	Worlds []Row
	Duels  []Duel
}

// Run simulates some parts, and says how it goes on. An earlier judge plays the
// same streams, unless there is none. What a notebook has is not played again.
func Run(n Notebook, size Size, parts []Part, by Earlier, say func(string)) (r Report, err error) {
	r = Report{Size: size}
	for _, part := range parts {
		switch part {
		case Rollouts:
			err = r.playRollouts(n, by, say)
		case Uneven:
			err = r.playWorlds(n, by, say)
		case Speed:
			err = r.race(n, say)
		}
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

func (r *Report) playRollouts(n Notebook, by Earlier, say func(string)) (err error) {
	if r.Rows, err = campaign(n, Kinds(), Scenarios(), policies(), r.Size.rollouts, func(row Row) { say(row.summary()) }); err != nil {
		return err
	}
	if r.Hasty, err = campaign(n, []Kind{Short}, shifts(), hasty(), func(Scenario, Kind) int { return r.Size.Shifts }, func(Row) {}); err != nil {
		return err
	}
	r.Traces = traces()
	return replay(n, r.Rows, by, say)
}

func (r *Report) playWorlds(n Notebook, by Earlier, say func(string)) (err error) {
	if r.Worlds, err = campaign(n, []Kind{Persistent}, Worlds(), policies(), func(Scenario, Kind) int { return r.Size.Worlds }, func(row Row) { say(row.summary()) }); err != nil {
		return err
	}
	if err = replay(n, r.Worlds, by, say); err != nil || by == nil {
		return err
	}
	r.Duels, err = Duels(n, r.Size.Worlds, by)
	return err
}

func (r *Report) race(n Notebook, say func(string)) (err error) {
	if r.Races, err = Races(n, r.Size); err != nil {
		return err
	}
	say("the races are run")
	r.Wholes, err = Wholes(n, r.Size.Wholes)
	return err
}

// methods are the names of all judges, ours first.
func methods() []string { return []string{Sluice, ZTest, Kayenta, Threshold} }

// wrong is how many of a row's rollouts a method ended wrongly: a rollback of
// what is fine, a promotion of anything else.
func (r Row) wrong(method string) int {
	if r.Scenario.Truth == Fine {
		return ended(r.Results[method], RolledBack)
	}
	return ended(r.Results[method], Promoted)
}

// summary is a row in a line.
func (r Row) summary() string {
	all := r.Results[Sluice]
	return fmt.Sprintf("%s, %s: of %d rollouts %d promoted, %d rolled back, %d undecided %s", r.Scenario.Name, r.Kind,
		len(all), ended(all, Promoted), ended(all, RolledBack), ended(all, Undecided), loudest(all))
}

// played are the rows of which any rollout was played.
func (r Report) played() []Row {
	return slices.DeleteFunc(slices.Clone(r.Rows), func(row Row) bool { return len(row.Results[Sluice]) == 0 })
}

// Tables writes what was played, goals first: a page for each part.
func (r Report) Tables() map[Part]string {
	pages := map[Part]string{}
	part := func(of Part, title, text, table string) {
		if pages[of] == "" {
			pages[of] = "### Goals\n\nWritten by `make simulate SIMULATE=" + r.Size.Name + " PART=" + string(of) +
				"`. Shares with the upper end of their 95 % confidence interval, one-sided, exact.\n\n" + goalTable(r.Goals(of)) + "\n"
		}
		pages[of] += "### " + title + "\n\n" + text + "\n\n" + table + "\n"
	}
	if len(r.Rows) > 0 {
		part(Rollouts, "Wrong decisions", "Of all rollouts, rolled back though the candidate is fine, or promoted though it is not; "+
			"the same streams for every method.", r.wrongTable())
		part(Rollouts, "Where Sluice's rollouts end, and when", "Requests are those answered by all tasks under comparison, median and 90 % quantile of the decided "+
			"rollouts; exposed are those that the candidate answered. Minutes include soaking (2, 5 and 10 minutes).", r.endTable())
		part(Rollouts, "When the others decide", "Rolled back, and the median of the requests and minutes that it took; what offends them for a quarter of an hour in no way, they promote.",
			r.othersTable())
		part(Rollouts, "Side by side with "+EarlierCommit, "On the same streams; requests and time are medians, seed by seed.", besideTable(nil, r.played()))
	}
	if len(r.Worlds) > 0 {
		part(Uneven, "Worlds that are uneven, live, changing, clumped", "Over connections that last, with 12 partners and 300 requests per task and look; the same streams for every judge. "+
			"Shares of all rollouts with their 95 % confidence interval, exact; requests and minutes of the decided ones.", r.worldTable())
	}
	if len(r.Duels) > 0 {
		part(Uneven, "Side by side with "+EarlierCommit, "On the same streams. Duels are of the served filter rate alone, over connections that last, eight tasks against eight that served stable for two minutes; "+
			"requests are those of both arms, medians of those that spoke.", besideTable(r.Duels, r.Worlds))
	}
	if len(r.Wholes) > 0 {
		part(Speed, "Speed of whole rollouts", "Rollouts without any change and without soaking, from the first shadow look to the promotion, against an oracle that takes the "+
			"same phases, knows all variances, and looks once at the end of each, when all proofs that are asked for stand together with 80 % power: in the last phase those of pairs by live ones alone, as the judge must.", r.wholeTable())
	}
	if len(r.Races) > 0 {
		part(Speed, "Speed of single gates", "Against a sample of fixed size with 80 % power at the gate's own alpha, which knows the clusters' variance beforehand and "+
			"looks once. Eight tasks against eight, no soaking. Pairs that prove are live ones; harm is by all.", r.raceTable())
	}
	return pages
}

func (r Report) wrongTable() string {
	head := append([]string{"Scenario", "Traffic", "Wrong is", "Rollouts"}, methods()...)
	var rows [][]string
	for _, row := range r.played() {
		wrong := "promoted"
		if row.Scenario.Truth == Fine {
			wrong = "rolled back"
		}
		n := len(row.Results[Sluice])
		cells := []string{row.Scenario.Name, string(row.Kind), wrong, strconv.Itoa(n)}
		for _, m := range methods() {
			cells = append(cells, atMost(row.wrong(m), len(row.Results[m])))
		}
		rows = append(rows, cells)
	}
	return markdown(head, rows)
}

func (r Report) endTable() string {
	var rows [][]string
	for _, row := range r.played() {
		all := row.Results[Sluice]
		n, times, exposed := requests(all), minutes(all), exposures(all)
		rows = append(rows, []string{
			row.Scenario.Name, string(row.Kind),
			percent(ended(all, Promoted), len(all)), percent(ended(all, RolledBack), len(all)), percent(ended(all, Undecided), len(all)),
			thousands(quantile(n, .5)), thousands(quantile(n, .9)), thousands(quantile(exposed, .5)),
			number(quantile(times, .5)), number(quantile(times, .9)), loudest(all),
		})
	}
	return markdown([]string{
		"Scenario", "Traffic", "Promoted", "Rolled back", "Undecided", "Requests", "p90", "Exposed", "Minutes", "p90", "Mostly decided or held up by",
	}, rows)
}

func (r Report) othersTable() string {
	head := []string{"Scenario", "Traffic"}
	for _, m := range methods()[1:] {
		head = append(head, m, "requests", "minutes")
	}
	var rows [][]string
	for _, row := range r.played() {
		if row.Scenario.Unpaired || row.Scenario.Guarded || row.Scenario.Crashes {
			continue // the same streams once more, or nothing to see
		}
		cells := []string{row.Scenario.Name, string(row.Kind)}
		for _, m := range methods()[1:] {
			all := row.Results[m]
			back := only(all, RolledBack)
			cells = append(cells, percent(len(back), len(all)), thousands(quantile(requests(back), .5)), number(quantile(minutes(back), .5)))
		}
		rows = append(rows, cells)
	}
	return markdown(head, rows)
}

func (r Report) raceTable() string {
	var rows [][]string
	for _, f := range r.Races {
		rows = append(rows, []string{
			f.Race.name, string(f.Kind), percent(len(f.Spoke), f.Runs), f.Unit, thousands(f.Oracle),
			thousands(quantile(f.Spoke, .5)), times(f.Mean()), times(f.Ratio(.5)), times(f.Ratio(.9)), times(mean(f.Known)), times(quantile(f.Known, .9)),
		})
	}
	return markdown([]string{"Gate", "Traffic", "Spoke", "Unit", "Oracle", "Median", "Mean", "Median", "p90", "Information", "p90"}, rows)
}

func (r Report) wholeTable() string {
	var rows [][]string
	for _, w := range r.Wholes {
		all := w.Ratios()
		rows = append(rows, []string{
			string(w.Kind), strconv.Itoa(len(w.Results)), percent(len(all), len(w.Results)), thousands(w.Oracle),
			fmt.Sprintf("%g + %g + %g", w.Looks[0], w.Looks[1], w.Looks[2]),
			thousands(quantile(requests(only(w.Results, Promoted)), .5)), times(mean(all)), times(quantile(all, .5)), times(quantile(all, .9)),
		})
	}
	return markdown([]string{"Traffic", "Rollouts", "Promoted", "Oracle's requests", "its looks", "Median", "Mean", "Median", "p90"}, rows)
}

func only(all []Result, e Ending) []Result {
	return slices.DeleteFunc(slices.Clone(all), func(r Result) bool { return r.Ending != e })
}

// minutes and exposures of decided rollouts, sorted.
func minutes(results []Result) (all []float64) {
	for _, r := range results {
		if r.Ending != Undecided {
			all = append(all, (time.Duration(r.Looks) * lookEvery).Minutes())
		}
	}
	slices.Sort(all)
	return all
}

func exposures(results []Result) (all []float64) {
	for _, r := range results {
		if r.Ending != Undecided {
			all = append(all, float64(r.Exposed))
		}
	}
	slices.Sort(all)
	return all
}

func number(v float64) string {
	if math.IsNaN(v) {
		return "—"
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}

// loudest is the gate that rolled back, or held up, most of the rollouts that
// were not promoted.
func loudest(results []Result) string {
	counts := map[judge.Gate]int{}
	for _, r := range results {
		if r.Ending != Promoted && r.Gate != "" {
			counts[r.Gate]++
		}
	}
	best := judge.Gate("")
	for g, n := range counts {
		if n > counts[best] || n == counts[best] && g < best {
			best = g
		}
	}
	if counts[best] == 0 {
		return ""
	}
	return fmt.Sprintf("%s (%d)", best, counts[best])
}

// shifts are the candidates of the picture of times.
func shifts() (all []Scenario) {
	for _, points := range []float64{-6, -4, -3, -2.5, -2, -1.5, -1, -.5, 0, .5, 1, 1.5, 2, 2.5, 3, 4, 6} {
		s := Scenario{Name: fmt.Sprintf("%+g pt", points), Shift: points / 100, Truth: Fine}
		switch {
		case math.Abs(points) == 2:
			s.Truth = OnEdge
		case math.Abs(points) > 2:
			s.Truth = Harmful
		}
		all = append(all, s)
	}
	return all
}
