package auction

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
)

// A fleet that answers nothing between 300 ms and 600 ms: of 99 auctions every
// 10 ms, those that were meant to begin in between waited for its end, each
// from its own moment on, whether it found a connection or not. Those after it
// are not late.
func TestOpenLoop(t *testing.T) {
	for _, connections := range []int{1, 4, 64} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			f := &fleet{decide: func(n uint64, partners []string) (*adfilter.Decision, error) {
				if at := time.Since(start); at >= 300*time.Millisecond && at < 600*time.Millisecond {
					time.Sleep(600*time.Millisecond - at)
				}
				return forwardAll(n, partners)
			}}
			c := small()
			c.Connections = connections
			l := inBubble(t, c, f)
			s := run(t, l)
			if s.Auctions.Sent != 99 || s.Auctions.Answered != 99 {
				t.Errorf("with %d connections: auctions %+v, want 99 sent and answered", connections, s.Auctions)
			}
			// 300, 310, ... 590 ms waited 300, 290, ... 10 ms.
			for wait, want := range map[time.Duration]int64{
				0: 30, 95 * time.Millisecond: 21, 195 * time.Millisecond: 11, 295 * time.Millisecond: 1, 301 * time.Millisecond: 0,
			} {
				if got := slower(l, max(wait, time.Microsecond)); got != want {
					t.Errorf("with %d connections: %d auctions took over %v, want %d", connections, got, wait, want)
				}
			}
			if s.Late.Max > 1 {
				t.Errorf("an auction began %d us late", s.Late.Max)
			}
		})
	}
}

// Without answers every auction goes on at its deadline, no more calls are in
// flight than connections, and no more auctions wait than the queue holds.
func TestFailsOpenWithinBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{decide: func(uint64, []string) (*adfilter.Decision, error) {
			time.Sleep(10 * time.Second)
			return nil, errHangUp
		}}
		c := small()
		c.Connections, c.Queue, c.Deadline = 2, 3, 100*time.Millisecond
		l := inBubble(t, c, f)
		s := run(t, l)
		f.serving.Wait()
		if s.Auctions.Failed != 99 || s.FailedBy.Timeout+s.FailedBy.QueueFull != 99 || s.FailedBy.QueueFull == 0 {
			t.Errorf("auctions %+v by %+v, want 99 failed, all by timeout or full queue", s.Auctions, s.FailedBy)
		}
		if s.Latency.Max > 101_000 {
			t.Errorf("an auction went on after %d us, want at most its deadline of 100000", s.Latency.Max)
		}
		// Each call that was given up cost its connection.
		end := l.Snapshot().Connections // when all slots have ended
		if int64(len(f.conns)) != end.Broken+end.Rotated || end.Open != 0 || end.Rotated > 2 {
			t.Errorf("connections %+v, and the fleet saw %d", end, len(f.conns))
		}
	})
}

// In flight is never more than the connections, however many auctions wait.
func TestInFlightIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{decide: func(n uint64, partners []string) (*adfilter.Decision, error) {
			time.Sleep(50 * time.Millisecond)
			return forwardAll(n, partners)
		}}
		c := small()
		c.Connections, c.Deadline = 3, 10*time.Second
		s := run(t, inBubble(t, c, f))
		if s.Auctions.Answered != 99 || f.most.Load() != 3 {
			t.Errorf("answered %d with at most %d in flight, want 99 with 3", s.Auctions.Answered, f.most.Load())
		}
	})
}

// Deadlines hold also while there is no connection at all.
func TestExpiresWithoutConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{decide: func(uint64, []string) (*adfilter.Decision, error) { return nil, errHangUp }}
		c := small()
		c.Deadline, c.Retries = 100*time.Millisecond, 10
		l := inBubble(t, c, f)
		var dials atomic.Int64
		l.dial = func(ctx context.Context, target string) (net.Conn, error) {
			if dials.Add(1) > 4 {
				return nil, errors.New("refused")
			}
			return f.pipe(ctx, target)
		}
		s := run(t, l)
		if s.FailedBy.Timeout != 99 || s.Latency.Max > 101_000 || s.Connections.Refused == 0 {
			t.Errorf("failed by %+v, at most after %d us, connections %+v", s.FailedBy, s.Latency.Max, s.Connections)
		}
		if n := dials.Load(); n > 60 {
			t.Errorf("%d connections were tried in 1.1 s: no backoff", n)
		}
	})
}

