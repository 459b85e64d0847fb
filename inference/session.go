package inference

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/inference/feature"
)

// MaxPartnersPerRequest is how many partners one decide may ask about, at most.
const MaxPartnersPerRequest = 1024

// Degraded says in one word why an auction was forwarded without a score.
type Degraded string

// The reasons for forwarding without a score.
const (
	NotReady   Degraded = "not_ready"   // no proven release yet
	Busy       Degraded = "busy"        // too many requests in hand for too long
	Panicked   Degraded = "panic"       // the release broke on this request
	Invalid    Degraded = "invalid"     // a score was no number in [0, 1]
	Deadline   Degraded = "deadline"    // the auction does not wait that long
	BadRequest Degraded = "bad_request" // no request in the call, or too many partners
)

// session answers one connection of the data port. Everything a request needs
// is here and is used again for the next one.
type session struct {
	t     *Task
	w     *wire     // nil in tests that have none
	id    uint64    // hash of connection id and boot salt
	last  time.Time // when the latest call was done
	calls uint64
	draws uint64

	refused bool // the last call could not be read, and its client was told why
	ended   bool // by us
	d       decision
	in      thrift.TProtocol // of the generated code, once it is needed
	out     thrift.TProtocol
	parser  parser
	names   []string  // the partners of a decide call
	seats   []*seat   // of the partners of the latest request, and what a longer one left behind them
	keys    []uint32  // of the same, for the release that scores
	one     [1]string // the partner of a filter call
	reply   replies
	report  receipt

	reports reports      // of the report call being read
	more    feature.More // of the request
}

// reported is what an auction server says of one auction.
type reported struct {
	receipt []byte
	bidders []string
	prices  []price // of the bidders; shorter where not all are there
	winner  string  // empty for none
	cleared price
}

// decision is what became of one request.
type decision struct {
	request  feature.Request
	asked    asked         // where the request is
	planned  *feature.Plan // that request.More was read by; nil for none
	partners []string
	tmax     int32 // milliseconds that the auction has for all bids; 0 for unknown

	at       time.Time
	serving  *serving // nil where not_ready
	degraded Degraded // empty: scored
	explored bool
	sampled  bool // to be scored by both releases
	paired   bool // has been

	scores   []float32
	filtered []bool // the serving release would; explored ones are forwarded all the same

	shadowScores   []float32
	shadowFiltered []bool
}

// decide scores d.request for d.partners with the release in force. It fills
// the rest of d and counts. It always comes to an answer. Only where explore
// is set may the request be drawn for exploration.
func (s *session) decide(ctx context.Context, explore bool, now time.Time) {
	d := &s.d
	d.reset(now)
	d.serving = s.t.serving.Load() // once: a request never sees two releases
	switch {
	case d.serving == nil:
		d.degraded = NotReady
	case len(d.partners) > s.t.o.MaxPartners:
		d.degraded = BadRequest
		s.t.m.hit("max_partners")
	default:
		s.inTurn(ctx, explore)
	}
	s.count()
}

// inTurn scores once there is a slot, unless the request's time is over.
func (s *session) inTurn(ctx context.Context, explore bool) {
	d := &s.d
	read := d.at
	if s.w != nil {
		read = s.w.read
	}
	by := s.t.deadline(read, d.tmax)
	switch left := by.Sub(d.at); {
	case s.shed():
		d.degraded = Busy
		s.t.m.hit("deadline")
		return
	case left <= 0:
		d.degraded = Deadline
		s.t.m.hit("deadline")
		return
	case s.t.slots.tryTake():
	case s.wait(ctx, min(left, s.t.o.MaxWait)):
	case left < s.t.o.MaxWait:
		d.degraded = Deadline
		s.t.m.hit("deadline")
		return
	default:
		d.degraded = Busy
		s.t.m.hit("max_in_hand")
		return
	}
	s.score(ctx, explore)
	s.t.slots.give()
}

// shed draws whether to answer without a score so that others still get theirs
// in time: the more often, the closer the wait for a processor comes to half of
// the deadline. It begins at a quarter. All or nothing would swing between the
// two.
func (s *session) shed() bool {
	begin := s.t.o.Deadline / 4
	over := s.t.lag.now() - begin
	if over <= 0 {
		return false
	}
	s.draws++
	return newLimit(float64(over) / float64(begin)).takes(mix(s.draws, s.id))
}

// wait waits for a slot. Replies that are ready do not wait with it.
func (s *session) wait(ctx context.Context, most time.Duration) bool {
	s.sendReady()
	return s.t.slots.take(ctx, most)
}

func (s *session) sendReady() {
	if s.w != nil {
		_ = s.w.send() // the connection ends when it is used next
	}
}

