package api

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/controller/history"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// Series is the answer to /v1/fleets/{fleet}/rollouts/{id}/series: the log of
// what the judge was shown, judged anew and thinned for drawing. Columns have an
// entry per point; what a look does not tell is null.
type Series struct {
	Rollout  string        `json:"rollout"`
	Looks    int           `json:"looks"`             // that were judged for it
	Whole    bool          `json:"whole"`             // false: more of the log waits to be judged; ask again
	Differ   int           `json:"differ"`            // looks at which this version's verdict is not that of then
	Programs []string      `json:"programs"`          // versions that judged then
	Trouble  string        `json:"trouble,omitempty"` // why the rest of the log cannot be read
	Points   []SeriesPoint `json:"points"`
	Gates    []SeriesGate  `json:"gates"`
	Money    *SeriesMoney  `json:"money"` // null where no bid had a price

	// How long auctions took; null where the log was written before that was kept.
	Latency *SeriesLatency `json:"latency"`

	// Every partner, at fewer moments than there are points: those with most
	// traffic, and how many there are beside.
	Moments  []time.Time     `json:"moments"`
	Partners []SeriesPartner `json:"partners"`
	More     int             `json:"more_partners"`
}

// SeriesPoint is one look.
type SeriesPoint struct {
	Look     int       `json:"look"` // its number, from 1
	At       time.Time `json:"at"`
	Step     int       `json:"step"`           // grows whenever arms are formed anew
	Served   bool      `json:"served"`         // arms are compared; false in the shadow phase
	Turn     bool      `json:"turn,omitempty"` // the answer is another than before
	Outcome  string    `json:"outcome"`
	Class    string    `json:"class,omitempty"`
	Gate     string    `json:"gate,omitempty"`
	Partner  string    `json:"partner,omitempty"`
	Headline string    `json:"headline"` // what people read first, as it was then
	Sentence string    `json:"sentence"`
	Progress float64   `json:"progress"`

	// Of the requests that compared tasks answered since the arms were formed,
	// the candidate's share, and the share of its tasks among them.
	Requests int64    `json:"requests"`
	Share    *float64 `json:"share"`
	Tasks    *float64 `json:"tasks"`
}

// SeriesGate is one gate over time.
type SeriesGate struct {
	Gate      string     `json:"gate"`
	Partner   []string   `json:"partner,omitempty"` // the one that speaks loudest, of gates about partners
	SincePast bool       `json:"since_past,omitempty"`
	Outcome   []string   `json:"outcome"`
	Candidate []*float64 `json:"candidate"`
	Stable    []*float64 `json:"stable"`
	Estimate  []*float64 `json:"difference"`
	Low       []*float64 `json:"low"`
	High      []*float64 `json:"high"`
	BandLow   []*float64 `json:"band_low"`
	BandHigh  []*float64 `json:"band_high"`
	Evidence  []*float64 `json:"evidence"`
	Threshold []*float64 `json:"threshold"`
	Proof     []*float64 `json:"proof"`
	Required  []*float64 `json:"required"`
	Requests  []*float64 `json:"requests"`
}

// SeriesMoney is what both releases would bring over time.
type SeriesMoney struct {
	Currency  string         `json:"currency"`
	Candidate SeriesEarnings `json:"candidate"`
	Stable    SeriesEarnings `json:"stable"`
}

// SeriesLatency is how long auctions took over the minute up to each look, arm by
// arm.
type SeriesLatency struct {
	Canary  SeriesPercentiles `json:"canary"` // of tasks that answer with the candidate
	Control SeriesPercentiles `json:"control"`
	Stable  SeriesPercentiles `json:"stable"` // of all others
}

// SeriesPercentiles are those of one arm.
type SeriesPercentiles struct {
	P50 []*float64 `json:"p50_seconds"`
	P99 []*float64 `json:"p99_seconds"`
}

// SeriesEarnings are those of one release: value of the bids that it lets
// through and calls saved, each per million requests, with 95 % intervals.
type SeriesEarnings struct {
	Value     []*float64 `json:"value"`
	ValueLow  []*float64 `json:"value_low"`
	ValueHigh []*float64 `json:"value_high"`
	Saved     []*float64 `json:"saved"`
	SavedLow  []*float64 `json:"saved_low"`
	SavedHigh []*float64 `json:"saved_high"`
}

