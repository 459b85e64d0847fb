package auction

import (
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// failure says why an auction went on without the filter.
type failure string

const (
	timedOut         failure = "timeout"    // no answer by the deadline
	queueFull        failure = "queue_full" // too many auctions waited for a connection
	connectionBroken failure = "connection" // the connection of the last try broke
	answerBad        failure = "bad_answer" // the answer to the last try did not fit the question
)

// ending says what became of a connection.
type ending string

const (
	refused ending = "refused" // it could not be opened
	closed  ending = "closed"  // by the server, between auctions
	broken  ending = "broken"  // with an auction in hand
	rotated ending = "rotated" // by us, for its age
)

// maxReleases bounds what servers can make us remember; answers of further
// releases are counted under otherRelease.
const (
	maxReleases  = 64
	otherRelease = "other"
)

// tally counts. A single lock is enough: one auction holds it for a
// microsecond.
type tally struct {
	config Config

	mu        sync.Mutex
	started   time.Time
	ended     time.Time     // zero while auctions run
	startCPU  time.Duration // of this process
	endCPU    time.Duration
	total     Auctions
	failures  map[failure]int64
	endings   map[ending]int64
	reports   Reports
	releases  map[string]*release
	latency   *hdrhistogram.Histogram // microseconds, of all auctions
	recent    *hdrhistogram.Histogram // of those since the last second began
	late      *hdrhistogram.Histogram // how long after its moment an auction began
	steps     []step
	warmed    int64 // auctions of the warm-up
	unheard   int64 // connections that ended before any answer
	lastTotal Auctions
	lastBy    map[string]int64 // answers per release when the last second began
}

// warmUp is the step of auctions that count for nothing.
const warmUp = -1

// step is what became of the auctions of one.
type step struct {
	total   Auctions
	latency *hdrhistogram.Histogram
}

// release is what one release decided, and what that was worth.
type release struct {
	answers, explored int64
	latency           *hdrhistogram.Histogram
	partners          map[string]*Worth
}

func newTally(c Config) *tally {
	steps := make([]step, len(c.Steps))
	for i := range steps {
		steps[i].latency = newHistogram()
	}
	return &tally{
		config:   c,
		steps:    steps,
		failures: map[failure]int64{},
		endings:  map[ending]int64{},
		releases: map[string]*release{},
		lastBy:   map[string]int64{},
		latency:  newHistogram(),
		recent:   newHistogram(),
		late:     newHistogram(),
	}
}

const maxMicroseconds = 60_000_000

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, maxMicroseconds, 3) }

func record(h *hdrhistogram.Histogram, d time.Duration) {
	us := min(max(d.Microseconds(), 1), maxMicroseconds)
	_ = h.RecordValue(us) // within its bounds it cannot fail
}

func (t *tally) begin(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.started, t.startCPU = now, processCPU()
}

// measure begins anew where a warm-up ends.
func (t *tally) measure(from time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.started, t.startCPU = from, processCPU()
}

func (t *tally) end(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended, t.endCPU = now, processCPU()
}

// add counts one more of something, in all and in its step. It is false for an
// auction of the warm-up.
func (t *tally) add(in int, of func(*Auctions) *int64) bool {
	if in == warmUp {
		return false
	}
	*of(&t.total)++
	*of(&t.steps[in].total)++
	return true
}

func (t *tally) sent(in int, late time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.add(in, func(a *Auctions) *int64 { return &a.Sent }) {
		t.warmed++
		return
	}
	record(t.late, late)
}

func (t *tally) failed(in int, after time.Duration, why failure) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.add(in, func(a *Auctions) *int64 { return &a.Failed }) {
		t.failures[why]++
		t.took(in, after)
	}
}

func (t *tally) retried(in int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.add(in, func(a *Auctions) *int64 { return &a.Retried })
}

// answeredLate counts an answer that came after its auction went on.
func (t *tally) answeredLate(in int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.add(in, func(a *Auctions) *int64 { return &a.AnsweredLate })
}

// hungUp counts a connection that ended with an auction in hand before it had
// answered anything.
func (t *tally) hungUp() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unheard++
}

func (t *tally) connection(e ending) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.endings[e]++
}

func (t *tally) reported(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reports.Outcomes += int64(n)
	t.reports.Batches++
}

func (t *tally) dropped(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reports.Dropped += int64(n)
}

func (t *tally) took(in int, d time.Duration) {
	record(t.latency, d)
	record(t.steps[in].latency, d)
	record(t.recent, d)
}

// answered counts a decision against the truth.
func (t *tally) answered(in int, after time.Duration, q *truth, d *decision) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case in == warmUp:
		return
	case d.degraded:
		t.add(in, func(a *Auctions) *int64 { return &a.Degraded })
		t.took(in, after)
		return
	}
	t.add(in, func(a *Auctions) *int64 { return &a.Answered })
	t.took(in, after)
	r := t.release(d.release)
	r.answers++
	record(r.latency, after)
	if d.explored {
		r.explored++
	}
	for i, p := range d.partners {
		r.worth(q.partners[i]).decided(p.filtered, d.explored)
	}
	for _, b := range q.bidders {
		if i := slices.Index(q.partners, b); i >= 0 {
			r.worth(b).bid(d.partners[i].filtered, d.explored)
		}
	}
}

// called returns who bid among the partners who were called, as indices of the
// bidders.
func called(q *truth, d *decision) (bid []int) {
	for at, b := range q.bidders {
		if i := slices.Index(q.partners, b); i >= 0 && (d.explored || !d.partners[i].filtered) {
			bid = append(bid, at)
		}
	}
	return bid
}

func (t *tally) release(digest []byte) *release {
	if r := t.releases[string(digest)]; r != nil {
		return r
	}
	name := string(digest)
	if len(t.releases) >= maxReleases {
		name = otherRelease
	}
	r := t.releases[name]
	if r == nil {
		r = &release{partners: map[string]*Worth{}, latency: newHistogram()}
		t.releases[name] = r
	}
	return r
}

func (r *release) worth(partner string) *Worth {
	w := r.partners[partner]
	if w == nil {
		w = &Worth{}
		r.partners[partner] = w
	}
	return w
}

func (w *Worth) decided(filtered, explored bool) {
	w.Pairs++
	if filtered {
		w.Filtered++
		if !explored {
			w.Saved++
		}
	}
}

func (w *Worth) bid(filtered, explored bool) {
	w.Bids++
	if explored {
		w.ExploredBids++
	}
	switch {
	case filtered && explored:
		w.ExploredBidsFiltered++
	case filtered:
		w.BidsLost++
	}
}