// A server that closes idle connections, as one does that drains, costs nobody
// an auction, nor a second try.
func TestServerClosesBetweenAuctions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{decide: forwardAll}
		l := inBubble(t, small(), f)
		go func() {
			time.Sleep(5 * time.Millisecond)
			for range 5 {
				time.Sleep(100 * time.Millisecond) // no auction is in hand then
				f.hangUp()
			}
		}()
		s := run(t, l)
		if s.Auctions.Answered != 99 || s.Auctions.Retried != 0 || s.Connections.Closed != 20 || s.Connections.Broken != 0 {
			t.Errorf("auctions %+v, connections %+v: want 99 answered, none retried, 20 closed", s.Auctions, s.Connections)
		}
	})
}

// Connections that break with an auction in hand: it is answered on another.
func TestRetries(t *testing.T) {
	for _, tt := range []struct {
		retries            int
		breaks             uint64 // an auction breaks so many connections
		answered, failures int64
	}{
		{0, 3, 99, 0}, // the default
		{2, 1, 99, 0},
		{2, 2, 99, 0},
		{2, 3, 89, 10}, // every tenth of the auctions 0 to 98
		{1, 2, 89, 10},
		{-1, 1, 89, 10},
	} {
		t.Run(fmt.Sprintf("%d breaks, %d retries", tt.breaks, tt.retries), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var broke [100]atomic.Uint64
				f := &fleet{decide: func(n uint64, partners []string) (*adfilter.Decision, error) {
					if n%10 == 0 && broke[n].Add(1) <= tt.breaks {
						return nil, errHangUp
					}
					return forwardAll(n, partners)
				}}
				c := small()
				c.Retries = tt.retries
				s := run(t, inBubble(t, c, f))
				if s.Auctions.Answered != tt.answered || s.FailedBy.Connection != tt.failures {
					t.Errorf("auctions %+v, failed by %+v, want %d answered and %d failed", s.Auctions, s.FailedBy, tt.answered, tt.failures)
				}
				if want := min(int64(tt.breaks), int64(max(cmp.Or(tt.retries, 3), 0))) * 10; s.Auctions.Retried != want {
					t.Errorf("%d retries, want %d", s.Auctions.Retried, want)
				}
			})
		})
	}
}

// Answers that do not fit, and errors, are tried again without giving up the
// connection.
func TestUnfitAnswers(t *testing.T) {
	for name, unfit := range map[string]decider{
		"too few": func(n uint64, p []string) (*adfilter.Decision, error) { return decided(n, "r1", p[1:]), nil },
		"reversed": func(n uint64, p []string) (*adfilter.Decision, error) {
			p[0], p[1] = p[1], p[0]
			return decided(n, "r1", p), nil
		},
		"error": func(uint64, []string) (*adfilter.Decision, error) { return nil, errors.New("out of order") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked [100]atomic.Int64
				f := &fleet{decide: func(n uint64, partners []string) (*adfilter.Decision, error) {
					if n == 7 || n%2 == 0 && asked[n].Add(1) == 1 {
						return unfit(n, partners)
					}
					return forwardAll(n, partners)
				}}
				s := run(t, inBubble(t, small(), f))
				if s.Auctions.Answered != 98 || s.Auctions.Failed != 1 || s.Auctions.Retried != 53 || s.Connections.Broken != 0 {
					t.Errorf("auctions %+v, connections %+v: want 98 answered, 1 failed after 3 retries, 50 retried, none broken", s.Auctions, s.Connections)
				}
			})
		})
	}
}

// Connections are replaced for their age without anybody noticing.
func TestConnectionAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{decide: forwardAll}
		c := small()
		c.ConnectionAge, c.Duration = 100*time.Millisecond, 10*time.Second
		s := run(t, inBubble(t, c, f))
		if s.Auctions.Answered != 999 || s.Auctions.Retried != 0 || s.Connections.Rotated < 250 || s.Connections.Rotated > 700 {
			t.Errorf("auctions %+v, connections %+v: want 999 answered, some 400 rotated", s.Auctions, s.Connections)
		}
	})
}

func TestEndsEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 505*time.Millisecond)
		defer cancel()
		f := &fleet{decide: func(n uint64, partners []string) (*adfilter.Decision, error) {
			time.Sleep(20 * time.Millisecond)
			return forwardAll(n, partners)
		}}
		c := small()
		c.Duration = 0
		s, err := inBubble(t, c, f).Run(ctx)
		if err != nil || s.Auctions.Answered != 50 || s.InHand != 0 {
			t.Errorf("auctions %+v, %d in hand, err %v: want 50 answered", s.Auctions, s.InHand, err)
		}
	})
}

func TestEverySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{decide: func(n uint64, partners []string) (*adfilter.Decision, error) {
			return decided(n, fmt.Sprint("r", n/150), partners), nil
		}}
		var seconds []Second
		c := small()
		c.Duration, c.EverySecond = 3005*time.Millisecond, func(s Second) { seconds = append(seconds, s) }
		l := inBubble(t, c, f)
		s := run(t, l)
		if len(seconds) != 3 {
			t.Fatalf("%d seconds, want 3", len(seconds))
		}
		byRelease := map[string]int64{}
		for _, one := range seconds {
			for r, n := range one.Releases {
				byRelease[r] += n
			}
			if n := one.Auctions.Answered; n < 99 || n > 101 {
				t.Errorf("second %v: %d answered, want 100", one.Second, n)
			}
		}
		if s.Auctions.Answered != 300 || byRelease["r0"] != 150 || byRelease["r1"] < 149 || len(s.Releases) != 2 {
			t.Errorf("%d answered, by release %v in the seconds, %d releases in all", s.Auctions.Answered, byRelease, len(s.Releases))
		}
	})
}

// All connections break in the moment an auction arrives: it outlives them.
func TestAllBreakAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{decide: forwardAll}
		go func() {
			for range 9 {
				time.Sleep(100 * time.Millisecond)
				f.hangUp()
			}
		}()
		s := run(t, inBubble(t, small(), f))
		if s.Auctions.Answered != 99 {
			t.Errorf("auctions %+v by %+v, connections %+v: want 99 answered", s.Auctions, s.FailedBy, s.Connections)
		}
	})
}

// One of three tasks dies at once, with everything it had in hand: no auction
// fails. Over real sockets.
func TestKilledTask(t *testing.T) {
	var fleets [3]fleet
	var addrs [3]string
	var asked [3]atomic.Int64
	var kill func()
	killed := make(chan struct{})
	for i := range fleets {
		fleets[i].decide = func(n uint64, partners []string) (*adfilter.Decision, error) {
			if asked[i].Add(1) == 50 && i == 0 {
				close(killed) // with this one, at least, in hand
				<-t.Context().Done()
			}
			return forwardAll(n, partners)
		}
		var stop func()
		addrs[i], stop = fleets[i].listen(t)
		if i == 0 {
			kill = stop
		}
	}
	c := small()
	c.Rate, c.Arrivals, c.Connections, c.Duration, c.Deadline = 1000, Poisson, 30, 800*time.Millisecond, 30*time.Second
	l, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	var dials atomic.Int64
	l.dial = func(ctx context.Context, target string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addrs[dials.Add(1)%3])
	}
	go func() {
		<-killed
		kill()
	}()
	s := run(t, l)
	if s.Auctions.Failed != 0 || s.Auctions.Retried == 0 || s.Connections.Broken == 0 || s.Connections.Refused == 0 {
		t.Errorf("auctions %+v by %+v, connections %+v: want none failed, some retried", s.Auctions, s.FailedBy, s.Connections)
	}
}

