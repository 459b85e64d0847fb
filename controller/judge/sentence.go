package judge

import (
	"fmt"
	"math"
	"strings"
)

// maxNamed bounds how many partners a sentence names.
const maxNamed = 5

func sentenceOf(bad []string) string { return strings.Join(bad, "; ") }

// text is a difference against its band.
func (v voice) text(f Finding) string {
	if !v.estimate.known {
		return "nothing to compare yet"
	}
	whose := ""
	if v.accuses() {
		whose = v.whose
	}
	return fmt.Sprintf("candidate %s vs stable %s%s (%s, anytime 95 %% CS [%s, %s]), allowed band %s..%s pt",
		percent(f.CandidateRate), percent(f.StableRate), whose, points(f.Difference)+" pt", points(f.Low), points(f.High),
		points(f.BandLow), points(f.BandHigh))
}

func evidenceText(e, threshold float64, why string) string {
	return fmt.Sprintf("evidence: E = %s %s %s (= %s)", number(e), against(e, threshold), number(threshold), why)
}

// against is the sign between evidence and its threshold.
func against(e, threshold float64) string {
	if e >= threshold {
		return ">="
	}
	return "<"
}

// partnersText says what the partners say together, and who is loudest.
func (t *Statistics) partnersText(r ruling, loudest voice, needed []voice, proven int, found bool) string {
	if !found {
		return "nothing to compare yet"
	}
	e := expCapped(r.against)
	text := fmt.Sprintf("%s; evidence: weighted mean E = %s %s %s (= 1/0.02), %s alone E = %s",
		loudest.text(t.describe(loudest)), number(e), against(e, r.Threshold), number(r.Threshold),
		t.streamName(loudest.stream), number(expCapped(loudest.against)))
	if r.excess() >= 0 || len(needed) == 0 {
		return text
	}
	text += fmt.Sprintf("; %d of %d proofs stand", proven, len(needed))
	for _, v := range needed { // by the one that is least advanced, as the verdict
		if !v.proven() && t.streamName(v.stream) == r.waits {
			return text + ", waiting for " + r.waits + v.presently()
		}
	}
	return text
}

func (t *Statistics) streamName(stream int) string {
	switch stream {
	case Overall:
		return "all partners"
	case Tail:
		return smallPartners
	default:
		return t.Partners[stream-FirstPartner].Name
	}
}

func ratioText(name string, f Finding, r Ratio, p Policy) string {
	if f.Outcome == NoData {
		return "nothing to compare yet"
	}
	eased := ""
	if floor := p.provable(p.ErrorFloor); floor != p.ErrorFloor {
		eased = fmt.Sprintf(" (in this step a proof of %s will do)", percent(floor))
	}
	return fmt.Sprintf("%s: candidate %s (%s of %s) vs stable %s (%s of %s), tolerated %s times stable's or %s%s",
		name, percent(f.CandidateRate), commas(int64(r.ByCluster[CandidateArm].X)), commas(int64(r.ByCluster[CandidateArm].N)),
		percent(f.StableRate), commas(int64(r.ByCluster[ControlArm].X)), commas(int64(r.ByCluster[ControlArm].N)),
		number(p.ErrorRatio), percent(p.ErrorFloor), eased)
}

// rollbackText tells a person why the candidate goes.
func (s *State) rollbackText(r ruling) string {
	var b strings.Builder
	b.WriteString("ROLLBACK ")
	switch r.Gate {
	case GateBreaker:
		return "ROLLBACK breaker: " + r.text + "; gross harm, rolled back at once and without statistics"
	case GateLatency, GateDrift, GateMissedBids, GateMissedValue:
		fmt.Fprintf(&b, "%s: ", r.Gate)
	case GatePartnersPaired, GatePartnersServed:
		fmt.Fprintf(&b, "partner=%s filter_rate: ", r.Partner)
	case GateFilterRatePaired, GateFilterRateServed:
		b.WriteString("filter_rate: ")
	case GateErrors, GateInvalidScores, GateData, GateSampleRatio, GatePrediction, GateLive:
	}
	b.WriteString(r.text)
	b.WriteString("; made for at most 5 % false alarms per rollout however often it looks, as far as connections are independent; ")
	unit := "requests per arm"
	switch r.Gate {
	case GateFilterRatePaired, GatePartnersPaired:
		unit = "pairs scored by both releases"
	case GateFilterRateServed, GatePartnersServed, GateInvalidScores:
		unit = "pairs in the smaller arm"
	case GateMissedBids, GateMissedValue:
		unit = "bids on explored requests"
	case GateDrift:
		unit = "scores of the candidate"
	case GateErrors, GateData, GateLatency, GateSampleRatio, GatePrediction, GateLive, GateBreaker:
	}
	fmt.Fprintf(&b, "basis: %s %s, %d clusters", commas(r.Requests), unit, r.Clusters)
	if r.Windows > 0 {
		fmt.Fprintf(&b, ", %d windows", r.Windows)
	}
	if !s.past.Since.IsZero() {
		fmt.Fprintf(&b, ", %s-%s UTC", s.past.Since.Format("15:04:05"), s.past.Last.Format("15:04:05"))
	}
	if len(r.named) > 0 {
		fmt.Fprintf(&b, "; named by e-BH: %s", list(r.named))
	}
	return b.String()
}

