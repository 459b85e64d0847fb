package auction

import (
	"context"
	"errors"
	"maps"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
)

// Auctions of the warm-up are held and count for nothing; the others count
// under their rate, by when they were meant to begin.
func TestStepsAreToldApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		began := time.Now()
		f := &fleet{decide: func(n uint64, partners []string) (*adfilter.Decision, error) {
			asked.Add(1)
			if now := time.Since(began); now < time.Second || now >= 3*time.Second { // in the warm-up and the second step
				time.Sleep(50 * time.Millisecond)
			}
			return forwardAll(n, partners)
		}}
		c := small()
		c.Steps, c.WarmUp = []Step{{100, 2 * time.Second}, {200, time.Second}}, time.Second
		c.Connections = 32
		s := run(t, inBubble(t, c, f))
		if s.Rate != 200 || s.WarmUp != 99 || s.Auctions.Sent != 400 || s.Auctions.Answered != 400 || asked.Load() != 499 || s.Worth.Pairs != 4*400 {
			t.Errorf("%d asked, %+v", asked.Load(), s)
		}
		if len(s.Steps) != 2 || s.Steps[0].Auctions.Sent != 200 || s.Steps[1].Auctions.Sent != 200 || s.Steps[1].Auctions.Answered != 200 {
			t.Fatalf("steps %+v", s.Steps)
		}
		if fast, slow := s.Steps[0].Latency.Max, s.Steps[1].Latency.P50; fast >= 10_000 || slow < 49_000 {
			t.Errorf("steps %+v", s.Steps)
		}
		if s.Seconds < 3 || s.Seconds > 3.2 {
			t.Errorf("%v s", s.Seconds)
		}
	})
}

// What became of the warm-up's auctions is reported as truly as of others.
func TestWarmUpReportsTheTruth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{decide: mixed}
		c := small()
		c.WarmUp, c.Duration = 10*time.Second, time.Nanosecond
		s := run(t, inBubble(t, c, f))
		if s.WarmUp < 900 || s.Auctions.Sent > 1 {
			t.Fatalf("%+v", s)
		}
		bidders := 0
		for _, o := range f.reported() {
			bidders += len(o.Bidders)
		}
		if bidders == 0 {
			t.Errorf("%d outcomes, and nobody bid", len(f.reported()))
		}
	})
}

// Several targets get the same number of connections.
func TestTargetsShareTheConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := small()
		c.Targets, c.Connections = []string{"a:1", "b:1", "c:1"}, 6
		f := &fleet{decide: forwardAll}
		l := inBubble(t, c, f)
		var mu sync.Mutex
		dialed := map[string]int{}
		l.dial = func(ctx context.Context, target string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			dialed[target]++
			return f.pipe(ctx, target)
		}
		if s := run(t, l); s.Auctions.Failed != 0 || s.Target != "a:1,b:1,c:1" || !maps.Equal(dialed, map[string]int{"a:1": 2, "b:1": 2, "c:1": 2}) {
			t.Errorf("%v, %+v", dialed, s)
		}
		l = inBubble(t, c, f)
		l.dial = func(ctx context.Context, target string) (net.Conn, error) {
			if target == "c:1" {
				return nil, errors.New("refused")
			}
			return f.pipe(ctx, target)
		}
		if _, err := l.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "connect to c:1: refused") {
			t.Errorf("one target is wrong: %v", err)
		}
	})
}

func TestLimits(t *testing.T) {
	at := func(rate float64, sent, failed, degraded, p99 int64) StepSummary {
		return StepSummary{Rate: rate, Auctions: Auctions{Sent: sent, Failed: failed, Degraded: degraded}, Latency: Latency{P99: p99}}
	}
	none, all := Limits{Failed: -1}, Limits{P99: 20 * time.Millisecond, Failed: 0.01}
	for _, tt := range []struct {
		name   string
		limits Limits
		all    StepSummary
		steps  []StepSummary
		want   string // in the error
	}{
		{"no limits", none, at(0, 0, 0, 0, 0), nil, ""},
		{"kept", all, at(0, 1000, 5, 5, 20_000), nil, ""},
		{"slow", all, at(0, 1000, 0, 0, 20_100), nil, "p99 is 20.1ms: more than --max-p99 20ms"},
		{"failed", all, at(0, 1000, 11, 0, 1), nil, "1.1 % of the auctions failed or were degraded: more than --max-failed 0.01"},
		{"degraded", all, at(0, 1000, 0, 11, 1), nil, "1.1 % of the auctions"},
		{"none failed is wanted", Limits{Failed: 0}, at(0, 1000, 1, 0, 1), nil, "0.1 %"},
		{"no auctions", all, at(0, 0, 0, 0, 0), nil, "no auction was held"},
		{"one step", all, at(0, 2000, 10, 0, 1), []StepSummary{at(100, 1000, 0, 0, 1), at(400, 1000, 0, 0, 30_000)}, "at 400 auctions/s p99 is 30ms"},
	} {
		err := tt.limits.Hold(Summary{Auctions: tt.all.Auctions, Latency: tt.all.Latency, Steps: tt.steps})
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
