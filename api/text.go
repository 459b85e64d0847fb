package api

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// page collects lines for a terminal. The first error is kept, the rest of the
// page dropped.
type page struct {
	out io.Writer
	err error
}

func (p *page) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, strings.TrimRight(format, " ")+"\n", args...)
	}
}

// field prints "name  text", further lines of text under the first.
func (p *page) field(name, text string) {
	for i, l := range wrap(text, 88) {
		if i > 0 {
			name = ""
		}
		p.line("%-10s %s", name, l)
	}
}

// table prints rows in columns, the first being their heads.
func (p *page) table(rows [][]string) {
	if p.err != nil {
		return
	}
	t := tabwriter.NewWriter(trimmed{p.out}, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(t, strings.Join(r, "\t"))
	}
	p.err = t.Flush()
}

// trimmed drops blanks at the ends of lines.
type trimmed struct{ out io.Writer }

func (t trimmed) Write(b []byte) (int, error) {
	lines := strings.Split(string(b), "\n")
	for i, l := range lines {
		if i < len(lines)-1 {
			lines[i] = strings.TrimRight(l, " ")
		}
	}
	if _, err := io.WriteString(t.out, strings.Join(lines, "\n")); err != nil {
		return 0, err
	}
	return len(b), nil
}

func printStatus(out io.Writer, f Fleet, tasks Tasks) error {
	p := &page{out: out}
	p.line("%s%s", f.Fleet, seenAgo(f))
	p.line("")
	for _, w := range warnings(f) {
		p.field("WARNING", w)
	}
	p.field("serves", servesText(f))
	if f.Previous != nil {
		p.field("before", releaseText(*f.Previous))
	}
	p.trying(f)
	for _, q := range f.Queue {
		p.field("waits", q.ID+"  "+q.Sentence)
	}
	for _, q := range f.Requests {
		p.field("asked", q.Verb+" by "+q.By+", not yet acted on")
	}
	p.field("next", nextText(f))
	p.field("tasks", tasksText(f.Tasks))
	if f.Back != nil {
		p.field("roll back", "sluice rollback --fleet "+f.Fleet+" --why '…'   goes to "+releaseText(*f.Back))
	}
	if len(tasks.Tasks) > 0 {
		p.line("")
		p.tasks(tasks)
	}
	return p.err
}

func seenAgo(f Fleet) string {
	if f.Loop == nil {
		return ": no controller has looked at it yet"
	}
	return fmt.Sprintf(", seen %s ago by %s (epoch %d)", span(f.At.Sub(f.Loop.At)), f.Loop.Leader, f.Loop.Epoch)
}

// warnings are what makes the rest of the page doubtful.
func warnings(f Fleet) (out []string) {
	if l := f.Loop; l != nil {
		age, pace := f.At.Sub(l.At), time.Duration(l.EverySeconds*float64(time.Second))
		if age > max(5*pace, 15*time.Second) {
			out = append(out, "the controller has not looked for "+span(age)+": what follows is how things stood then. Is it running?")
		}
		out = append(out, l.Errors[:min(3, len(l.Errors))]...)
	}
	if f.Pause != nil {
		w := "paused by " + f.Pause.By + " " + span(f.At.Sub(f.Pause.At)) + " ago"
		if f.Pause.Why != "" {
			w += ": " + f.Pause.Why
		}
		out = append(out, w)
	}
	return out
}

func servesText(f Fleet) string {
	if f.Stable == nil {
		return "nothing yet: the first release that is admitted goes live"
	}
	text := releaseText(*f.Stable)
	if f.Stable.Since != nil {
		text += ", since " + clock(*f.Stable.Since) + " (" + span(f.At.Sub(*f.Stable.Since)) + ")"
	}
	return text
}

func releaseText(r Release) string {
	from := r.Job
	if from == "" {
		from = r.Source
	}
	return strings.TrimSpace(rollout.Short(r.Digest) + "  " + from)
}

func (p *page) trying(f Fleet) {
	r := f.Active
	if r == nil {
		p.field("tries", "nothing")
		if f.Last != nil {
			p.field("last", fmt.Sprintf("%s: %s (%s), %s ago", f.Last.ID, f.Last.Phase, f.Last.Reason, span(f.At.Sub(f.Last.Since))))
			p.field("", f.Last.Sentence)
		}
		return
	}
	p.field("tries", strings.TrimSpace(rollout.Short(r.Candidate)+"  "+r.ID))
	p.field("", fmt.Sprintf("%s (%s), for %s", phaseText(*r), r.Reason, span(f.At.Sub(r.Since))))
	v := r.Verdict
	if v == nil || !judged(r.Phase) {
		p.field("", r.Sentence)
	}
	if v != nil && (judged(r.Phase) || judged(r.HeldFrom)) { // a held one is judged all the same
		p.standing(*v, judged(r.Phase))
	}
	if text := budgetText(*r); text != "" {
		p.field("budget", text)
	}
}

