// Package auction is an auction server as exchanges run them, seen from the
// filter's side: auctions begin at moments fixed in advance, each asks the
// fleet which demand partners are worth calling, goes on without an answer
// when none comes in time, and reports who bid.
//
// It does not serve anything, it does not know which task answers (a load
// balancer stands in between), and it does not invent auctions: what is
// auctioned, and who would bid, comes from a World or from a file of requests.
//
// One auction with 20 partners costs 60 to 90 us of CPU on a busy Zen 4 core
// (with generated code it was 85 to 115), 25 to 50 where many come at once:
// system calls and waking threads but for 5 us. A connection takes 22 kB, of
// which 10,000 were held on one machine with the server.
package auction

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/inference/auction/world"
	"github.com/sluicehq/sluice/inference/feature"
)

// World says what the n-th auction is about and who would bid in it. It is
// called from many goroutines; the same n and moment give the same auction, so
// that a retry asks the same question.
type World interface {
	Auction(n uint64, at time.Time) world.Auction
}

// Config says how to load a fleet. Zero fields that have a default take it.
type Config struct {
	Targets     []string      // host:port of the fleet's load balancer, or of tasks, which get the same number of connections
	TLS         *tls.Config   // of the connections; nil for none
	World       World         // what is auctioned
	Replay      *Replay       // what is auctioned instead
	Rate        float64       // auctions per second; where there are steps, their highest
	Arrivals    Arrivals      // default Poisson
	Connections int           // long-lived
	Depth       int           // auctions in hand per connection at most; default 1
	Duration    time.Duration // of arrivals; 0: until the context ends; where there are steps, all of theirs
	Steps       []Step        // rates, one after the other, instead of Rate and Duration
	Ramp        time.Duration // in which the rate rises or falls to that of a step, at its beginning
	WarmUp      time.Duration // before all that, at the first step's rate, whose auctions count for nothing
	Protocol    Protocol      // default FramedBinary
	Call        Call          // default Decide; a call of filter asks one partner of an auction, each in turn
	Partners    int           // at most so many are asked about per auction; default all
	First       uint64        // number of the first auction in the world
	Seed        uint64        // of arrival times, jitter and choice of reports

	// Deadline is how long an auction waits for the filter, from its arrival.
	// It is OpenRTB's tmax; default 100 ms.
	Deadline time.Duration

	// Queue bounds the auctions that wait for an idle connection. Default: all
	// that can arrive within two deadlines, at least 1024.
	Queue int

	// Retries bounds how often an auction whose connection broke, or whose
	// answer made no sense, is tried again on another connection, as long as its
	// deadline allows. Default 3, at most 10; negative for none.
	Retries int

	// ConnectionAge is the mean age at which an idle connection is replaced by
	// a new one, jittered by half, so that the load balancer can give some to
	// new tasks. Default a minute; negative for never.
	ConnectionAge time.Duration

	// ReportShare of the auctions that were not explored have their outcome
	// reported as well, in [0, 1]. Explored auctions always have.
	ReportShare float64

	// EverySecond, where set, is called once a second while auctions run.
	EverySecond func(Second)

	// HistogramLog, where set, gets the latencies of every second in
	// HdrHistogram's log format. Its errors are the caller's to see.
	HistogramLog io.Writer
}

// Bounds of a Config.
const (
	MaxRate        = 1e6
	MaxConnections = 20_000
	MaxDepth       = 64
	MaxDeadline    = time.Minute
	MaxQueue       = 1 << 20
	MaxRetries     = 10
	MaxSteps       = 100
	MaxTargets     = 100
	MaxPartners    = world.PartnersPerAuction   // of a world's auction
	MaxReplayed    = feature.MaxAuctionPartners // partners of a replayed one
)

func (c Config) maxPartners() int {
	if c.Replay != nil {
		return MaxReplayed
	}
	return MaxPartners
}

