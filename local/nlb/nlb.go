// Package nlb stands in for AWS's Network Load Balancer on one machine: it
// spreads connections, not requests, by a hash of the flow over the targets
// that pass their health check.
//
// It does not read what flows, speak TLS or UDP, or weigh targets. As with the
// real one, a long connection stays where it is when targets come and go, and
// when no target is healthy all are tried. Unlike the real one it moves a new
// connection to the next target when a dial is refused, and it leaves the
// flows of an unhealthy target alone.
package nlb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/inetaf/tcpproxy"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/sorting"
)

// Target is where connections may go.
type Target struct {
	ID      string // of the ECS task
	Address string // host:port of the flows
	Health  string // host:port that answers GET /readyz
}

// Config is what a Balancer needs. Targets and Healthy are required.
type Config struct {
	// Targets are the registered targets of now. An error leaves those of
	// before.
	Targets func(ctx context.Context) ([]Target, error)
	// Healthy says whether a target may get new flows.
	Healthy func(ctx context.Context, t Target) bool
	// Interval is between looks at the targets and their health; default 1 s.
	Interval time.Duration
	// Drain is how long flows go on after their target has been taken away;
	// default 30 s (AWS: 300 s).
	Drain time.Duration
	// MaxFlows bounds the connections at one time; default 20000.
	MaxFlows int
	Log      *slog.Logger // may be nil
}

// dialLimit bounds one attempt to reach a target.
const dialLimit = 2 * time.Second

// Balancer spreads connections. Make it with New.
type Balancer struct {
	config Config
	base   context.Context //nolint:containedctx // dials outlive no Run, and tcpproxy hands us none

	look  sync.Mutex // held while looking, so that looks do not overtake each other
	blind bool       // the last look could not find the targets; guarded by look

	mu      sync.Mutex // guards everything below
	ready   []Target   // get new flows
	targets map[string]*state
	flows   int
	refused int64
	running sync.WaitGroup
}

// state is what is known of one target, until its last flow has ended.
type state struct {
	target   Target
	healthy  bool
	gone     time.Time // when it was taken away; zero while it is registered
	total    int64
	failures int64
	flows    map[net.Conn]struct{}
}

// New checks nothing yet; Run does.
func New(c Config) *Balancer {
	if c.Interval == 0 {
		c.Interval = time.Second
	}
	if c.Drain == 0 {
		c.Drain = 30 * time.Second
	}
	if c.MaxFlows == 0 {
		c.MaxFlows = 20000
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Balancer{config: c, targets: map[string]*state{}}
}

// Run serves the listener until ctx ends, and then cuts all flows.
func (b *Balancer) Run(ctx context.Context, l net.Listener) error {
	b.base = ctx
	b.Look(ctx)
	proxy := &tcpproxy.Proxy{ListenFunc: func(string, string) (net.Listener, error) { return l, nil }}
	proxy.AddRoute(l.Addr().String(), b)
	if err := proxy.Start(); err != nil {
		return fmt.Errorf("start the load balancer: %w", err)
	}
	beat := time.NewTicker(b.config.Interval)
	defer beat.Stop()
	for ctx.Err() == nil {
		select {
		case <-beat.C:
			b.Look(ctx)
		case <-ctx.Done():
		}
	}
	err := proxy.Close()
	if stopped := proxy.Wait(); !errors.Is(stopped, net.ErrClosed) {
		err = errors.Join(err, stopped)
	}
	b.cut(func(*state) bool { return true })
	b.running.Wait()
	return err
}

// Look asks for the targets and their health once. Run does so at every
// interval.
func (b *Balancer) Look(ctx context.Context) {
	b.look.Lock()
	defer b.look.Unlock()
	targets, err := b.config.Targets(ctx)
	if err != nil {
		targets = b.registered()
	}
	b.tell(ctx, err)
	healthy := b.check(ctx, targets)
	if ctx.Err() != nil {
		return
	}
	b.update(ctx, targets, healthy, time.Now())
	b.cut(func(s *state) bool { return !s.gone.IsZero() && time.Since(s.gone) > b.config.Drain })
}

// tell logs when the targets are no longer known, and when they are again.
func (b *Balancer) tell(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil || (err != nil) == b.blind:
		return
	case err != nil:
		b.config.Log.WarnContext(ctx, "targets not known; those of before stay", "err", err)
	default:
		b.config.Log.InfoContext(ctx, "targets known again")
	}
	b.blind = err != nil
}

func (b *Balancer) registered() []Target {
	b.mu.Lock()
	defer b.mu.Unlock()
	var targets []Target
	for _, s := range b.targets {
		if s.gone.IsZero() {
			targets = append(targets, s.target)
		}
	}
	return targets
}