// SeriesPartner is one partner over time; its columns have an entry per moment.
type SeriesPartner struct {
	Name      string     `json:"name"`
	Outcome   string     `json:"outcome"`  // at the last moment
	Requests  int64      `json:"requests"` // by then
	Evidence  float64    `json:"evidence"` // against the candidate, by then
	BandLow   float64    `json:"band_low"`
	BandHigh  float64    `json:"band_high"`
	Candidate []*float64 `json:"candidate"`
	Stable    []*float64 `json:"stable"`
	Estimate  []*float64 `json:"difference"`
	Low       []*float64 `json:"low"`
	High      []*float64 `json:"high"`
}

// partnersDrawn is how many partners a series tells.
const partnersDrawn = 100

// shapeSeries tells a trace.
func shapeSeries(id string, t *history.Trace) Series {
	out := Series{
		Rollout: id, Looks: t.Looks, Differ: t.Differ, Programs: append([]string{}, t.Programs...), Points: make([]SeriesPoint, 0, len(t.Points)),
		Gates: shapeGates(t.Points), Money: shapeEarned(t.Points), Moments: []time.Time{},
	}
	if t.Timed {
		out.Latency = shapeLatency(t.Points)
	}
	for _, p := range t.Points {
		out.Points = append(out.Points, shapePoint(id, p))
	}
	for _, m := range t.Moments {
		out.Moments = append(out.Moments, m.At.UTC())
	}
	out.Partners, out.More = shapePartners(t)
	return out
}

func shapePoint(id string, p history.Point) SeriesPoint {
	v, then := p.Verdict, rollout.Rollout{ID: id, Phase: rollout.Shadow, Verdict: &p.Verdict}
	if p.Served {
		then.Phase = rollout.Canary
	}
	return SeriesPoint{
		Look: p.Look, At: p.At.UTC(), Step: p.Step, Served: p.Served, Turn: p.Turn,
		Outcome: string(v.Outcome), Class: string(v.Class), Gate: string(v.Gate), Partner: v.Partner,
		Headline: then.Headline(rollout.Policy{}, p.At).Text, Sentence: v.Sentence, Progress: rounded(v.Progress),
		Requests: p.Answered[judge.CandidateArm] + p.Answered[judge.ControlArm],
		Share:    part(float64(p.Answered[judge.CandidateArm]), float64(p.Answered[judge.ControlArm])),
		Tasks:    part(float64(p.Tasks[judge.CandidateArm]), float64(p.Tasks[judge.ControlArm])),
	}
}

// part is a's share of both; nil where one of them is nothing.
func part(a, b float64) *float64 {
	if a <= 0 || b <= 0 {
		return nil
	}
	return new(rounded(a / (a + b)))
}

// shapeGates turns findings, point by point, into columns, gate by gate.
func shapeGates(points []history.Point) []SeriesGate {
	out := []SeriesGate{}
	place := map[judge.Gate]int{}
	for i, p := range points {
		for _, f := range p.Verdict.Findings {
			at, known := place[f.Gate]
			if !known {
				at = len(out)
				place[f.Gate] = at
				out = append(out, newSeriesGate(f.Gate, len(points)))
			}
			out[at].set(i, f)
		}
	}
	return slices.DeleteFunc(out, func(g SeriesGate) bool { // of which nothing was ever measured or asked
		return !slices.ContainsFunc(g.Requests, func(n *float64) bool { return n != nil && *n > 0 })
	})
}

func newSeriesGate(gate judge.Gate, points int) SeriesGate {
	column := func() []*float64 { return make([]*float64, points) }
	g := SeriesGate{
		Gate: string(gate), Outcome: make([]string, points), Candidate: column(), Stable: column(), Estimate: column(), Low: column(), High: column(),
		BandLow: column(), BandHigh: column(), Evidence: column(), Threshold: column(), Proof: column(), Required: column(), Requests: column(),
	}
	if strings.HasPrefix(string(gate), "partners_") {
		g.Partner = make([]string, points)
	}
	return g
}

// set tells the finding of one point.
func (g *SeriesGate) set(i int, f judge.Finding) {
	g.Outcome[i], g.SincePast = string(f.Outcome), g.SincePast || f.SincePast
	if g.Partner != nil {
		g.Partner[i] = f.Partner
	}
	g.Requests[i] = new(float64(f.Requests))
	if f.Threshold > 0 {
		g.Evidence[i], g.Threshold[i] = new(rounded(f.Evidence)), new(rounded(f.Threshold))
	}
	if f.Required > 0 {
		g.Proof[i], g.Required[i] = new(rounded(f.Proof)), new(rounded(f.Required))
	}
	if f.Requests == 0 || f.BandLow == 0 && f.BandHigh == 0 {
		return
	}
	g.BandLow[i], g.BandHigh[i] = new(rounded(f.BandLow)), new(rounded(f.BandHigh))
	if f.Low <= -1 && f.High >= 1 {
		return // nothing is known of it yet
	}
	g.Candidate[i], g.Stable[i], g.Estimate[i] = new(rounded(f.CandidateRate)), new(rounded(f.StableRate)), new(rounded(f.Difference))
	g.Low[i], g.High[i] = new(rounded(f.Low)), new(rounded(f.High))
}