// Every protocol, over real sockets: answers by release, degraded ones, what
// decisions were worth, and each explored auction reported once.
func TestCountsAndReports(t *testing.T) {
	for _, protocol := range []Protocol{FramedBinary, FramedCompact, Binary, Compact} {
		t.Run(string(protocol), func(t *testing.T) {
			f := &fleet{protocol: protocol, decide: mixed}
			c := small()
			address, _ := f.listen(t)
			c.Targets = []string{address}
			c.Protocol, c.Rate, c.Duration, c.Deadline = protocol, 2000, 150*time.Millisecond, 30*time.Second
			s, err := Run(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			checkMixed(t, s, uint64(s.Auctions.Sent))
			seen := map[string]bool{}
			for _, o := range f.reported() {
				n := string(o.Receipt)
				if seen[n] || !strings.HasSuffix(n, "0") {
					t.Errorf("receipt %s was reported twice, or was not explored", n)
				}
				seen[n] = true
				if fmt.Sprint(o.Bidders) != "[north south]" { // they were called, explored as the auction was
					t.Errorf("outcome of %s: bidders %v", n, o.Bidders)
				}
			}
			if want := (s.Auctions.Sent + 9) / 10; int64(len(seen)) != want || s.Reports.Outcomes != want || s.Reports.Dropped != 0 {
				t.Errorf("%d outcomes arrived, reports %+v, want %d", len(seen), s.Reports, want)
			}
		})
	}
}

// mixed: each auction ending in 0 is explored, in 5 degraded; even ones are
// decided by "even", which filters north, others by "odd", which filters void.
func mixed(n uint64, partners []string) (*adfilter.Decision, error) {
	if n%10 == 5 {
		return &adfilter.Decision{Degraded: true, Receipt: []byte("nobody may report this")}, nil
	}
	d := decided(n, "odd", partners, "void")
	if n%2 == 0 {
		d = decided(n, "even", partners, "north")
	}
	d.Explored = n%10 == 0
	return d, nil
}

func checkMixed(t *testing.T, s Summary, sent uint64) {
	t.Helper()
	var even, odd, degraded, explored int64
	for n := range sent {
		switch {
		case n%10 == 5:
			degraded++
		case n%2 == 1:
			odd++
		default:
			even++
		}
		if n%10 == 0 {
			explored++
		}
	}
	if s.Auctions.Degraded != degraded || s.Auctions.Answered != even+odd || s.Auctions.Failed != 0 || len(s.Releases) != 2 {
		t.Fatalf("auctions %+v by %d releases, want %d degraded, %d answered by 2", s.Auctions, len(s.Releases), degraded, even+odd)
	}
	// Even auctions: north and south bid, north is filtered where not explored.
	e, o := s.Releases[0], s.Releases[1]
	want := Worth{
		Pairs: 4 * even, Filtered: even, Saved: even - explored, Bids: 2 * even, BidsLost: even - explored,
		ExploredBids: 2 * explored, ExploredBidsFiltered: explored,
	}
	want.share()
	if e.Release != "even" || e.Answers != even || e.Explored != explored || e.Worth != want {
		t.Errorf("release %s: %d answers, %d explored, worth\n%+v, want\n%+v", e.Release, e.Answers, e.Explored, e.Worth, want)
	}
	if math.Abs(e.Worth.ExploredBidsLostShare-0.5) > 1e-9 {
		t.Errorf("exploration sees %v of the bids lost, want 0.5", e.Worth.ExploredBidsLostShare)
	}
	// Odd ones: north bids; void never does.
	want = Worth{Pairs: 4 * odd, Filtered: odd, Saved: odd, Bids: odd}
	want.share()
	if o.Release != "odd" || o.Answers != odd || o.Worth != want {
		t.Errorf("release %s: %d answers, worth %+v, want %+v", o.Release, o.Answers, o.Worth, want)
	}
}

// What is not explored is reported for a share, what was not decided never.
func TestReportShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{decide: func(n uint64, partners []string) (*adfilter.Decision, error) {
			d, _ := forwardAll(n, partners)
			d.Degraded = n%2 == 0
			return d, nil
		}}
		c := small()
		c.Rate, c.ReportShare = 1000, 0.2
		s := run(t, inBubble(t, c, f))
		if n := len(f.reported()); n < 60 || n > 140 || s.Reports.Outcomes != int64(n) {
			t.Errorf("%d outcomes of 499 decisions arrived, reports %+v; want some 100", n, s.Reports)
		}
	})
}

