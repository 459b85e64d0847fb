package simulation

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// sums are what one task counted over some looks.
type sums struct {
	requests, errors, slow, shadowed float64
	n, x                             [buckets]float64 // pairs scored, filtered
	pairs, ten, one, bids            float64
	by                               [partners]float64
}

func (s *sums) add(c *counter) {
	for g := range buckets {
		s.requests += float64(c.report.Requests[g])
		s.errors += float64(c.report.Errors[g])
		s.shadowed += float64(c.report.ShadowRequests[g])
	}
	for _, v := range c.report.Latency[slowBin():] {
		s.slow += float64(v)
	}
	for k, of := range c.columns {
		for g := range buckets {
			s.n[g] += float64(of.Scored[g])
			s.x[g] += float64(of.Filtered[g])
			s.pairs += float64(of.Pairs[g])
			s.ten += float64(of.CandidateOnly[g])
			s.one += float64(of.StableOnly[g])
			s.bids += float64(of.Bids[g])
			s.by[k] += float64(of.Scored[g])
		}
	}
}

func (s *sums) rate() float64 {
	n, x := 0.0, 0.0
	for g := range buckets {
		n += s.n[g]
		x += s.x[g]
	}
	return x / n
}

// watch counts 200 looks of one task.
func watch(kind Kind, scenario Scenario, arm judge.Arm) (s sums) {
	m, c := newMarket(7, kind, scenario), newCounter("a")
	for look := range 100 {
		m.play(order{task: 3, look: look, at: 0, tried: time.Hour, arm: arm, explore: .2, sample: .1}, c)
		s.add(c)
	}
	return s
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within) {
		t.Errorf("%s is %v, want %v to %v", what, got, want, within)
	}
}

func TestTraffic(t *testing.T) {
	for _, kind := range Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			stable, worse := watch(kind, Scenario{}, judge.Control), watch(kind, Scenario{Shift: .05, ErrorRatio: 40, Slower: .10}, judge.Candidate)
			near(t, "load", stable.requests/100, perLook, 65)
			near(t, "first partner's share", stable.by[0]/(5*stable.requests), zipf()[0], .005)
			near(t, "shift", worse.rate()-stable.rate(), .05, .008)
			near(t, "share scored by both", stable.shadowed/stable.requests, 1-.8*.9, .01)
			near(t, "flips", (stable.ten+stable.one)/stable.pairs, flip/2, .006)
			near(t, "paired difference", (stable.ten-stable.one)/stable.pairs, 0, .003)
			near(t, "paired shift", (worse.ten-worse.one)/worse.pairs, .05, .004)
			near(t, "errors", worse.errors/worse.requests, 40*errorRate, .003)
			near(t, "slow requests", stable.slow/stable.requests, .0075, .003)
			if worse.slow < 1.4*stable.slow {
				t.Errorf("%v slow requests, %v with 10 %% more latency", stable.slow, worse.slow)
			}
			if stable.bids == 0 {
				t.Error("nobody bids")
			}
		})
	}
}

// clumping is the variance of the buckets' filtered pairs against that of
// independent ones.
func clumping(s sums) float64 {
	chi2, p := 0.0, s.rate()
	for g := range buckets {
		if s.n[g] > 0 {
			off := s.x[g] - p*s.n[g]
			chi2 += off * off / (s.n[g] * p * (1 - p))
		}
	}
	return chi2 / (buckets - 1)
}

func TestClumps(t *testing.T) {
	for _, tt := range []struct {
		kind      Kind
		low, high float64
	}{{Independent, .6, 1.5}, {Short, 6, 25}, {Persistent, 40, 900}} {
		if got := clumping(watch(tt.kind, Scenario{}, judge.Control)); got < tt.low || got > tt.high {
			t.Errorf("%s: variance between buckets is %.1f times that of independent pairs, want %v to %v", tt.kind, got, tt.low, tt.high)
		}
	}
}

// The same task meets the same requests whatever is asked of it.
func TestSameStreams(t *testing.T) {
	for _, kind := range Kinds() {
		m := newMarket(1, kind, Scenario{Exchange: true, Bursts: true})
		a, b := newCounter("a"), newCounter("a")
		m.play(order{task: 5, look: 9, arm: judge.Control, explore: .2, sample: .5}, a)
		m.play(order{task: 5, look: 9, arm: judge.Candidate}, b)
		if !reflect.DeepEqual(a.report.Requests, b.report.Requests) || !reflect.DeepEqual(a.report.Errors, b.report.Errors) || !reflect.DeepEqual(a.report.Latency, b.report.Latency) {
			t.Errorf("%s: the arms see different requests", kind)
		}
		for k := range a.columns {
			if !reflect.DeepEqual(a.columns[k].Scored, b.columns[k].Scored) {
				t.Errorf("%s: partner %d is asked about different requests", kind, k)
			}
		}
		m.play(order{task: 5, look: 10, arm: judge.Control}, b)
		m.play(order{task: 5, look: 9, arm: judge.Control, explore: .2, sample: .5}, b)
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s: playing again gives something else", kind)
		}
	}
}

func TestSlowHarm(t *testing.T) {
	s := Scenario{Shift: .2, After: 10 * time.Minute}
	m, c := newMarket(2, Independent, s), newCounter("a")
	var before, after sums
	for look := range 100 {
		tried := time.Duration(look) * lookEvery
		m.play(order{look: look, tried: tried, arm: judge.Candidate}, c)
		if tried < s.After {
			before.add(c)
		} else {
			after.add(c)
		}
	}
	near(t, "harm", after.rate()-before.rate(), .2, .02)
}

// What the manifest tells of the candidate's scores is what is seen of them.
func TestReference(t *testing.T) {
	for _, kind := range Kinds() {
		m, c := newMarket(5, kind, Scenario{Shift: .03}), newCounter("a")
		var seen [judge.ScoreBins]float64
		total := 0.0
		for look := range 60 {
			m.play(order{task: look % fleetSize, look: look, arm: judge.Candidate}, c)
			for i, n := range c.report.Scores {
				seen[i] += float64(n)
				total += float64(n)
			}
		}
		below, told := 0.0, 0.0
		for i, share := range m.reference() {
			below += seen[i] / total
			told += share
			near(t, string(kind)+": share of scores up to a bin", below, told, .02)
		}
		near(t, "all shares", told, 1, 1e-9)
	}
}

func BenchmarkPlay(b *testing.B) {
	m, c := newMarket(1, Persistent, Scenario{}), newCounter("a")
	for i := range b.N {
		m.play(order{look: i, arm: judge.Control, explore: .2, sample: .1}, c)
	}
}
