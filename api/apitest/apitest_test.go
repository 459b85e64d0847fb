package apitest

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
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
		proofsAgree(t, name, f, now)
	}
}

// proofsAgree holds what is said to be proven against its findings, and that
// nothing has happened that is yet to come.
func proofsAgree(t *testing.T, name string, f *Fake, now time.Time) {
	t.Helper()
	all := f.Over
	if f.Saved.Active != nil {
		all = append(slices.Clone(all), *f.Saved.Active)
	}
	for _, r := range all {
		if v := r.Verdict; v != nil && v.Outcome == judge.Acceptable {
			for _, g := range v.Findings {
				if g.Outcome != judge.Acceptable {
					t.Errorf("%s: %s is accepted, and %s of it is %s", name, r.ID, g.Gate, g.Outcome)
				}
			}
		}
		if r.Phase == rollout.Promoting && (r.Verdict == nil || r.Verdict.Outcome != judge.Acceptable || f.Seen.Seen.Verdict != nil) {
			t.Errorf("%s: promoted by %+v, judged meanwhile by %+v", name, r.Verdict, f.Seen.Seen.Verdict)
		}
	}
	for _, e := range f.Saved.Events {
		if e.At.After(now) {
			t.Errorf("%s: %s of %s happens in %v", name, e.To, e.Rollout, e.At.Sub(now))
		}
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
	if until.IsZero() || r.Phase == rollout.Held || r.Phase == rollout.Promoting { // canaries go on
		until = now
	}
	most := each * until.Sub(from).Seconds()
	if least := most / 2; float64(exposed) > most+each || float64(exposed) < least {
		t.Errorf("%s: a canary answered %d auctions in %v, at %v a second", name, exposed, until.Sub(from), each)
	}
}

// auctionsAddUp holds the arms against all of them.
func auctionsAddUp(t *testing.T, name string, f *Fake) {
	t.Helper()
	a := f.Seen.Seen.Auctions
	tasks, rate, answered, degraded, told := 0, 0., int64(0), int64(0), 0
	for _, task := range f.Seen.Seen.Tasks {
		if task.Reachable {
			told++
		}
	}
	for _, arm := range []*rollout.Traffic{a.Canary, a.Control, a.Rest} {
		if arm != nil {
			tasks, rate, answered, degraded = tasks+arm.Tasks, rate+arm.Rate, answered+arm.Answered, degraded+arm.DegradedCount
		}
	}
	if name != "unwell" && degraded != a.All.DegradedCount {
		t.Errorf("%s: arms degraded %d, all of them %d", name, degraded, a.All.DegradedCount)
	}
	if tasks != a.All.Tasks || tasks != told || math.Abs(rate-a.All.Rate) > 1e-6 || answered != a.All.Answered {
		t.Errorf("%s: arms of %d tasks answer %v a second, %d; all %d of them %v, %d", name, tasks, rate, answered, a.All.Tasks, a.All.Rate, a.All.Answered)
	}
	if want := int64(a.All.Rate * a.Over.Seconds()); a.All.Answered != want {
		t.Errorf("%s: %d auctions in %v at %v a second", name, a.All.Answered, a.Over, a.All.Rate)
	}
	if d := float64(a.All.DegradedCount) / float64(a.All.Answered); math.Abs(d-*a.All.Degraded) > 1e-4 {
		t.Errorf("%s: %d of %d are degraded, a share of %v", name, a.All.DegradedCount, a.All.Answered, *a.All.Degraded)
	}
}
