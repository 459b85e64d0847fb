package watch

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/controller/watch/watchtest"
)

// market is a fleet of which a test says, look by look, what its tasks answer.
type market struct {
	t     *testing.T
	a     Auctions
	state rollout.State
	tasks []rollout.Task
	at    time.Time
	last  *rollout.Auctions
}

func newMarket(t *testing.T, tasks ...string) *market {
	m := &market{t: t, at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), state: rollout.State{Stable: "old"}}
	for _, id := range tasks {
		m.tasks = append(m.tasks, rollout.Task{
			ID: id, Boot: "1", Reachable: true, Ready: true, Serving: "old", Generation: 1,
			Times: watchtest.NothingYet(), Health: &rollout.Health{Deadline: 50 * time.Millisecond},
		})
	}
	return m
}

// answers lets a task answer so many more auctions that took so long, with ten
// pairs each of which every fourth is filtered.
func (m *market) answers(i int, auctions, degraded, failed int64, took time.Duration) {
	t := &m.tasks[i]
	h := *t.Health
	h.Answered, h.Degraded, h.Failed = h.Answered+auctions, h.Degraded+degraded, h.Failed+failed
	t.Health, t.Times = &h, watchtest.More(t.Times, max(took, time.Microsecond), auctions, time.Microsecond, 0)
	t.Requests, t.Scored, t.Filtered = t.Requests+auctions, t.Scored+10*auctions, t.Filtered+10*auctions/4
}

// pass looks, and lets every task that runs answer 100 a second until the next.
func (m *market) pass(looks int, took time.Duration) {
	for range looks {
		m.last = m.a.Look(m.state, m.tasks, len(m.tasks), m.at)
		m.at = m.at.Add(5 * time.Second)
		for i := range m.tasks {
			if m.tasks[i].Boot != "" {
				m.answers(i, 500, 0, 0, took)
			}
		}
	}
}

// tells compares an arm with "tasks rate filtered degraded failed".
func (m *market) tells(why string, got *rollout.Traffic, want string) {
	m.t.Helper()
	text := "nothing"
	if got != nil {
		text = fmt.Sprintf("%d %v %s %s %s", got.Tasks, got.Rate, number(got.Filtered), number(got.Degraded), number(got.Failed))
	}
	if text != want {
		m.t.Errorf("%s: it tells %q, want %q", why, text, want)
	}
}

func number(v *float64) string {
	if v == nil {
		return "?"
	}
	return fmt.Sprint(*v)
}

// What is told of a calm fleet, of a canary among it, of a swap, of a task that
// falls silent, is replaced, or contradicts itself.
func TestAuctions(t *testing.T) {
	m := newMarket(t, "a", "b", "c", "d")
	m.pass(1, 4*time.Millisecond)
	m.tells("a first look", m.last.All, "nothing")
	m.pass(4, 4*time.Millisecond)
	m.tells("calm", m.last.All, "4 400 0.25 0 0")
	m.tells("no rollout", m.last.Rest, "4 400 0.25 0 0")
	if m.last.Over != 20*time.Second || m.last.Deadline != 50*time.Millisecond || m.last.Canary != nil || m.last.Control != nil {
		t.Errorf("told are %+v", m.last)
	}
	if p := m.last.All.P50; p < 3*time.Millisecond || p > 5*time.Millisecond {
		t.Errorf("half of the auctions took %v, all took 4ms", p)
	}

	m.state.Active = &rollout.Rollout{ID: "r", Candidate: "new", Phase: rollout.Canary, CanaryTasks: []string{"a"}, ControlTasks: []string{"b"}}
	m.pass(2, 4*time.Millisecond)
	m.tells("named, but not taken up", m.last.Canary, "nothing")
	m.tasks[0].Serving, m.tasks[0].Generation, m.tasks[0].Requests, m.tasks[0].Scored, m.tasks[0].Filtered = "new", 2, 0, 0, 0
	m.pass(1, 4*time.Millisecond)
	m.tells("while it swapped", m.last.Canary, "nothing")
	m.answers(0, 0, 400, 0, 0)
	m.pass(1, 4*time.Millisecond)
	m.tells("a canary that cannot score", m.last.Canary, "1 100 0.25 0.8 0")
	m.tells("beside its control", m.last.Control, "1 100 0.25 0 0")
	m.answers(1, 0, 0, 500, 0)
	m.pass(1, 4*time.Millisecond)
	if failed := *m.last.Control.Failed; math.Abs(failed-500./2500) > .1 {
		t.Errorf("%v of the control's auctions failed", failed)
	}

	m.tasks[3].Reachable = false
	m.pass(20, 4*time.Millisecond)
	m.tells("one is silent", m.last.All, "3 300 0.25 0 0")
	m.tasks[3].Reachable = true
	m.pass(2, 4*time.Millisecond)
	m.tells("it went on meanwhile", m.last.All, "4 400 0.25 0 0")
	m.pass(20, 4*time.Millisecond)
	m.tells("and is back", m.last.All, "4 400 0.25 0 0")

	m.tasks[2].Boot, m.tasks[2].Health = "2", &rollout.Health{Answered: 1e6, Deadline: time.Second} // busy before anybody asked
	m.tasks[2].Requests, m.tasks[2].Scored, m.tasks[2].Filtered = 1e6, 1e7, 1e7
	m.pass(1, 4*time.Millisecond)
	m.tells("a restart", m.last.All, "4 400 0.25 0 0")
	m.tasks[1].Health = &rollout.Health{Answered: 3, Deadline: time.Second} // what it never was
	m.pass(30, 4*time.Millisecond)
	m.tells("after one that contradicts itself once", m.last.All, "4 400 0.25 0 0")
	m.tasks[1].Health.Answered = math.MaxInt64
	m.pass(1, 4*time.Millisecond)
	m.tells("what nobody can count", m.last.All, "4 400 0.25 0 0")

	m.state.Active = nil
	m.pass(1, 4*time.Millisecond)
	if m.last.Canary != nil || m.last.Slots.Canary != nil || m.last.Slots.Control != nil {
		t.Error("canaries of a rollout that is over are told")
	}
	m.at = m.at.Add(time.Hour)
	m.pass(1, 0)
	m.tells("nobody looked for an hour", m.last.All, "nothing")
}