func (b *Balancer) check(ctx context.Context, targets []Target) []bool {
	healthy := make([]bool, len(targets))
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	var checks errgroup.Group
	checks.SetLimit(32)
	for i, t := range targets {
		checks.Go(func() error {
			healthy[i] = b.config.Healthy(ctx, t)
			return nil
		})
	}
	_ = checks.Wait() // they return none
	return healthy
}

func (b *Balancer) update(ctx context.Context, targets []Target, healthy []bool, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	listed := map[string]bool{}
	b.ready = nil
	for i, t := range targets {
		listed[t.ID] = true
		s, known := b.targets[t.ID]
		if !known {
			s = &state{flows: map[net.Conn]struct{}{}}
			b.targets[t.ID] = s
		}
		if !known || s.healthy != healthy[i] {
			b.config.Log.InfoContext(ctx, "target seen", "task", t.ID, "address", t.Address, "healthy", healthy[i])
		}
		s.target, s.healthy, s.gone = t, healthy[i], time.Time{}
		if s.healthy {
			b.ready = append(b.ready, t)
		}
	}
	if len(b.ready) == 0 {
		b.ready = slices.Clone(targets) // fail open, as AWS does
	}
	for id, s := range b.targets {
		switch {
		case listed[id]:
		case s.gone.IsZero():
			s.gone = now
			b.config.Log.InfoContext(ctx, "target taken away", "task", id, "flows", len(s.flows))
		case len(s.flows) == 0:
			delete(b.targets, id)
		}
	}
}

// cut ends the flows of the targets that which picks.
func (b *Balancer) cut(which func(*state) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.targets {
		if !which(s) {
			continue
		}
		for c := range s.flows {
			_ = c.Close() // it is over either way
		}
	}
}

// HandleConn implements tcpproxy.Target: one flow from its first to its last
// byte.
func (b *Balancer) HandleConn(src net.Conn) {
	if !b.admit() {
		_ = src.Close() // it is told nothing else
		return
	}
	defer b.leave()
	var taken *state
	var dst net.Conn
	proxy := tcpproxy.DialProxy{
		DialTimeout: -1, // dial has its own
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			var err error
			dst, taken, err = b.dial(src)
			return dst, err
		},
		OnDialError: func(src net.Conn, err error) {
			b.config.Log.DebugContext(b.base, "flow not placed", "err", err)
			b.count(func() { b.refused++ })
			_ = src.Close() // it is told nothing else
		},
	}
	proxy.HandleConn(src)
	if taken != nil {
		b.count(func() { delete(taken.flows, dst) })
	}
}

func (b *Balancer) admit() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.flows >= b.config.MaxFlows || b.base.Err() != nil {
		b.refused++
		return false
	}
	b.flows++
	b.running.Add(1)
	return true
}

func (b *Balancer) leave() {
	b.count(func() { b.flows-- })
	b.running.Done()
}

func (b *Balancer) count(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// dial tries the targets in the flow's own order.
func (b *Balancer) dial(src net.Conn) (net.Conn, *state, error) {
	b.mu.Lock()
	order := rank(src.RemoteAddr().String()+">"+src.LocalAddr().String(), b.ready)
	b.mu.Unlock()
	err := errors.New("no target is registered")
	for _, t := range order {
		var dst net.Conn
		dialer := net.Dialer{Timeout: dialLimit}
		if dst, err = dialer.DialContext(b.base, "tcp", t.Address); err == nil {
			return dst, b.place(t, dst), nil
		}
		b.count(func() {
			if s, ok := b.targets[t.ID]; ok {
				s.failures++
			}
		})
	}
	return nil, nil, fmt.Errorf("reach a target: %w", err)
}

// place books a flow. Its target may just have been forgotten.
func (b *Balancer) place(t Target, dst net.Conn) *state {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.targets[t.ID]
	if !ok {
		s = &state{target: t, gone: time.Now(), flows: map[net.Conn]struct{}{}}
		b.targets[t.ID] = s
	}
	s.total++
	s.flows[dst] = struct{}{}
	return s
}

// Count is what a target has had to do.
type Count struct {
	Task         string `json:"task"`
	Address      string `json:"address"`
	Healthy      bool   `json:"healthy"`
	Draining     bool   `json:"draining,omitempty"`
	Flows        int    `json:"flows"`         // now
	TotalFlows   int64  `json:"total_flows"`   // since it was first seen
	DialFailures int64  `json:"dial_failures"` // after which the next target was tried
}

// Counts are the targets', by task, and the connections that found none.
func (b *Balancer) Counts() (counts []Count, refused int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, s := range b.targets {
		counts = append(counts, Count{
			Task: id, Address: s.target.Address, Healthy: s.healthy, Draining: !s.gone.IsZero(),
			Flows: len(s.flows), TotalFlows: s.total, DialFailures: s.failures,
		})
	}
	sorting.By(counts, func(a, b *Count) int { return compare(a.Task, b.Task) })
	return counts, b.refused
}
