package simulation

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// counted is what a task counts over some looks.
func counted(s Scenario, task, looks int, o order) (c *counter, seen sums) {
	m := newMarket(7, Persistent, s)
	c = newCounter("a")
	for o.look = range looks {
		o.task = task
		m.play(o, c)
		seen.add(c)
	}
	return c, seen
}

// Half the tasks lie in each zone, whose clients and partners differ as far as
// is said, and independently of what else there is.
func TestZones(t *testing.T) {
	m := newMarket(7, Persistent, Scenario{Zones: Zones{Gap: .03, Partner: .06}})
	at := [2]int{}
	for _, p := range m.tasks {
		at[p.zone]++
	}
	if at != [2]int{fleetSize / 2, fleetSize / 2} {
		t.Errorf("tasks by zone: %v", at)
	}
	sum, squares := 0.0, 0.0
	for _, g := range m.gaps {
		sum += g
		squares += (g - .03) * (g - .03)
	}
	near(t, "mean gap of partners", sum/partners, .03, .018)
	near(t, "their spread", math.Sqrt(squares/partners), .06, .015)
	for task := range 4 {
		_, plain := counted(Scenario{}, task, 60, order{arm: judge.Control})
		_, got := counted(Scenario{Zones: Zones{Gap: .2}}, task, 60, order{arm: judge.Control})
		want := .2 * (float64(newMarket(7, Persistent, Scenario{Zones: Zones{Gap: .2}}).tasks[task].zone) - .5)
		near(t, fmt.Sprint("shift of task ", task), got.rate()-plain.rate(), want, .01)
	}
}

func TestUnlike(t *testing.T) {
	squares := 0.0
	for seed := range uint64(20) {
		for _, p := range newMarket(seed, Persistent, Scenario{Unlike: .02}).tasks {
			squares += p.habit * p.habit / (20 * fleetSize)
		}
	}
	near(t, "spread of tasks", math.Sqrt(squares), .02, .003)
	_, plain := counted(Scenario{}, 3, 60, order{arm: judge.Control})
	s := Scenario{Unlike: .1}
	_, got := counted(s, 3, 60, order{arm: judge.Control})
	near(t, "shift of a task", got.rate()-plain.rate(), newMarket(7, Persistent, s).tasks[3].habit, .01)
}

// What only the candidate's own traffic shows, a control task does not pair.
func TestLiveOnly(t *testing.T) {
	s := Scenario{Shift: .05, LiveOnly: true}
	for arm, want := range map[judge.Arm]float64{judge.Control: 0, judge.Candidate: .05} {
		_, got := counted(s, 3, 60, order{arm: arm, sample: .5})
		near(t, string(arm)+": paired shift", (got.ten-got.one)/got.pairs, want, .004)
	}
}

// Bids that only the candidate's own traffic loses are half as many among all.
// What those prove, where the margin is 0.5 pt, does not send it live.
func TestLiveOnlyBids(t *testing.T) {
	s := Scenario{BidsOn: .035, Small: true, Truth: Harmful}
	for arm, want := range map[judge.Arm]float64{judge.Control: 0, judge.Candidate: .0085} {
		_, got := counted(s, 3, 200, order{arm: arm, explore: 1})
		near(t, string(arm)+": bids lost", got.lost/got.bids, want, .0015)
	}
	var ends [6]Result
	parallel(len(ends), func(i int) { ends[i] = play(newMarket(uint64(i)+1, Persistent, s), policies(), nil) })
	if n := ended(ends[:], Promoted); n > 0 {
		t.Errorf("%d of %d promoted: %+v", n, len(ends), ends)
	}
}

func TestGrows(t *testing.T) {
	s := Scenario{Shift: .01, Grows: .005, After: 12 * time.Minute}
	for since, want := range map[time.Duration]float64{11 * time.Minute: 0, 12 * time.Minute: .01, 16 * time.Minute: .03} {
		near(t, fmt.Sprint("shift after ", since), s.shift(since), want, 1e-12)
	}
	_, got := counted(s, 3, 60, order{arm: judge.Candidate, tried: 28 * time.Minute, sample: .5})
	near(t, "paired shift after 28 minutes", (got.ten-got.one)/got.pairs, .09, .006)
}

// A connection differs with every pair or with none.
func TestWhole(t *testing.T) {
	differ, all := 0, 0
	for seed := range uint64(120) {
		m, c := newMarket(seed, Persistent, Scenario{Whole: true, Shift: .1, Lasting: 3, Small: true}), newCounter("a")
		for task := range 8 {
			m.play(order{task: task, look: 1, arm: judge.Control, sample: 1}, c)
			open := map[int]int{}
			for _, from := range m.tasks[task].connections {
				open[from.bucket]++
			}
			for g, n := range open {
				pairs, ten, one := int64(0), int64(0), int64(0)
				for _, of := range c.report.Partners {
					pairs, ten, one = pairs+of.Pairs[g], ten+of.CandidateOnly[g], one+of.StableOnly[g]
				}
				if n > 1 || pairs == 0 {
					continue
				}
				all++
				if ten > 0 {
					differ++
				}
				if ten != 0 && ten != pairs || one != 0 {
					t.Fatalf("of %d pairs of a connection %d and %d differ", pairs, ten, one)
				}
			}
		}
	}
	near(t, "share of connections that differ", float64(differ)/float64(all), .1, .025)
}

// A fifth of Pareto's connections bring most of the requests.
func TestTailed(t *testing.T) {
	most := func(s Scenario) float64 {
		_, seen := counted(s, 3, 100, order{arm: judge.Control})
		top, all := 0.0, 0.0
		for _, n := range seen.n {
			top = math.Max(top, n)
			all += n
		}
		return top / all
	}
	if even, tailed := most(Scenario{}), most(Scenario{Tailed: true}); tailed < 2*even {
		t.Errorf("the fullest bucket has %v of all pairs, %v with equal connections", tailed, even)
	}
}

