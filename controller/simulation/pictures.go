package simulation

import (
	"math"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// Trace is how evidence grew in one race of the served filter rate.
type Trace struct {
	Name            string
	Evidence, Proof []Point // natural logarithms over requests per arm
}

// traces follow a good, an edge and a bad candidate on short connections.
func traces() []Trace {
	all := []Trace{{Name: "good (0 pt)"}, {Name: "edge (+2 pt)"}, {Name: "bad (+4 pt)"}}
	parallel(len(all), func(i int) {
		t := &all[i]
		r := race{scenario: Scenario{Shift: .02 * float64(i)}, gate: judge.GateFilterRateServed, perLook: 100, looks: 75, distance: .02, alpha: .05}
		r.watch = func(units float64, v judge.Verdict) {
			for _, f := range v.Findings {
				if f.Gate == r.gate && units > 0 {
					t.Evidence = append(t.Evidence, Point{units, floored(f.Evidence)})
					t.Proof = append(t.Proof, Point{units, floored(f.Proof)})
				}
			}
		}
		r.once(3, Short)
	})
	return all
}

// floored is a logarithm that fits a picture.
func floored(e float64) float64 { return math.Max(-4, math.Min(14, math.Log(e))) }

// Pictures draws what was played of [Rollouts], by file name.
func (r Report) Pictures() map[string]Picture {
	if len(r.Rows) == 0 {
		return nil
	}
	return map[string]Picture{
		"evidence.svg":        r.evidence(),
		"false-rollbacks.svg": r.falseRollbacks(),
		"time-to-decide.svg":  r.timeToDecide(),
	}
}

func (r Report) evidence() Picture {
	p := Picture{
		Title: "Evidence over requests for a good, an edge and a bad candidate",
		X:     "requests answered by each arm (short connections)", Y: "evidence (natural logarithm)",
		Marks: []Mark{{"harm is proven: roll back", math.Log(400)}, {"harmlessness is proven", math.Log(20)}},
	}
	good, edge, bad := r.Traces[0], r.Traces[1], r.Traces[2]
	p.Lines = []Line{
		{"good: for it", good.Proof}, {"bad: against it", bad.Evidence}, {"edge: for it", edge.Proof}, {"edge: against it", edge.Evidence},
	}
	return p
}

// falseRollbacks is the share of fine candidates rolled back so far, over all
// kinds of traffic.
func (r Report) falseRollbacks() Picture {
	p := Picture{
		Title: "False rollbacks of candidates without any change, by method", X: "minutes of canary, one look every 10 seconds", Y: "rolled back (%)",
		Marks: []Mark{{"5 %", 5}},
	}
	for _, m := range methods() {
		var all []Result
		for _, row := range r.Rows {
			if row.Scenario.Name == Scenarios()[0].Name {
				all = append(all, row.Results[m]...)
			}
		}
		line := Line{Name: m}
		for look := 0; look <= rivalLooks; look++ {
			n := 0
			for _, res := range all {
				if res.Ending == RolledBack && res.Looks <= look {
					n++
				}
			}
			line.Points = append(line.Points, Point{(time.Duration(look) * lookEvery).Minutes(), 100 * float64(n) / float64(max(1, len(all)))})
		}
		p.Lines = append(p.Lines, line)
	}
	return p
}

// timeToDecide is the median time to a decision by what the candidate does.
func (r Report) timeToDecide() Picture {
	p := Picture{
		Title: "Median time to a decision by the candidate's shift", X: "shift of the filter rate (points); the band is -2 to +2", Y: "minutes to a decision (median)",
	}
	for _, m := range methods() {
		line := Line{Name: m}
		for _, row := range r.Hasty {
			var times []float64
			for _, res := range row.Results[m] {
				times = append(times, (time.Duration(res.Looks) * lookEvery).Minutes())
			}
			slices.Sort(times)
			line.Points = append(line.Points, Point{100 * row.Scenario.Shift, quantile(times, .5)})
		}
		p.Lines = append(p.Lines, line)
	}
	return p
}
