// Package preview says what a release would do with the auctions of a log,
// beside the one that serves: what both filter, of which partners, and which
// bids that would cost. It sees decisions alone, no latency, no error, and no
// auction that is not in the log. So it is an estimate for people and never a
// verdict: the judge compares releases on live traffic.
package preview

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/release"
)

// Prices are in which money bids count, as in a fleet file.
type Prices struct {
	Currency string
	Rates    map[string]float64
	Cap      float64
}

// Options say what is allowed and what bids are worth.
type Options struct {
	Policy judge.Policy
	Prices Prices
}

// Report is what two releases would do with a log.
type Report struct {
	feature.Seen
	Overall  Comparison   `json:"overall"`
	Partners []Comparison `json:"partners"` // the busiest first

	Flipped  int64  `json:"flipped_auctions"`   // in which the releases answer differently of some partner
	Timeless int64  `json:"timeless"`           // auctions without ts: features that read the clock are missing
	Unknown  int64  `json:"without_bids"`       // auctions of which nobody knows who bid
	Unpriced int64  `json:"unpriced"`           // bids without a price that counts
	Rest     int64  `json:"other_requests"`     // of partners beyond the most that are told apart; they count overall
	Invalid  int64  `json:"invalid_scores"`     // of the candidate, not between 0 and 1: a task answers such an auction as degraded
	Currency string `json:"currency,omitempty"` // of values
	Block    int64  `json:"auctions_per_block"` // so many in a row count as one draw
}

// Comparison is what both releases filter, of one partner or of all.
type Comparison struct {
	Partner  string `json:"partner,omitempty"`
	Filtered Pair   `json:"filtered"` // of requests
	Bids     *Pair  `json:"missed_bids,omitempty"`
	Value    *Pair  `json:"missed_value,omitempty"`

	NewlyFiltered int64 `json:"newly_filtered"` // requests that only the candidate filters
	NewlyCalled   int64 `json:"newly_called"`   // and only stable

	Allowed  Interval `json:"allowed"` // differences of the filter rate that the policy allows
	Standing Standing `json:"standing"`
}

// Pair is a share of something that each release filters.
type Pair struct {
	Of         float64  `json:"of"` // what it is a share of: requests, bids, or value
	Candidate  Estimate `json:"candidate"`
	Stable     Estimate `json:"stable"`
	Difference Estimate `json:"difference"`
}

// Estimate is a share and its 95 % interval: what other logs of the same
// traffic would say. It is nil where the log is too short to tell.
type Estimate struct {
	Value    float64   `json:"value"`
	Interval *Interval `json:"interval,omitempty"`
}

// Interval is from low to high.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Standing is how a difference stands to what is allowed, by intervals that
// hold for all partners together.
type Standing string

// The standings.
const (
	Within Standing = "within"
	Beyond Standing = "beyond"
	Open   Standing = "open" // the log is too short to say
)

// Compare asks both releases about every auction of a log. Lines that cannot
// be taken are skipped, counted and named.
func Compare(candidate, stable *release.Release, log io.Reader, o Options) (Report, error) {
	o.Policy = o.Policy.Sane()
	c := comparer{
		releases: [2]*asked{{release: candidate}, {release: stable}}, prices: o.Prices,
		partners: map[string]*sums{}, report: Report{Seen: feature.Seen{Named: []feature.BadLine{}}},
	}
	c.blocks.size = 1
	lines, err := feature.OpenLog(log)
	if err != nil {
		return c.report, fmt.Errorf("read the log: %w", err)
	}
	for {
		doc, number, bad, err := lines.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return c.report, fmt.Errorf("read the log, %w", err)
		}
		if bad == nil {
			bad = c.line(doc)
		}
		c.report.Count(number, bad)
	}
	if err := c.report.None(); err != nil {
		return c.report, fmt.Errorf("read the log: %w", err)
	}
	c.conclude(candidate.Manifest.IntendedChange, o.Policy)
	return c.report, nil
}

// asked is a release that is asked about auctions, with its working memory.
type asked struct {
	release *release.Release
	scratch release.Scratch
	keys    []uint32
	scores  []float32
}

// decide says of which partners the release filters a request, and how many
// scores are none, by which a task filters nobody.
func (a *asked) decide(line *feature.Line, partners []string, filtered []bool) (invalid int64, err error) {
	r, err := line.Parse(a.release.Features)
	if err != nil {
		return 0, err
	}
	a.keys = a.keys[:0]
	for _, p := range partners {
		a.keys = append(a.keys, a.release.Scorer.Partner(p))
	}
	a.scores = slices.Grow(a.scores[:0], len(partners))[:len(partners)]
	a.release.Scorer.Score(&a.scratch, &r, a.keys, a.scores)
	for i, p := range partners {
		valid := a.scores[i] >= 0 && a.scores[i] <= 1 // false for NaN, too
		if !valid {
			invalid++
		}
		filtered[i] = valid && a.scores[i] < a.release.Threshold(p)
	}
	return invalid, nil
}

