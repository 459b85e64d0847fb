package auction

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/sluicehq/sluice/sorting"
)

// Summary is what a load has seen, so far or in all.
type Summary struct {
	Target   string   `json:"target"` // or several, with commas
	Protocol Protocol `json:"protocol"`
	Call     Call     `json:"dialect"`           // what was asked, and in whose numbers
	Rate     float64  `json:"rate"`              // auctions per second, as configured
	Arrivals Arrivals `json:"arrivals"`          //
	Seed     uint64   `json:"seed"`              //
	Partners int      `json:"partners"`          // asked about per auction, at most
	Deadline float64  `json:"tmax_ms"`           // milliseconds
	Seconds  float64  `json:"seconds"`           // since the first auction could arrive
	WarmUp   int64    `json:"warm_up,omitempty"` // auctions before that, which count for nothing
	Auctions Auctions `json:"auctions"`          //
	InHand   int64    `json:"in_hand"`           // sent, neither answered nor failed yet; 0 at the end
	FailedBy Reasons  `json:"failed_by"`         //

	// Latency of every auction that ended, from the moment it was meant to
	// begin; one that failed counts with the time it waited.
	Latency Latency `json:"latency"`
	// Late is how long after its moment an auction began: what this program
	// itself adds to Latency.
	Late Latency `json:"late"`
	// CPU is what this process used per auction, in microseconds; 0 where the
	// system does not say.
	CPU float64 `json:"cpu_us"`

	Steps []StepSummary `json:"steps,omitempty"` // where there are several

	Connections Connections `json:"connections"`
	Reports     Reports     `json:"reports"`
	Requests    *Requests   `json:"requests,omitempty"` // where they are replayed

	Worth    Worth     `json:"worth"`    // of all releases together
	Releases []Release `json:"releases"` // most answers first
}

// Auctions counts auctions by their end: sent = answered + degraded + failed,
// once none is in hand.
type Auctions struct {
	Sent     int64 `json:"sent"`
	Answered int64 `json:"answered"` // by a release
	Degraded int64 `json:"degraded"` // by a task that could not score: forwarded to everybody
	Failed   int64 `json:"failed"`   // no usable answer in time: forwarded to everybody
	Retried  int64 `json:"retried"`  // tries on another connection

	AnsweredLate int64 `json:"answered_late"` // answers to auctions that had failed by timeout
}

// Reasons counts failed auctions by why they failed.
type Reasons struct {
	Timeout    int64 `json:"timeout"`
	QueueFull  int64 `json:"queue_full"`
	Connection int64 `json:"connection"`
	BadAnswer  int64 `json:"bad_answer"`
}

// Latency is a distribution in microseconds, exact to three digits, from 1 us
// to 60 s.
type Latency struct {
	P50  int64 `json:"p50_us"`
	P90  int64 `json:"p90_us"`
	P99  int64 `json:"p99_us"`
	P999 int64 `json:"p999_us"`
	Max  int64 `json:"max_us"`
}

// Connections counts connections by what became of them.
type Connections struct {
	Wanted  int   `json:"wanted"`
	Open    int   `json:"open"`    // now
	Refused int64 `json:"refused"` // could not be opened; tried again
	Closed  int64 `json:"closed"`  // by the server, between auctions
	Broken  int64 `json:"broken"`  // with an auction in hand
	Rotated int64 `json:"rotated"` // replaced for their age
	Unheard int64 `json:"unheard"` // of the broken: nothing had been answered before
}

// StepSummary is what became of the auctions at one rate.
type StepSummary struct {
	Rate     float64  `json:"rate"`
	Auctions Auctions `json:"auctions"`
	Latency  Latency  `json:"latency"`
}

// Reports counts outcomes handed back to the fleet.
type Reports struct {
	Outcomes int64 `json:"outcomes"`
	Batches  int64 `json:"batches"`
	Dropped  int64 `json:"dropped"` // outcomes for which no connection was found
}

// Worth is what decisions were worth, measured against the truth, which only
// this program knows. Bids of partners who were not asked about do not count.
type Worth struct {
	Pairs         int64   `json:"pairs"`           // (auction, partner) pairs decided
	Filtered      int64   `json:"filtered"`        // of those, said to be not worth calling
	Saved         int64   `json:"saved"`           // of those, not called: explored auctions call everybody
	Bids          int64   `json:"bids"`            // pairs where the partner bids if called
	BidsLost      int64   `json:"bids_lost"`       // of those, not called
	SavedShare    float64 `json:"saved_share"`     // saved / pairs
	BidsLostShare float64 `json:"bids_lost_share"` // bids lost / bids

	// What exploration shows of it, which an exchange would see as well.
	ExploredBids          int64   `json:"explored_bids"`
	ExploredBidsFiltered  int64   `json:"explored_bids_filtered"`
	ExploredBidsLostShare float64 `json:"explored_bids_lost_share"` // an estimate of BidsLostShare
}

// Release is what one release answered and what that was worth.
type Release struct {
	Release  string    `json:"release"` // SHA-256, lower-case hex
	Answers  int64     `json:"answers"` // auctions
	Explored int64     `json:"explored"`
	Latency  Latency   `json:"latency"` // of its answers, as in Summary
	Worth    Worth     `json:"worth"`
	Partners []Partner `json:"partners"` // by name
}

// Partner is what one release's decisions on one partner were worth.
type Partner struct {
	Partner string `json:"partner"`
	Worth   Worth  `json:"worth"`
}

