package simulation

import (
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// Game is one rollout, or one run of a duel, to be played here or by an earlier
// judge.
type Game struct {
	Scenario Scenario
	Kind     Kind
	Seed     uint64
	Duel     string // its name; empty for a rollout
	Stream   bool   // neither: the result is nothing but a digest of what tasks count, as its sentence
}

// EarlierCommit is whose judge is held against today's.
const EarlierCommit = "f4d4974"

// An Earlier plays games as Play does, by the judge of an earlier commit.
type Earlier func([]Game) ([]Result, error)

// Play plays games on all processors, by the policies of the usual fleet. The
// same game has the same result on every machine.
func Play(games []Game) []Result {
	results := make([]Result, len(games))
	parallel(len(games), func(i int) { results[i] = games[i].play() })
	return results
}

func (g Game) play() Result {
	if g.Stream {
		return Result{Sentence: g.digest()}
	}
	for _, r := range duels() {
		if r.name == g.Duel {
			return r.duel(g.Seed, g.Kind)
		}
	}
	return play(newMarket(g.Seed, g.Kind, g.Scenario), policies(), nil)
}

// digest tells apart what some tasks count in both arms.
func (g Game) digest() string {
	m, c, sum := newMarket(g.Seed, g.Kind, g.Scenario), newCounter("a"), uint64(0)
	add := func(columns ...[]int64) {
		for _, column := range columns {
			for _, n := range column {
				sum = scramble(sum ^ uint64(n))
			}
		}
	}
	for look := 1; look <= mostLooks; look += 50 {
		for _, slot := range canaries()[:4] {
			task, _ := m.occupant(slot, look)
			o := order{task: task, look: look, at: time.Duration(look) * lookEvery, tried: time.Duration(look) * lookEvery, explore: .2, sample: .1}
			for _, o.arm = range []judge.Arm{judge.Candidate, judge.Control} {
				m.play(o, c)
				add(c.report.Requests, c.report.Errors, c.report.Latency, c.report.Scores, m.past(task))
				for k := range m.rates {
					of := &c.columns[k]
					add(of.Scored, of.Filtered, of.Pairs, of.CandidateOnly, of.StableOnly, of.Bids, of.BidsCandidateOnly, of.BidsStableOnly)
				}
			}
		}
	}
	return strconv.FormatUint(sum, 16)
}

// duels are races of the served filter rate over tasks that have a past, which
// count the requests of both arms.
func duels() []race {
	r := race{gate: judge.GateFilterRateServed, perLook: 100, looks: 60, past: int(2 * time.Minute / lookEvery)}
	harm, fine, exchange := r, r, r
	harm.name, harm.scenario = "outside: +4 pt", Scenario{Small: true, Shift: .04, After: time.Minute}
	fine.name, fine.proof, fine.scenario = "an exchange, no change", true, Scenario{Small: true, Exchange: true}
	exchange.name, exchange.scenario = "an exchange, outside: +4 pt", Scenario{Small: true, Exchange: true, Shift: .04, After: time.Minute}
	return []race{harm, fine, exchange}
}

// duel plays a race until its gate has spoken.
func (r race) duel(seed uint64, kind Kind) Result {
	c := r.start(seed, kind)
	res := Result{Ending: Undecided}
	for res.Ending == Undecided && res.Looks < r.looks {
		res.Looks++
		if _, v := c.look(res.Looks); r.spoken(v) {
			if res.Ending = RolledBack; r.proof {
				res.Ending = Promoted
			}
		}
		res.Requests = int64(c.answered)
	}
	return res
}

// parallel calls do once for every index below n, on all processors, and waits
// for all of them.
func parallel(n int, do func(i int)) {
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wait.Wait()
}
