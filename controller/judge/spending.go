package judge

import "math"

// How the false alarms that a rollout may give, five in a hundred however long
// one looks, are shared out between the gates that may end it. Together they
// are 0.05. A gate that only holds a rollout spends nothing: nothing is lost by
// it but time. Promotion needs every required proof, each at 0.05: since all
// must stand, none need be corrected for the others.
const (
	overallPairedAlpha = .005
	overallServedAlpha = .005
	partnersAlpha      = .02    // both methods together
	errorsAlpha        = .0025  //
	invalidAlpha       = .00125 // for each of served and shadow
	latencyAlpha       = .004   // of stable's p99 and of the promised latency, together
	driftAlpha         = .001   // where drift may roll back at all
	missedBidsAlpha    = .0075  // of all bids, and of the partners', together
	missedValueAlpha   = .0025  // the same of what they are worth
)

// Evidence at which a gate that spends nothing holds a rollout.
const (
	holdsAt = 200
	holdLog = 5.298317366548036 // ln 200
)

// alpha is a gate's share. The two methods by which partners are heard share
// one threshold, so that each has half of what both may spend.
func (g Gate) alpha(p Policy) float64 {
	switch g {
	case GateFilterRatePaired:
		return overallPairedAlpha
	case GateFilterRateServed:
		return overallServedAlpha
	case GatePartnersPaired, GatePartnersServed:
		return partnersAlpha / 2
	case GateErrors:
		return errorsAlpha
	case GateInvalidScores:
		return 2 * invalidAlpha
	case GateLatency:
		if p.Latency != Off {
			return latencyAlpha
		}
	case GateDrift:
		if p.Drift == DriftRollBack {
			return driftAlpha
		}
	case GateMissedBids:
		if p.MissedBids != Off {
			return missedBidsAlpha
		}
	case GateMissedValue:
		if p.MissedValue != Off {
			return missedValueAlpha
		}
	case GateData, GateSampleRatio, GatePrediction, GateLive, GateBreaker:
	}
	return 0
}

// spent shows every gate that may end the rollout, and how near it is to that.
func spent(findings []Finding) (all []Spent) {
	for _, f := range findings {
		if f.Alpha > 0 {
			all = append(all, Spent{Gate: f.Gate, Alpha: f.Alpha, Evidence: f.Evidence, Threshold: f.Threshold})
		}
	}
	return all
}

// proven keeps the best proof of a gate so far for a band, and says what it is.
func (s *State) proven(g Gate, b band, log float64) proof {
	best := s.past.Proved[g]
	best.note(b.low, b.high, log, log)
	s.past.Proved[g] = best
	return best
}

// finite bounds a sum of logarithms.
func finite(sum float64) float64 { return min(1e300, max(-1e300, sum)) }

// bounded keeps a logarithm small enough to be shown, so that it fits JSON.
func bounded(log float64) float64 {
	if math.IsNaN(log) {
		return 0
	}
	return min(1e6, max(-1e6, log))
}