// withDefaults returns c complete, or an error that names what is wrong.
func (c Config) withDefaults() (Config, error) {
	if c.Arrivals == "" {
		c.Arrivals = Poisson
	}
	if c.Protocol == "" {
		c.Protocol = FramedBinary
	}
	if c.Call == "" {
		c.Call = Decide
	}
	if c.Partners == 0 {
		c.Partners = c.maxPartners()
	}
	if c.Depth == 0 {
		c.Depth = 1
	}
	if c.Deadline == 0 {
		c.Deadline = 100 * time.Millisecond
	}
	if c.Retries == 0 {
		c.Retries = 3
	}
	if c.ConnectionAge == 0 {
		c.ConnectionAge = time.Minute
	}
	if len(c.Steps) == 0 {
		c.Steps = []Step{{c.Rate, c.Duration}}
	} else {
		c.Rate, c.Duration = 0, 0
		for _, s := range c.Steps {
			c.Rate, c.Duration = max(c.Rate, s.Rate), c.Duration+s.For
		}
	}
	if c.Queue == 0 {
		c.Queue = int(min(max(1024, 2*c.Rate*c.Deadline.Seconds()), MaxQueue))
	}
	return c, c.check()
}

func (c Config) check() error {
	switch {
	case len(c.Targets) == 0:
		return errors.New("no target: --target HOST:PORT names the load balancer or a task")
	case len(c.Targets) > MaxTargets || len(c.Targets) > c.Connections && c.Connections > 0:
		return fmt.Errorf("--target names %d addresses; each needs a connection of --connections, and there may be %d", len(c.Targets), MaxTargets)
	case c.World == nil && c.Replay == nil:
		return errors.New("no world to hold auctions in")
	case c.Replay != nil && c.Replay.Input == nil:
		return errors.New("no input to replay: --requests names a file")
	case math.IsNaN(c.Rate) || c.Rate <= 0 || c.Rate > MaxRate:
		return fmt.Errorf("--rate is %v auctions per second; it must be above 0 and at most %.0f", c.Rate, MaxRate)
	case c.Connections < 1 || c.Connections > MaxConnections:
		return fmt.Errorf("--connections is %d; it must be between 1 and %d", c.Connections, MaxConnections)
	case c.Depth < 1 || c.Depth > MaxDepth:
		return fmt.Errorf("--depth is %d; it must be between 1 and %d", c.Depth, MaxDepth)
	case c.Duration < 0:
		return fmt.Errorf("--duration is %v; it cannot be negative", c.Duration)
	case c.Partners < 1 || c.Partners > c.maxPartners():
		return fmt.Errorf("--partners is %d; an auction asks between 1 and %d", c.Partners, c.maxPartners())
	case c.Deadline < time.Millisecond || c.Deadline > MaxDeadline:
		return fmt.Errorf("--tmax is %v; it must be between 1ms and %v", c.Deadline, MaxDeadline)
	case c.Queue < 1 || c.Queue > MaxQueue:
		return fmt.Errorf("--queue is %d; it must be between 1 and %d", c.Queue, MaxQueue)
	case c.Retries > MaxRetries:
		return fmt.Errorf("--retries is %d; it must be at most %d", c.Retries, MaxRetries)
	case math.IsNaN(c.ReportShare) || c.ReportShare < 0 || c.ReportShare > 1:
		return fmt.Errorf("--report-share is %v; it must be between 0 and 1", c.ReportShare)
	}
	for _, target := range c.Targets {
		if _, _, err := net.SplitHostPort(target); err != nil {
			return fmt.Errorf("read --target: %w", err)
		}
	}
	return errors.Join(c.Arrivals.check(), c.Protocol.check(), c.Call.check(), c.checkSteps())
}

func (c Config) checkSteps() error {
	if len(c.Steps) > MaxSteps {
		return fmt.Errorf("--steps has %d; it may have %d", len(c.Steps), MaxSteps)
	}
	for i, s := range c.Steps {
		switch {
		case math.IsNaN(s.Rate) || s.Rate <= 0 || s.Rate > MaxRate:
			return fmt.Errorf("--steps: %v auctions per second; it must be above 0 and at most %.0f", s.Rate, MaxRate)
		case s.For < 0, s.For == 0 && i < len(c.Steps)-1:
			return fmt.Errorf("--steps: %v auctions per second for %v; it must be longer", s.Rate, s.For)
		}
	}
	if c.Ramp < 0 || c.WarmUp < 0 {
		return errors.New("--ramp and --warm-up cannot be negative")
	}
	return nil
}

// Load is one run of auctions against a fleet.
type Load struct {
	config  Config
	queue   *queue
	tally   *tally
	replay  *replay                // nil where a world is auctioned
	reports chan *adfilter.Outcome // from slots to the reporter
	batches chan batch             // from the reporter to slots

	pending sync.WaitGroup // auctions that began and have not ended
	handing sync.WaitGroup // batches that are not yet handed over or dropped
	dials   chan struct{}  // bounds the connections being opened at once
	open    atomic.Int64   // connections
	buffers sync.Pool      // of *[]byte, for what is about to be written

	// dial and pause are fields so that tests run over pipes in a bubble of
	// time.
	dial  func(ctx context.Context, target string) (net.Conn, error)
	pause func(ctx context.Context, until time.Time) bool
}

