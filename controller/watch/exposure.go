package watch

import (
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
)

// Exposure is how many auctions the candidate of a rollout has answered, and
// how many bids it alone has filtered among them, whoever counted them and
// however often tasks were replaced.
type Exposure struct {
	Generation int64              `json:"generation"` // of the cohort whose tasks these are
	Tasks      map[string]Exposed `json:"tasks"`
	Auctions   int64              `json:"auctions"` // of earlier cohorts and processes
	Missed     float64            `json:"missed"`
	At         time.Time          `json:"at"` // of the last look
}

// Exposed is what one process has counted. What it counts while nobody can ask
// it is assumed, until it tells.
type Exposed struct {
	Boot     string  `json:"boot"`
	Upto     int64   `json:"upto"` // position, as in tally.Report
	Auctions int64   `json:"auctions"`
	Missed   float64 `json:"missed"` // extrapolated from explored requests
	Assumed  float64 `json:"assumed"`

	Since time.Time `json:"since"` // of its first report
	Last  time.Time `json:"last"`

	// Where the last report began, and what there was before it: one that
	// begins there again holds it, too.
	After          int64   `json:"after"`
	AuctionsBefore int64   `json:"auctions_before"`
	MissedBefore   float64 `json:"missed_before"`
}

// Take adds what the reports of a look count. The candidate's tasks that are
// silent are taken to go on as before, or at the pace, in auctions a second,
// where that is not known.
func (e *Exposure) Take(look tally.Look, generation int64, silent []string, pace float64) {
	if e.Generation != generation {
		e.fold(generation)
	}
	elapsed := look.At.Sub(e.At)
	if e.At.IsZero() || elapsed < 0 {
		elapsed = 0
	}
	e.At = look.At
	for _, r := range look.Reports {
		if r.Arm == judge.Candidate && r.Generation == generation {
			e.add(r, look.At)
		}
	}
	for _, task := range silent {
		t := e.Tasks[task]
		rate := pace
		if told := t.Last.Sub(t.Since); told > 0 {
			rate = float64(t.Auctions) / told.Seconds()
		}
		t.Assumed += rate * elapsed.Seconds()
		e.Tasks[task] = t
	}
}

// add takes in a report, unless it was before. One that begins where the last
// one began was not taken for good, and tells it again, with more.
func (e *Exposure) add(r tally.Report, at time.Time) {
	t := e.Tasks[r.Task]
	if t.Boot != r.Boot && t.Boot != "" { // another process: what the old one told stays
		e.Auctions += t.Auctions + int64(t.Assumed)
		e.Missed += t.Missed
		t = Exposed{}
	}
	if t.Boot == "" {
		t.Since = at
	}
	t.Boot, t.Last = r.Boot, at
	goesOn, again := r.After >= t.Upto, r.After == t.After
	if r.Upto > t.Upto && (goesOn || again) {
		if goesOn {
			t.After, t.AuctionsBefore, t.MissedBefore = r.After, t.Auctions, t.Missed
		}
		t.Upto, t.Assumed = r.Upto, 0
		t.Auctions, t.Missed = t.AuctionsBefore+sum(r.Requests), t.MissedBefore
		if r.Explore > 0 {
			t.Missed += float64(r.MissedBids()) / r.Explore
		}
	}
	e.Tasks[r.Task] = t
}

// fold begins another cohort.
func (e *Exposure) fold(generation int64) {
	e.Auctions, e.Missed = e.Total()
	e.Generation, e.Tasks = generation, map[string]Exposed{}
}

// Total is what all cohorts come to.
func (e *Exposure) Total() (auctions int64, missed float64) {
	auctions, missed = e.Auctions, e.Missed
	for _, t := range e.Tasks {
		auctions += t.Auctions + int64(t.Assumed)
		missed += t.Missed
	}
	return auctions, missed
}

func sum(counts []int64) (total int64) {
	for _, n := range counts {
		total += n
	}
	return total
}
