package watch

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/controller/watch/watchtest"
)

// watching plays a fleet of which every task answers 1,000 requests a second,
// each in a millisecond unless it is said otherwise.
type watching struct {
	t     *testing.T
	w     Swaps
	tasks []rollout.Task
	took  map[string]time.Duration // by task
	now   time.Time
	epoch int64
	state rollout.State
	last  []rollout.SwapCost
}

func newWatching(t *testing.T) *watching {
	p := &watching{t: t, now: time.Unix(1_000_000, 0), epoch: 1, took: map[string]time.Duration{}}
	for _, id := range []string{"a", "b", "c"} {
		p.tasks = append(p.tasks, rollout.Task{ID: id, Boot: "1", Reachable: true, Times: watchtest.NothingYet()})
	}
	p.state.Active = &rollout.Rollout{Candidate: "new", Phase: rollout.Canary}
	return p
}

// pass looks a second after the last look, and asks.
func (p *watching) pass(actions ...rollout.Action) {
	p.now = p.now.Add(time.Second)
	for i := range p.tasks {
		t := &p.tasks[i]
		took := p.took[t.ID]
		if took == 0 {
			took = time.Millisecond
		}
		if t.Times != nil {
			t.Times = watchtest.More(t.Times, took, 1000, time.Microsecond, 0)
		}
	}
	p.last = p.w.Look(p.tasks, p.epoch, p.now)
	p.w.Asked(p.state, actions)
}

// passes looks as often as that and asks for nothing.
func (p *watching) passes(n int, actions ...rollout.Action) {
	for range n {
		p.pass(actions...)
	}
}

func take(task string) rollout.Action { return rollout.Assign{Task: task, Release: "new"} }

// costs checks what was told last, as in "a 1ms-50ms": durations within a bin.
func (p *watching) costs(what string, want ...string) {
	p.t.Helper()
	var got []string
	for _, c := range p.last {
		if c.Candidate != "new" {
			p.t.Errorf("%s: the cost of %q", what, c.Candidate)
		}
		got = append(got, fmt.Sprintf("%s %v-%v", c.Task, nearest(c.Before), nearest(c.During)))
	}
	if !slices.Equal(got, want) {
		p.t.Errorf("%s: told %q, want %q", what, got, want)
	}
}

// nearest is the duration of these tests in whose bin d lies.
func nearest(d time.Duration) time.Duration {
	for _, near := range []time.Duration{time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond} {
		if low := math.Exp2(float64(watchtest.BinOf(near))/4) * float64(time.Microsecond); float64(d) >= low && float64(d) <= low*1.2 {
			return near
		}
	}
	return d
}

// A swap is told of from its first five seconds to five seconds after its end.
func TestSwapIsWatched(t *testing.T) {
	p := newWatching(t)
	p.passes(70)
	p.costs("calm")
	p.took["b"] = 50 * time.Millisecond
	p.pass(take("b")) // what was counted before is of the calm time
	p.took["b"] = 200 * time.Millisecond
	p.passes(4, take("b"))
	p.costs("so short that one pause would show")
	p.tasks[1].Preparing = "new"
	p.pass()
	p.costs("under way", "b 50ms-200ms", " 1ms-1ms")
	if c := p.last[0]; c.RequestsBefore < 31_000 || c.RequestsBefore > 60_000 || c.RequestsDuring != 5000 || p.last[1].RequestsDuring != 10_000 {
		t.Errorf("counted %+v", p.last)
	}
	p.tasks[1].Preparing = ""
	p.took["b"] = 0
	p.passes(6)
	p.costs("settling", "b 50ms-200ms", " 1ms-1ms")
	p.passes(5)
	p.costs("over")
	p.pass(take("b")) // serves something else since: what was calm then says nothing
	p.passes(6)
	p.costs("again", "b 1ms-1ms", " 1ms-1ms")
}