// The report of a connection that broke gets a second try; without any
// connection it is dropped, and counted.
func TestReportsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{}
		var dials atomic.Int64
		f.decide = func(n uint64, partners []string) (*adfilter.Decision, error) {
			d, _ := forwardAll(n, partners)
			d.Explored = true
			return d, nil
		}
		c := small()
		l := inBubble(t, c, f)
		l.dial = func(ctx context.Context, target string) (net.Conn, error) {
			if dials.Add(1) > 4 {
				return nil, errors.New("refused")
			}
			return f.pipe(ctx, target)
		}
		go func() {
			time.Sleep(505 * time.Millisecond)
			f.hangUp()
		}()
		s := run(t, l)
		if s.Reports.Dropped == 0 || s.Reports.Outcomes+s.Reports.Dropped != s.Auctions.Answered || s.Reports.Outcomes != int64(len(f.reported())) {
			t.Errorf("reports %+v, %d arrived, auctions %+v", s.Reports, len(f.reported()), s.Auctions)
		}
	})
}

func TestManyReleases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{decide: func(n uint64, partners []string) (*adfilter.Decision, error) {
			return decided(n, fmt.Sprint(n), partners), nil
		}}
		s := run(t, inBubble(t, small(), f))
		if len(s.Releases) != maxReleases+1 || s.Releases[0].Release != otherRelease || s.Releases[0].Answers != 99-maxReleases {
			t.Errorf("%d releases, the first %+v", len(s.Releases), s.Releases[0])
		}
	})
}

func TestConfigRefuses(t *testing.T) {
	for _, tt := range []struct {
		want string
		edit func(*Config)
	}{
		{"--target HOST:PORT", func(c *Config) { c.Targets = nil }},
		{"read --target", func(c *Config) { c.Targets = []string{"nowhere"} }},
		{"world", func(c *Config) { c.World = nil }},
		{"--rate", func(c *Config) { c.Rate = 0 }},
		{"--rate", func(c *Config) { c.Rate = math.NaN() }},
		{"--rate", func(c *Config) { c.Rate = 1e7 }},
		{"--connections", func(c *Config) { c.Connections = 0 }},
		{"--connections", func(c *Config) { c.Connections = 1e6 }},
		{"--depth", func(c *Config) { c.Depth = -1 }},
		{"--depth", func(c *Config) { c.Depth = MaxDepth + 1 }},
		{"--duration", func(c *Config) { c.Duration = -1 }},
		{"--partners", func(c *Config) { c.Partners = 21 }},
		{"--tmax", func(c *Config) { c.Deadline = time.Microsecond }},
		{"--queue", func(c *Config) { c.Queue = -1 }},
		{"--retries", func(c *Config) { c.Retries = 11 }},
		{"--report-share", func(c *Config) { c.ReportShare = 1.5 }},
		{"--arrivals", func(c *Config) { c.Arrivals = "bursts" }},
		{"--protocol", func(c *Config) { c.Protocol = "json" }},
	} {
		c := small()
		tt.edit(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("err %v, want it to name %s", err, tt.want)
		}
	}
}

// One decision on four partners over loopback, server included.
func BenchmarkAuction(b *testing.B) {
	for _, depth := range []int{1, 16} {
		b.Run(fmt.Sprintf("depth=%d", depth), func(b *testing.B) {
			f := &fleet{decide: forwardAll}
			c := small()
			address, _ := f.listen(b)
			c.Targets = []string{address}
			c.Connections, c.Depth, c.Rate, c.Deadline = 1, depth, 1, time.Minute
			l, err := New(c)
			if err != nil {
				b.Fatal(err)
			}
			s := newSlot(l, 0)
			ctx, cancel := context.WithCancel(b.Context())
			raw, err := l.dial(ctx, l.config.Targets[0])
			if err != nil {
				b.Fatal(err)
			}
			var serving sync.WaitGroup
			serving.Go(func() { s.serve(ctx, newConn(raw, s)) })
			b.ReportAllocs()
			for n := uint64(0); b.Loop(); n++ {
				for len(s.work) == cap(s.work) {
					runtime.Gosched()
				}
				now := time.Now()
				l.pending.Add(1)
				l.offer(held{n: n, due: now, deadline: now.Add(time.Minute)})
			}
			l.pending.Wait()
			cancel()
			serving.Wait()
		})
	}
}