// standing tells how far a verdict is; with its sentence where nothing else
// says why the rollout stands where it does.
func (p *page) standing(v Verdict, sentence bool) {
	p.field("", bar(v.Progress)+etaText(v))
	if text := neededText(v); text != "" {
		p.field("", text)
	}
	if sentence {
		p.field("verdict", verdictText(v))
	}
	if v.Otherwise != "" {
		p.field("otherwise", v.Otherwise)
	}
}

// judged reports whether the judge's verdict says more than the reason for
// which the phase was entered.
func judged(phase string) bool {
	return phase == string(rollout.Shadow) || phase == string(rollout.Canary)
}

// verdictText begins with the outcome, whether or not the sentence does.
func verdictText(v Verdict) string {
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
	case judge.GateMissedBids:
		return "bids"
	case judge.GateFilterRatePaired, judge.GatePartnersPaired, judge.GatePartnersServed, judge.GateInvalidScores:
		return "pairs"
	}
	return "requests"
}

// budgetText says how much of what a candidate may spoil it has spoiled.
func budgetText(r Rollout) string {
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
	return strings.Join(parts, "; ") + " spent; back when all is"
}

// neededText says how much of what the furthest proof needs is there, and what
// could be told by it; empty where nobody knows.
func neededText(v Verdict) string {
	var parts []string
	if v.Needed > 0 {
		parts = append(parts, fmt.Sprintf("%s of about %s %s for the proof that is furthest away", thousands(v.Requests), thousands(v.Needed), units(v.Gate)))
	}
	if v.Detectable > 0 {
		parts = append(parts, fmt.Sprintf("a shift of %.2f pt could be told now", 100*v.Detectable))
	}
	return strings.Join(parts, "; ")
}

func phaseText(r Rollout) string {
	switch {
	case r.Phase == string(rollout.Canary):
		return fmt.Sprintf("canary, step %d of %d", r.Step, r.Steps)
	case r.HeldFrom != "":
		return "held, from " + r.HeldFrom
	}
	return strings.ReplaceAll(r.Phase, "_", " ")
}

func bar(progress float64) string {
	full := int(math.Round(20 * max(0, min(1, progress))))
	return fmt.Sprintf("[%s%s] %3.0f %%", strings.Repeat("#", full), strings.Repeat("-", 20-full), 100*progress)
}

func etaText(v Verdict) string {
	if v.ETASeconds <= 0 {
		return ""
	}
	return ", about " + span(time.Duration(v.ETASeconds*float64(time.Second))) + " to a verdict"
}

func nextText(f Fleet) string {
	n := f.Next
	text := n.Sentence
	if n.At != nil {
		if d := n.At.Sub(f.At); d > 0 {
			text += " About " + clock(*n.At) + " (in " + span(d) + ")."
		}
	}
	if n.Deadline != nil {
		text += " Else " + strings.ReplaceAll(n.Otherwise, "_", " ") + " at " + clock(*n.Deadline) + " (in " + span(n.Deadline.Sub(f.At)) + ")."
	}
	return text
}

func tasksText(c TaskCounts) string {
	text := fmt.Sprintf("%d of %d ready; %d on stable, %d on the candidate", c.Ready, c.Desired, c.OnStable, c.OnCandidate)
	for _, x := range []struct {
		n    int
		name string
	}{{c.OnOther, "on something else"}, {c.Unreachable, "unreachable"}, {c.Failed, "failed"}, {c.Preparing, "preparing"}} {
		if x.n > 0 {
			text += fmt.Sprintf(", %d %s", x.n, x.name)
		}
	}
	return text
}

func (p *page) tasks(t Tasks) {
	rows := [][]string{{"TASK", "STATE", "COHORT", "SERVING", "REQUESTS", "FILTERED", "MEMORY"}}
	for _, k := range t.Tasks {
		filtered := "-"
		if k.FilterRate != nil {
			filtered = percent(*k.FilterRate)
		}
		row := []string{rollout.Short(k.ID), k.State, k.Cohort, servingText(k), thousands(k.Requests), filtered, mebibytes(k.MemoryBytes)}
		if trouble := strings.TrimSpace(k.Failure + " " + k.Error); trouble != "" {
			row = append(row, trouble)
		}
		rows = append(rows, row)
	}
	p.table(rows)
	if more := t.Total - len(t.Tasks); more > 0 {
		p.line("and %d more: --limit shows them", more)
	}
}

