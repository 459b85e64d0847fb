package auction

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/inference/auction/world"
)

const (
	firstBackoff = 10 * time.Millisecond
	maxBackoff   = time.Second
	retryPause   = 5 * time.Millisecond // before the second retry of an auction; doubled before each further one
)

// slot is the place of one connection. It keeps one open, for ever, and holds
// one auction at a time on it.
type slot struct {
	load    *Load
	work    chan held // of capacity 1, filled by the queue
	chance  *rand.Rand
	first   net.Conn // where it is already open
	backoff time.Duration
}

func newSlot(l *Load, i int) *slot {
	return &slot{
		load:    l,
		work:    make(chan held, 1),
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
		c := newConn(raw, s.load.config.Protocol)
		if opened != nil {
			opened <- struct{}{}
			opened = nil
		}
		end := s.use(ctx, c)
		c.close()
		s.load.open.Add(-1)
		s.load.tally.connection(end)
		if end != rotated {
			sleep(ctx, s.nextBackoff())
		}
	}
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
	return s.load.dial(ctx)
}

// nextBackoff doubles with every connection that ends, until an answer comes,
// and is jittered so that connections that broke together do not come back
// together.
func (s *slot) nextBackoff() time.Duration {
	d := s.backoff
	s.backoff = min(2*d, maxBackoff)
	return d/2 + time.Duration(s.chance.Int64N(int64(d)))
}

// use serves auctions over a connection and says why it ended.
func (s *slot) use(ctx context.Context, c *conn) ending {
	aged, stop := s.age()
	defer stop()
	for {
		s.load.queue.join(s)
		select {
		case a := <-s.work:
			if end, over := s.hold(ctx, c, a); over {
				return end
			}
			continue
		case b := <-s.load.batches:
			s.comeBack()
			if !s.hand(ctx, c, b) {
				return broken
			}
			continue
		case <-c.ready: // nothing was asked: the server has closed
			s.comeBack()
			return closed
		case <-aged:
			s.comeBack()
			return rotated
		case <-ctx.Done():
			s.comeBack()
			return rotated
		}
	}
}

// comeBack leaves the queue. An auction that was given to this slot meanwhile
// goes to another.
func (s *slot) comeBack() {
	if a, given := s.load.queue.leave(s); given {
		s.load.offer(a)
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

// hold asks for a decision and ends the auction, or gives it to another
// connection. over says that this connection cannot be used again.
func (s *slot) hold(ctx context.Context, c *conn, a held) (end ending, over bool) {
	if c.lost() { // before anything was sent: not a try
		s.load.offer(a)
		return closed, true
	}
	if !time.Now().Before(a.deadline) {
		s.load.fail(a, timedOut)
		return "", false
	}
	w := s.load.config.World.Auction(a.n, a.due)
	w.Partners = w.Partners[:min(len(w.Partners), s.load.config.Partners)]
	d, err := c.decide(ctx, w, s.load.config.Deadline, a.deadline)
	if err == nil {
		s.backoff = firstBackoff
		s.settle(a, w, d)
		return "", false
	}
	s.missed(ctx, a, err)
	return broken, !usable(err)
}

// settle ends an auction that was answered.
func (s *slot) settle(a held, w world.Auction, d *adfilter.Decision) {
	l := s.load
	bid := l.tally.answered(time.Since(a.due), w, d)
	tells := len(d.Receipt) > 0 && !d.Degraded
	if tells && (d.Explored || s.chance.Float64() < l.config.ReportShare) {
		select {
		case l.reports <- &adfilter.Outcome{Receipt: d.Receipt, Bidders: bid}:
		default:
			l.tally.dropped(1)
		}
	}
	l.pending.Done()
}

// missed ends an auction that was not answered, or gives it to another
// connection while it has tries and time left: at once the first time, later
// after a moment, in which other connections to the same dead task are noticed.
func (s *slot) missed(ctx context.Context, a held, err error) {
	l := s.load
	a.tries++
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) || !time.Now().Before(a.deadline):
		l.fail(a, timedOut)
	case a.tries > l.config.Retries && errors.As(err, new(badAnswer)):
		l.fail(a, answerBad)
	case a.tries > l.config.Retries:
		l.fail(a, connectionBroken)
	default:
		l.tally.retried()
		if a.tries > 1 {
			sleep(ctx, min(retryPause<<(a.tries-2), time.Until(a.deadline)))
		}
		l.offer(a)
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
func fits(d *adfilter.Decision, partners []string) error {
	if d.Degraded {
		return nil
	}
	if len(d.Partners) != len(partners) {
		return badAnswer(fmt.Sprintf("decision on %d partners, asked about %d", len(d.Partners), len(partners)))
	}
	for i, p := range d.Partners {
		if p.Partner != partners[i] {
			return badAnswer(fmt.Sprintf("decision on partner %q, asked about %q", p.Partner, partners[i]))
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