func (d *decision) reset(at time.Time) {
	n := min(len(d.partners), MaxPartnersPerRequest)
	d.at, d.serving, d.degraded = at, nil, ""
	d.planned, d.request.More = nil, nil
	d.explored, d.sampled, d.paired = false, false, false
	d.scores = slices.Grow(d.scores[:0], n)[:n]
	d.filtered = slices.Grow(d.filtered[:0], n)[:n]
	d.shadowScores = slices.Grow(d.shadowScores[:0], n)[:n]
	d.shadowFiltered = slices.Grow(d.shadowFiltered[:0], n)[:n]
}

// score runs in a slot. Explored requests are scored by both releases before
// they are answered, since the receipt says what both would have done.
func (s *session) score(ctx context.Context, explore bool) {
	d := &s.d
	s.seat()
	invalid, ok := s.try(ctx, serves, d.scores)
	switch {
	case !ok:
		d.degraded = Panicked
		return
	case invalid > 0:
		d.degraded = Invalid
		d.serving.counts.cell(s.id).invalid.Add(int64(invalid))
		return
	}
	s.decided(serves, d.scores, d.filtered)
	s.draw(explore)
	if d.explored && d.sampled {
		s.pair(ctx)
	}
}

// draw tells whether this request is explored and whether it is in the sample.
// Both arms of a comparison sample the same ids; each task explores its own.
func (s *session) draw(explore bool) {
	d, sv := &s.d, s.d.serving
	s.calls++
	h := hashID(d.request.ID)
	if d.request.ID == "" {
		h = mix(s.calls, s.id)
	}
	d.explored = explore && sv.exploreBelow.takes(mix(h, s.t.salt))
	d.sampled = sv.beside != nil && (d.explored || sv.sampleBelow.takes(mix(h, sampleSalt)))
}

const sampleSalt = 0x736c75696365

// seat finds the seats of the request's partners. Most connections ask about
// the same ones every time.
func (s *session) seat() {
	d := &s.d
	for i, name := range d.partners {
		switch {
		case i == len(s.seats):
			s.seats = append(s.seats, d.serving.seat(name))
		case s.seats[i].of != d.serving.seats || s.seats[i].name != name:
			s.seats[i] = d.serving.seat(name)
		}
	}
	s.keys = slices.Grow(s.keys[:0], len(d.partners))[:len(d.partners)]
}

func (s *session) decided(by side, scores []float32, filtered []bool) {
	for i := range scores {
		filtered[i] = valid(scores[i]) && scores[i] < s.seats[i].terms[by].threshold
	}
}

// try scores with one release and survives whatever it does.
func (s *session) try(ctx context.Context, by side, scores []float32) (invalid int, ok bool) {
	a := s.d.serving.arms()[by]
	defer func() {
		if broken := recover(); broken != nil {
			s.t.m.panics.WithLabelValues("score").Inc()
			a.broke.Do(func() { // once per release: a broken one breaks on every request
				s.t.log.ErrorContext(ctx, "release broke on a request", "release", a.digest, "err", broken, "stack", string(debug.Stack()))
			})
		}
	}()
	for i := range s.keys {
		s.keys[i] = s.seats[i].terms[by].key
	}
	s.fill(a.plan)
	return a.score(&s.d.request, s.keys, scores), true
}

// count adds what was answered to the counts it was decided under. Degraded
// answers count as errors of the release in force: one that is too slow to
// answer is no better than one that cannot.
func (s *session) count() {
	d := &s.d
	if d.degraded != "" {
		s.t.m.degraded[d.degraded].Inc()
		s.t.m.health.degrade(d.serving != nil)
	}
	if d.serving == nil || d.degraded == BadRequest {
		return
	}
	c := d.serving.counts
	cell := c.cell(s.id)
	cell.requests.Add(1)
	if d.degraded != "" {
		cell.errors.Add(1)
		return
	}
	shard := &c.shards[s.id%countShards]
	g := bucketOf(s.id)
	filtered := 0
	for i := range d.partners {
		counted := &s.seats[i].counts.cells[g]
		counted.scored.Add(1)
		if d.filtered[i] {
			counted.filtered.Add(1)
			filtered++
		}
		shard.scores[scoreBin(d.scores[i])].Add(1)
	}
	d.serving.m.filtered.Add(float64(filtered))
	d.serving.m.forwarded.Add(float64(len(d.partners) - filtered))
	if d.explored {
		d.serving.m.explored.Inc()
	}
}