// comparer adds up one log.
type comparer struct {
	releases [2]*asked // candidate, stable
	filtered [2][]bool
	prices   Prices
	blocks   blocks
	overall  sums
	partners map[string]*sums
	report   Report
}

// line counts an auction, or nothing of it.
func (c *comparer) line(doc []byte) error {
	line, err := feature.ParseLine(doc)
	if err != nil {
		return err
	}
	partners, err := line.Asked()
	if err != nil {
		return err
	}
	var invalid [2]int64
	for i, a := range c.releases {
		c.filtered[i] = slices.Grow(c.filtered[i][:0], len(partners))[:len(partners)]
		if invalid[i], err = a.decide(&line, partners, c.filtered[i]); err != nil {
			return err
		}
	}
	c.report.Invalid += invalid[0]
	if line.TS == 0 && line.Filter == nil {
		c.report.Timeless++
	}
	at := c.begin()
	flipped := false
	for i, p := range partners {
		by := [2]bool{c.filtered[0][i], c.filtered[1][i]}
		flipped = flipped || by[0] != by[1]
		c.add(p, at, requests, 1, by)
	}
	if flipped {
		c.report.Flipped++
	}
	c.bids(&line, partners, at)
	return nil
}

// begin returns the block of the next auction.
func (c *comparer) begin() int {
	at, fold := c.blocks.next()
	if fold {
		c.overall.fold()
		for _, s := range c.partners {
			s.fold()
		}
	}
	return at
}

// add counts something of a partner's.
func (c *comparer) add(partner string, at int, k kind, of float64, by [2]bool) {
	c.overall.add(at, k, of, by)
	s := c.partners[partner]
	if s == nil {
		if len(c.partners) == judge.MaxPartners {
			if k == requests {
				c.report.Rest++
			}
			return
		}
		s = &sums{}
		c.partners[partner] = s
	}
	s.add(at, k, of, by)
}

// bids counts the bids of an auction and what they are worth.
func (c *comparer) bids(line *feature.Line, partners []string, at int) {
	if line.Bidders == nil {
		c.report.Unknown++
		return
	}
	for i, b := range line.Bidders {
		p := slices.Index(partners, b)
		if p < 0 || slices.Contains(line.Bidders[:i], b) {
			continue
		}
		by := [2]bool{c.filtered[0][p], c.filtered[1][p]}
		c.add(b, at, bids, 1, by)
		if worth, known := c.prices.worth(line, i); known {
			c.add(b, at, value, worth, by)
		} else {
			c.report.Unpriced++
		}
	}
}

// maxPrice is the price per mille beyond which tasks take one for a mistake.
const maxPrice = 1e6

// worth is what the i-th bid of a line counts, as in a task.
func (p Prices) worth(line *feature.Line, i int) (float64, bool) {
	if i >= len(line.Prices) {
		return 0, false
	}
	rate := 1.0
	if line.Currency != "" && line.Currency != p.Currency {
		rate = p.Rates[line.Currency]
	}
	amount := line.Prices[i] * rate
	if !(amount >= 0 && amount <= maxPrice) || rate == 0 { // true for NaN
		return 0, false
	}
	return min(amount, cmp.Or(p.Cap, maxPrice)), true
}

// conclude turns sums into the report.
func (c *comparer) conclude(intended *release.Change, p judge.Policy) {
	if intended == nil {
		intended = &release.Change{}
	}
	all := 1 + len(c.partners) // comparisons
	r := &c.report
	r.Block = c.blocks.size
	shift := intended.FilterRate
	r.Overall = c.overall.comparison("", Interval{shift - p.Margin, shift + p.Margin}, all)
	if r.Overall.Value != nil {
		r.Currency = c.prices.Currency
	}
	names := slices.SortedFunc(maps.Keys(c.partners), func(a, b string) int {
		return cmp.Or(cmp.Compare(c.partners[b].n[requests], c.partners[a].n[requests]), cmp.Compare(a, b))
	})
	covered, total := 0.0, float64(c.overall.n[requests])
	for _, name := range names {
		s, margin := c.partners[name], p.TailMargin
		if covered < p.TierOneShare*total {
			margin = p.PartnerMargin
		}
		covered += float64(s.n[requests])
		low, high := min(0, shift), max(0, shift) // which may or may not be meant for this one
		if told, ok := intended.Partners[name]; ok {
			low, high = told, told
		}
		r.Partners = append(r.Partners, s.comparison(name, Interval{low - margin, high + margin}, all))
	}
}