const (
	connectTimeout = 2 * time.Second // for one connection
	firstTimeout   = 5 * time.Second // for all of them, before the first auction
	concurrentDial = 64
	expireEvery    = 20 * time.Millisecond
)

// New checks config and returns a load that is ready to run, once.
func New(config Config) (*Load, error) {
	c, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	l := &Load{
		config:  c,
		queue:   newQueue(c.Queue, c.Depth),
		tally:   newTally(c),
		reports: make(chan *adfilter.Outcome, maxReports),
		batches: make(chan batch, maxBatches),
		dials:   make(chan struct{}, concurrentDial),
		dial:    c.connect,
		pause:   pause,
		buffers: sync.Pool{New: func() any { return new([]byte) }},
	}
	if c.Replay != nil {
		l.replay = newReplay(c)
	}
	return l, nil
}

func (c Config) connect(ctx context.Context, target string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if c.TLS == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", target)
	}
	return (&tls.Dialer{Config: c.TLS}).DialContext(ctx, "tcp", target)
}

// Run is New followed by Load.Run.
func Run(ctx context.Context, config Config) (Summary, error) {
	l, err := New(config)
	if err != nil {
		return Summary{}, err
	}
	return l.Run(ctx)
}

// Snapshot is the summary so far. It may be called at any time, from any
// goroutine.
func (l *Load) Snapshot() Summary {
	s := l.tally.summary(int(l.open.Load()))
	if l.replay != nil {
		s.Requests = l.replay.summary()
	}
	return s
}

// Run opens the connections, holds auctions until the configured duration or
// the context ends, waits for those in hand (at most one deadline), and
// returns the summary. The error says that the first connection could not be
// opened, or that the requests to replay could not be read to their end; in
// that case the summary holds what was done before.
func (l *Load) Run(ctx context.Context) (Summary, error) {
	// Slots and the reporter outlive the arrivals, to finish what is in hand.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var crew sync.WaitGroup
	defer func() {
		stop()
		crew.Wait()
	}()
	reading, stopReading := context.WithCancel(ctx)
	defer stopReading()
	if err := l.prepare(reading); err != nil {
		return l.Snapshot(), err
	}
	if err := l.connect(ctx, background, &crew); err != nil {
		return Summary{}, err
	}
	l.tally.begin(time.Now())
	crew.Go(func() { l.expire(background) })
	crew.Go(func() { l.everySecond(background) })
	var reporter sync.WaitGroup
	reporter.Go(l.report)

	l.arrive(ctx)
	l.pending.Wait()
	l.tally.end(time.Now())
	close(l.reports) // nothing in hand: no slot sends any more
	reporter.Wait()
	l.handOver()
	return l.Snapshot(), l.replayed()
}

// prepare reads the requests to replay, or begins to.
func (l *Load) prepare(ctx context.Context) error {
	switch {
	case l.replay == nil:
		return nil
	case l.replay.config.Once:
		// Run tells it to stop and does not wait: a read from a terminal cannot be
		// interrupted.
		go l.replay.feed(ctx)
		return nil
	}
	return l.replay.keep(ctx)
}

func (l *Load) replayed() error {
	if l.replay == nil {
		return nil
	}
	return l.replay.failure()
}