// Second is what happened in one second.
type Second struct {
	Second   float64          `json:"second"` // since the start
	Auctions Auctions         `json:"auctions"`
	Latency  Latency          `json:"latency"`
	Releases map[string]int64 `json:"releases"` // auctions answered
}

func (t *tally) summary(open int) Summary {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.config
	s := Summary{
		Target: strings.Join(c.Targets, ","), Protocol: c.Protocol, Call: c.Call, Rate: c.Rate, Arrivals: c.Arrivals, Seed: c.Seed,
		Partners: c.Partners, Deadline: float64(c.Deadline) / float64(time.Millisecond),
		Seconds:  t.seconds(time.Now()),
		Auctions: t.total,
		InHand:   t.total.Sent - t.total.Answered - t.total.Degraded - t.total.Failed,
		FailedBy: Reasons{
			Timeout: t.failures[timedOut], QueueFull: t.failures[queueFull],
			Connection: t.failures[connectionBroken], BadAnswer: t.failures[answerBad],
		},
		WarmUp:  t.warmed,
		Latency: latencyOf(t.latency),
		Late:    latencyOf(t.late),
		Connections: Connections{
			Wanted: c.Connections, Open: open, Refused: t.endings[refused],
			Closed: t.endings[closed], Broken: t.endings[broken], Rotated: t.endings[rotated], Unheard: t.unheard,
		},
		Reports:  t.reports,
		Releases: []Release{},
	}
	if t.total.Sent > 0 && !t.started.IsZero() {
		s.CPU = float64(t.cpu()-t.startCPU) / float64(time.Microsecond) / float64(t.total.Sent)
	}
	for i, one := range t.steps {
		if len(t.steps) > 1 {
			s.Steps = append(s.Steps, StepSummary{Rate: c.Steps[i].Rate, Auctions: one.total, Latency: latencyOf(one.latency)})
		}
	}
	for name, r := range t.releases {
		s.Releases = append(s.Releases, r.summary(name))
	}
	sorting.By(s.Releases, func(a, b *Release) int {
		return cmp.Or(cmp.Compare(b.Answers, a.Answers), cmp.Compare(a.Release, b.Release))
	})
	for _, r := range s.Releases {
		s.Worth.add(r.Worth)
	}
	s.Worth.share()
	return s
}

// cpu is what the process has used until now, or until the auctions ended.
func (t *tally) cpu() time.Duration {
	if !t.ended.IsZero() {
		return t.endCPU
	}
	return processCPU()
}

// seconds is how long auctions have run at a moment, or did run.
func (t *tally) seconds(now time.Time) float64 {
	if t.started.IsZero() {
		return 0
	}
	if !t.ended.IsZero() {
		now = t.ended
	}
	return now.Sub(t.started).Seconds()
}

func (r *release) summary(name string) Release {
	s := Release{Release: name, Answers: r.answers, Explored: r.explored, Latency: latencyOf(r.latency)}
	for _, partner := range slices.Sorted(maps.Keys(r.partners)) {
		w := *r.partners[partner]
		s.Worth.add(w)
		w.share()
		s.Partners = append(s.Partners, Partner{Partner: partner, Worth: w})
	}
	s.Worth.share()
	return s
}

func (w *Worth) add(o Worth) {
	w.Pairs += o.Pairs
	w.Filtered += o.Filtered
	w.Saved += o.Saved
	w.Bids += o.Bids
	w.BidsLost += o.BidsLost
	w.ExploredBids += o.ExploredBids
	w.ExploredBidsFiltered += o.ExploredBidsFiltered
}

// share computes the shares; of nothing they are 0.
func (w *Worth) share() {
	w.SavedShare = ratio(w.Saved, w.Pairs)
	w.BidsLostShare = ratio(w.BidsLost, w.Bids)
	w.ExploredBidsLostShare = ratio(w.ExploredBidsFiltered, w.ExploredBids)
}

func ratio(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

func latencyOf(h *hdrhistogram.Histogram) Latency {
	return Latency{
		P50:  h.ValueAtQuantile(50),
		P90:  h.ValueAtQuantile(90),
		P99:  h.ValueAtQuantile(99),
		P999: h.ValueAtQuantile(99.9),
		Max:  h.Max(),
	}
}

// second returns what happened since it was called last, and the latencies.
func (t *tally) second(now time.Time) (Second, *hdrhistogram.Histogram) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Second{
		Second:   t.seconds(now),
		Auctions: t.total.minus(t.lastTotal),
		Latency:  latencyOf(t.recent),
		Releases: map[string]int64{},
	}
	for name, r := range t.releases {
		if n := r.answers - t.lastBy[name]; n > 0 {
			s.Releases[name] = n
		}
		t.lastBy[name] = r.answers
	}
	t.lastTotal = t.total
	recent := t.recent
	t.recent = newHistogram()
	return s, recent
}

// latencies returns a copy of the latencies so far.
func (t *tally) latencies() *hdrhistogram.Histogram {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.latency.Clone()
}

func (a Auctions) minus(b Auctions) Auctions {
	return Auctions{
		Sent:     a.Sent - b.Sent,
		Answered: a.Answered - b.Answered,
		Degraded: a.Degraded - b.Degraded,
		Failed:   a.Failed - b.Failed,
		Retried:  a.Retried - b.Retried,

		AnsweredLate: a.AnsweredLate - b.AnsweredLate,
	}
}
