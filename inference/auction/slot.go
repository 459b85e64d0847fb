package auction

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
)

const (
	firstBackoff = 10 * time.Millisecond
	maxBackoff   = time.Second
	retryPause   = 5 * time.Millisecond // before the second retry of an auction; doubled before each further one

	maxWriteBytes  = 64 << 10 // a write takes no further messages from here on
	keptWriteBytes = 128 << 10
)

// slot is the place of one connection. It keeps one open, for ever, and writes
// the auctions that the queue gives it.
type slot struct {
	load    *Load
	target  string
	seat    seat
	work    chan held // has room for all that the queue may give
	chance  *rand.Rand
	first   net.Conn // where it is already open
	backoff time.Duration
}

func newSlot(l *Load, i int) *slot {
	return &slot{
		load:    l,
		target:  l.config.Targets[i%len(l.config.Targets)],
		work:    make(chan held, l.config.Depth),
		chance:  chance(l.config.Seed, slotStream+uint64(i)),
		backoff: firstBackoff,
	}
}

// run opens a connection and uses it until it ends, again and again. It tells
// opened about the first.
func (s *slot) run(ctx context.Context, opened chan<- struct{}) {
	for ctx.Err() == nil {
		raw, err := s.dial(ctx)
		if err != nil {
			s.load.tally.connection(refused)
			sleep(ctx, s.nextBackoff())
			continue
		}
		s.load.open.Add(1)
		if opened != nil {
			opened <- struct{}{}
			opened = nil
		}
		end := s.serve(ctx, newConn(raw, s))
		s.load.open.Add(-1)
		s.load.tally.connection(end)
		if end != rotated {
			sleep(ctx, s.nextBackoff())
		}
	}
}

// serve uses a connection until it ends, and gives everything that it has in
// hand then to others.
func (s *slot) serve(ctx context.Context, c *conn) ending {
	end := s.use(ctx, c)
	for _, a := range s.load.queue.leave(s) {
		s.load.offer(a)
	}
	if end == rotated {
		select {
		case <-c.retire():
		case <-c.ended:
		case <-ctx.Done(): // no auction is pending
		}
	}
	owed := c.close()
	if c.answeredAny() {
		s.backoff = firstBackoff
	}
	for _, a := range owed {
		if !a.gaveUp {
			s.missed(a.held, c.err)
		}
	}
	if len(owed) > 0 {
		if !c.answeredAny() {
			s.load.tally.hungUp()
		}
		return broken
	}
	return end
}

