package rollout

import (
	"testing"
	"time"
)

// A step gets as many tasks as what is left of the budget lasts for. Each task
// answers 20 auctions a second; four of eight, for 100 s, would answer 8,000.
func TestBudgetSizesASteps(t *testing.T) {
	p := Policy{Steps: []Step{{Percent: 50, Soak: 100 * time.Second}}}
	tasks := make([]Task, 8)
	for _, tt := range []struct {
		name            string
		budget          Budget
		exposed, missed int64 // so far
		want            int   // 0: as many as the step asks for
	}{
		{"no budget", Budget{}, 1000, 20, 0},
		{"exactly enough", Budget{Auctions: 9000}, 1000, 20, 4},
		{"for one task less", Budget{Auctions: 8999}, 1000, 20, 3},
		{"for half", Budget{Auctions: 5000}, 1000, 20, 2},
		{"spent", Budget{Auctions: 1000}, 1000, 20, 1},
		{"missed bids for half", Budget{MissedBids: 100}, 1000, 20, 2}, // 80 more, of which one comes in 50 auctions
		{"missed bids for a quarter", Budget{MissedBids: 60}, 1000, 20, 1},
		{"no bid missed so far", Budget{MissedBids: 60}, 1000, 0, 0},
		{"the tighter of both", Budget{Auctions: 7000, MissedBids: 100}, 1000, 20, 2},
		{"the tighter of both, the other way", Budget{Auctions: 5000, MissedBids: 180}, 1000, 20, 2},
	} {
		seen := Observation{Tasks: tasks, Pace: 20, Exposed: tt.exposed, MissedBids: tt.missed}
		p.Budget = tt.budget
		r := Rollout{Phase: Canary}
		if got := r.sized(0, seen, p); got != tt.want {
			t.Errorf("%s: %d tasks, want %d", tt.name, got, tt.want)
		}
	}
	r := Rollout{Phase: Canary, Sized: 2}
	if say := r.shrunk(0, 8, p); say != "; 2 tasks instead of 4, so that the budget lasts" {
		t.Errorf("two of four tasks: %q", say)
	}
	if r.Sized = 4; r.shrunk(0, 8, p) != "" {
		t.Errorf("four of four tasks: %q", r.shrunk(0, 8, p))
	}
}

// A budget that is reached is spent.
func TestBudgetIsSpentWhenReached(t *testing.T) {
	p := storyPolicies().For("")
	for _, tt := range []struct {
		budget          Budget
		exposed, missed int64
		spent           bool
	}{
		{Budget{}, 1 << 40, 1 << 40, false},
		{Budget{Auctions: 100}, 99, 1 << 40, false},
		{Budget{Auctions: 100}, 100, 0, true},
		{Budget{MissedBids: 10}, 1 << 40, 9, false},
		{Budget{MissedBids: 10}, 0, 10, true},
	} {
		p.Budget = tt.budget
		s := State{Active: &Rollout{Phase: Canary}}
		if _, spent := s.overspent(Observation{Exposed: tt.exposed, MissedBids: tt.missed}, p, start); spent != tt.spent {
			t.Errorf("%+v after %d auctions and %d missed bids: spent %v", tt.budget, tt.exposed, tt.missed, spent)
		}
	}
	for _, b := range []Budget{{Auctions: -1}, {MissedBids: -1}} {
		if b.check() == nil {
			t.Errorf("%+v is taken", b)
		}
	}
	if err := (Budget{}).check(); err != nil {
		t.Error(err)
	}
}

// What is planned are this step and those after it, each with its tasks for its
// time; without a pace nothing is.
func TestBudgetOfStepsToCome(t *testing.T) {
	p := Policy{Steps: []Step{{Tasks: 1, Soak: time.Hour}, {Tasks: 2, Soak: 100 * time.Second}, {Tasks: 4, Soak: 50 * time.Second}}}
	for left, want := range map[int64]int{8000: 2, 7999: 1, 3999: 1, 1: 1} { // 2 x 100 s x 20/s and 4 x 50 s x 20/s
		p.Budget = Budget{Auctions: left}
		if got := (Rollout{}).sized(1, Observation{Tasks: make([]Task, 8), Pace: 20}, p); got != want {
			t.Errorf("%d auctions left: %d tasks, want %d", left, got, want)
		}
		if got := (Rollout{}).sized(1, Observation{Tasks: make([]Task, 8)}, p); got != 0 {
			t.Errorf("without a pace: %d tasks", got)
		}
	}
}

// The last step spends nothing more once it is approved, or its time is over and
// it is accepted.
func TestProvenStepSpendsNothing(t *testing.T) {
	p := storyPolicies().For("")
	p.Budget = Budget{Auctions: 100}
	last := len(p.Steps) - 1
	for _, tt := range []struct {
		what  string
		r     Rollout
		spent bool
	}{
		{"last", Rollout{Phase: Canary, Step: last}, true},
		{"approved now", Rollout{Phase: Canary, Step: last, Reason: Approval}, false},
		{"approved before", Rollout{Phase: Canary, Step: last, Approved: last + 1}, false},
		{"approved the one before", Rollout{Phase: Canary, Step: last, Approved: last}, true},
		{"not the last", Rollout{Phase: Canary, Step: last - 1, Reason: Approval, Approved: last + 1}, true},
		{"held", Rollout{Phase: Held, HeldFrom: Canary, Step: last}, true},
		{"in shadow", Rollout{Phase: Shadow}, false},
	} {
		m, spent := State{Active: &tt.r}.overspent(Observation{Exposed: 100}, p, start)
		if spent != tt.spent || spent && (m.to != RollingBack || m.why != BudgetSpent) {
			t.Errorf("%s: spent %v: %+v", tt.what, spent, m)
		}
	}
}
