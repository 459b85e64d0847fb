package rollout

import "github.com/sluicehq/sluice/controller/judge"

// Judged is the rollout with the verdict that is about where it stands now,
// given the one of the last look; with none before a step has one of its own.
func (r Rollout) Judged(last *judge.Verdict) Rollout {
	if last != nil && last.At.After(r.Since) && (r.Verdict == nil || last.At.After(r.Verdict.At)) {
		r.Verdict = last
	}
	if r.isJudged() && r.Verdict != nil && (r.StepSince.IsZero() || !r.Verdict.At.After(r.StepSince)) {
		r.Verdict = nil
	}
	return r
}

// isJudged reports whether the judge has the word.
func (r Rollout) isJudged() bool { return r.Phase == Shadow || r.Phase == Canary }

// Gathering reports whether the rollout is in the first moments of a step, in
// which no figure means anything yet. That data are missing, or look wrong, is
// no more than that while a step is younger than the policy's grace.
func (r Rollout) Gathering(p Policy) bool {
	grace, v := p.DataGrace, r.Verdict
	if grace <= 0 {
		grace = soon
	}
	switch {
	case !r.isJudged():
		return false
	case v == nil:
		return true
	}
	return (v.Outcome == judge.NoData || v.Outcome == judge.Invalid) && v.At.Sub(r.StepSince) < grace
}
