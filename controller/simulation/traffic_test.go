package simulation

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// sums are what one task counted over some looks.
type sums struct {
	requests, errors, slow, shadowed float64
	n, x                             [buckets]float64 // pairs scored, filtered
	pairs, ten, one, bids, lost      float64
	invalid, shadowInvalid           float64
	by                               [partners]float64
}

func (s *sums) add(c *counter) {
	for g := range buckets {
		s.requests += float64(c.report.Requests[g])
		s.errors += float64(c.report.Errors[g])
		s.shadowed += float64(c.report.ShadowRequests[g])
		s.invalid += float64(c.report.Invalid[g])
		s.shadowInvalid += float64(c.report.ShadowInvalid[g])
	}
	for _, v := range c.report.Latency[slowBin():] {
		s.slow += float64(v)
	}
	for k, of := range c.columns {
		if of.Scored == nil {
			continue
		}
		for g := range buckets {
			s.n[g] += float64(of.Scored[g])
			s.x[g] += float64(of.Filtered[g])
			s.pairs += float64(of.Pairs[g])
			s.ten += float64(of.CandidateOnly[g])
			s.one += float64(of.StableOnly[g])
			s.bids += float64(of.Bids[g])
			s.lost += float64(of.BidsCandidateOnly[g] - of.BidsStableOnly[g])
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
			near(t, "first partner's share", stable.by[0]/(5*stable.requests), zipf(partners)[0], .005)
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
		m := newMarket(1, kind, Scenario{Exchange: true, Burst: Burst{Share: .03, Chance: .01, Looks: 3}})
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

// Who serves leaves pairs without a score, and who is scored beside it does; a
// request of which the serving release leaves any is degraded as a whole. In
// other scenarios nobody leaves any.
func TestUnscored(t *testing.T) {
	for _, kind := range Kinds() {
		for _, tt := range []struct {
			arm            judge.Arm
			serving, other float64
		}{{judge.Control, invalidRate, 4 * invalidRate}, {judge.Candidate, 4 * invalidRate, invalidRate}} {
			got := watch(kind, Scenario{InvalidRatio: 4}, tt.arm)
			what := string(kind) + ", " + string(tt.arm) + ": "
			scored := 0.0
			for _, n := range got.n {
				scored += n
			}
			near(t, what+"pairs without a score", got.invalid/(scored+got.invalid), tt.serving, .0003)
			near(t, what+"the other release's", got.shadowInvalid/(got.pairs+got.shadowInvalid), tt.other, .0006)
			near(t, what+"errors", got.errors/got.requests, asked*tt.serving+errorRate, .0015)
			near(t, what+"pairs of a request", scored/(got.requests-got.errors), asked, 1e-9)
			near(t, what+"pairs scored by both", (got.pairs+got.shadowInvalid)/got.shadowed, asked, 1e-9)
			early := Scenario{InvalidRatio: 400, After: 2 * time.Hour}
			if got := watch(kind, early, tt.arm); got.invalid > 1000 || got.shadowInvalid > 1000 {
				t.Errorf("%s%v and %v pairs without a score before the candidate misbehaves", what, got.invalid, got.shadowInvalid)
			}
			if got := watch(kind, Scenario{ErrorRatio: 4}, tt.arm); got.invalid+got.shadowInvalid > 0 {
				t.Errorf("%s%v and %v pairs without a score in another scenario", what, got.invalid, got.shadowInvalid)
			}
		}
	}
}

// A neighbour's noise and a peak begin when they should, where they should,
// whatever is served; what tasks did before knows nothing of them.
func TestSlowLater(t *testing.T) {
	const late = 12 * time.Minute
	for _, tt := range []struct {
		name        string
		s           Scenario
		one, others float64 // slow requests afterwards, of the noisy task and of another
	}{
		{"calm", Scenario{After: late}, .0075, .0075},
		{"noisy", Scenario{Noisy: true, After: late}, .1, .0075},
		{"peak", Scenario{Peak: true, After: late}, .33, .33},
	} {
		m, calm := newMarket(3, Short, tt.s), newMarket(3, Short, Scenario{})
		noisy := slices.IndexFunc(newMarket(3, Short, Scenario{Noisy: true}).tasks, func(p place) bool { return p.noisy })
		for task, after := range map[int]float64{noisy: tt.one, 2: tt.others} {
			for _, arm := range []judge.Arm{judge.Candidate, judge.Control} {
				for tried, want := range map[time.Duration]float64{late - lookEvery: .0075, late: after} {
					c, seen := newCounter("a"), sums{}
					for look := range 60 {
						m.play(order{task: task, look: look, tried: tried, arm: arm}, c)
						seen.add(c)
					}
					near(t, fmt.Sprintf("%s, task %d, %s after %v: slow requests", tt.name, task, arm, tried), seen.slow/seen.requests, want, .1*want+.003)
				}
			}
			if !reflect.DeepEqual(m.past(task), calm.past(task)) {
				t.Errorf("%s: task %d was slow before", tt.name, task)
			}
		}
	}
}

// Tasks that will be canaries get half of everything, whatever they serve.
func TestShunned(t *testing.T) {
	for _, kind := range Kinds() {
		for _, arm := range []judge.Arm{judge.Candidate, judge.Control} {
			requests := func(s Scenario, task int) float64 {
				m, c, seen := newMarket(7, kind, s), newCounter("a"), sums{}
				for look := range 30 {
					m.play(order{task: task, look: look, arm: arm}, c)
					seen.add(c)
				}
				return seen.requests
			}
			for task, want := range map[int]float64{canaries()[3]: .5, controls()[3]: 1, fleetSize - 1: 1} {
				near(t, string(kind)+": share of a task's requests", requests(Scenario{Shunned: true}, task)/requests(Scenario{}, task), want, .03)
			}
		}
		w := newWorld(newMarket(7, kind, Scenario{Shunned: true}))
		w.tasks[canaries()[0]].Buckets, w.tasks[controls()[0]].Buckets = buckets, buckets
		for i, task := range w.count() {
			if got, want := task.counter.report.Connections, []int64{lasting / 2, lasting}[i]; got != want {
				t.Errorf("%s: %s tells of %d connections, want %d", kind, task.ID, got, want)
			}
		}
	}
}

// Scores that lie nearer to the threshold than their reference filter the same.
func TestNearer(t *testing.T) {
	count := func(s Scenario, arm judge.Arm) (c *counter, distance float64) {
		m, n := newMarket(5, Short, s), int64(0)
		c = newCounter("a")
		m.play(order{look: 1, arm: arm, explore: .2, sample: .1}, c)
		for i, v := range c.report.Scores {
			distance += math.Abs(2*(float64(i)+.5)/judge.ScoreBins-1) * float64(v)
			n += v
		}
		return c, distance / float64(n)
	}
	for arm, want := range map[judge.Arm]float64{judge.Control: 1, judge.Candidate: .4} {
		plain, far := count(Scenario{}, arm)
		nearer, got := count(Scenario{Nearer: .6}, arm)
		near(t, string(arm)+": distance from the threshold", got/far, want, .03)
		if !reflect.DeepEqual(plain.columns, nearer.columns) {
			t.Errorf("%s: filters otherwise", arm)
		}
	}
	if a, b := newMarket(5, Short, Scenario{}), newMarket(5, Short, Scenario{Nearer: .6}); !reflect.DeepEqual(a.reference(), b.reference()) {
		t.Error("the manifest tells of it")
	}
}

func BenchmarkPlay(b *testing.B) {
	m, c := newMarket(1, Persistent, Scenario{}), newCounter("a")
	for i := range b.N {
		m.play(order{look: i, arm: judge.Control, explore: .2, sample: .1}, c)
	}
}