func (s *slot) dial(ctx context.Context) (net.Conn, error) {
	if c := s.first; c != nil {
		s.first = nil
		return c, nil
	}
	select {
	case s.load.dials <- struct{}{}:
		defer func() { <-s.load.dials }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return s.load.dial(ctx, s.target)
}

// nextBackoff doubles with every connection that ends, until an answer comes,
// and is jittered so that connections that broke together do not come back
// together.
func (s *slot) nextBackoff() time.Duration {
	d := s.backoff
	s.backoff = min(2*d, maxBackoff)
	return d/2 + time.Duration(s.chance.Int64N(int64(d)))
}

// use serves auctions over a connection and says why it is to end.
func (s *slot) use(ctx context.Context, c *conn) ending {
	aged, stop := s.age()
	defer stop()
	s.load.queue.join(s)
	for {
		select {
		case a := <-s.work:
			if !s.send(c, a) {
				return closed
			}
		case b := <-s.load.batches:
			if !s.hand(ctx, c, b) {
				return broken
			}
		case <-c.ended:
			return closed
		case <-aged:
			return rotated
		case <-ctx.Done():
			return rotated
		}
	}
}

// age tells when the connection is to be replaced.
func (s *slot) age() (<-chan time.Time, func() bool) {
	mean := s.load.config.ConnectionAge
	if mean < 0 {
		return nil, func() bool { return true }
	}
	t := time.NewTimer(mean/2 + time.Duration(s.chance.Int64N(int64(mean)+1)))
	return t.C, t.Stop
}

// send asks about an auction and those that wait behind it, in one write. It
// is false when the connection cannot be used again.
func (s *slot) send(c *conn, a held) bool {
	if c.lost() { // before anything was sent: not a try
		s.load.offer(a)
		return false
	}
	buffer := s.load.buffers.Get().(*[]byte)
	out := (*buffer)[:0]
	defer func() {
		if cap(out) <= keptWriteBytes {
			*buffer = out
		}
		s.load.buffers.Put(buffer)
	}()
	for more := true; more && len(out) < maxWriteBytes; {
		var err error
		if out, err = s.put(c, out, a); err != nil {
			return false // what is in flight is missed when the connection is closed
		}
		select {
		case a = <-s.work:
		default:
			more = false
		}
	}
	_, err := c.net.Write(out)
	return err == nil || len(out) == 0
}

// put appends the message of one auction, unless its time is over.
func (s *slot) put(c *conn, out []byte, a held) ([]byte, error) {
	l := s.load
	if !time.Now().Before(a.deadline) {
		l.queue.done(s)
		l.fail(a, timedOut)
		return out, nil
	}
	q := l.question(a)
	return c.ask(out, a, &q, l.config.Deadline)
}

// answered hears of every answer, in the connection's reader.
func (s *slot) answered(a asked, d *decision, err error) {
	l := s.load
	switch {
	case a.gaveUp:
		l.tally.answeredLate(a.step)
	case err != nil:
		s.missed(a.held, err)
	default:
		s.settle(a, d)
	}
	l.queue.done(s)
}

// settle ends an auction that was answered. An answer past the deadline is
// none, also where the clock struck only just before it.
func (s *slot) settle(a asked, d *decision) {
	l, now := s.load, time.Now()
	if now.After(a.deadline) {
		l.tally.answeredLate(a.step)
		l.fail(a.held, timedOut)
		return
	}
	l.tally.answered(a.step, now.Sub(a.due), &a.truth, d)
	tells := len(d.receipt) > 0 && !d.degraded && a.bidders != nil
	if tells && (d.explored || s.chance.Float64() < l.config.ReportShare) {
		select {
		case l.reports <- a.outcome(bytes.Clone(d.receipt), called(&a.truth, d)):
		default:
			l.tally.dropped(1)
		}
	}
	l.pending.Done()
}

// missed ends an auction that was not answered, or gives it to another
// connection while it has tries and time left: at once the first time, later
// after a moment, in which other connections to the same dead task are noticed.
func (s *slot) missed(a held, err error) {
	l := s.load
	a.tries++
	switch {
	case !time.Now().Before(a.deadline):
		l.fail(a, timedOut)
	case a.tries > l.config.Retries && errors.As(err, new(badAnswer)):
		l.fail(a, answerBad)
	case a.tries > l.config.Retries:
		l.fail(a, connectionBroken)
	case a.tries == 1:
		l.tally.retried(a.step)
		l.offer(a)
	default:
		l.tally.retried(a.step)
		wait := min(retryPause<<(a.tries-2), time.Until(a.deadline))
		time.AfterFunc(wait, func() { l.offer(a) }) // Run waits for it, as for any pending auction
	}
}

// usable says whether a connection is in order although the call was not: the
// server answered, with an error or something unfit.
func usable(err error) bool {
	var app thrift.TApplicationException
	if errors.As(err, &app) {
		return app.TypeId() == thrift.INTERNAL_ERROR || app.TypeId() == thrift.UNKNOWN_METHOD
	}
	return errors.As(err, new(badAnswer))
}

// badAnswer is a decision that does not fit its question.
type badAnswer string

func (b badAnswer) Error() string { return string(b) }

// fits checks that a decision speaks of the partners that were asked about.
func (d *decision) fits(partners []string) error {
	if d.degraded {
		return nil
	}
	if len(d.partners) != len(partners) {
		return badAnswer(fmt.Sprintf("decision on %d partners, asked about %d", len(d.partners), len(partners)))
	}
	for i, p := range d.partners {
		if string(p.name) != partners[i] {
			return badAnswer(fmt.Sprintf("decision on partner %.100q, asked about %q", p.name, partners[i]))
		}
	}
	return nil
}

// sleep waits and reports whether the context lasted.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
