package simulation

import (
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
)

// A race measures how soon a gate speaks: eight tasks against eight from the
// first request on, looked at often, with nobody to wait for.
type race struct {
	name     string
	scenario Scenario
	gate     judge.Gate
	proof    bool    // wait for the proof, else for the evidence
	partner  int     // index of the partner whose information counts, from 1; 0: overall
	paired   bool    // count pairs; else requests of one arm
	perLook  float64 // requests per task and look
	looks    int     // after which a run is given up
	distance float64 // from the edge to the truth, in points of a share
	alpha    float64 // of the gate: the oracle gets the same

	past int // looks of a task for which stable served before, with the candidate in its shadow

	long bool // as are all over connections that last

	watch func(units float64, v judge.Verdict) // nil: nobody does
}

// races returns those that the goals speak of.
func races() []race {
	const m = .02
	fine, worse, half := Scenario{}, Scenario{Shift: 2 * m}, Scenario{Shift: 1.5 * m}
	served, paired := judge.GateFilterRateServed, judge.GateFilterRatePaired
	bad := Scenario{Shift: .06, Partner: 8}
	return []race{
		{name: "served: promote at 0", scenario: fine, gate: served, proof: true, perLook: 100, looks: 150, distance: m, alpha: .05},
		{name: "served: roll back at m beyond the edge", scenario: worse, gate: served, perLook: 100, looks: 150, distance: m, alpha: .005},
		{name: "served: roll back at m/2 beyond the edge", scenario: half, gate: served, perLook: 400, looks: 300, distance: m / 2, alpha: .005, long: true},
		{name: "paired: promote at 0", scenario: fine, gate: paired, proof: true, paired: true, perLook: 2, looks: 200, distance: m, alpha: .05},
		{name: "paired: roll back at m beyond the edge", scenario: worse, gate: paired, paired: true, perLook: 2, looks: 200, distance: m, alpha: .005},
		{name: "paired: roll back at m/2 beyond the edge", scenario: half, gate: paired, paired: true, perLook: 4, looks: 300, distance: m / 2, alpha: .005, long: true},
		{name: "a bad partner of 100, by its pairs", scenario: bad, gate: judge.GatePartnersPaired, partner: 8, paired: true, perLook: 20, looks: 200, distance: .03, alpha: .02},
		{name: "a bad partner of 100, by the arms", scenario: bad, gate: judge.GatePartnersServed, partner: 8, perLook: 100, looks: 400, distance: .03, alpha: .02, long: true},
	}
}

// A course is a race under way, on the traffic of one seed.
type course struct {
	race     race
	market   *market
	panel    panel
	step     int64 // generation
	counters map[int]*counter
	upto     map[int]int64
	answered float64 // requests of both arms
}

func (r race) start(seed uint64, kind Kind) *course {
	c := &course{race: r, market: newMarket(seed, kind, r.scenario), counters: map[int]*counter{}, upto: map[int]int64{}}
	if c.market.perLook = r.perLook; kind == Independent && !r.paired && r.partner == 0 {
		c.market.perLook /= 4 // decides so much sooner
	}
	c.prepare()
	return c
}

// prepare has all tasks serve stable for as long as the race says.
func (c *course) prepare() {
	c.step = 1
	pace := c.market.perLook
	c.market.perLook = perLook
	for look := 1 - c.race.past; look < 1; look++ {
		l := tally.Look{At: start().Add(time.Duration(look) * lookEvery)}
		for _, i := range slices.Concat(canaries(), controls()) {
			l.Reports = append(l.Reports, c.report(order{task: i, look: mostLooks - look, arm: judge.Control, sample: .1}))
		}
		c.panel.look(l, judge.Policy{}, c.step)
	}
	c.market.perLook, c.answered = pace, 0
	c.step++
	clear(c.upto)
}

// look plays one look, from 1, and has it judged.
func (c *course) look(look int) (judge.Statistics, judge.Verdict) {
	l := tally.Look{At: start().Add(time.Duration(look) * time.Second), Served: true}
	for arm, tasks := range [][]int{canaries(), controls()} {
		for _, i := range tasks {
			o := order{task: i, look: look, tried: time.Hour, arm: []judge.Arm{judge.Candidate, judge.Control}[arm], explore: .2, sample: .1}
			l.Reports = append(l.Reports, c.report(o))
		}
	}
	return c.panel.look(l, judge.Policy{}, c.step)
}

func (c *course) report(o order) tally.Report {
	if c.counters[o.task] == nil {
		c.counters[o.task] = newCounter(partnerName(o.task))
	}
	c.market.play(o, c.counters[o.task])
	r := &c.counters[o.task].report
	r.Generation, r.Arm, r.Explore, r.Connections, r.After = c.step, o.arm, o.explore, lasting, c.upto[o.task]
	for _, n := range r.Requests {
		c.upto[o.task] += n
		c.answered += float64(n)
	}
	r.Upto = c.upto[o.task]
	return *r
}

func (r race) spoken(v judge.Verdict) bool {
	for _, f := range v.Findings {
		if f.Gate != r.gate {
			continue
		}
		if r.proof {
			return f.Required > 0 && f.Proof >= f.Required
		}
		return f.Threshold > 0 && f.Evidence >= f.Threshold
	}
	return false
}