// Tasks that do not tell what became of their auctions are unknown, not well.
func TestAuctionsOfOlderTasks(t *testing.T) {
	m := newMarket(t, "a", "b")
	for i := range m.tasks {
		m.tasks[i].Health = nil
	}
	for range 4 {
		m.last = m.a.Look(m.state, m.tasks, 2, m.at)
		m.at = m.at.Add(5 * time.Second)
		for i := range m.tasks {
			m.tasks[i].Times = watchtest.More(m.tasks[i].Times, time.Millisecond, 50, time.Microsecond, 0)
		}
	}
	m.tells("older tasks", m.last.All, "2 20 ? ? ?")
	if m.last.Deadline != 0 {
		t.Errorf("their deadline is %v", m.last.Deadline)
	}
}

// The slots of ten minutes are told in order, with a hole where nobody looked,
// and their document is small however many tasks there are and however long it
// goes on.
func TestAuctionsOverTime(t *testing.T) {
	m := newMarket(t, "a", "b")
	m.pass(1+3*60, time.Millisecond) // 15 minutes
	m.at = m.at.Add(time.Minute)
	m.pass(6, 8*time.Millisecond)
	s := m.last.Slots
	if s.Every != 15*time.Second || len(s.All.Rate) != 40 || s.Begin.Add(39*s.Every) != m.at.Add(-5*time.Second).Truncate(s.Every) {
		t.Fatalf("%d slots of %v from %v to %v", len(s.All.Rate), s.Every, s.Begin, m.at)
	}
	holes, slow := 0, 0
	for i, rate := range s.All.Rate {
		switch {
		case rate == nil:
			holes++
		case *s.All.P99[i] > .005:
			slow++
		}
	}
	if holes != 3 || slow < 1 || *s.All.Rate[0] != 200 || *s.All.Filtered[0] != .25 || m.last.Before != 200 {
		t.Errorf("%d holes, %d slow slots, %v a second at first, %v filtered, %v a second before", holes, slow, *s.All.Rate[0], *s.All.Filtered[0], m.last.Before)
	}
	many := newMarket(t)
	for i := range 1000 {
		many.tasks = append(many.tasks, newMarket(t, fmt.Sprint("task-", i)).tasks...)
	}
	many.state.Active = &rollout.Rollout{Candidate: "new", Phase: rollout.Canary, CanaryTasks: []string{"task-1"}, ControlTasks: []string{"task-2"}}
	many.tasks[1].Serving = "new"
	many.pass(130, 1237*time.Microsecond)
	body, err := json.Marshal(many.last)
	if err != nil || len(body) > 16<<10 {
		t.Errorf("the document has %d bytes (%v)", len(body), err)
	}
	spreads := 0
	for _, s := range many.a.slots {
		for _, c := range s.arms {
			if c != nil && c.spread != nil {
				spreads++
			}
		}
	}
	if len(many.a.slots) > slotsKept || cap(many.a.slots) > slotsKept+1 || spreads > lately*armsTold {
		t.Errorf("%d slots of %d, %d of them with all their bins", len(many.a.slots), cap(many.a.slots), spreads)
	}
}

// Tasks that are missing are so from the first look that misses them.
func TestAuctionsShort(t *testing.T) {
	m := newMarket(t, "a", "b")
	m.pass(2, time.Millisecond)
	if !m.last.ShortSince.IsZero() {
		t.Error("two of two are too few")
	}
	m.tasks[0].Ready = false
	first := m.at
	m.pass(3, time.Millisecond)
	if !m.last.ShortSince.Equal(first) {
		t.Errorf("one is missing since %v, want %v", m.last.ShortSince, first)
	}
	m.tasks[0].Ready = true
	m.pass(1, time.Millisecond)
	if !m.last.ShortSince.IsZero() {
		t.Error("it is back")
	}
}

func BenchmarkAuctions(b *testing.B) {
	m := newMarket(nil)
	for i := range 1000 {
		m.tasks = append(m.tasks, newMarket(nil, fmt.Sprintf("task-%04d", i)).tasks...)
	}
	m.pass(3, time.Millisecond)
	for b.Loop() {
		m.last = m.a.Look(m.state, m.tasks, 1000, m.at)
		m.at = m.at.Add(time.Second)
	}
}