// What others suffer shows on all of them together; who swaps is none of them.
func TestSwapHurtsNeighbours(t *testing.T) {
	p := newWatching(t)
	p.passes(20, rollout.Tag{Task: "a", Release: "new"})
	p.pass(take("a"))
	p.took["c"] = 50 * time.Millisecond
	p.passes(5)
	p.costs("one of two", "a 1ms-1ms", " 1ms-50ms")
	p.pass(take("c"))
	p.passes(5)
	p.costs("it swaps, too", "c 1ms-50ms", " 1ms-1ms")
	p.passes(6)
	p.costs("all is over")
}

// The calm time before a swap reaches back a minute at most, and stands still
// while swaps go on; swaps that go on for longer are counted anew.
func TestSwapWindows(t *testing.T) {
	p := newWatching(t)
	p.took["a"] = 200 * time.Millisecond
	p.passes(30)
	p.took["a"] = 0
	p.passes(70)
	p.pass(take("a"))
	p.took["a"], p.took["b"] = 50*time.Millisecond, 50*time.Millisecond
	p.passes(6, take("a"))
	p.costs("after a minute", "a 1ms-50ms", " 1ms-50ms")
	p.took["a"], p.took["b"] = 0, 0
	p.passes(130, take("a"))
	p.costs("two minutes later", "a 1ms-1ms", " 1ms-1ms")
	p.took["a"] = 50 * time.Millisecond
	p.passes(5, take("a"))
	p.costs("at last it hurts", "a 1ms-50ms", " 1ms-1ms")
	p.passes(12)
	p.pass(take("b"))
	p.passes(5)
	p.costs("what was calm is long ago", "b 1ms-1ms", " 50ms-50ms")
}

// Nothing that tasks do while others swap is calm, nor what they did before a
// long time of that.
func TestSwapWaves(t *testing.T) {
	p := newWatching(t)
	p.took["c"] = 50 * time.Millisecond
	p.passes(70)
	p.pass(take("a"))
	for range 70 {
		p.pass(take("b")) // never comes to an end
	}
	p.costs("a is over", "b 1ms-1ms", " 50ms-50ms")
	p.pass(take("a"), take("b"))
	p.passes(6, take("a"), take("b"))
	p.costs("a was not seen calm since", "b 1ms-1ms", " 50ms-50ms")
	p.took["c"] = 0
	p.passes(20)
	p.costs("calm")
	p.pass(take("a"))
	p.passes(6)
	p.costs("another time", "a 1ms-1ms", " 1ms-1ms")
	p.passes(10)
	p.pass(take("b"))
	p.passes(6)
	p.costs("who took part the last time is a neighbour now", "b 1ms-1ms", " 1ms-1ms")
	if n := p.last[1].RequestsDuring; n != 12_000 {
		p.t.Errorf("the neighbours answered %d requests, want those of two", n)
	}
}