// connect opens the first connection to each target, to be told at once when
// one is wrong, then starts all slots and waits, within bounds, until they are
// open.
func (l *Load) connect(ctx, background context.Context, crew *sync.WaitGroup) error {
	first, err := l.connectFirst(ctx)
	if err != nil {
		return err
	}
	opened := make(chan struct{}, l.config.Connections)
	for i := range l.config.Connections {
		s := newSlot(l, i)
		if i < len(first) {
			s.first = first[i]
		}
		crew.Go(func() { s.run(background, opened) })
	}
	limit := time.NewTimer(firstTimeout)
	defer limit.Stop()
	for range l.config.Connections {
		select {
		case <-opened:
		case <-limit.C:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

func (l *Load) connectFirst(ctx context.Context) ([]net.Conn, error) {
	var open []net.Conn
	for _, target := range l.config.Targets {
		c, err := l.dial(ctx, target)
		if err == nil {
			open = append(open, c)
			continue
		}
		for _, other := range open {
			_ = other.Close() // nothing was asked of it
		}
		hint := "--target must name a load balancer or task that listens"
		if l.config.TLS != nil {
			hint = "and speaks TLS with a certificate of --ca for that host, or --server-name"
		}
		return nil, fmt.Errorf("connect to %s: %w (%s)", target, err, hint)
	}
	return open, nil
}

// arrive begins auctions at their moments, whatever became of earlier ones.
// Where a replay's input is slower than that, the moments that are still to
// come move: that is not the fleet's doing.
func (l *Load) arrive(ctx context.Context) {
	start := time.Now()
	s := newSchedule(l.config.Arrivals, l.config.all(), l.config.Ramp, l.config.Seed)
	ends, warming := l.config.ends(), l.config.WarmUp > 0
	over, stop := l.timer()
	defer stop()
	for n := uint64(0); ; n++ {
		offset, more := s.next()
		if !more {
			return
		}
		due := start.Add(offset)
		if !l.pause(ctx, due) {
			return
		}
		a := held{n: l.config.First + n, step: warmUp}
		if offset >= l.config.WarmUp {
			a.step = stepAt(ends, offset)
			if warming {
				warming = false
				l.tally.measure(start.Add(l.config.WarmUp))
			}
		}
		if l.replay != nil {
			var starved time.Duration
			if a.line, a.pass, starved = l.replay.next(ctx, a.n, over); a.line == nil {
				return
			}
			start, due = start.Add(starved), due.Add(starved)
		}
		a.due, a.deadline = due, due.Add(l.config.Deadline)
		l.pending.Add(1)
		l.tally.sent(a.step, time.Since(due))
		l.offer(a)
	}
}

// all are the steps, with the time before them.
func (c Config) all() []Step {
	if c.WarmUp == 0 {
		return c.Steps
	}
	return slices.Insert(slices.Clone(c.Steps), 0, Step{c.Steps[0].Rate, c.WarmUp})
}

// ends are when the steps end, from the start on.
func (c Config) ends() []time.Duration {
	ends := make([]time.Duration, len(c.Steps))
	at := c.WarmUp
	for i, s := range c.Steps {
		at += s.For
		ends[i] = at
	}
	return ends
}

// timer strikes when the duration is over.
func (l *Load) timer() (<-chan time.Time, func() bool) {
	if l.config.Duration <= 0 {
		return nil, func() bool { return true }
	}
	t := time.NewTimer(l.config.WarmUp + l.config.Duration)
	return t.C, t.Stop
}

// offer gives an auction to an idle connection, or lets it wait for one, or
// ends it where too many wait.
func (l *Load) offer(a held) {
	if !l.queue.push(a) {
		l.fail(a, queueFull)
	}
}

// question returns what an auction asks.
func (l *Load) question(a held) question {
	if a.line != nil {
		return question{call: l.config.Call, line: a.line, pass: a.pass, truth: a.line.truth}
	}
	return l.config.ofWorld(l.config.World.Auction(a.n, a.due), a.n)
}

// fail ends an auction that goes on without the filter.
func (l *Load) fail(a held, why failure) {
	l.tally.failed(a.step, min(time.Since(a.due), l.config.Deadline), why)
	l.pending.Done()
}

// expire ends auctions whose deadline passed while no connection was idle.
func (l *Load) expire(ctx context.Context) {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, a := range l.queue.expire(now) {
				l.fail(a, timedOut)
			}
		}
	}
}

// everySecond tells what happened in each second, and logs the latencies of
// the last one too.
func (l *Load) everySecond(ctx context.Context) {
	if l.config.EverySecond == nil && l.config.HistogramLog == nil {
		return
	}
	var log *intervals
	if to := l.config.HistogramLog; to != nil {
		log = newIntervals(to, time.Now())
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for over := false; !over; {
		now := time.Time{}
		select {
		case <-ctx.Done():
			over, now = true, time.Now()
		case now = <-tick.C:
		}
		second, latencies := l.tally.second(now)
		if log != nil && latencies.TotalCount() > 0 {
			log.write(latencies, now)
		}
		if l.config.EverySecond != nil && !over {
			l.config.EverySecond(second)
		}
	}
}

// chance returns a generator of its own for each use, all from one seed.
func chance(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }
