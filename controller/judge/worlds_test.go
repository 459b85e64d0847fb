package judge_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/controller/tally/tallytest"
)

// Worlds unlike the one that is usual: each is what two releases do on a few
// tasks, look by look, ten seconds apart.

const buckets = 64

// host is a task of such a world. Rates are by partner.
type host struct {
	id      string
	arm     judge.Arm
	stratum string
	rate    []float64        // filtered of what it answers
	tens    []float64        // pairs that only the candidate filters
	ones    float64          // pairs that only stable filters
	fails   float64          // share of requests
	effect  [buckets]float64 // of each bucket's connections
	counted int64
}

func (h *host) lasting(rng *rand.Rand, sd float64) *host {
	for g := range h.effect {
		h.effect[g] = sd * rng.NormFloat64()
	}
	return h
}

// wild is a world's chance and how much of its traffic is scored by both.
type wild struct {
	rng    *rand.Rand
	shares []float64 // of requests that each partner is asked for
	sample float64
	load   float64 // requests of a task in a bucket and a look
	looks  int
}

func (w *wild) binomial(n int64, p float64) (x int64) {
	for range n {
		if w.rng.Float64() < p {
			x++
		}
	}
	return x
}

// look counts what the hosts do in ten seconds.
func (w *wild) look(served bool, hosts ...*host) tally.Look {
	w.looks++
	l := tally.Look{At: time.Unix(1e9+10*int64(w.looks), 0).UTC(), Served: served}
	for _, h := range hosts {
		r := tallytest.Blank(h.id, h.arm, buckets)
		r.Stratum = h.stratum
		r.After, r.Upto = h.counted, h.counted+1
		h.counted++
		for k, share := range w.shares {
			c := tallytest.BlankColumns(buckets)
			for g := range buckets {
				if k == 0 {
					r.Requests[g] = w.binomial(int64(2*w.load), .5)
					r.Errors[g] = w.binomial(r.Requests[g], h.fails)
					r.ShadowRequests[g] = r.Requests[g]
				}
				c.Scored[g] = w.binomial(r.Requests[g]-r.Errors[g], share)
				c.Filtered[g] = w.binomial(c.Scored[g], h.rate[k]+h.effect[g])
				c.Pairs[g] = w.binomial(c.Scored[g], w.sample)
				c.CandidateOnly[g] = w.binomial(c.Pairs[g], h.tens[k])
				c.StableOnly[g] = w.binomial(c.Pairs[g]-c.CandidateOnly[g], h.ones)
			}
			r.Partners[tallytest.PartnerName(k)] = c
		}
		l.Reports = append(l.Reports, r)
	}
	return l
}

func newWild(seed uint64, sample float64) *wild {
	return &wild{rng: rand.New(rand.NewPCG(seed, 5)), shares: []float64{1, .3}, sample: sample, load: 9}
}

func (w *wild) host(id string, arm judge.Arm, acme, zeta float64) *host {
	return &host{id: id, arm: arm, rate: []float64{acme, zeta}, tens: []float64{.02, .02}, ones: .02}
}

// arms are so many canary and control tasks that do the same.
func (w *wild) arms(n int, sd float64) (all []*host) {
	for i := range 2 * n {
		arm := judge.Candidate
		if i >= n {
			arm = judge.Control
		}
		all = append(all, w.host(fmt.Sprintf("task-%02d", i), arm, .4, .35).lasting(w.rng, sd))
	}
	return all
}

// Two zones whose clients are filtered six points apart, a canary in the one
// and its control in the other: live pairs say that the releases agree, so a
// person looks, or it goes on as the policy says, and nothing goes back.
func TestOtherTrafficIsNoHarm(t *testing.T) {
	for policy, want := range map[string]judge.Outcome{"": judge.Unsure, judge.TrafficGoesOn: judge.Acceptable} {
		w := newWild(1, .1)
		a, b := w.host("a", judge.Candidate, .43, .38).lasting(w.rng, .05), w.host("b", judge.Control, .37, .32).lasting(w.rng, .05)
		var c tallytest.Case
		var v judge.Verdict
		for range 60 {
			if v = c.Look(w.look(true, a, b), judge.Policy{Traffic: policy}); v.Outcome == judge.Worse {
				t.Fatalf("%q: %s", policy, v.Sentence)
			}
		}
		if v.Outcome != want && policy == "" || policy == "" && !v.Holds {
			t.Errorf("%q: %s, holds %v: %s", policy, v.Outcome, v.Holds, v.Sentence)
		}
	}
}

// Harm that only live requests show is not proven away by pairs in the shadow of
// stable: of one partner, and of all where served counts only guard.
func TestHarmThatIsLiveOnly(t *testing.T) {
	for name, harm := range map[string]struct {
		acme, zeta float64
		p          judge.Policy
	}{
		"one partner":          {0, .042, judge.Policy{}},
		"all, few connections": {.03, .03, judge.Policy{Served: judge.Guard}},
	} {
		w := newWild(1, .3)
		hosts := w.arms(4, .1)
		for _, h := range hosts[:4] {
			h.rate[0], h.rate[1] = h.rate[0]+harm.acme, h.rate[1]+harm.zeta
			h.tens[0], h.tens[1] = h.tens[0]+harm.acme, h.tens[1]+harm.zeta
		}
		var c tallytest.Case
		for i := range 60 {
			if v := c.Look(w.look(true, hosts...), harm.p); v.Outcome == judge.Acceptable {
				t.Errorf("%s: acceptable at look %d: %s", name, i+1, v.Sentence)
				break
			}
		}
	}
}

// A candidate that was fine for twelve minutes and then gets worse by half a
// point a minute is acceptable first, and no more within three minutes of
// passing the margin by one point.
func TestGrowingHarm(t *testing.T) {
	w := newWild(1, .2)
	hosts := w.arms(2, .03)
	var c tallytest.Case
	first, lastly := 0, 0
	for i := 1; i <= 126; i++ {
		harm := max(0, float64(i-72)/6*.005)
		for k, h := range hosts {
			h.tens = []float64{.02 + harm, .02 + harm}
			if k < 2 {
				h.rate = []float64{.4 + harm, .35 + harm}
			}
		}
		if v := c.Look(w.look(true, hosts...), judge.Policy{}); v.Outcome == judge.Acceptable {
			if first == 0 {
				first = i
			}
			lastly = i
		}
	}
	if first == 0 || first > 72 || lastly > 108 {
		t.Errorf("acceptable from look %d to look %d, want from before 72 to 108 at most, where the margin is passed by 1 pt", first, lastly)
	}
}

// One of two canaries that fails for ten seconds is suspect. Harm that follows
// the candidate to another task, that all of them show, that lasts where there
// is one only, or that is half of all, is the candidate's.
func TestGrossHarmByOneTask(t *testing.T) {
	for _, tt := range []struct {
		name     string
		canaries int
		fails    [][]float64 // look by look, of each canary
		suspect  bool        // at the first of these looks
		broken   int         // look at which it is gross, of those; -1 for never
	}{
		{"one of two, once", 2, [][]float64{{.3, 0}, {0, 0}, {0, 0}}, true, -1},
		{"one of two, for long", 2, [][]float64{{.3, 0}, {.3, 0}, {.3, 0}}, true, -1},
		{"both", 2, [][]float64{{.3, .3}}, false, 0},
		{"the one, then the other", 2, [][]float64{{.3, 0}, {0, .3}}, true, 1},
		{"the only one, once", 1, [][]float64{{.3}, {0}, {0}}, true, -1},
		{"the only one, for two looks", 1, [][]float64{{.3}, {.3}}, true, 1},
		{"one of two, wholly", 2, [][]float64{{1, 0}}, false, 0},
	} {
		w := newWild(2, .1)
		hosts := w.arms(tt.canaries, .03)
		var c tallytest.Case
		for range 3 {
			c.Look(w.look(true, hosts...), judge.Policy{})
		}
		broken := -1
		for i, fails := range tt.fails {
			for k, f := range fails {
				hosts[k].fails = f
			}
			v := c.Look(w.look(true, hosts...), judge.Policy{})
			if i == 0 && (v.Suspect == "task-00") != tt.suspect {
				t.Errorf("%s: suspect %q: %s", tt.name, v.Suspect, v.Sentence)
			}
			if v.Outcome == judge.Worse && broken < 0 {
				broken = i
			}
		}
		if broken != tt.broken {
			t.Errorf("%s: gross at look %d, want %d", tt.name, broken, tt.broken)
		}
	}
}

// Where connections ask the same again and again, flips belong to them. On the
// edge hardly any proof may stand, and none where a few connections are all.
func TestFlipsOfConnections(t *testing.T) {
	for _, tt := range []struct {
		connections int
		flips       float64
	}{{24, .02}, {40, .04}, {80, .02}, {160, .02}} {
		proven := 0
		const rollouts = 40
		for seed := range uint64(rollouts) {
			rng := rand.New(rand.NewPCG(seed, 9))
			var hosts [8]*host
			w := &wild{rng: rng}
			var c tallytest.Case
			type connection struct {
				task, bucket int
				flips        bool
			}
			all := make([]connection, tt.connections)
			for i := range all {
				all[i] = connection{rng.IntN(len(hosts)), rng.IntN(buckets), rng.Float64() < tt.flips}
			}
			for range 8 {
				if c.Look(w.repeats(len(hosts), func() (task, bucket int, flips bool) {
					one := all[rng.IntN(len(all))]
					return one.task, one.bucket, one.flips
				}), judge.Policy{}); c.Seen.Streams[judge.Overall].Pairs.N == 0 {
					t.Fatal("no pairs")
				}
			}
			for _, f := range c.Look(w.repeats(len(hosts), func() (int, int, bool) { return all[0].task, all[0].bucket, all[0].flips }), judge.Policy{}).Findings {
				if f.Gate == judge.GateFilterRatePaired && f.Outcome == judge.Acceptable {
					proven++
				}
			}
		}
		if proven > rollouts/20 {
			t.Errorf("%d connections of which %v flip: %d of %d proven", tt.connections, tt.flips, proven, rollouts)
		}
	}
}

// repeats is a shadow look of 300 pairs, each of a connection that is drawn.
func (w *wild) repeats(tasks int, draw func() (task, bucket int, flips bool)) tally.Look {
	w.looks++
	l := tally.Look{At: time.Unix(1e9+10*int64(w.looks), 0).UTC()}
	columns := make([]tally.Columns, tasks)
	for i := range tasks {
		r := tallytest.Blank(fmt.Sprintf("task-%d", i), judge.Control, buckets)
		r.After, r.Upto = int64(w.looks-1), int64(w.looks)
		columns[i] = tallytest.BlankColumns(buckets)
		r.Partners["acme"] = columns[i]
		l.Reports = append(l.Reports, r)
	}
	for range 300 {
		task, g, flips := draw()
		l.Reports[task].Requests[g]++
		l.Reports[task].ShadowRequests[g]++
		columns[task].Scored[g]++
		columns[task].Pairs[g]++
		if flips {
			columns[task].CandidateOnly[g]++
		}
	}
	return l
}

// Zones of which either arm has another share make a difference between the
// arms, and none within the zones.
func TestArmsAreComparedWithinStrata(t *testing.T) {
	for _, told := range []bool{true, false} {
		w := newWild(3, .1)
		var hosts []*host
		for i := range 8 {
			arm, zone, rate := judge.Candidate, "a", .30
			if i >= 4 {
				arm = judge.Control
			}
			if i%4 == 3 || i == 6 || i == 5 { // one of the canaries, three of the controls
				zone, rate = "b", .50
			}
			h := w.host(fmt.Sprintf("task-%d", i), arm, rate, rate)
			if told {
				h.stratum = zone
			}
			hosts = append(hosts, h)
		}
		var c tallytest.Case
		for range 6 {
			c.Look(w.look(true, hosts...), judge.Policy{})
		}
		d := c.Seen.Streams[judge.Overall].Served
		if got := d.D / d.Q; told && math.Abs(got) > .01 || !told && math.Abs(got+.10) > .01 {
			t.Errorf("zones are told: %v; the difference is %+.3f", told, got)
		}
	}
}

// What a task and its connections did before is taken off what they do since;
// where it has nothing to do with it, nothing is lost by that.
func TestOwnPast(t *testing.T) {
	for _, tt := range []struct {
		name      string
		task      float64 // standard deviation of the tasks' own rates
		last      bool    // connections stay
		gathers   bool    // the past is that of tasks that are compared with nobody
		want      float64 // most that the difference may be off
		precision float64 // least information, against that without a past
	}{
		{"connections that last", 0, true, false, .01, 4},
		{"connections that last, gathered", 0, true, true, .01, 4},
		{"connections that turn over", 0, false, false, .02, .9},
		{"tasks of their own", .05, true, false, .015, 2},
	} {
		w := newWild(4, .1)
		hosts := w.arms(4, .15)
		for _, h := range hosts {
			h.arm = judge.Control
			own := tt.task * w.rng.NormFloat64()
			h.rate[0], h.rate[1] = h.rate[0]+own, h.rate[1]+own
		}
		var with, without tallytest.Case
		for range 12 {
			l := w.look(false, hosts...)
			for i := range l.Reports {
				l.Reports[i].Past = tt.gathers
			}
			with.Look(l, judge.Policy{})
		}
		for i, h := range hosts {
			if i < 4 {
				h.arm = judge.Candidate
			}
			if !tt.last {
				h.lasting(w.rng, .15)
			}
		}
		with.Step()
		for range 12 {
			l := w.look(true, hosts...)
			for i := range l.Reports {
				l.Reports[i].Generation = 2
			}
			with.Look(l, judge.Policy{})
			without.Look(l, judge.Policy{})
		}
		d, info := with.Seen.Streams[judge.Overall].Served.Estimate()
		_, less := without.Seen.Streams[judge.Overall].Served.Estimate()
		if math.Abs(d) > tt.want || info < tt.precision*less {
			t.Errorf("%s: %+.4f, information %.0f against %.0f without a past", tt.name, d, info, less)
		}
	}
}
