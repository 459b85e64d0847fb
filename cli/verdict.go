package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// standing tells how far a verdict is; where the rollout goes on until there is
// one, when that is and its sentence, which nothing else says then.
func (p *page) standing(v api.Verdict, goesOn bool) {
	text := bar(v.Progress)
	if goesOn {
		text += etaText(v)
	}
	p.field("", text)
	if text := neededText(v); text != "" {
		p.field("", text)
	}
	if goesOn {
		p.field("verdict", verdictText(v))
	}
	if v.Otherwise != "" {
		p.field("otherwise", v.Otherwise)
	}
	if v.Money != nil {
		p.field("money", moneyText(v.Money))
	}
}

// judged reports whether the judge's verdict says more than the reason for
// which the phase was entered.
func judged(phase string) bool {
	return phase == string(rollout.Shadow) || phase == string(rollout.Canary)
}

// verdictText begins with the outcome, whether or not the sentence does.
func verdictText(v api.Verdict) string {
	outcome := v.Outcome
	if v.Class != "" {
		outcome += " (" + v.Class + ")"
	}
	if strings.HasPrefix(strings.ToLower(v.Sentence), v.Outcome) {
		return v.Sentence
	}
	return outcome + ": " + v.Sentence
}

// units are what a gate counts.
func units(gate string) string {
	switch judge.Gate(gate) { //nolint:exhaustive // all others count requests
	case judge.GateMissedBids, judge.GateMissedValue:
		return "bids"
	case judge.GateFilterRatePaired, judge.GatePartnersPaired, judge.GatePartnersServed, judge.GateInvalidScores:
		return "pairs"
	}
	return "requests"
}

// budgetText says how much of what a candidate may spoil it has spoiled.
func budgetText(r api.Rollout) string {
	if r.Budget == nil {
		return ""
	}
	var parts []string
	for _, b := range []struct {
		have, of int64
		what     string
	}{{r.Exposed, r.Budget.Auctions, "auctions"}, {r.Missed, r.Budget.MissedBids, "missed bids"}} {
		if b.of > 0 {
			parts = append(parts, fmt.Sprintf("%s of %s %s (%.0f %%)", thousands(b.have), thousands(b.of), b.what, 100*float64(b.have)/float64(b.of)))
		}
	}
	return strings.Join(parts, "; ") + " spent; taken back once all are"
}

// neededText says how much of what the furthest proof needs is there, and what
// could be told by it; empty where nobody knows.
func neededText(v api.Verdict) string {
	var parts []string
	if v.Needed > 0 {
		parts = append(parts, fmt.Sprintf("%s of about %s %s for the proof that is furthest away", thousands(v.Requests), thousands(v.Needed), units(v.Gate)))
	}
	if v.Detectable > 0 {
		parts = append(parts, fmt.Sprintf("a shift of %.2f pt could be told now", 100*v.Detectable))
	}
	return strings.Join(parts, "; ")
}

func bar(progress float64) string {
	full := int(math.Round(20 * max(0, min(1, progress))))
	return fmt.Sprintf("[%s%s] %3.0f %%", strings.Repeat("#", full), strings.Repeat("-", 20-full), 100*progress)
}

func etaText(v api.Verdict) string {
	if v.ETASeconds <= 0 {
		return ""
	}
	return ", about " + span(time.Duration(v.ETASeconds*float64(time.Second))) + " to a verdict"
}

func (p *page) findings(list []api.Finding) {
	rows := [][]string{{"GATE", "OUTCOME", "CANDIDATE", "STABLE", "DIFFERENCE", "95 % INTERVAL", "ALLOWED", "ALPHA", "AGAINST", "FOR", "REQUESTS"}}
	for _, f := range list {
		gate := f.Gate
		if f.Partner != "" {
			gate += " " + f.Partner
		}
		row := []string{gate, f.Outcome, "-", "-", "-", "-", "-", alphaText(f.Alpha), outOf(f.Evidence, f.Threshold), outOf(f.Proof, f.Required), requestsText(f)}
		if f.Requests > 0 {
			row[2], row[3], row[4] = percent(f.CandidateRate), percent(f.StableRate), points(f.Difference)
			row[5] = fmt.Sprintf("[%+.2f, %+.2f] pt", 100*f.Low, 100*f.High)
		}
		if f.SincePast { // not that of the two rates
			row[4] += " vs before"
		}
		if f.Low <= -1 && f.High >= 1 { // nothing is known of it
			row[5] = "-"
		}
		if f.BandLow != 0 || f.BandHigh != 0 {
			row[6] = fmt.Sprintf("%+.2f to %+.2f pt", 100*f.BandLow, 100*f.BandHigh)
		}
		if f.BandLow <= -1 { // less is always fine
			row[6] = fmt.Sprintf("up to %+.2f pt", 100*f.BandHigh)
		}
		switch judge.Gate(f.Gate) { //nolint:exhaustive // the others compare two rates
		case judge.GatePrediction: // which is held against what was predicted, not against stable
			row[4] = "-"
			if f.Requests > 0 {
				row[5], row[6] = percent(f.Low)+" to "+percent(f.High), percent(f.BandLow)+" to "+percent(f.BandHigh)
			}
		case judge.GateLive: // of two differences
			if f.Requests > 0 {
				row[2], row[3] = points(f.CandidateRate), points(f.StableRate)
			}
		}
		rows = append(rows, row)
	}
	p.table(rows)
}

// alphaText is a gate's share of false alarms.
func alphaText(alpha float64) string {
	if alpha <= 0 {
		return "-"
	}
	return strconv.FormatFloat(100*alpha, 'g', 3, 64) + " %"
}

func requestsText(f api.Finding) string {
	if f.Needed <= f.Requests {
		return thousands(f.Requests)
	}
	return thousands(f.Requests) + " of " + thousands(f.Needed)
}

// drivers names who brought findings about.
func (p *page) drivers(list []api.Finding) {
	for _, f := range list {
		if len(f.Drivers) == 0 || f.Outcome == string(judge.Acceptable) {
			continue
		}
		var named []string
		for _, d := range f.Drivers {
			named = append(named, fmt.Sprintf("%s %+.0f %%", d.Name, 100*d.Share))
		}
		p.field("driven by", f.Gate+": "+strings.Join(named, ", "))
	}
}

// outOf says how far evidence has come.
func outOf(have, want float64) string {
	if want <= 0 {
		return "-"
	}
	return evidence(have) + " of " + evidence(want)
}

// evidence tells an e-value: what is far beyond any threshold, roughly.
func evidence(e float64) string {
	switch {
	case e >= 1e6:
		return strconv.FormatFloat(e, 'e', 0, 64)
	case e >= 100:
		return thousands(int64(math.Round(e)))
	}
	return strconv.FormatFloat(e, 'g', 3, 64)
}