// A connection that repeats itself asks the same partners and gets the same
// answers.
func TestRepeats(t *testing.T) {
	apart := 0 // connections that ask five different partners
	for task := range fleetSize {
		c, seen := counted(Scenario{Repeats: true, Lasting: 1}, task, 5, order{arm: judge.Control, sample: .5})
		some := 0
		for _, n := range seen.by {
			if n > 0 {
				some++
			}
		}
		if some > asked {
			t.Errorf("one request asks %d partners", some)
		}
		if some < asked {
			continue
		}
		apart++
		for name, of := range c.report.Partners {
			n, x := int64(0), int64(0)
			for g := range of.Scored {
				n, x = n+of.Scored[g], x+of.Filtered[g]
			}
			if x != 0 && x != n {
				t.Errorf("%s: %d of %d filtered", name, x, n)
			}
		}
	}
	if apart < 4 {
		t.Errorf("only %d of %d connections ask five partners", apart, fleetSize)
	}
}

// Where tasks end connections, another has the place of each after ten minutes,
// and not all at once.
func TestRenewed(t *testing.T) {
	m := newMarket(3, Persistent, Scenario{Renewed: true})
	of := func(look int) (all []connection) {
		d := dice{market: m, order: order{look: look}}
		for which := range m.tasks[0].connections {
			all = append(all, d.successor(&m.tasks[0], which))
		}
		return all
	}
	same := func(a, b []connection) (n int) {
		for i := range a {
			if a[i] == b[i] {
				n++
			}
		}
		return n
	}
	first := of(1)
	if n := same(first, of(1)); n != lasting {
		t.Errorf("%d of %d are the same at the same time", n, lasting)
	}
	if n := same(first, of(1+ageLooks/2)); n < lasting/3 || n > 2*lasting/3 {
		t.Errorf("%d of %d are left after five minutes", n, lasting)
	}
	if n := same(first, of(1+ageLooks)); n > 0 {
		t.Errorf("%d are left after ten minutes", n)
	}
}

// The dearest bids are lost, and no others.
func TestDearest(t *testing.T) {
	const lost = .02
	for _, tt := range []struct {
		s    Scenario
		want float64
	}{{Scenario{Dearest: lost}, lost}, {Scenario{Dearest: lost, After: time.Hour}, 0}} {
		m := newMarket(7, Persistent, tt.s)
		c, bids, gone := newCounter("a"), 0.0, 0.0
		for look := range 60 {
			m.play(order{task: 3, look: look, arm: judge.Candidate, explore: 1}, c)
			for _, of := range c.report.Partners {
				for g := range buckets {
					bids += float64(of.Bids[g])
					gone += float64(of.BidsCandidateOnly[g] - of.BidsStableOnly[g])
				}
			}
		}
		near(t, "share of bids lost", gone/bids, tt.want, .006)
	}
	d := dice{market: newMarket(7, Persistent, Scenario{Dearest: lost}), side: chance(1)}
	above, n := 0.0, 0.0
	for range 200_000 {
		if price := d.offer(1, 1); price > 0 {
			n++
			if price >= math.Exp(bidSpread*normalQuantile(1-lost)) {
				above++
			}
		}
	}
	near(t, "bids", n/200_000, bidRate, .003)
	near(t, "share above the price", above/n, lost, .004)
}

// Tasks come when they should, whoever judges; each with an identity of its own.
func TestArrivals(t *testing.T) {
	w := newWorld(newMarket(3, Persistent, Scenario{Scales: true, Small: true}))
	for w.look < 60 {
		w.count()
		want := firstTasks
		if w.since(0) >= scaleAfter {
			want = scaledTasks
		}
		if len(w.tasks) != want || w.market.tasks[w.tasks[want-1].place].open != lasting {
			t.Fatalf("%d tasks after %v, want %d", len(w.tasks), w.since(0), want)
		}
	}
	m := newMarket(3, Persistent, Scenario{Churns: true, Small: true})
	w = newWorld(m)
	came := map[string]bool{}
	for w.look < mostLooks {
		w.count()
		for slot := range w.tasks {
			came[w.tasks[slot].ID] = true
			if task, ok := m.occupant(slot, w.look); !ok || task != w.tasks[slot].place {
				t.Fatalf("look %d: task %d in slot %d, want %d", w.look, w.tasks[slot].place, slot, task)
			}
		}
	}
	if n := len(came) - fleetSize; n != len(m.arrivals) || n < 5 || n > 25 {
		t.Errorf("%d tasks came in forty minutes, %d arrivals", n, len(m.arrivals))
	}
}

// One task of the candidate fails, in one look.
func TestFails(t *testing.T) {
	w := newWorld(newMarket(1, Persistent, Scenario{Small: true, Fails: true, After: time.Minute}))
	for i, release := range []string{stableRelease, candidateOf, candidateOf} {
		w.apply(rollout.Assign{Task: taskName(i), Release: release, Buckets: buckets, Generation: 1})
	}
	failed := 0
	for range 20 {
		for _, task := range w.count() {
			errors, requests := int64(0), int64(0)
			for g := range buckets {
				errors, requests = errors+task.counter.report.Errors[g], requests+task.counter.report.Requests[g]
			}
			if 10*errors < requests {
				continue
			}
			failed++
			if at := w.since(0); task.ID != taskName(1) || at != time.Minute {
				t.Errorf("%s fails at %v", task.ID, at)
			}
			near(t, "share that fails", float64(errors)/float64(requests), failRate, .1)
		}
	}
	if failed != 1 {
		t.Errorf("%d looks of a failing task", failed)
	}
}