// afterReply does what the client need not wait for, and forgets the request:
// an idle connection must not keep a release in memory that is long replaced.
func (s *session) afterReply(ctx context.Context, now time.Time) {
	defer s.forget()
	d := &s.d
	if d.serving == nil {
		return
	}
	took := now.Sub(d.at)
	d.serving.counts.shards[s.id%countShards].latency[latencyBin(took)].Add(1)
	s.t.m.seconds.Observe(took.Seconds())
	if !d.sampled || d.paired || d.degraded != "" {
		return
	}
	s.sendReady()
	if !s.t.slots.tryTake() { // requests come first
		s.t.m.shadowDropped.Inc()
		return
	}
	s.pair(ctx)
	s.t.slots.give()
}

func (s *session) forget() {
	d := &s.d
	if d.planned != nil {
		s.more.Forget()
	}
	d.request, d.asked, d.planned, d.partners, d.serving, d.tmax = feature.Request{}, asked{}, nil, nil, nil, 0
	clear(s.names)
	s.reports.forget()
	s.reply.forget()
}

// pair scores the request with the shadow release too and counts where the two
// differ. A pair counts only where both scores are valid.
func (s *session) pair(ctx context.Context) {
	d, c := &s.d, s.d.serving.counts
	cell := c.cell(s.id)
	cell.shadowRequests.Add(1)
	s.t.m.shadowRequests.Inc()
	invalid, ok := s.try(ctx, shadows, d.shadowScores)
	if !ok {
		cell.shadowInvalid.Add(int64(len(d.partners)))
		return
	}
	cell.shadowInvalid.Add(int64(invalid))
	s.decided(shadows, d.shadowScores, d.shadowFiltered)
	d.paired = true
	g := bucketOf(s.id)
	for i := range d.partners {
		if !valid(d.shadowScores[i]) {
			continue
		}
		pair := &s.seats[i].counts.cells[g]
		pair.pairs.Add(1)
		switch served, shadow := d.filtered[i], d.shadowFiltered[i]; {
		case served && !shadow:
			pair.servedOnly.Add(1)
		case shadow && !served:
			pair.shadowOnly.Add(1)
		}
	}
}

// receiptOf notes what a reported bid will need.
func (s *session) receiptOf(d *decision, r *receipt) {
	*r = receipt{at: d.at, explored: d.explored, pairs: r.pairs[:0]}
	if !d.explored {
		return
	}
	sv := d.serving
	r.bucket, r.generation = bucketOf(s.id), sv.generation
	r.release = sv.active.raw
	if sv.beside != nil {
		r.hasShadow, r.shadow = true, sv.beside.raw
	}
	for i, p := range d.partners {
		bits := uint8(0)
		if d.filtered[i] {
			bits |= pairServing
		}
		if d.paired && valid(d.shadowScores[i]) {
			bits |= pairBoth
			if d.shadowFiltered[i] {
				bits |= pairShadow
			}
		}
		r.pairs = append(r.pairs, receiptPair{partnerHash(p), bits})
	}
}

// outcome accounts for one auction that somebody brings a receipt of.
func (s *session) outcome(o reported, now time.Time) {
	r := &s.report
	if err := s.t.receipts.read(o.receipt, r, now); err != nil {
		reason := "damaged"
		if errors.Is(err, errOld) {
			reason = "too_old"
		}
		s.t.m.dropped(reason).Inc()
		return
	}
	if !r.explored {
		s.t.m.unexplored.Inc()
		return
	}
	c := s.t.ledger.forReceipt(r, now, s.t.receipts.maxAge)
	if c == nil {
		s.t.m.dropped("unknown_release").Inc()
		return
	}
	s.t.m.explored.Inc()
	if o.winner == "" || len(o.bidders) > 0 {
		c.addOutcome(r)
	}
	in := s.t.prices.Load()
	for i, name := range o.bidders {
		bid := price{}
		if i < len(o.prices) {
			bid = o.prices[i]
		}
		s.bid(c, r, name, in, bid)
	}
	if o.winner == "" {
		return
	}
	switch p := r.pair(o.winner); {
	case p == nil:
		s.t.m.dropped("unknown_partner").Inc()
	case p.bits&pairBoth != 0:
		c.addWin(p.bits, in, o.cleared)
	}
}

func (s *session) bid(c *counts, r *receipt, partner string, in *prices, bid price) {
	p := r.pair(partner)
	if p == nil || p.bits&pairTaken != 0 {
		s.t.m.dropped("unknown_partner").Inc()
		return
	}
	p.bits |= pairTaken
	s.t.m.bids.Inc()
	if p.bits&pairServing != 0 {
		s.t.m.missed.Inc()
	}
	if p.bits&pairBoth == 0 {
		return
	}
	counted := c.partner(partner)
	cell := &counted.cells[r.bucket]
	cell.bids.Add(1)
	switch p.bits & (pairServing | pairShadow) {
	case pairServing:
		cell.bidsServedOnly.Add(1)
	case pairShadow:
		cell.bidsShadowOnly.Add(1)
	}
	c.addBid(counted, r.bucket, p.bits, in, bid)
}
