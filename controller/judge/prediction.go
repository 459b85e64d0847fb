package judge

import "fmt"

// rulePrediction holds the candidate's own filter rate against what admission
// expects of it, give or take the overall margin. Held-out data are not
// tomorrow's traffic: a rate outside holds the rollout for a person, and ends
// nothing. A rate inside, where stable's is far off, may mean that stable has
// been wrong all along.
func (t *Statistics) rulePrediction(p Policy, e estimate) ruling {
	r := ruling{Finding: Finding{Gate: GatePrediction, Outcome: NoData, Low: -1, High: 1}, spares: true}
	r.Threshold = holdsAt
	if p.Predicted == (Interval{}) {
		r.text = "the release predicts no filter rate"
		return r
	}
	r.BandLow, r.BandHigh = max(0, p.Predicted.Low-p.Margin), min(1, p.Predicted.High+p.Margin)
	if !e.known {
		r.text = fmt.Sprintf("predicted %s to %s; nothing is filtered by it yet", percent(p.Predicted.Low), percent(p.Predicted.High))
		return r
	}
	own := e.alone(CandidateArm)
	r.Outcome = Unsure
	r.CandidateRate, r.StableRate = e.rates[CandidateArm], e.rates[ControlArm]
	r.Difference = own.d
	r.Low, r.High = confidence(own.d, own.info, own.nu, p.Margin)
	r.Low = max(0, r.Low)
	r.Requests, r.Clusters, r.Windows = int64(own.n), e.clusters[CandidateArm], e.windows
	if own.ready {
		l := own.weigh(band{r.BandLow, r.BandHigh, p.Margin})
		r.against = max(l.tooHigh, l.tooLow)
	}
	r.holds = r.against >= holdLog
	switch inside := own.d >= r.BandLow && own.d <= r.BandHigh; {
	case r.holds:
		r.text = fmt.Sprintf("the candidate filters %s, its makers predicted %s to %s: it behaves otherwise than predicted",
			percent(own.d), percent(p.Predicted.Low), percent(p.Predicted.High))
	case inside && e.strays(p):
		r.Outcome = Acceptable
		r.text = fmt.Sprintf("the candidate filters %s as its makers predicted (%s to %s), stable %s: stable may have been wrong all along",
			percent(own.d), percent(p.Predicted.Low), percent(p.Predicted.High), percent(r.StableRate))
	default:
		if inside && own.ready {
			r.Outcome = Acceptable
		}
		r.text = fmt.Sprintf("the candidate filters %s, its makers predicted %s to %s, give or take %s pt",
			percent(own.d), percent(p.Predicted.Low), percent(p.Predicted.High), points(p.Margin))
	}
	return r
}

// alone is one arm's rate by itself.
func (e estimate) alone(arm int) estimate {
	rate := min(1, max(0, e.rates[arm]))
	rare := 1 / (e.n + 2)
	floor := .7 * max(rate*(1-rate), rare*(1-rare)) / e.n
	one := e
	one.d, one.info, one.nu = rate, inverse(max(e.own[arm], floor)), max(1, e.effective[arm]-1)
	return one
}

// strays says that the difference lies outside the overall band.
func (e estimate) strays(p Policy) bool {
	return e.ready && (e.d > p.Intended+p.Margin || e.d < p.Intended-p.Margin)
}