// acceptText tells a person with which numbers each proof stands.
func (s *State) acceptText(rulings []ruling) string {
	var proofs []string
	for _, r := range rulings {
		if r.asked {
			proofs = append(proofs, r.proofText())
		}
	}
	return fmt.Sprintf("ACCEPTABLE: %s; each proven at E >= 20 (= 1/0.05)", strings.Join(proofs, "; "))
}

// proofText is what one gate proved: its difference, the interval, the band.
func (r ruling) proofText() string {
	name := string(r.Gate)
	if r.Partner != "" {
		name += " (" + r.Partner + " loudest)"
	}
	switch r.Gate {
	case GateErrors, GateInvalidScores:
		return fmt.Sprintf("%s %s vs %s", name, percent(r.CandidateRate), percent(r.StableRate))
	case GateLatency, GateMissedBids, GateMissedValue:
		return fmt.Sprintf("%s %s pt, anytime 95 %% CS [%s, %s], allowed up to %s", name, points2(r.Difference), points2(r.Low),
			points2(r.High), points2(r.BandHigh))
	case GateFilterRatePaired, GateFilterRateServed, GatePartnersPaired, GatePartnersServed, GateData,
		GateDrift, GateSampleRatio, GatePrediction, GateLive, GateBreaker:
	}
	return fmt.Sprintf("%s %s pt, anytime 95 %% CS [%s, %s], allowed %s..%s", name, points(r.Difference), points(r.Low), points(r.High),
		points(r.BandLow), points(r.BandHigh))
}

func (s *State) unsureText(last *ruling, v Verdict) string {
	if last == nil {
		return "UNSURE: every proof stands, but too little has been counted since the last step"
	}
	text := fmt.Sprintf("UNSURE: waiting for %s: %s", last.Gate, last.text)
	if last.Proof > 0 {
		text += fmt.Sprintf("; proof E = %s of %d", number(last.Proof), required)
	}
	if hint := s.clustersHint(*last); hint != "" {
		text += "; " + hint
	}
	if v.ETA > 0 {
		text += fmt.Sprintf("; %.0f %% of the way, about %s to go", 100*v.Progress, v.ETA)
	}
	return text
}

// clustersHint says when connections are too few to decide anything.
func (s *State) clustersHint(r ruling) string {
	needed, Arms := 2*minClusters, "two arms"
	if r.Gate == GateFilterRatePaired || r.Gate == GatePartnersPaired {
		needed, Arms = minClusters, "tasks"
	}
	if r.Requests == 0 || r.Clusters >= needed {
		return ""
	}
	return fmt.Sprintf("connections reach only %d clusters (task x bucket) of the %s, at least %d are needed: "+
		"open more connections or compare more tasks", r.Clusters, Arms, needed)
}

func noDataText(served bool, answered [Arms]int64) string {
	switch {
	case !served:
		return "NO DATA: no pair has been scored by both releases yet"
	case answered == [Arms]int64{}:
		return "NO DATA: neither arm has answered a request yet"
	case answered[CandidateArm] == 0:
		return "NO DATA: the candidate has not answered a request yet"
	default:
		return "NO DATA: the control arm has not answered a request yet"
	}
}

func list(names []string) string {
	if len(names) <= maxNamed {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), len(names)-maxNamed)
}

// percent is a share as 47.1 %, with more digits where it is small.
func percent(share float64) string {
	switch {
	case share != 0 && math.Abs(share) < .0001:
		return fmt.Sprintf("%.4f %%", 100*share)
	case share != 0 && math.Abs(share) < .01:
		return fmt.Sprintf("%.2f %%", 100*share)
	default:
		return fmt.Sprintf("%.1f %%", 100*share)
	}
}

// points is a difference of shares in percentage points.
func points(d float64) string { return fmt.Sprintf("%+.1f", 100*d) }

// number is an e-value.
func number(v float64) string {
	if v >= 1000 {
		return fmt.Sprintf("%.1e", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// Some is so many of what a noun names: 1 task, 1,200 tasks.
func Some(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return commas(int64(n)) + " " + noun
}

// commas groups an integer's digits in threes.
func commas(n int64) string {
	digits := fmt.Sprintf("%d", n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// points2 is the same for gates whose margins are fractions of a point.
func points2(d float64) string { return fmt.Sprintf("%+.2f", 100*d) }

// points3 is a margin in percentage points.
func points3(margin float64) string { return fmt.Sprintf("%.3g", 100*margin) }
