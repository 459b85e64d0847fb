package apitest

import (
	"math"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// The figures of a scene agree with each other: what was answered is what tasks
// answer in a second times how long they did, shares are those of their counts,
// and nothing is asked of more requests than there were.
func TestScenesAddUp(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for _, name := range []string{"idle", "unwell", "shadow", "canary", "unclear", "held", "doubtful", "promoting", "rolled_back", "paused", "gathering", "crowd", "thousand"} {
		f := Scene(name, now)
		r, exposed := f.Saved.Active, f.Seen.Seen.Exposed
		if name == "rolled_back" {
			r = &f.Saved.Finished[0]
			exposed = r.Exposed
		}
		if r != nil {
			addsUp(t, name, *r, exposed, now)
		}
		if v := f.Seen.Seen.Verdict; v != nil {
			for _, g := range v.Findings {
				if most := max(exposed, 4*int64(each)*240); g.Requests > most {
					t.Errorf("%s: %s is of %d requests, and there were %d", name, g.Gate, g.Requests, most)
				}
				if !g.SincePast && math.Abs(g.CandidateRate-g.StableRate-g.Difference) > 1e-9 {
					t.Errorf("%s: %s differs by %v of %v and %v", name, g.Gate, g.Difference, g.CandidateRate, g.StableRate)
				}
			}
		}
		auctionsAddUp(t, name, f)
	}
}

// addsUp holds what a candidate answered against the time in which it could.
func addsUp(t *testing.T, name string, r rollout.Rollout, exposed int64, now time.Time) {
	t.Helper()
	var from, until time.Time
	for _, e := range r.History {
		switch {
		case e.To == rollout.Canary && from.IsZero():
			from = e.At
		case from.IsZero():
		case e.To != rollout.Canary && until.IsZero():
			until = e.At
		}
	}
	if from.IsZero() {
		if exposed != 0 {
			t.Errorf("%s: no canary has answered %d auctions", name, exposed)
		}
		return
	}
	if until.IsZero() || name == "held" || name == "doubtful" || name == "promoting" { // canaries go on
		until = now
	}
	most := each * until.Sub(from).Seconds()
	if least := most / 2; float64(exposed) > most+each || name != "held" && name != "doubtful" && float64(exposed) < least {
		t.Errorf("%s: a canary answered %d auctions in %v, at %v a second", name, exposed, until.Sub(from), each)
	}
}

// auctionsAddUp holds the arms against all of them.
func auctionsAddUp(t *testing.T, name string, f *Fake) {
	t.Helper()
	a := f.Seen.Seen.Auctions
	tasks, rate, answered := 0, 0., int64(0)
	for _, arm := range []*rollout.Traffic{a.Canary, a.Control, a.Rest} {
		if arm != nil {
			tasks, rate, answered = tasks+arm.Tasks, rate+arm.Rate, answered+arm.Answered
		}
	}
	if tasks != a.All.Tasks || tasks != len(f.Seen.Seen.Tasks) || math.Abs(rate-a.All.Rate) > 1e-6 || answered != a.All.Answered {
		t.Errorf("%s: arms of %d tasks answer %v a second, %d; all %d of them %v, %d", name, tasks, rate, answered, a.All.Tasks, a.All.Rate, a.All.Answered)
	}
	if want := int64(a.All.Rate * a.Over.Seconds()); a.All.Answered != want {
		t.Errorf("%s: %d auctions in %v at %v a second", name, a.All.Answered, a.Over, a.All.Rate)
	}
	if d := float64(a.All.DegradedCount) / float64(a.All.Answered); math.Abs(d-*a.All.Degraded) > 1e-4 {
		t.Errorf("%s: %d of %d are degraded, a share of %v", name, a.All.DegradedCount, a.All.Answered, *a.All.Degraded)
	}
}