// shapeEarned is nil where no bid had a price.
func shapeEarned(points []history.Point) *SeriesMoney {
	var out *SeriesMoney
	for i, p := range points {
		m := p.Verdict.Money
		if m == nil {
			continue
		}
		if out == nil {
			out = &SeriesMoney{Currency: m.Currency, Candidate: newSeriesEarnings(len(points)), Stable: newSeriesEarnings(len(points))}
		}
		out.Candidate.set(i, m.Candidate)
		out.Stable.set(i, m.Stable)
	}
	return out
}

func newSeriesEarnings(points int) SeriesEarnings {
	column := func() []*float64 { return make([]*float64, points) }
	return SeriesEarnings{Value: column(), ValueLow: column(), ValueHigh: column(), Saved: column(), SavedLow: column(), SavedHigh: column()}
}

func (s *SeriesEarnings) set(i int, e judge.Earnings) {
	s.Value[i], s.ValueLow[i], s.ValueHigh[i] = new(rounded(e.Value.Value)), new(rounded(e.Value.Low)), new(rounded(e.Value.High))
	s.Saved[i], s.SavedLow[i], s.SavedHigh[i] = new(rounded(e.Saved.Value)), new(rounded(e.Saved.Low)), new(rounded(e.Saved.High))
}

func shapeLatency(points []history.Point) *SeriesLatency {
	arm := func(of func(history.Latency) history.Percentiles) SeriesPercentiles {
		s := SeriesPercentiles{P50: make([]*float64, 0, len(points)), P99: make([]*float64, 0, len(points))}
		for _, p := range points {
			took := of(p.Latency)
			s.P50, s.P99 = append(s.P50, known(took.P50)), append(s.P99, known(took.P99))
		}
		return s
	}
	return &SeriesLatency{
		Canary:  arm(func(l history.Latency) history.Percentiles { return l.Canary }),
		Control: arm(func(l history.Latency) history.Percentiles { return l.Control }),
		Stable:  arm(func(l history.Latency) history.Percentiles { return l.Stable }),
	}
}

// shapePartners tells the partners with most traffic by the last moment, and
// how many there are beside.
func shapePartners(t *history.Trace) (list []SeriesPartner, more int) {
	list = []SeriesPartner{}
	if len(t.Moments) == 0 {
		return list, 0
	}
	last := t.Moments[len(t.Moments)-1].Partners
	order := make([]int, len(last))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(last[b].Requests, last[a].Requests) })
	more = max(0, len(order)-partnersDrawn)
	for _, at := range order[:len(order)-more] {
		list = append(list, shapeVoices(t, at))
	}
	return list, more
}

func shapeVoices(t *history.Trace, at int) SeriesPartner {
	column := func() []*float64 { return make([]*float64, len(t.Moments)) }
	v := t.Moments[len(t.Moments)-1].Partners[at]
	out := SeriesPartner{
		Name: t.Names[at], Outcome: string(v.Outcome), Requests: v.Requests, Evidence: rounded(v.Evidence),
		BandLow: rounded(float64(v.BandLow)), BandHigh: rounded(float64(v.BandHigh)),
		Candidate: column(), Stable: column(), Estimate: column(), Low: column(), High: column(),
	}
	for i, m := range t.Moments {
		if at >= len(m.Partners) { // nobody knew it then
			continue
		}
		v := m.Partners[at]
		if v.Requests == 0 || v.Low <= -1 && v.High >= 1 {
			continue
		}
		out.Candidate[i], out.Stable[i], out.Estimate[i] = new(rounded(float64(v.Candidate))), new(rounded(float64(v.Stable))), new(rounded(float64(v.Difference)))
		out.Low[i], out.High[i] = new(rounded(float64(v.Low))), new(rounded(float64(v.High)))
	}
	return out
}

// rounded leaves five digits, more than can be drawn.
func rounded(v float64) float64 {
	v = finite(v)
	if v == 0 {
		return 0
	}
	scale := math.Pow(10, 4-math.Floor(math.Log10(math.Abs(v))))
	if r := math.Round(v*scale) / scale; !math.IsInf(scale, 0) && scale > 0 && !math.IsNaN(r) && !math.IsInf(r, 0) {
		return r
	}
	return v
}