// Nothing is told of those who were not seen calm.
func TestSwapUnseen(t *testing.T) {
	hurts := func(p *watching) {
		p.took["a"], p.took["b"], p.took["c"] = 50*time.Millisecond, 50*time.Millisecond, 50*time.Millisecond
	}
	for _, tt := range []struct {
		name string
		play func(p *watching)
		want []string
	}{
		{"nothing special", func(*watching) {}, []string{"a 1ms-50ms", " 1ms-50ms"}},
		{"a leader that has just taken over", func(p *watching) { p.epoch++ }, nil},
		{"a clock that jumps back", func(p *watching) { p.now = p.now.Add(-time.Hour) }, nil},
		{"a long time without a look", func(p *watching) { p.now = p.now.Add(2 * time.Minute) }, nil},
		{"the task is another process", func(p *watching) { p.tasks[0].Boot = "2" }, []string{" 1ms-50ms"}},
		{"the others are other processes", func(p *watching) { p.tasks[1].Boot, p.tasks[2].Boot = "2", "2" }, []string{"a 1ms-50ms"}},
		{"one of the others is another process", func(p *watching) { p.tasks[1].Boot, p.took["c"] = "2", 0 }, []string{"a 1ms-50ms", " 1ms-1ms"}},
		{"the task is a fresh one", func(p *watching) { p.tasks[0].ID, p.took["z"] = "z", p.took["a"] }, []string{" 1ms-50ms"}},
		{"the task does not tell any more", func(p *watching) { p.tasks[0].Times = nil }, []string{" 1ms-50ms"}},
		{"older tasks do not tell waits", func(p *watching) {
			p.tasks[0].Times.Waited, p.tasks[1].Times.Waited, p.tasks[2].Times.Waited = nil, nil, nil
		}, []string{"a 1ms-50ms", " 1ms-50ms"}},
		{"the task counts backwards", func(p *watching) { p.tasks[0].Times = watchtest.NothingYet() }, []string{" 1ms-50ms"}},
		{"it goes back", func(p *watching) { p.state.Active.Phase = rollout.RollingBack }, nil},
		{"nothing is being tried", func(p *watching) { p.state.Active = nil }, nil},
		{"it takes something else", func(p *watching) { p.state.Active.Candidate = "newer" }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newWatching(t)
			p.passes(20)
			hurts(p)
			tt.play(p)
			p.last = p.w.Look(p.tasks, p.epoch, p.now) // nothing was counted meanwhile
			p.w.Asked(p.state, []rollout.Action{take(p.tasks[0].ID)})
			p.passes(6)
			p.costs("", tt.want...)
		})
	}
}

// What a task counted while it could not be seen is of no time that is known.
func TestSwapWhileUnreachable(t *testing.T) {
	p := newWatching(t)
	p.passes(20)
	p.pass(take("a"))
	held := p.tasks[0]
	p.tasks[0] = rollout.Task{ID: "a", Error: "connection refused"}
	p.passes(10)
	p.costs("it says nothing", " 1ms-1ms")
	p.tasks[0] = held
	p.tasks[0].Times = watchtest.More(held.Times, 200*time.Millisecond, 10_000, time.Microsecond, 0)
	p.passes(2)
	if len(p.last) != 2 || p.last[0].RequestsDuring != 1000 {
		t.Errorf("told %+v", p.last)
	}
	p.costs("back", "a 1ms-1ms", " 1ms-1ms")
}

// The wait for a processor counts as what a request took.
func TestSwapWaits(t *testing.T) {
	p := newWatching(t)
	for i := range 26 {
		for j := range p.tasks {
			wait := 2 * time.Microsecond
			if i > 20 && j == 0 {
				wait = 45 * time.Millisecond // to a bin
			}
			p.tasks[j].Times = watchtest.More(p.tasks[j].Times, time.Millisecond, 0, wait, 200)
		}
		if p.pass(); i == 20 {
			p.w.Asked(p.state, []rollout.Action{take("a")})
		}
	}
	p.costs("waited", "a 1ms-50ms", " 1ms-1ms")
}

// A percentile is that of the requests, to a bin.
func TestPercentile99(t *testing.T) {
	if d, n := percentile(&[judge.LatencyBins]uint64{}, 100); d != 0 || n != 0 {
		t.Errorf("of nothing: %v of %d", d, n)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var counts [judge.LatencyBins]uint64
		var all []int
		for range 1 + rng.IntN(400) {
			bin := rng.IntN(judge.LatencyBins)
			counts[bin]++
			all = append(all, bin)
		}
		slices.Sort(all)
		bin := all[int(math.Ceil(0.99*float64(len(all))))-1]
		low, high := math.Exp2(float64(bin)/4), math.Exp2(float64(bin+1)/4)
		got, n := percentile(&counts, 100)
		if us := float64(got) / float64(time.Microsecond); us < low-0.01 || us > high+0.01 || n != uint64(len(all)) {
			t.Fatalf("%v of %d, want %.1f to %.1f us of %d", got, n, low, high, len(all))
		}
	}
}
