package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/controller/preview"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/sorting"
)

// compared tells what two releases would do with a log.
func (p *page) compared(r *preview.Report, stable string, rows int) {
	o := r.Overall
	p.field("against", rollout.Short(stable))
	p.field("log", fmt.Sprintf("%s of %s lines taken, %s requests of %d partners", thousands(r.Taken), thousands(r.Lines), thousands(int64(o.Filtered.Of)), len(r.Partners)))
	p.skipped(r.Seen)
	p.pair("filtered", o.Filtered, "")
	p.field("", allowedText(o))
	flips := o.NewlyFiltered + o.NewlyCalled
	p.field("flips", fmt.Sprintf("%s of %s requests are answered otherwise (%s): %s filtered that are called today, %s called that are filtered; in %s of %s auctions",
		thousands(flips), thousands(int64(o.Filtered.Of)), percent(float64(flips)/o.Filtered.Of), thousands(o.NewlyFiltered), thousands(o.NewlyCalled), thousands(r.Flipped), thousands(r.Taken)))
	if o.Bids != nil {
		p.pair("bids lost", *o.Bids, " of "+thousands(int64(o.Bids.Of))+" bids")
	} else {
		p.field("bids lost", "nobody knows: no line of the log says who bid")
	}
	switch {
	case o.Value != nil:
		p.pair("value lost", *o.Value, " of the bids' value in "+r.Currency+leftUnpriced(r.Unpriced))
	case o.Bids != nil:
		p.field("value lost", "nobody knows: the bids of the log have no prices that count")
	}
	p.line("")
	p.comparisons(r.Partners, rows)
	p.line("")
	for _, what := range whatItIsNot(r) {
		p.field("", what)
	}
}

func (p *page) skipped(seen feature.Seen) {
	var b strings.Builder
	tellSkipped(&b, seen)
	for l := range strings.Lines(b.String()) {
		p.field("", strings.TrimSpace(l))
	}
}

func (p *page) pair(name string, pair preview.Pair, of string) {
	p.field(name, fmt.Sprintf("%s %s, stable %s %s: %s %s%s", percent(pair.Candidate.Value), bounds(pair.Candidate, percent),
		percent(pair.Stable.Value), bounds(pair.Stable, percent), points(pair.Difference.Value), bounds(pair.Difference, points), of))
}

func (p *page) comparisons(list []preview.Comparison, rows int) {
	table := [][]string{{"PARTNER", "REQUESTS", "STABLE", "CANDIDATE", "DIFFERENCE", "95 % INTERVAL", "ALLOWED", "", "BIDS LOST"}}
	first := slices.Clone(list) // what is beyond, then the busiest
	rank := map[preview.Standing]int{preview.Beyond: -1}
	sorting.StableBy(first, func(a, b *preview.Comparison) int { return rank[a.Standing] - rank[b.Standing] })
	for _, c := range first[:min(rows, len(list))] {
		lost := "-"
		if c.Bids != nil {
			lost = percent(c.Bids.Stable.Value) + " to " + percent(c.Bids.Candidate.Value)
		}
		table = append(table, []string{
			shorten(c.Partner, 40), thousands(int64(c.Filtered.Of)), percent(c.Filtered.Stable.Value), percent(c.Filtered.Candidate.Value),
			points(c.Filtered.Difference.Value), bounds(c.Filtered.Difference, points), bounds(preview.Estimate{Interval: &c.Allowed}, points), string(c.Standing), lost,
		})
	}
	p.table(table)
	if more := len(list) - rows; more > 0 {
		p.line("and %d more: --limit shows them", more)
	}
}

func bounds(e preview.Estimate, in func(float64) string) string {
	if e.Interval == nil {
		return "(too few to tell)"
	}
	cut := func(v float64) string { return strings.TrimRight(in(v), " %pt") }
	return "[" + cut(e.Interval.Low) + ", " + cut(e.Interval.High) + "]"
}

func allowedText(c preview.Comparison) string {
	text := map[preview.Standing]string{
		preview.Within: "The difference is within", preview.Beyond: "The difference is beyond", preview.Open: "The log is too short to say whether the difference is within",
	}[c.Standing]
	return text + " what the policy allows: " + points(c.Allowed.Low) + " to " + points(c.Allowed.High) + "."
}

func leftUnpriced(n int64) string {
	if n == 0 {
		return ""
	}
	return "; " + thousands(n) + " more bids have no price that counts"
}

// whatItIsNot keeps numbers from being taken for more than they are.
func whatItIsNot(r *preview.Report) (list []string) {
	list = append(list, fmt.Sprintf("This is a forecast and no verdict: it knows nothing of latency, errors, or auctions that are not in the log, and the judge looks at live traffic. "+
		"Intervals hold for other auctions of the hours that the log is of, not for other days; they are by blocks of %s auctions in a row. "+
		"Within and beyond hold for all partners together.", thousands(r.Block)))
	if r.Overall.Bids != nil {
		list = append(list, "Bids are those that the log names. Partners that were filtered when it was written could not bid, so their loss is not seen, unless nobody was filtered then.")
	}
	for _, x := range []struct {
		n    int64
		text string
	}{
		{r.Unknown, "%s auctions do not say who bid."},
		{r.Timeless, "%s auctions have no ts: features that read the clock are missing in them."},
		{r.Rest, "%s requests are of partners beyond those that are told apart, and count overall."},
		{r.Invalid, "%s scores of the candidate are not between 0 and 1: a task would answer those auctions as degraded."},
	} {
		if x.n > 0 {
			list = append(list, fmt.Sprintf(x.text, thousands(x.n)))
		}
	}
	return list
}