func servingText(k Task) string {
	if k.Serving == "" {
		return "-"
	}
	return rollout.Short(k.Serving) + " " + k.Serves
}

func printRollouts(out io.Writer, list []Rollout) error {
	p := &page{out: out}
	if len(list) == 0 {
		p.line("There has been no rollout yet.")
		return p.err
	}
	rows := [][]string{{"ROLLOUT", "CANDIDATE", "PHASE", "REASON", "SINCE", "EXPOSED", "SENTENCE"}}
	for _, r := range list {
		candidate := rollout.Short(r.Candidate)
		if candidate == "" {
			candidate = "-"
		}
		rows = append(rows, []string{r.ID, candidate, r.Phase, r.Reason, clock(r.Since), thousands(r.Exposed), shorten(r.Sentence, 80)})
	}
	p.table(rows)
	return p.err
}

func printRollout(out io.Writer, r Rollout) error {
	p := &page{out: out}
	p.line("%s", r.ID)
	p.line("")
	p.field("phase", fmt.Sprintf("%s (%s), since %s", phaseText(r), r.Reason, clock(r.Since)))
	p.field("", r.Sentence)
	p.field("candidate", orDash(r.Candidate))
	p.field("against", orDash(r.Against))
	p.field("from", r.Source)
	if r.By != "" {
		p.field("asked by", r.By)
	}
	p.field("policy", r.Policy)
	p.field("exposed", thousands(r.Exposed)+" auctions answered by the candidate")
	if text := budgetText(r); text != "" {
		p.field("budget", text)
	}
	if r.Predicted != nil {
		p.field("predicted", fmt.Sprintf("filter rate %s [%s, %s]", percent(r.Predicted.Estimate), percent(r.Predicted.Low), percent(r.Predicted.High)))
	}
	if r.Intended != nil {
		p.field("intended", fmt.Sprintf("filter rate %s: %s", points(r.Intended.FilterRate), r.Intended.Why))
	}
	if v := r.Verdict; v != nil {
		p.field("verdict", fmt.Sprintf("after %d looks, %s", v.Looks, verdictText(*v)))
		if len(v.Culprits) > 0 {
			p.field("culprits", strings.Join(v.Culprits, ", "))
		}
		if text := neededText(*v); text != "" {
			p.field("seen", text)
		}
		if v.Otherwise != "" {
			p.field("otherwise", v.Otherwise)
		}
		p.line("")
		p.findings(v.Findings)
		p.drivers(v.Findings)
	}
	p.line("")
	for _, e := range r.History {
		p.line("%s", eventLine(e))
	}
	return p.err
}

func (p *page) findings(list []Finding) {
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
			row[4] += " since"
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

func requestsText(f Finding) string {
	if f.Needed <= f.Requests {
		return thousands(f.Requests)
	}
	return thousands(f.Requests) + " of " + thousands(f.Needed)
}

// drivers names who brought findings about.
func (p *page) drivers(list []Finding) {
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

// eventLine tells an event in one line.
func eventLine(e Event) string {
	what := e.Reason
	if e.To != "" {
		what = e.To
		if e.Step > 0 {
			what += " step " + strconv.Itoa(e.Step)
		}
		what += " (" + e.Reason + ")"
	}
	text := clock(e.At) + "  "
	if e.Rollout != "" {
		text += e.Rollout + "  "
	}
	return text + what + ": " + e.Sentence
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func clock(t time.Time) string     { return t.UTC().Format("2006-01-02 15:04:05Z") }
func percent(share float64) string { return fmt.Sprintf("%.2f %%", 100*share) }
func points(share float64) string  { return fmt.Sprintf("%+.2f pt", 100*share) }

// span tells a duration in its two largest units.
func span(d time.Duration) string {
	d = max(0, d.Round(time.Second))
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d%time.Minute == 0 && d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours())/24)
}

func mebibytes(n int64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func shorten(text string, most int) string {
	r := []rune(text)
	if len(r) <= most {
		return text
	}
	return string(r[:most-1]) + "…"
}

// wrap breaks text into lines of about width characters, at blanks.
func wrap(text string, width int) []string {
	lines := []string{""}
	for _, word := range strings.Split(text, " ") {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case len([]rune(*last))+1+len([]rune(word)) > width:
			lines = append(lines, word)
		default:
			*last += " " + word
		}
	}
	return lines
}
